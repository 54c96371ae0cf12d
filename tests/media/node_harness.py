"""A media node in this process on real ports and a real bus, terminals as sockets, viewers as the core is one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import msgspec

from luwei.bus import Bus
from luwei.media.node import Node
from luwei.media.orders import (
    BINARY,
    EVENT_SUBJECT,
    RECORD,
    TEXT,
    Admit,
    Answer,
    AudioHints,
    Close,
    Event,
    Expect,
    Request,
    StreamState,
    node_subject,
)
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
PHONE = "13912345678"
STEP_MS = 40


async def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first truthy value of ``condition``."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.01)


@dataclass
class Looking:
    """What a viewer got."""

    texts: list[dict[str, Any]] = field(default_factory=list)
    video: list[bytes] = field(default_factory=list)
    audio: list[bytes] = field(default_factory=list)
    ended: bool = False
    reading: bool = True

    def opened(self, track: str = "video") -> list[dict[str, Any]]:
        return [each for each in self.texts if each["kind"] == "open" and each["track"] == track]

    def decoded(self, track: str = "video") -> int:
        """Pictures (or samples) that decode out of what came since the last "open"."""
        parts = self.video if track == "video" else self.audio
        starts = [number for number, part in enumerate(parts) if part[4:8] == b"ftyp"]
        data = b"".join(parts[starts[-1] :]) if starts else b""
        if not data:
            return 0
        with av.open(io.BytesIO(data)) as container:
            frames = list(container.decode(container.streams[0]))
        return len(frames) if track == "video" else sum(getattr(frame, "samples", 0) for frame in frames)

    @property
    def pictures(self) -> int:
        """Pictures in the fragments since the last "open"; other forms are not counted."""
        starts = [number for number, part in enumerate(self.video) if part[4:8] == b"ftyp"]
        return sum(int.from_bytes(part[80:84], "big") for part in self.video[starts[-1] :][1:]) if starts else 0

    def boxes(self, name: bytes) -> list[bytes]:
        return [part for part in self.video if part[4:8] == name]


class View:
    """One viewer's line to the view port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.got = Looking()
        self.resume = asyncio.Event()
        self.resume.set()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.resume.wait()
                size, kind = RECORD.unpack(await self._reader.readexactly(RECORD.size))
                body = await self._reader.readexactly(size)
                if kind == TEXT:
                    self.got.texts.append(json.loads(body))
                else:
                    assert kind == BINARY
                    (self.got.video if body[0] == 1 else self.got.audio).append(body[1:])
        self.got.ended = True

    def say(self, **message: Any) -> None:
        body = json.dumps(message).encode()
        self._writer.write(RECORD.pack(len(body), TEXT) + body)

    def speak(self, samples: bytes) -> None:
        """Sound for the terminals, PCM."""
        self._writer.write(RECORD.pack(len(samples), BINARY) + samples)

    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, return_exceptions=True)


class Truck:
    """A terminal's media connection, byte by byte as the test wants it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def cut(self) -> bool:
        """Whether the node closed the connection within a while."""
        try:
            async with asyncio.timeout(40):
                while await self.reader.read(4096):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.writer.close()


class Harness:
    """The node with what talks to it."""

    def __init__(self, node: Node, bus: Bus) -> None:
        self.node = node
        self.bus = bus
        self.events: list[Event] = []
        self._trucks: list[Truck] = []
        self._views: list[View] = []
        self._streams: set[str] = set()

    async def start(self) -> None:
        async def heard(_: str, payload: bytes, __: dict[str, str]) -> None:
            self.events.append(msgspec.msgpack.decode(payload, type=Event))

        await self.bus.subscribe(EVENT_SUBJECT, heard)
        await self.node.start()

    async def ask(self, request: Request) -> Answer:
        reply = await self.bus.request(node_subject(self.node.name), msgspec.msgpack.encode(request), 5)
        return msgspec.msgpack.decode(reply, type=Answer)

    async def expect(
        self, phone: str = PHONE, channel: int = 1, line: str = "live", name: str = "", **more: Any
    ) -> str:
        name = name or f"{line}-{phone}-{channel}"
        answer = await self.ask(Expect(name, line, phone, channel, line, audio=more.pop("audio", AudioHints()), **more))
        assert answer.refused == ""
        self._streams.add(name)
        return name

    async def view(
        self, stream: str, formats: tuple[str, ...] = ("fmp4-h264", "fmp4-h265"), audio: bool = False
    ) -> View:
        key = secrets.token_hex(8)
        assert (await self.ask(Admit(stream, f"v{key}", key, list(formats), audio, 5000))).refused == ""
        view = await self.stranger()
        view.say(key=key)
        await until(lambda: any(each.name == f"v{key}" for each in self.viewers(stream)), "viewer there")
        return view

    async def supervisor(self, talk: str) -> View:
        """The line of a talk, as the core has it."""
        key = secrets.token_hex(8)
        assert (await self.ask(Admit(talk, talk, key, [], True, 5000))).refused == ""
        view = await self.stranger()
        view.say(key=key)
        await until(
            lambda: (found := self.node.talk(talk)) is not None and found.viewer is not None, "supervisor there"
        )
        return view

    def viewers(self, stream: str) -> set[Any]:
        found = self.node.stream(stream)
        return found.viewers if found is not None else set()

    async def stranger(self) -> View:
        """A connection to the view port that says nothing yet."""
        port = self.node.health()["view_port"]
        line = socket.socket()
        line.setblocking(False)
        # as the core: what lies in the kernel is late
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
        view = View(*await asyncio.open_connection(sock=line))
        self._views.append(view)
        return view

    async def truck(self, line: str = "live", host: str = "127.0.0.1") -> Truck:
        port = self.node.health()["ports"][line]
        truck = Truck(*await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0)))
        self._trucks.append(truck)
        return truck

    def state(self, stream: str) -> StreamState:
        found = self.node.stream(stream)
        assert found is not None, stream
        return found.report()

    def refused(self) -> dict[str, int]:
        return dict(self.node.health()["refused"])

    async def clear(self) -> None:
        """Nothing of one test is there for the next."""
        for view in self._views:
            await view.close()
        for truck in self._trucks:
            truck.close()
        for name in self._streams:
            await self.ask(Close(name, "test", 0))
        self._views, self._trucks = [], []
        self._streams.clear()
        self.events.clear()


def capture(name: str) -> bytes:
    """The bytes of a captured stream."""
    return gzip.decompress((VECTORS / f"{name}.bin.gz").read_bytes())


def packets(
    units: list[tuple[bytes, bool]],
    phone: str = PHONE,
    channel: int = 1,
    sim_size: int = 6,
    payload_type: int = 98,
    start_ms: int = 0,
    step_ms: int = STEP_MS,
    writer: PacketWriter | None = None,
) -> list[bytes]:
    """Pictures (Annex-B, key) as packets, one entry a picture."""
    writer = writer or PacketWriter(sim_field(phone[-2 * sim_size :], sim_size), channel)
    return [
        b"".join(writer.video(data, payload_type, start_ms + n * step_ms, 0, step_ms, 0 if key else 1))
        for n, (data, key) in enumerate(units)
    ]
