"""What a recording has taken out of memory reaches the disk, also when it ends at that moment."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from luwei.video.record_file import RecordFile
from luwei.video.recording import _whole


async def turns() -> None:
    """Some turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_pictures_that_wait_for_a_thread_are_written_though_the_recording_ends(tmp_path: Path) -> None:
    file, gate = RecordFile(tmp_path, 1, 1), threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    busy = asyncio.create_task(asyncio.to_thread(gate.wait))
    writing = asyncio.create_task(_whole(asyncio.to_thread(file.write, b"pictures", b"")))
    await turns()
    writing.cancel()
    await turns()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await busy
    file.close()
    assert file.video.read_bytes() == b"pictures"
