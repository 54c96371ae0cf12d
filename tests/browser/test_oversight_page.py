"""Oversight in a real Chromium: an authority orders, a company answers on the phone, the authority accepts; and a post
check is asked and answered."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from screen import PATIENCE_MS, Watched, no_wider_than_the_screen, sign_in
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

DESK = pytest.mark.parametrize("opened", [(1440, 900)], ids=["desk"], indirect=True)
SECRET = "a-Long-enough-1-secret"
PDF = b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"


def company(system: WholeSystem) -> tuple[dict[str, Any], str]:
    """An operator of its own and the name of its safety officer."""
    number = time.time_ns() % 1_000_000
    body = {"name": f"督办货运{number}", "city": 440300}
    made = system.client.post("/api/organisations", json=body).raise_for_status().json()
    name = f"safety-{number}"
    person = {"username": name, "display_name": name, "role": "operator", "organisation_id": made["id"]}
    once = system.client.post("/api/users", json=person).raise_for_status().json()["password"]
    with httpx.Client(base_url=system.web, headers={"X-Luwei": "1"}, timeout=20) as own:
        own.post("/api/login", json={"username": name, "password": once}).raise_for_status()
        own.post("/api/password", json={"old": once, "new": SECRET}).raise_for_status()
    return made, name


def choose(page: Page, label: str, name: str) -> None:
    """Find an organisation by its name and take it."""
    field = page.get_by_role("combobox", name=label)
    field.fill(name)
    page.get_by_role("option", name=re.compile(name)).click()
    expect(field).to_have_value(name)


@DESK
def test_an_order_and_a_post_check_go_to_a_company_and_come_back(
    watched: Watched, system: WholeSystem, browser: Browser
) -> None:
    body, name = company(system)
    desk = watched.page
    desk.goto(f"{system.web}/oversight")
    desk.get_by_test_id("order-new").click()
    form = desk.get_by_test_id("issue-form")
    form.get_by_text("2 小时内办结").click()
    choose(desk, "被督办单位", body["name"])
    form.locator("[data-field='title']").fill("报警超时未处置")
    form.locator("[data-field='text']").fill("请立即处置并说明原因")
    watched.picture("oversight-issue")
    desk.get_by_test_id("issue-send").click()
    expect(desk.get_by_test_id("order-state")).to_have_text("待回复")
    number = desk.get_by_test_id("order-number").inner_text()
    assert re.fullmatch(r"DB-\d{8}-\d{5,}", number)

    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(PATIENCE_MS)
    phone = Watched(context.new_page(), system)
    sign_in(phone.page, system, name, SECRET)
    phone.page.goto(f"{system.web}/oversight")
    phone.page.get_by_role("button", name=re.compile("报警超时未处置")).click()
    acts = phone.page.get_by_test_id("order-acts")
    acts.get_by_test_id("order-answer").click()
    expect(acts.get_by_role("alert")).to_have_text("请先选择办理结果")
    acts.get_by_text("已处理完毕").click()
    acts.locator("[data-field='text']").fill("已约谈驾驶员并停运两天")
    picker = acts.get_by_test_id("file-input")
    picker.set_input_files({"name": "整改报告.jpg", "mimeType": "image/jpeg", "buffer": PDF})
    expect(acts.get_by_text("名称与内容不符：名称为 .jpg，内容是 .pdf")).to_be_visible()
    acts.get_by_role("button", name="移除 整改报告.jpg").click()
    picker.set_input_files({"name": "整改报告.pdf", "mimeType": "application/pdf", "buffer": PDF})
    expect(acts.get_by_text("51 B")).to_be_visible()
    no_wider_than_the_screen(phone.page)
    phone.picture("oversight-answer")
    acts.get_by_test_id("order-answer").click()
    expect(phone.page.get_by_test_id("order-state")).to_have_text("待审核")

    desk.goto(f"{system.web}/oversight?pile=answered")
    desk.get_by_role("button", name=re.compile(number)).click()
    expect(desk.get_by_test_id("order-state")).to_have_text("待审核")
    with desk.expect_download() as taken:
        desk.get_by_role("button", name="整改报告.pdf", exact=True).click()
    assert taken.value.suggested_filename == "整改报告.pdf"
    desk.get_by_test_id("order-file").click()
    desk.keyboard.press("1")
    expect(desk.get_by_test_id("order-state")).to_have_text("已办结")
    watched.picture("oversight-order")

    desk.goto(f"{system.web}/oversight?tab=checks")
    desk.get_by_test_id("check-new").click()
    ask = desk.get_by_test_id("ask-form")
    ask.get_by_test_id("ask-free").click()
    ask.locator("[data-field='text']").fill("现在值班的监控员应每几小时交接班一次？")
    for at, option in enumerate(("8 小时", "12 小时", "24 小时"), 1):
        ask.get_by_label(f"选项 {at}", exact=True).fill(option)
    ask.get_by_test_id("ask-operator").click()
    choose(desk, "企业", body["name"])
    expect(ask.get_by_test_id("ask-reach")).to_have_text("将发给 1 家单位")
    watched.picture("oversight-ask")
    desk.get_by_test_id("ask-send").click()
    expect(desk.get_by_text("查岗已发起，共 1 题")).to_be_visible()

    phone.page.goto(f"{system.web}/oversight")
    banner = phone.page.get_by_test_id("check-banner")
    expect(banner).to_contain_text("每几小时交接班一次")
    no_wider_than_the_screen(phone.page)
    phone.picture("oversight-banner")
    banner.get_by_text("8 小时", exact=True).click()
    banner.get_by_role("button", name="提交应答").click()
    expect(phone.page.get_by_test_id("check-said")).to_have_text("应答正确，已记录")
    desk.get_by_role("button", name=re.compile("每几小时交接班一次")).first.click()
    expect(desk.get_by_role("dialog").get_by_role("table")).to_contain_text("8 小时")
    watched.picture("oversight-check")
    # the file of another name is refused, which the browser writes down as a failed request
    assert watched.faults == [] and [fault for fault in phone.faults if "400" not in fault] == []
    context.close()
