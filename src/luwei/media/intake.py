"""The ports that terminals stream to: TCP and UDP, one number for each line (live, playback, talk)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections import Counter, OrderedDict
from typing import Any, Protocol, cast

from luwei.media.feed import FIRST_PACKET_S, Feed
from luwei.media.orders import LIVE, TALK
from luwei.media.stream import Stream
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt1078.packet import AUDIO, SIM_SIZES, Packet, decode_packet
from luwei.protocol.jt1078.serials import Reordering
from luwei.protocol.jt1078.stream import PacketReader

PAUSE_S = 11 * 60
"""A line of playback may be silent for so long: it is paused (reference §6 limits that to 10 min), and the core ends
what stopped otherwise. A line of talk may too: a broadcast only goes down."""
SETTLE_S = 1.0
"""A lone first packet is judged by its length after so long, and a line that says nothing by its address."""
UNSENT_MAX = 2 << 10
"""Octets that may wait to be sent to a terminal, in the process and in its kernel each: what waits is late."""
NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
ROUND_TRIP_AT = 68
"""Place of the smoothed round trip in the kernel's TCP_INFO, 32 bits, µs."""


class Host(Protocol):
    """What the ports need of their node."""

    idle_s: int
    connections_max: int
    connections_per_address: int

    def route(self, feed: Feed, sim_raw: bytes, channel: int) -> Stream | None: ...

    def silent(self, feed: Feed) -> Stream | None: ...

    def refuse(self, reason: str, peer: str = "", detail: str = "") -> None: ...


class Connection(Feed, asyncio.Protocol):
    """A TCP connection of a terminal."""

    def __init__(self, intake: Intake, line: str) -> None:
        super().__init__(intake.host, line, "", "", time.monotonic())
        self._intake = intake
        self._transport: asyncio.Transport | None = None
        self._reader = PacketReader(sound=line == TALK)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer: Any = transport.get_extra_info("peername") or ("", 0)
        self.address, self.peer = str(peer[0]), f"{peer[0]}:{peer[1]}"
        if line := transport.get_extra_info("socket"):
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if self.line == TALK:
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    line.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, UNSENT_MAX)
        self._intake.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        now = time.time_ns() // 1_000_000
        self.heard_s = now_s = time.monotonic()
        self.take(self._reader.feed(data), len(data), now, now_s)
        if self._reader.hopeless:
            self.cut_off("garbage", "no packet in 64 KiB")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._intake.closed(self)
        self.lost()

    def write(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None or self.ended or transport.get_write_buffer_size() > UNSENT_MAX:
            return False
        transport.write(data)
        return True

    @property
    def round_trip_ms(self) -> int | None:
        line = self._transport.get_extra_info("socket") if self._transport is not None else None
        if line is None:
            return None
        with contextlib.suppress(OSError):
            told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, ROUND_TRIP_AT + 4)
            return (
                round(int.from_bytes(told[ROUND_TRIP_AT:], sys.byteorder) / 1000) if len(told) > ROUND_TRIP_AT else None
            )
        return None

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def second(self, now_ms: int) -> None:
        super().second(now_ms)
        now_s = time.monotonic()
        if not self.packets and now_s - self.heard_s > SETTLE_S:
            self.take(self._reader.settle(), 0, now_ms, now_s)
            if not self.packets and not self.streams and (stream := self._intake.host.silent(self)) is not None:
                self.assume(stream)
        if self.streams and not self.packets and self.line == TALK:
            return
        if not self.packets and not self.streams and now_s - self.opened_s > FIRST_PACKET_S:
            self.cut_off("no_packet" if not self._reader.garbage else "garbage", "no packet in 5 s")
        elif now_s - self.heard_s > (idle_s := self._intake.idle_s(self.line)):
            self.cut_off("idle", f"nothing for {idle_s} s")


class DatagramSource(Feed):
    """An address that sends datagrams. It ends by being idle."""

    transport_name = "udp"

    def __init__(self, intake: Intake, line: str, address: tuple[str, int]) -> None:
        super().__init__(intake.host, line, f"{address[0]}:{address[1]}", address[0], time.monotonic())
        self._intake = intake
        self._address = address
        self._order = Reordering()
        self._sim_size = 0

    def datagram(self, data: bytes) -> None:
        """One datagram: whole packets, usually one."""
        now_s, now = time.monotonic(), time.time_ns() // 1_000_000
        packets = self._read(data)
        if not packets:
            if not self.packets:
                self.cut_off("garbage", "a datagram that is no packet")
            return
        self.heard_s = now_s
        for packet in packets:
            self.take(self._order.add(packet, now), 0, now, now_s)
        if self._stream is not None:
            self._stream.count(len(data))

    def _read(self, data: bytes) -> list[Packet]:
        """The packets of a datagram, whose end is theirs: that tells the width of the SIM."""
        sizes = (self._sim_size, *SIM_SIZES) if self._sim_size else SIM_SIZES
        if self.line == TALK and not self._sim_size:
            sizes = SIM_SIZES[::-1]  # sound with 10 octets may read as a picture with 6 (``PacketReader``)
        for size in sizes:
            packets, at = [], 0
            try:
                while at < len(data):
                    packet, taken = decode_packet(data[at:], size)
                    packets.append(packet)
                    at += taken
            except ProtocolError:
                continue
            if self.line == TALK and not self._sim_size and size == SIM_SIZES[1] and packets[0].data_type != AUDIO:
                continue
            self._sim_size = size
            return packets
        return []

    def tick(self, now_ms: int) -> None:
        """Let go what waited long enough for its predecessors."""
        if due := self._order.due(now_ms):
            self.take(due, 0, now_ms, time.monotonic())

    def second(self, now_ms: int) -> None:
        super().second(now_ms)
        if time.monotonic() - self.heard_s > self._intake.idle_s(self.line):
            self.end("idle")

    def write(self, data: bytes) -> bool:
        return not self.ended and self._intake.send(data, self._address, self.line)

    def hang_up(self) -> None:
        self._intake.forget(self._address, self.line)
        self.lost()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, intake: Intake, line: str) -> None:
        self._intake = intake
        self._line = line

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._intake.datagram(data, (str(addr[0]), addr[1]), self._line)


class Intake:
    """All lines of one process."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.ports: dict[str, int] = {}
        self._connections: set[Connection] = set()
        self._sources: OrderedDict[tuple[str, tuple[str, int]], DatagramSource] = OrderedDict()
        self._addresses: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._datagrams: dict[str, asyncio.DatagramTransport] = {}

    def __len__(self) -> int:
        return len(self._connections) + len(self._sources)

    def idle_s(self, line: str) -> int:
        """A line may be silent for so long."""
        return self.host.idle_s if line == LIVE else max(self.host.idle_s, PAUSE_S)

    async def open(self, line: str, address: str, port: int) -> None:
        """Listen for ``line``; port 0 takes a free one. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self, line), address, port, backlog=512)
        self._servers.append(server)
        self.ports[line] = port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self, line), (address, port))
        self._datagrams[line] = transport

    def stop(self) -> None:
        """Close the ports and every line."""
        for server in self._servers:
            server.close()
        for transport in self._datagrams.values():
            transport.close()
        for feed in (*self._connections, *self._sources.values()):
            feed.end("stopping")

    def opened(self, connection: Connection) -> None:
        """A connection was made; it is cut off where there are too many."""
        self._connections.add(connection)
        self._addresses[connection.address] += 1
        if len(self) > self.host.connections_max:
            connection.cut_off("connections", f"more than {self.host.connections_max}")
        elif self._addresses[connection.address] > self.host.connections_per_address:
            connection.cut_off("connections_address", f"more than {self.host.connections_per_address}")

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]

    def datagram(self, data: bytes, address: tuple[str, int], line: str) -> None:
        """A datagram came."""
        source = self._sources.get((line, address))
        if source is None:
            if len(self) >= self.host.connections_max:
                self.host.refuse("connections", address[0])
                return
            source = self._sources[line, address] = DatagramSource(self, line, address)
        source.datagram(data)

    def send(self, data: bytes, address: tuple[str, int], line: str) -> bool:
        """Send a datagram from the port of ``line``; whether there is one."""
        transport = self._datagrams.get(line)
        if transport is None or transport.is_closing():
            return False
        transport.sendto(data, address)
        return True

    def forget(self, address: tuple[str, int], line: str) -> None:
        """A source of datagrams ended."""
        self._sources.pop((line, address), None)

    def reconsider(self, line: str, channel: int) -> None:
        """A stream is expected from now on, which a line may bring already."""
        for feed in (*self._connections, *self._sources.values()):
            feed.reconsider(line, channel)

    def tick(self, now_ms: int) -> None:
        """To be called ten times a second."""
        for source in list(self._sources.values()):
            source.tick(now_ms)

    def second(self, now_ms: int) -> None:
        """To be called once a second."""
        for feed in (*self._connections, *self._sources.values()):
            feed.second(now_ms)
