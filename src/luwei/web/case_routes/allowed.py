"""What a person may do with a case now: what the console shows as buttons, and what the acts ask again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.cases import acts, appeals
from luwei.cases.engine import CaseEngine
from luwei.cases.policy import Policy
from luwei.cases.scope import covers
from luwei.registry.case import APPEALED, CLAIMED, CLOSED, HANDLED, OPEN, RETURNED, SNOOZED, VERIFIED
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services


def cases_of(services: Services) -> CaseEngine:
    """The engine. Raises Refused (503) where none runs."""
    if services.cases is None:
        raise Refused(503, "", "cases_unavailable", "cases are not served here")
    return services.cases


async def looked(door: Door, row: Mapping[str, Any], scope: Scope) -> None:
    """Whoever reads of a single case leaves it in the audit log, by whatever page."""
    await door.looked("case.look", row["vehicle_id"], {"id": row["id"], "number": row["number"]}, scope)


def _may(door: Door, act: str, row: Mapping[str, Any]) -> bool:
    """``row`` was read within the scope of the right to read."""
    if not door.may(act, "case"):
        return False
    scope = door.allow(act, "case")
    return covers(scope, row) or (scope.wheel is not None and scope == door.allow("read", "case"))


def may(door: Door, row: Mapping[str, Any], policy: Policy, now: int) -> dict[str, bool]:
    """By act: whether right and state allow it. ``row`` was read in the scope of reading cases."""
    state, me = row["state"], door.user_id
    writes, approves = _may(door, "write", row), _may(door, "approve", row)
    free = state != CLAIMED or row["assignee_id"] in (None, me)
    at_hand = writes and state in acts.AT_HAND and free
    other = row["handler_id"] != me
    needs = policy.grades[row["grade"]].verify
    speaks = _may(door, "act", row) and bool(row["phone"]) and state not in (CLOSED, APPEALED)
    snoozes = row["grade"] in policy.snooze_grades and row["snoozes"] < policy.snooze_times
    return {
        "claim": writes and state in acts.QUEUED,
        "release": writes and state == CLAIMED and free,
        "hand_over": writes and state in acts.AT_HAND,
        "snooze": at_hand and state in (OPEN, RETURNED, CLAIMED) and snoozes,
        "wake": writes and state == SNOOZED,
        "tts": speaks,
        "call": speaks,
        "stop": speaks,
        "record": at_hand,
        "verdict": at_hand,
        "verify": approves and other and state in (HANDLED, CLOSED) and row["verified_at"] is None,
        "return": approves and other and state in (HANDLED, VERIFIED, CLOSED) and row["returns"] < policy.rework_times,
        "close": writes and (state == VERIFIED or (state == HANDLED and not needs)),
        "appeal": _may(door, "object", row)
        and state in (HANDLED, VERIFIED, CLOSED)
        and now < (appeals.until(row, policy) or 0),
        "ask_evidence": door.may("write", "evidence"),
    }
