"""Areas and routes 区域与路线: those of the province are everybody's, those of a city its own people's."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running

from luwei.registry import areas
from luwei.registry.audit import SYSTEM
from luwei.registry.scope import WHOLE
from oracle import rights
from oracle.world import CITIES, World, city_of, listed


async def fill(web: Running, world: World, chance: Any) -> None:
    world.rows["areas"] = {}
    for city in (None, *CITIES):
        shape = {"lat_e6": 23_000_000, "lon_e6": 113_000_000, "radius_m": 500}
        given = {"name": f"区{city}", "kind": "circle", "city": city, "geometry": shape}
        key = areas.create(web.services.engine, given, SYSTEM, WHOLE)
        world.rows["areas"][key] = {"id": key, "city": city}


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["areas"]
    reach, every = rights.reach(world, person, "area"), rights.sees_all(person, "area")
    home = city_of(person["area"]) if person["area"] else None
    due = {k for k, row in rows.items() if reach and (every or row["city"] in (None, home))}
    found = await listed(client, "/api/fences")
    assert (found is not None) == reach and (found is None or found & set(rows) == due), f"{name} areas: {found}"
    writes = rights.manner(person, "area", "write") in (rights.FULL, rights.OWN)
    for key in world.sample(person, "area", rows, due):
        status = (await client.get(f"/api/fences/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} area {key}: {status}"
        status = (await client.patch(f"/api/fences/{key}", json={"note": ""})).status_code
        own = writes and key in due and (every or (home is not None and rows[key]["city"] == home))
        assert (status == 200) == own, f"{name} changes area {key}: {status}"
