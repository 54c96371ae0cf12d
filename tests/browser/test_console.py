"""The console in a real Chromium against a whole demo system: what a duty officer does first."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from luwei.access.users import DEMO_PASSWORD, DEMO_USERNAME
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CHROMIUM_FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    whole = WholeSystem(tmp_path_factory.mktemp("browser"), "demo", "--trucks", "60")
    whole.start(120)
    whole.login()
    yield whole
    whole.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield started
        started.close()


class Watched:
    """A page together with what it did wrong: requests that left the host, errors on the console."""

    def __init__(self, page: Page, system: WholeSystem) -> None:
        self.page, self.faults = page, list[str]()
        allowed = (system.web, system.web.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(allowed) else self.faults.append(f"outside: {r.url}"))
        page.on("console", lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["desk", "phone"])
def watched(request: pytest.FixtureRequest, browser: Browser, system: WholeSystem) -> Iterator[Watched]:
    width, height = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    seen = Watched(context.new_page(), system)
    yield seen
    context.close()


def _log_in(page: Page, system: WholeSystem) -> None:
    page.goto(system.web)
    page.get_by_label("账号").fill(DEMO_USERNAME)
    page.get_by_label("密码", exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile(r"/monitor"))


def _no_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_officer_logs_in_sees_trucks_move_opens_a_card_and_plays_its_track(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page
    _log_in(page, system)
    online = page.locator(".cards .card", has_text="在线").locator(".figure-20")
    expect(online).to_have_text(re.compile(r"[1-9]"), timeout=30_000)
    _no_wider_than_the_screen(page)

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
    expect(card).to_contain_text(vehicle["plate"][2:], timeout=30_000)
    _no_wider_than_the_screen(page)
    card.get_by_role("link", name="轨迹").click()
    page.wait_for_url(re.compile(r"/track\?.*vehicle="))
    wait_for(lambda: system.get(f"/api/vehicles/{vehicle['id']}/card")["today"]["locations"] >= 3, "three points", 90)
    page.goto(f"{system.web}/track?vehicle={vehicle['id']}")  # without the range that the first visit wrote down
    play = page.get_by_role("button", name="播放")
    expect(play).to_be_enabled(timeout=30_000)
    clock = page.locator("b.figure-20").first
    start = clock.inner_text()
    play.click()
    expect(clock).not_to_have_text(start, timeout=30_000)
    _no_wider_than_the_screen(page)

    page.goto(f"{system.web}/access")
    expect(page.get_by_text("gw-0").first).to_be_visible(timeout=30_000)
    _no_wider_than_the_screen(page)
    assert watched.faults == []


def test_console_speaks_english_when_asked(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(system.web)
    page.get_by_role("button", name="切换到英文").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert watched.faults == []


def test_a_wrong_password_is_told_plainly_and_opens_nothing(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/monitor")
    page.wait_for_url(re.compile(r"/login"))
    page.get_by_label("账号").fill("nobody")
    page.get_by_label("密码", exact=True).fill("not the password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert "/login" in page.url


def test_the_map_is_drawn(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    _log_in(page, system)
    canvas = page.locator("canvas.maplibregl-canvas")
    expect(canvas).to_be_visible(timeout=30_000)
    # roads and borders: an empty map of one colour compresses to a tenth of this
    wait_for(lambda: len(canvas.screenshot()) > 40_000, "roads on the map", 60)
    assert watched.faults == []
