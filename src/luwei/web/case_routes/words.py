"""Words and bounds that the console needs of cases, from the policy in force."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from luwei.alarms.names import name
from luwei.cases import policies, steps
from luwei.cases.policy import Policy
from luwei.cases.reminders import STOP_TEXT
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.web.door import Door
from luwei.web.services import Services

STATES = {
    "open": ("待处置", "Open"),
    "snoozed": ("稍后处理", "Snoozed"),
    "returned": ("退回重办", "Returned"),
    "claimed": ("处理中", "Being handled"),
    "handled": ("待核验", "Handled"),
    "verified": ("已核验", "Verified"),
    "appealed": ("申诉中", "Appealed"),
    "closed": ("已结案", "Closed"),
}
STAGES = {
    "todo": ("待处置", "To do"),
    "doing": ("处理中", "In hand"),
    "verify": ("待核验", "To verify"),
    "done": ("已结案", "Closed"),
}
VERDICTS = {"true": ("属实", "True"), "false": ("误报", "False alarm"), "undecided": ("无法判定", "Undecided")}
ACTIONS = {
    "tts": ("语音", "Spoken reminder"),
    "call": ("电话", "Call"),
    "stop": ("停车", "Order to stop"),
    "ignore": ("不处理", "None needed"),
}
CORRECTIONS = {"corrected": ("已纠正", "Corrected"), "not": ("未纠正", "Not corrected"), "unknown": ("未知", "Unknown")}
GRADES = {1: ("一般", "General"), 2: ("较重", "Serious"), 3: ("严重", "Grave")}
FILES = {
    "none": ("无附件", "No files"),
    "parked": ("停车后请求", "When the truck stands"),
    "quota": ("额度已用完", "Quota used up"),
    "asked": ("已请求", "Asked for"),
    "waiting": ("等待上传", "Announced"),
    "partial": ("部分收到", "Partly here"),
    "complete": ("已收齐", "Complete"),
    "late": ("迟到", "Late"),
    "lost": ("已丢失", "Lost"),
}


@get("/api/cases/words", tags=["cases"])
async def case_words(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Types with grade, reasons, codes with their words, bounds of snooze and bulk close."""
    door.allow("read", "case", aggregates=True)

    def policy() -> Policy:
        with read(services.engine) as connection:
            return policies.book(connection).at(now_ms())

    return _words(await asyncio.to_thread(policy))


def _words(policy: Policy) -> dict[str, Any]:
    types = []
    for code, rule in policy.types.items():
        kind, _, dialect = code.partition("@")
        known = name(kind, dialect)
        types.append(
            {
                "type": kind, "dialect": dialect, "zh": known.zh, "en": known.en, "source": known.source,
                "grade": rule.grade, "fault": rule.fault, "text": rule.tts, "files": rule.files, "check": rule.check,
            }
        )  # fmt: skip
    return {
        "policy": policy.version,
        "types": types,
        "reasons": [
            {"code": r.code, "zh": r.zh, "en": r.en, "verdicts": list(r.verdicts), "types": list(r.types) or None}
            for r in policy.reasons.values()
        ],
        "grades": [
            {
                "grade": number, "zh": GRADES[number][0], "en": GRADES[number][1], "first_action_s": g.first_action_s,
                "close_s": g.close_s, "checks_s": list(g.checks_s), "look": g.look, "verify": g.verify,
            }
            for number, g in policy.grades.items()
        ],
        "states": _coded(STATES),
        "stages": _coded(STAGES),
        "verdicts": _coded(VERDICTS),
        "actions": _coded(ACTIONS),
        "corrections": _coded(CORRECTIONS),
        "files": _coded(FILES),
        "steps": _coded(steps.WORDS),
        "snooze": {
            "min_s": policy.snooze_s[0], "max_s": policy.snooze_s[1], "times": policy.snooze_times,
            "grades": list(policy.snooze_grades),
        },
        "bulk": {"grade": policy.bulk_grade, "most": policy.bulk_most},
        "stop_text": STOP_TEXT,
    }  # fmt: skip


def _coded(words: dict[str, tuple[str, str]]) -> list[dict[str, str]]:
    return [{"code": code, "zh": zh, "en": en} for code, (zh, en) in words.items()]


route_handlers: list[ControllerRouterHandler] = [case_words]
