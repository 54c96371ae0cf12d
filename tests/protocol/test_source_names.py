"""What the captures' own projects assert about the other messages, JT/T 1078 and active safety, holds for us too.

Names lead to our fields by their last part (``source_names``); an index in a name is the place in our list. Every name
must have a rule. Deviations are listed with their reasons in tests/vectors/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from captured_frames import declared, lines
from source_names import NAMES
from test_source_assertions import HEADER, MAPPED, SYMBOLS

from luwei.protocol.jt808.frame import decode_frame
from luwei.protocol.jt808.items import Item
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.jt808.messages.control import TerminalControl
from luwei.protocol.jt808.messages.pass_through import CompressedData, UplinkPassThrough
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.jt808.recorder import START, Packet
from luwei.protocol.message import Message, Record

Leaf = tuple[str, tuple[int, ...], Any]
Record_ = dict[str, Any]
OURS = {theirs: ours.split("|") for ours, names in NAMES.items() for theirs in names.split()}
LENGTH = re.compile(r".*(Len|Length)$")
PASSED_OVER = {
    r".*(verified|location\.(messageId|properties|protocolVersion|serialNo))": "not on the wire: the library's class",
    r"CommandParameters\.GetCommandParameter<\w+>\.Value(\.Value)?": "CommandParameters once more, by class",
}
WHOLE = {
    "808-0801-001": "a library's 2011 with neither location nor packet numbers; refused (2011 draft: 16 bytes of head)",
    "808-0802-001": "a library's 2011 without the number of items in this packet; refused (reference §8.22)",
    "808-8500-005": "a library without the count of controls; refused (2019 §8.30)",
    "808-8105-003": "parameters of a user's own classes behind the known ones",
    "as-0200-002": "the length byte of item 0x64 is too small: the vectors demand the report of it",
    "as-0200-004": "the length byte of item 0x65 is too small: the vectors demand the report of it",
    "as-0200-017": "item 0x66 with one entry of 8 bytes: neither 9 nor 10 (reference §4.3), kept raw",
    "as-8103-002": "0xF365 of 47 bytes, where table 4-11 of 苏标 has 49: kept raw",
    "808-8701-002": "vehicle of 39 bytes, where GB/T 19056 has 41: kept raw",
}
SINGLE = {
    ("808-0702-014", "FaceMatchValue"): "an addition of the library; the bytes stay in the remainder",
    ("808-0702-014", "UID"): "an addition of the library; the bytes stay in the remainder",
    ("808-0701-001", "Id"): "the content of a waybill is not defined: bytes",
    ("808-0701-001", "UserName"): "the content of a waybill is not defined: bytes",
    ("808-0701-001", "UserNameLength"): "the content of a waybill is not defined: bytes",
    ("808-8900-001", "JT808_0X8900_BodyBase.Id"): "content of the test's own class",
    ("808-8900-001", "JT808_0X8900_BodyBase.Sex"): "content of the test's own class",
    ("808-8900-001", "Id"): "content of the test's own class",
    ("808-8900-001", "Sex"): "content of the test's own class",
    ("808-8500-002", "param"): "2013 has flags only",
    ("808-8302-002", "Flag"): "the source's object counts single bits; they are compared themselves",
    ("as-1210-005", "TerminalID"): "empty: that 0x1210 begins with the identification",
}
DIALECTS = {"const:ActiveSafetyGD": "yuebiao", "const:ActiveSafetyHLJ": "sign_38"}


def leaves(value: Any, name: str = "", index: tuple[int, ...] = ()) -> Iterator[Leaf]:
    """Every value of a message by its last name and its places in lists."""
    if isinstance(value, (tuple, list)):
        yield name, index, list(value)
        for place, element in enumerate(value):
            yield from leaves(element, name, (*index, place))
    elif isinstance(value, Item):
        yield "item_id", index, value.id
        yield "item_length", index, len(value.raw)
        if value.value is not None:
            yield from leaves(value.value, f"0x{value.id:02X}", index)
    elif isinstance(value, Packet):
        for named, plain in (("command", value.command), ("begin", int.from_bytes(START, "big"))):
            yield named, index, plain
        yield from [("keep", index, value.reserved), ("failed", index, value.failed)]
        yield from leaves(value.content, name, index)
    elif isinstance(value, Parameter):
        yield "parameter_id", index, value.id
        yield from leaves(value.value(2019), "parameter_value", index)
    elif isinstance(value, Record):
        for field in value.fields:
            yield from leaves(value.__dict__[field.name], field.name, index)
        if isinstance(value, UplinkPassThrough):
            yield from leaves(value.peripherals, "", index)
    elif hasattr(value, "items") and hasattr(value, "rest"):
        for item in value.items:
            yield from leaves(item, name, index)
    else:
        yield name, index, value
        if isinstance(value, bytes):
            yield from ((name, (*index, place), byte) for place, byte in enumerate(value))


def same(value: Any, asserted: Any) -> bool:
    """Whether a value on the wire is what a source asserts, in its way of writing."""
    if isinstance(asserted, str):
        asserted = SYMBOLS.get(asserted, ENUMS.get(asserted, asserted))
    if isinstance(value, bytes):
        shown = asserted.lower() if isinstance(asserted, str) else asserted
        text = value.decode("gbk", "replace").rstrip("\0")
        return shown in (value.hex(), text, list(value), int.from_bytes(value, "big"))
    if isinstance(value, list) and isinstance(asserted, str):
        return asserted in value or asserted == "".join(f"{n:04x}" for n in value if isinstance(n, int))
    if isinstance(value, str) and isinstance(asserted, str):
        digits = re.sub(r"\D", "", asserted)
        wire = re.sub(r"\D", "", value)
        date = bool(re.fullmatch(r"\d{4}-\d\d-\d\d(T[\d:]+)?|\d\d:\d\d:\d\d\.\d+|\d{12}", asserted))
        return value == asserted or value.lstrip("0") == asserted or (date and digits in _readings(wire))
    if isinstance(value, str):
        return value == str(asserted)
    return bool(value == asserted)


def _readings(wire: str) -> set[str]:
    """A date as sources write it: without its time of 00:00:00, without its century, of a day only, of hhmmss only."""
    return {wire, wire.removesuffix("000000"), wire[2:], f"20{wire}", f"{wire[:6]}{wire[7:]}", wire.lstrip("0")}


ENUMS = {
    "enum:platform_delivery_order": 0,
    "enum:regular_action": 1,
    "enum:collision_rollover_alarm_triggered": 3,
    "enum:image": 0,
    "enum:video": 2,
    "enum:JPEG": 0,
    "enum:reserve": 0,
    "enum:delete": 1,
    "enum:stop": 0,
    "enum:realtime_upload": 0,
    "enum:normal_call": 0,
    "enum:append_region": 1,
    "enum:append_phone_book": 2,
    "enum:callin": 1,
    "enum:call_in_out": 3,
    "enum:delete_terminal_all_existing_events": 0,
    "enum:delete_all_items": 0,
    "enum:beidou_module": 0x34,
    "enum:firmware_download": 1,
    "enum:ic_card_into": 1,
    "enum:ic_card_pull_out": 2,
    "enum:read_card_failure_auth": 1,
    "enum:ic_card_reading_succeeded": 0,
    **{f"enum:JT808_0X8103_0xF36{n}": 0xF360 + n for n in range(4, 8)},
}


def _header(name: str, header: Any) -> Any:
    """The header's value for a source's name, None where the name is not one of the header."""
    for ours, pattern in HEADER.items():
        if re.fullmatch(pattern, name) and hasattr(header, ours):
            return getattr(header, ours)
    return None


CAPTURES = lines(
    "jt808_frames.jsonl",
    lambda r: (
        declared(r)
        and "asserted" in r
        and int(r["expect"]["message_id"], 16) not in MAPPED
        and not r["expect"]["subpackage"]
        and r["id"] not in WHOLE
    ),
) + lines("jt808_active_safety.jsonl", lambda r: "asserted" in r and r["id"] not in WHOLE)


@pytest.mark.parametrize("record", CAPTURES)
def test_what_the_source_asserts_about_a_frame_holds_by_name(record: Record_) -> None:
    frame = decode_frame(bytes.fromhex(record["hex"]))
    message = decode_body(frame.header.message_id, frame.header.edition, frame.body)
    assert isinstance(message, Message)
    found = [*leaves(message), ("dialect", (), message.dialect)]
    for name, asserted in record["asserted"].items():
        if (record["id"], name) in SINGLE or any(re.fullmatch(pattern, name) for pattern in PASSED_OVER):
            continue
        if not holds(name, asserted, found, frame.header, message):
            raise AssertionError((name, asserted))


def holds(name: str, asserted: Any, found: list[Leaf], header: Any, message: Message) -> bool:
    """Whether the message says what the source asserts under ``name``."""
    plain = re.sub(r"#\d+$|\.ToString.*$|\.Value$", "", name)
    last = re.sub(r"\[\d+\]$", "", plain.split(".")[-1])
    in_header = _header(plain, header) if last not in OURS or plain.startswith("Header.") else None
    if plain == "properties":
        return True  # attributes once more; their parts are compared with `expect`
    if in_header is not None:
        text = str(asserted)
        return str(in_header).lstrip("0") == text.lstrip("0") or in_header == asserted or text == f"0x{in_header:04X}"
    if isinstance(message, TerminalControl) and "CommandParameters[" in name:
        raw = message.params or b""  # words 1 and 2 in one list, in the library's order, with binary numbers
        sizes = (1, 2) if isinstance(asserted, int) else ()
        texts = [size for size in sizes if asserted < 256**size]
        return any(asserted.to_bytes(n, "big") in raw.split(b";") for n in texts) or str(asserted).encode() in raw
    if last == "UnCompressMessageLength":
        assert isinstance(message, CompressedData)
        return len(message.inflate()) == asserted
    if last == "ActiveSafetyType":
        return message.dialect == DIALECTS[asserted]
    if last not in OURS and LENGTH.match(last):
        return any(isinstance(v, str) and len(v.encode("gbk", "replace")) == asserted for _, _, v in found)
    assert last in OURS, f"no rule for {name}"
    wanted = {ours.partition(":")[0]: ours.partition(":")[2] for ours in OURS[last]}
    index = tuple(map(int, re.findall(r"\[(\d+)\]", plain)))
    candidates = [(n, i, v) for n, i, v in found if n in wanted]
    placed = [c for c in candidates if not index or c[1][-len(index) :] == index or c[1] == index[-len(c[1]) :]]
    assert candidates, f"{name}: no {wanted}"
    for ours, _, value in placed or candidates:
        bit = wanted[ours]
        if bit and isinstance(value, int) and bool(value >> int(bit) & 1) == asserted:
            return True
        if same(value, asserted):
            return True
    # the source's object has it, the wire only with a bit of the attribute (or in another edition)
    return any(value is None for _, _, value in candidates)
