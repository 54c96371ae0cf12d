"""The plan of an import of one plain noun: which stored row each row of the file means, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from luwei.registry import conflict, drivers, models, organisations, reach, sims
from luwei.registry.audit import changes
from luwei.registry.errors import Conflict, RegistryError
from luwei.registry.imports.references import AMBIGUOUS, References
from luwei.registry.imports.rows import ImportRow
from luwei.registry.noun import Noun
from luwei.registry.organisation import OPERATING, OPERATOR
from luwei.registry.scope import Scope

_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A noun as files bring it: by which keys a row finds its stored row, the best first, and what else is unique."""

    noun: Noun[Any]
    keys: tuple[tuple[str, ...], ...]
    unique: tuple[tuple[str, ...], ...] = ()
    kinds: tuple[str, ...] = ()
    """Of organisations: those that may come in."""
    start: Mapping[str, Any] = field(default_factory=dict)
    """Values of a new row that the file does not give."""
    namesakes: bool = False
    """Several may have one name: what else the row says tells which is meant (``organisations.told_apart``)."""


KEPT = {
    "operators": Kept(organisations.NOUN, (("name",),), (("credit_code",),), OPERATING, {"kind": OPERATOR}, True),
    "organisations": Kept(organisations.NOUN, (("name",),), (("credit_code",), ("area",)), namesakes=True),
    "drivers": Kept(drivers.NOUN, (("identity_number",), ("qualification_number",))),
    "sims": Kept(sims.NOUN, (("iccid",),), (("msisdn",),)),
    "models": Kept(
        models.NOUN, (("manufacturer_id", "name", "firmware"),), start={"manufacturer_id": "", "firmware": ""}
    ),
}


@dataclass(slots=True, eq=False)
class Row:
    """A row of the table: as it was (None: new) and as it will be; ``id`` 0 until it is written."""

    id: int
    before: dict[str, Any] | None
    values: dict[str, Any]
    mine: bool = True
    """Lies in the caller's scope."""


@dataclass(slots=True)
class PlainPlan:
    """Stored rows by their unique keys, and those that a row of the file touched, in order."""

    kept: Kept
    scope: Scope
    references: References = field(default_factory=References)
    stored: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    """By (columns, values)."""
    touched: dict[int, Row] = field(default_factory=dict)
    named: dict[str, list[Row]] = field(default_factory=dict)
    """Of nouns with namesakes: by name."""
    seen: dict[int, int] = field(default_factory=dict)
    """Row of the file by ``id()`` of the row object that it meant."""

    def load(self, connection: Connection, rows: Sequence[ImportRow]) -> None:
        """Fetch what the rows name: stored rows by any unique key, and the records they refer to."""
        good = [row for row in rows if not row.errors]
        self.references.load(connection, good, self.scope)
        noun = self.kept.noun
        for row in good:
            row.normal = dict(self.kept.start) | noun.check(row.plain, {}).values
        by_id: dict[int, Row] = {}
        for columns in (*self.kept.keys, *self.kept.unique):
            first = columns[0] if len(columns) == 1 else columns[1]
            wanted = {value for row in good if (value := row.normal.get(first)) not in (None, "")}
            names = [noun.model.id, *(getattr(noun.model, name) for name in noun.fields)]
            for part in _parts(sorted(wanted, key=str)):
                statement = select(*names).where(getattr(noun.model, first).in_(part))
                for key, *rest in connection.execute(statement):
                    if key not in by_id:
                        values = dict(zip(noun.fields, rest, strict=True))
                        by_id[key] = Row(key, dict(values), values)
        if not self.scope.whole:
            mine: set[int] = set()
            for part in _parts(sorted(by_id)):
                statement = reach.within(select(noun.model.id), noun.model, self.scope)
                mine |= set(connection.scalars(statement.where(noun.model.id.in_(part))))
            for key, stored in by_id.items():
                stored.mine = key in mine
        for stored in by_id.values():
            self._index(stored)

    def apply(self, connection: Connection, row: ImportRow) -> str:
        """Take one row in; ``created``, ``updated`` or ``unchanged``. Raises RegistryError and changes nothing."""
        given = row.plain | self.references.ids(row.references)
        known = self._find(row)
        if known is not None and not known.mine:
            raise Conflict(self.kept.keys[0][0], "exists elsewhere, outside your jurisdiction")
        if known is not None and self.kept.kinds and known.values["kind"] not in self.kept.kinds:
            raise RegistryError("name", "is the name of an organisation that is no operator", known.values["name"])
        if known is not None and id(known) in self.seen:
            raise RegistryError(self.kept.keys[0][0], f"row {self.seen[id(known)]} has the same")
        before = known.values if known else None
        values = self.kept.noun.check(given if before else dict(self.kept.start) | given, before).raise_first()
        after = (before or dict.fromkeys(self.kept.noun.fields)) | values
        key = known.id if known else 0
        if before is not None:
            self.kept.noun.cover(before | {"id": key}, self.scope)
        self.kept.noun.cover(after | {"id": key}, self.scope)
        self._require_free(after, known)
        self._require_place(connection, values, before, key)
        return self._take(row, known, values, after)

    def _take(self, row: ImportRow, known: Row | None, values: dict[str, Any], after: dict[str, Any]) -> str:
        if known is None:
            fresh = Row(0, None, after)
            self._index(fresh)
            self.touched[id(fresh)] = fresh
            self.seen[id(fresh)] = row.number
            return "created"
        self.seen[id(known)] = row.number
        if not changes(known.values, values):
            return "unchanged"
        known.values.update(values)
        self._index(known)
        self.touched[id(known)] = known
        return "updated"

    def _find(self, row: ImportRow) -> Row | None:
        given = row.normal
        usable = [key for key in self.kept.keys if all(given.get(name) is not None for name in key)]
        if not usable:
            words = " or ".join(key[0] for key in self.kept.keys)
            raise RegistryError(self.kept.keys[0][0], f"must be given: {words}")
        if self.kept.namesakes:
            return self._namesake(row)
        for columns in usable:
            found = self.stored.get((columns, tuple(given[name] for name in columns)))
            if found is not None:
                return found
        return None

    def _namesake(self, row: ImportRow) -> Row | None:
        """Which of those with the name is meant: the one of the credit code; else the one of the place that the row
        says; else the only one there is."""
        given = row.normal | self.references.ids(row.references)
        code = given.get("credit_code")
        if code and (known := self.stored.get((("credit_code",), (code,)))) is not None:
            return known if known.values["name"] == given["name"] or known.mine else None
        said = {name: given[name] for name in ("city", "county", "parent_id") if given.get(name) is not None}
        fits = [
            each
            for each in self.named.get(given["name"], ())
            if all(each.values.get(name) in (value, None) for name, value in said.items())
            and not (code and each.values.get("credit_code"))
        ]
        mine = [each for each in fits if each.mine]
        if len(mine) > 1:
            raise RegistryError("name", AMBIGUOUS, given["name"])
        return mine[0] if mine else fits[0] if fits and said else None

    def _require_free(self, after: Mapping[str, Any], known: Row | None) -> None:
        for namesake in self.named.get(after.get("name", ""), ()) if self.kept.namesakes else ():
            if namesake is known or organisations.told_apart(after, namesake.values):
                continue
            if id(namesake) in self.seen:
                raise Conflict("name", f"row {self.seen[id(namesake)]} has the same", after["name"])
            elsewhere = "" if namesake.mine else "; it exists elsewhere"
            raise Conflict("name", f"{organisations.NAMESAKE}{elsewhere}", after["name"])
        for columns in self.kept.unique if self.kept.namesakes else (*self.kept.keys, *self.kept.unique):
            values = tuple(after.get(name) for name in columns)
            other = None if None in values else self.stored.get((columns, values))
            if other is None or other is known:
                continue
            name = columns[-1] if len(columns) == 1 else "name"
            word = self.kept.noun.words
            if not other.mine:
                raise Conflict(name, f"another {word} has this; it exists elsewhere", after.get(name))
            if id(other) in self.seen:
                raise Conflict(name, f"row {self.seen[id(other)]} has the same", after.get(name))
            label = conflict.label(self.kept.noun.model, other.id, other.values)
            told: dict[str, int | str] = {"noun": self.kept.noun.name, "id": other.id, "label": label}
            raise Conflict(name, f"another {word} has this: {label}", after.get(name), told)

    def _require_place(
        self, connection: Connection, values: Mapping[str, Any], before: Mapping[str, Any] | None, key: int
    ) -> None:
        """The tree of organisations is asked row by row; other references were found for all rows at once."""
        if self.kept.noun is organisations.NOUN:
            differs = {name: value for name, value in values.items() if before is None or before.get(name) != value}
            stored = None if before is None else dict(before) | {"id": key}
            self.kept.noun.require(connection, differs, stored, self.scope)

    def _index(self, row: Row) -> None:
        if self.kept.namesakes and row not in (there := self.named.setdefault(row.values["name"], [])):
            there.append(row)
        for columns in (*self.kept.keys, *self.kept.unique):
            values = tuple(row.values.get(name) for name in columns)
            if None not in values:
                self.stored[columns, values] = row


def _parts(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))
