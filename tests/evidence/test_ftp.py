"""Files by FTP: one account an order, one folder an account; what broke off goes on; whole files become evidence."""

from __future__ import annotations

import contextlib
import ftplib
import hashlib
import io
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from luwei.evidence import download_rows, ftp, ftp_keeper
from luwei.evidence.file_server import FileServer
from luwei.evidence.ftp_accounts import FOLDER, ftp_key, new_account, password
from luwei.evidence.inbox import Admitted, Inbox
from luwei.evidence.refusals import Refusals
from luwei.evidence.store import EvidenceStore
from luwei.registry.base import now_ms
from luwei.registry.case import CaseStep
from luwei.registry.case_work import CaseFile
from luwei.registry.download import CANCELLED, DONE, EXPIRED, PAUSED, UPLOADING, Download, DownloadFile
from luwei.registry.engine import read, write
from luwei.registry.evidence import EvidenceFile
from luwei.registry.video import VideoTraffic
from luwei.settings import Settings
from ports import free_run_of_ports

LIMIT = 1 << 20
MP4 = bytes.fromhex("0000001c667479706d703432")


class Server:
    """A file server with a registry; ``order`` makes an order and its account."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.engine, self.folder = engine, folder
        self.store = EvidenceStore.open("", folder)
        self.refusals = Refusals()
        self.first = free_run_of_ports(66)
        self.key = ftp_key(folder.joinpath(*FOLDER))
        self.start()

    def start(self) -> None:
        settings = Settings(data=self.folder, evidence_ftp_port=self.first, evidence_ftp_passive=self.first + 1)
        self.files = FileServer(settings, self.engine, self.store, self.refusals, self.check)
        self.files.start()

    def stop(self) -> None:
        self.files.stop()

    def check(self) -> None:
        """In the place of the checker, which has tests of its own."""
        with write(self.engine) as connection:
            connection.execute(update(EvidenceFile).where(EvidenceFile.readable.is_(None)).values(readable=False))

    def order(self, hours: float = 1, **more: Any) -> str:
        account = new_account(int(time.time() + 3600 * hours))
        values = {
            "vehicle_id": 1, "terminal_id": 1, "phone": "13800138000", "channel": 2, "from_at": 1_763_800_000_000,
            "to_at": 1_763_800_600_000, "media_type": 0, "stream": 0, "storage": 0, "networks": 7, "purpose": "核查",
            "username": "tester", "account": account, "limit_bytes": LIMIT, "state": "asked", "reason": "",
            "answer": "", "ending": "", "tries": 1, "idle_tries": 0, "received_bytes": 0, "sessions": 0, "breaks": 0,
            "fault": "", "created_at": now_ms(), "expires_at": now_ms() + int(3_600_000 * hours),
        }  # fmt: skip
        with write(self.engine) as connection:
            connection.execute(insert(Download).values(**(values | more)))
        return account

    def login(self, account: str, said: str | None = None) -> ftplib.FTP:
        line = ftplib.FTP(timeout=40)
        line.connect("127.0.0.1", self.first)
        line.login(account, password(self.key, account) if said is None else said)
        return line

    def row(self, account: str) -> Any:
        with read(self.engine) as connection:
            return connection.execute(select(Download.__table__).where(Download.account == account)).one()

    def files_of(self, account: str) -> dict[str, Any]:
        with read(self.engine) as connection:
            rows = connection.execute(
                select(DownloadFile.__table__)
                .join(Download, Download.id == DownloadFile.download_id)
                .where(Download.account == account)
            )
            return {row.name: row for row in rows}

    def end(self, account: str, ending: str) -> Any:
        """Decide the end as the core does, and wait for it."""
        with write(self.engine) as connection:
            connection.execute(update(Download).where(Download.account == account).values(ending=ending))
        until(lambda: self.row(account).ended_at)
        return self.row(account)


@pytest.fixture
def server(tmp_path: Path, registry: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(ftp, "WRONG_ACCOUNT_S", 0.01)
    monkeypatch.setattr(ftp_keeper, "TURN_S", 0.03)
    made = Server(tmp_path, registry)
    yield made
    made.stop()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def cut(server: Server, account: str, name: str, data: bytes, rest: int | None = None) -> None:
    """Send a part of a file, then lose the connection as a device in a tunnel does."""
    line, breaks = server.login(account), server.row(account).breaks
    line.voidcmd("TYPE I")
    connection = line.transfercmd(f"STOR {name}", rest)
    connection.sendall(data)
    until(lambda: name in (there := server.files_of(account)) and there[name].octets == (rest or 0) + len(data))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    with contextlib.suppress(OSError):
        line.close()
    until(lambda: server.row(account).breaks == breaks + 1 and server.row(account).sessions == 0)


def send_rest(line: ftplib.FTP, name: str, data: bytes) -> int:
    """Go on where the server has stopped; from where."""
    line.voidcmd("TYPE I")
    at = line.size(name) or 0
    line.storbinary(f"STOR {name}", io.BytesIO(data[at:]), rest=at)
    return at


def test_a_file_cut_twice_is_resumed_and_its_hashes_are_those_of_the_whole(server: Server, files: Any) -> None:
    data = MP4 + os.urandom(600_000)
    account = server.order()
    cut(server, account, "clip.mp4", data[:200_000])
    cut(server, account, "clip.mp4", data[200_000:450_000], rest=200_000)
    assert server.row(account).received_bytes == 450_000
    assert not server.files_of(account)["clip.mp4"].complete
    line = server.login(account)
    assert send_rest(line, "clip.mp4", data) == 450_000
    line.quit()
    until(lambda: server.files_of(account)["clip.mp4"].complete)
    assert server.end(account, DONE).state == DONE
    row = files()["clip.mp4"]
    assert (row.sha256, row.sm3) == (hashlib.sha256(data).hexdigest(), hashlib.new("sm3", data).hexdigest())
    assert (row.origin, row.kind, row.channel, row.vehicle_id, row.media_type) == ("ftp", "video", 2, 1, "video/mp4")
    assert b"".join(server.store.open_range(row.store_key)) == data
    until(lambda: not (server.store.incoming / "ftp" / account).exists())
    with read(server.engine) as connection:
        octets = connection.scalar(select(VideoTraffic.octets).where(VideoTraffic.purpose == "download"))
    assert octets == len(data)


def test_a_line_that_breaks_before_its_data_was_taken_up_counts_too(server: Server) -> None:
    """A busy server: the terminal has connected, sent and gone before its data connection was accepted."""
    account = server.order()
    line = server.login(account)
    line.makepasv()
    assert line.sendcmd("STOR a.mp4").startswith("150")
    line.close()
    until(lambda: server.row(account).breaks == 1 and server.row(account).sessions == 0)


def test_appending_goes_on_too(server: Server, files: Any) -> None:
    data = MP4 + os.urandom(100_000)
    account = server.order()
    cut(server, account, "clip.mp4", data[:30_000])
    line = server.login(account)
    line.storbinary("APPE clip.mp4", io.BytesIO(data[30_000:]))
    line.quit()
    until(lambda: server.files_of(account)["clip.mp4"].complete)
    server.end(account, DONE)
    assert files()["clip.mp4"].sha256 == hashlib.sha256(data).hexdigest()


def test_a_restart_of_the_server_keeps_what_came(server: Server, files: Any) -> None:
    data = MP4 + os.urandom(300_000)
    account = server.order()
    line = server.login(account)
    line.voidcmd("TYPE I")
    connection = line.transfercmd("STOR clip.mp4")
    connection.sendall(data[:100_000])
    until(lambda: server.row(account).received_bytes == 100_000)
    server.stop()
    connection.close()
    line.close()
    server.start()
    until(lambda: server.row(account).sessions == 0)
    assert send_rest(server.login(account), "clip.mp4", data) == 100_000
    until(lambda: server.files_of(account)["clip.mp4"].complete)
    server.end(account, DONE)
    assert files()["clip.mp4"].sha256 == hashlib.sha256(data).hexdigest()


def test_the_newest_connection_takes_a_file_from_one_that_was_lost(server: Server) -> None:
    account = server.order()
    old = server.login(account)
    old.voidcmd("TYPE I")
    stuck = old.transfercmd("STOR clip.mp4")
    stuck.sendall(bytes(50_000))
    until(lambda: server.row(account).received_bytes == 50_000)
    line = server.login(account)
    assert send_rest(line, "clip.mp4", bytes(80_000)) == 50_000
    until(lambda: server.files_of(account)["clip.mp4"].octets == 80_000)
    with pytest.raises((OSError, EOFError)):
        old.voidcmd("NOOP")
    line.close()
    stuck.close()


def test_a_text_transfer_changes_no_byte(server: Server, files: Any) -> None:
    data = MP4 + b"\r\n" * 1000 + b"\r"
    account = server.order()
    line = server.login(account)
    line.voidcmd("TYPE A")
    connection = line.transfercmd("STOR clip.mp4")
    connection.sendall(data)
    connection.close()
    line.voidresp()
    line.quit()
    server.end(account, DONE)
    assert files()["clip.mp4"].sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "command",
    ["RETR a", "DELE a", "RMD .", "MKD x", "RNFR a", "STOU", "SITE CHMOD 777 a", "RETR ../../ftp.key", "CWD .."],
)
def test_an_account_may_write_and_nothing_else(server: Server, command: str) -> None:
    line = server.login(server.order())
    if command == "CWD ..":
        line.cwd("..")
        assert line.pwd() == "/"
    else:
        with pytest.raises(ftplib.error_perm):
            line.voidcmd(command)
    line.close()


@pytest.mark.parametrize(
    "name",
    ["../../escaped", "/etc/escaped", "..\\escaped", "a/../../escaped", "sub/escaped", ".escaped", "escaped\x01"],
)
def test_no_name_leads_out_of_the_folder(server: Server, tmp_path: Path, name: str) -> None:
    line = server.login(server.order())
    for command in ("STOR", "APPE"):
        with pytest.raises(ftplib.error_perm, match="553"):
            line.storbinary(f"{command} {name}", io.BytesIO(b"data"))
    line.close()
    found = [each for _, folders, names in os.walk(tmp_path) for each in (*folders, *names) if "escaped" in each]
    assert found == [] and not Path("/etc/escaped").exists()
    assert server.refusals.totals == {"ftp_path": 2}


def test_a_name_in_gbk_is_taken(server: Server, files: Any) -> None:
    account = server.order()
    line = server.login(account)
    line.encoding = "gbk"
    line.storbinary("STOR 车前.mp4", io.BytesIO(MP4))
    line.quit()
    server.end(account, DONE)
    assert "车前.mp4" in files()


def test_wrong_expired_paused_and_ended_accounts_are_refused_and_counted(server: Server) -> None:
    account = server.order()
    right = password(server.key, account)
    later = account.replace(account[:10], str(int(account[:10]) + 1), 1)
    unknown = new_account(int(time.time()) + 60)
    wrong = [
        (account, "x" * 20), (later, right), ("anonymous", ""), ("../x", "y"), (unknown, None),
        (server.order(hours=-1), None), (server.order(state=PAUSED), None), (server.order(ending=DONE), None),
        (server.order(fault="too_large"), None), (account, "密码"),
    ]  # fmt: skip
    for user, said in wrong:
        with pytest.raises(ftplib.error_perm):
            server.login(user, said)
    until(lambda: server.refusals.totals == {"ftp_login": len(wrong)})
    server.login(account).close()


def test_an_account_that_is_paused_is_shut(server: Server) -> None:
    account = server.order()
    line = server.login(account)
    line.voidcmd("TYPE I")
    connection = line.transfercmd("STOR clip.mp4")
    connection.sendall(bytes(1000))
    until(lambda: server.row(account).sessions == 1)
    with write(server.engine) as database:
        database.execute(update(Download).where(Download.account == account).values(state=PAUSED))
    until(lambda: server.row(account).sessions == 0)
    with pytest.raises((OSError, EOFError)):
        line.voidcmd("NOOP")
    connection.close()
    assert (server.store.incoming / "ftp" / account / "clip.mp4").stat().st_size == 1000


def test_more_than_the_order_may_bring_is_refused_and_ends_it(server: Server, files: Any) -> None:
    account = server.order()
    line = server.login(account)
    with pytest.raises((ftplib.error_perm, OSError)):
        line.storbinary("STOR large.bin", io.BytesIO(bytes(4 * LIMIT)))
    line.close()
    until(lambda: server.row(account).fault == "too_large")
    assert server.refusals.totals == {"too_large": 1}
    with pytest.raises(ftplib.error_perm):
        server.login(account)
    assert files() == {}


def test_so_is_a_further_file_when_the_others_have_used_it_up(server: Server) -> None:
    account = server.order()
    line = server.login(account)
    line.storbinary("STOR a.bin", io.BytesIO(bytes(LIMIT)))
    with pytest.raises(ftplib.error_perm, match="552"):
        line.storbinary("STOR b.bin", io.BytesIO(b"x"))
    line.close()


def test_too_many_files_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftp, "FILES_MAX", 3)
    account = server.order()
    line = server.login(account)
    for number in range(3):
        line.storbinary(f"STOR {number}.bin", io.BytesIO(b"x"))
    with pytest.raises(ftplib.error_perm, match="552"):
        line.storbinary("STOR 3.bin", io.BytesIO(b"x"))
    line.close()
    until(lambda: server.row(account).fault == "too_many_files")


def test_a_cancelled_order_leaves_nothing(server: Server, files: Any) -> None:
    account = server.order()
    line = server.login(account)
    line.storbinary("STOR whole.mp4", io.BytesIO(MP4))
    assert server.end(account, CANCELLED).state == CANCELLED
    assert files() == {}
    until(lambda: not (server.store.incoming / "ftp" / account).exists())
    line.close()


def test_what_was_fetched_for_a_case_is_evidence_of_it(server: Server, files: Any) -> None:
    account = server.order(case_id=7, user_id=3)
    line = server.login(account)
    line.storbinary("STOR a.mp4", io.BytesIO(MP4))
    line.storbinary("STOR b.mp4", io.BytesIO(MP4 + b"b"))
    line.quit()
    server.end(account, DONE)
    keys = sorted(row.id for row in files().values())
    with read(server.engine) as connection:
        attached = connection.execute(select(CaseFile.case_id, CaseFile.file_id, CaseFile.user_id)).all()
        (step,) = connection.execute(select(CaseStep.__table__)).all()
    assert sorted(tuple(row) for row in attached) == [(7, key, 3) for key in keys]
    assert (step.case_id, step.act, json.loads(step.detail)["files"]) == (7, "fetched", keys)


def test_an_expired_order_keeps_what_came_whole(server: Server, files: Any) -> None:
    account = server.order(state=UPLOADING)
    line = server.login(account)
    line.storbinary("STOR whole.mp4", io.BytesIO(MP4))
    line.quit()
    cut(server, account, "part.mp4", MP4)
    assert server.end(account, EXPIRED).state == EXPIRED
    assert set(files()) == {"whole.mp4"}


def test_a_crash_between_store_and_registry_is_gone_on_from(server: Server, files: Any) -> None:
    data = MP4 + os.urandom(1000)
    account = server.order()
    line = server.login(account)
    line.storbinary("STOR clip.mp4", io.BytesIO(data))
    line.quit()
    until(lambda: server.row(account).sessions == 0 and server.row(account).received_bytes == len(data))
    server.stop()
    # as the keeper does, up to the moment after the file went into the store
    key = "originals/2026/11/22/0123456789abcdef0123456789abcdef"
    with write(server.engine) as connection:
        connection.execute(update(DownloadFile).values(store_key=key))
    server.store.adopt(server.store.incoming / "ftp" / account / "clip.mp4", key)
    server.start()
    server.end(account, DONE)
    assert files()["clip.mp4"].sha256 == hashlib.sha256(data).hexdigest()
    with read(server.engine) as connection:
        assert len(connection.execute(select(EvidenceFile.id)).all()) == 1


def test_its_health_tells_who_is_connected(server: Server) -> None:
    line = server.login(server.order())
    until(lambda: server.files.health() == {"ok": True, "port": server.first, "sessions": 1, "trouble": ""})
    line.close()


def test_the_folder_of_an_order_that_is_over_goes_at_the_next_start(server: Server) -> None:
    server.stop()
    left = server.store.incoming / "ftp" / new_account(0)
    left.mkdir(parents=True)
    (left / "x").write_bytes(b"x")
    server.start()
    until(lambda: not left.exists())


def test_a_place_beyond_the_end_is_refused_and_what_was_whole_stays_whole(server: Server) -> None:
    account = server.order()
    line = server.login(account)
    line.storbinary("STOR a.mp4", io.BytesIO(MP4))
    with pytest.raises(ftplib.error_perm, match="554"):
        line.storbinary("STOR a.mp4", io.BytesIO(b"more"), rest=9_999)
    line.storbinary("STOR b.mp4", io.BytesIO(MP4))
    line.quit()
    until(lambda: "b.mp4" in (found := server.files_of(account)) and found["b.mp4"].complete)
    assert server.files_of(account)["a.mp4"].complete


def test_a_file_that_is_begun_anew_while_its_end_is_written_is_not_whole(tmp_path: Path) -> None:
    inbox = Inbox(Admitted(1, "user", "13800138000", 1, LIMIT), tmp_path)
    inbox.began("a.mp4")
    turn = inbox.turn("a.mp4")
    inbox.began("a.mp4")
    inbox.ended("a.mp4", turn)
    assert inbox.complete == set()
    inbox.ended("a.mp4", inbox.turn("a.mp4"))
    assert inbox.complete == {"a.mp4"}


def test_trouble_with_one_connection_ends_no_server(server: Server) -> None:
    receiver = server.files.receiver
    assert receiver is not None
    tried = threading.Event()

    def fails() -> None:
        tried.set()
        raise RuntimeError("of one connection")

    receiver.later(fails)
    assert tried.wait(40)
    line = server.login(server.order())
    line.storbinary("STOR a.mp4", io.BytesIO(MP4))
    line.quit()
    assert server.files.health()["ok"]


def test_one_download_that_cannot_be_ended_holds_up_no_other_and_accounts_are_forgotten(
    server: Server, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = server.order(), server.order()
    for account in (stuck, other):
        line = server.login(account)
        line.storbinary("STOR a.mp4", io.BytesIO(MP4))
        line.quit()
    real, number = download_rows.kept, server.row(stuck).id

    def kept(engine: Engine, download: int, *more: Any) -> int:
        if download == number:
            raise ValueError("its case is gone")
        return real(engine, download, *more)

    monkeypatch.setattr(download_rows, "kept", kept)
    with write(server.engine) as connection:
        connection.execute(update(Download).where(Download.account == stuck).values(ending=DONE))
    assert server.end(other, DONE).state == DONE
    assert server.row(stuck).ended_at is None
    until(lambda: "its case is gone" in server.files.health()["trouble"])
    monkeypatch.setattr(download_rows, "kept", real)
    assert server.end(stuck, DONE).state == DONE
    assert len(files()) == 1
    receiver = server.files.receiver
    assert receiver is not None
    until(lambda: not receiver._accounts.has_user(other) and not receiver._accounts.has_user(stuck))


def test_a_folder_that_comes_while_the_server_starts_is_none_of_an_order_that_is_over(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    real, fresh = download_rows.accounts, server.store.incoming / "ftp" / new_account(1)

    def accounts(engine: Engine) -> set[str]:
        found = real(engine)
        fresh.mkdir(parents=True)
        return found

    monkeypatch.setattr(download_rows, "accounts", accounts)
    server.start()
    until(fresh.exists)
    until(lambda: not server.files.keeper.trouble)
    server.stop()
    assert fresh.exists()
    server.start()
