"""Protocol pages written from the declarations, so that they say what the code does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import luwei.protocol.jt808.messages  # noqa: F401 - declares them
from luwei.protocol import bounds
from luwei.protocol.captures import PROOF
from luwei.protocol.choices import ByLength, FirstFit
from luwei.protocol.fields import LATEST, Bytes, WireType, by_edition
from luwei.protocol.jt808 import area_bits, bits, recorder, terminal_bits, video_bits
from luwei.protocol.jt808.frame import FRAME_MAX
from luwei.protocol.jt808.header_fields import FragmentFields, HeaderFields
from luwei.protocol.jt808.items import ITEM_TYPES
from luwei.protocol.jt808.parameters import PARAMETERS
from luwei.protocol.message import EDITIONS, REGISTRY, Bits, Field, Message, Nested, Record
from luwei.protocol.repeated import Repeated
from luwei.protocol.safety import alarm_items, settings
from luwei.protocol.safety.alarm_sign import SIGNS
from luwei.protocol.safety.dialects import DIALECTS
from luwei.protocol.safety.peripherals import (
    PERIPHERAL_FAULTS,
    PeripheralInformation,
    PeripheralQuery,
    PeripheralStatus,
)

_NOTICE = "<!-- Written by `luwei docs` from the declarations in src/luwei/protocol. Do not edit. -->"
_WAYS = {"up": "终端 → 平台", "down": "平台 → 终端"}
_BIT_TABLES = (
    bits.ALARM,
    bits.STATUS,
    bits.VIDEO_ALARM,
    bits.VEHICLE_SIGNALS,
    bits.IO_STATUS,
    bits.CHANNELS_LOST,
    bits.CHANNELS_OCCLUDED,
    bits.STORAGE_FAULT,
    bits.ABNORMAL_DRIVING,
    bits.TEXT_FLAGS,
    bits.TIMED_PICTURES,
    bits.DISTANCE_PICTURES,
    bits.OSD,
    bits.GNSS,
    bits.CAN_ID,
    bits.WAKE_MODES,
    bits.WAKE_CONDITIONS,
    bits.WEEKDAYS,
    area_bits.AREA,
    area_bits.ROUTE,
    area_bits.SECTION,
    terminal_bits.TERMINAL_TYPE,
    terminal_bits.COMMUNICATION,
    terminal_bits.CONTROL_FLAGS,
    terminal_bits.QUESTION,
    terminal_bits.CONFIRMED_ALARMS,
    video_bits.ALARMS,
    video_bits.UPLOAD_CONDITIONS,
    PERIPHERAL_FAULTS,
    alarm_items.VEHICLE_STATUS,
    alarm_items.TYRE_EVENTS,
    settings.ADAS_ALARMS,
    settings.ADAS_EVENTS,
    settings.DSM_ALARMS,
    settings.DSM_EVENTS,
)

_CODES = (
    ("0x64 ADAS", "adas"),
    ("0x65 DSM", "dsm"),
    ("0x67 BSD", "bsd"),
    ("0x70 Intense driving", "driving"),
    ("Road signs", "road_signs"),
    ("File types", "file_types"),
    ("Resolutions of 0x8801", "resolutions"),
)
_PERIPHERALS = [
    ("Query", PeripheralQuery),
    ("0xF7 Status", PeripheralStatus),
    ("0xF8 Information", PeripheralInformation),
]
_RECORDER = (
    "55 7A, command word, length WORD, a reserved BYTE, data, XOR of all before. An answer holds a record as often as "
    "it fits; data of another command or length stay bytes."
)
_RECORDS = [
    (f"0x{command:02X} {recorder.COMMANDS[command]}", record)
    for command, record in (*recorder.ANSWERS.items(), *recorder.SETTINGS.items())
] + [("Request for records", recorder.Period)]

_BOUNDS = f"""## What a body may cost

Decoding makes at most 64 KiB of objects beyond the body's own size, whatever the bytes say. Lists are kept as tuples
while they are small; a longer one becomes a sequence over the body's bytes that reads an element when it is asked for
(every element is read once before, so what cannot be read is refused at once).

Where the standards set no limit, these are Luwei's:

- at most {bounds.ELEMENTS_MAX} list elements in a body, lists in lists counted together; more are refused as
  `body_malformed`, items of a location beyond that stay bytes;
- at most {bounds.TEXT_MAX} bytes in a text; longer ones are refused as `body_malformed`, and are not written;
- an oddity is named at most {bounds.PROBLEMS_MAX} times in `problems`;
- what is longer than any frame ({FRAME_MAX} bytes, and a little more for devices that exceed it) is refused as
  `body_length` before it is unescaped.

An explanation and the JSON form are for people and larger than their input by nature: an explanation lists at most
{bounds.SPANS_MAX} places, more than one frame has, and one row for the rest; data are shown up to {bounds.WHOLE_MAX}
bytes."""


def pages() -> dict[str, str]:
    """Every page by file name."""
    out = {
        "README.md": _index(),
        "header.md": _header(),
        "items.md": _items(),
        "bits.md": _bits(),
        "parameters.md": _parameters(),
        "dialects.md": _dialects(),
        "peripherals.md": _records(
            "Peripherals 外设", "Content of 0x8900 and 0x0900, types 0xF7 and 0xF8.", _PERIPHERALS
        ),
        "recorder.md": _records("Driving recorder 行驶记录仪", _RECORDER, _RECORDS),
    }
    for message in _messages():
        out[_file(message)] = _message(message)
    return out


def write_pages(folder: Path) -> list[Path]:
    """Write every page into ``folder``, which is made when missing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _messages() -> list[type[Message]]:
    return [REGISTRY[message_id] for message_id in sorted(REGISTRY)]


def _file(message: type[Message]) -> str:
    return f"0x{message.id:04x}.md"


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", _NOTICE, *(block for block in blocks if block)]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _editions(since: int, until: int = LATEST) -> str:
    return ", ".join(str(edition) for edition in EDITIONS if since <= edition <= until)


def _index() -> str:
    rows = [
        [f"[0x{m.id:04X}]({_file(m)})", m.zh, m.en, _WAYS[m.way], _editions(m.since, m.until), f"{m.source} {m.clause}"]
        for m in _messages()
    ]
    return _page(
        "JT/T 808, JT/T 1078, active safety",
        "What Luwei reads and writes, field by field. Sections are those of JT/T 808-2019.",
        "[Header 消息头](header.md) · [items of a location 附加信息](items.md) · [bits 标志位](bits.md) · "
        "[terminal parameters 终端参数](parameters.md) · [dialects of active safety 主动安全](dialects.md) · "
        "[peripherals 外设](peripherals.md) · [driving recorder 行驶记录仪](recorder.md) · "
        "[what devices do wrong](quirks.md)",
        _table(["Id", "消息", "Message", "Direction", "Editions", "Clause"], rows),
        _BOUNDS,
    )


def _message(message: type[Message]) -> str:
    editions = _editions(message.since, message.until)
    blocks = [f"{message.zh} · {_WAYS[message.way]} · {editions} · {message.source} {message.clause}"]
    doc = message.__dict__.get("__doc__")
    if doc:
        blocks.append(" ".join(doc.split()))
    blocks += [] if message.variants else _record(message, message.since)
    for variant in message.variants:
        editions = _editions(variant.since, variant.until)
        blocks += [f"## {variant.__name__}", f"{' '.join((variant.__doc__ or '').split())} {editions}".strip()]
        blocks += _record(variant, variant.since, variant.until, "###")
    blocks.append(_proof(message))
    return _page(f"0x{message.id:04X} {message.en}", *blocks)


def _proof(message: type[Message]) -> str:
    """The captured frames that the tests hold the table against."""
    ids = PROOF.get(f"0x{message.id:04X}", "")
    return f"Captured frames that prove it: {ids}." if ids else "No captured frame proves it yet."


def _record(record: type[Record], since: int = 2011, until: int = LATEST, head: str = "##") -> list[str]:
    """Tables of a record: one for all editions that agree, and those of the records in it."""
    groups: dict[str, list[int]] = {}
    for edition in EDITIONS:
        if since <= edition <= until:
            groups.setdefault(_layout(record, edition), []).append(edition)
    blocks = []
    for layout, editions in groups.items():
        if len(groups) > 1:
            blocks.append(f"{head} {', '.join(map(str, editions))}")
        blocks.append(layout or "The body is empty.")
    for nested in _nested(record):
        blocks += [f"#{head} {nested.__name__}", *_record(nested, LATEST, head=f"#{head}")]
    return blocks


def _nested(record: type[Record]) -> list[type[Record]]:
    found: list[type[Record]] = []
    for declared in record.fields:
        wire = declared.type_in(min(declared.until, LATEST))
        wires = [inner for _, inner in wire.alternatives] if isinstance(wire, FirstFit) else [wire]
        for inner in wires:
            inner = inner.element if isinstance(inner, Repeated) else inner
            if isinstance(inner, Nested) and inner.record not in found:
                found.append(inner.record)
    return [record for record in found if not issubclass(record, Message)]


def _layout(record: type[Record], edition: int) -> str:
    rows, place = [], _Place()
    for declared in record.fields_in(edition):
        wire = declared.type_in(edition)
        rows.append(
            [
                str(place),
                f"`{declared.name}`",
                declared.zh,
                declared.en,
                wire.label,
                str(declared.unit or ""),
                _meaning(declared),
            ]
        )
        place.pass_over(declared, wire)
    return _table(["Offset", "Field", "中文", "Meaning", "Type", "Unit", "Values and notes"], rows) if rows else ""


class _Place:
    """An offset that may depend on the length of earlier fields."""

    def __init__(self) -> None:
        self.bytes, self.variable = 0, ""

    def __str__(self) -> str:
        return f"{self.bytes}{self.variable}"

    def pass_over(self, declared: Field, wire: WireType[object]) -> None:
        size, name = getattr(wire, "size", None), declared.name
        if size is None or declared.when is not None or (isinstance(wire, Bytes) and wire.size is None):
            self.variable += f" + {name}"
        else:
            self.bytes += size


def _meaning(declared: Field) -> str:
    parts = []
    if declared.values:
        parts.append("，".join(f"{value} {term}" for value, term in declared.values.items()))
    if declared.bits:
        parts.append(_bits_link(declared.bits))
    if declared.when:
        parts.append(f"only with {declared.when}")
    if declared.may_end:
        parts.append("may be absent")
    if declared.counts:
        parts.append(f"length of `{declared.counts}`")
    if declared.note:
        parts.append(declared.note)
    return "; ".join(parts)


def _bits_link(table: Bits) -> str:
    return f"[{table.zh}](bits.md#{table.zh})"


def _header() -> str:
    return _page(
        "Header 消息头",
        "2019 §4.4.3. A frame is 0x7e, header, body, check code (XOR of header and body), 0x7e; between the flags 0x7d "
        "is sent as 7d 01 and 0x7e as 7d 02.",
        *_record(HeaderFields),
        "## Fragment item 消息包封装项",
        *_record(FragmentFields, LATEST),
    )


def _items() -> str:
    overview = [
        [
            f"0x{t.id:02X}",
            t.zh,
            t.en,
            " or ".join(map(str, t.lengths)) or "any",
            _editions(t.since) if t.source == "JT/T 808" else t.source,
            f"`{t.json_key}`" if t.json_key else "",
        ]
        for t in ITEM_TYPES.values()
    ]
    blocks = [
        "Id BYTE, length BYTE, value; repeated to the end of a location. An item whose length is not listed stays raw, "
        "as do all other ids.",
        _table(["Id", "中文", "Item", "Length", "Editions", "JSON name"], overview),
    ]
    for t in ITEM_TYPES.values():
        blocks += [f"## 0x{t.id:02X} {t.en}", *([] if t.tables else [_layout(t.record, LATEST)])]
        for table in t.tables:
            blocks += [f"### {table.__name__}", *_record(table, LATEST, head="####")]
    return _page("Items of a location 位置附加信息", *blocks)


def _bits() -> str:
    blocks = []
    for table in _BIT_TABLES:
        rows = []
        for bit in table.bits:
            place = str(bit.bit) if bit.width == 1 else f"{bit.bit}-{bit.bit + bit.width - 1}"
            zh, en = _term(bit.zh), _term(bit.en)
            if bit.states:
                zh = "，".join(f"{state} {term}" for state, term, _ in bit.states)
                en = ", ".join(f"{state} {term}" for state, _, term in bit.states)
            if bit.off:
                zh, en = f"{zh}；0：{bit.off[0]}", f"{en}; 0: {bit.off[1]}"
            rows.append([place, zh, en, _editions(bit.since, bit.until), bit.clears])
        blocks += [f"## {table.zh}", f"{table.en}.", _table(["Bit", "中文", "Set means", "Editions", "Clears"], rows)]
    return _page("Bits 标志位", "Clears: A after the platform's reply, C when the condition is gone (§8.9.2).", *blocks)


def _term(term: bits.Term) -> str:
    if isinstance(term, str):
        return term
    return "; ".join(f"{edition}: {text}" for edition, text in term.items())


def _parameters() -> str:
    rows = []
    for p in PARAMETERS.values():
        wires = sorted({by_edition(p.wire, e).label for e in EDITIONS if p.since <= e <= p.until})
        meaning = "，".join(f"{value} {term}" for value, term in (p.values or {}).items())
        note = _bits_link(p.bits) if p.bits else meaning
        rows.append(
            [f"0x{p.id:04X}", p.zh, p.en, " / ".join(wires), str(p.unit or ""), _editions(p.since, p.until), note]
        )
    blocks = [_table(["Id", "中文", "Parameter", "Type", "Unit", "Editions", "Values"], rows)]
    for p in PARAMETERS.values():
        wire = p.type_in(LATEST)
        tables = [block.record for block in wire.blocks] if isinstance(wire, ByLength) else []
        tables += [wire.record] if isinstance(wire, Nested) else []
        for table in tables:
            doc = " ".join((table.__dict__.get("__doc__") or "").split())
            blocks += [f"## 0x{p.id:04X} {p.en}", doc, *_record(table, LATEST)]
    return _page(
        "Terminal parameters 终端参数",
        "Id DWORD, length BYTE, value (2019 table 13, JT/T 1078 §5.3.1, active safety). 0x0111-0x01FF are like 0x0110; "
        "0xF000-0xFFFF are the vendor's but for those of active safety, which are told apart by their length.",
        *blocks,
    )


def _records(title: str, text: str, records: Sequence[tuple[str, type[Record]]]) -> str:
    blocks = [text]
    for head, record in records:
        blocks += [f"## {head}", *_record(record, LATEST, head="###")]
    return _page(title, *blocks)


def _dialects() -> str:
    sizes = [[d.name, d.zh, d.source, str(d.sign), str(d.announced_id), d.video_extension] for d in DIALECTS]
    blocks = [
        "Told by lengths alone: of an item, or of a whole body. Codes of a dialect that is not listed are not named.",
        _table(["Name", "中文", "Source", "Identification, bytes", "Terminal id in 0x1210", "Video"], sizes),
    ]
    for title, name in _CODES:
        columns = [d for d in DIALECTS if getattr(d, name)]
        codes = sorted({code for d in columns for code in getattr(d, name)})
        rows = [[f"0x{code:02X}", *(getattr(d, name).get(code, "") for d in columns)] for code in codes]
        blocks += [f"## {title}", _table(["Code", *(d.zh for d in columns)], rows)]
    for table in SIGNS.values():
        blocks += [f"## {table.__name__}", *_record(table, LATEST, head="###")]
    return _page("Dialects of active safety 主动安全", *blocks)
