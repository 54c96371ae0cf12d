"""Uploads as public implementations recorded them, against the server."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from attachment_terminal import AttachmentTerminal, block
from sqlalchemy import Engine, delete
from trucks import add_truck

from luwei.protocol.jt808.frame import decode_frame
from luwei.registry.engine import write
from luwei.registry.terminal import Terminal

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="shared/vectors is not beside the repository")
SESSIONS = lines(VECTORS / "attachments" / "sessions.jsonl")
MESSAGES = [
    line
    for line in lines(VECTORS / "jt808_active_safety.jsonl")
    if line["id"][:7] in ("as-1210", "as-1211", "as-1212") and "expect" in line
]


def content(name: str, size: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


@pytest.mark.parametrize("vector", SESSIONS, ids=lambda vector: vector["id"])
async def test_a_recorded_session(
    vector: dict[str, Any], server: Any, registry: Engine, files: Any, until: Any
) -> None:
    ups = [bytes.fromhex(step["hex"]) for step in vector["steps"] if step["dir"] == "up"]
    phone = decode_frame(ups[0][: ups[0].index(b"\x7e", 1) + 1]).header.phone
    add_truck(registry, phone, "", "粤B00009")
    terminal = await AttachmentTerminal(phone).connect(server.port)
    asked: list[tuple[int, int]] = []
    results: list[int] = []
    for raw in ups:
        message_id = int.from_bytes(raw[1:3], "big")
        if message_id == 0x1212 and vector["id"] == "att-05":
            # the recording leaves the files' bytes out
            name = decode_frame(raw).body[1 : 1 + decode_frame(raw).body[0]]
            size = struct.unpack(">I", decode_frame(raw).body[-4:])[0]
            await terminal.raw(block(name, 0, content(name.decode(), size)))
        await terminal.raw(raw)
        if raw.startswith(b"\x7e"):
            for _ in range(3 if len(ups) == 1 else 1):
                answer = await terminal.answer()
                if answer.message_id == 0x9212:
                    asked += answer.ranges
                else:
                    results.append(answer.result)
    expected = vector["expect"]
    assert asked == [(each["offset"], each["length"]) for each in expected.get("resend", [])]
    await until(lambda: sum(row.state == "complete" for row in files().values()) == len(expected["files"]))
    kept = files()
    for each in expected["files"]:
        row = kept[each["name"]]
        sha256 = each.get("sha256") or hashlib.sha256(content(each["name"], each["size"])).hexdigest()
        assert (row.stored_bytes, row.sha256) == (each["size"], sha256)
        assert hashlib.sha256(b"".join(server.store.open_range(row.store_key))).hexdigest() == sha256
    if vector.get("expect_error"):
        assert 1 in results
        assert set(server.refusals.totals) == {"unknown_name"}
    else:
        assert set(results) == {0} and not server.refusals.totals
    terminal.close()


@pytest.mark.parametrize("vector", SESSIONS[1:2], ids=lambda vector: vector["id"])
async def test_the_answers_are_the_recorded_ones(vector: dict[str, Any], server: Any, registry: Engine) -> None:
    """Apart from the platform's own serial, which the recording chose otherwise."""
    add_truck(registry, "1001", "", "粤B00009")
    terminal = await AttachmentTerminal("1001").connect(server.port)
    for step in vector["steps"]:
        raw = bytes.fromhex(step.get("hex", ""))
        if step["dir"] == "up":
            await terminal.raw(raw)
            continue
        answer = await terminal.answer()
        assert hex(answer.message_id)[2:] == step["kind"]
        if raw:
            assert answer.body == decode_frame(raw).body
    terminal.close()


async def test_every_captured_message_is_answered(server: Any, registry: Engine) -> None:
    """Whoever sent them: the server answers each and stays in step."""
    with write(registry) as connection:
        connection.execute(delete(Terminal))
    phones = set()
    for number, vector in enumerate(MESSAGES):
        raw = bytes.fromhex(vector["hex"])
        header = decode_frame(raw).header
        if header.phone not in phones:
            phones.add(header.phone)
            add_truck(registry, header.phone, "", f"粤C{number:05}")
        terminal = await AttachmentTerminal(header.phone).connect(server.port)
        await terminal.raw(raw)
        answer = await terminal.answer()
        assert answer.message_id == 0x8001
        assert answer.body[:4] == struct.pack(">HH", header.serial, header.message_id)
        if header.message_id != 0x1210:
            assert answer.result == 1  # nothing was announced
        else:
            assert answer.result == 0
        terminal.close()
        await asyncio.sleep(0)
