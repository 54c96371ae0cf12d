"""Fragmented MP4: every picture that goes in is read back, whatever reads it."""

from __future__ import annotations

import io
import json
import struct
from fractions import Fraction
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_harness import VECTORS, capture

from luwei.media import fmp4
from luwei.media.output import PAUSE_MS, Fragments, Placed, VideoClock
from luwei.protocol.jt1078.frames import VIDEO_KIND, FrameAssembler
from luwei.protocol.jt1078.stream import PacketReader
from luwei.protocol.jt1078.timeline import Timeline
from luwei.protocol.jt1078.video import Picture, VideoTrack

DUMPS = [json.loads(line) for line in (VECTORS / "jt1078_dumps.jsonl").read_text(encoding="utf-8").splitlines()]
HEAD = 6
"""Record head and track octet before a fragment."""


def pictures_of(raw: bytes) -> tuple[VideoTrack, list[Placed]]:
    """Pictures of a captured stream on the time line that viewers get."""
    reader, assembler, track, timeline = PacketReader(), FrameAssembler(), VideoTrack(), Timeline()
    placed = []
    for frame in assembler.take(reader.feed(raw), 0):
        if frame.key.kind == VIDEO_KIND and (picture := track.take(frame)) is not None:
            at = timeline.place_video(picture.timestamp_ms or 0, picture.frame_interval_ms)
            placed.append(Placed(at, picture))
    return track, placed


def file_of(track: VideoTrack, placed: list[Placed]) -> bytes:
    """What a viewer from the beginning gets, as one file."""
    assert track.configuration is not None
    fragments, parts = Fragments(), [fmp4.video_init(track.configuration, track.format)]
    for each in placed:
        if done := fragments.add(each):
            parts.append(done[0][HEAD:])
    if last := fragments.flush():
        parts.append(last[0][HEAD:])
    return b"".join(parts)


def read_back(data: bytes, form: str = "mp4") -> list[Any]:
    with av.open(io.BytesIO(data), format=form) as container:
        return list(container.decode(video=0))


def by_the_library(track: VideoTrack, placed: list[Placed], form: str, options: dict[str, str]) -> int:
    """Pictures read back from the library's own muxer, which gets the same access units."""
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=options) as container:
        stream: Any = container.add_stream("h264", rate=25)
        stream.width, stream.height = (track.format.width, track.format.height) if track.format else (352, 288)
        stream.time_base = Fraction(1, 1000)
        for each in placed:
            sets = [unit for units in each.picture.configuration.sets for unit in units] if each.picture.key else []
            data = b"".join(b"\0\0\0\1" + unit for unit in (*sets, *each.picture.units))
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = each.at_ms
            packet.is_keyframe = each.picture.key
            container.mux(packet)
    return len(read_back(out.getvalue(), form))


@pytest.mark.parametrize("record", DUMPS, ids=[each["id"] for each in DUMPS])
def test_every_picture_of_a_captured_stream_is_read_back_from_the_fragments(record: dict[str, Any]) -> None:
    track, placed = pictures_of(capture(record["file"].removesuffix(".bin.gz")))
    assert len(read_back(file_of(track, placed))) == len(placed) > 0


def placed_clip(clip: list[tuple[bytes, bool]], times: list[int]) -> tuple[VideoTrack, list[Placed]]:
    from luwei.protocol.jt1078.frames import Frame, StreamKey

    track, placed = VideoTrack(), []
    for (data, key), at in zip(clip, times, strict=True):
        frame = Frame(StreamKey(b"", 1, VIDEO_KIND), 98, 0 if key else 1, at, 0, 0, data, 1, False)
        picture = track.take(frame)
        assert picture is not None
        placed.append(Placed(at, picture))
    return track, placed


def test_h265_is_read_back_too(h265_clip: list[tuple[bytes, bool]]) -> None:
    track, placed = placed_clip(h265_clip, [n * 80 for n in range(len(h265_clip))])
    assert len(read_back(file_of(track, placed))) == len(h265_clip)


def test_what_is_sent_before_the_end_lacks_no_more_than_the_fragment_under_way(clip: list[tuple[bytes, bool]]) -> None:
    """The library's muxer keeps back all behind the last key picture until the file is closed: a live stream has no
    end."""
    track, placed = placed_clip(clip, [n * 40 for n in range(len(clip))])
    assert track.configuration is not None
    fragments, parts = Fragments(), [fmp4.video_init(track.configuration, track.format)]
    parts += [done[0][HEAD:] for each in placed if (done := fragments.add(each))]
    assert len(clip) - len(read_back(b"".join(parts))) == len(fragments.pending) <= 3


def test_equal_timestamps_lose_no_picture(clip: list[tuple[bytes, bool]]) -> None:
    timeline = Timeline()
    times = [timeline.place_video(0, 0) for _ in clip]
    track, placed = placed_clip(clip, times)
    assert len(read_back(file_of(track, placed))) == len(clip)


def boxes(data: bytes, *path: bytes) -> list[bytes]:
    """Payloads of the boxes at ``path``."""
    found, at = [], 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == path[0]:
            body = data[at + 8 : at + size]
            found += boxes(body, *path[1:]) if len(path) > 1 else [body]
        at += size
    return found


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), min_size=1, max_size=40))
def test_fragments_follow_each_other_without_gap_or_overlap(steps: list[tuple[int, bool]]) -> None:
    """A player takes a picture that begins later than twice the length of the one before for a break."""
    at, placed = 0, []
    for step, key in [(0, True), *steps]:
        at += step
        placed.append(Placed(at, Picture((b"\x65abc",), key, None, False, None, None)))  # type: ignore[arg-type]
    fragments = Fragments()
    records = [done[0] for each in placed if (done := fragments.add(each))]
    last = fragments.flush()
    assert last is not None
    due, count = 0, 0
    for each in [*records, last[0]]:
        body = each[HEAD:]
        (head,) = boxes(body, b"moof", b"traf", b"tfdt")
        (run,) = boxes(body, b"moof", b"traf", b"trun")
        (samples,) = struct.unpack_from(">I", run, 4)
        durations = [struct.unpack_from(">III", run, 12 + 12 * n) for n in range(samples)]
        assert int.from_bytes(head[4:], "big") == due
        assert all(duration > 0 and size == 8 for duration, size, _ in durations)
        assert len(durations) == 1 or sum(duration for duration, _, _ in durations[:-1]) < 100
        due += sum(duration for duration, _, _ in durations)
        count += samples
    assert count == len(placed)
    assert due == at + PAUSE_MS


def test_a_pause_is_closed_up_and_a_late_picture_in_time_moves_nothing() -> None:
    clock = VideoClock()
    assert [clock.place(at) for at in (0, 40, 80)] == [0, 40, 80]
    clock.paused(80 + PAUSE_MS)
    assert clock.place(120) == 120  # it was only late on the line
    clock.paused(120 + PAUSE_MS)
    assert clock.place(4120) == 620  # the terminal sent nothing for 4 s
    assert clock.place(4160) == 660


@pytest.mark.parametrize(
    ("sets", "name"),
    [
        ((("h264"), ((bytes.fromhex("674d0014"),), (b"\x68",))), "avc1.4D0014"),
        ((("h264"), ((bytes.fromhex("6742c01e"),), (b"\x68",))), "avc1.42C01E"),
        # ISO/IEC 14496-15 E.3: profile Main, compatible with 1 and 2, main tier, level 3.1, progressive and frame only
        (
            ("h265", ((b"\x40\x01",), (bytes.fromhex("420101016000000300b0000003000003005d"),), (b"\x44\x01",))),
            "hvc1.1.6.L93.B0",
        ),
        (
            ("h265", ((b"\x40\x01",), (bytes.fromhex("42010102200000030090000003000003007b"),), (b"\x44\x01",))),
            "hvc1.2.4.L123.90",
        ),
    ],
)
def test_the_codec_is_named_as_browsers_ask_for_it(sets: Any, name: str) -> None:
    from luwei.protocol.jt1078.video import Configuration

    assert fmp4.codec_string(Configuration(*sets)) == name


def test_the_audio_init_segment_carries_the_configuration_of_raw_aac() -> None:
    init = fmp4.audio_init(8000)
    assert b"\x15\x88" in init  # AAC-LC, 8 kHz, mono (14496-3 §1.6.2.1)
    (entry,) = boxes(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    assert entry[12:16] == b"mp4a"
