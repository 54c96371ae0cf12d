"""Sends captured frames to a gateway as the terminals that once sent them, and says what became of each.

Captures are grouped by phone. A group has one connection at a time; the phone registers and authenticates first, with
its captured registration where there is one, else with an invented vehicle, so the gateway's admission must be open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import uvloop

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.protocol.jt808.stream import FrameCutter
from luwei.simulator.captures import Capture, read_captures

ACKED, ANSWERED, REFUSED, NO_ANSWER, CLOSED, SKIPPED = "acked", "answered", "refused", "no answer", "closed", "skipped"
"""0x8001 with result 0 or 4; another answer (0x8100, 0x8004, 0x8800 …); 0x8001 with result 1-3; nothing in time; the
gateway closed the connection; not a message of a terminal."""

UNANSWERED = frozenset({0x0001, 0x0005})
"""Messages that nobody answers (§8.1)."""
_GENERAL_REPLY, _REGISTRATION, _AUTHENTICATION, _UNREGISTER, _HEARTBEAT = 0x8001, 0x0100, 0x0102, 0x0003, 0x0002
_REPLIES = {0x8100: 0x0100, 0x8004: 0x0004, 0x8800: 0x0801}
_ORDER = {_REGISTRATION: 0, _AUTHENTICATION: 1, _UNREGISTER: 3}


@dataclass(slots=True)
class Outcome:
    """What became of one capture. ``result`` is that of 0x8001 or 0x8100, ``ms`` the time to the answer."""

    id: str
    phone: str
    message_id: str
    serial: int | None
    outcome: str
    result: int | None = None
    answer: str = ""
    ms: float | None = None


@dataclass(slots=True)
class Summary:
    """All outcomes of a replay."""

    outcomes: list[Outcome] = field(default_factory=list)
    connections: int = 0
    refused_handshakes: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Captures by outcome."""
        return dict(Counter(outcome.outcome for outcome in self.outcomes))

    def __str__(self) -> str:
        parts = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return f"{len(self.outcomes)} captures: {parts or 'none'}; {self.connections} connections"


class _Closed(ConnectionError):
    """The gateway closed the connection."""


class _Session:
    """One connection that speaks for one phone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[tuple[int, int], asyncio.Future[Frame]] = {}
        self._serial = 0xF000
        self._task = asyncio.create_task(self._read(reader))

    @property
    def alive(self) -> bool:
        return not self._task.done() and not self._writer.is_closing()

    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._task

    async def _read(self, reader: asyncio.StreamReader) -> None:
        cutter = FrameCutter()
        try:
            while data := await reader.read(65536):
                for raw in cutter.feed(data):
                    with contextlib.suppress(ProtocolError):
                        self._answer(decode_frame(raw))
        except OSError:
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_Closed("closed by the gateway"))
                    future.exception()  # a future that nobody awaits any more is no error
            self._waiting.clear()

    def _answer(self, frame: Frame) -> None:
        message_id, body = frame.header.message_id, frame.body
        if len(body) < 2:
            return
        serial = int.from_bytes(body[:2], "big")
        if message_id == _GENERAL_REPLY and len(body) >= 5:
            key = (int.from_bytes(body[2:4], "big"), serial)
        elif message_id == 0x8004:
            key = next((k for k in self._waiting if k[0] == 0x0004), (0, 0))
        elif message_id == 0x8800:
            key = next((k for k in self._waiting if k[0] == 0x0801), (0, 0))
        else:
            key = (_REPLIES.get(message_id, 0), serial)
        future = self._waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_result(frame)

    def expect(self, message_id: int, serial: int) -> asyncio.Future[Frame]:
        """The answer to come to that message."""
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[message_id, serial] = future
        if not self.alive:
            future.set_exception(_Closed("closed by the gateway"))
        return future

    def write(self, raw: bytes) -> None:
        if self.alive:
            self._writer.write(raw)

    async def ask(self, like: Capture, message_id: int, body: bytes, wait_s: float) -> Frame | None:
        """Send a message of our own and wait for its answer; None when there is none in time."""
        self._serial = (self._serial + 1) & 0xFFFF
        header = Header(
            message_id=message_id,
            body_length=0,
            serial=self._serial,
            phone_raw=like.phone_raw,
            edition=like.edition,
            protocol_version=max(like.protocol_version, 1) if like.edition == 2019 else 0,
        )
        future = self.expect(message_id, self._serial)
        self.write(encode_frame(header, body))
        try:
            return await asyncio.wait_for(future, wait_s)
        except TimeoutError:
            return None


class _Group:
    """The captures of one phone, in the order in which they can succeed."""

    def __init__(self, replay: _Replay, phone: str, captures: list[Capture]) -> None:
        self._replay = replay
        self._phone = phone
        self._captures = sorted(captures, key=self._rank)
        self._session: _Session | None = None
        self._code = ""
        self._authenticated = False

    @staticmethod
    def _rank(capture: Capture) -> int:
        return _ORDER.get(capture.frames[0].header.message_id, 2) if capture.frames else 2

    async def run(self) -> None:
        for capture in self._captures:
            await self._replay.pace()
            try:
                await self._one(capture)
            except (OSError, _Closed):
                self._note(capture, None, CLOSED)
                await self._drop()
        await self._drop()

    async def _drop(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session, self._authenticated = None, False

    async def _one(self, capture: Capture) -> None:
        greeting = self._rank(capture) < 2
        session = await self._connected()
        if not greeting and not self._authenticated:
            await self._handshake(session, capture)
        if not capture.frames:
            session.write(capture.raw)
            # An answer to a heartbeat shows that the connection outlived the unreadable bytes.
            lives = await session.ask(capture, _HEARTBEAT, b"", self._replay.wait_s)
            self._note(capture, None, NO_ANSWER if lives is not None else CLOSED)
            if lives is None:
                await self._drop()
            return
        waiting = [
            (frame, None if frame.header.message_id in UNANSWERED else self._expect(session, frame))
            for frame in capture.frames
        ]
        started = time.monotonic()
        session.write(capture.raw)
        for frame, future in waiting:
            if future is None:
                self._note(capture, frame, NO_ANSWER)
                continue
            try:
                answer = await asyncio.wait_for(future, self._replay.wait_s)
            except TimeoutError:
                self._note(capture, frame, NO_ANSWER)
            else:
                self._answered(capture, frame, answer, (time.monotonic() - started) * 1000)

    @staticmethod
    def _expect(session: _Session, frame: Frame) -> asyncio.Future[Frame]:
        return session.expect(frame.header.message_id, frame.header.serial)

    def _answered(self, capture: Capture, frame: Frame, answer: Frame, ms: float) -> None:
        message_id, sent = answer.header.message_id, frame.header.message_id
        result = None
        if message_id == _GENERAL_REPLY:
            result = answer.body[4]
            outcome = ACKED if result in (0, 4) else REFUSED
        elif message_id == 0x8100 and len(answer.body) > 2:
            result = answer.body[2]
            outcome = ANSWERED if result == 0 else REFUSED
            if result == 0:
                self._code = answer.body[3:].decode("gbk", "replace")
        else:
            outcome = ANSWERED
        if sent == _AUTHENTICATION:
            self._authenticated = outcome == ACKED
        elif sent == _UNREGISTER and outcome == ACKED:
            self._authenticated = False
        self._note(capture, frame, outcome, result, f"0x{message_id:04x}", round(ms, 1))

    async def _connected(self) -> _Session:
        if self._session is None or not self._session.alive:
            await self._drop()
            self._session = await self._replay.connect()
        return self._session

    async def _handshake(self, session: _Session, capture: Capture) -> None:
        """Register unless the phone has a code, then authenticate. Frames are sent even where that fails."""
        wait_s = self._replay.wait_s
        for _ in range(2):
            if not self._code:
                answer = await session.ask(capture, _REGISTRATION, self._registration(capture), wait_s)
                if answer is None or len(answer.body) < 4 or answer.body[2] != 0:
                    break
                self._code = answer.body[3:].decode("gbk", "replace")
            body = self._authentication(capture)
            answer = await session.ask(capture, _AUTHENTICATION, body, wait_s)
            if answer is not None and answer.body[4] == 0:
                self._authenticated = True
                return
            self._code = ""
        self._replay.summary.refused_handshakes += 1

    def _registration(self, capture: Capture) -> bytes:
        number = crc32(self._phone.encode()) % 100_000
        newer = capture.edition == 2019
        return Registration(
            province=44,
            city=100,
            manufacturer="44010070000" if newer else "70000",
            model="REPLAY",
            terminal_id=f"R{crc32(self._phone.encode()) % 1_000_000:06d}",
            plate_color=2,
            plate=f"粤Z{number:05d}",
        ).encode(capture.edition)

    def _authentication(self, capture: Capture) -> bytes:
        if capture.edition == 2019:
            values = {"imei": "860000000000000", "software_version": "replay"}
            return Authentication(auth_code=self._code, **values).encode(2019)
        return Authentication(auth_code=self._code).encode(capture.edition)

    def _note(
        self,
        capture: Capture,
        frame: Frame | None,
        outcome: str,
        result: int | None = None,
        answer: str = "",
        ms: float | None = None,
    ) -> None:
        several = len(capture.frames) > 1 and frame is not None
        name = f"{capture.id}/{capture.frames.index(frame)}" if several and frame is not None else capture.id
        message_id = f"0x{frame.header.message_id:04x}" if frame is not None else ""
        serial = frame.header.serial if frame is not None else None
        self._replay.note(Outcome(name, self._phone, message_id, serial, outcome, result, answer, ms))


class _Replay:
    def __init__(self, host: str, port: int, rate: float, wait_s: float, result: Path | None) -> None:
        self._host, self._port = host, port
        self._step_s = 1 / rate if rate > 0 else 0.0
        self._next_s = 0.0
        self.wait_s = wait_s
        self.summary = Summary()
        self._file = result.open("w", encoding="utf-8") if result is not None else None

    async def connect(self) -> _Session:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self.summary.connections += 1
        return _Session(reader, writer)

    async def pace(self) -> None:
        """Hold the overall rate."""
        if self._step_s:
            now_s = time.monotonic()
            self._next_s = max(self._next_s + self._step_s, now_s)
            await asyncio.sleep(self._next_s - now_s)

    def note(self, outcome: Outcome) -> None:
        self.summary.outcomes.append(outcome)
        if self._file is not None:
            self._file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def replay(
    captures: Iterable[Capture],
    host: str,
    port: int,
    *,
    result: Path | None = None,
    rate: float = 0.0,
    wait_s: float = 3.0,
    at_once: int = 16,
) -> Summary:
    """Send the captures; phones in parallel (``at_once``), the captures of a phone one after the other.

    ``rate``: captures a second over all phones, 0 for as fast as answers come; ``wait_s``: how long an answer may take;
    ``result``: file for one JSON line a frame. Raises OSError when no connection can be made at all.
    """
    work = _Replay(host, port, rate, wait_s, result)
    groups: dict[str, list[Capture]] = {}
    for capture in captures:
        phone = capture.phone_raw.hex().lstrip("0") or "0"
        if capture.terminal_side:
            groups.setdefault(phone, []).append(capture)
        else:
            header = capture.frames[0].header
            work.note(Outcome(capture.id, phone, f"0x{header.message_id:04x}", header.serial, SKIPPED))
    probe = await work.connect()
    await probe.close()
    work.summary.connections = 0
    gate = asyncio.Semaphore(at_once)

    async def one(phone: str, members: list[Capture]) -> None:
        async with gate:
            await _Group(work, phone, members).run()

    try:
        async with asyncio.TaskGroup() as tasks:
            for phone, members in groups.items():
                tasks.create_task(one(phone, members))
    finally:
        work.close()
    return work.summary


def run(
    file: Path, host: str, port: int, *, result: Path | None = None, rate: float = 0.0, wait_s: float = 3.0
) -> Summary:
    """Replay ``file`` (see ``captures``) against a gateway whose admission is open.

    Raises OSError when the gateway cannot be reached or a file not be opened, ProtocolError ``input`` for a line that
    is no capture.
    """
    options: dict[str, Any] = {"result": result, "rate": rate, "wait_s": wait_s}
    return uvloop.run(replay(list(read_captures(file)), host, port, **options))
