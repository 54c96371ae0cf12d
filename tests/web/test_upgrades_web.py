"""Upgrade orders and firmware files over HTTP: planned, begun, held, stopped, exported, each with right and refusal."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from typing import Any

import httpx
import pytest
import pytest_asyncio
from running_core import Running, until
from sqlalchemy import select

from luwei import facts
from luwei.commands.upgrades.firmware import SIZE_MAX
from luwei.history.reports import upgrade_reports
from luwei.live.feed import now_ms
from luwei.registry import terminals
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = "13900000002"
MODEL = "UP-1"
TARGET = {"url": "http://10.0.0.1/fw.bin", "firmware": "V4"}
BODY: dict[str, Any] = {"name": "四月固件", "way": "url", "reason": "修复漂移", "target": TARGET, "model": MODEL}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def terminal(web: Running) -> None:
    """Truck 1 has a terminal of the model, 2 one of another, 3 none."""
    for vehicle, phone, model in ((1, PHONE, MODEL), (2, "13900000003", "HD-T20")):
        terminals.create(web.services.engine, {"phone": phone, "vehicle_id": vehicle, "model": model}, SYSTEM, WHOLE)


async def send(web: Running, path: str, token: str | None = None, **body: Any) -> httpx.Response:
    async with web.client(token) as client:
        return await client.post(f"/api/upgrades{path}", json=body)


async def upload(web: Running, data: bytes, token: str | None = None, **query: Any) -> httpx.Response:
    async with web.client(token) as client:
        return await client.post(
            "/api/upgrades/firmware", params={"model": MODEL, "version": "V4"} | query, files={"file": ("fw.bin", data)}
        )


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()["error"]
    return answer.status_code, told["field"], told["rule"]


async def test_a_file_is_kept_with_its_hashes_and_refused_by_rule(web: Running) -> None:
    kept = await upload(web, b"abc" * 100, manufacturer="70231")
    assert kept.status_code == 201, kept.text
    assert kept.json()["sha256"] == hashlib.sha256(b"abc" * 100).hexdigest() and kept.json()["size"] == 300
    assert refusal(await upload(web, b"abc" * 100))[:2] == (409, "file")
    assert refusal(await upload(web, b""))[:2] == (400, "file")
    status, field, rule = refusal(await upload(web, bytes(SIZE_MAX + 1)))
    assert (status, field) == (400, "file") and "2097152" in rule
    assert (await upload(web, bytes(SIZE_MAX + 1_000_000))).status_code == 413
    viewer = web.session_token("fw-viewer", role="viewer")
    assert refusal(await upload(web, b"x", viewer))[:2] == (403, "upgrade")
    assert refusal(await upload(web, b"x", web.session_token("fw-sz", city=440300)))[:2] == (403, "upgrade")
    async with web.client() as client:
        listed = (await client.get("/api/upgrades/firmware")).json()
        assert [file["version"] for file in listed["items"]] == ["V4"] and listed["may_upload"]
        order = await send(
            web, "", **(BODY | {"way": "packet", "firmware": kept.json()["id"]}), vehicles=[1], dry_run=True
        )
        assert order.json() == {"order": 0, "total": 1, "skipped": 0, "stages": [1, 0, 0]}
        assert (await client.delete(f"/api/upgrades/firmware/{kept.json()['id']}")).status_code == 204
        assert (await client.get("/api/upgrades/firmware")).json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"target": {"firmware": "V4"}}, "target.url", "must be given"),
        ({"reason": "x"}, "reason", "why"),
        ({"model": ""}, "model", "empty"),
        ({"stages": [{"percent": 50}]}, "stages.0.percent", "100"),
        ({"stages": [{"percent": 100, "stop_failures": 0}]}, "stages.0.stop_failures", "from 1"),
        ({"stages": []}, "stages", "1 to 10"),
        ({"way": "pigeon"}, "way", "Invalid enum"),
    ],
)
async def test_a_wrong_order_is_refused_before_anything_is_sent(
    web: Running, changes: dict[str, Any], field: str, word: str
) -> None:
    status, named, rule = refusal(await send(web, "", **(BODY | changes), vehicles=[1]))
    assert (status, named) == (400, field) and word in rule, rule


async def test_an_order_is_dry_run_begun_held_and_stopped_and_each_act_is_kept(web: Running) -> None:
    dry = await send(web, "", **BODY, vehicles=[1, 2], dry_run=True)
    assert dry.json() == {"order": 0, "total": 1, "skipped": 1, "stages": [1, 0, 0]}
    assert refusal(await send(web, "", **BODY, vehicles=[2]))[:2] == (400, "vehicles")
    begun = await send(web, "", **BODY, vehicles=[1, 2])
    assert begun.status_code == 201, begun.text
    key = begun.json()["order"]
    async with web.client() as client:

        async def view() -> dict[str, Any]:
            found: dict[str, Any] = (await client.get(f"/api/upgrades/{key}")).json()
            return found

        first = await view()
        assert (first["state"], first["version"], len(first["stages"]), first["only_parked"]) == (
            "running",
            "V4",
            1,
            True,
        )
        again = await send(web, "", **BODY, vehicles=[1])
        assert refusal(again)[:2] == (400, "vehicles") and "no other open order" in refusal(again)[2]
        assert (await client.post(f"/api/upgrades/{key}/pause")).json()["state"] == "paused"
        assert (await client.post(f"/api/upgrades/{key}/resume")).json()["state"] == "running"
        assert refusal(await client.post(f"/api/upgrades/{key}/resume"))[:2] == (409, "state")
        assert (await client.post(f"/api/upgrades/{key}/stop")).json()["cause"] == "person"
        assert refusal(await client.post(f"/api/upgrades/{key}/fly"))[:2] == (404, "act")

        async def ended() -> Any:
            return (await view())["ended_at"]

        await until(ended, "ended")
        assert refusal(await client.post(f"/api/upgrades/{key}/stop"))[:2] == (409, "state")
        (row,) = (await client.get(f"/api/upgrades/{key}/vehicles", params={"result": "cancelled"})).json()["items"]
        assert (row["plate"], row["phone"]) == ("粤B12345", PHONE)
        text = (await client.get(f"/api/upgrades/{key}/results.csv")).text
        assert [item["id"] for item in (await client.get("/api/upgrades")).json()["items"]] == [key]
    header, line = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    found = dict(zip(header, line, strict=True))
    assert (found["result"], found["wanted"], found["stage"]) == ("cancelled", "V4", "1")
    with read(web.services.engine) as connection:
        acts = connection.execute(
            select(AuditEntry.act, AuditEntry.username)
            .where(AuditEntry.noun == "upgrade", AuditEntry.noun_id == key)
            .order_by(AuditEntry.id)
        ).all()
    assert acts == [
        ("upgrade.begin", "engineer"), ("upgrade.pause", "engineer"), ("upgrade.resume", "engineer"),
        ("upgrade.stop", "engineer"), ("upgrade.end", ""), ("upgrade.export", "engineer"),
    ]  # fmt: skip


async def test_orders_keep_to_ones_jurisdiction_and_right(web: Running) -> None:
    guangzhou = web.session_token("gz-upgrade", city=440100)
    assert refusal(await send(web, "", guangzhou, **BODY, vehicles=[1]))[:2] == (403, "vehicles")
    viewer = web.session_token("up-viewer", role="viewer")
    assert refusal(await send(web, "", viewer, **BODY, vehicles=[1]))[:2] == (403, "upgrade")
    key = (await send(web, "", **BODY, vehicles=[1])).json()["order"]
    async with web.client(guangzhou) as client:
        assert (await client.get(f"/api/upgrades/{key}")).status_code == 404
        assert (await client.post(f"/api/upgrades/{key}/stop")).status_code == 404
    assert (await send(web, f"/{key}/stop")).status_code == 200


async def test_what_terminals_reported_is_read_from_the_history(web: Running) -> None:
    row = {
        "vehicle_id": 1, "terminal_id": 1, "received_at": now_ms(), "direction": 0, "message_id": 0x0108, "serial": 1,
        "edition": 2019, "phone": PHONE, "body": b"\x00\x01",
    }  # fmt: skip
    late = row["received_at"] + 5
    await web.publish(
        facts.MESSAGE,
        [row | {"message_id": 0x1FC4, "received_at": late, "body": b"\x00\x01\x00\x01\x28\x00"}, row,
         row | {"vehicle_id": 2}, row | {"message_id": 0x0107}, row | {"direction": 1}],
    )  # fmt: skip

    async def read_back() -> Any:
        return await asyncio.to_thread(upgrade_reports, web.services.history, [1, 3], row["received_at"])

    found = await until(read_back, "in the history")
    assert [(report.vehicle_id, report.at, report.message_id, report.body) for report in found] == [
        (1, row["received_at"], 0x0108, b"\x00\x01"), (1, late, 0x1FC4, b"\x00\x01\x00\x01\x28\x00"),
    ]  # fmt: skip
    assert await asyncio.to_thread(upgrade_reports, web.services.history, [1], late + 1) == []
