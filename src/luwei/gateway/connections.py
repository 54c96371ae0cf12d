"""What the gateway knows of each connection: arrays by slot for the hot path, one small object for the rest.

A slot is a small number: the file descriptor of a TCP connection, or one above ``Table.tcp_slots`` for a UDP session.
A slot is used again after its connection has closed; ``generation`` tells the two apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

FREE, GREETING, ONLINE = 0, 1, 2
"""States: no connection, not authenticated yet, authenticated."""

UDP_SESSIONS = 65_536


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Connection:
    """The rarely touched part of a connection."""

    __slots__ = (
        "failures",
        "host",
        "opened_ms",
        "phone",
        "port",
        "session",
        "slot",
        "transport",
        "waiting",
    )

    def __init__(self, slot: int, transport: str, host: str, port: int, opened_ms: int) -> None:
        self.slot = slot
        self.transport = transport
        self.host = host
        self.port = port
        self.opened_ms = opened_ms
        self.phone = ""
        self.session = 0
        self.failures = 0
        self.waiting = False
        """A registration or authentication of this connection is with the registry; its later bytes wait."""

    @property
    def peer(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Table:
    """All connections. Arrays have one element a slot; untouched parts of them take no memory."""

    def __init__(self, tcp_slots: int) -> None:
        size = tcp_slots + UDP_SESSIONS
        self.tcp_slots = tcp_slots
        self.state = np.zeros(size, np.uint8)
        self.generation = np.zeros(size, np.uint32)
        self.phone_high = np.zeros(size, np.uint16)
        self.phone_low = np.zeros(size, np.uint64)
        self.vehicle_id = np.zeros(size, np.uint32)
        self.terminal_id = np.zeros(size, np.uint32)
        self.edition = np.zeros(size, np.uint16)
        self.profile = np.zeros(size, np.uint16)
        """Number of the session's profile (``luwei.gateway.dialects``)."""
        self.dialect = np.zeros(size, np.uint8)
        """Code of the dialect of active safety that the session's terminal has shown; 0: none yet."""
        self.special: set[int] = set()
        """Slots whose profile reads locations otherwise than the standard."""
        self.serial = np.zeros(size, np.uint16)
        """Serial number of the next frame to the terminal."""
        self.last_serial = np.zeros(size, np.int32)
        """One more than the serial of the last 0x0200; 0: none yet."""
        self.last_hash = np.zeros(size, np.uint64)
        self.heard_ms = np.zeros(size, np.int64)
        self.frames = np.zeros(size, np.uint64)
        self.locations = np.zeros(size, np.uint64)
        self.refused = np.zeros(size, np.uint64)
        self.bytes_in = np.zeros(size, np.uint64)
        self.spent = np.zeros(size, np.uint32)
        """Frames since the last whole second, for the rate limit."""
        self.garbage = np.zeros(size, np.uint16)
        """Bad frames since the last good one."""
        self._connections: list[Connection | None] = [None] * size
        self._free_udp: list[int] = []
        self._next_udp = tcp_slots
        self.by_phone: dict[str, Connection] = {}
        self.count = 0

    def __getitem__(self, slot: int) -> Connection:
        connection = self._connections[slot]
        if connection is None:
            raise KeyError(slot)
        return connection

    def get(self, slot: int) -> Connection | None:
        return self._connections[slot]

    def __iter__(self) -> Iterator[Connection]:
        for slot in self.state.nonzero()[0].tolist():
            connection = self._connections[slot]
            if connection is not None:
                yield connection

    def open(self, slot: int, transport: str, host: str, port: int) -> Connection:
        """Enter a new connection in state GREETING."""
        at = now_ms()
        connection = Connection(slot, transport, host, port, at)
        self._connections[slot] = connection
        self.state[slot] = GREETING
        self.heard_ms[slot] = at
        for array in (self.frames, self.locations, self.refused, self.bytes_in, self.spent, self.garbage):
            array[slot] = 0
        self.serial[slot] = self.last_serial[slot] = self.last_hash[slot] = 0
        self.vehicle_id[slot] = self.terminal_id[slot] = 0
        self.profile[slot] = self.dialect[slot] = 0
        self.count += 1
        return connection

    def free(self, connection: Connection) -> None:
        """Leave the slot to others; answers under way to this connection are void from now on."""
        slot = connection.slot
        self._connections[slot] = None
        self.state[slot] = FREE
        self.generation[slot] += np.uint32(1)
        self.special.discard(slot)
        self.count -= 1
        if self.by_phone.get(connection.phone) is connection:
            del self.by_phone[connection.phone]
        if slot >= self.tcp_slots:
            self._free_udp.append(slot)

    def udp_slot(self) -> int:
        """A slot for a UDP session; -1 when all are taken."""
        if self._free_udp:
            return self._free_udp.pop()
        if self._next_udp == self.state.size:
            return -1
        self._next_udp += 1
        return self._next_udp - 1

    def next_serial(self, slot: int) -> int:
        serial = int(self.serial[slot])
        self.serial[slot] = (serial + 1) & 0xFFFF
        return serial

    def online(self) -> int:
        """Authenticated connections."""
        return int(np.count_nonzero(self.state == ONLINE))
