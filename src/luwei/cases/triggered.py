"""Pictures that a terminal takes by itself at an alarm 触发拍照: they belong to its case though nobody asked for them.

0x0801 names no alarm, only why it was taken (事件项编码, JT/T 808-2019 §8.50) and when. So a picture with the event of
a case's type, taken by the same truck about the time of its alarms, is evidence of that case.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from luwei.registry.case import AlarmCase
from luwei.registry.evidence import COMPLETE, MULTIMEDIA, PICTURE, EvidenceFile

EVENTS: Mapping[str, int] = {"808:00": 2, "808:29": 3, "808:30": 3}
"""Type of alarm to event: the button (抢劫报警), collision and rollover (碰撞侧翻报警)."""
BEFORE_MS, AFTER_MS = 60_000, 600_000
"""How long before the first and after the last alarm of a case a picture is still its own."""

_CODES = tuple(sorted({str(event) for event in EVENTS.values()}))


def of_case(connection: Connection, case_id: int) -> list[int]:
    """Files of this case, the oldest first."""
    case = connection.execute(
        select(AlarmCase.type, AlarmCase.vehicle_id, AlarmCase.started_at, AlarmCase.last_at).where(
            AlarmCase.id == case_id
        )
    ).first()
    if case is None or case.type not in EVENTS:
        return []
    mine = and_(
        EvidenceFile.vehicle_id == case.vehicle_id,
        EvidenceFile.origin == MULTIMEDIA,
        EvidenceFile.event == str(EVENTS[case.type]),
        _taken().between(case.started_at - BEFORE_MS, case.last_at + AFTER_MS),
        EvidenceFile.received_at >= case.started_at - BEFORE_MS,
    )
    return list(connection.scalars(select(EvidenceFile.id).where(mine).order_by(EvidenceFile.id)))


def cases_since(connection: Connection, start: int) -> list[int]:
    """Cases whose trucks sent such pictures since ``start`` (UTC ms)."""
    fits = or_(*(and_(AlarmCase.type == type_, EvidenceFile.event == str(code)) for type_, code in EVENTS.items()))
    statement = (
        select(AlarmCase.id)
        .join(EvidenceFile, EvidenceFile.vehicle_id == AlarmCase.vehicle_id)
        .where(
            EvidenceFile.updated_at >= start,
            EvidenceFile.origin == MULTIMEDIA,
            EvidenceFile.event.in_(_CODES),
            AlarmCase.type.in_(tuple(EVENTS)),
            fits,
            AlarmCase.started_at <= _taken() + BEFORE_MS,
            AlarmCase.last_at >= _taken() - AFTER_MS,
        )
        .distinct()
    )
    return sorted(connection.scalars(statement))


def counted(connection: Connection, case_id: int) -> tuple[int, int | None]:
    """How many files of this case are here, and a picture among them that can be shown."""
    keys = of_case(connection, case_id)
    if not keys:
        return 0, None
    there = [EvidenceFile.id.in_(keys), EvidenceFile.state == COMPLETE]
    shown = [EvidenceFile.kind == PICTURE, or_(EvidenceFile.readable.is_(None), EvidenceFile.readable.is_(True))]
    count = connection.scalar(select(func.count()).where(*there)) or 0
    return count, connection.scalar(select(func.min(EvidenceFile.id)).where(*there, *shown))


def _taken() -> ColumnElement[int]:
    """When: terminals of 2011 do not say it, then the receipt."""
    return func.coalesce(EvidenceFile.taken_at, EvidenceFile.received_at)
