"""Post checks 查岗 over HTTP: the bank, asking, answering, rates."""

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

from luwei.live.feed import now_ms
from luwei.oversight import check_views, checks
from luwei.oversight.check_views import AskedView, CheckView, OpenQuestion, QuestionView, RateView
from luwei.oversight.checks import Question, Window
from luwei.registry.scope import Scope
from luwei.web.commands import csv_line, in_pieces
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.oversight_routes.allowed import AREA, Code, Id, Key, Moment, Text, authority
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Choices = Annotated[list[Text], msgspec.Meta(max_length=6)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=1439)]
Month = Annotated[str, QueryParameter(max_length=7)]


class Bank(msgspec.Struct):
    items: list[QuestionView]


class NewQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """``options`` to choose from, or none where the answer is written; ``answers`` that are right."""

    text: Text
    answers: Choices
    options: Choices = []


class Made(msgspec.Struct):
    id: int


class Targets(msgspec.Struct, forbid_unknown_fields=True):
    """One operator by its ``id``, all operators of one's jurisdiction, or its monitors."""

    kind: Literal["operator", "operators", "monitors"]
    id: Id | None = None


class AskWindow(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Random times from ``from`` to ``to`` (UTC ms), within these minutes of the day in China; may run over
    midnight."""

    start: Moment
    end: Moment
    daily_from_min: Minute = 0
    daily_to_min: Minute = 0
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class NewCheck(msgspec.Struct, forbid_unknown_fields=True):
    """``question`` of the bank, or text and answers; ``window`` null: at once."""

    targets: Targets
    question: Id | None = None
    text: Text = ""
    options: Choices = []
    answers: Choices = []
    limit_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | None = None
    window: AskWindow | None = None


class CheckMade(msgspec.Struct):
    id: int
    questions: int


class Reach(msgspec.Struct):
    organisations: int


class Checks(msgspec.Struct):
    as_of: int
    total: int
    items: list[CheckView]


class CheckDetail(msgspec.Struct):
    """``total``: questions that were asked so far; ``items`` are those of the page."""

    as_of: int
    check: CheckView
    total: int
    items: list[AskedView]


class Cancelled(msgspec.Struct):
    questions: int


class Mine(msgspec.Struct):
    as_of: int
    items: list[OpenQuestion]


class Said(msgspec.Struct, forbid_unknown_fields=True):
    answer: Text


class Outcome(msgspec.Struct):
    result: str


class Rates(msgspec.Struct):
    as_of: int
    items: list[RateView]


@get("/api/check-questions", tags=["oversight"])
async def bank(services: NamedDependency[Services], door: NamedDependency[Door]) -> Bank:
    """Questions of one's own office."""
    authority(door)
    return Bank(await asyncio.to_thread(check_views.bank, services.engine, door.user.organisation_id))


@post("/api/check-questions", tags=["oversight"], guards=[own_page])
async def add_question(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewQuestion]
) -> Made:
    """Put a question into the bank."""
    scope = authority(door)
    question = Question(data.text, tuple(data.options), tuple(data.answers))
    key = await asyncio.to_thread(checks.add_question, services.engine, scope, question, door.actor(scope))
    return Made(key)


@post("/api/check-questions/{key:int}/disable", tags=["oversight"], guards=[own_page], status_code=200)
async def disable_question(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> Made:
    """Put a question aside."""
    scope = authority(door)
    await asyncio.to_thread(checks.disable_question, services.engine, scope, key, door.actor(scope))
    return Made(key)


@post("/api/post-checks", tags=["oversight"], guards=[own_page])
async def ask(services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewCheck]) -> CheckMade:
    """Ask at once, or at random times of a window."""
    scope = authority(door)
    question: Question | int = Question(data.text, tuple(data.options), tuple(data.answers))
    if data.question is not None:
        question = data.question
    given = data.window
    window = None
    if given is not None:
        window = Window(given.start, given.end, given.daily_from_min, given.daily_to_min, given.times)
    key, count = await asyncio.to_thread(
        checks.ask, services.engine, scope, question, data.targets.kind, data.targets.id, data.limit_s, window,
        door.actor(scope),
    )  # fmt: skip
    return CheckMade(key, count)


@get("/api/post-checks", tags=["oversight"])
async def check_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Checks:
    """Checks of one's own office with their outcome."""
    authority(door)
    found = await asyncio.to_thread(check_views.checks, services.engine, door.user.organisation_id, page, size)
    return Checks(now_ms(), found.total, found.items)


@get("/api/post-checks/reach", tags=["oversight"])
async def reach(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    kind: FromQuery[Literal["operator", "operators", "monitors"]],
    organisation: Code = None,
) -> Reach:
    """How many organisations a check to these targets would ask."""
    scope = authority(door)
    found = await asyncio.to_thread(checks.reach, services.engine, scope, kind, organisation)
    return Reach(found)


@get("/api/post-checks/{key:int}", tags=["oversight"])
async def check_one(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    key: Key,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> CheckDetail:
    """One check: who answered what when."""
    scope = authority(door)
    arguments = (services.engine, door.user.organisation_id, key, page, size)
    view, asked = await asyncio.to_thread(check_views.one, *arguments)
    await door.looked("post_check.look", None, {"check": key}, scope)
    return CheckDetail(now_ms(), view, asked.total, asked.items)


@post("/api/post-checks/{key:int}/cancel", tags=["oversight"], guards=[own_page], status_code=200)
async def cancel(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> Cancelled:
    """What was not asked yet is not asked any more."""
    scope = authority(door)
    return Cancelled(await asyncio.to_thread(checks.cancel, services.engine, scope, key, door.actor(scope)))


def _answers(door: Door) -> Scope:
    """Who handles cases in an organisation that is watched. Raises Refused."""
    scope = door.allow("write", "case")
    if scope.operators is None and scope.monitors is None:
        raise Refused(403, "case", "is for the people of operators and monitors")
    return scope


@get("/api/post-checks/mine", tags=["oversight"])
async def mine(services: NamedDependency[Services], door: NamedDependency[Door], late: FromQuery[bool] = False) -> Mine:
    """Questions that wait for an answer of one's organisation; ``late``: also those of the last day that nobody has
    answered in time and that may still be answered."""
    _answers(door)
    now = now_ms()
    since = now - checks.LATE_MS if late else None
    return Mine(now, await asyncio.to_thread(check_views.mine, services.engine, door.user.organisation_id, since))


@post("/api/post-checks/asked/{key:int}/answer", tags=["oversight"], guards=[own_page], status_code=200)
async def answer(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Said]
) -> Outcome:
    """Answer for one's organisation."""
    scope = _answers(door)
    return Outcome(await asyncio.to_thread(checks.answer, services.engine, key, data.answer, door.actor(scope)))


@get("/api/post-checks/rates", tags=["oversight"], dependencies=AREA)
async def rates(
    services: NamedDependency[Services], door: NamedDependency[Door], area: NamedDependency[Scope], month: Month
) -> Rates:
    """Response rates of a month by organisation, the lowest first."""
    scope = door.allow("read", "case")
    return Rates(now_ms(), await asyncio.to_thread(check_views.rates, services.engine, scope, month, area))


@get("/api/post-checks/rates.csv", tags=["oversight"], dependencies=AREA)
async def rates_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], area: NamedDependency[Scope], month: Month
) -> Response[Any]:
    """The same as CSV."""
    scope = door.allow("export", "case")
    found = await asyncio.to_thread(check_views.rates, services.engine, scope, month, area)
    await door.note("post_check.export", None, {"month": month}, scope=scope)
    headers = {"Content-Disposition": 'attachment; filename="post-checks.csv"'}
    return Stream(in_pieces(_lines(found)), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(found: list[RateView]) -> Iterator[str]:
    yield "\ufeff" + csv_line(["机构", "月份", "查岗次数", "正确", "错误", "超时", "未应答", "响应率%"])
    for row in found:
        name = row.organisation.name if row.organisation else ""
        rate = "" if row.rate is None else f"{row.rate:.2f}"
        yield csv_line([name, row.month, row.sent, row.right, row.wrong, row.late, row.none, rate])


route_handlers: list[ControllerRouterHandler] = [
    bank, add_question, disable_question, ask, check_list, reach, check_one, cancel, mine, answer, rates, rates_csv,
]  # fmt: skip
