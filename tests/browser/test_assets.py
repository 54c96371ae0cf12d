"""The registry in a real Chromium against a whole demo system: finding, entering, correcting, importing."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from screen import Watched, no_wider_than_the_screen
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

DESK = pytest.mark.parametrize("opened", [(1440, 900)], ids=["desk"], indirect=True)
PHONE = pytest.mark.parametrize("opened", [(390, 844)], ids=["phone"], indirect=True)
"""For what is the same on both: starting a page costs more than the test."""

_number = count(100)
"""Every test has plates of its own: one system serves them all."""


def refusals(watched: Watched) -> list[str]:
    """Faults but for the lines that Chromium writes about answers of 400 and 409, which these tests provoke."""
    return [fault for fault in watched.faults if not re.search(r"status of 4(00|09)", fault)]


def open_tab(watched: Watched, system: WholeSystem, query: str) -> Page:
    page = watched.page
    page.goto(f"{system.web}/assets{query}")
    expect(page.get_by_role("tablist", name="档案类别")).to_be_visible()
    return page


def operator(system: WholeSystem) -> dict[str, Any]:
    rows = system.get("/api/organisations", kind="operator", size=1)["items"]
    assert rows, "the demo has operators"
    found: dict[str, Any] = rows[0]
    return found


def test_clerk_finds_a_truck_through_its_operator_and_reads_its_past(watched: Watched, system: WholeSystem) -> None:
    page = open_tab(watched, system, f"?tab=vehicles&org={operator(system)['id']}")
    table = page.get_by_role("table")
    expect(table.get_by_text(operator(system)["name"]).first).to_be_visible()
    no_wider_than_the_screen(page)
    watched.picture("assets-vehicles")
    table.get_by_role("button", name=re.compile("^打开 ")).first.click()
    page.wait_for_url(re.compile(r"id=\d+"))
    record = page.get_by_role("dialog")
    expect(record).to_contain_text("道路运输证号")
    watched.picture("assets-record")
    record.get_by_role("tab", name="归属变迁").click()
    expect(record.get_by_role("table")).to_contain_text(operator(system)["name"])
    expect(record.get_by_role("table")).to_contain_text("至今")
    record.get_by_role("tab", name="变更记录").click()
    expect(record).to_contain_text("新建")
    no_wider_than_the_screen(page)
    page.keyboard.press("Escape")
    expect(record).to_be_hidden()
    assert watched.faults == []


@DESK
def test_clerk_enters_a_truck_and_is_told_at_the_field_what_is_wrong(watched: Watched, system: WholeSystem) -> None:
    page = open_tab(watched, system, "?tab=vehicles")
    plate = f"粤B7X{next(_number)}"
    other = system.get("/api/vehicles", size=1)["items"][0]
    page.get_by_role("button", name="新建").click()
    form = page.get_by_role("dialog", name="新建车辆")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert").first).to_have_text("必填")
    form.get_by_label("车牌 *").fill(plate)
    form.get_by_label("车牌颜色").select_option("2")
    form.get_by_label("车架号 VIN", exact=True).fill("LGHXA2D56PJ00003")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("应为 17 位")
    form.get_by_label("车架号 VIN", exact=True).fill("")
    form.get_by_label("车牌 *").fill(other["plate"])
    form.get_by_label("车牌颜色").select_option(str(other["plate_color"]))
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("冲突的记录")
    watched.picture("assets-clash")
    form.get_by_label("车牌 *").fill(plate)
    form.get_by_label("车牌颜色").select_option("2")
    form.get_by_role("button", name="保存").click()
    record = page.get_by_role("dialog", name=plate)
    expect(record).to_contain_text("道路运输证号")

    record.get_by_role("button", name="编辑").click()
    record.get_by_label("车辆所有人").fill("张三")
    record.get_by_role("button", name="保存").click()
    expect(record.get_by_role("button", name="编辑")).to_be_visible()
    record.get_by_role("tab", name="变更记录").click()
    expect(record).to_contain_text("修改")
    expect(record).to_contain_text("车辆所有人")
    watched.picture("assets-history")
    assert refusals(watched) == []


@PHONE
def test_clerk_tries_a_file_and_sees_each_wrong_row_before_importing(watched: Watched, system: WholeSystem) -> None:
    page = open_tab(watched, system, "?tab=vehicles")
    good, bad = f"粤B8Y{next(_number)}", "粤B8Y"
    content = f"车牌,车牌颜色\n{good},黄\n{bad},黄\n"
    page.get_by_role("button", name="导入").click()
    dialog = page.get_by_role("dialog", name="导入车辆")
    expect(dialog.get_by_role("button", name="正式导入")).to_be_disabled()
    dialog.get_by_label("导入文件").set_input_files(
        {"name": "trucks.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    dialog.get_by_role("button", name="试导入").click()
    expect(dialog.get_by_test_id("job-state")).to_have_text("已完成")
    expect(dialog.get_by_role("table")).to_contain_text("车牌应为 7 位")
    no_wider_than_the_screen(page)
    watched.picture("assets-import")
    assert system.get("/api/vehicles", q=good)["total"] == 0
    dialog.get_by_role("button", name="正式导入").click()
    expect(dialog).to_contain_text("新增")
    expect(dialog.get_by_test_id("job-state")).to_have_text("已完成")
    expect(dialog.locator(".sums")).not_to_contain_text("将新增")
    assert system.get("/api/vehicles", q=good)["total"] == 1
    assert watched.faults == []


@PHONE
def test_registry_speaks_english_and_says_when_nothing_matches(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.add_init_script("localStorage.setItem('luwei.locale', 'en')")
    page.goto(f"{system.web}/assets?tab=drivers&q=nobody-of-this-name")
    expect(page.get_by_text("No record matches")).to_be_visible()
    page.get_by_role("tab", name="Models").click()
    expect(page.get_by_text(re.compile("No records yet|Manufacturer ID")).first).to_be_visible()
    no_wider_than_the_screen(page)
    assert watched.faults == []
