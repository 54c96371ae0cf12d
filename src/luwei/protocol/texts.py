"""Texts on the wire: trimming, the charsets that devices send, the one that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from luwei.protocol.bounds import TEXT_MAX
from luwei.protocol.errors import ProtocolError


def trim_text(raw: bytes) -> bytes:
    """A STRING without its padding: cut at the first 0x00 after leading ones, blanks trimmed at both ends."""
    return raw.lstrip(b"\x00 ").partition(b"\x00")[0].rstrip(b" ")


def read_text(raw: bytes, charset: str = "gbk") -> str:
    """A STRING as devices send it, without its padding.

    ``charset`` first, then GBK, then UTF-8: bytes that are invalid GBK but valid UTF-8 are UTF-8 (§11.2, 11); what is
    none of them stays visible as ``\\xNN``.
    """
    raw = trim_text(raw)
    for encoding in (charset, "gbk", "utf-8"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("gbk", "backslashreplace")


_WRITTEN: ContextVar[str] = ContextVar("charset of written texts", default="gbk")


@contextmanager
def texts_in(charset: str) -> Iterator[None]:
    """Texts are written in ``charset`` instead of GBK: what a terminal wants by its profile."""
    before = _WRITTEN.set(charset)
    try:
        yield
    finally:
        _WRITTEN.reset(before)


def written_charset() -> str:
    """The charset that texts are written in."""
    return _WRITTEN.get()


def write_text(value: str, label: str) -> bytes:
    """``value`` in GBK, or the charset of ``texts_in``.

    Raises ProtocolError ``value`` when the charset lacks a character, the text holds 0x00 or is longer than any.
    """
    charset = _WRITTEN.get()
    try:
        raw = value.encode(charset)
    except (UnicodeEncodeError, AttributeError):
        raise ProtocolError("value", f"{value!r}: {label} is text that {charset.upper()} can express") from None
    if b"\x00" in raw:
        raise ProtocolError("value", f"{value!r}: {label} must not hold 0x00")
    if len(raw) > TEXT_MAX:
        raise ProtocolError("value", f"{label}: text of {len(raw)} bytes, at most {TEXT_MAX}")
    return raw


def too_long(label: str, size: int, at: int) -> ProtocolError:
    """The refusal of a text of ``size`` bytes."""
    return ProtocolError("body_malformed", f"{label}: text of {size} bytes, at most {TEXT_MAX}", at)
