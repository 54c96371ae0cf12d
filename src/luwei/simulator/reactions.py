"""What drivers of simulated trucks do when the platform speaks to them (0x8300), and how a demonstration begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from luwei.simulator.driver import GONE_S, IGNORES, OBEYS, REACTS_S, VANISHES
from luwei.simulator.driving import DRIVING
from luwei.simulator.happenings import HAPPENINGS, OPENING
from luwei.simulator.media_faults import STEADY
from luwei.simulator.mishaps import MISHAPS, SINCE

if TYPE_CHECKING:
    from luwei.simulator.terminal import Terminal

GOES_S = 3.0
"""From the word until the line of one who vanishes is dead."""
HASTE, HASTE_S = 1.32, 240.0
OPENING_S = (6.0, 24.0)
"""When the trucks of the opening do it, after the start; later where the line is not up yet."""
LEAST_KMH = 45.0
TEMPERS: Mapping[str, str] = {"phone": OBEYS, "playing_phone": IGNORES, "not_ahead": VANISHES}
"""So that a demonstration soon shows every outcome of a reminder."""


def hear(terminal: Terminal, now_s: float) -> None:
    """The driver hears a text that is read out."""
    driver, drive = terminal.instruments.driver, terminal.drive
    if not driver.concerned(now_s, drive.speeding):
        return
    rng = Random(f"hears {terminal.truck.vin} {int(now_s)}")
    gone_s = rng.uniform(*GONE_S)

    def obey(at_s: float) -> list[bytes]:
        drive.slow_down(at_s)
        if driver.leave_off(at_s):
            drive.rest_soon()
        return []

    def vanish(at_s: float) -> list[bytes]:
        terminal.blocked_until_s = at_s + gone_s
        terminal.close_wanted = True
        return []

    if driver.temper == OBEYS:
        terminal.commands.do_later(now_s + rng.uniform(*REACTS_S), obey)
    elif driver.temper == VANISHES:
        terminal.commands.do_later(now_s + GOES_S, vanish)


def open_with_alarms(terminals: Iterable[Terminal], now_s: float) -> list[tuple[str, str]]:
    """Have one truck each do what ``OPENING`` lists, as far as there are trucks that can; phone and name of each."""
    waiting = list(OPENING)
    rng = Random("opening")
    begun = []
    for terminal in terminals:
        drive = terminal.drive
        if drive.mode != DRIVING or drive.speed_mps * 3.6 < LEAST_KMH or drive.in_tunnel:
            continue
        name = next((name for name in waiting if _fits(terminal, name)), None)
        if name is None:
            continue
        waiting.remove(name)
        terminal.commands.do_later(now_s + rng.uniform(*OPENING_S), partial(_begin, terminal, name))
        begun.append((terminal.truck.phone, name))
        if not waiting:
            break
    return begun


def _fits(terminal: Terminal, name: str) -> bool:
    if name in MISHAPS:
        return (
            terminal.instruments.safety is None and terminal.truck.number >= STEADY and terminal.truck.edition >= SINCE
        )
    if name not in HAPPENINGS:
        return terminal.instruments.safety is None  # leave the cameras to what only they see
    safety = terminal.truck.speech.safety
    if TEMPERS.get(name) == VANISHES and terminal.truck.number < STEADY:
        return False
    return bool(safety) and HAPPENINGS[name].dialect in ("", safety)


def _begin(terminal: Terminal, name: str, now_s: float) -> list[bytes]:
    """Do ``name`` and report it at once; called when the line is up."""
    if name == "emergency":
        terminal.instruments.call_for_help()
    elif name in MISHAPS:
        terminal.instruments.sensors.begin(name)
    elif name == "overspeed":
        terminal.drive.hurry(now_s + HASTE_S, HASTE)
    else:
        terminal.instruments.driver.begin(name, now_s)
        terminal.instruments.driver.temper = TEMPERS.get(name, terminal.instruments.driver.temper)
    terminal.next_report_s = now_s
    return []
