"""The numbers of oversight in a real Chromium: every figure of the funnel opens the rows that it counts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from screen import Watched, no_wider_than_the_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.mark.parametrize("opened", [(1440, 900)], ids=["desk"], indirect=True)
def test_a_figure_of_the_funnel_opens_the_cases_behind_it(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    days = {"from_day": 0, "to_day": 365}

    def counted() -> Any:
        today = system.get("/api/cases/summary")["as_of"] // 86_400_000
        found = system.get("/api/oversight/funnel", **{name: today - 300 + day for name, day in days.items()})
        return [row for row in found["items"] if row["operator"] and row["g2"]]

    row = wait_for(counted, "a case of an operator", 90)[0]
    page.goto(f"{system.web}/oversight?tab=funnel&operator={row['operator']['id']}")
    line = page.get_by_test_id("funnel").locator("tbody tr").filter(has=page.locator("td:nth-child(7) .link")).first
    expect(line).to_contain_text(row["operator"]["name"])
    page.get_by_role("button", name=re.compile("^预警")).first.click()
    expect(page.get_by_text("同车同类、相隔不超过规则秒数")).to_be_visible()
    watched.picture("oversight-funnel")
    figure = line.locator("td:nth-child(7) .link")
    number = int(figure.inner_text().replace(",", ""))
    figure.click()
    drawer = page.get_by_role("dialog", name=re.compile("G2 处置单"))
    expect(drawer.get_by_role("link").first).to_have_text(re.compile(r"\w\w-\d{4}-\d{5}-\d{2}"))
    # trucks go on raising alarms meanwhile
    assert int(re.search(r"共 ([\d,]+) 条", drawer.inner_text())[1].replace(",", "")) >= number  # type: ignore[index]
    watched.picture("oversight-funnel-cases")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    for tab, seen in (("附件完整", "时间范围"), ("督查规则", "规则版本"), ("申诉", "申诉状态")):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_label(seen).or_(page.get_by_role("heading", name=seen)).first).to_be_visible()
        no_wider_than_the_screen(page)
    assert watched.faults == []
