"""Explaining one frame byte by byte, from the same declarations that decode it.

Every byte of the input stands in exactly one row, in order, faults included: offsets, lengths and hex are those of the
wire, escapes and flags too, so that a reader finds them in what was captured.
"""

from __future__ import annotations

from array import array
from dataclasses import asdict, dataclass, field
from typing import Any

import luwei.protocol.jt808.messages  # noqa: F401 - declares them
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Scope, Span, hex_text
from luwei.protocol.jt808.frame import CONTENT_MAX, ESCAPE, Frame, check_code, decode_frame
from luwei.protocol.jt808.header import EDITION_2013, EDITION_2019, SIZE_FRAGMENT, header_size
from luwei.protocol.jt808.header_fields import FragmentFields, HeaderFields
from luwei.protocol.message import REGISTRY, Message, RawMessage
from luwei.protocol.reading import STANDARD, Reading

TOLERATED = {
    "check_code_unescaped": "校验码未转义",
    "flag_unescaped": "消息中的 0x7e 未转义",
    "version_flag_2013": "2013 版消息头却置了版本标识",
    "version_flag_missing": "2019 版消息头缺版本标识",
    "length_counts_escapes": "消息体长度按转义后计算",
    "length_counts_header": "消息体长度含消息头或封装项",
}
"""Quirks of a frame in words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field. ``offset`` and ``length`` count bytes of the input, ``hex`` is those bytes."""

    offset: int
    length: int
    hex: str
    field: str
    term_zh: str
    value: str
    note: str


@dataclass(slots=True)
class Explanation:
    """The rows, and what the frame and its body turned out to be. ``error``: the fault that stopped the reading."""

    rows: list[Row] = field(default_factory=list)
    frame: Frame | None = None
    message: Message | RawMessage | None = None
    error: ProtocolError | None = None

    def to_json(self) -> dict[str, Any]:
        """Rows as objects, quirks of the frame, problems of the body, and the fault or null."""
        fault = self.error
        return {
            "rows": [asdict(row) for row in self.rows],
            "quirks": list(self.frame.quirks) if self.frame else [],
            "problems": list(self.message.problems) if isinstance(self.message, Message) else [],
            "error": fault and {"code": fault.code, "detail": fault.detail, "offset": fault.offset},
        }


def explain(raw: bytes, reading: Reading = STANDARD) -> Explanation:
    """Explain one frame, given with both flags or without. Never raises: a fault is explained up to where it is.

    ``reading``: of the terminal's dialect, for texts and codes. What is too long to be a frame is explained up to
    ``CONTENT_MAX`` bytes, and one row stands for the rest.
    """
    beyond = len(raw) - CONTENT_MAX - 2
    wire = _Wire(raw if beyond <= 0 else raw[:-beyond])
    out = Explanation()
    try:
        out.frame = decode_frame(raw)
    except ProtocolError as error:
        out.error = error
        wire.whole = error.code not in ("delimiter", "escape", "short", "short_header")
    content = wire.content
    spans: list[Span] = []
    edition = out.frame.header.edition if out.frame else _likely_edition(content)
    size = _explain_header(content, edition, spans)
    if out.frame is not None and len(content) == size + len(out.frame.body):
        wire.whole, wire.flag_is_check_code = False, True
    body_end = max(len(content) - 1, size) if wire.whole else len(content)
    if out.frame is not None:
        _explain_body(out, wire, size, spans, reading)
    elif size < body_end:
        spans.append(Span(size, body_end - size, "body", "消息体", "", "未解析：帧有错误"))
    _cover(spans, size, body_end)
    if wire.whole and len(content) > size:
        got, want = content[-1], check_code(content[:-1])
        note = "异或一致" if got == want else f"应为 0x{want:02X}"
        spans.append(Span(len(content) - 1, 1, "check_code", "校验码", f"0x{got:02X}", note))
    out.rows = wire.rows(spans, out)
    if beyond > 0:
        rest = hex_text(memoryview(raw)[-beyond:])
        out.rows.append(Row(len(raw) - beyond, beyond, rest, "raw", "原始字节", "", "超过最长的帧，未解析"))
    return out


class _Wire:
    """The bytes as received, and where each unescaped byte stands among them."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.whole = True
        """Whether the last byte of ``content`` can be a check code."""
        self.flag_is_check_code = False
        opened = raw[:1] == b"\x7e"
        closed = len(raw) > 1 and raw[-1:] == b"\x7e"
        self.start, self.stop = int(opened), len(raw) - int(closed)
        content, places = bytearray(), array("L")
        at = self.start
        while at < self.stop:
            places.append(at)
            pair = raw[at : at + 2]
            if raw[at] == ESCAPE and at + 1 < self.stop and pair[1] in (1, 2):
                content.append(pair[1] + 0x7C)
                at += 2
            else:
                content.append(raw[at])
                at += 1
        self.content = bytes(content)
        places.append(self.stop)
        self.places = places

    def rows(self, spans: list[Span], out: Explanation) -> list[Row]:
        rows = []
        if self.start:
            note = "，".join(TOLERATED[quirk] for quirk in out.frame.quirks) if out.frame else ""
            rows.append(self._row(0, 1, Span(0, 1, "flag", "起始标识位", "0x7E", note)))
        for span in spans:
            first, last = self.places[span.offset], self.places[span.offset + span.length]
            rows.append(self._row(first, last, span))
        if self.stop < len(self.raw):
            note = "兼作校验码" if self.flag_is_check_code else ""
            rows.append(self._row(self.stop, len(self.raw), Span(0, 1, "flag", "结束标识位", "0x7E", note)))
        if out.error is not None:
            rows = [self._at_fault(row, out.error) for row in rows]
        return rows

    def _row(self, first: int, last: int, span: Span) -> Row:
        escapes = last - first - span.length
        note = "；".join(part for part in (span.note, f"转义 {escapes} 处" if escapes > 0 else "") if part)
        return Row(first, last - first, self.raw[first:last].hex(" "), span.field, span.zh, span.value, note)

    @staticmethod
    def _at_fault(row: Row, error: ProtocolError) -> Row:
        if error.offset is None or not row.offset <= error.offset < row.offset + row.length:
            return row
        note = "；".join(part for part in (row.note, f"错误 {error.code}：{error.detail}") if part)
        return Row(row.offset, row.length, row.hex, row.field, row.term_zh, row.value, note)


def _likely_edition(content: bytes) -> int:
    return EDITION_2019 if len(content) > 2 and content[2] & 0x40 else EDITION_2013


def _explain_header(content: bytes, edition: int, spans: list[Span]) -> int:
    """Spans of the header as far as it is there; returns its size."""
    scope = Scope(edition, spans=spans)
    end = len(content)
    try:
        _, at = HeaderFields.read(content, 0, min(end, header_size(edition)), scope)
        if content[2] & 0x20:
            _, at = FragmentFields.read(content, at, min(end, at + SIZE_FRAGMENT), scope)
    except ProtocolError:
        at = spans[-1].offset + spans[-1].length if spans else 0
        if at < end:
            spans.append(Span(at, end - at, "header", "消息头", "", "不完整"))
        return end
    return at


def _explain_body(out: Explanation, wire: _Wire, size: int, spans: list[Span], reading: Reading) -> None:
    frame = out.frame
    assert frame is not None
    header, body = frame.header, frame.body
    declared = REGISTRY.get(header.message_id)
    if declared is None or header.fragmented or header.encrypt:
        note = "分包" if header.fragmented else "加密" if header.encrypt else "未声明的消息"
        out.message = RawMessage(header.message_id, header.edition, body)
        if body:
            spans.append(Span(size, len(body), "body", "消息体", "", note))
        return
    found: list[Span] = []
    try:
        out.message = declared.decode(body, header.edition, found, reading)
    except ProtocolError as error:
        at = None if error.offset is None else wire.places[min(size + error.offset, len(wire.content))]
        out.error = ProtocolError(error.code, error.detail, at)
    for span in found:
        span.offset += size
    spans += found


def _cover(spans: list[Span], start: int, end: int) -> None:
    """Fill what no span covers between ``start`` and ``end``, so that no byte is left out."""
    body = [span for span in spans if span.offset >= start]
    at = start
    for span in body:
        if span.offset > at:
            spans.insert(spans.index(span), Span(at, span.offset - at, "raw", "原始字节", ""))
        at = max(at, span.offset + span.length)
    if at < end:
        spans.append(Span(at, end - at, "raw", "原始字节", "", "未解析"))
