"""A platform for the simulator's tests: a real TCP server that keeps what it is told and acknowledges it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.messages.general import PlatformReply
from luwei.protocol.jt808.messages.location import Location, LocationBatch
from luwei.protocol.jt808.messages.registration import Authentication, RegistrationReply
from luwei.protocol.jt808.stream import FrameCutter


class Platform:
    """Registers and authenticates everyone, acknowledges everything; ``acknowledge`` may be exchanged by a test."""

    def __init__(self) -> None:
        self.port = 0
        self.frames: list[Frame] = []
        self.broken: list[ProtocolError] = []
        self.locations: dict[str, list[Location]] = {}
        self.late: dict[str, list[Location]] = {}
        self.writers: dict[str, asyncio.Transport] = {}
        self.connections = 0
        self.headers: dict[str, Header] = {}
        self.acknowledge: Callable[[Frame], int | None] = lambda frame: 0
        self._assembler = Assembler()
        self._serial = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.writers.values():
            writer.close()
        await asyncio.sleep(0)

    def ids(self, phone: str) -> list[int]:
        return [frame.header.message_id for frame in self.frames if frame.header.phone == phone]

    def send(self, phone: str, message_id: int, body: bytes = b"") -> int:
        """Send a command; returns its serial."""
        self._serial += 1
        like = self.headers[phone]
        header = Header(
            message_id=message_id,
            body_length=0,
            serial=self._serial,
            phone_raw=like.phone_raw,
            edition=like.edition,
            protocol_version=like.protocol_version,
        )
        self.writers[phone].write(encode_frame(header, body))
        return self._serial

    def take(self, frame: Frame, writer: asyncio.Transport) -> None:
        header, phone = frame.header, frame.header.phone
        self.frames.append(frame)
        self.headers[phone], self.writers[phone] = header, writer
        if header.message_id == 0x0100:
            reply = RegistrationReply(reply_serial=header.serial, result=0, auth_code=f"C{phone}")
            self.send(phone, 0x8100, reply.encode(header.edition))
            return
        result = self.acknowledge(frame)
        if header.message_id == 0x0102:
            code = Authentication.decode(frame.body, header.edition).auth_code
            result = 0 if code == f"C{phone}" else 1
        if result is not None and header.message_id not in (0x0001, 0x0104, 0x0201):
            reply_body = PlatformReply(reply_serial=header.serial, reply_id=header.message_id, result=result)
            self.send(phone, 0x8001, reply_body.encode(header.edition))
        if result == 0:
            whole = self._assembler.add(frame, 0.0)
            if header.message_id == 0x0200:
                self.locations.setdefault(phone, []).append(Location.decode(frame.body, header.edition))
            elif header.message_id == 0x0704 and whole is not None:
                batch = LocationBatch.decode(whole.body, header.edition)
                self.late.setdefault(phone, []).extend(batch.locations)


class _Connection(asyncio.Protocol):
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cutter = FrameCutter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._platform.connections += 1

    def data_received(self, data: bytes) -> None:
        for raw in self._cutter.feed(data):
            try:
                self._platform.take(decode_frame(raw), self._transport)
            except ProtocolError as error:
                self._platform.broken.append(error)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    server = Platform()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Waits for a condition; fails when it does not come."""

    async def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  the condition has no event of its own
                await asyncio.sleep(0.01)

    return wait
