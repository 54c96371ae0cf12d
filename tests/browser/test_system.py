"""Accounts, rights, grants and the audit log in a real Chromium; and what each role sees first."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from screen import Watched, enter, no_wider_than_the_screen, sign_in
from whole import WholeSystem

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

DESK = pytest.mark.parametrize("opened", [(1440, 900)], ids=["desk"], indirect=True)
PHONE = pytest.mark.parametrize("opened", [(390, 844)], ids=["phone"], indirect=True)
"""For what is the same on both: starting a page costs more than the test."""

SECRET = "a-Long-enough-1-secret"
_number = count(1)


def account(system: WholeSystem, role: str, organisation: int) -> str:
    """A new account that has set its own password; its name."""
    name = f"{role}-{next(_number)}-{time.time_ns() % 1_000_000}"
    body = {"username": name, "display_name": name, "role": role, "organisation_id": organisation}
    answer = system.client.post("/api/users", json=body)
    assert answer.status_code == 201, answer.text
    once = answer.json()["password"]
    with httpx.Client(base_url=system.web, headers={"X-Luwei": "1"}, timeout=20) as own:
        own.post("/api/login", json={"username": name, "password": once}).raise_for_status()
        own.post("/api/password", json={"old": once, "new": SECRET}).raise_for_status()
    return name


def authority(system: WholeSystem, area: int) -> dict[str, Any]:
    rows = system.get("/api/organisations", kind="city", city=area)["items"]
    found: dict[str, Any] = rows[0]
    return found


def code_now(secret: str) -> str:
    """The code that an app shows (RFC 6238 with RFC 4226 §5.3: SHA-1, 30 s, six digits)."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def desk(watched: Watched) -> bool:
    return (watched.page.viewport_size or {"width": 0})["width"] > 1000


@DESK
def test_administrator_opens_an_account_whose_person_sees_the_own_city_alone(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page
    name = f"shenzhen-{next(_number)}-{time.time_ns() % 1_000_000}"
    page.goto(f"{system.web}/system")
    page.get_by_role("button", name="新建账号").click()
    form = page.get_by_role("dialog", name="新建账号")
    form.get_by_label("登录名").fill(name)
    form.get_by_label("姓名").fill("深圳值班")
    form.get_by_role("combobox", name="机构").fill("深圳市交通运输局")
    form.get_by_role("option", name=re.compile("深圳市交通运输局")).click()
    form.get_by_label("角色").select_option("city")
    form.get_by_role("button", name="保存").click()
    once = page.get_by_role("dialog", name="一次性密码")
    password = once.get_by_label("一次性密码").input_value()
    watched.picture("system-once")
    once.get_by_role("button", name="已记下").click()
    expect(page.get_by_role("table")).to_contain_text(name)
    no_wider_than_the_screen(page)

    page.context.clear_cookies()
    enter(page, system, name, password)
    page.get_by_label("新密码 ·").fill(SECRET)
    page.get_by_label("再输一次新密码").fill(SECRET)
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(re.compile(r":\d+/monitor"))
    page.get_by_role("button", name="选择辖区").click()
    picker = page.get_by_role("dialog", name="选择辖区")
    expect(picker.get_by_role("option", name="深圳市")).to_be_visible()
    expect(picker.get_by_role("option", name="广州市")).to_have_count(0)
    expect(picker.get_by_role("option", name="全部地市")).to_have_count(0)
    watched.picture("system-city")
    assert [fault for fault in watched.faults if "401" not in fault] == []


def test_administrator_changes_a_right_with_a_reason_and_sees_it_among_the_versions(
    watched: Watched, system: WholeSystem
) -> None:
    page = watched.page
    page.goto(f"{system.web}/system?tab=rights")
    if not desk(watched):
        page.get_by_label("角色", exact=True).select_option("viewer")
    page.get_by_role("button", name=re.compile("^只读用户，SIM 卡：")).click()
    cell = page.get_by_role("dialog", name="只读用户 · SIM 卡")
    now = cell.get_by_label("导出").input_value()
    cell.get_by_label("导出").select_option("own" if now == "none" else "none")
    cell.get_by_role("button", name="完成").click()
    reason = f"季度复核 {next(_number)}"
    page.get_by_label("更改的理由（必填）").fill(reason)
    watched.picture("system-rights")
    no_wider_than_the_screen(page)
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_text("项更改未保存")).to_be_hidden()
    page.get_by_role("button", name="变更记录").click()
    expect(page.get_by_role("dialog", name="变更记录")).to_contain_text(reason)
    assert watched.faults == []


@DESK
def test_one_time_codes_are_turned_on_and_asked_for_at_the_next_login(opened: Watched, system: WholeSystem) -> None:
    page = opened.page
    name = account(system, "city", authority(system, 440100)["id"])
    sign_in(page, system, name, SECRET)
    page.goto(f"{system.web}/me?tab=totp")
    page.get_by_role("button", name="启用动态口令").click()
    expect(page.get_by_alt_text("动态口令的二维码")).to_be_visible()
    page.get_by_label("应用显示的 6 位数字").fill(code_now(page.get_by_label("密钥").input_value()))
    page.get_by_role("button", name="确认启用").click()
    recovery = page.get_by_label("恢复码", exact=True).input_value().split()
    assert len(recovery) == 10
    opened.picture("me-recovery")
    page.get_by_role("button", name="已保存").click()
    expect(page.get_by_text("还有 10 个恢复码可用")).to_be_visible()

    page.context.clear_cookies()
    enter(page, system, name, SECRET)
    page.get_by_label("动态口令").fill("000000")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("动态口令不正确")
    opened.picture("login-code")
    page.get_by_label("动态口令").fill(recovery[0])
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile(r":\d+/(?!login)\w+"))
    assert [fault for fault in opened.faults if "401" not in fault] == []


@PHONE
def test_police_state_a_reason_and_see_the_truck_once_it_is_approved(opened: Watched, system: WholeSystem) -> None:
    page = opened.page
    truck = system.get("/api/vehicles", size=1)["items"][0]
    body = {"kind": "police", "name": f"交警支队 {next(_number)} {time.time_ns() % 1_000_000}", "city": truck["city"]}
    police = system.client.post("/api/organisations", json=body).raise_for_status().json()["id"]
    name = account(system, "police", police)
    sign_in(page, system, name, SECRET)
    page.goto(system.web)
    page.get_by_role("button", name="填写事由").first.click()  # nothing stands before the page until a person wants it
    dialog = page.get_by_role("dialog", name="填写事由")
    dialog.get_by_label("用途").fill("交通事故调查")
    dialog.get_by_label("案件或文书编号").fill("粤交警〔2026〕1号")
    dialog.get_by_label(re.compile("^车牌")).fill(truck["plate"])
    opened.picture("reason")
    no_wider_than_the_screen(page)
    dialog.get_by_role("button", name="提交").click()
    expect(dialog.get_by_role("status")).to_contain_text("须由第二人审批")

    asked = next(each for each in system.get("/api/grants")["items"] if each["username"] == name)
    assert (asked["state"], asked["purpose"]) == ("requested", "交通事故调查")

    # A second person approves, and the asker sees this truck and no other.
    system.client.post(f"/api/grants/{asked['id']}/approve", json={}).raise_for_status()
    page.goto(f"{system.web}/monitor?vehicle={truck['id']}")
    expect(page.get_by_role("complementary", name=truck["plate"])).to_be_visible()
    seen = page.request.get(f"{system.web}/api/vehicles", params={"size": 50}).json()
    assert [row["plate"] for row in seen["items"]] == [truck["plate"]]
    opened.picture("reason-granted")


@DESK
def test_who_is_signed_out_from_elsewhere_is_out_at_once_and_told_why(opened: Watched, system: WholeSystem) -> None:
    page = opened.page
    name = account(system, "city", authority(system, 440300)["id"])
    sign_in(page, system, name, SECRET)
    page.goto(f"{system.web}/monitor")
    expect(page.get_by_role("navigation", name="主导航")).to_be_visible()
    with httpx.Client(base_url=system.web, headers={"X-Luwei": "1"}, timeout=20) as elsewhere:
        elsewhere.post("/api/login", json={"username": name, "password": SECRET}).raise_for_status()
        elsewhere.delete("/api/me/sessions").raise_for_status()
    page.wait_for_url(re.compile(r"/login\?"))
    expect(page.get_by_role("status")).to_contain_text("此登录已在别处被退出")
    opened.picture("signed-out")
    assert [fault for fault in opened.faults if "401" not in fault and "WebSocket" not in fault] == []


@PHONE
def test_auditor_finds_an_act_reads_it_whole_and_verifies_the_chain(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/system?tab=audit&act=login.accepted")
    table = page.get_by_role("table")
    expect(table.get_by_text("登录 · 成功").first).to_be_visible()
    no_wider_than_the_screen(page)
    table.get_by_role("button", name=re.compile("^打开记录")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("login.accepted")
    watched.picture("system-audit")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="校验完整性").click()
    expect(page.get_by_text(re.compile(r"完整：.* 条均未改动"))).to_be_visible()
    assert watched.faults == []
