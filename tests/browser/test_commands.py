"""Commands in a real Chromium against a whole demo system: from a truck's card, and to a selection."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

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
    whole = WholeSystem(tmp_path_factory.mktemp("commands"), "demo", "--trucks", "40")
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

    def picture(self, name: str) -> None:
        """Kept where LUWEI_SCREENSHOTS names a folder."""
        folder = os.environ.get("LUWEI_SCREENSHOTS")
        if folder:
            width = (self.page.viewport_size or {"width": 0})["width"]
            self.page.screenshot(path=f"{folder}/{name}-{width}.png")


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["desk", "phone"])
def watched(request: pytest.FixtureRequest, browser: Browser, system: WholeSystem) -> Iterator[Watched]:
    width, height = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    seen = Watched(context.new_page(), system)
    page = seen.page
    page.goto(system.web)
    page.get_by_label("账号").fill(DEMO_USERNAME)
    page.get_by_label("密码", exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("navigation", name="主导航")).to_be_visible(timeout=30_000)
    yield seen
    context.close()


def online_truck(system: WholeSystem) -> dict[str, Any]:
    def found() -> Any:
        rows = system.get("/api/vehicles", state="online", size=5)["items"]
        return next((row for row in rows if row["terminal"]), None)

    row: dict[str, Any] = wait_for(found, "a truck online", 60)
    return row


def no_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_officer_locates_a_truck_from_its_card_and_sets_a_parameter(watched: Watched, system: WholeSystem) -> None:
    page, truck = watched.page, online_truck(system)
    page.goto(f"{system.web}/monitor?vehicle={truck['id']}")
    page.get_by_test_id("send-command").click(timeout=30_000)
    dialog = page.get_by_role("dialog", name="下发指令")
    expect(dialog.get_by_label("指令", exact=True)).to_have_value("locate")
    watched.picture("command-locate")
    dialog.get_by_role("button", name="下发", exact=True).click()
    state = dialog.get_by_test_id("command-state")
    expect(state).to_have_text("已应答", timeout=30_000)
    expect(dialog).to_contain_text(re.compile(r"2\d\.\d{6}, 1\d\d\.\d{6}"))
    watched.picture("command-located")

    dialog.get_by_role("button", name="再发一条").click()
    dialog.get_by_label("指令", exact=True).select_option("set_parameters")
    dialog.get_by_label("选择参数").select_option("41")
    dialog.get_by_label("参数值").fill("20")
    dialog.get_by_role("button", name="添加").click()
    expect(dialog).to_contain_text("缺省时间汇报间隔")
    watched.picture("command-parameters")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(state).to_have_text("已应答", timeout=30_000)

    dialog.get_by_role("button", name="再发一条").click()
    dialog.get_by_label("指令", exact=True).select_option("restart")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("必须记录理由")
    no_wider_than_the_screen(page)
    watched.picture("command-reason")
    dialog.get_by_label("指令", exact=True).select_option("track")
    dialog.get_by_label(re.compile("间隔")).fill("9999")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("应为 0 至 3600")
    assert watched.faults == []


def test_officer_sends_a_text_to_a_selection_watches_it_and_exports(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    online_truck(system)
    expect(page.get_by_role("link", name="指令")).to_be_visible()
    page.goto(f"{system.web}/commands")
    page.get_by_role("button", name="批量下发").click()
    dialog = page.get_by_role("dialog", name="下发指令")
    dialog.get_by_label("内容").fill("台风预警：请就近停车避险")
    dialog.get_by_label("理由").fill("防汛演练")
    dialog.get_by_role("button", name="核对车辆数").click()
    expect(dialog).to_contain_text(re.compile(r"将下发给 \d+ 辆车"))
    watched.picture("command-selection")
    dialog.get_by_role("button", name=re.compile(r"下发给 \d+ 辆车")).click()
    page.wait_for_url(re.compile(r"batch=\d+"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("table").get_by_text("已应答").first).to_be_visible(timeout=30_000)
    no_wider_than_the_screen(page)
    watched.picture("command-batch")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出结果").click()
    assert "台风" not in download.value.suggested_filename and download.value.suggested_filename.endswith(".csv")

    cancel = page.get_by_role("button", name="取消未发")
    if cancel.count():
        cancel.click()
        page.get_by_role("button", name="确认取消").click()
        expect(page.get_by_text("已取消").first).to_be_visible()
    page.get_by_role("button", name="返回批次").click()
    expect(page.get_by_text("防汛演练").first).to_be_visible()
    watched.picture("command-batches")
    page.evaluate("localStorage.setItem('luwei.locale', 'en')")  # on a phone the switch lies in a menu
    page.reload()
    expect(page.get_by_role("button", name="Send to many")).to_be_visible()
    no_wider_than_the_screen(page)
    assert watched.faults == []
