"""Quirks of active safety that no other test is named after (reference active-safety); docs/profiles.md lists all."""

from __future__ import annotations

import pytest

from luwei.profiles import load
from luwei.protocol.fields import Span
from luwei.protocol.jt808.items import describe
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.media import Shoot
from luwei.protocol.jt808.messages.parameters import ParametersReply
from luwei.protocol.message import Message
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.safety.attachments import FileInfo

BASIC = bytes.fromhex("00000000 00080003 0157FAFB 06CC628C 0023 025D 005A 250601083015")
ADAS = (
    bytes.fromhex("6447 00000001 01 01 02 28 0C 00 00 00 3C 0023 0157FAFB 06CC628C 250601083014 0401")
    + b"A000001".ljust(30, b"\0")
    + bytes.fromhex("250601083014 00 03 0000")
)
DSM_BODY = "00000002 00 {kind} 02 00 00000000 3C 0023 0157FAFB 06CC628C 250601083014 0401"


def reading(name: str) -> Reading:
    return load().current[name].reading


def notes(message: type[Message], body: bytes, edition: int, name: str) -> dict[str, str]:
    spans: list[Span] = []
    message.decode(body, edition, spans, reading(name) if name else STANDARD)
    return {span.field: span.note for span in spans}


def test_as3_the_same_item_twice_in_one_report_is_a_list() -> None:
    second = ADAS[:5] + b"\x02" + ADAS[6:]
    alarms = Location.decode(BASIC + ADAS + second, 2019).to_json()["active_safety"]
    assert [alarm["alarm_id"] for alarm in alarms] == [1, 2]


@pytest.mark.parametrize(
    ("name", "word"),
    [("", "探头遮挡报警"), ("guangdong", "探头遮挡报警"), ("sichuan", "双手脱离方向盘报警")],
)
def test_as4_2_a_code_is_named_by_the_profile_and_never_by_its_number_alone(name: str, word: str) -> None:
    item = bytes.fromhex("6547" + DSM_BODY.format(kind="06")) + ADAS[33:]
    assert notes(Location, BASIC + item, 2019, name)["items[0x65].type"] == word
    (view,) = describe(item, 2019, reading(name) if name else STANDARD)
    assert word in view.value_text


@pytest.mark.parametrize("item", [0xF1, 0xF2])
def test_as4_5_a_fault_whose_length_has_four_bytes_is_read_to_the_end(item: int) -> None:
    body = BASIC + b"\x30\x01\x15" + bytes((item, 0, 0, 0, 3)) + b"abc"
    location = Location.decode(body, 2019)
    assert [(i.id, i.raw) for i in location.items.items] == [(0x30, b"\x15"), (item, b"abc")]
    assert location.problems == ()


def test_as4_5_a_fault_of_length_zero_amid_other_items_stays_what_it_is() -> None:
    location = Location.decode(BASIC + bytes.fromhex("F100 300115"), 2019)
    assert [(i.id, i.raw) for i in location.items.items] == [(0xF1, b""), (0x30, b"\x15")]


def test_as5_5_f370_of_one_byte_is_the_version_and_a_longer_one_another_dialects_bytes() -> None:
    body = bytes.fromhex("0001 02 0000F370 01 01 0000F370 03 010203")
    version, block = ParametersReply.decode(body, 2019).params
    assert version.value(2019) == 1
    assert (block.value(2019), block.raw.hex()) == (None, "010203")


@pytest.mark.parametrize(("name", "word"), [("guangdong", "面部特征图片"), ("jiangsu", "其它")])
def test_as7_4_file_type_4_is_what_the_dialect_says(name: str, word: str) -> None:
    body = b"\x05a.jpg\x04" + (7).to_bytes(4, "big")
    assert notes(FileInfo, body, 2019, name)["type"] == word


@pytest.mark.parametrize(
    ("name", "edition", "word"), [("guangdong", 2019, "1280×720"), ("jiangsu", 2013, "176×144 QCIF")]
)
def test_as9_resolution_codes_of_0x8801_are_the_dialects(name: str, edition: int, word: str) -> None:
    body = bytes.fromhex("64 0001 0000 00 05 05 7F 3F 3F 7F")
    found = notes(Shoot, body, edition, name)
    assert found["resolution"].startswith(word[:7])
    assert found["channel"] == "ADAS"


@pytest.mark.parametrize("item", [0x68, 0x71, 0x72])
def test_as12_items_of_other_dialects_keep_their_bytes(item: int) -> None:
    body = BASIC + bytes((item, 5)) + b"\x01\x02\x03\x04\x05" + bytes.fromhex("300115")
    location = Location.decode(body, 2019)
    assert [(i.id, i.value is None) for i in location.items.items] == [(item, True), (0x30, False)]
    assert location.problems == ()
