"""Evidence 证据: files of alarms, what was asked for, what was refused, pictures and recordings."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert

from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.evidence import COMPLETE, MULTIMEDIA, OPEN, PICTURE, EvidenceFile, EvidenceRequest
from luwei.registry.multimedia import IMAGE, Multimedia
from multimedia_rows import picture
from oracle import rights
from oracle.world import World, listed

JPEG = picture(16, 12)


async def fill(web: Running, world: World, chance: Any) -> None:
    """Of each truck a file, a request and a picture from before the trucks changed hands, and one from after. All of
    them arrived afterwards: what counts is when they were taken. One file is nobody's."""
    files, asked, media = {}, {}, {}
    later = now_ms()
    assert web.services.evidence is not None
    stored = web.services.evidence.put(iter([JPEG]))
    with write(web.services.engine) as connection:
        for key in [*world.vehicles, None]:
            for at in (world.before, world.after) if key else (world.after,):
                mark = f"{world.seed}-{key}-{at}"
                row = {"vehicle_id": key, "taken_at": at, "created_at": later, "received_at": later}
                given = row | {
                    "kind": PICTURE, "origin": MULTIMEDIA, "state": COMPLETE, "media_type": "image/jpeg",
                    "sha256": stored.sha256, "store_key": stored.key, "stored_bytes": len(JPEG),
                }  # fmt: skip
                file = connection.execute(insert(EvidenceFile).returning(EvidenceFile.id), given).scalar_one()
                files[file] = {"id": file, "vehicle_id": key, "at": at}
                if key is None:
                    continue
                given = {
                    "phone": "13900000000", "vehicle_id": key, "identification": mark, "dialect": "subiao",
                    "alarm_no": mark, "alarm_at": at, "created_at": later, "state": OPEN,
                }  # fmt: skip
                number = connection.execute(insert(EvidenceRequest).returning(EvidenceRequest.id), given).scalar_one()
                asked[number] = {"id": number, "vehicle_id": key, "at": at}
                given = {
                    "source": file << 8 | world.seed, "file_id": file, "vehicle_id": key, "received_at": later,
                    "edition": 2019, "multimedia_id": 1, "kind": IMAGE, "format": 0, "event": 0, "channel": 1,
                    "problem": "",
                }  # fmt: skip
                number = connection.execute(insert(Multimedia).returning(Multimedia.id), given).scalar_one()
                media[number] = {"id": number, "vehicle_id": key, "at": at}
    world.rows |= {"files": files, "requests": asked, "media": media}


def due(world: World, person: dict[str, Any], kind: str, rows: dict[int, dict[str, Any]]) -> set[int]:
    """Ids of what was taken while the person had the truck."""
    return {
        key for key, row in rows.items()
        if (rights.sees_all(person, kind) and row["vehicle_id"] is None)
        or (row["vehicle_id"] and rights.sees(world, person, kind, world.vehicles[row["vehicle_id"]], row["at"]))
    }  # fmt: skip


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, reach = person["name"], rights.reach(world, person, "evidence")
    for path, word in (("/api/evidence", "files"), ("/api/evidence/requests", "requests")):
        rows = world.rows[word]
        found, wanted = await listed(client, path), due(world, person, "evidence", rows)
        assert (found is not None) == reach, f"{name} {word}"
        if found is not None:
            assert found & set(rows) == wanted, f"{name} {word}: {found & set(rows) ^ wanted}"
            assert rights.sees_all(person, "evidence") or found == wanted, name
    status = (await client.get("/api/evidence/refusals")).status_code
    assert (status == 200) == (rights.sees_all(person, "evidence")), f"{name} refusals: {status}"
    seen = due(world, person, "evidence", world.rows["files"])
    moved = [k for k, row in world.rows["files"].items() if row["vehicle_id"] in world.spans]
    for key in {*world.sample(person, "file", world.rows["files"], seen), *world.some(person, "file", moved, 2)}:
        status = (await client.get(f"/api/evidence/{key}")).status_code
        assert (status == 200) == (key in seen), f"{name} file {key}: {status}"
        for form, act in (("view", "read"), ("original", "export")):
            may = key in seen and rights.manner(person, "evidence", act) != rights.NONE
            answer = await client.get(f"/api/evidence/{key}/file", params={"purpose": "核实", "form": form})
            assert (answer.status_code == 200) == may, f"{name} file {key} {form}: {answer.status_code}"
    await pictures(client, world, person)


async def pictures(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Pictures of a truck, one by one and as files."""
    name, rows = person["name"], world.rows["media"]
    seen = due(world, person, "multimedia", rows)
    present = {k for k, v in world.vehicles.items() if rights.sees(world, person, "multimedia", v)}
    for key in {*world.sample(person, "media", world.vehicles, present), *world.some(person, "media", world.moved())}:
        mine = {k for k in seen if rows[k]["vehicle_id"] == key}
        answer = await client.get(f"/api/vehicles/{key}/media", params={"size": 100})
        assert (answer.status_code == 200) == bool(mine or key in present), f"{name} media of {key}"
        if answer.status_code == 200:
            assert {item["id"] for item in answer.json()["items"]} == mine, f"{name} media of {key}"
    for key in world.sample(person, "picture", rows, seen):
        status = (await client.get(f"/api/media/{key}")).status_code
        assert (status == 200) == (key in seen), f"{name} picture {key}: {status}"
        status = (await client.get(f"/api/media/{key}/file")).status_code
        assert (status == 200) == (key in seen), f"{name} picture {key} as a file: {status}"
