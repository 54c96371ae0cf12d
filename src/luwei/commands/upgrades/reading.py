"""What people read of the upgrade orders: stages with their tallies, vehicles with their proof or cause, the export."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select

from luwei.registry import upgrade as u
from luwei.registry.command import Command
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.upgrade import Firmware, UpgradeOrder, UpgradeStage, UpgradeVehicle
from luwei.registry.vehicle import Vehicle

EXPORT_AT_ONCE = 2_000
OPEN = "open"


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage; ``counts``: vehicles by result, those not over by step."""

    number: int
    percent: int
    accept_percent: int
    wait_s: int
    stop_failures: int
    vehicles: int
    started_at: int | None
    ended_at: int | None
    counts: dict[str, int]
    causes: dict[str, int]
    """Causes of those that failed, were skipped or not reached, with their number."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order with its stages."""

    id: int
    name: str
    way: str
    firmware: int | None
    file: str
    sha256: str
    url: str
    upgrade_type: int
    model: str
    version: str
    only_parked: bool
    confirm_stages: bool
    reason: str
    username: str
    state: str
    cause: str
    stage: int
    total: int
    skipped: int
    created_at: int
    ended_at: int | None
    stages: list[StageView]


@dataclass(frozen=True, slots=True)
class VehicleView:
    """One vehicle of an order. ``waits``: what its open command waits for."""

    id: int
    stage: int
    vehicle_id: int
    plate: str
    plate_color: int
    phone: str
    step: str
    waits: str
    result: str
    cause: str
    progress: str
    version_before: str
    version_after: str
    proof: str
    sent_at: int | None
    ended_at: int | None


def page(engine: Engine, scope: Scope, user_id: int, number: int, size: int) -> Page[OrderView]:
    """One page of the orders, newest first: all for who sees the whole province, else one's own."""
    offset, limit = check_page(number, size)
    own = _visible(scope, user_id)
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(UpgradeOrder).where(*own)).scalar_one()
        keys = list(
            connection.scalars(
                select(UpgradeOrder.id).where(*own).order_by(UpgradeOrder.id.desc()).offset(offset).limit(limit)
            )
        )
    return Page(total, _views(engine, keys))


def one(engine: Engine, scope: Scope, user_id: int, key: int) -> OrderView:
    """One order. Raises NotFound where there is none that this person may see."""
    with read(engine) as connection:
        found = connection.scalar(select(UpgradeOrder.id).where(UpgradeOrder.id == key, *_visible(scope, user_id)))
    if found is None:
        raise NotFound("order", "there is no such order", key)
    return _views(engine, [found])[0]


def vehicles(
    engine: Engine, scope: Scope, order: int, *, stage: int | None, result: str | None, number: int, size: int
) -> Page[VehicleView]:
    """One page of the vehicles of an order; ``result``: one of the results, or ``open``. Raises RegistryError."""
    offset, limit = check_page(number, size)
    conditions = _conditions(scope, order, stage, result)
    with read(engine) as connection:
        count = select(func.count()).select_from(UpgradeVehicle).join(Vehicle, Vehicle.id == UpgradeVehicle.vehicle_id)
        total = connection.execute(count.where(*conditions)).scalar_one()
        rows = connection.execute(
            _VEHICLES.where(*conditions).order_by(UpgradeVehicle.stage, UpgradeVehicle.id).offset(offset).limit(limit)
        ).all()
    return Page(total, [_vehicle(row) for row in rows])


def exported(engine: Engine, scope: Scope, order: int) -> Iterator[VehicleView]:
    """Every vehicle of an order."""
    last = 0
    while True:
        with read(engine) as connection:
            rows = connection.execute(
                _VEHICLES.where(UpgradeVehicle.id > last, *_conditions(scope, order, None, None))
                .order_by(UpgradeVehicle.id)
                .limit(EXPORT_AT_ONCE)
            ).all()
        if not rows:
            return
        for row in rows:
            yield _vehicle(row)
        last = rows[-1].id


def _visible(scope: Scope, user_id: int) -> list[ColumnElement[bool]]:
    return [] if scope.whole else [UpgradeOrder.user_id == user_id]


def _conditions(scope: Scope, order: int, stage: int | None, result: str | None) -> list[Any]:
    began = select(UpgradeOrder.created_at).where(UpgradeOrder.id == order).scalar_subquery()
    conditions: list[Any] = [UpgradeVehicle.order_id == order, *held(scope, UpgradeVehicle.vehicle_id, began)]
    if stage is not None:
        conditions.append(UpgradeVehicle.stage == stage)
    if result == OPEN:
        conditions.append(UpgradeVehicle.step != u.OVER)
    elif result is not None:
        if result not in u.RESULTS:
            raise RegistryError("result", f"must be one of {', '.join((*u.RESULTS, OPEN))}", result)
        conditions.append(UpgradeVehicle.result == result)
    return conditions


def _views(engine: Engine, keys: Sequence[int]) -> list[OrderView]:
    tally = (
        select(
            UpgradeVehicle.order_id, UpgradeVehicle.stage, UpgradeVehicle.step, UpgradeVehicle.result,
            UpgradeVehicle.cause, func.count(),
        )
        .where(UpgradeVehicle.order_id.in_(keys))
        .group_by(
            UpgradeVehicle.order_id, UpgradeVehicle.stage, UpgradeVehicle.step, UpgradeVehicle.result,
            UpgradeVehicle.cause,
        )
    )  # fmt: skip
    counts: dict[tuple[int, int], dict[str, int]] = {}
    causes: dict[tuple[int, int], dict[str, int]] = {}
    stages: dict[int, list[StageView]] = {key: [] for key in keys}
    with read(engine) as connection:
        for order, stage, step, result, cause, number in connection.execute(tally):
            count = counts.setdefault((order, stage), dict.fromkeys((*u.STEPS[:-1], *u.RESULTS), 0))
            count[result if step == u.OVER else step] += number
            if step == u.OVER and cause:
                told = causes.setdefault((order, stage), {})
                told[cause] = told.get(cause, 0) + number
        found = connection.execute(select(*_STAGE).where(UpgradeStage.order_id.in_(keys)).order_by(UpgradeStage.number))
        for each in found:
            of_stage = int(each.order_id), int(each.number)
            values: list[Any] = [*each[1:], counts.get(of_stage, {}), causes.get(of_stage, {})]
            stages[each.order_id].append(StageView(*values))
        rows = {row.id: row for row in connection.execute(_ORDERS.where(UpgradeOrder.id.in_(keys)))}
    views = []
    for key in keys:
        row = rows[key]
        url = json.loads(row.target).get("url", "")
        views.append(
            OrderView(
                row.id, row.name, row.way, row.firmware_id, row.file or "", row.sha256 or "", url, row.upgrade_type,
                row.model, row.version, row.only_parked, row.confirm_stages, row.reason, row.username, row.state,
                row.cause, row.stage, row.total, row.skipped, row.created_at, row.ended_at, stages[key],
            )
        )  # fmt: skip
    return views


def _vehicle(row: Any) -> VehicleView:
    values = dict(row._mapping)
    values["waits"] = "" if row.step in (u.OVER, u.SENT) else row.waits or ""
    return VehicleView(**values)


_STAGE: tuple[Any, ...] = (
    UpgradeStage.order_id, UpgradeStage.number, UpgradeStage.percent, UpgradeStage.accept_percent,
    UpgradeStage.wait_s, UpgradeStage.stop_failures, UpgradeStage.vehicles, UpgradeStage.started_at,
    UpgradeStage.ended_at,
)  # fmt: skip
_ORDERS = select(
    UpgradeOrder.id, UpgradeOrder.name, UpgradeOrder.way, UpgradeOrder.firmware_id, Firmware.name.label("file"),
    Firmware.sha256, UpgradeOrder.target, UpgradeOrder.upgrade_type, UpgradeOrder.model, UpgradeOrder.version,
    UpgradeOrder.only_parked, UpgradeOrder.confirm_stages, UpgradeOrder.reason, UpgradeOrder.username,
    UpgradeOrder.state, UpgradeOrder.cause, UpgradeOrder.stage, UpgradeOrder.total, UpgradeOrder.skipped,
    UpgradeOrder.created_at, UpgradeOrder.ended_at,
).outerjoin(Firmware, Firmware.id == UpgradeOrder.firmware_id)  # fmt: skip
_VEHICLES = (
    select(
        UpgradeVehicle.id, UpgradeVehicle.stage, UpgradeVehicle.vehicle_id, Vehicle.plate, Vehicle.plate_color,
        UpgradeVehicle.phone, UpgradeVehicle.step, Command.result.label("waits"), UpgradeVehicle.result,
        UpgradeVehicle.cause, UpgradeVehicle.progress, UpgradeVehicle.version_before, UpgradeVehicle.version_after,
        UpgradeVehicle.proof, UpgradeVehicle.sent_at, UpgradeVehicle.ended_at,
    )
    .join(Vehicle, Vehicle.id == UpgradeVehicle.vehicle_id)
    .outerjoin(Command, Command.id == UpgradeVehicle.command_id)
)  # fmt: skip
