"""Acts of people on a case, each one transaction with its step and audit entry (``luwei.cases.holding``).

Every function blocks, takes the caller's scope of the act, and raises NotFound, Conflict (changed meanwhile, wrong
state, somebody else's) or RegistryError (field and rule).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, and_, delete, insert, select

from luwei.cases import handling, recordings, triggered
from luwei.cases.handling import Given
from luwei.cases.holding import Held, hold, line
from luwei.cases.timers import woken
from luwei.registry.audit import Actor, AuditEntry
from luwei.registry.case import (
    CLAIMED,
    CLOSED,
    HANDLED,
    OPEN,
    RETURNED,
    SNOOZED,
    VERIFIED,
    CaseAlarm,
)
from luwei.registry.case_work import CaseEvidence, CaseFile, CaseLook, CaseTimer
from luwei.registry.engine import write
from luwei.registry.errors import RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.scope import Scope

NOTE = (2, 500)
QUEUED = (OPEN, RETURNED, SNOOZED)
AT_HAND = (*QUEUED, CLAIMED)


def view(engine: Engine, scope: Scope, case_id: int, files: Sequence[int], handles: bool, actor: Actor) -> None:
    """The person has the case on the screen, and has opened these files of it. ``handles``: it is one who may handle
    it, so this may be the first view of the record. Raises RegistryError for a file that is
    not the case's, or that was never served to this person: what counts as seen is what left the server."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, None, actor)
        seen = handling.looks_of(connection, case_id, held.user_id)
        wanted = sorted(set(files) - seen.keys())
        _require_opened(connection, held, wanted)
        new = [key for key in (0, *wanted) if key not in seen]
        if not new:
            return
        rows = [{"case_id": case_id, "user_id": held.user_id, "file_id": key, "at": held.now} for key in new]
        connection.execute(insert(CaseLook), rows)
        if handles and held.row["first_viewed_at"] is None:
            held.values |= {"first_viewed_at": held.now, "first_viewed_by": held.user_id}
        held.keep("viewed", {"files": wanted} if wanted else {}, version=False)


def _require_opened(connection: Connection, held: Held, files: Sequence[int]) -> None:
    if not files:
        return
    mine = files_of(connection, held.row["id"], held.row["vehicle_id"])
    for number, key in enumerate(files):
        if key not in mine:
            raise RegistryError(f"files.{number}", "is no file of this case", key)
        served = select(AuditEntry.id).where(
            AuditEntry.noun == "evidence", AuditEntry.noun_id == key, AuditEntry.user_id == held.user_id,
            AuditEntry.act.in_(("evidence.view", "evidence.export")),
        )  # fmt: skip
        if connection.scalar(served.limit(1)) is None:
            raise RegistryError(f"files.{number}", "was not opened by you", key)


def files_of(connection: Connection, case_id: int, vehicle_id: int) -> set[int]:
    """Evidence of a case: answers to its requests, files under the identification of one of its alarms, what was
    recorded or fetched for it, and pictures that its alarm had the terminal take."""
    requests = select(CaseEvidence.request_id).where(CaseEvidence.case_id == case_id)
    signs = select(CaseAlarm.identification).where(CaseAlarm.case_id == case_id, CaseAlarm.identification != "")
    asked = EvidenceFile.request_id.in_(requests)
    sent = and_(EvidenceFile.vehicle_id == vehicle_id, EvidenceFile.identification.in_(signs))
    fetched = EvidenceFile.id.in_(select(CaseFile.file_id).where(CaseFile.case_id == case_id))
    found = {
        key for each in (asked, fetched, sent) for key in connection.scalars(select(EvidenceFile.id).where(each))
    }  # fmt: skip
    return found | recordings.files_of(connection, case_id) | set(triggered.of_case(connection, case_id))


def claim(engine: Engine, scope: Scope, case_id: int, version: int, actor: Actor) -> None:
    """受理: the case is this person's."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.mine()
        held.require(QUEUED, "claimed")
        held.to(CLAIMED, assignee_id=held.user_id, snoozed_until=None)
        held.keep("claimed")


def release(engine: Engine, scope: Scope, case_id: int, version: int, note: str, actor: Actor) -> None:
    """Back into the queue."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((CLAIMED,), "released")
        held.mine()
        held.to(OPEN, assignee_id=None)
        held.keep("released", {"note": line("note", note, *NOTE)})


def snooze(
    engine: Engine,
    scope: Scope,
    case_id: int,
    version: int,
    until: int | None,
    reason: str,
    actor: Actor,
    *,
    after_s: int | None = None,
) -> None:
    """稍后处理: out of sight for a bounded time; no clock stops. Either ``until`` (UTC ms) or ``after_s`` is given: who
    counts from the receipt needs no clock that agrees with this one."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((OPEN, RETURNED, CLAIMED), "snoozed")
        held.mine()
        policy, row = held.policy, held.row
        if row["grade"] not in policy.snooze_grades:
            raise RegistryError("grade", f"a case of G{row['grade']} cannot wait", row["grade"])
        if row["snoozes"] >= policy.snooze_times:
            raise RegistryError("snoozes", f"at most {policy.snooze_times} times", row["snoozes"])
        low, high = policy.snooze_s
        if (until is None) == (after_s is None):
            raise RegistryError("until", "must be given, or after_s in its place")
        until = held.now + (after_s or 0) * 1000 if until is None else until
        if not held.now + low * 1000 <= until <= held.now + high * 1000:
            raise RegistryError("until", f"must be {low} to {high} seconds ahead", until)
        said = line("reason", reason, *NOTE)
        held.to(SNOOZED, snoozed_until=until, snoozes=row["snoozes"] + 1)
        connection.execute(insert(CaseTimer).values(case_id=case_id, kind="snooze", due_at=until, detail=""))
        held.keep("snoozed", {"until": until, "reason": said})


def wake(engine: Engine, scope: Scope, case_id: int, version: int, actor: Actor) -> None:
    """End a snooze early."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((SNOOZED,), "woken")
        held.values |= woken(held.row)
        held.keep("woke")


def write_record(engine: Engine, scope: Scope, case_id: int, version: int, given: Given, actor: Actor) -> None:
    """Save a part of the handling record; the case is this person's from then on."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.mine()
        held.require(AT_HAND, "written to")
        held.values |= handling.checked(held.policy, held.row["type"], held.row, given)
        held.to(CLAIMED, assignee_id=held.user_id, snoozed_until=None)
        held.keep("recorded", {"fields": sorted(given.values())})


def judge(engine: Engine, scope: Scope, case_id: int, version: int, given: Given, actor: Actor) -> None:
    """判定: the record is complete, the case is handled. A false alarm is one too; it counts against the device."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.mine()
        held.require(AT_HAND, "handled")
        settle(held, given)


def settle(held: Held, given: Given) -> None:
    """Check the whole record and make the case handled, in the caller's transaction."""
    held.values |= handling.checked(held.policy, held.row["type"], held.row, given)
    handling.require(held)
    held.acted()
    me = held.user_id
    held.to(HANDLED, assignee_id=me, handler_id=me, handled_at=held.now, snoozed_until=None)
    names = ("verdict", "reason", "actions", "correction", "driver_reply", "text")
    told = {name: held.get(name) for name in names}
    # with what was here to be seen: files that come later accuse nobody of not having looked
    held.keep("verdict", told | {"check": held.row["check_result"], "files": held.row["evidence_complete"]})


def verify(
    engine: Engine, scope: Scope, case_id: int, version: int, note: str, evidence_audited: bool, actor: Actor
) -> None:
    """核验 by another person than the handler; a closed case of a light grade can be verified afterwards."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((HANDLED, CLOSED), "verified")
        if held.row["verified_at"] is not None:
            raise RegistryError("verified_at", "the case is verified already")
        _other_person(held)
        values = {"verified_at": held.now, "verified_by": held.user_id, "evidence_audited": evidence_audited}
        if held.row["state"] == HANDLED:
            held.to(VERIFIED, **values)
        else:
            held.values |= values
        said = line("note", note, 0, 500)
        held.keep("verified", {"note": said, "evidence_audited": evidence_audited})


def _other_person(held: Held) -> None:
    if held.row["handler_id"] == held.user_id:
        raise RegistryError("handler", "must be verified by another person than the handler")


def give_back(engine: Engine, scope: Scope, case_id: int, version: int, note: str, actor: Actor) -> None:
    """退回重办: the case is to be handled again, with a new limit to the close."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((HANDLED, VERIFIED, CLOSED), "returned")
        _other_person(held)
        row, policy = held.row, held.policy
        if row["returns"] >= policy.rework_times:
            raise RegistryError("returns", f"at most {policy.rework_times} times", row["returns"])
        said = line("note", note, *NOTE)
        due = held.now + policy.close_s(row["type"], row["dialect"], row["grade"]) * 1000
        held.to(
            RETURNED, assignee_id=None, handled_at=None, verified_at=None, verified_by=None, evidence_audited=False,
            closed_at=None, closed_by=None, returns=row["returns"] + 1, close_due_at=due, overdue=0, appeal="",
        )  # fmt: skip
        old = and_(CaseTimer.case_id == case_id, CaseTimer.kind == "close")
        connection.execute(delete(CaseTimer).where(old))
        connection.execute(insert(CaseTimer).values(case_id=case_id, kind="close", due_at=due, detail=""))
        held.keep("returned", {"note": said, "close_due_at": due, "verdict": row["verdict"]})


def close(engine: Engine, scope: Scope, case_id: int, version: int, actor: Actor) -> None:
    """结案: a light case when it is handled, a heavier one when another person verified it."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        finish(held)


def finish(held: Held) -> None:
    """Close in the caller's transaction."""
    needs = held.policy.grades[held.row["grade"]].verify
    if needs and held.row["state"] == HANDLED:
        raise RegistryError("verified_at", f"a case of G{held.row['grade']} is closed after another person verified it")
    held.require((VERIFIED,) if needs else (HANDLED, VERIFIED), "closed")
    held.to(CLOSED, closed_at=held.now, closed_by=held.user_id)
    timers = delete(CaseTimer).where(CaseTimer.case_id == held.row["id"], CaseTimer.kind.not_in(("files", "check")))
    held.connection.execute(timers)
    held.keep("closed")
