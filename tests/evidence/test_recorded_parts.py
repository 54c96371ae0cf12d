"""Parts of recordings become evidence: in a bucket as in a folder, and as they were written where nothing else goes."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import Engine, select
from test_remux import pictures, sound

from luwei.evidence import clip_copy
from luwei.evidence.clip_copies import ClipCopies, Wish
from luwei.evidence.confined import Ended
from luwei.evidence.store import EvidenceStore
from luwei.evidence.verify import verify
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.video import record_rows as rows
from luwei.video import record_views
from luwei.video.part_sealing import PartSealer
from luwei.video.record_file import RecordFile
from luwei.video.record_rows import Wanted
from luwei.video.record_views import PartView

T = 1_795_000_000_000


def recorded(engine: Engine, folder: Path, damage: bytes = b"") -> tuple[int, rows.Part, int]:
    """Two seconds of H.264 with sound, written and over; record, part and number of pictures. ``damage``: what is
    spoilt in the head of the file."""
    with read(engine) as connection:
        terminal = connection.execute(select(Terminal.id, Terminal.vehicle_id, Terminal.phone).limit(1)).one()
    wanted = Wanted(
        0, terminal.vehicle_id, terminal.id, terminal.phone, 1, "sub", "报警核实", None, SYSTEM, None, None, 60, T,
        None, "waiting", [], False,
    )  # fmt: skip
    key = rows.enter(engine, wanted)
    rows.begun(engine, key, T)
    part = rows.open_part(engine, key, T, "h264", 352, 288)
    init, fragments, count = pictures("h264")
    heard_init, heard = sound()
    file = RecordFile(folder, key, part.number)
    file.write(init.replace(damage, bytes(len(damage))) + b"".join(fragments), heard_init + b"".join(heard))
    file.close()
    rows.close_part(engine, part.id, T + 2_000, "stopped")
    rows.over(engine, replace(wanted, id=key), "stopped", "", T + 2_000, [])
    return key, part, count


@asynccontextmanager
async def sealing(engine: Engine, store: EvidenceStore, folder: Path) -> AsyncIterator[PartSealer]:
    sealer = PartSealer(engine, store, folder)
    await sealer.start()
    try:
        yield sealer
    finally:
        await sealer.stop()


async def stored(engine: Engine, key: int, folder: Path) -> PartView:
    """The only part of a recording, once it is over and ``folder`` is empty."""

    def over() -> bool:
        return record_views.one(engine, WHOLE, key).state in ("done", "failed") and not list(folder.iterdir())

    deadline = time.monotonic() + 60
    while not over():
        assert time.monotonic() < deadline, "not stored within a minute"
        await asyncio.sleep(0.05)
    (part,), _ = record_views.parts(engine, key)
    return part


async def test_a_recording_lies_in_a_bucket_plays_and_is_verified_there(
    registry: Engine, tmp_path: Path, s3: dict[str, Any]
) -> None:
    store = EvidenceStore.open("s3://evidence/records", tmp_path, **s3)
    key, part, count = recorded(registry, tmp_path / "records")
    async with sealing(registry, store, tmp_path / "records") as sealer:
        sealer.put(part)
        found = await stored(registry, key, tmp_path / "records")
    assert (found.state, found.pictures, found.sound) == ("done", count, True)
    original = b"".join(store.open_range(part.store_key))
    assert (hashlib.sha256(original).hexdigest(), len(original)) == (found.sha256, found.bytes)
    assert store.local_path(part.store_key) is None
    copies = ClipCopies(store)
    await copies.start()
    try:
        copy = await copies.get(Wish(part.store_key, "video/mp4", "duty", "报警核实"), "2026-11-23 04:00:00")
        assert copy.ends_ms is None
        with av.open(str(copy.path)) as container:
            assert len(list(container.decode(video=0))) == count
    finally:
        await copies.stop()
    result = verify(registry, store)
    assert (result.files, result.findings) == (1, [])


async def test_what_cannot_be_put_together_is_kept_as_it_was_written_and_says_why(
    registry: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EvidenceStore.open("", tmp_path)
    async with sealing(registry, store, tmp_path / "records") as sealer:
        key, part, count = recorded(registry, tmp_path / "records", damage=b"trak")
        written = (tmp_path / "records" / f"{key}-1.video").read_bytes()
        sealer.put(part)
        found = await stored(registry, key, tmp_path / "records")
        assert (found.state, found.pictures, found.duration_ms, found.sound) == ("raw", count, 0, False)
        assert found.detail and found.sha256 == hashlib.sha256(written).hexdigest()
        assert b"".join(store.open_range(part.store_key)) == written
        assert record_views.one(registry, WHOLE, key).state == "done"

        async def dies(job: dict[str, Any]) -> dict[str, Any]:
            tries.append(job)
            raise Ended("ended with -9")

        tries: list[dict[str, Any]] = []
        monkeypatch.setattr(sealer._process, "ask", dies)
        key, part, count = recorded(registry, tmp_path / "records")
        sealer.put(part)
        found = await stored(registry, key, tmp_path / "records")
        assert (found.state, len(tries)) == ("raw", 2) and "-9" in found.detail
        monkeypatch.undo()
        key, part, count = recorded(registry, tmp_path / "records")
        sealer.put(part)
        assert (await stored(registry, key, tmp_path / "records")).state == "done"
    assert verify(registry, store).findings == []
    with av.open(io.BytesIO(b"".join(store.open_range(part.store_key)))) as container:
        assert len(list(container.decode(video=0))) == count


def test_a_copy_says_where_it_ends_when_the_original_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init, fragments, count = pictures("h264")
    original, out = tmp_path / "original", tmp_path / "copy.mp4"
    original.write_bytes(init + b"".join(fragments))

    def copy() -> dict[str, Any]:
        return clip_copy.copy(str(original), "video/mp4", str(out), "duty", "now", "报警核实")

    whole = copy()
    assert (whole["frames"], whole["cut"]) == (count, False)
    monkeypatch.setattr(clip_copy, "FRAMES_MAX", 10)
    cut = copy()
    assert (cut["frames"], cut["cut"]) == (10, True)
    assert 360 < cut["ms"] < 440  # ten pictures of 40 ms
    monkeypatch.setattr(clip_copy, "FRAMES_MAX", count)
    assert copy() == whole
