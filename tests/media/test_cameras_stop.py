"""A camera that turns is stopped, though the registry is away when its time is over."""

from __future__ import annotations

from typing import Any

import pytest
from node_harness import until
from sqlalchemy.exc import OperationalError

from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.video import ptz, ptz_letters
from luwei.video.commanding import Sending
from luwei.video.ptz import Driven, PtzDesk, Wish

AWAY = OperationalError("insert", {}, Exception("the database is restarting"))


class Commands:
    """What is sent; the orders numbered in ``fail`` (from 1) find the registry away."""

    def __init__(self, *fail: int) -> None:
        self.sent: list[tuple[str, int]] = []
        self.asked = 0
        self._fail = fail

    async def send(self, kind: str, values: dict[str, Any], *_: Any) -> Sending:
        self.asked += 1
        if self.asked in self._fail:
            raise AWAY
        self.sent.append((kind, values.get("direction", values.get("value", -1))))
        return Sending(self.asked, now_ms(), now_ms(), True, "success")

    async def ended(self, *_: Any) -> bool:
        return True


def desk_of(commands: Commands) -> PtzDesk:
    there: Any = commands
    none: Any = None
    return PtzDesk(none, there)


async def press(desk: PtzDesk, act: str, user: int = 1, hold: str = "press-01") -> ptz.Outcome:
    return await desk.act(1, "13912345678", 1, Wish(act, hold=hold), "why", SYSTEM, user, ("一", "one"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ptz, "DEADMAN_S", 0.1)
    monkeypatch.setattr(ptz, "HALT_AGAIN_S", (0.01, 0.01))
    monkeypatch.setattr(ptz, "STEP_S", 0.03)


async def test_a_hold_that_is_not_renewed_while_the_registry_is_away_ends_when_it_is_there() -> None:
    commands = Commands(2)
    desk = desk_of(commands)
    await press(desk, "left")
    await until(lambda: commands.sent[-1] == (ptz_letters.ROTATE, 0), "the stop")
    assert commands.sent == [(ptz_letters.ROTATE, 3), (ptz_letters.ROTATE, 0)]


async def test_a_stop_that_could_not_be_sent_is_sent_later() -> None:
    commands = Commands(2)
    desk = desk_of(commands)
    await press(desk, "up")
    with pytest.raises(OperationalError):
        await press(desk, "stop")
    await until(lambda: commands.sent[-1] == (ptz_letters.ROTATE, 0), "the stop")


async def test_a_step_that_could_not_be_sent_leaves_the_camera_to_others_in_the_end() -> None:
    commands = Commands(2)
    desk = desk_of(commands)
    await press(desk, "zoom_in")
    with pytest.raises(Driven):
        await press(desk, "zoom_in", user=2, hold="press-02")
    await until(lambda: commands.asked >= 2, "a further step was tried")
    driver = desk.driver(1, 1)
    assert driver is not None
    await until(lambda: not driver.hold, "the hold is over")
    driver.until = now_ms() - 1
    await press(desk, "zoom_out", user=2, hold="press-02")
    assert commands.sent[-1] == (ptz_letters.ZOOM, 1)


async def test_who_let_go_of_a_camera_is_forgotten_and_who_holds_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ptz, "DRIVERS_MAX", 5)
    monkeypatch.setattr(ptz, "KEEPS_S", 0.0)
    monkeypatch.setattr(ptz, "DEADMAN_S", 30.0)
    desk = desk_of(Commands())
    await press(desk, "left")
    for channel in range(2, 20):
        await desk.act(1, "13912345678", channel, Wish("zoom_in"), "why", SYSTEM, channel, ("一", "one"))
    assert len(desk._drivers) <= 7
    driver = desk.driver(1, 1)
    assert driver is not None and driver.turning
    await desk.stop()
