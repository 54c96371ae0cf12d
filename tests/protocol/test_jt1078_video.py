"""Pictures: codec, parameter sets and key pictures from the data (reference §2.1, §2.2, §7), and their times (§2.3)."""

from __future__ import annotations

from typing import Any

import pytest
from captured_frames import lines
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import (
    H265_IDR,
    H265_PPS,
    H265_SLICE,
    H265_SPS,
    H265_VPS,
    IDR,
    PPS,
    SEI,
    SIM,
    SLICE,
    SPS,
    annex_b,
    dump,
    packets_of,
)

from luwei.protocol.jt1078.frames import Frame, FrameAssembler, StreamKey
from luwei.protocol.jt1078.nal import H264, H265, UNITS_MAX, codec_of, split_units
from luwei.protocol.jt1078.packet import B_FRAME, I_FRAME, P_FRAME
from luwei.protocol.jt1078.sequence import picture_format
from luwei.protocol.jt1078.timeline import Timeline
from luwei.protocol.jt1078.video import (
    B_FRAMES,
    BAD_SETS,
    NO_UNITS,
    REORDERED,
    SETS_MAX,
    TOO_MANY_UNITS,
    WRONG_KIND,
    WRONG_PAYLOAD_TYPE,
    VideoTrack,
)

KEY_FRAME = annex_b(SPS, PPS, SEI, IDR)
# key frames, pictures: one of each I-frame and P-frame of the dumps, all decodable
DUMPED = {
    "dump-smallchi_1": (1, 1),
    "dump-smallchi_2": (6, 270),
    "dump-smallchi_4": (37, 931),
    "dump-gojt808_video": (2, 101),
    "dump-gojt808_1078": (2, 102),
}


def frame(
    body: bytes, data_type: int = I_FRAME, payload_type: int = 98, after_loss: bool = False, stamp: int = 0
) -> Frame:
    return Frame(StreamKey(SIM, 1, "video"), payload_type, data_type, stamp, 0, 40, body, 1, after_loss)


def began(*bodies: bytes) -> VideoTrack:
    track = VideoTrack()
    for body in bodies:
        track.take(frame(body))
    return track


@pytest.mark.parametrize("record", lines("jt1078_dumps.jsonl"))
def test_every_frame_of_a_captured_stream_is_a_picture_of_h264(record: dict[str, Any]) -> None:
    track = VideoTrack()
    frames = [entry for entry in FrameAssembler().take(packets_of(dump(record)), 0) if entry.key.kind == "video"]
    pictures = [picture for entry in frames if (picture := track.take(entry)) is not None]
    assert (track.codec, track.key_pictures, len(pictures)) == (H264, *DUMPED[record["id"]])
    assert [picture.key for picture in pictures] == [entry.data_type == I_FRAME for entry in frames]
    assert (track.held_back, dict(track.faults)) == (0, {})
    assert pictures[0].changed


def test_the_captured_key_frame_holds_sps_pps_sei_and_idr() -> None:
    record = next(entry.values[0] for entry in lines("jt1078_dumps.jsonl"))
    if record is None:
        pytest.skip("jt1078_dumps.jsonl is not beside the repository")
    [entry] = FrameAssembler().take(packets_of(dump(record)), 0)
    units = split_units(entry.body)
    assert units is not None
    assert [unit[0] & 0x1F for unit in units] == [7, 8, 6, 5]
    assert units[1].hex() == "68ee3c80"


def test_units_are_cut_at_start_codes_of_three_and_four_octets() -> None:
    assert split_units(b"junk\x00\x00\x01\x67a\x00\x00\x00\x01\x68b\x00\x00\x00") == [b"\x67a", b"\x68b"]
    assert split_units(b"no start code") == []
    assert split_units(b"\x00\x00\x01" * 5) == []


@pytest.mark.parametrize(
    ("units", "codec"),
    [
        ([SPS], H264),
        ([b"\x47\x42"], H264),
        ([b"\x27\x42"], H264),
        ([SEI, SPS], H264),
        ([b"\x09\x10", SPS], H264),
        ([H265_VPS], H265),
        ([H265_SPS], H265),
        ([b"\x46\x01\x50", H265_VPS], H265),
        ([SLICE], None),
        ([PPS, IDR], None),
        ([H265_IDR], None),
    ],
)
def test_the_parameter_sets_tell_the_codec(units: list[bytes], codec: str | None) -> None:
    assert codec_of(units) == codec


def test_h265_under_payload_type_98_is_seen_and_noted() -> None:
    track = VideoTrack()
    picture = track.take(frame(annex_b(H265_VPS, H265_SPS, H265_PPS, H265_IDR)))
    assert picture is not None
    assert (track.codec, picture.key, picture.units) == (H265, True, (H265_IDR,))
    assert picture.configuration.sets == ((H265_VPS,), (H265_SPS,), (H265_PPS,))
    assert track.faults[WRONG_PAYLOAD_TYPE] == 1
    after = track.take(frame(annex_b(H265_SLICE), P_FRAME))
    assert after is not None
    assert not after.key


@pytest.mark.parametrize(("kind", "key"), [(15, False), (16, True), (19, True), (21, True), (22, False), (1, False)])
def test_key_pictures_of_h265_are_types_16_to_21(kind: int, key: bool) -> None:
    track = began(annex_b(H265_VPS, H265_SPS, H265_PPS, H265_IDR))
    picture = track.take(frame(annex_b(bytes((kind << 1, 1, 0xAF)))))
    assert picture is not None
    assert picture.key is key


def test_nothing_is_shown_before_a_key_picture_with_parameter_sets() -> None:
    track = VideoTrack()
    assert track.take(frame(annex_b(SLICE), P_FRAME)) is None
    assert track.take(frame(annex_b(IDR))) is None
    assert track.take(frame(annex_b(SPS, PPS, SLICE))) is None
    assert track.held_back == 3
    assert track.take(frame(KEY_FRAME)) is not None


def test_parameter_sets_in_frames_of_their_own_are_configuration_not_pictures() -> None:
    track = VideoTrack()
    assert track.take(frame(annex_b(SPS), P_FRAME)) is None
    assert track.take(frame(annex_b(PPS, SEI), P_FRAME)) is None
    assert (track.held_back, track.pictures) == (0, 0)
    picture = track.take(frame(annex_b(IDR)))
    assert picture is not None
    assert picture.configuration.sets == ((SPS,), (PPS,))


def test_an_i_frame_without_parameter_sets_uses_those_kept() -> None:
    track = began(KEY_FRAME)
    picture = track.take(frame(annex_b(IDR)))
    assert picture is not None
    assert (picture.key, picture.changed, picture.configuration.sets) == (True, False, ((SPS,), (PPS,)))


def test_an_idr_picture_that_is_marked_p_is_a_key_picture() -> None:
    track = VideoTrack()
    picture = track.take(frame(KEY_FRAME, P_FRAME))
    assert picture is not None
    assert picture.key
    assert track.faults[WRONG_KIND] == 1


def test_an_i_frame_without_an_idr_unit_is_no_key_picture() -> None:
    picture = began(KEY_FRAME).take(frame(annex_b(SLICE), I_FRAME))
    assert picture is not None
    assert not picture.key


def test_all_slices_of_a_frame_are_one_picture_without_delimiters_and_filler() -> None:
    body = annex_b(b"\x09\x10", SPS, PPS, SEI, IDR, IDR + b"2", b"\x0c\xff\xff\x80")
    picture = VideoTrack().take(frame(body))
    assert picture is not None
    assert picture.units == (SEI, IDR, IDR + b"2")


def test_new_parameter_sets_in_mid_stream_start_anew_at_their_key_picture() -> None:
    track = began(KEY_FRAME)
    other = SPS[:-1] + b"\x91"
    assert track.take(frame(annex_b(other, PPS), P_FRAME)) is None
    assert track.take(frame(annex_b(SLICE), P_FRAME)) is None
    picture = track.take(frame(annex_b(IDR)))
    assert picture is not None
    assert (picture.changed, picture.configuration.sets[0]) == (True, (other,))
    again = track.take(frame(annex_b(other, PPS, IDR)))
    assert again is not None
    assert not again.changed


def test_a_change_of_codec_in_mid_stream_forgets_the_old_parameter_sets() -> None:
    track = began(KEY_FRAME)
    assert track.take(frame(annex_b(H265_VPS, H265_SPS, H265_IDR), payload_type=99)) is None
    picture = track.take(frame(annex_b(H265_PPS, H265_IDR), payload_type=99))
    assert picture is not None
    assert (picture.changed, picture.configuration.codec) == (True, H265)


def test_after_a_loss_pictures_wait_for_the_next_key_picture() -> None:
    track = began(KEY_FRAME)
    assert track.take(frame(annex_b(SLICE), P_FRAME, after_loss=True)) is None
    assert track.take(frame(annex_b(SLICE), P_FRAME)) is None
    assert track.take(frame(annex_b(IDR))) is not None
    assert track.take(frame(annex_b(SLICE), P_FRAME)) is not None
    assert track.take(frame(annex_b(IDR), after_loss=True)) is not None


def test_b_frames_pass_and_are_noted() -> None:
    track = began(KEY_FRAME)
    assert track.take(frame(annex_b(SLICE), B_FRAME)) is not None
    assert track.faults[B_FRAMES] == 1


def test_an_unknown_codec_is_held_back() -> None:
    track = began(annex_b(b"\xb0\x20\x10", b"\xb6\x01"))
    assert (track.codec, track.held_back) == (None, 1)


def test_malformed_frames_are_faults() -> None:
    track = began(KEY_FRAME, b"\x00\x00\x00\x07abcdefg", annex_b(*[SLICE] * (UNITS_MAX + 1)))
    assert (track.faults[NO_UNITS], track.faults[TOO_MANY_UNITS]) == (1, 1)
    track = began(annex_b(*[SPS + bytes((n,)) for n in range(1, SETS_MAX + 2)], PPS), annex_b(b"\x67" + b"1" * 5000))
    assert (track.faults[BAD_SETS], track.configuration) == (2, None)


# sequence parameter sets of a recorder and of the encoders x264 and x265, with what these were told to encode: 352x280,
# no B-frames, or up to three with a pyramid, which is a reordering of two
X264_B = bytes.fromhex("6764000dacd9416097e584000003000400000300c83c50a658")
X264 = bytes.fromhex("6742c00dda05825f961000000300100000030320f142aa")
X265_B = bytes.fromhex("42010101600000030090000003000003003ca00b080487cb965654a4c2e68080000003008000000c84")
X265 = bytes.fromhex("42010101600000030090000003000003003ca00b080487cb96e92930b9a02000000300200000030321")


@pytest.mark.parametrize(
    ("codec", "sps", "size", "profile", "level", "reorder"),
    [
        (H264, SPS, (352, 288), 77, 20, None),
        (H264, bytes.fromhex("6764001eacb2016824dff802000168800001f480005dc0078b1724"), (720, 576), 100, 30, 0),
        (H264, X264, (352, 280), 66, 13, 0),
        (H264, X264_B, (352, 280), 100, 13, 2),
        (H265, X265, (352, 280), 1, 60, 0),
        (H265, X265_B, (352, 280), 1, 60, 2),
    ],
)
def test_the_sequence_parameter_set_tells_size_profile_and_order(
    codec: str, sps: bytes, size: tuple[int, int], profile: int, level: int, reorder: int | None
) -> None:
    found = picture_format(codec, sps)
    assert found is not None
    assert ((found.width, found.height), found.profile, found.level, found.reorder) == (size, profile, level, reorder)


@given(codec=st.sampled_from([H264, H265]), sps=st.binary(max_size=80) | st.sampled_from([X264_B[:9], X265_B[:20]]))
@settings(max_examples=60, deadline=None)
def test_a_broken_sequence_parameter_set_is_no_format_or_one_of_a_possible_size(codec: str, sps: bytes) -> None:
    found = picture_format(codec, sps)
    assert found is None or (0 < found.width <= 16_384 and 0 < found.height <= 16_384)


def test_a_sequence_that_may_be_reordered_is_passed_on_and_noted() -> None:
    track = VideoTrack()
    assert track.take(frame(annex_b(X264_B, PPS, IDR))) is not None
    assert (track.faults[REORDERED], track.format and track.format.height) == (1, 280)


def test_a_sudden_change_of_resolution_shows_in_the_format() -> None:
    track = began(KEY_FRAME)
    assert track.format is not None
    assert (track.format.width, track.format.height) == (352, 288)
    picture = track.take(frame(annex_b(X264, PPS, IDR)))
    assert picture is not None
    assert (picture.changed, track.format.width, track.format.height) == (True, 352, 280)


UNIT = st.sampled_from([SPS, PPS, SEI, IDR, SLICE, H265_VPS, H265_SPS, H265_PPS, H265_IDR, H265_SLICE])


@given(
    bodies=st.lists(
        st.tuples(st.lists(UNIT | st.binary(max_size=9), max_size=5).map(lambda units: annex_b(*units)), st.booleans()),
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_frames_give_pictures_that_begin_with_a_key_picture(bodies: list[tuple[bytes, bool]]) -> None:
    track = VideoTrack()
    pictures = [track.take(frame(body, after_loss=loss)) for body, loss in bodies if body]
    shown = [picture for picture in pictures if picture is not None]
    assert all(picture.units for picture in shown)
    assert all(picture.key for picture in shown[:1])
    assert all(picture.key for picture in shown if picture.changed)


def placed(stamps: list[int], interval: int = 0) -> list[int]:
    line = Timeline()
    return [line.place_video(stamp, interval) for stamp in stamps]


@pytest.mark.parametrize("base", [0, 1_566_919_211_506])
def test_relative_and_absolute_timestamps_give_the_same_times(base: int) -> None:
    assert placed([base, base + 160, base + 280]) == [0, 160, 280]


def test_constant_timestamps_go_on_by_the_last_frame_interval() -> None:
    assert placed([0, 0, 0], 66) == [0, 66, 132]


@pytest.mark.parametrize("interval", [0, 65_535, 1001])
def test_intervals_of_0_and_65535_do_not_count_and_40_ms_stand_in(interval: int) -> None:
    assert placed([0, 0, 0], interval) == [0, 40, 80]


def test_the_average_step_stands_in_once_it_is_known() -> None:
    times = placed([n * 100 for n in range(60)] + [5900] * 2)
    assert [times[60] - times[59], times[61] - times[60]] == [100, 100]


def test_a_clock_that_is_set_back_or_forward_does_not_move_the_times() -> None:
    assert placed([90_000, 90_040, 1_000, 1_040, 900_000, 900_040], 40) == [0, 40, 80, 120, 160, 200]


def test_a_32_bit_timestamp_wraps_unseen() -> None:
    assert placed([2**32 - 60, 2**32 - 20, 20, 60], 40) == [0, 40, 80, 120]


def test_a_step_of_5_s_is_kept_and_a_greater_one_is_not() -> None:
    assert placed([0, 5000, 10_001], 40) == [0, 5000, 5040]


def test_audio_and_video_share_a_line_while_they_are_close() -> None:
    line = Timeline()
    assert line.place_video(100_000, 40) == 0
    assert line.place_audio(100_015, 20) == 15
    assert line.place_video(100_040, 40) == 40


def test_audio_far_from_the_video_begins_where_the_video_is() -> None:
    line = Timeline()
    line.place_video(100_000, 40)
    line.place_video(101_000, 40)
    assert [line.place_audio(5, 20), line.place_audio(25, 20)] == [1000, 1020]


def test_audio_joins_the_video_again_after_both_clocks_were_set() -> None:
    line = Timeline()
    line.place_video(100_000, 40)
    line.place_audio(100_010, 20)
    assert line.place_video(700_000, 40) == 40
    assert line.place_audio(700_030, 20) == 70


@given(stamps=st.lists(st.tuples(st.booleans(), st.integers(0, 2**64 - 1) | st.integers(0, 9000)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_times_rise_strictly_whatever_the_timestamps(stamps: list[tuple[bool, int]]) -> None:
    line = Timeline()
    times: dict[bool, list[int]] = {True: [], False: []}
    for video, stamp in stamps:
        times[video].append(line.place_video(stamp, 65_535) if video else line.place_audio(stamp, 0))
    for given_times in times.values():
        assert given_times == sorted(set(given_times))
        assert all(time >= 0 for time in given_times)
