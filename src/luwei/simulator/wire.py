"""From a truck's reports to bodies and frames of JT/T 808, through the declared messages of luwei.protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.jt808.frame import encode_frame
from luwei.protocol.jt808.header import Header, phone_bytes
from luwei.protocol.jt808.items import Item, Items
from luwei.protocol.jt808.messages.general import TerminalReply
from luwei.protocol.jt808.messages.location import Location, LocationBatch, LocationReply
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.simulator.device_clock import device_time
from luwei.simulator.fleet import Truck
from luwei.simulator.reports import Report

TERMINAL_REPLY, HEARTBEAT, UNREGISTER, ASK_TIME, ASK_FRAGMENTS = 0x0001, 0x0002, 0x0003, 0x0004, 0x0005
REGISTRATION, AUTHENTICATION, PARAMETERS, LOCATION, LOCATION_REPLY, BATCH = (
    0x0100,
    0x0102,
    0x0104,
    0x0200,
    0x0201,
    0x0704,
)
PLATFORM_REPLY, RESEND_FRAGMENTS, SERVER_TIME, REGISTRATION_REPLY = 0x8001, 0x8003, 0x8004, 0x8100
SET_PARAMETERS, QUERY_PARAMETERS, QUERY_GIVEN_PARAMETERS = 0x8103, 0x8104, 0x8106
QUERY_LOCATION, TRACKING, CONFIRM_ALARM, LINK_CHECK, TEXT = 0x8201, 0x8202, 0x8203, 0x8204, 0x8300

RESULT_OK, RESULT_FAILED, RESULT_WRONG, RESULT_UNSUPPORTED = 0, 1, 2, 3


def header(truck: Truck, message_id: int, serial: int) -> Header:
    """A header of the truck's edition."""
    return Header(
        message_id=message_id,
        body_length=0,
        serial=serial,
        phone_raw=phone_bytes(truck.phone, truck.edition),
        edition=truck.edition,
        protocol_version=1 if truck.edition == 2019 else 0,
    )


def frame(truck: Truck, message_id: int, serial: int, body: bytes = b"") -> bytes:
    """One frame. Raises ProtocolError when ``body`` is over 1023 bytes."""
    return encode_frame(header(truck, message_id, serial), body)


def registration(truck: Truck) -> bytes:
    """Body of 0x0100, its plate in the terminal's own charset."""
    body = Registration(
        province=truck.county // 10_000,
        city=truck.county % 10_000,
        manufacturer=truck.manufacturer_id,
        model=truck.model,
        terminal_id=truck.terminal_id,
        plate_color=truck.plate_color,
        plate=truck.plate,
    ).encode(truck.edition)
    plate = truck.plate.encode("gbk")
    return body if truck.speech.charset == "gbk" else body[: -len(plate)] + truck.plate.encode(truck.speech.charset)


def authentication(truck: Truck, code: str, software: str) -> bytes:
    """Body of 0x0102; 2019 tells the software version too."""
    if truck.edition < 2019:
        return Authentication(auth_code=code).encode(truck.edition)
    return Authentication(auth_code=code, imei=truck.imei, software_version=software).encode(truck.edition)


def _fields(report: Report) -> dict[str, Any]:
    return {
        "alarm": report.alarm,
        "status": report.status,
        "latitude": report.lat_e6,
        "longitude": report.lon_e6,
        "altitude": report.altitude_m,
        "speed": report.speed_dkmh,
        "direction": report.direction_deg,
        "time": device_time(report.at_s, report.zone_h),
        "items": Items(tuple(Item(item, value) for item, value in report.items)),
    }


def location(report: Report, edition: int) -> bytes:
    """Body of 0x0200: basic part and items."""
    return Location(**_fields(report)).encode(edition)


def location_reply(serial: int, report: Report, edition: int) -> bytes:
    """Body of 0x0201, the answer to the 0x8201 with ``serial``."""
    return LocationReply(reply_serial=serial, **_fields(report)).encode(edition)


def batch(reports: Sequence[Report], edition: int) -> bytes:
    """Body of 0x0704 type 1 (盲区补报); over 1023 bytes for many reports."""
    return LocationBatch(type=1, locations=tuple(Location(**_fields(report)) for report in reports)).encode(edition)


def general_reply(serial: int, message_id: int, result: int, edition: int) -> bytes:
    """Body of 0x0001."""
    return TerminalReply(reply_serial=serial, reply_id=message_id, result=result).encode(edition)
