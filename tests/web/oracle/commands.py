"""Commands 指令: the list, batches, results as files, what an answer holds, and acts on trucks of others."""

from __future__ import annotations

import json
from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert

from luwei.registry.command import ANSWERED, Command, CommandBatch
from luwei.registry.engine import write
from oracle import rights
from oracle.world import World, listed

ANSWER: dict[str, Any] = {
    "message_id": 0x0104, "zh": "查询应答", "en": "answer", "rows": [{"zh": "项", "en": "item", "text": "1"}],
    "tables": [{"columns": [{"zh": "列", "en": "column"}], "rows": [["1"]]}],
    "parameters": [{"id": 0x0055, "zh": "最高速度", "en": "speed", "text": "90", "hex": "0000005a"}], "area_ids": [1],
}  # fmt: skip
KINDS = {"read_parameters": {}, "read_areas": {"type": 1, "ids": []}, "photo": {"channel": 1}}


async def fill(web: Running, world: World, chance: Any) -> None:
    """Each truck with a terminal was sent commands before trucks changed hands and after, by the platform and by some
    of the people."""
    senders: list[dict[str, Any]] = [{"id": None, "name": "luwei"}]
    senders += [p for p in world.people if rights.manner(p, "command", "write") in (rights.FULL, rights.OWN)]
    batches, commands = {}, {}
    with write(web.services.engine) as connection:
        for sender in senders:
            for kind, parameters in KINDS.items() if sender["id"] is None else [("photo", KINDS["photo"])]:
                given = {
                    "kind": kind, "parameters": json.dumps(parameters), "reason": "巡检", "user_id": sender["id"],
                    "username": sender["name"], "state": "running", "total": 1, "skipped": 0,
                    "created_at": world.before, "expires_at": world.after,
                }  # fmt: skip
                batch = connection.execute(insert(CommandBatch).returning(CommandBatch.id), given).scalar_one()
                batches[batch] = {"id": batch, "user": sender["id"], "kind": kind}
                for terminal in world.terminals.values():
                    for at in (world.before, world.after) if terminal["vehicle_id"] else ():
                        given = {
                            "batch_id": batch, "vehicle_id": terminal["vehicle_id"], "phone": terminal["phone"],
                            "state": ANSWERED, "result": "success", "answer": json.dumps(ANSWER), "edition": 2019,
                            "created_at": at, "sent_at": at, "ended_at": at + 1,
                        }  # fmt: skip
                        key = connection.execute(insert(Command).returning(Command.id), given).scalar_one()
                        commands[key] = {"id": key, "batch": batch, "vehicle": terminal["vehicle_id"], "at": at}
    world.rows |= {"batches": batches, "commands": commands}


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, batches, commands = person["name"], world.rows["batches"], world.rows["commands"]
    reach = rights.reach(world, person, "command")
    exports = reach and rights.manner(person, "command", "export") != rights.NONE
    seen = {
        k for k, c in commands.items() if rights.sees(world, person, "command", world.vehicles[c["vehicle"]], c["at"])
    }
    mine = {k for k, b in batches.items() if rights.sees_all(person, "command") or b["user"] == person["id"]}
    assert ((await client.get("/api/commands/kinds")).status_code == 200) == reach, name
    for vehicle in {*world.some(person, "command", world.moved()), *world.some(person, "commands", world.vehicles)}:
        found = await listed(client, "/api/commands", vehicle=vehicle)
        assert (found is not None) == reach, f"{name} commands"
        if found is not None:
            due = {k for k in seen if commands[k]["vehicle"] == vehicle}
            assert found & set(commands) == due, f"{name} commands to {vehicle}: {found & set(commands) ^ due}"
    found = await listed(client, "/api/commands/batches", size=100)
    assert (found is not None) == reach, f"{name} batches"
    assert found is None or found & set(batches) == mine, f"{name} batches: {found}"
    for key in world.sample(person, "batch", batches, mine if reach else set()):
        may = reach and key in mine
        status = (await client.get(f"/api/commands/batches/{key}")).status_code
        assert (status == 200) == may, f"{name} batch {key}: {status}"
        answer = await client.get(f"/api/commands/batches/{key}/results.csv")
        assert (answer.status_code == 200) == (may and exports), f"{name} results of batch {key}: {answer.status_code}"
        if answer.status_code == 200:
            told = {int(line.split(",")[0]) for line in answer.text.splitlines()[1:]}
            assert told == {k for k in seen if commands[k]["batch"] == key}, f"{name} results of batch {key}"
        writes = rights.manner(person, "command", "write") in (rights.FULL, rights.OWN)
        answer = await client.post(f"/api/commands/batches/{key}/pause")
        assert (answer.status_code == 200) == (key in mine and writes), f"{name} pauses {key}: {answer.status_code}"
    await answers(client, world, person, seen if reach else set(), exports)
    await acts(client, world, person)


async def answers(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], seen: set[int], exports: bool
) -> None:
    """What came back: as a table, as areas, as pictures, as a template."""
    name, batches, commands = person["name"], world.rows["batches"], world.rows["commands"]
    for kind in KINDS if person["role"] == "administrator" else world.some(person, "kind", KINDS):
        of_kind = {k for k, c in commands.items() if batches[c["batch"]]["kind"] == kind}
        for key in world.sample(person, kind, of_kind, seen & of_kind):
            status = (await client.get(f"/api/commands/{key}/table.csv")).status_code
            assert (status == 200) == (key in seen and exports), f"{name} table of {key}: {status}"
            status = (await client.get(f"/api/commands/{key}/areas")).status_code
            assert (status == 200) == (key in seen and kind == "read_areas"), f"{name} areas of {key}: {status}"
            command = commands[key]
            pictures = rights.sees(world, person, "multimedia", world.vehicles[command["vehicle"]], command["at"])
            status = (await client.get(f"/api/commands/{key}/media")).status_code
            assert (status == 200) == pictures, f"{name} pictures of {key}: {status}"
            status = (await client.get("/api/templates/reported", params={"command": key})).status_code
            may = key in seen and rights.reach(world, person, "template") and kind == "read_parameters"
            assert (status == 200) == may, f"{name} template of {key}: {status}"


async def acts(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Nobody reaches a truck that is not the own one now, though it was."""
    seats = {t["vehicle_id"] for t in world.terminals.values() if t["vehicle_id"]}
    own = {k for k in seats if rights.sees(world, person, "command", world.vehicles[k], act="write")}
    for key in {*world.sample(person, "act", seats, own), *world.some(person, "act", seats & set(world.moved()))}:
        body = {"kind": "locate", "vehicles": [key], "reason": "检查联通", "dry_run": True}
        answer = await client.post("/api/commands", json=body)
        about = f"{person['name']} acts on {key}: {answer.status_code} {answer.text}"
        assert (answer.status_code == 201) == (key in own) and answer.status_code in (201, 403), about
