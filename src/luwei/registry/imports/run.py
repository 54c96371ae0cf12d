"""Carrying out an import: read, check, plan, write, record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from sqlalchemy import Connection, Engine

from luwei.registry import audit
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError
from luwei.registry.imports.columns import NOUNS, understand
from luwei.registry.imports.plain import KEPT, PlainPlan
from luwei.registry.imports.plan import Plan
from luwei.registry.imports.report import MAX_ERRORS, Report
from luwei.registry.imports.rows import ImportRow, typed
from luwei.registry.imports.tables import read_table
from luwei.registry.imports.writing import write_plain, write_rows
from luwei.registry.scope import WHOLE, Scope

Item = TypeVar("Item")

Progress = Callable[[str, int], None]
"""Told what is being done (``reading``, ``checking``, ``writing``) and how many rows of it are done."""

Finish = Callable[[Connection, Report], None]
"""Called in the transaction of the import before it is committed."""

TOLD_EVERY = 1_000


def _quiet(_stage: str, _rows: int) -> None:
    """Nobody asks for progress."""


def import_file(
    engine: Engine,
    noun: str,
    name: str,
    content: bytes,
    dry_run: bool = False,
    actor: audit.Actor = audit.SYSTEM,
    scope: Scope = WHOLE,
    progress: Progress = _quiet,
    finish: Finish | None = None,
    errors_at_most: int = MAX_ERRORS,
) -> Report:
    """Import the file ``name`` (.csv or .xlsx) of ``noun`` (one of NOUNS) within ``scope``.

    Rows with errors are refused and reported, the others go in, in one transaction. Raises RegistryError with field
    ``file`` when the file as a whole cannot be used, Conflict when another writer took a key in the same moment.
    """
    if noun not in NOUNS:
        raise RegistryError("noun", f"must be one of {', '.join(NOUNS)}", noun)
    table = read_table(name, content)
    header = next(table, None)
    if header is None:
        raise RegistryError("file", "is empty", name)
    columns = understand(noun, header[1])
    rows = typed(noun, columns, _counted(table, "reading", progress))
    headers = {column.name: header[1][index] for index, column in columns.items()}
    if dry_run:
        with read(engine) as connection:
            return _plan(connection, noun, rows, headers, scope, progress, errors_at_most)[0]
    with named_conflicts(), write(engine) as connection:
        report, plan = _plan(connection, noun, rows, headers, scope, progress, errors_at_most)
        progress("writing", len(rows))
        if isinstance(plan, PlainPlan):
            report.changed[plan.kept.noun.name] = write_plain(connection, plan, actor)
        else:
            for kind in ("organisation", "vehicle", "terminal"):
                report.changed[kind] = write_rows(connection, kind, list(plan.touched[kind].values()), actor)
        counts = {"rows": report.rows, "created": report.created, "updated": report.updated, "refused": report.refused}
        detail = {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "noun": noun} | counts
        audit.record(connection, actor, "import.apply", detail=detail)
        if finish is not None:
            finish(connection, report)
    return report


def _plan(
    connection: Connection,
    noun: str,
    rows: list[ImportRow],
    headers: dict[str, str],
    scope: Scope,
    progress: Progress,
    errors_at_most: int,
) -> tuple[Report, Plan | PlainPlan]:
    report = Report(rows=len(rows), most=errors_at_most)
    plan = PlainPlan(KEPT[noun], scope) if noun in KEPT else Plan(scope)
    plan.load(connection, rows)
    for row in _counted(rows, "checking", progress):
        if not row.errors:
            try:
                outcome = plan.apply(connection, row) if isinstance(plan, PlainPlan) else plan.apply(noun, row)
            except RegistryError as error:
                row.errors.append(error)
            else:
                report.created += outcome == "created"
                report.updated += outcome == "updated"
        if row.errors:
            report.refuse(row.number, row.errors, headers)
    return report, plan


def _counted(items: Iterable[Item], stage: str, progress: Progress) -> Iterator[Item]:
    for number, item in enumerate(items):
        if number % TOLD_EVERY == 0:
            progress(stage, number)
        yield item
