"""Installation 安装推进: counts and lists of the trucks of the notice within each person's record scope."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import update

from luwei.registry.engine import write
from luwei.registry.vehicle import Vehicle
from oracle import rights
from oracle.world import World


async def fill(web: Running, world: World, chance: Any) -> None:
    """Most trucks are of a class of the notice."""
    world.rows["due"] = {key for key in sorted(world.vehicles) if chance.random() < 0.8}
    with write(web.services.engine) as connection:
        mine = Vehicle.id.in_(world.rows["due"])
        connection.execute(update(Vehicle).where(mine).values(vehicle_class="semi_trailer_tractor"))


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, counts = person["name"], rights.manner(person, "vehicle") == rights.COUNT
    reach = rights.reach(world, person, "vehicle")
    due = {key for key in world.rows["due"] if rights.sees(world, person, "vehicle", world.vehicles[key])}
    answer = await client.get("/api/installation/vehicles", params={"stage": "due", "size": 500})
    assert answer.status_code == (200 if reach else 403), f"{name} installation: {answer.status_code}"
    if reach:
        found = {item["row"]["vehicle_id"] for item in answer.json()["items"]} & world.vehicles.keys()
        assert found == due, f"{name} installation: {found ^ due}"
        total = answer.json()["total"]
    answer = await client.get("/api/installation/progress")
    assert answer.status_code == (200 if reach or counts else 403), f"{name} progress: {answer.status_code}"
    if reach:
        assert answer.json()["sum"]["due"] == total, f"{name} progress"
    if counts:
        assert all(cell["vendor"] is None for cell in answer.json()["cells"]), f"{name} vendors"
    way = rights.manner(person, "vehicle", "export")
    takes = reach and way not in (rights.NONE, rights.COUNT)
    answer = await client.get("/api/installation/vehicles.csv", params={"stage": "due"})
    assert (answer.status_code == 200) == takes, f"{name} file of installation: {answer.status_code}"
    if takes:
        plates = {line.split(",")[0] for line in answer.text.splitlines()[1:]}
        mine = {row["plate"]: key for key, row in world.vehicles.items()}
        assert {mine[plate] for plate in plates & mine.keys()} == due, f"{name} file of installation"
