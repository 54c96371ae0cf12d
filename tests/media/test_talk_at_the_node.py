"""Talk at a media node on real sockets: sound both ways in every way that terminals have, told by its tone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_harness import Harness, Truck, View, until
from test_voice import pitch, tone

from luwei.media import leg
from luwei.media.orders import RECORD, SPOKEN_MAX, AudioHints, Close, Expect, TalkOrder
from luwei.media.samples import listener_of
from luwei.protocol.jt1078.audio import AudioTrack
from luwei.protocol.jt1078.frames import FrameAssembler
from luwei.protocol.jt1078.packet import AUDIO, Packet
from luwei.protocol.jt1078.stream import PacketReader
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.simulator.tones import AUDIO_WAYS, AudioWay, blocks

pytestmark = pytest.mark.asyncio(loop_scope="session")

UP_HZ, DOWN_HZ = 440, 700


@dataclass
class Cab:
    """A terminal's end of a talk."""

    truck: Truck
    phone: str
    way: AudioWay
    sim_size: int = 6
    packets: list[Packet] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    at_ms: float = 0.0

    def __post_init__(self) -> None:
        self._writer = PacketWriter(sim_field(self.phone, self.sim_size), 1)
        self._blocks = blocks(self.way.name, UP_HZ)

    def say(self, count: int) -> None:
        """So many blocks of the terminal's tone."""
        for _ in range(count):
            block = self._blocks[round(self.at_ms / self.way.block_ms) % len(self._blocks)]
            for packet in self._writer.audio(block, self.way.payload_type, round(self.at_ms)):
                self.truck.send(packet)
            self.at_ms += self.way.block_ms

    async def hear(self) -> None:
        """Take what comes down until the connection ends."""
        reader = PacketReader(self.sim_size)
        with contextlib.suppress(ConnectionError):
            while data := await self.truck.reader.read(4096):
                for event in reader.feed(data):
                    assert isinstance(event, Packet)
                    self.packets.append(event)
                    self.times.append(time.monotonic())

    def samples(self, big_endian: bool = False) -> Any:
        """What came down, decoded."""
        assembler, track = FrameAssembler(), AudioTrack()
        decode, found = None, []
        for packet in self.packets:
            frame = assembler.add(packet, 0)
            heard = track.take(frame) if frame is not None else None
            if heard is not None:
                decode = decode or listener_of(heard.format, AudioHints(g726_big_endian=big_endian))
                assert decode is not None
                found += [decode(block) for block in heard.blocks]
        return np.concatenate(found) if found else np.zeros(0)


class Talking:
    """A talk with its cabs."""

    def __init__(self, node: Harness, name: str, kind: str) -> None:
        self.node = node
        self.name = name
        self.kind = kind
        self.cabs: list[Cab] = []
        self.view: View | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def expect(self, phone: str, order: TalkOrder | None = None, **more: Any) -> str:
        made = order or TalkOrder(self.name, self.kind)
        return await self.node.expect(phone, 1, "talk", f"{self.name}-{phone}", talk=made, **more)

    async def cab(self, phone: str, way: str, sim_size: int = 6, order: TalkOrder | None = None, **more: Any) -> Cab:
        await self.expect(phone, order, **more)
        made = Cab(await self.node.truck("talk"), phone, AUDIO_WAYS[way], sim_size)
        self.cabs.append(made)
        self._tasks.append(asyncio.create_task(made.hear()))
        return made

    async def supervisor(self) -> View:
        self.view = await self.node.supervisor(self.name)
        return self.view

    async def speak(self, sound: Any, frame: int = 160) -> None:
        """Speak in real time; what a busy machine kept back is said later, not at once."""
        assert self.view is not None
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(sound), frame):
            self.view.speak(sound[at : at + frame].astype("<i2").tobytes())
            due = max(due, loop.time() - 0.02) + frame / 8000
            await asyncio.sleep(max(0.0, due - loop.time()))

    @property
    def heard(self) -> Any:
        assert self.view is not None
        return np.frombuffer(b"".join(self.view.got.audio), "<i2")

    def leg(self, phone: str) -> leg.Leg:
        found = self.node.node.stream(f"{self.name}-{phone}")
        assert isinstance(found, leg.Leg)
        return found

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def talking(node: Harness, name: str, kind: str = "talk") -> AsyncIterator[Talking]:
    made = Talking(node, name, kind)
    try:
        yield made
    finally:
        await made.stop()


async def test_sound_goes_both_ways_in_every_way_of_terminals(node: Harness) -> None:
    """All at once, as one talk each: the tone of the cab arrives at the supervisor, his at the cab, in the cab's codec,
    block length and wrapper."""
    ways = sorted(AUDIO_WAYS)
    talks: dict[str, Talking] = {}
    for number, way in enumerate(ways):
        made = talks[way] = Talking(node, f"both-{way}", "talk")
        hints = AudioHints(g726_big_endian=way.endswith("_be"))
        await made.cab(f"1390000{number:04}", way, 10 if number % 3 == 0 else 6, audio=hints)
        await made.supervisor()
    try:
        for made in talks.values():
            made.cabs[0].say(round(1_000 / made.cabs[0].way.block_ms))
        for way, made in talks.items():
            await until(lambda made=made: len(made.heard) > 6_500, f"sound of {way}")
            assert abs(pitch(made.heard[1_000:6_500], 8_000) - UP_HZ) < 12, way
        sound = tone(DOWN_HZ, 1.2)
        await asyncio.gather(*(made.speak(sound) for made in talks.values()))
        for way, made in talks.items():
            cab, spec = made.cabs[0], AUDIO_WAYS[way]
            await until(lambda cab=cab, spec=spec: len(cab.packets) * spec.block_ms > 600, f"voice in {way}")
            assert {packet.payload_type for packet in cab.packets} == {spec.payload_type}, way
            assert {packet.data_type for packet in cab.packets} == {AUDIO}
            assert {packet.sim_raw for packet in cab.packets} == {sim_field(cab.phone, cab.sim_size)}
            assert [packet.serial for packet in cab.packets] == list(range(len(cab.packets)))
            wrapped = [packet.body[:2] == bytes((0, 1)) and packet.body[3] == 0 for packet in cab.packets]
            assert all(wrapped) == spec.hisilicon, way
            if spec.fixed:
                assert {len(packet.body) for packet in cab.packets} == {len(blocks(way, UP_HZ)[0])}, way
            samples = cab.samples(way.endswith("_be"))
            assert abs(pitch(samples[1_500:], 8_000) - DOWN_HZ) < 14, way
    finally:
        for made in talks.values():
            await made.stop()


async def test_timestamps_and_pace_of_the_voice_are_those_of_real_time(node: Harness) -> None:
    async with talking(node, "pace") as talk:
        cab = await talk.cab("13900001001", "g711a_20ms")
        await talk.supervisor()
        cab.say(5)
        await until(lambda: len(talk.heard) > 0, "live")
        began = time.monotonic()
        await talk.speak(tone(DOWN_HZ, 0.6), frame=800)  # the network brings 100 ms at a time
        await until(lambda: len(cab.packets) >= 28, "voice")
        stamps = [packet.timestamp_ms for packet in cab.packets]
        assert stamps[:5] == [0, 20, 40, 60, 80]
        assert cab.times[-1] - began >= 0.5  # not in a burst
        # nor in a few: the network's tenths of a second would be six; a busy machine may join some of thirty
        heaps = 1 + sum(after - before > 0.005 for before, after in pairwise(cab.times))
        assert heaps > 8


async def test_what_a_terminal_sends_decides_over_what_it_said(node: Harness) -> None:
    """0x1003 named G.728, which nobody can make; then A-law of 10 ms; it sends µ-law of 40 ms."""
    async with talking(node, "contradiction") as talk:
        cab = await talk.cab("13900001002", "g711u", order=TalkOrder(talk.name, "talk", 4, 80))
        await talk.supervisor()
        assert talk.leg(cab.phone).form is None
        cab.say(12)
        await until(lambda: len(talk.heard) > 0, "live")
        form = talk.leg(cab.phone).form
        assert form is not None and (form.codec, form.payload_type, form.samples) == ("g711u", 7, 320)
        assert not [event for event in node.events if event.what == "unsupported"]


async def test_before_anything_came_up_the_terminal_is_spoken_to_as_it_said(node: Harness) -> None:
    """It waits for the first word (reference §6.3): its line is known by where its 808 connection comes from."""
    async with talking(node, "silent") as talk:
        order = TalkOrder(talk.name, "talk", 8, 120)
        cab = await talk.cab("13900001003", "g726_24_le", order=order, peer="127.0.0.1")
        await talk.supervisor()
        await until(lambda: any(event.what == "connected" for event in node.events), "line taken")
        await talk.speak(tone(DOWN_HZ, 0.5))
        await until(lambda: len(cab.packets) >= 8, "voice")
        packet = cab.packets[0]
        assert (packet.payload_type, packet.sim) == (8, "13900001003")
        assert len(packet.body) in (80, 120, 160)


async def test_one_voice_is_made_once_for_all_terminals_of_a_form(node: Harness) -> None:
    """Five trucks, three codecs: three encoders."""
    async with talking(node, "broadcast", "broadcast") as talk:
        ways = {"g711a": (6, 320), "g711u": (7, 320), "adpcm": (26, 164)}
        for number, way in enumerate(["g711a", "g711a", "g711u", "adpcm", "adpcm"]):
            cab = await talk.cab(f"1390000200{number}", way, order=TalkOrder(talk.name, "broadcast", *ways[way]))
            cab.say(1)  # by which it is recognised
        await talk.supervisor()
        await until(lambda: len({event.stream for event in node.events if event.what == "live"}) == 5, "all live")
        found = node.node.talk(talk.name)
        assert found is not None and sorted(form.codec for form in found._voices) == ["adpcm_ima", "g711a", "g711u"]
        await talk.speak(tone(DOWN_HZ, 0.8))
        for cab in talk.cabs:
            await until(lambda cab=cab: len(cab.packets) >= 17, "broadcast heard")
            assert abs(pitch(cab.samples()[1_500:], 8_000) - DOWN_HZ) < 14
        assert not len(talk.heard)  # nothing comes up


async def test_a_codec_that_cannot_be_made_is_told_by_its_name(node: Harness) -> None:
    async with talking(node, "unmade", "broadcast") as talk:
        await talk.expect("13900003001", TalkOrder(talk.name, "broadcast", 4, 320))
        await until(lambda: [event.detail for event in node.events if event.what == "unsupported"] == ["g728"], "told")
    async with talking(node, "unread", "listen") as talk:
        cab = await talk.cab("13900003002", "g711a")
        writer = PacketWriter(sim_field(cab.phone), 1)
        for number in range(40):
            cab.truck.send(b"".join(writer.audio(bytes(20), 5, number * 20)))
        await until(lambda: any(event.detail == "g729" for event in node.events), "told")


async def test_a_listener_is_not_heard(node: Harness) -> None:
    async with talking(node, "listener", "listen") as talk:
        cab = await talk.cab("13900003003", "g711a")
        await talk.supervisor()
        cab.say(20)
        await until(lambda: len(talk.heard) >= 320 * 18, "cab heard")
        await talk.speak(tone(DOWN_HZ, 0.2))
        cab.say(5)
        await until(lambda: len(talk.heard) >= 320 * 24, "cab heard on")
        assert not cab.packets


async def test_sound_faster_than_real_time_is_not_decoded(node: Harness) -> None:
    async with talking(node, "flood", "listen") as talk:
        cab = await talk.cab("13900003004", "g711a")
        await talk.supervisor()
        cab.say(400)  # 16 s at once
        await until(lambda: talk.leg(cab.phone).ahead_ms > 10_000, "dropped")
        assert talk.leg(cab.phone).heard_ms < 4_000


async def test_a_leg_ends_by_itself_when_its_supervisor_is_gone(node: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(node, "alone") as talk:
        cab = await talk.cab("13900003005", "g711a")
        view = await talk.supervisor()
        cab.say(5)
        await until(lambda: len(talk.heard) > 0, "live")
        monkeypatch.setattr(leg, "ALONE_MS", 300)
        await view.close()
        await until(lambda: any(event.what == "ended" for event in node.events), "ended")
        assert node.node.stream(f"alone-{cab.phone}") is None and node.node.talk("alone") is None


async def test_a_talk_and_a_playback_of_one_channel_are_told_apart_by_their_ports(node: Harness) -> None:
    async with talking(node, "apart") as talk:
        played = await node.expect("13900003006", 1, "playback")
        cab = await talk.cab("13900003006", "g711a")
        await talk.supervisor()
        cab.say(5)
        await until(lambda: len(talk.heard) > 0, "live")
        assert node.state(played).state == "expected"


async def test_an_expectation_without_a_talk_is_refused(node: Harness) -> None:
    assert (await node.ask(Expect("x", "talk", "13900003007", 1, "talk"))).refused == "line"
    order = TalkOrder("x", "talk")
    assert (await node.ask(Expect("x", "live", "13900003007", 1, "live", talk=order))).refused == "line"
    assert (await node.ask(Close("x", "test"))).refused == "unknown_stream"


@given(st.lists(st.binary(max_size=64), max_size=6))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_spoken_never_stops_the_node(node: Harness, parts: list[bytes]) -> None:
    async with talking(node, "fuzz") as talk:
        cab = await talk.cab("13900003008", "g711a")
        view = await talk.supervisor()
        for part in parts:
            view.speak(part)
        cab.say(2)
        await until(lambda: len(talk.heard) > 0, "node lives")
        await node.clear()


async def test_a_record_that_is_too_long_ends_the_line(node: Harness) -> None:
    async with talking(node, "long") as talk:
        await talk.cab("13900003009", "g711a")
        view = await talk.supervisor()
        view._writer.write(RECORD.pack(SPOKEN_MAX + 1, 2))
        await until(lambda: view.got.ended, "closed")
