"""Accounts on the FTP server: one for each order to a terminal, with a password that only this installation can make.

The password follows from the name and a key, so it stands nowhere: not in the registry, not in the journal of commands,
not in a log. The name bears when the account ends, beside what the registry says of its order.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

KEY_NAME = "ftp.key"
KEY_BYTES = 32
FOLDER = ("evidence", "ftp")
"""Under the data folder."""
_USER = re.compile(r"(\d{1,10})-([0-9a-f]{20})")


def ftp_key(folder: Path) -> bytes:
    """The secret behind all passwords, made when first needed; readable by this user alone. Raises OSError."""
    path = folder / KEY_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"{KEY_NAME}.{secrets.token_hex(8)}"
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(made, path)  # whole, or not at all: several processes may be the first
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_bytes()


def new_account(until_s: int) -> str:
    """A user name for one order, valid until ``until_s`` (Unix time)."""
    return f"{until_s}-{secrets.token_hex(10)}"


def password(key: bytes, user: str) -> str:
    """Of an account: 20 characters, which every device takes."""
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:20]


def valid(key: bytes, user: str, said: str, now_s: float) -> bool:
    """Whether ``said`` is the password of ``user`` and the account has not ended."""
    match = _USER.fullmatch(user)
    if match is None or not hmac.compare_digest(password(key, user).encode(), said.encode()):
        return False
    return int(match[1]) >= now_s
