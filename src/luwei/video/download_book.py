"""Downloads in the registry as the core reads and writes them. Every function blocks; a person's act and its audit
entry are one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from luwei.evidence.ftp_accounts import new_account
from luwei.registry import audit
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.command import Command
from luwei.registry.download import ASKED, CANCELLED, OPEN_STATES, PAUSED, QUEUED, Download, DownloadFile
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound
from luwei.registry.terminal import Terminal
from luwei.video import download_steps
from luwei.video.download_steps import Order, Sent

PER_VEHICLE, PER_USER = 20, 50
"""Open downloads at once."""
MIB = 1 << 20
SLACK = 64 * MIB
"""Beyond twice the announced size: lists and files of one device seldom agree."""


class TooMany(RuntimeError):
    """The message is the name of the limit: ``truck_downloads``, ``user_downloads``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched, as 0x9206 says it; ``announced``: bytes by the terminal's list."""

    channel: int
    from_at: int
    to_at: int
    media_type: int
    stream: int
    storage: int
    networks: int
    announced: int | None


@dataclass(frozen=True, slots=True)
class Whose:
    """The truck and its terminal."""

    vehicle_id: int
    terminal_id: int
    phone: str


def bound(announced: int | None, largest: int) -> int:
    """Bytes that an order may bring."""
    return largest if announced is None else min(largest, 2 * announced + SLACK)


def enter(
    engine: Engine, whose: Whose, wanted: Wanted, largest: int, valid_ms: int, purpose: str, case_id: int | None,
    actor: Actor,
) -> int:  # fmt: skip
    """Enter an order; its id. Raises Conflict where the same piece is being fetched, TooMany."""
    now = now_ms()
    with write(engine) as connection:
        _require_room(connection, whose.vehicle_id, wanted, actor)
        key: int = connection.execute(
            insert(Download)
            .values(
                vehicle_id=whose.vehicle_id,
                terminal_id=whose.terminal_id,
                phone=whose.phone,
                channel=wanted.channel,
                from_at=wanted.from_at,
                to_at=wanted.to_at,
                media_type=wanted.media_type,
                stream=wanted.stream,
                storage=wanted.storage,
                networks=wanted.networks,
                purpose=purpose,
                case_id=case_id,
                user_id=actor.user_id,
                username=actor.username,
                account=new_account((now + valid_ms) // 1000),
                announced_bytes=wanted.announced,
                limit_bytes=bound(wanted.announced, largest),
                created_at=now,
                expires_at=now + valid_ms,
            )
            .returning(Download.id)
        ).scalar_one()
        told: dict[str, Any] = {"channel": wanted.channel, "recorded_from": wanted.from_at}
        told |= {"recorded_to": wanted.to_at, "purpose": purpose, "case": case_id, "bytes": wanted.announced}
        audit.record(connection, actor, "video.download", key, told, vehicle_id=whose.vehicle_id)
    return key


def _require_room(connection: Connection, vehicle_id: int, wanted: Wanted, actor: Actor) -> None:
    going = select(func.count()).select_from(Download).where(Download.state.in_(OPEN_STATES), Download.ending == "")
    mine = Download.user_id == actor.user_id
    for limit, condition, name in (
        (PER_VEHICLE, Download.vehicle_id == vehicle_id, "truck_downloads"), (PER_USER, mine, "user_downloads"),
    ):  # fmt: skip
        if (connection.scalar(going.where(condition)) or 0) >= limit:
            raise TooMany(name)
    same = going.where(
        Download.vehicle_id == vehicle_id, Download.channel == wanted.channel, Download.from_at == wanted.from_at,
        Download.to_at == wanted.to_at, Download.media_type == wanted.media_type, Download.stream == wanted.stream,
        Download.storage == wanted.storage,
    )  # fmt: skip
    if connection.scalar(same):
        raise Conflict("channel", "duplicate", wanted.channel)


@dataclass(frozen=True, slots=True)
class Open:
    """An open download with what goes with it."""

    order: Order
    phone: str
    sent: Sent | None
    files: int
    whole: int
    there: bool
    actor: Actor
    values: dict[str, Any]
    """Of its 0x9206, in the words of ``download_letters.upload``."""
    purpose: str


_ORDER = tuple(each.name for each in fields(Order))
_UPLOAD = ("account", "channel", "from_at", "to_at", "media_type", "stream", "storage", "networks")


def load(engine: Engine) -> list[Open]:
    """All that is not ended, nor about to be; the oldest first."""
    with read(engine) as connection:
        rows = connection.execute(
            select(*Download.__table__.columns, Terminal.vehicle_id.label("seat"))
            .outerjoin(Terminal, Terminal.id == Download.terminal_id)
            .where(Download.state.in_(OPEN_STATES), Download.ending == "")
            .order_by(Download.id)
        ).all()
        keys = [row.id for row in rows]
        batches = [row.batch_id for row in rows if row.batch_id is not None]
        sent = {
            row.batch_id: Sent(row.state, row.result, row.serial, row.sent_at)
            for row in connection.execute(
                select(Command.batch_id, Command.state, Command.result, Command.serial, Command.sent_at).where(
                    Command.batch_id.in_(batches)
                )
            )
        }
        counts: dict[int, list[bool]] = {}
        files = select(DownloadFile.download_id, DownloadFile.complete).where(DownloadFile.download_id.in_(keys))
        for file in connection.execute(files):
            counts.setdefault(file.download_id, []).append(file.complete)
    found = []
    for row in rows:
        whole = counts.get(row.id, [])
        found.append(
            Open(
                Order(*(getattr(row, name) for name in _ORDER)), row.phone, sent.get(row.batch_id), len(whole),
                sum(whole), row.seat == row.vehicle_id, Actor(row.user_id, row.username),
                {name: getattr(row, name) for name in _UPLOAD}, row.purpose,
            )
        )  # fmt: skip
    return found


def apply(engine: Engine, steps: Mapping[int, Mapping[str, Any]]) -> None:
    """Write decisions down, but for downloads that a person paused or cancelled meanwhile."""
    with write(engine) as connection:
        for key, values in steps.items():
            statement = update(Download).where(Download.id == key, Download.ending == "")
            if "ending" not in values:
                statement = statement.where(Download.state != PAUSED)
            ended = connection.execute(
                statement.values(**values).returning(Download.vehicle_id, Download.user_id, Download.username)
            ).first()
            if ended is not None and values.get("reason") == download_steps.FORBIDDEN:
                told = {"reason": download_steps.FORBIDDEN}
                actor = Actor(ended.user_id, ended.username)
                audit.record(connection, actor, "video.download_end", key, told, vehicle_id=ended.vehicle_id)


def asked(connection: Connection, key: int, batch: int) -> None:
    """The 0x9206 of a download became the command ``batch``; in its transaction. Raises KeyError where the download
    may not be asked for any more."""
    changed = connection.execute(
        update(Download)
        .where(Download.id == key, Download.state == QUEUED, Download.ending == "", Download.batch_id.is_(None))
        .values(batch_id=batch, serial=None, tries=Download.tries + 1, next_at=None, reason="")
    ).rowcount
    if not changed:
        raise KeyError(key)


def note_answer(engine: Engine, key: int, answer: str) -> None:
    """What the terminal said to a 0x9207."""
    with write(engine) as connection:
        connection.execute(update(Download).where(Download.id == key).values(answer=answer[:20]))


@dataclass(frozen=True, slots=True)
class Acted:
    """What a person's act left to be done at the terminal."""

    id: int
    vehicle_id: int
    phone: str
    serial: int | None
    batch_id: int | None
    purpose: str


def pause(engine: Engine, key: int, actor: Actor) -> Acted:
    """Paused: its account is shut until it goes on. Raises NotFound, Conflict."""
    return _act(engine, key, "pause", actor, {"state": PAUSED, "reason": ""})


def go_on(engine: Engine, key: int, actor: Actor) -> Acted:
    """Goes on: where the terminal knows the order, it is told so; else it stands in the queue. Raises NotFound,
    Conflict."""
    return _act(engine, key, "continue", actor, {})


def cancel(engine: Engine, key: int, actor: Actor) -> Acted:
    """To be ended, with all that came thrown away. Raises NotFound, Conflict."""
    return _act(engine, key, "cancel", actor, {"ending": CANCELLED, "reason": ""})


def _act(engine: Engine, key: int, act: str, actor: Actor, values: Mapping[str, Any]) -> Acted:
    with write(engine) as connection:
        row = connection.execute(select(*Download.__table__.columns).where(Download.id == key)).first()
        if row is None:
            raise NotFound("id", "there is no such download", key)
        if row.state not in OPEN_STATES or row.ending:
            raise Conflict("state", "ended", row.state)
        if act == "pause" and row.state == PAUSED:
            raise Conflict("state", "paused", row.state)
        if act == "continue":
            if row.state != PAUSED:
                raise Conflict("state", "not_paused", row.state)
            values = _resumed(connection, row)
        connection.execute(update(Download).where(Download.id == key).values(**values))
        audit.record(connection, actor, f"video.download_{act}", key, {}, vehicle_id=row.vehicle_id)
    return Acted(key, row.vehicle_id, row.phone, row.serial, row.batch_id, row.purpose)


def _resumed(connection: Connection, row: Any) -> dict[str, Any]:
    """With 0x9207 where nothing else of the truck goes on, else in the queue."""
    now = now_ms()
    others = connection.execute(
        select(*(getattr(Download, name) for name in _ORDER)).where(
            Download.vehicle_id == row.vehicle_id, Download.id != row.id, Download.state.in_(OPEN_STATES),
            Download.ending == "",
        )
    ).all()  # fmt: skip
    free = not any(download_steps.active(Order(*other)) for other in others)
    if free and row.serial is not None:
        return {"state": ASKED, "reason": "", "asked_at": now, "told_at": now}
    return {"state": QUEUED, "reason": "", "batch_id": None, "next_at": now}


def again(engine: Engine, key: int) -> None:
    """The terminal does not know the order any more: it is asked anew."""
    with write(engine) as connection:
        connection.execute(
            update(Download)
            .where(Download.id == key, Download.state == ASKED, Download.ending == "")
            .values(state=QUEUED, reason=download_steps.AGAIN, batch_id=None, next_at=now_ms())
        )


def turns(orders: Sequence[Order], now: int) -> set[int]:
    """Those of all open orders whose turn it is: no other of their truck goes on, and none before them waits."""
    going: dict[int, list[int]] = {}
    first: dict[int, int] = {}
    for order in orders:
        if download_steps.active(order):
            going.setdefault(order.vehicle_id, []).append(order.id)
        if order.state == QUEUED and (order.next_at or 0) <= now:
            first[order.vehicle_id] = min(order.id, first.get(order.vehicle_id, order.id))
    return {
        order.id
        for order in orders
        if going.get(order.vehicle_id, [order.id]) == [order.id] and first.get(order.vehicle_id, order.id) >= order.id
    }
