"""What became of a file: counts, and each error with its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from luwei.registry.errors import RegistryError

MAX_ERRORS = 1_000
"""Errors that are told; all are counted."""


@dataclass(frozen=True, slots=True)
class RowError:
    """``row`` counts as the spreadsheet does: the header is row 1. ``column`` is the header as the file has it."""

    row: int
    column: str
    rule: str
    value: str


@dataclass(slots=True)
class Report:
    """``rows`` = created + updated + refused + those that changed nothing."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    refused: int = 0
    errors: list[RowError] = field(default_factory=list)
    changed: dict[str, list[int]] = field(default_factory=dict)
    """Ids by noun of what was written; empty after a dry run."""
    most: int = MAX_ERRORS

    def refuse(self, row: int, errors: list[RegistryError], headers: dict[str, str]) -> None:
        """Count a refused row and tell its errors while there is room."""
        self.refused += 1
        for error in errors:
            if len(self.errors) < self.most:
                self.errors.append(RowError(row, headers.get(error.field, error.field), error.rule, error.value))
