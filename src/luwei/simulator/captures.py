"""Reads files of captured frames: JSON lines with ``hex`` (or ``parts``), or plain lines of hex."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.header import PHONE_SIZE_2013, PHONE_SIZE_2019
from luwei.protocol.jt808.stream import FrameCutter

STRAY_PHONE = bytes.fromhex("014499999999")
"""Terminal in whose name bytes are sent that name no terminal."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Bytes that are written at once, and the frames that a receiver can find in them."""

    id: str
    raw: bytes
    frames: tuple[Frame, ...]
    phone_raw: bytes
    """Terminal identity as on the wire; ``STRAY_PHONE`` where none can be read."""
    edition: int
    protocol_version: int

    @property
    def terminal_side(self) -> bool:
        """Whether a terminal sends this: ids below 0x8000 and the vendors' 0xE000-0xEFFF (2019 table B)."""
        return all(f.header.message_id < 0x8000 or 0xE000 <= f.header.message_id <= 0xEFFF for f in self.frames)


def capture(name: str, raw: bytes) -> Capture:
    """A capture of ``raw``; never raises, unreadable bytes have no frames."""
    frames = []
    for piece in _pieces(raw):
        try:
            frames.append(decode_frame(piece))
        except ProtocolError:
            continue
    if frames:
        header = frames[0].header
        return Capture(name, raw, tuple(frames), header.phone_raw, header.edition, header.protocol_version)
    return Capture(name, raw, (), *_guess(raw))


def _pieces(raw: bytes) -> list[bytes]:
    """``raw`` itself where it is one frame, also one with a stray 7e inside; else what a stream cutter finds in it."""
    try:
        decode_frame(raw)
    except ProtocolError:
        return FrameCutter().feed(raw)
    return [raw]


def _guess(raw: bytes) -> tuple[bytes, int, int]:
    """Phone, edition and version of a frame that cannot be read, from where they would stand."""
    content = raw.strip(b"\x7e").replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    newer = len(content) > 2 and bool(content[2] & 0x40)
    start, size = (5, PHONE_SIZE_2019) if newer else (4, PHONE_SIZE_2013)
    phone = content[start : start + size]
    if len(phone) == size and any(phone):
        return phone, 2019 if newer else 2013, content[4] if newer else 0
    return STRAY_PHONE, 2013, 0


def read_captures(file: Path) -> Iterator[Capture]:
    """The captures of ``file`` in order; blank lines and lines starting with ``#`` are left out.

    Raises ProtocolError ``input`` naming the line that is neither hex nor JSON with ``hex`` or ``parts``.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                if text.startswith("{"):
                    row = json.loads(text)
                    name = str(row.get("id", number))
                    if "parts" in row:
                        for part, content in enumerate(row["parts"], 1):
                            yield capture(f"{name}#{part}", bytes.fromhex(content))
                    else:
                        yield capture(name, bytes.fromhex(row["hex"]))
                else:
                    yield capture(str(number), bytes.fromhex("".join(text.split()).removeprefix("0x")))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ProtocolError("input", f"line {number}: {error}") from None
