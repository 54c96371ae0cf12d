"""One-time codes by time 动态口令 (RFC 6238, RFC 4226): enrol, check, recovery codes.

The secret stands in the registry in clear, since the code is computed from it; the password does not, so a copy of the
registry alone opens no account. A code is taken once: its time step is kept, and an older or equal one is refused.
"""

from __future__ import annotations

import base64
import hmac
import io
import secrets
import struct
import time
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

import segno
from sqlalchemy import BigInteger, Connection, Engine, ForeignKey, Integer, String, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from luwei.access.revision import touch
from luwei.registry.audit import Actor, record
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError

STEP_S, DIGITS, WINDOW = 30, 6, 1
"""RFC 6238 §4 and §5.2: one step before and after is taken, for clocks that are a little off."""
RECOVERY_CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class Totp(Base):
    """The secret of one user; not in force until ``confirmed_at``."""

    __tablename__ = "user_totp"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[str] = mapped_column(String(64))
    """Base32."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    confirmed_at: Mapped[int | None] = mapped_column(BigInteger)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """Time step of the last code that was taken."""


class RecoveryCode(Base):
    """A code for the day the phone is lost; good once."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[int | None] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the person's app needs: the secret, its otpauth URI, and that URI as a QR picture (SVG text)."""

    secret: str
    uri: str
    svg: str


@dataclass(frozen=True, slots=True)
class TotpState:
    """``recovery_left``: unused recovery codes."""

    enrolled: bool
    confirmed_at: int | None
    recovery_left: int


def hotp(key: bytes, counter: int, digits: int = DIGITS, digest: str = "sha1") -> str:
    """The code for one counter (RFC 4226 §5.3)."""
    mac = hmac.new(key, struct.pack(">Q", counter), digest).digest()
    offset = mac[-1] & 0x0F
    number = struct.unpack_from(">I", mac, offset)[0] & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(at_s: float) -> int:
    """Number of the time step (RFC 6238 §4.2)."""
    return int(at_s) // STEP_S


def begin(engine: Engine, user_id: int, account: str, issuer: str = "Luwei") -> Enrolment:
    """A fresh secret, not yet in force; one that was not confirmed is replaced.

    Raises RegistryError where a confirmed one is there: it must be removed first.
    """
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    with write(engine) as connection:
        row = connection.execute(select(Totp.confirmed_at).where(Totp.user_id == user_id)).one_or_none()
        if row is not None and row.confirmed_at is not None:
            raise RegistryError("code", "one-time codes are in force already; remove them first")
        connection.execute(delete(Totp).where(Totp.user_id == user_id))
        connection.execute(insert(Totp).values(user_id=user_id, secret=secret, created_at=now_ms(), last_step=0))
    label = quote(f"{issuer}:{account}", safe="")
    uri = (
        f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer)}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )
    picture = io.BytesIO()
    segno.make(uri, error="m").save(picture, kind="svg", scale=4, border=4, xmldecl=False, light="#fff")
    return Enrolment(secret, uri, picture.getvalue().decode())


def confirm(engine: Engine, user_id: int, code: str, actor: Actor) -> list[str]:
    """Put the secret in force with a code of it; returns the recovery codes, told once. Raises RegistryError."""
    with write(engine) as connection:
        row = connection.execute(
            select(Totp.secret, Totp.confirmed_at, Totp.last_step).where(Totp.user_id == user_id)
        ).one_or_none()
        if row is None or row.confirmed_at is not None:
            raise RegistryError("code", "there is nothing to confirm")
        step = _matching(row.secret, code, row.last_step, time.time())
        if step is None:
            raise RegistryError("code", "is wrong")
        connection.execute(update(Totp).where(Totp.user_id == user_id).values(confirmed_at=now_ms(), last_step=step))
        codes = _new_recovery(connection, user_id)
        touch(connection)
        record(connection, actor, "user.totp_enrol", user_id)
    return codes


def renew_recovery(engine: Engine, user_id: int, actor: Actor) -> list[str]:
    """New recovery codes; the former ones end."""
    with write(engine) as connection:
        codes = _new_recovery(connection, user_id)
        record(connection, actor, "user.totp_recovery", user_id)
    return codes


def remove(engine: Engine, user_id: int, actor: Actor) -> None:
    """Take one-time codes away from an account."""
    with write(engine) as connection:
        connection.execute(delete(Totp).where(Totp.user_id == user_id))
        connection.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        touch(connection)
        record(connection, actor, "user.totp_remove", user_id)


def state(engine: Engine, user_id: int) -> TotpState:
    """Whether codes are in force, and how many recovery codes are left."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    with read(engine) as connection:
        confirmed = connection.scalar(select(Totp.confirmed_at).where(Totp.user_id == user_id))
        return TotpState(confirmed is not None, confirmed, connection.execute(left).scalar_one())


def take(engine: Engine, user_id: int, code: str, at_s: float | None = None) -> str | None:
    """Use up a code: ``totp`` or ``recovery`` where it is right and was not used before, else None."""
    text = "".join(code.split()).lower().replace("-", "")[:40]
    with write(engine) as connection:
        row = connection.execute(
            select(Totp.secret, Totp.last_step).where(Totp.user_id == user_id, Totp.confirmed_at.is_not(None))
        ).one_or_none()
        if row is None:
            return None
        step = _matching(row.secret, text, row.last_step, time.time() if at_s is None else at_s)
        if step is not None:
            # The condition stands in the statement too: of two at once one is taken.
            taken = connection.execute(
                update(Totp).where(Totp.user_id == user_id, Totp.last_step < step).values(last_step=step)
            )
            return "totp" if taken.rowcount else None
        used = connection.execute(
            update(RecoveryCode)
            .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(user_id, text),
                   RecoveryCode.used_at.is_(None))
            .values(used_at=now_ms())
        )  # fmt: skip
        return "recovery" if used.rowcount else None


def _matching(secret: str, code: str, last_step: int, at_s: float) -> int | None:
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return None
    key, now = base64.b32decode(secret), step_of(at_s)
    found = None
    for step in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(hotp(key, step), code) and step > last_step:
            found = step
    return found


def _new_recovery(connection: Connection, user_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    connection.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    connection.execute(
        insert(RecoveryCode), [{"user_id": user_id, "code_hash": _hash(user_id, each)} for each in codes]
    )
    return [f"{each[:5]}-{each[5:]}" for each in codes]


def _hash(user_id: int, code: str) -> str:
    # 49 random bits, told to nobody but the person: a slow hash would add nothing.
    return sha256(f"{user_id}:{code}".encode()).hexdigest()
