"""Files of a case 附件: which alarm's are asked for, when, and within what quota of the SIM (policy; 0x9208)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select

from luwei.cases.merge import Alarm, Warning
from luwei.cases.owners import Device
from luwei.evidence.requests import Expectation, expect
from luwei.protocol.errors import ProtocolError
from luwei.registry.case import ASKED, CLOSED, COMPLETE, LATE, LOST, NO_FILES, PARKED, PARTIAL, QUOTA
from luwei.registry.case_work import CaseEvidence
from luwei.registry.evidence import EvidenceRequest

if TYPE_CHECKING:
    from luwei.cases.openings import Batch, Work

CHINA = timedelta(hours=8)


def month_start(at_ms: int) -> int:
    """First millisecond of the calendar month in China."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC) + CHINA
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - CHINA
    return int(first.timestamp() * 1000)


def used(connection: Connection, phone: str, at_ms: int) -> int:
    """Files of the SIM that were asked for in the month of ``at_ms``."""
    statement = select(func.coalesce(func.sum(EvidenceRequest.files), 0)).where(
        EvidenceRequest.phone == phone, EvidenceRequest.created_at >= month_start(at_ms)
    )
    return int(connection.execute(statement).scalar_one())


def request(connection: Connection, case_id: int, phone: str, vehicle_id: int, alarm: Alarm, now: int) -> int | None:
    """Ask for the files of one alarm; the request's number, or None where there is nothing to ask for."""
    expectation = Expectation(
        phone, vehicle_id, alarm.terminal_id or None, alarm.identification, alarm.type, alarm.at,
        alarm.lat_e6 or None, alarm.lon_e6 or None,
    )  # fmt: skip
    try:
        wanted = expect(connection, expectation, now)
    except (ProtocolError, ValueError):
        return None
    there = select(CaseEvidence.request_id).where(CaseEvidence.case_id == case_id, CaseEvidence.request_id == wanted.id)
    if connection.scalar(there) is None:
        values = {"case_id": case_id, "request_id": wanted.id, "alarm": alarm.alarm, "state": ASKED}
        connection.execute(insert(CaseEvidence).values(**values))
    return wanted.id


def ask(
    connection: Connection,
    batch: Batch,
    there: Mapping[int, Work],
    touched: Sequence[Warning],
    terminals: Mapping[int, Device],
) -> None:
    """Ask for the best files of each pre-warning that has a case: those of the alarm with the highest level, once, and
    again only where a higher level came."""
    for warning in touched:
        case = there.get(warning.case_id or 0)
        if case is None or case.values["state"] == CLOSED:
            continue
        policy = batch.book.numbered(case.values["policy"])
        found = [
            alarm
            for alarm in warning.alarms
            if alarm.files and alarm.identification and alarm.phase != 2 and alarm.terminal_id in terminals
        ]
        if not found:
            continue
        best = max(found, key=lambda alarm: (alarm.level, alarm.files))
        rule = policy.type_rule(best.type, best.dialect)
        if rule.files == "none" or best.level <= warning.asked or (rule.levels and best.level not in rule.levels):
            continue
        warning.asked = best.level
        phone = terminals[best.terminal_id].phone
        values = case.values
        if rule.files == "parked":
            detail = json.dumps({"alarm": best.alarm, "until": batch.now + policy.parked_wait_s * 1000})
            batch.timer(case.id, "files", batch.now, detail)
            batch.steps.append((case.id, "files_parked", None, {"type": best.type, "files": best.files}))
            _state(values, PARKED)
        elif used(connection, phone, batch.now) + best.files > policy.quota_month:
            batch.steps.append((case.id, "files_quota", None, {"quota": policy.quota_month, "files": best.files}))
            _state(values, QUOTA)
        else:
            number = request(connection, case.id, phone, best.vehicle_id, best, batch.now)
            if number is not None:
                batch.asked += 1
                batch.steps.append((case.id, "asked_files", None, {"request": number, "files": best.files}))
                values["evidence_files"] += best.files
                _state(values, ASKED)
        case.changed = True


def _state(values: dict[str, Any], state: str) -> None:
    """A case that has files, or waits for them, does not fall back because of a further alarm."""
    if values["evidence_state"] in (NO_FILES, PARKED, QUOTA):
        values["evidence_state"] = state
    elif values["evidence_state"] in (COMPLETE, LATE, LOST) and state == ASKED:
        values["evidence_state"] = PARTIAL
