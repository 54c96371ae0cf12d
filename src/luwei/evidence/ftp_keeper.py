"""The keeper of what comes by FTP: writes down how far each order is, shuts accounts that may not be used any more, and
brings orders to their end: whole files into the evidence store, hashed and decoded, everything else thrown away.

It works in a thread of its own, since all it does blocks. Killed anywhere, it goes on at its next start: a file's place
in the store is noted before the file is put there, and the folder goes last.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine

from luwei.evidence import download_rows as rows
from luwei.evidence.download_rows import Ending
from luwei.evidence.ftp import FtpReceiver
from luwei.evidence.store import EvidenceStore, TooLarge, new_key
from luwei.registry.download import CANCELLED

log = structlog.get_logger()

TURN_S = 0.5
CHECK_S = 180.0
"""An end does not wait longer for the decoding of its files."""
STORING = 2
"""Orders whose files are hashed at once."""

_ended = Counter("luwei_evidence_downloads_total", "Downloads that ended", ["state"])


class FtpKeeper:
    """``start`` and ``stop``; ``wake`` of the caller is told of each file that was stored."""

    def __init__(
        self, engine: Engine, store: EvidenceStore, folder: Path, receiver: FtpReceiver | None, wake: Callable[[], None]
    ) -> None:
        """``receiver``: None where no FTP server runs; orders of an earlier time still come to their end."""
        self._engine, self._store, self._folder, self._receiver = engine, store, folder, receiver
        self._wake = wake
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._storing: dict[int, Future[None]] = {}
        self._pool = ThreadPoolExecutor(STORING, "ftp storing")
        self._since: dict[int, float] = {}
        self.trouble = ""
        """Why nothing can be written down now; empty when it can."""

    def start(self) -> None:
        """Begin; clears what an earlier run left of orders that are over."""
        self._thread = threading.Thread(target=self._run, name="ftp keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write down what came, and stop."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        begun = False
        while not self._stopping.is_set():
            try:
                if not begun:
                    self._begin()
                    begun = True
                self._turn()
                self.trouble = ""
            except Exception as error:
                self.trouble = f"{type(error).__name__}: {error}"[:300]
                log.warning("what comes by FTP cannot be written down", error=self.trouble)
            self._stopping.wait(TURN_S)
        if begun:
            try:
                self._count()
            except Exception as error:
                log.warning("the last of what came by FTP is not written down", error=str(error)[:300])

    def _begin(self) -> None:
        rows.nobody_connected(self._engine)
        if not self._folder.is_dir():
            return
        there = [path for path in self._folder.iterdir() if path.is_dir()]
        known = rows.accounts(self._engine)  # behind the look: an account that is new meanwhile is no old one
        for path in there:
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _turn(self) -> None:
        self._count()
        self._shut()
        failed: Exception | None = None
        for each in rows.endings(self._engine):
            try:
                self._end(each)
            except Exception as error:
                log.warning("a download cannot be ended yet", download=each.id, error=str(error)[:300])
                failed = error
        if failed is not None:
            raise failed

    def _count(self) -> None:
        inboxes = list(self._receiver.inboxes.values()) if self._receiver is not None else []
        counted = [(inbox, said) for inbox in inboxes if (said := inbox.count()) is not None]
        if not counted:
            return
        try:
            rows.enter(self._engine, [said for _, said in counted])
        except Exception:
            for inbox, said in counted:
                inbox.take_back(said)
            raise

    def _shut(self) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        used = [user for user, inbox in list(receiver.inboxes.items()) if inbox.sessions]
        for user in rows.barred(self._engine, used) if used else ():
            receiver.kick(user)

    def _end(self, each: Ending) -> None:
        """A step towards the end; each is repeated until the next one is possible."""
        inbox = self._receiver.inboxes.get(each.account) if self._receiver is not None else None
        if inbox is not None and inbox.sessions:
            return  # their connections are being closed
        future = self._storing.get(each.id)
        if future is None:
            if inbox is not None:
                self._count()  # what the last connection brought
            self._storing[each.id] = self._pool.submit(self._store_all, each)
            return
        if not future.done():
            return
        if (error := future.exception()) is not None:
            del self._storing[each.id]
            assert isinstance(error, Exception)
            raise error
        since = self._since.setdefault(each.id, time.monotonic())
        if rows.unchecked(self._engine, each.id) and time.monotonic() - since < CHECK_S:
            return
        rows.finished(self._engine, each.id)
        if self._receiver is not None:
            self._receiver.forget(each.account)
        shutil.rmtree(self._folder / each.account, ignore_errors=True)
        del self._storing[each.id], self._since[each.id]
        _ended.labels(each.ending).inc()
        log.info("download ended", download=each.id, state=each.ending)

    def _store_all(self, each: Ending) -> None:
        if each.ending == CANCELLED:
            return
        for file in rows.to_store(self._engine, each.id):
            key = file.key or new_key()
            if not file.key:
                rows.note_key(self._engine, file.id, key)
            try:
                stored = self._store.adopt(self._folder / each.account / file.name, key, each.limit)
            except (FileNotFoundError, TooLarge) as error:
                log.error("a downloaded file cannot be kept", download=each.id, error=str(error)[:200])
                rows.lost(self._engine, file.id)
                continue
            rows.kept(self._engine, each.id, file, stored)
            self._wake()
