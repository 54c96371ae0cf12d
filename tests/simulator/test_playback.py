"""Recordings of a simulated truck: listed, played at every speed, uploaded by FTP."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from media_ear import Heard, MediaEar, decoded
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
from truckside import FLEET, NOON, Truckside, truckside

from luwei.protocol.jt808.messages.general import TerminalReply
from luwei.protocol.jt808.messages.parameters import QueryGivenParameters, QueryParameters
from luwei.protocol.jt808.messages.video import (
    PlaybackControl,
    PlaybackRequest,
    QueryResources,
    ResourceList,
    UploadControl,
    UploadFiles,
    UploadFinished,
)
from luwei.simulator import file_uploads, film_file
from luwei.simulator.device_clock import device_time
from luwei.simulator.film_file import film
from luwei.simulator.playing import FAST, KEYS, NORMAL, REWIND, SINGLE, Playing
from luwei.simulator.recordings import Recording, Recordings, Wanted, seconds_of
from luwei.simulator.scene import read_code
from luwei.simulator.video_gear import VideoGear

Until = Callable[..., Awaitable[None]]
TEN = NOON - 7200
"""10:00, the beginning of a piece."""
ZEROS = "2000-00-00 00:00:00"
PIECE = Recording(1, int(TEN), int(TEN) + 600, 0, 1)


def _query(channel: int = 0, start: str = ZEROS, end: str = ZEROS, **how: int) -> QueryResources:
    values = {"alarm": 0, "media_type": 0, "stream_type": 0, "storage_type": 0, **how}
    return QueryResources(channel=channel, start_time=start, end_time=end, **values)


def _listed(side: Truckside, order: Any) -> ResourceList:
    (answer,) = side.say(order)
    assert answer.header.message_id == 0x1205
    return ResourceList.decode(answer.body, side.truck.edition)


def test_times_of_the_wire_are_china_standard_time() -> None:
    assert seconds_of("2025-06-02 12:00:00") == NOON
    assert seconds_of(ZEROS) is None
    with pytest.raises(ValueError, match="2025"):
        seconds_of("2025-13-02 12:00:00")


def test_a_day_of_all_channels_is_listed() -> None:
    """Four channels by ten minutes and two by half an hour: 4 × 144 + 2 × 48 pieces, in more than one frame."""
    side = Truckside(FLEET[0])
    found = _listed(side, _query(start="2025-06-01 00:00:00", end="2025-06-01 23:59:59"))
    assert found.count == len(found.files) == 4 * 144 + 2 * 48
    assert found.reply_serial == side.serial
    assert {item.channel for item in found.files} == {1, 2, 3, 4}
    first = found.files[0]
    assert (first.start_time, first.end_time) == ("2025-06-01 00:00:00", "2025-06-01 00:10:00")
    assert {(item.stream_type, item.storage_type) for item in found.files} == {(1, 1), (2, 2)}
    assert all(item.file_size > 1_000_000 for item in found.files)
    assert 0 < sum(bool(item.alarm) for item in found.files) < 0.15 * found.count


def test_the_list_keeps_to_what_was_asked() -> None:
    side = Truckside(FLEET[0])
    found = _listed(side, _query(2, "2025-06-02 09:05:00", "2025-06-02 09:25:00", stream_type=1))
    assert [item.start_time[11:] for item in found.files] == ["09:00:00", "09:10:00", "09:20:00"]
    assert {item.channel for item in found.files} == {2}
    marked = _listed(side, _query(alarm=1 << 1))
    assert marked.count > 0
    assert all(item.alarm & 2 for item in marked.files)
    assert _listed(side, _query(media_type=1)).files == ()
    assert _listed(side, _query(9)).count == 0
    everything = _listed(side, _query())
    assert max(item.end_time for item in everything.files) <= "2025-06-02 12:00:00"
    assert min(item.start_time for item in everything.files) >= "2025-05-26 11:30:00"  # a week


def test_trucks_that_rest_leave_gaps() -> None:
    truck = FLEET[40]
    found = Recordings(truck, (1,)).found(Wanted(1, NOON - 2 * 86_400, NOON, storage=1), NOON)
    assert 150 < len(found) < 288
    assert found == Recordings(truck, (1,)).found(Wanted(1, NOON - 2 * 86_400, NOON, storage=1), NOON)


def test_one_lists_at_the_second_asking_and_one_without_a_serial() -> None:
    side = Truckside(FLEET[0], fault="list_at_second_asking")
    assert side.say(_query(1)) == []
    assert _listed(side, _query(1)).count > 0
    assert _listed(Truckside(FLEET[0], fault="list_without_serial"), _query(1)).reply_serial == 0


@pytest.mark.parametrize("asked", [QueryParameters(), QueryGivenParameters(ids=(0x0076,))], ids=["all", "given"])
def test_one_lists_only_after_a_message_about_parameters_since_it_signed_in(asked: Any) -> None:
    """1078 reference §7: one report of a firmware."""
    side = Truckside(FLEET[0], fault="list_after_parameters")
    assert side.say(_query(1)) == []
    assert side.say(asked)
    assert _listed(side, _query(1)).count > 0
    side.terminal.connected(NOON)
    assert side.say(_query(1)) == []


def _times(playing: Playing, count: int) -> list[tuple[float, float, bool]]:
    """(recorded second after 10:00, wait, key) of the next pictures."""
    found = []
    for _ in range(count):
        at_s = playing.position_s
        shot = playing.next(at_s)
        if shot is None:
            break
        found.append((shot.at_ms / 1000 - TEN, shot.wait_s, shot.unit.key))
    return found


@pytest.mark.parametrize(
    ("mode", "speed", "step_s", "wait_s", "keys"),
    [
        (NORMAL, 0, 0.08, 0.08, False),
        (FAST, 2, 0.08, 0.04, False),  # twice as fast: all pictures
        (FAST, 3, 2.0, 0.5, True),  # four times: key pictures alone
        (FAST, 5, 2.0, 0.125, True),
        (KEYS, 0, 2.0, 2.0, True),
        (REWIND, 3, -2.0, 0.5, True),
    ],
)
def test_every_speed_has_its_pictures(mode: int, speed: int, step_s: float, wait_s: float, keys: bool) -> None:
    playing = Playing("粤B1", [PIECE], TEN + 60, TEN + 120, mode=mode, speed=speed)
    playing.position_s = TEN + 100
    found = _times(playing, 4)
    assert [at_s for at_s, _, _ in found] == pytest.approx([100 + n * step_s for n in range(4)], abs=0.002)
    assert [wait for _, wait, _ in found] == pytest.approx([wait_s] * 4)
    assert [key for _, _, key in found] == ([True] * 4 if keys else [True, False, False, False])


def test_playing_turns_round_at_the_picture_that_is_shown() -> None:
    playing = Playing("粤B1", [PIECE], TEN + 100, TEN + 600, mode=KEYS)

    def shown(count: int) -> list[float]:
        return [at_s for at_s, _, _ in _times(playing, count)]

    assert shown(3) == [100, 102, 104]
    playing.go(REWIND)
    assert shown(2) == [102, 100]
    playing.go(KEYS)
    assert shown(2) == [102, 104]
    playing.go(REWIND)
    playing.go(NORMAL)
    assert shown(1) == [104]


def test_playing_ends_with_its_time_and_leaps_over_gaps() -> None:
    after = Recording(1, int(TEN) + 1200, int(TEN) + 1800, 0, 1)
    playing = Playing("粤B1", [PIECE, after], TEN + 599.92, TEN + 1200.1)
    assert [at_s for at_s, _, _ in _times(playing, 9)] == pytest.approx([599.92, 1200, 1200.08], abs=0.002)
    assert len(_times(Playing("粤B1", [PIECE], TEN + 5, TEN + 6, mode=SINGLE), 9)) == 1
    playing = Playing("粤B1", [PIECE], TEN, TEN + 600)
    playing.drag(TEN + 300)
    assert _times(playing, 1) == [(pytest.approx(300), pytest.approx(0.08), True)]
    playing.go(REWIND, 5)
    assert len(_times(playing, 400)) == 150  # from 298 s back to 0, a key picture each 2 s


def _play(server: MediaEar, **how: Any) -> PlaybackRequest:
    values = {
        "server_ip": "127.0.0.1", "tcp_port": server.tcp_port, "udp_port": 0, "channel": 1, "media_type": 0,
        "stream_type": 2, "storage_type": 0, "playback_mode": 0, "speed": 0, "start_time": "2025-06-02 10:00:00",
        "end_time": "2025-06-02 10:20:00", **how,
    }  # fmt: skip
    return PlaybackRequest(**values)


def _control(command: int, speed: int = 0, time: str = ZEROS) -> PlaybackControl:
    return PlaybackControl(channel=1, command=command, speed=speed, time=time)


def _shown(heard: Heard) -> list[float]:
    """Seconds after 10:00 that the pictures show."""
    codes = [read_code(picture) for picture in decoded(heard.video)]
    ten = int(TEN * 100) % 2**32
    return [((code.centiseconds - ten) % 2**32) / 100 for code in codes if code is not None]


async def test_a_recording_is_streamed_and_controlled(until: Until) -> None:
    async with truckside() as (side, server):
        assert side.result(_play(server)) == 0
        await until(lambda: bool(server.heard) and len(server.heard[0].pictures) >= 4 and bool(server.heard[0].audio))
        (heard,) = server.heard
        assert _shown(heard)[:4] == pytest.approx([0, 0.08, 0.16, 0.24], abs=0.011)
        assert heard.video[0].timestamp_ms == int(TEN * 1000)
        assert abs((heard.audio[0].timestamp_ms or 0) - TEN * 1000) < 1000  # sound of the same time
        assert side.result(_control(1)) == 0
        line = side.unit.lines[1, "playback", 0]
        assert line.paused
        assert side.result(_control(5, time="2025-06-02 10:07:00")) == 0
        await until(lambda: len(_shown(heard)) > 5 and _shown(heard)[-1] >= 420)
        assert side.result(_control(3, 5)) == 0
        await until(lambda: _shown(heard)[-1] >= 424)
        assert heard.video[-1].data_type == 0  # key pictures alone at sixteen times
        assert side.result(_control(0)) == 0
        assert side.result(_control(2)) == 0
        await until(lambda: heard.closed)
        assert side.result(_control(1)) == 1


async def test_the_connection_ends_with_the_recording(until: Until) -> None:
    async with truckside() as (side, server):
        side.result(_play(server, start_time="2025-06-02 10:00:00", end_time="2025-06-02 10:00:01"))
        await until(lambda: bool(server.heard) and server.heard[0].closed)
        assert len(server.heard[0].pictures) == 13  # 12.5 a second
        assert side.unit.lines == {}


async def test_playback_runs_beside_the_live_picture_and_is_answered_in_both_ways(until: Until) -> None:
    from test_video_unit import _ask

    async with truckside(gear=VideoGear(lists_on_playback=True, relative=True)) as (side, server):
        assert side.result(_ask(server)) == 0
        assert _listed(side, _play(server)).count == 1  # half an hour of the sub-stream
        assert _listed(side, _play(server, channel=2, stream_type=1)).count == 2  # and pieces of ten minutes
        await until(lambda: len(server.heard) == 3 and all(heard.pictures for heard in server.heard))
        assert all(heard.video[0].timestamp_ms == 0 for heard in server.heard)
        assert _listed(side, _play(server, channel=7)).count == 0
    async with truckside() as (side, server):
        assert side.result(_play(server, start_time="2025-06-03 00:00:00", end_time="2025-06-03 01:00:00")) == 1
        assert side.result(_play(server, playback_mode=7)) == 3
        assert server.heard == []


def test_a_piece_as_a_file_is_as_long_as_the_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_file, "PICTURES_MAX", 50)
    data = film("粤B1", PIECE, TEN, TEN + 600)
    assert len(data) == PIECE.size
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.duration == 600_000_000
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    first, last = read_code(pictures[0]), read_code(pictures[-1])
    assert first is not None
    assert last is not None
    assert first.centiseconds == int(TEN * 100) % 2**32
    assert (last.centiseconds - first.centiseconds) / 100 == pytest.approx(588)  # 49 of 50 steps
    with pytest.raises(ValueError, match="another time"):
        film("粤B1", PIECE, TEN - 60, TEN)


class Store:
    """A real FTP server that keeps what it gets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "task7").mkdir()
        authorizer = DummyAuthorizer()
        authorizer.add_user("u", "p", str(folder), perm="elradfmw")
        handler = type(
            "Handler", (FTPHandler,), {"authorizer": authorizer, "use_sendfile": False, "auth_failed_timeout": 0}
        )
        self.server = FTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.address[1]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            self.server.serve_forever(timeout=0.02, blocking=False)
        self.server.close_all()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "task7").iterdir()}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(file_uploads, "AGAIN_S", (0.01, 0.02))
    monkeypatch.setattr(file_uploads, "BLOCK", 1024)
    monkeypatch.setattr(film_file, "PICTURES_MAX", 40)
    server = Store(tmp_path)
    yield server
    server.stop()


def _upload(store: Store, conditions: int = 7, **how: Any) -> UploadFiles:
    values = {
        "server": "127.0.0.1", "port": store.port, "user": "u", "password": "p", "path": "/task7", "channel": 1,
        "start_time": "2025-06-02 10:09:50", "end_time": "2025-06-02 10:10:20", "alarm": 0, "media_type": 0,
        "stream_type": 1, "storage_type": 1, "conditions": conditions, **how,
    }  # fmt: skip
    return UploadFiles(**values)


def _told(side: Truckside) -> list[tuple[int, int]]:
    """Serial and result of each 0x1206."""
    frames = side.whole(side.terminal.commands.due(NOON))
    found = [UploadFinished.decode(f.body, side.truck.edition) for f in frames if f.header.message_id == 0x1206]
    return [(each.reply_serial, each.result) for each in found]


@pytest.mark.parametrize("fault", ["", "uploads_break"])
async def test_a_range_is_uploaded_file_by_file(until: Until, store: Store, fault: str) -> None:
    """A range over two pieces gives two files; a broken line is taken up where the server has stopped."""
    async with truckside(fault=fault) as (side, _):
        side.unit.uploads.rate = 0
        assert side.result(_upload(store)) == 0
        serial = side.serial
        task = side.unit.uploads.tasks[serial]
        await until(lambda: task.state == "done")
        await asyncio.gather(*side.tasks)
        whole = Recordings(side.truck, (1,)).found(Wanted(1, TEN, TEN + 1200, storage=1), NOON)
        for piece, (start, end) in zip(whole, [(590, 600), (600, 620)], strict=True):
            name = f"{side.truck.phone}_01_{_digits(piece.start_s)}_{_digits(piece.end_s)}.mp4"
            assert store.files[name] == film(side.truck.plate, piece, TEN + start, TEN + end)
        assert len(store.files) == 2
        assert _told(side) == [(serial, 0)]
        assert task.breaks == 0  # all the breaks that were to come came


def _digits(at_s: float) -> str:
    return "".join(character for character in device_time(at_s) if character.isdigit())


async def test_an_upload_can_be_held_continued_and_cancelled(until: Until, store: Store) -> None:
    async with truckside() as (side, _):
        uploads = side.unit.uploads
        uploads.rate = 400_000
        side.result(_upload(store))
        task = uploads.tasks[side.serial]
        serial = side.serial
        await until(lambda: task.sent > 0)
        assert side.result(UploadControl(reply_serial=serial, control=0)) == 0
        assert task.state == "paused"
        uploads.rate = 0
        assert side.result(UploadControl(reply_serial=serial, control=1)) == 0
        await until(lambda: task.state == "done")
        assert side.result(UploadControl(reply_serial=serial, control=2)) == 1  # it is over
        uploads.rate = 20_000
        side.result(_upload(store, channel=2))
        other = uploads.tasks[side.serial]
        await until(lambda: other.sent > 0)
        assert side.result(UploadControl(reply_serial=60_000, control=2)) == 1  # a serial that nobody knows
        assert side.result(UploadControl(reply_serial=other.serial, control=2)) == 0
        await asyncio.gather(*side.tasks)
        assert other.state == "cancelled"
        assert _told(side) == [(serial, 0)]


async def test_without_leave_for_the_mobile_network_it_waits_for_a_depot(until: Until, store: Store) -> None:
    async with truckside() as (side, _):
        side.unit.uploads.rate, side.unit.uploads.depot_s = 0, (0.2, 0.2)
        side.result(_upload(store, conditions=1))
        task = side.unit.uploads.tasks[side.serial]
        assert task.state == "waiting"
        await until(lambda: task.state == "done")


async def test_what_cannot_be_uploaded_is_reported_as_failed(until: Until, store: Store) -> None:
    async with truckside() as (side, _):
        assert side.result(_upload(store, password="wrong")) == 0
        first = side.serial
        assert side.result(_upload(store, start_time="2025-06-03 10:00:00", end_time="2025-06-03 10:10:00")) == 0
        second = side.serial
        assert side.result(_upload(store, end_time="2025-06-02 10:09:50")) == 0  # no time at all
        await asyncio.gather(*side.tasks)
        assert sorted(_told(side)) == [(first, 1), (second, 1), (second + 1, 1)]
    async with truckside(fault="upload_end_untold") as (side, _):
        side.unit.uploads.rate = 0
        side.result(_upload(store))
        await asyncio.gather(*side.tasks)
        assert side.unit.uploads.tasks[side.serial].state == "done"
        assert _told(side) == []


def test_answers_are_the_declared_messages() -> None:
    side = Truckside(FLEET[0])
    (answer,) = side.say(_control(1))
    assert TerminalReply.decode(answer.body, side.truck.edition).result == 1
