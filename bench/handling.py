"""Working through cases with the keyboard alone, in a real Chromium: key strokes and machine time a case.

Simulated trucks raise alarms with real pictures and clips. A person opens the next case, looks at its evidence, claims
it, fills in the record, and closes it or hands it to who verifies, without the mouse. Thinking is paused for as people
do and counted apart; what the machine takes is from each key until what it asks for is on the screen, with the next
case's evidence ready to be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, TimeoutError, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from luwei.simulator.driving import DRIVING
from luwei.simulator.fleet import trucks
from luwei.simulator.service import TICK_S, Line, Running, terminals
from luwei.simulator.terminal import ONLINE
from luwei.simulator.truth import Truth
from screen import CHROMIUM_FLAGS, log_in
from whole import WholeSystem, wait_for

KINDS = ("phone", "playing_phone", "hands_off", "smoking", "not_ahead", "belt", "solid_line", "fatigue")
SETTLED_S = 40.0
"""From an alarm to a person's look at it: files are here, the first check of the correction is done."""
LOOK_S, DECIDE_S, WRITE_S = (4.0, 9.0), (2.0, 5.0), (0.12, 0.25)
"""How long a person looks, decides, and takes for a letter."""

COUNT = """() => {
    window.strokes = 0;
    document.addEventListener('keydown', (event) => { if (event.isTrusted) window.strokes += 1; }, true);
}"""
READY = """(before) => {
    const at = new URL(location.href).searchParams.get('case');
    const panel = document.querySelector('[data-testid=case-handling]');
    if (!at || at === before || panel?.dataset.of !== at) return false;
    const tiles = [...document.querySelectorAll('[data-testid=case-detail] .clips figure')];
    return tiles.filter((each) => each.offsetParent).every((each) => {
        const video = each.querySelector('video'), picture = each.querySelector('img');
        if (video) return video.readyState >= 2;
        return picture ? picture.complete && picture.naturalWidth > 0 : !each.querySelector('[role=status]');
    });
}"""
"""Another case than ``before`` is on the screen, its pictures and clips can be seen."""
REFUSED = "[data-testid=case-handling] [role=alert]"
SAID = """(words) => [...document.querySelectorAll('[data-testid=case-handling] [role=status]')]
    .some((each) => each.textContent.includes(words))"""


@contextmanager
def fleet(port: int, count: int) -> Iterator[list[float]]:
    """Trucks of which each does something wrong once it drives; yields the times at which they did."""
    began: list[float] = []
    stop = threading.Event()

    async def main() -> None:
        running = Running("127.0.0.1", port)
        made = terminals(trucks(count * 6, 7, profiles="mixed"), Truth(None), running.now_s(), awake=True, port=port)
        made = [each for each in made if each.instruments.safety is not None and each.drive.mode == DRIVING]
        waiting = list(range(len(made)))
        for terminal in made:
            line = Line(running, terminal, udp=False)
            running.lines.append(line)
            running.schedule(line)
        while not stop.is_set():
            now_s = running.now_s()
            running.turn(now_s)
            for place in [each for each in waiting if len(began) < count and made[each].phase == ONLINE]:
                terminal, known = made[place], made[place].truck.speech.safety
                if terminal.drive.in_tunnel or terminal.drive.speed_mps < 9:
                    continue
                kinds = [name for name in KINDS if known == "yuebiao" or name in ("phone", "smoking", "not_ahead")]
                terminal.instruments.driver.begin(kinds[place % len(kinds)], now_s)
                terminal.next_report_s = terminal.next_s = now_s
                running.schedule(running.lines[place])
                waiting.remove(place)
                began.append(time.monotonic())
                await asyncio.sleep(0.05)
            await asyncio.sleep(TICK_S)
        await running.finish()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="fleet")
    thread.start()
    try:
        yield began
    finally:
        stop.set()
        thread.join(20)


class Person:
    """Works at the desk by keys; counts strokes, and seconds of the machine and of thinking apart."""

    def __init__(self, page: Page, chance: random.Random, pace: float) -> None:
        self.page, self.chance, self.pace = page, chance, pace
        self.machine_s = self.thought_s = 0.0

    def think(self, span: tuple[float, float]) -> None:
        pause_s = self.chance.uniform(*span)
        self.thought_s += pause_s
        self.page.wait_for_timeout(pause_s * self.pace * 1000)

    def press(self, keys: str, then: str = "", argument: Any = None) -> None:
        """Press, and wait until the screen shows what was asked for. Where it says that the case has become graver
        meanwhile, the person looks again and presses again; a reason that is not clear is chosen."""
        for _ in range(4):
            began = time.perf_counter()
            self.page.keyboard.press(keys)
            if then:
                self.until(f"(given) => !!document.querySelector({REFUSED!r}) || ({then})(given)", argument)
            self.machine_s += time.perf_counter() - began
            if not then or not self.page.locator(REFUSED).count():
                return
            self.think(DECIDE_S)
            if self.page.locator("[data-field=reason][aria-invalid=true]").count():
                self.page.keyboard.press("ArrowDown")
                keys = "Enter"

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait for the screen; ends the measurement with what stands on it where it does not come."""
        try:
            self.page.wait_for_function(condition, arg=argument, polling=30)
        except TimeoutError:
            said = self.page.locator("[data-testid=case-handling] .note").all_inner_texts()
            sys.exit(f"case {self.case} at {self.page.url}: the screen says {said}")

    def write(self, words: str) -> None:
        for letter in words:
            self.think(WRITE_S)
            self.page.keyboard.press(letter)

    @property
    def case(self) -> str:
        found = self.page.evaluate("new URL(location.href).searchParams.get('case')")
        return str(found or "")

    def handle(self, way: str, last: bool) -> None:
        """One case, which is on the screen, up to the next one."""
        page, before = self.page, self.case
        self.think(LOOK_S)
        if page.locator("[data-testid=case-detail] .clips video").count():
            self.press("Space")  # the clip
            self.think(LOOK_S)
        self.press("l", SAID, "已领取")
        self.think(DECIDE_S)
        drafted = page.evaluate("() => !!document.querySelector('[data-field=correction][aria-pressed=true]')")
        if not drafted:
            self.press("c")  # not known
        if not page.locator("[data-field=actions][aria-pressed=true]").count():
            self.press("t")  # no measure
        if way == "reply":
            self.press("d")
            self.write("told his boss")
            self.press("Escape")
        done = SAID if last else READY
        self.press("Shift+3" if way == "false" else "Shift+1", done, "已" if last else before)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench handling")
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--pace", type=float, default=0.3, help="share of the thinking that is really waited for")
    options = parser.parse_args(arguments)
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("chromium is not installed")
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        system = WholeSystem(Path(folder), "demo", "--trucks", "20")
        system.start(120)
        try:
            system.login()
            with fleet(system.gateway_port, options.cases + 4) as began:
                wait_for(lambda: len(began) >= options.cases + 4, "alarms", 120)
                time.sleep(SETTLED_S)
                browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
                page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
                page.set_default_timeout(90_000)
                log_in(page, system)
                rows = _worked(page, system, chance, options)
                browser.close()
        finally:
            system.stop()
    _tell(rows)


def _worked(
    page: Page, system: WholeSystem, chance: random.Random, options: Any
) -> list[tuple[str, int, float, float]]:
    page.goto(f"{system.web}/alarms")
    page.locator("[data-case]").first.wait_for()
    page.evaluate(COUNT)
    person = Person(page, chance, options.pace)
    rows = []
    began = time.perf_counter()
    page.keyboard.press("j")
    page.wait_for_function(READY, arg=None, polling=30)
    opening_s = time.perf_counter() - began
    for number in range(options.cases):
        person.machine_s, person.thought_s = (opening_s if number == 0 else 0.0), 0.0
        strokes = page.evaluate("window.strokes")
        way = chance.choices(("common", "false", "reply"), (0.7, 0.2, 0.1))[0]
        person.handle(way, number + 1 == options.cases)
        rows.append((way, page.evaluate("window.strokes") - strokes, person.machine_s, person.thought_s))
        print(f"{number + 1:3} {way:7} {rows[-1][1]:3} strokes {rows[-1][2]:5.2f} s machine", flush=True)
    return rows


def _tell(rows: list[tuple[str, int, float, float]]) -> None:
    common = [strokes for way, strokes, _, _ in rows if way == "common"]
    machine, thought = [row[2] for row in rows], [row[3] for row in rows]
    p95 = statistics.quantiles(machine, n=20)[-1]
    print(f"{len(rows)} cases by keys alone")
    print(f"key strokes: common case median {statistics.median(common):.0f}, most {max(common)}")
    print(f"machine time a case: median {statistics.median(machine):.2f} s, p95 {p95:.2f} s")
    each_s = statistics.mean(machine) + statistics.mean(thought)
    print(f"thinking a case: {statistics.mean(thought):.1f} s; that makes {3600 / each_s:.0f} cases an hour")
