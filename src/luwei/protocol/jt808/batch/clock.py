"""Device times, BCD[6] ``YY MM DD hh mm ss`` in China Standard Time (JT/T 808-2019 table 23), as UTC milliseconds."""

from __future__ import annotations

import datetime

import numpy as np
import numpy.typing as npt

CST_S = 8 * 3600
UNREADABLE = np.int64(-(2**62))
"""Where the six bytes are not a date."""

_BAD = -(2**40)


def _bcd(byte: int) -> int | None:
    high, low = byte >> 4, byte & 15
    return high * 10 + low if high < 10 and low < 10 else None


def _days() -> npt.NDArray[np.int64]:
    """Seconds since 1970 of the CST midnight of each date, at year · 512 + month · 32 + day."""
    table = np.full(100 * 512, _BAD, np.int64)
    epoch = datetime.date(1970, 1, 1).toordinal()
    for year in range(100):
        for month in range(1, 13):
            for day in range(1, 32):
                try:
                    ordinal = datetime.date(2000 + year, month, day).toordinal()
                except ValueError:
                    continue
                table[year * 512 + month * 32 + day] = (ordinal - epoch) * 86_400 - CST_S
    return table


def _scaled(limit: int, scale: int) -> npt.NDArray[np.int64]:
    table = np.full(256, _BAD, np.int64)
    for byte in range(256):
        value = _bcd(byte)
        if value is not None and value < limit:
            table[byte] = value * scale
    return table


def _part(limit: int, scale: int) -> npt.NDArray[np.intp]:
    """Index part of one byte of a date; bytes beyond ``limit`` index an entry that is never a date (month or day 0)."""
    table = np.zeros(256, np.intp)
    for byte in range(256):
        value = _bcd(byte)
        if value is not None and value < limit:
            table[byte] = value * scale
    return table


_YEAR_OK = np.array([_bcd(byte) is not None for byte in range(256)])
_DATE = _days()
_YEAR, _MONTH, _DAY = _part(100, 512), _part(13, 32), _part(32, 1)
_HOUR, _MINUTE, _SECOND = _scaled(24, 3600), _scaled(60, 60), _scaled(60, 1)


def device_ms(times: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """UTC milliseconds of ``times`` (n, 6); ``UNREADABLE`` where a digit is not decimal or the date does not exist."""
    year = times[:, 0]
    seconds = _DATE[_YEAR[year] + _MONTH[times[:, 1]] + _DAY[times[:, 2]]]
    seconds = seconds + _HOUR[times[:, 3]] + _MINUTE[times[:, 4]] + _SECOND[times[:, 5]]
    return np.where((seconds > _BAD // 2) & _YEAR_OK[year], seconds * 1000, UNREADABLE)
