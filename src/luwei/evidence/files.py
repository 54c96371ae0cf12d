"""Rows of evidence files: entered, found, told apart. Every function blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Engine, insert

from luwei.evidence.store import LARGEST, EvidenceStore, Stored
from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.evidence import COMPLETE, KINDS, ORIGINS, EvidenceFile

NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class Particulars:
    """What is known of a file besides its bytes; instants in UTC milliseconds, place in 1e-6 degrees."""

    origin: str
    """One of ``registry.evidence.ORIGINS``."""
    kind: str
    """What the terminal says it is: one of ``registry.evidence.KINDS``."""
    phone: str = ""
    vehicle_id: int | None = None
    terminal_id: int | None = None
    channel: int | None = None
    event: str = ""
    name: str = ""
    taken_at: int | None = None
    lat_e6: int | None = None
    lon_e6: int | None = None
    announced_bytes: int | None = None


def keep(
    engine: Engine, store: EvidenceStore, stream: Iterable[bytes], particulars: Particulars, largest: int = LARGEST
) -> tuple[int, Stored]:
    """Keep a file that comes whole (0x0801, FTP, a person's upload) and enter its row; (id, what is stored).

    The bytes are durable before the row is: a crash in between leaves an original that ``luwei evidence verify``
    reports as unknown, never a row without its file. Raises TooLarge, OSError, ValueError, and what ``stream`` raises.
    """
    if particulars.origin not in ORIGINS or particulars.kind not in KINDS:
        raise ValueError(f"evidence of origin {particulars.origin!r} and kind {particulars.kind!r}")
    stored = store.put(stream, largest)
    at = now_ms()
    row = asdict(particulars) | {
        "name": printable(particulars.name),
        "state": COMPLETE,
        "cause": "",
        "stored_bytes": stored.size,
        "sha256": stored.sha256,
        "sm3": stored.sm3,
        "media_type": stored.media_type,
        "store_key": stored.key,
        "received_at": at,
        "created_at": at,
        "updated_at": at,
    }
    with write(engine) as connection:
        key = connection.execute(insert(EvidenceFile).returning(EvidenceFile.id), row).scalar_one()
    return int(key), stored


def printable(text: str, length: int = NAME_MAX) -> str:
    """A terminal's text as it may be shown and stored: what cannot be printed is replaced."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[:length]
