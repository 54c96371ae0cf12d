"""What a terminal says of its areas, compared with what was sent to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from luwei.commands.letters_area import KIND_OF, as_sent
from luwei.protocol.errors import ProtocolError
from luwei.registry.area import AREA_KINDS
from luwei.registry.command import ANSWERED, Command, CommandBatch
from luwei.registry.engine import read
from luwei.registry.errors import NotFound
from luwei.registry.ownership import held
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

SAME, DIFFERENT, MISSING, EXTRA = "same", "different", "missing", "extra"
"""Of one area: as it was sent; otherwise; sent, but not there; there, though nothing sent it."""
HISTORY_MAX = 2_000
DIFFERENCES_MAX = 40

_LABELS = {
    "name": ("名称", "Name"), "lat_e6": ("纬度", "Latitude"), "lon_e6": ("经度", "Longitude"),
    "radius_m": ("半径", "Radius"), "north_e6": ("上边界纬度", "North"), "south_e6": ("下边界纬度", "South"),
    "west_e6": ("左边界经度", "West"), "east_e6": ("右边界经度", "East"), "points": ("顶点或拐点", "Points"),
    "width_m": ("路段宽度", "Width"), "too_long_s": ("行驶过长阈值", "Too-long threshold"),
    "too_short_s": ("行驶不足阈值", "Too-short threshold"), "max_speed": ("最高速度", "Maximum speed"),
    "duration_s": ("超速持续时间", "Overspeed duration"), "night_speed": ("夜间最高速度", "Maximum speed at night"),
    "enter_driver": ("进时报警给驾驶员", "Entering: driver"),
    "enter_platform": ("进时报警给平台", "Entering: platform"),
    "leave_driver": ("出时报警给驾驶员", "Leaving: driver"),
    "leave_platform": ("出时报警给平台", "Leaving: platform"),
    "doors_closed": ("禁止开门", "Doors closed"), "radio_off": ("关闭通信模块", "Communication off"),
    "detail": ("采集详细定位数据", "Detailed positions"), "start": ("起始时间", "Start"), "end": ("结束时间", "End"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One field; ``sent`` and ``read`` as text, empty where there is none."""

    field: str
    zh: str
    en: str
    sent: str
    read: str


@dataclass(frozen=True, slots=True)
class ComparedArea:
    id: int
    name: str
    state: str
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``known`` is false where the answer named ids only, so that nothing but presence can be compared."""

    kind: str
    known: bool
    items: list[ComparedArea]


def of_command(engine: Engine, scope: Scope, key: int) -> Comparison:
    """The comparison for an answered ``read_areas``. Raises NotFound where there is none."""
    given = held(scope, Command.vehicle_id, Command.created_at)
    with read(engine) as connection:
        command = connection.execute(
            _COMMANDS.where(Command.id == key, CommandBatch.kind == "read_areas", *given)
        ).one_or_none()
        if command is None or command.answer is None or command.state != ANSWERED:
            raise NotFound("id", "there is no answer with areas", key)
        before = connection.execute(
            _COMMANDS.where(
                Command.vehicle_id == command.vehicle_id,
                Command.state == ANSWERED,
                CommandBatch.kind.in_(("push_areas", "delete_areas")),
                Command.ended_at <= command.sent_at,
            )
            .order_by(Command.ended_at.desc(), Command.id.desc())
            .limit(HISTORY_MAX)
        ).all()
    asked = json.loads(command.parameters)
    kind = KIND_OF[asked["type"]]
    sent = _sent(reversed(before), kind)
    if asked.get("ids"):
        sent = {number: area for number, area in sent.items() if number in asked["ids"]}
    answer = json.loads(command.answer)
    read_areas = answer.get("areas")
    if read_areas is None:
        present = {int(number) for number in answer.get("area_ids", ())}
        items = [
            ComparedArea(number, sent.get(number, {}).get("name", ""), _presence(number, sent, present), [])
            for number in sorted(set(sent) | present)
        ]
        return Comparison(kind, False, items)
    found = {area["id"]: area for area in read_areas}
    return Comparison(kind, True, [_compared(n, sent.get(n), found.get(n)) for n in sorted(set(sent) | set(found))])


def _presence(number: int, sent: Mapping[int, Any], present: set[int]) -> str:
    if number not in sent:
        return EXTRA
    return SAME if number in present else MISSING


def _sent(commands: Iterator[Any], kind: str) -> dict[int, dict[str, Any]]:
    """What the terminal should hold of ``kind`` after these commands, oldest first."""
    held: dict[int, dict[str, Any]] = {}
    for command in commands:
        values = json.loads(command.parameters)
        if command.kind == "delete_areas":
            if values["type"] == AREA_KINDS[kind]:
                gone = values.get("ids") or list(held)
                held = {number: area for number, area in held.items() if number not in gone}
            continue
        chosen = [area for area in values["areas"] if area["kind"] == kind]
        if chosen and values.get("setting") == 0 and kind in ("circle", "rectangle"):
            held = {}
        for area in chosen:
            try:
                held[area["id"]] = as_sent(area, command.edition or 2019)
            except ProtocolError:
                continue
    return held


def _compared(number: int, sent: dict[str, Any] | None, found: dict[str, Any] | None) -> ComparedArea:
    if sent is None or found is None:
        known = sent or found or {}
        return ComparedArea(number, known.get("name", ""), MISSING if found is None else EXTRA, [])
    differences = list(_differences(sent, found))[:DIFFERENCES_MAX]
    return ComparedArea(number, sent["name"], DIFFERENT if differences else SAME, differences)


def _differences(sent: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    if sent["name"] != found["name"]:
        yield _difference("name", "name", sent["name"], found["name"])
    for part in ("geometry", "rules"):
        for name, value in sent[part].items():
            other = found[part].get(name)
            if name == "points":
                yield from _points(value, other or [])
            elif value != other:
                yield _difference(f"{part}.{name}", name, value, other)


def _points(sent: list[Any], found: list[Any]) -> Iterator[Difference]:
    if len(sent) != len(found):
        yield _difference("geometry.points", "points", len(sent), len(found))
        return
    for number, (one, other) in enumerate(zip(sent, found, strict=True)):
        if isinstance(one, Mapping):
            for name, value in one.items():
                if value != other.get(name):
                    yield _difference(f"geometry.points[{number}].{name}", name, value, other.get(name), number + 1)
        elif list(one) != list(other):
            yield _difference(f"geometry.points[{number}]", "points", one, other, number + 1)


def _difference(field: str, name: str, sent: Any, found: Any, number: int = 0) -> Difference:
    zh, en = _LABELS[name]
    suffix = f" {number}" if number else ""
    return Difference(field, zh + suffix, en + suffix, _text(name, sent), _text(name, found))


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(f"{part / 1e6:.6f}" for part in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value / 1e6:.6f}" if name.endswith("_e6") else str(value)


_COMMANDS = (
    select(
        Command.id, Command.vehicle_id, Command.state, Command.answer, Command.sent_at, Command.edition,
        CommandBatch.kind, CommandBatch.parameters,
    )
    .join(CommandBatch, CommandBatch.id == Command.batch_id)
    .join(Vehicle, Vehicle.id == Command.vehicle_id)
)  # fmt: skip
