"""Rollouts: parameter templates with their pushes, and upgrade orders with their firmware."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert

from luwei.registry.engine import write
from luwei.registry.template import (
    DONE,
    ENDED,
    EQUAL,
    PERSON,
    PUSH,
    ParameterTemplate,
    TemplatePush,
    TemplateResult,
    TemplateVersion,
    TerminalTemplate,
)
from luwei.registry.upgrade import DONE as ORDER_DONE
from luwei.registry.upgrade import OVER, SUCCESS, UpgradeOrder, UpgradeStage, UpgradeVehicle
from oracle import rights
from oracle.world import World, listed


async def fill(web: Running, world: World, chance: Any) -> None:
    """A push and an order by the platform and by each of some people, of before trucks changed hands, to every truck
    with a terminal."""
    senders = [None] + [p["id"] for p in world.people if rights.manner(p, "upgrade", "write") in ("●", "◐")]
    seats = [t for t in world.terminals.values() if t["vehicle_id"]]
    pushes, orders, results, vehicles = {}, {}, {}, {}
    with write(web.services.engine) as connection:

        def add(table: Any, **values: Any) -> int:
            key: int = connection.execute(insert(table).returning(table.id), values).scalar_one()
            return key

        template = add(ParameterTemplate, name=f"模板{world.seed}", vehicle_class="heavy_goods")
        version = add(TemplateVersion, template_id=template, number=1, parameters="[]", author="a", approved_at=1,
                      effective_from=1, approved_by="a")  # fmt: skip
        for sender in senders:
            common = {"user_id": sender, "username": "x", "total": 1, "skipped": 0, "created_at": world.before}
            push = add(TemplatePush, version_id=version, act=PUSH, origin=PERSON, state=DONE, expires_at=world.after,
                       **common)  # fmt: skip
            common |= {"only_parked": True, "confirm_stages": False, "reason": "修复", "stage": 1}
            order = add(UpgradeOrder, name="升级", way="url", target="{}", upgrade_type=0, model="M", version="V1",
                        state=ORDER_DONE, **common)  # fmt: skip
            connection.execute(
                insert(UpgradeStage).values(
                    order_id=order, number=1, percent=100, accept_percent=95, wait_s=60, stop_failures=1, vehicles=1
                )
            )
            pushes[push] = orders[order] = sender
            for seat in seats:
                named = {"vehicle_id": seat["vehicle_id"], "terminal_id": seat["id"], "phone": seat["phone"]}
                key = add(TemplateResult, push_id=push, step=ENDED, result=EQUAL, **named)
                results[key] = {"id": key, "of": push, "vehicle": seat["vehicle_id"]}
                key = add(UpgradeVehicle, order_id=order, stage=1, step=OVER, result=SUCCESS, **named)
                vehicles[key] = {"id": key, "of": order, "vehicle": seat["vehicle_id"]}
        for seat in seats:
            connection.execute(
                insert(TerminalTemplate).values(
                    terminal_id=seat["id"], version_id=version, push_id=push, result=EQUAL, checked_at=world.after
                )
            )
    world.rows |= {"pushes": pushes, "orders": orders, "results": results, "upgraded": vehicles,
                   "template": (template, version)}  # fmt: skip


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, reach = person["name"], rights.reach(world, person, "template")
    template, version = world.rows["template"]
    paths = ("", "/form", f"/{template}", f"/versions/{version}", f"/compare?before={version}&after={version}")
    for path in paths:
        status = (await client.get(f"/api/templates{path}")).status_code
        assert (status == 200) == reach, f"{name} templates{path}: {status}"
    answer = await client.get("/api/templates/terminals", params={"size": 500})
    assert (answer.status_code == 200) == reach, f"{name} terminals of templates"
    if reach:
        key = next(
            name for name in ("vehicle_id", "vehicle", "id") if name in (answer.json()["items"] or [{"id": 0}])[0]
        )
        seats = {t["vehicle_id"] for t in world.terminals.values() if t["vehicle_id"]}
        due = {k for k in seats if rights.sees(world, person, "template", world.vehicles[k])}
        assert {item[key] for item in answer.json()["items"]} & seats == due, f"{name} terminals of templates"
    await rolled(client, world, person, "template", "/api/templates/pushes", "pushes", "results")
    await rolled(client, world, person, "upgrade", "/api/upgrades", "orders", "upgraded")
    status = (await client.get("/api/upgrades/firmware")).status_code
    assert (status == 200) == rights.reach(world, person, "upgrade"), f"{name} firmware: {status}"


async def rolled(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], kind: str, path: str, word: str, rows: str
) -> None:
    """One's own pushes and orders with the trucks that one had when they began; everybody's for the province."""
    name, reach, senders = person["name"], rights.reach(world, person, kind), world.rows[word]
    mine = {k for k, sender in senders.items() if reach and (rights.sees_all(person, kind) or sender == person["id"])}
    found = await listed(client, path, size=100)
    assert (found is not None) == reach and (found is None or found & set(senders) == mine), f"{name} {word}: {found}"
    for key in world.sample(person, word, senders, mine):
        status = (await client.get(f"{path}/{key}")).status_code
        assert (status == 200) == (key in mine), f"{name} {word} {key}: {status}"
        due = {
            row["id"] for row in world.rows[rows].values()
            if row["of"] == key and rights.sees(world, person, kind, world.vehicles[row["vehicle"]], world.before)
        }  # fmt: skip
        answer = await client.get(f"{path}/{key}/vehicles", params={"size": 500})
        assert (answer.status_code == 200) == (key in mine), f"{name} vehicles of {word} {key}: {answer.status_code}"
        if answer.status_code == 200:
            assert {item["id"] for item in answer.json()["items"]} == due, f"{name} vehicles of {word} {key}"
        answer = await client.get(f"{path}/{key}/results.csv")
        taken = key in mine and rights.manner(person, kind, "export") != rights.NONE
        assert (answer.status_code == 200) == taken, f"{name} file of {word} {key}: {answer.status_code}"
        assert not taken or len(answer.text.splitlines()) == len(due) + 1, f"{name} file of {word} {key}"
