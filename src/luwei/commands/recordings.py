"""Lists of recordings that lie in terminals (0x1205), as they are kept with their command and read back."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from luwei.protocol.jt808.messages.video import Resource

CHINA = timedelta(hours=8)
"""Ahead of UTC: terminals say their time so (2019 §4.2)."""
KEPT_MAX = 65_535
"""Items of one list that are kept."""
OCTETS_MAX = 16 << 20
"""Of an unpacked list."""


class Recording(NamedTuple):
    """One piece in a terminal (1078 §5.6.2). Times in UTC ms, None where the terminal's is none; a clock that was set
    may put the end before the start."""

    channel: int
    start_at: int | None
    end_at: int | None
    alarm: int
    """Bits 0-31 those of 0x0200, 32-63 those of video."""
    media_type: int
    """0 sound and pictures, 1 sound, 2 pictures."""
    stream: int
    """1 main, 2 sub."""
    storage: int
    """1 main, 2 disaster recovery."""
    octets: int


def time_of(text: str) -> int | None:
    """UTC ms of a time as a terminal writes it, None where it is none."""
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round((local - CHINA).timestamp() * 1000)


def terminal_time(at_ms: int) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in China of an instant, whole seconds."""
    return (datetime.fromtimestamp(at_ms // 1000, UTC) + CHINA).strftime("%Y-%m-%d %H:%M:%S")


def pack(files: Iterable[Resource]) -> str:
    """What is kept of a list: sorted by channel and time, each piece once, at most KEPT_MAX of them."""
    found = {
        Recording(
            each.channel, time_of(each.start_time), time_of(each.end_time), int(each.alarm), each.media_type,
            each.stream_type, each.storage_type, each.file_size,
        )
        for _, each in zip(range(KEPT_MAX), files, strict=False)
    }  # fmt: skip
    rows = sorted(found, key=lambda each: (each.channel, each.start_at or 0, each.end_at or 0, *each[3:]))
    return base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode())).decode()


def unpack(answer: dict[str, Any]) -> list[Recording] | None:
    """The pieces of a kept answer, None where it holds no list."""
    packed = answer.get("recordings")
    if not isinstance(packed, str):
        return None
    text = zlib.decompressobj().decompress(base64.b64decode(packed), OCTETS_MAX)
    return [Recording(*row) for row in json.loads(text)]
