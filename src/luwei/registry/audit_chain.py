"""Verifying the chain of the audit log, and the anchors that are kept away from it.

The chain shows every change, removal and exchange of entries that lie before another entry. Who can write to the
database could still cut off its end, or compute a chain anew from some entry on. Both are shown by an anchor: number
and link of the head, written down where that person cannot write: the core puts one into its log, onto the bus and
into a file of its own folder each hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from luwei.registry.audit import CHAINED, GENESIS, AuditEntry, digest, head
from luwei.registry.base import now_ms
from luwei.registry.engine import read

AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the chain at a time (UTC ms)."""

    id: int
    hash: str
    at: int

    def to_json(self) -> str:
        """One line of an anchor file."""
        return json.dumps({"id": self.id, "hash": self.hash, "at": self.at}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the log is not what it was: ``changed`` (or exchanged with another), ``missing`` (entries before ``id`` are
    gone), ``truncated`` (the end is gone) or ``rewritten`` (the chain was computed anew)."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind} at entry {self.id}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; ``fault`` is the first, None where the log is whole."""

    entries: int
    head: Anchor
    anchors: int
    fault: Fault | None


def anchor(engine: Engine) -> Anchor:
    """The present head."""
    with read(engine) as connection:
        return Anchor(*head(connection), now_ms())


def append_anchor(path: Path, made: Anchor) -> None:
    """Add a line to an anchor file, and see it on disk. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(made.to_json() + "\n")
        file.flush()


def read_anchors(lines: Iterable[str]) -> list[Anchor]:
    """The anchors of a file, or of a log in which other lines stand between. Raises ValueError for a damaged one."""
    found = []
    for number, line in enumerate(lines, 1):
        if '"hash"' not in line or not line.lstrip().startswith("{"):
            continue
        try:
            row = json.loads(line)
            made = Anchor(int(row["id"]), str(row["hash"]), int(row.get("at", 0)))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"line {number}: is no anchor") from None
        if len(made.hash) != 64:
            raise ValueError(f"line {number}: hash must have 64 hex digits")
        found.append(made)
    return found


def verify(engine: Engine, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Compute the whole chain again, in one consistent state of the registry, and compare it with ``anchors``."""
    wanted = {made.id: made for made in anchors if made.id}
    met: dict[int, str] = {}
    fault: Fault | None = None
    entries, last, link = 0, 0, GENESIS
    with read(engine) as connection:
        while rows := _rows(connection, last):
            for row in rows:
                key = row["id"]
                if fault is None and digest(link, row) != row["hash"]:
                    fault = _fault(last, key)
                entries, last, link = entries + 1, key, row["hash"]
                if key in wanted:
                    met[key] = link
        head_now = Anchor(*head(connection), now_ms())
    if fault is None:
        for key, made in sorted(wanted.items()):
            if key > last:
                fault = Fault("truncated", last)
            elif met.get(key) != made.hash:
                fault = Fault("rewritten", key)
            if fault is not None:
                break
    return Verdict(entries, head_now, len(wanted), fault)


def _rows(connection: Connection, after: int) -> list[dict[str, Any]]:
    columns = [getattr(AuditEntry, name) for name in (*CHAINED, "hash")]
    page = select(*columns).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(AT_ONCE)
    return [dict(row._mapping) for row in connection.execute(page)]


def _fault(last: int, key: int) -> Fault:
    """What happened where a link does not fit: ids have no gaps, so a gap tells that entries are gone."""
    return Fault("missing" if key > last + 1 else "changed", key)
