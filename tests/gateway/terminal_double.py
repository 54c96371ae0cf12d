"""A terminal for tests: frames made by the declarative encoder, answers read from a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.protocol.jt808.stream import FrameCutter

REPORT = bytes.fromhex("0000000000080003" + "0157fafb06cc628c" + "0023025d005a" + "250601083015")
ITEMS = bytes.fromhex("01040001e240" + "03020258" + "30011f" + "31010c")


def location(latitude: int = 22_543_099, items: bytes = ITEMS, time: str = "250601083015") -> bytes:
    """A 0x0200 body in Guangdong."""
    return REPORT[:8] + latitude.to_bytes(4, "big") + REPORT[12:22] + bytes.fromhex(time) + items


class Terminal:
    """One terminal; ``edition`` decides header and bodies."""

    def __init__(self, phone: str = "13800138000", edition: int = 2019, plate: str = "粤B12345") -> None:
        self.phone, self.edition, self.plate = phone, edition, plate
        self.serial = 0
        self.code = ""
        self.cutter = FrameCutter()
        self.inbox: list[Frame] = []
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def frame(self, message_id: int, body: bytes = b"", **more: Any) -> bytes:
        """The next frame; ``phone`` and ``serial`` may be given."""
        phone, serial = more.pop("phone", self.phone), more.pop("serial", self.serial)
        self.serial = (serial + 1) % 65536
        width = 20 if self.edition == 2019 else 12
        header = Header(
            message_id=message_id,
            body_length=len(body),
            serial=serial,
            phone_raw=bytes.fromhex(phone.rjust(width, "0")),
            edition=self.edition,
            protocol_version=1 if self.edition == 2019 else 0,
            **more,
        )
        return encode_frame(header, body)

    async def connect(self, port: int, host: str = "127.0.0.1") -> None:
        self.reader, self.writer = await asyncio.open_connection(host, port)

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def receive(self, seconds: float = 30.0) -> Frame:
        """The next frame from the platform. Raises TimeoutError, or EOFError when the line ends."""
        async with asyncio.timeout(seconds):
            while not self.inbox:
                chunk = await self.reader.read(65536)
                if not chunk:
                    raise EOFError
                self.inbox += [decode_frame(raw, strict=True) for raw in self.cutter.feed(chunk)]
        return self.inbox.pop(0)

    async def result(self, seconds: float = 30.0) -> tuple[int, int, int]:
        """The next 0x8001 as (reply serial, reply id, result)."""
        frame = await self.receive(seconds)
        assert frame.header.message_id == 0x8001, hex(frame.header.message_id)
        body = frame.body
        return int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big"), body[4]

    async def results(self, count: int, seconds: float = 30.0) -> list[tuple[int, int, int]]:
        return [await self.result(seconds) for _ in range(count)]

    async def silent(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes for so long."""
        try:
            await self.receive(seconds)
        except TimeoutError:
            return True
        return False

    async def closed(self, seconds: float = 30.0) -> bool:
        """Whether the platform closes the line within ``seconds``."""
        try:
            while True:
                await self.receive(seconds)
        except (EOFError, ConnectionError):
            return True
        except TimeoutError:
            return False

    def registration(self) -> bytes:
        body = Registration(
            province=44,
            city=300,
            manufacturer="70111",
            model="TEST-1",
            terminal_id=f"T{int(self.phone, 16) % 10**6:06}",
            plate_color=2,
            plate=self.plate,
        )
        return self.frame(0x0100, body.encode(self.edition))

    def authentication(self, code: str) -> bytes:
        if self.edition == 2019:
            return self.frame(
                0x0102,
                Authentication(auth_code=code, imei="123456789012345", software_version="V1").encode(2019),
            )
        return self.frame(0x0102, Authentication(auth_code=code).encode(self.edition))

    async def register(self) -> int:
        """0x0100; keeps the code and returns the result."""
        await self.send(self.registration())
        frame = await self.receive()
        assert frame.header.message_id == 0x8100
        self.code = frame.body[3:].decode("ascii")
        return frame.body[2]

    async def authenticate(self, code: str | None = None) -> int:
        await self.send(self.authentication(self.code if code is None else code))
        return (await self.result())[2]

    async def log_in(self, port: int) -> None:
        """Connect, register where there is no code yet, authenticate."""
        await self.connect(port)
        if not self.code:
            assert await self.register() == 0
        assert await self.authenticate() == 0

    def close(self) -> None:
        self.writer.close()
