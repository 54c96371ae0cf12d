"""Messages of terminals that other parts of the core wait for, read from where they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from luwei.history.store import History

VEHICLES_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Report:
    """One stored message from a terminal; ``at``: UTC milliseconds of receipt."""

    vehicle_id: int
    at: int
    message_id: int
    edition: int
    body: bytes


def upgrade_reports(history: History, vehicles: Sequence[int], since: int) -> list[Report]:
    """The 0x0108 and 0x1FC4 of ``vehicles`` received from ``since`` on (UTC ms), oldest first. Raises HistoryError."""
    return _reports(history, "upgrade_reports", vehicles, since)


def upload_reports(history: History, vehicles: Sequence[int], since: int) -> list[Report]:
    """The 0x1206 of ``vehicles`` received from ``since`` on (UTC ms), oldest first. Raises HistoryError."""
    return _reports(history, "upload_reports", vehicles, since)


def _reports(history: History, query: str, vehicles: Sequence[int], since: int) -> list[Report]:
    found: list[Report] = []
    for start in range(0, len(vehicles), VEHICLES_AT_ONCE):
        part = list(vehicles[start : start + VEHICLES_AT_ONCE])
        table = history.query(query, vehicles=part, start=since)
        at = table["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_pylist()
        columns = (table[name].to_pylist() for name in ("vehicle_id", "message_id", "edition", "body"))
        found += [
            Report(vehicle, when, message, edition, bytes(body))
            for when, vehicle, message, edition, body in zip(at, *columns, strict=True)
        ]
    return sorted(found, key=lambda report: report.at)
