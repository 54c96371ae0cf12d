"""What is recorded of people: requests on a reason, the audit log, who viewed me."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert, text

from luwei.access.grant import REQUESTED, AccessGrant, GrantSubject
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from oracle import rights
from oracle.world import OPERATING, World, listed

ACT = "track.look"


async def fill(web: Running, world: World, chance: Any) -> None:
    """Everybody asked for something, and looked at a truck once while it had its former owner and once after."""
    world.rows |= {"grants": {}, "entries": {}}
    with write(web.services.engine) as connection:
        for person in world.people:
            values = {
                "user_id": person["id"], "organisation_id": person["of"], "row": "evidence", "purpose": "核实情况",
                "case_number": "9", "minutes": 60, "state": REQUESTED, "requested_at": now_ms(), "note": "",
            }  # fmt: skip
            key = connection.execute(insert(AccessGrant).returning(AccessGrant.id), values).scalar_one()
            connection.execute(
                insert(GrantSubject).values(grant_id=key, subject_id=chance.choice(list(world.vehicles)))
            )
            world.rows["grants"][key] = {"id": key, "user": person["id"], "of": person["of"]}
            actor = Actor(person["id"], person["name"], "10.9.9.9", person["of"])
            record(connection, actor, ACT, None, {"oracle": world.seed}, vehicle_id=chance.choice(world.moved()))
    with read(web.services.engine) as connection:
        statement = "SELECT id, user_id, organisation_id, vehicle_id FROM audit_entry WHERE address = '10.9.9.9'"
        world.rows["entries"] = {row.id: row._asdict() for row in connection.execute(text(statement))}
        bodies = connection.execute(text("SELECT id, kind, city, county, parent_id FROM organisation"))
        world.rows["bodies"] = {row.id: row._asdict() for row in bodies}


def answers_for(world: World, person: dict[str, Any], key: int | None) -> bool:
    """Whether the acts of an organisation's people are this person's to see."""
    if person["kind"] in ("province", "emergency", "police", "regulator"):
        return True
    return key is not None and rights.answers_for(world, person, world.rows["bodies"][key])


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    await grants(client, world, person)
    await drivers_to_ask_for(client, world, person)
    name, entries = person["name"], world.rows["entries"]
    # A driver reads who viewed the own truck, not the log.
    reach = rights.reach(world, person, "audit") and person["role"] != "driver"
    due = {k for k, row in entries.items() if reach and answers_for(world, person, row["organisation_id"])}
    found = await listed(client, "/api/audit", act=ACT)
    assert (found is not None) == reach, f"{name} audit"
    if found is not None:
        assert found & set(entries) == due, f"{name} audit: {found & set(entries) ^ due}"
        await nothing_of_others(client, world, person)
    answer = await client.get("/api/audit.csv", params={"act": ACT})
    assert (answer.status_code == 200) == reach, f"{name} audit as a file: {answer.status_code}"
    if reach:
        told = {int(line.split(",")[1]) for line in answer.text.splitlines()[1:]}
        assert told & set(entries) == due, f"{name} audit as a file"
    status = (await client.get("/api/audit/acts")).status_code
    assert (status == 200) == rights.reach(world, person, "audit"), f"{name} acts: {status}"
    status = (await client.get("/api/audit/chain")).status_code
    assert (status == 200) == rights.sees_all(person, "audit"), f"{name} chain: {status}"
    await viewers(client, world, person)


async def nothing_of_others(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Every entry that leaves is of an organisation that the person answers for."""
    items = (await client.get("/api/audit", params={"size": 500})).json()["items"]
    for item in items:
        key = item["organisation_id"]
        assert answers_for(world, person, key), f"{person['name']} sees the act {item['id']} of {key}"


async def grants(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """One's own requests, and those that one may decide on."""
    name, rows, reach = person["name"], world.rows["grants"], rights.reach(world, person, "grant")
    decides = person["role"] in ("province", "city", "administrator")
    due = {
        k for k, row in rows.items()
        if row["user"] == person["id"] or (decides and answers_for(world, person, row["of"]))
    }  # fmt: skip
    found = await listed(client, "/api/grants", state="requested")
    assert (found is not None) == reach, f"{name} grants"
    assert found is None or found & set(rows) == due, f"{name} grants: {found & set(rows) ^ due}"
    foreign = [k for k in rows if k not in due]
    for key in world.some(person, "grant", foreign):
        for act in ("approve", "refuse", "end"):
            answer = await client.post(f"/api/grants/{key}/{act}", json={"note": "不行"})
            assert answer.status_code in (403, 404), f"{name} {act} {key}: {answer.status_code}"


async def drivers_to_ask_for(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """A driver is found by the whole name, by who may ask for him: a government beyond its place only where the
    table sets it no bound, and a company never beyond its own."""
    name, way = person["name"], rights.manner(person, "driver")
    key = world.sample(person, "driver to ask for", world.drivers, set())[0]
    driver = world.drivers[key]
    answer = await client.get("/api/grants/drivers", params={"name": driver["name"]})
    if not rights.reach(world, person, "grant"):
        assert answer.status_code == 403, f"{name} drivers to ask for: {answer.status_code}"
        return
    if way not in (rights.REASON, rights.REASON_OWN):
        assert answer.status_code == 400, f"{name} drivers to ask for: {answer.status_code}"
        return
    bound = way == rights.REASON_OWN or person["kind"] not in rights.GOVERNMENT
    asked = person | {"granted_drivers": {key}}
    due = [key] if not bound or rights.sees_driver(world, asked, driver) else []
    assert [item["id"] for item in answer.json()["items"]] == due, f"{name} driver {key} to ask for"
    part = await client.get("/api/grants/drivers", params={"name": driver["name"][:-1]})
    assert key not in [item["id"] for item in part.json().get("items", [])], f"{name} finds {key} by a part of the name"


async def viewers(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Operators and drivers learn who of others looked at their trucks while they were theirs."""
    answer = await client.get("/api/me/viewers", params={"size": 500})
    kind, may = person["kind"], rights.reach(world, person, "audit")
    if not may or kind not in (*OPERATING, "driver"):
        assert answer.status_code == (400 if may else 403), f"{person['name']} viewers: {answer.status_code}"
        return
    due = sum(
        rights.own_vehicle(world, person, world.vehicles[row["vehicle_id"]])
        and (row["organisation_id"] is None or row["organisation_id"] != person["of"])
        for row in world.rows["entries"].values()
    )
    told = [item for item in answer.json()["items"] if item["detail"] == {"oracle": world.seed}]
    assert len(told) == due, f"{person['name']} viewers: {len(told)} {due}"
