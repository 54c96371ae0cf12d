"""Frames built by hand from the standards' tables (reference §12); the phone is fictitious. Read and written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from luwei.protocol.jt808.frame import check_code, decode_frame, encode_frame, escape, unescape
from luwei.protocol.jt808.header import Header, phone_bytes
from luwei.protocol.jt808.item_types import Mileage, RecorderSpeed, Satellites, SignalStrength, VideoAlarm
from luwei.protocol.jt808.items import Item, Items
from luwei.protocol.jt808.messages.general import Heartbeat, PlatformReply
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.registration import Authentication, Registration, RegistrationReply
from luwei.protocol.message import Message, decode_body

PHONE = "13800138000"


def header(message_id: int, serial: int, edition: int, phone: str = PHONE) -> Header:
    return Header(
        message_id=message_id,
        body_length=0,
        serial=serial,
        phone_raw=phone_bytes(phone, edition),
        edition=edition,
        protocol_version=1 if edition == 2019 else 0,
    )


REGISTRATION: dict[str, Any] = {
    "province": 44,
    "city": 300,
    "model": "TEST-1",
    "terminal_id": "A000001",
    "plate_color": 2,
    "plate": "粤B12345",
}
LOCATION = Location(
    alarm=0,
    status=0x00080003,
    latitude=22543099,
    longitude=114057868,
    altitude=35,
    speed=605,
    direction=90,
    time="2025-06-01 08:30:15",
    items=Items(
        (
            Item.of(0x01, Mileage(mileage=123456)),
            Item.of(0x03, RecorderSpeed(recorder_speed=600)),
            Item.of(0x30, SignalStrength(signal_strength=31)),
            Item.of(0x31, Satellites(gnss_satellites=12)),
            Item.of(0x14, VideoAlarm(value=0)),
        )
    ),
)

GOLDEN: dict[str, tuple[str, Header, Message]] = {
    "V1 heartbeat of 2013": (
        "7E 00 02 00 00 01 38 00 13 80 00 00 01 A9 7E",
        header(0x0002, 1, 2013),
        Heartbeat(),
    ),
    "V2 heartbeat of 2019": (
        "7E 00 02 40 00 01 00 00 00 00 01 38 00 13 80 00 00 01 E8 7E",
        header(0x0002, 1, 2019),
        Heartbeat(),
    ),
    "V3 check code 7d": (
        "7E 00 02 00 00 01 38 00 13 80 00 00 D5 7D 01 7E",
        header(0x0002, 0xD5, 2013),
        Heartbeat(),
    ),
    "V4 check code 7e": (
        "7E 00 02 00 00 01 38 00 13 80 00 00 D6 7D 02 7E",
        header(0x0002, 0xD6, 2013),
        Heartbeat(),
    ),
    "V5 registration of 2013": (
        "7E 01 00 00 2D 01 38 00 13 80 00 00 01 00 2C 01 2C 37 30 31 31 31 54 45 53 54 2D 31 00 00 00 00 "
        "00 00 00 00 00 00 00 00 00 00 41 30 30 30 30 30 31 02 D4 C1 42 31 32 33 34 35 9E 7E",
        header(0x0100, 1, 2013),
        Registration(manufacturer="70111", **REGISTRATION),
    ),
    "V6 registration of 2019": (
        "7E 01 00 40 54 01 00 00 00 00 01 38 00 13 80 00 00 01 00 2C 01 2C 34 34 30 33 30 30 37 30 31 31 "
        "31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 54 45 53 54 2D 31 41 "
        "30 30 30 30 30 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 D4 C1 "
        "42 31 32 33 34 35 A5 7E",
        header(0x0100, 1, 2019),
        Registration(manufacturer="44030070111", **REGISTRATION),
    ),
    "V7 registration reply": (
        "7E 81 00 40 09 01 00 00 00 00 01 38 00 13 80 00 00 00 00 01 00 41 55 54 48 30 31 6B 7E",
        header(0x8100, 0, 2019),
        RegistrationReply(reply_serial=1, result=0, auth_code="AUTH01"),
    ),
    "V8 authentication of 2013": (
        "7E 01 02 00 06 01 38 00 13 80 00 00 02 41 55 54 48 30 31 A4 7E",
        header(0x0102, 2, 2013),
        Authentication(auth_code="AUTH01"),
    ),
    "V9 authentication of 2019": (
        "7E 01 02 40 2A 01 00 00 00 00 01 38 00 13 80 00 00 02 06 41 55 54 48 30 31 31 32 33 34 35 36 37 "
        "38 39 30 31 32 33 34 35 56 31 2E 30 2E 30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 98 7E",
        header(0x0102, 2, 2019),
        Authentication(auth_code="AUTH01", imei="123456789012345", software_version="V1.0.0"),
    ),
    "V11 phone that holds a packed IMEI": (
        "7E 00 02 00 00 0B 3A 73 CE 2F F2 00 01 52 7E",
        header(0x0002, 1, 2013, "b3a73ce2ff2"),
        Heartbeat(),
    ),
    "V12 location of 2019": (
        "7E 02 00 40 32 01 00 00 00 00 01 38 00 13 80 00 00 10 00 00 00 00 00 08 00 03 01 57 FA FB 06 CC "
        "62 8C 00 23 02 5D 00 5A 25 06 01 08 30 15 01 04 00 01 E2 40 03 02 02 58 30 01 1F 31 01 0C 14 04 "
        "00 00 00 00 65 7E",
        header(0x0200, 16, 2019),
        LOCATION,
    ),
    "V13 general reply": (
        "7E 80 01 40 05 01 00 00 00 00 01 38 00 13 80 00 00 01 00 10 02 00 00 7C 7E",
        header(0x8001, 1, 2019),
        PlatformReply(reply_serial=16, reply_id=0x0200, result=0),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_frame_is_read_as_built(name: str) -> None:
    text, expected, message = GOLDEN[name]
    frame = decode_frame(bytes.fromhex(text))
    assert frame.header == replace(expected, body_length=len(frame.body))
    assert frame.quirks == ()
    decoded = decode_body(frame.header.message_id, frame.header.edition, frame.body)
    assert decoded == message
    assert isinstance(decoded, Message) and decoded.problems == ()
    assert decode_frame(bytes.fromhex(text), strict=True) == frame


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_frame_is_written_byte_for_byte(name: str) -> None:
    text, expected, message = GOLDEN[name]
    assert encode_frame(expected, message.encode(expected.edition)) == bytes.fromhex(text)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_frame_is_read_with_and_without_its_flags(name: str) -> None:
    raw = bytes.fromhex(GOLDEN[name][0])
    assert decode_frame(raw[1:-1]).header == decode_frame(raw).header


def test_a_2013_device_that_sets_the_version_flag_is_read_as_2013() -> None:
    """V10, reference §11.1, 3."""
    raw = bytes.fromhex("7E 01 02 40 06 01 38 00 13 80 00 00 02 41 55 54 48 30 31 E4 7E")
    frame = decode_frame(raw)
    assert (frame.header.edition, frame.header.phone, frame.header.flag_quirk) == (2013, PHONE, "version_flag_2013")
    assert frame.quirks == ("version_flag_2013",)
    assert decode_body(0x0102, 2013, frame.body) == Authentication(auth_code="AUTH01")


def test_the_standards_own_escaping_example_holds() -> None:
    content = bytes.fromhex("30 7E 08 7D 55")
    assert escape(content) == bytes.fromhex("30 7D 02 08 7D 01 55")
    assert unescape(escape(content)) == content


def test_unescaping_goes_in_one_pass() -> None:
    """7d 01 02 is 7d 02, not 7e (reference §1.3)."""
    assert unescape(bytes.fromhex("7D 01 02")) == bytes.fromhex("7D 02")


def test_the_check_code_is_the_xor_of_all_bytes() -> None:
    assert check_code(bytes.fromhex("00 02 00 00 01 38 00 13 80 00 00 01")) == 0xA9


@pytest.mark.parametrize(
    ("raw", "phone"),
    [("013800138000", "13800138000"), ("00000000013800138000", "13800138000"), ("000000000000", "0")],
)
def test_padding_does_not_change_a_terminals_identity(raw: str, phone: str) -> None:
    """Reference §2.4."""
    edition = 2019 if len(raw) == 20 else 2013
    assert replace(header(0x0002, 1, edition), phone_raw=bytes.fromhex(raw)).phone == phone
