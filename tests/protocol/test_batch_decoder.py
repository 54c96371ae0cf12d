"""The batch decoder agrees with the declarative one, on captured, generated and mutated streams."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captured_frames import each, lines
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.clock import UNREADABLE, device_ms
from luwei.protocol.jt808.batch.cut import PADDING, cut, phone_key
from luwei.protocol.jt808.batch.items import COLUMNS, KNOWN, walk
from luwei.protocol.jt808.batch.location import BASIC_LENGTH, DIRECTION_UNKNOWN, Locations, locations
from luwei.protocol.jt808.batch.points import join_bodies, split_points
from luwei.protocol.jt808.batch.repeat import body_hash
from luwei.protocol.jt808.batch.reply import general_replies
from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import FLAG_MISSING_2019, FLAG_SET_BY_2013, Header
from luwei.protocol.jt808.messages.location import Location, LocationBatch
from luwei.protocol.message import decode_body

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    path = VECTORS / name
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


FRAMES = vectors("jt808_frames.jsonl")
STREAMS = vectors("jt808_streams.jsonl")
REPORT = bytes.fromhex("000000000008000301 57fafb06cc628c0023025d005a250601083015".replace(" ", ""))
ITEMS = bytes.fromhex("01040001e2400302025830011f31010c140400000000")
"""Basic part and items of V12 in the reference's §12."""


def plainly_good(raw: bytes) -> Frame | None:
    """The frame, if the declarative decoder takes it with nothing but the version flag's oddities."""
    try:
        frame = decode_frame(raw)
    except ProtocolError:
        return None
    return frame if set(frame.quirks) <= {FLAG_SET_BY_2013, FLAG_MISSING_2019} else None


def frame_bytes(
    body: bytes,
    message_id: int = 0x0200,
    edition: int = 2019,
    serial: int = 1,
    phone: str = "13800138000",
    **more: Any,
) -> bytes:
    is_2019 = edition == 2019
    header = Header(
        message_id=message_id,
        body_length=len(body),
        serial=serial,
        phone_raw=bytes.fromhex(phone.rjust(20 if is_2019 else 12, "0")),
        edition=edition,
        protocol_version=1 if is_2019 else 0,
        **more,
    )
    return encode_frame(header, body)


def padded(*bodies: bytes) -> tuple[Any, Any, Any]:
    return join_bodies(bodies, [[(0, len(body))] for body in bodies])


def frames_in(stream: bytes) -> list[Frame]:
    """What the declarative decoder takes of a stream cut at every flag."""
    pieces = (b"\x7e" + piece + b"\x7e" for piece in stream.split(b"\x7e")[:-1] if piece)
    return [frame for piece in pieces if (frame := plainly_good(piece))]


def assert_same_header(raw: bytes) -> None:
    frames = cut([raw])
    expected = frames_in(raw)
    good = frames.good.nonzero()[0].tolist()
    assert [frames.wire(at) for at in good] == [frame.raw for frame in expected]
    for at, frame in zip(good, expected, strict=True):
        header = frame.header
        assert int(frames.message_id[at]) == header.message_id
        assert int(frames.serial[at]) == header.serial
        assert bool(frames.layout19[at]) == (header.edition == 2019)
        assert (int(frames.phone_high[at]), int(frames.phone_low[at])) == phone_key(header.phone)
        assert frames.body_bytes(at) == frame.body


def assert_same_location(batch: Locations, row: int, body: bytes, edition: int) -> None:
    """Row of the columns against the declarative message, with the rules of ``locations`` applied."""
    message = Location.decode(body, edition)
    assert int(batch.alarm[row]) == message.alarm
    assert int(batch.status[row]) == message.status
    for values, wire, bit in ((batch.lat_e6, message.latitude, 2), (batch.lon_e6, message.longitude, 3)):
        magnitude = abs(int(np.uint32(wire).astype(np.int32)))
        expected = -magnitude if message.status >> bit & 1 else magnitude
        assert int(values[row]) == int(np.uint32(expected & 0xFFFFFFFF).astype(np.int32))
    assert int(batch.altitude_m[row]) % 65536 == message.altitude
    assert int(batch.speed_dkmh[row]) == message.speed
    direction = message.direction
    assert int(batch.direction_deg[row]) == (0 if direction == 360 else direction if direction < 360 else 0xFFFF)
    start, end = int(batch.items_offsets[row]), int(batch.items_offsets[row + 1])
    assert batch.items_data[start:end].tobytes() == body[BASIC_LENGTH:]
    found: dict[int, int] = {}
    at, broken = BASIC_LENGTH, False
    while at < len(body):
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            broken = True
            break
        value = body[at + 2 : at + 2 + body[at + 1]]
        for item, length in COLUMNS.values():
            if body[at] == item and len(value) == length:
                found.setdefault(item, int.from_bytes(value, "big"))
        at += 2 + body[at + 1]
    for values, (item, _) in zip(batch.items.values, COLUMNS.values(), strict=True):
        assert int(values[row]) == found.get(item, -1)
    assert bool(batch.items.broken[row]) == broken
    assert bool(batch.items.broken[row]) == any("item" in p for p in message.problems)


@each(lines("jt808_frames.jsonl"))
def test_captured_frame_is_cut_and_read_as_the_declarative_decoder_does(vector: dict[str, Any]) -> None:
    assert_same_header(bytes.fromhex(vector["hex"]))


@pytest.mark.skipif(not FRAMES, reason="jt808_frames.jsonl is not beside the repository")
def test_captured_locations_have_the_expected_columns() -> None:
    seen = 0
    for vector in FRAMES:
        expect = vector.get("expect") or {}
        if expect.get("message_id") != "0x0200" or expect.get("subpackage") or "latitude" not in expect.get("body", {}):
            continue
        frames = cut([bytes.fromhex(vector["hex"])])
        if not frames.good.any() or frames.body_length[0] < BASIC_LENGTH:
            continue
        batch = locations(frames.data, frames.body, frames.body_length)
        body = expect["body"]
        assert int(batch.alarm[0]) == body["alarm"]
        assert int(batch.status[0]) == body["status"]
        assert abs(int(batch.lat_e6[0])) == abs(int(np.uint32(body["latitude"]).astype(np.int32)))
        assert abs(int(batch.lon_e6[0])) == abs(int(np.uint32(body["longitude"]).astype(np.int32)))
        assert int(batch.speed_dkmh[0]) == body["speed"]
        assert_same_location(batch, 0, frames.body_bytes(0), 2019)
        seen += 1
    assert seen > 50


@pytest.mark.skipif(not FRAMES, reason="jt808_frames.jsonl is not beside the repository")
def test_captured_batches_give_the_locations_of_the_declarative_decoder() -> None:
    seen = 0
    for vector in FRAMES:
        frame = plainly_good(bytes.fromhex(vector["hex"]))
        if frame is None or frame.header.message_id != 0x0704 or frame.header.fragmented:
            continue
        message = decode_body(0x0704, frame.header.edition, frame.body)
        assert isinstance(message, LocationBatch)
        points = split_points(frame.body)
        assert len(points.spans) == len(message.locations), vector["id"]
        batch = locations(*join_bodies([frame.body], [points.spans]))
        for row, (offset, length) in enumerate(points.spans):
            assert int(batch.status[row]) == message.locations[row].status
            assert_same_location(batch, row, frame.body[offset : offset + length], frame.header.edition)
        seen += 1
    assert seen >= 5


@pytest.mark.skipif(not STREAMS, reason="jt808_frames.jsonl is not beside the repository")
@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
@pytest.mark.parametrize("vector", STREAMS, ids=lambda v: v["id"])
def test_captured_stream_gives_the_same_frames_in_chunks_of_any_size(vector: dict[str, Any], size: int) -> None:
    stream = bytes.fromhex(vector["hex"])
    found, rest = [], b""
    for at in range(0, len(stream), size):
        frames = cut([rest + stream[at : at + size]])
        rest = frames.rests.get(0, b"")
        found += [frames.wire(int(i)).hex() for i in frames.good.nonzero()[0]]
    assert found == [raw for raw in vector["expect"]["frames"] if plainly_good(bytes.fromhex(raw))]


def test_reference_example_v12_has_the_values_of_its_table() -> None:
    frames = cut([frame_bytes(REPORT + ITEMS, serial=16)])
    batch = locations(frames.data, frames.body, frames.body_length)
    assert batch.lat_e6.tolist() == [22_543_099] and batch.lon_e6.tolist() == [114_057_868]
    assert (
        batch.altitude_m.tolist() == [35]
        and batch.speed_dkmh.tolist() == [605]
        and batch.direction_deg.tolist() == [90]
    )
    # 2025-06-01 08:30:15 China Standard Time
    assert batch.device_ms.tolist() == [1_748_737_815_000]
    names = dict(zip(COLUMNS, batch.items.values[:, 0].tolist(), strict=True))
    assert names == {
        "mileage_hm": 123_456,
        "fuel_dl": -1,
        "recorder_speed_dkmh": 600,
        "video_alarm": 0,
        "vehicle_signals": -1,
        "radio_signal": 31,
        "satellites": 12,
    }


def test_items_agree_with_the_lengths_the_declarations_accept() -> None:
    for item, (known, length) in ((name, pair) for name, pair in COLUMNS.items()):
        assert KNOWN[known] == (length,), item


def test_first_of_two_equal_items_counts() -> None:
    data, start, length = padded(bytes.fromhex("300105 300106 310107".replace(" ", "")))
    values = dict(zip(COLUMNS, walk(data, start, start + length).values[:, 0].tolist(), strict=True))
    assert (values["radio_signal"], values["satellites"]) == (5, 7)


def test_item_without_length_or_past_the_end_is_broken_and_keeps_what_came_before() -> None:
    for tail in ("31", "3102", "310200"):
        data, start, length = padded(bytes.fromhex("300105" + tail))
        items = walk(data, start, start + length)
        assert items.broken.tolist() == [True]
        assert items.values[list(COLUMNS).index("radio_signal")].tolist() == [5]


def test_zero_length_items_do_not_loop() -> None:
    data, start, length = padded(bytes.fromhex("0100" * 400 + "310107"))
    items = walk(data, start, start + length)
    assert items.values[list(COLUMNS).index("satellites")].tolist() == [7]
    assert items.odd.tolist() == [True] and items.broken.tolist() == [False]


@pytest.mark.parametrize(
    ("bcd", "expected"),
    [
        ("700101080000", 3_155_760_000 - 0),  # 2070-01-01 08:00 CST is 2070-01-01 00:00 UTC
        ("000101080000", 946_684_800),
        ("240229000000", 1_709_136_000),
        ("250229000000", None),  # 2025 is no leap year
        ("000000000000", None),
        ("251301000000", None),
        ("250132000000", None),
        ("250101240000", None),
        ("250101006000", None),
        ("250101000060", None),
        ("25010100000a", None),
        ("a50101000000", None),
        ("ffffffffffff", None),
    ],
)
def test_device_time_is_china_standard_time_or_unreadable(bcd: str, expected: int | None) -> None:
    found = int(device_ms(np.frombuffer(bytes.fromhex(bcd), np.uint8).reshape(1, 6))[0])
    assert found == (int(UNREADABLE) if expected is None else expected * 1000)


def test_south_and_west_are_status_bits_and_two_s_complement_is_only_a_magnitude() -> None:
    south_west = (0b1110).to_bytes(4, "big")
    body = bytes(4) + south_west + (-22_500_000 & 0xFFFFFFFF).to_bytes(4, "big") + (113_000_000).to_bytes(4, "big")
    body += bytes(6) + bytes.fromhex("250601083015")
    batch = locations(*padded(body))
    assert (batch.lat_e6[0], batch.lon_e6[0]) == (-22_500_000, -113_000_000)


def test_direction_360_is_north_and_beyond_is_unknown() -> None:
    bodies = [REPORT[:20] + direction.to_bytes(2, "big") + REPORT[22:] for direction in (359, 360, 361, 65535)]
    batch = locations(*padded(*bodies))
    assert batch.direction_deg.tolist() == [359, 0, DIRECTION_UNKNOWN, DIRECTION_UNKNOWN]


def test_replies_of_both_layouts_are_what_the_declarative_encoder_writes() -> None:
    raws = [
        frame_bytes(b"", message_id=0x0002, edition=edition, serial=serial, phone=phone)
        for edition in (2013, 2019)
        for phone in ("13800138000", "7d7e7d7e7d")
        for serial in (0, 1, 0x7D7E, 0x7E7D, 0xFFFF)
    ]
    frames = cut(raws)
    assert frames.good.all()
    serials = np.arange(0x7D70, 0x7D70 + len(raws), dtype=np.uint16)
    replies = general_replies(frames, np.arange(len(raws)), serials)
    for row, raw in enumerate(raws):
        answer = decode_frame(replies.wire[replies.offsets[row] : replies.offsets[row + 1]], strict=True)
        asked = decode_frame(raw).header
        assert answer.header.message_id == 0x8001
        assert answer.header.phone_raw == asked.phone_raw and answer.header.serial == int(serials[row])
        assert answer.body == asked.serial.to_bytes(2, "big") + b"\x00\x02\x00"
        assert encode_frame(answer.header, answer.body) == replies.wire[replies.offsets[row] : replies.offsets[row + 1]]


def test_equal_bodies_have_equal_hashes_anywhere_and_one_changed_byte_another() -> None:
    body = (REPORT + ITEMS) * 9
    variants = [body] + [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(len(body))]
    data, start, length = padded(b"x", body, *variants)
    hashes = body_hash(data, start, length)
    assert hashes[1] == hashes[2]
    assert len(set(hashes.tolist())) == len(variants) + 1


def test_bytes_after_a_body_do_not_change_its_hash() -> None:
    one, other = padded(REPORT, b"\x00" * 50), padded(REPORT, b"\xff" * 50)
    assert body_hash(*one)[0] == body_hash(*other)[0]


def test_rest_of_each_connection_is_given_back_untouched() -> None:
    whole = frame_bytes(REPORT + ITEMS)
    frames = cut([whole + whole[:20], b"", whole, whole[:1], b"\x7d"])
    assert frames.rests == {0: whole[1:20], 4: b"\x7d"}
    assert frames.segment[frames.good].tolist() == [0, 2]


editions = st.sampled_from([2013, 2019])
bodies = st.one_of(
    st.binary(max_size=120),
    st.builds(lambda tail: REPORT + ITEMS + tail, st.binary(max_size=40)),
    st.builds(lambda head, items: head + items, st.binary(min_size=28, max_size=28), st.binary(max_size=60)),
)
frames_made = st.builds(
    frame_bytes,
    bodies,
    message_id=st.sampled_from([0x0200, 0x0002, 0x0704, 0x7D7E]),
    edition=editions,
    serial=st.integers(0, 65535),
    phone=st.sampled_from(["13800138000", "7e7d", "0"]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A frame, perhaps with bytes changed, dropped or added, or a flag left out."""
    raw = bytearray(draw(frames_made))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(raw) - 1))
        match draw(st.sampled_from(["change", "drop", "add", "flag", "escape"])):
            case "change":
                raw[at] = draw(st.integers(0, 255))
            case "drop":
                del raw[at]
            case "add":
                raw.insert(at, draw(st.integers(0, 255)))
            case "flag":
                raw[at] = 0x7E
            case "escape":
                raw[at] = 0x7D
        if not raw:
            break
    return bytes(raw)


streams = st.lists(st.lists(mutated(), max_size=6).map(b"".join), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(streams, st.data())
def test_any_stream_in_any_chunks_gives_the_frames_of_the_declarative_decoder(
    connections: list[bytes], data: st.DataObject
) -> None:
    expected = [[frame.raw for frame in frames_in(stream)] for stream in connections]
    found: list[list[bytes]] = [[] for _ in connections]
    places, rests = [0] * len(connections), [b""] * len(connections)
    while any(at < len(stream) for at, stream in zip(places, connections, strict=True)):
        chunks = []
        for number, stream in enumerate(connections):
            size = data.draw(st.integers(0, 200)) or len(stream)
            chunks.append(rests[number] + stream[places[number] : places[number] + size])
            places[number] += size
        frames = cut(chunks)
        rests = [frames.rests.get(number, b"") for number in range(len(connections))]
        for candidate in frames.good.nonzero()[0].tolist():
            found[int(frames.segment[candidate])].append(frames.wire(candidate))
    assert found == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=28, max_size=140), min_size=1, max_size=8))
def test_any_location_body_has_the_columns_of_the_declarative_decoder(made: list[bytes]) -> None:
    batch = locations(*padded(*made))
    for row, body in enumerate(made):
        assert_same_location(batch, row, body, 2019)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.binary(min_size=20, max_size=60), max_size=5),
    st.integers(0, 6),
    st.binary(max_size=5),
    st.booleans(),
)
def test_any_batch_gives_the_locations_of_the_declarative_decoder(
    made: list[bytes], count: int, tail: bytes, single: bool
) -> None:
    items = b"".join((b"" if single and number else len(b).to_bytes(2, "big")) + b for number, b in enumerate(made))
    body = count.to_bytes(2, "big") + b"\x01" + items + tail
    points = split_points(body)
    message = decode_body(0x0704, 2019, body)
    assert isinstance(message, LocationBatch)
    assert len(points.spans) == len(message.locations)
    for (offset, length), location in zip(points.spans, message.locations, strict=True):
        assert Location.decode(body[offset : offset + length], 2019) == location
    assert bool(points.problem) == any(name.startswith(("batch_", "body_")) for name in message.problems)


def test_padding_lets_every_window_be_read() -> None:
    assert PADDING >= 64 + 28
    frames = cut([frame_bytes(REPORT)])
    assert frames.data.size >= int(frames.start[-1]) + PADDING
