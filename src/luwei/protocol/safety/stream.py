"""The attachment link: ordinary frames mixed with 文件码流 stream frames (苏标 table 4-26, 粤标 table 5-26).

At a boundary ``7e`` begins a frame that ends with the next ``7e``; ``30 31 63 64`` begins a stream frame that says its
own length. Stream data is not escaped and may hold both marks, so nothing is ever searched for inside it, and whatever
else stands at a boundary ends the link: there is no way back into step.

The reader keeps what it must of an unfinished frame or head, at most 2.3 KB; data passes through as views of the
caller's buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import CONTENT_MAX
from luwei.protocol.texts import read_text

MARK = b"01cd"
NAME_SIZE = 50
DATA_MAX = 1 << 20
"""Most data of one stream frame: the standard says 64 KiB, devices send somewhat more."""

_FLAG = 0x7E
_TAIL = struct.Struct(">II")
_NAMED = len(MARK) + NAME_SIZE
_HEAD = _NAMED + _TAIL.size
_ID_HIGH = 0x12
"""First byte of 0x1210 to 0x1212: a terminal that lets two frames share one flag begins the second with it."""


class StreamHead(NamedTuple):
    """Head of a stream frame: ``length`` bytes for place ``offset`` of the file follow. ``name`` as text, trimmed;
    ``cut`` tells that it fills its 50 bytes, so that its end may be missing (reference §7.2)."""

    name: str
    offset: int
    length: int
    cut: bool = False


class StreamData(NamedTuple):
    """The next bytes of the stream frame that was begun; ``data`` is valid until the caller's buffer changes."""

    offset: int
    data: memoryview
    last: bool


Event = bytes | StreamHead | StreamData
"""``bytes``: one frame with its flags, unchecked."""


def stream_head(name: bytes, offset: int, length: int) -> bytes:
    """What stands before ``length`` bytes of data. Raises ProtocolError ``value`` for a name beyond 50 bytes."""
    if len(name) > NAME_SIZE:
        raise ProtocolError("value", f"name of {len(name)} bytes: at most {NAME_SIZE}")
    return MARK + name.ljust(NAME_SIZE, b"\x00") + _TAIL.pack(offset, length)


class LinkReader:
    """Cuts one attachment link. ``known`` tells whether a file of that name was announced: it decides between the
    standard's head and the one of Heilongjiang, whose name has a length before it (reference §7.5)."""

    __slots__ = ("_known", "_left", "_name", "_offset", "_pending", "_raw")

    def __init__(self, known: Callable[[str], bool] = lambda name: False) -> None:
        self._known = known
        self._pending = bytearray()
        self._left = 0
        self._offset = 0
        self._raw, self._name = b"", ""
        """Mark and name of the last block: most blocks follow one of the same file."""

    @property
    def between(self) -> bool:
        """Whether nothing is begun."""
        return not self._pending and not self._left

    def take(self, view: memoryview, at: int) -> tuple[Event | None, int]:
        """The next event in ``view[at:]`` and the place behind it; None when more bytes are needed, all of these are
        then taken. Raises ProtocolError ``link`` for bytes that belong to nothing, ``body_length`` for too many."""
        if self._left:
            return self._data(view, at)
        end = len(view)
        while at < end:
            if not self._pending:
                if end - at >= _HEAD and self._raw == view[at : at + _NAMED]:
                    return self._same_file(view, at)
                first = view[at]
                if first == _ID_HIGH:
                    self._pending.append(_FLAG)
                elif first not in (_FLAG, MARK[0]):
                    raise ProtocolError("link", f"{bytes(view[at : at + 8]).hex(' ')} between frames", at)
                self._pending.append(first)
                at += 1
            event, at = self._frame(view, at) if self._pending[0] == _FLAG else self._head(view, at)
            if event is not None:
                return event, at
        return None, end

    def _same_file(self, view: memoryview, at: int) -> tuple[StreamHead, int]:
        offset, length = _TAIL.unpack_from(view, at + _NAMED)
        self._begin(offset, length, at)
        return StreamHead(self._name, offset, length, self._raw[-1] != 0), at + _HEAD

    def _begin(self, offset: int, length: int, at: int) -> None:
        if length > DATA_MAX:
            raise ProtocolError("body_length", f"stream frame of {length} bytes, at most {DATA_MAX}", at)
        self._offset, self._left = offset, length

    def _data(self, view: memoryview, at: int) -> tuple[StreamData | None, int]:
        size = min(self._left, len(view) - at)
        if size <= 0:
            return None, at
        offset = self._offset
        self._offset += size
        self._left -= size
        return StreamData(offset, view[at : at + size], not self._left), at + size

    def _frame(self, view: memoryview, at: int) -> tuple[bytes | None, int]:
        pending = self._pending
        room = CONTENT_MAX + 2 - len(pending)
        piece = bytes(view[at : at + room])
        stop = piece.find(_FLAG)
        if stop < 0:
            if len(piece) == room:
                raise ProtocolError("body_length", f"no frame ends within {CONTENT_MAX} bytes", at)
            pending += piece
            return None, at + len(piece)
        pending += piece[: stop + 1]
        at += stop + 1
        if len(pending) == 2:
            # two flags with nothing between them: the second opens the frame
            del pending[1:]
            return None, at
        frame = bytes(pending)
        pending.clear()
        return frame, at

    def _head(self, view: memoryview, at: int) -> tuple[StreamHead | None, int]:
        pending = self._pending
        while True:
            want = _HEAD
            counted = _counted_size(pending)
            if len(pending) <= len(MARK):
                want = len(MARK) + 1
            elif len(pending) < counted:
                want = min(counted, _HEAD)
            piece = view[at : at + want - len(pending)]
            pending += piece
            at += len(piece)
            if pending[: len(MARK)] != MARK[: len(pending)]:
                raise ProtocolError("link", f"{bytes(pending[:8]).hex(' ')} between frames", at)
            if len(pending) < want:
                return None, at
            head = self._counted() if len(pending) == counted else None
            if head is None and len(pending) == _HEAD:
                head = self._standard()
            if head is not None:
                break
        self._begin(head.offset, head.length, at)
        if len(pending) == _HEAD:
            self._raw, self._name = bytes(pending[:_NAMED]), head.name
        pending.clear()
        return head, at

    def _standard(self) -> StreamHead:
        raw = bytes(self._pending[len(MARK) : len(MARK) + NAME_SIZE])
        offset, length = _TAIL.unpack_from(self._pending, _HEAD - _TAIL.size)
        return StreamHead(read_text(raw), offset, length, cut=raw[-1:] != b"\x00")

    def _counted(self) -> StreamHead | None:
        """A head with a counted name. Control characters begin no name; a printable count may as well be the first
        character of one, so there the names that were announced decide."""
        size = len(self._pending)
        offset, length = _TAIL.unpack_from(self._pending, size - _TAIL.size)
        raw = bytes(self._pending[len(MARK) + 1 : size - _TAIL.size])
        name = read_text(raw)
        sure = self._pending[len(MARK)] < 0x20
        return StreamHead(name, offset, length) if sure or (b"\x00" not in raw and self._known(name)) else None


def _counted_size(pending: bytearray) -> int:
    """Bytes of a head whose name has its length before it, were this one; 0 where it cannot be."""
    if len(pending) <= len(MARK) or not 0 < pending[len(MARK)] < NAME_SIZE:
        return 0
    return len(MARK) + 1 + pending[len(MARK)] + _TAIL.size
