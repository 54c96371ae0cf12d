"""The whole story of one case from the registry: its alarms, steps, files, requests, commands. Every function blocks;
whoever calls has read the case within a scope already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from luwei.cases import acts, handling
from luwei.cases.policy import Policy
from luwei.cases.reading import Person, persons
from luwei.evidence.reading import of_files
from luwei.registry.case import AlarmCase, CaseAlarm, CaseStep, PreWarning
from luwei.registry.case_work import CaseCommand, CaseEvidence, CaseLook
from luwei.registry.command import Command, CommandBatch
from luwei.registry.evidence import EvidenceFile, EvidenceRequest
from luwei.registry.scope import Scope

ALARMS_MOST, STEPS_MOST = 500, 2_000
HALF_HOUR_MS, WEEK_MS = 1_800_000, 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm of a case; ``alarm`` its key in hex, ``warning`` the number of its pre-warning within the case."""

    alarm: str
    warning: int
    at: int
    received_at: int
    phase: int
    ended_at: int | None
    level: int
    speed_dkmh: int
    lat_e6: int
    lon_e6: int
    files: int
    identification: str
    dialect: str
    backfill: bool


@dataclass(frozen=True, slots=True)
class StepView:
    """One step; ``by`` null: by itself."""

    id: int
    at: int
    act: str
    by: Person | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of evidence as a case shows it; ``viewed``: by who asks. Sizes in bytes."""

    id: int
    kind: str
    channel: int | None
    name: str
    media_type: str
    state: str
    cause: str
    readable: bool | None
    taken_at: int | None
    received_at: int | None
    announced_bytes: int | None
    stored_bytes: int
    sm3: str
    check: dict[str, Any]
    identification: str
    viewed: bool


@dataclass(frozen=True, slots=True)
class RequestBrief:
    """A request for files; ``state`` of its files as of a case, ``answer`` of the last 0x9208."""

    id: int
    alarm: str
    alarm_no: str
    state: str
    answer: str
    cause: str
    files: int
    asks: int
    asked_at: int | None
    next_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class CommandBrief:
    """A command given for a case; ``by`` null: by policy."""

    id: int
    kind: str
    purpose: str
    text: str
    state: str
    result: str
    by: Person | None
    created_at: int
    sent_at: int | None
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """The handling record; ``missing``: what who asks must still give before the case is handled."""

    first_viewed_at: int | None
    first_viewed_by: Person | None
    verdict: str | None
    reason: str | None
    actions: list[str]
    driver_reply: str
    correction: str | None
    evidence_viewed: list[int]
    text: str
    handler: Person | None
    handled_at: int | None
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Status:
    """Fields kept apart: handled, disposition, verified, evidence audited, appeal (supervision §7.2)."""

    handled: bool
    disposition: str | None
    ignored: bool
    verified: bool
    verified_by: Person | None
    verified_at: int | None
    evidence_audited: bool
    returns: int
    closed_by: Person | None
    appeal: str | None


@dataclass(frozen=True, slots=True)
class Often:
    """How often the truck had this type in the time before the case's last alarm, this one included."""

    minutes_30: int
    days_7: int


def alarms(connection: Connection, case_id: int) -> list[AlarmView]:
    """Its alarms, the oldest first."""
    statement = (
        select(*CaseAlarm.__table__.columns)
        .where(CaseAlarm.case_id == case_id)
        .order_by(CaseAlarm.at, CaseAlarm.alarm)
        .limit(ALARMS_MOST)
    )
    found = connection.execute(statement).all()
    numbers = {key: place for place, key in enumerate(dict.fromkeys(row.warning_id for row in found), 1)}
    names = [name for name in AlarmView.__dataclass_fields__ if name not in ("alarm", "warning")]
    return [
        AlarmView(
            alarm=f"{row.alarm:016x}", warning=numbers[row.warning_id], **{name: getattr(row, name) for name in names}
        )
        for row in found
    ]


def steps(connection: Connection, case_id: int) -> list[StepView]:
    """Its steps, the oldest first."""
    statement = (
        select(*CaseStep.__table__.columns).where(CaseStep.case_id == case_id).order_by(CaseStep.id).limit(STEPS_MOST)
    )
    found = connection.execute(statement).all()
    people = persons(connection, [row.user_id for row in found])
    return [StepView(row.id, row.at, row.act, people.get(row.user_id), json.loads(row.detail)) for row in found]


def files(connection: Connection, row: Mapping[str, Any], scope: Scope, user_id: int) -> list[CaseFile]:
    """Its evidence, where ``scope`` (of evidence) covered the truck when it was taken."""
    keys = acts.files_of(connection, row["id"], row["vehicle_id"])
    seen = handling.looks_of(connection, row["id"], user_id)
    statement = (
        select(*EvidenceFile.__table__.columns)
        .where(EvidenceFile.id.in_(sorted(keys)), *of_files(scope))
        .order_by(EvidenceFile.kind.desc(), EvidenceFile.channel, EvidenceFile.id)
        .limit(ALARMS_MOST)
    )
    names = [name for name in CaseFile.__dataclass_fields__ if name not in ("check", "viewed")]
    return [
        CaseFile(
            check=json.loads(each.check) if each.check else {},
            viewed=each.id in seen,
            **{name: getattr(each, name) for name in names},
        )
        for each in connection.execute(statement)
    ]


def requests(connection: Connection, case_id: int) -> list[RequestBrief]:
    """What was asked of its terminal."""
    statement = (
        select(*EvidenceRequest.__table__.columns, CaseEvidence.alarm, CaseEvidence.state.label("of_files"))
        .join(CaseEvidence, CaseEvidence.request_id == EvidenceRequest.id)
        .where(CaseEvidence.case_id == case_id)
        .order_by(EvidenceRequest.id)
    )
    return [
        RequestBrief(
            row.id, f"{row.alarm:016x}", row.alarm_no, row.of_files, row.answer, row.cause, row.files, row.asks,
            row.asked_at, row.next_at, row.created_at,
        )
        for row in connection.execute(statement)
    ]  # fmt: skip


def commands(connection: Connection, case_id: int) -> list[CommandBrief]:
    """Commands given for it, the oldest first."""
    statement = (
        select(
            CaseCommand.command_id, CommandBatch.kind, CaseCommand.purpose, CaseCommand.text, Command.state,
            Command.result, CaseCommand.user_id, CaseCommand.created_at, Command.sent_at, Command.ended_at,
        )
        .join(Command, Command.id == CaseCommand.command_id)
        .join(CommandBatch, CommandBatch.id == Command.batch_id)
        .where(CaseCommand.case_id == case_id)
        .order_by(CaseCommand.command_id)
    )  # fmt: skip
    found = connection.execute(statement).all()
    people = persons(connection, [row.user_id for row in found])
    return [
        CommandBrief(
            row.command_id, row.kind, row.purpose, row.text, row.state, row.result, people.get(row.user_id),
            row.created_at, row.sent_at, row.ended_at,
        )
        for row in found
    ]  # fmt: skip


def record(connection: Connection, row: Mapping[str, Any], policy: Policy, user_id: int) -> Record:
    """The handling record as it is."""
    handler = row["handler_id"] if row["handled_at"] is not None else None
    people = persons(connection, [row["first_viewed_by"], handler])
    looks = handling.looks_of(connection, row["id"], user_id)
    viewed = connection.scalars(
        select(CaseLook.file_id)
        .where(CaseLook.case_id == row["id"], CaseLook.file_id > 0)
        .where(CaseLook.user_id == (handler or user_id))
        .order_by(CaseLook.at)
    )
    handled = row["handled_at"] is not None
    lacking = [] if handled else handling.missing(row, looks, policy.grades[row["grade"]].look)
    return Record(
        row["first_viewed_at"], people.get(row["first_viewed_by"]), row["verdict"] or None, row["reason"] or None,
        row["actions"].split(",") if row["actions"] else [], row["driver_reply"], row["correction"] or None,
        list(viewed), row["text"], people.get(handler), row["handled_at"], lacking,
    )  # fmt: skip


def status(connection: Connection, row: Mapping[str, Any]) -> Status:
    """How far it is."""
    people = persons(connection, [row["verified_by"], row["closed_by"]])
    handled = row["handled_at"] is not None
    return Status(
        handled, row["verdict"] or None if handled else None, handled and row["actions"] == "ignore",
        row["verified_at"] is not None, people.get(row["verified_by"]), row["verified_at"], row["evidence_audited"],
        row["returns"], people.get(row["closed_by"]), row["appeal"] or None,
    )  # fmt: skip


def often(connection: Connection, row: Mapping[str, Any]) -> Often:
    """Pre-warnings of the truck and type in half an hour, and cases or their pre-warnings in a week."""
    half = (
        select(func.count())
        .select_from(PreWarning)
        .where(PreWarning.vehicle_id == row["vehicle_id"], PreWarning.type == row["type"])
        .where(PreWarning.last_at > row["last_at"] - HALF_HOUR_MS, PreWarning.first_at <= row["last_at"])
    )
    week = select(func.coalesce(func.sum(AlarmCase.warnings), 0)).where(
        AlarmCase.vehicle_id == row["vehicle_id"], AlarmCase.type == row["type"],
        AlarmCase.last_at > row["last_at"] - WEEK_MS, AlarmCase.started_at <= row["last_at"],
    )  # fmt: skip
    return Often(connection.execute(half).scalar_one(), int(connection.execute(week).scalar_one()))
