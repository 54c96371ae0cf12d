"""Explaining frames over HTTP: pasted ones, stored ones, and everything that is no frame at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from running_core import MINUTE, Running, until

from luwei import facts
from luwei.live.feed import now_ms
from luwei.web.explanation import explained

pytestmark = pytest.mark.asyncio(loop_scope="session")

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir() and os.environ.get("CI") != "true", reason=f"captures are absent: {VECTORS}"
)

LOCATION_2019 = (  # JT/T 808 reference, V12
    "7e02004032010000000001380013800000100000000000080003"
    "0157fafb06cc628c0023025d005a250601083015"
    "01040001e240030202583001"
    "1f31010c140400000000657e"
)
HEARTBEAT_2013 = "7e000200000138001380000001a97e"  # V1
PLATFORM_REPLY = "7e80014005010000000001380013800000010010020000" + "7c7e"  # V13


async def post(web: Running, status: int = 200, token: str | None = None, **body: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.post("/api/explain", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(web: Running, path: str, status: int = 200, token: str | None = None, **params: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    return answer.json()


def by_field(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["field"]: row for row in answer["rows"]}


async def test_a_location_is_explained_from_bytes_to_answer(web: Running) -> None:
    answer = await post(web, hex=LOCATION_2019)
    rows = by_field(answer)
    assert (rows["speed"]["offset"], rows["speed"]["hex"], rows["speed"]["value"]) == (36, "02 5d", "60.5 km/h")
    assert (rows["speed"]["en"], rows["speed"]["zh"], rows["speed"]["group"]) == ("Speed", "速度", "body")
    assert {row["group"] for row in answer["rows"]} == {"frame", "header", "body", "items", "check"}
    assert answer["header"]["phone"] == "13800138000"
    assert answer["edition"]["row"] == "flag_2019" and answer["edition"]["total"] == answer["edition"]["need_2019"]
    assert answer["rule"]["state"] == "accepted" and answer["error"] is None
    assert answer["became"]["kind"] == "location"
    assert answer["became"]["rows"][0]["speed_dkmh"] == 605
    assert (answer["answer"]["message_id"], answer["answer"]["result"]) == (0x8001, 0)
    assert [step["key"] for step in answer["steps"]] == [
        "received", "unescaped", "checked", "accepted", "stored", "answered",
    ]  # fmt: skip
    assert {step["state"] for step in answer["steps"]} == {"ok"}


async def test_every_byte_stands_in_one_row(web: Running) -> None:
    answer = await get(web, "/api/explain", hex=LOCATION_2019)
    at = 0
    for row in answer["rows"]:
        assert row["offset"] == at
        at += row["length"]
    assert at == answer["length"] == len(LOCATION_2019) // 2


async def test_a_wrong_check_code_is_shown_with_its_rule(web: Running) -> None:
    answer = await post(web, hex=LOCATION_2019[:-4] + "667e")
    assert (answer["error"]["code"], answer["error"]["offset"]) == ("checksum", len(LOCATION_2019) // 2 - 2)
    assert answer["rule"]["state"] == "refused" and answer["rule"]["reasons"][0]["clause"] == "§4.4.5"
    assert answer["became"]["kind"] == "none" and answer["answer"] is None
    states = {step["key"]: step["state"] for step in answer["steps"]}
    assert (states["checked"], states["accepted"], states["answered"]) == ("bad", "none", "none")


async def test_a_message_of_the_platform_is_explained_without_a_fate(web: Running) -> None:
    answer = await post(web, hex=PLATFORM_REPLY)
    assert answer["rule"]["state"] == "down" and answer["became"]["kind"] == "down"
    assert answer["message"]["zh"] == "平台通用应答"


async def test_several_frames_in_one_paste_are_told_apart(web: Running) -> None:
    both = HEARTBEAT_2013 + LOCATION_2019
    first, second = await post(web, hex=both), await post(web, hex=both, frame=1)
    assert first["frames"] == [{"offset": 0, "length": 15}, {"offset": 15, "length": len(LOCATION_2019) // 2}]
    assert (first["header"]["message_id"], second["header"]["message_id"]) == (0x0002, 0x0200)
    assert (await post(web, 400, hex=both, frame=2))["error"]["field"] == "frame"


@pytest.mark.parametrize(
    "text",
    ["7E 00 02 00 00 01 38 00 13 80 00 00 01 A9 7E", "0x7e,0x00,0x02,0x00,0x00,0x01,0x38,0x00,0x13,0x80,0,",
     "7e-00-02-00-00-01-38-00-13-80-00-00-01-a9-7e", "\n7e0002 0000013800138000\r\n0001a97e\n"],
)  # fmt: skip
async def test_hex_is_taken_as_people_paste_it(web: Running, text: str) -> None:
    if text.endswith(",0,"):
        assert (await post(web, 400, hex=text))["error"]["field"] == "hex"
        return
    assert (await post(web, hex=text))["hex"] == HEARTBEAT_2013


@pytest.mark.parametrize(
    ("text", "rule"),
    [("", "must be hex"), ("   ", "must be hex"), ("7e0", "must be hex"), ("7e zz", "must be hex"),
     ("00" * 8193, "length"), ("0" * 40_001, "length <= 40000")],
)  # fmt: skip
async def test_what_is_no_hex_is_refused_with_its_field(web: Running, text: str, rule: str) -> None:
    error = (await post(web, 400, hex=text))["error"]
    assert error["field"] == "hex" and rule in error["rule"]


async def test_unknown_fields_and_numbers_out_of_range_are_refused(web: Running) -> None:
    for body in ({"hex": "7e", "frame": -1}, {"hex": "7e", "edition": 1999}, {"hex": 7}, {"hex": "7e", "more": 1}):
        await post(web, 400, **body)


async def test_explaining_needs_a_login_and_its_own_page(web: Running) -> None:
    await post(web, 401, token="", hex="7e")
    async with web.client() as client:
        answer = await client.post("/api/explain", json={"hex": "7e"}, headers={"X-Luwei": "0"})
    assert answer.status_code == 403


@needs_vectors
@pytest.mark.parametrize("name", ["jt808_frames", "jt808_active_safety"])
async def test_every_captured_frame_is_explained_to_its_last_byte(name: str) -> None:
    for line in (VECTORS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "hex" not in row:
            continue
        answer = explained(bytes.fromhex(row["hex"]))
        assert sum(each["length"] for each in answer["rows"]) == answer["length"], row["id"]
        assert all(each["group"] for each in answer["rows"])
        assert answer["rule"]["zh"] and answer["rule"]["en"]


# Stored messages.


def stored(at: int, **values: Any) -> dict[str, Any]:
    return {
        "vehicle_id": 1, "terminal_id": 1, "received_at": at, "direction": 0, "message_id": 0x0900, "serial": 9,
        "edition": 2019, "phone": "13800138000", "body": b"\xf0" + b"pass", "batch": 0,
    } | values  # fmt: skip


async def test_stored_messages_are_listed_and_open_framed_anew(web: Running) -> None:
    at = now_ms() - 5 * MINUTE
    long = bytes.fromhex("00000001000101") + bytes(2000)
    rows = [
        stored(at), stored(at + 1000, message_id=0x0801, serial=10, body=long),
        stored(at + 2000, message_id=0x0104, serial=11, edition=2013, body=bytes.fromhex("000500")),
    ]  # fmt: skip
    await web.publish(facts.MESSAGE, rows)

    async def listed() -> Any:
        answer = await get(web, "/api/vehicles/1/messages", **{"from": at - 1000, "to": at + 9000})
        return answer if answer["total"] == 3 else None

    answer = await until(listed, "three messages stored")
    assert [row["message_id"] for row in answer["items"]] == [0x0104, 0x0801, 0x0900]
    assert [row["count"] for row in answer["ids"]] == [1, 1, 1]
    assert answer["items"][2]["zh"] and answer["items"][2]["body_bytes"] == 5
    only = await get(web, "/api/vehicles/1/messages", **{"from": at - 1, "to": at + 9000, "message_id": "0x0900"})
    assert only["total"] == 1 and len(only["ids"]) == 3

    opened = await get(web, f"/api/vehicles/1/messages/{only['items'][0]['reference']}")
    assert opened["source"]["framed"] and "重新生成" in opened["source"]["zh"]
    assert opened["became"]["rows"][0]["received_at"] == at
    assert opened["header"]["serial"] == 9 and opened["header"]["phone"] == "13800138000"
    whole = await get(web, f"/api/vehicles/1/messages/{answer['items'][1]['reference']}")
    assert not whole["source"]["framed"] and whole["length"] == len(long) and whole["rows"][0]["offset"] == 0
    assert sum(row["length"] for row in whole["rows"]) == len(long)


async def test_stored_messages_are_refused_outside_the_scope_and_for_wrong_spans(web: Running) -> None:
    path = "/api/vehicles/1/messages"
    elsewhere = web.session_token("guangzhou", city=440100)
    await get(web, path, 404, elsewhere, **{"from": 0, "to": 1})
    await get(web, f"{path}/1-0900-1-0", 404, elsewhere)
    await get(web, path, 400, **{"from": 2, "to": 1})
    await get(web, path, 400, **{"from": 0, "to": 40 * 24 * 60 * MINUTE})
    await get(web, path, 400, **{"from": 0, "to": 1, "message_id": "xyz"})
    for reference in ("nonsense", "1-0900-99999-0", "1-0900-1-7"):
        await get(web, f"{path}/{reference}", 400)
    await get(web, f"{path}/1-0900-1-0", 404)
