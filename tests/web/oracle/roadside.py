"""Roadside checks 路面核查: the answer to a plate, and recorded checks of trucks that some changed hands since."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert

from luwei.registry.engine import write
from luwei.registry.roadside import RoadsideCheck, RoadsideFinding
from luwei.registry.supervision_file import SupervisionFile
from oracle import rights
from oracle.world import World

AREAS = ("province", "city", "county", "emergency", "police", "regulator")


async def fill(web: Running, world: World, chance: Any) -> None:
    """A check of every truck before and one after trucks changed hands, each by somebody of some office, with a
    picture."""
    world.rows["checks of trucks"] = {}
    store = web.services.evidence
    assert store is not None
    officers = [each for each in world.people if each["kind"] != "driver"]
    with write(web.services.engine) as connection:
        for key, vehicle in world.vehicles.items():
            for at in (world.before, world.after):
                officer = chance.choice(officers)
                row = {"at": at, "vehicle_id": key, "user_id": officer["id"], "organisation_id": officer["of"]}
                given = row | {"plate": vehicle["plate"], "plate_color": 2, "note": "谜", "place": "谜", "told": "{}"}
                made = connection.execute(insert(RoadsideCheck).returning(RoadsideCheck.id), given).scalar_one()
                connection.execute(insert(RoadsideFinding), [{"check_id": made, "finding": "found"}])
                kept = store.put([f"谜 {made}".encode()])
                file = {
                    "check_id": made, "user_id": officer["id"], "name": "谜.jpg", "media_type": "image/jpeg",
                    "size": kept.size, "sha256": kept.sha256, "sm3": kept.sm3, "store_key": kept.key, "stored": True,
                }  # fmt: skip
                picture = connection.execute(
                    insert(SupervisionFile).returning(SupervisionFile.id), file
                ).scalar_one()  # fmt: skip
                world.rows["checks of trucks"][made] = row | {"file": picture}


def sees(world: World, person: dict[str, Any], row: dict[str, Any]) -> bool:
    """One's own; of whom an area is, those of the own office; those of trucks of then."""
    if not rights.reach(world, person, "roadside"):
        return False
    office = person["kind"] in AREAS and person["of"] is not None and row["organisation_id"] == person["of"]
    vehicle = world.vehicles[row["vehicle_id"]]
    return row["user_id"] == person["id"] or office or rights.sees(world, person, "roadside", vehicle, row["at"])


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["checks of trucks"]
    reach = rights.reach(world, person, "roadside")
    due = {key for key, row in rows.items() if sees(world, person, row)}
    expected = 200 if reach else 403
    answer = await client.get("/api/roadside/checks", params={"size": 500})
    assert answer.status_code == expected, f"{name} checks: {answer.status_code}"
    if reach:
        found = {item["id"] for item in answer.json()["items"]} & rows.keys()
        assert found == due, f"{name} checks: {found ^ due}"
    span = {"start": world.before, "end": world.after + 1}
    answer = await client.get("/api/roadside/checks/counts", params=span)
    assert answer.status_code == expected, f"{name} counts of checks: {answer.status_code}"
    if reach:
        assert answer.json()["counts"]["checks"] == len(due), f"{name} counts of checks"
    for key in world.sample(person, "roadside", rows, due):
        status = (await client.get(f"/api/roadside/checks/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} check {key}: {status}"
        path = f"/api/roadside/checks/{key}/files/{rows[key]['file']}"
        status = (await client.get(path, params={"form": "original"})).status_code
        assert (status == 200) == (key in due), f"{name} picture of check {key}: {status}"
    await _look(client, world, person)


async def _look(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """A whole plate finds a truck wherever it is registered for who checks on the road; its place, its people's work
    and its owner are for the scopes of those rights."""
    name, way = person["name"], rights.manner(person, "roadside", "write")
    placed = {key for key, row in world.vehicles.items() if rights.sees(world, person, "position", row)}
    for key in world.sample(person, "plates", world.vehicles, placed):
        vehicle = world.vehicles[key]
        answer = await client.get("/api/roadside/vehicle", params={"plate": vehicle["plate"], "color": 2})
        assert answer.status_code == (200 if way != rights.NONE else 403), f"{name} plate: {answer.status_code}"
        if answer.status_code != 200:
            continue
        body = answer.json()
        # the truck stands before the officer, whichever city registered it
        due = person["kind"] in AREAS or rights.sees(world, person, "roadside", vehicle, act="write")
        assert (body["found"], body["colours"]) == (due, [2] if due else []), f"{name} plate {vehicle['plate']}"
        if due and body["present"] is not None:
            assert (body["present"]["lat_e6"] is not None) == (key in placed), f"{name} place of {key}"
        if due:
            told = {item["code"]: item["reason"] for item in body["items"]}
            mine = rights.sees(world, person, "case", vehicle)
            assert (told["cases"] == "outside") == (told["orders"] == "outside") == (not mine), f"{name} work of {key}"
            assert (body["grades"] is None) == (not mine), f"{name} grades of {key}"
            assert body["vehicle"]["owner"] is None or rights.sees(world, person, "vehicle", vehicle), f"{name} owner"
