"""The evidence store: originals under keys of Luwei's own, written once, hashed on the way in.

Keys are ``originals/YYYY/MM/DD/<32 hex digits>``: the day of arrival and a random number, not the content's hash. A
hash is known only after the last byte, and S3 cannot rename; two trucks that send equal bytes must stay two originals,
each with its own custody and its own end of retention; and a key that follows from the content could be guessed by who
has a copy. What content-addressing would give, telling a changed file, the registry gives with two hashes
(``luwei evidence verify``).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from luwei.evidence import content
from luwei.evidence.bucket import BucketShelf
from luwei.evidence.digest import PIECE, Digest, Digests, digest, pieces_of
from luwei.evidence.folder import ORIGINALS, FolderShelf

LARGEST = 512 << 20
"""Bytes of the largest file that is taken, unless the caller allows less."""


class TooLarge(ValueError):
    """A stream went beyond the bound; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An original that is durably kept: ``size`` in bytes, hashes in hex, ``media_type`` by its content."""

    key: str
    size: int
    sha256: str
    sm3: str
    media_type: str


class Shelf(Protocol):
    """Where originals lie; every method blocks and raises OSError."""

    incoming: Path
    """Local folder for what is not complete yet."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None: ...

    def adopt(self, key: str, path: Path) -> None: ...

    def read(self, key: str, start: int, end: int, piece: int) -> Iterator[bytes]: ...

    def size(self, key: str) -> int: ...

    def originals(self) -> Iterator[tuple[str, int]]: ...

    def free(self) -> int | None: ...

    def local_path(self, key: str) -> Path | None: ...

    def discard(self, key: str) -> None: ...


class EvidenceStore:
    """One store; every method blocks (call it in a thread) and may be called from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @staticmethod
    def open(url: str, data: Path, **options: Any) -> EvidenceStore:
        """The store named by ``url``: empty for ``data/evidence``, a path or ``file:///path``, or
        ``s3://bucket/prefix``; ``options`` go to the S3 client. Raises ValueError for another scheme, OSError."""
        parts = urlsplit(url)
        if parts.scheme in ("", "file"):
            return EvidenceStore(FolderShelf(Path(unquote(parts.path)) if url else data / "evidence"))
        if parts.scheme in ("s3", "s3a"):
            return EvidenceStore(BucketShelf(url, data / "evidence" / "incoming", **options))
        raise ValueError(f"evidence URL {parts.scheme}://…: must be a folder, file:///folder or s3://bucket/prefix")

    @property
    def incoming(self) -> Path:
        """Local folder for what is not complete yet."""
        return self._shelf.incoming

    def put(self, stream: Iterable[bytes], largest: int = LARGEST) -> Stored:
        """Keep what ``stream`` yields, piece by piece; durable on return.

        Raises TooLarge beyond ``largest`` bytes, OSError, and whatever ``stream`` raises: nothing is kept then.
        """
        key, seen = new_key(), _Seen(largest)
        self._shelf.write(key, seen.through(stream))
        return seen.stored(key)

    def adopt(self, path: Path, key: str = "", largest: int = LARGEST) -> Stored:
        """Keep a whole file of the folder ``incoming``, which then is gone from there; durable on return.

        With a ``key`` (of ``new_key``) that was noted before, the call may be repeated after a crash at any moment.
        Raises FileNotFoundError where neither the file nor the original is there, TooLarge beyond ``largest`` bytes,
        OSError; the file stays then.
        """
        seen = _Seen(largest)
        key = _checked(key) if key else new_key()
        try:
            pieces = pieces_of(path)
            for _ in seen.through(pieces):
                pass
        except FileNotFoundError:
            for _ in seen.through(self.open_range(key)):
                pass
            return seen.stored(key)
        self._shelf.adopt(key, path)
        return seen.stored(key)

    def local_path(self, key: str) -> Path | None:
        """Where an original can be read as a file; None where it lies in a bucket."""
        return self._shelf.local_path(_checked(key))

    def discard(self, key: str) -> None:
        """Remove what was stored for an act that never came about; nothing that a row of evidence or of an order names
        is ever removed. What is not there is no error. Raises ValueError, OSError."""
        self._shelf.discard(_checked(key))

    def put_back(self, key: str, stream: Iterable[bytes]) -> None:
        """Keep ``stream`` under a key that this store gave before: a restore. Durable on return.

        Raises ValueError for a key that is none of this store's, OSError; FileExistsError where the key is taken.
        """
        self._shelf.write(_checked(key), stream)

    def open_range(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes ``start`` up to but not including ``end`` (None: the end of the file), in pieces of at most 256 KiB.

        Raises ValueError for a key that is none of this store's, OSError.
        """
        return self._shelf.read(_checked(key), start, self.size(key) if end is None else end, PIECE)

    def size(self, key: str) -> int:
        """Bytes of an original. Raises FileNotFoundError, ValueError."""
        return self._shelf.size(_checked(key))

    def verify(self, key: str) -> Digests:
        """Read an original from beginning to end and digest it anew. Raises FileNotFoundError, ValueError, OSError."""
        return digest(self.open_range(key))

    def originals(self) -> Iterator[tuple[str, int]]:
        """Every original with its size in bytes."""
        return self._shelf.originals()

    def free(self) -> int | None:
        """Bytes that may still be written, or None where that is not known."""
        return self._shelf.free()


class _Seen:
    """Looks at a file while it passes."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._digest = Digest()
        self._head = b""

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._digest.size + len(piece) > self._largest:
                raise TooLarge(f"more than {self._largest} bytes")
            if len(self._head) < content.HEAD:
                self._head += bytes(piece[: content.HEAD - len(self._head)])
            self._digest.update(piece)
            yield piece

    def stored(self, key: str) -> Stored:
        digests = self._digest.end()
        return Stored(key, digests.size, digests.sha256, digests.sm3, content.media_type(self._head))


def new_key() -> str:
    """A key that no file has."""
    return f"{ORIGINALS}/{datetime.now(UTC):%Y/%m/%d}/{secrets.token_hex(16)}"


def _checked(key: str) -> str:
    parts = key.split("/")
    if len(parts) != 5 or parts[0] != ORIGINALS or not all(p.isascii() and p.isalnum() for p in parts[1:]):
        raise ValueError(f"evidence key {key[:80]!r}: must be one that this store made")
    return key
