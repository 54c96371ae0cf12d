"""Password 密码: the rules, the hash (argon2id with the library's RFC 9106 parameters), and one-time passwords."""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from luwei.registry.errors import RegistryError

MIN_LENGTH, MAX_LENGTH = 10, 200
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex(16))
# A hash takes 64 MiB; a burst of logins must wait in line, not fill the memory.
_at_once = threading.BoundedSemaphore(4)

_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


def one_time_password() -> str:
    """16 random characters without look-alikes: 93 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def check(password: str, username: str, min_length: int = MIN_LENGTH) -> str:
    """The password itself. Raises RegistryError with field ``password``; the value is never in the error."""
    if len(password) < min_length:
        raise RegistryError("password", f"must have at least {min_length} characters")
    if len(password) > MAX_LENGTH:
        raise RegistryError("password", f"must have at most {MAX_LENGTH} characters")
    if password.casefold() in (username.casefold(), username.casefold()[::-1]):
        raise RegistryError("password", "must not be the user name")
    if len(set(password)) < 4:
        raise RegistryError("password", "must have at least 4 different characters")
    if "\0" in password or any("\ud800" <= char <= "\udfff" for char in password):
        raise RegistryError("password", "must be valid text")
    return password


def hashed(password: str) -> str:
    """The argon2id hash with its parameters and a random salt. Some 50 ms and 64 MiB."""
    with _at_once:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether ``password`` belongs to ``stored``. None (no such user) takes as long as any other."""
    with _at_once:
        try:
            return _hasher.verify(stored or _NOBODY, password.encode("utf-8", "replace")) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
