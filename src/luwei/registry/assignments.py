"""Which profile each terminal has: decided for whole batches as gateways ask, chosen by hand from the console."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text

from luwei.profiles import Catalogue, Identity, Profile
from luwei.registry import audit
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfileChange

_ANY = {"sqlite": "IN (SELECT value FROM json_each(:keys))", "postgresql": "= ANY(:keys)"}
_FIND = (
    "SELECT t.id, t.manufacturer_id AS t_manufacturer, t.model AS t_model, t.edition AS t_edition, v.city,"
    " p.profile, p.version, p.by_hand, p.why, p.manufacturer_id, p.model, p.firmware, p.province, p.edition,"
    " p.dialect, p.silent_at, p.decided_at"
    " FROM terminal t LEFT JOIN vehicle v ON v.id = t.vehicle_id LEFT JOIN terminal_profile p ON p.terminal_id = t.id"
    " WHERE t.id {any}"
)
_CHOSEN = (
    "SELECT t.phone, p.profile FROM terminal t JOIN terminal_profile p ON p.terminal_id = t.id"
    " WHERE p.by_hand AND t.phone {any}"
)
_COLUMNS = (
    "profile", "version", "by_hand", "why", "manufacturer_id", "model", "firmware", "province", "edition", "dialect",
    "silent_at", "decided_at", "seen_at",
)  # fmt: skip
_PUT = (
    f"INSERT INTO terminal_profile (terminal_id, {', '.join(_COLUMNS)})"  # noqa: S608 - constant names
    f" VALUES (:terminal_id, {', '.join(':' + name for name in _COLUMNS)})"
    f" ON CONFLICT (terminal_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)
_LENGTHS = {"firmware": 60, "dialect": 20}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a terminal said or showed since it was asked for last, beside its registration; empty or 0: nothing new.

    ``silent``: True when it left commands unanswered, False when it answered one, None when nothing was asked.
    """

    terminal_id: int
    firmware: str = ""
    edition: int = 0
    dialect: str = ""
    silent: bool | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """The profile in force for a terminal, by name and version."""

    terminal_id: int
    profile: str
    version: int
    by_hand: bool
    dialect: str = ""
    firmware: str = ""


@dataclass(slots=True)
class _Row:
    """A terminal on the desk: what is stored, and what is to be stored."""

    terminal_id: int
    identity: Identity
    stored: dict[str, Any] | None
    values: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    """The profile in force is another one than before."""


class Assignments:
    """The gateways' and the console's way to the profiles of terminals. Every method blocks."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self.engine = engine
        self.catalogue = catalogue
        self._any = _ANY[engine.dialect.name]

    def settle(self, observed: Sequence[Observed]) -> dict[int, Assigned]:
        """The profile of each terminal, matched where it has none or where what is known of it has changed.

        One query for all, and one transaction where something is to be written. Raises sqlalchemy.exc.SQLAlchemyError.
        """
        if not observed:
            return {}
        keys = sorted({each.terminal_id for each in observed})
        with read(self.engine) as connection:
            rows = self._rows(connection, keys)
        self._decide(rows, observed)
        if any(row.values for row in rows.values()):
            with write(self.engine) as connection:
                # again inside the transaction: another gateway or a person may have been here meanwhile
                rows = self._rows(connection, keys)
                self._decide(rows, observed)
                self._store(connection, [row for row in rows.values() if row.values], audit.SYSTEM)
        return {key: _assigned(row) for key, row in rows.items()}

    def chosen(self, phones: Sequence[str]) -> dict[str, Profile]:
        """By phone the profile that a person chose for its terminal, where one did and the catalogue has it."""
        bound: Any = json.dumps(phones) if self.engine.dialect.name == "sqlite" else list(phones)
        with read(self.engine) as connection:
            found = connection.execute(text(_CHOSEN.format(any=self._any)), {"keys": bound}).all()
        return {phone: profile for phone, name in found if (profile := self.catalogue.get(name)) is not None}

    def choose(
        self, terminal_id: int, name: str | None, actor: audit.Actor, scope: Scope, reason: str = ""
    ) -> Assigned:
        """Give the terminal the profile ``name`` by hand, or, with None, let it be matched again.

        Raises NotFound outside the scope and RegistryError for a profile that is not there.
        """
        chosen = None if name is None else self.catalogue.get(name)
        if name is not None and chosen is None:
            raise RegistryError("profile", f"must be one of {', '.join(self.catalogue.current)}", name)
        with write(self.engine) as connection:
            require_terminal(connection, terminal_id, scope)
            row = self._rows(connection, [terminal_id])[terminal_id]
            before = row.stored or {"profile": "", "version": 0, "by_hand": False}
            self._match(row, chosen)
            if (before["profile"], before["version"], bool(before["by_hand"])) != (
                row.values["profile"], row.values["version"], row.values["by_hand"],
            ):  # fmt: skip
                self._store(connection, [row], actor)
                detail: dict[str, Any] = {
                    key: [before[key], row.values[key]] for key in ("profile", "version", "by_hand")
                }
                audit.record(connection, actor, "terminal.profile", terminal_id, detail | {"reason": reason})
        return _assigned(row)

    def _rows(self, connection: Connection, keys: list[int]) -> dict[int, _Row]:
        bound: Any = json.dumps(keys) if self.engine.dialect.name == "sqlite" else keys
        found = {}
        for row in connection.execute(text(_FIND.format(any=self._any)), {"keys": bound}).mappings():
            stored = {name: row[name] for name in _COLUMNS if name != "seen_at"} if row["profile"] else None
            before = stored or {}
            identity = Identity(
                manufacturer_id=row["t_manufacturer"] or before.get("manufacturer_id") or "",
                model=row["t_model"] or before.get("model") or "",
                province=(row["city"] or 0) // 10_000,
                edition=before.get("edition") or row["t_edition"],
            )
            if (identity.manufacturer_id, identity.model) == (before.get("manufacturer_id"), before.get("model")):
                # another device behind the same phone has another firmware and perhaps another dialect
                identity = replace(identity, firmware=before["firmware"], dialect=before["dialect"])
            found[row["id"]] = _Row(row["id"], identity, stored)
        return found

    def _decide(self, rows: dict[int, _Row], observed: Sequence[Observed]) -> None:
        silences: dict[int, bool] = {}
        for each in observed:
            row = rows.get(each.terminal_id)
            if row is None:
                continue
            news = {name: _clean(getattr(each, name), length) for name, length in _LENGTHS.items()}
            news_told: Mapping[str, Any] = {k: v for k, v in (news | {"edition": each.edition}).items() if v}
            row.identity = replace(row.identity, **news_told)
            if each.silent is not None:
                silences[each.terminal_id] = each.silent
        for key, row in rows.items():
            stored = row.stored
            chosen = self.catalogue.get(stored["profile"]) if stored and stored["by_hand"] else None
            self._match(row, chosen)
            if key in silences:
                since = (stored or {}).get("silent_at")
                row.values["silent_at"] = (since or now_ms()) if silences[key] else None
            same = stored is not None and all(
                row.values[name] == (bool(value) if name == "by_hand" else value)
                for name, value in stored.items()
                if name not in ("decided_at", "why")
            )
            if same:
                row.values = {}

    def _match(self, row: _Row, chosen: Profile | None) -> None:
        identity, stored = row.identity, row.stored
        choice = self.catalogue.match(identity)
        profile = chosen or choice.profile
        row.changed = stored is None or (stored["profile"], stored["version"], bool(stored["by_hand"])) != (
            profile.name, profile.version, chosen is not None,
        )  # fmt: skip
        at = now_ms()
        why = [] if chosen else [[reason.key, reason.rule, reason.value] for reason in choice.reasons]
        row.values = {
            "profile": profile.name,
            "version": profile.version,
            "by_hand": chosen is not None,
            "why": json.dumps(why, ensure_ascii=False),
            "manufacturer_id": identity.manufacturer_id,
            "model": identity.model,
            "firmware": identity.firmware,
            "province": identity.province,
            "edition": identity.edition,
            "dialect": identity.dialect,
            "silent_at": (stored or {}).get("silent_at"),
            "decided_at": at if row.changed or stored is None else stored["decided_at"],
            "seen_at": at,
        }

    @staticmethod
    def _store(connection: Connection, rows: list[_Row], actor: audit.Actor) -> None:
        connection.execute(text(_PUT), [{"terminal_id": row.terminal_id} | row.values for row in rows])
        changes = [
            {
                "terminal_id": row.terminal_id,
                "at": row.values["decided_at"],
                "username": actor.username,
                **{name: row.values[name] for name in ("profile", "version", "by_hand", "firmware", "why")},
            }
            for row in rows
            if row.changed
        ]
        if changes:
            connection.execute(insert(TerminalProfileChange), changes)


def _assigned(row: _Row) -> Assigned:
    values = row.values or row.stored or {}
    return Assigned(
        row.terminal_id,
        values["profile"],
        values["version"],
        bool(values["by_hand"]),
        row.identity.dialect,
        row.identity.firmware,
    )


def _clean(value: str, length: int) -> str:
    """A device's text as the registry keeps it: PostgreSQL refuses 0x00, and nobody can read a control character."""
    return "".join(char for char in value if char.isprintable()).strip()[:length]


def require_terminal(connection: Connection, terminal_id: int, scope: Scope) -> None:
    """Raises NotFound unless there is such a terminal within the scope."""
    statement = select(Terminal.id).where(Terminal.id == terminal_id, *scope.of_terminals())
    if connection.scalar(statement) is None:
        raise NotFound("id", "there is no such terminal", terminal_id)
