"""Originals in a bucket of an S3 service. Keys and addresses come from the AWS_* variables (docs/evidence.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from luwei.evidence.digest import pieces_of
from luwei.evidence.folder import ORIGINALS

PART = 5 << 20
"""Bytes of one part of a multipart upload: the least that S3 takes, and all of a file that is held in memory."""


class BucketShelf:
    """The same keys as in a folder, below the prefix of the URL."""

    def __init__(self, url: str, incoming: Path, **options: Any) -> None:
        self.incoming = incoming
        incoming.mkdir(parents=True, exist_ok=True)
        with _as_os_error(url):
            self._store = from_url(url, **options)

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Keep ``pieces`` as ``key``: an object appears once its last part is confirmed. Raises OSError, and whatever
        ``pieces`` raises: then the upload is never completed and no object appears."""
        with _as_os_error(key):
            writer = obstore.open_writer(self._store, key, buffer_size=PART, max_concurrency=1)
        gathered = bytearray()
        # The writer's own end would complete a broken upload; it is closed only when all pieces are in.
        for piece in pieces:
            gathered += piece
            if len(gathered) >= PART:
                with _as_os_error(key):
                    writer.write(bytes(gathered))
                gathered.clear()
        with _as_os_error(key):
            if gathered:
                writer.write(bytes(gathered))
            writer.close()

    def adopt(self, key: str, path: Path) -> None:
        """Keep the whole local file ``path`` as ``key``, then remove it. Raises OSError."""
        self.write(key, pieces_of(path))
        path.unlink()

    def read(self, key: str, start: int, end: int, piece: int) -> Iterator[bytes]:
        """Bytes ``start`` up to ``end`` in pieces. Raises OSError."""
        while start < end:
            stop = min(start + piece, end)
            with _as_os_error(key):
                data = bytes(obstore.get_range(self._store, key, start=start, end=stop))
            if not data:
                return
            start += len(data)
            yield data

    def size(self, key: str) -> int:
        """Raises FileNotFoundError."""
        with _as_os_error(key):
            return int(obstore.head(self._store, key)["size"])

    def originals(self) -> Iterator[tuple[str, int]]:
        """Every original with its size."""
        with _as_os_error(ORIGINALS):
            for page in obstore.list(self._store, f"{ORIGINALS}/"):
                for entry in page:
                    yield str(entry["path"]), int(entry["size"])

    def discard(self, key: str) -> None:
        """Remove it where it is there. Raises OSError."""
        with contextlib.suppress(FileNotFoundError), _as_os_error(key):
            obstore.delete(self._store, key)

    def local_path(self, key: str) -> Path | None:
        """Nowhere on this machine."""
        return None

    def free(self) -> int | None:
        """A bucket has no end that is known here."""
        return None


@contextlib.contextmanager
def _as_os_error(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError) as error:
        raise OSError(f"evidence store, {what}: {str(error)[:300]}") from error
