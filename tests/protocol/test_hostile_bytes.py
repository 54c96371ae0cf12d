"""No input makes this layer raise anything but ProtocolError, and none makes it hold unbounded memory."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from declared_messages import bodies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_golden_frames import GOLDEN

from luwei.protocol.decode import decode_lines
from luwei.protocol.errors import ProtocolError
from luwei.protocol.explain import explain
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame, check_code, decode_frame, escape
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.items import describe
from luwei.protocol.jt808.stream import CONTENT_MAX, FrameCutter
from luwei.protocol.message import REGISTRY, Message, decode_body

HOSTILE = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
IDS = st.sampled_from(sorted(REGISTRY)) | st.integers(0, 0xFFFF)
GOLDEN_RAW = st.sampled_from([bytes.fromhex(text) for text, _, _ in GOLDEN.values()])


@st.composite
def mutated(draw: Any, source: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with a few of them changed, dropped, doubled or cut off."""
    raw = bytearray(draw(source))
    for _ in range(draw(st.integers(1, 4))):
        if not raw:
            break
        at = draw(st.integers(0, len(raw) - 1))
        act = draw(st.sampled_from("change drop double cut insert"))
        if act == "change":
            raw[at] = draw(st.integers(0, 255) | st.sampled_from([0x7D, 0x7E, 0, 0xFF]))
        elif act == "drop":
            del raw[at]
        elif act == "double":
            raw[at:at] = raw[at : at + draw(st.integers(1, 20))]
        elif act == "cut":
            del raw[at:]
        else:
            raw[at:at] = draw(st.binary(max_size=4))
    return bytes(raw)


def resealed(raw: bytes) -> bytes:
    """The bytes with a check code that holds, so that mutations get past it."""
    content = raw.strip(b"\x7e")[:-1]
    return b"\x7e" + escape(content + bytes([check_code(content)])) + b"\x7e"


@given(raw=st.binary(max_size=80) | mutated(GOLDEN_RAW) | mutated(GOLDEN_RAW).map(resealed), strict=st.booleans())
@HOSTILE
def test_any_bytes_are_a_frame_or_a_protocol_error(raw: bytes, strict: bool) -> None:
    with contextlib.suppress(ProtocolError):
        decode_frame(raw, strict=strict)


@given(raw=st.binary(max_size=80) | mutated(GOLDEN_RAW) | mutated(GOLDEN_RAW).map(resealed))
@HOSTILE
def test_any_bytes_can_be_explained_and_every_byte_is(raw: bytes) -> None:
    explanation = explain(raw)
    assert b"".join(bytes.fromhex(row.hex) for row in explanation.rows) == raw
    assert (explanation.frame is None) <= (explanation.error is not None)
    json.dumps(explanation.to_json())


@given(message_id=IDS, edition=st.sampled_from([2011, 2013, 2019]), body=st.binary(max_size=120))
@HOSTILE
def test_any_body_is_a_message_or_a_protocol_error(message_id: int, edition: int, body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        message = decode_body(message_id, edition, body)
        json.dumps(message.to_json())
        if isinstance(message, Message):
            with contextlib.suppress(ProtocolError):
                message.encode(message.edition)


@given(found=bodies(), data=st.data(), edition=st.sampled_from([2011, 2013, 2019]))
@HOSTILE
def test_a_mutated_body_is_a_message_or_a_protocol_error(found: Any, data: Any, edition: int) -> None:
    message, _, body = found
    with contextlib.suppress(ProtocolError):
        json.dumps(message.decode(data.draw(mutated(st.just(body))), edition).to_json())


@given(raw=st.binary(max_size=300), edition=st.sampled_from([2011, 2013, 2019]))
@HOSTILE
def test_any_item_bytes_can_be_shown(raw: bytes, edition: int) -> None:
    views = describe(raw, edition)
    assert sum(2 * bool(v.name_zh != "无法解析") + v.length for v in views) == len(raw)


@given(line=st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: json.dumps({"id": 1, "hex": raw.hex()})))
@HOSTILE
def test_any_line_gives_one_json_object(line: str) -> None:
    found = list(decode_lines([line]))
    assert len(found) == bool(line.strip())
    for out in found:
        assert "error" in out or "body" in out or "body_hex" in out
        json.dumps(out)


def test_lines_of_other_shapes_are_refused_by_name() -> None:
    lines = ["[]", "1", "null", '{"id":1}', '{"hex":"7e"}', '{"id":1,"hex":"7"}', '{"id":1,"hex":5}', "[" * 100_000]
    assert [out["error"]["code"] for out in decode_lines(lines)] == ["input"] * len(lines)


@given(chunks=st.lists(st.binary(max_size=200) | GOLDEN_RAW | mutated(GOLDEN_RAW), max_size=20))
@HOSTILE
def test_any_stream_is_cut_without_fail_and_without_growing(chunks: list[bytes]) -> None:
    cutter = FrameCutter()
    for chunk in chunks:
        for frame in cutter.feed(chunk):
            assert frame[:1] == frame[-1:] == b"\x7e"
            assert len(frame) <= CONTENT_MAX + 2
        assert cutter.pending() <= CONTENT_MAX + 1


@given(
    chunks=st.lists(GOLDEN_RAW, max_size=12), cuts=st.lists(st.integers(1, 30), min_size=1), noise=st.binary(max_size=9)
)
@HOSTILE
def test_good_frames_survive_any_cut_and_noise_between_them(chunks: list[bytes], cuts: list[int], noise: bytes) -> None:
    noise = noise.replace(b"\x7e", b"\x7f")
    stream = noise.join(chunks)
    cutter, got, at, turn = FrameCutter(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += cutter.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == chunks


PART = st.builds(
    Header,
    message_id=st.integers(0, 2),
    body_length=st.just(0),
    serial=st.integers(0, 12) | st.integers(65530, 65535),
    phone_raw=st.sampled_from([b"\0" * 6, b"\1" * 6]),
    edition=st.just(2013),
    fragmented=st.just(True),
    package_total=st.integers(0, 5),
    package_no=st.integers(0, 6),
)


@given(parts=st.lists(st.tuples(PART, st.binary(max_size=60), st.floats(0, 400)), max_size=60))
@HOSTILE
def test_any_fragments_are_put_together_or_given_up_within_bounds(parts: list[tuple[Header, bytes, float]]) -> None:
    assembler = Assembler(terminal_bytes=600, all_bytes=900)
    now = 0.0
    for header, body, pause in parts:
        now += pause
        with contextlib.suppress(ProtocolError):
            assembler.add(Frame(header, body), now)
        for missing in assembler.due(now):
            assert missing.numbers and 0 <= missing.first_serial < 65536
        assert assembler.held_bytes <= 900
    assembler.due(now + 1000)
    assert assembler.missing() == [] and assembler.held_bytes == 0
