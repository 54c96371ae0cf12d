"""Upgrade orders over HTTP: planned, begun, watched, held, stopped, exported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.commands.targets import TARGETS_MAX, OutsideScope
from luwei.commands.upgrades import decide, plan, reading
from luwei.commands.upgrades.engine import UpgradeEngine
from luwei.commands.upgrades.plan import StagePlan
from luwei.commands.upgrades.reading import OrderView, VehicleView
from luwei.live.feed import now_ms
from luwei.registry.errors import RegistryError
from luwei.web.china_time import written
from luwei.web.commands import REASON_MAX, Act, VehicleSelection, csv_line, in_pieces, targets_of
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.upgrade_routes.firmware import Key


class StageBody(msgspec.Struct, forbid_unknown_fields=True):
    """One stage: up to ``percent`` of all vehicles; the next begins when, of those that got the command, at least
    ``accept_percent`` are proven; ``stop_failures`` failures in it stop the order at once."""

    percent: int
    accept_percent: int = 95
    wait_s: int = 3_600
    stop_failures: int = 1


def usual_stages() -> list[StageBody]:
    """1 → 10 → 100 %."""
    return [StageBody(1, 95, 3_600, 1), StageBody(10, 95, 7_200, 3), StageBody(100, 95, 86_400, 20)]


class NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An order by URL (``target`` of 0x8105, ``model``, ``upgrade_type``) or by ``firmware`` (0x8108), to vehicles,
    phones or a filter."""

    name: str
    way: Literal["url", "packet"]
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX)]
    firmware: int | None = None
    target: dict[str, Any] = {}
    upgrade_type: int = 0
    model: str = ""
    vehicles: Annotated[list[int], msgspec.Meta(max_length=TARGETS_MAX)] = []
    phones: Annotated[list[str], msgspec.Meta(max_length=TARGETS_MAX)] = []
    filter: VehicleSelection | None = None
    stages: Annotated[list[StageBody], msgspec.Meta(max_length=decide.STAGES_MAX)] = msgspec.field(
        default_factory=usual_stages
    )
    only_parked: bool = True
    confirm_stages: bool = False
    dry_run: bool = False


class Begun(msgspec.Struct):
    """The order (0 in a dry run), its vehicles by stage, and how many were left out: without terminal, of another
    model, of an edition that reports no upgrade (2011), or in another open order."""

    order: int
    total: int
    skipped: int
    stages: list[int]


class OrderPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[OrderView]
    may_order: bool


class VehiclePage(msgspec.Struct):
    as_of: int
    total: int
    items: list[VehicleView]


def _engine(services: Services) -> UpgradeEngine:
    if services.upgrades is None:
        raise Refused(503, "", "commands_unavailable", "commands are not served here")
    return services.upgrades


@post("/api/upgrades", tags=["upgrades"], guards=[own_page])
async def begin_order(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewOrder]
) -> Begun:
    """Begin a staged upgrade. 400 names field, rule and clause; 403 another jurisdiction."""
    scope = door.allow("write", "upgrade")
    engine = _engine(services)
    stages = [StagePlan(s.percent, s.accept_percent, s.wait_s, s.stop_failures) for s in data.stages]
    given = {name: getattr(data, name) for name in data.__struct_fields__}
    wanted = await asyncio.to_thread(plan.plan, services.engine, given, stages)
    try:
        found, bare = await targets_of(services, door, scope, data)
    except OutsideScope as error:
        raise Refused(403, error.field, error.rule) from None
    chosen = await asyncio.to_thread(plan.fitting, services.engine, wanted, found)
    if not chosen:
        rule = f"none of them has a terminal of model {wanted.model} (2013 or later) that is in no other open order"
        raise RegistryError("vehicles", rule)
    sizes = decide.sizes(len(chosen), [stage.percent for stage in wanted.stages])
    skipped = bare + len(found) - len(chosen)
    if data.dry_run:
        return Begun(0, len(chosen), skipped, sizes)
    key = await engine.begin(wanted, chosen, skipped, door.user.actor(door.address))
    return Begun(key, len(chosen), skipped, sizes)


@get("/api/upgrades", tags=["upgrades"])
async def list_orders(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 20,
) -> OrderPage:
    """Orders with their stages, newest first; who does not see the whole province sees the own ones."""
    scope = door.allow("read", "upgrade")
    found = await asyncio.to_thread(reading.page, services.engine, scope, door.user_id, page, size)
    may = True
    try:
        door.allow("write", "upgrade")
    except Refused:
        may = False
    return OrderPage(now_ms(), found.total, found.items, may)


@get("/api/upgrades/{order_id:int}", tags=["upgrades"])
async def get_order(services: NamedDependency[Services], door: NamedDependency[Door], order_id: Key) -> OrderView:
    """One order with its stages."""
    scope = door.allow("read", "upgrade")
    return await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, order_id)


@post("/api/upgrades/{order_id:int}/{act:str}", tags=["upgrades"], guards=[own_page], status_code=200)
async def act_on_order(
    services: NamedDependency[Services], door: NamedDependency[Door], order_id: Key, act: Act
) -> OrderView:
    """``pause``, ``resume`` (also lets the next stage begin where a person decides), ``stop`` for good."""
    scope = door.allow("write", "upgrade")
    engine = _engine(services)
    await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, order_id)
    actor = door.user.actor(door.address)
    if act == "resume":
        await engine.resume(order_id, actor)
    elif act in ("pause", "stop"):
        if not await (engine.pause if act == "pause" else engine.end)(order_id, actor):
            raise Refused(409, "state", "the order is not running" if act == "pause" else "the order has ended")
    else:
        raise Refused(404, "act", "must be pause, resume or stop")
    return await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, order_id)


@get("/api/upgrades/{order_id:int}/vehicles", tags=["upgrades"])
async def list_vehicles(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    order_id: Key,
    only: Annotated[str | None, QueryParameter(name="result", max_length=20)] = None,
    stage: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> VehiclePage:
    """The vehicles of an order with step, proof or cause; ``result`` is one of the results or ``open``."""
    scope = door.allow("read", "upgrade")
    await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, order_id)

    def found() -> Any:
        return reading.vehicles(services.engine, scope, order_id, stage=stage, result=only, number=page, size=size)

    rows = await asyncio.to_thread(found)
    return VehiclePage(now_ms(), rows.total, rows.items)


@get("/api/upgrades/{order_id:int}/results.csv", tags=["upgrades"])
async def export_order(
    services: NamedDependency[Services], door: NamedDependency[Door], order_id: Key
) -> Response[Any]:
    """Every vehicle of an order as CSV."""
    scope = door.allow("export", "upgrade")
    view = await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, order_id)
    await door.note("upgrade.export", order_id, {"name": view.name, "version": view.version})
    lines = _lines(view, reading.exported(services.engine, scope, order_id))
    headers = {"Content-Disposition": f'attachment; filename="upgrade-{order_id}.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(view: OrderView, items: Iterator[VehicleView]) -> Iterator[str]:
    columns = ["order", "stage", "plate", "phone", "step", "result", "cause", "proof", "version_before",
               "version_after", "wanted", "sent", "ended"]  # fmt: skip
    yield "\ufeff" + csv_line(columns)
    for item in items:
        times = ["" if at is None else written(at) for at in (item.sent_at, item.ended_at)]
        yield csv_line(
            [view.name, item.stage, item.plate, item.phone, item.step, item.result, item.cause, item.proof,
             item.version_before, item.version_after, view.version, *times]
        )  # fmt: skip


route_handlers: list[ControllerRouterHandler] = [
    begin_order, list_orders, get_order, act_on_order, list_vehicles, export_order,
]  # fmt: skip
