"""What every act on a case begins and ends with: the row locked and seen as the person saw it, the change, its step and
its audit entry, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from luwei.access.user import User
from luwei.cases import policies, steps
from luwei.cases.policy import Policy
from luwei.cases.reading import persons
from luwei.cases.scope import within
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case import CLAIMED, CLOSED, STAGE_OF, AlarmCase, CaseStep
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import Scope

CHINA = timedelta(hours=8)


@dataclass(slots=True)
class Held:
    """A locked case in a person's hands. ``row``: as it is; ``values``: what will be written."""

    connection: Connection
    row: dict[str, Any]
    policy: Policy
    actor: Actor
    now: int
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def user_id(self) -> int:
        """Who acts."""
        assert self.actor.user_id is not None
        return self.actor.user_id

    def get(self, name: str) -> Any:
        """The field as it will be."""
        return self.values.get(name, self.row[name])

    def to(self, state: str, **values: Any) -> None:
        """Into another state, with its stage."""
        self.values |= {"state": state, "stage": STAGE_OF[state], **values}

    def require(self, states: Sequence[str], act: str) -> None:
        """Raises Conflict where the case is in none of these states."""
        if self.row["state"] not in states:
            raise Conflict("state", f"a case that is {self.row['state']} cannot be {act}", self.row["state"])

    def mine(self) -> None:
        """Raises Conflict where somebody else holds the case."""
        holder = self.row["assignee_id"]
        if self.row["state"] == CLAIMED and holder not in (None, self.user_id):
            name = self.connection.scalar(select(User.display_name).where(User.id == holder))
            raise Conflict("assignee", f"{name or 'somebody else'} is handling this case", holder)

    def acted(self) -> None:
        """The first action stops the first clock."""
        if self.get("first_action_at") is None:
            self.values["first_action_at"] = self.now

    def keep(self, act: str, detail: Mapping[str, Any] | None = None, *, version: bool = True) -> None:
        """Write the change, its step and its audit entry."""
        if self.get("state") == CLOSED:
            self.values |= {"due_at": None, "sort_at": -(self.get("closed_at") or self.now)}
        else:
            name = "close_due_at" if self.get("first_action_at") is not None else "first_action_due_at"
            self.values |= {"due_at": self.get(name), "sort_at": self.get(name)}
        values = self.values | {"updated_at": self.now}
        if version:
            values["version"] = self.row["version"] + 1
        self.connection.execute(update(AlarmCase).where(AlarmCase.id == self.row["id"]).values(**values))
        told = dict(detail or {})
        steps.add(self.connection, self.row["id"], act, self.user_id, told, self.now)
        record(
            self.connection, self.actor, f"case.{act}", self.row["id"], {"number": self.row["number"]} | told,
            vehicle_id=self.row["vehicle_id"],
        )  # fmt: skip
        self.row |= values


def hold(connection: Connection, scope: Scope, case_id: int, version: int | None, actor: Actor) -> Held:
    """Lock a case for an act. ``version``: of the row that was shown; None: the act conflicts with nothing.

    Raises NotFound where there is none in the scope, Conflict (field ``version``) where it changed meanwhile.
    """
    found = connection.execute(
        select(*AlarmCase.__table__.columns).where(AlarmCase.id == case_id, *within(scope)).with_for_update()
    ).first()
    if found is None:
        raise NotFound("id", "there is no such case", case_id)
    row = dict(found._mapping)
    if version is not None and version != row["version"]:
        raise Conflict("version", f"the case changed meanwhile: {_last_word(connection, case_id)}", version)
    policy = policies.book(connection).numbered(row["policy"])
    return Held(connection, row, policy, actor, now_ms())


def _last_word(connection: Connection, case_id: int) -> str:
    """Who did what when, for who was slower."""
    statement = (
        select(CaseStep.act, CaseStep.at, CaseStep.user_id)
        .where(CaseStep.case_id == case_id, CaseStep.act.in_(_TELLING))
        .order_by(CaseStep.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).first()
    if row is None:
        return "look again"
    at = datetime.fromtimestamp(row.at / 1000, UTC) + CHINA
    zh, en = steps.WORDS.get(row.act, (row.act, row.act))
    by = persons(connection, [row.user_id]).get(row.user_id)
    return f"{by.name if by is not None else 'Luwei'} {en} ({zh}) at {at:%H:%M:%S}"


_TELLING = (
    "raised", "claimed", "released", "handed_over", "taken_over", "snoozed", "woke", "command", "recorded", "verdict",
    "verified", "returned", "closed", "appealed",
)  # fmt: skip


def line(name: str, value: str, low: int, high: int) -> str:
    """One text of a person. Raises RegistryError by the field and its bounds."""
    said = value.strip()
    if not low <= len(said) <= high:
        raise RegistryError(name, f"must have {low} to {high} characters", value)
    if not all(char.isprintable() or char == "\n" for char in said):
        raise RegistryError(name, "must not contain control characters", value)
    return said
