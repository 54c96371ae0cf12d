"""What the registry knows of a plate that an officer reads on the road: truck, terminal, and what is open of it.

The truck stands before the officer, so he finds it by its whole plate wherever it is registered (reference supervision
§2.1); what people did with it (cases, orders) is for the scopes of those rights. Every function blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, select

from luwei.cases.scope import within as cases_within
from luwei.oversight import orders, policies
from luwei.oversight.roadside.judging import Registered
from luwei.registry import bindings, gone, vehicle_list
from luwei.registry.binding import TERMINAL
from luwei.registry.case import DONE, STAGE_OF, AlarmCase
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.supervision import CLOSED, SupervisionOrder
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_model import TerminalModel
from luwei.registry.terminal_profile import TerminalProfile
from luwei.registry.vehicle import Vehicle
from luwei.registry.vehicle_list import VehicleView

SEVERE = 3


@dataclass(frozen=True, slots=True)
class Known:
    """A truck as the registry has it."""

    view: VehicleView
    ids: list[int]
    """Under which its facts stand in the history: its own and those of records that were merged into it."""
    registered: Registered
    bound_at: int | None
    vendor_id: int | None
    firmware: str
    offline_hours: int
    offline_km: int
    """From the oversight policy in force: what counts as moved while silent."""


@dataclass(frozen=True, slots=True)
class Work:
    """What people did or owe; None: not this officer's to see. ``grades``: cases opened since, by grade."""

    grades: dict[str, int] | None
    cases: dict[str, int] | None
    orders: dict[str, int] | None


def colours(engine: Engine, scope: Scope, plate: str) -> list[int]:
    """Colours under which a normalised plate is registered."""
    with read(engine) as connection:
        statement = select(Vehicle.plate_color).where(Vehicle.plate == plate, *scope.of_vehicles())
        return list(connection.scalars(statement.order_by(Vehicle.plate_color)))


def known(engine: Engine, scope: Scope, plate: str, color: int, now: int) -> Known | None:
    """The truck with a normalised plate of that colour; None where there is none in the scope."""
    with read(engine) as connection:
        here = (Vehicle.plate == plate, Vehicle.plate_color == color, *scope.of_vehicles())
        key = connection.scalar(select(Vehicle.id).where(*here))
        if key is None:
            return None
        (view,) = vehicle_list.views(connection, [key])
        ids = gone.known_as(connection, "vehicle", key)
        rules = policies.at(connection, now)
        device = _device(connection, view)
        bound_at = None
        if view.terminal is not None:
            spans = [each for each in bindings.spans(connection, [key], TERMINAL) if each.to_at is None]
            bound_at = spans[-1].from_at if spans else None
    registered = Registered(
        view.vehicle_class, view.gross_mass_kg, view.transport_certificate, view.certificate_valid_to,
        view.terminal.id if view.terminal is not None else None, bound_at, device["model"], device["catalogued"],
        device["number"], None,
    )  # fmt: skip
    return Known(
        view, ids, registered, bound_at, device["vendor"], device["firmware"], rules.offline_hours, rules.offline_km
    )  # fmt: skip


def _device(connection: Connection, view: VehicleView) -> dict[str, Any]:
    """Model and firmware: the list's entry where one is tied, else what the device calls itself."""
    found: dict[str, Any] = {"model": "", "catalogued": None, "number": None, "vendor": None, "firmware": ""}
    if view.terminal is None:
        return found
    row = connection.execute(
        select(
            Terminal.model, Terminal.vendor_id, TerminalModel.name, TerminalModel.catalogued,
            TerminalModel.catalogue_number, TerminalProfile.firmware,
        )
        .outerjoin(TerminalModel, TerminalModel.id == Terminal.model_id)
        .outerjoin(TerminalProfile, TerminalProfile.terminal_id == Terminal.id)
        .where(Terminal.id == view.terminal.id)
    ).one()  # fmt: skip
    return {
        "model": row.name or row.model, "catalogued": row.catalogued, "number": row.catalogue_number,
        "vendor": row.vendor_id, "firmware": row.firmware or "",
    }  # fmt: skip


def inside(engine: Engine, scope: Scope | None, vehicle: int) -> bool:
    """Whether the truck lies within ``scope``; None is nothing."""
    if scope is None or scope.aggregate:
        return False
    with read(engine) as connection:
        mine = select(Vehicle.id).where(Vehicle.id == vehicle, *scope.of_vehicles())
        return connection.scalar(mine) is not None


def work(
    engine: Engine, vehicle: int, since: int, cases: Scope | None, ordered: Scope | None, organisation: int | None
) -> Work:
    """Cases and supervision orders of the truck within the scopes of who asks; ``organisation``: whose he is."""
    with read(engine) as connection:
        grades, counts = (None, None) if cases is None else _cases(connection, vehicle, since, cases)
        owed = None
        if ordered is not None:
            mine = orders.visible(ordered, organisation)
            owed = _counted(
                connection,
                [SupervisionOrder.vehicle_id == vehicle, SupervisionOrder.state != CLOSED, *mine],
                {"open": SupervisionOrder.id.is_not(None), "overdue": SupervisionOrder.overdue.is_(True)},
            )
    return Work(grades, counts, owed)


def _cases(connection: Connection, vehicle: int, since: int, scope: Scope) -> tuple[dict[str, int], dict[str, int]]:
    mine = [AlarmCase.vehicle_id == vehicle, *cases_within(scope)]
    grades = {f"g{grade}": AlarmCase.grade == grade for grade in (1, 2, 3)}
    opened = _counted(connection, [*mine, AlarmCase.opened_at >= since], grades)
    todo = [stage for stage in sorted(set(STAGE_OF.values())) if stage != DONE]
    late = and_(AlarmCase.overdue > 0, AlarmCase.stage.in_(todo))
    counts = _counted(
        connection, [*mine, AlarmCase.stage.in_(todo)],
        {"open": AlarmCase.id.is_not(None), "severe": AlarmCase.grade == SEVERE, "overdue": late},
    )  # fmt: skip
    return opened, counts


def _counted(
    connection: Connection, conditions: list[ColumnElement[bool]], sorts: dict[str, ColumnElement[bool]]
) -> dict[str, int]:
    sums = [func.coalesce(func.sum(case((each, 1), else_=0)), 0).label(name) for name, each in sorts.items()]
    row = connection.execute(select(*sums).where(*conditions)).one()
    return {name: int(value) for name, value in row._mapping.items()}
