"""A terminal on the attachment link, for tests: written from the standard's tables, with sockets of its own."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any

SUBIAO_ID = b"A000001" + bytes.fromhex("250601083014") + b"\x00\x03\x00"
"""报警标识号 of 16 bytes: terminal A000001, 2025-06-01 08:30:14, serial 0, 3 files."""
YUEBIAO_ID = b"A000001".ljust(30, b"\x00") + bytes.fromhex("250601083014") + b"\x00\x03\x00\x00"


def frame(message_id: int, body: bytes, phone: str, serial: int, edition: int = 2013) -> bytes:
    """2013 §4.4.3: id, length, phone BCD[6], serial; 2019: version flag and byte, phone BCD[10]."""
    if edition == 2019:
        head = struct.pack(">HHB", message_id, len(body) | 0x4000, 1) + bytes.fromhex(phone.rjust(20, "0"))
    else:
        head = struct.pack(">HH", message_id, len(body)) + bytes.fromhex(phone.rjust(12, "0"))
    content = head + struct.pack(">H", serial) + body
    content += bytes([reduce(xor, content)])
    return b"\x7e" + content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def information(
    identification: bytes, alarm_no: bytes, files: list[tuple[bytes, int]], kind: int = 0, head: int | None = None
) -> bytes:
    """0x1210, 苏标 table 4-23, 粤标 table 5-23."""
    size = {16: 7, 40: 30, 39: 30, 38: 0}[len(identification)] if head is None else head
    listed = b"".join(bytes([len(name)]) + name + size.to_bytes(4, "big") for name, size in files)
    return identification[:size] + identification + alarm_no.ljust(32, b"\x00") + bytes([kind, len(files)]) + listed


def file_body(name: bytes, file_type: int, size: int) -> bytes:
    """0x1211 and 0x1212."""
    return bytes([len(name)]) + name + bytes([file_type]) + size.to_bytes(4, "big")


def block(name: bytes, offset: int, data: bytes) -> bytes:
    """文件码流, 苏标 table 4-26."""
    return b"01cd" + name.ljust(50, b"\x00") + struct.pack(">II", offset, len(data)) + data


@dataclass
class Answer:
    """One frame of the platform."""

    message_id: int
    serial: int
    body: bytes

    @property
    def result(self) -> int:
        """Of 0x8001."""
        assert self.message_id == 0x8001, hex(self.message_id)
        return self.body[4]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Of 0x9212."""
        assert self.message_id == 0x9212, hex(self.message_id)
        at = 1 + self.body[0] + 1
        result, count = self.body[at], self.body[at + 1]
        assert bool(count) == bool(result)
        return [struct.unpack_from(">II", self.body, at + 2 + 8 * number) for number in range(count)]  # type: ignore[misc]


class AttachmentTerminal:
    """One connection."""

    def __init__(self, phone: str = "13800138000", edition: int = 2013) -> None:
        self.phone, self.edition = phone, edition
        self.serial = 0
        self.reader: Any = None
        self.writer: Any = None

    async def connect(self, port: int) -> AttachmentTerminal:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def send(self, message_id: int, body: bytes) -> None:
        self.serial += 1
        await self.raw(frame(message_id, body, self.phone, self.serial, self.edition))

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, seconds: float = 40) -> Answer:
        """The next frame; raises IncompleteReadError when the platform hung up."""
        raw = await asyncio.wait_for(self.reader.readexactly(1), seconds)
        assert raw == b"\x7e"
        content = (await asyncio.wait_for(self.reader.readuntil(b"\x7e"), seconds))[:-1]
        content = content.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
        assert reduce(xor, content) == 0
        message_id, attributes = struct.unpack_from(">HH", content)
        size = 17 if attributes & 0x4000 else 12
        assert attributes & 0x3FF == len(content) - size - 1
        return Answer(message_id, int.from_bytes(content[size - 2 : size], "big"), content[size:-1])

    async def ask(self, message_id: int, body: bytes, seconds: float = 40) -> Answer:
        await self.send(message_id, body)
        return await self.answer(seconds)

    async def announce(self, identification: bytes, alarm_no: bytes, files: list[tuple[bytes, int]]) -> int:
        return (await self.ask(0x1210, information(identification, alarm_no, files))).result

    async def blocks(self, name: bytes, data: bytes, size: int = 65_536, start: int = 0) -> None:
        for offset in range(start, len(data), size):
            await self.raw(block(name, offset, data[offset : offset + size]))

    async def upload(self, name: bytes, data: bytes, file_type: int = 0) -> list[tuple[int, int]]:
        """One file as the standard has it; the ranges asked for again at the first 0x1212."""
        assert (await self.ask(0x1211, file_body(name, file_type, len(data)))).result == 0
        await self.blocks(name, data)
        return (await self.ask(0x1212, file_body(name, file_type, len(data)))).ranges

    async def hung_up(self) -> bool:
        """Whether the platform closes the line, after what it still says."""
        try:
            while await asyncio.wait_for(self.reader.read(4096), 40):
                pass
        except ConnectionError:
            pass
        return True

    def close(self, hard: bool = False) -> None:
        if hard:
            self.writer.transport.abort()
        else:
            self.writer.close()
