"""``luwei evidence verify``: every original is read again and compared with what the registry says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, select

from luwei.evidence.store import EvidenceStore
from luwei.registry.engine import read
from luwei.registry.evidence import EvidenceFile

ROWS_AT_ONCE = 1_000
Progress = Callable[[int, int, int], None]
"""Called with (files checked, files to check, bytes read) after every file."""


@dataclass(slots=True)
class Finding:
    """One file that is not as it must be: ``missing``, ``changed``, ``unreadable`` (the store fails) or ``unknown``
    (an original of no row); ``file`` is the registry's id, 0 for unknown ones."""

    what: str
    key: str
    file: int = 0
    detail: str = ""


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


def verify(engine: Engine, store: EvidenceStore, progress: Progress | None = None) -> Verification:
    """Compare every stored file with its row; blocks for as long as reading them all takes. Raises OSError only where
    the store cannot even be listed."""
    result = Verification()
    with read(engine) as connection:
        total = connection.execute(
            select(func.count()).select_from(EvidenceFile).where(EvidenceFile.sha256 != "")
        ).scalar_one()
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
        return Finding("missing", row.key, row.id)
    except (OSError, ValueError) as error:
        return Finding("unreadable", row.key, row.id, str(error)[:200])
    result.size += found.size
    if found.size != row.size:
        return Finding("changed", row.key, row.id, f"{found.size} bytes, {row.size} were stored")
    differing = [name for name in ("sha256", "sm3") if getattr(found, name) != getattr(row, name)]
    if differing:
        return Finding("changed", row.key, row.id, f"other {' and '.join(differing)}")
    return None


def _rows(engine: Engine) -> Iterator[_Row]:
    last = 0
    columns = (
        EvidenceFile.id, EvidenceFile.store_key, EvidenceFile.stored_bytes, EvidenceFile.sha256, EvidenceFile.sm3
    )  # fmt: skip
    while True:
        with read(engine) as connection:
            chosen = (
                select(*columns)
                .where(EvidenceFile.sha256 != "", EvidenceFile.id > last)
                .order_by(EvidenceFile.id)
                .limit(ROWS_AT_ONCE)
            )
            rows = [_Row(*row) for row in connection.execute(chosen)]
        if not rows:
            return
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
        known = set(
            connection.scalars(
                select(EvidenceFile.store_key).where(EvidenceFile.store_key.in_([key for key, _ in listed]))
            )
        )
    for key, size in listed:
        if key not in known:
            yield Finding("unknown", key, 0, f"{size} bytes")
