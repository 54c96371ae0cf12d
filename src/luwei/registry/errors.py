"""The one error of the registry: which field broke which rule with which value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RegistryError(ValueError):
    """A value that a rule refuses.

    ``field`` is the column's English name, ``rule`` a sentence a person can act on, ``value`` what was given
    (cut to 80 characters, so that a hostile import cannot fill a log).
    """

    def __init__(self, field: str, rule: str, value: object = "") -> None:
        text = str(value)
        self.field = field
        self.rule = rule
        self.value = text if len(text) <= 80 else text[:79] + "…"
        super().__init__(f"{field}={self.value!r}: {rule}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors of an import come back from another process."""
        return type(self), (self.field, self.rule, self.value)


class NotFound(RegistryError):
    """No such row within the caller's scope; the two cases are told apart nowhere, so ids cannot be probed."""


class Conflict(RegistryError):
    """The value is well formed but already belongs to another row.

    ``clash`` is that row, ``{"noun", "id", "label"}``, where it lies in the caller's scope; else None.
    """

    def __init__(self, field: str, rule: str, value: object = "", clash: Mapping[str, int | str] | None = None) -> None:
        super().__init__(field, rule, value)
        self.clash = dict(clash) if clash else None

    def __reduce__(self) -> tuple[Any, ...]:
        """As above, with the other row."""
        return type(self), (self.field, self.rule, self.value, self.clash)


class Moved(NotFound):
    """The record was merged into another one, ``clash``, which lies in the caller's scope."""

    def __init__(self, field: str, rule: str, value: object, clash: Mapping[str, int | str]) -> None:
        super().__init__(field, rule, value)
        self.clash = dict(clash)

    def __reduce__(self) -> tuple[Any, ...]:
        """As above, with the other row."""
        return type(self), (self.field, self.rule, self.value, self.clash)
