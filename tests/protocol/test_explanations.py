"""``explain``, ``decode_lines``, the views of items and bits, and the pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_golden_frames import GOLDEN

from luwei.protocol.decode import decode_lines
from luwei.protocol.document import pages, write_pages
from luwei.protocol.explain import TOLERATED, explain
from luwei.protocol.jt808 import frame, header
from luwei.protocol.jt808.bits import DISTANCE_PICTURES, TEXT_FLAGS, TIMED_PICTURES
from luwei.protocol.jt808.items import (
    ITEM_TYPES,
    alarm_names,
    describe,
    status_names,
    temperature,
    vehicle_signal_names,
    video_alarm_names,
)
from luwei.protocol.jt808.parameters import PARAMETERS
from luwei.protocol.message import REGISTRY

V12 = bytes.fromhex(GOLDEN["V12 location of 2019"][0])
V3 = bytes.fromhex(GOLDEN["V3 check code 7d"][0])
PAGES = Path(__file__).resolve().parents[2] / "docs" / "protocol"


JT808 = [
    *(0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0100, 0x0102, 0x0104, 0x0107, 0x0108, 0x0200, 0x0201, 0x0301, 0x0302),
    *(
        0x0303,
        0x0500,
        0x0608,
        0x0700,
        0x0701,
        0x0702,
        0x0704,
        0x0705,
        0x0800,
        0x0801,
        0x0802,
        0x0805,
        0x0900,
        0x0901,
        0x0A00,
    ),
    *(0x8001, 0x8003, 0x8004, 0x8100, *range(0x8103, 0x8109), *range(0x8201, 0x8205), *range(0x8300, 0x8305)),
    *(0x8400, 0x8401, 0x8500, *range(0x8600, 0x8609), 0x8700, 0x8701, 0x8702, *range(0x8800, 0x8806), 0x8900, 0x8A00),
]
"""Every id of the index of messages, JT/T 808-2019 appendix B and 2013 (reference §7)."""


JT1078 = [
    *(0x1003, 0x1005, 0x1205, 0x1206, 0x9003, 0x9101, 0x9102, 0x9105, 0x9201, 0x9202, 0x9205, 0x9206, 0x9207),
    *range(0x9301, 0x9307),
]
"""JT/T 1078-2016 appendix A."""


SAFETY = [0x1210, 0x1211, 0x1212, 0x1FC4, 0x9208, 0x9212]
SAFETY_ITEMS = [0x64, 0x65, 0x66, 0x67, 0x70, 0xF1, 0xF2]
OTHER_ITEMS = [0x25, 0x2A, 0x2B, 0x30, 0x31, 0xE0]


def rows(raw: bytes) -> dict[str, tuple[int, int, str, str, str]]:
    return {r.field: (r.offset, r.length, r.term_zh, r.value, r.note) for r in explain(raw).rows}


def test_a_location_is_explained_field_by_field() -> None:
    found = rows(V12)
    assert found["message_id"] == (1, 2, "消息ID", "0x0200", "位置信息汇报")
    assert found["attributes"][3:] == ("0x4032", "消息体长度 50，不加密，不分包，版本标识 1")
    assert found["phone"][3:] == ("00000000013800138000", "13800138000")
    assert found["status"] == (22, 4, "状态", "0x00080003", "ACC 开，定位，使用北斗卫星定位")
    assert found["latitude"] == (26, 4, "纬度", "22.543099 °", "")
    assert found["longitude"][3] == "114.057868 °"
    assert found["speed"][3] == "60.5 km/h"
    assert found["time"][3:] == ("2025-06-01 08:30:15", "GMT+8")
    assert found["items[0x01].mileage"] == (48, 4, "里程", "12345.6 km", "")
    assert found["items[0x31].gnss_satellites"][3] == "12"
    assert found["check_code"] == (68, 1, "校验码", "0x65", "异或一致")


def test_escapes_stand_in_their_field() -> None:
    assert rows(V3)["check_code"] == (13, 2, "校验码", "0x7D", "异或一致；转义 1 处")


def test_a_wrong_check_code_is_explained_with_the_right_one() -> None:
    raw = V12[:-2] + b"\x00\x7e"
    explanation = explain(raw)
    assert explanation.error is not None and explanation.error.code == "checksum"
    assert rows(raw)["check_code"][3:] == ("0x00", "应为 0x65")
    assert rows(raw)["phone"][4] == "13800138000"


@pytest.mark.parametrize(
    ("hexes", "code", "row"),
    [
        ("7e02007d037e", "escape", "attributes"),
        ("7e0100002c0123454a7e", "short_header", "flag"),
        ("7e810000001234567820130001bb7e", "body_short", "check_code"),
        ("7e0104000c0144199999990005000401000000010000000001cc7e", "body_malformed", "raw"),
    ],
)
def test_a_broken_frame_is_explained_up_to_its_fault(hexes: str, code: str, row: str) -> None:
    explanation = explain(bytes.fromhex(hexes))
    assert explanation.error is not None and explanation.error.code == code
    assert [r.field for r in explanation.rows if f"错误 {code}" in r.note] == [row]


def test_a_swallowed_check_code_is_explained_as_the_flag() -> None:
    raw = bytes.fromhex("7E 00 02 00 00 01 38 00 13 80 00 00 D6 7E")
    explanation = explain(raw)
    assert explanation.error is None
    assert (explanation.rows[0].note, explanation.rows[-1].note) == ("校验码未转义", "兼作校验码")


def test_every_quirk_of_a_frame_has_words() -> None:
    names = {
        value
        for module in (frame, header)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }
    assert names == TOLERATED.keys()


def test_the_error_names_field_and_place() -> None:
    error = explain(bytes.fromhex("7e810000001234567820130001bb7e")).error
    assert error is not None
    assert (error.detail, error.offset) == ("reply_serial: WORD: need 2, have 0", 13)


def test_decode_gives_the_names_of_the_vectors() -> None:
    (out,) = decode_lines([json.dumps({"id": "v12", "hex": V12.hex()}), "\n"])
    assert out["header"] == {
        "message_id": "0x0200",
        "body_length": 50,
        "encrypt": 0,
        "subpackage": False,
        "protocol_version": 1,
        "phone_bcd": "00000000013800138000",
        "phone": "13800138000",
        "serial": 16,
    }
    assert out["body"]["latitude"] == 22543099
    assert out["body"]["items"][0] == {"id": "0x01", "length": 4, "hex": "0001e240", "mileage_0.1km": 123456}


def test_decode_reports_what_a_gateway_would_take_with_the_tolerance() -> None:
    (out,) = decode_lines(['{"id":1,"hex":"7e0002000000000000067900007d7e"}'])
    assert out["error"]["code"] == "escape"
    assert "check_code_unescaped" in out["error"]["detail"]


def test_items_are_described_for_a_reader() -> None:
    views = describe(bytes.fromhex("01040001e240 30011f 1403000000 140400000041 180300011e 110501000000ff e10101 0604"))
    shown = [(v.id, v.name_zh, v.value_text, v.unit) for v in views]
    assert shown == [
        (0x01, "里程", "12345.6", "km"),
        (0x30, "信号强度", "31", ""),
        (0x14, "视频相关报警", "", ""),
        (0x14, "视频相关报警", "视频信号丢失报警，特殊报警录像达到存储阈值报警", ""),
        (0x18, "异常驾驶行为", "异常驾驶行为类型 疲劳，疲劳程度 30 %", ""),
        (0x11, "超速报警附加信息", "位置类型 圆形区域，区域或路段ID 255", ""),
        (0xE1, "", "", ""),
        (0, "无法解析", "item 0x06 length 4, 0 left", ""),
    ]


@pytest.mark.parametrize(("raw", "celsius"), [(0x0019, 25), (0x8005, -5), (0xFFFB, -5), (0x0000, 0), (0x8000, 0)])
def test_a_temperature_is_read_as_the_smaller_of_its_two_readings(raw: int, celsius: int) -> None:
    assert temperature(raw) == celsius


@pytest.mark.parametrize(
    ("edition", "bit", "zh"),
    [
        (2011, 3, "预警"),
        (2013, 3, "危险预警"),
        (2019, 3, "危险驾驶行为报警"),
        (2013, 29, "碰撞预警"),
        (2019, 29, "碰撞侧翻报警"),
        (2013, 31, "非法开门报警"),
    ],
)
def test_an_alarm_bit_is_called_as_its_edition_does(edition: int, bit: int, zh: str) -> None:
    assert [(b, name) for b, name, _ in alarm_names(1 << bit, edition)] == [(bit, zh)]


@pytest.mark.parametrize(
    ("edition", "named"),
    [
        (2011, {*range(12), *range(18, 29)}),
        (2013, {*range(15), *range(18, 32)}),
        (2019, {*range(31)}),
    ],
)
def test_each_edition_names_exactly_its_alarm_bits(edition: int, named: set[int]) -> None:
    assert {bit for bit, _, _ in alarm_names(0xFFFFFFFF, edition)} == named


def test_the_status_tells_acc_and_fix_in_both_states() -> None:
    assert status_names(0) == [(0, "ACC 关", "ACC off"), (1, "未定位", "Not fixed")]
    assert [zh for _, zh, _ in status_names(0x400303)] == ["ACC 开", "定位", "满载", "车辆处于行驶状态"]
    assert [zh for _, zh, _ in status_names(0x400303, 2011)] == ["ACC 开", "定位"]


def test_video_alarms_signals_and_picture_words_are_named() -> None:
    assert [bit for bit, _, _ in video_alarm_names(0b1000001)] == [0, 6]
    assert [en for _, _, en in vehicle_signal_names(0b100)] == ["Right turn signal"]
    assert TIMED_PICTURES.text(0x001E0101) == "通道1拍照，通道1上传，单位 秒，间隔 15"
    assert DISTANCE_PICTURES.text(0x00010001).startswith("通道1拍照，单位 公里")
    assert TEXT_FLAGS.text(0b01001001, 2013) == "紧急，终端TTS播读，中心导航信息，位6"
    assert TEXT_FLAGS.text(0b00001001, 2019) == "服务，终端TTS播读，中心导航信息"


def test_the_tables_hold_what_the_standards_list() -> None:
    assert set(ITEM_TYPES) == {*range(1, 7), *range(0x11, 0x19), *SAFETY_ITEMS, *OTHER_ITEMS}
    assert len(PARAMETERS) == 98
    assert 0x0078 not in PARAMETERS
    assert sorted(REGISTRY) == sorted([*JT808, *JT1078, *SAFETY])


def test_the_committed_pages_say_what_the_declarations_say() -> None:
    for name, text in pages().items():
        assert (PAGES / name).read_text(encoding="utf-8") == text, f"{name}: run `luwei docs`"


def test_pages_link_only_to_pages_that_exist(tmp_path: Path) -> None:
    written = write_pages(tmp_path)
    names = {path.name for path in written} | {"quirks.md"}
    for path in written:
        for link in path.read_text(encoding="utf-8").split("](")[1:]:
            assert link.split(")")[0].split("#")[0] in names
    assert (PAGES / "quirks.md").exists()
