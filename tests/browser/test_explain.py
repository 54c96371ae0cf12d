"""报文 in a real Chromium against a whole demo system: pasted, stored and traced frames, and the ways there."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Page, expect
from test_system import DESK, PHONE

from screen import PATIENCE_MS, Watched, enter, fits_every_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

LOCATION = (  # JT/T 808 reference, V12
    "7e02004032010000000001380013800000100000000000080003"
    "0157fafb06cc628c0023025d005a250601083015"
    "01040001e2400302025830011f31010c140400000000657e"
)


def _fits(page: Page) -> None:
    fits_every_screen(page)
    assert page.locator(".explain").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_a_pasted_frame_is_coloured_and_linked_to_its_table(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/me")
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="报文").click()
    page.wait_for_url(re.compile(r":\d+/explain"))
    expect(page.get_by_text("还没有报文")).to_be_visible()
    page.get_by_label("报文十六进制").fill("7E 0Z")
    expect(page.get_by_role("alert")).to_contain_text("不是十六进制")
    expect(page.get_by_role("button", name="解析", exact=True)).to_be_disabled()
    page.get_by_label("报文十六进制").fill(LOCATION)
    page.get_by_role("button", name="解析", exact=True).click()
    expect(page.get_by_test_id("explanation").get_by_role("heading").first).to_contain_text("位置信息汇报")
    assert f"hex={LOCATION}" in page.url
    steps = page.locator("[data-step]")
    expect(steps).to_have_count(6)
    expect(steps.nth(5)).to_contain_text("0x8001")

    speed = page.locator('[data-at="36"]')
    speed.focus()
    expect(page.locator('tr[aria-selected="true"]')).to_contain_text("60.5 km/h")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator('tr[aria-selected="true"]')).to_contain_text("方向")
    page.locator('tr[aria-selected="true"]').focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("button.on")).to_have_count(2)
    expect(page.locator("button.on").first).to_have_attribute("data-at", "36")
    _fits(page)
    page.reload()
    expect(page.get_by_test_id("explanation").get_by_role("heading").first).to_contain_text("0x0200")
    assert watched.faults == []


@PHONE
def test_a_broken_frame_shows_its_fault_at_the_byte(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/explain?hex={LOCATION[:-4]}667e&reason=checksum")
    expect(page.locator("button.fault")).to_have_text("66")
    expect(page.get_by_role("alert")).to_contain_text("0x0044")
    expect(page.get_by_test_id("rule")).to_contain_text("拒收")
    expect(page.locator('[data-step="checked"]')).to_have_class(re.compile("bad"))
    expect(page.get_by_text("台账记录的原因")).to_be_visible()
    _fits(page)
    assert watched.faults == []


@PHONE
def test_a_stored_message_opens_and_says_that_it_was_framed_again(watched: Watched, system: WholeSystem) -> None:
    page = watched.page

    def one_with_messages() -> int:
        now = system.get("/api/system")["now"]
        for row in system.get("/api/vehicles", state="online", size=60)["items"]:
            span = {"from": now - 3_600_000, "to": now + 60_000}
            if system.get(f"/api/vehicles/{row['id']}/messages", **span)["total"]:
                return int(row["id"])
        return 0

    vehicle = wait_for(one_with_messages, "a truck with a stored message", 90)
    page.goto(f"{system.web}/explain?tab=stored&vehicle={vehicle}")
    page.locator("tbody .link").first.click()
    expect(page.get_by_test_id("explanation")).to_contain_text("重新生成")
    assert "message=" in page.url
    _fits(page)
    page.goto(f"{system.web}/explain?tab=stored&vehicle=999999")
    expect(page.get_by_text("没有这辆车")).to_be_visible()
    _fits(page)
    assert [fault for fault in watched.faults if "404" not in fault] == []


@DESK
def test_a_terminal_is_traced_from_its_card_and_the_trace_downloaded(watched: Watched, system: WholeSystem) -> None:
    page = watched.page

    def one_not_yet_traced() -> int:
        rows = system.get("/api/vehicles", state="moving", size=60)["items"]
        return next((row["id"] for row in rows if system.get(f"/api/vehicles/{row['id']}/trace")["trace"] is None), 0)

    vehicle = wait_for(one_not_yet_traced, "a moving truck", 60)
    page.goto(f"{system.web}/monitor?vehicle={vehicle}")
    page.locator("aside.truck").get_by_role("link", name="报文").click()
    page.wait_for_url(re.compile(r"/explain\?.*tab=trace"))
    expect(page.get_by_test_id("trace-state")).to_contain_text("未跟踪")
    page.get_by_role("button", name="开始跟踪").click()
    expect(page.get_by_test_id("trace-state")).to_contain_text("跟踪中")
    expect(page.get_by_text(re.compile(r"剩余 (9|10):"))).to_be_visible()
    tail = page.get_by_test_id("tail")
    expect(tail).to_contain_text("位置信息汇报", timeout=90_000)
    expect(tail).to_contain_text("平台通用应答")
    _fits(page)
    page.get_by_role("radio", name="下行").click()
    expect(tail.locator("tbody tr").first).to_contain_text("下行")
    page.get_by_role("radio", name="上行").click()
    page.get_by_role("button", name="暂停").click()
    expect(page.get_by_role("button", name=re.compile("继续"))).to_be_visible()
    tail.get_by_role("button", name=re.compile("0x0200")).first.click()
    expect(page.get_by_test_id("explanation")).to_contain_text("1 条位置")
    _fits(page)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="下载 JSONL").click()
    lines = downloading.value.path().read_text(encoding="utf-8").splitlines()
    assert lines and all({"id", "hex", "way", "outcome"} <= json.loads(line).keys() for line in lines)
    page.get_by_role("button", name="停止").click()
    expect(page.get_by_test_id("trace-state")).to_contain_text("已结束")
    assert watched.faults == []


@PHONE
def test_the_page_speaks_english(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/explain?hex={LOCATION}")
    expect(page.get_by_test_id("explanation")).to_be_visible()
    page.evaluate("localStorage.setItem('luwei.locale', 'en')")
    page.reload()
    expect(page.get_by_test_id("explanation").get_by_role("heading").first).to_contain_text("Location report")
    expect(page.get_by_role("tab", name="Stored messages")).to_be_visible()
    expect(page.locator('[data-step="answered"]')).to_contain_text("success")
    _fits(page)
    assert watched.faults == []


def test_who_may_only_look_is_told_so_on_the_trace(browser: Browser, system: WholeSystem) -> None:
    answer = system.run("user", "add", "looker", "--role", "viewer").stdout.strip()
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    enter(page, system, "looker", answer.rpartition(" ")[2])
    page.get_by_label(re.compile("^新密码")).fill("a-Long-enough-2-secret")
    page.get_by_label("再输一次新密码").fill("a-Long-enough-2-secret")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(re.compile(r":\d+/monitor"))
    vehicle = system.get("/api/vehicles", size=1)["items"][0]["id"]
    page.goto(f"{system.web}/explain?tab=trace&vehicle={vehicle}")
    expect(page.get_by_text("没有查看权限")).to_be_visible()
    context.close()
