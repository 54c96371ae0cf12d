"""Writing is strict: what the standard cannot express is refused, with the field named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import encode_frame
from luwei.protocol.jt808.header import Header, phone_bytes
from luwei.protocol.jt808.items import Item, Items, OverspeedDetail
from luwei.protocol.jt808.messages.general import PlatformReply, RequestFragments, ServerTime
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.parameters import SetParameters
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.jt808.messages.tracking import Tracking
from luwei.protocol.jt808.parameters import Parameter

REGISTRATION = Registration(
    province=44, city=300, manufacturer="70111", model="M", terminal_id="A1", plate_color=2, plate="粤B12345"
)
LOCATION = {"alarm": 0, "status": 0, "latitude": 0, "longitude": 0, "altitude": 0, "speed": 0, "direction": 0}


@pytest.mark.parametrize(
    ("write", "code", "named"),
    [
        (lambda: PlatformReply(reply_serial=65536, reply_id=0x0200, result=0).encode(2019), "value", "reply_serial"),
        (lambda: PlatformReply(reply_serial=-1, reply_id=0x0200, result=0).encode(2019), "value", "reply_serial"),
        (lambda: PlatformReply(reply_serial=1, reply_id=0x0200, result=0).encode(2016), "edition", "2016"),
        (lambda: Authentication(auth_code="😀").encode(2013), "value", "auth_code"),
        (lambda: Authentication(auth_code="a\0b").encode(2013), "value", "auth_code"),
        (lambda: Authentication(auth_code="a", imei="1" * 15).encode(2013), "edition", "imei"),
        (lambda: Authentication(auth_code="a", software_version="1").encode(2019), "value", "imei"),
        (lambda: Authentication(auth_code="a", imei="1" * 16).encode(2019), "value", "imei"),
        (lambda: TextMessage(flag=0, text="a").encode(2019), "value", "text_type"),
        (lambda: ServerTime(time="2019-11-26T15:58:50").encode(2019), "value", "time"),
        (lambda: ServerTime(time="1999-11-26 15:58:50").encode(2019), "value", "time"),
        (lambda: RequestFragments(original_serial=1, count=3, ids=(1,)).encode(2019), "value", "count"),
        (lambda: RequestFragments(original_serial=1, ids=(1,) * 256).encode(2013), "value", "count"),
        (lambda: SetParameters(params=(Parameter(1, b"\0" * 256),)).encode(2019), "value", "params"),
        (lambda: Location(**LOCATION, time="x").encode(2019), "value", "time"),
        (
            lambda: Location(**LOCATION, time="2025-01-01 00:00:00", items=Items((Item(1, b"\0" * 256),))).encode(2019),
            "value",
            "items",
        ),
        (
            lambda: Location(**LOCATION, time="2025-01-01 00:00:00", items=Items((), "torn", b"\1")).encode(2019),
            "value",
            "items",
        ),
        (lambda: Parameter.of(0x0018, 7611, 2019), "edition", "0x0018"),
        (lambda: Parameter.of(0x0078, 1), "edition", "0x0078"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(write: Callable[[], object], code: str, named: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        write()
    assert caught.value.code == code
    assert named in caught.value.detail


def test_a_field_that_a_message_needs_cannot_be_left_out_when_building_it() -> None:
    with pytest.raises(TypeError, match="result"):
        PlatformReply(reply_serial=1, reply_id=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nonsense"):
        PlatformReply(reply_serial=1, reply_id=2, result=0, nonsense=1)  # type: ignore[call-arg]


def test_padding_follows_the_edition() -> None:
    """§8.5: 2011 blanks behind the model, 2013 zeros behind, 2019 zeros in front of the model and behind the id."""
    assert REGISTRATION.encode(2011)[9:17] == b"M       "
    assert REGISTRATION.encode(2013)[9:29] == b"M".ljust(20, b"\0")
    assert REGISTRATION.encode(2019)[15:45] == b"M".rjust(30, b"\0")
    assert REGISTRATION.encode(2019)[45:75] == b"A1".ljust(30, b"\0")


def test_only_2011_ends_a_string_with_zero() -> None:
    assert REGISTRATION.encode(2011).endswith(b"12345\0")
    assert REGISTRATION.encode(2013).endswith(b"12345")


def test_stopping_a_tracking_needs_no_validity() -> None:
    assert Tracking(interval=0).encode(2019) == b"\0\0"
    assert Tracking(interval=5, valid_seconds=600).encode(2019).hex() == "000500000258"


def test_counts_are_filled_in() -> None:
    message = SetParameters(params=(Parameter.of(0x0001, 60), Parameter.of(0x0013, "gps.example.cn:7611")))
    assert message.encode(2019).hex() == "0200000001040000003c00000013" + "13" + b"gps.example.cn:7611".hex()
    assert message.encode(2011)[:2] == b"\2\2"


def test_an_overspeed_item_is_one_byte_without_a_place_and_five_with_one() -> None:
    assert Item.of(0x11, OverspeedDetail(position_type=0)).raw == b"\0"
    assert Item.of(0x11, OverspeedDetail(position_type=1, area_id=2)).raw == b"\1\0\0\0\2"


HEADER = Header(message_id=2, body_length=0, serial=1, phone_raw=phone_bytes("1", 2013), edition=2013)


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, message_id=65536),
        replace(HEADER, serial=-1),
        replace(HEADER, encrypt=8),
        replace(HEADER, edition=2019),
        replace(HEADER, edition=2020),
        replace(HEADER, fragmented=True, package_total=1, package_no=2),
    ],
)
def test_a_header_that_does_not_fit_its_bits_is_refused(header: Header) -> None:
    with pytest.raises(ProtocolError):
        encode_frame(header, b"")


def test_a_body_over_1023_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError):
        encode_frame(HEADER, b"\0" * 1024)


@pytest.mark.parametrize("phone", ["1234567890123", "x", "１２"])
def test_a_phone_that_the_field_cannot_hold_is_refused(phone: str) -> None:
    with pytest.raises(ProtocolError):
        phone_bytes(phone, 2013)


def test_a_header_is_written_by_the_standard_whatever_the_device_did() -> None:
    quirky = replace(HEADER, flag_quirk="version_flag_2013")
    assert encode_frame(quirky, b"") == encode_frame(HEADER, b"")
