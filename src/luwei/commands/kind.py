"""What one kind of command is, and short ways to write the fields of its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Engine

from luwei.commands.forms import FormField, Value, check
from luwei.commands.letters import Build
from luwei.gateway.orders import Letter
from luwei.profiles.check import CHARSETS
from luwei.protocol.errors import ProtocolError
from luwei.protocol.message import EDITIONS
from luwei.protocol.texts import texts_in
from luwei.registry.scope import Scope

BODY_MAX = 65_536


class Sendable(Protocol):
    """What the engine needs of a kind."""

    @property
    def repeatable(self) -> bool: ...

    def letter(self, values: Mapping[str, Any]) -> Letter: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One command."""

    code: str
    zh: str
    en: str
    group: str
    """Heading in the list: query, notice, parameter, media, area, control."""
    clause: str
    message: Build
    fields: tuple[FormField, ...] = ()
    answer: int = 0
    """Id of the specific answer; 0: 0x0001."""
    general_ends: bool = False
    patience_s: int = 0
    reason: bool = False
    """A reason must be given: the command listens, restarts or takes control."""
    hears: bool = False
    """The cab is heard without knowing of it: whoever sends it needs the right to listen."""
    sees: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether values of it bring pictures out of the truck: whoever sends those needs the right to video."""
    single: bool = False
    """One vehicle at a time."""
    repeatable: bool = True
    """May be sent again when nobody knows whether it arrived."""
    binary: Build | None = None
    """The message for terminals whose profile wants binary numbers between semicolons, where it differs."""
    resolve: Callable[[Engine, Scope, Mapping[str, Any]], dict[str, Any]] | None = None
    """Puts what checked values name into them, out of the registry and within the caller's scope."""

    def letter(self, values: Mapping[str, Any]) -> Letter:
        """The message for every edition that has it. Raises ProtocolError when none does or a value does not fit."""
        bodies: dict[int, bytes] = {}
        binary: dict[int, bytes] = {}
        message_id, problem = 0, ProtocolError("edition", "no edition has this message")
        for edition in EDITIONS:
            try:
                made = self.message(values, edition)
                if made.since <= edition <= made.until:
                    bodies[edition], message_id = made.encode(edition), made.id
                    if self.binary is not None:
                        binary[edition] = self.binary(values, edition).encode(edition)
            except ProtocolError as error:
                problem = error
        if not bodies:
            raise problem
        if max(map(len, bodies.values())) > BODY_MAX:
            raise ProtocolError("value", f"body of more than {BODY_MAX} bytes")
        texts = {
            charset: found for charset in CHARSETS[1:] if (found := self._written(values, bodies, charset)) != bodies
        }
        return Letter(message_id, bodies, self.answer, self.general_ends, self.patience_s, binary=binary, texts=texts)

    def _written(self, values: Mapping[str, Any], editions: Iterable[int], charset: str) -> dict[int, bytes]:
        """The bodies in another charset, as far as the texts fit."""
        found: dict[int, bytes] = {}
        for edition in editions:
            with suppress(ProtocolError), texts_in(charset):
                found[edition] = self.message(values, edition).encode(edition)
        return found

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the form as they are kept. Raises RegistryError naming field and clause."""
        return check(self.fields, given)


def integer(
    name: str, zh: str, en: str, clause: str, low: int, high: int, default: Any = None, **more: Any
) -> FormField:
    return FormField(name, "integer", zh, en, clause, low=low, high=high, default=default, **more)


def pick(name: str, zh: str, en: str, clause: str, values: tuple[Value, ...], default: Any, **more: Any) -> FormField:
    return FormField(name, "choice", zh, en, clause, values=values, default=default, **more)


def string(name: str, zh: str, en: str, clause: str, most: int, **more: Any) -> FormField:
    return FormField(name, "text", zh, en, clause, most=most, **more)
