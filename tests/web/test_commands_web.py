"""Commands over HTTP: who may send what to whom, what is refused and why, what is kept. No gateway runs here."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
from running_core import Running, until
from sqlalchemy import select

from luwei.registry import organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = "13800007001"


@pytest.fixture(scope="module", autouse=True)
def terminal(web: Running) -> None:
    """Truck 1 has a terminal, 2 and 3 have none."""
    terminals.create(web.services.engine, {"phone": PHONE, "vehicle_id": 1, "edition": 2019}, SYSTEM, WHOLE)


async def post(web: Running, token: str | None = None, **body: Any) -> httpx.Response:
    async with web.client(token) as client:
        return await client.post("/api/commands", json=body)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


async def test_the_kinds_come_with_their_forms_and_the_parameter_table(web: Running) -> None:
    async with web.client() as client:
        answer = (await client.get("/api/commands/kinds")).json()
    kinds = {kind["code"]: kind for kind in answer["kinds"]}
    assert kinds["listen_in"]["reason"] and kinds["listen_in"]["single"]
    assert [field["name"] for field in kinds["track"]["fields"]] == ["interval", "valid_s"]
    interval = next(row for row in answer["parameters"] if row["id"] == 0x0029)
    assert (interval["zh"], interval["unit"], interval["type"]) == ("缺省时间汇报间隔", "s", "integer")
    assert answer["may_send"] is True


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"kind": "track", "parameters": {"interval": 9999}}, "parameters.interval", ("0 to 3600", "§8.24")),
        ({"kind": "text", "parameters": {"text": "汉" * 513}}, "parameters.text", ("1024 bytes", "§8.27")),
        ({"kind": "text", "parameters": {}}, "parameters.text", ("must be given",)),
        ({"kind": "locate", "parameters": {"x": 1}}, "parameters.x", ("no field",)),
        (
            {"kind": "set_parameters", "parameters": {"parameters": [{"id": 0x0084, "value": 2**40}]}},
            "parameters.parameters", ("0x0084", "§8.12"),
        ),
        (
            {"kind": "set_parameters", "parameters": {"parameters": [{"id": 0x0033, "value": 1}]}},
            "parameters.parameters", ("no edition has it",),
        ),
        ({"kind": "restart"}, "reason", ("why",)),
        ({"kind": "listen_in", "parameters": {"phone": "02012345678"}}, "reason", ("why",)),
        ({"kind": "fly"}, "kind", ("locate",)),
        ({"kind": "locate", "expires_s": -1}, "expires_s", (">= 0",)),
    ],
)  # fmt: skip
async def test_a_value_out_of_its_rule_is_refused_before_sending_naming_field_and_clause(
    web: Running, body: dict[str, Any], field: str, words: tuple[str, ...]
) -> None:
    status, named, rule = error(await post(web, vehicles=[1], **body))
    assert (status, named) == (400, field)
    assert all(word in rule for word in words), rule


async def test_unknown_foreign_and_bare_trucks_are_each_their_own_error(web: Running) -> None:
    guangzhou = web.session_token("gz-duty", city=440100)
    assert error(await post(web, kind="locate", vehicles=[999_999]))[:2] == (404, "vehicles")
    assert error(await post(web, kind="locate", phones=["13000000000"]))[:2] == (404, "phones")
    assert error(await post(web, guangzhou, kind="locate", vehicles=[1])) == (
        403, "vehicles", "there is no vehicle 1 in your jurisdiction",
    )  # fmt: skip
    assert error(await post(web, kind="locate", vehicles=[2])) == (400, "vehicles", "has no terminal")
    assert error(await post(web, kind="locate"))[:2] == (400, "vehicles")


async def test_pictures_of_a_truck_are_taken_on_the_reason_that_the_live_picture_needs(web: Running) -> None:
    """Reference supervision §2.2: the province sees video on a recorded reason, the operator its own at any time."""
    province = web.session_token("sees-province", role="province")
    ways: tuple[dict[str, Any], ...] = (
        {"kind": "photo", "parameters": {}}, {"kind": "film", "parameters": {}},
        {"kind": "upload_media", "parameters": {}}, {"kind": "upload_media_item", "parameters": {"multimedia_id": 1}},
    )  # fmt: skip
    for body in ways:
        refused = await post(web, province, vehicles=[1], dry_run=True, **body)
        assert error(refused)[:2] == (403, "video") and "reason_required" in refused.text, body
    end = {"kind": "photo", "parameters": {"count": 0}}
    assert (await post(web, province, vehicles=[1], dry_run=True, **end)).status_code == 201, "ends what runs"
    async with web.client(province) as client:
        asked = {"kind": "video", "vehicles": [1], "purpose": "核实疲劳驾驶", "case_number": "B1", "minutes": 10}
        assert (await client.post("/api/grants", json=asked)).status_code == 201
    for body in ways:
        assert (await post(web, province, vehicles=[1], dry_run=True, **body)).status_code == 201
        other = await post(web, province, vehicles=[3], dry_run=True, **body)
        assert error(other)[:2] == (403, "vehicles"), "the reason was stated for another truck"
    owner = organisations.create(web.services.engine, {"name": "车主运输", "city": 440300}, SYSTEM, WHOLE)
    vehicles.change(web.services.engine, 1, {"operator_id": owner}, SYSTEM, WHOLE)
    sent = await post(web, province, vehicles=[1], expires_s=0, **ways[0])
    assert sent.status_code == 201
    async with web.client(web.session_token("whose-truck", role="operator", organisation_id=owner)) as client:
        (look,) = (await client.get("/api/me/viewers")).json()["items"]
    assert (look["act"], look["vehicle_id"], look["username"]) == ("video.photo", 1, "sees-province")
    assert "B1" in look["reason"]


async def test_a_cab_is_heard_on_a_recorded_reason_alone(web: Running) -> None:
    """As by the media node: who runs the truck, and who sees the whole province, states a reason for this truck."""
    province = web.session_token("heard-province", role="province")
    ways = ({"kind": "listen_in", "parameters": {"phone": "02012345678"}}, {"kind": "record_audio", "parameters": {}})
    for body in ways:
        refused = await post(web, province, vehicles=[1], reason="疑似求救", dry_run=True, **body)
        assert error(refused)[:2] == (403, "listen") and "reason_required" in refused.text
    async with web.client(province) as client:
        asked = {"kind": "talk", "vehicles": [3], "purpose": "疑似求救核实", "case_number": "", "minutes": 10}
        assert (await client.post("/api/grants", json=asked | {"case_number": "A1"})).status_code == 201
    for body in ways:
        other = await post(web, province, vehicles=[1], reason="疑似求救", dry_run=True, **body)
        assert error(other)[0] == 403, "the reason was stated for another truck"
    async with web.client(province) as client:
        asked |= {"vehicles": [1], "case_number": "A2"}
        assert (await client.post("/api/grants", json=asked)).status_code == 201
    for body in ways:
        assert (await post(web, province, vehicles=[1], reason="疑似求救", dry_run=True, **body)).status_code == 201


async def test_a_viewer_reads_but_does_not_send(web: Running) -> None:
    token = web.session_token("looker", role="viewer")
    assert error(await post(web, token, kind="locate", vehicles=[1]))[:2] == (403, "command")
    async with web.client(token) as client:
        assert (await client.get("/api/commands/kinds")).json()["may_send"] is False
        assert (await client.get("/api/commands")).status_code == 200
        assert (await client.post("/api/commands/batches/1/cancel")).status_code == 403
        assert (await client.get("/api/commands/batches/1/results.csv")).status_code == 403


async def test_a_command_waits_for_its_truck_is_audited_and_can_be_cancelled(web: Running) -> None:
    sent = await post(web, kind="text", parameters={"text": "前方封路"}, phones=[f"0{PHONE}"], reason="台风预警")
    assert sent.status_code == 201, sent.text
    batch = sent.json()["batch"]
    assert sent.json() == {"batch": batch, "total": 1, "skipped": 0}
    async with web.client() as client:
        page = (await client.get("/api/commands", params={"vehicle": 1, "state": "queued"})).json()
        (command,) = [item for item in page["items"] if item["batch"] == batch]
        assert (command["plate"], command["username"], command["reason"]) == ("粤B12345", "engineer", "台风预警")
        assert (await client.post(f"/api/commands/batches/{batch}/pause")).json()["state"] == "paused"
        assert (await client.post(f"/api/commands/batches/{batch}/resume")).json()["state"] == "running"
        view = (await client.post(f"/api/commands/batches/{batch}/cancel")).json()
        assert (view["state"], view["counts"]["cancelled"]) == ("cancelled", 1)
        assert (await client.post(f"/api/commands/batches/{batch}/fly")).status_code == 404
    with read(web.services.engine) as connection:
        acts = connection.execute(
            select(AuditEntry.act, AuditEntry.username)
            .where(AuditEntry.noun == "command", AuditEntry.noun_id == batch)
            .order_by(AuditEntry.id)
        ).all()
    assert acts == [(f"command.{act}", "engineer") for act in ("send", "pause", "resume", "cancel")]


async def test_an_order_for_now_only_ends_without_waiting_when_nobody_holds_the_truck(web: Running) -> None:
    batch = (await post(web, kind="locate", vehicles=[1], expires_s=0)).json()["batch"]
    async with web.client() as client:

        async def ended() -> Any:
            view = (await client.get(f"/api/commands/batches/{batch}")).json()
            return view if view["state"] == "done" else None

        view = await until(ended, "offline")
    assert view["failures"] == {"offline": 1}


async def test_a_selection_is_counted_first_and_leaves_out_trucks_without_terminal(web: Running) -> None:
    body = {"kind": "text", "parameters": {"text": "演练"}, "filter": {"city": 440300}}
    dry = (await post(web, **body, dry_run=True)).json()
    assert dry["batch"] == 0 and dry["total"] >= 1 and dry["skipped"] >= 1
    assert error(await post(web, kind="text", parameters={"text": "x"}, filter={"city": 999}))[:2] == (400, "filter")
    two_ways = error(await post(web, kind="locate", vehicles=[1], phones=[PHONE]))
    assert two_ways[:2] == (400, "vehicles")


async def test_a_batch_belongs_to_who_sent_it_unless_one_sees_the_whole_province(web: Running) -> None:
    shenzhen, other = web.session_token("sz-duty", city=440300), web.session_token("sz-two", city=440300)
    batch = (await post(web, shenzhen, kind="text", parameters={"text": "甲"}, vehicles=[1])).json()["batch"]
    for token, status in ((shenzhen, 200), (other, 404), (None, 200)):
        async with web.client(token) as client:
            assert (await client.get(f"/api/commands/batches/{batch}")).status_code == status
            listed = [item["id"] for item in (await client.get("/api/commands/batches")).json()["items"]]
            assert (batch in listed) == (status == 200)


async def test_the_export_is_a_table_that_no_office_programme_takes_for_a_formula(web: Running) -> None:
    batch = (
        await post(web, kind="text", parameters={"text": "导出"}, vehicles=[1], reason="=cmd|' /C calc'!A0")
    ).json()["batch"]
    async with web.client() as client:
        answer = await client.get(f"/api/commands/batches/{batch}/results.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, row = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    found = dict(zip(header, row, strict=True))
    assert (found["plate"], found["kind"], found["state"]) == ("粤B12345", "文本信息", "queued")
    assert found["reason"].startswith("'=cmd")


async def test_passwords_in_a_command_are_shown_to_nobody(web: Running) -> None:
    body = {"address": "10.0.0.1", "tcp_port": 7611, "password": "s3cret-pass"}
    batch = (await post(web, kind="switch_server", parameters=body, vehicles=[1], reason="迁移测试")).json()["batch"]
    async with web.client() as client:
        assert "s3cret-pass" not in (await client.get(f"/api/commands/batches/{batch}")).text
        await client.post(f"/api/commands/batches/{batch}/cancel")
    with read(web.services.engine) as connection:
        details = connection.scalars(select(AuditEntry.detail).where(AuditEntry.noun == "command")).all()
    assert not any("s3cret-pass" in detail for detail in details)
