"""How the edition of one frame is found, step by step (reference §2.3): for people who ask why it was read so.

``header.decide_edition`` decides; this module says with which figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from luwei.protocol.jt808.header import EDITION_2013, EDITION_2019, SIZE_2013, SIZE_2019, SIZE_FRAGMENT

Row = Literal["flag_2019", "plain_2013", "flag_2013", "bare_2019", "none", "short"]
"""The four rows of §2.3, no row, or too few bytes to look at."""


@dataclass(frozen=True, slots=True)
class EditionRule:
    """The figures: unescaped bytes between the flags, and what the two layouts would need."""

    row: Row
    edition: int | None
    total: int
    announced: int
    fragment: int
    """4 where bit 13 says that the message is fragmented, else 0."""
    flag: bool
    """Bit 14 of the attributes: version flag."""
    version: int | None
    """The byte where 2019 has its version."""
    need_2013: int
    need_2019: int


def edition_rule(content: bytes) -> EditionRule:
    """The decision over ``content``: unescaped, without flags, with its check code. Never raises."""
    if len(content) < 5:
        return EditionRule("short", None, len(content), 0, 0, False, None, 0, 0)
    attributes = content[2] << 8 | content[3]
    announced, flag = attributes & 0x3FF, bool(attributes & 0x4000)
    fragment = SIZE_FRAGMENT if attributes & 0x2000 else 0
    need_2013, need_2019 = (size + fragment + announced + 1 for size in (SIZE_2013, SIZE_2019))
    total, version = len(content), content[4]
    row: Row = "none"
    edition: int | None = None
    if total == need_2019 and (flag or version == 1):
        row, edition = ("flag_2019" if flag else "bare_2019"), EDITION_2019
    elif total == need_2013:
        row, edition = ("flag_2013" if flag else "plain_2013"), EDITION_2013
    return EditionRule(row, edition, total, announced, fragment, flag, version, need_2013, need_2019)


def lenient_content(raw: bytes) -> bytes:
    """What stands between the flags with every escape that can be undone undone; for figures, not for reading."""
    inner = raw[1:] if raw[:1] == b"\x7e" else raw
    inner = inner[:-1] if inner[-1:] == b"\x7e" else inner
    return inner.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
