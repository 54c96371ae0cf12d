"""Files by FTP: what a terminal sends when 0x9206 文件上传指令 (JT/T 1078-2016 §5.6.3) gave it address and account.

Each order has an account of its own that says whose it is and until when, with a password that only this installation
can make; nothing has to be kept of it. The account sees an empty folder that it may write into and nothing else: no
reading, no listing of others' files, no way out of the folder. A file that arrived whole goes into the evidence store.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

from luwei.evidence.digest import pieces_of
from luwei.evidence.files import Particulars, keep
from luwei.evidence.names import kind_of_name
from luwei.evidence.refusals import Refusals
from luwei.evidence.store import EvidenceStore, TooLarge
from luwei.registry.evidence import FTP

log = structlog.get_logger()

KEY_NAME = "ftp.key"
RIGHTS = "ew"
"""Enter and write: no list, read, append, rename, delete or new folder (pyftpdlib's letters)."""
_USER = re.compile(r"([0-9a-f]{1,20})-(\d{1,10})-([0-9a-f]{16})")
CONNECTIONS, CONNECTIONS_PER_ADDRESS = 512, 32
IDLE_S = 120
POLL_S = 0.1
WRONG_ACCOUNT_S = 3
"""How long the answer to a wrong password takes."""

Owner = Callable[[str], tuple[int | None, int | None] | None]
"""Vehicle and terminal of a phone; None for a phone that nobody has."""


def ftp_key(folder: Path) -> bytes:
    """The secret behind all passwords, made when first needed; readable by this user alone. Raises OSError."""
    path = folder / KEY_NAME
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
    return key


def account(key: bytes, phone: str, until_s: int) -> tuple[str, str]:
    """User name and password for one order to the terminal with ``phone``, valid until ``until_s`` (Unix time)."""
    user = f"{phone}-{until_s}-{secrets.token_hex(8)}"
    return user, _password(key, user)


def _password(key: bytes, user: str) -> str:
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:24]


class _Accounts(DummyAuthorizer):  # type: ignore[misc]
    """Knows an account by its password alone."""

    def __init__(self, key: bytes, folder: Path) -> None:
        super().__init__()
        self._key, self._folder = key, folder

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        match = _USER.fullmatch(username)
        if match is None or not hmac.compare_digest(_password(self._key, username), password):
            raise AuthenticationFailed("wrong account")
        if int(match[2]) < time.time():
            raise AuthenticationFailed("the account has expired")
        if not self.has_user(username):
            home = self._folder / username
            home.mkdir(exist_ok=True)
            self.add_user(username, password, str(home), perm=RIGHTS)


class FtpReceiver:
    """The FTP server in a thread of its own; ``start`` and ``stop``."""

    def __init__(
        self, folder: Path, store: EvidenceStore, engine: Any, refusals: Refusals, owner: Owner, largest: int
    ) -> None:
        self._folder = folder
        self._store, self._engine, self._refusals, self._owner = store, engine, refusals, owner
        self._largest = largest
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.port = 0

    def start(self, host: str, port: int, passive: tuple[int, int], address: str) -> None:
        """Listen. ``passive``: first and last port of data connections; ``address``: as terminals reach this host,
        empty for ``host``. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handler = self._handler(ftp_key(self._folder), passive, address)
        self._server = FTPServer((host, port), handler)
        self._server.max_cons, self._server.max_cons_per_ip = CONNECTIONS, CONNECTIONS_PER_ADDRESS
        self.port = self._server.address[1]
        self._thread = threading.Thread(target=self._serve, name="ftp", daemon=True)
        self._thread.start()
        log.info("FTP listens", host=host, port=self.port)

    def stop(self) -> None:
        """Close all connections; what did not arrive whole is thrown away."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._server.serve_forever(timeout=POLL_S, blocking=False, handle_exit=False)
        self._server.close_all()

    def _handler(self, key: bytes, passive: tuple[int, int], address: str) -> type[FTPHandler]:
        receiver = self

        class Data(DTPHandler):  # type: ignore[misc]
            def handle_read(self) -> None:
                super().handle_read()
                if self.receive and self.get_transmitted_bytes() > receiver._largest:
                    receiver.refuse("too_large", self.cmd_channel, f"more than {receiver._largest} bytes")
                    self._resp = ("552 Too large.", log.debug)
                    self.close()

            handle_read_event = handle_read

            def close(self) -> None:
                # before the terminal is told that its file arrived: the answer goes out with the library's close
                if not self._closed and self.receive and self.transfer_finished and self.file_obj is not None:
                    self.file_obj.close()
                    if not receiver.received(Path(self.file_obj.name), self.cmd_channel):
                        self._resp = ("451 Not kept.", log.debug)
                super().close()

        class Handler(FTPHandler):  # type: ignore[misc]
            authorizer = _Accounts(key, receiver._folder)
            dtp_handler = Data
            passive_ports = range(passive[0], passive[1] + 1)
            masquerade_address = address or None
            permit_foreign_addresses = False
            banner = "Luwei"
            timeout = IDLE_S
            max_login_attempts = 2
            auth_failed_timeout = WRONG_ACCOUNT_S
            use_sendfile = False

            def on_login_failed(self, username: str, password: str) -> None:
                receiver.refuse("ftp_login", self, "wrong or expired account")

            def on_incomplete_file_received(self, file: str) -> None:
                Path(file).unlink(missing_ok=True)
                receiver.refuse("ftp_incomplete", self, Path(file).name)

            def on_disconnect(self) -> None:
                if self.authenticated:
                    shutil.rmtree(receiver._folder / self.username, ignore_errors=True)
                    self.authorizer.remove_user(self.username)

        return Handler

    def refuse(self, reason: str, handler: Any, detail: str) -> None:
        """Count what is not taken."""
        match = _USER.fullmatch(handler.username or "")
        self._refusals.count(reason, match[1] if match else "", handler.remote_ip, detail)

    def received(self, path: Path, handler: Any) -> bool:
        """A file arrived whole: keep it, and remove it from the account's folder; whether it is durably kept."""
        phone = handler.username.partition("-")[0]
        owner = self._owner(phone)
        try:
            if owner is None:
                self.refuse("unknown_terminal", handler, phone)
                return False
            name = path.name
            said = Particulars(
                FTP, kind_of_name(name), phone=phone, vehicle_id=owner[0], terminal_id=owner[1], name=name,
                announced_bytes=path.stat().st_size,
            )  # fmt: skip
            keep(self._engine, self._store, pieces_of(path), said, self._largest)
            return True
        except TooLarge:
            self.refuse("too_large", handler, path.name)
        except Exception:
            log.exception("a file that came by FTP could not be kept", phone=phone)
            self._refusals.count("disk", phone, handler.remote_ip, path.name)
        finally:
            path.unlink(missing_ok=True)
        return False
