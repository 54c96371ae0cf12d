"""The video desk goes on whatever fails for a moment: a registry that is away, one truck that cannot be reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from luwei.media.orders import AudioHints
from luwei.registry.audit import SYSTEM
from luwei.registry.command import ANSWERED
from luwei.settings import Settings
from luwei.video import talk_log
from luwei.video.commanding import Commanding, Sending
from luwei.video.limits import QuotaExceeded
from luwei.video.talk_log import LeftOpen
from luwei.video.talks import Talks, Truck

AWAY = OperationalError("select", {}, Exception("the database is restarting"))


class Commands:
    """The command engine, as far as it is needed here."""

    def __init__(self) -> None:
        self.news: list[asyncio.Event] = []

    async def submit(self, *_: Any) -> int:
        return 7


async def test_answers_are_still_heard_after_the_registry_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def read_once_away(_: Commanding, batches: list[int]) -> list[Any]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise AWAY
        return [(batch, ANSWERED, "success", 5, 6) for batch in batches]

    monkeypatch.setattr(Commanding, "_read", read_once_away)
    none: Any = None
    commands: Any = Commands()
    commanding = Commanding(none, commands)
    commanding.start()
    sending = await commanding.send("video_control", {}, 1, "13912345678", SYSTEM, "why")
    assert await commanding.ended(sending, 5)
    assert (sending.ok, sending.result, looks) == (True, "success", 2)
    await commanding.stop()


class Desk:
    """A desk whose commands to one truck fail."""

    def __init__(self, broken: int = 0) -> None:
        self.sent: list[int] = []
        self.settings = Settings(Path(), video_talks_per_user=2)
        self.month_limit = 0
        self.commanding = self
        self._broken = broken

    async def send(self, _: str, __: Any, vehicle_id: int, *___: Any) -> Sending:
        if vehicle_id == self._broken:
            raise AWAY
        self.sent.append(vehicle_id)
        return Sending(vehicle_id)

    def forget(self, _: Sending) -> None: ...

    def drive_of(self, _: str) -> None: ...


def talks_of(desk: Desk) -> Talks:
    there: Any = desk
    none: Any = None
    return Talks(there, none, none)


async def test_one_truck_that_cannot_be_told_leaves_no_other_on_the_air(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [LeftOpen(row, "talk", row, "13912345678", 1) for row in (1, 2, 3)]
    settled: list[int] = []
    monkeypatch.setattr(talk_log, "left_open", lambda _: left)
    monkeypatch.setattr(talk_log, "settle", lambda _, row, __: settled.append(row))
    desk = Desk(broken=1)
    await talks_of(desk).recover()
    assert (desk.sent, settled) == ([2, 3], [2, 3])  # the first is ended by the next start


async def test_talks_asked_for_at_the_same_moment_do_not_pass_the_limit_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    habits = SimpleNamespace(talk_data_type=2, talk_hisilicon="auto", talk_channel=0)
    speaker = SimpleNamespace(payload_type=6, frame_length=320, habits=habits, audio=AudioHints())
    known = (speaker, 1, 0)
    monkeypatch.setattr(Talks, "_known", lambda _, trucks, __: {truck.vehicle_id: known for truck in trucks})
    desk = talks_of(Desk())
    trucks = [Truck(number, number, f"1391234567{number}", "粤B00001", 2) for number in range(5)]
    answers = await asyncio.gather(
        *(desk.open("talk", [truck], "why", SYSTEM, 1, ("province", "省级主管")) for truck in trucks),
        return_exceptions=True,
    )
    assert [str(each) for each in answers if isinstance(each, QuotaExceeded)] == ["user_talks"] * 3
    assert len(desk.talks) == 2
