"""What a scope reaches: the rows of any noun that a person may see, as one select."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select

from luwei.registry.driver import Driver
from luwei.registry.errors import NotFound
from luwei.registry.organisation import Organisation
from luwei.registry.scope import Scope
from luwei.registry.sim import Sim
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_model import TerminalModel
from luwei.registry.vehicle import Vehicle

MODELS: dict[str, Any] = {
    "organisation": Organisation,
    "vehicle": Vehicle,
    "terminal": Terminal,
    "terminal_model": TerminalModel,
    "sim": Sim,
    "driver": Driver,
}
"""Model of every noun that people keep."""


def visible(model: Any, scope: Scope) -> Select[Any]:
    """A select of all columns of the rows of ``model`` that lie in ``scope``."""
    return within(select(*model.__table__.columns), model, scope)


def within(statement: Select[Any], model: Any, scope: Scope) -> Select[Any]:
    """Limit a select on ``model`` to the rows of ``scope``."""
    if model is Vehicle:
        return statement.where(*scope.of_vehicles())
    if model is Organisation:
        return statement.where(*scope.of_organisations())
    if model is Driver:
        return statement.where(*scope.of_drivers())
    if scope.whole or model is TerminalModel:
        return statement
    if model is Terminal:
        return statement.where(*scope.of_terminals())
    return statement.where(Sim.terminal_id.in_(select(Terminal.id).where(*scope.of_terminals())))


def require(connection: Connection, noun: str, key: int, scope: Scope, lock: bool = False) -> Any:
    """The row of ``noun`` (all columns). Raises NotFound when there is none in the scope."""
    model = MODELS[noun]
    statement = visible(model, scope).where(model.id == key)
    found = connection.execute(statement.with_for_update(of=model) if lock else statement).one_or_none()
    if found is None:
        raise NotFound("id", f"there is no such {noun.replace('_', ' ')}", key)
    return found
