"""TCP sockets by bare descriptors: accept, read all that is there, write, and bounds for everything.

A connection costs no object of the event loop and no buffer while it is idle. One level-triggered epoll is asked once a
tick; bytes that are not read stay in the kernel and slow their sender down.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
from collections.abc import Callable, Sequence

import numpy as np
import structlog

from luwei.gateway.connections import Connection, Table
from luwei.protocol.jt808.batch.cut import Index

log = structlog.get_logger()

READ_SIZE = 64 * 1024
EVENTS = 16_384
BACKLOG = 8192
OUTBOX_MAX = 256 * 1024
"""Bytes kept for a terminal that does not read its answers; beyond it the connection is closed."""
SPARE_DESCRIPTORS = 64
ACCEPTS_A_TICK = 2048

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


def raise_descriptor_limit() -> int:
    """Set the soft limit of open files to the hard one and return it (at most 2²⁰)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class Wire:
    """The TCP side of a gateway process.

    ``closed(connection, reason)`` is called for every connection that ends, while its row is still there.
    """

    def __init__(self, table: Table, per_address: int, closed: Callable[[Connection, str], None]) -> None:
        self.table = table
        self.rests: dict[int, bytes] = {}
        """Slot → begin of an unfinished frame, or bytes that wait for the registry's answer."""
        self.again: set[int] = set()
        """Slots whose rest is to be decoded at the next tick even if nothing more arrives."""
        self.port = 0
        self._per_address = per_address
        self._addresses: dict[str, int] = {}
        self._closed = closed
        self._epoll = select.epoll()
        self._listener: socket.socket | None = None
        self._outbox: dict[int, bytearray] = {}
        self._muted: set[int] = set()
        self.refused_connections = 0
        self.saturated = False
        """The last ``gather`` stopped at its budget: more is waiting."""

    def listen(self, host: str, port: int) -> None:
        """Listen on ``host:port``, shared with other processes (SO_REUSEPORT). Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if hasattr(socket, "TCP_CONGESTION"):
                # Answers are some tens of bytes. Where the system's default is BBR it arms a timer for each of them
                # (pacing), which costs more than sending (measured: 1.4 µs of 15 a location).
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
            listener.setblocking(False)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._epoll.register(listener.fileno(), _IN)

    def stop_listening(self) -> None:
        if self._listener is not None:
            self._epoll.unregister(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def shut(self) -> None:
        """Close the listener and the epoll; connections are closed by ``close`` before."""
        self.stop_listening()
        self._epoll.close()

    def ready(self) -> int:
        """How many sockets have something to read, without reading it."""
        return len(self._epoll.poll(0, EVENTS))

    def gather(self, budget: int) -> tuple[list[int], list[bytes]]:
        """Read what is there, up to about ``budget`` bytes; slots and their chunks, each slot once.

        A chunk starts with what the connection had left over.
        """
        slots: list[int] = []
        chunks: list[bytes] = []
        rests, read, table = self.rests, os.read, self.table
        listener = self._listener.fileno() if self._listener is not None else -1
        again = self.again
        gone: list[tuple[int, str]] = []
        self.saturated = False
        for fd, event in self._epoll.poll(0, EVENTS):
            if event != _IN:
                if event & _OUT:
                    self._flush(fd)
                    continue
                if not event & _IN:
                    gone.append((fd, "reset"))
                    continue
            if fd == listener:
                self._accept()
                continue
            if rests and fd in rests:
                connection = table.get(fd)
                if connection is None or connection.waiting:
                    continue
                head = rests.pop(fd)
            else:
                head = b""
            try:
                chunk = read(fd, READ_SIZE)
            except (BlockingIOError, InterruptedError):
                if head:
                    rests[fd] = head
                continue
            except OSError:
                gone.append((fd, "reset"))
                continue
            if not chunk:
                if fd not in again:
                    gone.append((fd, "closed by terminal"))
                    continue
                again.discard(fd)
            slots.append(fd)
            budget -= len(chunk)
            chunks.append(head + chunk if head else chunk)
            if chunk and again:
                again.discard(fd)
            if budget < 0:
                self.saturated = True
                break
        if again:
            for slot in list(again):
                head = rests.pop(slot, b"")
                if head:
                    slots.append(slot)
                    chunks.append(head)
            again.clear()
        for fd, reason in gone:
            connection = table.get(fd)
            if connection is not None:
                self.close(connection, reason)
        return slots, chunks

    def _accept(self) -> None:
        listener = self._listener
        if listener is None:
            return
        for _ in range(ACCEPTS_A_TICK):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    log.warning("cannot accept", error=str(error))
                    return
                continue
            host, port = address[0], address[1]
            count = self._addresses.get(host, 0)
            if count >= self._per_address or sock.fileno() >= self.table.tcp_slots - SPARE_DESCRIPTORS:
                self.refused_connections += 1
                sock.close()
                continue
            self._addresses[host] = count + 1
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            fd = sock.detach()
            self.table.open(fd, "tcp", host, port)
            self._epoll.register(fd, _IN)

    def close(self, connection: Connection, reason: str) -> None:
        """Close a TCP connection now; unsent answers are lost."""
        slot = connection.slot
        self._closed(connection, reason)
        self.table.free(connection)
        self.rests.pop(slot, None)
        self._outbox.pop(slot, None)
        self._muted.discard(slot)
        self.again.discard(slot)
        left = self._addresses.get(connection.host, 1) - 1
        if left:
            self._addresses[connection.host] = left
        else:
            self._addresses.pop(connection.host, None)
        with contextlib.suppress(OSError):
            os.close(slot)

    def send(self, slot: int, data: bytes) -> None:
        """Write ``data``, keeping what the socket does not take."""
        if slot in self._outbox:
            self._append(slot, data)
            return
        try:
            written = os.write(slot, data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError:
            return  # the next read notices it
        if written < len(data):
            self._outbox[slot] = bytearray()
            self._append(slot, data[written:])

    def send_slices(self, slots: Sequence[int], wire: bytes, bounds: Sequence[int]) -> None:
        """Write ``wire[bounds[i] : bounds[i + 1]]`` to each slot."""
        outbox, write = self._outbox, os.write
        begin = bounds[0] if bounds else 0
        for slot, end in zip(slots, bounds[1:], strict=True):
            data = wire[begin:end]
            begin = end
            if outbox and slot in outbox:
                self._append(slot, data)
                continue
            try:
                written = write(slot, data)
            except (BlockingIOError, InterruptedError):
                written = 0
            except OSError:
                continue
            if written != len(data):
                outbox[slot] = bytearray()
                self._append(slot, data[written:])

    def _append(self, slot: int, data: bytes) -> None:
        box = self._outbox[slot]
        box += data
        if len(box) > OUTBOX_MAX:
            connection = self.table.get(slot)
            if connection is not None:
                self.close(connection, "does not read its answers")
            return
        self._watch(slot)

    def _flush(self, slot: int) -> None:
        box = self._outbox.get(slot)
        if box is None:
            return
        try:
            del box[: os.write(slot, box)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            connection = self.table.get(slot)
            if connection is not None:
                self.close(connection, "reset")
            return
        if not box:
            del self._outbox[slot]
            self._watch(slot)

    def _watch(self, slot: int) -> None:
        """While answers wait, nothing more is read from that connection: its sender must read first."""
        events = _OUT if slot in self._outbox else 0 if slot in self._muted else _IN
        with contextlib.suppress(OSError):
            self._epoll.modify(slot, events)

    def mute(self, slots: Index) -> None:
        """Stop reading these connections until ``unmute``."""
        for slot in slots.tolist():
            if slot not in self._muted and slot < self.table.tcp_slots:
                self._muted.add(slot)
                self._watch(slot)

    def unmute(self, limit: int) -> None:
        """A second is over: forgive ``limit`` frames each and read again whoever is below it."""
        spent = self.table.spent
        if not self._muted:
            spent[:] = 0
            return
        muted = np.array(sorted(self._muted), np.intp)
        debt = np.maximum(spent[muted].astype(np.int64) - limit, 0)
        spent[:] = 0
        spent[muted] = debt
        for slot in muted[debt < limit].tolist():
            self._muted.discard(slot)
            self._watch(slot)
