"""Files by FTP: one account an order, one folder an account, nothing but writing in it."""

from __future__ import annotations

import contextlib
import ftplib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from luwei.evidence import ftp
from luwei.evidence.ftp import FtpReceiver, account, ftp_key
from luwei.evidence.refusals import Refusals
from luwei.evidence.store import EvidenceStore
from ports import free_run_of_ports

LARGEST = 1 << 20


@pytest.fixture
def receiver(tmp_path: Path, registry: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[FtpReceiver]:
    monkeypatch.setattr(ftp, "WRONG_ACCOUNT_S", 0.01)
    store = EvidenceStore.open("", tmp_path)
    owners = {"13800138000": (1, 1)}
    receiver = FtpReceiver(tmp_path / "ftp", store, registry, Refusals(), owners.get, LARGEST)
    first = free_run_of_ports(8)
    receiver.start("127.0.0.1", first, (first + 1, first + 7), "")
    yield receiver
    receiver.stop()


def connect(receiver: FtpReceiver, phone: str = "13800138000", seconds: int = 60) -> ftplib.FTP:
    line = ftplib.FTP(timeout=10)
    line.connect("127.0.0.1", receiver.port)
    line.login(*account(ftp_key(receiver._folder), phone, int(time.time()) + seconds))
    return line


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_goes_into_the_store(receiver: FtpReceiver, files: Any) -> None:
    data = bytes.fromhex("0000001c667479706d703432") + os.urandom(500_000)
    line = connect(receiver)
    line.storbinary("STOR 02_64_6401_0_x.mp4", io.BytesIO(data))
    line.quit()
    row = files()["02_64_6401_0_x.mp4"]
    assert (row.origin, row.kind, row.state, row.media_type, row.vehicle_id) == (
        "ftp",
        "video",
        "complete",
        "video/mp4",
        1,
    )
    assert b"".join(receiver._store.open_range(row.store_key)) == data
    until(lambda: [path.name for path in receiver._folder.iterdir()] == ["ftp.key"])


@pytest.mark.parametrize(
    "command",
    [
        "LIST",
        "NLST",
        "RETR ../ftp.key",
        "RETR a",
        "DELE a",
        "RMD .",
        "MKD x",
        "RNFR a",
        "APPE a",
        "SITE CHMOD 777 a",
        "CWD ..",
    ],
)
def test_an_account_may_write_and_nothing_else(receiver: FtpReceiver, command: str) -> None:
    line = connect(receiver)
    if command == "CWD ..":
        line.cwd("..")
        assert line.pwd() == "/"
    else:
        with pytest.raises(ftplib.error_perm):
            line.voidcmd(command)
    line.close()


@pytest.mark.parametrize("name", ["../../escaped", "/etc/escaped", "..\\escaped", "a/../../escaped"])
def test_no_name_leads_out_of_the_folder(receiver: FtpReceiver, files: Any, tmp_path: Path, name: str) -> None:
    line = connect(receiver)
    with contextlib.suppress(ftplib.error_perm):
        line.storbinary(f"STOR {name}", io.BytesIO(b"data"))
    line.close()
    # os.walk: the terminal's own folder may go while we look
    outside = [Path(folder) / name for folder, dirs, names in os.walk(tmp_path) for name in (*dirs, *names)]
    assert not [path for path in outside if "escaped" in path.name and "ftp" not in path.parts]
    assert not Path("/etc/escaped").exists()
    assert {row.origin for row in files().values()} <= {"ftp"}


def test_accounts_that_are_wrong_expired_or_of_nobody(receiver: FtpReceiver, files: Any) -> None:
    user, password = account(ftp_key(receiver._folder), "13800138000", int(time.time()) + 60)
    for wrong in ((user, "x" * 24), (user.replace("138001", "139001"), password), ("anonymous", ""), ("../x", "y")):
        line = ftplib.FTP(timeout=10)
        line.connect("127.0.0.1", receiver.port)
        with pytest.raises(ftplib.error_perm):
            line.login(*wrong)
        line.close()
    with pytest.raises(ftplib.error_perm):
        connect(receiver, seconds=-1)
    line = connect(receiver, phone="13900139000")
    with pytest.raises(ftplib.error_temp, match="451"):
        line.storbinary("STOR a.jpg", io.BytesIO(b"data"))
    line.close()
    assert files() == {}
    assert receiver._refusals.totals == {"ftp_login": 5, "unknown_terminal": 1}


def test_a_file_that_is_too_large_or_breaks_off_is_not_kept(receiver: FtpReceiver, files: Any) -> None:
    line = connect(receiver)
    with pytest.raises((ftplib.error_perm, OSError)):
        line.storbinary("STOR large.bin", io.BytesIO(bytes(4 * LARGEST)))
    line.close()
    until(lambda: receiver._refusals.totals.get("too_large"))
    line = connect(receiver)
    data = line.transfercmd("STOR broken.bin")
    data.sendall(b"some")
    line.close()
    data.close()
    until(lambda: [path.name for path in receiver._folder.iterdir()] == ["ftp.key"])
    assert files() == {}
