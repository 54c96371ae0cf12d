"""Video layout 视频布局: a wall of live pictures that a person keeps, by name; nobody else sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Engine,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry import fields
from luwei.registry.audit import Actor, record
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError

NAME_LENGTH, BODY_BYTES, PER_USER = 40, 16 * 1024, 50
TILES = (1, 4, 9, 16)


class VideoLayout(Base):
    """One kept wall; ``body`` is the console's own (JSON): which channel hangs where, what a patrol walks through."""

    __tablename__ = "video_layout"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    tiles: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class LayoutView:
    """A layout as its owner gets it; ``updated_at`` in UTC ms."""

    name: str
    tiles: int
    body: Any
    updated_at: int


def layouts(engine: Engine, user_id: int) -> list[LayoutView]:
    """Those of the user, by name."""
    columns = (VideoLayout.name, VideoLayout.tiles, VideoLayout.body, VideoLayout.updated_at)
    with read(engine) as connection:
        rows = connection.execute(select(*columns).where(VideoLayout.user_id == user_id).order_by(VideoLayout.name))
        return [LayoutView(name, tiles, json.loads(body), at) for name, tiles, body, at in rows]


def keep(engine: Engine, user_id: int, name: str, tiles: int, body: Any, actor: Actor) -> LayoutView:
    """Keep a layout under ``name``, instead of one of that name. Raises RegistryError: a name of 1 to NAME_LENGTH
    characters, 1, 4, 9 or 16 tiles, BODY_BYTES of JSON, and PER_USER layouts a user."""
    shown = fields.text("name", NAME_LENGTH)(name)
    if tiles not in TILES:
        raise RegistryError("tiles", f"must be one of {', '.join(map(str, TILES))}", tiles)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > BODY_BYTES:
        raise RegistryError("body", f"must have at most {BODY_BYTES} bytes")
    now = now_ms()
    values = {"tiles": tiles, "body": text, "updated_at": now}
    own = VideoLayout.user_id == user_id
    with write(engine) as connection:
        changed = connection.execute(update(VideoLayout).where(own, VideoLayout.name == shown).values(**values))
        if not changed.rowcount:
            held = connection.execute(select(func.count()).select_from(VideoLayout).where(own)).scalar_one()
            if held >= PER_USER:
                raise RegistryError("name", f"there are {PER_USER} layouts already; delete one first")
            connection.execute(insert(VideoLayout).values(user_id=user_id, name=shown, **values))
        record(connection, actor, "layout.save", None, {"name": shown, "tiles": tiles})
    return LayoutView(shown, tiles, json.loads(text), now)


def remove(engine: Engine, user_id: int, name: str, actor: Actor) -> None:
    """Delete the user's layout of that name. Raises NotFound where there is none."""
    with write(engine) as connection:
        own = (VideoLayout.user_id == user_id, VideoLayout.name == name)
        if not connection.execute(delete(VideoLayout).where(*own)).rowcount:
            raise NotFound("name", "there is no such layout", name)
        record(connection, actor, "layout.remove", None, {"name": name})
