"""``luwei evidence verify``: every original is read again and compared with what the registry says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select

from luwei.evidence.store import EvidenceStore
from luwei.registry.engine import read
from luwei.registry.evidence import EvidenceFile
from luwei.registry.supervision_file import SupervisionFile

ROWS_AT_ONCE = 1_000
Progress = Callable[[int, int, int], None]
"""Called with (files checked, files to check, bytes read) after every file."""


@dataclass(slots=True)
class Finding:
    """One file that is not as it must be: ``missing``, ``changed``, ``unreadable`` (the store fails) or ``unknown``
    (an original of no row); ``file`` is the registry's id, 0 for unknown ones, in the table ``of``."""

    what: str
    key: str
    file: int = 0
    detail: str = ""
    of: str = EvidenceFile.__tablename__


@dataclass(slots=True)
class Verification:
    """``files`` were compared and ``size`` bytes read; whole when there is no finding."""

    files: int = 0
    size: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    key: str
    size: int
    sha256: str
    sm3: str
    of: str


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose rows stand for originals: its columns, and which of its rows have one."""

    name: str
    columns: tuple[Any, Any, Any, Any, Any]
    stored: ColumnElement[bool]


TABLES = (
    _Table(
        EvidenceFile.__tablename__,
        (EvidenceFile.id, EvidenceFile.store_key, EvidenceFile.stored_bytes, EvidenceFile.sha256, EvidenceFile.sm3),
        EvidenceFile.sha256 != "",
    ),
    _Table(
        SupervisionFile.__tablename__,
        (SupervisionFile.id, SupervisionFile.store_key, SupervisionFile.size, SupervisionFile.sha256,
         SupervisionFile.sm3),
        SupervisionFile.stored.is_(True),
    ),
)  # fmt: skip


def verify(engine: Engine, store: EvidenceStore, progress: Progress | None = None) -> Verification:
    """Compare every stored file with its row; blocks for as long as reading them all takes. Raises OSError only where
    the store cannot even be listed."""
    result = Verification()
    with read(engine) as connection:
        counts = [select(func.count(table.columns[0])).where(table.stored) for table in TABLES]
        total = sum(connection.execute(each).scalar_one() for each in counts)
    for row in _rows(engine):
        finding = _compare(store, row, result)
        result.files += 1
        if finding is not None:
            result.findings.append(finding)
        if progress is not None:
            progress(result.files, total, result.size)
    # What arrives meanwhile has its row a moment after its file: the rows are looked up after the listing.
    result.findings += _strangers(engine, store)
    return result


def _compare(store: EvidenceStore, row: _Row, result: Verification) -> Finding | None:
    try:
        found = store.verify(row.key)
    except FileNotFoundError:
        return Finding("missing", row.key, row.id, of=row.of)
    except (OSError, ValueError) as error:
        return Finding("unreadable", row.key, row.id, str(error)[:200], row.of)
    result.size += found.size
    if found.size != row.size:
        return Finding("changed", row.key, row.id, f"{found.size} bytes, {row.size} were stored", row.of)
    differing = [name for name in ("sha256", "sm3") if getattr(found, name) != getattr(row, name)]
    if differing:
        return Finding("changed", row.key, row.id, f"other {' and '.join(differing)}", row.of)
    return None


def _rows(engine: Engine) -> Iterator[_Row]:
    for table in TABLES:
        last, number = 0, table.columns[0]
        while True:
            with read(engine) as connection:
                chosen = select(*table.columns).where(table.stored, number > last).order_by(number).limit(ROWS_AT_ONCE)
                rows = [_Row(*row, table.name) for row in connection.execute(chosen)]
            if not rows:
                break
            yield from rows
            last = rows[-1].id


def _strangers(engine: Engine, store: EvidenceStore) -> Iterator[Finding]:
    listed: list[tuple[str, int]] = []
    for entry in store.originals():
        listed.append(entry)
        if len(listed) == ROWS_AT_ONCE:
            yield from _without_row(engine, listed)
            listed = []
    yield from _without_row(engine, listed)


def _without_row(engine: Engine, listed: list[tuple[str, int]]) -> Iterator[Finding]:
    if not listed:
        return
    with read(engine) as connection:
        keys = [key for key, _ in listed]
        columns = [table.columns[1] for table in TABLES]
        known = {key for each in columns for key in connection.scalars(select(each).where(each.in_(keys)))}
    for key, size in listed:
        if key not in known:
            yield Finding("unknown", key, 0, f"{size} bytes")
