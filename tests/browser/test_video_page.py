"""The video page in a real Chromium with simulated trucks: pictures play, black tiles say why, a right that ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from test_system import DESK, PHONE, SECRET, account, authority

from luwei.simulator.fleet import trucks
from screen import Watched, no_wider_than_the_screen, sign_in
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

PURPOSE = "报警核实"
PLAYED = """([keys, seconds]) => keys.every((key) => {
    const video = document.querySelector(`[data-tile='${key}'] video`);
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
    const { at, frames } = (video.luweiBegun ??= { at: video.currentTime, frames: totalVideoFrames });
    return video.currentTime > at + seconds && totalVideoFrames > frames && totalVideoFrames > droppedVideoFrames;
})"""
"""Whether every picture has moved on by so many seconds since it was asked about first, with decoded pictures."""


def truck(system: WholeSystem, number: int) -> int:
    """Id of a simulated truck; the first ones do everything right (H.264, channels 1 to 4)."""
    rows = system.get("/api/vehicles", q=trucks(number + 1)[number].plate)["items"]
    return int(rows[0]["id"])


def tile(page: Page, vehicle: int, channel: int) -> Locator:
    return page.locator(f"[data-tile='{vehicle}.{channel}']")


def plays(page: Page, *slots: tuple[int, int], seconds: float = 0.6) -> None:
    for slot in slots:
        expect(tile(page, *slot).get_by_test_id("tile-state")).to_have_text("直播")
    keys = [f"{vehicle}.{channel}" for vehicle, channel in slots]
    page.wait_for_function(PLAYED, arg=[keys, seconds], timeout=60_000)


def say_what_for(page: Page) -> None:
    form = page.get_by_role("dialog", name="查看用途")
    form.get_by_role("button", name=PURPOSE).click()
    form.get_by_role("button", name="确定").click()


def empty_truck(system: WholeSystem) -> int:
    """A truck whose terminal never came; its id."""
    known = system.get("/api/vehicles", q="粤B00V0D")["items"]
    if known:
        return int(known[0]["id"])
    given: dict[str, Any] = {"plate": "粤B00V0D", "plate_color": 2, "vehicle_class": "general_freight_12t"}
    city = authority(system, 440300)
    operator = system.get("/api/organisations", kind="operator", size=1)["items"][0]["id"]
    made = system.client.post("/api/vehicles", json=given | {"city": city["city"], "operator_id": operator})
    vehicle = int(made.raise_for_status().json()["id"])
    device = {"phone": "14499990001", "vehicle_id": vehicle}
    system.client.post("/api/terminals", json=device).raise_for_status()
    return vehicle


@DESK
def test_a_wall_of_nine_plays_and_black_tiles_say_why(watched: Watched, system: WholeSystem) -> None:
    page, offline = watched.page, empty_truck(system)
    first = [truck(system, number) for number in range(3)]
    good = [(vehicle, channel) for vehicle in first for channel in (1, 2)]
    black = [(first[0], 30), (offline, 1)]
    page.goto(f"{system.web}/video?grid=9&tiles={','.join(f'{v}.{c}' for v, c in good + black)}")
    say_what_for(page)
    plays(page, *good)
    expect(page.get_by_test_id("purpose-banner")).to_contain_text(PURPOSE)
    for slot, code, words in zip(black, ("refused", "offline"), ("终端拒绝", "终端离线"), strict=True):
        why = tile(page, *slot).get_by_test_id("tile-why")
        expect(why).to_have_attribute("data-reason", code)
        expect(why).to_contain_text(words)
        expect(why.get_by_role("button", name="重试")).to_be_visible()
        expect(why.locator("time").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.get_by_label("筛选车牌或企业").fill(trucks(4)[3].plate)
    page.get_by_test_id("tree-truck").click()
    page.locator("[data-tile='']").click()
    page.get_by_test_id("tree-channel").first.dblclick()
    last = (truck(system, 3), 1)
    plays(page, last)
    expect(page.get_by_test_id("tree-channel").first).to_contain_text("窗口 9")
    watched.picture("video-nine")

    large = tile(page, *last)
    mark = large.get_by_test_id("watermark").get_attribute("data-text") or ""
    assert re.fullmatch(r"demo \d{4}-\d\d-\d\d \d\d:\d\d", mark)
    large.dblclick()
    expect(page).to_have_url(re.compile(r"full=9"))
    expect(page.locator("[data-tile]:visible")).to_have_count(1)
    expect(large.get_by_test_id("tile-line")).to_contain_text("主码流 720P")
    page.get_by_role("button", name="统计").first.click()
    figures = large.get_by_test_id("tile-figures")
    expect(figures).to_contain_text("1280×720")
    expect(figures).to_contain_text(re.compile(r"首帧\s*\d+ ms"))
    watched.picture("video-enlarged")
    no_wider_than_the_screen(page)


@DESK
def test_a_picture_seen_on_a_reason_goes_when_the_grant_ends(opened: Watched, system: WholeSystem) -> None:
    page, vehicle = opened.page, truck(system, 0)
    name = account(system, "city", authority(system, 440100)["id"])
    sign_in(page, system, name, SECRET)
    page.goto(f"{system.web}/video?vehicle={vehicle}&channel=2")
    form = page.get_by_role("dialog", name="填写事由")
    form.get_by_label("用途").fill("疑似碰撞报警核实")
    form.get_by_label("案件或文书编号").fill("DG-1122-06108-01")
    form.get_by_role("button", name="提交").click()
    picture = tile(page, vehicle, 2)
    plays(page, (vehicle, 2))
    banner = page.get_by_test_id("purpose-banner")
    expect(banner).to_contain_text("疑似碰撞报警核实")
    expect(banner).to_contain_text(re.compile(r"剩余 \d\d?:\d\d"))
    opened.picture("video-granted")
    banner.get_by_role("button", name="结束查看").click()
    expect(picture.get_by_test_id("tile-why")).to_have_attribute("data-reason", re.compile("forbidden|reason_required"))
    expect(picture.get_by_test_id("picture")).to_be_hidden()
    assert picture.get_by_test_id("picture").evaluate("video => video.src") == ""
    expect(banner).to_be_hidden()
    opened.picture("video-ended")


@PHONE
def test_a_phone_shows_one_picture_and_its_channels(watched: Watched, system: WholeSystem) -> None:
    page, vehicle = watched.page, truck(system, 1)
    page.goto(f"{system.web}/video?vehicle={vehicle}&channel=1")
    say_what_for(page)
    plays(page, (vehicle, 1))
    no_wider_than_the_screen(page)
    page.get_by_role("button", name="车辆正前方", exact=True).click()
    plays(page, (vehicle, 2))
    expect(page.locator("[data-tile]:visible")).to_have_count(1)
    no_wider_than_the_screen(page)
    watched.picture("video-phone")
