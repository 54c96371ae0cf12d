"""Places 位置: the card of a truck, its track, what of it is counted, and which trucks a screen gets."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import httpx
from running_core import MINUTE, Running, location, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from luwei import facts
from luwei.live.feed import now_ms
from oracle import rights
from oracle.routes import Routes
from oracle.world import World


async def fill(web: Running, world: World, chance: Any) -> None:
    """Every truck reports three times: before and after trucks changed hands, and now, each at a place of its own."""
    fixes = []
    for number, key in enumerate(sorted(world.vehicles)):
        for at in (world.before, world.after, now_ms() - 2_000):
            fixes.append(location(key, at, lat_e6=21_000_000 + number * 10_000, lon_e6=111_000_000, terminal_id=0))
    await web.publish(facts.FIX, fixes)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[]}')
    newest = max(world.vehicles)

    async def known() -> bool:
        fleet = web.services.fleet
        if fleet.size <= newest or not all(fleet.present(key) for key in world.vehicles):
            return False
        for key in world.vehicles:
            span = {"vehicle": key, "start": world.before, "end": world.after + 1, "limit": 9}
            if (await web.services.ask("track", **span)).num_rows < 2:
                return False
        return all(int(fleet.operator_id[k]) == (v["operator_id"] or 0) for k, v in world.vehicles.items())

    await until(known, "live state knows the trucks")


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    placed = {k for k, v in world.vehicles.items() if rights.sees(world, person, "position", v)}
    keys = {*world.sample(person, "card", world.vehicles, placed), *world.some(person, "moved", world.moved(), 2)}
    for key in sorted(keys):
        vehicle, about = world.vehicles[key], f"{person['name']} {key}"
        status = (await client.get(f"/api/vehicles/{key}/card")).status_code
        assert (status == 200) == rights.sees(world, person, "position", vehicle), f"{about} card: {status}"
        await tracks(client, world, person, vehicle)
    answer = await client.get("/api/areas/counts")
    counts = person["role"] == "regulator" or rights.reach(world, person, "position")
    counts = counts or rights.manner(person, "vehicle") == rights.COUNT
    assert (answer.status_code == 200) == counts, f"{person['name']} counts: {answer.status_code}"
    if rights.manner(person, "position") == rights.OWN and person["kind"] not in rights.GOVERNMENT:
        mine = sum(rights.sees(world, person, "position", v) for v in world.vehicles.values())
        assert sum(item["counts"]["total"] for item in answer.json()["items"]) == mine, person["name"]


async def tracks(client: httpx.AsyncClient, world: World, person: dict[str, Any], vehicle: dict[str, Any]) -> None:
    """Each owner gets the points of the own time; who had the truck neither then nor now gets nothing."""
    span = {"from": world.before - MINUTE, "to": world.after + MINUTE}
    times = [at for at in (world.before, world.after) if rights.sees(world, person, "track", vehicle, at)]
    may = bool(times) or rights.sees(world, person, "track", vehicle)
    for form in ("track", *world.some(person, "track", ("track.csv", "track.gpx"))):
        act = "read" if form == "track" else "export"
        allowed = may and rights.manner(person, "track", act) != rights.NONE
        answer = await client.get(f"/api/vehicles/{vehicle['id']}/{form}", params=span)
        about = f"{person['name']} {form} of {vehicle['id']}: {answer.status_code}"
        assert (answer.status_code == 200) == allowed, about
        if form == "track" and allowed:
            assert answer.json()["columns"]["at"] == times, about


async def check_sockets(web: Running, world: World, routes: Routes) -> None:
    """Every screen at once, as everybody."""
    statuses = await asyncio.gather(*(listen(web.base, world, person) for person in world.people))
    for status in statuses:
        routes.note("/ws/live", status)


async def listen(base: str, world: World, person: dict[str, Any]) -> int:
    """The live socket shows exactly the trucks whose place the person may see; its status as HTTP would say it."""
    headers = {"Cookie": f"luwei_session={person['token']}"}
    wanted = {k for k, v in world.vehicles.items() if rights.sees(world, person, "position", v)}
    about, reach = f"{person['name']} on the live map", rights.reach(world, person, "position")
    seen: set[int] = set()
    try:
        async with asyncio.timeout(40), connect(
            base.replace("http", "ws") + "/ws/live", additional_headers=headers, origin=base, max_size=None
        ) as socket:  # fmt: skip
            await socket.send(json.dumps({"type": "view", "bbox": [110.9, 20.9, 111.1, 21.5], "zoom": 18}))
            # Answered after the view is taken; of the summaries after it only the first may be older than the view.
            await socket.send("?")
            summaries = -1
            while summaries < 2:
                message = await socket.recv()
                if isinstance(message, bytes):
                    seen |= vehicles_of(message)
                elif (kind := json.loads(message)["type"]) == "error":
                    summaries = 0
                else:
                    summaries += kind == "summary" and summaries >= 0
    except ConnectionClosed as closed:
        assert closed.rcvd is not None and closed.rcvd.code == 4403 and not reach, about
        return 403
    assert reach and seen == wanted, f"{about}: {seen ^ wanted}"
    return 200


def vehicles_of(frame: bytes) -> set[int]:
    """Ids in a frame of vehicles (``luwei.live.frames``: header, longitudes, latitudes, ids)."""
    number, kind = struct.unpack_from("<2I", frame)
    return set(struct.unpack_from(f"<{number}I", frame, 16 + 8 * number)) if kind & 0xFF in (1, 2) else set()
