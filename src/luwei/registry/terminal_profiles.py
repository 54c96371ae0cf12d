"""Profiles of terminals as people see them: one terminal's with its past, and many terminals' devices for a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from luwei.registry.assignments import require_terminal
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile, TerminalProfileChange
from luwei.registry.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """One profile that came into force at ``at`` (UTC ms)."""

    at: int
    profile: str
    version: int
    by_hand: bool
    firmware: str
    username: str
    why: list[list[str]]


@dataclass(frozen=True, slots=True)
class ProfileView:
    """What is in force for a terminal, with its reasons and its past; times in UTC ms."""

    terminal_id: int
    profile: str
    version: int
    by_hand: bool
    why: list[list[str]]
    manufacturer_id: str
    model: str
    firmware: str
    province: int
    edition: int
    dialect: str
    silent_at: int | None
    decided_at: int
    seen_at: int
    changes: list[ProfileChange]


CHANGES_MAX = 50


def view(engine: Engine, terminal_id: int, scope: Scope) -> ProfileView | None:
    """The profile of a terminal, None before it was ever matched. Raises NotFound outside the scope."""
    table, past = TerminalProfile.__table__, TerminalProfileChange.__table__
    with read(engine) as connection:
        require_terminal(connection, terminal_id, scope)
        row = connection.execute(select(table).where(table.c.terminal_id == terminal_id)).mappings().one_or_none()
        if row is None:
            return None
        statement = select(past).where(past.c.terminal_id == terminal_id).order_by(past.c.id.desc()).limit(CHANGES_MAX)
        changes = [
            ProfileChange(
                change["at"], change["profile"], change["version"], change["by_hand"], change["firmware"],
                change["username"], json.loads(change["why"]),
            )
            for change in connection.execute(statement).mappings()
        ]  # fmt: skip
    return ProfileView(**(dict(row) | {"why": json.loads(row["why"]), "changes": changes}))


def view_of_phone(engine: Engine, phone: str, scope: Scope) -> ProfileView | None:
    """As ``view`` for the terminal with that phone (canonical); None where there is none in the scope."""
    if not phone.isprintable():
        return None
    statement = select(Terminal.id).where(Terminal.phone == phone, *scope.of_terminals())
    with read(engine) as connection:
        key = connection.scalar(statement)
    return None if key is None else view(engine, key, scope)


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal as the deviation report counts it."""

    terminal_id: int
    phone: str
    vehicle_id: int | None
    plate: str
    manufacturer_id: str
    model: str
    firmware: str
    profile: str
    version: int


def devices(engine: Engine, phones: Sequence[str], scope: Scope) -> dict[str, Device]:
    """Terminals of ``phones`` within the scope, with their model, firmware and profile (empty before the first)."""
    with read(engine) as connection:
        return {
            device.phone: device
            for start in range(0, len(phones), 5_000)
            for device in _devices(connection, Terminal.phone.in_(phones[start : start + 5_000]), *scope.of_terminals())
        }


def devices_by_id(engine: Engine, ids: Sequence[int]) -> dict[int, Device]:
    """Terminals by their ids. For rows that were chosen within a scope: none is applied here."""
    with read(engine) as connection:
        return {
            device.terminal_id: device
            for start in range(0, len(ids), 5_000)
            for device in _devices(connection, Terminal.id.in_(ids[start : start + 5_000]))
        }


def _devices(connection: Connection, *conditions: ColumnElement[bool]) -> list[Device]:
    statement = (
        select(
            Terminal.id, Terminal.phone, Terminal.vehicle_id, Vehicle.plate,
            TerminalProfile.manufacturer_id, TerminalProfile.model, TerminalProfile.firmware,
            TerminalProfile.profile, TerminalProfile.version,
            Terminal.manufacturer_id.label("registered_maker"), Terminal.model.label("registered_model"),
        )
        .outerjoin(Vehicle, Vehicle.id == Terminal.vehicle_id)
        .outerjoin(TerminalProfile, TerminalProfile.terminal_id == Terminal.id)
        .where(*conditions)
    )  # fmt: skip
    return [
        Device(
            row[0], row[1], row[2], row[3] or "", row[4] or row[9], row[5] or row[10], row[6] or "", row[7] or "",
            row[8] or 0,
        )
        for row in connection.execute(statement)
    ]  # fmt: skip


def counts(engine: Engine, scope: Scope) -> dict[str, int]:
    """Terminals in the scope by name of profile."""
    statement = (
        select(TerminalProfile.profile, func.count())
        .join(Terminal, Terminal.id == TerminalProfile.terminal_id)
        .where(*scope.of_terminals())
        .group_by(TerminalProfile.profile)
    )
    with read(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}
