"""What the handlers of the web work with; one object of the core process, found at ``app.state.services``."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import structlog
from litestar.datastructures import State
from sqlalchemy import Engine

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
from luwei.live.fleet import Fleet
from luwei.live.gateways import GatewayBoard
from luwei.live.trace import Traces
from luwei.profiles import Catalogue, catalogue_of
from luwei.registry.imports.background import Background
from luwei.registry.scope import Scope
from luwei.settings import Settings
from luwei.video.desk import VideoDesk
from luwei.web.errors import Refused
from luwei.web.looks import Looks
from luwei.web.plates import Plates
from luwei.web.rights_watch import RightsWatch

log = structlog.get_logger()

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

    def members(self, scope: Scope) -> str:
        """The vehicles of ``scope`` as the queries of the history take them: a bit each from id 0 on, the lowest bit of
        a byte first, as base64; empty for all. Half a million vehicles are 84 kB."""
        if scope.whole:
            return ""
        bits = np.packbits(self.fleet.reach(scope), bitorder="little")
        return base64.b64encode(bits.tobytes() or bytes(1)).decode()

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


def provide_services(state: State) -> Services:
    """Litestar dependency ``services``."""
    services: Services = state.services
    return services
