"""Frames 报文: stored messages of a truck, explanations, traces."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import MINUTE, Running, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from luwei import facts
from oracle import rights
from oracle.routes import Routes
from oracle.world import World


async def fill(web: Running, world: World, chance: Any) -> None:
    """Each truck sent a message before trucks changed hands and one after; one truck is traced."""
    messages = [
        {
            "vehicle_id": key, "terminal_id": 0, "received_at": at, "direction": 0, "message_id": 0x0900, "serial": 7,
            "edition": 2019, "phone": "13900000000", "body": b"\x41hello",
        }
        for key in world.vehicles for at in (world.before, world.after)
    ]  # fmt: skip
    await web.publish(facts.MESSAGE, messages)
    traced = next(row for row in world.terminals.values() if row["vehicle_id"])
    world.rows["traced"] = traced["vehicle_id"]
    await web.services.traces.begin(traced["vehicle_id"], traced["phone"], 600, "somebody")
    span = {"start": world.before, "end": world.after + 1, "limit": 9}

    async def stored() -> bool:
        found = [await web.services.ask("messages_vehicle", vehicle=key, **span) for key in world.vehicles]
        return all(table.num_rows == 2 for table in found)

    await until(stored, "messages stored")


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    seen = {k for k, v in world.vehicles.items() if rights.sees(world, person, "message", v)}
    keys = {*world.sample(person, "message", world.vehicles, seen), *world.some(person, "message", world.moved(), 1)}
    for key in sorted(keys):
        await messages(client, world, person, world.vehicles[key])
    status = (await client.get("/api/explain", params={"hex": "7e00020000013912345678002a557e"})).status_code
    assert (status == 200) == rights.reach(world, person, "explanation"), f"{person['name']} explain: {status}"
    for key in {world.rows["traced"], *sorted(keys)[:1]}:
        vehicle, about = world.vehicles[key], f"{person['name']} trace of {key}"
        status = (await client.get(f"/api/vehicles/{key}/trace")).status_code
        assert (status == 200) == rights.sees(world, person, "trace", vehicle), f"{about}: {status}"
        status = (await client.get(f"/api/vehicles/{key}/trace.jsonl")).status_code
        taken = rights.sees(world, person, "trace", vehicle, act="export") and key == world.rows["traced"]
        assert (status == 200) == taken, f"{about} as a file: {status}"


async def messages(client: httpx.AsyncClient, world: World, person: dict[str, Any], vehicle: dict[str, Any]) -> None:
    """Each owner gets the messages of the own time, in the list and one by one."""
    times = [at for at in (world.before, world.after) if rights.sees(world, person, "message", vehicle, at)]
    may = bool(times) or rights.sees(world, person, "message", vehicle)
    path, about = f"/api/vehicles/{vehicle['id']}/messages", f"{person['name']} messages of {vehicle['id']}"
    answer = await client.get(path, params={"from": world.before - MINUTE, "to": world.after + MINUTE})
    assert (answer.status_code == 200) == may, f"{about}: {answer.status_code}"
    if may:
        assert sorted(item["received_at"] for item in answer.json()["items"]) == times, about
    for at in (world.before, world.after):
        status = (await client.get(f"{path}/{at}-0900-7-0")).status_code
        assert (status == 200) == (at in times), f"{about} one of {at}: {status}"


async def check_sockets(web: Running, world: World, routes: Routes) -> None:
    """The live tail of a trace opens for who may see it."""
    vehicle = world.vehicles[world.rows["traced"]]
    for person in world.people:
        headers = {"Cookie": f"luwei_session={person['token']}"}
        address = f"{web.base.replace('http://', 'ws://')}/ws/trace/{vehicle['id']}"
        status = 200
        try:
            async with connect(address, additional_headers=headers, origin=web.base) as socket:  # type: ignore[arg-type]
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code in (4403, 4404), person["name"]
            status = 403
        assert (status == 200) == rights.sees(world, person, "trace", vehicle), f"{person['name']} tail: {status}"
        routes.note(f"/ws/trace/{vehicle['id']}", status)
