"""The console in a real Chromium against a whole demo system: what a duty officer does first."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from test_system import DESK, PHONE

from screen import Watched, log_in, no_wider_than_the_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def test_officer_logs_in_sees_trucks_move_opens_a_card_and_plays_its_track(
    opened: Watched, system: WholeSystem
) -> None:
    page = opened.page
    log_in(page, system)
    online = page.locator(".cards .card", has_text="在线").locator(".figure-20")
    expect(online).to_have_text(re.compile(r"[1-9]"))
    no_wider_than_the_screen(page)

    before = system.get("/api/vehicles", state="moving", size=50)["items"]
    assert before, "no truck is moving"
    places = {row["id"]: (row["live"]["lat_e6"], row["live"]["lon_e6"]) for row in before}

    def moved() -> bool:
        now = system.get("/api/vehicles", state="moving", size=50)["items"]
        return any(places.get(row["id"], (0, 0)) != (row["live"]["lat_e6"], row["live"]["lon_e6"]) for row in now)

    wait_for(moved, "a truck moved", 60)

    vehicle = before[0]
    page.goto(f"{system.web}/monitor?vehicle={vehicle['id']}")
    card = page.locator("aside.truck")
    expect(card).to_contain_text(vehicle["plate"][2:])
    no_wider_than_the_screen(page)
    expect(card.get_by_role("link", name="视频")).to_have_attribute("href", f"/video?vehicle={vehicle['id']}")
    card.get_by_role("link", name="轨迹").click()
    page.wait_for_url(re.compile(r"/track\?.*vehicle="))
    wait_for(lambda: system.get(f"/api/vehicles/{vehicle['id']}/card")["today"]["locations"] >= 3, "three points", 90)
    page.goto(f"{system.web}/track?vehicle={vehicle['id']}")  # without the range that the first visit wrote down
    play = page.get_by_role("button", name="播放")
    expect(play).to_be_enabled()
    clock = page.locator("b.figure-20").first
    start = clock.inner_text()
    play.click()
    expect(clock).not_to_have_text(start)
    no_wider_than_the_screen(page)

    page.goto(f"{system.web}/access")
    expect(page.get_by_text("gw-0").first).to_be_visible()
    no_wider_than_the_screen(page)
    assert opened.faults == []


@PHONE
def test_console_speaks_english_when_asked(opened: Watched, system: WholeSystem) -> None:
    page = opened.page
    page.goto(system.web)
    page.get_by_role("button", name="切换到英文").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert opened.faults == []


@PHONE
def test_a_wrong_password_is_told_plainly_and_opens_nothing(opened: Watched, system: WholeSystem) -> None:
    page = opened.page
    page.goto(f"{system.web}/monitor")
    page.wait_for_url(re.compile(r"/login"))
    page.get_by_label("账号").fill("nobody")
    page.get_by_label("密码", exact=True).fill("not the password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert "/login" in page.url


@DESK
def test_the_map_is_drawn(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/monitor")
    canvas = page.locator("canvas.maplibregl-canvas")
    expect(canvas).to_be_visible()
    # roads and borders: an empty map of one colour compresses to a tenth of this
    wait_for(lambda: len(canvas.screenshot(timeout=120_000)) > 40_000, "roads on the map", 150)
    assert watched.faults == []
