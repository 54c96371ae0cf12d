"""Frame of JT/T 808 (2019 §4.4): flags, escaping, check code, and the tolerances a receiver needs.

Reading is tolerant by default: faults that real devices have, and that cannot be mistaken for another frame, are
accepted and named in ``Frame.quirks``. ``strict=True`` refuses them too. Writing is always strict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.header import (
    SIZE_2013,
    SIZE_2019,
    SIZE_FRAGMENT,
    Header,
    decide_edition,
    decode_header,
    encode_header,
    header_size,
)
from luwei.protocol.jt808.messages import body_fits

FLAG = 0x7E
ESCAPE = 0x7D

FRAME_MAX = 2 * (SIZE_2019 + SIZE_FRAGMENT + 1023 + 1) + 2
"""Longest legal frame on the wire: every byte escaped, both flags (2092 bytes)."""
CONTENT_MAX = FRAME_MAX + 128
"""Bytes between two flags that are still looked at: a little more, for devices that exceed it."""

CHECK_CODE_UNESCAPED = "check_code_unescaped"
"""Quirk: check code 0x7d or 0x7e sent without escaping (§11.1, 1)."""
FLAG_UNESCAPED = "flag_unescaped"
"""Quirk: 0x7e inside the body sent without escaping (§11.1, 2); only frames joined by ``stream`` show it."""
LENGTH_ESCAPED = "length_counts_escapes"
"""Quirk: the header announces the escaped length of the body (§11.1, 4)."""
LENGTH_HEADER = "length_counts_header"
"""Quirk: the announced length includes the header or the fragment item (§11.1, 4)."""

_FLAG = bytes([FLAG])
_BAD_ESCAPE = re.compile(rb"\x7d(?![\x01\x02])")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its header, its unescaped body, the bytes as received (with flags), and what was odd about them."""

    header: Header
    body: bytes
    raw: bytes = b""
    quirks: tuple[str, ...] = ()


def check_code(content: bytes) -> int:
    """校验码: XOR of every byte from the first of the header to the last of the body (§4.4.5)."""
    return reduce(xor, content, 0)


def escape(content: bytes) -> bytes:
    """Escape what stands between the flags (§4.4.2): 7d becomes 7d 01, 7e becomes 7d 02."""
    return content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def unescape(content: bytes) -> bytes:
    """Undo ``escape``. Raises ProtocolError ``escape`` for 7d followed by anything but 01 or 02, or by nothing."""
    if ESCAPE not in content:
        return content
    if bad := _BAD_ESCAPE.search(content):
        code = content[bad.end() : bad.end() + 1]
        raise ProtocolError("escape", f"7d{code.hex()}" if code else "truncated escape", bad.start())
    return content.replace(b"\x7d\x02", _FLAG).replace(b"\x7d\x01", b"\x7d")


def strip_flags(raw: bytes) -> bytes:
    """What stands between the flags; ``raw`` has both or none. Raises ProtocolError ``delimiter``."""
    opened, closed = raw.startswith(_FLAG), raw.endswith(_FLAG)
    if opened and closed and len(raw) > 1:
        return raw[1:-1]
    if opened or closed:
        raise ProtocolError("delimiter", "a frame starts and ends with 7e", 0 if closed else len(raw))
    return raw


def decode_frame(raw: bytes, *, strict: bool = False) -> Frame:
    """Decode one frame, given with both flags or without them.

    Tolerated unless ``strict``: check code 7d or 7e not escaped; a single 7e inside the frame; a version flag set by a
    device of 2013 or missing from a header of 2019 (the length decides, §2.3); an announced length that counts escapes
    or the header, when the body then parses to its end.

    Raises ProtocolError ``delimiter``, ``escape``, ``short``, ``short_header``, ``checksum`` or ``body_length`` (that
    also for more than ``CONTENT_MAX`` bytes between the flags, which are not looked at); offsets are in ``raw``.
    """
    if len(raw) > CONTENT_MAX + 2:
        raise ProtocolError("body_length", f"frame of {len(raw)} bytes, at most {FRAME_MAX}", FRAME_MAX)
    escaped = strip_flags(raw)
    first = 1 if len(escaped) < len(raw) else 0
    quirks: list[str] = []
    if FLAG in escaped:
        if strict or escaped.count(_FLAG) > 1:
            raise ProtocolError("delimiter", "7e inside the frame", first + escaped.index(_FLAG))
        quirks.append(FLAG_UNESCAPED)
    try:
        content = _unescape_tolerantly(escaped, strict, quirks)
        content = _checked(content, strict, quirks)
        decided = decide_edition(content)
        if decided and not (strict and decided[1]):
            edition, flag_quirk = decided
        elif strict:
            raise _length_error(content)
        else:
            edition, flag_quirk = _edition_by_other_length(content, escaped, quirks)
    except ProtocolError as error:
        if error.offset is not None:
            error.offset += first
        if FLAG_UNESCAPED in quirks and error.code != "delimiter":
            raise ProtocolError("delimiter", f"7e inside the frame ({error})", first + escaped.index(_FLAG)) from None
        raise
    size = header_size(edition) + (SIZE_FRAGMENT if content[2] & 0x20 else 0)
    body = content[size:-1]
    header = decode_header(content, edition, flag_quirk, len(body))
    if flag_quirk:
        quirks.append(flag_quirk)
    return Frame(header, body, raw, tuple(quirks))


def encode_frame(header: Header, body: bytes) -> bytes:
    """One frame, ready to be sent. ``header.body_length`` is taken from ``body``.

    Raises ProtocolError ``value`` when the body is over 1023 bytes (use ``fragments.split``) or a header field does not
    fit its bits.
    """
    content = encode_header(replace(header, body_length=len(body))) + body
    return _FLAG + escape(content + bytes([check_code(content)])) + _FLAG


def _unescape_tolerantly(escaped: bytes, strict: bool, quirks: list[str]) -> bytes:
    if not strict and escaped.endswith(b"\x7d"):
        quirks.append(CHECK_CODE_UNESCAPED)
        return unescape(escaped[:-1]) + b"\x7d"
    return unescape(escaped)


def _checked(content: bytes, strict: bool, quirks: list[str]) -> bytes:
    """``content`` with a check code that holds. Its last byte may have been swallowed as a flag (§11.1, 1)."""
    sound = check_code(content) == 0
    smallest = SIZE_2013 + 1 + (SIZE_FRAGMENT if len(content) > 2 and content[2] & 0x20 else 0)
    if not strict and not sound and len(content) >= smallest - 1 and check_code(content) == FLAG:
        restored = content + _FLAG
        if decide_edition(restored):
            quirks.append(CHECK_CODE_UNESCAPED)
            return restored
    if len(content) < smallest:
        code = "short_header" if sound and content else "short"
        raise ProtocolError(code, f"{len(content)} bytes, at least {smallest}", len(content))
    if not sound:
        detail = f"got {content[-1]:02x}, want {check_code(content[:-1]):02x}"
        raise ProtocolError("checksum", detail, None)
    return content


def _length_error(content: bytes) -> ProtocolError:
    attributes = content[2] << 8 | content[3]
    overhead = header_size(2019 if attributes & 0x4000 else 2013) + (SIZE_FRAGMENT if attributes & 0x2000 else 0) + 1
    return ProtocolError("body_length", f"header {attributes & 0x3FF}, actual {len(content) - overhead}", 2)


def _edition_by_other_length(content: bytes, escaped: bytes, quirks: list[str]) -> tuple[int, str]:
    """The edition of a frame whose announced length counts escapes, the header or the fragment item (§11.1, 4).

    The check code held already; what else is asked is that the body parse to its end in that layout.
    """
    attributes = content[2] << 8 | content[3]
    announced = attributes & 0x3FF
    item = SIZE_FRAGMENT if attributes & 0x2000 else 0
    size = header_size(2019 if attributes & 0x4000 else 2013)
    actual = len(content) - size - item - 1
    escapes_in_body = escaped.count(b"\x7d", _escaped_length(escaped, size + item), len(escaped) - 1)
    explanations = ((escapes_in_body, LENGTH_ESCAPED), (item, LENGTH_HEADER), (size + item, LENGTH_HEADER))
    for surplus, quirk in explanations:
        if actual < 0 or surplus == 0 or announced != actual + surplus:
            continue
        decided = decide_edition(content, length=actual)
        message_id = content[0] << 8 | content[1]
        if decided and not item and body_fits(message_id, decided[0], content[size:-1]):
            quirks.append(quirk)
            return decided
    raise _length_error(content)


def _escaped_length(escaped: bytes, size: int) -> int:
    """How many bytes on the wire the first ``size`` unescaped bytes take."""
    at = 0
    for _ in range(size):
        at += 2 if escaped[at : at + 1] == b"\x7d" else 1
    return at
