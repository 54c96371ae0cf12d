"""Every captured frame, stream and fragment set decodes to what an independent decoder found in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from captured_frames import declared, each, lines

from luwei.protocol.captures import PROOF
from luwei.protocol.decode import decode_lines
from luwei.protocol.explain import explain
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import decode_frame
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.jt808.stream import FrameCutter
from luwei.protocol.message import RawMessage

Record = dict[str, Any]
FRAMES, SAFETY = "jt808_frames.jsonl", "jt808_active_safety.jsonl"
BODY_KEYS = {"body", "body_hex"}

BODY_EXCEPTIONS = {
    # 2013 fields padded in front: we trim 0x00 at both ends (reference §8.5), the vectors' decoder reads them as empty
    "808-0100-011": {"manufacturer": "4", "model": "BSJ-GF-06"},
    "808-0702-005": {"certificate": "qwe123456aaa"},
    "808-0702-011": {"certificate": "qwe123456aaa", "id_card": "12345678901234567"},
    # blanks behind a text are no part of it (reference §0.3)
    "808-0702-010": {"name": "测试员甲"},
}
MORE_THAN_EXPECTED = {"peripherals"}
"""What our JSON has beside the fields of the vectors: the content of pass-through 0xF7 and 0xF8."""
CONTRADICTIONS = {
    # a library without the count of controls that 2019 §8.30 has
    "808-8500-004": "body_short",
    "808-8500-005": "body_short",
    # a library's 2011 without the number of items in this packet (reference §8.22)
    "808-0802-001": "body_short",
}
"""Frames without an independent reading whose body is not what the standard says."""
SAME_REASON = {
    # the source's word for a frame without its end, or with an undefined escape; `detail` names the fault
    "unqualified_data": {"delimiter", "escape"},
}


def _without_additions(body: Record, expect: Record) -> Record:
    """Our body without what the vectors' decoder does not read: what it leaves undecoded must be the same bytes."""
    for index, alarm in enumerate(expect.get("active_safety", [])):
        if "undecoded" in alarm:
            ours = body["active_safety"][index]
            assert ours["id"] == alarm["id"]
            assert ours.get("undecoded", alarm["undecoded"]) == alarm["undecoded"]
            body["active_safety"][index] = alarm
    return {key: value for key, value in body.items() if key not in MORE_THAN_EXPECTED - expect.keys()}


def every(where: Callable[[Record], bool]) -> list[Any]:
    """Frames of both files."""
    return lines(FRAMES, where) + lines(SAFETY, where)


def readable(record: Record) -> bool:
    """Whether the body of a whole frame is declared and not at fault."""
    expect = record.get("expect", {})
    whole = not expect.get("subpackage") and not expect.get("encrypt") and "items_error" not in str(expect)
    return declared(record) and whole and not {"body_problem", "expect_error"} & record.keys()


def decoded(record: Record) -> Record:
    (out,) = decode_lines([json.dumps({"id": record["id"], "hex": record["hex"]})])
    assert out["id"] == record["id"]
    return out


@each(every(lambda r: "expect" in r))
def test_a_captured_frame_gives_the_expected_header(record: Record) -> None:
    header = decoded(record)["header"]
    assert header == {key: value for key, value in record["expect"].items() if key not in BODY_KEYS}


@each(every(lambda r: "expect" in r))
def test_a_captured_frame_gives_the_expected_body_or_keeps_it_raw(record: Record) -> None:
    expect = record["expect"]
    out = decoded(record)
    if not declared(record) or expect["subpackage"] or expect["encrypt"]:
        body = decode_frame(bytes.fromhex(record["hex"])).body
        assert out["body_hex"] == body.hex() == expect.get("body_hex", body.hex())
    elif "body" in expect:
        body = _without_additions(out["body"], expect["body"])
        assert body == expect["body"] | BODY_EXCEPTIONS.get(record["id"], {})
        assert "error" not in out
    elif "body_problem" in record:
        assert "body" in out or out["error"]["code"] in {"body_short", "body_malformed"}
    elif record["id"] in CONTRADICTIONS:
        assert (out["error"]["code"], out["body_hex"]) == (CONTRADICTIONS[record["id"]], expect["body_hex"])
    else:
        assert out["body"] and "error" not in out and "problems" not in out


@each(lines(FRAMES, lambda r: "expect_error" in r and ("expect" not in r or declared(r))))
def test_a_faulty_frame_is_refused_for_the_expected_reason(record: Record) -> None:
    reason = record["expect_error"]
    error = decoded(record)["error"]
    assert error["code"] in SAME_REASON.get(reason, {reason})


@each(every(lambda r: readable(r) and r["id"] not in CONTRADICTIONS))
def test_a_body_that_was_read_is_written_and_read_again_the_same(record: Record) -> None:
    frame = decode_frame(bytes.fromhex(record["hex"]))
    message = decode_body(frame.header.message_id, frame.header.edition, frame.body)
    assert not isinstance(message, RawMessage)
    assert not message.problems
    again = decode_body(message.id, message.edition, message.encode(message.edition))
    assert again == message


@each(every(lambda r: True))
def test_an_explanation_covers_every_byte_of_a_captured_frame_once(record: Record) -> None:
    raw = bytes.fromhex(record["hex"])
    rows = explain(raw).rows
    assert b"".join(bytes.fromhex(row.hex) for row in rows) == raw
    assert [row.offset for row in rows] == [sum(r.length for r in rows[:i]) for i in range(len(rows))]


@each(lines(SAFETY, lambda r: "expect_error" in r))
def test_an_item_whose_length_byte_is_too_small_is_reported_and_the_basic_part_survives(record: Record) -> None:
    assert record["expect_error"] == "item_length"
    out = decoded(record)
    (alarm,) = out["body"]["active_safety"]
    assert "undecoded" in alarm
    assert out["body"]["items_error"] == record["expect"]["body"]["items_error"]
    assert any(problem.startswith("items_broken") for problem in out["problems"])


def proofs(message_id: str) -> set[str]:
    """Ids that the page of a message names: ``808-0200-001 to 005, as-0200-001``."""
    found = set()
    for part in PROOF[message_id].split(", "):
        first, _, last = part.partition(" to ")
        stem, _, number = first.rpartition("-")
        found |= {f"{stem}-{n:03d}" for n in range(int(number), int(last or number) + 1)}
    return found


@each(every(lambda r: readable(r) and r["id"] not in CONTRADICTIONS))
def test_the_page_of_a_message_names_every_frame_that_proves_it(record: Record) -> None:
    assert record["id"] in proofs(record["expect"]["message_id"])


@each(every(lambda r: not readable(r)))
def test_no_page_names_a_frame_with_a_known_fault(record: Record) -> None:
    assert all(record["id"] not in proofs(message_id) for message_id in PROOF)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 100_000])
@pytest.mark.parametrize("record", lines("jt808_streams.jsonl"))
def test_a_captured_stream_is_cut_into_its_frames_whatever_the_chunks(record: Record, step: int) -> None:
    stream = bytes.fromhex(record["hex"])
    cutter = FrameCutter()
    frames = [f.hex() for at in range(0, len(stream), step) for f in cutter.feed(stream[at : at + step])]
    assert frames == record["expect"]["frames"]
    if "pending_bytes" in record["expect"]:
        assert cutter.pending() == record["expect"]["pending_bytes"]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("record", lines("jt808_reassembly.jsonl"))
def test_captured_fragments_are_put_together_in_any_order(record: Record, backwards: bool) -> None:
    expect = record["expect"]
    assembler = Assembler()
    parts = record["parts"][::-1] if backwards else record["parts"]
    whole = [assembler.add(decode_frame(bytes.fromhex(part)), 0.0) for part in parts]
    assert whole[:-1] == [None] * (len(parts) - 1)
    if expect["missing"]:
        (missing,) = assembler.missing()
        assert list(missing.numbers) == expect["missing"]
        assert (missing.received, missing.package_total) == (expect["received"], expect["package_total"])
        assert whole[-1] is None
        return
    frame = whole[-1]
    assert frame is not None
    header = frame.header
    assert (f"0x{header.message_id:04X}", header.phone) == (expect["message_id"], expect["phone"])
    assert (header.package_total, header.fragmented) == (expect["package_total"], False)
    assert header.body_length == len(frame.body) == expect["body_length"]
    assert hashlib.sha256(frame.body).hexdigest() == expect["body_sha256"]
    assert assembler.held_bytes == 0


@pytest.mark.parametrize("record", lines("jt808_reassembly.jsonl", lambda r: r["id"] == "reass-04"))
def test_a_reassembled_parameter_reply_is_read_and_its_surplus_bytes_kept(record: Record) -> None:
    assembler = Assembler()
    frames = [assembler.add(decode_frame(bytes.fromhex(part)), 0.0) for part in record["parts"]]
    assert frames[-1] is not None
    message = decode_body(0x0104, 2013, frames[-1].body)
    assert not isinstance(message, RawMessage)
    assert record["body_problem"] in message.problems
    assert len(message.remainder) == 182


def assembled(record: Record) -> Any:
    """The message of a whole set of fragments, of which a 2013 header says the edition."""
    assembler = Assembler()
    frames = [assembler.add(decode_frame(bytes.fromhex(part)), 0.0) for part in record["parts"]]
    frame = frames[-1]
    assert frame is not None
    return decode_body(frame.header.message_id, frame.header.edition, frame.body)


def whole(message_id: str) -> list[Any]:
    """Sets of fragments of one message that are complete."""
    return lines(
        "jt808_reassembly.jsonl",
        lambda r: r["expect"].get("message_id") == message_id and not r["expect"]["missing"],
    )


@pytest.mark.parametrize("record", whole("0x0801"))
def test_a_picture_put_together_from_fragments_is_a_whole_jpeg(record: Record) -> None:
    message = assembled(record)
    assert (message.type, message.format, message.problems) == (0, 0, ())
    assert message.data[:2] == b"\xff\xd8" and b"\xff\xd9" in message.data[-64:]
    assert message.to_json()["data_length"] == record["expect"]["body_length"] - 36


@pytest.mark.parametrize("record", whole("0x1205"))
def test_a_list_of_recordings_put_together_from_fragments_has_all_its_items(record: Record) -> None:
    message = assembled(record)
    assert message.problems == ()
    assert len(message.files) == message.count == (record["expect"]["body_length"] - 6) // 28
