"""Parameter templates and staged upgrades in a real Chromium against a whole demo system."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import expect
from test_system import DESK, PHONE

from screen import Watched, fits_every_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def online(system: WholeSystem, at_least: int) -> list[dict[str, Any]]:
    """Rows of the trucks that are online, once there are so many."""

    def found() -> Any:
        rows = [row for row in system.get("/api/vehicles", state="online", size=100)["items"] if row["terminal"]]
        return rows if len(rows) >= at_least else None

    rows: list[dict[str, Any]] = wait_for(found, f"{at_least} trucks online", 90)
    return rows


@DESK
def test_officer_makes_approves_and_pushes_a_template_and_sees_what_differs(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page
    width = (page.viewport_size or {"width": 0})["width"]
    vehicle_class = Counter(row["vehicle_class"] for row in online(system, 40)).most_common(1)[0][0]
    page.goto(f"{system.web}/commands?tab=templates")
    page.get_by_role("button", name="新建模板").click()
    page.get_by_label("名称", exact=True).fill(f"牵引车标准 {width}")
    page.get_by_label("车辆类型").select_option(vehicle_class)
    page.get_by_label("主动安全标准").select_option("yuebiao")
    page.get_by_label("添加参数 位置汇报").select_option(str(0x29))
    page.locator("[name='0x0029']").fill("0")
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_role("alert").first).to_contain_text("应为 1 至")
    page.locator("[name='0x0029']").fill("15")
    page.get_by_label("添加参数 报警与驾驶").select_option(str(0x55))
    page.locator("[name='0x0055']").fill("100")
    page.get_by_label("添加参数 主动安全").select_option(str(0xF364))
    page.get_by_role("button", name="全部留空").click()
    page.locator("[name='0xF364.volume']").fill("7")
    fits_every_screen(page)
    watched.picture("template-editor")
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_role("heading", name=f"牵引车标准 {width}")).to_be_visible()
    page.get_by_role("button", name="批准", exact=True).click()
    page.get_by_role("button", name="批准并立即生效").click()
    page.get_by_role("button", name="下发", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("理由").fill("统一汇报间隔")
    dialog.get_by_role("button", name="核对车辆数").click()
    expect(dialog.get_by_role("status")).to_contain_text(re.compile(r"适用 \d+ 辆"))
    watched.picture("template-push")
    dialog.get_by_role("button", name=re.compile(r"下发给 \d+ 辆车")).click()
    page.wait_for_url(re.compile(r"push=\d+"))
    expect(page.get_by_role("radio", name=re.compile(r"^一致 [1-9]"))).to_be_visible(timeout=120_000)
    differ = page.get_by_role("radio", name=re.compile(r"^不一致 [1-9]"))
    expect(differ).to_be_visible(timeout=120_000)  # some trucks of the demo round intervals or cap speeds
    watched.picture("template-results")
    differ.click()
    page.get_by_role("button", name=re.compile(r"^差异 \d+ 项")).first.click()
    expect(page.get_by_role("table").get_by_text(re.compile(r"20 s|90 km/h|未上报")).first).to_be_visible()
    fits_every_screen(page)
    watched.picture("template-differences")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出结果").click()
    assert download.value.suggested_filename.startswith("template-push-")
    page.get_by_role("button", name="返回模板").click()
    expect(page.get_by_role("button", name=re.compile(f"牵引车标准 {width}.*现行版本")).first).to_be_visible()
    watched.picture("templates")
    page.evaluate("localStorage.setItem('luwei.locale', 'en')")
    page.reload()
    expect(page.get_by_role("button", name="New template")).to_be_visible()
    fits_every_screen(page)
    assert watched.faults == []


@PHONE
def test_officer_begins_a_staged_upgrade_and_stops_it(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    width = (page.viewport_size or {"width": 0})["width"]
    model = Counter(row["terminal"]["model"] for row in online(system, 40)).most_common(1)[0][0]
    page.goto(f"{system.web}/commands?tab=upgrades")
    page.get_by_role("button", name="新建升级任务").click()
    dialog = page.get_by_role("dialog", name="新建升级任务")
    dialog.get_by_label("任务名称").fill(f"四月固件 {width}")
    dialog.get_by_label("URL", exact=True).fill("http://10.0.0.1/fw.bin")
    dialog.get_by_label("终端型号").first.fill(model)
    dialog.get_by_label("目标版本").fill(f"V9.{width}")
    dialog.get_by_label("仅在停车时升级").uncheck()
    dialog.get_by_role("button", name="核对车辆数").click()
    expect(dialog.get_by_role("alert")).to_contain_text("至少 4 个字")
    dialog.get_by_label("理由").fill("修复定位漂移")
    dialog.get_by_role("button", name="核对车辆数").click()
    expect(dialog.get_by_role("status")).to_contain_text(re.compile(r"\d+ 辆，各级 \d+ → \d+ → \d+"))
    fits_every_screen(page)
    watched.picture("upgrade-order")
    dialog.get_by_role("button", name=re.compile(r"开始升级 \d+ 辆车")).click()
    page.wait_for_url(re.compile(r"order=\d+"))
    expect(page.get_by_test_id("order-state")).to_be_visible()
    expect(
        page.get_by_role("table").get_by_text(re.compile("查询版本|待下发|下发中|等待结果|核实版本|成功|失败")).first
    ).to_be_visible()
    watched.picture("upgrade-running")
    page.get_by_role("button", name="停止任务").click()
    page.get_by_role("button", name="确认停止").click()
    expect(page.get_by_test_id("order-state")).to_have_text("已停止")
    expect(page.get_by_role("radio", name=re.compile(r"^已取消 [1-9]"))).to_be_visible()
    fits_every_screen(page)
    watched.picture("upgrade-stopped")
    page.get_by_role("button", name="返回任务").click()
    expect(page.get_by_text(f"四月固件 {width}").first).to_be_visible()
    watched.picture("upgrades")
    assert watched.faults == []
