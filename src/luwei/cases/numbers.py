"""Numbers of cases as people say them: city, day in China, running number of that city and day, year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from luwei.registry.case_work import CaseNumber

CHINA = timedelta(hours=8)
DAY_MS = 86_400_000
CITY_LETTERS = {
    440100: "GZ", 440200: "SG", 440300: "SZ", 440400: "ZH", 440500: "ST", 440600: "FS", 440700: "JM", 440800: "ZJ",
    440900: "MM", 441200: "ZQ", 441300: "HZ", 441400: "MZ", 441500: "SW", 441600: "HY", 441700: "YJ", 441800: "QY",
    441900: "DG", 442000: "ZS", 445100: "CZ", 445200: "JY", 445300: "YF",
}  # fmt: skip
"""Two letters of each city; GD where the authority is unknown."""


def china_day(at_ms: int) -> int:
    """Days since 1970-01-01 in China Standard Time."""
    return (at_ms + 8 * 3_600_000) // DAY_MS


def new_numbers(connection: Connection, cities: Sequence[int | None], at_ms: int) -> list[str]:
    """A number for each case that is opened now, by the cities of their authorities, in this order."""
    letters = [CITY_LETTERS.get(city or 0, "GD") for city in cities]
    day = china_day(at_ms)
    shown = datetime.fromtimestamp(at_ms / 1000, UTC) + CHINA
    following: dict[str, int] = {}
    for city, count in sorted(Counter(letters).items()):
        where = (CaseNumber.city == city, CaseNumber.day == day)
        last = connection.scalar(select(CaseNumber.last).where(*where).with_for_update())
        if last is None:
            connection.execute(insert(CaseNumber).values(city=city, day=day, last=count))
        else:
            connection.execute(update(CaseNumber).where(*where).values(last=last + count))
        following[city] = (last or 0) + 1
    made = []
    for city in letters:
        made.append(f"{city}-{shown:%m%d}-{following[city]:05d}-{shown:%y}")
        following[city] += 1
    return made
