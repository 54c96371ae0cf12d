"""What a screen of /ws/live is told of alarms: those it may see, newest first, a few and the number of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from luwei.live.feed import now_ms
from luwei.live.view import Selection
from luwei.registry.scope import Scope
from luwei.web.alarm_routes.rows import row_of
from luwei.web.door import Door
from luwei.web.services import Held, Services

_NOTHING_MERGED = Held("")


def scope_of(door: Door) -> Scope | None:
    """Where this person may see alarms; None: nowhere."""
    return door.allow("read", "alarm") if door.may("read", "alarm") else None


class ScreenAlarms:
    """One screen's place in the strip."""

    def __init__(self, services: Services, scope: Scope | None) -> None:
        self._services = services
        self._scope = scope
        self._first = True
        self._place = services.strip.first_place() if services.strip is not None else 0

    def see(self, scope: Scope | None) -> None:
        """The right has changed."""
        self._scope = scope

    async def message(self, chosen: Selection) -> dict[str, Any] | None:
        """What came since the last message within the right and what the person chose; None where there is nothing."""
        strip = self._services.strip
        if strip is None or self._scope is None:
            return None
        selection = replace(chosen, scope=self._scope)
        fresh = strip.since(self._place, selection, self._scope.narrow == "device_faults")
        self._place = fresh.place
        if not fresh.rows:
            return None
        plates = await self._services.plates.of({row["vehicle_id"] for row in fresh.rows})
        first, self._first = self._first, False
        return {
            "type": "alarms",
            "as_of": now_ms(),
            "first": first,
            "items": [row_of(row, _NOTHING_MERGED, plates, None) for row in fresh.rows],
            "more": fresh.more,
        }
