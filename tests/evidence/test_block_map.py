"""The block map and the staged file against a plain model, also after kills and crashes of the machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.evidence import staged as staging
from luwei.evidence.blocks import PIECES_MAX, BlockMap
from luwei.evidence.staged import StagedFile

SIZE = 60
RANGES = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair))))


@given(RANGES, st.integers(0, SIZE))
def test_the_map_agrees_with_a_set_of_bytes(ranges: list[tuple[int, int]], size: int) -> None:
    blocks, model = BlockMap(), set[int]()
    for start, stop in ranges:
        lacking = [at for a, b in blocks.lacking(start, stop) for at in range(a, b)]
        assert lacking == sorted(set(range(start, stop)) - model)
        new = len(set(range(start, stop)) - model)
        model |= set(range(start, stop))
        assert blocks.add(start, stop) == new
        assert blocks.received == len(model)
    pieces = list(blocks)
    assert all(a < b for a, b in pieces) and all(pieces[n][1] < pieces[n + 1][0] for n in range(len(pieces) - 1))
    assert [at for offset, length in blocks.gaps(size) for at in range(offset, offset + length)] == sorted(
        set(range(size)) - model
    )
    assert blocks.whole(size) == (set(range(size)) <= model)
    blocks.cut(size)
    assert {at for a, b in blocks for at in range(a, b)} == {at for at in model if at < size}


def test_no_more_pieces_than_the_bound() -> None:
    blocks = BlockMap()
    for number in range(PIECES_MAX):
        assert blocks.fits(3 * number, 3 * number + 1)
        blocks.add(3 * number, 3 * number + 1)
    far = 3 * PIECES_MAX + 10
    assert not blocks.fits(far, far + 1)
    assert blocks.fits(1, 3) and blocks.fits(3 * PIECES_MAX - 2, far) and blocks.fits(0, 1)
    blocks.add(1, 3)
    assert len(blocks) == PIECES_MAX - 1


DATA = bytes(range(1, SIZE + 1))


def write(file: StagedFile, start: int, stop: int) -> None:
    file.write(start, memoryview(DATA)[start:stop])
    file.enter(start, stop)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(RANGES.filter(len), st.booleans()), max_size=4))
def test_what_counts_is_there_after_every_kill(lives: list[tuple[list[tuple[int, int]], bool]]) -> None:
    """Each life writes some ranges and is then killed, in half of them in the middle of an entry of the map."""
    with tempfile.TemporaryDirectory() as name:
        folder, model = Path(name), set[int]()
        for ranges, torn in lives:
            file = StagedFile(folder, "k", SIZE)
            assert {at for a, b in file.blocks for at in range(a, b)} == model
            for start, stop in ranges:
                write(file, start, stop)
                model |= set(range(start, stop))
            file.close()
            if torn:
                with (folder / "k.map").open("ab") as journal:
                    journal.write(os.urandom(11))
        content = (folder / "k.part").read_bytes() if lives else b""
        assert all(content[at] == DATA[at] for at in model)


def test_after_a_crash_of_the_machine_only_what_was_forced_to_disk_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StagedFile(tmp_path, "k", SIZE)
    write(file, 0, 10)
    write(file, 20, 30)
    file.sync()
    write(file, 10, 20)
    file.close()
    monkeypatch.setattr(staging, "_BOOT", bytes(15) + b"\x01")
    file = StagedFile(tmp_path, "k", SIZE)
    assert list(file.blocks) == [(0, 10), (20, 30)]
    write(file, 30, 40)
    file.close()
    file = StagedFile(tmp_path, "k", SIZE)
    assert list(file.blocks) == [(0, 10), (20, 40)]
    file.close()
    monkeypatch.setattr(staging, "_BOOT", bytes(15) + b"\x02")
    file = StagedFile(tmp_path, "k", SIZE)
    assert list(file.blocks) == [(0, 10), (20, 30)]
    file.close()


def test_a_crash_never_puts_old_ranges_over_a_new_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StagedFile(tmp_path, "k", SIZE)
    write(file, 0, SIZE)
    file.sync()
    file.restart(SIZE - 1)
    write(file, 0, 5)
    file.close()
    monkeypatch.setattr(staging, "_BOOT", bytes(15) + b"\x01")
    file = StagedFile(tmp_path, "k", SIZE - 1)
    assert list(file.blocks) == []
    file.close()


def test_another_announced_size_begins_anew_and_a_resized_one_goes_on(tmp_path: Path) -> None:
    file = StagedFile(tmp_path, "k", SIZE)
    write(file, 0, 50)
    file.resize(40)
    assert (list(file.blocks), file.whole, file.path.stat().st_size) == ([(0, 40)], True, 40)
    file.resize(45)
    file.close()
    file = StagedFile(tmp_path, "k", 45)
    assert list(file.blocks) == [(0, 40)]
    file.close()
    file = StagedFile(tmp_path, "k", 44)
    assert (list(file.blocks), file.path.stat().st_size) == ([], 0)
    file.close()


def test_the_journal_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "COMPACT", 1000)
    file = StagedFile(tmp_path, "k", 5000)
    for at in range(5000):
        file.write(at, memoryview(b"x"))
        file.enter(at, at + 1)
    file.close()
    assert (tmp_path / "k.map").stat().st_size < 1100
    file = StagedFile(tmp_path, "k", 5000)
    assert file.whole
    file.close()
