"""Traces 跟踪 as the core keeps them: who is traced until when, and the last frames of each, in memory only.

The gateways know nothing between two requests: every few seconds the whole list is sent to all of them, so that one
that was started later joins in and one that hears nothing any more stops by itself. A trace is bounded by time, frames
and bytes; what leaves the ring is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import structlog

from luwei.live import hidden
from luwei.live.feed import now_ms
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame

log = structlog.get_logger()

REQUEST = "gateway.trace"
SECONDS_MIN, SECONDS_MAX = 10, 1800
FRAMES_KEPT = 5_000
BYTES_KEPT = 2 << 20
"""Bounds of the ring of one trace: what is older is let go."""
FRAMES_MAX = 50_000
BYTES_MAX = 16 << 20
"""Bounds of one trace as a whole: beyond them it ends."""
ACTIVE_MAX = 20
"""Traces that run at once; the gateways take no more."""
KEPT_MAX = 40
"""Traces in memory, the ended ones included."""
TURN_S = 0.5
AGAIN_TURNS = 6
"""The list goes to the gateways every so many turns: 3 s."""
ANSWERS_LOOKED_BACK = 64

GENERAL_REPLY = 0x8001
ANSWERS = {0x8100: 0x0100, 0x8004: 0x0004}
"""Answers of the platform that begin with the serial of what they answer, or answer the last such message."""


class Line(Protocol):
    """What traces need of the bus."""

    async def publish(self, subject: str, payload: bytes) -> None: ...

    async def subscribe(
        self, subject: str, handler: Callable[[str, bytes, dict[str, str]], Awaitable[None]], queue: str = ""
    ) -> None: ...


class TooMany(Exception):
    """As many traces run as the gateways take."""


@dataclass(slots=True)
class TracedFrame:
    """One frame. ``seq`` counts up within its trace from 1; ``answers`` is the ``seq`` that a reply belongs to."""

    seq: int
    at: int
    way: str
    hex: str
    outcome: str
    reasons: list[str]
    gateway: str
    message_id: int | None = None
    serial: int | None = None
    answers: int | None = None
    result: int | None = None
    key: tuple[int, int] = (0, 0)
    """Boot of the gateway and its number of the frame."""

    def to_json(self) -> dict[str, Any]:
        """As screens and downloads get it."""
        row = asdict(self)
        del row["key"]
        return row


@dataclass(slots=True)
class Trace:
    """One trace, running or ended (``ended_ms`` is set then, ``end`` says why)."""

    vehicle_id: int
    phone: str
    by: str
    started_ms: int
    until_ms: int
    ended_ms: int = 0
    end: str = ""
    frames: int = 0
    bytes_in: int = 0
    dropped: int = 0
    """Frames that left the ring."""
    lost: int = 0
    """Frames that the gateway did not copy."""
    gateway: str = ""
    peer: str = ""
    online: bool = False
    changes: int = 0
    ring: deque[TracedFrame] = field(default_factory=deque)
    kept: int = 0
    touched: dict[int, int] = field(default_factory=dict)
    """``seq`` → number of the change, for frames whose fate was told later."""

    @property
    def active(self) -> bool:
        return not self.ended_ms

    def state(self) -> dict[str, Any]:
        """For the API; times in UTC ms."""
        return {
            "vehicle_id": self.vehicle_id,
            "phone": self.phone,
            "by": self.by,
            "active": self.active,
            "started_at": self.started_ms,
            "until": self.until_ms,
            "ended_at": self.ended_ms or None,
            "end": self.end,
            "frames": self.frames,
            "bytes": self.bytes_in,
            "kept": len(self.ring),
            "dropped": self.dropped,
            "lost": self.lost,
            "gateway": self.gateway,
            "peer": self.peer,
            "online": self.online,
        }

    def after(self, seq: int, limit: int) -> list[TracedFrame]:
        """The newest ``limit`` kept frames with a larger ``seq``, oldest first."""
        count = min(limit, self.frames - seq, len(self.ring))
        return list(itertools.islice(self.ring, len(self.ring) - count, None)) if count > 0 else []

    def changed(self, since: int) -> list[TracedFrame]:
        """Kept frames whose fate was told after change number ``since``."""
        seqs = {seq for seq, number in self.touched.items() if number > since}
        return [frame for frame in self.ring if frame.seq in seqs] if seqs else []

    def add(self, given: dict[str, Any], gateway: str, boot: int) -> None:
        """Keep one frame as a gateway published it, without what nobody may read (``luwei.live.hidden``). Raises
        KeyError, TypeError or ValueError."""
        raw = bytes.fromhex(given["hex"])
        decoded: Frame | None = None
        with contextlib.suppress(ProtocolError):
            decoded = decode_frame(raw)
            raw = hidden.shown(decoded, raw)
        self.frames += 1
        frame = TracedFrame(
            self.frames, int(given["at"]), str(given["way"]), raw.hex(), str(given["outcome"]),
            [str(reason) for reason in given["reasons"]], gateway, key=(boot, int(given["n"])),
        )  # fmt: skip
        if decoded is not None:
            self._read(frame, decoded)
        self.bytes_in += len(raw)
        self.kept += len(raw)
        self.ring.append(frame)
        while len(self.ring) > FRAMES_KEPT or self.kept > BYTES_KEPT:
            gone = self.ring.popleft()
            self.kept -= len(gone.hex) // 2
            self.touched.pop(gone.seq, None)
            self.dropped += 1

    def _read(self, frame: TracedFrame, decoded: Frame) -> None:
        """Message id and serial; for an answer also which frame it answers, and with what result."""
        header, body = decoded.header, decoded.body
        frame.message_id, frame.serial = header.message_id, header.serial
        if frame.way != "down" or len(body) < 3:
            return
        serial: int | None = int.from_bytes(body[:2], "big")
        if header.message_id == GENERAL_REPLY and len(body) >= 5:
            asked, frame.result = int.from_bytes(body[2:4], "big"), body[4]
        elif header.message_id in ANSWERS:
            asked = ANSWERS[header.message_id]
            if header.message_id == 0x8100:
                frame.result = body[2]
            else:
                serial = None  # 0x8004 names no serial (reference §8.3)
        else:
            return
        for known in itertools.islice(reversed(self.ring), ANSWERS_LOOKED_BACK):
            if known.way == "up" and known.message_id == asked and serial in (None, known.serial):
                frame.answers = known.seq
                return

    def change(self, given: dict[str, Any], boot: int) -> None:
        """What became of a frame was told after it."""
        key = (boot, int(given["n"]))
        for frame in itertools.islice(reversed(self.ring), 4 * ANSWERS_LOOKED_BACK):
            if frame.key == key:
                frame.outcome = str(given["outcome"])
                frame.reasons = [str(reason) for reason in given["reasons"]]
                self.changes += 1
                self.touched[frame.seq] = self.changes
                return


class Traces:
    """All traces of this process; used from one event loop."""

    def __init__(self, bus: Line) -> None:
        self._bus = bus
        self._by_vehicle: dict[int, Trace] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Listen to the gateways and begin to keep the list alive."""
        await self._bus.subscribe("trace.*", self._heard)
        self._keeper = asyncio.create_task(self._keep(), name="traces")

    async def stop(self) -> None:
        """End every trace, so that the gateways stop copying at once."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for trace in self._running():
            self._end(trace, "stopped")
        with contextlib.suppress(ConnectionError):
            await self._ask()

    def of(self, vehicle_id: int) -> Trace | None:
        """The trace of a vehicle, running or ended."""
        return self._by_vehicle.get(vehicle_id)

    async def begin(self, vehicle_id: int, phone: str, seconds: int, by: str) -> Trace:
        """Trace ``phone`` from now; a running trace of the vehicle gets the new end. Raises TooMany."""
        now = now_ms()
        trace = self._by_vehicle.get(vehicle_id)
        if trace is not None and trace.active and trace.phone == phone:
            trace.until_ms, trace.by = now + seconds * 1000, by
        else:
            others = [each for each in self._running() if each.vehicle_id != vehicle_id]
            if len(others) >= ACTIVE_MAX:
                raise TooMany
            # A new one comes to the end, so that the oldest are the first to be forgotten.
            self._by_vehicle.pop(vehicle_id, None)
            trace = self._by_vehicle[vehicle_id] = Trace(vehicle_id, phone, by, now, now + seconds * 1000)
            self._forget()
        await self._ask()
        self._tell()
        return trace

    async def end(self, vehicle_id: int, why: str) -> None:
        """Stop tracing; what was captured stays."""
        trace = self._by_vehicle.get(vehicle_id)
        if trace is not None and trace.active:
            self._end(trace, why)
            await self._ask()

    async def news(self, seconds: float) -> None:
        """Wait until something was captured or changed, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _running(self) -> Iterator[Trace]:
        return (trace for trace in list(self._by_vehicle.values()) if trace.active)

    def _forget(self) -> None:
        ended = [key for key, trace in self._by_vehicle.items() if not trace.active]
        for key in ended[: max(0, len(self._by_vehicle) - KEPT_MAX)]:
            del self._by_vehicle[key]

    def _end(self, trace: Trace, why: str) -> None:
        trace.ended_ms, trace.end = now_ms(), why
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _ask(self) -> None:
        watch = [
            {
                "phone": trace.phone,
                "until": trace.until_ms,
                "frames": FRAMES_MAX - trace.frames,
                "bytes": BYTES_MAX - trace.bytes_in,
            }
            for trace in self._running()
        ]
        await self._bus.publish(REQUEST, json.dumps({"watch": watch}).encode())

    async def _keep(self) -> None:
        for turn in itertools.count(1):
            await asyncio.sleep(TURN_S)
            now = now_ms()
            ended = False
            for trace in self._running():
                over = now >= trace.until_ms
                spent = trace.frames >= FRAMES_MAX or trace.bytes_in >= BYTES_MAX
                if over or spent:
                    self._end(trace, "time" if over else "size")
                    ended = True
            if ended or (turn % AGAIN_TURNS == 0 and any(self._running())):
                await self._ask()

    async def _heard(self, subject: str, payload: bytes, _: dict[str, str]) -> None:
        phone = subject.partition(".")[2]
        trace = next((each for each in self._running() if each.phone == phone), None)
        if trace is None:
            return
        message = json.loads(payload)
        gateway, boot = str(message["gateway"]), int(message["boot"])
        if message["online"]:
            trace.gateway, trace.peer, trace.online = gateway, str(message["peer"]), True
        elif gateway == trace.gateway:
            trace.online = False
        trace.lost = max(trace.lost, int(message["lost"]))
        for given in message["frames"]:
            trace.add(given, gateway, boot)
        for given in message["changed"]:
            trace.change(given, boot)
        self._tell()
