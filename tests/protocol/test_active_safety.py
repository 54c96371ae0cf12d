"""Active safety: dialects told by lengths, identifications kept byte for byte, blocks of parameters (reference)."""

from __future__ import annotations

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.items import KNOWN
from luwei.protocol.jt808.frame import decode_frame, encode_frame
from luwei.protocol.jt808.items import ITEM_TYPES, Item, describe
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.jt808.messages.pass_through import UplinkPassThrough
from luwei.protocol.jt808.parameters import Parameter, parameter_type
from luwei.protocol.message import Message, Nested
from luwei.protocol.safety.alarm_sign import AlarmSign
from luwei.protocol.safety.attachments import INFORMATION, UPLOADS, Attachment
from luwei.protocol.safety.dialects import DIALECTS, SUBIAO, YUEBIAO, dialect_named, dialect_of_sign

A1 = bytes.fromhex(
    "64 47 00 00 00 01 01 01 02 28 0C 00 00 00 3C 00 23 01 57 FA FB 06 CC 62 8C 25 06 01 08 30 14 04 01 41 30 30 30 30 "
    "30 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 25 06 01 08 30 14 00 03 00 00"
)
A2 = bytes.fromhex(
    "65 2F 00 00 00 02 00 02 02 00 00 00 00 00 3C 00 23 01 57 FA FB 06 CC 62 8C 25 06 01 08 30 14 04 01 41 30 30 30 30 "
    "30 31 25 06 01 08 30 14 00 03 00"
)
A5 = bytes.fromhex(
    "7E 92 08 40 65 01 00 00 00 00 01 38 00 13 80 00 00 05 08 31 30 2E 30 2E 30 2E 35 23 28 00 00 41 30 30 30 30 30 31 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 25 06 01 08 30 14 00 03 00 00 32 30 32 35 30 "
    "36 30 31 30 38 33 30 31 34 30 30 30 30 30 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 00 00 00 48 7E"
)
A6 = bytes.fromhex(
    "7E 92 08 00 4D 01 38 00 13 80 00 00 05 08 31 30 2E 30 2E 30 2E 35 23 28 00 00 41 30 30 30 30 30 31 25 06 01 08 30 "
    "14 00 03 00 32 30 32 35 30 36 30 31 30 38 33 30 31 34 30 30 30 30 30 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 21 7E"
)
A9 = bytes.fromhex(
    "7E 92 12 40 32 01 00 00 00 00 01 38 00 13 80 00 00 06 26 30 32 5F 36 34 5F 36 34 30 31 5F 30 30 5F 32 30 32 35 30 "
    "36 30 31 30 38 33 30 31 34 30 30 30 30 30 31 2E 6D 70 34 02 01 01 00 01 00 00 00 01 00 00 72 7E"
)
WHERE = A2[14:33]
"""Speed to vehicle status of an alarm."""
SIGN = A2[33:]


def item(raw: bytes) -> Item:
    return Item(raw[0], raw[2 : 2 + raw[1]])


def tyre(sign: bytes, entries: bytes, count: int) -> Item:
    return Item(0x66, b"\0\0\0\1\0" + WHERE + sign + bytes([count]) + entries)


def test_2_the_identification_has_16_bytes_in_subiao_and_40_in_yuebiao() -> None:
    assert [(d.zh, d.sign) for d in DIALECTS[:2]] == [("苏标", 16), ("粤标", 40)]
    assert [d.sign for d in DIALECTS[2:]] == [39, 38]
    assert dialect_of_sign(16) is SUBIAO and dialect_named("yuebiao") is YUEBIAO
    assert dialect_of_sign(32) is None


def test_2_an_identification_goes_back_byte_for_byte() -> None:
    raw = b"  a1\0\xff " + SIGN[7:15] + b"\x7f"
    sign = AlarmSign.of(raw)
    assert sign.attachment_count == 3
    assert sign.encode() == raw
    message = UPLOADS["subiao"](server_ip="10.0.0.5", tcp_port=9000, udp_port=0, alarm_sign=sign, alarm_no="1")
    assert raw in message.encode(2013)


def test_2_an_identification_of_another_length_is_refused() -> None:
    with pytest.raises(ProtocolError):
        AlarmSign.of(bytes(32))


def test_4_1_an_adas_alarm_of_yuebiao_is_read() -> None:
    alarm = item(A1).alarm_json()
    assert (alarm["dialect"], alarm["alarm_id"], alarm["flag_status"], alarm["type"], alarm["level"]) == (
        *("yuebiao", 1, 1, 1, 2),
    )
    assert (alarm["front_vehicle_speed"], alarm["front_distance"], alarm["speed"]) == (40, 12, 60)
    assert alarm["alarm_sign"] == {
        "terminal_id": "A000001",
        "time": "2025-06-01 08:30:14",
        "seq": 0,
        "attachment_count": 3,
        "reserved": "0000",
    }
    shown = describe(A1)[0].value_text
    assert "前向碰撞报警" in shown and "二级报警" in shown and "1.2 s" in shown


def test_4_2_the_same_code_has_another_meaning_in_another_dialect() -> None:
    short, long = (A2[:7] + bytes([4]) + A2[8:], b"\x65\x47" + A2[2:7] + b"\x04" + A2[8:33] + A1[33:])
    assert "分神驾驶报警" in describe(short)[0].value_text
    assert "不目视前方报警" in describe(long)[0].value_text


@pytest.mark.parametrize(("head", "length"), [(0x64, 70), (0x64, 69), (0x65, 70), (0x67, 64), (0x67, 63), (0x70, 47)])
def test_2_1_the_other_lengths_of_devices_are_read_without_naming_codes(head: int, length: int) -> None:
    found = Item(head, bytes(length)).value
    assert found is not None


@pytest.mark.parametrize("length", [0, 31, 46, 48, 66, 72, 255])
def test_2_1_an_item_of_no_dialects_length_stays_raw(length: int) -> None:
    assert Item(0x64, bytes(length)).value is None
    assert Item(0x64, bytes(length)).alarm_json() == {"id": "0x64", "length": length, "undecoded": "00" * length}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [9, 10])
def test_4_3_the_size_of_a_tyre_entry_is_told_by_the_length(dialect: object, size: int) -> None:
    sign = bytes(dialect.sign)  # type: ignore[attr-defined]
    entry = (b"\0\4" if size == 10 else b"\4") + bytes.fromhex("0006 00F0 0050 0063")
    alarm = tyre(sign, entry * 2, 2).alarm_json()
    assert alarm["dialect"] == dialect.name  # type: ignore[attr-defined]
    assert alarm["events"][1] == {
        "tyre_position": 4,
        "event_type": 6,
        "pressure": 240,
        "temperature": 80,
        "battery": 99,
    }


def test_4_3_tyre_entries_of_another_size_stay_raw() -> None:
    assert tyre(SIGN, bytes(8), 1).value is None


def test_4_5_installation_and_algorithm_faults_are_words_of_four_bytes() -> None:
    assert describe(bytes.fromhex("F104 00000005"))[0].name_zh == "安装异常信息"
    assert Item(0xF2, b"\1").value is None


@pytest.mark.parametrize(("raw", "dialect"), [(A5, "yuebiao"), (A6, "subiao")])
def test_7_2_an_upload_command_is_read_and_written_in_its_dialect(raw: bytes, dialect: str) -> None:
    frame = decode_frame(raw)
    message = decode_body(0x9208, frame.header.edition, frame.body)
    assert isinstance(message, UPLOADS[dialect])
    assert message.to_json() == {
        "server_ip": "10.0.0.5",
        "tcp_port": 9000,
        "udp_port": 0,
        "alarm_sign": message.alarm_sign.to_json(),
        "alarm_no": "20250601083014000001",
        "reserved": "00" * 16,
        "dialect": dialect,
    }
    assert encode_frame(frame.header, message.encode(frame.header.edition)) == raw


def test_7_2_a_2019_header_may_carry_the_short_identification() -> None:
    message = decode_body(0x9208, 2019, decode_frame(A6).body)
    assert isinstance(message, Message) and message.dialect == "subiao"


def test_7_3_the_attachment_information_is_read_in_every_dialect() -> None:
    for name, table in INFORMATION.items():
        dialect = dialect_named(name)
        assert dialect is not None
        values = {"terminal_id": "A000001"} if dialect.announced_id else {}
        sign = AlarmSign.of(bytes(dialect.sign))
        files = (Attachment(name="02_64_6401_00_1.mp4", size=300_000),)
        sent = table(**values, alarm_sign=sign, alarm_no="1", info_type=0, attachments=files)
        received = decode_body(0x1210, 2019, sent.encode(2019))
        assert isinstance(received, table) and received.dialect == name


def test_7_3_a_body_that_fits_no_dialect_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_body(0x1210, 2019, bytes(60))
    assert caught.value.code == "body_malformed" and "yuebiao" in caught.value.detail


def test_7_7_missing_ranges_are_read() -> None:
    frame = decode_frame(A9)
    message = decode_body(0x9212, 2019, frame.body)
    assert isinstance(message, Message)
    assert message.to_json()["packages"] == [{"offset": 65536, "length": 65536}]
    assert message.encode(2019) == frame.body


@pytest.mark.parametrize(
    ("parameter", "sizes"),
    [(0xF364, {56, 64}), (0xF365, {49, 66}), (0xF366, {36}), (0xF367, {2}), (0xF370, {1})],
)
def test_5_the_blocks_of_parameters_have_the_lengths_of_their_dialects(parameter: int, sizes: set[int]) -> None:
    found = parameter_type(parameter)
    assert found is not None
    assert {length for length in range(256) if found.fits(length, 2019)} == sizes
    for length in sizes:
        assert Parameter(parameter, bytes(length)).value(2019) is not None


def test_5_all_ones_mean_leave_unchanged() -> None:
    found = parameter_type(0xF367)
    assert found is not None
    assert (
        found.text(Parameter(0xF367, b"\xff\x05").value(), 2019)
        == "后方接近报警时间阈值 不修改，侧后方接近报警时间阈值 5 s"
    )


def test_5_1_the_offsets_of_the_adas_block_are_those_of_the_table() -> None:
    value = Parameter(0xF364, bytes(range(64))).value()
    at = {name: getattr(value, name) for name in ("obstacle_gap", "collision_gap", "pedestrian_speed", "sign_photos")}
    assert at == {"obstacle_gap": 20, "collision_gap": 35, "pedestrian_speed": 41, "sign_photos": 50}
    assert (value.solid_line_speed, value.aisle_interval, value.tail) == (52, 59, bytes(range(60, 64)))


def test_5_2_the_offsets_of_the_dsm_block_are_those_of_the_table() -> None:
    value = Parameter(0xF365, bytes(range(66))).value()
    assert (value.smoking_window, value.fatigue_speed, value.abnormal_interval) == (0x1314, 26, 45)
    assert (value.identification, value.lens_speed, value.belt_speed, value.phone_play_interval) == (46, 47, 48, 63)


def test_6_2_a_peripheral_status_is_read() -> None:
    body = bytes.fromhex("F7 01 64 05 01 00000401")
    message = UplinkPassThrough.decode(body, 2013)
    assert message.to_json()["peripherals"] == [{"id": "0x64", "length": 5, "state": 1, "faults": 0x401}]
    assert message.encode(2013) == body


@pytest.mark.parametrize("content", ["", "01", "02 64 05 01 00000401", "01 64 05 01 00000401 00"])
def test_6_2_a_content_that_does_not_fit_stays_bytes(content: str) -> None:
    message = UplinkPassThrough.decode(b"\xf7" + bytes.fromhex(content), 2013)
    assert message.peripherals is None
    assert "peripherals" not in message.to_json()


def test_the_batch_decoder_knows_the_same_items_and_lengths() -> None:
    assert set(KNOWN) == set(ITEM_TYPES)
    for item_id, lengths in KNOWN.items():
        declared = ITEM_TYPES[item_id]
        if declared.tables:
            sizes = {Nested(table).size for table in declared.tables}
            assert lengths == () or set(lengths) == sizes
        else:
            assert set(lengths) == set(declared.lengths)
