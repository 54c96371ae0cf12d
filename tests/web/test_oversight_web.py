"""Oversight over HTTP: orders between two offices, rights, conflicts; appeals, numbers and packages of a case."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio
from running_core import Running, location, until
from sqlalchemy import insert, text

from luwei import facts
from luwei.live.feed import now_ms
from luwei.oversight import devices, offline
from luwei.registry import organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.case import CLOSED, AlarmCase, PreWarning
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE, Scope

HOUR = 3_600_000
DAY_MS = 24 * HOUR

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def offices(web: Running) -> dict[str, Any]:
    """Tokens of two cities, an operator of the first, an insurer; the operator's id."""
    engine = web.services.engine
    operator = organisations.create(engine, {"name": "督办运输", "city": 440300}, SYSTEM, WHOLE)
    insurer = organisations.create(engine, {"kind": "insurer", "name": "督办财险"}, SYSTEM, WHOLE)
    emergency = organisations.create(engine, {"kind": "emergency", "name": "督办应急"}, SYSTEM, WHOLE)
    return {
        "id": operator,
        "company": web.session_token("ov-company", role="operator", organisation_id=operator),
        "boss": web.session_token("ov-boss", role="administrator", organisation_id=operator),
        "city": web.session_token("ov-city", role="city", city=440300),
        "other": web.session_token("ov-other", role="city", city=440100),
        "insurer": web.session_token("ov-insurer", role="insurer", organisation_id=insurer),
        "emergency": web.session_token("ov-emergency", role="emergency", organisation_id=emergency),
    }


async def ask(web: Running, token: str | None, path: str, body: Any = None) -> Any:
    async with web.client(token) as client:
        return await (client.get(path) if body is None else client.post(path, json=body))


def wanted(offices: dict[str, Any], **values: Any) -> dict[str, Any]:
    order = {"level": 0, "source": "government", "title": "超时报警", "text": "请处置", "target": offices["id"]}
    return order | values


async def test_an_order_goes_from_the_city_to_the_company_and_back(web: Running, offices: dict[str, Any]) -> None:
    issued = await ask(web, offices["city"], "/api/supervision-orders", wanted(offices))
    assert issued.status_code == 201, issued.text
    row = issued.json()["order"]
    assert (row["in_charge"], row["target"]["name"], row["due_at"] - row["issued_at"]) == (
        "city", "督办运输", 7_200_000,
    )  # fmt: skip
    path = f"/api/supervision-orders/{row['id']}"
    seen = (await ask(web, offices["company"], path)).json()
    assert seen["may"] == {"answer": True, "extend": False, "return": False, "close": False}
    answer = {"version": 1, "reply": "done", "text": "已约谈驾驶员"}
    answered = await ask(web, offices["company"], f"{path}/answer", answer)
    assert answered.json()["order"]["state"] == "answered"
    late = await ask(web, offices["company"], f"{path}/answer", answer)
    assert (late.status_code, late.json()["error"]["field"]) == (409, "version")
    own = await ask(web, offices["boss"], f"{path}/close", {"version": 2})
    assert own.status_code == 403, "who is supervised does not supervise itself"
    done = (await ask(web, offices["city"], f"{path}/close", {"version": 2, "note": "同意"})).json()
    assert done["order"]["state"] == "closed" and not any(done["may"].values())
    story = (await ask(web, offices["city"], path)).json()["steps"]
    assert [(step["act"], step["by"]["name"]) for step in story] == [
        ("issued", "ov-city"), ("answered", "ov-company"), ("closed", "ov-city"),
    ]  # fmt: skip


async def test_orders_show_to_nobody_else(web: Running, offices: dict[str, Any]) -> None:
    key = (await ask(web, offices["city"], "/api/supervision-orders", wanted(offices))).json()["order"]["id"]
    assert (await ask(web, offices["other"], f"/api/supervision-orders/{key}")).status_code == 404
    assert (await ask(web, offices["other"], "/api/supervision-orders")).json()["items"] == []
    assert (await ask(web, offices["insurer"], "/api/supervision-orders")).status_code == 403
    assert (await ask(web, offices["company"], "/api/supervision-orders", wanted(offices))).status_code == 403
    abroad = await ask(web, offices["other"], "/api/supervision-orders", wanted(offices))
    assert (abroad.status_code, abroad.json()["error"]["field"]) == (400, "target")
    assert (await ask(web, offices["emergency"], f"/api/supervision-orders/{key}")).status_code == 404
    for name, found in (("city", True), ("emergency", True), ("other", False)):
        targets = (await ask(web, offices[name], "/api/supervision-orders/targets?q=督办运")).json()["items"]
        assert ([each["id"] for each in targets] == [offices["id"]]) == found, name
    assert (await ask(web, offices["company"], "/api/supervision-orders/targets")).status_code == 403
    own = await ask(web, offices["emergency"], "/api/supervision-orders", wanted(offices))
    assert own.status_code == 201
    mine = (await ask(web, offices["emergency"], "/api/supervision-orders")).json()["items"]
    assert [row["id"] for row in mine] == [own.json()["order"]["id"]]


async def test_files_are_opened_by_the_two_sides_alone(web: Running, offices: dict[str, Any]) -> None:
    content = b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
    async with web.client(offices["city"]) as client:
        part = {"file": ("整改通知.pdf", content)}
        made = (await client.post("/api/supervision-files", files=part)).json()
        assert (made["name"], made["size"]) == ("整改通知.pdf", len(content))
        for name, wrong in (("x.pdf", b"MZ" + bytes(99)), ("x.jpg", content)):
            refused = await client.post("/api/supervision-files", files={"file": (name, wrong)})
            assert (refused.status_code, refused.json()["error"]["field"]) == (400, "file"), refused.text
        assert (await client.post("/api/supervision-files", data={"file": "x"})).status_code == 400
    other = await ask(web, offices["other"], "/api/supervision-orders", wanted(offices, files=[made["id"]]))
    assert (other.status_code, other.json()["error"]["field"]) == (400, "files")
    row = (await ask(web, offices["city"], "/api/supervision-orders", wanted(offices, files=[made["id"]]))).json()
    path = f"/api/supervision-orders/{row['order']['id']}"
    seen = (await ask(web, offices["company"], path)).json()["steps"][0]["files"]
    assert [(file["name"], file["sha256"], file["sm3"]) for file in seen] == [
        (made["name"], made["sha256"], made["sm3"])
    ]  # fmt: skip
    got = await ask(web, offices["company"], f"{path}/files/{made['id']}")
    assert got.content == content and got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["content-type"] == "application/octet-stream"
    for name in ("other", "insurer", "emergency"):
        assert (await ask(web, offices[name], f"{path}/files/{made['id']}")).status_code in (403, 404)
    assert (await ask(web, offices["insurer"], "/api/supervision-files", {})).status_code in (400, 403)
    async with web.client(offices["city"]) as client:
        assert (await client.delete(f"/api/supervision-files/{made['id']}")).status_code == 404, "it is in an order"
    with read(web.services.engine) as connection:
        entries = text("SELECT act, noun_id FROM audit_entry WHERE noun = 'supervision_file' ORDER BY id")
        assert [tuple(row) for row in connection.execute(entries)] == [
            ("supervision_file.upload", made["id"]), ("supervision_file.open", made["id"]),
        ]  # fmt: skip
    async with web.client(offices["company"]) as client:
        kept = (await client.post("/api/supervision-files", files={"file": ("整改.pdf", content)})).json()["id"]
        answer = {"version": 9, "reply": "done", "text": "已整改", "files": [kept]}
        for key in (1, 2**31 - 1):
            assert (await client.post(f"/api/supervision-orders/{key}/answer", json=answer)).status_code in (404, 409)
        removed = await client.delete(f"/api/supervision-files/{kept}")
        assert removed.status_code == 204, "for an answer that is none nothing is kept for ever"


async def test_words_and_rules_are_served(web: Running, offices: dict[str, Any]) -> None:
    words = (await ask(web, offices["company"], "/api/oversight/words")).json()
    assert [(level["code"], level["limit_s"]) for level in words["levels"]] == [(0, 7200), (1, 86400)]
    rules = (await ask(web, offices["city"], "/api/oversight/policies")).json()
    assert rules["items"][0]["state"] == "in_force" and not rules["may_write"]
    assert (await ask(web, offices["insurer"], "/api/oversight/policies")).status_code == 403


async def test_a_truck_that_moved_while_it_was_offline_is_proposed_with_its_numbers(
    web: Running, offices: dict[str, Any]
) -> None:
    """Truck 11 fell silent for 30 h and came back 11.1 km to the north (0.1 degrees); 12 came back where it had been;
    13 never fell silent: the end of its session is missing."""
    engine, now = web.services.engine, now_ms()
    for number in (11, 12, 13):
        given = {"plate": f"粤B113{number}", "plate_color": 2, "city": 440300, "operator_id": offices["id"]}
        assert vehicles.create(engine, given, SYSTEM, WHOLE)
    with read(engine) as connection:
        found = connection.execute(text("SELECT id, plate FROM vehicle WHERE plate LIKE '粤B113%' ORDER BY id"))
        moved, stayed, lost = (row.id for row in found)
    sessions, fixes = [], []
    for vehicle in (moved, stayed, lost):
        ended = [] if vehicle == lost else [("closed", 31, 1)]
        events = [("authenticated", 40, 1), *ended, ("authenticated", 1, 2)]
        sessions += [
            session(vehicle, vehicle * 10 + which, event, now - hours * HOUR) for event, hours, which in events
        ]
        heard = (39, 31, 0.99) if vehicle != lost else (39, 31, 20, 2, 0.99)
        for hours in heard:
            north = hours < 1 and vehicle != stayed
            fixes.append(location(vehicle, now - round(hours * HOUR), lat_e6=22_600_000 if north else 22_500_000))
    await web.publish(facts.SESSION, sessions)
    await web.publish(facts.FIX, fixes)

    ask_history = partial(asyncio.to_thread, web.services.history.query)

    async def known() -> bool:
        counts = [(await ask_history("latest_vehicle", vehicles=[each])).num_rows for each in (moved, stayed, lost)]
        return all(counts) and (await ask_history("session_vehicle", vehicle=lost, start=now - HOUR)).num_rows == 1

    await until(known, "the history has them")
    assert await asyncio.to_thread(offline.find, engine, web.services.history.query, now) == 1
    assert await asyncio.to_thread(offline.find, engine, web.services.history.query, now + 1) == 0
    listed = (await ask(web, offices["city"], "/api/oversight/proposals?state=open")).json()["items"]
    (row,) = [each for each in listed if each["kind"] == "offline"]
    for area, found in (("city=440300", True), ("city=440100", False), ("city=440300&county=440304", False)):
        part = (await ask(web, offices["city"], f"/api/oversight/proposals?{area}")).json()["items"]
        assert (row in part) == found, area
    assert (row["target"]["id"], row["vehicle"]["id"], row["numbers"]["hours"]) == (offices["id"], moved, 30.0)
    assert row["numbers"]["km"] == 11.1
    detail = await ask(web, offices["city"], f"/api/oversight/proposals/{row['id']}")
    assert detail.json()["proposal"] == row and detail.json()["cases"] == []
    for name in ("other", "company"):
        assert (await ask(web, offices[name], f"/api/oversight/proposals/{row['id']}")).status_code in (403, 404)


def session(vehicle: int, number: int, event: str, at: int) -> dict[str, Any]:
    return {
        "session": 2**62 + number, "event": event, "at": at, "phone": f"139{vehicle:08d}", "vehicle_id": vehicle,
        "terminal_id": vehicle, "gateway": "gw-test", "boot": 77, "transport": "tcp", "peer": "10.0.0.1:5000",
        "edition": 2019, "reason": "", "frames": 5, "locations": 4, "refused": 0, "bytes_in": 400,
    }  # fmt: skip


async def handled(web: Running, offices: dict[str, Any]) -> dict[str, Any]:
    """A case of a truck of its own that one person of the company handled and another one verified."""
    engine = web.services.engine
    second = web.session_token("ov-second", role="operator", organisation_id=offices["id"])
    truck = vehicles.create(
        engine, {"plate": "粤B77889", "plate_color": 2, "city": 440300, "operator_id": offices["id"]}, SYSTEM, WHOLE
    )
    device = terminals.create(engine, {"phone": "13800077889", "vehicle_id": truck}, SYSTEM, WHOLE)
    blank: dict[str, Any] = dict.fromkeys(facts.ALARM_EVENT.names, 0)
    now = now_ms()
    given = {
        "alarm": 5_000_001, "vehicle_id": truck, "terminal_id": device, "at": now, "started_at": now,
        "received_at": now, "type": "6503", "source": "dsm", "level": 1, "dialect": "subiao", "identification": b"",
        "item": b"", "backfill": False, "edition": 2019,
    }  # fmt: skip
    assert web.services.cases is not None
    await web.services.cases.take(facts.rows_to_batch("alarm", [blank | given]))
    row = (await ask(web, offices["company"], f"/api/cases?vehicle={truck}")).json()["items"][0]
    verdict = {
        "verdict": "true", "reason": "stopped_after_reminder", "actions": ["call"], "driver_reply": "好的",
        "correction": "corrected", "text": "已电话确认",
    }  # fmt: skip
    await ask(web, offices["company"], f"/api/cases/{row['id']}/view", {"files": []})
    path = f"/api/cases/{row['id']}"
    judged = await ask(web, offices["company"], f"{path}/verdict", {"version": row["version"], **verdict})
    assert judged.status_code == 200, judged.text
    body = {"version": judged.json()["case"]["version"], "note": "同意", "evidence_audited": True}
    done = await ask(web, second, f"{path}/verify", body)
    assert done.status_code == 200, done.text
    devices.follow(engine)
    return dict(done.json()["case"]) | {"second": second, "path": path}


async def test_pre_warnings_of_forgotten_days_come_of_the_history(web: Running, offices: dict[str, Any]) -> None:
    engine = web.services.engine
    given = {"plate": "粤B70007", "plate_color": 2, "city": 440300, "operator_id": offices["id"]}
    truck = vehicles.create(engine, given, SYSTEM, WHOLE)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[]}')

    async def known() -> bool:
        mask = web.services.fleet.reach(Scope(operators=frozenset({offices["id"]})))
        return bool(len(mask) > truck and mask[truck])

    await until(known, "the live state knows the truck")
    day = (now_ms() + 28_800_000) // DAY_MS - 6
    noon = day * DAY_MS + 4 * HOUR
    # (start, end) in seconds after noon: 60 s is the window; a lasting one holds its pre-warning open
    spans = ((0, 0), (60, 60), (121, 121), (300, 480), (540, 540), (-12 * 3600 - 30, -12 * 3600 - 30))
    rows = []
    for number, (start, end) in enumerate(spans):
        blank: dict[str, Any] = dict.fromkeys(facts.ALARM_EVENT.names, 0) | {
            "alarm": 77_000 + number, "vehicle_id": truck, "type": "6503", "dialect": "subiao", "source": "dsm",
            "level": 1, "started_at": noon + start * 1000, "identification": b"", "item": b"", "backfill": False,
        }  # fmt: skip
        at = [(0, start)] if start == end else [(1, start), (2, end)]
        rows += [blank | {"phase": phase, "at": noon + s * 1000, "received_at": noon + s * 1000} for phase, s in at]
    stored = facts.rows_to_batch("alarm", rows)
    store: Any = web.services.history
    await asyncio.to_thread(store.insert, facts.ALARM, pa.Table.from_batches([stored]), "forgotten-day")
    with write(engine) as connection:  # the first of them became a case, which the registry keeps
        values = {
            "number": "SZ-0000-00001", "vehicle_id": truck, "plate": "粤B70007", "plate_color": 2, "type": "6503",
            "grade": 1, "first_grade": 1, "policy": 1, "state": CLOSED, "stage": 3, "operator_id": offices["id"],
            "city": 440300, "started_at": noon, "last_at": noon, "opened_at": noon, "first_action_due_at": noon,
            "close_due_at": noon, "sort_at": -noon,
        }  # fmt: skip
        key = connection.execute(insert(AlarmCase).returning(AlarmCase.id), values).scalar_one()
        warned = {
            "vehicle_id": truck, "type": "6503", "first_at": noon, "last_at": noon + 60_000, "count": 2, "level": 1,
            "grade": 1, "repeated": False, "asked": -1, "case_id": key, "created_at": noon,
        }  # fmt: skip
        connection.execute(insert(PreWarning), warned)
    path = f"/api/oversight/funnel/warnings?day={day}&operator={offices['id']}"
    told = (await ask(web, offices["city"], path)).json()
    assert told["from_history"] and told["total"] == 3
    seen = [((row["first_at"] - noon) // 1000, (row["last_at"] - noon) // 1000, row["count"]) for row in told["items"]]
    assert seen == [(300, 540, 2), (121, 121, 1), (0, 60, 2)], "what began on the day before is not of this day"
    assert [row["case"] and row["case"]["id"] for row in told["items"]] == [None, None, key]
    assert [row["grade"] for row in told["items"]] == [0, 0, 1] and told["items"][0]["plate"] == "粤B70007"
    second = (await ask(web, offices["city"], path + "&page=2&size=2")).json()
    assert (second["total"], [row["count"] for row in second["items"]]) == (3, [2])
    assert (await ask(web, offices["other"], path)).json()["total"] == 0
    assert (await ask(web, offices["city"], path + "&page=10000000&size=500")).json()["items"] == []


async def test_a_case_is_appealed_counted_and_sealed_by_the_right_people(web: Running, offices: dict[str, Any]) -> None:
    case = await handled(web, offices)
    path, second = case["path"], case["second"]
    day = (case["started_at"] + 28_800_000) // 86_400_000

    async def counted() -> tuple[int, int]:
        rows = (await ask(web, offices["city"], "/api/oversight/verdicts?type=6503&model=")).json()["items"]
        return sum(row["true"] for row in rows), sum(row["false"] for row in rows)

    assert await counted() == (1, 0)
    behind = await ask(web, offices["city"], "/api/oversight/verdicts/cases?type=6503&model=&verdict=true")
    assert [row["id"] for row in behind.json()["items"]] == [case["id"]] and behind.json()["total"] == 1
    funnel = f"operator={offices['id']}"
    (row,) = (
        await ask(web, offices["city"], f"/api/oversight/funnel?from_day={day}&to_day={day}&{funnel}&city=440300")
    ).json()["items"]
    assert (row["raw"], row["warnings"], row["alarms"], row["g1"]) == (1, 1, 1, 1)
    elsewhere = f"/api/oversight/funnel?from_day={day}&to_day={day}&city=440100"
    assert (await ask(web, offices["city"], elsewhere)).json()["total"] == 0, "an area only narrows"
    found = (await ask(web, offices["city"], f"/api/oversight/funnel/warnings?day={day}&graded=true&{funnel}")).json()
    assert (found["total"], found["items"][0]["case"]["id"]) == (1, case["id"])
    for who, status in (("other", 200), ("insurer", 403), ("emergency", 403)):
        answer = await ask(web, offices[who], f"/api/oversight/funnel/cases?day={day}&grade=1&{funnel}")
        assert answer.status_code == status and (status == 403 or answer.json()["total"] == 0)
    # the appeal: who may decide, why others may not, and what it changes
    text = "驾驶员当时没有抽烟，请复核"
    version = (await ask(web, second, path)).json()["case"]["version"]
    made = await ask(web, offices["company"], f"{path}/appeal", {"version": version, "text": text})
    assert made.status_code == 200, made.text
    for who, why in ((offices["city"], ""), (second, "not_authority")):
        appeal = (await ask(web, who, f"{path}/effect")).json()["appeal"]
        assert (appeal["text"], appeal["may_decide"], appeal["why_not"]) == (text, not why, why)
    decision = {"version": appeal["case_version"], "decision": "upheld", "verdict": "false", "reason": "图片为水杯"}
    assert (await ask(web, second, f"/api/appeals/{appeal['id']}/decide", decision)).status_code == 403
    decided = (await ask(web, offices["city"], f"/api/appeals/{appeal['id']}/decide", decision)).json()
    assert (decided["verdict"], decided["effective"], decided["appeal"]["why_not"]) == ("true", "false", "decided")
    seen = (await ask(web, offices["company"], f"{path}/effect")).json()["appeal"]
    assert (seen["decision"], seen["effect"]) == ("图片为水杯", {"before": "true", "after": "false"})
    assert await counted() == (0, 1)
    # the package: who handled does not review, and two must have
    own = (await ask(web, offices["company"], f"{path}/sealing")).json()
    assert own["why"]["approve"] == "handler" and not own["may"]["approve"]
    state = (await ask(web, second, f"{path}/sealing")).json()
    assert (state["why"]["approve"], state["why"]["order"]) == ("", "approvals")
    for who in (second, offices["city"]):
        reviewed = await ask(web, who, f"{path}/sealing/approve", {"version": state["version"], "note": "齐全"})
        assert reviewed.status_code == 200, reviewed.text
    last = (await ask(web, second, f"{path}/sealing")).json()
    assert last["sealing"]["ready"] and (last["why"]["approve"], last["why"]["order"]) == ("reviewed", "files")


async def test_a_version_of_the_rules_is_checked_entered_and_taken_back(web: Running, offices: dict[str, Any]) -> None:
    rules = (await ask(web, None, "/api/oversight/policies")).json()
    policy = rules["items"][0]["policy"]
    wrong = {"policy": policy | {"packages": {"keep_days": 400}}}
    answer = await ask(web, None, "/api/oversight/policies/check", wrong)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "packages.keep_days")
    assert (await ask(web, offices["city"], "/api/oversight/policies/check", {"policy": policy})).status_code == 403
    new = {"policy": policy, "valid_from": now_ms() + 3_600_000, "note": "明日起"}
    made = (await ask(web, None, "/api/oversight/policies", new)).json()["version"]
    async with web.client(offices["city"]) as client:
        assert (await client.delete(f"/api/oversight/policies/{made}")).status_code == 403
    async with web.client(None) as client:
        begun = await client.delete(f"/api/oversight/policies/{rules['items'][0]['version']}")
        assert (begun.status_code, begun.json()["error"]["field"]) == (409, "version")
        assert (await client.delete(f"/api/oversight/policies/{made}")).status_code == 204
        assert (await client.delete(f"/api/oversight/policies/{made}")).status_code == 404
