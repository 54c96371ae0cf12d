"""The roadside over HTTP: one answer to a plate, a record with a picture, who opens it, and what the log says."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from running_core import MINUTE, Running, location, until
from sqlalchemy import text

from luwei import facts
from luwei.live.feed import now_ms
from luwei.registry import merges, organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE
from luwei.web.oversight_routes.order_files import files_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
HOUR = 3_600_000
BITS = bytes.fromhex("140400000002" + "150400000000" + "160400000002" + "17020000")
"""Items 0x14 to 0x17 (JT/T 1078 table 13): a camera is occluded, channel 2 it is; nothing lost, no store faulty."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def road(web: Running) -> dict[str, Any]:
    """A tractor of Shenzhen whose antenna is cut, silent for 30 h until an hour ago and moved by 11 km meanwhile;
    inspectors of its city and of another, its operator and another one."""
    engine = web.services.engine
    mine, other = (
        organisations.create(engine, {"name": name, "city": 440300}, SYSTEM, WHOLE) for name in ("路检物流", "旁人物流")
    )
    given = {
        "plate": "粤B7D926", "plate_color": 2, "city": 440300, "operator_id": mine, "owner": "欧阳修文",
        "vehicle_class": "semi_trailer_tractor", "transport_certificate": "440300778899",
    }  # fmt: skip
    key = vehicles.create(engine, given, SYSTEM, WHOLE)
    device = {"phone": "13912345678", "terminal_id": "T900001", "vehicle_id": key, "model": "M2"}
    terminals.create(engine, device, SYSTEM, WHOLE)
    now = now_ms()
    rows = [location(key, now - 31 * HOUR - each * MINUTE) for each in range(3)]
    late = {"lat_e6": 22_643_100, "alarm": 1 << 5, "video_alarm": 2, "items": BITS}
    rows += [location(key, now - HOUR + each * MINUTE, **late) for each in range(60)]
    await web.publish(facts.FIX, rows)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[]}')

    async def stored() -> bool:
        fleet = web.services.fleet
        whole = (await web.services.ask("latest_vehicle", vehicles=[key])).num_rows == 1
        return whole and fleet.present(key) is not None and int(fleet.city[key]) == 440300

    await until(stored, "the tractor's locations are stored")
    people = {
        "here": {"role": "inspector", "city": 440300}, "away": {"role": "inspector", "city": 440100},
        "own": {"role": "operator", "organisation_id": mine}, "other": {"role": "operator", "organisation_id": other},
    }  # fmt: skip
    return {"key": key} | {name: web.session_token(f"rs-{name}", **whose) for name, whose in people.items()}


async def look(web: Running, token: str, plate: str = "粤B·7d926", color: int = 2) -> Any:
    async with web.client(token) as client:
        return await client.get("/api/roadside/vehicle", params={"plate": plate, "color": color})


async def test_a_plate_is_answered_item_by_item(web: Running, road: dict[str, Any]) -> None:
    answer = (await look(web, road["here"])).json()
    told = {item["code"]: (item["verdict"], item["reason"]) for item in answer["items"]}
    # the antenna's alarm has become a case, whose clocks run
    assert told.pop("cases")[1] != "outside"
    assert told == {
        "scope": ("ok", "in_notice"), "certificate": ("unknown", "no_term"), "terminal": ("ok", "bound"),
        "model": ("unknown", "not_listed"), "online": ("ok", "online"), "position": ("ok", "fixed"),
        "gnss": ("bad", "standing"), "power": ("ok", "clear"), "camera": ("bad", "standing"),
        "storage": ("ok", "clear"), "other": ("ok", "clear"), "channels": ("bad", "missing"),
        "silences": ("bad", "moved"), "orders": ("ok", "none"),
        "deviations": ("ok", "none"),
    }  # fmt: skip
    assert answer["verdict"] == "bad"
    figures = {item["code"]: item["figures"] for item in answer["items"]}
    # 0.1 degree of latitude is 11.1 km
    assert (figures["silences"]["hours"], figures["silences"]["km"], answer["silences"][0]["km"]) == (30, 11, 11.1)
    assert figures["channels"]["covered"] == [2]
    assert {word["code"]: word["zh"] for word in answer["words"]} == {
        "808:5": "GNSS天线未接或被剪断", "1078:1": "视频信号遮挡报警",
    }  # fmt: skip
    assert answer["device"]["sim"] == "139****5678" and "13912345678" not in str(answer)
    assert (answer["vehicle"]["owner"], answer["present"]["lat_e6"]) == ("欧***", 22_643_100)


async def test_an_inspector_of_another_city_gets_the_device_and_not_the_place(
    web: Running, road: dict[str, Any]
) -> None:  # fmt: skip
    answer = (await look(web, road["away"])).json()
    assert answer["found"] and answer["verdict"] == "bad"
    assert (answer["present"]["lat_e6"], answer["present"]["outside"], answer["grades"]) == (None, True, None)
    assert answer["vehicle"]["owner"] is None
    told = {item["code"]: item["reason"] for item in answer["items"]}
    assert (told["cases"], told["orders"], told["gnss"]) == ("outside", "outside", "standing")
    assert (await look(web, road["own"])).status_code == 403, "the company looks at its own pages"


async def test_an_unknown_plate_and_another_colour_are_said_so(web: Running, road: dict[str, Any]) -> None:
    strange = (await look(web, road["here"], "粤B99Z99")).json()
    assert (strange["found"], strange["colours"], strange["verdict"]) == (False, [], "unknown")
    assert (await look(web, road["here"], color=1)).json()["colours"] == [2]
    refused = await look(web, road["here"], "B99Z99")
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "plate")


async def test_a_recorded_check_reaches_the_operator_with_its_picture(web: Running, road: dict[str, Any]) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 90, 20)).save(out, "JPEG")
    body = {"plate": "粤B7D926", "plate_color": 2, "findings": ["shielded"], "note": "天线被剪", "place": "梅观站"}
    async with web.client(road["away"]) as client:
        for name, content in (("x.pdf", b"%PDF-1.5\n%%EOF\n"), ("x.jpg", b"MZ" + bytes(99))):
            refused = await client.post("/api/roadside/files", files={"file": (name, content)})
            assert (refused.status_code, refused.json()["error"]["field"]) == (400, "file"), refused.text
        file = (await client.post("/api/roadside/files", files={"file": ("现场.jpg", out.getvalue())})).json()
        wrong = await client.post("/api/roadside/checks", json=body | {"findings": ["found", "other"]})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "findings")
        made = await client.post("/api/roadside/checks", json=body | {"files": [file["id"]]})
        assert made.status_code == 201, made.text
        key = made.json()["id"]
        today = (await client.get("/api/roadside/checks", params={"mine": True, "day": True})).json()
        assert [each["id"] for each in today["items"]] == [key]
        counts = (await client.get("/api/roadside/checks/counts", params={"mine": True, "day": True})).json()["counts"]
        assert (counts["checks"], counts["wrong"], counts["findings"]["shielded"]) == (1, 1, 1)
    async with web.client(road["here"]) as thief:
        taken = await thief.post("/api/roadside/checks", json=body | {"files": [file["id"]]})
        assert taken.status_code == 400 and (await thief.delete(f"/api/roadside/files/{file['id']}")).status_code == 404
    await asyncio.to_thread(files_of(web.services).forget, now_ms() + 1)  # no upload that nothing named
    for who, status in (("own", 200), ("here", 200), ("other", 404)):
        async with web.client(road[who]) as client:
            assert (await client.get(f"/api/roadside/checks/{key}")).status_code == status, who
            picture = await client.get(f"/api/roadside/checks/{key}/files/{file['id']}")
            assert picture.status_code == status, who
            if status == 200:
                assert picture.headers["content-type"] == "image/jpeg" and picture.content[:2] == b"\xff\xd8"
            assert (await client.get(f"/api/roadside/checks/{key}/files/{file['id'] + 1}")).status_code == 404
    with read(web.services.engine) as connection:
        statement = text("SELECT act FROM audit_entry WHERE vehicle_id = :v AND username = 'rs-away' ORDER BY id")
        acts = list(connection.execute(statement, {"v": road["key"]}).scalars())
    assert {"roadside.look", "roadside_check.enter"} <= set(acts)


async def test_what_a_truck_did_under_an_id_that_was_merged_away_is_told(web: Running, road: dict[str, Any]) -> None:
    engine = web.services.engine
    before = (await look(web, road["here"])).json()
    survivor = vehicles.create(engine, {"plate": "粤B7D928", "plate_color": 2, "city": 440300}, SYSTEM, WHOLE)
    keep = {"plate": "loser", "vehicle_class": "loser", "transport_certificate": "loser"}
    done = merges.merge(engine, "vehicle", survivor, road["key"], keep, SYSTEM, WHOLE)
    try:
        answer = (await look(web, road["here"])).json()
        assert answer["vehicle"]["id"] == survivor
        told, known = ({each["code"]: each["reason"] for each in one["items"]} for one in (answer, before))
        assert told == known and {"gnss", "silences"} <= told.keys()
        assert answer["silences"] == before["silences"] != []
        assert answer["present"]["at"] == before["present"]["at"]
    finally:
        merges.undo(engine, done.merge, SYSTEM, dict.fromkeys(merges.FIELDS, WHOLE))
