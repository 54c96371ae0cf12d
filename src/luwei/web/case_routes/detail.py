"""One case with its whole story: what the registry knows of it, and what the history knows of the minutes around it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pyarrow as pa
from litestar import get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler
from sqlalchemy import select

from luwei.cases import appeals, reading, story
from luwei.cases.policy import Policy
from luwei.cases.reading import CaseRow
from luwei.live.feed import now_ms
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.items import alarm_names, status_names
from luwei.protocol.jt808.messages.driver import DriverIdentity
from luwei.registry import masking, ownership
from luwei.registry.driver import Driver
from luwei.registry.engine import read
from luwei.registry.named import Named, organisations_named
from luwei.registry.scope import Scope
from luwei.registry.wheel import CARD_MS
from luwei.video import record_views
from luwei.video.record_views import RecordView
from luwei.web.case_routes.acts import Key
from luwei.web.case_routes.allowed import cases_of, looked, may
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.rows import milliseconds, numbers
from luwei.web.services import Services
from luwei.web.vehicle_rows import vehicle_ids

CURVE_MS, AROUND_MS, NEAR_MS = 60_000, 300_000, 120_000
POINTS_MOST = 2_000


class Curve(msgspec.Struct):
    """Speed a minute before and after the first alarm."""

    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    alarm_at: int
    limit_kmh: int | None
    at: list[int]
    speed_dkmh: list[int]


class Around(msgspec.Struct):
    """Places five minutes before and after it."""

    at: list[int]
    lat_e6: list[int]
    lon_e6: list[int]


class DriverBrief(msgspec.Struct):
    """Who drove, by the card that was put in last (0x0702); ``source``: card, or none where nobody said so."""

    id: int | None
    name: str
    phone: str | None
    source: str
    at: int | None


class Bit(msgspec.Struct):
    zh: str
    en: str


class TerminalThen(msgspec.Struct):
    """The terminal's state at the alarm: of the report nearest to it; ``clock_diff_ms`` receipt less its own time."""

    phone: str
    vendor: Named | None
    edition: int
    at: int
    fixed: bool
    satellites: int | None
    radio_signal: int | None
    clock_diff_ms: int
    statuses: list[Bit]
    alarms: list[Bit]


class Clocks(msgspec.Struct):
    """What the policy that the case is handled by asks."""

    policy: int
    first_action_s: int
    close_s: int
    checks_s: list[int]
    look: bool
    verify: bool
    appeal_until: int | None
    """When (UTC ms) the time to object to the verdict ends; null: there is nothing to object to."""


class CaseDetail(msgspec.Struct):
    as_of: int
    case: CaseRow
    record: story.Record
    status: story.Status
    alarms: list[story.AlarmView]
    steps: list[story.StepView]
    evidence: list[story.CaseFile] | None
    """Null: this person may not see evidence of the truck."""
    records: list[RecordView] | None
    """Recordings of live pictures for it; null: this person may not see video."""
    requests: list[story.RequestBrief]
    curve: Curve | None
    around: Around | None
    driver: DriverBrief | None
    terminal: TerminalThen | None
    same_type: story.Often
    commands: list[story.CommandBrief]
    clocks: Clocks
    may: dict[str, bool]


class CaseSteps(msgspec.Struct):
    items: list[story.StepView]


@get("/api/cases/{case_id:int}/steps", tags=["cases"])
async def case_steps(services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key) -> CaseSteps:
    """The story of a case alone."""
    scope = door.allow("read", "case")

    row = await asyncio.to_thread(reading.one, services.engine, scope, case_id)
    await looked(door, row, scope)

    def work() -> list[story.StepView]:
        with read(services.engine) as connection:
            return story.steps(connection, case_id)

    return CaseSteps(await asyncio.to_thread(work))


@get("/api/cases/{case_id:int}", tags=["cases"])
async def case_detail(services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key) -> CaseDetail:
    """Everything that is known of one case; what this person has no right to is null."""
    scope = door.allow("read", "case")
    engine = cases_of(services)
    row = await asyncio.to_thread(reading.one, services.engine, scope, case_id)
    policy = await asyncio.to_thread(engine.policy, row["policy"])
    await looked(door, row, scope)
    known = await asyncio.to_thread(_registry, services, door, row, policy)
    curve, around, terminal, driver = await asyncio.gather(
        _curve(services, door, row),
        _around(services, door, row),
        _terminal(services, row),
        _driver(services, door, row),
    )
    rule = policy.grades[row["grade"]]
    clocks = Clocks(
        row["policy"], rule.first_action_s, policy.close_s(row["type"], row["dialect"], row["grade"]),
        list(rule.checks_s), rule.look, rule.verify, appeals.until(row, policy),
    )  # fmt: skip
    now = now_ms()
    return CaseDetail(
        as_of=now, curve=curve, around=around, driver=driver, terminal=terminal, clocks=clocks,
        may=may(door, row, policy, now), **known,
    )  # fmt: skip


def _registry(services: Services, door: Door, row: dict[str, Any], policy: Policy) -> dict[str, Any]:
    evidence = door.allow("read", "evidence") if door.may("read", "evidence") else None
    seen = evidence is not None and _held(services, evidence, row)
    video = door.allow("read", "video") if door.may("read", "video") else None
    with read(services.engine) as connection:
        return {
            "case": reading.views(connection, [row])[0],
            "record": story.record(connection, row, policy, door.user_id),
            "status": story.status(connection, row),
            "alarms": story.alarms(connection, row["id"]),
            "steps": story.steps(connection, row["id"]),
            "evidence": story.files(connection, row, evidence, door.user_id) if seen and evidence is not None else None,
            "records": record_views.of_case(connection, row["id"], video) if video is not None else None,
            "requests": story.requests(connection, row["id"]),
            "same_type": story.often(connection, row),
            "commands": story.commands(connection, row["id"]),
        }


def _held(services: Services, scope: Scope, row: dict[str, Any]) -> bool:
    """Whether the truck lay within the scope when the alarm began."""
    at = row["started_at"]
    return bool(ownership.spans(services.engine, scope, row["vehicle_id"], at, at + 1))


async def _points(services: Services, row: dict[str, Any], each_ms: int) -> pa.Table | None:
    """Stored locations around the first alarm, by time; None where the history cannot tell now."""
    start, end = row["started_at"] - each_ms, row["started_at"] + each_ms
    keys = await asyncio.to_thread(vehicle_ids, services.engine, row["vehicle_id"])
    try:
        parts = [
            await services.ask("track", vehicle=key, start=start, end=end, limit=POINTS_MOST) for key in keys
        ]  # fmt: skip
    except Refused:
        return None
    return pa.concat_tables(parts).sort_by("at")


async def _curve(services: Services, door: Door, row: dict[str, Any]) -> Curve | None:
    """Two minutes of a track, without its places: nothing for who sees the last fix only."""
    if door.may("read", "position") and door.allow("read", "position").narrow == "last_fix":
        return None
    points = await _points(services, row, CURVE_MS)
    if points is None:
        return None
    at = row["started_at"]
    return Curve(
        at - CURVE_MS, at + CURVE_MS, at, row["limit_kmh"], numbers(points, "at"), numbers(points, "speed_dkmh")
    )  # fmt: skip


async def _around(services: Services, door: Door, row: dict[str, Any]) -> Around | None:
    if not door.may("read", "position"):
        return None
    scope = door.allow("read", "position")
    if scope.narrow == "last_fix" or not await asyncio.to_thread(_held, services, scope, row):
        return None
    points = await _points(services, row, AROUND_MS)
    if points is None:
        return None
    return Around(*(numbers(points, name) for name in ("at", "lat_e6", "lon_e6")))


async def _terminal(services: Services, row: dict[str, Any]) -> TerminalThen | None:
    try:
        found = await services.ask("fix_near", vehicle=row["vehicle_id"], at=row["started_at"], within=NEAR_MS)
    except Refused:
        return None
    if not found.num_rows:
        return None
    fix = found.to_pylist()[0]

    def vendor() -> Named | None:
        with read(services.engine) as connection:
            return organisations_named(connection, [row["vendor_id"]]).get(row["vendor_id"])

    at = milliseconds(fix["device_at"]) or milliseconds(fix["at"]) or 0
    statuses = [Bit(zh, en) for _, zh, en in status_names(fix["status"], fix["edition"])]
    alarms = [Bit(zh, en) for _, zh, en in alarm_names(fix["alarm"], fix["edition"])]
    return TerminalThen(
        row["phone"], await asyncio.to_thread(vendor), fix["edition"], at, not fix["flags"] & 8, fix["satellites"],
        fix["radio_signal"], (milliseconds(fix["received_at"]) or 0) - at, statuses, alarms,
    )  # fmt: skip


async def _driver(services: Services, door: Door, row: dict[str, Any]) -> DriverBrief | None:
    """Null where this person may not know drivers; whoever sees the truck's cases and drivers sees who drove."""
    if not door.may("read", "driver"):
        return None
    scope = door.allow("read", "driver")
    try:
        found = await services.ask(
            "message_before", vehicle=row["vehicle_id"], message=DriverIdentity.id, start=row["started_at"] - CARD_MS,
            end=row["started_at"] + NEAR_MS,
        )  # fmt: skip
    except Refused:
        return None
    card = found.to_pylist()[0] if found.num_rows else None
    brief = await asyncio.to_thread(_named, services, scope, card)
    await door.looked("driver.look", row["vehicle_id"], {"case": row["id"]}, scope, brief.id)
    return brief


def _named(services: Services, scope: Scope, card: dict[str, Any] | None) -> DriverBrief:
    nobody = DriverBrief(None, "", None, "none", None)
    if card is None:
        return nobody
    try:
        said = DriverIdentity.decode(bytes(card["body"]), card["edition"])
    except ProtocolError:
        return nobody
    number = (getattr(said, "certificate", None) or "").strip()
    at = milliseconds(card["received_at"])
    if getattr(said, "status", 1) != 1 or not number:
        return DriverBrief(None, "", None, "none", at)
    conditions = [Driver.qualification_number == number, *scope.of_drivers()]
    with read(services.engine) as connection:
        person = connection.execute(select(Driver.id, Driver.name, Driver.phone).where(*conditions)).first()
    if person is None:
        # The card names a person the registry does not know, or whom this person may not see: two letters tell enough.
        return DriverBrief(None, masking.name(str(getattr(said, "name", "") or "?")), None, "card", at)
    if scope.narrow == "match_result":
        return DriverBrief(
            person.id, masking.name(person.name), masking.phone(person.phone) if person.phone else None, "card", at
        )
    return DriverBrief(person.id, person.name, person.phone, "card", at)


route_handlers: list[ControllerRouterHandler] = [case_steps, case_detail]
