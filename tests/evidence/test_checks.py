"""Decoding what terminals sent, apart and within bounds."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attachment_terminal import SUBIAO_ID, AttachmentTerminal
from pictures import clip, jpeg, png_bomb
from sqlalchemy import Engine

from luwei.evidence.checking import Examiner
from luwei.evidence.files import Particulars, keep
from luwei.registry.evidence import MULTIMEDIA, PICTURE


@pytest.fixture
async def examiner() -> AsyncIterator[Examiner]:
    examiner = Examiner()
    yield examiner
    await examiner.stop()


async def test_every_kind_of_file_is_judged_by_decoding(examiner: Examiner, tmp_path: Path) -> None:
    whole, film = jpeg(), clip()
    cases: list[tuple[bytes, str, dict[str, Any]]] = [
        (whole, "image/jpeg", {"readable": True, "width": 320, "height": 240, "format": "JPEG"}),
        (whole[:-2000], "image/jpeg", {"readable": False}),
        (b"\xff\xd8\xff" + bytes(100), "image/jpeg", {"readable": False}),
        (png_bomb(), "image/png", {"readable": False}),
        (film, "video/mp4", {"readable": True, "width": 320, "frames": 25, "duration_ms": 1000, "codec": "h264"}),
        (clip(format_name="h264"), "video/h264", {"readable": True, "height": 240, "frames": 25}),
        (film[: len(film) // 3], "video/mp4", {"readable": False}),
        (b"\x00\x00\x00\x1cftypmp42" + bytes(1000), "video/mp4", {"readable": False}),
        (b"anything", "application/octet-stream", {}),
    ]
    for number, (data, media_type, expected) in enumerate(cases):
        path = tmp_path / str(number)
        path.write_bytes(data)
        found = await examiner.examine(path, media_type)
        assert {name: found.get(name) for name in expected} == expected, (number, found)
        assert bool(found.get("cause")) == (expected.get("readable") is False)


async def test_a_file_that_takes_too_long_ends_the_process_and_not_the_service(tmp_path: Path) -> None:
    examiner = Examiner(patience_s=0.5)
    endless = tmp_path / "fifo"
    os.mkfifo(endless)  # opening it waits for a writer who never comes
    assert (await examiner.examine(endless, "image/jpeg"))["cause"] == "took longer than 0.5 s"
    good = tmp_path / "good"
    good.write_bytes(jpeg())
    examiner._process._patience_s = 20
    assert (await examiner.examine(good, "image/jpeg"))["readable"] is True
    process = examiner._process._process
    assert process is not None
    process.kill()
    await process.wait()
    assert (await examiner.examine(good, "image/jpeg"))["readable"] is False
    assert (await examiner.examine(good, "image/jpeg"))["readable"] is True
    await examiner.stop()


async def test_the_rows_say_what_decoding_found(server: Any, registry: Engine, files: Any, until: Any) -> None:
    photo = jpeg()
    keep(registry, server.store, [photo], Particulars(MULTIMEDIA, PICTURE, name="photo"))
    terminal = await AttachmentTerminal().connect(server.port)
    broken = photo[: len(photo) // 2]
    await terminal.announce(SUBIAO_ID, b"1", [(b"a.jpg", len(photo)), (b"b.jpg", len(broken)), (b"c.bin", 9)])
    for name, data in ((b"a.jpg", photo), (b"b.jpg", broken), (b"c.bin", b"some text")):
        assert await terminal.upload(name, data) == []
    terminal.close()
    checked = ("photo", "a.jpg", "b.jpg")
    await until(lambda: len(files()) == 4 and all(files()[name].check for name in checked), "checked")
    rows = files()
    assert [rows[name].readable for name in (*checked, "c.bin")] == [True, True, False, None]
    assert json.loads(rows["a.jpg"].check) == {"width": 320, "height": 240, "format": "JPEG"}
    assert rows["b.jpg"].state == "complete" and "truncated" in json.loads(rows["b.jpg"].check)["cause"]
