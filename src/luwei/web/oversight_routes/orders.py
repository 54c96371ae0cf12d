"""Supervision orders 督办 over HTTP. Every act takes the version that was shown: who was slower gets 409."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.oversight import order_views, orders
from luwei.oversight.order_files import is_side
from luwei.oversight.order_views import OrderFilter, OrderStep, OrderView, Target
from luwei.oversight.orders import NewOrder
from luwei.oversight.place import answers_for, is_authority
from luwei.registry.scope import Scope
from luwei.registry.supervision import ANSWERED, OWED
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import Code, Id, Key, Moment, Text, Version, authority, sees_orders
from luwei.web.oversight_routes.order_files import Uploads, keep_files
from luwei.web.services import Services
from luwei.web.sign_in import own_page


class OrderPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[OrderView]


class Targets(msgspec.Struct):
    items: list[Target]


class OrderCounts(msgspec.Struct):
    """``states``: orders by state; ``overdue``: those that are late and not closed; ``forsaken``: those that nobody is
    left to answer."""

    as_of: int
    states: dict[str, int]
    overdue: int
    forsaken: int


class OrderDetail(msgspec.Struct):
    """``may``: what this person may do with the order now."""

    as_of: int
    order: OrderView
    may: dict[str, bool]
    steps: list[OrderStep] | None = None


class Issue(msgspec.Struct, forbid_unknown_fields=True):
    """Of a ``case``, or for the organisation ``target``; ``proposal``: the one it follows."""

    level: Literal[0, 1]
    source: Literal["device", "enterprise", "government", "other"]
    title: Text
    text: Text
    case: Id | None = None
    target: Id | None = None
    contact: Text = ""
    phone: Text = ""
    email: Text = ""
    proposal: Id | None = None
    files: Uploads = []


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    version: Version
    reply: Literal["working", "done", "none", "later"]
    text: Text
    files: Uploads = []


class Extend(msgspec.Struct, forbid_unknown_fields=True):
    version: Version
    until: Moment
    reason: Text


class Note(msgspec.Struct, forbid_unknown_fields=True):
    version: Version
    note: Text = ""


def _side(door: Door, row: dict[str, Any]) -> bool:
    return is_side(sees_orders(door), door.may("supervise", "case", aggregates=True), row)


def _may(door: Door, row: dict[str, Any], forsaken: bool) -> dict[str, bool]:
    owes, answered = row["state"] in OWED, row["state"] == ANSWERED
    answers = door.may("write", "case") and answers_for(door.allow("write", "case"), row["target_id"])
    charge = _supervises(door) and orders.supervises(authority(door, aggregates=True), row)
    return {
        "answer": answers and owes,
        "extend": charge and owes and not row["extended"] and not row["overdue"],
        "return": charge and answered and not forsaken,
        "close": charge and (answered or forsaken),
    }


def _supervises(door: Door) -> bool:
    right = door.may("supervise", "case", aggregates=True)
    return right and is_authority(door.allow("supervise", "case", aggregates=True))


async def _shown(services: Services, door: Door, key: int, steps: bool = False) -> OrderDetail:
    scope = sees_orders(door)

    def look() -> OrderDetail:
        row, view = order_views.one(services.engine, orders.visible(scope, door.user.organisation_id), key)
        story = order_views.story(services.engine, key, _side(door, row)) if steps else None
        return OrderDetail(now_ms(), view, _may(door, row, view.forsaken), story)

    return await asyncio.to_thread(look)


@get("/api/supervision-orders", tags=["oversight"])
async def order_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=60)] = "",
    level: Annotated[int | None, QueryParameter(ge=0, le=1)] = None,
    overdue: FromQuery[bool | None] = None,
    forsaken: FromQuery[bool | None] = None,
    target: Code = None,
    case: Code = None,
    city: Code = None,
    county: Code = None,
    q: Annotated[str, QueryParameter(max_length=40)] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> OrderPage:
    """Orders: what is open by its limit, then what is closed. ``state``: one or several with commas; ``q``: number or
    part of the title."""
    scope = sees_orders(door)
    chosen = OrderFilter(chosen_state, level, overdue, target, case, city, county, q, forsaken)
    conditions = orders.visible(scope, door.user.organisation_id)
    found = await asyncio.to_thread(order_views.page, services.engine, conditions, chosen, page, size)
    await door.looked("supervision_order.list", None, {"state": chosen_state, "target": target, "case": case}, scope)
    return OrderPage(now_ms(), found.total, found.items)


@get("/api/supervision-orders/counts", tags=["oversight"])
async def order_counts(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    target: Code = None,
    city: Code = None,
    county: Code = None,
) -> OrderCounts:
    """How many orders there are of each state."""
    scope = sees_orders(door)
    chosen = OrderFilter(target=target, city=city, county=county)
    conditions = orders.visible(scope, door.user.organisation_id)
    found = await asyncio.to_thread(order_views.counts, services.engine, conditions, chosen)
    return OrderCounts(now_ms(), *found)


@get("/api/supervision-orders/targets", tags=["oversight"])
async def order_targets(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: Annotated[str, QueryParameter(max_length=40)] = "",
) -> Targets:
    """Organisations that this officer may order, found by a part of the name."""
    scope = authority(door, aggregates=True)
    return Targets(await asyncio.to_thread(order_views.targets, services.engine, scope, q))


@get("/api/supervision-orders/{key:int}", tags=["oversight"])
async def order_one(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> OrderDetail:
    """One order with its story."""
    scope = sees_orders(door)
    found = await _shown(services, door, key, steps=True)
    truck = found.order.vehicle.id if found.order.vehicle is not None else None
    await door.looked("supervision_order.look", truck, {"order": key}, scope)
    return found


@post("/api/supervision-orders", tags=["oversight"], guards=[own_page])
async def order_issue(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Issue]
) -> OrderDetail:
    """An officer issues an order."""
    scope = authority(door, aggregates=True)
    given = {name: getattr(data, name) for name in data.__struct_fields__}
    wanted = NewOrder(**given | {"files": tuple(data.files)})
    await keep_files(services, data.files, door.actor(scope))
    key = await asyncio.to_thread(orders.issue, services.engine, scope, wanted, door.actor(scope))
    if services.cases is not None and data.case is not None:
        services.cases.news.changed([data.case])
    return await _shown(services, door, key)


async def _act(
    services: Services, door: Door, scope: Scope, key: int, work: Callable[..., None], *given: Any
) -> OrderDetail:  # fmt: skip
    await asyncio.to_thread(work, services.engine, scope, key, *given, door.actor(scope))
    return await _shown(services, door, key)


@post("/api/supervision-orders/{key:int}/answer", tags=["oversight"], guards=[own_page], status_code=200)
async def order_answer(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Answer]
) -> OrderDetail:
    """The organisation that was ordered answers."""
    scope = door.allow("write", "case")
    if data.files:
        await asyncio.to_thread(orders.require_answer, services.engine, scope, key, data.version, door.actor(scope))
    await keep_files(services, data.files, door.actor(scope))
    work = partial(orders.answer, files=data.files)
    return await _act(services, door, scope, key, work, data.version, data.reply, data.text)


@post("/api/supervision-orders/{key:int}/extend", tags=["oversight"], guards=[own_page], status_code=200)
async def order_extend(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Extend]
) -> OrderDetail:
    """Give it more time, once."""
    scope = authority(door, aggregates=True)
    return await _act(services, door, scope, key, orders.extend, data.version, data.until, data.reason)


@post("/api/supervision-orders/{key:int}/return", tags=["oversight"], guards=[own_page], status_code=200)
async def order_return(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Note]
) -> OrderDetail:
    """Return an answer for rework."""
    scope = authority(door, aggregates=True)
    return await _act(services, door, scope, key, orders.give_back, data.version, data.note)


@post("/api/supervision-orders/{key:int}/close", tags=["oversight"], guards=[own_page], status_code=200)
async def order_close(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Note]
) -> OrderDetail:
    """Accept an answer."""
    scope = authority(door, aggregates=True)
    return await _act(services, door, scope, key, orders.close, data.version, data.note)


route_handlers: list[ControllerRouterHandler] = [
    order_list, order_counts, order_targets, order_one, order_issue, order_answer, order_extend, order_return,
    order_close,
]  # fmt: skip
