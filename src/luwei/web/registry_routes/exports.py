"""Every list of the registry as a CSV or Excel file over HTTP, with the filters of the list, streamed.

Who exports is told with the filters: a copy of data leaves the system.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Literal

import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from sqlalchemy import Engine

from luwei.live.feed import now_ms
from luwei.live.view import Selection
from luwei.registry import drivers, models, noun, organisations, sims, terminals, vehicle_list
from luwei.registry.exports import csv_parts, header, lines, xlsx_parts
from luwei.registry.masking import masked_cell
from luwei.registry.organisation import OPERATING
from luwei.registry.organisations import OrganisationFilter
from luwei.registry.scope import Scope
from luwei.registry.terminals import TerminalFilter
from luwei.registry.vehicle_list import VehicleFilter
from luwei.web.china_time import today
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.imports import KINDS, Noun
from luwei.web.registry_routes.vehicles import State
from luwei.web.services import Services

Form = Literal["csv", "xlsx"]
_FORMS = {
    "csv": ("text/csv; charset=utf-8", csv_parts),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_parts),
}

Keys = Callable[[Engine, Scope], list[int]]


@get("/api/export/{noun_name:str}/{form:str}", tags=["import"])
async def export_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    noun_name: FromPath[Noun],
    form: FromPath[Form],
    q: FromQuery[str] = "",
    city: FromQuery[int | None] = None,
    county: FromQuery[int | None] = None,
    operator: FromQuery[int | None] = None,
    monitor: FromQuery[int | None] = None,
    insurer: FromQuery[int | None] = None,
    kind: FromQuery[list[str] | None] = None,
    parent: Annotated[int | None, QueryParameter(name="parent", ge=0, le=2**31 - 1)] = None,
    live: Annotated[State, QueryParameter(name="state")] = "all",
    sort: FromQuery[str] = "plate",
    unbound: FromQuery[bool] = False,
    terminal: FromQuery[int | None] = None,
    vendor: FromQuery[int | None] = None,
    catalogued: FromQuery[bool | None] = None,
) -> Stream:
    """The list as a file whose columns are those of the import. Each list takes the filters that it has."""
    scope = door.allow("export", KINDS[noun_name][0])
    if scope.narrow == "match_result":
        raise Refused(403, noun_name, "masked", "who sees drivers masked takes no copy of them along")
    among = None
    if noun_name == "vehicles" and live != "all":
        placed = door.allow("export", "position")
        among = np.flatnonzero(Selection(city, county, operator, live, placed).mask(services.fleet)).astype(np.int64)

    def keys(engine: Engine) -> list[int]:
        match noun_name:
            case "vehicles":
                return vehicle_list.keys(
                    engine, scope, VehicleFilter(q, city, county, operator, monitor, insurer, among), sort
                )
            case "terminals":
                return terminals.keys(engine, scope, TerminalFilter(q, unbound, city, county, operator, vendor))
            case "drivers":
                return noun.keys(engine, drivers.NOUN, scope, drivers.conditions(engine, q, city, operator, county))
            case "sims":
                return noun.keys(engine, sims.NOUN, scope, sims.conditions(engine, scope, q, terminal))
            case "models":
                return noun.keys(engine, models.NOUN, scope, models.conditions(engine, q, vendor, catalogued))
        kinds = OPERATING if noun_name == "operators" else tuple(kind or ())
        chosen = OrganisationFilter(q, kinds, city, county, parent)
        return noun.keys(engine, organisations.NOUN, scope, chosen.conditions(engine))

    found = await asyncio.to_thread(keys, services.engine)
    mask = masked_cell if scope.narrow == "masked" else None
    told = {"q": q, "city": city, "county": county, "operator": operator, "state": live, "form": form}
    told = {name: value for name, value in told.items() if value not in (None, "", "all")}
    await door.note(f"{KINDS[noun_name][0]}.export", None, told | {"rows": len(found)})
    media, parts = _FORMS[form]
    pieces = parts(header(noun_name), lines(services.engine, noun_name, found, mask))
    name = f"{noun_name}-{today(now_ms())}.{form}"
    return Stream(
        _threaded(pieces),
        media_type=media,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _threaded(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make each piece in a thread: it waits for the database, and packing it takes a while."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


route_handlers: list[ControllerRouterHandler] = [export_list]
