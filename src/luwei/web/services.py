"""What the handlers of the web work with; one object of the core process, found at ``app.state.services``."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import structlog
from litestar.datastructures import State
from sqlalchemy import Engine, select

from luwei.access.oidc import Provider
from luwei.access.throttle import Throttle
from luwei.cases.engine import CaseEngine
from luwei.commands.attachments import AttachmentCalls
from luwei.commands.engine import CommandEngine
from luwei.commands.templates.engine import TemplateEngine
from luwei.commands.upgrades.engine import UpgradeEngine
from luwei.evidence.clip_copies import ClipCopies
from luwei.evidence.store import EvidenceStore
from luwei.history.store import READERS, HistoryError
from luwei.live.alarm_strip import AlarmStrip
from luwei.live.feed import LiveFeed
from luwei.live.fleet import Fleet, Mask
from luwei.live.gateways import GatewayBoard
from luwei.live.trace import Traces
from luwei.oversight.engine import OversightEngine
from luwei.profiles import Catalogue, catalogue_of
from luwei.programme.counted import Counted
from luwei.registry import gone, ownership
from luwei.registry.engine import read
from luwei.registry.imports.background import Background
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.settings import Settings
from luwei.video.desk import VideoDesk
from luwei.video.downloads import DownloadEngine
from luwei.video.ptz import PtzDesk
from luwei.video.recorder import Recorder
from luwei.web.errors import Refused
from luwei.web.looks import Looks
from luwei.web.plates import Plates
from luwei.web.rights_watch import RightsWatch

log = structlog.get_logger()

MOVED_MAX = 100_000
"""Vehicles that came or went in the time of one question."""
TURN_S = 10.0
"""Longest wait for one of the history's readers."""


class Queries(Protocol):
    """What the web needs of the history: run the query file ``name`` with bound parameters."""

    def query(self, name: str, **params: Any) -> pa.Table: ...


class Speaker(Protocol):
    """What the web needs of the bus: plain messages to whoever listens, and questions."""

    @property
    def connected(self) -> bool: ...

    async def publish(self, subject: str, payload: bytes) -> None: ...

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes: ...


@dataclass(slots=True)
class Services:
    """The stores and live parts of one core process."""

    settings: Settings
    engine: Engine
    history: Queries
    bus: Speaker
    feed: LiveFeed
    health: Callable[[], dict[str, Any]]
    """State of the whole process; the key ``ok`` decides between 200 and 503."""
    traces: Traces
    commands: CommandEngine | None = None
    """None where no commands are sent from here."""
    templates: TemplateEngine | None = None
    evidence: EvidenceStore | None = None
    clips: ClipCopies | None = None
    """None where no files are served from here."""
    imports: Background | None = None
    """None where no imports run in the background."""
    upgrades: UpgradeEngine | None = None
    attachments: AttachmentCalls | None = None
    """None where no attachments are asked for from here."""
    video: VideoDesk | None = None
    """None where no live pictures are served from here."""
    recorder: Recorder | None = None
    """None where no stream is recorded from here."""
    downloads: DownloadEngine | None = None
    """None where no recordings are fetched from here."""
    ptz: PtzDesk | None = None
    """None where no cameras are turned from here."""
    cases: CaseEngine | None = None
    """None where no cases are served from here."""
    oversight: OversightEngine | None = None
    """None where nobody keeps the clocks of supervision orders here."""
    strip: AlarmStrip | None = None
    """None where no screen is told of alarms."""
    throttle: Throttle = field(default_factory=Throttle)
    """Failed proofs of identity, of every kind."""
    provider: Provider | None = None
    """The identity provider, once somebody signed in through it."""
    watch: RightsWatch = field(init=False)
    looks: Looks = field(default_factory=Looks)
    plates: Plates = field(init=False)
    installation: Counted = field(default_factory=Counted)

    async def ask(self, name: str, **parameters: Any) -> pa.Table:
        """Run a query of the history in a thread. Raises Refused (503) where the history cannot answer.

        Questions wait for their turn here and not in threads, which the ingest and the logins need too.
        """
        try:
            async with asyncio.timeout(TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            raise Refused(503, "", "history_busy", "too many questions are running; try again") from None
        try:
            return await asyncio.to_thread(self.history.query, name, **parameters)
        except HistoryError as error:
            log.warning("history query failed", query=name, error=str(error)[:500])
            raise Refused(503, "", "history_unavailable", "the history cannot answer now; try again") from None
        finally:
            self._turn.release()

    async def held(self, scope: Scope, start: int, by_device: bool = False) -> Held:
        """What of the history lies within ``scope``, none of it before ``start`` (UTC ms). ``by_device``: a vendor's
        own terminals instead of the trucks they sit in. Raises Refused where too many trucks changed hands since."""
        trucks = replace(scope, vendors=None) if by_device else scope
        devices = "" if trucks == scope else await asyncio.to_thread(self._devices, scope)
        moved, merged = await asyncio.to_thread(self._moves, trucks, start)
        if all(each is None for each in trucks.limits):
            return Held("", devices, merged=merged)
        if moved is None:
            raise Refused(503, "", "too_many_moves", "too many vehicles changed hands in that time; ask for less of it")
        mask = self.fleet.reach(trucks)
        mask = np.concatenate((mask, np.zeros(max(0, max(merged, default=0) + 1 - len(mask)), np.bool_)))
        for loser, survivor in merged.items():
            mask[loser] = survivor < len(mask) and mask[survivor]
        if trucks.wheel is not None:
            mask[:] = False
            moved |= {loser: moved[key] for loser, key in merged.items() if key in moved and loser not in moved}
        mask[[key for key in moved if key < len(mask)]] = False
        parts = [(key, low, high) for key, spans in sorted(moved.items()) for low, high in spans if high > start]
        return Held(bits(mask), devices, parts, merged)

    def _moves(self, trucks: Scope, start: int) -> tuple[dict[int, ownership.Spans] | None, dict[int, int]]:
        with read(self.engine) as connection:
            merged = gone.merged(connection, "vehicle")
        return ownership.changed(self.engine, trucks, start, MOVED_MAX), merged

    def _devices(self, scope: Scope) -> str:
        with read(self.engine) as connection:
            mine = Scope(vendors=scope.vendors).of_terminals()
            keys = list(connection.scalars(select(Terminal.id).where(*mine)))
        return bits(mask_of(keys))

    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS))

    def __post_init__(self) -> None:
        self.plates = Plates(self.engine)
        self.watch = RightsWatch(self.engine, self.fleet)

    @property
    def catalogue(self) -> Catalogue:
        """The profiles of this installation. Raises ProfileError at the first use only: the core reads them at its
        start."""
        return catalogue_of(self.settings.profiles)

    @property
    def fleet(self) -> Fleet:
        return self.feed.fleet

    @property
    def gateways(self) -> GatewayBoard:
        return self.feed.gateways


@dataclass(frozen=True, slots=True)
class Held:
    """The trucks of a scope over a time: what of the history somebody may see."""

    scope: str
    """Vehicles that lie in it all the time, as ``bits``; empty for no limit."""
    devices: str = ""
    """Terminals, for who sees devices and not trucks; empty for no limit."""
    parts: list[tuple[int, int, int]] = field(default_factory=list)
    """Of vehicles that came or went: vehicle, from, to."""
    merged: dict[int, int] = field(default_factory=dict)
    """Old id of a vehicle → the one that it is part of now: facts stand under the old one."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the queries of the history take. ``part_scope``: the vehicles of ``parts`` once more, as ``bits``."""
        vehicle, low, high = ([each[place] for each in self.parts] for place in range(3))
        return {
            "scope": self.scope, "devices": self.devices, "part_scope": bits(mask_of(vehicle)) if vehicle else "",
            "part_vehicle": vehicle, "part_from": low, "part_to": high,
        }  # fmt: skip


def mask_of(keys: Sequence[int]) -> Mask:
    """True at each of the ids."""
    mask = np.zeros(max(keys, default=0) + 1, np.bool_)
    mask[list(keys)] = True
    return mask


def bits(mask: Mask) -> str:
    """A set of ids as the queries of the history take it: a bit each from id 0 on, the lowest bit of a byte first, as
    base64. Half a million vehicles are 84 kB."""
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes() or bytes(1)).decode()


def provide_services(state: State) -> Services:
    """Litestar dependency ``services``."""
    services: Services = state.services
    return services
