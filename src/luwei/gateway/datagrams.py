"""UDP on the gateway's port (JT/T 808-2019 §4.1): each datagram holds whole frames; a session is (address, phone).

Replies go to the address the datagram came from. A datagram needs no connection, so a session is opened by the first
frame of a phone from an address and ends by silence, unregistering or takeover.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from luwei.gateway.connections import Connection, Table
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import unescape
from luwei.protocol.jt808.header import EDITION_2019, decide_edition

DATAGRAM_MAX = 65_536
DATAGRAMS_A_TICK = 4096
RECEIVE_BUFFER = 8 << 20

_FLAG = b"\x7e"
_Key = tuple[str, int, str]


def phone_of(datagram: bytes) -> str:
    """Canonical phone of the first frame in a datagram; empty when it cannot be read."""
    for piece in datagram.split(_FLAG):
        if not piece:
            continue
        try:
            content = unescape(piece)
            decided = decide_edition(content) if len(content) > 12 else None
        except ProtocolError:
            return ""
        if decided is None:
            return ""
        raw = content[5:15] if decided[0] == EDITION_2019 else content[4:10]
        return raw.hex().lstrip("0") or "0"
    return ""


class Datagrams:
    """The UDP side of a gateway process; slots lie above ``Table.tcp_slots``."""

    def __init__(self, table: Table, per_address: int, closed: Callable[[Connection, str], None]) -> None:
        self._table = table
        self._per_address = per_address
        self._closed = closed
        self._socket: socket.socket | None = None
        self._sessions: dict[_Key, int] = {}
        self._keys: dict[int, tuple[_Key, tuple[str, int]]] = {}
        self._addresses: dict[str, int] = {}
        self._buffer = bytearray(DATAGRAM_MAX)
        self.refused_sessions = 0

    def listen(self, host: str, port: int) -> None:
        """Receive on ``host:port``, shared with other processes. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setblocking(False)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        self._socket = sock

    def shut(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def gather(self) -> tuple[list[int], list[bytes]]:
        """Datagrams that are there, joined by session; each slot once."""
        if self._socket is None:
            return [], []
        received: dict[int, list[bytes]] = {}
        receive, view = self._socket.recvfrom_into, memoryview(self._buffer)
        for _ in range(DATAGRAMS_A_TICK):
            try:
                size, address = receive(self._buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an earlier reply could not be delivered (ICMP)
            data = bytes(view[:size])
            slot = self._slot(data, (address[0], address[1]))
            if slot >= 0:
                received.setdefault(slot, []).append(data)
        # a flag between two datagrams, should one lack its own
        return list(received), [_FLAG.join(parts) for parts in received.values()]

    def _slot(self, data: bytes, address: tuple[str, int]) -> int:
        key = (*address, phone_of(data))
        slot = self._sessions.get(key, -1)
        if slot >= 0:
            return slot
        count = self._addresses.get(address[0], 0)
        slot = self._table.udp_slot() if count < self._per_address else -1
        if slot < 0:
            self.refused_sessions += 1
            return -1
        self._addresses[address[0]] = count + 1
        self._table.open(slot, "udp", *address)
        self._sessions[key] = slot
        self._keys[slot] = (key, address)
        return slot

    def send(self, slot: int, data: bytes) -> None:
        """Send ``data`` to the session's address; what the network does not take is lost, as UDP is."""
        entry = self._keys.get(slot)
        if self._socket is not None and entry is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(data, entry[1])

    def close(self, connection: Connection, reason: str) -> None:
        """Forget the session."""
        self._closed(connection, reason)
        self._table.free(connection)
        key, address = self._keys.pop(connection.slot)
        del self._sessions[key]
        left = self._addresses[address[0]] - 1
        if left:
            self._addresses[address[0]] = left
        else:
            del self._addresses[address[0]]
