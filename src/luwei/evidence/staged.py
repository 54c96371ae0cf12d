"""A file that is still arriving: its bytes at their places in ``<key>.part``, and in ``<key>.map`` which of them count.

The map is a journal. An entry follows the bytes it speaks of, so after a kill of this process, at any moment, every
range of the map is in the file: the kernel has both. After a crash of the machine that is not so; the journal therefore
names the boot of the kernel in which it was written and marks how far it was forced to the disk, and what lies behind
the last mark of an older boot is asked for again. Bytes are forced to the disk before a terminal is told that a file is
complete, not block by block.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from zlib import crc32

from luwei.evidence.blocks import BlockMap

RANGE, SIZE, RESET, SYNCED = range(4)
_ENTRY = struct.Struct("<QQII")
_HEADER = struct.Struct("<8s16sQ")
_MAGIC = b"LWBLOCK1"
COMPACT = 256 << 10
"""Bytes of a journal beyond which it is written anew: blocks of single bytes must not fill the disk with entries."""


def boot_id() -> bytes:
    """16 bytes that tell this start of the kernel; zeros where the kernel does not say."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


_BOOT = boot_id()


class StagedFile:
    """One arriving file; opened by ``StagedFile(folder, key, size)``, whether it is new or has come in part before.

    Writes go to the page cache and return at once; ``sync`` blocks. Every method raises OSError.
    """

    __slots__ = ("_data", "_journal", "_journal_size", "_journals", "blocks", "key", "path", "size")

    def __init__(self, folder: Path, key: str, size: int) -> None:
        self.key = key
        self.path = folder / f"{key}.part"
        self.size = size
        self.blocks = BlockMap()
        self._data = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._journal = -1
        self._journal_size = 0
        self._journals = 0
        try:
            self._load()
            if size != self.size:
                self.restart(size)
        except BaseException:
            self.close()
            raise

    @property
    def _map(self) -> Path:
        return self.path.with_suffix(".map")

    @property
    def whole(self) -> bool:
        """Whether all bytes are there."""
        return self.blocks.whole(self.size)

    def write(self, offset: int, data: memoryview) -> None:
        """Put ``data`` at ``offset``, but never over bytes that count already: what has come once stays as it came.
        It counts only once ``enter`` says so."""
        for start, stop in self.blocks.lacking(offset, offset + len(data)):
            piece = data[start - offset : stop - offset]
            while len(piece):
                written = os.pwrite(self._data, piece, start)
                start += written
                piece = piece[written:]

    def enter(self, start: int, stop: int) -> int:
        """Count bytes ``start`` up to ``stop``, which were written; how many of them are new."""
        new = self.blocks.add(start, stop)
        if new:
            self._append(start, stop, RANGE)
        return new

    def resize(self, size: int) -> None:
        """The file has another size than was announced; what is there of it stays."""
        self.size = size
        self.blocks.cut(size)
        os.ftruncate(self._data, min(size, os.fstat(self._data).st_size))
        self._append(size, 0, SIZE)

    def restart(self, size: int) -> None:
        """The terminal announces another content: nothing that came counts any more."""
        self.size = size
        self.blocks.clear()
        self._append(size, 0, RESET)
        # On the disk before any byte of the new content: a crash must not leave the old ranges over it.
        os.fdatasync(self._journal)
        os.ftruncate(self._data, 0)

    def sync(self) -> None:
        """Force to the disk what counts now, so that it will also count after a crash of the machine. May run in a
        thread while more is written; the file must not be closed meanwhile."""
        journal, covered = self._journals, self._journal_size
        os.fdatasync(self._data)
        if journal == self._journals:
            self._append(covered, 0, SYNCED)
            os.fdatasync(self._journal)

    def force(self) -> None:
        """Force the bytes to the disk, not the map: for a file that is whole, which is noted elsewhere then."""
        os.fdatasync(self._data)

    def close(self) -> None:
        """Let go of the files; they stay."""
        for handle in (self._data, self._journal):
            if handle >= 0:
                os.close(handle)
        self._data = self._journal = -1

    def _append(self, start: int, stop: int, what: int) -> None:
        if self._journal_size > COMPACT and what == RANGE:
            self._rewrite(synced=False)
            return
        os.write(self._journal, _packed(start, stop, what))
        self._journal_size += _ENTRY.size

    def _load(self) -> None:
        """Take up the journal that is there; write one where none can be gone on with."""
        try:
            raw = self._map.read_bytes()
        except FileNotFoundError:
            raw = b""
        if len(raw) < _HEADER.size or not raw.startswith(_MAGIC):
            self._rewrite(synced=False)
            return
        _, boot, self.size = _HEADER.unpack_from(raw)
        entries = _entries(raw)
        if boot != _BOOT:
            covered = _covered(entries)
            self._replay(entries[:covered] + [entry for entry in entries[covered:] if entry[2] in (SIZE, RESET)])
            self._rewrite(synced=True)
            return
        self._replay(entries)
        if _HEADER.size + len(entries) * _ENTRY.size != len(raw):
            self._rewrite(synced=False)
            return
        self._journal = os.open(self._map, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._journal_size = len(raw)

    def _replay(self, entries: list[tuple[int, int, int]]) -> None:
        for start, stop, what in entries:
            if what == RANGE:
                self.blocks.add(start, stop)
            elif what == SIZE:
                self.size = start
                self.blocks.cut(start)
            elif what == RESET:
                self.size = start
                self.blocks.clear()

    def _rewrite(self, synced: bool) -> None:
        """Write the journal anew, short, beside the old one, and put it in its place. Should a crash of the machine
        lose it, more is asked for again than need be, and nothing else."""
        fresh = self._journal < 0 and not self._map.exists()
        draft = self._map if fresh else self.path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        out = bytearray(_HEADER.pack(_MAGIC, _BOOT, self.size))
        for start, stop in self.blocks:
            out += _packed(start, stop, RANGE)
        if synced:
            out += _packed(len(out), 0, SYNCED)
        try:
            os.write(handle, out)
            if not fresh:
                draft.replace(self._map)
        except BaseException:
            os.close(handle)
            raise
        if self._journal >= 0:
            os.close(self._journal)
        self._journal, self._journal_size = handle, len(out)
        self._journals += 1


def _packed(start: int, stop: int, what: int) -> bytes:
    body = _ENTRY.pack(start, stop, what, 0)[:-4]
    return body + crc32(body).to_bytes(4, "little")


def _covered(entries: list[tuple[int, int, int]]) -> int:
    """How many entries the last SYNCED mark vouches for: it names the size the journal had before."""
    size = max((start for start, _, what in entries if what == SYNCED), default=0)
    return max(0, size - _HEADER.size) // _ENTRY.size


def _entries(raw: bytes) -> list[tuple[int, int, int]]:
    """(start, stop, what) up to the first entry that is torn."""
    found = []
    for at in range(_HEADER.size, len(raw) - _ENTRY.size + 1, _ENTRY.size):
        start, stop, what, check = _ENTRY.unpack_from(raw, at)
        if crc32(raw[at : at + _ENTRY.size - 4]) != check:
            break
        found.append((start, stop, what))
    return found
