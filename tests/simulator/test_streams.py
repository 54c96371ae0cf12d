"""Streams of simulated cameras: packets by JT/T 1078, pictures that decode, sounds that are the tone."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from media_ear import Heard, MediaEar, decoded
from numpy.typing import NDArray

from luwei.protocol.jt1078.audio_blocks import audio_specific_config, split_adts, split_hisilicon
from luwei.protocol.jt1078.nal import H264, H265, RULES, split_units
from luwei.protocol.jt1078.packet import ATOMIC, AUDIO, FIRST, I_FRAME, LAST, MIDDLE, P_FRAME, Packet
from luwei.simulator import streams
from luwei.simulator.encoding import MAIN, SUB, Quality, VideoEncoder
from luwei.simulator.media_faults import BY_NAME
from luwei.simulator.media_line import Address, MediaLine, stream_to
from luwei.simulator.scene import Scene, read_code
from luwei.simulator.tones import AUDIO_WAYS, blocks, ima_blocks, tone_hz

PHONE = "14400000017"
Until = Callable[..., Awaitable[None]]


@pytest.mark.parametrize("codec", [H264, H265])
@pytest.mark.parametrize("channel", [1, 2, 8, 10])
def test_a_clip_decodes_to_the_drawn_pictures(codec: str, channel: int) -> None:
    clip = streams.record(channel=channel, codec=codec, seconds=2.2, start_s=1_735_704_000.0)
    context: Any = av.CodecContext.create({H264: "h264", H265: "hevc"}[codec], "r")
    pictures = [p for unit in clip.units for p in context.decode(av.Packet(unit.data))] + context.decode(None)
    assert len(pictures) == len(clip.units) == 28  # 2.2 s of 12.5 pictures a second
    for number, picture in enumerate(pictures):
        code = read_code(picture.to_ndarray(format="gray"))
        assert code is not None
        assert code.centiseconds == (173_570_400_000 + 8 * number) % 2**32
        assert code.channel == channel


@pytest.mark.parametrize("codec", [H264, H265])
def test_a_key_picture_comes_every_two_seconds_with_its_parameter_sets(codec: str) -> None:
    clip = streams.record(codec=codec, seconds=4.2)
    assert [n for n, unit in enumerate(clip.units) if unit.key] == [0, 25, 50]
    rules = RULES[codec]
    for unit in clip.units:
        types = [rules.type_of(each) for each in split_units(unit.data) or []]
        assert any(kind in rules.key for kind in types) == unit.key
        assert (set(rules.sets) <= set(types)) == unit.key


def test_streams_are_as_small_as_a_mobile_line_wants_them() -> None:
    sub, main = streams.record(seconds=4.2), streams.record(stream="main", seconds=2.2, channel=2)
    assert 50 <= sum(len(unit.data) for unit in sub.units) * 8 / sub.seconds / 1000 <= 250
    assert 200 <= sum(len(unit.data) for unit in main.units) * 8 / main.seconds / 1000 <= 1500
    assert (sub.quality.size, main.quality.size) == ((352, 288), (1280, 720))


def test_the_scene_moves_with_the_truck_and_stands_with_it() -> None:
    scene = Scene("粤B12345", 2, SUB.size, 1_735_704_000.0)
    road = slice(200, 270)
    first, same, moved = (
        scene.planes(1_735_704_000.0 + at_s, speed)[road].copy() for at_s, speed in ((0, 0), (0.1, 0), (0.2, 80))
    )
    assert np.array_equal(first[:, 100:], same[:, 100:])
    assert not np.array_equal(same[:, 100:], moved[:, 100:])


def test_the_live_picture_shows_what_the_driver_does() -> None:
    doing = [""]
    camera = streams.CameraStream("粤B1", 1, speed=lambda: 0.0, doing=lambda: doing[0])
    scenes = []
    for each in ("", "phone", "fatigue"):
        doing[0] = each
        camera.next(1_735_704_000.0)
        assert camera._seen is not None
        scenes.append(camera._seen[2].planes(1_735_704_000.0))
    assert not any(np.array_equal(a, b) for a, b in pairwise(scenes))


def test_unknown_codecs_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="codec"):
        VideoEncoder("av1", SUB)
    with pytest.raises(ValueError, match="stream"):
        streams.CameraStream("粤B12345", 1, "third")


async def test_packets_keep_to_the_standard(until: Until) -> None:
    """§1.1: at most 950 octets, sub-package marks, one serial for all, intervals and stamps of the frames."""
    async with MediaEar() as server:
        line = MediaLine(
            Address("127.0.0.1", server.tcp_port), PHONE, 3,
            video=streams.record(seconds=4.2).play(), sound=streams.Sound("g711a"),
        )  # fmt: skip
        running = asyncio.create_task(line.run())
        await until(lambda: bool(server.heard) and len(server.heard[0].video) >= 30)
        line.stop()
        assert await running == "closed"
        (heard,) = server.heard
        assert heard.slips == 0
        assert [packet.serial for packet in heard.packets] == list(range(len(heard.packets)))
        for packet in heard.packets:
            assert packet.sim_raw == bytes.fromhex("014400000017")
            assert packet.channel == 3
            assert 1 <= len(packet.body) <= 950
            assert packet.payload_type == (6 if packet.data_type == AUDIO else 98)
            assert packet.marker == (packet.subpackage in (ATOMIC, LAST))
            assert packet.subpackage in (ATOMIC, LAST) or len(packet.body) == 950
        key = [packet for packet in heard.packets if packet.data_type == I_FRAME]
        size = len(streams.record(seconds=4.2).units[0].data)
        marks = [packet.subpackage for packet in key[: -(-size // 950)]]
        assert marks == [FIRST, *[MIDDLE] * (len(marks) - 2), LAST]
        _intervals_fit(heard)
        assert [frame.data_type for frame in heard.video[:27]] == [I_FRAME, *[P_FRAME] * 24, I_FRAME, P_FRAME]
        steps = [(b.timestamp_ms or 0) - (a.timestamp_ms or 0) for a, b in pairwise(heard.audio)]
        assert set(steps) <= {39, 40, 41}
        assert all(len(frame.body) == 320 for frame in heard.audio)


def _intervals_fit(heard: Heard) -> None:
    key_ms = before_ms = heard.video[0].timestamp_ms or 0
    assert (heard.video[0].i_interval_ms, heard.video[0].frame_interval_ms) == (0, 0)
    for frame in heard.video[1:]:
        assert frame.timestamp_ms is not None
        assert frame.frame_interval_ms == frame.timestamp_ms - before_ms
        assert frame.i_interval_ms == frame.timestamp_ms - key_ms
        before_ms = frame.timestamp_ms
        key_ms = before_ms if frame.data_type == I_FRAME else key_ms


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize("sim_size", [6, 10])
async def test_a_live_stream_shows_the_present(until: Until, udp: bool, sim_size: int) -> None:
    """What is decoded carries the moment at which it was sent: the pictures are filmed, not played."""
    async with MediaEar() as server:
        port = server.udp_port if udp else server.tcp_port
        task = asyncio.create_task(stream_to("127.0.0.1", port, PHONE, 1, udp=udp, sim_size=sim_size))
        await until(lambda: bool(server.heard) and len(server.heard[0].pictures) >= 5)
        (heard,) = server.heard
        pictures = decoded(heard.video)
        for picture, frame in zip(pictures, heard.video, strict=False):
            code = read_code(picture)
            assert code is not None
            assert frame.timestamp_ms is not None
            assert abs(code.centiseconds - frame.timestamp_ms // 10 % 2**32) <= 1
        assert heard.packets[0].sim_raw == bytes.fromhex(PHONE.rjust(2 * sim_size, "0"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_line_ends_when_the_other_side_closes(until: Until) -> None:
    async with MediaEar() as server:
        line = MediaLine(Address("127.0.0.1", server.tcp_port), PHONE, 1, video=streams.record(seconds=4.2).play())
        running = asyncio.create_task(line.run())
        await until(lambda: bool(server.heard) and len(server.heard[0].video) >= 2)
        transport = server.heard[0].transport
        assert transport is not None
        transport.close()
        assert await asyncio.wait_for(running, 40) == "lost"
    refused = MediaLine(Address("127.0.0.1", server.tcp_port), PHONE, 1, video=streams.record(seconds=4.2).play())
    assert await refused.run() == "unreachable"


async def test_a_paused_line_is_silent_and_goes_on_with_a_key_picture(until: Until) -> None:
    async with MediaEar() as server:
        line = MediaLine(Address("127.0.0.1", server.tcp_port), PHONE, 1, video=streams.CameraStream("粤B1", 1))
        running = asyncio.create_task(line.run())
        await until(lambda: bool(server.heard) and len(server.heard[0].video) >= 3)
        heard = server.heard[0]
        line.pause(True)
        before = line.sent.pictures
        await asyncio.sleep(0.3)
        assert line.sent.pictures == before
        line.pause(False)
        await until(lambda: len(heard.video) > before)
        assert heard.video[before].data_type == I_FRAME
        line.stop()
        await running


async def test_the_stream_can_be_switched_while_it_runs(until: Until) -> None:
    async with MediaEar() as server:
        camera = streams.CameraStream("粤B1", 2)
        line = MediaLine(Address("127.0.0.1", server.tcp_port), PHONE, 2, video=camera)
        running = asyncio.create_task(line.run())
        await until(lambda: bool(server.heard) and len(server.heard[0].pictures) >= 3)
        track = server.heard[0].track
        assert track.format is not None
        assert (track.format.width, track.format.height) == SUB.size
        camera.switch("main")
        await until(lambda: track.format is not None and track.format.width == MAIN.width)
        assert server.heard[0].pictures[-1].key
        line.stop()
        await running


@pytest.mark.parametrize(
    "name", ["stuck_timestamps", "zero_timestamps", "intervals_65535", "merged_packets", "constant_serial",
             "parameter_sets_apart", "no_key_frame", "no_data", "lost_packets", "h265_as_98", "video_type_on_audio",
             "resolution_change"],
)  # fmt: skip
async def test_a_fault_is_what_its_name_says(until: Until, name: str) -> None:
    fault = BY_NAME[name]
    video: streams.VideoSource = streams.record(seconds=2.2, codec=fault.codec or H264).play()
    if fault.resize:
        # key pictures in quick succession
        video = streams.CameraStream("粤B1", 1, quality=Quality(352, 288, 25, 180, 2))
    async with MediaEar() as server:
        line = MediaLine(
            Address("127.0.0.1", server.tcp_port), PHONE, 1, video=video, sound=streams.Sound("g711a"), fault=fault
        )
        running = asyncio.create_task(line.run())
        await until(lambda: bool(server.heard) and (not fault.speaks or len(server.heard[0].video) >= 8))
        heard = server.heard[0]
        checks: dict[str, Callable[[], bool]] = {
            "stuck_timestamps": lambda: {frame.timestamp_ms for frame in heard.frames} == {1000},
            "zero_timestamps": lambda: {frame.timestamp_ms for frame in heard.frames} == {0},
            "intervals_65535": lambda: {f.i_interval_ms for f in heard.video} == {65535},
            "merged_packets": lambda: heard.slips == 0 and heard.track.pictures >= 8,
            "constant_serial": lambda: {packet.serial for packet in heard.packets} == {0},
            "parameter_sets_apart": lambda: (
                len(split_units(heard.video[0].body) or []) == 2 and heard.track.key_pictures == 1
            ),
            "no_key_frame": lambda: heard.track.pictures == 0 and len(heard.audio) > 0,
            "no_data": lambda: heard.octets == 0,
            "lost_packets": lambda: line.sent.packets > 0 and heard.assembler.serials.lost > 0,
            "h265_as_98": lambda: heard.track.codec == H265 and heard.packets[0].payload_type in (98, 6),
            "video_type_on_audio": lambda: {frame.payload_type for frame in heard.audio} == {98},
            "resolution_change": lambda: heard.track.format is not None and heard.track.format.width == 640,
        }
        await until(checks[name])
        line.stop()
        await running


def _heard_tone(way: str, made: tuple[bytes, ...]) -> NDArray[np.float64]:
    """Decoded by the library, apart from IMA, whose nibbles it takes the other way round."""
    chosen = AUDIO_WAYS[way]
    raw = [piece for block in made for piece in (split_hisilicon(block) if chosen.hisilicon else (block,)) or ()]
    if chosen.encoder.startswith("g726"):
        options = {"code_size": str(chosen.bit_rate // 8000), "sample_rate": "8000"}
        with av.open(io.BytesIO(b"".join(raw)), format=chosen.encoder, options=options) as container:
            return np.concatenate([f.to_ndarray().astype(float).ravel() for f in container.decode(audio=0)])
    names = {"": "adpcm_ima_wav", "aac": "aac", "libopencore_amrnb": "libopencore_amrnb"}
    context: Any = av.CodecContext.create(names.get(chosen.encoder, chosen.encoder), "r")
    context.sample_rate, context.layout = 8000, "mono"
    if chosen.encoder == "aac":
        context.extradata = audio_specific_config(8000, 1)
        raw = [f for b in raw for f in (_frames(b) if chosen.container else (b,))] * 2
    out = [f.to_ndarray().astype(float).ravel() for piece in raw for f in context.decode(av.Packet(piece))]
    return np.concatenate(out)[-8000 if chosen.encoder == "aac" else 0 :]


def _frames(block: bytes) -> tuple[bytes, ...]:
    found = split_adts(block)
    assert found is not None
    return found.frames


@pytest.mark.parametrize("way", [name for name in AUDIO_WAYS if not name.startswith("adpcm")])
def test_the_sound_of_a_truck_is_its_tone(way: str) -> None:
    """Truck 10 hums at 300 + 10 × 40 = 700 Hz; a decoder that is not ours hears it."""
    assert tone_hz(10) == 700
    samples = _heard_tone(way, blocks(way, 700))
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    assert spectrum.argmax() * 8000 / len(samples) == pytest.approx(700, abs=4)
    assert spectrum.max() / spectrum.sum() > 0.6  # a window of Hann leaves two thirds in the highest line


def test_ima_blocks_decode_alone_to_the_tone() -> None:
    samples = (7000 * np.sin(2 * np.pi * 700 / 8000 * np.arange(8000))).astype(np.int16)
    made = ima_blocks(samples, 320)
    assert {len(block) for block in made} == {164}
    assert made[0][:4] == bytes(4)  # predictor 0, step index 0
    # the library takes low halves first, and tells the predictor as a sample of its own
    blocks_of = [block[:4] + bytes((octet >> 4 | octet << 4) & 0xFF for octet in block[4:]) for block in made]
    for number in (3, 20):
        heard = _ima_wav(blocks_of[number])[1:]
        assert np.abs(heard - samples[320 * number : 320 * number + 320]).max() < 700


def _ima_wav(block: bytes) -> NDArray[np.float64]:
    """One block through the library, as a WAV file of IMA ADPCM (format 0x11)."""
    form = struct.pack("<HHIIHHHH", 0x11, 1, 8000, 4092, len(block), 4, 2, 2 * (len(block) - 4) + 1)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(block)) + block
    with av.open(io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)) as container:
        return np.concatenate([f.to_ndarray().astype(float).ravel() for f in container.decode(audio=0)])


def test_a_talk_echoes_only_what_comes_in_its_own_form() -> None:
    talk = streams.Talk("g711a_hisilicon", 440)
    packet = _down(6, bytes((0, 1, 160, 0)) + bytes(320))
    talk.hear(packet)
    talk.hear(packet._replace(payload_type=7))
    talk.hear(packet._replace(body=bytes(320)))
    assert (talk.played, talk.refused) == (1, 2)
    assert talk.next() == packet.body
    assert talk.next() != packet.body


def _down(payload_type: int, body: bytes) -> Packet:
    return Packet(payload_type, 0, bytes(6), 1, AUDIO, ATOMIC, 0, None, None, body, 1)


def test_a_clip_can_be_packetised_for_many() -> None:
    clip = streams.record(seconds=2.2)
    made = streams.packetise(clip, PHONE, 1, start_ms=1000)
    heard = Heard()
    heard.feed(b"".join(data for _, data in made))
    assert len(made) == heard.track.pictures == 28
    assert [due_s for due_s, _ in made][:3] == pytest.approx([0, 0.08, 0.16])
    _intervals_fit(heard)
