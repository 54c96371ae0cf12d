"""Uploads of one terminal's alarm files: asked for by 0x9208, sent over a connection of their own (reference §7).

A terminal may do it well or badly: break off in the middle, leave blocks out, announce a wrong size or a name twice,
spoil the identification, come hours late or never. Each way has a name, so that what it should lead to can be checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import split
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.message import decode_body
from luwei.protocol.safety.attachments import INFORMATION, Attachment, FileFinished, FileInfo
from luwei.protocol.safety.stream import stream_head
from luwei.simulator import wire
from luwei.simulator.alarm_files import AlarmFile, files_of
from luwei.simulator.media_faults import STEADY
from luwei.simulator.safety import KEPT, RaisedAlarm

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.terminal import Terminal

log = structlog.get_logger()

BLOCK = 65_536
ANSWER_S = 20.0
AGAIN_S = (1.0, 4.0)
TRIES = 8
LATE_S = (2 * 3600.0, 8 * 3600.0)
AT_ONCE = 8
"""Uploads of one simulation at a time: each holds a clip."""

PROPER, BREAKS, HOLES, WRONG_SIZE, TWICE, WRONG_IDENTIFICATION, LATE, NEVER = WAYS = (
    "proper", "breaks", "holes", "wrong_size", "twice", "wrong_identification", "late", "never",
)  # fmt: skip
_BAD = (0.45, 0.15, 0.12, 0.06, 0.06, 0.05, 0.06, 0.05)
"""Shares of the ways in a fleet that misbehaves."""


_USUAL = (0.84, 0.07, 0.04, 0.005, 0.005, 0.005, 0.015, 0.02)
_STEADY = (0.95, 0.05, 0, 0, 0, 0, 0, 0)
"""Shares in an ordinary fleet, and of its first trucks."""


@dataclass(frozen=True, slots=True)
class Order:
    """A 0x9208 as it came."""

    host: str
    port: int
    identification: bytes
    alarm_no: str
    dialect: str


class Attachments:
    """What one terminal has to upload. The simulation takes ``orders`` and calls ``upload``."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rng = Random(f"attachments {terminal.truck.vin}")
        self.orders: list[Order] = []
        self.way: str | None = None
        """A way to be taken every time; None: as the fleet behaves."""
        self.done: list[tuple[str, str]] = []
        """(alarm number, way) of uploads that ended, the newest last."""
        self._ways: dict[bytes, str] = {}
        """By identification: a terminal that has lost its files has lost them for whoever asks again."""
        self._going: set[bytes] = set()

    def asked(self, frame: Frame, now_s: float) -> list[Body]:
        """0x9208 came."""
        message: Any = decode_body(0x9208, frame.header.edition, frame.body, direction="down")
        identification = message.alarm_sign.encode()
        safety = self._terminal.instruments.safety
        known = safety is not None and identification in safety.raised
        if known and identification not in self._going:  # what is on its way, if only in hours, is not sent twice
            self._going.add(identification)
            self.orders.append(
                Order(message.server_ip, message.tcp_port, identification, message.alarm_no, message.dialect)
            )
        return self._terminal.commands.equipment.general(frame, wire.RESULT_OK if known else wire.RESULT_FAILED)

    def taken(self) -> list[Order]:
        """Orders since the last call."""
        orders, self.orders = self.orders, []
        return orders

    def choose(self, identification: bytes) -> str:
        """How the files of an alarm will be uploaded, the same whenever they are asked for."""
        if self.way is not None:
            return self.way
        if identification not in self._ways:
            while len(self._ways) >= KEPT:
                self._ways.pop(next(iter(self._ways)))
            usual = _USUAL if self._terminal.truck.number >= STEADY else _STEADY
            shares = usual if self._terminal.misbehaviour is None else _BAD
            self._ways[identification] = self._rng.choices(WAYS, shares)[0]
        return self._ways[identification]

    async def upload(self, order: Order, slots: asyncio.Semaphore) -> None:
        """Carry out ``order``; ends when all is sent or given up."""
        try:
            way = await self._upload(order, slots)
        finally:
            self._going.discard(order.identification)
        self.done = [*self.done[-99:], (order.alarm_no, way)]

    async def _upload(self, order: Order, slots: asyncio.Semaphore) -> str:
        safety = self._terminal.instruments.safety
        alarm = None if safety is None else safety.raised.get(order.identification)
        way = self.choose(order.identification)
        if alarm is None or way == NEVER:
            return NEVER
        if way == LATE:
            await asyncio.sleep(self._rng.uniform(*LATE_S))
        async with slots:
            files = await asyncio.to_thread(files_of, alarm, self._terminal.truck, order.alarm_no)
            uploading = _Uploading(self._terminal, order, alarm, files, way, self._rng)
            for _ in range(TRIES):
                try:
                    if await uploading.once():
                        break
                except (OSError, EOFError, TimeoutError, ProtocolError) as error:
                    log.debug("upload broken", phone=self._terminal.truck.phone, error=str(error))
                uploading.supplement = True
                await asyncio.sleep(self._rng.uniform(*AGAIN_S))
        return way


class _Uploading:
    """One alarm's files on their way."""

    def __init__(
        self, terminal: Terminal, order: Order, alarm: RaisedAlarm, files: list[AlarmFile], way: str, rng: Random
    ) -> None:
        self._truck = terminal.truck
        self._order, self._alarm, self._files, self._way, self._rng = order, alarm, files, way, rng
        self._left = list(files)
        self._serial = 0
        self._cuts = 2 if way == BREAKS else 0
        self.supplement = False
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def once(self) -> bool:
        """One connection; whether nothing is left to be done."""
        self._reader, self._writer = await asyncio.open_connection(self._order.host, self._order.port)
        try:
            if not await self._announce():
                return True  # refused: what is asked for again will come with a new command
            for file in list(self._left):
                await self._send(file)
                self._left.remove(file)
            return True
        finally:
            self._writer.close()

    async def _announce(self) -> bool:
        table = INFORMATION[self._order.dialect]
        alarm_sign: Any = self._order.identification
        listed = [Attachment(name=file.name, size=self._said(file)) for file in self._left]
        if self._way == TWICE:
            listed.append(listed[0])
        head = {"terminal_id": self._terminal_id()} if table.fields[0].name == "terminal_id" else {}
        body = table(
            **head, alarm_sign=_Raw(self._spoiled(alarm_sign)), alarm_no=self._order.alarm_no,
            info_type=int(self.supplement), attachments=tuple(listed),
        ).encode(self._truck.edition)  # fmt: skip
        return await self._ask(0x1210, body) == wire.RESULT_OK

    def _terminal_id(self) -> str:
        return self._truck.terminal_id[:7] if self._order.dialect == "subiao" else self._truck.terminal_id

    def _spoiled(self, identification: bytes) -> bytes:
        if self._way != WRONG_IDENTIFICATION:
            return identification
        at = len(identification) // 2
        return identification[:at] + bytes([identification[at] ^ 0x11]) + identification[at + 1 :]

    def _said(self, file: AlarmFile) -> int:
        return len(file.data) + (4_096 if self._way == WRONG_SIZE else 0)

    async def _send(self, file: AlarmFile) -> None:
        info = FileInfo(name=file.name, type=file.type, size=self._said(file))
        if await self._ask(0x1211, info.encode(self._truck.edition)) != wire.RESULT_OK:
            return
        ranges = [(0, len(file.data))]
        if self.supplement:
            ranges = await self._finished(file)
        leave = self._way == HOLES and not self.supplement
        while ranges:
            for offset, length in ranges:
                for start in range(offset, offset + length, BLOCK):
                    stop = min(start + BLOCK, offset + length)
                    if leave and start and self._rng.random() < 0.4:
                        continue
                    await self._block(file, start, stop)
            leave = False
            ranges = await self._finished(file)

    async def _block(self, file: AlarmFile, start: int, stop: int) -> None:
        head = stream_head(file.name.encode("gbk"), start, stop - start)
        raw = head + file.data[start:stop]
        if self._cuts and self._rng.random() < 0.3:
            self._cuts -= 1
            self._writer.write(raw[: self._rng.randrange(1, len(raw))])
            await self._writer.drain()
            raise ConnectionResetError("breaks off")
        self._writer.write(raw)
        await self._writer.drain()

    async def _finished(self, file: AlarmFile) -> list[tuple[int, int]]:
        """0x1212; the ranges that 0x9212 asks for."""
        self._put(0x1212, FileFinished(name=file.name, type=file.type, size=len(file.data)).encode(self._truck.edition))
        answer = await self._answer(lambda frame: frame.header.message_id in (0x9212, 0x8001))
        if answer.header.message_id != 0x9212:
            return []
        message: Any = decode_body(0x9212, answer.header.edition, answer.body)
        return [(each.offset, each.length) for each in message.packages]

    async def _ask(self, message_id: int, body: bytes) -> int:
        """Send, and the result of the 0x8001 that answers the last frame of it."""
        serial = self._put(message_id, body)
        answer = await self._answer(
            lambda frame: frame.header.message_id == 0x8001 and int.from_bytes(frame.body[:2], "big") == serial
        )
        return answer.body[4]

    def _put(self, message_id: int, body: bytes) -> int:
        frames = split(wire.header(self._truck, message_id, self._serial), body)
        last = (self._serial + len(frames) - 1) & 0xFFFF
        self._serial = (last + 1) & 0xFFFF
        self._writer.write(b"".join(frames))
        return last

    async def _answer(self, fits: Callable[[Frame], bool]) -> Frame:
        async with asyncio.timeout(ANSWER_S):
            while True:
                await self._reader.readuntil(b"\x7e")
                raw = await self._reader.readuntil(b"\x7e")
                frame = decode_frame(b"\x7e" + raw)
                if fits(frame):
                    return frame


class _Raw:
    """An identification that goes back byte for byte."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def encode(self, edition: int = 0) -> bytes:
        return self._raw
