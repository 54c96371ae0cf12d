"""Replay of captured frames: reading the files, speaking for their terminals, and telling what became of each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.protocol.errors import ProtocolError
from luwei.simulator.captures import STRAY_PHONE, capture, read_captures
from luwei.simulator.replay import ACKED, ANSWERED, NO_ANSWER, REFUSED, SKIPPED, replay

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir() and os.environ.get("CI") != "true", reason=f"captures are absent: {VECTORS}"
)

HEARTBEAT_2013 = "7e000200000138001380000001a97e"  # JT/T 808 reference, V1
HEARTBEAT_2019 = "7e0002400001000000000138001380000001e87e"  # V2
REGISTRATION_2013 = (  # V5
    "7e0100002d0138001380000001002c012c373031313154455354"
    "2d310000000000000000000000000000413030303030310 2d4c142313233343 59e7e"
).replace(" ", "")
TERMINAL_REPLY = "7e0001000501234567890004b303e8000200d37e"  # SmallChi/JT808, test of 0x0001
PLATFORM_REPLY = "7e8001400501000000000138001380000001001002 00007c7e".replace(" ", "")  # V13
LOCATION_2019 = (  # V12
    "7e02004032010000000001380013800000100000000000080003 0157fafb06cc628c0023025d005a250601083015"
    "01040001e2400302025830011f31010c1404000000006 57e"
).replace(" ", "")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_json_lines_hex_lines_and_comments_are_read(tmp_path: Path) -> None:
    file = write(
        tmp_path / "mixed",
        json.dumps({"id": "v2", "hex": HEARTBEAT_2019}),
        "# a remark",
        "",
        "7e 00 02 00 00 01 38 00 13 80 00 00 01 a9 7e",
        json.dumps({"id": "two", "parts": [HEARTBEAT_2013, LOCATION_2019]}),
    )
    found = list(read_captures(file))
    assert [c.id for c in found] == ["v2", "4", "two#1", "two#2"]
    assert [c.edition for c in found] == [2019, 2013, 2013, 2019]
    assert all(c.terminal_side for c in found)


@pytest.mark.parametrize("line", ["7e0", "{not json", '{"id":"x"}', '{"hex":5}', "zz"])
def test_a_line_that_is_no_capture_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ProtocolError, match="line 2"):
        list(read_captures(write(tmp_path / "bad", HEARTBEAT_2013, line)))


def test_several_frames_in_one_capture_stay_together() -> None:
    found = capture("x", bytes.fromhex(HEARTBEAT_2013 + HEARTBEAT_2013))
    assert len(found.frames) == 2


def test_the_phone_of_a_broken_frame_is_taken_from_its_place() -> None:
    broken = bytearray.fromhex(HEARTBEAT_2013)
    broken[-2] ^= 1
    found = capture("x", bytes(broken))
    assert found.frames == () and found.phone_raw.hex() == "013800138000" and found.edition == 2013
    assert capture("y", b"\x7e\x01\x7e").phone_raw == STRAY_PHONE


@given(st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_bytes_make_a_capture(raw: bytes) -> None:
    found = capture("x", raw)
    assert len(found.phone_raw) in (6, 10) and found.raw == raw


async def test_each_frame_gets_its_outcome(platform: Any, tmp_path: Path) -> None:
    broken = LOCATION_2019[:-4] + "007e"
    file = write(
        tmp_path / "frames",
        json.dumps({"id": "location", "hex": LOCATION_2019}),
        json.dumps({"id": "broken", "hex": broken}),
        json.dumps({"id": "platform", "hex": PLATFORM_REPLY}),
        json.dumps({"id": "registration", "hex": REGISTRATION_2013}),
        json.dumps({"id": "heartbeat", "hex": HEARTBEAT_2013}),
        json.dumps({"id": "reply", "hex": TERMINAL_REPLY}),
    )
    platform.acknowledge = lambda frame: 1 if frame.header.message_id == 0x0200 else 0
    result = tmp_path / "result.jsonl"
    summary = await replay(read_captures(file), "127.0.0.1", platform.port, result=result, wait_s=1)
    outcomes = {o.id: (o.outcome, o.result) for o in summary.outcomes}
    assert outcomes["location"] == (REFUSED, 1)
    assert outcomes["platform"] == (SKIPPED, None)
    assert outcomes["registration"] == (ANSWERED, 0)
    assert outcomes["heartbeat"] == (ACKED, 0)
    assert outcomes["broken"] == (NO_ANSWER, None)
    assert outcomes["reply"] == (NO_ANSWER, None)
    assert summary.connections == 2 and len(platform.broken) >= 1
    rows = [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]
    assert {row["id"] for row in rows} == set(outcomes)
    assert "1 acked" in str(summary)


async def test_a_phone_without_captured_handshake_registers_first(platform: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "frames", LOCATION_2019, HEARTBEAT_2019)
    summary = await replay(read_captures(file), "127.0.0.1", platform.port)
    assert platform.ids("13800138000") == [0x0100, 0x0102, 0x0200, 0x0002]
    assert summary.counts == {ACKED: 2} and summary.refused_handshakes == 0


async def test_an_unreachable_gateway_is_an_error(platform: Any, tmp_path: Path) -> None:
    await platform.stop()
    with pytest.raises(OSError):
        await replay(read_captures(write(tmp_path / "f", HEARTBEAT_2013)), "127.0.0.1", platform.port)


@needs_vectors
async def test_all_published_captures_can_be_replayed(platform: Any) -> None:
    captures = list(read_captures(VECTORS / "jt808_frames.jsonl"))
    summary = await replay(captures, "127.0.0.1", platform.port, wait_s=0.3)
    assert len(captures) == 722
    assert {o.id.split("/")[0] for o in summary.outcomes} == {c.id for c in captures}
    counts = summary.counts
    assert counts[SKIPPED] == sum(not c.terminal_side for c in captures)
    assert counts.get("closed", 0) == 0
    assert counts[ACKED] + counts[ANSWERED] > 300
