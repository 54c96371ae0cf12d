"""Live pictures 视频: channels, traffic and streams of a truck. No media server runs here: who may look is told so."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from luwei.registry.download import DONE, Download, DownloadFile
from luwei.registry.engine import write
from oracle import rights
from oracle.routes import Routes
from oracle.world import World


async def fill(web: Running, world: World, chance: Any) -> None:
    """Of each truck a download that was ordered before the trucks changed hands, and one after."""
    rows = {}
    with write(web.services.engine) as connection:
        for vehicle in world.vehicles:
            for at in (world.before, world.after):
                given = {
                    "vehicle_id": vehicle, "phone": "13900000000", "channel": 1, "from_at": at - 60_000, "to_at": at,
                    "media_type": 0, "stream": 0, "storage": 0, "networks": 7, "purpose": "核实", "username": "",
                    "account": f"{world.seed}-{vehicle}-{at}", "limit_bytes": 1, "state": DONE, "created_at": at,
                    "expires_at": at, "ended_at": at,
                }  # fmt: skip
                key = connection.execute(insert(Download).returning(Download.id), given).scalar_one()
                file = {"download_id": key, "name": f"{vehicle}.mp4"}
                connection.execute(insert(DownloadFile), file)
                rows[key] = {"id": key, "vehicle_id": vehicle, "at": at}
    world.rows["downloads"] = rows


async def _downloads(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["downloads"]
    due = {
        key
        for key, row in rows.items()
        if rights.sees(world, person, "video", world.vehicles[row["vehicle_id"]], row["at"])
    }
    answer = await client.get("/api/video/downloads", params={"size": 500})
    if not rights.reach(world, person, "video"):
        assert answer.status_code == 403, f"{name} downloads: {answer.status_code}"
    else:
        found = {each["id"] for each in answer.json()["items"]} & rows.keys()
        assert found == due, f"{name} downloads: {sorted(found ^ due)}"
    for key in world.sample(person, "download", rows, due):
        status = (await client.get(f"/api/video/downloads/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} download {key}: {status}"


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, reach = person["name"], rights.reach(world, person, "video")
    answer = await client.get("/api/video/streams")
    assert answer.status_code == (200 if reach else 403), f"{name} streams: {answer.status_code}"
    status = (await client.get("/api/video/usage")).status_code
    assert (status == 200) == reach, f"{name} usage: {status}"
    status = (await client.get("/api/video/nodes")).status_code
    assert (status == 200) == rights.sees_all(person, "gateway"), f"{name} nodes: {status}"
    status = (await client.get("/api/video/streams/1-1-live/snapshot", params={"purpose": "核实"})).status_code
    assert status == (404 if reach else 403), f"{name} snapshot: {status}"
    answer = await client.get("/api/me/video-layouts")
    assert answer.status_code == 200 and answer.json()["items"] == [], f"{name} layouts of others"
    await _downloads(client, world, person)
    seats = {t["vehicle_id"] for t in world.terminals.values() if t["vehicle_id"]}
    seen = {k for k in seats if rights.sees(world, person, "video", world.vehicles[k])}
    for key in world.sample(person, "video", seats, seen):
        status = (await client.get(f"/api/video/vehicles/{key}/channels")).status_code
        assert (status == 200) == (key in seen), f"{name} channels of {key}: {status}"
        status = (await client.get("/api/video/traffic", params={"vehicle_id": key})).status_code
        assert (status == 200) == (key in seen), f"{name} traffic of {key}: {status}"
        status = (await client.get("/api/video/ptz", params={"vehicle_id": key, "channel": 1})).status_code
        assert (status == 200) == (key in seen), f"{name} camera of {key}: {status}"
        status = (await client.get(f"/api/video/vehicles/{key}/recordings")).status_code
        assert (status == 200) == (key in seen), f"{name} recordings of {key}: {status}"
        body = {"vehicle_id": key, "channel": 1, "purpose": "核实"}
        status = (await client.post("/api/video/streams", json=body)).status_code
        assert (status == 503) == (key in seen) and status in (403, 404, 503), f"{name} opens {key}: {status}"


async def check_sockets(web: Running, world: World, routes: Routes) -> None:
    """Without a right the socket says so; with one it wants a ticket."""
    for person in world.people:
        headers = {"Cookie": f"luwei_session={person['token']}"}
        address = web.base.replace("http://", "ws://") + "/ws/video/nobody?ticket=x"
        try:
            async with connect(address, additional_headers=headers, origin=web.base) as socket:  # type: ignore[arg-type]
                while True:
                    await socket.recv()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 0
        assert code == (4408 if rights.reach(world, person, "video") else 4403), f"{person['name']} picture: {code}"
        routes.note("/ws/video/nobody", 404 if code == 4408 else 403)
