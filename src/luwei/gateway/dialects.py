"""The profiles as a gateway's arrays want them: a small number for each, and tables by that number.

A session holds the number; nothing is looked up per frame. Number 0 is a session without a profile: every item of the
standards and of active safety is expected and read as declared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luwei.profiles import Catalogue, Profile
from luwei.profiles.profile import CHINA_H
from luwei.protocol.jt808.batch.items import KNOWN
from luwei.protocol.jt808.items import ITEM_TYPES
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.safety.alarm_items import SafetyAlarm
from luwei.protocol.safety.dialects import DIALECTS

HOUR_MS = 3_600_000

ITEM_UNKNOWN, ITEM_LENGTH, ITEM_UNEXPECTED = "item_unknown", "item_length", "item_unexpected"


class Dialects:
    """The profiles of a catalogue, numbered from 1 in its order."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._profiles: list[Profile | None] = [None, *catalogue.profiles]
        self._numbers = {(p.name, p.version): number for number, p in enumerate(self._profiles) if p is not None}
        size = len(self._profiles)
        self.expected: npt.NDArray[np.bool_] = np.zeros((size, 65_536), np.bool_)
        """[number, item id << 8 | length]: whether the profile expects such an item."""
        self.shift_ms = np.zeros(size, np.int64)
        """To be added to times that were read as China Standard Time."""
        self.speed_step = np.ones(size, np.uint16)
        for number, profile in enumerate(self._profiles):
            for item, lengths in (KNOWN if profile is None else profile.items).items():
                if lengths:
                    self.expected[number, [item << 8 | length for length in lengths]] = True
                else:
                    self.expected[number, item << 8 : (item + 1) << 8] = True
            if profile is not None:
                self.shift_ms[number] = (CHINA_H - profile.clock_zone_h) * HOUR_MS
                self.speed_step[number] = profile.speed_step_dkmh
        self.special = (self.shift_ms != 0) | (self.speed_step != 1)
        """Profiles whose locations are not read as the standard's."""
        self.dialect_code = _dialect_codes()

    def number(self, name: str, version: int) -> int:
        """The number of a profile; 0 where the catalogue has it no more."""
        return self._numbers.get((name, version), 0)

    def profile(self, number: int) -> Profile | None:
        """The profile of a number."""
        return self._profiles[number]

    def reading(self, number: int) -> Reading:
        """How a session with that profile is read."""
        profile = self._profiles[number]
        return STANDARD if profile is None else profile.reading

    def objection(self, number: int, item: int, length: int) -> str:
        """Why an item is a deviation: reason of the ledger and, after a colon, the item."""
        profile = self._profiles[number]
        known = KNOWN.get(item)
        if (profile is not None and item in profile.items) or (known and length not in known):
            reason = ITEM_LENGTH
        else:
            reason = ITEM_UNKNOWN if known is None else ITEM_UNEXPECTED
        return f"{reason}:0x{item:02X}"

    @staticmethod
    def dialect(code: int) -> str:
        """Name of the dialect of active safety with that code; empty for 0."""
        return DIALECTS[code - 1].name if code else ""

    @staticmethod
    def code_of(dialect: str) -> int:
        """The inverse of ``dialect``; 0 for an unknown name."""
        return next((number for number, each in enumerate(DIALECTS, 1) if each.name == dialect), 0)


def _dialect_codes() -> npt.NDArray[np.uint8]:
    """[item id << 8 | length] → 1 and more: the dialect that alone has that length (reference active-safety §2.1)."""
    codes = np.zeros(65_536, np.uint8)
    for item in (0x64, 0x65, 0x67):
        for size, table in ITEM_TYPES[item].by_size.items():
            assert issubclass(table, SafetyAlarm)
            codes[item << 8 | size] = Dialects.code_of(table.dialect)
    return codes
