"""How simulated terminals speak: the standards, 粤标, 苏标, and a vendor that does some things its own way.

Model and edition decide, so that a report by model and firmware has something to tell; within a model the firmware goes
round with the truck's number. Vendors and models are invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STANDARD_FIRMWARE = "V3.2.1"


@dataclass(frozen=True, slots=True)
class Speech:
    """One way to speak. ``name`` is that of the profile it is meant for; ``own`` has none."""

    name: str
    edition: int
    firmware: str = STANDARD_FIRMWARE
    safety: str = ""
    """Dialect of active safety whose alarm items it sends; empty: none."""
    charset: str = "gbk"
    """Of the plate in 0x0100."""
    zone_h: int = 8
    """Zone of its times; the standard's is China's."""
    items: tuple[tuple[int, bytes], ...] = ()
    """Further items of every report."""
    tail: bytes = b""
    """Bytes behind the last item."""
    heartbeat: bytes = b""


PLAIN: Mapping[int, Speech] = {2013: Speech("standard-2013", 2013), 2019: Speech("standard-2019", 2019)}
_GUANGDONG = tuple(Speech("guangdong", 2019, f"V{version}", "yuebiao") for version in ("4.0.2", "4.1.0"))
_JIANGSU = (Speech("jiangsu", 2013, "V2.8.0", "subiao"),)
_OWN_ITEMS = ((0xEB, bytes.fromhex("000C00CE")),)
_OWN = (
    Speech("own", 2013, "V1.0.9", charset="utf-8", items=_OWN_ITEMS, heartbeat=b"\x64\x1f"),
    Speech("own", 2013, "V1.1.2", charset="utf-8", items=_OWN_ITEMS),
    Speech("own", 2013, "V1.1.4", items=_OWN_ITEMS),
    Speech("own", 2013, "V1.0.7", charset="utf-8", zone_h=0, items=_OWN_ITEMS, heartbeat=b"\x64\x1f"),
)
"""Texts in UTF-8, an item of its own, heartbeats with battery and signal, and one firmware whose clock is UTC."""
_TRAILING = (Speech("standard-2019", 2019, "V2.0.3", tail=b"\x00"), Speech("standard-2019", 2019, "V2.0.5"))
"""One firmware counts its items one byte too long."""

MODELS: Mapping[tuple[str, int], tuple[Speech, ...]] = {
    ("YJ-V6", 2019): _GUANGDONG,
    ("YJ-V8", 2019): _GUANGDONG,
    ("YJ-V6", 2013): _JIANGSU,
    ("YJ-V8", 2013): _JIANGSU,
    ("NT-7S", 2019): _TRAILING,
    ("HD-T20", 2013): _OWN,
}
"""Models that are not simply standard, by edition."""

NAMES = ("standard-2013", "standard-2019", "guangdong", "jiangsu", "own")
STANDARD, MIXED = "standard", "mixed"
CHOICES = (STANDARD, MIXED, *NAMES)


def speech(profiles: str, model: str, edition: int, number: int) -> Speech:
    """How the truck with ``number`` speaks. ``profiles``: ``standard`` (every terminal by its edition's standard),
    ``mixed`` (by model), or one of ``NAMES``, which then every terminal of that edition speaks."""
    if profiles == MIXED:
        ways = MODELS.get((model, edition), (PLAIN[edition],))
    else:
        ways = tuple(way for ways in MODELS.values() for way in ways if way.name == profiles and way.edition == edition)
        ways = tuple(dict.fromkeys(ways)) if profiles not in ("standard-2013", "standard-2019") else ()
    return ways[number % len(ways)] if ways else PLAIN[edition]
