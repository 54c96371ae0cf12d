"""What one body may cost, whatever its bytes say: the platform's rules where the standards set no limit.

With them the objects that decoding makes take at most 64 KiB more than the body itself, and at most
``ELEMENTS_MAX`` elements are looked at (docs/protocol/README.md).
"""

from __future__ import annotations

ROOM = 64 << 10
"""Bytes of Python objects, estimated from above, that the lists of one body may keep; longer lists are read again when
they are looked at."""
ELEMENTS_MAX = 65_536
"""List elements of one body, those of lists in lists among them. The standards' own counts are one or two bytes but
for 0x0608, 0x1205 and 0x8608."""
TEXT_MAX = 4096
"""Bytes of one text. The longest that a standard allows has 1024 (0x8300, 2019 §8.27)."""
PROBLEMS_MAX = 32
"""Times that one oddity of a body is named."""
SPANS_MAX = 2048
"""Places that an explanation lists: more than the fields of any one frame."""
WHOLE_MAX = 1023
"""Bytes of data that are shown in full: those of the longest body of one frame."""
