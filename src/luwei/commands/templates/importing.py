"""A template from what a truck reports: the answer of a ``read_parameters`` command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from luwei.commands.templates.values import value_of
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry.command import ANSWERED, Command, CommandBatch
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.ownership import held
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

_LENGTHS = {56: "subiao", 64: "yuebiao", 49: "subiao", 66: "yuebiao"}
"""Dialect by the length of 0xF364 and 0xF365 (reference §5.1, §5.2)."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reported parameter that a template does not take, and why."""

    id: int
    rule: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What a truck reported, as a template would hold it, and what kind of terminal it is."""

    plate: str
    vehicle_class: str
    model: str
    edition: int
    dialect: str
    parameters: list[dict[str, Any]]
    left_out: list[LeftOut]


def reported(engine: Engine, scope: Scope, command: int) -> Reported:
    """The answer of a command as a template. Raises NotFound; RegistryError where it read no parameters."""
    statement = (
        select(
            Command.state, Command.answer, Command.edition, CommandBatch.kind, Vehicle.plate, Vehicle.vehicle_class,
            Terminal.model,
        )
        .join(CommandBatch, CommandBatch.id == Command.batch_id)
        .join(Vehicle, Vehicle.id == Command.vehicle_id)
        .outerjoin(Terminal, Terminal.vehicle_id == Vehicle.id)
        .where(Command.id == command, *held(scope, Command.vehicle_id, Command.created_at))
    )  # fmt: skip
    with read(engine) as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound("command", "there is no such command", command)
    answer = None if row.answer is None else json.loads(row.answer)
    if row.kind != "read_parameters" or row.state != ANSWERED or not answer or not answer.get("parameters"):
        raise RegistryError("command", "must be an answered read_parameters", command)
    edition = row.edition or 2019
    found = [Parameter(int(each["id"]), bytes.fromhex(each["hex"])) for each in answer["parameters"]]
    dialect = next((_LENGTHS[len(p.raw)] for p in found if p.id in (0xF364, 0xF365) and len(p.raw) in _LENGTHS), "")
    reading = Reading(charset=answer.get("charset", STANDARD.charset))
    kept: dict[int, dict[str, Any]] = {}
    left_out: list[LeftOut] = []
    for parameter in found:
        try:
            kept[parameter.id] = {"id": parameter.id, "value": value_of(parameter, edition, dialect, reading)}
        except RegistryError as error:
            left_out.append(LeftOut(parameter.id, error.rule))
    ordered = [kept[key] for key in sorted(kept)]
    return Reported(row.plate, row.vehicle_class, row.model or "", edition, dialect, ordered, left_out)
