"""Handling policy 处置规则 as data: how alarms are merged and graded, and what each grade asks of people and trucks.

A document is a tree of tables as ``policy.toml`` has it. ``parse`` checks every field and names a wrong one by its path
(``types.6502.rules.0.grade``). Source of the shipped one: reference supervision §7.1, §7.2.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from luwei.cases import policy_form as form

TARGETS = ("operator", "county", "city", "province")
"""Who may be told, the lowest first; the number of the highest told (from 1) is a case's ``escalation``."""
MOMENTS = ("open", "first_action", "close")
FILES = ("none", "now", "parked")
CHECKS = ("none", "speed", "absent")
SUPERVISE = ("", "general", "urgent")
VERDICTS = ("true", "false", "undecided")
GRADES = (1, 2, 3)
STREAMS = ("sub", "main")


@dataclass(frozen=True, slots=True)
class Rule:
    """Gives ``grade`` where the device's level is ``level`` (None: any) and the speed is at least the share ``over``
    above the limit (None: any)."""

    grade: int
    level: int | None
    over: float | None


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What holds for one type of alarm; ``grade`` is that of no fitting rule."""

    grade: int
    rules: tuple[Rule, ...]
    repeat: bool
    fault: bool
    close_s: int | None
    files: str
    levels: tuple[int, ...]
    """Device levels whose files are asked for; empty: all."""
    check: str
    tts: str
    dialects: tuple[str, ...]
    """Where the code means this; empty: everywhere."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """``count`` pre-warnings of at least ``level`` within ``within_s`` raise the grade by one."""

    count: int
    level: int
    within_s: int


@dataclass(frozen=True, slots=True)
class Escalation:
    """At the moment ``on`` (a limit that passed, or the opening) ``to`` are told; ``supervise``: level of a 督办."""

    on: str
    to: tuple[str, ...]
    supervise: str

    @property
    def height(self) -> int:
        """Number of the highest of ``to``, from 1."""
        return max(TARGETS.index(each) + 1 for each in self.to)


@dataclass(frozen=True, slots=True)
class GradeRule:
    """What one grade asks. ``look``: a person must open the evidence; ``verify``: another person must verify."""

    first_action_s: int
    close_s: int
    checks_s: tuple[int, ...]
    look: bool
    verify: bool
    escalation: tuple[Escalation, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code of a verdict; ``types`` empty: for every type."""

    code: str
    zh: str
    en: str
    verdicts: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordRule:
    """A new case of one of ``grades`` and ``types`` has live pictures of ``channels`` recorded for ``seconds``."""

    grades: tuple[int, ...]
    types: tuple[str, ...]
    channels: tuple[int, ...]
    stream: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Policy:
    """One version. Lengths in seconds, speeds in km/h."""

    version: int
    window_s: int
    join_open_s: int
    repeat: tuple[Repetition, ...]
    limit_kmh: int
    limits_kmh: Mapping[str, int]
    """By vehicle class."""
    grades: Mapping[int, GradeRule]
    quota_month: int
    parked_wait_s: int
    reminder_rest_s: int
    snooze_s: tuple[int, int]
    snooze_times: int
    snooze_grades: tuple[int, ...]
    bulk_grade: int
    bulk_most: int
    bulk_picture: bool
    request_workdays: int
    decide_workdays: int
    rework_times: int
    holidays: frozenset[str]
    workdays: frozenset[str]
    record_quota_s: int
    """Seconds of one SIM in a calendar month that rules may have recorded."""
    records: tuple[RecordRule, ...]
    types: Mapping[str, TypeRule]
    reasons: Mapping[str, Reason]

    def record_rule(self, kind: str, grade: int) -> RecordRule | None:
        """The first rule that has a case of this type and grade recorded."""
        return next((rule for rule in self.records if grade in rule.grades and kind in rule.types), None)

    def type_rule(self, kind: str, dialect: str = "") -> TypeRule:
        """The rule of a type; UNKNOWN for one that is not listed, or that another dialect means by this code."""
        rule = self.types.get(f"{kind}@{dialect}") or self.types.get(kind)
        if rule is None or (rule.dialects and dialect and dialect not in rule.dialects):
            return UNKNOWN
        return rule

    def limit_of(self, vehicle_class: str) -> int:
        """Speed limit in km/h that overspeed is measured against."""
        return self.limits_kmh.get(vehicle_class, self.limit_kmh)

    def grade_of(self, kind: str, dialect: str, level: int, speed_dkmh: int, limit_kmh: int) -> int:
        """Grade of a single alarm, before repetition."""
        rule = self.type_rule(kind, dialect)
        for each in rule.rules:
            if each.level is not None and each.level != level:
                continue
            # 0.1 km/h against the limit: tenths on both sides, so that 90 km/h × 1.2 is exactly 1080
            if each.over is not None and speed_dkmh * 1000 < limit_kmh * 10 * round(1000 + each.over * 1000):
                continue
            return each.grade
        return rule.grade

    def close_s(self, kind: str, dialect: str, grade: int) -> int:
        """Limit to the close: the type's own where it has one."""
        return self.type_rule(kind, dialect).close_s or self.grades[grade].close_s

    def reasons_for(self, kind: str, verdict: str) -> list[Reason]:
        """Reason codes that fit a type and verdict."""
        return [r for r in self.reasons.values() if verdict in r.verdicts and (not r.types or kind in r.types)]


UNKNOWN = TypeRule(0, (), False, False, None, "none", (), "none", "", ())
"""A code without a meaning: a fact and a count."""

_RULE = form.Table({"grade": form.whole(0, 3), "level": form.maybe(form.whole(0, 2)), "over": form.maybe(form.share)})
_TYPE = form.Table(
    {
        "grade": form.whole(0, 3),
        "rules": form.default(form.rows(_RULE, 8), []),
        "repeat": form.default(form.flag, True),
        "fault": form.default(form.flag, False),
        "close_s": form.maybe(form.whole(60, 30 * 86_400)),
        "files": form.default(form.one_of(FILES), "none"),
        "levels": form.default(form.several(form.whole(0, 2), 3), []),
        "check": form.default(form.one_of(CHECKS), "none"),
        "tts": form.default(form.text(0, 120), ""),
        "dialects": form.default(form.several(form.text(1, 20), 8), []),
    }
)
_ESCALATION = form.Table(
    {"on": form.one_of(MOMENTS), "to": form.several(form.one_of(TARGETS), 4, 1), "supervise": form.one_of(SUPERVISE)}
)
_GRADE = form.Table(
    {
        "first_action_s": form.whole(30, 7 * 86_400),
        "close_s": form.whole(60, 30 * 86_400),
        "checks_s": form.several(form.whole(10, 3_600), 5),
        "look": form.flag,
        "verify": form.flag,
        "escalation": form.rows(_ESCALATION, 6),
    }
)
_RECORD = form.Table(
    {
        "grades": form.several(form.whole(1, 3), 3, 1),
        "types": form.several(form.alarm_type, 200, 1),
        "channels": form.several(form.whole(1, 64), 4, 1),
        "stream": form.default(form.one_of(STREAMS), "sub"),
        "seconds": form.whole(5, 1_800),
    }
)
_REASON = form.Table(
    {
        "code": form.code,
        "zh": form.text(1, 60),
        "en": form.text(1, 100),
        "verdicts": form.several(form.one_of(VERDICTS), 3, 1),
        "types": form.default(form.several(form.alarm_type, 200), []),
    }
)
_FORM = form.Table(
    {
        "merge": form.Table({"window_s": form.whole(0, 3_600), "join_open_s": form.whole(0, 86_400)}),
        "repeat": form.rows(
            form.Table({"count": form.whole(2, 100), "level": form.whole(0, 2), "within_s": form.whole(60, 7_200)}), 8
        ),
        "speed_limit": form.Table(
            {"default_kmh": form.whole(20, 160), "classes": form.keyed(form.vehicle_class, form.whole(20, 160))}
        ),
        "grades": form.Table({"G1": _GRADE, "G2": _GRADE, "G3": _GRADE}),
        "files": form.Table({"quota_month": form.whole(0, 100_000), "parked_wait_s": form.whole(60, 7 * 86_400)}),
        "reminder": form.Table({"rest_s": form.whole(0, 3_600)}),
        "snooze": form.Table(
            {
                "min_s": form.whole(10, 86_400),
                "max_s": form.whole(10, 86_400),
                "times": form.whole(0, 10),
                "grades": form.several(form.whole(1, 3), 3),
            }
        ),
        "bulk": form.Table({"grade": form.whole(0, 1), "most": form.whole(1, 50), "picture": form.always}),
        "appeal": form.Table({"request_workdays": form.whole(1, 60), "decide_workdays": form.whole(1, 60)}),
        "rework": form.Table({"times": form.whole(0, 10)}),
        "calendar": form.Table({"holidays": form.several(form.day, 2_000), "workdays": form.several(form.day, 2_000)}),
        # a document of an earlier release has none
        "record": form.default(
            form.Table({"quota_month_s": form.whole(0, 1_000_000), "rules": form.rows(_RECORD, 40)}),
            {"quota_month_s": 0, "rules": []},
        ),
        "types": form.keyed(form.typed, _TYPE),
        "reasons": form.rows(_REASON, 200),
    }
)


def parse(document: Any, version: int = 0) -> Policy:
    """The policy of a document. Raises RegistryError naming the path of the first wrong field and its rule."""
    read = _FORM(document, "")
    for number, name in ((each, f"G{each}") for each in GRADES):
        rule = read["grades"][name]
        if rule["close_s"] < rule["first_action_s"]:
            form.refuse(f"grades.{name}.close_s", "must not be shorter than first_action_s", rule["close_s"])
        if number > 1 and rule["first_action_s"] > read["grades"][f"G{number - 1}"]["first_action_s"]:
            form.refuse(f"grades.{name}.first_action_s", "must not be longer than that of the grade below", rule)
    if read["snooze"]["max_s"] < read["snooze"]["min_s"]:
        form.refuse("snooze.max_s", "must not be shorter than min_s", read["snooze"]["max_s"])
    reasons = {each["code"]: Reason(**each) for each in read["reasons"]}
    if len(reasons) != len(read["reasons"]):
        form.refuse("reasons", "must not have a code twice")
    for verdict in VERDICTS:
        if not any(verdict in each.verdicts and not each.types for each in reasons.values()):
            form.refuse("reasons", f"must have one for every type and the verdict {verdict}")
    return Policy(
        version=version,
        window_s=read["merge"]["window_s"],
        join_open_s=read["merge"]["join_open_s"],
        repeat=tuple(Repetition(**each) for each in read["repeat"]),
        limit_kmh=read["speed_limit"]["default_kmh"],
        limits_kmh=read["speed_limit"]["classes"],
        grades={number: _grade(read["grades"][f"G{number}"]) for number in GRADES},
        quota_month=read["files"]["quota_month"],
        parked_wait_s=read["files"]["parked_wait_s"],
        reminder_rest_s=read["reminder"]["rest_s"],
        snooze_s=(read["snooze"]["min_s"], read["snooze"]["max_s"]),
        snooze_times=read["snooze"]["times"],
        snooze_grades=read["snooze"]["grades"],
        bulk_grade=read["bulk"]["grade"],
        bulk_most=read["bulk"]["most"],
        bulk_picture=read["bulk"]["picture"],
        request_workdays=read["appeal"]["request_workdays"],
        decide_workdays=read["appeal"]["decide_workdays"],
        rework_times=read["rework"]["times"],
        holidays=frozenset(read["calendar"]["holidays"]),
        workdays=frozenset(read["calendar"]["workdays"]),
        record_quota_s=read["record"]["quota_month_s"],
        records=tuple(RecordRule(**each) for each in read["record"]["rules"]),
        types={code: _type(each) for code, each in read["types"].items()},
        reasons=reasons,
    )


def _type(read: dict[str, Any]) -> TypeRule:
    return TypeRule(**read | {"rules": tuple(Rule(**each) for each in read["rules"])})


def _grade(read: dict[str, Any]) -> GradeRule:
    return GradeRule(**read | {"escalation": tuple(Escalation(**each) for each in read["escalation"])})


@cache
def shipped_document() -> dict[str, Any]:
    """The document that comes with this release."""
    with (Path(__file__).parent / "policy.toml").open("rb") as file:
        return tomllib.load(file)
