"""Cases over HTTP: the queue, one case, acts of two people, rights, the socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio
from running_core import Running
from sqlalchemy import text
from websockets.asyncio.client import connect

from luwei import facts
from luwei.live.feed import now_ms
from luwei.registry import organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

_keys = iter(range(1_000_000, 2_000_000))


def alarm(kind: str, **values: Any) -> dict[str, Any]:
    """A row of the fact: truck 1, now."""
    now = now_ms()
    blank: dict[str, Any] = dict.fromkeys(facts.ALARM_EVENT.names, 0)
    blank |= {
        "alarm": next(_keys), "vehicle_id": 1, "terminal_id": 1, "at": now, "started_at": now, "received_at": now,
        "type": kind, "source": "dsm", "level": 1, "dialect": "subiao", "identification": b"", "item": b"",
        "backfill": False, "edition": 2019, "speed_dkmh": 820, "lat_e6": 22_543_100, "lon_e6": 114_057_900,
    }  # fmt: skip
    return blank | values


async def take(web: Running, *rows: dict[str, Any]) -> None:
    assert web.services.cases is not None
    await web.services.cases.take(facts.rows_to_batch("alarm", [dict(row) for row in rows]))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crew(web: Running) -> dict[str, str]:
    """Tokens: two people of truck 1's operator, its city, another city, an insurer, the driver-less rest."""
    engine = web.services.engine
    operator = organisations.create(engine, {"name": "案例运输", "city": 440300}, SYSTEM, WHOLE)
    vehicles.change(engine, 1, {"operator_id": operator}, SYSTEM, WHOLE)
    terminals.create(engine, {"phone": "13800077001", "vehicle_id": 1}, SYSTEM, WHOLE)
    insurer = organisations.create(engine, {"kind": "insurer", "name": "案例财险"}, SYSTEM, WHOLE)
    return {
        "one": web.session_token("case-one", role="operator", organisation_id=operator),
        "two": web.session_token("case-two", role="operator", organisation_id=operator),
        "city": web.session_token("case-city", role="city", city=440300),
        "other": web.session_token("case-other", role="city", city=440100),
        "insurer": web.session_token("case-insurer", role="insurer", organisation_id=insurer),
    }


async def get(web: Running, path: str, token: str | None = None, **query: Any) -> Any:
    async with web.client(token) as client:
        return await client.get(path, params=query)


async def act(web: Running, token: str, case: int, name: str, **body: Any) -> Any:
    async with web.client(token) as client:
        return await client.post(f"/api/cases/{case}/{name}", json=body)


async def newest(web: Running, token: str | None, kind: str, stage: str = "todo") -> dict[str, Any]:
    items = (await get(web, "/api/cases", token, type=kind, stage=stage)).json()["items"]
    return dict(max(items, key=lambda item: item["id"]))


FULL = {
    "verdict": "true", "reason": "stopped_after_reminder", "actions": ["call"], "driver_reply": "已放下电话",
    "correction": "corrected", "text": "已电话确认",
}  # fmt: skip


async def test_a_case_goes_from_alarm_to_closed_by_two_people(web: Running, crew: dict[str, str]) -> None:
    await take(web, alarm("6502"))
    row = await newest(web, crew["one"], "6502")
    assert (row["grade"], row["state"], row["stage"], row["plate"]) == (2, "open", "todo", "粤B12345")
    assert (row["type_zh"], row["operator"]["name"]) == ("接打电话报警", "案例运输")
    case, version = row["id"], row["version"]
    assert (await act(web, crew["one"], case, "view", files=[])).status_code == 200
    claimed = (await act(web, crew["one"], case, "claim", version=version)).json()
    assert (claimed["case"]["state"], claimed["case"]["assignee"]["name"]) == ("claimed", "case-one")
    # the second person was slower: told who did what
    late = await act(web, crew["two"], case, "claim", version=version)
    assert (late.status_code, late.json()["error"]["field"]) == (409, "version")
    assert "case-one" in late.json()["error"]["rule"]
    version = claimed["case"]["version"]
    assert (await act(web, crew["two"], case, "verdict", version=version, **FULL)).json()["error"][
        "field"
    ] == "assignee"
    for name in FULL:
        part = {field: value for field, value in FULL.items() if field != name}
        missing = await act(web, crew["one"], case, "verdict", version=version, **part)
        assert (missing.status_code, missing.json()["error"]["field"]) == (400, name)
    judged = (await act(web, crew["one"], case, "verdict", version=version, **FULL)).json()
    assert (judged["case"]["state"], judged["case"]["verdict"]) == ("handled", "true")
    assert judged["case"]["first_action_at"] is not None and not judged["may"]["close"] and not judged["may"]["verify"]
    version = judged["case"]["version"]
    early = await act(web, crew["one"], case, "close", version=version)
    assert early.json()["error"]["field"] == "verified_at"
    own = await act(web, crew["one"], case, "verify", version=version, note="")
    assert own.json()["error"]["field"] == "handler"
    verified = (
        await act(web, crew["city"], case, "verify", version=version, note="一致", evidence_audited=True)
    ).json()
    assert verified["case"]["state"] == "verified"
    closed = (await act(web, crew["one"], case, "close", version=verified["case"]["version"])).json()
    assert (closed["case"]["state"], closed["case"]["stage"], closed["case"]["due_at"]) == ("closed", "done", None)
    detail = (await get(web, f"/api/cases/{case}", crew["one"])).json()
    acts = [step["act"] for step in detail["steps"] if step["by"]]
    assert acts == ["viewed", "claimed", "verdict", "verified", "closed"]
    assert detail["record"]["handler"]["name"] == "case-one" and detail["record"]["missing"] == []
    assert detail["status"]["evidence_audited"] and detail["status"]["verified_by"]["name"] == "case-city"
    with read(web.services.engine) as connection:
        told = connection.execute(
            text("SELECT act, username FROM audit_entry WHERE noun = 'case' AND noun_id = :c ORDER BY id"), {"c": case}
        ).all()
    assert [row.act for row in told if row.act != "case.look"] == [
        "case.viewed", "case.claimed", "case.verdict", "case.verified", "case.closed",
    ]  # fmt: skip


async def test_a_driver_may_object_to_a_verdict_while_there_is_time(web: Running, crew: dict[str, str]) -> None:
    driver = web.session_token("case-objector", role="driver", vehicle_id=1)
    await take(web, alarm("6504"))
    case = (await newest(web, crew["one"], "6504"))["id"]
    await act(web, crew["one"], case, "view", files=[])
    assert not (await get(web, f"/api/cases/{case}", driver)).json()["may"]["appeal"]  # nobody has judged
    assert (await act(web, crew["one"], case, "verdict", version=1, **FULL)).status_code == 200
    engine = web.services.engine

    async def judged(ago_ms: int) -> tuple[bool, int]:
        with write(engine) as connection:
            judged_at = {"at": now_ms() - ago_ms, "c": case}
            connection.execute(text("UPDATE alarm_case SET handled_at = :at WHERE id = :c"), judged_at)
        told = (await get(web, f"/api/cases/{case}", driver)).json()
        return told["may"]["appeal"], told["clocks"]["appeal_until"] - now_ms()

    may, left = await judged(21 * 86_400_000)  # five working days are over, whatever the holidays
    assert not may and left < 0
    may, left = await judged(0)
    assert may and left > 4 * 86_400_000


async def test_the_detail_tells_the_minutes_around_the_alarm(web: Running, crew: dict[str, str]) -> None:
    at = web.start_ms + 150_000
    await take(web, alarm("808:01", at=at, received_at=at + 500, speed_dkmh=1170))
    row = await newest(web, crew["city"], "808:01")
    # forty minutes ago the truck had no operator yet, so today's does not see it
    assert (await get(web, f"/api/cases/{row['id']}", crew["one"])).status_code == 404
    assert (row["grade"], row["limit_kmh"]) == (2, 90)
    detail = (await get(web, f"/api/cases/{row['id']}")).json()
    curve = detail["curve"]
    assert (curve["from"], curve["to"], curve["limit_kmh"]) == (at - 60_000, at + 60_000, 90)
    assert len(curve["at"]) == 12 and set(curve["speed_dkmh"]) == {450}
    assert len(detail["around"]["at"]) > 12
    assert detail["terminal"]["satellites"] == 7 and detail["terminal"]["fixed"]
    assert detail["same_type"] == {"minutes_30": 1, "days_7": 1}
    assert detail["driver"] == {"id": None, "name": "", "phone": None, "source": "none", "at": None}
    assert detail["clocks"]["first_action_s"] == 600 and detail["may"]["claim"]
    # a city may look, and where evidence needs a reason it gets none
    city = (await get(web, f"/api/cases/{row['id']}", crew["city"])).json()
    assert city["evidence"] is None and not city["may"]["claim"]


async def test_who_sees_what(web: Running, crew: dict[str, str]) -> None:
    await take(web, alarm("650C", dialect="yuebiao"))
    row = await newest(web, crew["one"], "650C")
    assert (await get(web, f"/api/cases/{row['id']}", crew["other"])).status_code == 404
    assert (await get(web, "/api/cases", crew["other"])).json()["items"] == []
    refused = await get(web, "/api/cases", crew["insurer"])
    assert (refused.status_code, refused.json()["error"]["rule"]) == (403, "aggregates_only")
    summary = (await get(web, "/api/cases/summary", crew["insurer"])).json()
    assert summary["mine"] is None and set(summary["stages"]) == {"todo", "doing", "verify"}
    assert (await get(web, "/api/cases/summary", crew["other"])).json()["stages"]["todo"]["total"] == 0
    assert (await act(web, crew["city"], row["id"], "claim", version=1)).status_code == 403
    assert (await act(web, crew["other"], row["id"], "verify", version=1, note="")).status_code == 404


async def test_the_queue_pages_by_the_time_that_is_left(web: Running, crew: dict[str, str]) -> None:
    await take(web, alarm("808:00"), alarm("6503"), alarm("6504"))
    whole = (await get(web, "/api/cases", crew["one"], size=200)).json()
    dues = [item["due_at"] for item in whole["items"]]
    assert dues == sorted(dues) and whole["total"] == len(dues) and whole["next"] is None
    seen, after = [], ""
    while True:
        page = (await get(web, "/api/cases", crew["one"], size=2, after=after)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == [item["id"] for item in whole["items"]]
    one = whole["items"][0]
    assert (await get(web, "/api/cases", crew["one"], q=one["number"])).json()["items"][0]["id"] == one["id"]
    assert (await get(web, "/api/cases", crew["one"], q="B123")).json()["total"] == whole["total"]
    for query, field in (
        ({"stage": "x"}, "stage"), ({"state": "x"}, "state"), ({"after": "!"}, "after"), ({"size": 201}, "size"),
        ({"assignee": "x"}, "assignee"), ({"grade": 4}, "grade"),
    ):  # fmt: skip
        answer = await get(web, "/api/cases", crew["one"], **query)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    exported = await get(web, "/api/cases.csv", crew["one"])
    assert exported.status_code == 200 and one["number"] in exported.text


async def test_hand_over_snooze_and_wake(web: Running, crew: dict[str, str]) -> None:
    await take(web, alarm("6505"))
    row = await newest(web, crew["one"], "6505")
    case = row["id"]
    people = (await get(web, "/api/cases/colleagues", crew["one"])).json()["items"]
    assert [each["name"] for each in people] == ["case-two"]
    given = await act(web, crew["one"], case, "hand-over", version=1, to=people[0]["id"], note="换班")
    assert given.json()["case"]["assignee"]["name"] == "case-two"
    wrong = await act(web, crew["two"], case, "hand-over", version=2, to=1, note="换班")
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "to")
    until_at = now_ms() + 120_000
    asleep = await act(web, crew["two"], case, "snooze", version=2, until=until_at, reason="等待回电")
    assert (asleep.json()["case"]["state"], asleep.json()["case"]["snoozed_until"]) == ("snoozed", until_at)
    far = await act(web, crew["two"], case, "wake", version=3)
    assert far.json()["case"]["state"] == "claimed"
    long = await act(web, crew["two"], case, "snooze", version=4, until=now_ms() + 3_600_000, reason="等待回电")
    assert (long.status_code, long.json()["error"]["field"]) == (400, "until")
    least = await act(web, crew["two"], case, "snooze", version=4, after_s=60, reason="等待回电")  # counted here
    assert least.json()["case"]["state"] == "snoozed"
    assert (await act(web, crew["two"], case, "wake", version=5)).json()["case"]["state"] == "claimed"
    async with web.client(crew["two"]) as client:
        shift = await client.post("/api/cases/hand-over", json={"note": "交给夜班", "to": None})
    assert shift.json()["done"] == 1
    assert (await newest(web, crew["one"], "6505"))["assignee"] is None
    told = (await get(web, "/api/cases/hand-overs", crew["one"], size=2)).json()
    first, second = told["items"]
    assert (first["giver"]["name"], first["to"], first["note"], first["may_take"]) == (
        "case-two", None, "交给夜班", True,
    )  # fmt: skip
    assert (second["to"]["name"], second["may_take"], [row["id"] for row in second["cases"]]) == (
        "case-two", False, [case],
    )  # fmt: skip
    assert told["waiting"] == 1 and (await get(web, "/api/cases/hand-overs", crew["two"])).json()["waiting"] == 1
    async with web.client(crew["one"]) as client:
        taken = await client.post(f"/api/cases/hand-overs/{first['id']}/take")
        again = await client.post(f"/api/cases/hand-overs/{first['id']}/take")
    assert taken.json() == {"done": 1, "refused": []}
    assert (again.status_code, again.json()["error"]["field"]) == (409, "taken_at")
    assert (await newest(web, crew["one"], "6505", "doing"))["assignee"]["name"] == "case-one"
    assert (await get(web, "/api/cases/hand-overs", crew["city"])).status_code == 403


async def test_orders_go_straight_from_the_case_and_stop_the_first_clock(web: Running, crew: dict[str, str]) -> None:
    await take(web, alarm("808:29"))
    row = await newest(web, crew["one"], "808:29")
    case = row["id"]

    def commands() -> int:
        with read(web.services.engine) as connection:
            return int(connection.execute(text("SELECT count(*) FROM command")).scalar_one())

    before = commands()
    spoken = await act(web, crew["one"], case, "command", version=row["version"], purpose="stop")
    assert spoken.status_code == 200 and spoken.json()["command"] is not None
    assert spoken.json()["case"]["first_action_at"] is not None
    stale = await act(web, crew["two"], case, "command", version=row["version"], purpose="tts", text="请停车")
    assert (stale.status_code, stale.json()["error"]["field"]) == (409, "version")
    version = spoken.json()["case"]["version"]
    for body, field in (
        ({"purpose": "tts", "text": "急" * 201}, "text"), ({"purpose": "call"}, "phone"),
        ({"purpose": "call", "phone": "x"}, "phone"), ({"purpose": "sing"}, "purpose"),
    ):  # fmt: skip
        refused = await act(web, crew["one"], case, "command", version=version, **body)
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, field)
    called = await act(web, crew["one"], case, "command", version=version, purpose="call", phone="02012345678")
    assert called.status_code == 200 and commands() == before + 2  # what was refused sent nothing
    detail = (await get(web, f"/api/cases/{case}", crew["one"])).json()
    given = [(each["purpose"], each["text"], each["by"]["name"]) for each in detail["commands"]]
    assert given == [("stop", "请立即到安全地点停车", "case-one"), ("call", "", "case-one")]
    assert (await act(web, crew["city"], case, "command", version=version, purpose="tts", text="x")).status_code == 403


async def test_words_and_policy(web: Running, crew: dict[str, str]) -> None:
    words = (await get(web, "/api/cases/words", crew["one"])).json()
    assert {each["code"] for each in words["verdicts"]} == {"true", "false", "undecided"}
    assert next(each for each in words["types"] if each["type"] == "6502")["zh"]
    versions = (await get(web, "/api/case-policies", crew["one"])).json()
    assert versions["items"][0]["state"] == "in_force" and not versions["may_write"]
    document = (await get(web, f"/api/case-policies/{versions['in_force']}", crew["one"])).json()["policy"]
    async with web.client() as client:
        good = await client.post("/api/case-policies/check", json={"policy": document})
        assert good.json() == {"ok": True}
        document["types"]["6502"]["grade"] = 9
        bad = await client.post("/api/case-policies/check", json={"policy": document})
        assert (bad.status_code, bad.json()["error"]["field"]) == (400, "types.6502.grade")
    async with web.client(crew["one"]) as client:
        assert (await client.post("/api/case-policies/check", json={"policy": document})).status_code == 403


async def test_screens_hear_of_changes_within_their_scope(web: Running, crew: dict[str, str]) -> None:
    from websockets.asyncio.client import connect

    def line(token: str) -> Any:
        origin = web.base
        headers = {"Cookie": f"luwei_session={token}", "Origin": origin}
        return connect(origin.replace("http", "ws") + "/ws/cases", additional_headers=headers)

    async with line(crew["one"]) as mine, line(crew["other"]) as others, line(crew["insurer"]) as counts:
        for socket in (mine, others, counts):
            assert json.loads(await socket.recv())["type"] == "summary"
        await take(web, alarm("6508", dialect="yuebiao"))

        async def told(socket: Any, kind: str) -> dict[str, Any]:
            """The next message of a kind; of cases, that which names the new one: clocks change others meanwhile."""
            while True:
                message = dict(json.loads(await socket.recv()))
                rows = message.get("rows", [])
                if message["type"] == kind and (kind != "case" or any(row["type"] == "6508" for row in rows)):
                    return message

        message = await asyncio.wait_for(told(mine, "case"), 40)
        assert {row["operator"]["name"] for row in message["rows"] if row["type"] == "6508"} == {"案例运输"}
        assert "rows" not in await asyncio.wait_for(told(counts, "many"), 40)
        summary = json.loads(await asyncio.wait_for(others.recv(), 40))
        assert summary["type"] == "summary" and summary["stages"]["todo"]["total"] == 0


async def test_a_driver_objects_and_is_named_to_nobody(web: Running, crew: dict[str, str]) -> None:
    """A driver may object to a case of his own truck; what he did there shows no more than the first sign of his
    name. Of who reads a case by any page the audit log knows."""
    engine = web.services.engine
    token = web.session_token("case-driver", role="driver", vehicle_id=1)
    with write(engine) as connection:
        connection.execute(text("UPDATE user_account SET display_name = '张三丰' WHERE username = 'case-driver'"))
        connection.execute(text("UPDATE binding SET from_at = 0 WHERE what = 'truck'"))
    await take(web, alarm("6503"))
    row = await newest(web, crew["one"], "6503")
    case = row["id"]
    assert (await act(web, crew["one"], case, "view", files=[])).status_code == 200
    judged = (await act(web, crew["one"], case, "verdict", version=row["version"], **FULL)).json()
    assert judged["case"]["state"] == "handled"
    seen = (await get(web, f"/api/cases/{case}", token)).json()
    assert seen["may"]["appeal"] and not seen["may"]["verify"]
    words = "当时车辆已靠边停车，并未吸烟"
    made = await act(web, token, case, "appeal", version=seen["case"]["version"], text=words)
    assert made.status_code == 200, made.text
    for who in (crew["city"], crew["one"]):
        steps = (await get(web, f"/api/cases/{case}/steps", who)).json()["items"]
        assert steps[-1]["act"] == "appealed" and steps[-1]["by"]["name"] == "张**"
    assert (await get(web, f"/api/cases/{case}/effect", crew["city"])).json()["appeal"]["by"]["name"] == "张**"
    late = await act(web, crew["city"], case, "verify", version=row["version"], note="")
    assert "张三丰" not in late.text
    with read(engine) as connection:
        looks = text("SELECT username FROM audit_entry WHERE act = 'case.look' AND noun_id IS NULL AND detail LIKE :d")
        told = list(connection.scalars(looks, {"d": f'%"id":{case},%'}))
    assert sorted(told) == ["case-city", "case-driver", "case-one"]


async def test_who_sees_counts_only_learns_nothing_of_a_single_operator(web: Running, crew: dict[str, str]) -> None:
    for path in ("/api/cases/summary", "/api/alarms/counts"):
        refused = await get(web, path, crew["insurer"], operator=1, **{"from": 0, "to": 1})
        assert (refused.status_code, refused.json()["error"]["rule"]) == (403, "aggregates_only")
    async with connect(
        web.base.replace("http://", "ws://") + "/ws/cases", origin=web.base,  # type: ignore[arg-type]
        additional_headers={"Cookie": f"luwei_session={crew['insurer']}"},
    ) as socket:  # fmt: skip
        await socket.recv()
        await socket.send('{"type":"view","filter":{"operator":1}}')
        assert json.loads(await socket.recv())["rule"] == "aggregates_only"


async def test_a_vendor_sees_no_track_around_a_fault(web: Running, crew: dict[str, str]) -> None:
    engine = web.services.engine
    vendor = organisations.create(engine, {"kind": "vendor", "name": "案例设备"}, SYSTEM, WHOLE)
    with write(engine) as connection:
        connection.execute(text("UPDATE terminal SET vendor_id = :v WHERE vehicle_id = 1"), {"v": vendor})
        (terminal,) = connection.execute(text("SELECT id FROM terminal WHERE vehicle_id = 1")).one()
    token = web.session_token("case-vendor", role="vendor", organisation_id=vendor)
    await take(web, alarm("1078:03", terminal_id=terminal))
    row = await newest(web, token, "1078:03")
    seen = (await get(web, f"/api/cases/{row['id']}", token)).json()
    own = (await get(web, f"/api/cases/{row['id']}", crew["one"])).json()
    assert (seen["curve"], seen["around"]) == (None, None) and own["curve"] is not None
