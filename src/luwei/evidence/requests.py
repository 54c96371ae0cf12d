"""What is asked of terminals with 0x9208: entered when an alarm brings files, asked again until they are here.

Terminals queue uploads, wait for the clip to end or for the truck to park, lose the command in a tunnel (reference
§7.1). So a request is asked at once, whenever its terminal comes back, and 1, 6, 24 and 72 hours after it was made; it
keeps its alarm number all the while, so that files which came already are not sent twice. Every function blocks.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.protocol.safety.alarm_sign import AlarmSign
from luwei.protocol.safety.attachments import UPLOADS
from luwei.protocol.safety.dialects import dialect_of_sign
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.evidence import (
    ANNOUNCED,
    GIVEN_UP,
    LATE,
    LOST,
    OPEN,
    PARTIAL,
    EvidenceFile,
    EvidenceRequest,
)

HOUR_MS = 3_600_000
ASK_AFTER_MS = (0, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS)
"""After the request was made."""
PATIENCE_MS = 24 * HOUR_MS
"""After the last time."""
REST_MS = 600_000
"""A terminal that reconnects every minute is not asked every minute."""
_ALPHABET = string.digits + string.ascii_uppercase
_UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Files that an alarm announces. ``identification`` as the alarm item brought it; ``files`` 附件数量 of it;
    ``event`` item and type in hex (``6401``); instant in UTC milliseconds, place in 1e-6 degrees."""

    phone: str
    vehicle_id: int | None
    terminal_id: int | None
    identification: bytes
    event: str
    alarm_at: int
    lat_e6: int | None = None
    lon_e6: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request for an alarm's files; ``new`` where this call made it."""

    id: int
    alarm_no: str
    new: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose time has come. ``asks``: how often it was asked before."""

    id: int
    phone: str
    identification: bytes
    alarm_no: str
    asks: int


def new_alarm_number(at_ms: int) -> str:
    """报警编号: time to the second and 14 random letters and digits, 28 in all. File names embed it and must fit 50
    bytes (reference §7.2); whoever knows it may upload, so it is not to be guessed."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(14))
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y%m%d%H%M%S}{random}"


def expect(connection: Connection, said: Expectation, at_ms: int | None = None) -> Wanted:
    """Enter a request in the caller's transaction; the same alarm again finds the one there is.

    Raises ProtocolError ``body_malformed`` for an identification whose length no dialect has, ValueError where the
    identification counts no files: then there is nothing to ask for.
    """
    sign = AlarmSign.of(said.identification)
    if not sign.attachment_count:
        raise ValueError("identification: must count at least one attachment")
    raw = said.identification.hex()
    there = connection.execute(
        select(EvidenceRequest.id, EvidenceRequest.alarm_no).where(
            EvidenceRequest.phone == said.phone, EvidenceRequest.identification == raw
        )
    ).first()
    if there is not None:
        return Wanted(there.id, there.alarm_no, False)
    at = at_ms or now_ms()
    number = new_alarm_number(at)
    dialect = dialect_of_sign(len(said.identification))
    key = connection.execute(
        insert(EvidenceRequest)
        .values(
            phone=said.phone,
            vehicle_id=said.vehicle_id,
            terminal_id=said.terminal_id,
            identification=raw,
            dialect="" if dialect is None else dialect.name,
            alarm_no=number,
            event=said.event,
            files=sign.attachment_count,
            alarm_at=said.alarm_at,
            lat_e6=said.lat_e6,
            lon_e6=said.lon_e6,
            state=OPEN,
            next_at=at,
            created_at=at,
        )
        .returning(EvidenceRequest.id)
    ).scalar_one()
    return Wanted(int(key), number, True)


def upload_body(ask: Ask, address: str, port: int) -> bytes:
    """Body of 0x9208, the same in every edition. Raises ProtocolError ``value`` for an address beyond 255 bytes."""
    sign = AlarmSign.of(ask.identification)
    dialect = dialect_of_sign(len(ask.identification))
    assert dialect is not None
    message = UPLOADS[dialect.name](
        server_ip=address, tcp_port=port, udp_port=0, alarm_sign=sign, alarm_no=ask.alarm_no
    )
    return bytes(message.encode(2019))


def due(engine: Engine, at_ms: int, limit: int) -> list[Ask]:
    """Open requests whose time has come, those that wait longest first."""
    with read(engine) as connection:
        rows = connection.execute(
            select(
                EvidenceRequest.id, EvidenceRequest.phone, EvidenceRequest.identification, EvidenceRequest.alarm_no,
                EvidenceRequest.asks,
            )
            .where(EvidenceRequest.state == OPEN, EvidenceRequest.next_at <= at_ms)
            .order_by(EvidenceRequest.next_at)
            .limit(limit)
        ).all()  # fmt: skip
    return [Ask(row.id, row.phone, bytes.fromhex(row.identification), row.alarm_no, row.asks) for row in rows]


def tried(connection: Connection, sent: Sequence[int], offline: Sequence[int], at_ms: int) -> None:
    """``sent`` were given to a gateway that holds the terminal; the terminals of ``offline`` are nowhere."""
    made = connection.execute(
        select(EvidenceRequest.id, EvidenceRequest.created_at).where(EvidenceRequest.id.in_([*sent, *offline]))
    ).all()
    for key, created in made:
        nexts = (created + after for after in ASK_AFTER_MS if created + after > at_ms)
        values: dict[str, object] = {"next_at": next(nexts, None)}
        if key in sent:
            values |= {"asks": EvidenceRequest.asks + 1, "asked_at": at_ms}
        else:
            values |= {"answer": "offline"}
        connection.execute(update(EvidenceRequest).where(EvidenceRequest.id == key).values(**values))


def answered(connection: Connection, answers: Mapping[int, str], at_ms: int) -> None:
    """What became of the 0x9208 of requests. A terminal that does not know the message is not asked again."""
    for key, answer in answers.items():
        connection.execute(update(EvidenceRequest).where(EvidenceRequest.id == key).values(answer=answer[:20]))
    hopeless = [key for key, answer in answers.items() if answer == _UNSUPPORTED]
    _give_up(connection, hopeless, "the terminal does not support 0x9208", at_ms)


def reconnected(connection: Connection, phones: Sequence[str], at_ms: int) -> int:
    """Terminals that came back are asked again for what they owe; how many requests that are."""
    result = connection.execute(
        update(EvidenceRequest)
        .where(
            EvidenceRequest.phone.in_(phones),
            EvidenceRequest.state == OPEN,
            (EvidenceRequest.asked_at.is_(None)) | (EvidenceRequest.asked_at < at_ms - REST_MS),
        )
        .values(next_at=at_ms)
    )
    return int(result.rowcount)


def give_up_old(connection: Connection, at_ms: int) -> int:
    """End requests that were asked for the last time a day ago; their missing files are lost. How many."""
    oldest = at_ms - ASK_AFTER_MS[-1] - PATIENCE_MS
    keys = list(
        connection.scalars(
            select(EvidenceRequest.id).where(
                EvidenceRequest.state == OPEN, EvidenceRequest.next_at.is_(None), EvidenceRequest.created_at < oldest
            )
        )
    )
    _give_up(connection, keys, "not complete a day after it was asked for the last time", at_ms)
    return len(keys)


def _give_up(connection: Connection, keys: Sequence[int], cause: str, at_ms: int) -> None:
    if not keys:
        return
    connection.execute(
        update(EvidenceRequest)
        .where(EvidenceRequest.id.in_(keys), EvidenceRequest.state == OPEN)
        .values(state=GIVEN_UP, cause=cause, next_at=None, ended_at=at_ms)
    )
    connection.execute(
        update(EvidenceFile)
        .where(
            EvidenceFile.request_id.in_(keys),
            EvidenceFile.state.in_((ANNOUNCED, PARTIAL, LATE)),
            EvidenceFile.received_at.is_(None),
        )
        .values(state=LOST, cause=cause, updated_at=at_ms)
    )
