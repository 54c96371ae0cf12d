"""Alarms 报警: lists, one truck's, single ones, files; counts for who sees counts alone; faults for vendors."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import MINUTE, Running, location, until

from luwei import facts
from oracle import rights
from oracle.world import World

OVERSPEED, CAMERA = 1 << 1, 1 << 11
TYPES = {"808:01", "808:11"}


async def fill(web: Running, world: World, chance: Any) -> None:
    """Every truck drove too fast while its camera was broken, once before trucks changed hands and once after."""
    times = (world.before - 2 * MINUTE, world.after + 2 * MINUTE)
    world.rows["alarmed"] = {"times": times, "span": {"from": times[0] - 1, "to": times[1] + 1}, "keys": {}}
    for at in times:
        for bits, moment in ((OVERSPEED | CAMERA, at), (0, at + 1_000)):
            await web.publish(facts.FIX, [location(key, moment, alarm=bits, terminal_id=0) for key in world.vehicles])

    async def stored() -> bool:
        async with web.client() as client:
            answer = await client.get("/api/alarms", params=world.rows["alarmed"]["span"] | {"size": 200})
            found = [row for row in answer.json()["items"] if row["vehicle_id"] in world.vehicles]
            world.rows["alarmed"]["keys"] = {row["id"]: row for row in found}
            return len(found) == 4 * len(world.vehicles)

    await until(stored, "alarms stored")


def sees(world: World, person: dict[str, Any], row: dict[str, Any]) -> bool:
    """Of the trucks one had at its time; a vendor's people see the faults of its devices."""
    faults = person["role"] == "vendor" and row["type"] != "808:11"
    return not faults and rights.sees(world, person, "alarm", world.vehicles[row["vehicle_id"]], row["at"])


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, span, rows = person["name"], world.rows["alarmed"]["span"], world.rows["alarmed"]["keys"]
    reach, way = rights.reach(world, person, "alarm"), rights.manner(person, "alarm")
    due = {key for key, row in rows.items() if sees(world, person, row)}
    answer = await client.get("/api/alarms", params=span | {"size": 200})
    assert answer.status_code == (200 if reach else 403), f"{name} alarms: {answer.status_code}"
    if reach:
        found = {row["id"] for row in answer.json()["items"] if row["vehicle_id"] in world.vehicles}
        assert found == due, f"{name} alarms: {len(found ^ due)} differ"
        assert (
            rights.sees_all(person, "alarm")
            or person["kind"] in ("city", "county")
            or found == {row["id"] for row in answer.json()["items"]}
        ), f"{name} alarms of others"
    counts = reach or way == rights.COUNT
    answer = await client.get("/api/alarms/counts", params=span)
    assert answer.status_code == (200 if counts else 403), f"{name} counts: {answer.status_code}"
    if way == rights.OWN and person["kind"] not in rights.GOVERNMENT:
        assert answer.json()["total"] == len(due), f"{name} counts: {answer.json()['total']}"
    if person["role"] == "insurer":
        mine = sum(rights.own_vehicle(world, person, world.vehicles[r["vehicle_id"]], r["at"]) for r in rows.values())
        assert answer.json()["total"] == mine, f"{name} counts: {answer.json()['total']} {mine}"
    status = (await client.get("/api/alarms/types")).status_code
    assert (status == 200) == counts, f"{name} types: {status}"
    status = (await client.get("/api/alarms/unknown", params=span)).status_code
    assert (status == 200) == (reach and person["role"] != "vendor"), f"{name} unknown: {status}"
    takes = reach and rights.manner(person, "alarm", "export") not in (rights.NONE, rights.COUNT)
    answer = await client.get("/api/alarms.csv", params=span)
    assert (answer.status_code == 200) == takes, f"{name} file of alarms: {answer.status_code}"
    for key in world.sample(person, "alarm", rows, due):
        status = (await client.get(f"/api/alarms/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} alarm {key}: {status}"
    present = {k for k, v in world.vehicles.items() if rights.sees(world, person, "alarm", v)}
    for key in {*world.sample(person, "alarms", world.vehicles, present), *world.some(person, "alarms", world.moved())}:
        mine = {each for each in due if rows[each]["vehicle_id"] == key}
        answer = await client.get(f"/api/vehicles/{key}/alarms", params=span)
        held = any(
            rights.sees(world, person, "alarm", world.vehicles[key], at) for at in world.rows["alarmed"]["times"]
        )
        assert (answer.status_code == 200) == (held or key in present), f"{name} alarms of {key}: {answer.status_code}"
        if answer.status_code == 200:
            assert {row["id"] for row in answer.json()["items"]} == mine, f"{name} alarms of {key}"
