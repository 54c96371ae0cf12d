"""Files by FTP beside the attachment server: the server, where one is wanted, and the keeper of what it brings."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Engine

from luwei.evidence import download_rows
from luwei.evidence.ftp import FtpReceiver
from luwei.evidence.ftp_accounts import FOLDER, ftp_key
from luwei.evidence.ftp_keeper import FtpKeeper
from luwei.evidence.refusals import Refusals
from luwei.evidence.store import EvidenceStore
from luwei.settings import Settings

PASSIVE_PORTS = 64


def _numeric(address: str) -> str:
    """``address`` as numbers: the answer to PASV (RFC 959) has no room for a name. Raises OSError."""
    return socket.gethostbyname(address) if address else ""


class FileServer:
    """``start`` and ``stop``; both block."""

    def __init__(
        self, settings: Settings, engine: Engine, store: EvidenceStore, refusals: Refusals, wake: Callable[[], None]
    ) -> None:
        """Raises OSError."""
        self._settings = settings
        # beside the store's own incoming files, so that nothing need be copied
        folder = store.incoming / "ftp"
        self.receiver: FtpReceiver | None = None
        if settings.evidence_ftp_port:
            key = ftp_key(settings.data.joinpath(*FOLDER))
            self.receiver = FtpReceiver(folder, key, partial(download_rows.admit, engine), refusals)
        self.keeper = FtpKeeper(engine, store, folder, self.receiver, wake)

    def start(self) -> None:
        """Listen, and go on with what an earlier run left. Raises OSError."""
        settings = self._settings
        self.keeper.start()
        if self.receiver is not None:
            first = settings.evidence_ftp_passive
            address = _numeric(settings.evidence_address)
            self.receiver.start(settings.host, settings.evidence_ftp_port, (first, first + PASSIVE_PORTS - 1), address)

    def health(self) -> dict[str, Any]:
        """For /health: ``ok`` while terminals are served and what comes can be written down; ``port`` 0: no FTP
        server."""
        sessions = sum(len(inbox.sessions) for inbox in list(self.receiver.inboxes.values())) if self.receiver else 0
        port = self.receiver.port if self.receiver else 0
        served = self.receiver is None or self.receiver.alive
        return {
            "ok": served and not self.keeper.trouble,
            "port": port,
            "sessions": sessions,
            "trouble": self.keeper.trouble,
        }

    def stop(self) -> None:
        """Hang up; what came so far is kept and gone on with after the next start."""
        if self.receiver is not None:
            self.receiver.stop()
        self.keeper.stop()
