"""Other records that the rows of a file name: found for the whole file at once, within the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from luwei.registry import reach
from luwei.registry.errors import RegistryError
from luwei.registry.imports.columns import Reference
from luwei.registry.imports.rows import ImportRow
from luwei.registry.organisation import Organisation
from luwei.registry.scope import Scope

_CHUNK = 2_000


@dataclass(slots=True)
class References:
    """Ids by (noun, column of the name, name)."""

    found: dict[tuple[str, str, str], tuple[int, str, bool]] = field(default_factory=dict)
    """(id, kind of organisation, disabled)."""

    def load(self, connection: Connection, rows: Sequence[ImportRow], scope: Scope) -> None:
        """Look up every name that ``rows`` give."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for reference, text in row.references.values():
                wanted.setdefault((reference.noun, reference.by), set()).add(text)
        for (noun, by), names in wanted.items():
            model = reach.MODELS[noun]
            column = getattr(model, by)
            columns = [model.id, column]
            if model is Organisation:
                columns += [Organisation.kind, Organisation.disabled_at]
            ordered = sorted(names)
            for start in range(0, len(ordered), _CHUNK):
                statement = select(*columns).where(column.in_(ordered[start : start + _CHUNK]))
                for key, name, *rest in connection.execute(reach.within(statement, model, scope)):
                    kind, disabled = rest if rest else ("", None)
                    self.found[noun, by, name] = (key, kind, disabled is not None)

    def ids(self, references: Mapping[str, tuple[Reference, str]]) -> dict[str, int]:
        """Ids of what a row names, by column. Raises RegistryError for what is not there."""
        return {name: self._id(name, *both) for name, both in references.items()}

    def _id(self, name: str, reference: Reference, text: str) -> int:
        known: Any = self.found.get((reference.noun, reference.by, text))
        if known is None or (reference.kinds and known[1] not in reference.kinds):
            raise RegistryError(name, f"there is no such {reference.noun}", text)
        if known[2]:
            raise RegistryError(name, "this organisation is disabled", text)
        return int(known[0])
