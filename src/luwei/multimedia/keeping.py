"""Keeping one 0x0801: its bytes to the evidence store, its rows to the registry. Blocks; called in a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, insert, select

from luwei.evidence.digest import PIECE, digest
from luwei.evidence.store import EvidenceStore, Stored
from luwei.multimedia.content import Content, group_of, judge
from luwei.multimedia.upload import Upload
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.evidence import AUDIO, COMPLETE, MULTIMEDIA, OTHER, PICTURE, VIDEO, EvidenceFile
from luwei.registry.multimedia import FILM, IMAGE, SOUND, Multimedia

LARGEST = 16 << 20
"""Bytes of the largest file: twice what a gateway puts together for one terminal."""
_KINDS = {IMAGE: PICTURE, SOUND: AUDIO, FILM: VIDEO}


def keep(engine: Engine, store: EvidenceStore, upload: Upload) -> str:
    """Keep a file once; its media type, or an empty text where it is kept already.

    Both rows are one transaction, after the bytes are durable: a crash in between leaves an original that ``luwei
    evidence verify`` reports as unknown, and the next attempt stores the file again. A terminal that sends the same
    bytes under the same id again has one file. Raises OSError, sqlalchemy.exc.SQLAlchemyError.
    """
    pieces = [upload.data[at : at + PIECE] for at in range(0, len(upload.data), PIECE)]
    sha256 = digest(pieces).sha256
    with read(engine) as connection:
        if _known(connection, upload, sha256):
            return ""
    stored = store.put(pieces, LARGEST)
    content = judge(upload.data, stored.media_type)
    with write(engine) as connection:
        if _known(connection, upload, sha256):
            return ""
        file = connection.execute(insert(EvidenceFile).returning(EvidenceFile.id), _file(upload, stored, content))
        connection.execute(insert(Multimedia), _row(upload, content) | {"file_id": file.scalar_one()})
    return stored.media_type


def original(store: EvidenceStore, key: str) -> bytes:
    """A kept file whole. Raises OSError."""
    return b"".join(_pieces(store, key))


def _pieces(store: EvidenceStore, key: str) -> Iterator[bytes]:
    yield from store.open_range(key)


def _known(connection: Connection, upload: Upload, sha256: str) -> bool:
    if connection.scalar(select(Multimedia.id).where(Multimedia.source == upload.source)) is not None:
        return True
    same = (
        select(Multimedia.id)
        .join(EvidenceFile, EvidenceFile.id == Multimedia.file_id)
        .where(
            EvidenceFile.phone == upload.phone,
            EvidenceFile.sha256 == sha256,
            EvidenceFile.origin == MULTIMEDIA,
            EvidenceFile.taken_at == upload.taken_at,
            Multimedia.multimedia_id == upload.multimedia_id,
        )
    )
    return connection.scalar(same) is not None


def _file(upload: Upload, stored: Stored, content: Content) -> dict[str, object]:
    at = now_ms()
    picture = group_of(stored.media_type) == "image"
    found = {"width": content.width, "height": content.height} if picture else {}
    return {
        "kind": _KINDS.get(upload.kind, OTHER),
        "origin": MULTIMEDIA,
        "vehicle_id": upload.vehicle_id or None,
        "terminal_id": upload.terminal_id or None,
        "phone": upload.phone,
        "channel": upload.channel,
        "event": str(upload.event),
        "stored_bytes": stored.size,
        "sha256": stored.sha256,
        "sm3": stored.sm3,
        "media_type": stored.media_type,
        "readable": not content.problem if picture else None,
        "check": json.dumps(found | ({"problem": content.problem} if content.problem else {})),
        "taken_at": upload.taken_at,
        "received_at": upload.received_at,
        "lat_e6": upload.lat_e6,
        "lon_e6": upload.lon_e6,
        "store_key": stored.key,
        "state": COMPLETE,
        "created_at": at,
        "updated_at": at,
    }


def _row(upload: Upload, content: Content) -> dict[str, object]:
    names = ("source", "received_at", "edition", "multimedia_id", "kind", "format", "event", "channel", "speed_dkmh",
             "alarm", "status")  # fmt: skip
    return {name: getattr(upload, name) for name in names} | {
        "vehicle_id": upload.vehicle_id or None,
        "problem": content.problem,
        "width": content.width,
        "height": content.height,
    }
