"""The video desk goes on whatever fails for a moment: a registry that is away, one truck that cannot be reached."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from luwei.media.orders import Announcement, Answer, AudioHints, Expect, Request, Stranger
from luwei.registry.audit import SYSTEM
from luwei.registry.command import ANSWERED
from luwei.settings import Settings
from luwei.video import talk_log, tidings
from luwei.video.commanding import Commanding, Sending
from luwei.video.drive import Drive
from luwei.video.limits import QuotaExceeded
from luwei.video.nodes import Nodes
from luwei.video.playback_drive import PlaybackDrive
from luwei.video.playbacks import STEERING_MAX, Playbacks
from luwei.video.playing import FAST, PLAY, Playing
from luwei.video.strays import Strays
from luwei.video.talk import Call
from luwei.video.talk_drive import TalkDrive
from luwei.video.talk_log import LeftOpen
from luwei.video.talks import Talks, Truck
from luwei.video.upstream import Upstream, Viewing

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
    monkeypatch.setattr(talk_log, "left_open", lambda _, __: left)
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
        *(desk.open("talk", [truck], "why", SYSTEM, 1, ("province", "省级主管", "province")) for truck in trucks),
        return_exceptions=True,
    )
    assert [str(each) for each in answers if isinstance(each, QuotaExceeded)] == ["user_talks"] * 3
    assert len(desk.talks) == 2


class Announced:
    """Two nodes on the bus, the first of which is full though it does not say so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    async def request(self, subject: str, payload: bytes, _: float) -> bytes:
        node, request = subject.rpartition(".")[2], msgspec.msgpack.decode(payload, type=Request)
        self.asked.append((node, request))
        return msgspec.msgpack.encode(Answer("full" if node == "a" and isinstance(request, Expect) else ""))


def nodes_of(bus: Announced) -> Nodes:
    line: Any = bus
    nodes = Nodes(line)
    for name, load in (("a", 0.0), ("b", 0.5)):
        ports = {"live": 1, "playback": 2, "talk": 3}
        nodes.heard(Announcement(name, 1, 0, "127.0.0.1", ports, "127.0.0.1", 4, load, 0, [], 9, 0, {}))
    return nodes


class Sent:
    """Commands that are on their way, as the drive gives them."""

    def __init__(self, ok: bool = True) -> None:
        self.kinds: list[str] = []
        self._ok = ok

    async def send(self, kind: str, *_: Any) -> Sending:
        self.kinds.append(kind)
        return Sending(len(self.kinds), ended_at=1, ok=self._ok)

    async def ended(self, *_: Any) -> bool:
        return True

    def forget(self, _: Sending) -> None: ...


def desk_of(nodes: Nodes, commanding: Sent) -> Any:
    def said(stream: Upstream, line: str) -> Expect:
        return Expect(stream.name, line, stream.phone, 1, line)

    return SimpleNamespace(
        nodes=nodes, commanding=commanding, transport="tcp", linger_s=0.0, expectation=said, over=lambda _: None
    )


async def test_a_node_that_is_full_keeps_what_it_has_and_the_next_one_is_asked() -> None:
    bus = Announced()
    nodes = nodes_of(bus)
    stream = Upstream("live-1-1", 1, "13912345678", 1, SYSTEM, "why")
    found = await Drive(desk_of(nodes, Sent()), stream)._expect()
    assert (found.node if found else "", [node for node, _ in bus.asked]) == ("b", ["a", "b"])
    assert nodes.get("a") is not None  # else all its streams would be taken for lost


async def test_a_terminal_that_was_asked_a_moment_ago_is_told_to_stop_though_nothing_is_noted_of_it_yet() -> None:
    commands = Sent()
    drive = Drive(desk_of(nodes_of(Announced()), commands), Upstream("live-1-1", 1, "1", 1, SYSTEM, "why"))
    drive._sending = Sending(1)
    await drive._stop()
    assert commands.kinds == ["video_control"]
    drive._sending = Sending(2, ended_at=5, result="offline")
    await drive._stop()
    assert commands.kinds == ["video_control"]  # it never left


async def test_a_codec_that_nobody_can_make_is_named_though_its_terminal_connects_while_it_is_told_to_stop() -> None:
    class Connects(Sent):
        async def ended(self, *_: Any) -> bool:
            tidings.happened(call, "connected", 1, "")
            return True

    call = Call("talk-x-1", 1, "1", 1, SYSTEM, "why", on_air=True)
    call.viewings["v"] = Viewing("v", call, 1, SYSTEM, "why", "sub", 1, 1)
    tidings.happened(call, "unsupported", 1, "g728")
    nobody: Any = None
    await TalkDrive(desk_of(nodes_of(Announced()), Connects()), call, nobody).run()
    assert (call.state, call.reason, call.detail) == ("ended", "audio_unsupported", "g728")


def playing() -> Playing:
    return Playing("play-1-1-x", 1, "1", 1, SYSTEM, "why", node="b", to_at=60_000, mode=PLAY)


async def test_a_speed_that_the_terminal_refuses_leaves_the_pictures_placed_as_they_were() -> None:
    bus = Announced()
    drive = PlaybackDrive(desk_of(nodes_of(bus), Sent(ok=False)), playing())
    assert not await drive._go(FAST, 4, 0)
    assert [request.arrival for _, request in bus.asked] == [True, False]


class Says(Sent):
    """Commands that the terminal answers one after the other as given."""

    def __init__(self, *answers: bool) -> None:
        super().__init__()
        self.values: list[Any] = []
        self._answers = list(answers)

    async def send(self, kind: str, *given: Any) -> Sending:
        self._ok = self._answers.pop(0)
        self.values.append(given[0])
        return await super().send(kind, *given)


async def test_a_terminal_that_knows_no_way_back_to_normal_speed_is_told_to_go_fast_once() -> None:
    """Control 3 at speed 1 (reference §6.6, 4)."""
    stream, said = playing(), Says(True, False, True, False)
    drive = PlaybackDrive(desk_of(nodes_of(Announced()), said), stream)
    assert await drive._go(FAST, 4, 0) and await drive._go(PLAY, 1, 0)
    assert [(each["command"], each["speed"]) for each in said.values] == [(3, 3), (0, 0), (3, 1)]
    assert (stream.mode, stream.speed) == (PLAY, 1)
    assert not await drive._go(PLAY, 1, 0)  # it plays normally: nothing else is tried
    assert len(said.values) == 4


async def test_acts_that_come_in_one_breath_are_bounded() -> None:
    stream, begun = playing(), 0
    drive = PlaybackDrive(desk_of(nodes_of(Announced()), Sent()), stream)

    def later(work: Any) -> None:
        nonlocal begun
        begun += 1
        work.close()

    desk: Any = SimpleNamespace(drive_of=lambda _: drive, chores=SimpleNamespace(later=later))
    viewing: Any = SimpleNamespace(upstream=stream)
    playbacks = Playbacks(desk)
    for _ in range(20):
        playbacks.steer(viewing, "pause", 1, 0)
    assert begun == STEERING_MAX


async def test_thousands_of_strangers_cost_one_search_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, searching, most = threading.Event(), 0, 0

    def search(_: Strays, __: str) -> None:
        nonlocal searching, most
        searching += 1
        most = max(most, searching)
        gate.wait(60)
        searching -= 1

    monkeypatch.setattr(Strays, "_terminal_of", lambda _, sim: (1, sim) if sim == "13912345678" else None)
    monkeypatch.setattr(Strays, "_terminal_ending_in", search)
    none: Any = None
    strays = Strays(none, none, none, none, {})
    asked = [Stranger("a", f"1390000{number:04}", 1, "live", "") for number in range(50)]
    known = Stranger("a", "13912345678", 1, "live", "")
    asking = [asyncio.create_task(strays.stranger("", msgspec.msgpack.encode(each))) for each in (*asked, known)]
    for _ in range(3_000):  # none waits for the search that goes on
        if sum(each.done() for each in asking) == 50:
            break
        await asyncio.sleep(0.01)
    done = [each for each in asking if each.done()]
    gate.set()
    answers = await asyncio.gather(*asking)
    assert answers == [b"unknown_sim"] * 50 + [b"unexpected"]
    assert (most, len(done)) == (1, 50)  # none waits for the search that goes on
