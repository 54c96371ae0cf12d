"""How a dialect reads what the standards leave open, or what its devices do otherwise. Data only.

``STANDARD`` is the reading of the standards; ``luwei.profiles`` makes others from its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Words = Mapping[int, str]
"""Code → its Chinese word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of bytes. Every part has the standards' value as default."""

    charset: str = "gbk"
    """Charset that texts are tried in first (2019 §4.2: GBK)."""
    safety: str = ""
    """Dialect of active safety whose tables come first where a length fits several; empty: the length decides."""
    words: Mapping[str, Words] = field(default_factory=dict)
    """Meanings of codes that differ from the declared ones, by item and field (``0x65.type``), by message and field
    (``0x1211.type``), or by field name."""
    fuel_percent: bool = False
    """Item 0x02 with bit 15 set holds percent (reference §11.3, 27)."""

    def word(self, path: str, name: str, value: object, message: str = "") -> str | None:
        """The dialect's word for ``value`` of the field ``name`` at ``path`` in ``message``, None where it has none of
        its own."""
        if not self.words or not isinstance(value, int):
            return None
        start = path.rfind("[0x")
        inside = path[start + 1 : start + 5] if start >= 0 else ""
        table = self.words.get(f"{inside or message}.{name}") or (None if inside else self.words.get(name))
        return table.get(value) if table is not None else None


STANDARD = Reading()
