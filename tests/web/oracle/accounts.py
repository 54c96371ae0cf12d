"""Accounts 账号: people, their sessions and tokens; roles, rights, rules; one's own sessions and imports."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import insert, text

from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.job import Job, JobError
from oracle import rights
from oracle.world import World, listed


async def fill(web: Running, world: World, chance: Any) -> None:
    """Every account of the registry with its organisation, and an import of everybody."""
    engine = web.services.engine
    columns = "u.id, u.organisation_id, o.kind, o.city, o.county, o.parent_id"
    statement = f"SELECT {columns} FROM user_account u LEFT JOIN organisation o ON o.id = u.organisation_id"
    with read(engine) as connection:
        world.rows["users"] = {row.id: row._asdict() for row in connection.execute(text(statement))}
    world.rows["jobs"] = {}
    with write(engine) as connection:
        for person in world.people:
            given = {"noun": "vehicles", "dry_run": True, "file": "x.csv", "sha256": "0" * 64, "user_id": person["id"],
                     "username": person["name"], "state": "done", "created_at": now_ms()}  # fmt: skip
            key = connection.execute(insert(Job).returning(Job.id), given).scalar_one()
            connection.execute(insert(JobError).values(job_id=key, row=1, column="a", rule="b", value="c"))
            world.rows["jobs"][key] = {"id": key, "user": person["id"]}


def sees_user(world: World, person: dict[str, Any], account: dict[str, Any]) -> bool:
    """An account is seen by who answers for its organisation; one of no organisation by who answers for everybody."""
    if not rights.reach(world, person, "user"):
        return False
    if person["kind"] in ("province", "emergency", "police", "regulator"):
        return True
    if account["organisation_id"] is None:
        return False
    return rights.answers_for(world, person, account | {"id": account["organisation_id"]})


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["users"]
    reach = rights.reach(world, person, "user")
    due = {k for k, account in rows.items() if sees_user(world, person, account)}
    found = await listed(client, "/api/users")
    assert (found is not None) == reach and (found is None or found == due), f"{name} accounts: {found} {due}"
    for key in world.sample(person, "account", rows, due):
        for more in ("", "/sessions", "/tokens"):
            status = (await client.get(f"/api/users/{key}{more}")).status_code
            assert (status == 200) == (key in due), f"{name} account {key}{more}: {status}"
    for path, kind in (
        ("roles", "user"),
        ("rights", "right"),
        ("rights/versions", "right"),
        ("sign-in/rules", "sign_in"),
    ):
        status = (await client.get(f"/api/{path}")).status_code
        assert (status == 200) == rights.reach(world, person, kind), f"{name} {path}: {status}"
    await own(client, world, person)


async def own(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Nobody sees sessions, tokens or imports of anybody else under the own address, whatever the role."""
    name, jobs = person["name"], world.rows["jobs"]
    sessions = (await client.get("/api/me/sessions")).json()["items"]
    assert len(sessions) == 1 and sessions[0]["current"], f"{name} sessions"
    assert (await client.get("/api/me/tokens")).json()["items"] == [], f"{name} tokens"
    answer = await client.get("/api/jobs")
    mine = {key for key, row in jobs.items() if row["user"] == person["id"]}
    assert {item["job"]["id"] for item in answer.json()["items"]} == mine, f"{name} imports"
    may = rights.reach(world, person, "vehicle")
    for key in world.sample(person, "job", jobs, mine):
        for more in ("", "/errors", "/errors.csv"):
            status = (await client.get(f"/api/jobs/{key}{more}")).status_code
            assert (status == 200) == (key in mine and may), f"{name} import {key}{more}: {status}"
