"""Numbers of the conditions that last: bits of the alarm flags, bits of item 0x14, items 0xF1 and 0xF2.

Each stays true from report to report and has a beginning and an end (JT/T 808-2019 table 25, JT/T 1078 table 14).
"""

from __future__ import annotations

BITS_808, BITS_1078, FAULTS = 0, 32, 64
"""First number of each sort."""
FAULT_ITEMS = (0xF1, 0xF2)
NUMBERS = FAULTS + len(FAULT_ITEMS)

_BITS = range(32)
TYPES = [f"808:{bit:02}" for bit in _BITS] + [f"1078:{bit:02}" for bit in _BITS] + [f"{i:02X}00" for i in FAULT_ITEMS]
"""Type of each number, as alarms have it."""
SOURCES = ["808"] * 32 + ["1078"] * 32 + ["fault"] * len(FAULT_ITEMS)
NUMBER_OF = {name: number for number, name in enumerate(TYPES)}

DETAILS: dict[int, tuple[int, ...]] = {
    BITS_808 + 1: (0x11,),
    BITS_808 + 20: (0x12,),
    BITS_808 + 21: (0x12,),
    BITS_808 + 22: (0x13,),
    BITS_1078 + 0: (0x14, 0x15),
    BITS_1078 + 1: (0x14, 0x16),
    BITS_1078 + 2: (0x14, 0x17),
    BITS_1078 + 5: (0x14, 0x18),
    **{FAULTS + index: (item,) for index, item in enumerate(FAULT_ITEMS)},
}
"""Items that say more of a condition: overspeed, areas and sections of 808 (§8.9.5), channels and stores of 1078."""
for _bit in _BITS:
    DETAILS.setdefault(BITS_808 + _bit, ())
    DETAILS.setdefault(BITS_1078 + _bit, (0x14,))


def numbers(bits: int, first: int) -> list[int]:
    """The numbers of the bits that are set in ``bits``, ``first`` being that of bit 0."""
    found = []
    while bits:
        low = bits & -bits
        found.append(first + low.bit_length() - 1)
        bits ^= low
    return found
