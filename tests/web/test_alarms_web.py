"""Alarms over HTTP and on the live socket: who sees which, how they are found, what is told of one."""

from __future__ import annotations

import json
import struct
import time
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from running_core import MINUTE, Running, location, until
from sqlalchemy import text
from test_live_socket import SHENZHEN, connected
from test_live_socket import text as told

from luwei import facts
from luwei.live.feed import now_ms
from luwei.registry import bindings, organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import write
from luwei.registry.scope import WHOLE
from pace import one_within

pytestmark = pytest.mark.asyncio(loop_scope="session")


def bcd(at: int) -> bytes:
    return bytes.fromhex(time.strftime("%y%m%d%H%M%S", time.gmtime(at // 1000 + 8 * 3600)))


def adas(at: int, code: int, alarm_id: int, flag: int = 0, sign: int = 40, level: int = 2) -> bytes:
    """Item 0x64 as reference active-safety §4.1 has it: 60 km/h at 22.543099 N 114.057868 E."""
    value = struct.pack(">IBBB", alarm_id, flag, code, level) + b"\x28\x0c\0\0\0"
    value += struct.pack(">BHII", 60, 35, 22_543_099, 114_057_868) + bcd(at) + b"\x04\x01"
    terminal = b"A000001".ljust(sign - 10 if sign == 40 else sign - 9, b"\0")
    value += (terminal + bcd(at) + b"\0\3").ljust(sign, b"\0")[:sign]
    return bytes((0x64, len(value))) + value


class Facts:
    """What this module's trucks did: a day in Shenzhen and Guangzhou."""

    start = 0
    end = 0
    vendor = 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def day(web: Running) -> Facts:
    found = Facts()
    at = found.start = now_ms() // 1000 * 1000 - 30 * MINUTE
    vendor = organisations.create(web.services.engine, {"kind": "vendor", "name": "设备商"}, SYSTEM, WHOLE)
    terminals.create(web.services.engine, {"phone": "13900000001", "vehicle_id": 3, "vendor_id": vendor}, SYSTEM, WHOLE)
    found.vendor = vendor
    await web.services.bus.publish("registry.changed", b'{"noun":"terminal","ids":[]}')

    async def known() -> bool:
        return int(web.services.fleet.vendor_id[3]) == vendor

    await until(known, "live state knows the vendor")
    await web.publish(facts.FIX, [location(3, at, alarm=0, serial=1), location(2, at, serial=1)])
    await web.publish(
        facts.FIX,
        [
            location(3, at + MINUTE, alarm=0b10, serial=2),  # overspeed for a minute
            location(3, at + 2 * MINUTE, alarm=0, serial=3),
            location(3, at + 3 * MINUTE, alarm=1 << 11, serial=4),  # camera fault, lasts
            location(3, at + 4 * MINUTE, alarm=1 << 11, serial=5, items=adas(at + 4 * MINUTE, 1, 7)),
            location(2, at + 5 * MINUTE, serial=2, items=adas(at + 5 * MINUTE, 0x31, 8, sign=16, level=1)),
            location(2, at + 6 * MINUTE, serial=3, origin=facts.ORIGIN_BACKFILL, items=adas(at + 6 * MINUTE, 2, 9)),
        ],
    )
    found.end = at + 10 * MINUTE

    async def stored() -> bool:
        async with web.client() as client:
            body = (await client.get("/api/alarms", params={"from": found.start, "to": found.end})).json()
        return len(body["items"]) == 5

    await until(stored, "alarms stored")
    return found


def shown(body: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(row["vehicle_id"], row["type"]) for row in body["items"]]


async def test_alarms_come_newest_first_with_names_ends_and_places(web: Running, day: Facts) -> None:
    async with web.client() as client:
        body = (await client.get("/api/alarms", params={"from": day.start, "to": day.end})).json()
        assert shown(body) == [(2, "6402"), (2, "6431"), (3, "6401"), (3, "808:11"), (3, "808:01")]
        assert body["next"] is None
        lane, unknown, collision, camera, overspeed = body["items"]
        assert (overspeed["at"], overspeed["ended_at"]) == (day.start + MINUTE, day.start + 2 * MINUTE)
        assert (camera["ended_at"], camera["lasting"], camera["device_fault"]) == (None, True, True)
        assert (collision["type_zh"], collision["type_en"]) == ("前向碰撞报警", "Forward collision")
        assert (collision["lasting"], collision["level"], collision["files"]) == (False, 2, 3)
        assert (collision["lat_e6"], collision["lon_e6"], collision["speed_dkmh"]) == (22_543_099, 114_057_868, 600)
        assert (collision["plate"], collision["plate_color"], collision["dialect"]) == ("粤B00003", 2, "yuebiao")
        assert (unknown["type_zh"], unknown["known"], unknown["source"]) == ("未知 6431", False, "adas")
        assert lane["backfill"] is True
        assert all(len(row["id"]) == 16 for row in body["items"])


async def test_filters_and_pages_give_parts_of_the_same_list(web: Running, day: Facts) -> None:
    span = {"from": day.start, "to": day.end}
    async with web.client() as client:

        async def found(**asked: Any) -> list[str]:
            answer = await client.get("/api/alarms", params=span | asked)
            assert answer.status_code == 200, answer.text
            return [row["type"] for row in answer.json()["items"]]

        assert await found(type="6401,808:01") == ["6401", "808:01"]
        assert await found(source="adas", level=1) == ["6431"]
        assert await found(vehicle=3) == ["6401", "808:11", "808:01"]
        assert await found(city=440100) == ["6402", "6431"]
        assert await found(backfill="true") == ["6402"]
        assert await found(open=True) == ["808:11"]
        pages, cursor = [], ""
        for _ in range(3):
            body = (await client.get("/api/alarms", params=span | {"size": 2, "cursor": cursor})).json()
            pages.append([row["type"] for row in body["items"]])
            cursor = body["next"]
        assert pages == [["6402", "6431"], ["6401", "808:11"], ["808:01"]]
        assert cursor is None
        body = (await client.get("/api/vehicles/3/alarms", params=span | {"size": 2})).json()
        assert shown(body) == [(3, "6401"), (3, "808:11")]
        again = (await client.get("/api/vehicles/3/alarms", params=span | {"size": 2, "cursor": body["next"]})).json()
        assert shown(again) == [(3, "808:01")] and again["next"] is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"to": 5}, "to"), ({"from": 0}, "to"), ({"type": "overspeed"}, "type"), ({"source": "lidar"}, "source"),
        ({"cursor": "x"}, "cursor"), ({"size": 201}, "size"), ({"level": -1}, "level"),
    ],
)  # fmt: skip
async def test_a_question_that_breaks_a_rule_names_it(
    web: Running, day: Facts, asked: dict[str, Any], field: str
) -> None:
    async with web.client() as client:
        answer = await client.get("/api/alarms", params={"from": day.start, "to": day.end} | asked)
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == field


async def test_counts_by_day_type_source_and_level(web: Running, day: Facts) -> None:
    span = {"from": day.start, "to": day.end}
    async with web.client() as client:

        async def counted(by: str, **asked: Any) -> list[tuple[Any, ...]]:
            body = (await client.get("/api/alarms/counts", params=span | {"by": by} | asked)).json()
            names = by.split(",")
            return sorted((*(row[name] for name in names), row["count"], row["vehicles"]) for row in body["items"])

        assert await counted("source") == [("808", 2, 1), ("adas", 3, 2)]
        assert await counted("source,level") == [("808", 0, 2, 1), ("adas", 1, 1, 1), ("adas", 2, 2, 2)]
        assert await counted("type", city=440300) == [("6401", 1, 1), ("808:01", 1, 1), ("808:11", 1, 1)]
        days = {time.strftime("%Y-%m-%d", time.gmtime(at // 1000 + 8 * 3600)) for at in (day.start, day.end)}
        assert {row[0] for row in await counted("day")} <= days
        answer = await client.get("/api/alarms/counts", params=span | {"by": "plate"})
        assert answer.json()["error"]["field"] == "by"


async def test_one_alarm_is_told_with_start_end_and_its_item_field_by_field(web: Running, day: Facts) -> None:
    async with web.client() as client:
        rows = (await client.get("/api/alarms", params={"from": day.start, "to": day.end})).json()["items"]
        overspeed, collision = rows[4], rows[2]
        body = (await client.get(f"/api/alarms/{overspeed['id']}")).json()
        assert (body["start"]["at"], body["end"]["at"]) == (day.start + MINUTE, day.start + 2 * MINUTE)
        assert [one["zh"] for one in body["start"]["alarms"]] == ["超速报警"]
        hints = {"vehicle": collision["vehicle_id"], "at": collision["at"]}
        body = (await client.get(f"/api/alarms/{collision['id']}", params=hints)).json()
        fields = {one["name"]: one for one in body["explained"]}
        assert fields["[0x64].type"]["text"] == "前向碰撞报警"
        assert (fields["[0x64].front_vehicle_speed"]["value"], fields["[0x64].front_vehicle_speed"]["unit"]) == (
            *(0x28, "km/h"),
        )
        assert fields["[0x64].alarm_sign.attachment_count"]["value"] == 3
        assert body["identification_hex"].startswith("41303030303031") and len(body["identification_hex"]) == 80
        assert body["end"] is None
        for wrong in (f"{1:016x}", collision["id"].upper(), "x"):
            assert (await client.get(f"/api/alarms/{wrong}")).status_code in (400, 404)


async def test_codes_without_a_name_are_counted_by_model_and_firmware(web: Running, day: Facts) -> None:
    async with web.client() as client:
        body = (await client.get("/api/alarms/unknown", params={"from": day.start, "to": day.end})).json()
    (one,) = body["items"]
    assert (one["type"], one["source"], one["dialect"], one["count"], one["terminals"]) == (
        *("6431", "adas", "subiao", 1, 1),
    )
    assert one["example_hex"].startswith("642f00000008")


async def test_every_type_has_a_name_in_both_languages(web: Running) -> None:
    async with web.client() as client:
        body = (await client.get("/api/alarms/types")).json()
    found = {one["type"]: one for one in body["items"]}
    assert (found["808:00"]["zh"], found["808:00"]["clears"], found["808:01"]["clears"]) == ("紧急报警", "A", "C")
    assert (found["1078:00"]["zh"], found["6602"]["zh"]) == ("视频信号丢失报警", "胎压过低报警")
    assert found["6506"]["dialects"]["sign_39"]["zh"] == "双手脱离方向盘报警"
    assert found["6506"]["dialects"]["yuebiao"]["zh"] == "探头遮挡报警"
    assert {one["source"] for one in body["items"]} == {one["code"] for one in body["sources"]}
    assert all(one["zh"] and one["en"] and one["clause"] for one in body["items"])
    assert not [one for one in body["items"] if any("一" <= letter <= "鿿" for letter in one["en"])]


async def test_a_file_of_alarms_holds_the_rows_of_the_list(web: Running, day: Facts) -> None:
    async with web.client() as client:
        answer = await client.get("/api/alarms.csv", params={"from": day.start, "to": day.end})
    lines = answer.content.decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith("started,ended,plate")
    assert [line.split(",")[4] for line in lines[1:-1]] == ["6402", "6431", "6401", "808:11", "808:01"]
    assert "22.543099,114.057868,60.0" in lines[3]


async def test_each_sees_the_alarms_of_the_own_trucks_and_who_sees_counts_gets_counts(web: Running, day: Facts) -> None:
    span = {"from": day.start, "to": day.end}

    async def asked(token: str, path: str = "/api/alarms", **more: Any) -> Any:
        async with web.client(token) as client:
            return await client.get(path, params=span | more)

    guangzhou = web.session_token("gz-alarms", role="city", city=440100)
    assert shown((await asked(guangzhou)).json()) == [(2, "6402"), (2, "6431")]
    assert (await asked(guangzhou, "/api/vehicles/3/alarms")).status_code == 404
    async with web.client() as client:
        rows = (await client.get("/api/alarms", params=span)).json()["items"]
    assert (await asked(guangzhou, f"/api/alarms/{rows[0]['id']}")).status_code == 200
    assert (await asked(guangzhou, f"/api/alarms/{rows[2]['id']}")).status_code == 404
    vendor = web.session_token("vendor-alarms", role="vendor", organisation_id=day.vendor)
    assert shown((await asked(vendor)).json()) == [(3, "808:11")]
    assert shown((await asked(vendor, type="6401,808:11")).json()) == [(3, "808:11")]
    assert (await asked(vendor, type="6401")).json()["items"] == []
    assert (await asked(vendor, "/api/alarms/counts", by="type")).json()["total"] == 1
    assert (await asked(vendor, f"/api/alarms/{rows[2]['id']}")).status_code == 404
    assert (await asked(vendor, "/api/alarms/unknown")).status_code == 403
    insurer = organisations.create(web.services.engine, {"kind": "insurer", "name": "保险"}, SYSTEM, WHOLE)
    vehicles.change(web.services.engine, 3, {"insurer_id": insurer}, SYSTEM, WHOLE)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[3]}')

    async def insured() -> bool:
        return int(web.services.fleet.insurer_id[3]) == insurer

    await until(insured, "live state knows the insurer")
    token = web.session_token("insurer-alarms", role="insurer", organisation_id=insurer)
    for path in ("/api/alarms", "/api/alarms.csv", f"/api/alarms/{rows[0]['id']}", "/api/vehicles/3/alarms"):
        refused = await asked(token, path)
        assert (refused.status_code, refused.json()["error"]["rule"]) == (403, "aggregates_only")
    assert (await asked(token, "/api/alarms/counts", by="source")).json()["total"] == 3
    assert (await asked(token, "/api/alarms/counts", vehicle=3)).status_code == 403
    assert (await asked(token, "/api/alarms/types")).status_code == 200


async def test_alarms_of_march_are_for_the_operator_of_march(web: Running, day: Facts) -> None:
    engine = web.services.engine
    first, second = (organisations.create(engine, {"name": name, "city": 440100}, SYSTEM, WHOLE) for name in "先后")
    vehicles.change(engine, 2, {"operator_id": second}, SYSTEM, WHOLE)
    handed_over = day.start + 5 * MINUTE + MINUTE // 2
    with write(engine) as connection:
        statement = "UPDATE binding SET from_at = :at WHERE what = 'operator' AND subject_id = 2"
        connection.execute(text(statement), {"at": handed_over})
        bindings.enter(connection, "operator", 2, first, 1, handed_over)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[2]}')

    async def known() -> bool:
        return int(web.services.fleet.operator_id[2]) == second

    await until(known, "live state knows the new operator")
    span = {"from": day.start, "to": day.end}
    for who, due in ((first, ["6431"]), (second, ["6402"])):
        async with web.client(web.session_token(f"alarm-op{who}", role="operator", organisation_id=who)) as client:
            for path in ("/api/alarms", "/api/vehicles/2/alarms"):
                body = (await client.get(path, params=span)).json()
                assert [row["type"] for row in body["items"]] == due, path
            assert (await client.get("/api/alarms/counts", params=span)).json()["total"] == 1


async def test_an_alarm_is_on_the_screens_that_may_see_it_within_two_seconds(web: Running, day: Facts) -> None:
    guangzhou = web.session_token("gz-strip", role="city", city=440100)
    async with connected(web) as mine, connected(web, guangzhou) as theirs:
        for socket in (mine, theirs):
            await socket.send(json.dumps(SHENZHEN))
        first = await told(mine, "alarms")
        assert first["first"] is True and all(row["plate"] for row in first["items"])
        numbers = count(62)

        async def seen() -> float:
            now, number, before = now_ms() // 1000 * 1000, next(numbers), time.monotonic()
            await web.publish(facts.FIX, [location(3, now, alarm=1 << 11, serial=number, items=adas(now, 4, number))])
            message = await told(mine, "alarms")
            took = time.monotonic() - before
            shown = [(row["vehicle_id"], row["type"], row["plate"]) for row in message["items"]]
            assert shown == [(3, "6404", "粤B00003")]
            return took

        await one_within(2, seen)
        now = now_ms() // 1000 * 1000
        await web.publish(facts.FIX, [location(2, now, serial=61, items=adas(now, 5, 61))])
        # Whatever Guangzhou hears of, it is never of a truck of Shenzhen.
        while (heard := await told(theirs, "alarms"))["items"][0]["type"] != "6405":
            assert {row["vehicle_id"] for row in heard["items"]} == {2}
        assert {row["vehicle_id"] for row in heard["items"]} == {2}
