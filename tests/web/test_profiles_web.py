"""Profiles and the deviation report over HTTP, with real stores behind."""

from __future__ import annotations

import csv
import functools
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from running_core import Running, until
from sqlalchemy import text

from luwei import facts
from luwei.live.feed import now_ms
from luwei.profiles import load
from luwei.protocol.jt808.frame import encode_frame
from luwei.protocol.jt808.header import Header
from luwei.registry import terminals
from luwei.registry.assignments import Assignments, Observed
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAME = b"~\x02\x00\x00~"
DSM = bytes.fromhex(
    "65 2F 00 00 00 02 00 08 02 00 00 00 00 00 3C 00 23 01 57 FA FB 06 CC 62 8C 25 06 01 08 30 14 04 01"
    "41 30 30 30 30 30 31 25 06 01 08 30 14 00 03 00"
)
BASIC = bytes.fromhex("00000000 00080003 0157FAFB 06CC628C 0023 025D 005A 250601083015")


async def get(web: Running, path: str, status: int = 200, token: str | None = None, **params: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def put(web: Running, path: str, body: Any, status: int = 200, token: str | None = None) -> Any:
    async with web.client(token) as client:
        answer = await client.put(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@functools.cache
def today() -> Any:
    """In China, the same for all of a run."""
    return (datetime.now(UTC) + timedelta(hours=8)).date()


def of_today() -> dict[str, str]:
    return {"from": today().isoformat(), "to": today().isoformat()}


def entry(phone: str, reason: str, count: int, **more: Any) -> dict[str, Any]:
    return {
        "day": today(), "phone": phone, "terminal_id": 1, "vehicle_id": int(phone[-1]), "gateway": "gw-test",
        "kind": "noted", "reason": reason, "message_id": 0x0200, "peer": "10.0.0.1:5000", "count": count,
        "first_at": now_ms() - 60_000, "last_at": now_ms() - 1_000, "example": FRAME,
    } | more  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def devices(web: Running) -> dict[str, Any]:
    """Three terminals of two models in vehicles 1 to 3, and what the ledger says of them."""
    engine = web.services.engine
    assignments = Assignments(engine, load())
    keys = []
    for number, (phone, model) in enumerate(
        (("14400000001", "YJ-V6"), ("14400000002", "YJ-V6"), ("14400000003", "HD-T20")), 1
    ):
        given = {"phone": phone, "model": model, "manufacturer_id": "70188", "edition": 2019, "vehicle_id": number}
        keys.append(terminals.create(engine, given, SYSTEM, WHOLE))
    assignments.settle([Observed(keys[0], "V3.2.1", 2019), Observed(keys[1], "V3.2.1", 2019)])
    assignments.settle([Observed(keys[2], "V1.0", 2013)])
    await web.publish(
        facts.LEDGER,
        [
            entry("14400000001", "item_unknown:0xEB", 5),
            entry("14400000002", "item_unknown:0xEB", 7, example=b"~\x02\x00\x01~"),
            entry("14400000001", "clock_behind", 1),
            entry("14400000003", "charset", 2, message_id=0x0100),
            entry("14400000003", "code_wrong", 9, kind="refused", message_id=0x0102),
            entry("14400000009", "checksum", 4, kind="refused"),
        ],
    )

    async def stored() -> bool:
        return len((await get(web, "/api/access/deviations", **of_today()))["items"]) == 3

    await until(stored, "ledger stored")
    return {"keys": keys}


async def test_deviations_are_counted_by_model_and_firmware_with_clause_and_example(
    web: Running, devices: dict[str, Any]
) -> None:
    report = await get(web, "/api/access/deviations", **of_today())
    assert report["truncated"] is False and report["from"] == report["to"] == today().isoformat()
    first = report["items"][0]
    assert {name: first[name] for name in ("model", "firmware", "profile", "reason", "detail", "clause")} == {
        "model": "YJ-V6", "firmware": "V3.2.1", "profile": "guangdong@1", "reason": "item_unknown", "detail": "0xEB",
        "clause": "§8.21",
    }  # fmt: skip
    assert (first["count"], first["terminals"], first["expected"]) == (12, 2, False)
    assert first["example_hex"] in (FRAME.hex(), b"~\x02\x00\x01~".hex())
    assert [(item["model"], item["reason"], item["quirk"]) for item in report["items"][1:]] == [
        ("HD-T20", "charset", "11.2.11"), ("YJ-V6", "clock_behind", "11.3.17"),
    ]  # fmt: skip
    assert [i["reason"] for i in (await get(web, "/api/access/deviations", model="hd-t", **of_today()))["items"]] == [
        "charset"
    ]


async def test_a_group_opens_down_to_its_terminals(web: Running, devices: dict[str, Any]) -> None:
    found = await get(
        web, "/api/access/deviations/terminals", reason="item_unknown", detail="0xEB", message_id=0x0200, **of_today(),
        manufacturer_id="70188", model="YJ-V6", firmware="V3.2.1",
    )  # fmt: skip
    assert [(item["phone"], item["count"], item["vehicle_id"]) for item in found["items"]] == [
        ("14400000002", 7, 2), ("14400000001", 5, 1),
    ]  # fmt: skip
    assert found["items"][1]["plate"] == "粤B12345" and found["items"][1]["example_hex"] == FRAME.hex()


async def test_the_report_is_bounded_by_the_scope(web: Running, devices: dict[str, Any]) -> None:
    token = web.session_token("shenzhen-report", city=440300)
    items = (await get(web, "/api/access/deviations", token=token, **of_today()))["items"]
    assert {(item["reason"], item["count"]) for item in items} == {
        ("item_unknown", 5),
        ("clock_behind", 1),
        ("charset", 2),
    }
    found = await get(
        web, "/api/access/deviations/terminals", token=token, reason="item_unknown", detail="0xEB", message_id=0x0200,
        manufacturer_id="70188", model="YJ-V6", firmware="V3.2.1", **of_today(),
    )  # fmt: skip
    assert [item["phone"] for item in found["items"]] == ["14400000001"]


async def test_the_report_leaves_as_csv_and_the_export_is_in_the_audit_log(
    web: Running, devices: dict[str, Any]
) -> None:
    async with web.client() as client:
        answer = await client.get("/api/access/deviations.csv", params=of_today())
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["model"], row["reason"], row["count"], row["message_id"]) for row in rows] == [
        ("YJ-V6", "item_unknown", "12", "0x0200"), ("HD-T20", "charset", "2", "0x0100"),
        ("YJ-V6", "clock_behind", "1", "0x0200"),
    ]  # fmt: skip
    with read(web.services.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry WHERE act = 'deviation.export'")).scalar() == 1


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2026-01-01", "to": "2025-01-01"}, "from"),
        ({"from": "2026-01-01", "to": "2026-03-01"}, "from"),
        ({"from": "soon"}, "day"),
    ],
)
async def test_days_that_cannot_be_asked_for_are_refused(web: Running, params: dict[str, str], field: str) -> None:
    assert (await get(web, "/api/access/deviations", 400, **params))["error"]["field"] == field


async def test_profiles_are_listed_with_their_terminals(web: Running, devices: dict[str, Any]) -> None:
    items = {item["name"]: item for item in (await get(web, "/api/profiles"))["items"]}
    assert (items["guangdong"]["terminals"], items["standard-2013"]["terminals"]) == (2, 1)
    assert items["guangdong"]["items"]["0x64"] == [71] and items["slave-server"]["by_hand_only"] is True


async def test_a_profile_is_chosen_by_hand_with_a_reason_and_given_back(web: Running, devices: dict[str, Any]) -> None:
    key = devices["keys"][2]
    path = f"/api/terminals/{key}/profile"
    before = await get(web, path)
    assert (before["profile"]["name"], before["assigned"]["by_hand"]) == ("standard-2013", False)
    heard: list[Any] = []
    bus: Any = web.services.bus

    async def hear(_: str, payload: bytes, __: dict[str, str]) -> None:
        heard.append(json.loads(payload))

    await bus.subscribe("profile.changed", hear)
    chosen = await put(web, path, {"profile": "jiangsu", "reason": "厂家证明"})
    assert (chosen["profile"]["name"], chosen["assigned"]["by_hand"]) == ("jiangsu", True)
    assert chosen["assigned"]["changes"][0]["username"] == "engineer"

    async def told() -> bool:
        return heard == [{"terminals": [key]}]

    await until(told, "gateways told")
    back = await put(web, path, {"profile": None})
    assert (back["profile"]["name"], back["assigned"]["by_hand"]) == ("standard-2013", False)
    refused = await put(web, path, {"profile": "moon"}, 400)
    assert refused["error"]["field"] == "profile" and "guangdong" in refused["error"]["rule"]
    await put(web, path, {"profile": "jiangsu"}, 404, token=web.session_token("elsewhere", city=440600))
    await put(web, path, {"profile": "jiangsu"}, 403, token=web.session_token("only-reads", role="viewer"))


def framed(phone: str, body: bytes, edition: int = 2019) -> str:
    header = Header(
        message_id=0x0200, body_length=0, serial=7, edition=edition, protocol_version=1 if edition == 2019 else 0,
        phone_raw=bytes.fromhex(phone.rjust(20 if edition == 2019 else 12, "0")),
    )  # fmt: skip
    return encode_frame(header, body).hex()


async def test_an_explanation_uses_the_terminals_profile_and_says_why(web: Running, devices: dict[str, Any]) -> None:
    answer = await get(web, "/api/explain", hex=framed("14400000001", BASIC + bytes.fromhex("F10400000001")))
    assert (answer["profile"]["name"], answer["profile"]["source"]) == ("guangdong", "terminal")
    assert answer["profile"]["why"] == [["province", "44", "44"], ["edition", "2019", "2019"]]
    assert answer["rule"]["reasons"] == []
    other = await get(
        web, "/api/explain", hex=framed("14400000001", BASIC + bytes.fromhex("F10400000001")), profile="standard-2019"
    )
    assert [reason["code"] for reason in other["rule"]["reasons"]] == ["item_unexpected"]
    assert other["profile"]["source"] == "chosen"
    assert (await get(web, "/api/explain", 400, hex="7e7e", profile="moon"))["error"]["field"] == "profile"


async def test_the_meaning_of_an_alarm_code_is_the_profiles(web: Running, devices: dict[str, Any]) -> None:
    raw = framed("19900000000", BASIC + DSM, 2013)
    shown = await get(web, "/api/explain", hex=raw)
    assert shown["profile"]["name"] == "jiangsu" and shown["profile"]["source"] == "frame"

    def word(answer: Any) -> str:
        return next(row["note"] for row in answer["rows"] if row["field"] == "items[0x65].type")

    assert word(shown) == "未定义"
    assert word(await get(web, "/api/explain", hex=raw, profile="sichuan")) == "未系安全带报警"
    fields = [row["field"] for row in shown["rows"]]
    assert "items[0x65].alarm_sign.terminal_id" in fields


async def test_the_ledger_names_clause_and_detail(web: Running, devices: dict[str, Any]) -> None:
    items = (await get(web, "/api/access/ledger", group="terminal", reason="item_unknown"))["items"]
    assert {(item["reason"], item["detail"], item["clause"]) for item in items} == {("item_unknown", "0xEB", "§8.21")}
    assert len(items) == 2
