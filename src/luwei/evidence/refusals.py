"""What is not taken is counted, never dropped in silence: by day, reason, phone and address, in metrics and a table."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from luwei.evidence.files import printable
from luwei.registry.base import now_ms
from luwei.registry.evidence import EvidenceRefusal

KINDS_MAX = 20_000
"""Distinct entries held between two flushes; beyond it senders are no longer told apart."""
DAY_MS, CHINA_MS = 86_400_000, 8 * 3_600_000

REFUSED = Counter("luwei_evidence_refused_total", "What the attachment server did not take", ["reason"])

Key = tuple[int, str, str, str]


@dataclass(slots=True)
class _Entry:
    count: int
    first_at: int
    last_at: int
    detail: str


class Refusals:
    """Counts since the last flush, and totals by reason since the start."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self._entries: dict[Key, _Entry] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def count(self, reason: str, phone: str = "", address: str = "", detail: str = "", number: int = 1) -> None:
        """``number`` things were refused for ``reason``."""
        at = now_ms()
        REFUSED.labels(reason).inc(number)
        self.totals[reason] = self.totals.get(reason, 0) + number
        day = (at + CHINA_MS) // DAY_MS
        key = (day, reason, phone[:20], address[:45])
        if key not in self._entries and len(self._entries) >= KINDS_MAX:
            key = (day, reason, "", "")
        entry = self._entries.setdefault(key, _Entry(0, at, at, ""))
        entry.count += number
        entry.last_at = at
        entry.detail = printable(detail, 200)

    def take(self) -> dict[Key, _Entry]:
        """What was counted since the last call."""
        taken, self._entries = self._entries, {}
        return taken

    def restore(self, taken: dict[Key, _Entry]) -> None:
        """Give back what could not be written."""
        for key, entry in taken.items():
            mine = self._entries.setdefault(key, _Entry(0, entry.first_at, entry.last_at, entry.detail))
            mine.count += entry.count
            mine.first_at = min(mine.first_at, entry.first_at)


def write_refusals(connection: Connection, taken: dict[Key, _Entry]) -> None:
    """Add the counts to the table."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for (day, reason, phone, address), entry in taken.items():
        statement = insert(EvidenceRefusal).values(
            day=day, reason=reason, phone=phone, address=address, count=entry.count,
            first_at=entry.first_at, last_at=entry.last_at, detail=entry.detail,
        )  # fmt: skip
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "reason", "phone", "address"],
                set_={
                    "count": EvidenceRefusal.count + new["count"],
                    "last_at": new["last_at"],
                    "detail": new["detail"],
                },
            )
        )
