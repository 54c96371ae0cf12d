"""The uploads that are open now: one object a file, shared by all connections that bring parts of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from luwei.evidence.admission import Expected
from luwei.evidence.staged import StagedFile


class Upload:
    """One file that is arriving."""

    __slots__ = ("changed", "finishing", "id", "key", "kind", "name", "restarts", "settled", "size", "staged", "users")

    def __init__(self, expected: Expected) -> None:
        self.id = expected.id
        self.key = expected.upload
        self.name = expected.name
        self.size = expected.size
        self.kind = expected.kind
        self.settled = expected.settled
        """All of it is durably here; the original never changes after that."""
        self.staged: StagedFile | None = None
        self.users = 0
        self.restarts = 0
        self.changed = False
        """More is here than the registry says."""
        self.finishing: asyncio.Future[None] | None = None

    @property
    def received(self) -> int:
        """Bytes that are here, as far as this process has looked."""
        return self.size if self.settled else self.staged.blocks.received if self.staged is not None else 0

    def announce(self, size: int) -> bool:
        """The terminal says how large the file is; whether what had come was another content and is void now.

        A size that changes between two connections means that the file changed there: ranges of two contents are never
        put together.
        """
        if size == self.size or self.settled:
            return False
        self.size, self.changed = size, True
        if self.staged is None:
            return False  # opening it compares the sizes
        void = bool(self.staged.blocks.received)
        self.staged.restart(size)
        self.restarts += void
        return void


class Uploads:
    """All open uploads. ``parted`` is called with one that lost its last connection while more of it had come."""

    def __init__(self, folder: Path, parted: Callable[[Upload], None]) -> None:
        self._folder = folder
        self._parted = parted
        self._open: dict[str, Upload] = {}

    def __len__(self) -> int:
        return len(self._open)

    def throw_away(self, key: str) -> bool:
        """What is staged of a file is wanted no more; False while some connection brings it. Raises OSError."""
        if key in self._open:
            return False
        for suffix in (".part", ".map", ".draft"):
            (self._folder / f"{key}{suffix}").unlink(missing_ok=True)
        return True

    def join(self, expected: Expected) -> Upload:
        """The upload of an announced file, for one more connection."""
        upload = self._open.get(expected.upload)
        if upload is None:
            upload = self._open[expected.upload] = Upload(expected)
        upload.users += 1
        return upload

    def leave(self, upload: Upload) -> None:
        """A connection is done with it."""
        upload.users -= 1
        if upload.users == 0 and upload.finishing is None:
            self._close(upload)

    def staged(self, upload: Upload) -> StagedFile:
        """Its bytes, opened when first asked for. Raises OSError."""
        if upload.staged is None:
            upload.staged = StagedFile(self._folder, upload.key, upload.size)
        return upload.staged

    def settle(self, upload: Upload) -> None:
        """All of it is durably here and noted."""
        upload.settled, upload.changed = True, False
        if upload.staged is not None:
            upload.staged.close()
            upload.staged = None

    def finished(self, upload: Upload) -> None:
        """The attempt to finish it is over, well or not."""
        upload.finishing = None
        if upload.users == 0:
            self._close(upload)

    def close(self) -> None:
        """Let go of everything."""
        for upload in list(self._open.values()):
            self._close(upload)

    def _close(self, upload: Upload) -> None:
        self._open.pop(upload.key, None)
        if upload.changed and not upload.settled:
            self._parted(upload)
        if upload.staged is not None:
            upload.staged.close()
            upload.staged = None
