"""What was recorded as fragments becomes a standard MP4 with the same pictures and sound, wherever it broke off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from luwei.evidence import remux
from luwei.media import fmp4
from luwei.media.output import Fragments, Placed
from luwei.protocol.jt1078.frames import VIDEO_KIND, Frame, StreamKey
from luwei.protocol.jt1078.video import VideoTrack
from luwei.simulator.streams import record
from luwei.video.record_file import RecordFile, cut_torn, span_of

STEP_MS, START_MS = 40, 7_000
"""A later part of a recording does not begin at 0."""
RATE, SAMPLES = 8_000, 1_024
HEAD = 6
"""Record head and track octet before a fragment."""


def pictures(codec: str, seconds: float = 2.0) -> tuple[bytes, list[bytes], int]:
    """Init segment, fragments and number of pictures of a simulated camera."""
    track, fragments, made = VideoTrack(), Fragments(), []
    units = record(codec=codec, seconds=seconds).units
    key = StreamKey(b"\x01", 1, VIDEO_KIND)
    for number, unit in enumerate(units):
        frame = Frame(key, 98, 0, number * STEP_MS, None, STEP_MS, unit.data, 1, False)
        picture = track.take(frame)
        assert picture is not None
        if done := fragments.add(Placed(START_MS + number * STEP_MS, picture)):
            made.append(done[0][HEAD:])
    if last := fragments.flush():
        made.append(last[0][HEAD:])
    assert track.configuration is not None
    return fmp4.video_init(track.configuration, track.format), made, len(units)


def sound(seconds: float = 2.0) -> tuple[bytes, list[bytes]]:
    """Init segment and fragments of a tone on the same time line."""
    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "fltp"
    made = []
    for number in range(round(seconds * RATE / SAMPLES)):
        wave = np.sin(np.arange(SAMPLES) / 5).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, number * SAMPLES
        for packet in encoder.encode(frame):
            at = START_MS * RATE // 1000 + (packet.pts or 0)
            made.append(fmp4.fragment(number, at, [fmp4.Sample(bytes(packet), SAMPLES, True)]))
    return fmp4.audio_init(RATE), made


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_picture_and_the_sound_are_in_the_mp4_whose_index_is_in_front(codec: str, tmp_path: Path) -> None:
    init, fragments, count = pictures(codec)
    spans = [span_of(each) for each in fragments]
    assert span_of(init) is None and None not in spans
    assert sum(span.samples for span in spans if span) == count
    assert spans[0] is not None and spans[0].start == START_MS and spans[0].key
    heard_init, heard = sound()
    file = RecordFile(tmp_path, 3, 1)
    file.write(init + b"".join(fragments), heard_init + b"".join(heard))
    file.close()
    outs = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for out in outs:
        found = remux.remux(str(file.video), str(file.sound), str(out))
        assert found["pictures"] == count and found["sound"]
        assert count * STEP_MS <= found["duration_ms"] <= count * STEP_MS + 500
    data = outs[0].read_bytes()
    assert hashlib.sha256(data).digest() == hashlib.sha256(outs[1].read_bytes()).digest()
    assert 0 < data.find(b"moov") < data.find(b"mdat") and b"moof" not in data
    assert (b"hvc1" if codec == "h265" else b"avc1") in data
    with av.open(str(outs[0])) as container:
        first = next(packet for packet in container.demux(video=0) if packet.size)
        assert first.is_keyframe and first.pts == 0
    with av.open(str(outs[0])) as container:
        assert len(list(container.decode(video=0))) == count
    with av.open(str(outs[0])) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > RATE


def test_what_a_crash_tore_is_cut_off_and_the_rest_is_whole(tmp_path: Path) -> None:
    init, fragments, _ = pictures("h264", 1.0)
    whole = init + b"".join(fragments[:-1])
    kept = sum(span.samples for each in fragments[:-1] if (span := span_of(each)))
    for torn in (b"", fragments[-1][:5], fragments[-1][:-1], bytes(4096), b"garbage that is no box"):
        path = tmp_path / "1-1.video"
        path.write_bytes(whole + torn)
        assert cut_torn(path) == (len(whole), kept)
        assert remux.remux(str(path), None, str(tmp_path / "out.mp4"))["pictures"] == kept
    path.write_bytes(init)
    assert cut_torn(path) == (0, 0)
    assert cut_torn(tmp_path / "absent") == (0, 0)


def test_what_holds_no_picture_says_so_and_unreadable_sound_costs_no_picture(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"no MP4 at all")
    out = str(tmp_path / "out.mp4")
    assert "cause" in remux.work({"video": str(nothing), "sound": None, "out": out})
    init, fragments, count = pictures("h264", 1.0)
    video = tmp_path / "2-1.video"
    video.write_bytes(init + b"".join(fragments))
    found = remux.work({"video": str(video), "sound": str(nothing), "out": out})
    assert (found["pictures"], found["sound"]) == (count, False)
