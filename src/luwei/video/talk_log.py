"""The record of talks 通话记录: what begins is written down before a terminal is asked, what ended with its length.
Every function blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, and_, false, func, insert, or_, select, update

from luwei.registry.engine import read, write
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle
from luwei.registry.video import VideoTalk
from luwei.video.talk import Call, Talk

LEFT_OPEN = "core_gone"
"""Why a talk ended that was open when the core did."""


@dataclass(frozen=True, slots=True)
class TalkEntry:
    """One truck's part of a talk, as lists show it; times in UTC ms."""

    id: int
    talk: str
    kind: str
    vehicle_id: int
    plate: str | None
    plate_color: int | None
    channel: int
    username: str
    role: str
    purpose: str
    started_at: int
    live_at: int | None
    ended_at: int | None
    ended: str
    sent_ms: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A call whose terminal may still be on the air."""

    row: int
    kind: str
    vehicle_id: int
    phone: str
    channel: int


def begin(engine: Engine, talk: Talk, calls: Sequence[Call], at: int) -> None:
    """Write the calls down; each gets its ``row``."""
    rows: list[dict[str, Any]] = [
        {
            "talk": talk.id, "kind": talk.kind, "vehicle_id": call.vehicle_id, "phone": call.phone,
            "channel": call.channel, "user_id": talk.user_id, "username": talk.actor.username, "role": talk.role,
            "purpose": talk.purpose, "started_at": at, "live_at": None, "ended_at": None, "ended": "", "sent_ms": 0,
            "heard_ms": 0,
        }
        for call in calls
    ]  # fmt: skip
    with write(engine) as connection:
        for call, row in zip(calls, rows, strict=True):
            call.row = connection.execute(insert(VideoTalk).returning(VideoTalk.id), row).scalar_one()


def end(engine: Engine, call: Call, at: int) -> None:
    """A call is over."""
    with write(engine) as connection:
        connection.execute(
            update(VideoTalk)
            .where(VideoTalk.id == call.row)
            .values(
                ended_at=at, ended=call.reason[:40], live_at=call.live_at or None, sent_ms=call.sent_ms,
                heard_ms=call.heard_ms,
            )
        )  # fmt: skip


def left_open(engine: Engine, before: int) -> list[LeftOpen]:
    """Calls of a core that ended without ending them: those that began before this one (UTC ms)."""
    columns = VideoTalk.id, VideoTalk.kind, VideoTalk.vehicle_id, VideoTalk.phone, VideoTalk.channel
    with read(engine) as connection:
        rows = connection.execute(
            select(*columns).where(VideoTalk.ended_at.is_(None), VideoTalk.started_at < before).limit(1_000)
        ).all()
    return [LeftOpen(*row) for row in rows]


def settle(engine: Engine, row: int, at: int) -> None:
    """The terminal of a call that was left open has been told to stop."""
    with write(engine) as connection:
        connection.execute(update(VideoTalk).where(VideoTalk.id == row).values(ended_at=at, ended=LEFT_OPEN))


def page(
    engine: Engine, scopes: Sequence[tuple[str, Scope]], vehicle: int | None, number: int, size: int
) -> Page[TalkEntry]:
    """Talks that lay within the scope of their kind when they began, the newest first. ``scopes``: kind and scope."""
    offset, limit = check_page(number, size)
    reach = [
        and_(VideoTalk.kind == kind, *held(scope, VideoTalk.vehicle_id, VideoTalk.started_at)) for kind, scope in scopes
    ]
    conditions = [or_(false(), *reach)]
    if vehicle is not None:
        conditions.append(VideoTalk.vehicle_id == vehicle)
    columns = (
        VideoTalk.id, VideoTalk.talk, VideoTalk.kind, VideoTalk.vehicle_id, Vehicle.plate, Vehicle.plate_color,
        VideoTalk.channel, VideoTalk.username, VideoTalk.role, VideoTalk.purpose, VideoTalk.started_at,
        VideoTalk.live_at, VideoTalk.ended_at, VideoTalk.ended, VideoTalk.sent_ms, VideoTalk.heard_ms,
    )  # fmt: skip
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(VideoTalk).where(*conditions)).scalar_one()
        rows = connection.execute(
            select(*columns)
            .outerjoin(Vehicle, Vehicle.id == VideoTalk.vehicle_id)
            .where(*conditions)
            .order_by(VideoTalk.id.desc())
            .offset(offset)
            .limit(limit)
        ).all()
    return Page(total, [TalkEntry(*tuple(row)) for row in rows])
