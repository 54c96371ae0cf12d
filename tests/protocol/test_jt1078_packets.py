"""The media packet: header by the table, reading and writing (JT/T 1078 §5.5.3, table 19; reference §1.1, §1.2)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from captured_frames import lines
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import LONG_SIM, SIM, packets_of

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt1078.packet import (
    ATOMIC,
    AUDIO,
    FIRST,
    HEADER,
    I_FRAME,
    LAST,
    MIDDLE,
    P_FRAME,
    PASSTHROUGH,
    TIMED_TYPES,
    VIDEO_TYPES,
    Packet,
    decode_packet,
    encode_packet,
    header_size,
    sim_matches,
)
from luwei.protocol.jt1078.stream import PacketReader
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

ERRORS = {"short": "short_header", "bad_magic": "delimiter", "short_header": "short_header", "short_body": "body_short"}

VIDEO_10 = "30316364 81 E2 0007 00000000013912345678 01 10 0000019A00000000 0028 0028 0006 000000014101"


@pytest.mark.parametrize("record", lines("jt1078_packets.jsonl", lambda record: "expect" in record))
def test_a_captured_packet_reads_as_expected_and_writes_as_it_was(record: dict[str, Any]) -> None:
    data, expect = bytes.fromhex(record["hex"]), record["expect"]
    packet, stop = decode_packet(data)
    assert (packet.marker, packet.payload_type, packet.serial) == (expect["m"], expect["pt"], expect["sequence"])
    assert (packet.sim_raw.hex(), packet.channel) == (expect["sim"], expect["channel"])
    assert (packet.data_type, packet.subpackage) == (expect["data_type"], expect["subpackage"])
    assert packet.timestamp_ms == expect.get("timestamp")
    assert (packet.i_interval_ms, packet.frame_interval_ms) == (
        expect.get("last_i_interval"),
        expect.get("last_interval"),
    )
    assert len(packet.body) == expect["body_length"]
    assert hashlib.sha256(packet.body).hexdigest() == expect["body_sha256"]
    assert len(data) - stop == expect.get("trailing_bytes", 0)
    assert encode_packet(packet) == data[:stop]
    assert packets_of(data)[0] == packet


@pytest.mark.parametrize("record", lines("jt1078_packets.jsonl", lambda record: "expect_error" in record))
def test_a_malformed_packet_is_refused_and_gives_nothing_in_a_stream(record: dict[str, Any]) -> None:
    data = bytes.fromhex(record["hex"])
    with pytest.raises(ProtocolError) as refused:
        decode_packet(data)
    assert refused.value.code == ERRORS[record["expect_error"]]
    assert packets_of(data) == []


@pytest.mark.parametrize(("data_type", "six", "ten"), [(0, 30, 34), (1, 30, 34), (2, 30, 34), (3, 26, 30), (4, 18, 22)])
def test_the_header_has_the_length_of_its_kind_and_width(data_type: int, six: int, ten: int) -> None:
    assert (header_size(6, data_type), header_size(10, data_type)) == (six, ten)


def test_the_form_with_twenty_digits_is_read() -> None:
    packet, stop = decode_packet(bytes.fromhex(VIDEO_10), 10)
    assert (stop, packet.serial, packet.sim, packet.channel) == (40, 7, "13912345678", 1)
    assert (packet.data_type, packet.timestamp_ms) == (P_FRAME, 0x19A00000000)
    assert (packet.i_interval_ms, packet.frame_interval_ms, packet.body.hex()) == (40, 40, "000000014101")


def test_the_four_parts_of_octet_four_make_0x81() -> None:
    octet = next(field for field in HEADER if field.name == "version_octet")
    assert sum((part.fixed or 0) << part.shift for part in octet.parts) == 0x81
    assert sum(part.width for part in octet.parts) == 8


@pytest.mark.parametrize(
    ("at", "octet", "code"),
    [(0, 0x20, "delimiter"), (4, 0x82, "delimiter"), (15, 0x50, "value"), (15, 0x14, "value")],
)
def test_a_header_with_an_impossible_octet_is_refused(at: int, octet: int, code: str) -> None:
    data = bytearray(encode_packet(Packet(98, 1, SIM, 1, P_FRAME, ATOMIC, 0, 0, 0, b"ab")))
    data[at] = octet
    with pytest.raises(ProtocolError) as refused:
        decode_packet(bytes(data))
    assert (refused.value.code, refused.value.offset) == (code, 0 if code == "delimiter" else at)


@st.composite
def any_packet(draw: Any) -> Packet:
    data_type = draw(st.integers(0, 4))
    word, octet = st.integers(0, 0xFFFF), st.integers(0, 0xFF)
    return Packet(
        draw(st.integers(0, 127)),
        draw(word),
        draw(st.sampled_from([SIM, LONG_SIM])),
        draw(octet),
        data_type,
        draw(st.integers(0, 3)),
        draw(st.integers(0, 2**64 - 1)) if data_type in TIMED_TYPES else None,
        draw(word) if data_type in VIDEO_TYPES else None,
        draw(word) if data_type in VIDEO_TYPES else None,
        draw(st.binary(max_size=60)),
        draw(st.integers(0, 1)),
    )


@given(packet=any_packet())
@settings(max_examples=60, deadline=None)
def test_writing_is_the_exact_inverse_of_reading(packet: Packet) -> None:
    data = encode_packet(packet)
    assert decode_packet(data, len(packet.sim_raw)) == (packet, len(data))


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 0x10000},
        {"sim_raw": b"1234567"},
        {"data_type": 5},
        {"subpackage": 4},
        {"payload_type": 128},
        {"marker": 2},
        {"channel": -1},
        {"timestamp_ms": None},
        {"data_type": AUDIO},
        {"data_type": PASSTHROUGH},
        {"body": bytes(0x10000)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_no_header_can_hold_is_not_written(change: dict[str, Any]) -> None:
    packet = Packet(98, 1, SIM, 1, I_FRAME, ATOMIC, 0, 0, 0, b"ab")
    encode_packet(packet)
    with pytest.raises(ProtocolError) as refused:
        encode_packet(packet._replace(**change))
    assert refused.value.code == "value"


def test_a_written_frame_is_cut_at_950_octets_with_one_counter_for_all_kinds() -> None:
    # 7 582 octets were sent by a device as 7 x 950 + 932 (reference §2.1)
    writer = PacketWriter(SIM, 3)
    packets = packets_of(b"".join(writer.video(bytes(7582), 98, 5, 70_000, 40) + writer.audio(b"\xd5" * 320, 6, 7)))
    assert [len(packet.body) for packet in packets] == [950] * 7 + [932, 320]
    assert [packet.subpackage for packet in packets] == [FIRST] + [MIDDLE] * 6 + [LAST, ATOMIC]
    assert [packet.marker for packet in packets] == [0] * 7 + [1, 1]
    assert [packet.serial for packet in packets] == list(range(9))
    assert {packet.timestamp_ms for packet in packets[:8]} == {5}
    assert packets[0].i_interval_ms == 0xFFFF
    assert (packets[8].data_type, packets[8].timestamp_ms, packets[8].i_interval_ms) == (AUDIO, 7, None)


def test_the_serial_of_a_writer_wraps() -> None:
    writer = PacketWriter(LONG_SIM, 1)
    writer.serial = 0xFFFF
    packets = writer.passthrough(b"a") + writer.passthrough(b"b")
    assert [decode_packet(data, 10)[0].serial for data in packets] == [0xFFFF, 0]
    assert writer.serial == 1


@pytest.mark.parametrize("sim", ["1234567890123", "12a", "-1", "１２"])
def test_a_sim_that_is_no_number_of_the_width_is_refused(sim: str) -> None:
    with pytest.raises(ProtocolError):
        sim_field(sim)


@pytest.mark.parametrize(
    ("sim_raw", "phone", "same"),
    [
        ("013912345678", "13912345678", True),
        ("013912345678", "013912345678", True),
        ("00000000013912345678", "13912345678", True),
        ("912345678901", "12345678912345678901", True),
        ("002345678901", "12345678002345678901", True),
        ("00000000912345678901", "12345678912345678901", False),
        ("013912345678", "13912345679", False),
        ("000000000000", "0", False),
        ("000000000000", "12345678000000000000", False),
    ],
)
def test_the_sim_of_a_stream_is_matched_without_padding_and_by_its_last_twelve_digits(
    sim_raw: str, phone: str, same: bool
) -> None:
    assert sim_matches(bytes.fromhex(sim_raw), phone) is same


def test_the_page_shows_the_header_as_the_table_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "media-protocol.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in page.splitlines() if row.startswith("| `")]
    table = [(row[1].strip(" `"), row[2].strip(), row[3].strip()) for row in rows]
    sizes = {"4s": "4", "B": "1", "H": "2", "Q": "8", "SIM": "6 / 10"}
    assert [(field.name, sizes[field.code], field.term) for field in HEADER] == table[: len(HEADER)]


def test_a_reader_with_a_set_width_never_decides() -> None:
    assert PacketReader(10).sim_size == 10
    assert packets_of(bytes.fromhex(VIDEO_10), PacketReader(6)) == []
