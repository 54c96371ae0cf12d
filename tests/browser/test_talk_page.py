"""Talk with a simulated truck from a real Chromium, whose microphone beeps: both sides are heard, and all ends."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from test_system import DESK
from test_video_page import say_what_for, truck

from screen import Watched, no_wider_than_the_screen
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

HEARD = """() => ['level-mine', 'level-theirs'].every((id) => {
    const level = Number(document.querySelector(`[data-testid='${id}']`)?.dataset.level ?? 0);
    const loudest = (window.luweiLoudest ??= {});
    loudest[id] = Math.max(loudest[id] ?? 0, level);
    return loudest[id] > 0;
})"""
"""Whether both meters have shown something since this was asked first: what beeps is not loud all the time."""


@DESK
def test_the_space_bar_held_talks_with_the_truck(watched: Watched, system: WholeSystem) -> None:
    page, vehicle = watched.page, truck(system, 2)
    page.goto(f"{system.web}/video?vehicle={vehicle}&channel=2")
    say_what_for(page)
    expect(page.get_by_test_id("begin-talk")).to_be_enabled()
    page.locator("[data-tile]").first.focus()
    page.keyboard.down(" ")
    talk = page.get_by_test_id("talk")
    expect(talk).to_have_attribute("data-phase", "live", timeout=60_000)
    page.wait_for_function(HEARD, polling="raf", timeout=60_000)
    expect(page.get_by_test_id("talk-delay")).to_contain_text("延迟")
    watched.picture("talk")
    page.keyboard.up(" ")
    expect(page.get_by_test_id("talk-hold")).to_have_attribute("aria-pressed", "false")
    no_wider_than_the_screen(page)
    page.get_by_test_id("talk-close").click()
    expect(talk).to_contain_text("已挂断")
    page.get_by_test_id("talk-close").click()
    expect(talk).to_be_hidden()
    assert watched.faults == []
