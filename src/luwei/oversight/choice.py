"""What a person chose of the numbers: a period of openings, a type, a device."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case

from luwei.cases.scope import within
from luwei.registry.case import AlarmCase
from luwei.registry.errors import RegistryError
from luwei.registry.oversight import CaseDevice
from luwei.registry.scope import WHOLE, Scope

SPAN_MOST_MS = 366 * 86_400_000
_HOUR_MS = 3_600_000
DAY, NIGHT = "day", "night"
LIGHTS = (DAY, NIGHT)
_CLOCK_MS: ColumnElement[int] = (AlarmCase.started_at + 8 * _HOUR_MS) % (24 * _HOUR_MS)
LIGHT: ColumnElement[str] = case((and_(_CLOCK_MS >= 6 * _HOUR_MS, _CLOCK_MS < 18 * _HOUR_MS), DAY), else_=NIGHT)
"""Day is from 06:00 to 18:00 of China's clock, by the alarm's own time; the rest is night."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A period of openings (UTC ms) and what a person chose; None is any, an empty text is none at all. ``vendor`` 0:
    of no vendor. ``dialect`` tells types of the same code apart; ``area``: where the cases belong to; ``light``: one of
    LIGHTS, empty for both."""

    start: int
    end: int
    type: str = ""
    model: str | None = None
    firmware: str | None = None
    vendor: int | None = None
    dialect: str | None = None
    area: Scope = WHOLE
    light: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on ``AlarmCase`` joined with ``CaseDevice``. Raises RegistryError naming the field and its
        rule."""
        if not self.start < self.end <= self.start + SPAN_MOST_MS:
            raise RegistryError("to", "must be later than from, by at most 366 days", self.end)
        if self.light and self.light not in LIGHTS:
            raise RegistryError("light", f"must be one of {', '.join(LIGHTS)}", self.light)
        found: list[ColumnElement[bool]] = [AlarmCase.opened_at >= self.start, AlarmCase.opened_at < self.end]
        equal = (
            (AlarmCase.type, self.type or None), (CaseDevice.model, self.model), (CaseDevice.firmware, self.firmware),
            (CaseDevice.vendor_id, self.vendor), (AlarmCase.dialect, self.dialect),
        )  # fmt: skip
        if self.light:
            found.append(LIGHT.in_((self.light,)))
        return found + [column == value for column, value in equal if value is not None] + within(self.area)
