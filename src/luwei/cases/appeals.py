"""Appeal 申诉 against a verdict by the operator or the driver (reference supervision §7.5). The review is another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, insert, select

from luwei.cases import workdays
from luwei.cases.holding import hold, line
from luwei.cases.policy import Policy
from luwei.registry.audit import Actor
from luwei.registry.case import APPEALED, CLOSED, HANDLED, VERIFIED
from luwei.registry.case_work import CaseAppeal
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, RegistryError
from luwei.registry.scope import Scope

TEXT = (10, 1000)


def until(row: Mapping[str, Any], policy: Policy) -> int | None:
    """When (UTC ms, excluded) the time to appeal ends: its working days run from the verdict. None where there is none
    to appeal against, or an appeal was made."""
    if row["handled_at"] is None or row["verdict"] != "true" or row["appeal"]:
        return None
    return workdays.after(row["handled_at"], policy.request_workdays, policy)


def request(engine: Engine, scope: Scope, case_id: int, version: int, text: str, role: str, actor: Actor) -> int:
    """Object to the verdict that an alarm is true; the appeal's number.

    The notice is the verdict: the days run from it. There is one appeal against a verdict, and what was decided on it
    stands; a case that is handled again has a verdict of its own.
    """
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require((HANDLED, VERIFIED, CLOSED), "appealed against")
        row, policy = held.row, held.policy
        if row["verdict"] != "true":
            raise RegistryError("verdict", "must be true: only such a verdict is appealed against", row["verdict"])
        of_this = (CaseAppeal.case_id == case_id, CaseAppeal.requested_at >= row["handled_at"])
        there = connection.execute(select(CaseAppeal.id).where(*of_this)).first()
        if there is not None:
            raise Conflict("appeal", "there is an appeal against this verdict already", there.id)
        last = workdays.after(row["handled_at"], policy.request_workdays, policy)
        if held.now >= last:
            raise RegistryError("handled_at", f"an appeal is made within {policy.request_workdays} working days")
        said = line("text", text, *TEXT)
        due = workdays.after(held.now, policy.decide_workdays, policy)
        key: int = connection.execute(
            insert(CaseAppeal)
            .values(
                case_id=case_id, user_id=held.user_id, organisation_id=actor.organisation_id, by_role=role, text=said,
                requested_at=held.now, due_at=due, state="open", state_before=row["state"], decision="",
            )
            .returning(CaseAppeal.id)
        ).scalar_one()  # fmt: skip
        held.to(APPEALED, appeal="open")
        held.keep("appealed", {"appeal": key, "text": said, "due_at": due})
    return key
