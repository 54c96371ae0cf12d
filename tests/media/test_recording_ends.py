"""A recording that ends at an awkward moment leaves no part behind that nobody stores."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from node_harness import until
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from luwei.media import fmp4
from luwei.registry.audit import Actor
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import open_engine, read
from luwei.registry.video_record import FAILED, LOST, OPEN, STORING, WAITING, VideoRecord, VideoRecordPart
from luwei.video import record_rows as rows
from luwei.video.record_file import paths
from luwei.video.record_rows import Part, Wanted
from luwei.video.recorder import AlreadyRecording, Recorder
from luwei.video.recording import Recording


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    Base.metadata.create_all(made)
    yield made
    made.dispose()


def wanted(engine: Engine) -> Wanted:
    actor = Actor(1, "engineer")
    made = Wanted(
        0, 1, 1, "13912345678", 1, "sub", "why", 1, actor, None, None, 60, now_ms(), None, WAITING, [], False
    )  # fmt: skip
    made.id = rows.enter(engine, made)
    return made


class Host:
    part_s = 60.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sealed: list[int] = []

    def full(self) -> str:
        return ""

    def seal(self, part: Part) -> None:
        self.sealed.append(part.id)


class Desk:
    """Gives a viewing that no node brings pictures to; the first ``fails`` tries find the registry away."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails

    async def open(self, *_: Any) -> Any:
        self.fails -= 1
        if self.fails >= 0:
            raise OperationalError("select", {}, Exception("the database is restarting"))
        viewing = SimpleNamespace(id="v", records=False, slow=False, upstream=SimpleNamespace(report=None, reason=""))
        return SimpleNamespace(value="t", viewing=viewing)

    def redeem(self, *_: Any) -> Any:
        return self.viewing

    def leave(self, _: Any) -> None: ...

    async def place(self, *_: Any) -> None:
        await asyncio.Event().wait()

    async def pay_for(self, _: Any) -> None: ...

    @property
    def viewing(self) -> Any:
        return SimpleNamespace(id="v", records=True, slow=False, upstream=SimpleNamespace(report=None, reason=""))


def recording_of(engine: Engine, tmp_path: Path, desk: Desk) -> tuple[Recording, Host]:
    there: Any = desk
    host = Host(tmp_path)
    return Recording(engine, there, host, wanted(engine)), host


def fragment(at: int, key: bool) -> bytes:
    return fmp4.fragment(1, at, [fmp4.Sample(b"\0\0\0\1e", 40, key)])


def parts(engine: Engine) -> list[tuple[int, str]]:
    with read(engine) as connection:
        found = connection.execute(select(VideoRecordPart.id, VideoRecordPart.state).order_by(VideoRecordPart.id))
        return [(row.id, row.state) for row in found]


async def ended_within(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> tuple[Recording, Host]:
    """A recording that goes over to its second part, and is ended while ``step`` of that is under way."""
    gate, there = threading.Event(), threading.Event()
    real = getattr(rows, step)
    recording, host = recording_of(engine, tmp_path, Desk())
    await recording._begin_part(now_ms(), "changed")

    def slowly(*said: Any) -> Any:
        there.set()
        gate.wait(60)
        return real(*said)

    monkeypatch.setattr(rows, step, slowly)

    async def goes_over(_: Any) -> None:
        await recording._begin_part(now_ms(), "length")

    monkeypatch.setattr(recording, "_relay", goes_over)
    running = asyncio.create_task(recording.run())
    assert await asyncio.to_thread(there.wait, 60)
    monkeypatch.setattr(rows, step, real)
    recording.end("stopped")
    await asyncio.sleep(0.05)
    gate.set()
    await asyncio.wait_for(running, 60)
    return recording, host


async def test_a_part_that_was_being_closed_when_the_recording_ended_is_stored(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, host = await ended_within(engine, tmp_path, monkeypatch, "close_part")
    assert parts(engine) == [(1, STORING)] and host.sealed == [1]


async def test_the_picture_in_hand_when_the_recording_ends_is_recorded_and_none_after_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, there = threading.Event(), threading.Event()
    real = rows.open_part
    recording, host = recording_of(engine, tmp_path, Desk())
    init, key, later = b"\0\0\0\x10ftyp" + bytes(8), fragment(0, key=True), fragment(40, key=False)

    def slowly(*said: Any) -> Any:
        there.set()
        gate.wait(60)
        return real(*said)

    async def brings(_: Any) -> None:
        for each in (init, key, later):
            await recording._take(b"v", each)

    monkeypatch.setattr(rows, "open_part", slowly)
    monkeypatch.setattr(recording, "_relay", brings)
    running = asyncio.create_task(recording.run())
    assert await asyncio.to_thread(there.wait, 60)
    recording.end("stopped")
    await asyncio.sleep(0.05)  # nothing must happen in it
    assert not running.done()
    gate.set()
    await asyncio.wait_for(running, 60)
    assert parts(engine) == [(1, STORING)] and host.sealed == [1] and recording.pictures == 1
    assert paths(tmp_path, recording.wanted.id, 1)[0].read_bytes() == init + key


async def test_a_part_that_a_stopped_core_had_only_entered_keeps_the_recording_from_no_end(
    engine: Engine, tmp_path: Path
) -> None:
    recording, _ = recording_of(engine, tmp_path, Desk())
    rows.open_part(engine, recording.wanted.id, now_ms(), "h264", 352, 288)
    running = asyncio.create_task(recording.run())
    await asyncio.sleep(0.05)
    recording.end("stopped")
    await asyncio.wait_for(running, 60)
    assert parts(engine) == [(1, LOST)]
    with read(engine) as connection:
        assert connection.scalar(select(VideoRecord.state)) == FAILED  # over, and not on its way for ever


async def test_a_recording_that_finds_the_registry_away_begins_when_it_is_there(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luwei.video.recording.RETRY_S", 0.01)
    desk = Desk(fails=2)
    recording, _ = recording_of(engine, tmp_path, desk)
    running = asyncio.create_task(recording.run())
    await until(lambda: desk.fails < 0, "the desk was asked again")
    recording.end("stopped")
    await asyncio.wait_for(running, 60)
    assert (recording.reason, OPEN in [state for _, state in parts(engine)]) == ("stopped", False)


async def test_who_asks_twice_at_once_records_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[Wanted] = []

    def enter(_: Any, each: Wanted) -> int:
        entered.append(each)
        return len(entered)

    monkeypatch.setattr(rows, "enter", enter)
    recorder: Any = Recorder.__new__(Recorder)
    recorder.running, recorder.limit, recorder.limit_per_user = {}, 5, 5
    recorder._engine, recorder._entering = None, asyncio.Lock()
    recorder.full = lambda: ""
    recorder._run = lambda each, peer: recorder.running.update({each.id: SimpleNamespace(wanted=each)})
    actor = Actor(1, "engineer")
    both = [
        Wanted(0, 1, 1, "13912345678", 1, "sub", "why", 1, actor, None, None, 60, 0, None, WAITING, [], False)
        for _ in range(2)
    ]
    answers = await asyncio.gather(*(recorder.record(each) for each in both), return_exceptions=True)
    assert answers[0] == 1 and isinstance(answers[1], AlreadyRecording) and len(entered) == 1
