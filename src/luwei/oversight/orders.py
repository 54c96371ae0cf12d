"""Acts on supervision orders 督办 (reference supervision §7.4): 发起 → 处理 → 审核, each one transaction with its
step and audit entry. A limit that passes lifts the order one level up, until the province has it.

Every function blocks and raises NotFound, Conflict (changed meanwhile, wrong state) or RegistryError (field and rule).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update

from luwei.cases import steps
from luwei.cases.holding import line
from luwei.cases.scope import within as cases_within
from luwei.oversight import policies
from luwei.oversight.order_files import attach
from luwei.oversight.place import answers_for, at_work, height_of, is_authority, require_area, within
from luwei.oversight.policy import OversightRules
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case import AlarmCase
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.organisation import MONITOR, OPERATING, Organisation
from luwei.registry.oversight import OPEN, ORDERED, SupervisionProposal
from luwei.registry.scope import Scope
from luwei.registry.supervision import (
    ANSWERED,
    CLOSED,
    HEIGHTS,
    LEVELS,
    OWED,
    REPLIES,
    RETURNED,
    SOURCES,
    WORKING,
    SupervisionOrder,
    SupervisionStep,
)

ACTS = {
    "issued": ("发起督办", "Order issued"),
    "answered": ("回复", "Answered"),
    "extended": ("延期", "Limit extended"),
    "returned": ("退回重办", "Returned for rework"),
    "closed": ("审核通过", "Closed after review"),
    "overdue": ("超时未办结", "Limit passed"),
    "escalated": ("升级督办", "Went one level up"),
}
"""Chinese and English words of every step."""
AT_ONCE = 200
NOTE = (2, 500)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What an officer wants. ``case``: the case it comes of; ``target``: the organisation that must answer, of a case
    its operator unless named."""

    level: int
    source: str
    title: str
    text: str
    case: int | None = None
    target: int | None = None
    contact: str = ""
    phone: str = ""
    email: str = ""
    proposal: int | None = None
    files: tuple[int, ...] = ()
    """Uploads of the officer that the store has."""


@dataclass(slots=True)
class HeldOrder:
    """A locked order in a person's hands."""

    connection: Connection
    row: dict[str, Any]
    rules: OversightRules
    actor: Actor
    now: int
    values: dict[str, Any] = field(default_factory=dict)

    def require(self, states: Sequence[str], act: str) -> None:
        """Raises Conflict where the order is in none of these states."""
        if self.row["state"] not in states:
            raise Conflict("state", f"an order that is {self.row['state']} cannot be {act}", self.row["state"])

    def keep(self, act: str, detail: Mapping[str, Any], files: Sequence[int] = ()) -> None:
        """Write the change, its step with its files, and its audit entry."""
        values = self.values | {"version": self.row["version"] + 1}
        self.connection.execute(
            update(SupervisionOrder).where(SupervisionOrder.id == self.row["id"]).values(**values)
        )  # fmt: skip
        step = _step(self.connection, self.row["id"], act, self.actor.user_id, detail, self.now)
        attach(self.connection, files, self.actor, order_id=self.row["id"], step_id=step)
        record(
            self.connection, self.actor, f"supervision_order.{act}", self.row["id"], _with(detail, files),
            vehicle_id=self.row["vehicle_id"],
        )  # fmt: skip


def visible(scope: Scope, organisation: int | None) -> list[ColumnElement[bool]]:
    """Orders a person sees: those of the area or organisation; who sees counts only, the orders of the own office."""
    if scope.aggregate:
        return [SupervisionOrder.issuer_organisation_id == organisation]
    return within(scope, SupervisionOrder, SupervisionOrder.target_id, SupervisionOrder.operator_id)


def issue(engine: Engine, scope: Scope, wanted: NewOrder, actor: Actor, now: int | None = None) -> int:
    """发起: the order's id. ``scope`` is that of the right to supervise."""
    if not is_authority(scope):
        raise RegistryError("scope", "orders are issued by an authority")
    if wanted.level not in LEVELS:
        raise RegistryError("level", "must be 0 (urgent) or 1 (general)", wanted.level)
    if wanted.source not in SOURCES:
        raise RegistryError("source", f"must be one of {', '.join(SOURCES)}", wanted.source)
    at = now_ms() if now is None else now
    said = {
        "title": line("title", wanted.title, 2, 100),
        "text": line("text", wanted.text, 2, 1000),
        "contact": line("contact", wanted.contact, 0, 40),
        "phone": line("phone", wanted.phone, 0, 20),
        "email": line("email", wanted.email, 0, 100),
    }
    with write(engine) as connection:
        rules = policies.at(connection, at)
        about = (
            _of_case(connection, scope, wanted) if wanted.case is not None else _of_target(connection, scope, wanted)
        )
        require_area(scope, about["city"], about["county"])
        _require_at_work(connection, about["target_id"], at)
        if wanted.proposal is not None:
            _take_proposal(connection, scope, wanted.proposal, about["target_id"])
        due = at + rules.limits_s[wanted.level] * 1000
        values = said | about | {
            "level": wanted.level, "source": wanted.source, "policy": rules.version, "issuer_id": actor.user_id,
            "issuer_organisation_id": actor.organisation_id, "proposal_id": wanted.proposal, "issued_at": at,
            "due_at": due, "strike_at": due, "in_charge": height_of(scope),
        }  # fmt: skip
        added = insert(SupervisionOrder).values(**values).returning(SupervisionOrder.id)
        key: int = connection.execute(added).scalar_one()
        told = {"level": wanted.level, "target": about["target_id"], "due_at": due, "title": said["title"]}
        step = _step(connection, key, "issued", actor.user_id, told | {"text": said["text"]}, at)
        attach(connection, wanted.files, actor, order_id=key, step_id=step)
        record(
            connection, actor, "supervision_order.issue", key, _with(told | {"case": wanted.case}, wanted.files),
            vehicle_id=about["vehicle_id"],
        )  # fmt: skip
        if wanted.case is not None:
            steps.add(connection, wanted.case, "supervised", actor.user_id, {"order": key, **told}, at)
        if wanted.proposal is not None:
            taken = {"state": ORDERED, "order_id": key, "decided_by": actor.user_id, "decided_at": at}
            connection.execute(
                update(SupervisionProposal).where(SupervisionProposal.id == wanted.proposal).values(**taken)
            )
    return key


def _of_case(connection: Connection, scope: Scope, wanted: NewOrder) -> dict[str, Any]:
    if scope.aggregate:
        raise RegistryError("case", "who sees counts only orders an operator, not of a case", wanted.case or "")
    statement = select(*AlarmCase.__table__.columns).where(AlarmCase.id == wanted.case, *cases_within(scope))
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound("case", "there is no such case", wanted.case or "")
    target = row.operator_id if wanted.target is None else wanted.target
    if target is None:
        raise RegistryError("target", "must be named: the case has no operator")
    if target not in (row.operator_id, row.monitor_id):
        raise RegistryError("target", "must be the operator or the monitor of the case", target)
    return {
        "case_id": row.id, "vehicle_id": row.vehicle_id, "type": row.type, "alarm_at": row.started_at,
        "target_id": target, "operator_id": row.operator_id, "city": row.city, "county": row.county,
    }  # fmt: skip


def _of_target(connection: Connection, scope: Scope, wanted: NewOrder) -> dict[str, Any]:
    # who it is that lies elsewhere is not told
    statement = select(Organisation.id, Organisation.kind, Organisation.city, Organisation.county).where(
        Organisation.id == wanted.target, Organisation.kind.in_((*OPERATING, MONITOR)), *within(scope, Organisation)
    )
    row = connection.execute(statement).first() if wanted.target is not None else None
    if row is None:
        raise RegistryError(
            "target", "must be an operator or a monitor of your jurisdiction, or a case", wanted.target or ""
        )
    operator = row.id if row.kind in OPERATING else None
    return {
        "case_id": None, "vehicle_id": None, "type": "", "alarm_at": None, "target_id": row.id,
        "operator_id": operator, "city": row.city, "county": row.county,
    }  # fmt: skip


def receives(connection: Connection, target: int, now: int) -> bool:
    """Whether anybody of the organisation is there to answer."""
    return connection.scalar(select(Organisation.id).where(Organisation.id == target, *at_work(now))) is not None


def _require_at_work(connection: Connection, target: int, now: int) -> None:
    if not receives(connection, target, now):
        raise RegistryError("target", "is closed: nobody there could answer", target)


def _take_proposal(connection: Connection, scope: Scope, key: int, target: int) -> None:
    if scope.aggregate:
        raise RegistryError("proposal", "who sees counts only has no proposals", key)
    conditions = within(scope, SupervisionProposal, SupervisionProposal.target_id)
    found = connection.execute(
        select(SupervisionProposal.state, SupervisionProposal.target_id)
        .where(SupervisionProposal.id == key, *conditions)
        .with_for_update()
    ).first()
    if found is None:
        raise NotFound("proposal", "there is no such proposal", key)
    if found.state != OPEN:
        raise Conflict("proposal", f"the proposal is {found.state} already", key)
    if found.target_id != target:
        raise RegistryError("target", "must be the organisation that the proposal names", target)


def _hold(
    connection: Connection, scope: Scope, key: int, version: int, actor: Actor, now: int | None
) -> HeldOrder:  # fmt: skip
    conditions = visible(scope, actor.organisation_id)
    found = connection.execute(
        select(*SupervisionOrder.__table__.columns)
        .where(SupervisionOrder.id == key, *conditions)
        .with_for_update()
    ).first()  # fmt: skip
    if found is None:
        raise NotFound("id", "there is no such order", key)
    if found.version != version:
        raise Conflict("version", "the order changed meanwhile: look again", version)
    at = now_ms() if now is None else now
    if found.strike_at is not None and found.strike_at <= at:
        # the limit passed before this act, though its clock has yet to strike
        _strike(connection, found, at)
        mine = select(*SupervisionOrder.__table__.columns).where(SupervisionOrder.id == key)
        found = connection.execute(mine).one()
    row = dict(found._mapping)
    return HeldOrder(connection, row, policies.numbered(connection, row["policy"]), actor, at)


def supervises(scope: Scope, row: Mapping[str, Any]) -> bool:
    """Whether an authority within ``scope`` is as high as who is in charge of the order now."""
    return is_authority(scope) and HEIGHTS.index(height_of(scope)) >= HEIGHTS.index(row["in_charge"])


def _require_in_charge(scope: Scope, held: HeldOrder) -> None:
    if not is_authority(scope):
        raise RegistryError("scope", "is done by an authority")
    if not supervises(scope, held.row):
        raise RegistryError("in_charge", f"the order went up to the {held.row['in_charge']}", held.row["in_charge"])


def require_answer(engine: Engine, scope: Scope, key: int, version: int, actor: Actor) -> None:
    """Raises what ``answer`` would, before files are kept for it that nothing would ever remove."""
    mine = select(SupervisionOrder.version, SupervisionOrder.target_id, SupervisionOrder.state).where(
        SupervisionOrder.id == key, *visible(scope, actor.organisation_id)
    )
    with read(engine) as connection:
        row = connection.execute(mine).first()
    if row is None:
        raise NotFound("id", "there is no such order", key)
    if row.version != version or row.state not in OWED:
        raise Conflict("version", "the order changed meanwhile: look again", version)
    if not answers_for(scope, row.target_id):
        raise RegistryError("target", "is answered by the organisation that was ordered", row.target_id)


def answer(
    engine: Engine,
    scope: Scope,
    key: int,
    version: int,
    reply: str,
    text: str,
    actor: Actor,
    now: int | None = None,
    files: Sequence[int] = (),
) -> None:
    """回复 by the organisation that was ordered. 已处理完毕 and 不作处理 wait for the review and stop the clock;
    处理中 and 将来处理 do not."""
    if reply not in REPLIES:
        raise RegistryError("reply", f"must be one of {', '.join(REPLIES)}", reply)
    said = line("text", text, 2, 1000)
    with write(engine) as connection:
        held = _hold(connection, scope, key, version, actor, now)
        if not answers_for(scope, held.row["target_id"]):
            raise RegistryError("target", "is answered by the organisation that was ordered", held.row["target_id"])
        held.require(OWED, "answered")
        ends = reply in ("done", "none")
        held.values |= {"reply": reply, "state": ANSWERED if ends else WORKING}
        if ends:
            held.values["strike_at"] = None
        held.keep("answered", {"reply": reply, "text": said}, files)


def extend(
    engine: Engine, scope: Scope, key: int, version: int, until: int, reason: str, actor: Actor, now: int | None = None
) -> None:
    """延期: once, with a reason, before the limit has passed."""
    with write(engine) as connection:
        held = _hold(connection, scope, key, version, actor, now)
        _require_in_charge(scope, held)
        held.require(OWED, "extended")
        row = held.row
        if row["extended"]:
            raise RegistryError("extended", "an order is extended once")
        if row["overdue"] or held.now >= row["due_at"]:
            raise RegistryError("due_at", "has passed: an order is extended before")
        latest = row["due_at"] + held.rules.extension_most_s * 1000
        if not row["due_at"] < until <= latest:
            raise RegistryError("until", f"must be later than the limit, by at most {held.rules.extension_most_s} s")
        said = line("reason", reason, *NOTE)
        held.values |= {"extended": True, "due_at": until, "strike_at": until}
        held.keep("extended", {"until": until, "before": row["due_at"], "reason": said})


def give_back(
    engine: Engine, scope: Scope, key: int, version: int, note: str, actor: Actor, now: int | None = None
) -> None:
    """退回重办: at most so often as the rules say, with a whole new limit."""
    with write(engine) as connection:
        held = _hold(connection, scope, key, version, actor, now)
        _require_in_charge(scope, held)
        held.require((ANSWERED,), "returned")
        _require_at_work(connection, held.row["target_id"], held.now)
        if held.row["returns"] >= held.rules.rework_times:
            raise RegistryError("returns", f"at most {held.rules.rework_times} times", held.row["returns"])
        due = held.now + held.rules.limits_s[held.row["level"]] * 1000
        held.values |= {"state": RETURNED, "returns": held.row["returns"] + 1, "due_at": due, "strike_at": due}
        held.keep("returned", {"note": line("note", note, *NOTE), "due_at": due})


def close(
    engine: Engine, scope: Scope, key: int, version: int, note: str, actor: Actor, now: int | None = None
) -> None:
    """审核通过; or, with a note that says why, the end of an order that nobody is left to answer."""
    with write(engine) as connection:
        held = _hold(connection, scope, key, version, actor, now)
        _require_in_charge(scope, held)
        forsaken = held.row["state"] in OWED and not receives(connection, held.row["target_id"], held.now)
        if not forsaken:
            held.require((ANSWERED,), "closed")
        said = line("note", note, *(NOTE if forsaken else (0, NOTE[1])))
        held.values |= {"state": CLOSED, "closed_at": held.now, "strike_at": None}
        held.keep("closed", {"note": said} | ({"forsaken": True} if forsaken else {}))


def strike(engine: Engine, now: int) -> int:
    """Let limits strike that have passed: the order is overdue and one level higher takes charge, with a limit of the
    same length. What passed while nobody looked strikes level by level as it would have. How many there were."""
    due = (
        select(SupervisionOrder.id)
        .where(SupervisionOrder.strike_at <= now)
        .order_by(SupervisionOrder.strike_at)
        .limit(AT_ONCE)
    )
    with read(engine) as connection:
        keys = sorted(connection.scalars(due))
    if not keys:
        return 0
    with write(engine) as connection:
        locked = (
            select(*SupervisionOrder.__table__.columns)
            .where(SupervisionOrder.id.in_(keys), SupervisionOrder.strike_at <= now)
            .order_by(SupervisionOrder.id)
        )
        for row in connection.execute(locked.with_for_update()).all():
            _strike(connection, row, now)
    return len(keys)


def _strike(connection: Connection, row: Any, now: int) -> None:
    limit = policies.numbered(connection, row.policy).limits_s[row.level] * 1000
    height, strike_at, escalation = HEIGHTS.index(row.in_charge), row.strike_at, row.escalation
    while strike_at is not None and strike_at <= now:
        _step(connection, row.id, "overdue", None, {"due_at": strike_at, "in_charge": HEIGHTS[height]}, now)
        if height + 1 == len(HEIGHTS):
            strike_at = None
            break
        height, escalation, strike_at = height + 1, escalation + 1, strike_at + limit
        _step(connection, row.id, "escalated", None, {"to": HEIGHTS[height]}, now)
    connection.execute(
        update(SupervisionOrder)
        .where(SupervisionOrder.id == row.id)
        .values(
            overdue=True, in_charge=HEIGHTS[height], escalation=escalation, strike_at=strike_at,
            version=row.version + 1,
        )
    )  # fmt: skip


def _step(
    connection: Connection, key: int, act: str, user: int | None, detail: Mapping[str, Any], at: int
) -> int:  # fmt: skip
    told = json.dumps(dict(detail), ensure_ascii=False, separators=(",", ":"))
    added = insert(SupervisionStep).values(order_id=key, at=at, act=act, user_id=user, detail=told)
    number: int = connection.execute(added.returning(SupervisionStep.id)).scalar_one()
    return number


def _with(detail: Mapping[str, Any], files: Sequence[int]) -> Mapping[str, Any]:
    return {**detail, "files": list(files)} if files else detail
