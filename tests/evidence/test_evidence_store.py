"""The evidence store: streams in, ranges out, originals that nobody replaces; folder and a real S3 server."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from luwei.evidence.content import media_type
from luwei.evidence.digest import digest
from luwei.evidence.files import Particulars, keep
from luwei.evidence.store import EvidenceStore, TooLarge, new_key
from luwei.evidence.verify import verify
from luwei.registry.engine import read, write
from luwei.registry.evidence import MULTIMEDIA, PICTURE, EvidenceFile
from ports import free_port


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceStore:
    if request.param == "folder":
        return EvidenceStore.open("", tmp_path)
    return EvidenceStore.open("s3://evidence/here", tmp_path, **request.getfixturevalue("s3"))


def pieces(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_the_digests_are_those_of_the_standards() -> None:
    # GB/T 32905-2016 annex A and FIPS 180-4
    found = digest([b"a", b"bc"])
    assert found.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest([b"abcd" * 16]).sm3 == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_what_was_put_comes_out_whole_and_in_ranges(store: EvidenceStore) -> None:
    data = b"\xff\xd8\xff\xe0" + os.urandom(6_000_000)
    stored = store.put(pieces(data))
    assert (stored.size, stored.media_type) == (len(data), "image/jpeg")
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert b"".join(store.open_range(stored.key)) == data
    assert b"".join(store.open_range(stored.key, 5, 700_000)) == data[5:700_000]
    assert b"".join(store.open_range(stored.key, len(data) - 3, len(data))) == data[-3:]
    assert store.verify(stored.key).sm3 == stored.sm3
    assert (stored.key, len(data)) in list(store.originals())


def test_a_key_of_no_file_is_not_found(store: EvidenceStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.size(new_key())
    with pytest.raises(FileNotFoundError):
        list(store.open_range(new_key(), 0, 5))


def test_an_empty_file_is_a_file(store: EvidenceStore) -> None:
    stored = store.put([])
    assert (stored.size, stored.media_type) == (0, "application/octet-stream")
    assert b"".join(store.open_range(stored.key)) == b""


def test_a_stream_that_breaks_or_never_ends_leaves_nothing(store: EvidenceStore) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(6_000_000)
        raise ConnectionError("gone")

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(65_536)

    before = list(store.originals())
    with pytest.raises(ConnectionError):
        store.put(broken())
    with pytest.raises(TooLarge):
        store.put(endless(), largest=7_000_000)
    assert list(store.originals()) == before
    assert list(store.incoming.iterdir()) == []


def test_a_whole_local_file_is_taken_over(store: EvidenceStore) -> None:
    path = store.incoming / "whole"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    stored = store.adopt(path)
    assert (stored.size, stored.media_type) == (1008, "image/png")
    assert not path.exists()
    assert store.size(stored.key) == 1008


def test_what_is_discarded_is_gone_and_nothing_else_is(store: EvidenceStore) -> None:
    kept, gone = store.put([b"kept"]), store.put([b"of no act"])
    store.discard(gone.key)
    store.discard(gone.key)  # as after a crash
    with pytest.raises(FileNotFoundError):
        store.size(gone.key)
    assert gone.key not in dict(store.originals()) and b"".join(store.open_range(kept.key)) == b"kept"
    with pytest.raises(ValueError, match="must be one that this store made"):
        store.discard("originals/2026/11/22/../x")


def test_a_server_that_is_away_is_no_file_that_is_gone(tmp_path: Path) -> None:
    """Else the bytes would stay there for ever, and nobody would know."""
    config = {
        "endpoint": f"http://127.0.0.1:{free_port()}", "access_key_id": "a", "secret_access_key": "b",
        "region": "us-east-1",
    }  # fmt: skip
    options = {"config": config, "client_options": {"allow_http": True}, "retry_config": {"max_retries": 0}}
    store = EvidenceStore.open("s3://evidence", tmp_path, **options)
    with pytest.raises(OSError, match="evidence store") as away:
        store.discard(new_key())
    assert not isinstance(away.value, FileNotFoundError)


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "originals/2026/11/22/../../x", "/etc/passwd", "originals/2026/11/22/a\x00", ""]
)
def test_a_key_that_the_store_did_not_make_is_refused(store: EvidenceStore, key: str) -> None:
    with pytest.raises(ValueError, match="must be one that this store made"):
        store.open_range(key)


def test_an_original_is_read_only_and_never_replaced(tmp_path: Path) -> None:
    store = EvidenceStore.open(f"file://{tmp_path}/e%20e", tmp_path)
    stored = store.put([b"first"])
    path = tmp_path / "e e" / stored.key
    assert path.stat().st_mode & 0o777 == 0o440
    second = store.incoming / "second"
    second.write_bytes(b"second")
    with pytest.raises(FileExistsError):
        store._shelf.adopt(stored.key, second)
    assert path.read_bytes() == b"first"


def test_a_large_file_passes_in_little_memory(tmp_path: Path) -> None:
    store = EvidenceStore.open("", tmp_path)
    piece = bytes(65_536)
    tracemalloc.start()
    stored = store.put(piece for _ in range(640))
    for _ in store.open_range(stored.key):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stored.size == 640 * 65_536
    assert peak < 2 << 20


def test_a_store_that_is_away_says_so(tmp_path: Path) -> None:
    port = free_port()
    options: dict[str, Any] = {
        "config": {
            "endpoint": f"http://127.0.0.1:{port}", "access_key_id": "a", "secret_access_key": "b", "region": "r",
        },
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},
    }  # fmt: skip
    store = EvidenceStore.open("s3://evidence", tmp_path, **options)
    with pytest.raises(OSError, match="evidence store"):
        store.put([b"x"])
    with pytest.raises(ValueError, match="must be a folder"):
        EvidenceStore.open("ftp://host/x", tmp_path)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("ffd8ffe000104a464946", "image/jpeg"),
        ("89504e470d0a1a0a0000000d", "image/png"),
        ("0000002066747970 69736f6d", "video/mp4"),
        ("0000000167640028", "video/h264"),
        ("000001 0910", "video/h264"),
        ("0000000140010c01", "video/h265"),
        ("52494646 24000000 57415645", "audio/wav"),
        ("fff15080", "audio/aac"),
        ("fffb9064", "audio/mpeg"),
        ("504b0304", "application/zip"),
        ("00000001", "application/octet-stream"),
        ("7e1210", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_type_follows_from_the_content(head: str, kind: str) -> None:
    assert media_type(bytes.fromhex(head)) == kind


def test_a_vehicle_state_record_is_known_by_its_check_byte() -> None:
    # 苏标 table 4-22: block 1 of 3, byte 63 = low 8 bits of the sum of bytes 0 to 62
    block = bytes.fromhex("00000003 00000001") + bytes(55)
    assert media_type(block + bytes([4])) == "application/x-vehicle-state-record"
    assert media_type(block + bytes([5])) == "application/octet-stream"


def test_verification_names_what_is_missing_changed_and_unknown(engine: Engine, tmp_path: Path) -> None:
    store = EvidenceStore.open("", tmp_path)
    particulars = Particulars(MULTIMEDIA, PICTURE, phone="13800138000", name="../../a\x00.jpg")
    kept = [keep(engine, store, [b"\xff\xd8\xff", bytes([n]) * 100], particulars) for n in range(4)]
    assert verify(engine, store).findings == []
    first, second, third, _ = (tmp_path / "evidence" / stored.key for _, stored in kept)
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"\xff\xd8\xff" + b"\x01" * 99 + b"\x02")
    third.chmod(0o600)
    third.write_bytes(b"short")
    stranger = store.put([b"nobody's"])
    seen: list[tuple[int, int, int]] = []
    result = verify(engine, store, lambda *now: seen.append(now))
    assert [(found.what, found.file) for found in result.findings] == [
        ("missing", kept[0][0]), ("changed", kept[1][0]), ("changed", kept[2][0]), ("unknown", 0)
    ]  # fmt: skip
    assert result.findings[1].detail == "other sha256 and sm3"
    assert result.findings[3].key == stranger.key
    assert [now[:2] for now in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with read(engine) as connection:
        name, state, kind = connection.execute(
            select(EvidenceFile.name, EvidenceFile.state, EvidenceFile.media_type).limit(1)
        ).one()
    assert (name, state, kind) == ("../../a\ufffd.jpg", "complete", "image/jpeg")


def test_a_changed_row_is_found_too(engine: Engine, tmp_path: Path) -> None:
    store = EvidenceStore.open("", tmp_path)
    key, _ = keep(engine, store, [b"x"], Particulars(MULTIMEDIA, PICTURE))
    with write(engine) as connection:
        connection.execute(update(EvidenceFile).values(sm3="0" * 64))
    assert [(f.what, f.file, f.detail) for f in verify(engine, store).findings] == [("changed", key, "other sm3")]
    with write(engine) as connection:
        connection.execute(update(EvidenceFile).values(store_key=new_key()))
    assert [f.what for f in verify(engine, store).findings] == ["missing", "unknown"]
