"""The platform's own SM2 key 国密密钥, with which packages are signed: a file for its owner alone."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from luwei.oversight.sealed_verifier import ALGORITHM, GX, GY, USER, N, message_number, point_of, sm3, times

NAME = "sm2.key"
CURVE = "sm2p256v1 (GB/T 32918.5-2017)"


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key; ``public`` is 04, x and y in hex."""

    secret: int
    public: str

    @property
    def fingerprint(self) -> str:
        """SM3 of the public key in hex: what two people read to each other."""
        return sm3(bytes.fromhex(self.public)).hex()

    def sign(self, message: bytes, k: int | None = None) -> tuple[int, int]:
        """(r, s) of GB/T 32918.2 §6; ``k`` is random unless a test names it."""
        e = message_number(message, point_of(self.public), USER)
        while True:
            once = secrets.randbelow(N - 1) + 1 if k is None else k
            point = times(once, (GX, GY))
            assert point is not None
            r = (e + point[0]) % N
            if r and r + once != N:
                s = pow(1 + self.secret, N - 2, N) * (once - r * self.secret) % N
                if s:
                    return r, s

    def signature(self, message: bytes) -> str:
        """The file that stands beside a signed one."""
        r, s = self.sign(message)
        told = {"algorithm": ALGORITHM, "curve": CURVE, "user": USER.decode(), "public_key": self.public}
        return json.dumps(told | {"r": f"{r:064x}", "s": f"{s:064x}"}, indent=1)


def key_of(secret: int) -> SigningKey:
    """The key of a secret number. Raises ValueError outside 1 … n-2."""
    if not 1 <= secret <= N - 2:
        raise ValueError("the secret lies outside the curve's order")
    point = times(secret, (GX, GY))
    assert point is not None
    return SigningKey(secret, "04" + "".join(f"{each:064x}" for each in point))


def load(folder: Path) -> SigningKey:
    """The key of a folder, made where there is none; mode 0600. Raises OSError, ValueError for a damaged file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / NAME
    if not path.exists():
        fresh = folder / f"{NAME}.{secrets.token_hex(4)}"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{secrets.randbelow(N - 2) + 1:064x}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # of two that begin together one wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return key_of(int(path.read_text().strip(), 16))
