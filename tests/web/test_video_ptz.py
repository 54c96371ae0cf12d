"""Cameras that people turn: a hold that is renewed, one driver at a time, and a stop that comes by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import until
from sqlalchemy import select

from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.simulator.looking import Turned
from luwei.video import ptz
from luwei.video.ptz import PtzDesk
from luwei.web import video_ptz

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]

HEAD, FIXED = 4, 1
"""Channels of the first trucks: by their 0x0076 only the last camera can be turned."""
DEADMAN_S = ptz.DEADMAN_S


@pytest.fixture(autouse=True)
def apart(live: LiveTrucks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with cameras that nobody drives; the machine may be slow where a hold is renewed."""
    monkeypatch.setattr(ptz, "DEADMAN_S", 30.0)
    monkeypatch.setattr(ptz, "ANSWER_S", 30.0)
    monkeypatch.setattr(ptz, "STOP_ANSWER_S", 30.0)
    monkeypatch.setattr(video_ptz, "ASK_S", 30.0)
    assert live.web.services.ptz is not None
    live.web.services.ptz._drivers.clear()
    live.web.services.ptz._acted.clear()


async def press(live: LiveTrucks, act: str, token: str | None = None, **more: Any) -> httpx.Response:
    body = {"vehicle_id": live.ids[0], "channel": HEAD, "act": act, "purpose": PURPOSE} | more
    async with live.web.client(token) as client:
        return await client.post("/api/video/ptz", json=body)


def camera(live: LiveTrucks, channel: int = HEAD) -> Turned:
    return live.lines[0].terminal.commands.equipment.video.turned.setdefault(channel, Turned())


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


async def test_a_held_button_turns_the_camera_and_its_release_stops_it(live: LiveTrucks) -> None:
    since, before = now_ms(), camera(live).pan_deg
    first = (await press(live, "right", hold="hold-0001", speed=100)).json()
    assert (first["state"], first["driver"]["mine"]) == ("moving", True)
    for _ in range(3):
        await asyncio.sleep(0.2)
        again = (await press(live, "right", hold="hold-0001", speed=100, purpose="")).json()
    assert (again["state"], again["answer"]) == ("moving", "success")
    assert (camera(live).direction, camera(live).speed) == (4, 100)
    over = (await press(live, "stop", hold="hold-0001", purpose="")).json()
    assert (over["state"], over["answer"]) == ("stopped", "success")
    assert camera(live).direction == 0 and camera(live).pan_deg > before
    assert camera(live).orders[-2:] == ["Rotate", "Rotate"]  # renewals are not sent
    with read(live.web.services.engine) as connection:
        told = select(AuditEntry).where(AuditEntry.act == "video.ptz", AuditEntry.at >= since)
        (entry,) = connection.execute(told).all()
    assert PURPOSE in entry.detail and entry.vehicle_id == live.ids[0]


async def test_a_hold_that_nobody_renews_is_stopped_within_a_second(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DEADMAN_S <= 1.0
    monkeypatch.setattr(ptz, "DEADMAN_S", DEADMAN_S)
    camera(live).orders.clear()
    await press(live, "up", hold="hold-0002")

    async def still() -> bool:
        return camera(live).orders == ["Rotate", "Rotate"] and camera(live).direction == 0

    await until(still, "the camera stands still")


async def test_a_camera_has_one_driver_and_others_learn_his_role(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptz, "KEEPS_S", 60.0)
    desk = live.web.services.ptz
    assert desk is not None
    other = live.web.session_token("second-driver")
    assert (await press(live, "zoom_in")).status_code == 200
    refused = await press(live, "zoom_in", other)
    assert error(refused) == (409, "channel", "busy")
    assert refused.json()["error"]["clash"]["label"] == "系统管理员"
    async with live.web.client(other) as client:
        asked = (await client.get("/api/video/ptz", params={"vehicle_id": live.ids[0], "channel": HEAD})).json()
    assert (asked["ptz"], asked["driver"]["mine"], asked["driver"]["role_en"]) == (True, False, "administrator")
    desk._drivers[live.ids[0], HEAD].until = now_ms() - 1
    assert (await press(live, "zoom_out", other)).status_code == 200


async def test_a_held_step_is_repeated_and_a_single_one_is_not(live: LiveTrucks) -> None:
    before = camera(live).zoom
    await press(live, "zoom_in")
    assert camera(live).zoom == before + 1
    await press(live, "focus_far", hold="hold-0003")
    steps = camera(live).focus

    async def further() -> bool:
        await press(live, "focus_far", hold="hold-0003", purpose="")
        await asyncio.sleep(0.15)
        return camera(live).focus >= steps + 2

    await until(further, "further steps")
    await press(live, "stop", hold="hold-0003", purpose="")
    stood = camera(live).focus
    await asyncio.sleep(2 * ptz.STEP_S)
    assert (camera(live).focus, camera(live).zoom) == (stood, before + 1)


async def test_wiper_and_light_are_switched_also_where_nothing_turns(live: LiveTrucks) -> None:
    assert (await press(live, "light", channel=FIXED, on=True)).json()["answer"] == "success"
    assert camera(live, FIXED).infrared
    await press(live, "light", channel=FIXED, on=False)
    await press(live, "wiper", on=True)
    assert (camera(live, FIXED).infrared, camera(live).wiper) == (False, True)
    await press(live, "wiper", on=False)


async def test_what_a_core_left_turning_the_next_one_stops(live: LiveTrucks) -> None:
    services = live.web.services
    assert services.ptz is not None
    assert (await press(live, "left", hold="hold-0004")).json()["answer"] == "success"
    dead = services.ptz._drivers.pop((live.ids[0], HEAD))
    assert dead.watch is not None and camera(live).direction == 3
    dead.watch.cancel()
    successor = PtzDesk(services.engine, live.desk.commanding)
    await successor.start()

    async def still() -> bool:
        return camera(live).direction == 0

    await until(still, "the camera stands still")
    await successor.stop()


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"act": "up", "hold": "hold-0005", "channel": FIXED}, (409, "channel", "no_ptz")),
        ({"act": "zoom_in", "channel": FIXED}, (409, "channel", "no_ptz")),
        ({"act": "up"}, (400, "hold")),
        ({"act": "up", "hold": "short"}, (400, "hold")),
        ({"act": "wiper"}, (400, "on")),
        ({"act": "spin"}, (400, "act")),
        ({"act": "zoom_in", "purpose": ""}, (400, "purpose")),
        ({"act": "up", "hold": "hold-0006", "speed": 0}, (400, "speed")),
        ({"act": "zoom_in", "vehicle_id": 2_000_000_000}, (404, "id")),
    ],
    ids=lambda each: "-".join(str(part) for part in each) if isinstance(each, tuple) else each["act"],
)
async def test_what_cannot_be_done_is_refused(
    live: LiveTrucks, body: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    assert error(await press(live, **body))[: len(refusal)] == refusal
    assert camera(live, FIXED).direction == 0


async def test_more_than_a_person_does_and_who_may_not_are_refused(live: LiveTrucks) -> None:
    reader = live.web.session_token("ptz-reader", role="viewer")
    assert error(await press(live, "zoom_in", reader))[0] == 403
    desk = live.web.services.ptz
    assert desk is not None
    for _ in range(ptz.RATE_MAX):
        desk._count(99)
    with pytest.raises(ptz.TooFast):
        desk._count(99)
