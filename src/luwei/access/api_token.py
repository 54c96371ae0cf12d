"""API token 接口令牌: what a program shows instead of a login, bound to some of its owner's rights and to a time.

A token is ``lw_<prefix>_<secret>``; the registry keeps the prefix, which lists show, and the SHA-256 of the whole.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Engine, ForeignKey, Integer, String, Text, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from luwei.access.identity import SignedIn
from luwei.access.kinds import KINDS
from luwei.access.revision import touch
from luwei.registry import fields
from luwei.registry.audit import Actor, record
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError

PREFIX = "lw_"
LENGTH_MAX = 100
PER_USER = 50
_DAY_MS = 86_400_000


class ApiToken(Base):
    """One token; kept after its end, for the audit log names it."""

    __tablename__ = "api_token"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    prefix: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    rights: Mapped[str] = mapped_column(Text)
    """JSON list of [act, kind]."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    last_address: Mapped[str] = mapped_column(String(64), default="")
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class TokenRight:
    """One act on one kind that a token may do."""

    kind: str
    act: str


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as lists show it; never its secret."""

    id: int
    name: str
    prefix: str
    rights: list[TokenRight]
    created_at: int
    expires_at: int
    last_used_at: int | None
    last_address: str


def create(
    engine: Engine, user: SignedIn, name: str, days: int, rights: Sequence[TokenRight], days_max: int, actor: Actor
) -> tuple[str, TokenView]:
    """A new token, told once, and its view. Raises RegistryError: a token has a subset of its owner's rights, and none
    of the administration's, whose acts need a person."""
    shown = fields.text("name", 60)(name)
    if not 1 <= days <= days_max:
        raise RegistryError("days", f"must be from 1 to {days_max}", days)
    wanted = sorted({(right.act, right.kind) for right in rights})
    if not wanted:
        raise RegistryError("rights", "must name at least one right")
    for act, kind in wanted:
        if (act, kind) not in user.cells or (user.limits is not None and (act, kind) not in user.limits):
            raise RegistryError("rights", f"you have no right to {act} {kind}", f"{act} {kind}")
        if KINDS[kind].row == "administration":
            raise RegistryError("rights", "a token cannot act in the administration", f"{act} {kind}")
    prefix = PREFIX + secrets.token_hex(4)
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    now = now_ms()
    row = {
        "user_id": user.user_id, "name": shown, "prefix": prefix, "token_hash": hash_of(token),
        "rights": json.dumps(wanted), "created_at": now, "expires_at": now + days * _DAY_MS,
    }  # fmt: skip
    with write(engine) as connection:
        held = select(func.count()).where(
            ApiToken.user_id == user.user_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now
        )
        if connection.execute(held).scalar_one() >= PER_USER:
            raise RegistryError("name", f"there are {PER_USER} tokens already; end one first")
        key: int = connection.execute(insert(ApiToken).returning(ApiToken.id), row).scalar_one()
        record(
            connection, actor, "token.create", key, {"name": shown, "prefix": prefix, "days": days, "rights": wanted}
        )
    made = TokenView(key, shown, prefix, [TokenRight(k, a) for a, k in wanted], now, now + days * _DAY_MS, None, "")
    return token, made


def tokens(engine: Engine, user_id: int) -> list[TokenView]:
    """Tokens of a user that still open something, newest first."""
    columns = (
        ApiToken.id, ApiToken.name, ApiToken.prefix, ApiToken.rights, ApiToken.created_at, ApiToken.expires_at,
        ApiToken.last_used_at, ApiToken.last_address,
    )  # fmt: skip
    alive = (ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now_ms())
    with read(engine) as connection:
        rows = connection.execute(select(*columns).where(*alive).order_by(ApiToken.id.desc())).all()
    return [
        TokenView(
            row.id, row.name, row.prefix, [TokenRight(kind, act) for act, kind in json.loads(row.rights)],
            row.created_at, row.expires_at, row.last_used_at, row.last_address,
        )
        for row in rows
    ]  # fmt: skip


def revoke(engine: Engine, user_id: int, key: int, actor: Actor) -> None:
    """End a token at once. Raises NotFound where the user has no such token."""
    with write(engine) as connection:
        ended = connection.execute(
            update(ApiToken)
            .where(ApiToken.id == key, ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
            .values(revoked_at=now_ms())
        )
        if not ended.rowcount:
            raise NotFound("id", "there is no such token", key)
        touch(connection)
        record(connection, actor, "token.revoke", key)


def looks_like_one(text: str) -> bool:
    """Whether it can be a token at all; anything else is not asked of the registry."""
    return text.startswith(PREFIX) and len(text) <= LENGTH_MAX and text.isascii()


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
