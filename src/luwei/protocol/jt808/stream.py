"""Cutting a byte stream into candidate frames (2019 §4.4.1).

Every 0x7e is a separator: it may close one frame and open the next. What lies between two of them is a candidate when
it is long enough to be a frame, else noise. A candidate is not checked here; ``frame.decode_frame`` does that. Memory
is bounded whatever comes in.
"""

from __future__ import annotations

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import CONTENT_MAX, FLAG_UNESCAPED, decode_frame
from luwei.protocol.jt808.header import SIZE_2013, SIZE_2019

CONTENT_MIN = SIZE_2013
"""Shortest content of a frame: a header of 2013 whose check code 0x7e was taken for the flag (§11.1, 1)."""

_FLAG = b"\x7e"


class FrameCutter:
    """Cuts one connection's bytes, fed in chunks of any size, into candidate frames.

    A 0x7e that a device forgot to escape tears its frame in two (§11.1, 2). The first piece is returned as it stands
    (it will be refused); when the next piece completes it, the whole is returned in place of that piece, once.
    """

    __slots__ = ("_overrun", "_pending", "_started", "_torn", "noise_bytes")

    def __init__(self) -> None:
        self._pending = bytearray()
        self._started = False
        self._overrun = False
        self._torn = b""
        self.noise_bytes = 0
        """Bytes thrown away so far: before the first flag, between frames, beyond ``CONTENT_MAX``."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Candidate frames that ``chunk`` completes, each with one flag at either end, in order. Never raises."""
        frames: list[bytes] = []
        parts = chunk.split(_FLAG)
        self._take(parts[0])
        for part in parts[1:]:
            if self._started and not self._overrun and self._pending:
                self._close(bytes(self._pending), frames)
            self._pending.clear()
            self._started, self._overrun = True, False
            self._take(part)
        return frames

    def pending(self) -> int:
        """Bytes kept for a frame that has begun, its flag included; 0 between frames."""
        return len(self._pending) + 1 if self._pending else 0

    def _take(self, part: bytes) -> None:
        if not self._started or self._overrun:
            self.noise_bytes += len(part)
        elif len(self._pending) + len(part) > CONTENT_MAX:
            self.noise_bytes += len(self._pending) + len(part)
            self._pending.clear()
            self._overrun = True
        else:
            self._pending += part

    def _close(self, content: bytes, frames: list[bytes]) -> None:
        torn, self._torn = self._torn, b""
        if torn and len(torn) + len(content) < CONTENT_MAX:
            whole = _FLAG + torn + _FLAG + content + _FLAG
            if _joins(whole):
                frames.append(whole)
                return
        if len(content) < CONTENT_MIN:
            self.noise_bytes += len(content)
            return
        frames.append(_FLAG + content + _FLAG)
        if _is_torn(content):
            self._torn = content


def _joins(whole: bytes) -> bool:
    try:
        return FLAG_UNESCAPED in decode_frame(whole).quirks
    except ProtocolError:
        return False


def _is_torn(content: bytes) -> bool:
    """Whether ``content`` is shorter than its own header announces, so that a second piece may be missing.

    The header's first four bytes hold no 7e unescaped; escapes lengthen, so only a certain shortage counts. A whole
    frame of 2013 that wrongly sets the version flag (§11.1, 3) counts as torn too, which costs it nothing: the piece
    that would complete it is shorter than any frame.
    """
    head = content[:12].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    attributes = head[2] << 8 | head[3]
    size = SIZE_2019 if attributes & 0x4000 else SIZE_2013
    return len(content) < size + (attributes & 0x3FF) + 1
