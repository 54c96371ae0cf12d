"""The alarm centre in a real Chromium: simulated trucks raise alarms, a person works through the cases by keys."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from screen import PATIENCE_MS, Watched, no_wider_than_the_screen, sign_in
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

DESK = pytest.mark.parametrize("opened", [(1440, 900)], ids=["desk"], indirect=True)
PHONE = pytest.mark.parametrize("opened", [(390, 844)], ids=["phone"], indirect=True)
SECRET = "a-Long-enough-1-secret"


def cases(system: WholeSystem, **chosen: Any) -> list[dict[str, Any]]:
    """Cases of the queue, once there are any."""

    def found() -> Any:
        return system.get("/api/cases", **chosen)["items"]

    rows: list[dict[str, Any]] = wait_for(found, f"cases {chosen}", 90)
    return rows


def handling(page: Page) -> Any:
    return page.get_by_test_id("case-handling")


@DESK
def test_an_alarm_of_a_truck_comes_to_the_queue_and_is_closed_by_keys_alone(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page
    cases(system, grade=1)
    page.goto(f"{system.web}/alarms?grade=1")
    expect(page.locator("[data-case]").first).to_be_visible()
    watched.picture("alarms-queue")

    page.keyboard.press("j")
    page.wait_for_url(re.compile(r"[?&]case=\d+"))
    number = handling(page).get_by_test_id("case-number")
    expect(number).to_contain_text(re.compile(r"\w\w-\d{4}-\d{5}-\d{2}"))
    key = int(re.search(r"[?&]case=(\d+)", page.url)[1])  # type: ignore[index]
    chosen = page.locator(f"[data-case='{key}']")
    expect(chosen).to_have_attribute("aria-current", "true")

    page.keyboard.press("r")  # to the reason: the first that a confirmed alarm may have
    reason = handling(page).locator("[data-field='reason']")
    expect(reason).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(reason).not_to_have_value("")
    page.keyboard.press("Escape")
    page.keyboard.press("q")  # a spoken reminder is the measure
    expect(handling(page).get_by_role("status")).to_contain_text("指令已下发")
    page.keyboard.press("1")
    expect(handling(page).get_by_role("status")).to_contain_text("已判定：属实")
    expect(chosen).to_have_count(0)
    watched.picture("alarms-handled")
    page.keyboard.press("4")
    expect(handling(page).get_by_role("status")).to_contain_text("已结案")

    told = system.get(f"/api/cases/{key}")
    assert told["case"]["state"] == "closed"
    assert told["record"]["verdict"] == "true"
    assert told["record"]["actions"] == ["tts"]
    assert told["record"]["first_viewed_by"]["name"]
    acts = [step["act"] for step in told["steps"] if step["by"]]
    assert [act for act in acts if act in ("viewed", "command", "verdict", "closed")] == [
        "viewed",
        "command",
        "verdict",
        "closed",
    ]

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="键盘操作")).to_be_visible()
    page.keyboard.press("Escape")
    page.goto(f"{system.web}/alarms/{key}")
    expect(page.get_by_test_id("case-file")).to_contain_text("已结案")
    watched.picture("alarms-file")
    assert watched.faults == []


@DESK
def test_evidence_of_a_case_plays_on_one_time_line_and_is_counted_as_seen(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page

    def complete() -> Any:
        rows = cases(system, stage="todo")
        return next((row for row in rows if row["evidence"]["thumb"]), None)

    row = wait_for(complete, "a case with a picture", 120)
    page.goto(f"{system.web}/alarms?case={row['id']}")
    detail = page.get_by_test_id("case-detail")
    expect(detail).to_be_visible()
    picture = page.get_by_test_id(f"evidence-{row['evidence']['thumb']}").locator("img").first
    expect(picture).to_be_visible()
    slider = detail.get_by_role("slider")
    at = slider.get_attribute("aria-valuetext")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", at or "")

    def seen() -> bool:
        steps = system.get(f"/api/cases/{row['id']}/steps")["items"]
        return any(row["evidence"]["thumb"] in step["detail"].get("files", ()) for step in steps if step["by"])

    wait_for(seen, "the picture is recorded as seen", PATIENCE_MS / 1000)
    detail.get_by_role("button", name="文件清单").click()
    expect(page.get_by_role("dialog", name=re.compile("文件清单"))).to_contain_text("SM3")
    watched.picture("alarms-files")
    assert watched.faults == []


@PHONE
def test_an_operator_has_one_case_a_screen_on_a_phone(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    cases(system)
    page.goto(f"{system.web}/alarms")
    first = page.locator("[data-testid^='todo-']").first
    expect(first).to_be_visible()
    no_wider_than_the_screen(page)
    watched.picture("alarms-list")
    first.get_by_role("button", name=re.compile("^处置 ")).click()
    one = page.get_by_test_id("phone-case")
    expect(one).to_be_visible()
    expect(one.get_by_role("slider")).to_be_visible()
    no_wider_than_the_screen(page)
    buttons = one.locator("footer .btn")
    expect(buttons.first).to_be_visible()
    sizes = [buttons.nth(n).bounding_box() for n in range(buttons.count())]
    assert all(size and size["height"] >= 44 and size["width"] >= 44 for size in sizes)
    watched.picture("alarms-case")
    for tab in ("facts", "policy"):
        page.goto(f"{system.web}/alarms?tab={tab}")
        expect(page.get_by_role("table").first).to_be_visible()
        no_wider_than_the_screen(page)
        watched.picture(f"alarms-{tab}")
    assert watched.faults == []


@DESK
def test_who_sees_only_sums_is_told_so(opened: Watched, system: WholeSystem) -> None:
    """An insurer sees counts of the trucks it insures, no case and no alarm of any of them."""
    body = {"kind": "insurer", "name": f"保险-{time.time_ns() % 1_000_000}"}
    insurer = system.client.post("/api/organisations", json=body).raise_for_status().json()["id"]
    name = f"insurer-{time.time_ns() % 1_000_000}"
    person = {"username": name, "display_name": name, "role": "insurer", "organisation_id": insurer}
    once = system.client.post("/api/users", json=person).raise_for_status().json()["password"]
    with httpx.Client(base_url=system.web, headers={"X-Luwei": "1"}, timeout=20) as own:
        own.post("/api/login", json={"username": name, "password": once}).raise_for_status()
        own.post("/api/password", json={"old": once, "new": SECRET}).raise_for_status()
        assert own.get("/api/cases").status_code == 403
    page = opened.page
    sign_in(page, system, name, SECRET)
    page.goto(system.web)
    expect(page.get_by_role("navigation", name="主导航").get_by_role("link", name=re.compile("报警"))).to_have_count(0)
    page.goto(f"{system.web}/alarms")
    expect(page.get_by_text("此账号的菜单中没有这一页")).to_be_visible()
    opened.picture("alarms-forbidden")
