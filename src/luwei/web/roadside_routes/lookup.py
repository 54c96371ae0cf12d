"""The answer to a plate at the roadside: what the platform knows of the truck, item by item with verdict and reason."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.facts import FLAG_NOT_FIXED, FLAG_PLACE_IMPOSSIBLE
from luwei.history.track import haversine
from luwei.live.feed import now_ms
from luwei.oversight.roadside import checks, judging, looking
from luwei.oversight.roadside.checks import CheckFilter, CheckView
from luwei.oversight.roadside.judging import Item, Report, Silence
from luwei.oversight.roadside.looking import Known
from luwei.profiles.reasons import reason_of
from luwei.protocol.fields import LATEST
from luwei.protocol.fields import Scope as Edition
from luwei.protocol.jt808.items import ITEM_LIST, alarm_names, video_alarm_names
from luwei.registry import masking, plate
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.terminal_profiles import view as profile_view
from luwei.registry.vehicle import VEHICLE_CLASSES
from luwei.registry.vehicle_list import OperatorName
from luwei.video import channels
from luwei.web.china_time import DAY_MS, today
from luwei.web.deviations import EXCLUDED
from luwei.web.door import Door
from luwei.web.rows import milliseconds
from luwei.web.services import Services

DAYS = 30
"""How far the answer looks back."""
SILENCE_BACK_MS = 60 * DAY_MS
"""A silence that ended within DAYS may have begun so long ago."""
AROUND_MS = 2 * 3_600_000
CHECKS_SHOWN = 3
LOST, COVERED, STORES = 0x15, 0x16, 0x17


class Truck(msgspec.Struct):
    """What the registry says; ``owner`` masked unless the truck is the officer's own authority's."""

    id: int
    vin: str | None
    vehicle_class: str
    class_zh: str
    in_scope: bool | None
    gross_mass_kg: int | None
    owner: str | None
    city: int | None
    county: int | None
    operator: OperatorName | None
    insurer: OperatorName | None
    transport_certificate: str | None


class Device(msgspec.Struct):
    """The terminal that is bound; ``sim`` is masked."""

    model: str
    manufacturer_id: str
    firmware: str
    terminal_id: str
    sim: str
    catalogue_number: str | None
    bound_at: int | None
    channels: list[str]


class Present(msgspec.Struct):
    """The last location. The place is null where the right to positions does not reach the truck (``outside``) or
    there is no fix yet."""

    state: str
    at: int
    received_at: int
    fixed: bool
    lat_e6: int | None
    lon_e6: int | None
    speed_dkmh: int | None
    outside: bool


class Span(msgspec.Struct):
    """A silence of more than a day; ``km`` that the truck was moved meanwhile, null where that is not known."""

    start: int
    end: int
    km: float | None


class Word(msgspec.Struct):
    """What a standing bit is called."""

    code: str
    zh: str
    en: str


class Answer(msgspec.Struct):
    """``found`` false: the registry has no such truck; ``colours``: under which colours the plate is registered."""

    as_of: int
    plate: str
    plate_color: int
    found: bool
    trailer: bool
    colours: list[int]
    verdict: str
    items: list[Item]
    words: list[Word]
    vehicle: Truck | None = None
    device: Device | None = None
    present: Present | None = None
    grades: dict[str, int] | None = None
    silences: list[Span] = []
    checks: list[CheckView] = []


@get("/api/roadside/vehicle", tags=["roadside"])
async def roadside_vehicle(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    number: Annotated[str, QueryParameter(name="plate", min_length=1, max_length=20)],
    color: Annotated[int, QueryParameter(ge=1, le=99)],
) -> Answer:
    """The truck with a whole plate, wherever in the province it is registered, for the officer it stands before."""
    scope = door.allow("write", "roadside")
    wanted = plate.check(number, color)
    now = now_ms()
    known, colours = await asyncio.gather(
        asyncio.to_thread(looking.known, services.engine, scope, wanted, color, now),
        asyncio.to_thread(looking.colours, services.engine, scope, wanted),
    )
    trailer = wanted.endswith("挂")
    key = known.view.id if known is not None else None
    await door.looked("roadside.look", key, {"plate": wanted, "color": color}, scope)
    if known is None:
        return Answer(now, wanted, color, False, trailer, colours, judging.UNKNOWN, [], [])
    answer = await _answer(services, door, known, now)
    answer.trailer, answer.colours = trailer, colours
    return answer


async def _answer(services: Services, door: Door, known: Known, now: int) -> Answer:
    key, start = known.view.id, now - DAYS * DAY_MS
    latest, silences, deviations, work, told, recorded, mine = await asyncio.gather(
        services.ask("latest_vehicle", vehicles=known.ids),
        _silences(services, known, now, start),
        _deviations(services, known, now),
        _work(services, door, key, start),
        _channels(services, known),
        _checks(services, door, key),
        asyncio.to_thread(looking.inside, services.engine, _records(door), key),
    )
    rows = latest.to_pylist()
    report = _report(rows[0]) if rows else None
    heard = services.fleet.present(key)
    received = [each.received_at for each in (heard, report) if each is not None]
    heard_at = max(received, default=None)
    announced = None if told is None else [each.channel for each in told]
    items = judging.of_registry(known.registered, today(now))
    if known.view.terminal is not None:
        items += [judging.of_link(heard_at, now), judging.of_position(report, now)]
        items += judging.of_device(report, announced, now)
        items.append(judging.of_silences(silences, heard_at is not None, known.offline_km * 1000))
    items += [judging.of_cases(work.cases), judging.of_orders(work.orders)]
    if known.view.terminal is not None:
        items.append(judging.of_deviations(deviations, heard_at is not None))
    return Answer(
        now, known.view.plate, known.view.plate_color, True, False, [], judging.verdict(items), items, _words(items),
        _truck(known, mine), _device(known, told), _present(services, door, known, report, heard_at), work.grades,
        [Span(each.start, each.end, _km(each.metres)) for each in silences], recorded,
    )  # fmt: skip


def _records(door: Door) -> Scope | None:
    return door.allow("read", "vehicle") if door.may("read", "vehicle") else None


async def _work(services: Services, door: Door, key: int, since: int) -> looking.Work:
    """Cases and orders, each where its right reaches the truck."""
    cases = door.allow("read", "case") if door.may("read", "case") else None
    if cases is not None and not await asyncio.to_thread(looking.inside, services.engine, cases, key):
        cases = None
    arguments = (services.engine, key, since, cases, cases, door.user.organisation_id)
    return await asyncio.to_thread(looking.work, *arguments)


async def _checks(services: Services, door: Door, key: int) -> list[CheckView]:
    if not door.may("read", "roadside"):
        return []
    scope = door.allow("read", "roadside")
    arguments = (services.engine, scope, door.user_id, door.user.organisation_id, CheckFilter(vehicle=key))
    return (await asyncio.to_thread(checks.page, *arguments, 1, CHECKS_SHOWN)).items


async def _silences(services: Services, known: Known, now: int, since: int) -> list[Silence]:
    """Spans longer than the policy's hours that ended since; a place before and after says whether it was moved."""
    gap = known.offline_hours * 3_600_000
    found = await services.ask(
        "silences_vehicle", vehicles=known.ids, start=now - SILENCE_BACK_MS, since=since, gap=gap
    )
    spans = found.to_pylist()
    around = await asyncio.gather(
        *(
            services.ask(
                "reports_around", vehicles=known.ids, at=span["end"], start=span["start"] - AROUND_MS,
                end=span["end"] + AROUND_MS, flags=FLAG_NOT_FIXED | FLAG_PLACE_IMPOSSIBLE,
            )
            for span in spans
        )
    )  # fmt: skip
    return [
        Silence(span["start"], span["end"], _moved(table.to_pylist()))
        for span, table in zip(spans, around, strict=True)
    ]  # fmt: skip


def _moved(rows: list[dict[str, Any]]) -> float | None:
    if len(rows) != 2:
        return None
    lat, lon = (np.array([[row[name] / 1e6] for row in rows]) for name in ("lat_e6", "lon_e6"))
    return float(haversine(lat[0], lon[0], lat[1], lon[1])[0])


async def _deviations(services: Services, known: Known, now: int) -> list[dict[str, Any]] | None:
    """Departures that the terminal's profile does not expect, in words; None without a terminal."""
    if known.view.terminal is None:
        return None
    first = today(now) - timedelta(days=DAYS)
    found, assigned = await asyncio.gather(
        services.ask("deviations_vehicle", vehicles=known.ids, first=first, excluded=EXCLUDED),
        asyncio.to_thread(profile_view, services.engine, known.view.terminal.id, WHOLE),
    )
    profile = services.catalogue.known(assigned.profile, assigned.version) if assigned is not None else None
    expected = profile.expected if profile is not None else frozenset()
    rows = []
    for row in found.to_pylist():
        if row["reason"].partition(":")[0] not in expected:
            meant = reason_of(row["reason"])
            rows.append({"count": row["count"], "clause": meant.clause, "zh": meant.zh, "en": meant.en})
    return rows


async def _channels(services: Services, known: Known) -> list[channels.ChannelView] | None:
    """Cameras that somebody noted or the terminal told of; None: the platform only knows what trucks usually have."""
    if known.view.terminal is None:
        return None
    found = await asyncio.to_thread(channels.channels, services.engine, known.view.id, known.view.terminal.id)
    return None if found.source == channels.USUALLY else [each for each in found.items if each.kind != "audio"]


def _report(row: dict[str, Any]) -> Report:
    raw = bytes(row["items"])
    items, _ = ITEM_LIST.read(raw, 0, len(raw), Edition(LATEST))

    def mask(item: int) -> int | None:
        found = items.all(item)
        return int.from_bytes(found[-1].raw, "big") if found else None

    return Report(
        milliseconds(row["at"]) or 0, milliseconds(row["received_at"]) or 0, row["flags"], row["alarm"],
        row["video_alarm"], mask(LOST), mask(COVERED), mask(STORES), row["lat_e6"], row["lon_e6"],
    )  # fmt: skip


def _words(items: list[Item]) -> list[Word]:
    """Names of the bits that stand."""
    codes = {code for item in items for code in item.figures.get("bits", ())}
    words = []
    for source, names in (("808", alarm_names), ("1078", video_alarm_names)):
        standing = sum(1 << int(code.partition(":")[2]) for code in codes if code.startswith(f"{source}:"))
        words += [Word(f"{source}:{bit}", zh, en) for bit, zh, en in names(standing)]
    return words


def _truck(known: Known, mine: bool) -> Truck:
    view = known.view
    owner = view.owner if view.owner is None or not mine else masking.owner(view.owner)
    return Truck(
        view.id, view.vin, view.vehicle_class, VEHICLE_CLASSES.get(view.vehicle_class, view.vehicle_class),
        judging.in_notice(known.registered), view.gross_mass_kg, owner if mine else None, view.city, view.county,
        view.operator, view.insurer, view.transport_certificate,
    )  # fmt: skip


def _device(known: Known, told: list[channels.ChannelView] | None) -> Device | None:
    terminal = known.view.terminal
    if terminal is None:
        return None
    return Device(
        known.registered.model, terminal.manufacturer_id, known.firmware, terminal.terminal_id,
        masking.phone(terminal.phone), known.registered.catalogue_number, known.bound_at,
        [each.name_zh for each in told or ()],
    )  # fmt: skip


def _present(
    services: Services, door: Door, known: Known, report: Report | None, heard_at: int | None
) -> Present | None:  # fmt: skip
    if report is None or heard_at is None:
        return None
    live = services.fleet.present(known.view.id)
    scope = door.positions()
    seen = scope is not None and services.fleet.sees(scope, known.view.id)
    shown = seen and not report.flags & FLAG_PLACE_IMPOSSIBLE
    return Present(
        live.state if live is not None else "offline", report.at, heard_at, report.flags & FLAG_NOT_FIXED == 0,
        report.lat_e6 if shown else None, report.lon_e6 if shown else None,
        live.speed_dkmh if live is not None and seen else None, not seen,
    )  # fmt: skip


def _km(metres: float | None) -> float | None:
    return None if metres is None else round(metres / 1000, 1)


route_handlers: list[ControllerRouterHandler] = [roadside_vehicle]
