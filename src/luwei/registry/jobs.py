"""The jobs of the registry: opening, ending, listing. A person sees the jobs that he or she began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound
from luwei.registry.imports.report import Report, RowError
from luwei.registry.job import DONE, FAILED, INTERRUPTED, OPEN, RUNNING, WAITING, Job, JobError
from luwei.registry.page import Page, check_page

MAX_ERRORS = 20_000
"""Errors that are kept of a job; all are counted."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as lists show it. Times in UTC ms."""

    id: int
    noun: str
    state: str
    dry_run: bool
    file: str
    rows: int
    created: int
    updated: int
    refused: int
    failure: str
    username: str
    created_at: int
    started_at: int | None
    ended_at: int | None


_COLUMNS = [getattr(Job, name) for name in JobView.__dataclass_fields__]


def begin(engine: Engine, noun: str, file: str, sha256: str, dry_run: bool, actor: Actor) -> int:
    """A new job that waits for its turn; its id."""
    row = {
        "noun": noun, "state": WAITING, "dry_run": dry_run, "file": file, "sha256": sha256,
        "user_id": actor.user_id, "username": actor.username,
    }  # fmt: skip
    with write(engine) as connection:
        key: int = connection.execute(insert(Job).returning(Job.id), row).scalar_one()
    return key


def start(engine: Engine, key: int) -> None:
    """Its turn came."""
    with write(engine) as connection:
        connection.execute(update(Job).where(Job.id == key).values(state=RUNNING, started_at=now_ms()))


def finish(connection: Connection, key: int, report: Report) -> None:
    """Write the result down, in the transaction of the import itself."""
    values = {"rows": report.rows, "created": report.created, "updated": report.updated, "refused": report.refused}
    connection.execute(update(Job).where(Job.id == key).values(state=DONE, ended_at=now_ms(), **values))
    if report.errors:
        rows = [
            {"job_id": key, "row": each.row, "column": _cut(each.column, 60), "rule": _cut(each.rule, 300),
             "value": _cut(each.value, 80)}
            for each in report.errors[:MAX_ERRORS]
        ]  # fmt: skip
        connection.execute(insert(JobError), rows)


def end(engine: Engine, key: int, state: str, failure: str = "") -> None:
    """End an open job in ``state`` without a result; one that has ended stays as it is."""
    with write(engine) as connection:
        statement = update(Job).where(Job.id == key, Job.state.in_(OPEN))
        connection.execute(statement.values(state=state, failure=_cut(failure, 300), ended_at=now_ms()))


def interrupt_open(engine: Engine) -> int:
    """Jobs that another process left open are over, and nothing of them was written; how many there were."""
    with write(engine) as connection:
        statement = update(Job).where(Job.state.in_(OPEN))
        return connection.execute(statement.values(state=INTERRUPTED, ended_at=now_ms())).rowcount


def page(engine: Engine, user_id: int | None, number: int = 1, size: int = 50) -> Page[JobView]:
    """Jobs that the user began, the newest first. Raises RegistryError for an unusable page."""
    offset, limit = check_page(number, size)
    mine = Job.user_id == user_id
    with read(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(Job).where(mine)) or 0
        ordered = select(*_COLUMNS).where(mine).order_by(Job.id.desc()).offset(offset).limit(limit)
        return Page(total, [JobView(*row) for row in connection.execute(ordered)])


def one(engine: Engine, key: int, user_id: int | None) -> JobView:
    """The job. Raises NotFound where the user began none with this id."""
    with read(engine) as connection:
        return _one(connection, key, user_id)


def _one(connection: Connection, key: int, user_id: int | None) -> JobView:
    row = connection.execute(select(*_COLUMNS).where(Job.id == key, Job.user_id == user_id)).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such job", key)
    return JobView(*row)


def errors(engine: Engine, key: int, user_id: int | None, number: int = 1, size: int = 50) -> Page[RowError]:
    """Wrong cells of the job's file, in the file's order. Raises NotFound, or RegistryError for an unusable page."""
    offset, limit = check_page(number, size)
    with read(engine) as connection:
        _one(connection, key, user_id)
        total = connection.scalar(select(func.count()).select_from(JobError).where(JobError.job_id == key)) or 0
        return Page(total, _errors(connection, key, offset, limit))


def all_errors(engine: Engine, key: int, user_id: int | None) -> list[RowError]:
    """Every kept error of the job. Raises NotFound."""
    with read(engine) as connection:
        _one(connection, key, user_id)
        return _errors(connection, key, 0, MAX_ERRORS)


def _errors(connection: Connection, key: int, offset: int, limit: int) -> list[RowError]:
    columns: Sequence[Any] = (JobError.row, JobError.column, JobError.rule, JobError.value)
    ordered = select(*columns).where(JobError.job_id == key).order_by(JobError.id).offset(offset).limit(limit)
    return [RowError(*row) for row in connection.execute(ordered)]


def failed(engine: Engine, key: int, failure: str) -> None:
    """The file as a whole was refused."""
    end(engine, key, FAILED, failure)


def _cut(text: str, length: int) -> str:
    # A lone surrogate or a 0x00 of a hostile file cannot be stored.
    clean = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return clean if len(clean) <= length else clean[: length - 1] + "…"
