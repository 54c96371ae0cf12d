"""What a person pasted, as bytes: hexadecimal in any spelling, one frame or several."""

from __future__ import annotations

import re

from luwei.protocol.errors import ProtocolError
from luwei.protocol.explain import explain
from luwei.protocol.jt808.stream import FrameCutter

BYTES_MAX = 8192
"""Longest input; a frame of JT/T 808 has at most 2092 bytes on the wire."""


def frames_in(raw: bytes) -> list[tuple[int, bytes]]:
    """Offset and bytes of each frame of a pasted text; the input itself where it is one frame or no whole frame."""
    if not explain(raw).error or raw.count(b"\x7e") < 3:
        return [(0, raw)]
    found, at = [], 0
    for piece in FrameCutter().feed(raw):
        place = raw.find(piece, max(0, at - 1))
        if place >= 0:
            found.append((place, piece))
            at = place + len(piece)
    return found or [(0, raw)]


def hex_bytes(text: str) -> bytes:
    """The bytes of a pasted text: pairs of digits, with blanks, commas, ``0x`` and line ends between them as one likes.

    Raises ProtocolError ``hex`` with the place in ``text``, or ``length``.
    """
    cleaned = re.sub(r"0[xX]|[\s,;:\-|]+", lambda match: " " * len(match[0]), text)
    if match := re.search(r"[^0-9A-Fa-f ]", cleaned):
        raise ProtocolError("hex", f"{text[match.start()]!r} is no hexadecimal digit", match.start())
    digits = cleaned.replace(" ", "")
    if not digits:
        raise ProtocolError("hex", "is empty", 0)
    if len(digits) % 2:
        raise ProtocolError("hex", "an odd number of digits", len(text))
    if len(digits) > 2 * BYTES_MAX:
        raise ProtocolError("length", f"{len(digits) // 2} bytes, at most {BYTES_MAX}", 2 * BYTES_MAX)
    return bytes.fromhex(digits)
