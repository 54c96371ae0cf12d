"""The rules of alarms written down once more, row by row and without arrays: what the extraction must give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

UNTRUE = 0b111
MINUTE = 60_000

Alarm = tuple[int, int, str, int, int, bool]
"""Vehicle, phase, type, time, start, backfilled."""


def conditions(one: dict[str, Any]) -> dict[str, set[str] | None]:
    """What a report says holds, by sort; None: it says nothing of that sort."""
    video = one["video_alarm"]
    return {
        "808": {f"808:{bit:02}" for bit in range(32) if one["alarm"] >> bit & 1},
        "1078": None if video is None else {f"1078:{bit:02}" for bit in range(32) if video >> bit & 1},
    }


@dataclass
class Truck:
    at: int = 0
    serial: int | None = None
    taken: int = 0
    holds: dict[str, set[str]] = field(default_factory=lambda: {"808": set(), "1078": set()})
    since: dict[str, int] = field(default_factory=dict)
    ended: dict[str, tuple[int, int]] = field(default_factory=dict)
    silent_since: int | None = None
    track: tuple[int, int, set[str]] | None = None
    """Time and receipt of the last backfilled report, and what held."""
    filled: dict[str, tuple[int, int | None]] = field(default_factory=dict)


class Oracle:
    def __init__(self) -> None:
        self.trucks: dict[int, Truck] = {}

    def derive(self, rows: Iterable[dict[str, Any]]) -> list[Alarm]:
        found: list[tuple[int, Alarm]] = []
        numbered = list(enumerate(rows))
        for number, one in numbered:
            if one["origin"] != 2:
                found += [(number, alarm) for alarm in self.live(one)]
        late = sorted((pair for pair in numbered if pair[1]["origin"] == 2), key=lambda pair: pair[1]["at"])
        for number, one in late:
            found += [(number, alarm) for alarm in self.late(one)]
        return [alarm for _, alarm in sorted(found, key=lambda pair: pair[0])]

    def live(self, one: dict[str, Any]) -> Iterable[Alarm]:
        truck, at = self.trucks.setdefault(one["vehicle_id"], Truck()), one["at"]
        if not one["flags"] & UNTRUE:
            older = truck.serial is not None and (one["serial"] - truck.serial) % 65_536 >= 32_768
            if (at < truck.at or (at == truck.at and older)) and one["received_at"] - truck.taken < MINUTE:
                return
            truck.at, truck.serial = at, one["serial"]
        truck.taken = one["received_at"]
        for sort, now in conditions(one).items():
            when = at
            if now is None:
                if not truck.holds[sort]:
                    continue
                if truck.silent_since is None:
                    truck.silent_since = at
                if at - truck.silent_since < MINUTE:
                    continue
                now, when = set(), truck.silent_since
            if sort == "1078":
                truck.silent_since = None
            for type_ in truck.holds[sort] - now:
                began = truck.since.pop(type_)
                truck.ended[type_] = (began, when)
                yield one["vehicle_id"], 2, type_, when, began, False
            for type_ in now - truck.holds[sort]:
                truck.since[type_] = at
                yield one["vehicle_id"], 1, type_, at, at, False
            truck.holds[sort] = now

    def late(self, one: dict[str, Any]) -> Iterable[Alarm]:
        vehicle, at = one["vehicle_id"], one["at"]
        truck = self.trucks.setdefault(vehicle, Truck())
        told = conditions(one)
        if truck.track is None and not any(told.values()):
            return
        held: set[str] = set()
        received = one["received_at"]
        if truck.track is not None:
            last, heard, before = truck.track
            if received - heard > 10 * MINUTE:
                for type_ in before:
                    if type_ in truck.filled and truck.filled[type_][1] is None:
                        truck.filled[type_] = (truck.filled[type_][0], last)
            elif at >= last:
                held, received = before, max(received, heard)
        now = set(told["808"] or ())
        now |= told["1078"] if told["1078"] is not None else {t for t in held if t.startswith("1078")}
        for type_ in held - now:
            began, ended = truck.filled.get(type_, (0, 0))
            if ended is None and began <= at:
                truck.filled[type_] = (began, at)
                yield vehicle, 2, type_, at, began, True
        for type_ in now - held:
            known = [truck.ended[type_]] if type_ in truck.ended else []
            known += [(truck.since[type_], None)] if type_ in truck.since else []  # type: ignore[list-item]
            known += [truck.filled[type_]] if type_ in truck.filled else []  # type: ignore[list-item]
            if any(began <= at and (ended is None or at <= ended) for began, ended in known):
                continue
            truck.filled[type_] = (at, None)
            yield vehicle, 1, type_, at, at, True
        truck.track = (at, received, now)
