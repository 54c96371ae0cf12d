"""What the platform says of a truck at the roadside: one verdict an item, with its reason and its rule; never a score.

Pure functions over what the registry and the history know. ``ok`` 符合, ``bad`` 不符合, ``unknown`` 无法判断: what the
platform cannot know is said to be unknown and never counted against the truck. A verdict is a lead for the officer who
stands there (reference supervision §7.6), so each names the reason by a code and its figures; words are the console's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from luwei.facts import (
    FLAG_NOT_FIXED,
    FLAG_PLACE_IMPOSSIBLE,
    FLAG_TIME_FUTURE,
    FLAG_TIME_PAST,
    FLAG_TIME_UNREADABLE,
)
from luwei.registry.vehicle import NOTICE_CLASSES

OK, BAD, UNKNOWN = "ok", "bad", "unknown"

ONLINE_MS = 300_000
"""Heard within 5 min is online (reference supervision §4, 在线率)."""
FIX_AGE_MS = 7_200_000
"""A latest fix is at most 2 h old (reference supervision §3.1)."""
HEAVY_KG = 12_000
"""总质量 from which general freight is covered by the notice."""
HOUR_MS = 3_600_000

GNSS_BITS, POWER_BITS, OTHER_BITS = (4, 5, 6), (7, 8), (9, 10, 12, 24)
CAMERA_BIT = 11
"""Alarm bits of JT/T 808-2019 table 25."""
VIDEO_LOST, VIDEO_COVERED, VIDEO_STORE, VIDEO_OTHER = 0, 1, 2, 3
"""Bits of item 0x14 (JT/T 1078 table 14)."""

UNCLEAR_CLASS = "other"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the answer. ``reason`` is a code of the console's words, ``figures`` what stands in them; ``heavy``:
    a ``bad`` one makes the truck worth a check."""

    code: str
    verdict: str
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)
    heavy: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """The last location; instants in UTC ms. ``video``, ``lost``, ``covered`` and ``stores`` (items 0x14 to 0x17) are
    None where the terminal does not send them; bit n of ``lost`` and ``covered`` is channel n + 1."""

    at: int
    received_at: int
    flags: int
    alarm: int
    video: int | None
    lost: int | None
    covered: int | None
    stores: int | None
    lat_e6: int
    lon_e6: int


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry says."""

    vehicle_class: str
    gross_mass_kg: int | None
    certificate: str | None
    valid_to: date | None
    terminal_id: int | None
    bound_at: int | None
    model: str
    catalogued: bool | None
    """None: the device's model stands in no list of models."""
    catalogue_number: str | None
    channels: tuple[int, ...] | None
    """Channels that somebody noted or the terminal told of; None: nobody did."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The truck was not heard from ``start`` to ``end``; ``metres`` it was moved meanwhile, None where that is not
    known."""

    start: int
    end: int
    metres: float | None


def in_notice(truck: Registered) -> bool | None:
    """Whether the notice covers it; None where the registry does not tell."""
    if truck.vehicle_class in NOTICE_CLASSES:
        return True
    heavy = truck.gross_mass_kg is not None and truck.gross_mass_kg >= HEAVY_KG
    return None if truck.vehicle_class == UNCLEAR_CLASS or (truck.vehicle_class == "general_freight" and heavy) else (
        False
    )  # fmt: skip


def of_registry(truck: Registered, today: date) -> list[Item]:
    """Class, certificate, terminal and model."""
    covered = in_notice(truck)
    found = [
        Item("scope", OK, "in_notice" if covered else "not_in_notice")
        if covered is not None
        else Item("scope", UNKNOWN, "class_unknown" if truck.vehicle_class == UNCLEAR_CLASS else "mass_conflict")
    ]
    if truck.valid_to is not None:
        over = truck.valid_to < today
        term = {"to": truck.valid_to.isoformat()}
        found.append(Item("certificate", BAD if over else OK, "expired" if over else "valid", term))
    else:
        found.append(Item("certificate", UNKNOWN, "no_term" if truck.certificate else "not_entered"))
    if truck.terminal_id is None:
        verdict, reason = {True: (BAD, "none"), False: (OK, "not_needed"), None: (UNKNOWN, "none_unclear")}[covered]
        return [*found, Item("terminal", verdict, reason)]
    found.append(Item("terminal", OK, "bound", {"at": truck.bound_at}))
    if truck.catalogued is None:
        found.append(Item("model", UNKNOWN, "not_listed", {"model": truck.model}))
    else:
        figures = {"model": truck.model, "number": truck.catalogue_number}
        verdict, reason = (OK, "catalogued") if truck.catalogued else (BAD, "not_catalogued")
        found.append(Item("model", verdict, reason, figures))
    return found


def of_link(heard_at: int | None, now: int) -> Item:
    """Whether it is online. A short silence may be a tunnel; after two hours a truck on the road is silent."""
    if heard_at is None:
        return Item("online", BAD, "never")
    silent = now - heard_at
    if silent <= ONLINE_MS:
        return Item("online", OK, "online", {"at": heard_at})
    return Item("online", UNKNOWN if silent <= FIX_AGE_MS else BAD, "silent", {"at": heard_at, "ms": silent})


def of_position(report: Report | None, now: int) -> Item:
    """Time and validity of the last location (reference supervision §5.1)."""
    if report is None:
        return Item("position", UNKNOWN, "no_report")
    figures = {"at": report.at}
    for flag, reason in (
        (FLAG_TIME_UNREADABLE, "time_unreadable"), (FLAG_TIME_FUTURE, "time_future"), (FLAG_TIME_PAST, "time_past"),
        (FLAG_PLACE_IMPOSSIBLE, "impossible"),
    ):  # fmt: skip
        if report.flags & flag:
            return Item("position", BAD, reason, figures)
    if report.flags & FLAG_NOT_FIXED:
        return Item("position", UNKNOWN, "not_fixed", figures)
    return Item("position", UNKNOWN if now - report.at > FIX_AGE_MS else OK, "fixed", figures)


def of_device(report: Report | None, channels: Sequence[int] | None, now: int) -> list[Item]:
    """The terminal's judgement of itself in its last location, and channels told of against those that show nothing."""
    if report is None:
        return [
            Item(code, UNKNOWN, "no_report") for code in ("gnss", "power", "camera", "storage", "other", "channels")
        ]
    alarm, video = _bits(report.alarm), _bits(report.video or 0)
    camera = [f"808:{CAMERA_BIT}"] * (CAMERA_BIT in alarm)
    camera += [f"1078:{bit}" for bit in (VIDEO_LOST, VIDEO_COVERED, VIDEO_OTHER) if bit in video]
    stores = [f"1078:{VIDEO_STORE}"] * (VIDEO_STORE in video)
    found = [
        _standing(code, [f"808:{bit}" for bit in bits if bit in alarm], report, now)
        for code, bits in (("gnss", GNSS_BITS), ("power", POWER_BITS))
    ]
    found.append(_standing("camera", camera, report, now, told=report.video is not None))
    found.append(
        _standing("storage", stores, report, now, told=report.video is not None, units=_bits(report.stores or 0))
    )
    found.append(_standing("other", [f"808:{bit}" for bit in OTHER_BITS if bit in alarm], report, now))
    found.append(_channels(report, channels, now))
    return found


def _standing(
    code: str, standing: list[str], report: Report, now: int, told: bool = True, units: Iterable[int] = ()
) -> Item:
    figures: dict[str, Any] = {"at": report.received_at}
    units = sorted(units)
    if standing or units:
        return Item(code, BAD, "standing", figures | {"bits": standing, "units": units})
    if not told:
        return Item(code, UNKNOWN, "not_told", figures)
    stale = now - report.received_at > FIX_AGE_MS
    return Item(code, UNKNOWN if stale else OK, "stale" if stale else "clear", figures)


def _channels(report: Report, channels: Sequence[int] | None, now: int) -> Item:
    lost, covered = (sorted(bit + 1 for bit in _bits(mask or 0)) for mask in (report.lost, report.covered))
    figures: dict[str, Any] = {
        "at": report.received_at, "lost": lost, "covered": covered, "told": None if channels is None else len(channels)
    }  # fmt: skip
    if lost or covered:
        return Item("channels", BAD, "missing", figures)
    if channels is None:
        return Item("channels", UNKNOWN, "not_announced", figures)
    if report.video is None and report.lost is None:
        return Item("channels", UNKNOWN, "not_told", figures)
    stale = now - report.received_at > FIX_AGE_MS
    return Item("channels", UNKNOWN if stale else OK, "stale" if stale else "whole", figures)


def of_silences(silences: Sequence[Silence], heard: bool, least_m: float) -> Item:
    """Spans of more than a day without data: to stand switched off is no offence, to be moved meanwhile is
    (reference supervision §7.4)."""
    if not heard:
        return Item("silences", UNKNOWN, "no_report")
    moved = [each for each in silences if each.metres is not None and each.metres >= least_m]
    if moved:
        worst = max(moved, key=lambda each: each.metres or 0)
        figures = {
            "count": len(moved), "hours": (worst.end - worst.start) // HOUR_MS, "at": worst.start,
            "km": round((worst.metres or 0) / 1000),
        }  # fmt: skip
        return Item("silences", BAD, "moved", figures)
    if any(each.metres is None for each in silences):
        return Item("silences", UNKNOWN, "unplaced", {"count": len(silences)})
    return Item("silences", OK, "stood" if silences else "none", {"count": len(silences)})


def of_cases(counts: Mapping[str, int] | None) -> Item:
    """Open cases of the truck; None: not the officer's to see."""
    if counts is None:
        return Item("cases", UNKNOWN, "outside")
    severe, late, every = counts["severe"], counts["overdue"], counts["open"]
    reason = "severe" if severe else "overdue" if late else "open" if every else "none"
    return Item("cases", BAD if severe or late else OK, reason, dict(counts))


def of_orders(counts: Mapping[str, int] | None) -> Item:
    """Supervision orders that are not closed; None: not the officer's to see."""
    if counts is None:
        return Item("orders", UNKNOWN, "outside")
    reason = "overdue" if counts["overdue"] else "open" if counts["open"] else "none"
    return Item("orders", BAD if counts["overdue"] else OK, reason, dict(counts))


def of_deviations(rows: Sequence[Mapping[str, Any]] | None, heard: bool) -> Item:
    """Departures from the protocol that the terminal's profile does not expect: for its vendor, not for the driver."""
    if not heard or rows is None:
        return Item("deviations", UNKNOWN, "no_report", heavy=False)
    if not rows:
        return Item("deviations", OK, "none", heavy=False)
    figures = {"kinds": len(rows), "count": sum(row["count"] for row in rows), "rows": [dict(row) for row in rows[:3]]}
    return Item("deviations", BAD, "found", figures, heavy=False)


def verdict(items: Sequence[Item]) -> str:
    """``bad``: worth a check 建议重点检查; ``unknown``: nothing against it, but too little is known; else ``ok``."""
    if any(each.verdict == BAD and each.heavy for each in items):
        return BAD
    told = {each.code: each.verdict for each in items}
    return UNKNOWN if UNKNOWN in (told.get("scope"), told.get("online")) else OK


def _bits(word: int) -> set[int]:
    return {bit for bit in range(32) if word >> bit & 1}
