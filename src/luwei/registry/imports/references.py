"""Other records that the rows of a file name: found for the whole file at once, within the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from luwei.registry import reach
from luwei.registry.errors import RegistryError
from luwei.registry.imports.columns import Reference
from luwei.registry.imports.rows import ImportRow
from luwei.registry.organisation import Organisation
from luwei.registry.scope import Scope

_CHUNK = 2_000
AMBIGUOUS = "several organisations have this name; give the credit code instead"
"""Rule of a name that means more than one."""


@dataclass(frozen=True, slots=True)
class Named:
    """A record that a name means."""

    id: int
    kind: str = ""
    """Of an organisation."""
    disabled: bool = False


@dataclass(slots=True)
class References:
    """Records by (noun, column of the name, name). Organisations are found by their credit code too."""

    found: dict[tuple[str, str, str], list[Named]] = field(default_factory=dict)

    def load(self, connection: Connection, rows: Sequence[ImportRow], scope: Scope) -> None:
        """Look up every name that ``rows`` give."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for reference, text in row.references.values():
                wanted.setdefault((reference.noun, reference.by), set()).add(text)
        for (noun, by), names in wanted.items():
            self._look_up(connection, noun, by, by, names, scope)
            if noun == "organisation" and by == "name":
                self._look_up(connection, noun, by, "credit_code", names, scope)

    def _look_up(
        self, connection: Connection, noun: str, by: str, column_name: str, names: set[str], scope: Scope
    ) -> None:
        model = reach.MODELS[noun]
        column = getattr(model, column_name)
        columns = [model.id, column]
        if model is Organisation:
            columns += [Organisation.kind, Organisation.disabled_at]
        ordered = sorted(names)
        for start in range(0, len(ordered), _CHUNK):
            statement = select(*columns).where(column.in_(ordered[start : start + _CHUNK]))
            for key, name, *rest in connection.execute(reach.within(statement, model, scope)):
                kind, disabled = rest if rest else ("", None)
                self.found.setdefault((noun, by, name), []).append(Named(key, kind, disabled is not None))

    def ids(self, references: Mapping[str, tuple[Reference, str]]) -> dict[str, int]:
        """Ids of what a row names, by column. Raises RegistryError for what is not there, or there more than once."""
        return {name: self._id(name, *both) for name, both in references.items()}

    def _id(self, name: str, reference: Reference, text: str) -> int:
        known = [
            each
            for each in self.found.get((reference.noun, reference.by, text), ())
            if not reference.kinds or each.kind in reference.kinds
        ]
        if not known:
            raise RegistryError(name, f"there is no such {reference.noun}", text)
        usable = [each for each in known if not each.disabled]
        if not usable:
            raise RegistryError(name, "this organisation is disabled", text)
        if len(usable) > 1:
            raise RegistryError(name, AMBIGUOUS, text)
        return usable[0].id
