"""One gateway process: its loop, its clock, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import secrets
import signal
import time
from collections.abc import Callable
from functools import partial

import structlog
import uvloop

from luwei import facts, profiles, telemetry
from luwei.bus import Bus
from luwei.gateway.columns import rows_batch
from luwei.gateway.command_line import CommandLine
from luwei.gateway.commands import Commands
from luwei.gateway.connections import GREETING, Connection, Table, now_ms
from luwei.gateway.datagrams import Datagrams
from luwei.gateway.dialects import Dialects
from luwei.gateway.dialogue import Dialogue
from luwei.gateway.handshake import Handshake
from luwei.gateway.ledger import NOTED, REFUSED, Ledger
from luwei.gateway.open_counts import counts_subject, told
from luwei.gateway.publisher import Parcel, Publisher
from luwei.gateway.session_profiles import SessionProfiles
from luwei.gateway.status import Status
from luwei.gateway.tick import Replies, Result, Tick
from luwei.gateway.trace import SUBJECT as TRACE
from luwei.gateway.trace import Trace
from luwei.gateway.wire import Wire, raise_descriptor_limit
from luwei.protocol.jt808.fragments import Assembler
from luwei.registry.admission import Admission, Admitted, Policy
from luwei.registry.assignments import Observed
from luwei.registry.engine import open_engine
from luwei.settings import Settings

log = structlog.get_logger()

READ_BUDGET = 1 << 20
"""Bytes read in one tick; what is more stays in the kernel until the next."""
BATCH_TARGET = 3000
"""Frames a tick should have: fewer, and the fixed cost of a tick, a bus message and an insert weighs in all processes;
more, and answers only get later."""
GLANCES = (0.125, 0.25)
"""Shares of a wait after which the gateway looks how many connections have something to read."""
GROWTH = 1.1
"""Twice the time brings twice the connections where terminals send on their own; less than this: nobody else comes."""
HANDSHAKE_S = 60
"""A connection that has not authenticated for so long is closed."""
NOTES_EVERY_S = 60
"""Refusals go to the bus each second, notes less often: some devices earn one with every report."""
ROOM_S = 0.05
"""How long one look at the publisher's window waits, so that ``paused`` stays true to the bus."""
COMMAND_TICK_S = 0.02
"""Longest wait of a tick just after a command went out: a person waits for the answer."""
STOP_S = 3.5
PROFILE_CHANGED = "profile.changed"
"""Subject of ``{"terminals": [registry keys]}``: their profile was chosen by hand."""


class Gateway:
    """A gateway process's parts, wired. ``start`` opens the ports; ``run`` serves until ``stop`` is called."""

    def __init__(self, settings: Settings, shard: int, bus: Bus, admission: Admission) -> None:
        self.settings = settings
        self.shard = shard
        self.name = f"gw-{shard}"
        self.boot = secrets.randbits(32) | 1
        self.bus = bus
        self.table = Table(raise_descriptor_limit())
        self.ledger = Ledger(self.name)
        self.trace = Trace(self.table, self.name, self.boot)
        self.ledger.trace = self.trace
        self.publisher = Publisher(bus, self.name, shard, self.boot)
        self.dialects = Dialects(profiles.catalogue_of(settings.profiles))
        self.profiles = SessionProfiles(self.table, self.ledger, self.dialects)
        self.handshake = Handshake(self.table, self.ledger, admission, self.profiles, self.name, self.boot, shard)
        self.dialogue = Dialogue(self.table, self.ledger, self.handshake, Assembler())
        self.wire = Wire(self.table, settings.connections_per_address, self._closed)
        self.datagrams = Datagrams(self.table, settings.connections_per_address, self._closed)
        self.tick = Tick(self.table, self.dialogue, self.dialects, settings.history_days, settings.frames_per_second)
        self.tick.trace = self.trace
        self.status = Status(self.name, self.boot, settings.gateway_port)
        self.commands = Commands(
            self.table, self.name, self.boot, settings.command_timeout_s, settings.command_retries, self.send
        )
        self.command_line = CommandLine(bus, self.commands, self.name, self.boot, shard)
        self.dialogue.replied = self.commands.answered
        self.commands.dialects = self.dialects
        self.commands.silent = self._silent
        self._stopping = asyncio.Event()
        self._paused = ""
        self._rate = 0.0
        self._last_read = time.monotonic()
        self._seconds = 0
        self._background: set[asyncio.Task[None]] = set()
        self.handshake.send = self.send
        self.handshake.wake = self.wire.again.add
        self.handshake.close = self.close
        self.handshake.opened = self._announce
        self.handshake.changed = self._registry_changed

    def start(self) -> None:
        """Open the ports. Raises OSError."""
        self.wire.listen(self.settings.host, self.settings.gateway_port)
        self.status.port = self.wire.port
        self.datagrams.listen(self.settings.host, self.wire.port)
        log.info("gateway listens", host=self.settings.host, port=self.wire.port, shard=self.shard)

    def stop(self) -> None:
        """Have ``run`` end: read no more, finish what was read, close the sessions."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until ``stop``."""
        with contextlib.suppress(ConnectionError):
            await self.bus.ensure_stream()
        await self.bus.subscribe("gateway.session", self._session_elsewhere)
        await self.bus.subscribe(TRACE, self.trace.request)
        await self.bus.serve(counts_subject(self.boot), self._counts)
        await self.bus.subscribe(PROFILE_CHANGED, self._profiles_changed)
        clock = asyncio.create_task(self._each_second())
        orders = asyncio.create_task(self.command_line.run())
        try:
            while not self._stopping.is_set():
                await self._wait()
                if self._may_read():
                    self._read()
        finally:
            clock.cancel()
            orders.cancel()
            await asyncio.gather(clock, orders, return_exceptions=True)
            await self._end()

    async def _wait(self) -> None:
        """Let bytes gather so that a tick has enough of them, but never longer than the setting, and no longer than
        bytes keep coming: terminals that send their next frame after an answer must not wait for nobody."""
        longest = self.settings.tick_ms / 1000
        delay = min(longest, BATCH_TARGET / self._rate) if self._rate else longest
        if self.commands.fresh(now_ms()):
            delay = min(delay, COMMAND_TICK_S)
        if self.wire.saturated or self.wire.again:
            delay = 0.0
        waited, ready = 0.0, 0
        for share in GLANCES if delay else ():
            await asyncio.sleep(delay * share - waited)
            waited = delay * share
            before, ready = ready, self.wire.ready()
            if before and ready < before * GROWTH:
                break
        else:
            await asyncio.sleep(delay - waited)
        if self.publisher.full:
            await self.publisher.room(ROOM_S)

    def _may_read(self) -> bool:
        """False while the bus does not take batches: then nothing is read at all, and the kernel slows the senders."""
        if not self.bus.connected:
            reason = "bus away"
        elif self.publisher.paused:
            reason = self.publisher.reason or "bus does not confirm"
        else:
            reason = ""
        if self._paused and not reason:
            # silence that was ours is no silence of theirs
            self.table.heard_ms[self.table.state != 0] = now_ms()
        self._paused = reason
        return not reason and not self.publisher.full

    def _read(self) -> None:
        began = time.monotonic()
        slots, chunks = self.wire.gather(READ_BUDGET)
        more_slots, more_chunks = self.datagrams.gather()
        if more_slots:
            slots += more_slots
            chunks += more_chunks
        frames = 0
        if slots:
            frames = self._decode(slots, chunks, began)
        self.handshake.pump()
        if self.trace.armed and self.trace.waiting:
            self.trace.publish(lambda subject, payload: self._later(partial(self.bus.publish, subject, payload)))
        self.commands.turn(now_ms())
        now = time.monotonic()
        elapsed = now - self._last_read
        self._last_read = now
        self._rate = 0.7 * self._rate + 0.3 * frames / max(elapsed, 1e-4)

    def _decode(self, slots: list[int], chunks: list[bytes], began: float) -> int:
        """Decode, and give the facts to the publisher; returns the number of good frames."""
        try:
            result = self.tick.run(slots, chunks, now_ms(), self.wire.rests)
        except Exception:
            if len(slots) > 1:
                # one connection's bytes must not cost the others theirs
                return sum(self._decode([slot], [chunk], began) for slot, chunk in zip(slots, chunks, strict=True))
            log.exception("a connection's bytes broke the decoder", bytes=chunks[0][:2200].hex())
            connection = self.table.get(slots[0])
            if connection is not None:
                self.dialogue.note(connection, REFUSED, "internal", 0, chunks[0], now_ms())
                self.close(connection, "internal error")
            return 0
        self._dispatch(result, began)
        self.status.tick(result.frames, result.locations, result.bytes_in, time.monotonic() - began)
        return result.frames

    def _dispatch(self, result: Result, read_at: float) -> None:
        parcel = Parcel(frames=result.frames, read_at=read_at)
        for columns in result.columns:
            self.publisher.add(parcel, facts.FIX, columns)
        outcome = result.outcome
        if outcome.messages:
            self.publisher.add(parcel, facts.MESSAGE, rows_batch(facts.MESSAGE, outcome.messages))
        for row in outcome.files:
            self.publisher.add(parcel, facts.MEDIA, rows_batch(facts.MEDIA, [row]))
        if result.replies or outcome.answers:
            parcel.release = partial(self._release, result.replies, outcome.answers)
        if parcel.release is not None or parcel.batches:
            self.publisher.submit(parcel)
        for connection, reason in outcome.hang_up:
            if self.table.get(connection.slot) is connection:
                self.close(connection, reason)
        if result.overspent is not None:
            self.wire.mute(result.overspent)

    def _release(self, replies: list[Replies], answers: list[tuple[int, int, bytes]]) -> None:
        """The facts are durable: send what says so, to the connections that are still the same."""
        generation, limit = self.table.generation, self.table.tcp_slots
        for reply in replies:
            fits = (generation[reply.slots] == reply.generations) & (reply.slots < limit)
            slots = reply.slots.tolist()
            if fits.all():
                if self.trace.armed:
                    self.trace.replied(slots, reply.wire, reply.bounds)
                self.wire.send_slices(slots, reply.wire, reply.bounds)
            else:
                for number, slot in enumerate(slots):
                    if generation[slot] == reply.generations[number]:
                        self.send(slot, reply.wire[reply.bounds[number] : reply.bounds[number + 1]])
        for slot, born, frame in answers:
            if generation[slot] == born:
                self.send(slot, frame)

    def send(self, slot: int, data: bytes) -> None:
        """Write to a connection of either kind."""
        if self.trace.armed:
            self.trace.sent(slot, data)
        (self.wire if slot < self.table.tcp_slots else self.datagrams).send(slot, data)

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection of either kind."""
        (self.wire if connection.slot < self.table.tcp_slots else self.datagrams).close(connection, reason)

    def _closed(self, connection: Connection, reason: str) -> None:
        self.commands.closed(connection, now_ms())
        self.handshake.leave(connection, reason, now_ms())
        self.wire.rests.pop(connection.slot, None)
        self.tick.forget(connection.slot)

    def _announce(self, opened: list[Connection]) -> None:
        """Tell the other gateways, which close what they have of these phones."""
        sessions = [{"phone": connection.phone, "session": connection.session} for connection in opened]
        message = {"gateway": self.name, "boot": self.boot, "sessions": sessions}
        self._later(partial(self.bus.publish, "gateway.session", json.dumps(message).encode()))

    def _registry_changed(self, made: list[Admitted]) -> None:
        for noun, ids in (
            ("vehicle", sorted({admitted.vehicle_id for admitted in made})),
            ("terminal", sorted({admitted.terminal_id for admitted in made})),
        ):
            self._later(partial(self.bus.publish, "registry.changed", json.dumps({"noun": noun, "ids": ids}).encode()))

    def _later(self, call: Callable[[], object]) -> None:
        async def run() -> None:
            await call()  # type: ignore[misc]

        task = asyncio.get_running_loop().create_task(run())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _session_elsewhere(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        if message["boot"] == self.boot:
            return
        for session in message.get("sessions", [message]):
            self.handshake.taken_elsewhere(session["phone"], session["session"])

    def _silent(self, slot: int, silent: bool) -> None:
        self.profiles.observe(Observed(int(self.table.terminal_id[slot]), silent=silent))

    async def _profiles_changed(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        self.profiles.recheck({int(key) for key in json.loads(payload)["terminals"]})

    async def _counts(self, _: str, payload: bytes) -> bytes:
        return told(self.table, payload)

    async def _each_second(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + 1, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                self._second()
                await self._publish_status()
            except Exception:
                log.exception("housekeeping failed")

    def _second(self) -> None:
        self._seconds += 1
        self.wire.unmute(self.settings.frames_per_second)
        self.trace.tick(now_ms())
        if self._paused or self.publisher.full:
            return
        at = now_ms()
        self._close_silent(at)
        for slot, frame in self.dialogue.ask_again(at):
            self.send(slot, frame)
        for slot, frame in self.profiles.ask_attributes(at):
            self.send(slot, frame)
        self._flush(notes=self._seconds % NOTES_EVERY_S == 0)

    def _close_silent(self, at_ms: int) -> None:
        table = self.table
        silent = (table.state != 0) & (table.heard_ms < at_ms - self.settings.idle_s * 1000)
        for slot in silent.nonzero()[0].tolist():
            self.close(table[slot], "idle")
        for slot in (table.state == GREETING).nonzero()[0].tolist():
            if table[slot].opened_ms < at_ms - HANDSHAKE_S * 1000 and not table[slot].waiting:
                self.close(table[slot], "not authenticated in time")

    def _flush(self, notes: bool) -> None:
        """Session events, ledger entries and commands sent since the last time, as facts."""
        parcel = Parcel()
        events, self.handshake.events = self.handshake.events, []
        rows = self.ledger.take(REFUSED, 0) + (self.ledger.take(NOTED, 0) if notes else [])
        sent, self.commands.rows = self.commands.rows, []
        for kind, entries in ((facts.SESSION, events), (facts.LEDGER, rows), (facts.MESSAGE, sent)):
            if entries:
                self.publisher.add(parcel, kind, rows_batch(kind, entries))
        if parcel.batches:
            self.publisher.submit(parcel)

    async def _publish_status(self) -> None:
        latencies, self.publisher.latencies = self.publisher.latencies, []
        report = self.status.report(
            self.table.count,
            self.table.online(),
            self.ledger.totals,
            self.ledger.noted_totals,
            latencies,
            self._paused,
            self.bus.connected,
            self.publisher.in_flight,
        )
        await self.bus.publish(f"gateway.status.{self.shard}", json.dumps(report).encode())

    async def _end(self) -> None:
        began = time.monotonic()
        self.wire.stop_listening()
        await self.handshake.stop()
        await self.publisher.drain(STOP_S * 0.6)
        for connection in list(self.table):
            self.close(connection, "gateway stopped")
        self._flush(notes=True)
        await self.command_line.finish()
        await self.publisher.drain(max(0.2, STOP_S - (time.monotonic() - began)))
        self.wire.shut()
        self.datagrams.shut()


async def serve(settings: Settings, shard: int) -> None:
    """Run one gateway until SIGTERM or SIGINT."""
    bus = await Bus.connect(settings.bus_url, f"gateway-{shard}")
    policy: Policy = "open" if settings.admission == "open" else "known"
    gateway = Gateway(settings, shard, bus, Admission(open_engine(settings.registry_url), policy))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    gateway.start()
    stop_telemetry = telemetry.serve(settings.host, settings.status_port + 1 + shard, lambda: gateway.status.last)
    # what lives now lives as long as the process; later garbage is almost all without cycles
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        await gateway.run()
    finally:
        stop_telemetry()
        await bus.drain()
        log.info("gateway stopped", shard=shard)


def run(settings: Settings, shard: int) -> None:
    """Serve terminals as shard ``shard`` until SIGTERM or SIGINT, then stop cleanly within 5 s.

    Raises OSError when a port is taken and ValueError for a malformed URL.
    """
    telemetry.configure_logging(f"gateway-{shard}")
    uvloop.run(serve(settings, shard))
