"""Cases 处置单: they keep whose the truck was when they were opened."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from luwei.registry.case import AlarmCase
from luwei.registry.case_hand_over import CaseHandOver, HandedCase
from luwei.registry.engine import write
from oracle import rights
from oracle.routes import Routes
from oracle.world import World


async def fill(web: Running, world: World, chance: Any) -> None:
    """Each truck has a case of before it changed hands and one of after; every second is a fault of the device."""
    world.rows["cases"] = {}
    with write(web.services.engine) as connection:
        for key, vehicle in world.vehicles.items():
            for at in (world.before, world.after):
                owners = {what: rights.held(world, vehicle, what, at) for what in ("city", "county")}
                owners |= {f"{w}_id": rights.held(world, vehicle, w, at) for w in ("operator", "monitor", "insurer")}
                seat = world.terminal_of(key)
                row = owners | {"vehicle_id": key, "vendor_id": seat["vendor_id"] if seat else None, "fault": key % 2}
                given = row | {
                    "number": f"谜-{world.seed}-{key}-{at}", "grade": 2, "first_grade": 2, "policy": 1, "type": "6401",
                    "fault": bool(key % 2), "started_at": at, "last_at": at, "opened_at": at, "sort_at": at,
                    "first_action_due_at": at, "close_due_at": at,
                }  # fmt: skip
                made = connection.execute(insert(AlarmCase).returning(AlarmCase.id), given).scalar_one()
                world.rows["cases"][made] = row | {"id": made, "number": given["number"], "at": at}
        # each organisation handed every case over: who sees the entry does not see more cases by it
        for organisation in {person["of"] for person in world.people}:
            giver = next(person for person in world.people if person["of"] == organisation)
            entry = {
                "at": world.after, "user_id": giver["id"], "organisation_id": organisation,
                "cases": len(world.rows["cases"]), "note": f"谜-{world.seed}-{organisation}",
            }  # fmt: skip
            made = connection.execute(insert(CaseHandOver).returning(CaseHandOver.id), entry).scalar_one()
            connection.execute(
                insert(HandedCase), [{"hand_over_id": made, "case_id": key} for key in world.rows["cases"]]
            )


def sees(world: World, person: dict[str, Any], row: dict[str, Any], act: str = "read") -> bool:
    """By the owners that the case keeps; a vendor sees the faults of its devices."""
    if person["kind"] == "vendor":
        mine = row["vendor_id"] == person["organisation"]
        return bool(mine and (row["fault"] or person["role"] != "vendor")) and rights.manner(person, "case", act) == "◐"
    at = row["at"] if person["kind"] == "driver" else None
    return rights.sees(world, person, "case", row | {"id": row["vehicle_id"]}, at, act)


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["cases"]
    reach = rights.reach(world, person, "case")
    counts = reach or rights.manner(person, "case") == rights.COUNT
    due = {k for k, row in rows.items() if sees(world, person, row)}
    found, cursor = set[int](), {}
    while True:
        answer = await client.get("/api/cases", params={"size": 100, "stage": "todo"} | cursor)
        assert answer.status_code == (200 if reach else 403), f"{name} cases: {answer.status_code} {answer.text}"
        if not reach:
            break
        for item in answer.json()["items"]:
            found.add(item["id"])
            # Alarms of the world open cases of their own.
            truck = world.vehicles.get(item["vehicle_id"])
            mine = truck is None or rights.sees(world, person, "case", truck, item["started_at"])
            assert mine, f"{name} sees case {item['id']} of {item['vehicle_id']}"
        if not (after := answer.json()["next"]):
            break
        cursor = {"after": after}
    assert found & set(rows) == due, f"{name} cases: {found & set(rows) ^ due}"
    for path, may in (("words", counts), ("summary", counts)):
        status = (await client.get(f"/api/cases/{path}")).status_code
        assert (status == 200) == may, f"{name} cases/{path}: {status}"
    writes = rights.manner(person, "case", "write") not in (rights.NONE, rights.COUNT) and reach
    status = (await client.get("/api/cases/colleagues")).status_code
    assert (status == 200) == writes, f"{name} colleagues: {status}"
    answer = await client.get("/api/cases/hand-overs", params={"size": 50})
    assert (answer.status_code == 200) == writes, f"{name} hand-overs: {answer.status_code}"
    if writes:
        given = {item["note"]: {row["id"] for row in item["cases"]} for item in answer.json()["items"]}
        ours = {note: shown for note, shown in given.items() if note.startswith(f"谜-{world.seed}-")}
        wanted = {f"谜-{world.seed}-{person['of']}": due}
        assert ours == wanted, f"{name} hand-overs: {ours} for {wanted}"
    answer = await client.get("/api/cases.csv", params={"stage": "todo"})
    takes = reach and rights.manner(person, "case", "export") not in (rights.NONE, rights.COUNT)
    assert (answer.status_code == 200) == takes, f"{name} file of cases: {answer.status_code}"
    assert not takes or {k for k, row in rows.items() if row["number"] in answer.text} == due, f"{name} file of cases"
    for key in world.sample(person, "case", rows, due):
        for more in ("", "/steps"):
            status = (await client.get(f"/api/cases/{key}{more}")).status_code
            assert (status == 200) == (key in due), f"{name} case {key}{more}: {status}"
        status = (await client.post(f"/api/cases/{key}/view", json={})).status_code
        assert (status == 200) <= (key in due), f"{name} views {key}: {status}"
    writes = rights.sees_all(person, "case_policy", "write")
    status = (await client.get("/api/case-policies/what-if")).status_code
    assert (status == 200) == writes, f"{name} what-if: {status}"
    status = (await client.get("/api/case-policies/what-if/1")).status_code
    assert status == (404 if writes else 403), f"{name} what-if of nobody: {status}"
    for path in ("case-policies", "case-policies/1"):
        status = (await client.get(f"/api/{path}")).status_code
        assert (status == 200) == rights.reach(world, person, "case_policy"), f"{name} {path}: {status}"


async def check_sockets(web: Running, world: World, routes: Routes) -> None:
    """The screen of the queue opens for who may count cases."""
    for person in world.people:
        headers = {"Cookie": f"luwei_session={person['token']}"}
        address, status = web.base.replace("http://", "ws://") + "/ws/cases", 200
        may = rights.reach(world, person, "case") or rights.manner(person, "case") == rights.COUNT
        try:
            async with connect(address, additional_headers=headers, origin=web.base) as socket:  # type: ignore[arg-type]
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 4403, person["name"]
            status = 403
        assert (status == 200) == may, f"{person['name']} screen of cases: {status}"
        routes.note("/ws/cases", status)
