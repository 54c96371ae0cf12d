"""A media server for the simulator's tests: takes connections and datagrams, reads what comes, says what it was."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from luwei.protocol.jt1078.frames import Frame, FrameAssembler
from luwei.protocol.jt1078.packet import AUDIO, Packet
from luwei.protocol.jt1078.stream import PacketReader, Slip
from luwei.protocol.jt1078.video import Picture, VideoTrack


class Heard:
    """What one connection, or one source of datagrams, brought."""

    def __init__(self, transport: asyncio.Transport | None = None) -> None:
        self.transport = transport
        self.reader = PacketReader()
        self.assembler = FrameAssembler()
        self.track = VideoTrack()
        self.packets: list[Packet] = []
        self.frames: list[Frame] = []
        self.pictures: list[Picture] = []
        self.slips = 0
        self.octets = 0
        self.closed = False

    def feed(self, data: bytes) -> None:
        self.octets += len(data)
        self._take(self.reader.feed(data))

    def settle(self) -> None:
        """Nothing came for a while: a lone packet counts too (reference §1.2, 4)."""
        self._take(self.reader.settle())

    def _take(self, events: list[Packet | Slip]) -> None:
        for event in events:
            if isinstance(event, Slip):
                self.slips += 1
                self.assembler.slip()
                continue
            self.packets.append(event)
            frame = self.assembler.add(event, 0)
            if frame is not None:
                self.frames.append(frame)
                picture = self.track.take(frame) if frame.data_type < AUDIO else None
                if picture is not None:
                    self.pictures.append(picture)

    @property
    def video(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.data_type < AUDIO]

    @property
    def audio(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.data_type == AUDIO]


class _Tcp(asyncio.Protocol):
    def __init__(self, server: MediaEar) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._heard = Heard(cast(asyncio.Transport, transport))
        self._server.heard.append(self._heard)

    def data_received(self, data: bytes) -> None:
        self._heard.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard.closed = True


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: MediaEar) -> None:
        self._server = server
        self._sources: dict[Any, Heard] = {}

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr not in self._sources:
            self._sources[addr] = Heard()
            self._server.heard.append(self._sources[addr])
        self._sources[addr].feed(data)


class MediaEar:
    """Listens on one TCP and one UDP port."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.tcp_port = self.udp_port = 0

    async def __aenter__(self) -> MediaEar:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Tcp(self), "127.0.0.1", 0)
        self.tcp_port = self._server.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=("127.0.0.1", 0))
        self.udp_port = self._udp.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._udp.close()
        for heard in self.heard:
            if heard.transport is not None:
                heard.transport.abort()
        await asyncio.sleep(0)


def decoded(frames: list[Frame], codec: str = "h264") -> list[NDArray[np.uint8]]:
    """The luma of the pictures of video frames."""
    context: Any = av.CodecContext.create({"h264": "h264", "h265": "hevc"}[codec], "r")
    pictures: list[Any] = []
    for frame in frames:
        pictures += context.decode(av.Packet(frame.body))
    pictures += context.decode(None)
    return [picture.to_ndarray(format="gray") for picture in pictures]
