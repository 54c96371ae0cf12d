"""The ledger: what was refused, and what was taken though odd, counted by day, phone, reason and message id.

Nothing is dropped silently: every frame that did not become data is one here, with one example frame for each kind
of entry. Refusals go to the bus each second; notes (a device with an unknown item notes every report) each minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

EXAMPLE_MAX = 2200
PHONES_MAX = 200_000
"""Distinct entries held between two flushes; beyond it phones are no longer told apart."""

REFUSED, NOTED = "refused", "noted"


@dataclass(slots=True)
class Entry:
    """Counts of one kind since the last flush."""

    terminal_id: int
    vehicle_id: int
    peer: str
    count: int
    first_ms: int
    last_ms: int
    example: bytes


Key = tuple[int, str, str, int]
"""CST day number (since 1970), phone, reason, message id."""


def day_of(at_ms: int) -> int:
    """Days since 1970-01-01 in China Standard Time."""
    return (at_ms + 8 * 3_600_000) // 86_400_000


class Listener(Protocol):
    """Who hears of each entry while ``armed``."""

    armed: bool

    def ledger(self, kind: str, reason: str, example: bytes) -> None: ...


class Ledger:
    """Entries since the last flush, and totals by reason since the start."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self.totals: dict[str, int] = {}
        self.noted_totals: dict[str, int] = {}
        self._entries: dict[str, dict[Key, Entry]] = {REFUSED: {}, NOTED: {}}
        self.trace: Listener | None = None

    def count(
        self,
        kind: str,
        reason: str,
        message_id: int,
        phone: str,
        terminal_id: int,
        vehicle_id: int,
        peer: str,
        at_ms: int,
        example: bytes,
        number: int = 1,
    ) -> None:
        """Count ``number`` frames of one kind; ``example`` is one of them as received.

        What follows a colon in ``reason`` is its detail (``item_unknown:0xEB``): entries are told apart by it.
        """
        name = reason.partition(":")[0]
        if self.trace is not None and self.trace.armed:
            self.trace.ledger(kind, name, example)
        totals = self.totals if kind == REFUSED else self.noted_totals
        totals[name] = totals.get(name, 0) + number
        entries = self._entries[kind]
        key = (day_of(at_ms), phone, reason, message_id)
        entry = entries.get(key)
        if entry is None and len(entries) >= PHONES_MAX:
            key, terminal_id, vehicle_id = (key[0], "", reason, message_id), 0, 0
            entry = entries.get(key)
        if entry is None:
            entries[key] = Entry(terminal_id, vehicle_id, peer, number, at_ms, at_ms, example[:EXAMPLE_MAX])
            return
        entry.count += number
        entry.last_ms = at_ms
        entry.peer = peer

    def take(self, kind: str, batch: int) -> list[dict[str, Any]]:
        """Rows of ``facts.LEDGER_ENTRY`` since the last call, forgotten here; the day counts from 1970-01-01."""
        entries, self._entries[kind] = self._entries[kind], {}
        return [
            {
                "day": day,
                "phone": phone,
                "terminal_id": entry.terminal_id,
                "vehicle_id": entry.vehicle_id,
                "gateway": self.gateway,
                "kind": kind,
                "reason": reason,
                "message_id": message_id,
                "peer": entry.peer,
                "count": entry.count,
                "first_at": entry.first_ms,
                "last_at": entry.last_ms,
                "example": entry.example,
                "batch": batch,
            }
            for (day, phone, reason, message_id), entry in entries.items()
        ]
