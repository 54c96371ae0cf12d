"""Accounts of orders: their key, their passwords, their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from luwei.evidence.ftp_accounts import ftp_key, new_account, password, valid

KEY = bytes(32)


def test_the_key_is_one_for_everybody_and_nobody_elses_to_read(tmp_path: Path) -> None:
    key = ftp_key(tmp_path)
    assert len(key) == 32 and ftp_key(tmp_path) == key
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0


def test_an_account_is_valid_until_its_time_with_the_password_of_this_installation() -> None:
    user = new_account(1_000)
    assert valid(KEY, user, password(KEY, user), 1_000)
    assert not valid(KEY, user, password(KEY, user), 1_000.5)
    assert not valid(b"x" * 32, user, password(KEY, user), 0)
    assert new_account(1_000) != user and len(user) <= 32 and len(password(KEY, user)) == 20


@pytest.mark.parametrize(
    "user", ["", "anonymous", "1000-../../etc", "1000", "99999999999-" + "0" * 20, "1000-" + "G" * 20]
)
def test_what_is_no_account_is_none_whatever_its_password(user: str) -> None:
    assert not valid(KEY, user, password(KEY, user), 0)
