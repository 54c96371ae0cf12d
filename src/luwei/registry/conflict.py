"""Naming the field behind a broken unique constraint, and the record that has the value already; alike for SQLite and
PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from luwei.registry.driver import Driver
from luwei.registry.engine import read
from luwei.registry.errors import Conflict
from luwei.registry.organisation import Organisation
from luwei.registry.plate import COLORS
from luwei.registry.reach import visible
from luwei.registry.scope import Scope
from luwei.registry.sim import Sim
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_model import TerminalModel
from luwei.registry.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class _Key:
    """A unique key: how the constraint is called, the field a person reads of, and where to find the other row."""

    constraint: str
    field: str
    rule: str
    model: Any = None
    columns: tuple[str, ...] = ()


_KEYS = (
    _Key("vehicle.plate", "plate", "another vehicle has this plate and colour", Vehicle, ("plate", "plate_color")),
    _Key("vehicle.vin", "vin", "another vehicle has this VIN", Vehicle, ("vin",)),
    _Key(
        "vehicle.transport_certificate", "transport_certificate", "another vehicle has this 道路运输证",
        Vehicle, ("transport_certificate",),
    ),
    _Key("terminal.phone", "phone", "another terminal has this phone", Terminal, ("phone",)),
    _Key("terminal.vehicle_id", "vehicle_id", "the vehicle already has a terminal", Terminal, ("vehicle_id",)),
    _Key("organisation.name", "name", "another organisation of this place has this name", Organisation, ("name",)),
    _Key(
        "organisation.credit_code", "credit_code", "another organisation has this code", Organisation, ("credit_code",)
    ),
    _Key("organisation.area", "area", "another organisation governs this area", Organisation, ("area",)),
    _Key("driver.identity_number", "identity_number", "another driver has this number", Driver, ("identity_number",)),
    _Key(
        "driver.qualification_number", "qualification_number", "another driver has this number",
        Driver, ("qualification_number",),
    ),
    _Key("sim.iccid", "iccid", "another SIM card has this ICCID", Sim, ("iccid",)),
    _Key("sim.msisdn", "msisdn", "another SIM card has this number", Sim, ("msisdn",)),
    _Key(
        "terminal_model.manufacturer_id", "name", "this model and firmware are there already",
        TerminalModel, ("manufacturer_id", "name", "firmware"),
    ),
    _Key("terminal_channel.terminal_id", "logical", "another channel has this number"),
    _Key("parameter_template.name", "name", "another template has this name"),
    _Key("user_account.oidc_subject", "oidc_subject", "another user has this subject"),
    _Key("user_account.username", "username", "another user has this name"),
)  # fmt: skip

LABELS: dict[Any, Callable[[Any], str]] = {
    Vehicle: lambda row: f"{row.plate}（{COLORS.get(row.plate_color, row.plate_color)}）",
    Terminal: lambda row: str(row.phone),
    Organisation: lambda row: str(row.name),
    Sim: lambda row: str(row.iccid),
    TerminalModel: lambda row: f"{row.name} {row.firmware}".strip(),
    # A driver's name is personal data; the id is enough for who may open the record.
    Driver: lambda row: f"#{row.id}",
}


def label(model: Any, key: int, values: Mapping[str, Any]) -> str:
    """How a conflict calls the row with these values."""
    return LABELS[model](SimpleNamespace(**(dict(values) | {"id": key})))


def clash(model: Any, row: Any) -> dict[str, int | str]:
    """The other record as a conflict names it."""
    return {"noun": model.__tablename__, "id": row.id, "label": LABELS[model](row)}


@contextmanager
def named_conflicts(engine: Engine | None = None, scope: Scope | None = None) -> Iterator[dict[str, Any]]:
    """Turn an IntegrityError of the known constraints into a Conflict that names the field.

    The block fills the yielded mapping with the values that it writes; with them the other record is looked up, and
    named where it lies in ``scope``. Otherwise the conflict says that it exists elsewhere.
    """
    written: dict[str, Any] = {}
    try:
        yield written
    except IntegrityError as error:
        # SQLite: "UNIQUE constraint failed: vehicle.plate, …"; PostgreSQL: constraint "uq_vehicle_plate_plate_color".
        said = str(error.orig)
        for key in _KEYS:
            if f": {key.constraint}" in said or f"uq_{key.constraint.replace('.', '_')}" in said:
                raise _conflict(key, engine, scope, written) from error
        raise


def _conflict(key: _Key, engine: Engine | None, scope: Scope | None, written: Mapping[str, Any]) -> Conflict:
    value = written.get(key.field, "")
    if key.model is None or engine is None or scope is None or not all(name in written for name in key.columns):
        return Conflict(key.field, key.rule, value)
    model = key.model
    same = [getattr(model, name) == written[name] for name in key.columns]
    with read(engine) as connection:
        found = connection.execute(visible(model, scope).where(*same)).first()
    if found is None:
        return Conflict(key.field, f"{key.rule}; it exists elsewhere", value)
    other = clash(model, found)
    return Conflict(key.field, f"{key.rule}: {other['label']}", value, other)
