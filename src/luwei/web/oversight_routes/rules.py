"""The oversight policy 督查规则 and the words of oversight."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.oversight import orders, policies
from luwei.oversight.policies import RulesView
from luwei.oversight.policy import parse
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.supervision import GENERAL, URGENT
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.oversight_routes.allowed import Key, Moment, sees_orders
from luwei.web.services import Services
from luwei.web.sign_in import own_page

LEVELS = {URGENT: ("紧急", "Urgent"), GENERAL: ("一般", "General")}
WORDS = {
    "sources": {
        "device": ("车载终端", "Terminal"), "enterprise": ("企业平台", "Company platform"),
        "government": ("政府平台", "Government platform"), "other": ("其他", "Other"),
    },
    "replies": {
        "working": ("处理中", "Being handled"), "done": ("已处理完毕", "Done"),
        "none": ("不作处理", "Will not be handled"), "later": ("将来处理", "Will be handled later"),
    },
    "order_states": {
        "open": ("待回复", "Open"), "working": ("处理中", "Being handled"), "answered": ("待审核", "Answered"),
        "returned": ("退回重办", "Returned"), "closed": ("已办结", "Closed"),
    },
    "order_acts": orders.ACTS,
    "heights": {"county": ("县区", "County"), "city": ("市", "City"), "province": ("省", "Province")},
    "check_states": {
        "waiting": ("待发出", "Waiting"), "asked": ("待应答", "Asked"), "ended": ("已结束", "Ended"),
        "cancelled": ("已取消", "Cancelled"),
    },
    "check_results": {
        "right": ("正确", "Right"), "wrong": ("错误", "Wrong"), "late": ("超时", "Late"), "none": ("未应答", "None"),
    },
    "appeal_states": {
        "open": ("待审核", "Open"), "upheld": ("申诉成立", "Upheld"), "rejected": ("申诉驳回", "Rejected"),
    },
    "package_states": {
        "waiting": ("等待", "Waiting"), "running": ("打包中", "Being packed"), "done": ("已完成", "Done"),
        "refused": ("校验不符", "Original changed"), "failed": ("失败", "Failed"), "expired": ("已过期", "Expired"),
    },
    "flag_kinds": {
        "same_text": ("雷同处置内容", "Same text"), "many": ("短时大量处置", "Many in a short time"),
        "too_fast": ("未及查看即判定", "Judged before it could be seen"),
        "unseen": ("未查看证据", "Evidence not opened"),
    },
    "proposal_kinds": {
        "overdue": ("报警超时未处置", "Cases past their limit"),
        "overdue_day": ("较重报警超时未处置", "Serious cases past their limit"),
        "handled_rate": ("处置率偏低", "Low handling rate"),
        "evidence_lost": ("附件丢失率偏高", "Too much evidence lost"),
        "vehicle": ("车辆多次违规", "Truck listed again"),
        "offline": ("离线位移", "Moved while offline"),
    },
}  # fmt: skip


class Rules(msgspec.Struct):
    as_of: int
    items: list[RulesView]
    may_write: bool


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    policy: dict[str, Any]


class NewRules(Draft, forbid_unknown_fields=True):
    """A document that holds from ``valid_from`` (UTC ms) on."""

    valid_from: Moment
    note: Annotated[str, msgspec.Meta(max_length=500)]


class Entered(msgspec.Struct):
    version: int


class Good(msgspec.Struct):
    ok: bool


@get("/api/oversight/words", tags=["oversight"])
async def oversight_words(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Codes with their words, and the limits in force."""
    sees_orders(door)

    def rules() -> Any:
        with read(services.engine) as connection:
            return policies.at(connection, now_ms())

    found = await asyncio.to_thread(rules)
    told: dict[str, Any] = {
        name: [{"code": code, "zh": zh, "en": en} for code, (zh, en) in words.items()] for name, words in WORDS.items()
    }
    levels = [{"code": n, "zh": zh, "en": en, "limit_s": found.limits_s[n]} for n, (zh, en) in LEVELS.items()]
    return told | {
        "policy": found.version, "levels": levels, "rework_times": found.rework_times,
        "extension_most_s": found.extension_most_s,
        "check": {"limit_s": found.check_limit_s, "times_most": found.check_times_most},
    }  # fmt: skip


@get("/api/oversight/policies", tags=["oversight"])
async def rules_list(services: NamedDependency[Services], door: NamedDependency[Door]) -> Rules:
    """Every version with its document, the newest beginning first."""
    door.allow("read", "case_policy")
    now = now_ms()
    found = await asyncio.to_thread(policies.versions, services.engine, now)
    writes = door.may("write", "case_policy") and door.allow("write", "case_policy").whole
    return Rules(now, found, writes)


@post("/api/oversight/policies", tags=["oversight"], guards=[own_page])
async def rules_enter(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewRules]
) -> Entered:
    """A new version. What was ordered, asked or flagged before its beginning stays as it is."""
    scope = _writer(door)
    arguments = (services.engine, data.policy, data.valid_from, data.note, door.actor(scope))
    return Entered(await asyncio.to_thread(policies.add, *arguments))


@post("/api/oversight/policies/check", tags=["oversight"], guards=[own_page], status_code=200)
async def rules_check(door: NamedDependency[Door], data: JSONBody[Draft]) -> Good:
    """Whether a document could be entered: 400 names the path of the first wrong field and its rule."""
    _writer(door)
    parse(data.policy)
    return Good(True)


@delete("/api/oversight/policies/{version:int}", tags=["oversight"], guards=[own_page])
async def rules_withdraw(services: NamedDependency[Services], door: NamedDependency[Door], version: Key) -> None:
    """Take back a version that has not begun."""
    scope = _writer(door)
    await asyncio.to_thread(policies.withdraw, services.engine, version, door.actor(scope))


def _writer(door: Door) -> Scope:
    scope = door.allow("write", "case_policy")
    if not scope.whole:
        raise Refused(403, "case_policy", "written by users of the whole province only")
    return scope


route_handlers: list[ControllerRouterHandler] = [
    oversight_words, rules_list, rules_enter, rules_check, rules_withdraw,
]  # fmt: skip
