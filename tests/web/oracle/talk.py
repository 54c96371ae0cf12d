"""Talk 对讲, listening 监听, broadcast 广播: who may learn of a truck's, and the record by the rights of its time."""

from __future__ import annotations

import random
from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from luwei.media.orders import BROADCAST, LISTEN, TALK
from luwei.registry.engine import write
from luwei.registry.video import VideoTalk
from oracle import rights
from oracle.routes import Routes
from oracle.world import World

KINDS = {TALK: "act", LISTEN: "read", BROADCAST: "act"}


async def fill(web: Running, world: World, chance: random.Random) -> None:
    """Talks of each kind with trucks that changed hands, one at each instant."""
    rows = [
        {
            "talk": f"{kind}-{at}-{key}", "kind": kind, "vehicle_id": key, "phone": "0", "channel": 1, "user_id": 1,
            "username": "nobody", "role": "administrator", "purpose": "核实", "started_at": at, "live_at": at,
            "ended_at": at + 5_000, "ended": "left", "sent_ms": 1_000, "heard_ms": 1_000,
        }
        for key in world.moved() for at in (world.before, world.after) for kind in KINDS
    ]  # fmt: skip
    with write(web.services.engine) as connection:
        connection.execute(insert(VideoTalk), rows)
    world.rows["talks"] = rows


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name = person["name"]
    reaching = {kind for kind, act in KINDS.items() if rights.reach(world, person, kind, act)}
    status = 200 if reaching else 403
    answer = await client.get("/api/video/talks")
    assert answer.status_code == status, f"{name} talks: {answer.status_code}"
    log = await client.get("/api/video/talks/log", params={"size": 200})
    assert log.status_code == status, f"{name} log of talks: {log.status_code}"
    if reaching:
        due = {
            row["talk"]
            for row in world.rows["talks"]
            if row["kind"] in reaching
            and rights.sees(
                world, person, row["kind"], world.vehicles[row["vehicle_id"]], row["started_at"], KINDS[row["kind"]]
            )
        }
        assert {row["talk"] for row in log.json()["items"]} == due, f"{name} log of talks"
    seats = {t["vehicle_id"] for t in world.terminals.values() if t["vehicle_id"]}
    seen = {
        key
        for key in seats
        if any(rights.sees(world, person, kind, world.vehicles[key], None, act) for kind, act in KINDS.items())
    }
    for key in world.sample(person, "talk", seats, seen):
        status = (await client.get(f"/api/video/vehicles/{key}/talk")).status_code
        assert (status == 200) == (key in seen), f"{name} talk of {key}: {status}"
        for kind, act in KINDS.items():
            may = rights.sees(world, person, kind, world.vehicles[key], None, act)
            body = {"kind": kind, "vehicle_id": key, "purpose": "核实"}
            status = (await client.post("/api/video/talks", json=body)).status_code
            assert (status == 503) == may and status in (403, 404, 503), f"{name} {kind} with {key}: {status}"


async def check_sockets(web: Running, world: World, routes: Routes) -> None:
    """Without a right the socket says so; with one it wants a ticket."""
    for person in world.people:
        headers = {"Cookie": f"luwei_session={person['token']}"}
        address = web.base.replace("http://", "ws://") + "/ws/video/talk?ticket=x"
        try:
            async with connect(address, additional_headers=headers, origin=web.base) as socket:  # type: ignore[arg-type]
                while True:
                    await socket.recv()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 0
        may = any(rights.reach(world, person, kind, act) for kind, act in KINDS.items())
        assert code == (4408 if may else 4403), f"{person['name']} talk: {code}"
        routes.note("/ws/video/talk", 404 if code == 4408 else 403)
