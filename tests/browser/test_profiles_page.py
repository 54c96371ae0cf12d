"""偏差 and the profile of a terminal in a real Chromium against a whole demo system."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from test_system import DESK, PHONE

from screen import Watched, no_wider_than_the_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def deviations(system: WholeSystem) -> list[dict[str, Any]]:
    return system.get("/api/access/deviations")["items"]


def own_item(system: WholeSystem) -> dict[str, Any]:
    """The deviation that the demo's own-minded vendor makes with every report; notes reach the ledger each minute."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [row for row in deviations(system) if (row["reason"], row["detail"]) == ("item_unknown", "0xEB")]
        return bool(found)

    wait_for(there, "a deviation of the demo's own-minded vendor", 150)
    return found[0]


@DESK
def test_a_deviation_opens_down_to_terminals_their_profile_and_the_frame(watched: Watched, system: WholeSystem) -> None:
    group = own_item(system)
    assert (group["model"], group["profile"]) == ("HD-T20", "standard-2013@1")
    page = watched.page
    page.goto(f"{system.web}/access?tab=deviations&model=HD-T20")
    row = page.get_by_test_id("deviation").filter(has_text="0xEB").first
    expect(row).to_contain_text("§8.21")
    row.get_by_title("查看终端").click()
    terminals = page.get_by_test_id("deviating-terminals")
    expect(terminals.get_by_role("listitem").first).to_contain_text("144000000")
    no_wider_than_the_screen(page)

    terminals.get_by_role("button", name="档案").first.click()
    drawer = page.get_by_test_id("profile-drawer")
    expect(drawer.get_by_test_id("profile-name")).to_have_text("部标 2013")
    expect(drawer).to_contain_text("消息头 2013 版")
    drawer.get_by_test_id("profile-choice").select_option("jiangsu")
    drawer.get_by_role("textbox").fill("试换档案")
    drawer.get_by_role("button", name="保存").click()
    expect(drawer.get_by_role("status")).to_contain_text("已保存")
    expect(drawer.get_by_test_id("profile-name")).to_have_text("苏标")
    drawer.get_by_test_id("profile-choice").select_option("")
    drawer.get_by_role("button", name="保存").click()
    expect(drawer.get_by_test_id("profile-name")).to_have_text("部标 2013")
    no_wider_than_the_screen(page)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)

    terminals.get_by_role("link", name="在报文中解析").first.click()
    page.wait_for_url(re.compile(r"/explain\?"))
    used = page.get_by_test_id("used-profile")
    expect(used).to_contain_text("standard-2013@1")
    used.get_by_role("combobox").focus()
    expect(used.get_by_role("option", name=re.compile("苏标"))).not_to_have_count(0)
    used.get_by_role("combobox").select_option("jiangsu")
    expect(used).to_contain_text("jiangsu@1")
    expect(used).to_contain_text("在本页选择")
    assert "profile=jiangsu" in page.url
    no_wider_than_the_screen(page)
    assert watched.faults == []


@PHONE
def test_the_report_can_be_taken_along_as_csv(watched: Watched, system: WholeSystem, tmp_path: Path) -> None:
    own_item(system)
    page = watched.page
    page.goto(f"{system.web}/access?tab=deviations")
    expect(page.get_by_test_id("deviation").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_test_id("deviations-csv").click()
    path = tmp_path / "report.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert {"0xEB"} <= {row["detail"] for row in rows}
    assert all(row["clause"] for row in rows)
    assert watched.faults == []
