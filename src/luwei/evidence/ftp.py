"""Files by FTP: what a terminal sends when 0x9206 文件上传指令 (JT/T 1078-2016 §5.6.3) gave it address and account.

Each order has an account of its own (``ftp_accounts``) that works while the registry says that the order is open. It
sees one flat folder, into which it may write and append; it may list names and sizes there, since a device that lost
its line asks how far it came (SIZE, REST, APPE). It reads, renames and removes nothing, and no name leads anywhere
else. What arrived stays in the folder until the order ends; then the keeper takes it (``ftp_keeper``).
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import structlog
from prometheus_client import Counter, Gauge
from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

from luwei.evidence.ftp_accounts import valid
from luwei.evidence.inbox import FILES_MAX, Admitted, Inbox
from luwei.evidence.refusals import Refusals
from luwei.registry.download import DISK, TOO_LARGE, TOO_MANY_FILES

log = structlog.get_logger()

RIGHTS = "elaw"
"""Enter, list, append and write: no read, delete, rename or new folder (pyftpdlib's letters)."""
CONNECTIONS, CONNECTIONS_PER_ADDRESS, CONNECTIONS_PER_ACCOUNT = 512, 32, 4
IDLE_S = 120
"""Of the command line, and of a transfer without a byte."""
POLL_S = 0.1
WRONG_ACCOUNT_S = 3
"""How long the answer to a wrong password takes."""
NAME_MAX = 200
"""Bytes of a file's name."""
FREE_MIN = 1 << 30
"""Bytes that the disk must have left."""
FSYNCS = 4

_sessions = Gauge("luwei_evidence_ftp_sessions", "Terminals that are logged in to the FTP server")
_bytes = Counter("luwei_evidence_ftp_bytes_total", "Bytes of files received by FTP")
_breaks = Counter("luwei_evidence_ftp_breaks_total", "Transfers that broke off")

Admit = Callable[[str], Admitted | None]
"""The open order of an account; None where there is none, or where it may not be used now. Blocks."""


class _Accounts(DummyAuthorizer):  # type: ignore[misc]
    """Knows an account by its password, and by the order that it is for."""

    def __init__(self, key: bytes, receiver: FtpReceiver) -> None:
        super().__init__()
        self._key, self._receiver = key, receiver

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        if not valid(self._key, username, password, time.time()):
            raise AuthenticationFailed("wrong account")
        inbox = self._receiver.open(username)
        if inbox is None:
            raise AuthenticationFailed("no order is open for this account")
        if len(inbox.sessions) >= CONNECTIONS_PER_ACCOUNT:
            raise AuthenticationFailed("too many connections of this account")
        if not self.has_user(username):
            self.add_user(username, "", str(inbox.home), perm=RIGHTS)
        handler.inbox = inbox

    def forget(self, username: str) -> None:
        """Its order has ended."""
        if self.has_user(username):
            self.remove_user(username)


class _Folder(AbstractedFS):  # type: ignore[misc]
    """Files without a buffer: SIZE must tell what is here, also of a file that another connection still holds."""

    def open(self, filename: str, mode: str) -> Any:
        return Path(filename).open(mode, buffering=0)


class FtpReceiver:
    """The FTP server in a thread of its own; ``start`` and ``stop``."""

    def __init__(self, folder: Path, key: bytes, admit: Admit, refusals: Refusals) -> None:
        self.folder = folder
        self._admit, self._refusals = admit, refusals
        self.inboxes: dict[str, Inbox] = {}
        """By account; those that were used since the start and are not finished."""
        self._accounts = _Accounts(key, self)
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._disk = ThreadPoolExecutor(FSYNCS, "ftp disk")
        self.port = 0

    def start(self, host: str, port: int, passive: tuple[int, int], address: str) -> None:
        """Listen. ``passive``: first and last port of data connections; ``address``: as terminals reach this host,
        empty for ``host``. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = FTPServer((host, port), _handler(self, self._accounts, passive, address))
        self._server.max_cons, self._server.max_cons_per_ip = CONNECTIONS, CONNECTIONS_PER_ADDRESS
        self.port = self._server.address[1]
        self._thread = threading.Thread(target=self._serve, name="ftp", daemon=True)
        self._thread.start()
        log.info("FTP listens", host=host, port=self.port)

    def stop(self) -> None:
        """Close all connections; what came so far stays and is gone on with."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
        self._disk.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                # not serve_forever, which logs a start at every turn
                self._server.ioloop.loop(POLL_S, False)
                while not self._jobs.empty():
                    self._jobs.get()()
            except Exception:
                # one connection's trouble must not end the server of all
                log.exception("FTP server failed")
                self._stopping.wait(POLL_S)
        self._server.close_all()

    @property
    def alive(self) -> bool:
        """Whether terminals are served."""
        return self._thread is not None and self._thread.is_alive()

    def later(self, job: Callable[[], None]) -> None:
        """Do it in the server's thread."""
        self._jobs.put(job)

    def open(self, user: str) -> Inbox | None:
        """The inbox of an account that may be used now."""
        order = self._admit(user)
        if order is None:
            return None
        inbox = self.inboxes.get(user)
        if inbox is None:
            home = self.folder / user
            home.mkdir(exist_ok=True)
            inbox = self.inboxes[user] = Inbox(order, home, complete=set(order.complete))
        return inbox

    def kick(self, user: str) -> None:
        """Close the connections of an account: it is paused or has ended."""
        inbox = self.inboxes.get(user)
        if inbox is not None and inbox.sessions:
            self.later(partial(_close_all, inbox))

    def forget(self, user: str) -> None:
        """An account that is used no more."""
        self.inboxes.pop(user, None)
        self.later(partial(self._accounts.forget, user))

    def refuse(self, reason: str, handler: Any, detail: str) -> None:
        """Count what is not taken."""
        inbox: Inbox | None = handler.inbox
        self._refusals.count(reason, inbox.order.phone if inbox else "", handler.remote_ip, detail)

    def whole(self, session: Any, path: Path) -> None:
        """A terminal has ended a file by itself: it is told so once the file is on the disk."""
        inbox: Inbox = session.inbox
        turn = inbox.turn(path.name)

        def force() -> None:
            try:
                for each in (path, path.parent):  # the bytes, and the name that they are found by
                    handle = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
                    try:
                        os.fsync(handle)
                    finally:
                        os.close(handle)
            except OSError as error:
                log.error("a file that came by FTP cannot be written", error=str(error)[:300])
                self._refusals.count("disk", inbox.order.phone, session.remote_ip, path.name)
                self.later(lambda: session.tell("451 Not kept."))
            else:
                inbox.ended(path.name, turn)
                self.later(lambda: session.tell("226 Transfer complete."))

        self._disk.submit(force)


def _close_all(inbox: Inbox) -> None:
    for session in list(inbox.sessions):
        session.close()


def _refusal(inbox: Inbox, name: str, offset: int) -> tuple[str, str]:
    """Why ``name`` is not taken, and the answer; empty where it is."""
    sizes = inbox.sizes()
    if name not in sizes and len(sizes) >= FILES_MAX:
        return TOO_MANY_FILES, f"552 More than {FILES_MAX} files."
    if inbox.room(name, offset) <= 0:
        return TOO_LARGE, "552 Too large."
    state = os.statvfs(inbox.home)
    if state.f_bavail * state.f_frsize < FREE_MIN:
        return "disk_full", "452 The disk is full."
    return "", ""


def _bad_name(said: str) -> bool:
    """Whether a name leads elsewhere, or is none that can be kept and shown."""
    parts = [part for part in said.replace("\\", "/").split("/") if part not in ("", ".")]
    bad = len(parts) != 1 or parts[0].startswith(".") or not parts[0].isprintable()
    return bad or "\\" in said or len(parts[0].encode()) > NAME_MAX


class _Data(DTPHandler):  # type: ignore[misc]
    """A data connection. ``room``: octets that may still come."""

    timeout = IDLE_S
    room = 0
    resumed = False
    _resp: tuple[Any, ...]

    def handle_read(self) -> None:
        before = self.tot_bytes_received
        super().handle_read()
        came, session = self.tot_bytes_received - before, self.cmd_channel
        if not came:
            return
        _bytes.inc(came)
        session.inbox.took(came)
        if self.tot_bytes_received > self.room:
            session.inbox.fail(TOO_LARGE)
            session.receiver.refuse(TOO_LARGE, session, f"more than {session.inbox.order.limit} bytes")
            self._resp = ("552 Too large.", log.debug)
            self.close()

    handle_read_event = handle_read

    def handle_close(self) -> None:
        # the library takes a connection that was reset for one that was closed
        if self.receive and not self._closed and (isinstance(_cause(), OSError) or _failed(self.socket)):
            self._resp = ("426 The connection broke off.", log.debug)
            self.close()
            return
        super().handle_close()

    def handle_error(self) -> None:
        if self.receive and self.cmd_channel.inbox is not None and isinstance(_cause(), OSError):
            self.cmd_channel.receiver.refuse(DISK, self.cmd_channel, str(_cause())[:200])
        super().handle_error()

    def close(self) -> None:
        if self._closed or not (self.receive and self.transfer_finished and self.file_obj is not None):
            super().close()
            return
        session, path = self.cmd_channel, Path(self.file_obj.name)
        if self.resumed and not self.file_obj.closed:
            self.file_obj.truncate()  # a file that is shorter than what was here before
        self._resp = ()  # the answer waits for the disk
        super().close()
        session.receiver.whole(session, path)


def _cause() -> BaseException | None:
    """What is being handled, behind the library's own error."""
    error = sys.exc_info()[1]
    return error.__cause__ or error if error is not None else None


def _failed(line: socket.socket) -> bool:
    return line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


class _Session(FTPHandler):  # type: ignore[misc]
    """A command connection."""

    dtp_handler = _Data
    abstracted_fs = _Folder
    permit_foreign_addresses = False
    banner = "Luwei"
    timeout = IDLE_S
    max_login_attempts = 2
    use_sendfile = False
    proto_cmds: ClassVar = {name: said for name, said in FTPHandler.proto_cmds.items() if name != "STOU"}
    """Files bear the names that the terminal knows them by, or it could not go on with them."""
    receiver: FtpReceiver
    inbox: Inbox | None = None
    _restart_position: int
    _in_dtp_queue: tuple[Any, str] | None

    def decode(self, line: bytes) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            return line.decode("gb18030", "replace")

    def on_login(self, username: str) -> None:
        self._current_type = "i"
        if self.inbox is not None:
            self.inbox.joined(self)
            _sessions.inc()

    def on_login_failed(self, username: str, password: str) -> None:
        self.receiver.refuse("ftp_login", self, "wrong account, or none that may be used now")

    def on_logout(self, username: str) -> None:
        self._leave()

    def on_disconnect(self) -> None:
        self._leave()

    def _leave(self) -> None:
        inbox, self.inbox = self.inbox, None
        if inbox is not None and self in inbox.sessions:
            inbox.left(self)
            _sessions.dec()

    def close(self) -> None:
        # a file that was begun, and whose line broke before it was taken up here
        if not self._closed and self._in_dtp_queue is not None:
            self.on_incomplete_file_received(self._in_dtp_queue[0].name)
        super().close()

    def on_incomplete_file_received(self, file: str) -> None:
        _breaks.inc()
        if self.inbox is not None:
            self.inbox.broke()

    def tell(self, answer: str) -> None:
        """Say something when it is known, unless the terminal has gone."""
        if not self._closed:
            self.respond(answer)

    def ftp_TYPE(self, line: str) -> None:
        """Files are never texts: a device that forgets to say so would have them changed."""
        super().ftp_TYPE(line)
        self._current_type = "i"

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        if self.authenticated and cmd in ("STOR", "APPE") and arg and _bad_name(arg):
            self.receiver.refuse("ftp_path", self, arg[:200])
            self.respond("553 This name is not allowed.")
            return
        super().pre_process_command(line, cmd, arg)

    def ftp_SIZE(self, path: str) -> None:
        self._alone(path)
        super().ftp_SIZE(path)

    def ftp_STOR(self, file: str, mode: str = "w") -> str | None:
        inbox, name = self.inbox, Path(file).name
        if inbox is None:
            self.respond("530 Log in with USER and PASS first.")
            return None
        self._alone(file)
        offset = inbox.sizes().get(name, 0) if "a" in mode else self._restart_position
        reason, answer = _refusal(inbox, name, offset)
        if reason:
            if reason in (TOO_LARGE, TOO_MANY_FILES):
                inbox.fail(reason)
            self.receiver.refuse(reason, self, name)
            self._restart_position = 0
            self.respond(answer)
            return None
        resumed = "a" not in mode and offset > 0
        self._wanted = inbox.room(name, offset), resumed
        taken: str | None = super().ftp_STOR(file, mode)
        if taken is None:
            return None  # nothing was opened, so nothing of what is here has changed
        inbox.began(name)
        if self.data_channel is not None:
            self._allow()
        return taken

    _wanted = (0, False)

    def _allow(self) -> None:
        self.data_channel.room, self.data_channel.resumed = self._wanted

    def _on_dtp_connection(self) -> None:
        if self.data_channel is not None:
            self._allow()
        super()._on_dtp_connection()

    def _alone(self, file: str) -> None:
        """A connection that was lost in a tunnel may still hold the file: the newest one goes on with it."""
        for other in list(self.inbox.sessions) if self.inbox is not None else ():
            data = other.data_channel
            if other is not self and data is not None and data.file_obj is not None and data.file_obj.name == file:
                other.close()


def _handler(
    receiver_: FtpReceiver, accounts: _Accounts, passive: tuple[int, int], address: str
) -> type[FTPHandler]:  # fmt: skip
    class Handler(_Session):
        receiver = receiver_
        authorizer = accounts
        passive_ports = range(passive[0], passive[1] + 1)
        masquerade_address = address or None
        auth_failed_timeout = WRONG_ACCOUNT_S

    return Handler
