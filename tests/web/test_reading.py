"""What the web answers, with real stores behind it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import threading
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CONTENT_TYPE_LATEST
from running_core import MINUTE, Running, until

from luwei.history.store import HistoryError

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def get(web: Running, path: str, status: int = 200, token: str | None = None, **params: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize(
    "path",
    [
        "/api/system", "/api/areas", "/api/vehicles/1/card", "/api/vehicles/1/track?from=0&to=1",
        "/api/vehicles/1/track.csv?from=0&to=1", "/api/access/gateways", "/api/access/rates", "/api/access/sessions",
        "/api/access/ledger", "/api/docs", "/api/openapi.json",
    ],
)  # fmt: skip
async def test_nothing_is_told_without_a_login(web: Running, path: str) -> None:
    for token in ("", "wrong"):
        async with web.client(token) as client:
            answer = await client.get(path)
        assert answer.status_code == 401
        assert answer.json()["error"]["rule"] == "login_required"


async def test_health_and_metrics_are_open_and_tell_of_every_part(web: Running) -> None:
    state = await get(web, "/health", token="")
    assert state["ok"] is True
    assert state["ingest"]["state"] == "running"
    assert state["live"]["vehicles"] == 3
    async with web.client("") as client:
        answer = await client.get("/metrics")
    text = answer.text
    assert answer.headers.get_list("content-type") == [CONTENT_TYPE_LATEST]
    assert "luwei_live_locations_total" in text and "luwei_ingest_rows_total" in text


async def test_system_says_what_the_console_needs(web: Running) -> None:
    system = await get(web, "/api/system")
    assert system["map"] == {"tiles": "", "credit": system["map"]["credit"], "pmtiles": False}
    assert "OpenStreetMap" in system["map"]["credit"]
    assert (system["demo"], system["admission"], system["gateway_port"]) == (False, "known", 7611)


async def test_areas_are_the_21_cities_with_their_counties(web: Running) -> None:
    areas = await get(web, "/api/areas")
    assert len(areas) == 21
    shenzhen = next(city for city in areas if city["adcode"] == 440300)
    assert shenzhen["name"].startswith("深圳") and shenzhen["plate"] == "粤B"
    assert 440305 in [county["adcode"] for county in shenzhen["counties"]]


async def test_all_areas_are_counted_in_one_answer(web: Running) -> None:
    counted = await get(web, "/api/areas/counts")
    by_city = {item["adcode"]: item["counts"] for item in counted["items"]}
    assert {city: counts["total"] for city, counts in by_city.items()} == {440100: 1, 440300: 2}
    assert by_city[440300]["alarm"] == by_city[440300]["moving"] == 1
    by_county = await get(web, "/api/areas/counts", city=440300)
    assert {item["adcode"]: item["counts"]["total"] for item in by_county["items"]} == {0: 1, 440305: 1}
    token = web.session_token("counter", city=440100)
    assert [item["adcode"] for item in (await get(web, "/api/areas/counts", token=token))["items"]] == [440100]


async def test_a_card_shows_fix_items_session_and_ledger(web: Running) -> None:
    card = await get(web, "/api/vehicles/1/card")
    assert card["vehicle"]["plate"] == "粤B12345"
    assert card["vehicle"]["live"]["state"] == "moving"
    assert card["vehicle"]["live"]["direction_deg"] is None
    fix = card["fix"]
    assert (fix["lat_e6"], fix["speed_dkmh"], fix["direction_deg"]) == (22_731_000, 450, None)
    assert [alarm["bit"] for alarm in fix["alarms"]] == [1]
    assert "超速" in fix["alarms"][0]["zh"]
    assert [(item["id"], item["raw_hex"]) for item in fix["items"]] == [(1, "00000fa0"), (0x31, "07")]
    assert card["session"]["session"] == f"{2**63 + 5:016x}"
    assert card["session"]["reason"] == "gateway_lost"  # no gateway with boot 77 speaks
    # at China's midnight the day begins anew
    if str((datetime.now(UTC) + timedelta(hours=8)).date()) == web.day:
        assert {entry["reason"]: entry["count"] for entry in card["today"]["refused"]} == {"checksum": 3, "short": 1}
    assert card["recent"][-1] == [fix["at"], 450]


async def test_a_truck_that_never_reported_has_an_empty_card(web: Running) -> None:
    card = await get(web, "/api/vehicles/3/card")
    assert (card["fix"], card["session"], card["vehicle"]["live"], card["recent"]) == (None, None, None, [])
    assert card["today"]["locations"] == 0


async def test_a_track_has_its_points_once_its_gap_and_its_summary(web: Running) -> None:
    start, end = web.start_ms, web.start_ms + 30 * MINUTE
    track = await get(web, "/api/vehicles/1/track", **{"from": start, "to": end})
    summary = track["summary"]
    assert (summary["points"], summary["backfilled"], summary["gap_count"]) == (90, 10, 1)
    assert len(track["columns"]["at"]) == 90
    assert track["columns"]["at"] == sorted(track["columns"]["at"])
    gap = track["gaps"][0]
    assert (gap["from"], gap["to"], gap["from_index"]) == (start + 590_000, start + 20 * MINUTE, 59)
    assert gap["metres"] == pytest.approx(0.141 * 111_195.08, abs=5)  # 22.559° to 22.700°
    step_m = 0.001 * 111_195.08
    assert summary["complete_m"] == pytest.approx(88 * step_m, abs=2)
    assert track["truncated"] is False
    assert track["vehicle"]["id"] == 1


async def test_a_raw_track_keeps_every_row(web: Running) -> None:
    query = {"from": web.start_ms, "to": web.start_ms + 30 * MINUTE, "raw": 1}
    track = await get(web, "/api/vehicles/1/track", **query)
    assert len(track["columns"]["at"]) == track["summary"]["rows"] == 90
    assert set(track["columns"]) == {
        "at", "received_at", "lat_e6", "lon_e6", "speed_dkmh", "direction_deg", "altitude_m", "mileage_hm", "alarm",
        "status", "origin", "flags",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": 5, "to": 5}, "to"), ({"from": 0, "to": 8 * 86_400_000}, "to"), ({"from": -1, "to": 5}, "from"),
        ({"from": "x", "to": 5}, "from"), ({"to": 5}, "from"), ({"from": 0, "to": 5, "raw": "maybe"}, "raw"),
    ],
)  # fmt: skip
async def test_a_track_that_cannot_be_asked_for_names_the_field(
    web: Running, query: dict[str, Any], field: str
) -> None:
    error = (await get(web, "/api/vehicles/1/track", 400, **query))["error"]
    assert error["field"] == field
    assert error["rule"]


async def test_a_track_as_csv_opens_in_a_spreadsheet(web: Running) -> None:
    query = {"from": web.start_ms, "to": web.start_ms + 30 * MINUTE}
    async with web.client() as client:
        answer = await client.get("/api/vehicles/1/track.csv", params=query)
    assert answer.status_code == 200
    assert "filename*=UTF-8''%E7%B2%A4B12345.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 90
    assert rows[0]["time"].endswith("+08:00")
    assert (rows[0]["latitude"], rows[0]["speed_kmh"], rows[0]["mileage_km"]) == ("22.500000", "45.0", "100.0")


async def test_a_track_as_gpx_begins_a_new_segment_at_the_gap(web: Running) -> None:
    query = {"from": web.start_ms, "to": web.start_ms + 30 * MINUTE}
    async with web.client() as client:
        answer = await client.get("/api/vehicles/1/track.gpx", params=query)
    root = ElementTree.fromstring(answer.content)
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    segments = root.findall("g:trk/g:trkseg", space)
    assert [len(segment) for segment in segments] == [60, 30]
    assert segments[0][0].find("g:time", space).text.endswith("Z")  # type: ignore[union-attr]


async def test_sessions_name_their_truck_and_a_lost_gateway(web: Running) -> None:
    found = await get(web, "/api/access/sessions", q="138")
    assert found["total"] == 1
    item = found["items"][0]
    assert (item["plate"], item["reason"], item["frames"], item["closed_at"]) == ("粤B12345", "gateway_lost", 5, None)
    assert (await get(web, "/api/access/sessions", state="open"))["total"] == 0
    assert (await get(web, "/api/access/sessions", q="999"))["items"] == []


async def test_the_ledger_opens_by_reason_and_by_terminal(web: Running) -> None:
    by_reason = await get(web, "/api/access/ledger", day=web.day)
    assert [(item["reason"], item["count"]) for item in by_reason["items"]] == [("checksum", 3), ("short", 1)]
    assert by_reason["items"][0]["example_hex"] == "7e02007e"
    by_terminal = await get(web, "/api/access/ledger", day=web.day, group="terminal", reason="short")
    assert by_terminal["total"] == 1
    assert by_terminal["items"][0]["plate"] == "粤B12345"
    assert (await get(web, "/api/access/ledger", day="2001-01-01"))["items"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/access/ledger?day=yesterday", "day"), ("/api/access/ledger?group=colour", "group"),
        ("/api/access/rates?minutes=0", "minutes"), ("/api/access/rates?minutes=1441", "minutes"),
        ("/api/access/sessions?size=501", "size"), ("/api/access/sessions?page=0", "page"),
        ("/api/access/sessions?state=ajar", "state"),
    ],
)  # fmt: skip
async def test_a_value_out_of_bounds_is_refused_by_name(web: Running, path: str, field: str) -> None:
    assert (await get(web, path, 400))["error"]["field"] == field


async def test_unknown_vehicles_and_addresses_are_not_found(web: Running) -> None:
    assert (await get(web, "/api/vehicles/999/card", 404))["error"]["field"] == "id"
    assert (await get(web, "/api/nothing", 404))["error"]["rule"] == "not_found"


async def test_a_person_of_one_city_sees_its_trucks_only(web: Running) -> None:
    token = web.session_token("guangzhou", city=440100)
    await get(web, "/api/vehicles/2/card", token=token)
    await get(web, "/api/vehicles/1/card", 404, token=token)
    await get(web, "/api/vehicles/1/track", 404, token=token, **{"from": 0, "to": 5})
    for path in ("/api/access/gateways", "/api/access/rates"):
        await get(web, path, 403, token=token)
    for path in ("/api/access/sessions", "/api/access/ledger", "/api/access/ledger?group=terminal"):
        assert (await get(web, path, token=token))["items"] == []
    shenzhen = web.session_token("shenzhen", city=440300)
    assert [item["vehicle_id"] for item in (await get(web, "/api/access/sessions", token=shenzhen))["items"]] == [1]
    reasons = (await get(web, "/api/access/ledger", token=shenzhen, day=web.day))["items"]
    assert {item["reason"]: item["count"] for item in reasons} == {"checksum": 3, "short": 1}


async def test_a_gateway_that_speaks_is_listed_with_its_rates(web: Running) -> None:
    bus: Any = web.services.bus
    await bus.publish("gateway.status.0", b'{"gateway":"gw-0","boot":9,"connections":3,"locations_per_s":12.5}')

    async def listed() -> bool:
        return bool((await get(web, "/api/access/gateways"))["items"])

    await until(listed, "gateway listed")
    item = (await get(web, "/api/access/gateways"))["items"][0]
    assert (item["gateway"], item["alive"], item["connections"]) == ("gw-0", True, 3)
    rates = await get(web, "/api/access/rates", minutes=5)
    assert rates["series"][0]["points"][0][1:4] == [12.5, 0.0, 3.0]


async def test_every_answer_keeps_the_browser_on_this_host(web: Running) -> None:
    async with web.client() as client:
        for path in ("/api/system", "/api/nothing", "/map/places.json", "/health", "/"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe-eval" not in policy
            assert not re.search(r"https?://", policy)
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
        assert (await client.get("/api/system")).headers["cache-control"] == "no-store"


async def test_the_description_needs_nothing_from_outside(web: Running) -> None:
    async with web.client() as client:
        page = (await client.get("/api/docs")).text
        document = (await client.get("/api/openapi.json")).json()
    assert "/api/vehicles/{vehicle_id}/track" in document["paths"]
    assert "/api/access/ledger" in page
    assert not re.search(r"(src|href)=\"?https?://", page)
    assert "<script" not in page


async def test_a_large_answer_is_compressed(web: Running) -> None:
    async with web.client() as client:
        answer = await client.get("/api/areas", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


async def test_a_body_beyond_the_bound_is_refused(web: Running) -> None:
    async with web.client() as client:
        answer = await client.post("/api/login", content=b"x" * (2 << 20), headers={"Content-Type": "application/json"})
    assert answer.status_code in (413, 404, 405)


async def test_a_head_too_large_is_cut_off(web: Running) -> None:
    async with web.client() as client:
        try:
            answer = await client.get("/health", headers={"X-Long": "x" * 1_000_000})
            assert answer.status_code in (400, 431)
        except httpx.TransportError:
            pass


async def test_questions_beyond_the_readers_wait_and_are_then_refused(
    web: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr("luwei.web.services.TURN_S", 0.3)
    monkeypatch.setattr(web.services.history, "query", lambda name, **_: release.wait(60))
    asking = [asyncio.create_task(web.services.ask("latest")) for _ in range(5)]
    done, _ = await asyncio.wait(asking, timeout=40, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    refused = [task.exception() for task in done]
    assert [getattr(error, "rule", "") for error in refused] == ["history_busy"]
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_history_that_fails_is_said_to_be_unavailable(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str, **_: Any) -> None:
        raise HistoryError("Code: 241. DB::Exception: secret detail")

    monkeypatch.setattr(web.services.history, "query", fails)
    answer = await get(web, "/api/vehicles/1/card", 503)
    assert answer["error"]["rule"] == "history_unavailable"
    assert "secret" not in str(answer)


async def test_a_crash_is_told_without_its_cause(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(now_ms: int) -> None:
        raise ZeroDivisionError("inner matter")

    monkeypatch.setattr(web.services.gateways, "items", breaks)
    answer = await get(web, "/api/access/gateways", 500)
    assert answer["error"]["rule"] == "internal"
    assert "inner" not in str(answer)
