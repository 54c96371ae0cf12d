"""What devices on the road do wrong (reference §11), and how this layer takes it. One test a quirk."""

from __future__ import annotations

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import check_code, decode_frame, escape
from luwei.protocol.jt808.items import describe
from luwei.protocol.jt808.messages.areas import AreasReply, CircleArea, SetCircles
from luwei.protocol.jt808.messages.control import (
    Attributes,
    AttributesReply,
    Control,
    LongAttributes,
    VehicleControl,
)
from luwei.protocol.jt808.messages.driver import DriverIdentity, EarlyDriver
from luwei.protocol.jt808.messages.general import Heartbeat, RequestFragments
from luwei.protocol.jt808.messages.location import Location, LocationBatch, LocationReply
from luwei.protocol.jt808.messages.media import MediaReply, MediaUpload
from luwei.protocol.jt808.messages.parameters import ParametersReply
from luwei.protocol.jt808.messages.recorder import RecordUpload
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.jt808.messages.video import ResourceList
from luwei.protocol.jt808.stream import FrameCutter
from luwei.protocol.message import RawMessage, decode_body

PHONE13, PHONE19 = bytes.fromhex("013800138000"), bytes.fromhex("00000000013800138000")
BASIC = bytes.fromhex("00000000 00080003 0157FAFB 06CC628C 0023 025D 005A 250601083015")


def sealed(content: bytes) -> bytes:
    return b"\x7e" + escape(content + bytes([check_code(content)])) + b"\x7e"


def content_2013(message_id: int, body: bytes, attributes: int | None = None, serial: int = 1) -> bytes:
    attributes = len(body) if attributes is None else attributes
    return b"".join(
        (message_id.to_bytes(2, "big"), attributes.to_bytes(2, "big"), PHONE13, serial.to_bytes(2, "big"), body)
    )


def test_11_1_1_a_check_code_7d_that_was_not_escaped_is_taken() -> None:
    raw = bytes.fromhex("7E 00 02 00 00 01 38 00 13 80 00 00 D5 7D 7E")
    assert decode_frame(raw).quirks == ("check_code_unescaped",)
    with pytest.raises(ProtocolError) as caught:
        decode_frame(raw, strict=True)
    assert caught.value.code == "escape"


def test_11_1_1_a_check_code_7e_that_was_not_escaped_is_taken_from_the_flag() -> None:
    stream = bytes.fromhex("7E 00 02 00 00 01 38 00 13 80 00 00 D6 7E 7E")
    (raw,) = FrameCutter().feed(stream)
    frame = decode_frame(raw)
    assert (frame.header.serial, frame.quirks) == (0xD6, ("check_code_unescaped",))


def test_11_1_2_a_latitude_that_holds_7e_unescaped_is_joined_again() -> None:
    body = BASIC[:9] + b"\x7e" + BASIC[10:]
    content = content_2013(0x0200, body)
    stream = b"\x7e" + content + bytes([check_code(content)]) + b"\x7e"
    good = sealed(content_2013(0x0002, b""))
    frames = FrameCutter().feed(stream + good)
    assert len(frames) == 3
    with pytest.raises(ProtocolError):
        decode_frame(frames[0])
    frame = decode_frame(frames[1])
    assert (frame.body, frame.quirks) == (body, ("flag_unescaped",))
    assert decode_frame(frames[2]).header.message_id == 0x0002


def test_11_1_2_a_2019_body_whose_last_byte_is_7e_unescaped_is_joined_with_its_check_code() -> None:
    body = bytes.fromhex("000000000008000301 4fb180 06cc628c 0023 025d 005a 250601083015".replace(" ", "")) + b"\x7e"
    header = bytes.fromhex("0200401d01 00000000013800138000 0000".replace(" ", ""))  # length 29, version flag set
    check = 0
    for byte in header + body:
        check ^= byte
    stream = b"\x7e" + header + body + bytes([check]) + b"\x7e"
    whole = [decode_frame(raw) for raw in FrameCutter().feed(stream)[1:]]
    assert [frame.body for frame in whole] == [body]


def test_11_1_3_a_2019_header_without_the_version_flag_is_taken() -> None:
    content = bytes.fromhex("0002 0000 01") + PHONE19 + b"\x00\x07"
    frame = decode_frame(sealed(content))
    assert (frame.header.edition, frame.header.serial, frame.header.protocol_version) == (2019, 7, 1)
    assert frame.quirks == ("version_flag_missing",)


@pytest.mark.parametrize(
    ("surplus", "quirk"), [(12, "length_counts_header"), (2, "length_counts_escapes"), (7, None), (1, None)]
)
def test_11_1_4_a_length_that_counts_header_or_escapes_is_taken_when_the_body_parses(
    surplus: int, quirk: str | None
) -> None:
    body = BASIC[:8] + bytes.fromhex("017D7EFB") + BASIC[12:]  # two bytes to escape
    raw = sealed(content_2013(0x0200, body, len(body) + surplus))
    if quirk:
        assert (decode_frame(raw).body, decode_frame(raw).quirks) == (body, (quirk,))
    else:
        with pytest.raises(ProtocolError) as caught:
            decode_frame(raw)
        assert caught.value.code == "body_length"


def test_11_1_4_a_wrong_length_is_not_excused_when_the_body_does_not_parse() -> None:
    with pytest.raises(ProtocolError):
        decode_frame(sealed(content_2013(0x0200, b"\x00" * 20, 32)))


@pytest.mark.parametrize(
    "noise", [b"(007202,BP05)", bytes.fromhex("E7 80 01 00 05 E6 02 E7"), b"\x00" * 5000, b"\x7e\x7e"]
)
def test_11_1_5_noise_before_and_between_frames_costs_only_itself(noise: bytes) -> None:
    good = sealed(content_2013(0x0002, b""))
    frames = FrameCutter().feed(noise + good + noise + good)
    assert [f for f in frames if f == good] == [good, good]


def test_11_1_6_hex_digits_in_the_phone_are_kept() -> None:
    raw = bytes.fromhex("7E 00 02 00 00 0B 3A 73 CE 2F F2 00 01 52 7E")
    assert decode_frame(raw).header.phone == "b3a73ce2ff2"


def test_11_2_9_a_bare_code_under_a_2019_header_is_taken_as_the_code() -> None:
    message = Authentication.decode(b"13800138000", 2019)
    assert (message.auth_code, message.imei, message.problems) == ("13800138000", None, ("layout_2013",))


@pytest.mark.parametrize("rest", [b"", b"123456789012345"])
def test_11_2_9_a_2019_authentication_may_lack_imei_and_version(rest: bytes) -> None:
    message = Authentication.decode(b"\x06AUTH01" + rest, 2019)
    assert (message.auth_code, message.imei or "", message.software_version) == ("AUTH01", rest.decode(), None)


def _registration(plate: bytes) -> bytes:
    return bytes.fromhex("002C012C") + b"70111" + b"TEST-1".ljust(20, b"\0") + b"A000001" + b"\x02" + plate


@pytest.mark.parametrize(
    "plate",
    [
        "粤B12345".encode("gbk") + b"\x00\x00",
        "粤B12345".encode("gbk") + b"   ",
        "粤B12345".encode("gbk") + b"\x00\xff\xfegarbage",
        "粤B12345".encode(),
    ],
)
def test_11_2_11_a_plate_with_padding_garbage_or_utf8_is_read(plate: bytes) -> None:
    assert Registration.decode(_registration(plate), 2013).plate == "粤B12345"


def test_11_2_11_a_plate_in_no_known_encoding_stays_visible() -> None:
    assert Registration.decode(_registration(b"\xff\xff"), 2013).plate == "\\xff\\xff"


@pytest.mark.parametrize("front", [True, False])
def test_8_5_text_padded_on_either_side_is_trimmed(front: bool) -> None:
    model = b"TEST-1".rjust(30, b"\0") if front else b"TEST-1".ljust(30, b"\0")
    body = bytes.fromhex("002C012C") + b"44030070111" + model + b"A000001".ljust(30, b"\0") + b"\x02"
    assert Registration.decode(body, 2019).model == "TEST-1"


def test_8_5_a_registration_of_less_than_37_bytes_is_2011() -> None:
    body = bytes.fromhex("002C012C") + b"70111" + b"TEST-1  " + b"A000001" + b"\x02" + "粤B12345".encode("gbk") + b"\0"
    message = Registration.decode(body, 2013)
    assert (message.edition, message.model, message.plate) == (2011, "TEST-1", "粤B12345")


def test_8_5_a_2013_registration_under_a_2019_header_is_read_and_named() -> None:
    message = Registration.decode(_registration("粤B12345".encode("gbk")), 2019)
    assert (message.edition, message.plate, message.problems) == (2013, "粤B12345", ("layout_2013",))


def test_11_3_16_a_time_that_is_no_date_is_kept() -> None:
    for digits in ("000000000000", "0a0b0c0d0e0f"):
        location = Location.decode(BASIC[:22] + bytes.fromhex(digits), 2013)
        assert location.time.replace("-", "").replace(":", "").replace(" ", "")[2:] == digits
        assert location.encode(2013)[22:] == bytes.fromhex(digits)


def test_11_3_22_an_item_of_length_0_is_taken_and_reading_goes_on() -> None:
    location = Location.decode(BASIC + bytes.fromhex("0100 300115"), 2013)
    assert [(i.id, i.raw) for i in location.items.items] == [(0x01, b""), (0x30, b"\x15")]
    assert location.items.items[0].value is None


@pytest.mark.parametrize("item", ["170105", "180400000000", "3002001f"])
def test_11_3_23_an_item_of_another_length_stays_raw(item: str) -> None:
    location = Location.decode(BASIC + bytes.fromhex(item), 2013)
    assert location.items.items[0].value is None
    assert location.items.items[0].to_json().keys() == {"id", "length", "hex"}
    assert describe(bytes.fromhex(item))[0].value_text == ""


@pytest.mark.parametrize(("length", "fatigue"), [(2, None), (3, 40)])
def test_8_9_6_abnormal_driving_comes_with_two_or_three_bytes(length: int, fatigue: int | None) -> None:
    location = Location.decode(BASIC + bytes((0x18, length)) + bytes.fromhex("000328")[:length], 2013)
    value = location.items.items[0].value
    assert value is not None
    assert (value.behaviour, value.fatigue) == (3, fatigue)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rest", "error"), [("31", "id 0x31 without length"), ("310a05", "item 0x31 length 10, 1 left")]
)
def test_11_3_24_bytes_behind_the_last_item_are_kept(rest: str, error: str) -> None:
    location = Location.decode(BASIC + bytes.fromhex("300115" + rest), 2013)
    assert [i.id for i in location.items.items] == [0x30]
    assert (location.items.error, location.items.rest.hex()) == (error, rest)
    assert location.problems == (f"items_broken: {error}",)


def test_11_3_25_the_same_item_twice_is_kept_twice() -> None:
    location = Location.decode(BASIC + bytes.fromhex("300115 300116"), 2013)
    assert [i.raw for i in location.items.all(0x30)] == [b"\x15", b"\x16"]


def _batch(*bodies: bytes, count: int | None = None) -> bytes:
    items = b"".join(len(body).to_bytes(2, "big") + body for body in bodies)
    return (len(bodies) if count is None else count).to_bytes(2, "big") + b"\x01" + items


def test_8_20_a_batch_is_read_item_by_item() -> None:
    batch = LocationBatch.decode(_batch(BASIC, BASIC + b"\x30\x01\x15"), 2013)
    assert (batch.count, batch.type, [len(i.items.items) for i in batch.locations]) == (2, 1, [0, 1])
    assert batch.problems == ()


def test_8_20_a_one_length_for_all_items_is_understood() -> None:
    body = b"\x00\x03\x00" + b"\x00\x1c" + BASIC * 3
    batch = LocationBatch.decode(body, 2013)
    assert ([i.latitude for i in batch.locations], batch.problems) == ([22543099] * 3, ("batch_single_length",))


def test_8_20_b_an_item_longer_than_the_body_is_read_as_far_as_it_goes() -> None:
    body = _batch(BASIC, BASIC)[:-30] + (99).to_bytes(2, "big") + BASIC
    batch = LocationBatch.decode(body, 2013)
    assert len(batch.locations) == 2
    assert batch.problems == ("batch_item_length: item 1, 99 announced, 28 left",)


def test_8_20_b_an_item_too_short_for_a_location_costs_only_itself() -> None:
    batch = LocationBatch.decode(_batch(BASIC, b"\x00" * 5, BASIC), 2013)
    assert len(batch.locations) == 2
    assert batch.problems[0].startswith("batch_item_unreadable: item 1")


def test_8_20_c_a_count_above_the_items_present_is_named() -> None:
    batch = LocationBatch.decode(_batch(BASIC, count=4), 2013)
    assert (len(batch.locations), batch.problems) == (1, ("batch_count: 4 announced, 1 read",))


def test_8_10_a_query_reply_of_2011_has_no_serial() -> None:
    assert LocationReply.decode(BASIC, 2013).reply_serial is None
    assert LocationReply.decode(b"\x00\x07" + BASIC, 2013).reply_serial == 7


def test_8_4_the_fragment_count_is_a_byte_in_2013_and_a_word_in_2019() -> None:
    request = RequestFragments(original_serial=7, ids=(2, 3))
    assert request.encode(2013).hex() == "00070200020003"
    assert request.encode(2019).hex() == "0007000200020003"


def test_11_4_34_parameters_of_private_types_and_unknown_ids_stay_raw() -> None:
    body = bytes.fromhex("0001 02 00000032 02 0101 0000F364 03 010203")
    first, second = ParametersReply.decode(body, 2013).params
    assert (first.raw.hex(), first.value(2013)) == ("0101", None)
    assert (second.raw.hex(), second.value(2013)) == ("010203", None)


def test_11_4_35_a_text_is_written_in_the_layout_of_the_session() -> None:
    assert TextMessage(flag=0x08, text="前方").encode(2013) == b"\x08" + "前方".encode("gbk")
    assert TextMessage(flag=0x08, text_type=1, text="前方").encode(2019) == b"\x08\x01" + "前方".encode("gbk")
    with pytest.raises(ProtocolError):
        TextMessage(flag=0x08, text_type=1, text="前方").encode(2013)
    with pytest.raises(ProtocolError):
        TextMessage(flag=0x08, text="前方").encode(2019)


def test_11_4_37_a_heartbeat_with_a_body_keeps_its_bytes() -> None:
    beat = Heartbeat.decode(bytes.fromhex("01 02 03"), 2013)
    assert (beat.extra, beat.problems) == (b"\x01\x02\x03", ())


def test_11_4_38_an_unknown_message_keeps_its_bytes() -> None:
    assert decode_body(0x0F3C, 2013, b"\x01\x02") == RawMessage(0x0F3C, 2013, b"\x01\x02")


def test_a_message_that_cannot_come_from_a_terminal_stays_raw() -> None:
    assert isinstance(decode_body(0x8100, 2013, b"\x00\x01\x00", direction="up"), RawMessage)


def test_8_8_a_manufacturer_of_5_or_11_bytes_is_told_by_the_length() -> None:
    rest = bytes(30) + b"A1".ljust(30, b"\0") + bytes.fromhex("89860833192330760501") + b"\1H\2F1\3\1"
    for maker in (b"70111", b"44030070111"):
        message = AttributesReply.decode(b"\0\4" + maker + rest, 2019)
        assert isinstance(message, Attributes | LongAttributes)
        assert (message.manufacturer, message.firmware, message.problems) == (maker.decode(), "F1", ())


def test_8_16_the_door_is_locked_by_1_in_2013_and_by_0_in_2019() -> None:
    assert VehicleControl(flag=1).encode(2013) == b"\1"
    assert VehicleControl(controls=(Control(type=1, parameter=0),)).encode(2019).hex() == "0001000100"


def test_8_17_area_records_are_read_as_items_as_set_messages_or_as_ids() -> None:
    area = CircleArea(area_id=7, attribute=0, latitude=1, longitude=2, radius=3, name="A")
    body = SetCircles(setting=0, areas=(area,)).encode(2019)
    head = b"\1" + (1).to_bytes(4, "big")
    assert AreasReply.decode(head + area.encode(2019), 2019).records == (area,)
    (whole,) = AreasReply.decode(head + body, 2019).records
    assert whole.areas == (area,)
    assert AreasReply.decode(head + b"\0\0\0\7", 2019).records == (7,)
    odd = AreasReply.decode(head + b"\0\7", 2019)
    assert (odd.records, odd.problems) == (b"\0\7", ("records_unreadable: 2 bytes",))


def test_8_17_fields_that_the_attribute_rules_out_are_neither_read_nor_written() -> None:
    with pytest.raises(ProtocolError) as caught:
        CircleArea(area_id=7, attribute=0, latitude=1, longitude=2, radius=3, name="A", max_speed=60).encode(2019)
    assert "max_speed" in caught.value.detail


def test_8_19_a_body_of_2011_is_told_by_its_lengths() -> None:
    body = b"\4" + "张三".encode("gbk") + b"4" * 20 + b"6" * 40 + b"\2GD"
    message = DriverIdentity.decode(body, 2013)
    assert isinstance(message, EarlyDriver)
    assert (message.name, message.issuer) == ("张三", "GD")


def test_8_19_a_removed_card_may_come_with_a_result() -> None:
    message = DriverIdentity.decode(bytes.fromhex("02 250601083015 00"), 2013)
    assert (message.to_json(), message.problems) == (
        {"status": 2, "time": "2025-06-01 08:30:15", "ic_result": 0},
        (),
    )


def test_8_22_multimedia_of_2011_counts_its_own_packets() -> None:
    body = bytes.fromhex("00000001 00 00 01 02 00000003 00000002") + b"\xff\xd8"
    message = MediaUpload.decode(body, 2013)
    assert (message.packet_total, message.packet_no, message.data, message.location) == (3, 2, b"\xff\xd8", None)


def test_8_22_the_reply_to_complete_data_ends_behind_the_id() -> None:
    assert MediaReply(multimedia_id=7).encode(2019).hex() == "00000007"
    assert MediaReply(multimedia_id=7, retransmit=(2, 3)).encode(2019).hex() == "000000070200020003"


ONE_FILE = bytes.fromhex("01 250801080000 250801081000 0000000000000000 00 01 01 00000010")


def test_1078_4_7_a_head_repeated_in_every_fragment_is_left_out() -> None:
    head = bytes.fromhex("0007 00000002")
    message = ResourceList.decode(head + ONE_FILE + head + ONE_FILE, 2013)
    assert (len(message.files), message.problems) == (2, ("head_repeated: 1",))


def test_1078_4_7_the_number_of_recordings_is_that_of_the_length() -> None:
    message = ResourceList.decode(bytes.fromhex("0007 00000009") + ONE_FILE, 2013)
    assert (len(message.files), message.problems) == (1, ("list_count: 9 announced, 1 read",))


@pytest.mark.parametrize(
    ("block", "problem"),
    [("557a020006", "recorder_packet"), ("557a0200060025060108301500", "recorder_check"), ("ff", "recorder_packet")],
)
def test_8_18_a_block_that_is_no_recorder_packet_is_kept(block: str, problem: str) -> None:
    message = RecordUpload.decode(bytes.fromhex("0001 02" + block), 2013)
    assert message.problems[0].startswith(problem)
    assert isinstance(message.block, bytes) or problem == "recorder_check"
