"""What one person, one file or one broken line may cost the others who look at evidence."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from sqlalchemy.exc import InterfaceError

from luwei.evidence import group_commit
from luwei.evidence.checking import Checker, Unchecked
from luwei.evidence.clip_copies import WAITING_OF_ONE, ClipCopies, Crowded, Wish
from luwei.evidence.group_commit import GroupCommit
from luwei.evidence.store import EvidenceStore
from luwei.evidence.watermark import viewing_copy
from luwei.media.stills import Stills


def test_a_picture_that_makes_the_decoder_stumble_is_no_picture() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    name = b"iCCP"  # an empty colour profile behind the picture
    chunk = struct.pack(">I", 0) + name + struct.pack(">I", zlib.crc32(name))
    data = out.getvalue()
    end = data.index(b"IEND") - 4
    with pytest.raises(ValueError, match="IndexError"):
        viewing_copy(data[:end] + chunk + data[end:], "tester", "now", "why")


async def test_one_viewer_does_not_keep_all_others_from_their_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(ClipCopies, "_make", never)
    copies = ClipCopies(EvidenceStore.open("", tmp_path))
    wishes = [Wish("key", "video/mp4", "eager", f"purpose {number}") for number in range(WAITING_OF_ONE)]
    waiting = [asyncio.create_task(copies.get(wish, "now")) for wish in wishes]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Crowded):
        await copies.get(Wish("key", "video/mp4", "eager", "one more"), "now")
    other = asyncio.create_task(copies.get(Wish("key", "video/mp4", "other", "why"), "now"))
    await asyncio.sleep(0)
    assert not other.done()
    await copies.stop()
    await asyncio.gather(other, *waiting, return_exceptions=True)


async def test_a_file_that_could_not_be_read_for_a_moment_is_checked_after_all(tmp_path: Path) -> None:
    entered: list[dict[str, Any]] = []

    class Examiner:
        looks = 0

        async def examine(self, *_: Any) -> dict[str, Any]:
            self.looks += 1
            if self.looks < 3:
                raise OSError(11, "no process can be started")
            return {"readable": True}

    class Commit:
        async def run(self, work: Any) -> None:
            work(SimpleNamespace(execute=lambda said: entered.append(said.compile().params)))

    commit: Any = Commit()
    examiner: Any = Examiner()
    none: Any = None
    checker = Checker(none, EvidenceStore.open("", tmp_path), commit, examiner)
    file = Unchecked(1, "originals/2026/11/22/" + "a" * 32, "image/jpeg", 1)
    for looks in range(3):
        assert len(entered) == 0, looks
        await checker._check(file)
    assert entered[0]["readable"] is True


async def test_rows_are_written_again_whatever_the_line_to_the_registry_died_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "RETRY_S", 0.01)
    tries = 0

    def transact(_: GroupCommit, group: list[Any]) -> list[tuple[Any, None]]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise InterfaceError("insert", {}, Exception("connection already closed"))
        return [("done", None) for _ in group]

    monkeypatch.setattr(GroupCommit, "_transact", transact)
    none: Any = None
    commit = GroupCommit(none)
    commit.start()
    assert await asyncio.wait_for(commit.run(lambda _: None), 40) == "done"
    assert (tries, commit.away) == (2, False)
    await commit.stop()


async def test_a_still_that_nobody_waits_for_is_not_given_to_the_next_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    stills, ended = Stills(), []

    class Process:
        """Takes a picture and never answers."""

        stdin: Any
        stdout: Any

        def __init__(self) -> None:
            self.stdin = self.stdout = self

        def write(self, _: bytes) -> None: ...

        async def drain(self) -> None: ...

        async def readexactly(self, _: int) -> bytes:
            await asyncio.Event().wait()
            return b""

        def kill(self) -> None:
            ended.append(True)

        async def wait(self) -> None: ...

    process: Any = Process()
    stills._process = process
    monkeypatch.setattr("luwei.media.stills.byte_stream", lambda _: b"")
    picture: Any = type("P", (), {"configuration": type("C", (), {"codec": "h264"})})
    asked = asyncio.create_task(stills.develop(picture))
    await asyncio.sleep(0.01)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert ended == [True] and stills._process is None
