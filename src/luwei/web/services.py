"""What the handlers of the web work with; one object of the core process, found at ``app.state.services``."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
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
from luwei.registry import ownership
from luwei.registry.engine import read
from luwei.registry.imports.background import Background
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.settings import Settings
from luwei.video.desk import VideoDesk
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

    async def held(self, scope: Scope, start: int) -> dict[str, Any]:
        """Parameters with which a query of the history keeps to rows whose truck lay within ``scope`` when they were
        recorded, none of them before ``start`` (UTC ms).

        ``scope``: the vehicles that lie in it all the time; ``part_scope``: those that came or went, with their spans
        as ``part_vehicle``, ``part_from`` and ``part_to``; ``devices``: terminals, for who sees devices and not
        trucks. Sets are a bit each from id 0 on, the lowest bit of a byte first, as base64, and empty for no limit
        (``part_scope``: for none). Half a million vehicles are 84 kB.
        """
        none: dict[str, Any] = {"part_scope": "", "part_vehicle": [], "part_from": [], "part_to": []}
        devices = "" if scope.vendors is None else await asyncio.to_thread(self._devices, scope)
        trucks = replace(scope, vendors=None)
        if trucks.whole:
            return {"scope": "", "devices": devices} | none
        moved = await asyncio.to_thread(ownership.changed, self.engine, trucks, start, MOVED_MAX)
        if moved is None:
            raise Refused(503, "", "too_many_moves", "too many vehicles changed hands in that time; ask for less of it")
        mask = self.fleet.reach(trucks).copy()
        mask[[key for key in moved if key < len(mask)]] = False
        parts = [(key, low, high) for key, spans in sorted(moved.items()) for low, high in spans if high > start]
        found = {"scope": bits(mask), "devices": devices}
        if not parts:
            return found | none
        some = np.zeros(max(key for key, _, _ in parts) + 1, np.bool_)
        some[[key for key, _, _ in parts]] = True
        vehicle, low, high = (list(column) for column in zip(*parts, strict=True))
        return found | {"part_scope": bits(some), "part_vehicle": vehicle, "part_from": low, "part_to": high}

    def _devices(self, scope: Scope) -> str:
        with read(self.engine) as connection:
            mine = Scope(vendors=scope.vendors).of_terminals()
            keys = list(connection.scalars(select(Terminal.id).where(*mine)))
        mask = np.zeros(max(keys, default=0) + 1, np.bool_)
        mask[keys] = True
        return bits(mask)

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


def bits(mask: Mask) -> str:
    """A set of ids as the queries of the history take it."""
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes() or bytes(1)).decode()


def provide_services(state: State) -> Services:
    """Litestar dependency ``services``."""
    services: Services = state.services
    return services
