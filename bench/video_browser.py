"""Live video in a real Chromium: the first picture after the terminal's key frame, the delay, dropped pictures.

Simulated trucks send H.264 with the time written into every picture, so that the delay from camera to screen can be
read off what the browser shows. To be run on an otherwise idle machine: decoding and drawing use the processor here.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from luwei.simulator.fleet import trucks
from screen import CHROMIUM_FLAGS, log_in
from whole import WholeSystem

SETTLE_MS = 5_000
"""What a stream that begins passes over on its way to the newest data is no loss."""

COUNT = """() => [...document.querySelectorAll("[data-tile] video")].filter((each) => each.videoWidth).map((video) => {
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
    return [totalVideoFrames, droppedVideoFrames];
})"""
SAMPLE = """() => [...document.querySelectorAll("[data-tile] video")].filter((each) => each.videoWidth).map((video) => {
    const { buffered, videoWidth: width, videoHeight: height } = video;
    const behind = buffered.length ? buffered.end(buffered.length - 1) - video.currentTime : null;
    const context = Object.assign(document.createElement('canvas'), { width, height: 1 }).getContext('2d');
    context.drawImage(video, 0, height - 4, width, 1, 0, 0, width, 1);
    const cell = Math.floor(width / 40);
    const line = context.getImageData(0, 0, width, 1).data;
    let time = 0;
    for (let bit = 0; bit < 32; bit += 1) time = time * 2 + (line[(bit * cell + (cell >> 1)) * 4] > 127 ? 1 : 0);
    const age = (Math.floor(Date.now() / 10) % 2 ** 32) - time;
    return { behind, age: age / 100 };
})"""
"""Of each picture: seconds behind the newest data in the browser, and its age by the time code in it (32
black or white cells of a fortieth of the width in the lowest rows: hundredths of a second since 1970)."""


def _wall(page: Page, system: WholeSystem, grid: int, slots: list[tuple[int, int]]) -> None:
    page.goto(f"{system.web}/video?grid={grid}&tiles={','.join(f'{v}.{c}' for v, c in slots)}")
    form = page.get_by_role("dialog", name="查看用途")
    states = page.get_by_test_id("tile-state").filter(has_text="直播")
    expect(form.or_(states).first).to_be_visible()
    if form.is_visible():
        form.get_by_role("button", name="设备检查").click()
        form.get_by_role("button", name="确定").click()
    expect(states).to_have_count(len(slots), timeout=60_000)


def _first(page: Page, system: WholeSystem, vehicles: list[int], samples: int) -> list[int]:
    """Milliseconds from the terminal's first key frame to the first picture, of streams that nobody watched before."""
    found = []
    for number in range(samples):
        _wall(page, system, 1, [(vehicles[number % len(vehicles)], 1 + number // len(vehicles) % 4)])
        if page.get_by_test_id("tile-figures").count() == 0:
            page.get_by_role("button", name="统计").first.click()
        shown = page.get_by_test_id("tile-figures").get_by_text("首帧").locator("xpath=following-sibling::dd[1]")
        found.append(int((shown.text_content() or "").split()[0]))
    return found


def _steady(page: Page, seconds: int) -> tuple[list[float], list[float], float]:
    """Seconds behind the newest data, ages of pictures, and the share of dropped ones. Drops are counted over
    ``seconds`` in which nobody looks into the pictures, for that costs time of its own."""
    page.wait_for_timeout(SETTLE_MS)
    before = page.evaluate(COUNT)
    page.wait_for_timeout(seconds * 1_000)
    frames, dropped = (
        sum(each[place] for each in page.evaluate(COUNT)) - sum(each[place] for each in before) for place in (0, 1)
    )
    behind, ages = [], []
    for _ in range(seconds * 2):
        page.wait_for_timeout(500)
        for each in page.evaluate(SAMPLE):
            behind.append(each["behind"])
            if 0 <= each["age"] < 60:
                ages.append(each["age"])
    return behind, ages, dropped / max(1, frames)


def _told(name: str, values: list[float], unit: str, digits: int = 2) -> str:
    p95 = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    return f"{name} median {statistics.median(values):.{digits}f} {unit}, p95 {p95:.{digits}f} {unit}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench video_browser")
    parser.add_argument("--samples", type=int, default=12, help="streams opened for the first picture")
    parser.add_argument("--seconds", type=int, default=30, help="of steady state, each of one stream and of nine")
    options = parser.parse_args(arguments)
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        system = WholeSystem(Path(folder), "demo", "--trucks", "20")
        system.start(120)
        try:
            system.login()
            rows = [system.get("/api/vehicles", q=truck.plate)["items"][0] for truck in trucks(20)]
            vehicles = [int(row["id"]) for row in rows]
            browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
            page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
            log_in(page, system)
            first = _first(page, system, vehicles, options.samples)
            one_behind, one_age, one_dropped = _steady(page, options.seconds)
            page.get_by_role("button", name="统计").first.click()
            _wall(page, system, 9, [(vehicle, channel) for vehicle in vehicles[:5] for channel in (1, 2)][:9])
            nine_behind, nine_age, nine_dropped = _steady(page, options.seconds)
            browser.close()
        finally:
            system.stop()
    print(
        _told(f"first picture after the first key frame, {len(first)} streams:", [float(ms) for ms in first], "ms", 0)
    )
    print(_told("one main stream 720p: behind the newest data", one_behind, "s"))
    print(f"  {_told('camera to screen', one_age, 's')}; dropped {one_dropped:.1%}")
    print(_told("nine sub-streams CIF: behind the newest data", nine_behind, "s"))
    print(f"  {_told('camera to screen', nine_age, 's')}; dropped {nine_dropped:.1%}")
