"""Cutting the attachment link: captured sessions and blocks, at every split, and hostile bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.protocol.errors import ProtocolError
from luwei.protocol.safety.stream import DATA_MAX, LinkReader, StreamData, StreamHead, stream_head

ATTACHMENTS = Path(__file__).parents[3] / "shared" / "vectors" / "attachments"


def lines(name: str) -> list[dict[str, Any]]:
    path = ATTACHMENTS / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


needs_vectors = pytest.mark.skipif(not ATTACHMENTS.exists(), reason="shared/vectors is not beside the repository")


def read(pieces: Iterable[bytes], reader: LinkReader | None = None) -> tuple[list[bytes], list[Any]]:
    """Frames, and blocks as (name, offset, bytes)."""
    reader = reader or LinkReader()
    frames: list[bytes] = []
    blocks: list[Any] = []
    for piece in pieces:
        view, at = memoryview(piece), 0
        while True:
            event, at = reader.take(view, at)
            if event is None:
                break
            if isinstance(event, StreamHead):
                blocks.append([event.name, event.offset, event.length, b""])
            elif isinstance(event, StreamData):
                assert event.offset == blocks[-1][1] + len(blocks[-1][3])
                blocks[-1][3] += bytes(event.data)
                assert event.last == (len(blocks[-1][3]) == blocks[-1][2])
            else:
                frames.append(event)
        assert at == len(view)
    return frames, [(name, offset, data) for name, offset, length, data in blocks if len(data) == length]


@needs_vectors
@pytest.mark.parametrize("vector", lines("chunks.jsonl"), ids=lambda vector: vector["id"])
def test_captured_blocks(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    for step in (len(raw), 1, 7):
        reader = LinkReader()
        frames, blocks = read([raw[at : at + step] for at in range(0, len(raw), step)], reader)
        assert frames == []
        if "expect_error" in vector:
            assert blocks == [] and not reader.between
        else:
            expected = vector["expect"]
            assert blocks == [(expected["name"], expected["offset"], bytes.fromhex(expected["data_hex"]))]
            assert reader.between


@needs_vectors
@pytest.mark.parametrize("vector", lines("sessions.jsonl"), ids=lambda vector: vector["id"])
def test_captured_sessions_at_every_split(vector: dict[str, Any]) -> None:
    ups = [bytes.fromhex(step["hex"]) for step in vector["steps"] if step["dir"] == "up"]
    raw = b"".join(ups)
    whole = read([raw])
    if len(ups) > 1:
        assert whole[0] == [up for up in ups if up.startswith(b"\x7e")]
        assert len(whole[1]) == sum(up.startswith(b"01cd") for up in ups)
    for at in range(len(raw)):
        assert read([raw[:at], raw[at:]]) == whole


def test_a_reference_head() -> None:
    # reference §15, A8: offset 65536, length 20000
    raw = bytes.fromhex(
        "30 31 63 64 30 32 5F 36 34 5F 36 34 30 31 5F 30 30 5F 32 30 32 35 30 36 30 31 30 38 33 30 31 34 30 30 30 30 30"
        "31 2E 6D 70 34 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 4E 20"
    )
    name = "02_64_6401_00_20250601083014000001.mp4"
    head, at = LinkReader().take(memoryview(raw), 0)
    assert (head, at) == (StreamHead(name, 65_536, 20_000), 62)
    assert stream_head(name.encode(), 65_536, 20_000) == raw


def test_data_may_hold_every_mark() -> None:
    data = b"\x7e01cd\x7e\x7e01cd" * 9
    raw = stream_head(b"a", 5, len(data)) + data + b"\x7eab\x7e"
    for step in (1, 3, len(raw)):
        frames, blocks = read([raw[at : at + step] for at in range(0, len(raw), step)])
        assert (frames, blocks) == ([b"\x7eab\x7e"], [("a", 5, data)])


def test_doubled_and_shared_flags() -> None:
    frame = b"\x7e\x12\x11ab\x7e"
    assert read([b"\x7e" + frame + frame])[0] == [frame, frame]
    assert read([frame + frame[1:]])[0] == [frame, frame]


def test_a_name_that_fills_its_field_may_be_cut() -> None:
    head, _ = LinkReader().take(memoryview(stream_head(b"n" * 50, 0, 1)), 0)
    assert isinstance(head, StreamHead) and head.cut
    with pytest.raises(ProtocolError):
        stream_head(b"n" * 51, 0, 1)


@pytest.mark.parametrize("name", [b"a.jpg", b"00_65_6503_0_me_65_and_some_more_characters.jpg"])
def test_a_name_with_its_length_before_it(name: bytes) -> None:
    """Heilongjiang [impl]. Lengths from 0x20 on are printable: there the announced names decide."""
    raw = b"01cd" + bytes([len(name)]) + name + bytes([0, 0, 0, 4, 0, 0, 0, 3]) + b"xyz" + b"\x7eab\x7e" * 12
    for step in (1, len(raw)):
        frames, blocks = read(
            [raw[at : at + step] for at in range(0, len(raw), step)], LinkReader(lambda given: given == name.decode())
        )
        assert blocks == [(name.decode(), 4, b"xyz")] and frames == [b"\x7eab\x7e"] * 12


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"GET / HTTP/1.1", "link"),
        (b"01ce", "link"),
        (b"\x7e" + b"a" * 5000, "body_length"),
        (stream_head(b"a", 0, DATA_MAX + 1), "body_length"),
    ],
)
def test_what_belongs_to_nothing(raw: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        read([raw])
    assert raised.value.code == code


@given(st.lists(st.binary(max_size=80) | st.sampled_from([b"\x7e", b"01cd", stream_head(b"a", 0, 4)]), max_size=12))
def test_any_bytes_are_read_or_refused_alike_however_they_are_cut(pieces: list[bytes]) -> None:
    def outcome(cut: Iterable[bytes]) -> Any:
        try:
            return read(cut)
        except ProtocolError as error:
            return error.code

    raw = b"".join(pieces)
    assert outcome([raw]) == outcome([raw[at : at + 1] for at in range(len(raw))])
