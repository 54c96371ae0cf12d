"""Oversight 督查: rows bound to an organisation and to the area it is supervised by."""

from __future__ import annotations

from typing import Any

import httpx
from running_core import Running
from sqlalchemy import Connection, insert

from luwei.registry.case import PreWarning
from luwei.registry.case_work import CaseAppeal
from luwei.registry.engine import write
from luwei.registry.oversight import ShamFlag, SupervisionProposal
from luwei.registry.post_check import ASKED, PostCheck, PostCheckAsked
from luwei.registry.supervision import SupervisionOrder
from luwei.registry.supervision_file import SupervisionFile
from oracle import cases, rights
from oracle.world import OPERATING, World

MONTH_AT = 1_790_000_000_000
"""2026-09-21 in China: a month in which nothing else asks."""
AREAS = ("province", "city", "county")
WIDE = (*AREAS, "emergency", "police", "regulator")


async def fill(web: Running, world: World, chance: Any) -> None:
    """An order to every operator and monitor."""
    world.rows["supervision"] = {}
    with write(web.services.engine) as connection:
        for key, body in world.organisations.items():
            if body["kind"] not in (*OPERATING, "monitor"):
                continue
            row = {"target_id": key, "city": body.get("city"), "county": body.get("county")}
            given = row | {
                "level": 1, "source": "other", "policy": 1, "title": "谜", "text": "谜", "issuer_id": 1,
                "due_at": world.after, "in_charge": "province", "issued_at": world.before,
            }  # fmt: skip
            made = connection.execute(insert(SupervisionOrder).returning(SupervisionOrder.id), given).scalar_one()
            world.rows["supervision"][made] = row
        _attach(connection, web, world)
        _ask(connection, world)
        _flag(connection, world)
        world.rows["appealed"] = set(world.some({"name": ""}, "appeals", world.rows["cases"], 12))
        appeal = {
            "user_id": 1, "by_role": "operator", "text": "谜", "requested_at": world.after, "due_at": 1 << 60,
            "state_before": "closed",
        }  # fmt: skip
        world.rows["warnings"] = {}
        for key, vehicle in world.vehicles.items():
            for at in (world.before, world.after):
                run = {"vehicle_id": key, "first_at": at, "last_at": at}
                given = run | {"type": "6401", "count": 1, "level": 1, "grade": 2, "created_at": at}
                made = connection.execute(insert(PreWarning).returning(PreWarning.id), given).scalar_one()
                owner = rights.held(world, vehicle, "operator", at)
                world.rows["warnings"][made] = run | {"at": at, "operator_id": owner}
        connection.execute(insert(CaseAppeal), [appeal | {"case_id": key} for key in sorted(world.rows["appealed"])])


def _attach(connection: Connection, web: Running, world: World) -> None:
    """A file with every order; its number."""
    world.rows["supervision files"] = {}
    store = web.services.evidence
    assert store is not None
    for key in world.rows["supervision"]:
        kept = store.put([f"谜 {key}".encode()])
        given = {
            "order_id": key, "step_id": 1, "user_id": 1, "name": "谜.pdf", "media_type": "application/pdf",
            "size": kept.size, "sha256": kept.sha256, "sm3": kept.sm3, "store_key": kept.key, "stored": True,
        }  # fmt: skip
        made = connection.execute(insert(SupervisionFile).returning(SupervisionFile.id), given).scalar_one()
        world.rows["supervision files"][key] = made


def _ask(connection: Connection, world: World) -> None:
    """A question of every authority to every operator and monitor."""
    world.rows["checks"], world.rows["asked"] = {}, {}
    bodies = [row | {"id": key} for key, row in world.organisations.items() if row["kind"] in (*OPERATING, "monitor")]
    for office in sorted({person["of"] for person in world.people if person["of"] is not None}):
        check = {"text": "谜在值班吗？", "options": "[]", "answers": "[]", "targets": "operators", "limit_s": 600}
        given = check | {"organisation_id": office, "user_id": 1}
        key = connection.execute(insert(PostCheck).returning(PostCheck.id), given).scalar_one()
        world.rows["checks"][key] = office
    for body in bodies:
        row = {"check_id": key, "organisation_id": body["id"], "city": body["city"], "county": body["county"]}
        times = {"strike_at": 1 << 60, "due_at": 1 << 60, "asked_at": MONTH_AT}
        row |= times | {"state": ASKED}
        made = connection.execute(insert(PostCheckAsked).returning(PostCheckAsked.id), row).scalar_one()
        world.rows["asked"][made] = {"target_id": body["id"], "city": body["city"], "county": body["county"]}


def _flag(connection: Connection, world: World) -> None:
    """A flag of somebody of every operator and monitor, and a proposal."""
    world.rows["flags"], world.rows["proposals"] = {}, {}
    for key, body in world.organisations.items():
        if body["kind"] not in (*OPERATING, "monitor"):
            continue
        row = {"organisation_id": key, "city": body["city"], "county": body["county"]}
        given = row | {
            "key": f"谜-{key}", "kind": "many", "user_id": 1, "first_at": 1, "last_at": 1, "count": 1, "policy": 1,
        }  # fmt: skip
        made = connection.execute(insert(ShamFlag).values(given).returning(ShamFlag.id)).scalar_one()
        world.rows["flags"][made] = row | {"target_id": key}
        place = {"target_id": key, "city": body["city"], "county": body["county"]}
        given = place | {"key": f"谜-{key}", "kind": "overdue", "level": 1, "numbers": "{}", "cases": "[]", "at": 1}
        made = connection.execute(insert(SupervisionProposal).returning(SupervisionProposal.id), given).scalar_one()
        world.rows["proposals"][made] = place


def sees(world: World, person: dict[str, Any], row: dict[str, Any]) -> bool:
    """By area for an authority, by name for an operator or monitor; nobody else."""
    kind, mine = person["kind"], person["organisation"]
    if not rights.reach(world, person, "case"):
        return False
    if kind in ("city", "county"):
        return bool(row[kind] == person["area"])
    if kind in OPERATING:
        return row["target_id"] in rights.family(world, mine)
    if kind == "monitor":
        return bool(row["target_id"] == mine)
    return kind in ("province", "emergency", "police", "regulator")


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["supervision"]
    reach = rights.reach(world, person, "case") or person["role"] == "emergency"
    due = {key for key, row in rows.items() if sees(world, person, row)}
    answer = await client.get("/api/supervision-orders", params={"size": 500})
    assert answer.status_code == (200 if reach else 403), f"{name} orders: {answer.status_code} {answer.text}"
    if reach:
        found = {item["id"] for item in answer.json()["items"]}
        assert found == due, f"{name} orders: {found ^ due}"
    answer = await client.get("/api/supervision-orders/counts")
    assert answer.status_code == (200 if reach else 403), f"{name} counts of orders: {answer.status_code}"
    if reach:
        assert sum(answer.json()["states"].values()) == len(due), f"{name} counts of orders"
    answer = await client.get("/api/supervision-orders/targets")
    orders = supervises(person) or person["role"] == "emergency"
    assert answer.status_code == (200 if orders else 403), f"{name} targets of orders: {answer.status_code}"
    if orders and person["kind"] in ("city", "county"):
        known = [world.organisations.get(item["id"]) for item in answer.json()["items"]]
        areas = {body[person["kind"]] for body in known if body is not None}
        assert areas <= {person["area"]}, f"{name} targets of orders: {areas}"
    for key in world.sample(person, "orders", rows, due):
        status = (await client.get(f"/api/supervision-orders/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} order {key}: {status}"
        file = world.rows["supervision files"][key]
        status = (await client.get(f"/api/supervision-orders/{key}/files/{file}")).status_code
        side = key in due and (supervises(person) or is_ordered(world, person, rows[key]))
        assert (status == 200) == side, f"{name} file of order {key}: {status}"
    assert ((await client.get("/api/oversight/words")).status_code == 200) == reach, f"{name} words of oversight"
    status = (await client.get("/api/oversight/policies")).status_code
    assert (status == 200) == rights.reach(world, person, "case_policy"), f"{name} rules of oversight: {status}"
    await _check_questions(client, world, person)
    await _check_cases(client, world, person)


def is_ordered(world: World, person: dict[str, Any], row: dict[str, Any]) -> bool:
    """One of the people of the organisation that must answer, or of one above it."""
    return person["kind"] in (*OPERATING, "monitor") and sees(world, person, row)


def supervises(person: dict[str, Any]) -> bool:
    """An authority's officer; the technical roles at any body that stands for an area."""
    return person["role"] in AREAS or (person["role"] in ("administrator", "duty") and person["kind"] in WIDE)


async def _check_questions(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, checks, asked = person["name"], world.rows["checks"], world.rows["asked"]
    officer = supervises(person)
    for path in ("check-questions", "post-checks", "oversight/flags", "oversight/proposals"):
        answer = await client.get(f"/api/{path}")
        assert (answer.status_code == 200) == officer, f"{name} {path}: {answer.status_code}"
    status = (await client.get("/api/post-checks/reach", params={"kind": "operators"})).status_code
    assert (status == 200) == officer, f"{name} reach of a check: {status}"
    due = {key for key, office in checks.items() if officer and office == person["of"]}
    for key in world.sample(person, "checks", checks, due):
        status = (await client.get(f"/api/post-checks/{key}")).status_code
        assert (status == 200) == (key in due), f"{name} check {key}: {status}"
    flags = world.rows["flags"]
    proposed = world.rows["proposals"]
    mine = {key for key, row in proposed.items() if officer and sees(world, person, row)}
    for key in world.sample(person, "proposals", proposed, mine):
        status = (await client.get(f"/api/oversight/proposals/{key}")).status_code
        assert (status == 200) == (key in mine), f"{name} proposal {key}: {status}"
    shown = {key for key, row in flags.items() if officer and sees(world, person, row)}
    if officer:
        listed = (await client.get("/api/oversight/flags", params={"size": 500})).json()["items"]
        assert {item["id"] for item in listed} == shown, f"{name} flags"
    for key in world.sample(person, "flags", flags, shown):
        status = (await client.get(f"/api/oversight/flags/{key}")).status_code
        assert (status == 200) == (key in shown), f"{name} flag {key}: {status}"
    writes = rights.manner(person, "case", "write") not in (rights.NONE, rights.COUNT)
    answers = writes and person["kind"] in (*OPERATING, "monitor")
    answer = await client.get("/api/post-checks/mine")
    assert (answer.status_code == 200) == answers, f"{name} own questions: {answer.status_code}"
    if answers:
        mine = {key for key, row in asked.items() if row["target_id"] == person["of"]}
        assert {item["id"] for item in answer.json()["items"]} == mine, f"{name} own questions"
    month = {"month": "2026-09"}
    answer = await client.get("/api/post-checks/rates", params=month)
    reach = rights.reach(world, person, "case")
    assert (answer.status_code == 200) == reach, f"{name} rates: {answer.status_code}"
    if reach:
        rated = {item["organisation"]["id"] for item in answer.json()["items"]}
        assert rated == {row["target_id"] for row in asked.values() if sees(world, person, row)}, f"{name} rates"
    takes = reach and rights.manner(person, "case", "export") not in (rights.NONE, rights.COUNT)
    status = (await client.get("/api/post-checks/rates.csv", params=month)).status_code
    assert (status == 200) == takes, f"{name} file of rates: {status}"


def _day(at: int) -> int:
    return (at + 28_800_000) // 86_400_000


async def _check_funnel(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], due: set[int], expected: int
) -> None:
    """What a number of the funnel counts is seen as the cases and trucks are, of then."""
    name, known = person["name"], world.rows["cases"]
    for key in world.sample(person, "funnel of cases", known, due):
        row = known[key]
        given = {"day": _day(row["at"]), "operator": row["operator_id"] or 0, "grade": 2, "size": 500}
        answer = await client.get("/api/oversight/funnel/cases", params=given)
        assert answer.status_code == expected, f"{name} funnel cases: {answer.status_code}"
        if expected == 200:
            shown = {item["id"] for item in answer.json()["items"]}
            assert (key in shown) == (key in due), f"{name} funnel case {key}"
    runs = world.rows["warnings"]
    mine = {
        key for key, row in runs.items()
        if expected == 200 and rights.sees(world, person, "case", world.vehicles[row["vehicle_id"]], row["at"])
    }  # fmt: skip
    for key in world.sample(person, "funnel of pre-warnings", runs, mine):
        row = runs[key]
        given = {"day": _day(row["at"]), "operator": row["operator_id"] or 0, "size": 500}
        answer = await client.get("/api/oversight/funnel/warnings", params=given)
        assert answer.status_code == expected, f"{name} funnel warnings: {answer.status_code}"
        if expected == 200:
            shown = {item["id"] for item in answer.json()["items"]}
            assert (key in shown) == (key in mine), f"{name} pre-warning {key}"


async def _check_cases(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """What hangs on a case is seen with the case."""
    name, rows = person["name"], world.rows["cases"]
    due = {key for key, row in rows.items() if cases.sees(world, person, row)}
    appeals = await client.get("/api/appeals", params={"size": 500})
    assert (appeals.status_code == 200) == rights.reach(world, person, "case"), f"{name} appeals: {appeals.status_code}"
    if appeals.status_code == 200:
        shown = {item["case"]["id"] for item in appeals.json()["items"]}
        assert shown == due & world.rows["appealed"], f"{name} appeals"
    reach, takes = rights.reach(world, person, "case"), rights.manner(person, "case", "export")
    counts = reach or rights.manner(person, "case") == rights.COUNT
    for what in ("verdicts", "verdicts/cases", "evidence", "evidence/alarms"):
        status = (await client.get(f"/api/oversight/{what}")).status_code
        assert (status == 200) == reach, f"{name} {what}: {status}"
    exports = reach and takes not in (rights.NONE, rights.COUNT)
    for what in ("verdicts.csv", "evidence.csv"):
        status = (await client.get(f"/api/oversight/{what}")).status_code
        assert (status == 200) == exports, f"{name} {what}: {status}"
    days = {"from_day": 20_000, "to_day": 20_001}
    single = person["role"] == "vendor" or person["kind"] == "driver"  # a day's counts know no single trucks
    for what, may in (("funnel", counts), ("funnel.csv", exports or (takes == rights.COUNT))):
        status = (await client.get(f"/api/oversight/{what}", params=days)).status_code
        assert status == (400 if may and single else 200 if may else 403), f"{name} {what}: {status}"
    await _check_funnel(client, world, person, due, 400 if reach and single else 200 if reach else 403)
    for key in world.sample(person, "oversight of cases", rows, due):
        status = (await client.get(f"/api/cases/{key}/packages/1/file", params={"purpose": "核对"})).status_code
        assert status in (403, 404), f"{name} package of case {key}: {status}"
        for what in ("effect", "sealing"):
            status = (await client.get(f"/api/cases/{key}/{what}")).status_code
            assert (status == 200) == (key in due), f"{name} {what} of case {key}: {status}"
