"""Cutting streams: captured dumps, any cuts, garbage, hostile lengths (reference §1.2, §1.4, §7)."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from captured_frames import lines
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import LONG_SIM, SIM, dump, packets_of, small_stream

from luwei.protocol.jt1078.frames import FRAME_MAX, OPEN_OCTETS_MAX, FrameAssembler
from luwei.protocol.jt1078.packet import AUDIO, BODY_MAX, P_FRAME, VIDEO_TYPES, Packet, encode_packet
from luwei.protocol.jt1078.stream import GARBAGE_MAX, PENDING_MAX, Event, PacketReader, Slip
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

DUMPS = lines("jt1078_dumps.jsonl")
STREAMS = {6: small_stream(SIM), 10: small_stream(LONG_SIM)}


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def read(reader: PacketReader, chunks: list[bytes]) -> list[Event]:
    events = []
    for chunk in chunks:
        events += reader.feed(chunk)
        assert reader.pending <= PENDING_MAX
    return events


@pytest.mark.parametrize("record", DUMPS)
def test_a_captured_stream_has_exactly_the_packets_and_frames_expected(record: dict[str, Any]) -> None:
    data, expect = dump(record), record["expect"]
    assert (len(data), hashlib.sha256(data).hexdigest()) == (expect["bytes"], expect["sha256"])
    reader, assembler = PacketReader(), FrameAssembler()
    packets = packets_of(data, reader)
    frames = assembler.take(packets, 0)
    assert (len(packets), reader.slips, reader.garbage, reader.pending) == (expect["packets"], 0, 0, 0)
    assert sorted({packet.sim_raw.hex() for packet in packets}) == expect["sims"]
    assert sorted({packet.channel for packet in packets}) == expect["channels"]
    for name, want in (
        ("payload_type", "payload_types"),
        ("data_type", "packets_by_data_type"),
        ("subpackage", "packets_by_subpackage"),
    ):
        assert Counter(str(getattr(packet, name)) for packet in packets) == expect[want]
    assert Counter(str(frame.data_type) for frame in frames) == expect["frames_by_data_type"]
    assert assembler.dropped.total() == expect["incomplete_subpackage_runs"]
    assert assembler.serials.gaps == expect["sequence_gaps"]
    stamps = [packet.timestamp_ms for packet in packets]
    assert (stamps[0], stamps[-1]) == (expect["first_timestamp"], expect["last_timestamp"])
    assert max(len(packet.body) for packet in packets) == expect["max_body_length"]
    video = b"".join(frame.body for frame in frames if frame.data_type in VIDEO_TYPES)
    assert len(video) == expect["video_payload_bytes"]
    assert hashlib.sha256(video).hexdigest() == expect["video_payload_sha256"]
    assert b"".join(map(encode_packet, packets)) == data


@pytest.mark.parametrize("record", DUMPS)
@pytest.mark.parametrize("size", [7, 1460, 4096])
def test_a_captured_stream_reads_alike_in_reads_of_any_size(record: dict[str, Any], size: int) -> None:
    data = dump(record)[:100_000]
    whole = PacketReader().feed(data)
    assert read(PacketReader(), [data[at : at + size] for at in range(0, len(data), size)]) == whole
    assert len(whole) > 7


@given(width=st.sampled_from([6, 10]), cuts=st.lists(st.integers(0, 9000), max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_cuts_give_the_same_packets(width: int, cuts: list[int]) -> None:
    sent = STREAMS[width]
    reader = PacketReader()
    got = [event for event in read(reader, pieces(b"".join(sent), cuts)) if isinstance(event, Packet)]
    assert [encode_packet(packet) for packet in got] == sent
    assert (reader.sim_size, reader.slips, reader.garbage) == (width, 0, 0)


@pytest.mark.parametrize("width", [6, 10])
def test_a_stream_may_come_octet_by_octet(width: int) -> None:
    data = b"".join(STREAMS[width])
    events = read(PacketReader(), [data[at : at + 1] for at in range(len(data))])
    assert [encode_packet(event) for event in events if isinstance(event, Packet)] == STREAMS[width]


def test_a_packet_in_step_is_passed_on_before_the_next_one_comes() -> None:
    reader = PacketReader()
    first, second, third = STREAMS[6][:3]
    assert reader.feed(first) == []
    assert len(reader.feed(second)) == 2
    assert len(reader.feed(third)) == 1


@pytest.mark.parametrize("width", [6, 10])
def test_a_lone_first_packet_decides_by_its_length_after_a_second(width: int) -> None:
    reader = PacketReader()
    assert reader.feed(STREAMS[width][5]) == []
    assert [encode_packet(event) for event in reader.settle() if isinstance(event, Packet)] == [STREAMS[width][5]]
    assert (reader.sim_size, reader.pending) == (width, 0)
    assert len(reader.feed(STREAMS[width][6])) == 1


def test_half_a_packet_goes_on_waiting_after_a_second() -> None:
    reader = PacketReader()
    reader.feed(STREAMS[6][0][:500])
    assert (reader.settle(), reader.sim_size) == ([], None)
    assert len(reader.feed(STREAMS[6][0][500:] + STREAMS[6][1])) == 2


def test_the_width_is_decided_anew_only_when_two_packets_in_a_row_prove_it() -> None:
    reader = PacketReader()
    reader.feed(b"".join(STREAMS[6]))
    events = reader.feed(STREAMS[10][0] + STREAMS[10][1])
    assert (events, reader.sim_size) == ([], 6)
    events = reader.feed(STREAMS[10][2])
    assert [type(event) for event in events] == [Slip, Packet, Packet, Packet]
    assert (reader.sim_size, reader.widths, reader.slips) == (10, 1, 1)


def test_a_width_that_was_set_is_not_decided_anew() -> None:
    reader = PacketReader(6)
    reader.feed(b"".join(STREAMS[6]))
    reader.feed(b"".join(STREAMS[10]))
    assert (reader.sim_size, reader.widths) == (6, 0)


def test_garbage_between_packets_costs_the_packet_before_it_at_most() -> None:
    sent = STREAMS[6]
    reader = PacketReader()
    events = reader.feed(b"".join(sent[:5]) + b"GET / HTTP/1.1\r\n\r\n" + b"".join(sent[5:]))
    got = [encode_packet(event) for event in events if isinstance(event, Packet)]
    assert got == sent[:4] + sent[5:]
    assert [event for event in events if isinstance(event, Slip)] == [Slip(len(sent[4]) + 18)]
    assert reader.slips == 1


@pytest.mark.parametrize("wrong", [0, 20, 2000, BODY_MAX])
def test_a_wrong_length_field_costs_its_own_packet_only(wrong: int) -> None:
    sent = list(STREAMS[6])
    whole = list(sent)
    sent[2] = sent[2][:28] + wrong.to_bytes(2, "big") + sent[2][30:]
    reader = PacketReader()
    tail = b"".join(whole * 40)
    events = reader.feed(b"".join(sent) + tail)
    got = [encode_packet(event) for event in events if isinstance(event, Packet)]
    assert got == whole[:2] + whole[3:] + whole * 40
    assert reader.slips == 1


@pytest.mark.parametrize("cut", [1, 100, 1460])
def test_a_wrong_length_of_64_kib_does_not_stop_a_slow_stream(cut: int) -> None:
    sent = list(STREAMS[6])
    broken = sent[2][:28] + b"\xff\xff" + sent[2][30:]
    data = b"".join([*sent[:2], broken, *sent[3:], *sent[:2]])
    events = read(PacketReader(), [data[at : at + cut] for at in range(0, len(data), cut)])
    got = [encode_packet(event) for event in events if isinstance(event, Packet)]
    assert got == sent[:2] + sent[3:] + sent[:2]


def test_a_magic_inside_a_body_is_no_packet() -> None:
    writer = PacketWriter(SIM, 1)
    inner = encode_packet(Packet(98, 9, SIM, 1, P_FRAME, 0, 1, 1, 1, b"inner"))
    sent = [packet for n in range(4) for packet in writer.video(inner + b"0" * (n + 1), 98, n, 0, 0, P_FRAME)]
    reader = PacketReader()
    # in the middle of the first packet: its body holds a packet, behind which none begins
    events = reader.feed(b"".join(sent)[10:])
    assert [encode_packet(event) for event in events if isinstance(event, Packet)] == sent[1:]


def test_the_stream_of_attachments_is_none_of_media() -> None:
    reader = PacketReader()
    block = b"01cd" + b"00_65_6503_1_abc.jpg".ljust(50, b"\x00") + bytes(8)
    assert reader.feed((block + bytes(60_000)) * 2) == []
    assert reader.hopeless


def test_a_scanner_is_hopeless_after_64_kib_and_not_before() -> None:
    reader = PacketReader()
    reader.feed(b"\x16\x03\x01" * 20_000)
    assert not reader.hopeless
    reader.feed(b"\x16\x03\x01" * 2_000)
    assert reader.garbage > GARBAGE_MAX
    assert reader.hopeless
    assert reader.pending == 0


def test_bodies_up_to_65535_octets_are_accepted() -> None:
    writer = PacketWriter(SIM, 1, body_max=BODY_MAX)
    sent = writer.video(bytes(BODY_MAX), 98, 0, 0, 0) + writer.video(b"abc", 98, 40, 40, 40, P_FRAME)
    data = b"".join(sent)
    events = read(PacketReader(), [data[at : at + 1460] for at in range(0, len(data), 1460)])
    assert [encode_packet(event) for event in events if isinstance(event, Packet)] == sent


def test_hostile_lengths_keep_no_more_than_the_bound_and_the_stream_comes_back() -> None:
    rng = random.Random(7)
    reader = PacketReader()
    head = encode_packet(Packet(98, 0, SIM, 1, 0, 1, 0, 0, 0, b""))[:28]
    reader.feed(b"".join(STREAMS[6]))
    for _ in range(300):
        read(reader, [head + b"\xff\xff" + rng.randbytes(rng.randrange(1500))])
    before = reader.packets
    for _ in range(20):
        read(reader, STREAMS[6])
    assert reader.packets - before >= 15 * len(STREAMS[6])


@st.composite
def mutated_stream(draw: Any) -> list[bytes]:
    raw = bytearray(b"".join(STREAMS[draw(st.sampled_from([6, 10]))]))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(raw) - 1))
        act = draw(st.sampled_from(["change", "drop", "double", "insert"]))
        if act == "change":
            raw[at] = draw(st.integers(0, 255))
        elif act == "drop":
            del raw[at : at + draw(st.integers(1, 200))]
        elif act == "double":
            raw[at:at] = raw[at : at + draw(st.integers(1, 1000))]
        else:
            raw[at:at] = draw(st.binary(max_size=8) | st.just(b"01cd\x81"))
        raw = raw or bytearray(1)
    return pieces(bytes(raw), draw(st.lists(st.integers(0, 10_000), max_size=6)))


@given(chunks=mutated_stream() | st.lists(st.binary(max_size=100), max_size=5))
@settings(max_examples=80, deadline=None)
def test_mutated_streams_never_raise_nor_grow(chunks: list[bytes]) -> None:
    reader, assembler = PacketReader(), FrameAssembler()
    for now_ms, chunk in enumerate(chunks):
        for frame in assembler.take(read(reader, [chunk]), now_ms):
            assert 0 < len(frame.body) <= FRAME_MAX
        assert assembler.open_octets <= OPEN_OCTETS_MAX
    # a whole stream behind it is read again
    before = reader.packets
    read(reader, [b"".join(STREAMS[6] * 60)])
    assert reader.packets > before


@pytest.mark.parametrize("phone", ["13900000007", "13900020007", "13912301234"])
def test_where_sound_is_expected_a_wide_sim_with_zeros_is_not_read_as_a_picture(phone: str) -> None:
    """Both readings of such a packet hold: header and length stand at the same place (reference §1.1, §1.2)."""
    for size in (6, 10):
        writer = PacketWriter(sim_field(phone, size), 1)
        packets = [writer.audio(bytes([0xD5]) * 160, 6, at * 20)[0] for at in range(3)]
        reader = PacketReader(sound=True)
        events = reader.feed(b"".join(packets))
        assert [(event.sim, event.data_type) for event in events if isinstance(event, Packet)] == [(phone, AUDIO)] * 3
        lone = PacketReader(sound=True)
        assert lone.feed(packets[0]) == [] or size == 6
        found = [event for event in lone.settle() if isinstance(event, Packet)]
        assert reader.sim_size == size and all(event.sim == phone for event in found)
