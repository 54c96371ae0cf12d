"""Who may upload what: one 0x1210 报警附件信息消息 against the registry.

Nothing on the attachment link authenticates a terminal (reference §7.1). What is believed is what we gave it: phone,
identification and alarm number of an ``EvidenceRequest``. An upload that nobody asked for is taken only where the
setting allows it, from a known terminal, and marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from luwei.evidence.files import printable
from luwei.evidence.names import channel_and_event, instant_of, kind_of_name
from luwei.protocol.errors import ProtocolError
from luwei.protocol.safety.alarm_sign import AlarmSign
from luwei.registry.evidence import ANNOUNCED, ATTACHMENT, COMPLETE, EvidenceFile, EvidenceRequest
from luwei.registry.terminal import Terminal

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds of one server; sizes in bytes."""

    accept_unexpected: bool
    largest: int
    """Of one file."""
    files_per_alarm: int
    day_bytes: int
    """Announced by one terminal in 24 hours."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a terminal announces with 0x1210; ``files`` as (name, size)."""

    phone: str
    terminal_id: str
    identification: bytes
    alarm_no: str
    files: tuple[tuple[str, int], ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken: ``reason`` is one of the words of docs/evidence.md."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """One file that may come; ``upload`` names it across connections. ``size`` is what the registry has: 0x1211 may
    change it. ``settled``: all of it is here already."""

    id: int
    upload: str
    name: str
    size: int
    kind: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Admitted:
    """The announcement is taken."""

    request: int | None
    files: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose upload it is."""

    terminal: int | None
    vehicle: int | None
    request: Any
    """Row of ``EvidenceRequest``, or None."""


def upload_key(phone: str, identification: bytes, name: str) -> str:
    """Names one file of one alarm of one terminal, 64 hex digits."""
    digest = hashlib.sha256()
    for part in (phone.encode(), identification, name.encode()):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def admit(connection: Connection, said: Announcement, policy: Policy) -> Admitted | Refused:
    """Decide on ``said`` and enter its files; in the caller's transaction."""
    owner = _owner(connection, said, policy)
    if isinstance(owner, Refused):
        return owner
    files = tuple(dict(reversed(said.files)).items())[::-1]  # of a name that stands twice the first size
    if len(files) > policy.files_per_alarm:
        return Refused("too_many_files", f"{len(files)} files, at most {policy.files_per_alarm}")
    too_large = next((size for _, size in files if size > policy.largest), None)
    if too_large is not None:
        return Refused("too_large", f"{too_large} bytes, at most {policy.largest}")
    known = _known(connection, said, files)
    new = [entry for entry in files if upload_key(said.phone, said.identification, entry[0]) not in known]
    over = _over_quota(connection, said.phone, sum(size for _, size in new), said.at_ms, policy)
    if over is not None:
        return over
    known |= _enter(connection, said, owner, new)
    if owner.request is not None and owner.request.announced_at is None:
        connection.execute(
            update(EvidenceRequest).where(EvidenceRequest.id == owner.request.id).values(announced_at=said.at_ms)
        )
    chosen = (known[upload_key(said.phone, said.identification, name)] for name, _ in files)
    return Admitted(None if owner.request is None else owner.request.id, tuple(chosen))


def _owner(connection: Connection, said: Announcement, policy: Policy) -> _Owner | Refused:
    terminal = connection.execute(
        select(Terminal.id, Terminal.vehicle_id, Terminal.terminal_id).where(Terminal.phone == said.phone)
    ).first()
    if terminal is None:
        return Refused("unknown_terminal", f"no terminal has the phone {said.phone}")
    wanted = _request(connection, said)
    if isinstance(wanted, Refused):
        return wanted
    if wanted is not None:
        return _Owner(terminal.id, wanted.vehicle_id or terminal.vehicle_id, wanted)
    foreign = _foreign(connection, said, terminal.terminal_id)
    if foreign is not None:
        return foreign
    if not policy.accept_unexpected:
        return Refused("unexpected", "nobody asked for these files")
    return _Owner(terminal.id, terminal.vehicle_id, None)


def _request(connection: Connection, said: Announcement) -> Any:
    """The request that is answered, None where there is none, or why it may not be answered so."""
    columns = (
        EvidenceRequest.id, EvidenceRequest.phone, EvidenceRequest.identification, EvidenceRequest.vehicle_id,
        EvidenceRequest.event, EvidenceRequest.alarm_at, EvidenceRequest.lat_e6, EvidenceRequest.lon_e6,
        EvidenceRequest.announced_at,
    )  # fmt: skip
    raw = said.identification.hex()
    by_number = None
    if said.alarm_no:
        by_number = connection.execute(select(*columns).where(EvidenceRequest.alarm_no == said.alarm_no)).first()
    if by_number is not None and by_number.phone != said.phone:
        return Refused("foreign_request", "the alarm number was given to another terminal")
    if by_number is not None and not _same_alarm(by_number.identification, raw):
        return Refused("wrong_identification", "the alarm number was given to another alarm")
    if by_number is not None:
        return by_number
    rows = connection.execute(select(*columns).where(EvidenceRequest.identification == raw).limit(2)).all()
    own = next((row for row in rows if row.phone == said.phone), None)
    # Devices whose terminal id is all zeros may share an identification (reference §2): only a lone one is foreign.
    if own is None and rows and _terminal_id(said.identification):
        return Refused("foreign_identification", "the identification is of another terminal's alarm")
    return own


def _same_alarm(issued: str, came: str) -> bool:
    """Whether two identifications name one alarm: devices change the reserved bytes and the count of files behind
    time and serial number."""
    if issued == came:
        return True
    try:
        first, second = AlarmSign.of(bytes.fromhex(issued)), AlarmSign.of(bytes.fromhex(came))
    except ProtocolError:
        return False
    same = ("terminal_id", "time", "seq")
    return len(issued) == len(came) and all(getattr(first, name) == getattr(second, name) for name in same)


def _terminal_id(identification: bytes) -> str:
    try:
        return AlarmSign.of(identification).terminal_id.strip("0")
    except ProtocolError:
        return ""


def _foreign(connection: Connection, said: Announcement, own: str) -> Refused | None:
    """Whether an identification that was not asked for names another device."""
    if not _terminal_id(said.identification):
        return None
    named = AlarmSign.of(said.identification).terminal_id
    if not own or own == named or own.startswith(named) or named.startswith(own):
        return None
    other = connection.execute(
        select(Terminal.id).where(Terminal.terminal_id == named, Terminal.phone != said.phone).limit(1)
    ).first()
    if other is not None:
        return Refused("foreign_identification", f"terminal id {named} is another terminal's")
    return Refused("wrong_terminal_id", f"terminal id {named}, registered is {own}")


def _known(connection: Connection, said: Announcement, files: Sequence[tuple[str, int]]) -> dict[str, Expected]:
    keys = [upload_key(said.phone, said.identification, name) for name, _ in files]
    rows = connection.execute(
        select(
            EvidenceFile.id, EvidenceFile.upload, EvidenceFile.name, EvidenceFile.announced_bytes, EvidenceFile.kind,
            EvidenceFile.state, EvidenceFile.received_at,
        ).where(EvidenceFile.upload.in_(keys))
    ).all()  # fmt: skip
    names = {upload_key(said.phone, said.identification, name): name for name, _ in files}
    return {
        row.upload: Expected(
            row.id,
            row.upload,
            names[row.upload],
            row.announced_bytes or 0,
            row.kind,
            settled=row.state == COMPLETE or row.received_at is not None,
        )
        for row in rows
    }


def resize(connection: Connection, file: int, size: int, at_ms: int, policy: Policy) -> Refused | None:
    """A file shall have another size than was announced; note it, or say why it may not."""
    if size > policy.largest:
        return Refused("too_large", f"{size} bytes, at most {policy.largest}")
    row = connection.execute(
        select(EvidenceFile.phone, EvidenceFile.announced_bytes).where(EvidenceFile.id == file)
    ).one()
    over = _over_quota(connection, row.phone, size - (row.announced_bytes or 0), at_ms, policy)
    if over is None:
        connection.execute(update(EvidenceFile).where(EvidenceFile.id == file).values(announced_bytes=size))
    return over


def _over_quota(connection: Connection, phone: str, more: int, at_ms: int, policy: Policy) -> Refused | None:
    if more <= 0:
        return None
    spent = connection.execute(
        select(func.coalesce(func.sum(EvidenceFile.announced_bytes), 0)).where(
            EvidenceFile.phone == phone, EvidenceFile.created_at > at_ms - DAY_MS
        )
    ).scalar_one()
    if int(spent or 0) + more <= policy.day_bytes:
        return None
    return Refused("quota_terminal", f"{spent} bytes announced in 24 hours and {more} more, at most {policy.day_bytes}")


def _enter(
    connection: Connection, said: Announcement, owner: _Owner, files: Sequence[tuple[str, int]]
) -> dict[str, Expected]:
    entered = {}
    request = owner.request
    for name, size in files:
        upload = upload_key(said.phone, said.identification, name)
        channel, event = channel_and_event(name)
        kind = kind_of_name(name)
        key = connection.execute(
            insert(EvidenceFile)
            .values(
                upload=upload,
                kind=kind,
                origin=ATTACHMENT,
                vehicle_id=owner.vehicle,
                terminal_id=owner.terminal,
                phone=said.phone,
                request_id=None if request is None else request.id,
                unexpected=request is None,
                channel=channel,
                event=(request.event if request is not None else "") or event,
                identification=said.identification.hex(),
                alarm_no=printable(said.alarm_no, 32),
                name=printable(name),
                announced_bytes=size,
                taken_at=instant_of(said.identification) if request is None else request.alarm_at,
                lat_e6=None if request is None else request.lat_e6,
                lon_e6=None if request is None else request.lon_e6,
                state=ANNOUNCED,
                created_at=said.at_ms,
                updated_at=said.at_ms,
            )
            .returning(EvidenceFile.id)
        ).scalar_one()
        entered[upload] = Expected(int(key), upload, name, size, kind, settled=False)
    return entered
