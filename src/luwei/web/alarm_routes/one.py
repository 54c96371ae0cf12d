"""One alarm with everything that is known of it, its items explained by their declarations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from luwei.alarms.item_scan import SAFETY, step
from luwei.facts import PHASE_END
from luwei.live.feed import now_ms
from luwei.protocol.english import english
from luwei.protocol.fields import LATEST, Scope
from luwei.protocol.jt808.items import ITEM_TYPES, Item, alarm_names, status_names
from luwei.protocol.message import Record
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry import gone, ownership
from luwei.registry.engine import read
from luwei.registry.errors import NotFound
from luwei.registry.scope import WHOLE
from luwei.registry.terminal_profiles import view
from luwei.web.alarm_routes.reach import allowed_types
from luwei.web.alarm_routes.rows import plates_of, row_of
from luwei.web.door import Door
from luwei.web.rows import milliseconds
from luwei.web.services import Held, Services

AlarmId = Annotated[str, PathParameter(name="alarm_id", pattern="^[0-9a-f]{16}$")]

_PHASE = (
    "terminal_id", "lat_e6", "lon_e6", "altitude_m", "speed_dkmh", "direction_deg", "level", "files", "sequence",
    "report_alarm", "status", "backfill",
)  # fmt: skip


@get("/api/alarms/{alarm_id:str}", tags=["alarms"])
async def alarm(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    alarm_id: AlarmId,
    vehicle: Annotated[int, QueryParameter(name="vehicle", ge=0, le=2**32 - 1)] = 0,
    at: Annotated[int, QueryParameter(name="at", ge=0, le=4_102_444_800_000)] = 0,
) -> dict[str, Any]:
    """The row of the list, start and end with place and state, and the items as they came, field by field.

    ``vehicle`` and ``at`` of the row make the search short; without them every day is looked at.
    """
    scope = door.allow("read", "alarm")
    with_hints = vehicle and at
    keys = await asyncio.to_thread(_known_as, services, vehicle) if with_hints else [0]
    found: list[dict[str, Any]] = []
    for key in keys:
        table = await services.ask("alarm_one", alarm=int(alarm_id, 16), vehicle=key, at=at if with_hints else 0)
        found += table.to_pylist()
    if not found:
        raise NotFound("id", "no such alarm", alarm_id)
    first = found[0]
    types = allowed_types(scope, [])
    merged = await asyncio.to_thread(_survivor, services, first["vehicle_id"])
    began = milliseconds(first["started_at"]) or 0
    parts = await asyncio.to_thread(ownership.spans, services.engine, scope, merged, began, began + 1)
    if not parts or (types and first["type"] not in types):
        raise NotFound("id", "no such alarm", alarm_id)
    held = Held("", merged={first["vehicle_id"]: merged})
    plates = await plates_of(services, held, [first["vehicle_id"]])
    ends = [row for row in found if row["phase"] == PHASE_END]
    reading = await asyncio.to_thread(_reading, services, first["terminal_id"])
    await door.looked("alarm.look", merged, {"alarm": alarm_id}, scope)
    return (
        {"as_of": now_ms()}
        | row_of(first, held, plates, milliseconds(ends[0]["at"]) if ends else None)
        | {
            "start": None if first["phase"] == PHASE_END else _phase(first),
            "end": _phase(ends[0]) if ends else None,
            "identification_hex": bytes(first["identification"]).hex(),
            "item_hex": bytes(first["item"]).hex(),
            "explained": list(explained(bytes(first["item"]), reading)),
        }
    )


def _known_as(services: Services, vehicle: int) -> list[int]:
    with read(services.engine) as connection:
        return gone.known_as(connection, "vehicle", vehicle)


def _survivor(services: Services, vehicle: int) -> int:
    with read(services.engine) as connection:
        return gone.survivor_of(connection, "vehicle", vehicle) or vehicle


def _reading(services: Services, terminal: int) -> Reading:
    """How the terminal's profile reads codes; the standards' reading where there is none."""
    try:
        assigned = view(services.engine, terminal, WHOLE)
    except NotFound:
        return STANDARD
    profile = services.catalogue.known(assigned.profile, assigned.version) if assigned is not None else None
    return profile.reading if profile is not None else STANDARD


def _phase(row: dict[str, Any]) -> dict[str, Any]:
    edition = row["edition"]
    return {
        "at": milliseconds(row["at"]),
        "received_at": milliseconds(row["received_at"]),
        "alarms": [{"bit": bit, "zh": zh, "en": en} for bit, zh, en in alarm_names(row["report_alarm"], edition)],
        "statuses": [{"bit": bit, "zh": zh, "en": en} for bit, zh, en in status_names(row["status"], edition)],
    } | {name: row[name] for name in _PHASE}


def explained(items: bytes, reading: Reading = STANDARD) -> Iterator[dict[str, Any]]:
    """Every field of the items: name, Chinese and English term, value, what it means, and its unit."""
    for kind, start, stop in step(items):
        item = Item(kind, items[start:stop])
        known, value = ITEM_TYPES.get(kind), item.value
        path = f"[0x{kind:02X}]."
        if value is not None:
            yield from _fields(value, path, reading)
            continue
        if known is not None and known.tables and stop - start >= SAFETY[kind]:
            # Its identification is of a length that no dialect has; what stands before it is the same in all.
            fixed, behind = known.record.read(item.raw, 0, len(item.raw), Scope(LATEST))
            yield from _fields(fixed, path, reading)
            yield _line(f"{path}rest", "报警标识号", "Identification", item.raw[behind:].hex(), "", "")
            continue
        zh, en = (known.zh, known.en) if known else ("附加信息", "Item")
        yield _line(f"{path}raw", zh, en, item.raw.hex(), "", "")


def _fields(record: Record, path: str, reading: Reading) -> Iterator[dict[str, Any]]:
    for declared, value in record.filled():
        name = f"{path}{declared.name}"
        if isinstance(value, Record):
            yield from _fields(value, f"{name}.", reading)
        elif isinstance(value, tuple) and all(isinstance(each, Record) for each in value):
            for number, each in enumerate(value):
                yield from _fields(each, f"{name}[{number}].", reading)
        else:
            meaning = reading.word(path, declared.name, value) or declared.explain(value, LATEST)
            unit = declared.unit.symbol if declared.unit else ""
            text = declared.text(value, LATEST)
            yield _line(name, declared.zh, declared.en, value, meaning or text, unit)


def _line(name: str, zh: str, en: str, value: Any, text: str, unit: str) -> dict[str, Any]:
    shown = value.hex() if isinstance(value, bytes) else value
    return {"name": name, "zh": zh, "en": en, "value": shown, "text": text, "text_en": english(text), "unit": unit}
