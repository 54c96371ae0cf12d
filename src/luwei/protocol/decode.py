"""``luwei decode``: captured frames in JSON lines to decoded JSON objects.

Here reading is strict, for the purpose is to find faults: a frame that a gateway tolerates is reported with the fault
and the name of the tolerance.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.header import EDITION_2019, Header
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.message import RawMessage


def decode_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Decode lines ``{"id": …, "hex": …}`` one by one; blank lines are skipped. Never raises.

    Yields ``{"id", "header", "body"}`` for a declared message; ``body_hex`` stands in place of ``body`` for the others,
    for fragments and for encrypted bodies. A frame at fault gives ``{"id", "error": {"code", "detail"}}``; when only
    its body is, ``header`` and ``body_hex`` too. ``problems`` names what was odd about a body that could be read.
    """
    for line in lines:
        if line.strip():
            yield _decode_line(line)


def header_json(header: Header) -> dict[str, Any]:
    """The header under the names of the test vectors."""
    out: dict[str, Any] = {
        "message_id": f"0x{header.message_id:04X}",
        "body_length": header.body_length,
        "encrypt": header.encrypt,
        "subpackage": header.fragmented,
    }
    if header.fragmented:
        out |= {"package_total": header.package_total, "package_no": header.package_no}
    if header.edition == EDITION_2019:
        out["protocol_version"] = header.protocol_version
    return out | {"phone_bcd": header.phone_raw.hex(), "phone": header.phone, "serial": header.serial}


def _decode_line(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
        raw = bytes.fromhex(record["hex"])
        name = record["id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {"id": None, "error": {"code": "input", "detail": "a line is an object with id and hex"}}
    out: dict[str, Any] = {"id": name}
    try:
        frame = decode_frame(raw, strict=True)
    except ProtocolError as error:
        detail = error.detail + _tolerance(raw)
        return out | {"error": {"code": error.code, "detail": detail}}
    out["header"] = header_json(frame.header)
    return out | _body_json(frame)


def _tolerance(raw: bytes) -> str:
    try:
        return f" (a gateway takes it: {', '.join(decode_frame(raw).quirks)})"
    except ProtocolError:
        return ""


def _body_json(frame: Frame) -> dict[str, Any]:
    header = frame.header
    as_hex = {"body_hex": frame.body.hex()}
    if header.fragmented or header.encrypt:
        return as_hex
    try:
        message = decode_body(header.message_id, header.edition, frame.body)
    except ProtocolError as error:
        return as_hex | {"error": {"code": error.code, "detail": error.detail}}
    if isinstance(message, RawMessage):
        return as_hex
    return {"body": message.to_json()} | ({"problems": list(message.problems)} if message.problems else {})
