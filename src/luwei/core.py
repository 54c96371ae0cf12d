"""The core process: ingest, live state and the web. On one machine it alone owns the history.

Parts start in the order of their needs: the stores first, each tried again while it is away, then the bus, which may be
away too, then the web. From then on /health says what each part waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import structlog
import uvloop
from prometheus_client import Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.access import users
from luwei.alarms.derivation import AlarmDerivation
from luwei.alarms.reader import AlarmReader
from luwei.backup.desk import BackupDesk
from luwei.bus import Bus
from luwei.cases.correction import Seen
from luwei.cases.engine import CaseEngine
from luwei.commands.attachments import AttachmentCalls
from luwei.commands.engine import CommandEngine
from luwei.commands.kind import Sendable
from luwei.commands.templates.engine import TemplateEngine
from luwei.commands.upgrades.engine import UpgradeEngine, fetch_open
from luwei.commands.upgrades.firmware import PACKET, PacketKind
from luwei.evidence.clip_copies import ClipCopies
from luwei.evidence.ftp_accounts import FOLDER as FTP_FOLDER
from luwei.evidence.ftp_accounts import ftp_key
from luwei.evidence.store import EvidenceStore
from luwei.history.ingest import Ingest
from luwei.history.reports import Report, upgrade_reports, upload_reports
from luwei.history.store import History, HistoryError
from luwei.lifetime import keep_reading, keep_running, started
from luwei.live.alarm_strip import AlarmStrip
from luwei.live.feed import LiveFeed, Owners, now_ms
from luwei.live.fleet import Fleet
from luwei.live.gateways import GatewayBoard
from luwei.live.trace import Traces
from luwei.live.wheel import WheelWatch
from luwei.multimedia.intake import Intake
from luwei.multimedia.keeping import keep
from luwei.oversight.engine import OversightEngine
from luwei.programme.contact import ContactFollower
from luwei.registry import audit_chain
from luwei.registry.engine import migrate, open_engine
from luwei.registry.fleet import fleet_rows
from luwei.registry.imports.background import Background
from luwei.registry.organisations import ensure_authorities
from luwei.settings import Settings
from luwei.telemetry import configure_logging
from luwei.video import download_letters, ptz_letters
from luwei.video import letters as video_letters
from luwei.video.desk import VideoDesk
from luwei.video.download_letters import UploadLetter
from luwei.video.downloads import DownloadEngine
from luwei.video.loss_notices import LossNotices
from luwei.video.ptz import PtzDesk
from luwei.video.recorder import Recorder
from luwei.web.app import create_app
from luwei.web.registry_routes.announce import registry_changed
from luwei.web.server import listen, web_server
from luwei.web.services import Services

log = structlog.get_logger()

T = TypeVar("T")

THREADS = 32
"""Threads for what blocks: logins, registry, inserts and at most ``history.store.READERS`` questions."""
STORE_RETRY_S = 2.0
LOOP_CHECK_S = 0.5
ANCHOR_S = 3_600.0

_lag = Gauge("luwei_core_loop_lag_seconds", "How late the event loop ran its last timer")


def owners_of(engine: Engine) -> Owners:
    """What the live state needs of the registry."""
    rows = fleet_rows(engine)
    return Owners(rows.id, rows.city, rows.county, rows.operator_id, rows.monitor_id, rows.insurer_id, rows.vendor_id)


class Stopped(Exception):
    """Asked to stop before everything was there."""


class Core:
    """The parts of one core process; ``running`` starts them and stops them in reverse order."""

    def __init__(self, settings: Settings, stop: asyncio.Event | None = None) -> None:
        self.settings = settings
        self._stop = stop or asyncio.Event()
        self.started_ms = now_ms()
        self.bus: Bus | None = None
        self.ingest: Ingest | None = None
        self.feed: LiveFeed | None = None
        self.strip: AlarmStrip | None = None
        self.multimedia: Intake | None = None
        self.cases: CaseEngine | None = None
        self.oversight: OversightEngine | None = None
        self.contacts: ContactFollower | None = None
        self.wheel: WheelWatch | None = None
        self.recorder: Recorder | None = None
        self.loop_lag_s = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Services]:
        """Open the stores, connect, and keep ingest and live state at work until the block ends.

        Raises Stopped when the process is asked to stop while it still waits for a store.
        """
        async with contextlib.AsyncExitStack() as stack:
            engine, history = await self._open_stores(stack)
            self.bus = bus = await Bus.connect(self.settings.bus_url, "core")
            stack.push_async_callback(bus.drain)
            if not bus.connected:
                log.warning("core waits for the bus")
            feed = await self._take_facts(stack, engine, history, bus)
            keep_running(stack, self._watch_loop(), "loop watch")
            keep_running(stack, self._keep_anchors(engine, bus), "audit anchors")
            services = await self._start_work(stack, engine, history, bus, feed)
            log.info("core runs", web=f"http://{self.settings.host}:{self.settings.web_port}/")
            yield services

    async def _open_stores(self, stack: contextlib.AsyncExitStack) -> tuple[Engine, History]:
        """Registry and history, each waited for and migrated."""
        settings = self.settings
        engine = await asyncio.to_thread(open_engine, settings.registry_url)
        stack.callback(engine.dispose)
        await self._insist("registry", migrate, engine)
        await self._insist("registry", ensure_authorities, engine)
        if settings.demo:
            await asyncio.to_thread(users.ensure_demo_users, engine)
        history = await self._insist(
            "history", History.open, settings.history, settings.data / "history", settings.history_days
        )
        stack.push_async_callback(asyncio.to_thread, history.close)
        await self._insist("history", history.migrate)
        return engine, history

    async def _take_facts(
        self, stack: contextlib.AsyncExitStack, engine: Engine, history: History, bus: Bus
    ) -> LiveFeed:
        """Ingest and live state: they wait for nothing but bus and history."""
        self.wheel = WheelWatch(engine, history.query, self.settings.history_days)
        self.ingest = Ingest(bus, history, self.wheel.observe, AlarmDerivation(bus, history))
        keep_reading(stack, self.ingest.run, "ingest")
        self.feed = await started(
            stack,
            LiveFeed(Fleet(), GatewayBoard(), bus, lambda: history.query("latest"), lambda: owners_of(engine)),
        )
        self.strip = await started(stack, AlarmStrip(self.feed.fleet, bus, history.query))
        return self.feed

    async def _start_work(
        self, stack: contextlib.AsyncExitStack, engine: Engine, history: History, bus: Bus, feed: LiveFeed
    ) -> Services:
        """The engines that act on what the registry holds; each goes on from there where the last one stopped."""
        settings = self.settings
        traces = await started(stack, Traces(bus))
        store = await self._insist("evidence", EvidenceStore.open, settings.evidence, settings.data)
        self.multimedia = Intake(bus, lambda upload: keep(engine, store, upload))
        keep_reading(stack, self.multimedia.run, "multimedia")
        clips = await started(stack, ClipCopies(store))
        packets = PacketKind()
        await self._insist("registry", fetch_open, engine, packets)
        further: dict[str, Sendable] = {PACKET: packets, **video_letters.KINDS, **await self._upload_kinds()}
        commands = CommandEngine(engine, bus, further)
        attachments = AttachmentCalls(engine, bus, settings.evidence_address or settings.host, settings.evidence_port)
        commands.others = attachments.outcomes
        await started(stack, commands)
        await started(stack, attachments)
        templates = await started(stack, TemplateEngine(engine, commands, bus))
        reports = partial(self._reports, upgrade_reports, history)
        upgrades = await started(stack, UpgradeEngine(engine, commands, bus, packets, reports, self._parked))
        video = await started(stack, VideoDesk(engine, bus, commands, settings))
        await started(stack, LossNotices(video, commands, settings.media_loss_s))
        self.recorder = recorder = await started(stack, Recorder(engine, video, store, settings, self._present))
        tell = (self._seen, self._parked, attachments.wake, history.query, recorder.wake)
        ptz = await started(stack, PtzDesk(engine, video.commanding))
        told = partial(self._reports, upload_reports, history)
        downloads = await started(stack, DownloadEngine(engine, bus, commands, video.commanding, told, self._present))
        cases = await started(stack, CaseEngine(engine, commands, *tell))
        self.cases, cases.reader = cases, AlarmReader(bus, "cases", cases.take)
        keep_reading(stack, cases.reader.run, "cases")
        assert self.wheel is not None
        await started(stack, self.wheel)
        self.oversight = await started(stack, OversightEngine(engine, store, settings.data, history.query))
        self.contacts = await started(stack, ContactFollower(engine, self._received, history.query))
        imports = await started(stack, Background(engine, partial(registry_changed, bus)))
        desk = BackupDesk(engine, history, store, settings.data)
        await desk.serve(bus)
        stack.push_async_callback(desk.stop)
        return Services(
            settings, engine, history, bus, feed, self.health, traces, commands,
            templates=templates, upgrades=upgrades, evidence=store, clips=clips, attachments=attachments,
            imports=imports, video=video, recorder=recorder, downloads=downloads, ptz=ptz, cases=cases,
            strip=self.strip, oversight=self.oversight,
        )  # fmt: skip

    async def _insist(self, store: str, work: Callable[..., T], *arguments: Any) -> T:
        """Do ``work`` in a thread until the store is there. Raises Stopped."""
        while True:
            try:
                return await asyncio.to_thread(work, *arguments)
            except (HistoryError, OperationalError, OSError) as error:
                log.warning("core waits for a store", store=store, error=str(error)[:300])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STORE_RETRY_S):
                    await self._stop.wait()
            if self._stop.is_set():
                raise Stopped

    async def _upload_kinds(self) -> dict[str, Sendable]:
        """0x9206 with the address of the FTP server, 0x9207, and those to the camera's head."""
        settings = self.settings
        key = await self._insist("evidence", ftp_key, settings.data.joinpath(*FTP_FOLDER))
        address = settings.evidence_address or settings.host
        made = UploadLetter(key, address, settings.evidence_ftp_port)
        control = {download_letters.UPLOAD_CONTROL: download_letters.CONTROL}
        return {download_letters.UPLOAD: made, **control, **ptz_letters.KINDS}

    async def _reports(
        self, read: Callable[[History, Sequence[int], int], list[Report]], history: History, vehicles: Sequence[int],
        since: int,
    ) -> list[Report] | None:  # fmt: skip
        """What vehicles reported of an upgrade or an upload; None while the history may not have it yet."""
        if self.bus is None or self.ingest is None or not self.bus.connected or not self.ingest.health()["ok"]:
            return None
        try:
            return await asyncio.to_thread(read, history, vehicles, since)
        except HistoryError as error:
            log.warning("history cannot tell of reports", error=str(error)[:300])
            return None

    def _parked(self, vehicles: Sequence[int]) -> set[int]:
        """Those that report now and stand still."""
        fleet = self.feed.fleet if self.feed is not None else Fleet()
        return {key for key in vehicles if (now := fleet.present(key)) is not None and now.state == "stopped"}

    def _received(self) -> Any:
        """When each truck was heard last, by its id."""
        fleet = self.feed.fleet if self.feed is not None else Fleet()
        return fleet.received_ms[: fleet.size]

    def _present(self, vehicle: int) -> bool:
        """Whether it reports now."""
        now = self.feed.fleet.present(vehicle) if self.feed is not None else None
        return now is not None and now.state not in ("offline", "unknown")

    def _seen(self, vehicle: int, kind: str) -> Seen | None:
        """A truck's newest report, as the check of a correction takes it."""
        fleet = self.feed.fleet if self.feed is not None else Fleet()
        if (now := fleet.present(vehicle)) is None:
            return None
        return Seen(now.at, now.received_at, now.speed_dkmh, now.fixed, fleet.alarm_bit(vehicle, kind))

    def health(self) -> dict[str, Any]:
        """State of the process by part; ``ok`` is false where data is not moving."""
        bus, ingest, feed = self.bus, self.ingest, self.feed
        if bus is None or ingest is None or feed is None:
            return {"ok": False, "state": "starting"}
        now = now_ms()
        alive, listed = feed.gateways.alive(now)
        work = ingest.health()
        live = {
            "ok": feed.ready and now - feed.as_of < 5_000,
            "ready": feed.ready,
            "as_of": feed.as_of,
            "vehicles": int(feed.fleet.known[: feed.fleet.size].sum()),
            "delay_ms": feed.pace.delay_ms,
            "per_s": round(feed.pace.per_s, 1),
            "bytes": feed.fleet.nbytes,
        }
        return {
            "ok": bool(bus.connected and work["ok"] and live["ok"]),
            "process": "core",
            "started_at": self.started_ms,
            "now": now,
            "bus": {"ok": bus.connected},
            "ingest": work,
            "multimedia": self.multimedia.health() if self.multimedia else {"ok": False, "state": "starting"},
            "cases": self.cases.health() if self.cases else {"ok": False, "state": "starting"},
            "oversight": self.oversight.health() if self.oversight else {"ok": False, "state": "starting"},
            "contacts": self.contacts.health() if self.contacts else {"ok": False, "state": "starting"},
            "drivers": self.wheel.health() if self.wheel else {"ok": False, "state": "starting"},
            "recordings": self.recorder.health() if self.recorder else {"ok": False, "state": "starting"},
            "history": {"ok": work["state"] != "history failing"},
            "live": live,
            # A gateway that is down is its own alarm: the core can still answer.
            "gateways": {"ok": alive == listed and alive > 0, "alive": alive, "listed": listed},
            "loop_lag_s": round(self.loop_lag_s, 3),
        }

    async def _keep_anchors(self, engine: Engine, bus: Bus) -> None:
        """Write the head of the audit log's chain down each hour, away from the registry: into a file of this folder,
        into the log of this process, and onto the bus for whoever keeps it."""
        while True:
            try:
                made = await asyncio.to_thread(audit_chain.anchor, engine)
                await asyncio.to_thread(audit_chain.append_anchor, self.settings.audit_anchors, made)
                log.info("audit anchor", id=made.id, hash=made.hash)
                await bus.publish("audit.anchor", made.to_json().encode())
            except Exception as error:
                log.warning("audit anchor not written", error=str(error)[:300])
            await asyncio.sleep(ANCHOR_S)

    async def _watch_loop(self) -> None:
        while True:
            due = time.monotonic() + LOOP_CHECK_S
            await asyncio.sleep(LOOP_CHECK_S)
            self.loop_lag_s = time.monotonic() - due
            _lag.set(self.loop_lag_s)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the whole process until ``stop`` is set. Raises OSError when the web port is taken."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="core"))
    with listen(settings.host, settings.web_port) as line:
        async with Core(settings, stop).running() as services:
            server = web_server(create_app(services))
            web = asyncio.create_task(server.serve(sockets=[line]), name="web")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((web, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            server.should_exit = True
            await web
            if not stop.is_set():
                raise RuntimeError("the web server ended by itself")
    log.info("core stopped")


def run(settings: Settings) -> None:
    """Run the core process until SIGTERM or SIGINT. Raises SystemExit (1) when a port or a folder cannot be had."""
    configure_logging("core")

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        with contextlib.suppress(Stopped):
            await serve(settings, stop)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except OSError as error:
        log.error("core cannot run", error=str(error))
        raise SystemExit(1) from None
