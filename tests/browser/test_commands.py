"""Commands in a real Chromium against a whole demo system: from a truck's card, and to a selection."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from playwright.sync_api import expect
from test_system import DESK, PHONE
from test_video_page import empty_truck

from screen import PATIENCE_MS, Watched, fits_every_screen, no_wider_than_the_screen
from whole import WholeSystem, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


LOADED = """() => {
    const image = document.querySelector('dialog img');
    return image?.complete && image.naturalWidth > 0;
}"""
"""A function: the console lets no text be evaluated, which an expression asked a second time would be."""


def online_truck(system: WholeSystem) -> dict[str, Any]:
    def found() -> Any:
        rows = system.get("/api/vehicles", state="online", size=5)["items"]
        return next((row for row in rows if row["terminal"]), None)

    row: dict[str, Any] = wait_for(found, "a truck online", 60)
    return row


@PHONE
def test_officer_locates_a_truck_from_its_card_and_sets_a_parameter(watched: Watched, system: WholeSystem) -> None:
    page, truck = watched.page, online_truck(system)
    page.goto(f"{system.web}/monitor?vehicle={truck['id']}")
    page.get_by_test_id("send-command").click()
    dialog = page.get_by_role("dialog", name="下发指令")
    expect(dialog.get_by_label("指令", exact=True)).to_have_value("locate")
    watched.picture("command-locate")
    dialog.get_by_role("button", name="下发", exact=True).click()
    state = dialog.get_by_test_id("command-state")
    expect(state).to_have_text("已应答")
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
    expect(state).to_have_text("已应答")

    dialog.get_by_role("button", name="再发一条").click()
    dialog.get_by_label("指令", exact=True).select_option("restart")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("必须记录理由")
    fits_every_screen(page)
    watched.picture("command-reason")
    dialog.get_by_label("指令", exact=True).select_option("track")
    dialog.get_by_label(re.compile("间隔")).fill("9999")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("应为 0 至 3600")
    assert watched.faults == []


@DESK
def test_officer_takes_a_picture_and_sees_it_in_the_result_and_on_the_card(
    watched: Watched, system: WholeSystem
) -> None:
    page, truck = watched.page, online_truck(system)
    page.goto(f"{system.web}/monitor?vehicle={truck['id']}")
    page.get_by_test_id("send-command").click()
    dialog = page.get_by_role("dialog", name="下发指令")
    dialog.get_by_label("指令", exact=True).select_option("photo")
    watched.picture("command-photo")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_test_id("command-state")).to_have_text("已应答")
    thumbnail = dialog.get_by_role("button", name=re.compile("^照片 ")).first
    expect(thumbnail).to_be_visible()
    page.wait_for_function(LOADED, timeout=PATIENCE_MS)
    watched.picture("command-photo-came")
    thumbnail.click()
    viewer = page.get_by_role("dialog", name="照片与录音")
    picture = viewer.get_by_test_id("media-picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    expect(viewer).to_contain_text("平台下发指令")
    expect(viewer).to_contain_text(re.compile(r"2\d\.\d{6}, 1\d\d\.\d{6}|未定位"))
    no_wider_than_the_screen(page)
    watched.picture("media-viewer")
    viewer.get_by_role("button", name="关闭").click()
    dialog.get_by_role("button", name="关闭").click()
    card = page.get_by_test_id("latest-media")
    expect(card).to_be_visible()
    card.scroll_into_view_if_needed()
    watched.picture("card-media")
    card.get_by_role("button", name=re.compile("^全部")).click()
    gallery = page.get_by_role("dialog", name="照片与录音")
    expect(gallery.get_by_role("button", name=re.compile("^照片 ")).first).to_be_visible()
    watched.picture("media-gallery")
    assert watched.faults == []


@PHONE
def test_officer_sends_a_text_to_a_selection_watches_it_and_exports(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    online_truck(system)
    empty_truck(system)  # for it the text waits, so that something can be cancelled
    page.goto(f"{system.web}/commands")
    expect(page.get_by_role("link", name="指令")).to_be_visible()
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
    expect(page.get_by_role("table").get_by_text("已应答").first).to_be_visible()
    fits_every_screen(page)
    watched.picture("command-batch")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出结果").click()
    assert "台风" not in download.value.suggested_filename and download.value.suggested_filename.endswith(".csv")

    page.get_by_role("button", name="取消未发").click()
    page.get_by_role("button", name="确认取消").click()
    expect(page.get_by_text("已取消").first).to_be_visible()
    page.get_by_role("button", name="返回批次").click()
    expect(page.get_by_text("防汛演练").first).to_be_visible()
    watched.picture("command-batches")
    page.evaluate("localStorage.setItem('luwei.locale', 'en')")  # on a phone the switch lies in a menu
    page.reload()
    expect(page.get_by_role("button", name="Send to many")).to_be_visible()
    fits_every_screen(page)
    assert watched.faults == []


@PHONE
def test_officer_draws_areas_pushes_one_and_sees_that_the_truck_holds_it(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/commands?tab=areas")
    width = (page.viewport_size or {})["width"]
    ground = page.get_by_test_id("area-map")
    expect(ground).to_have_attribute("data-drawn", "true")

    def draw(shape: str, name: str, *places: tuple[float, float]) -> None:
        page.get_by_role("button", name=f"新建 {shape}").click()
        box = ground.bounding_box()
        assert box is not None
        for number, (x, y) in enumerate(places, 1):
            ground.click(position={"x": box["width"] * x, "y": box["height"] * y})
            # the next click waits until this one is drawn: two quick ones would be a double click
            expect(page.get_by_text(f"{1 if shape == '圆形' else number} 个点")).to_be_visible()
        if shape == "圆形":
            expect(page.get_by_label("半径")).not_to_have_value("500")
        page.get_by_label("名称").fill(name)
        if shape == "圆形":
            watched.picture("area-draw")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_role("button", name=re.compile(name))).to_be_visible()

    circle = f"港区 {width}"
    draw("圆形", circle, (0.4, 0.5), (0.5, 0.5))
    draw("路线", f"疏港路 {width}", (0.3, 0.6), (0.45, 0.4), (0.6, 0.6))
    watched.picture("area-list")
    fits_every_screen(page)
    (made,) = [each for each in system.get("/api/fences", size=100)["items"] if each["name"] == circle]
    assert made["kind"] == "circle" and made["geometry"]["radius_m"] > 1000

    def found() -> Any:
        rows = system.get("/api/vehicles", state="online", size=50)["items"]
        return next((row for row in rows if row["terminal"] and row["terminal"]["edition"] == 2019), None)

    truck = wait_for(found, "a truck of 2019 online", 60)
    page.goto(f"{system.web}/monitor?vehicle={truck['id']}")
    page.get_by_test_id("send-command").click()
    dialog = page.get_by_role("dialog", name="下发指令")
    dialog.get_by_label("指令", exact=True).select_option("push_areas")
    dialog.get_by_label(re.compile(circle)).check()
    watched.picture("area-push")
    dialog.get_by_role("button", name="下发", exact=True).click()
    expect(dialog.get_by_test_id("command-state")).to_have_text("已应答")
    dialog.get_by_role("button", name="再发一条").click()
    dialog.get_by_label("指令", exact=True).select_option("read_areas")
    dialog.get_by_role("button", name="下发", exact=True).click()
    compared = dialog.get_by_test_id("compared-areas")
    expect(compared).to_contain_text(circle)
    expect(compared).to_contain_text("一致")
    watched.picture("area-compared")
    assert watched.faults == []


@DESK
def test_officer_draws_a_rectangle_and_a_polygon_and_moves_their_corners(watched: Watched, system: WholeSystem) -> None:
    page = watched.page
    page.goto(f"{system.web}/commands?tab=areas")
    width = (page.viewport_size or {})["width"]
    ground = page.get_by_test_id("area-map")
    expect(ground).to_have_attribute("data-drawn", "true")

    def at(place: tuple[float, float]) -> tuple[float, float]:
        box = ground.bounding_box()
        assert box is not None
        return box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1]

    def draw(shape: str, name: str, *places: tuple[float, float]) -> None:
        page.get_by_role("button", name=f"新建 {shape}").click()
        for number, place in enumerate(places, 1):
            # waits until the map stands still under the opening form
            width_px, height_px = ground.evaluate("map => [map.clientWidth, map.clientHeight]")
            ground.click(position={"x": width_px * place[0], "y": height_px * place[1]})
            expect(page.get_by_text(f"{number} 个点")).to_be_visible()
            expect(ground).to_have_attribute("data-handles", str(number))
        page.get_by_label("名称").fill(name)
        ground.scroll_into_view_if_needed()

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        page.mouse.move(*at(start))
        page.mouse.down()
        page.mouse.move(*at(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)))
        page.mouse.move(*at(end))
        page.mouse.up()

    def saved(name: str) -> dict[str, Any]:
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_role("button", name=re.compile(name))).to_be_visible()
        (made,) = [each for each in system.get("/api/fences", size=100)["items"] if each["name"] == name]
        geometry: dict[str, Any] = made["geometry"]
        return geometry

    draw("矩形", f"料场 {width}", (0.3, 0.4), (0.4, 0.5))
    drag((0.4, 0.5), (0.7, 0.5))
    watched.picture("area-rectangle")
    found = saved(f"料场 {width}")
    box = ground.bounding_box()
    assert box is not None
    # a degree of longitude is as wide everywhere, one of latitude 1 / cos(latitude) as high (Mercator)
    shrunk = math.cos(math.radians((found["north_e6"] + found["south_e6"]) / 2e6))
    flat = (found["north_e6"] - found["south_e6"]) / (found["east_e6"] - found["west_e6"])
    assert flat == pytest.approx(0.1 * box["height"] / (0.4 * box["width"]) * shrunk, rel=0.1)

    draw("多边形", f"矿区 {width}", (0.3, 0.3), (0.5, 0.3), (0.5, 0.6), (0.3, 0.6))
    drag((0.5, 0.6), (0.7, 0.6))
    watched.picture("area-polygon")
    corners = saved(f"矿区 {width}")["points"]
    assert len(corners) == 4
    (_, left), (_, right), (_, moved), (_, last) = corners
    assert (moved - left) / (right - left) == pytest.approx(2, rel=0.05)
    assert abs(last - left) < 0.05 * (right - left)
    watched.picture("area-shapes")
    no_wider_than_the_screen(page)

    page.get_by_role("button", name="编辑", exact=True).click()
    expect(ground).to_have_attribute("data-handles", "4")
    watched.picture("area-change")
    page.get_by_role("button", name="撤销一点").click()
    expect(ground).to_have_attribute("data-handles", "3")
    assert len(saved(f"矿区 {width}")["points"]) == 3
    assert watched.faults == []
