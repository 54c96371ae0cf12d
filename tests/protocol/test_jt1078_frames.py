"""From packets to frames, and the counting of what is missing (reference §1.4, §1.5, §7)."""

from __future__ import annotations

import pytest
from media_streams import LONG_SIM, SIM, packets_of, small_stream

from luwei.protocol.jt1078.frames import (
    CROWDED,
    EXPIRED,
    FRAME_MAX,
    GAP,
    MISMATCH,
    OPEN_OCTETS_MAX,
    SLIPPED,
    STRAY,
    TOO_LONG,
    UNFINISHED,
    Frame,
    FrameAssembler,
)
from luwei.protocol.jt1078.packet import ATOMIC, AUDIO, FIRST, I_FRAME, LAST, MIDDLE, P_FRAME, PASSTHROUGH, Packet
from luwei.protocol.jt1078.serials import OFF, SEPARATE, SHARED, STREAMS_MAX, Reordering, SerialCheck
from luwei.protocol.jt1078.stream import Slip


def packet(
    serial: int,
    subpackage: int = ATOMIC,
    data_type: int = P_FRAME,
    body: bytes = b"x",
    stamp: int = 40,
    channel: int = 1,
    marker: int = 0,
) -> Packet:
    timed = None if data_type == PASSTHROUGH else stamp
    interval = 0 if data_type <= 2 else None
    return Packet(98, serial & 0xFFFF, SIM, channel, data_type, subpackage, timed, interval, interval, body, marker)


def bodies(assembler: FrameAssembler, packets: list[Packet]) -> list[bytes]:
    return [frame.body for frame in assembler.take(packets, 0)]


def test_first_middle_and_last_are_one_frame_whatever_m_says() -> None:
    for markers in ((0, 0, 0), (1, 1, 1)):
        parts = zip((FIRST, MIDDLE, LAST), (b"a", b"b", b"c"), markers, strict=True)
        packets = [packet(n, sub, body=body, marker=m) for n, (sub, body, m) in enumerate(parts)]
        [frame] = FrameAssembler().take(packets, 0)
        assert (frame.body, frame.packets, frame.timestamp_ms, frame.after_loss) == (b"abc", 3, 40, False)
        assert frame.key == (SIM, 1, "video")


def test_an_atomic_packet_with_m_0_is_a_frame() -> None:
    assert bodies(FrameAssembler(), [packet(0, marker=0)]) == [b"x"]


def test_audio_between_the_packets_of_a_picture_does_not_break_it() -> None:
    packets = [packet(0, FIRST), packet(1, data_type=AUDIO, body=b"s", stamp=7), packet(2, LAST)]
    assert bodies(FrameAssembler(), packets) == [b"s", b"xx"]


def test_the_frames_of_two_channels_do_not_disturb_each_other() -> None:
    packets = [packet(0, FIRST), packet(1, FIRST, channel=2, body=b"y"), packet(2, LAST), packet(3, LAST, channel=2)]
    assert bodies(FrameAssembler(), packets) == [b"xx", b"yx"]


def test_passed_through_data_has_no_time_and_may_be_cut_too() -> None:
    [frame] = FrameAssembler().take([packet(0, FIRST, PASSTHROUGH), packet(1, LAST, PASSTHROUGH)], 0)
    assert (frame.key.kind, frame.body, frame.timestamp_ms) == ("passthrough", b"xx", None)


@pytest.mark.parametrize(
    ("packets", "whole", "reason"),
    [
        ([packet(0, FIRST), packet(1, ATOMIC, body=b"new")], [b"new"], UNFINISHED),
        ([packet(0, FIRST), packet(1, FIRST, body=b"n"), packet(2, LAST, body=b"ew")], [b"new"], UNFINISHED),
        ([packet(0, MIDDLE)], [], STRAY),
        ([packet(0, LAST)], [], STRAY),
        ([packet(0, FIRST), packet(1, MIDDLE, stamp=80)], [], MISMATCH),
        ([packet(0, FIRST), packet(1, LAST, data_type=I_FRAME)], [], MISMATCH),
        ([packet(0, FIRST), packet(2, LAST)], [], GAP),
    ],
    ids=["atomic", "first", "middle", "last", "timestamp", "data_type", "gap"],
)
def test_an_incomplete_frame_is_dropped_and_counted(packets: list[Packet], whole: list[bytes], reason: str) -> None:
    assembler = FrameAssembler()
    assert bodies(assembler, packets) == whole
    assert assembler.dropped[reason] == 1
    [frame] = assembler.take([packet(9000)], 0)
    assert frame.after_loss


def test_the_frame_after_a_loss_says_so_once() -> None:
    frames = FrameAssembler().take([packet(n) for n in (0, 1, 3, 4)], 0)
    assert [frame.after_loss for frame in frames] == [False, False, True, False]


def test_a_loss_between_frames_marks_every_stream_of_a_shared_counter() -> None:
    assembler = FrameAssembler()
    assembler.take([packet(0), packet(1, data_type=AUDIO)], 0)
    frames = assembler.take([packet(3), packet(4, data_type=AUDIO)], 0)
    assert [frame.after_loss for frame in frames] == [True, True]


def test_being_out_of_step_drops_what_is_open() -> None:
    assembler = FrameAssembler()
    assert assembler.take([packet(0, FIRST), Slip(40), packet(1, LAST)], 0) == []
    assert (assembler.dropped[SLIPPED], assembler.dropped[STRAY], assembler.open_octets) == (1, 1, 0)


def test_a_frame_open_for_more_than_2_s_is_dropped() -> None:
    assembler = FrameAssembler()
    assembler.add(packet(0, FIRST), 1000)
    assembler.expire(3000)
    assert assembler.open_octets == 1
    assembler.expire(3001)
    assert (assembler.open_octets, assembler.dropped[EXPIRED]) == (0, 1)
    assembler.add(packet(1, FIRST), 4000)
    assert assembler.add(packet(2, LAST), 6001) is None
    assert assembler.dropped[EXPIRED] == 2


def test_a_packet_without_a_body_counts_for_the_serial_only() -> None:
    assembler = FrameAssembler()
    assert bodies(assembler, [packet(0), packet(1, body=b""), packet(2)]) == [b"x", b"x"]
    assert (assembler.empty, assembler.serials.gaps) == (1, 0)


def test_a_frame_beyond_2_mib_is_dropped() -> None:
    assembler = FrameAssembler()
    body = bytes(65_535)
    assembler.add(packet(0, FIRST, body=body), 0)
    for serial in range(1, 34):
        assembler.add(packet(serial, MIDDLE, body=body), 0)
        assert assembler.open_octets <= FRAME_MAX
    assert assembler.dropped[TOO_LONG] == 1


def test_all_open_frames_of_a_connection_stay_within_their_bound() -> None:
    assembler = FrameAssembler()
    body = bytes(60_000)
    serial = 0
    for channel in range(200):
        for subpackage in (FIRST, MIDDLE, MIDDLE, MIDDLE):
            assembler.add(packet(serial, subpackage, body=body, channel=channel), 0)
            serial += 1
            assert assembler.open_octets <= OPEN_OCTETS_MAX
    assert assembler.dropped[CROWDED] > 100


def test_no_more_streams_are_open_than_the_bound() -> None:
    assembler = FrameAssembler()
    for serial in range(300):
        assembler.add(packet(serial, FIRST, channel=serial % 256)._replace(sim_raw=serial.to_bytes(6, "big")), 0)
    assert assembler.open_octets == STREAMS_MAX


def test_the_small_stream_gives_its_eleven_media_frames_in_either_width() -> None:
    for sim in (SIM, LONG_SIM):
        frames: list[Frame] = FrameAssembler().take(packets_of(b"".join(small_stream(sim))), 0)
        assert [frame.key.kind for frame in frames] == ["video", *["audio", "video"] * 5, "passthrough"]


def check(pairs: list[tuple[int, str]]) -> SerialCheck:
    serials = SerialCheck()
    for serial, stream in pairs:
        serials.add(serial & 0xFFFF, stream)
    return serials


def test_one_counter_over_audio_and_video_is_the_standard() -> None:
    serials = check([(n, "audio" if n % 3 else "video") for n in range(65_500, 65_600)])
    assert (serials.counter, serials.gaps, serials.lost) == (SHARED, 0, 0)


def test_gaps_and_missing_packets_are_counted_over_the_wrap() -> None:
    serials = check([(n, "video") for n in range(65_500, 65_600) if n not in (65_535, 65_536, 65_590)])
    assert (serials.counter, serials.gaps, serials.lost) == (SHARED, 2, 3)


def test_a_connection_may_begin_at_any_serial_and_a_counter_may_start_again() -> None:
    serials = check([(4232 + n, "video") for n in range(60)] + [(n, "video") for n in range(60)])
    assert (serials.gaps, serials.lost) == (1, 0)


def test_separate_counters_of_audio_and_video_are_no_loss() -> None:
    serials = check([pair for n in range(60) for pair in ((n, "video"), (9000 + n, "audio"))])
    assert (serials.counter, serials.gaps) == (SEPARATE, 0)
    assert serials.add(62, "video")
    assert (serials.gaps, serials.lost) == (1, 2)


def test_a_constant_serial_switches_the_count_off() -> None:
    serials = check([(0, "video")] * 60)
    assert (serials.counter, serials.gaps) == (OFF, 0)
    assert not serials.add(500, "video")


def test_serials_without_order_switch_the_count_off_after_fifty_packets() -> None:
    serials = check([(n * 40_503, "video") for n in range(60)])
    assert (serials.counter, serials.gaps, serials.lost) == (OFF, 0, 0)


def test_a_line_that_loses_a_third_still_counts() -> None:
    serials = check([(n, "video") for n in range(120) if n % 3])
    assert (serials.counter, serials.gaps, serials.lost) == (SHARED, 39, 39)


def test_frames_of_a_device_with_a_constant_serial_are_whole() -> None:
    packets = [packet(0, subpackage) for _ in range(40) for subpackage in (FIRST, MIDDLE, LAST)]
    assert bodies(FrameAssembler(), packets) == [b"xxx"] * 40


def test_frames_of_a_device_with_separate_counters_are_whole_from_the_first_on() -> None:
    packets = []
    for n in range(40):
        packets += [packet(2 * n, FIRST), packet(500 + n, data_type=AUDIO, body=b"s"), packet(2 * n + 1, LAST)]
    assert bodies(FrameAssembler(), packets) == [b"s", b"xx"] * 40


def serials_of(packets: list[Packet]) -> list[int]:
    return [entry.serial for entry in packets]


def test_datagrams_are_put_in_order_within_the_window() -> None:
    window = Reordering()
    got = [serials_of(window.add(packet(n), 0)) for n in (65_534, 0, 65_535, 2, 1)]
    assert got == [[65_534], [], [65_535, 0], [], [1, 2]]


def test_a_missing_datagram_is_waited_for_100_ms() -> None:
    window = Reordering()
    window.add(packet(0), 0)
    assert window.add(packet(2), 10) == []
    assert window.due(109) == []
    assert serials_of(window.due(110)) == [2]
    assert (window.add(packet(1), 111), window.late) == ([], 1)


def test_a_window_of_16_packets_is_not_exceeded() -> None:
    window = Reordering()
    window.add(packet(0), 0)
    assert [window.add(packet(n), 0) for n in range(2, 18)] == [[]] * 16
    assert serials_of(window.add(packet(18), 0)) == list(range(2, 19))


def test_a_datagram_that_comes_twice_passes_once() -> None:
    window = Reordering()
    window.add(packet(0), 0)
    window.add(packet(2), 0)
    assert (window.add(packet(2), 0), window.add(packet(0), 0), window.late) == ([], [], 2)


def test_a_counter_that_starts_again_is_followed_after_the_window() -> None:
    window = Reordering(packets=4)
    window.add(packet(60_000), 0)
    got = [entry.serial for n in range(12) for entry in window.add(packet(n), 0)]
    assert got == list(range(12))


def test_a_counter_that_starts_again_far_behind_is_followed_once_the_window_is_full_of_it() -> None:
    window = Reordering(packets=4)
    window.add(packet(20_000), 0)
    window.add(packet(20_002), 0)
    got = [entry.serial for n in range(12) for entry in window.add(packet(n), 0)]
    assert got == [20_002, *range(4, 12)]
    assert window.late == 4
