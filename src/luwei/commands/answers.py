"""What came back, for a reader: any declared answer field by field; parameters and places in their own form."""

from __future__ import annotations

from typing import Any

from luwei.commands.letters_area import KIND_OF, read_back
from luwei.commands.parameter_form import parameter_view
from luwei.commands.recorder_tables import tables as recorder_tables
from luwei.commands.recordings import pack
from luwei.commands.tables import table
from luwei.gateway import orders
from luwei.gateway.orders import Outcome
from luwei.protocol.english import english
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.jt808.messages.areas import AreasReply, SetCircles, SetRectangles
from luwei.protocol.jt808.messages.location import LocationBasic
from luwei.protocol.jt808.messages.media import SearchReply, ShootReply
from luwei.protocol.jt808.messages.parameters import ParametersReply
from luwei.protocol.jt808.messages.pass_through import UplinkPassThrough
from luwei.protocol.jt808.messages.recorder import RecordUpload
from luwei.protocol.jt808.messages.video import ResourceList
from luwei.protocol.jt808.recorder import Packet
from luwei.protocol.message import Message, RawMessage
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry.command import ANSWERED, FAILED

RESULTS = {0: "success", 1: "failure", 2: "message_error", 3: "unsupported"}
"""Result of 0x0001 (2019 §8.1)."""
SUCCESS, UNREADABLE, EMPTY = "success", "unreadable", "empty"
ROWS_MAX = 300
TEXT_MAX = 400
HEX_MAX = 4_000
AREAS_MAX = 250

_JUDGED = {0x0805: "result"}
"""Answers that say themselves whether it worked: the field that is 0 then."""
_LENGTH = frozenset({"length"})
_PLACE_DETAIL = frozenset({"alarm", "status", "altitude", "direction"})
_HIDDEN = frozenset({"reply_serial", "count", "packet_count", "params", "items", "files"})


def state_of(outcome: Outcome) -> tuple[str, str]:
    """State and result of a command that ended so."""
    if outcome.how != orders.ANSWERED:
        return FAILED, outcome.how
    if outcome.message_id == 0x0001:
        result = RESULTS.get(outcome.result, f"result_{outcome.result}")
        return (ANSWERED if result == SUCCESS else FAILED), result
    message = _message(outcome)
    if message is None:
        return ANSWERED, UNREADABLE
    judged = _JUDGED.get(outcome.message_id)
    if judged is not None and getattr(message, judged) != 0:
        return FAILED, "failure"
    if isinstance(message, RecordUpload) and isinstance(message.block, Packet) and message.block.failed:
        return FAILED, "failure"
    if isinstance(message, ResourceList) and not message.files:
        return ANSWERED, EMPTY
    return ANSWERED, SUCCESS


def view(outcome: Outcome) -> dict[str, Any] | None:
    """The answer as it is kept and shown; None where the general reply says all."""
    if outcome.how != orders.ANSWERED or outcome.message_id == 0x0001:
        return None
    shown: dict[str, Any] = {"message_id": outcome.message_id, "rows": [], "hex": outcome.body.hex()[:HEX_MAX]}
    message = _message(outcome)
    if message is None:
        return shown
    edition = message.edition or outcome.edition
    shown |= {"zh": message.zh, "en": message.en}
    rows = [
        {
            "name": declared.name,
            "zh": declared.zh,
            "en": declared.en or declared.zh,
            "text": declared.text(value, edition)[:TEXT_MAX],
            "note": declared.explain(value, edition)[:TEXT_MAX],
            "note_en": english(declared.explain(value, edition))[:TEXT_MAX],
        }
        for declared, value in message.filled(edition)
        if declared.name not in _HIDDEN
    ]
    shown["rows"] = rows[:ROWS_MAX]
    if isinstance(message, ParametersReply):
        reading = Reading(charset=outcome.charset)
        shown["parameters"] = [parameter_view(each, edition, reading) for each in message.params[:ROWS_MAX]]
        if outcome.charset != STANDARD.charset:
            shown["charset"] = outcome.charset
        # passwords stand in the bytes
        shown["hex"] = ""
    if isinstance(message, ResourceList):
        shown["recordings"] = pack(message.files)
    if isinstance(message, ShootReply):
        shown["multimedia_ids"] = list(message.ids or ())[:ROWS_MAX]
    if isinstance(message, SearchReply):
        shown["tables"] = [table("存储的多媒体", "Stored multimedia", message.items, edition, _PLACE_DETAIL)]
    if isinstance(message, RecordUpload) and isinstance(message.block, Packet):
        shown["tables"] = recorder_tables(message.block)
    if isinstance(message, UplinkPassThrough) and (found := message.peripherals) is not None:
        shown |= {"rows": [], "tables": [table("外设", "Peripherals", found.peripherals, edition, _LENGTH)]}  # type: ignore[attr-defined]
    if isinstance(message, AreasReply):
        shown |= _areas(message, edition)
    if isinstance(message, LocationBasic):
        south, west = message.status >> 2 & 1, message.status >> 3 & 1
        shown["location"] = {
            "lat_e6": -message.latitude if south else message.latitude,
            "lon_e6": -message.longitude if west else message.longitude,
            "speed_dkmh": message.speed,
            "direction_deg": message.direction if message.direction < 360 else None,
            "time": message.time,
            "fixed": bool(message.status >> 1 & 1),
        }
    return shown


def _areas(message: AreasReply, edition: int) -> dict[str, Any]:
    """The areas of 0x0608 as snapshots and as a table; where it holds ids only, those."""
    records = message.records
    if isinstance(records, bytes):
        return {}
    if all(isinstance(each, int) for each in records):
        return {"area_ids": list(records)[:AREAS_MAX], "areas": None if records else []}
    flat = [
        one for each in records for one in (each.areas if isinstance(each, SetCircles | SetRectangles) else (each,))
    ]
    kind = KIND_OF.get(message.type, "")
    found = [back for each in flat[:AREAS_MAX] if (back := read_back(kind, each)) is not None]
    return {
        "areas": found,
        "rows": [],
        "tables": [table("区域或路线", "Areas or routes", flat, edition, frozenset({"setting", "count"}))],
    }


def _message(outcome: Outcome) -> Message | None:
    try:
        reading = Reading(charset=outcome.charset)
        message = decode_body(outcome.message_id, outcome.edition, outcome.body, reading=reading)
    except ProtocolError:
        return None
    return None if isinstance(message, RawMessage) else message
