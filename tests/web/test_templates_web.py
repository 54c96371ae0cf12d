"""Parameter templates over HTTP: made, approved, compared, pushed, exported, each with its right and its refusal."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio
from running_core import Running, until
from sqlalchemy import insert, select

from luwei.registry import terminals
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = "13900000001"
PARAMETERS = [{"id": 0x29, "value": 15}, {"id": 0xF364, "value": {"volume": 6}}]
BODY: dict[str, Any] = {"vehicle_class": "other", "dialect": "yuebiao", "parameters": PARAMETERS}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def terminal(web: Running) -> None:
    with read(web.services.engine) as connection:
        known = connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == 1))
    if known is None:
        terminals.create(web.services.engine, {"phone": PHONE, "vehicle_id": 1}, SYSTEM, WHOLE)


async def send(web: Running, method: str, path: str, token: str | None = None, **body: Any) -> httpx.Response:
    async with web.client(token) as client:
        return await client.request(method, f"/api/templates{path}", json=body)


async def fetch(web: Running, path: str, token: str | None = None, **query: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.get(f"/api/templates{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()["error"]
    return answer.status_code, told["field"], told["rule"]


async def made(web: Running, name: str, **changes: Any) -> dict[str, Any]:
    answer = await send(web, "POST", "", name=name, **(BODY | changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def approved(web: Running, name: str) -> tuple[int, int]:
    detail = await made(web, name)
    version = detail["versions"][0]["id"]
    answer = await send(web, "POST", f"/versions/{version}/approve")
    assert answer.status_code == 200, answer.text
    return detail["template"]["id"], version


async def test_a_template_is_made_revised_approved_and_compared(web: Running) -> None:
    detail = await made(web, "甲类")
    key, first = detail["template"]["id"], detail["versions"][0]["id"]
    assert (detail["versions"][0]["state"], detail["template"]["in_force"]) == ("draft", None)
    revised = [*PARAMETERS[:1], {"id": 0xF364, "value": {"volume": 8}}]
    second = (await send(web, "POST", f"/{key}/versions", parameters=revised, note="音量调大")).json()["version"]["id"]
    whole = (await send(web, "POST", f"/versions/{first}/approve")).json()
    assert whole["version"]["state"] == "in_force" and whole["version"]["approved_by"] == "engineer"
    assert [(line["id"], line["field"], line["wanted"]) for line in whole["lines"]] == [
        (0x29, "", "15 s"), (0xF364, "volume", "6"),
    ]  # fmt: skip
    compared = await fetch(web, "/compare", before=first, after=second)
    assert [(d["field"], d["found"], d["wanted"]) for d in compared["differences"]] == [("volume", "6", "8")]
    page = await fetch(web, "")
    (listed,) = [item for item in page["items"] if item["id"] == key]
    assert (listed["in_force"]["number"], listed["newest"]["number"]) == (1, 2)
    assert page["may_edit"] and page["may_push"]
    form = await fetch(web, "/form")
    assert {row["id"] for row in form["parameters"]} >= {0x29, 0x75, 0xF364}


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ([{"id": 0x29, "value": 0}], "parameters.0x0029", ("from 1", "§8.12")),
        ([{"id": 0xF364, "value": {"volume": 9}}], "parameters.0xF364.volume", ("0 to 8", "table 5-10")),
        ([], "parameters", ("at least one",)),
    ],
)  # fmt: skip
async def test_a_wrong_value_is_refused_naming_parameter_rule_and_clause(
    web: Running, parameters: list[dict[str, Any]], field: str, words: tuple[str, ...]
) -> None:
    for path, body in (("", BODY | {"name": "错"}), ("/check", {"dialect": "yuebiao"})):
        status, named, rule = refusal(await send(web, "POST", path, **(body | {"parameters": parameters})))
        assert (status, named) == (400, field) and all(word in rule for word in words), rule


async def test_who_does_not_see_the_whole_province_uses_templates_but_makes_none(web: Running) -> None:
    _, version = await approved(web, "全省模板")
    shenzhen, viewer = web.session_token("sz-template", city=440300), web.session_token("t-viewer", role="viewer")
    for token in (shenzhen, viewer):
        assert refusal(await send(web, "POST", "", token, name="私", **BODY))[:2] == (403, "template")
        assert refusal(await send(web, "POST", f"/versions/{version}/approve", token))[:2] == (403, "template")
    assert (await fetch(web, "", shenzhen))["may_edit"] is False
    push = f"/versions/{version}/push"
    assert (await send(web, "POST", push, shenzhen, vehicles=[1], dry_run=True)).json()["total"] == 1
    assert refusal(await send(web, "POST", push, viewer, vehicles=[1]))[:2] == (403, "command")
    guangzhou = web.session_token("gz-template", city=440100)
    assert refusal(await send(web, "POST", push, guangzhou, vehicles=[1]))[:2] == (403, "vehicles")


async def test_a_push_is_watched_cancelled_exported_and_audited(web: Running) -> None:
    _, version = await approved(web, "=下发")
    begun = await send(web, "POST", f"/versions/{version}/push", filter={"city": 440300}, reason="首次安装")
    assert begun.status_code == 201, begun.text
    key = begun.json()["push"]
    assert begun.json() == {"push": key, "total": 1, "skipped": 1}  # the other truck of Shenzhen has no terminal
    push = await fetch(web, f"/pushes/{key}")
    assert (push["state"], push["counts"]["set"], push["reason"]) == ("running", 1, "首次安装")
    assert (await send(web, "POST", f"/pushes/{key}/pause")).json()["state"] == "paused"
    assert (await send(web, "POST", f"/pushes/{key}/resume")).json()["state"] == "running"
    assert (await send(web, "POST", f"/pushes/{key}/cancel")).json()["state"] == "cancelled"
    assert refusal(await send(web, "POST", f"/pushes/{key}/fly"))[:2] == (404, "act")

    async def ended() -> Any:
        return (await fetch(web, f"/pushes/{key}/vehicles", result="cancelled"))["items"]

    (row,) = await until(ended, "cancelled")
    assert (row["plate"], row["phone"], row["differences"]) == ("粤B12345", PHONE, [])
    async with web.client() as client:
        text = (await client.get(f"/api/templates/pushes/{key}/results.csv")).text
    header, line = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    found = dict(zip(header, line, strict=True))
    assert (found["plate"], found["result"], found["template"]) == ("粤B12345", "cancelled", "'=下发")
    with read(web.services.engine) as connection:
        acts = connection.execute(
            select(AuditEntry.act, AuditEntry.username)
            .where(AuditEntry.noun == "template_push", AuditEntry.noun_id == key)
            .order_by(AuditEntry.id)
        ).all()
    assert acts == [(f"template_push.{act}", "engineer") for act in ("begin", "pause", "resume", "cancel", "export")]
    other = web.session_token("sz-push", city=440300)
    assert refusal(await send(web, "POST", f"/pushes/{key}/cancel", other))[0] == 404


async def test_what_a_truck_reports_becomes_a_template_but_for_what_is_its_own(web: Running) -> None:
    reported = [
        {"id": 0x29, "hex": "0000001e"}, {"id": 0x83, "hex": "d4c1423132333435"},
        {"id": 0xF364, "hex": "1e06" + "00" * 54}, {"id": 0x70, "hex": "0000000b"},
    ]  # fmt: skip
    now = now_ms()
    with write(web.services.engine) as connection:
        batch = connection.execute(
            insert(CommandBatch).returning(CommandBatch.id),
            {"kind": "read_parameters", "parameters": "{}", "reason": "", "username": "x", "state": "running",
             "total": 1, "skipped": 0, "created_at": now, "expires_at": now},
        ).scalar_one()  # fmt: skip
        command = connection.execute(
            insert(Command).returning(Command.id),
            {"batch_id": batch, "vehicle_id": 1, "phone": PHONE, "state": "answered", "result": "success",
             "edition": 2019, "answer": json.dumps({"parameters": reported}), "created_at": now},
        ).scalar_one()  # fmt: skip
    found = await fetch(web, "/reported", command=command)
    assert (found["plate"], found["edition"], found["dialect"]) == ("粤B12345", 2019, "subiao")
    assert [entry["id"] for entry in found["parameters"]] == [0x29]
    rules = {each["id"]: each["rule"] for each in found["left_out"]}
    assert set(rules) == {0x70, 0x83, 0xF364} and "one vehicle" in rules[0x83] and "1 to 10" in rules[0x70]
    detail = await made(web, "按实车", dialect=found["dialect"], parameters=found["parameters"])
    copied = await send(
        web, "POST", f"/versions/{detail['versions'][0]['id']}/copy", name="副本", vehicle_class="slag_truck"
    )
    assert copied.json()["template"]["vehicle_class"] == "slag_truck"
    key = copied.json()["template"]["id"]
    assert (await send(web, "PATCH", f"/{key}", retired=True)).json()["template"]["retired_at"]
    assert key not in {item["id"] for item in (await fetch(web, ""))["items"]}
    assert key in {item["id"] for item in (await fetch(web, "", retired=True))["items"]}
