"""The handling record 处置记录: what a person must have written before a case counts as handled (supervision §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from luwei.cases.correction import CORRECTED, NOT, UNKNOWN
from luwei.cases.holding import Held, line
from luwei.cases.policy import VERDICTS, Policy
from luwei.cases.reminders import STOP, TTS
from luwei.registry.case_work import CaseCommand, CaseLook
from luwei.registry.errors import RegistryError

ACTIONS = ("tts", "call", "stop", "ignore")
CORRECTIONS = (CORRECTED, NOT, UNKNOWN)
FIELDS = ("verdict", "reason", "actions", "driver_reply", "correction", "text")
BOUNDS = {"driver_reply": (1, 200), "text": (2, 1000)}


@dataclass(frozen=True, slots=True)
class Given:
    """What a person wrote; None: not touched."""

    verdict: str | None = None
    reason: str | None = None
    actions: tuple[str, ...] | None = None
    driver_reply: str | None = None
    correction: str | None = None
    text: str | None = None

    def values(self) -> dict[str, Any]:
        """The fields that were given."""
        return {name: getattr(self, name) for name in FIELDS if getattr(self, name) is not None}


def checked(policy: Policy, kind: str, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The given fields as they are stored. Raises RegistryError by field and rule; empty text takes one back."""
    said = given.values()
    found: dict[str, Any] = {}
    for name, allowed in (("verdict", VERDICTS), ("correction", CORRECTIONS)):
        if said.get(name):
            found[name] = _one_of(name, said[name], allowed)
    if "actions" in said:
        found["actions"] = _actions(said["actions"])
    for name, (low, high) in BOUNDS.items():
        if said.get(name):
            found[name] = line(name, said[name], low, high)
    verdict = found.get("verdict", row["verdict"])
    if said.get("reason"):
        codes = [each.code for each in policy.reasons_for(kind, verdict)] if verdict else list(policy.reasons)
        found["reason"] = _one_of("reason", said["reason"], tuple(codes))
    return found | {name: "" for name, value in said.items() if value in ("", ())}


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise RegistryError(name, f"must be one of {', '.join(allowed)}", value)
    return value


def _actions(given: tuple[str, ...]) -> str:
    for each in given:
        _one_of("actions", each, ACTIONS)
    if "ignore" in given and len(set(given)) > 1:
        raise RegistryError("actions", "ignore stands alone", ",".join(given))
    return ",".join(each for each in ACTIONS if each in given)


def missing(row: Mapping[str, Any], looks: Mapping[int, int], rule_look: bool) -> list[str]:
    """Names of what is still missing; ``looks``: files that the person opened (0: the case), with the time."""
    lacking = [name for name in FIELDS if not row[name]]
    if 0 not in looks:
        lacking.append("first_viewed_at")
    if rule_look and row["evidence_complete"] and not any(looks.keys() - {0}):
        lacking.append("evidence_viewed")
    return lacking


def require(held: Held) -> None:
    """Raises RegistryError for the first thing that is missing, or that the story does not bear out."""
    row = held.row | held.values
    look = held.policy.grades[row["grade"]].look
    for name in missing(row, looks_of(held.connection, row["id"], held.user_id), look):
        raise RegistryError(name, _WHY.get(name, "must be given before the case is handled"))
    reasons = [each.code for each in held.policy.reasons_for(row["type"], row["verdict"])]
    if row["reason"] not in reasons:
        raise RegistryError("reason", f"must be one of {', '.join(reasons)} for this verdict", row["reason"])
    given = commands_of(held.connection, row["id"])
    for action in (TTS, STOP):
        if action in row["actions"].split(",") and action not in given:
            raise RegistryError("actions", f"no {action} was given for this case", action)


_WHY = {
    "first_viewed_at": "the case must have been opened by who handles it",
    "evidence_viewed": "a person must look at the evidence of this grade before judging",
}


def looks_of(connection: Connection, case_id: int, user_id: int) -> dict[int, int]:
    """Files of the case that the person opened, and 0 for the case itself, with the first time (UTC ms)."""
    rows = connection.execute(
        select(CaseLook.file_id, CaseLook.at).where(CaseLook.case_id == case_id, CaseLook.user_id == user_id)
    )
    return {row.file_id: row.at for row in rows}


def commands_of(connection: Connection, case_id: int) -> set[str]:
    """Purposes of the commands that were given for the case."""
    return set(connection.scalars(select(CaseCommand.purpose).where(CaseCommand.case_id == case_id).distinct()))
