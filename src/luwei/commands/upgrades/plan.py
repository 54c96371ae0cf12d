"""What a person plans: target, stages and vehicles of an upgrade order, checked before anything is entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, exists, select

from luwei.commands.journal import Target
from luwei.commands.kinds import KINDS
from luwei.commands.upgrades import decide, firmware
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages.control import UPGRADE_TYPES
from luwei.registry import fields
from luwei.registry import upgrade as u
from luwei.registry.engine import read
from luwei.registry.errors import Conflict, RegistryError
from luwei.registry.terminal import Terminal
from luwei.registry.upgrade import UpgradeVehicle

VEHICLES_MAX = 20_000
AT_ONCE = 500
WAIT_S = (60, 7 * 86_400)
_TARGET_FIELDS = ("url", "manufacturer", "hardware", "firmware", "time_limit")


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage as a person plans it."""

    percent: int
    accept_percent: int
    wait_s: int
    stop_failures: int


@dataclass(frozen=True, slots=True)
class Plan:
    """An order before it has vehicles."""

    name: str
    way: str
    firmware: int | None
    target: dict[str, Any]
    upgrade_type: int
    model: str
    version: str
    only_parked: bool
    confirm_stages: bool
    reason: str
    stages: tuple[StagePlan, ...]


def check_stages(stages: Sequence[StagePlan]) -> tuple[StagePlan, ...]:
    """The stages. Raises RegistryError naming ``stages.N.field`` and the rule."""
    if not 1 <= len(stages) <= decide.STAGES_MAX:
        raise RegistryError("stages", f"must be 1 to {decide.STAGES_MAX}", len(stages))
    before = 0
    for number, stage in enumerate(stages):
        for name, low, high in (
            ("percent", before + 1, 100), ("accept_percent", 1, 100), ("wait_s", *WAIT_S),
            ("stop_failures", 1, 100_000),
        ):  # fmt: skip
            value = getattr(stage, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise RegistryError(f"stages.{number}.{name}", f"must be a whole number from {low} to {high}", value)
        before = stage.percent
    if before != 100:
        raise RegistryError(f"stages.{len(stages) - 1}.percent", "must be 100: the last stage holds all", before)
    return tuple(stages)


def plan(engine: Engine, given: Mapping[str, Any], stages: Sequence[StagePlan]) -> Plan:
    """A checked order. Raises RegistryError naming field and rule (with the clause where a standard has it)."""
    name = fields.text("name", 60)(given["name"])
    reason = fields.text("reason", 500)(given["reason"])
    if len(reason) < 4:
        raise RegistryError("reason", "must say why in at least 4 characters", reason)
    checked = check_stages(stages)
    flags = bool(given["only_parked"]), bool(given["confirm_stages"])
    if given["way"] == u.BY_PACKET:
        file = firmware.one(engine, fields.key("firmware")(given["firmware"]))
        if file.retired_at is not None:
            raise Conflict("firmware", "the file is retired", file.id)
        return Plan(
            name, u.BY_PACKET, file.id, {}, file.upgrade_type, file.model, file.version, *flags, reason, checked
        )
    if given["way"] != u.BY_URL:
        raise RegistryError("way", f"must be {u.BY_URL} or {u.BY_PACKET}", given["way"])
    kind = KINDS["upgrade"]
    try:
        target = kind.check({k: v for k, v in dict(given["target"]).items() if k in _TARGET_FIELDS})
        kind.letter(target)
    except RegistryError as error:
        raise RegistryError(error.field.replace("parameters.", "target."), error.rule, error.value) from None
    except ProtocolError as error:
        raise RegistryError("target", f"{error.detail} ({kind.clause})") from None
    upgrade_type = fields.one_of("upgrade_type", tuple(UPGRADE_TYPES))(given["upgrade_type"])
    model = fields.text("model", 30)(given["model"])
    return Plan(name, u.BY_URL, None, target, upgrade_type, model, target["firmware"], *flags, reason, checked)


def fitting(engine: Engine, wanted: Plan, targets: Sequence[Target]) -> list[tuple[Target, int]]:
    """The targets whose terminal is of the model, can prove an upgrade (2013 or later) and is in no other open order,
    with the id of that terminal."""
    busy = exists().where(UpgradeVehicle.vehicle_id == Terminal.vehicle_id, UpgradeVehicle.step != u.OVER)
    found: list[tuple[Target, int]] = []
    with read(engine) as connection:
        for start in range(0, len(targets), AT_ONCE):
            part = {target.vehicle_id: target for target in targets[start : start + AT_ONCE]}
            rows = connection.execute(
                select(Terminal.id, Terminal.vehicle_id).where(
                    Terminal.vehicle_id.in_(part), Terminal.model == wanted.model, Terminal.edition >= 2013, ~busy
                )
            )
            found += [(part[row.vehicle_id], row.id) for row in rows]
    if len(found) > VEHICLES_MAX:
        raise RegistryError("filter", f"selects {len(found)} vehicles, at most {VEHICLES_MAX} in one order")
    return sorted(found, key=lambda each: each[0].vehicle_id)
