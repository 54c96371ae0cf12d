"""A truck that is asked for pictures: JT/T 1078 orders over the 808 link, lines of its own to the media server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_ear import MediaEar, decoded
from truckside import FLEET, Truckside, truckside

from luwei.protocol.jt808.messages.general import TerminalReply
from luwei.protocol.jt808.messages.ptz import Focus, InfraredLight, Rotate, Zoom
from luwei.protocol.jt808.messages.video import (
    LiveControl,
    LiveRequest,
    LiveStatus,
    QueryVideoAttributes,
    VideoAttributes,
)
from luwei.protocol.jt1078.writing import PacketWriter
from luwei.simulator.looking import Turned, seen
from luwei.simulator.media_faults import BY_NAME, GOOD, MEDIA_FAULTS, STEADY, fault_of
from luwei.simulator.scene import read_code
from luwei.simulator.service import simulate
from luwei.simulator.tones import AUDIO_WAYS
from luwei.simulator.truth import Truth
from luwei.simulator.video_gear import gear_of
from luwei.simulator.video_unit import VIDEO_IDS

Until = Callable[..., Awaitable[None]]
SIDE = Truckside(FLEET[3])


def _ask(server: MediaEar, channel: int = 1, data_type: int = 1, stream: int = 1, udp: bool = False) -> LiveRequest:
    return LiveRequest(
        server_ip="127.0.0.1", tcp_port=0 if udp else server.tcp_port, udp_port=server.udp_port if udp else 0,
        channel=channel, data_type=data_type, stream_type=stream,
    )  # fmt: skip


def _control(channel: int, command: int, close_av: int = 0, stream: int = 0) -> LiveControl:
    return LiveControl(channel=channel, command=command, close_av=close_av, switch_stream=stream)


async def test_it_tells_what_it_has() -> None:
    """0x1003 as reference §4.1; the channels of parameter 0x0076 are as many."""
    for truck in FLEET[:60]:
        side = Truckside(truck)
        (answer,) = side.say(QueryVideoAttributes())
        assert answer.header.message_id == 0x1003
        told = VideoAttributes.decode(answer.body, truck.edition)
        way = AUDIO_WAYS[side.unit.gear.sound]
        assert told.audio_codec == way.payload_type
        assert told.video_codec == {"h264": 98, "h265": 99}[side.unit.gear.codec]
        value = side.terminal.parameters.values[0x0076]
        assert (value[0], len(value)) == (told.max_video_channels, 3 + 4 * told.max_video_channels)  # §4.14
        assert told.max_video_channels == len(side.unit.gear.channels)
        assert (told.audio_sample_rate, told.audio_output) == (0, 1)


async def test_pictures_come_where_the_order_says_and_end_when_told(until: Until) -> None:
    async with truckside() as (side, server):
        assert side.result(_ask(server)) == 0
        await until(lambda: bool(server.heard) and len(server.heard[0].pictures) >= 3)
        (heard,) = server.heard
        assert heard.packets[0].sim == side.truck.phone
        assert heard.packets[0].channel == 1
        assert heard.audio == []
        assert all(read_code(picture) for picture in decoded(heard.video))
        assert side.result(_control(1, 0)) == 0
        await until(lambda: heard.closed)
        assert side.unit.lines == {}


async def test_several_channels_stream_at_once_by_tcp_and_udp(until: Until) -> None:
    async with truckside() as (side, server):
        for channel in (1, 2, 3, 4):
            assert side.result(_ask(server, channel, data_type=0, udp=channel % 2 == 0)) == 0
        await until(lambda: len(server.heard) == 4 and all(h.pictures and h.audio for h in server.heard))
        assert {heard.packets[0].channel for heard in server.heard} == {1, 2, 3, 4}
        assert {heard.transport is None for heard in server.heard} == {True, False}


async def test_main_and_sub_stream_differ_in_size_and_can_be_switched(until: Until) -> None:
    async with truckside() as (side, server):
        side.result(_ask(server, 2, stream=1))
        await until(lambda: bool(server.heard) and bool(server.heard[0].pictures))
        track = server.heard[0].track
        assert track.format is not None
        assert track.format.width == 352
        assert side.result(_control(2, 1, stream=0)) == 0
        await until(lambda: track.format is not None and track.format.width == 1280)


async def test_pause_resume_and_closing_of_one_kind(until: Until) -> None:
    async with truckside() as (side, server):
        side.result(_ask(server, data_type=0))
        await until(lambda: bool(server.heard) and bool(server.heard[0].pictures))
        line = side.unit.lines[1, "live", 0]
        assert side.result(_control(1, 2)) == 0
        assert line.paused
        assert side.result(_control(1, 3)) == 0
        assert not line.paused
        assert side.result(_control(1, 0, close_av=1)) == 0
        assert line.sound is None
        assert line.end is None
        assert side.result(_control(1, 0, close_av=2)) == 0
        await until(lambda: server.heard[0].closed)
        assert side.result(_control(1, 2)) == 1  # nothing runs any more


async def test_what_it_does_not_have_is_refused() -> None:
    async with truckside() as (side, server):
        assert side.result(_ask(server, channel=9)) == 1
        assert side.result(_ask(server, data_type=5)) == 3
        nowhere = LiveRequest(server_ip="127.0.0.1", tcp_port=0, udp_port=0, channel=1, data_type=1, stream_type=1)
        assert side.result(nowhere) == 3
        assert side.result(_control(1, 9)) == 2
        assert server.heard == []


async def test_a_new_request_replaces_the_old_line(until: Until) -> None:
    async with truckside() as (side, server):
        side.result(_ask(server))
        await until(lambda: bool(server.heard) and bool(server.heard[0].pictures))
        side.result(_ask(server))
        await until(lambda: len(server.heard) == 2 and server.heard[0].closed and bool(server.heard[1].pictures))
        assert list(side.unit.lines) == [(1, "live", 0)]


async def test_talk_goes_both_ways_and_comes_back_as_an_echo(until: Until) -> None:
    async with truckside() as (side, server):
        assert side.result(_ask(server, 33, data_type=2)) == 0
        await until(lambda: bool(server.heard) and len(server.heard[0].audio) >= 3)
        (heard,) = server.heard
        assert heard.transport is not None
        writer = PacketWriter(heard.packets[0].sim_raw, 33)
        said = [bytes([0x55 + n]) * 320 for n in range(5)]
        for number, block in enumerate(said):
            heard.transport.write(b"".join(writer.audio(block, 6, 40 * number)))
        await until(lambda: all(block in [frame.body for frame in heard.audio] for block in said))
        assert side.result(_ask(server, 33, data_type=3)) == 1  # it cannot listen meanwhile
        assert side.result(_control(33, 4)) == 0
        await until(lambda: heard.closed)


async def test_listening_is_sound_alone_and_a_broadcast_one_block(until: Until) -> None:
    async with truckside() as (side, server):
        side.result(_ask(server, 1, data_type=3))
        await until(lambda: bool(server.heard) and len(server.heard[0].audio) >= 3)
        side.result(_control(1, 0))
        side.result(_ask(server, 1, data_type=4))
        await until(lambda: len(server.heard) == 2 and server.heard[1].octets > 320)
        server.heard[1].settle()
        assert len(server.heard[1].audio) == 1
        line = side.unit.lines[1, "broadcast", 0]
        transport = server.heard[1].transport
        assert transport is not None
        writer = PacketWriter(server.heard[1].packets[0].sim_raw, 1)
        transport.write(b"".join(writer.audio(bytes(320), 6, 0)))
        await until(lambda: line.sound is not None and getattr(line.sound, "played", 0) == 1)
        assert len(server.heard[1].audio) == 1
        assert server.heard[0].video == []


async def test_losses_make_it_send_less() -> None:
    async with truckside() as (side, server):
        side.result(_ask(server))
        assert side.say(LiveStatus(channel=1, loss_percent=12)) == []
        line: Any = side.unit.lines[1, "live", 0]
        assert line.video.quality.kbps == 90
        side.say(LiveStatus(channel=1, loss_percent=0))
        assert line.video.quality.kbps == 180


async def test_cameras_remember_where_they_were_turned() -> None:
    async with truckside() as (side, _):
        assert side.result(Rotate(channel=4, direction=3, speed=80)) == 0
        assert side.result(Focus(channel=4, value=0)) == 0
        assert side.result(Zoom(channel=4, value=1)) == 0
        assert side.result(Zoom(channel=4, value=1)) == 0
        assert side.result(InfraredLight(channel=4, value=1)) == 0
        camera = side.unit.turned[4]
        assert (camera.direction, camera.speed, camera.focus, camera.zoom) == (3, 80, 1, -2)
        assert (camera.infrared, camera.wiper) == (True, False)
        assert side.result(Rotate(channel=9, direction=1, speed=1)) == 1


def test_a_camera_turns_at_its_speed_until_it_is_stopped_and_its_picture_with_it() -> None:
    camera = Turned()
    camera.turn(4, 255, 1000.0)  # to the right, 60 degrees a second
    camera.go_on(1000.5)
    assert camera.pan_deg == pytest.approx(30)
    camera.turn(1, 51, 1001.0)  # up, 12 degrees a second
    assert camera.pan_deg == pytest.approx(60)
    camera.turn(0, 99, 1002.0)
    camera.go_on(1100.0)
    assert (camera.pan_deg, camera.tilt_deg, camera.speed) == (pytest.approx(60), pytest.approx(12), 0)
    camera.turn(3, 255, 1100.0)
    camera.go_on(1200.0)
    assert camera.pan_deg == -170  # no further
    picture = np.arange(48 * 64 * 3 // 2, dtype=np.uint32).astype(np.uint8).reshape(72, 64)
    turned = seen(picture, (64, 48), Turned(pan_deg=45.0), 0.0)  # half a picture to the right
    assert (turned[:48] == np.roll(picture[:48], -32, axis=1)).all()
    assert (seen(picture, (64, 48), Turned(infrared=True), 0.0)[48:] == 128).all()
    assert (seen(picture, (64, 48), Turned(zoom=4), 0.0)[:48] != picture[:48]).any()
    assert Turned().home and not camera.home


@pytest.mark.parametrize(("name", "answers"), [("no_answer", []), ("refused", [1]), ("never_connects", [0])])
async def test_some_never_stream(name: str, answers: list[int]) -> None:
    async with truckside(fault=name) as (side, server):
        frames = side.say(_ask(server))
        assert [TerminalReply.decode(frame.body, side.truck.edition).result for frame in frames] == answers
        assert side.tasks == []
        assert side.unit.lines == {}


async def test_one_comes_with_two_connections(until: Until) -> None:
    async with truckside(fault="two_connections") as (side, server):
        side.result(_ask(server))
        await until(lambda: len(server.heard) == 2 and all(heard.pictures for heard in server.heard))
        side.result(_control(1, 0))
        await until(lambda: all(heard.closed for heard in server.heard))


async def test_one_does_not_stop_and_comes_back_when_it_is_cut(until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luwei.simulator.video_unit.AGAIN_S", 0.1)
    async with truckside(fault="no_stop") as (side, server):
        side.result(_ask(server))
        await until(lambda: bool(server.heard) and bool(server.heard[0].pictures))
        assert side.result(_control(1, 0)) == 0
        first, shown = server.heard[0], len(server.heard[0].pictures)
        await until(lambda: len(first.pictures) > shown + 2)
        assert first.transport is not None
        first.transport.close()
        await until(lambda: len(server.heard) == 2 and bool(server.heard[1].pictures))


async def test_one_comes_unasked_after_its_end(until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "unasked", replace(BY_NAME["unasked"], again_s=(0.05, 0.1)))  # type: ignore[arg-type]
    async with truckside(fault="unasked") as (side, server):
        side.result(_ask(server))
        await until(lambda: bool(server.heard) and bool(server.heard[0].pictures))
        side.result(_control(1, 0))
        await until(lambda: len(server.heard) >= 2 and bool(server.heard[1].pictures))


def test_the_first_trucks_are_plain_and_the_others_have_what_the_road_has() -> None:
    for truck in FLEET[:STEADY]:
        gear = gear_of(truck)
        assert (gear.codec, gear.channels, gear.sim_size) == ("h264", (1, 2, 3, 4), 6)
        assert fault_of(truck.number, truck.vin, 1.0) is GOOD
    gears = [gear_of(truck) for truck in FLEET[STEADY:]]
    assert {gear.codec for gear in gears} == {"h264", "h265"}
    assert {gear.sim_size for gear in gears} == {6, 10}
    assert len({gear.sound for gear in gears}) >= 12
    assert gears == [gear_of(truck) for truck in FLEET[STEADY:]]
    faults = [fault_of(truck.number, truck.vin, 0.5) for truck in FLEET[STEADY:]]
    assert {fault.name for fault in MEDIA_FAULTS} == {fault.name for fault in faults} - {""}


async def test_a_fleet_streams_beside_its_reports(platform: Any, until: Until) -> None:
    """The whole way: the order over the 808 link, the pictures over a connection of their own."""
    truck = FLEET[1]
    stop = asyncio.Event()
    running = asyncio.create_task(
        simulate([truck], "127.0.0.1", platform.port, Truth(None), stop, awake=True, interval_s=0.5)
    )
    await until(lambda: 0x0102 in platform.ids(truck.phone))
    async with MediaEar() as server:
        platform.send(truck.phone, 0x9101, _ask(server, 2, data_type=0).encode(truck.edition))
        await until(lambda: bool(server.heard) and len(server.heard[0].pictures) >= 3)
        stop.set()
        await running
        await until(lambda: server.heard[0].closed)


class _Order:
    """An order as it may come from anybody."""

    def __init__(self, message_id: int, body: bytes) -> None:
        self.id, self._body = message_id, body

    def encode(self, edition: int) -> bytes:
        return self._body


@given(message_id=st.sampled_from(sorted(VIDEO_IDS)), body=st.binary(max_size=90))
@settings(max_examples=300, deadline=None)
def test_no_order_disturbs_the_terminal(message_id: int, body: bytes) -> None:
    """Whatever stands in it: answered, or not, and nothing more."""
    SIDE.take_apart(_Order(message_id, body))
    assert len(SIDE.unit.lines) <= 8


async def test_an_address_that_is_none_ends_the_line() -> None:
    async with truckside() as (side, _):
        order = LiveRequest(server_ip="x" * 80 + "..", tcp_port=9, udp_port=0, channel=1, data_type=1, stream_type=1)
        assert side.result(order) == 0
        await asyncio.gather(*side.tasks)
        assert side.unit.lines == {}
