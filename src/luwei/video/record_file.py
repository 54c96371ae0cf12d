"""A part of a recording on the local disk: fragmented MP4 as the media node made it, pictures and sound in a file each.

What was written is there after a kill of this process; what was forced to the disk, once a second, also after a crash
of the machine. A file that breaks off is good up to its last whole box.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

_BOX = struct.Struct(">I4s")
_HEAD = 88
"""Octets of a fragment of ours before its first sample's row (``media.fmp4.fragment``)."""
_TFDT, _COUNT = slice(60, 68), slice(80, 84)
_ROW = struct.Struct(">III")
_SYNC = 0x02000000


class Span(NamedTuple):
    """What a fragment holds: where it begins and ends on the track's time line, samples, whether it begins with one
    that can be decoded alone."""

    start: int
    end: int
    samples: int
    key: bool


def span_of(fragment: bytes) -> Span | None:
    """The span of a fragment as ``media.fmp4`` writes them; None for anything else."""
    if len(fragment) < _HEAD + _ROW.size or fragment[4:8] != b"moof":
        return None
    count = int.from_bytes(fragment[_COUNT], "big")
    if not count or len(fragment) < _HEAD + _ROW.size * count:
        return None
    start = int.from_bytes(fragment[_TFDT], "big")
    rows = [_ROW.unpack_from(fragment, _HEAD + _ROW.size * number) for number in range(count)]
    return Span(start, start + sum(row[0] for row in rows), count, rows[0][2] == _SYNC)


class RecordFile:
    """The files of one part, appended to; every method blocks and raises OSError."""

    def __init__(self, folder: Path, record: int, number: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.video, self.sound = paths(folder, record, number)
        self._handles: dict[Path, int] = {}

    def write(self, pictures: bytes, sound: bytes) -> None:
        """Append; survives a kill of this process on return."""
        for path, data in ((self.video, pictures), (self.sound, sound)):
            if data:
                _write(self._handle(path), data)

    def sync(self) -> None:
        """Force what was written to the disk."""
        for handle in self._handles.values():
            os.fdatasync(handle)

    def close(self) -> None:
        """Force it to the disk and let go."""
        try:
            self.sync()
        finally:
            for handle in self._handles.values():
                os.close(handle)
            self._handles.clear()

    def _handle(self, path: Path) -> int:
        handle = self._handles.get(path)
        if handle is None:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._handles[path] = handle
        return handle


def paths(folder: Path, record: int, number: int) -> tuple[Path, Path]:
    """Where the pictures and the sound of a part lie."""
    return folder / f"{record}-{number}.video", folder / f"{record}-{number}.sound"


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while len(view):
        view = view[os.write(handle, view) :]


class Whole(NamedTuple):
    """What of a file is good: octets, samples of its fragments."""

    size: int
    samples: int


def cut_torn(path: Path) -> Whole:
    """Cut off what behind the last whole fragment is torn, as a crash leaves it; what is left. An init segment without
    a fragment counts as nothing. Raises OSError."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Whole(0, 0)
    good = samples = 0
    with path.open("r+b") as file:
        at, waiting = 0, 0
        while at + _BOX.size <= size:
            file.seek(at)
            length, name = _BOX.unpack(file.read(_BOX.size))
            if length < _BOX.size or at + length > size or name not in (b"ftyp", b"moov", b"moof", b"mdat"):
                break
            if name == b"moof":
                file.seek(at + _COUNT.start)
                waiting = int.from_bytes(file.read(4), "big")
            at += length
            if name == b"mdat":
                good, samples = at, samples + waiting
        file.truncate(good)
        os.fdatasync(file.fileno())
    return Whole(good, samples)
