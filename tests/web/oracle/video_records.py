"""Recordings of live pictures: they belong to who had the truck when they were asked for."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert

from luwei.registry.engine import write
from luwei.registry.video_record import DONE, KEPT, TOLD, VideoRecord, VideoRecordPart
from oracle import rights
from oracle.world import World, listed


async def fill(web: Running, world: World, chance: Any) -> None:
    """Of each truck a recording from before the trucks changed hands, and one from after."""
    rows = {}
    with write(web.services.engine) as connection:
        for key in world.vehicles:
            for at in (world.before, world.after):
                given = {
                    "state": DONE, "vehicle_id": key, "phone": "13900000000", "channel": 1, "stream": "sub",
                    "purpose": "核实", "seconds": 60, "asked_at": at, "started_at": at, "ended_at": at + 1,
                    "told": TOLD,
                }  # fmt: skip
                number = connection.execute(insert(VideoRecord).returning(VideoRecord.id), given).scalar_one()
                rows[number] = {"id": number, "vehicle_id": key, "at": at}
                part = {
                    "record_id": number, "number": 1, "state": KEPT, "store_key": "", "started_at": at, "codec": "h264",
                    "width": 352, "height": 288,
                }  # fmt: skip
                connection.execute(insert(VideoRecordPart), part)
    world.rows["video_records"] = rows


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows, reach = person["name"], world.rows["video_records"], rights.reach(world, person, "video")
    due = {
        key for key, row in rows.items()
        if rights.sees(world, person, "video", world.vehicles[row["vehicle_id"]], row["at"])
    }  # fmt: skip
    found = await listed(client, "/api/video/records")
    assert (found is not None) == reach, f"{name} recordings"
    if found is not None:
        assert found & set(rows) == due, f"{name} recordings: {found & set(rows) ^ due}"
    status = (await client.get("/api/video/records/limits")).status_code
    assert (status == 200) == reach, f"{name} limits of recordings: {status}"
    for key in world.sample(person, "recording", set(rows), due):
        status = (await client.get(f"/api/video/records/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} recording {key}: {status}"
        if key not in due:
            status = (await client.post(f"/api/video/records/{key}/stop")).status_code
            assert status in (403, 404), f"{name} stops recording {key}: {status}"
