"""Firmware files for 0x8108: taken in, hashed, kept whole, and made into the message that carries them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, insert, select, update

from luwei.gateway.orders import Letter
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages.control import UPGRADE_TYPES, UpgradePacket
from luwei.registry import audit, fields
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.upgrade import Firmware

SIZE_MAX = 2 << 20
"""Bytes of a file. 0x8108 could carry 64 MiB, but a terminal takes it at one go; larger ones go by URL (§8.19)."""
FILES_MAX = 200
SLOWEST_BYTES_S = 4_000
"""A terminal that takes fewer bytes a second is not waited for."""
EDITIONS = (2013, 2019)
PACKET = "upgrade_packet"


@dataclass(frozen=True, slots=True)
class FirmwareView:
    """A file without its bytes."""

    id: int
    name: str
    upgrade_type: int
    manufacturer: str
    model: str
    version: str
    size: int
    sha256: str
    sm3: str
    author: str
    created_at: int
    retired_at: int | None


_COLUMNS = (
    Firmware.id, Firmware.name, Firmware.upgrade_type, Firmware.manufacturer, Firmware.model, Firmware.version,
    Firmware.size, Firmware.sha256, Firmware.sm3, Firmware.author, Firmware.created_at, Firmware.retired_at,
)  # fmt: skip
_CHECKS: dict[str, fields.Check] = {
    "name": fields.text("name", 120),
    "upgrade_type": fields.one_of("upgrade_type", tuple(UPGRADE_TYPES)),
    "manufacturer": fields.device_text("manufacturer", 5),
    "model": fields.text("model", 30),
    "version": fields.device_text("version", 30),
}


def take_in(engine: Engine, given: Mapping[str, Any], data: bytes, actor: audit.Actor) -> int:
    """Keep a file; its id. Raises RegistryError naming field and rule, Conflict where it is there already."""
    checked = Checked()
    checked.take(given, _CHECKS)
    checked.require(*_CHECKS)
    row = checked.raise_first()
    if not row["version"]:
        raise RegistryError("version", "must not be empty (§8.19)")
    if not data:
        raise RegistryError("file", "must not be empty")
    if len(data) > SIZE_MAX:
        raise RegistryError("file", f"must have at most {SIZE_MAX} bytes; larger ones go by URL (0x8105)", len(data))
    row |= {
        "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "sm3": hashlib.new("sm3", data).hexdigest(),
        "data": data, "author": actor.username, "created_at": now_ms(),
    }  # fmt: skip
    try:
        _packet(row["upgrade_type"], row["manufacturer"], row["version"], data[:1]).encode(2019)
    except ProtocolError as error:
        raise RegistryError("version", f"{error.detail} (§8.19)") from None
    same = (Firmware.sha256 == row["sha256"], Firmware.model == row["model"], Firmware.version == row["version"])
    with write(engine) as connection:
        if connection.scalar(select(Firmware.id).where(*same)) is not None:
            raise Conflict("file", "is kept already for this model and version")
        if len(connection.scalars(select(Firmware.id).where(Firmware.retired_at.is_(None))).all()) >= FILES_MAX:
            raise RegistryError("file", f"there are {FILES_MAX} files already; retire one first")
        key: int = connection.execute(insert(Firmware).returning(Firmware.id), row).scalar_one()
        detail = {name: row[name] for name in (*_CHECKS, "size", "sha256", "sm3")}
        audit.record(connection, actor, "firmware.upload", key, detail)
    return key


def retire(engine: Engine, key: int, actor: audit.Actor) -> None:
    """Offer a file for new orders no more. Raises NotFound."""
    with write(engine) as connection:
        changed = connection.execute(
            update(Firmware).where(Firmware.id == key, Firmware.retired_at.is_(None)).values(retired_at=now_ms())
        ).rowcount
        if not changed:
            raise NotFound("id", "there is no such file", key)
        audit.record(connection, actor, "firmware.retire", key)


def page(engine: Engine) -> list[FirmwareView]:
    """The files that are not retired, newest first."""
    with read(engine) as connection:
        rows = connection.execute(
            select(*_COLUMNS).where(Firmware.retired_at.is_(None)).order_by(Firmware.id.desc()).limit(FILES_MAX)
        )
        return [FirmwareView(*list(row)) for row in rows]


def one(engine: Engine, key: int) -> FirmwareView:
    """One file. Raises NotFound."""
    with read(engine) as connection:
        row = connection.execute(select(*_COLUMNS).where(Firmware.id == key)).one_or_none()
    if row is None:
        raise NotFound("firmware", "there is no such file", key)
    return FirmwareView(*list(row))


class PacketKind:
    """The command 0x8108 with a kept file: ``{"firmware": id}``. Not in the list that people choose from."""

    repeatable = False

    def __init__(self) -> None:
        self._shelf: dict[int, tuple[int, str, str, bytes]] = {}

    def fetch(self, engine: Engine, key: int) -> None:
        """Have a file at hand before its message is made. Blocks. Raises NotFound."""
        if key in self._shelf:
            return
        with read(engine) as connection:
            row = connection.execute(
                select(Firmware.upgrade_type, Firmware.manufacturer, Firmware.version, Firmware.data).where(
                    Firmware.id == key
                )
            ).one_or_none()
        if row is None:
            raise NotFound("firmware", "there is no such file", key)
        self._shelf[key] = (row.upgrade_type, row.manufacturer, row.version, bytes(row.data))

    def keep(self, keys: set[int]) -> None:
        """Put back all but these."""
        self._shelf = {key: file for key, file in self._shelf.items() if key in keys}

    def letter(self, values: Mapping[str, Any]) -> Letter:
        """The message. Raises KeyError for a file that was not fetched."""
        kind, manufacturer, version, data = self._shelf[values["firmware"]]
        packet = _packet(kind, manufacturer, version, data)
        bodies = {edition: packet.encode(edition) for edition in EDITIONS}
        return Letter(packet.id, bodies, transfer_s=len(data) // SLOWEST_BYTES_S)


def _packet(kind: int, manufacturer: str, version: str, data: bytes) -> UpgradePacket:
    return UpgradePacket(type=kind, manufacturer=manufacturer, version=version, data=data)
