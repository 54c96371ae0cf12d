"""Recordings of a truck on the video page, in a real Chromium: the day's lines, playing from a place, steering."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect
from test_system import DESK, PHONE
from test_video_page import say_what_for, truck

from screen import Watched, no_wider_than_the_screen
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

PLAYED = """() => {
    const video = document.querySelector("[data-testid='playback']");
    const begun = (video.luweiBegun ??= video.currentTime);
    return video.currentTime > begun + 0.6;
}"""
HOUR_MS = 3_600_000


def place() -> int:
    """Two hours ago, in the middle of a piece of ten minutes."""
    return (int(time.time()) // 600 * 600 + 240) * 1000 - 2 * HOUR_MS


def clock(at: int) -> str:
    """Hour and minute in China."""
    return time.strftime("%H:%M", time.gmtime(at / 1000 + 8 * 3600))


def plays(page: Page) -> None:
    expect(page.get_by_test_id("playback-at")).to_be_visible(timeout=60_000)
    page.wait_for_function(PLAYED, timeout=60_000)


@DESK
def test_a_link_opens_the_place_in_the_recording_and_the_viewer_steers(watched: Watched, system: WholeSystem) -> None:
    page, at = watched.page, place()
    page.goto(f"{system.web}/video?vehicle={truck(system, 4)}&channel=2&at={at}")
    say_what_for(page)
    plays(page)
    minutes = "|".join(clock(at + minute * 60_000) for minute in range(6))  # it goes on while a busy machine draws
    expect(page.get_by_test_id("playback-at")).to_contain_text(re.compile(minutes))
    expect(page.get_by_test_id("recording-lines").locator("button.track")).to_have_count(4)
    way = page.get_by_test_id("playback-way")
    expect(way).to_have_text("×1")
    page.get_by_test_id("playback-hold").click()
    expect(way).to_have_text("已暂停")
    page.get_by_role("button", name="下一关键帧").click()
    expect(page.get_by_test_id("playback-hold")).to_be_enabled()
    page.get_by_label("倍速").select_option("4")
    expect(way).to_have_text("×4")
    watched.picture("recordings")
    no_wider_than_the_screen(page)
    page.get_by_role("button", name="返回实时视频").click()
    expect(page.locator("[data-tile]").first).to_be_visible()
    expect(page).not_to_have_url(re.compile("at="))


@PHONE
def test_a_phone_plays_a_recording(watched: Watched, system: WholeSystem) -> None:
    page, at = watched.page, place()
    page.goto(f"{system.web}/video?vehicle={truck(system, 5)}&channel=1&at={at}")
    say_what_for(page)
    plays(page)
    watched.picture("recordings")
    no_wider_than_the_screen(page)
