"""Files that come with an order or an answer 督办附件, and pictures of roadside checks: judged by their content, kept
as originals in the evidence store.

A file is uploaded by itself and waits, staged, for the act that names it; what no act names within a day is removed. An
original is stored before its act's transaction, under the key that its row has from the beginning, so a process that is
killed anywhere goes on where it was. Functions without ``async`` block.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from luwei.evidence.checking import Examiner
from luwei.evidence.content import CLIPS, HEAD, PICTURES, media_type
from luwei.evidence.digest import digest, pieces_of
from luwei.evidence.store import EvidenceStore, new_key
from luwei.oversight import documents
from luwei.oversight.place import answers_for, is_authority
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import Scope
from luwei.registry.supervision_file import SupervisionFile

SIZE_MAX = 20 << 20
AN_ACT = 6
"""Files of one act."""
WAITING_MAX = 20
"""Files of one person and day that no act has named."""
WAIT_MS = 86_400_000
"""How long an upload may wait for its act."""
FORGET_MS = WAIT_MS + 3_600_000
"""Older ones are removed: no act that is still under way can have taken them."""
FORGET_AT_ONCE = 200
LEFT_FREE = 256 << 20
"""Bytes that uploads leave on the disk."""

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg"), "image/png": ("png",), "image/gif": ("gif",), "image/bmp": ("bmp",),
    "image/webp": ("webp",), "image/tiff": ("tif", "tiff"), "video/mp4": ("mp4", "m4v", "mov"),
    "video/x-msvideo": ("avi",), "audio/wav": ("wav",), "audio/mpeg": ("mp3",), "audio/aac": ("aac",),
    "audio/amr": ("amr",), documents.PDF: ("pdf",), documents.PACKAGES["word/document.xml"]: ("docx",),
    documents.PACKAGES["xl/workbook.xml"]: ("xlsx",),
}  # fmt: skip
"""What is taken, with the endings that a name may have; the first is given where it has none."""


_STILLS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif")
"""Brands of still pictures in a container of clips: no browser in use shows them."""


UNNAMED = (SupervisionFile.order_id.is_(None), SupervisionFile.check_id.is_(None))
"""Conditions on an upload that waits for its act."""


class Unstored(Exception):
    """The store cannot take a file now."""


class Readable(Protocol):
    """An upload."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FileView:
    """One file as both sides see it."""

    id: int
    name: str
    media_type: str
    size: int
    sha256: str
    sm3: str


class OrderFiles:
    """Uploads and originals of orders, in one process; ``stop`` ends the decoder."""

    def __init__(self, engine: Engine, store: EvidenceStore) -> None:
        self._engine = engine
        self.store = store
        self._examiner = Examiner()
        self._folder = store.incoming / "orders"

    async def stop(self) -> None:
        """End the process that opens pictures and clips."""
        await self._examiner.stop()

    async def take_in(self, source: Readable, name: str, actor: Actor, pictures: bool = False) -> FileView:
        """A file of ``actor`` that waits for its act; ``pictures``: nothing else is taken. Raises RegistryError by
        field and rule, Unstored."""
        await asyncio.to_thread(self._room, actor)
        key = new_key()
        path = self._staged(key)
        try:
            kind = await asyncio.to_thread(self._stage, source, path)
            if pictures and kind not in PICTURES:
                raise RegistryError("file", "must be a picture")
            if kind in PICTURES | CLIPS:
                found = await self._examiner.examine(path, kind)
                if found.get("readable") is not True:
                    raise RegistryError("file", f"cannot be decoded: {found.get('cause', 'unknown')}"[:200])
            else:
                kind = await asyncio.to_thread(lambda: documents.judge(path.read_bytes(), kind))
            return await asyncio.to_thread(self._enter, path, key, kind, _named(name, kind), actor)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise Unstored(str(error)) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _staged(self, key: str) -> Path:
        return self._folder / key.rpartition("/")[2]

    def _room(self, actor: Actor) -> None:
        mine = (SupervisionFile.user_id == actor.user_id, *UNNAMED, SupervisionFile.created_at > now_ms() - WAIT_MS)
        with read(self._engine) as connection:
            waiting = connection.execute(select(func.count()).select_from(SupervisionFile).where(*mine)).scalar_one()
        if waiting >= WAITING_MAX:
            raise RegistryError("file", f"must be at most {WAITING_MAX} uploads that nothing has named", waiting)
        free = self.store.free()
        if free is not None and free < LEFT_FREE:
            raise Unstored("the disk is full")

    def _stage(self, source: Readable, path: Path) -> str:
        """Write the upload down; its media type by the first bytes."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        size, head = 0, b""
        with path.open("xb") as target:
            while piece := source.read(256 << 10):
                size += len(piece)
                if size > SIZE_MAX:
                    raise RegistryError("file", f"must have at most {SIZE_MAX >> 20} MiB")
                head = head or piece[:HEAD]
                target.write(piece)
        if not size:
            raise RegistryError("file", "must not be empty")
        kind = media_type(head)
        if (kind not in EXTENSIONS and kind != documents.ZIP) or head[8:12] in _STILLS:
            raise RegistryError("file", "must be a picture, a clip, a PDF, a Word or an Excel file")
        return kind

    def _enter(self, path: Path, key: str, kind: str, name: str, actor: Actor) -> FileView:
        digests = digest(pieces_of(path))
        values = {
            "user_id": actor.user_id, "organisation_id": actor.organisation_id, "name": name, "media_type": kind,
            "size": digests.size, "sha256": digests.sha256, "sm3": digests.sm3, "store_key": key, "stored": False,
        }  # fmt: skip
        with write(self._engine) as connection:
            made = insert(SupervisionFile).values(**values).returning(SupervisionFile.id)
            number: int = connection.execute(made).scalar_one()
            record(connection, actor, "supervision_file.upload", number, {"name": name, "sha256": digests.sha256})
        return FileView(number, name, kind, digests.size, digests.sha256, digests.sm3)

    def remove(self, key: int, actor: Actor) -> None:
        """Take back an own upload that no act has named. Raises NotFound."""
        mine = (
            SupervisionFile.id == key, SupervisionFile.user_id == actor.user_id, *UNNAMED,
            SupervisionFile.stored.is_(False),
        )  # fmt: skip
        with write(self._engine) as connection:
            gone = connection.execute(delete(SupervisionFile).where(*mine).returning(SupervisionFile.store_key))
            staged = gone.scalar_one_or_none()
            if staged is None:
                raise NotFound("id", "there is no such upload of yours", key)
            record(connection, actor, "supervision_file.remove", key)
        self._staged(staged).unlink(missing_ok=True)

    def keep(self, keys: Sequence[int], actor: Actor) -> None:
        """Store the originals of files that an act is about to name. Raises RegistryError, Unstored."""
        if len(keys) > AN_ACT or len(set(keys)) != len(keys):
            raise RegistryError("files", f"must be at most {AN_ACT}, each once", len(keys))
        for row in _waiting(self._engine, keys, actor):
            if row.stored:
                continue
            try:
                kept = self.store.adopt(self._staged(row.store_key), row.store_key)
            except FileNotFoundError:
                raise RegistryError("files", "must be uploaded again", row.name) from None
            except OSError as error:
                raise Unstored(str(error)) from error
            if kept.sha256 != row.sha256:
                raise RegistryError("files", "must be uploaded again", row.name)
            with write(self._engine) as connection:
                connection.execute(update(SupervisionFile).where(SupervisionFile.id == row.id).values(stored=True))

    def forget(self, before: int) -> int:
        """Remove uploads older than ``before`` (UTC ms) that no act has named, those too that were stored for an act
        which was then refused; how many, at most FORGET_AT_ONCE. Killed anywhere, the next call goes on."""
        old = (*UNNAMED, SupervisionFile.created_at < before)
        with write(self._engine) as connection:
            several = select(SupervisionFile.id, SupervisionFile.store_key).where(*old).order_by(SupervisionFile.id)
            rows = connection.execute(several.limit(FORGET_AT_ONCE)).all()
            mine = (SupervisionFile.id.in_([row.id for row in rows]), *UNNAMED)
            # an act only takes what is stored: from here on these are nobody's
            connection.execute(update(SupervisionFile).where(*mine).values(stored=False))
        for row in rows:
            self._staged(row.store_key).unlink(missing_ok=True)
            self.store.discard(row.store_key)
        with write(self._engine) as connection:
            connection.execute(delete(SupervisionFile).where(*mine, SupervisionFile.stored.is_(False)))
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                # an upload that a killed process was taking in has no row
                if path.stat().st_mtime * 1000 < before:
                    path.unlink(missing_ok=True)
        return len(rows)


def _waiting(engine: Engine, keys: Sequence[int], actor: Actor) -> Sequence[Any]:
    mine = (
        SupervisionFile.user_id == actor.user_id, *UNNAMED, SupervisionFile.created_at > now_ms() - WAIT_MS,
    )  # fmt: skip
    with read(engine) as connection:
        rows = connection.execute(
            select(*SupervisionFile.__table__.columns).where(SupervisionFile.id.in_(keys), *mine)
        ).all()
    if len(rows) != len(keys):
        raise RegistryError("files", "must be own uploads that no act has named yet")
    return rows


def attach(connection: Connection, keys: Sequence[int], actor: Actor, **to: int) -> None:
    """Give stored uploads of ``actor`` to an act: ``order_id`` and ``step_id``, or ``check_id``. Raises RegistryError
    where another act was faster."""
    if not keys:
        return
    mine = (
        SupervisionFile.id.in_(keys), SupervisionFile.user_id == actor.user_id, *UNNAMED,
        SupervisionFile.stored.is_(True),
    )  # fmt: skip
    given = connection.execute(update(SupervisionFile).where(*mine).values(**to))
    if given.rowcount != len(keys):
        raise RegistryError("files", "must be own uploads that no act has named yet")


def is_side(scope: Scope, supervises: bool, order: Mapping[str, Any]) -> bool:
    """Whether these are people of one of the two sides: an authority that supervises, or who was ordered."""
    return (supervises and is_authority(scope)) or answers_for(scope, order["target_id"])


def of_order(engine: Engine, order: int) -> dict[int, list[FileView]]:
    """Files by the step that they came with."""
    columns = (SupervisionFile.id, SupervisionFile.name, SupervisionFile.media_type, SupervisionFile.size,
               SupervisionFile.sha256, SupervisionFile.sm3)  # fmt: skip
    statement = select(SupervisionFile.step_id, *columns).where(SupervisionFile.order_id == order)
    found: dict[int, list[FileView]] = {}
    with read(engine) as connection:
        for row in connection.execute(statement.order_by(SupervisionFile.id)):
            view = FileView(row.id, row.name, row.media_type, row.size, row.sha256, row.sm3)
            found.setdefault(row.step_id or 0, []).append(view)
    return found


def of_checks(connection: Connection, checks: Sequence[int]) -> dict[int, list[FileView]]:
    """Pictures by the roadside check that they are of."""
    columns = (SupervisionFile.id, SupervisionFile.name, SupervisionFile.media_type, SupervisionFile.size,
               SupervisionFile.sha256, SupervisionFile.sm3)  # fmt: skip
    statement = select(SupervisionFile.check_id, *columns).where(SupervisionFile.check_id.in_(checks))
    found: dict[int, list[FileView]] = {}
    for row in connection.execute(statement.order_by(SupervisionFile.id)):
        found.setdefault(row.check_id, []).append(FileView(*row[1:]))
    return found


def one(engine: Engine, key: int, **of: int) -> tuple[FileView, str]:
    """A file of an order (``order_id``) or check (``check_id``) and its key in the store. Raises NotFound."""
    mine = (getattr(SupervisionFile, name) == value for name, value in of.items())
    statement = select(*SupervisionFile.__table__.columns).where(SupervisionFile.id == key, *mine)
    with read(engine) as connection:
        row = connection.execute(statement).first()
    if row is None:
        raise NotFound("id", "there is no such file here", key)
    return FileView(row.id, row.name, row.media_type, row.size, row.sha256, row.sm3), row.store_key


def _named(given: str, kind: str) -> str:
    """The name to keep: the last part of a path, in printable characters, with an ending that the content has.

    Raises RegistryError where the ending is that of something else: a disguise, or a mistake that would end as one.
    """
    endings = EXTENSIONS[kind]
    last = "".join(char for char in given.replace("\\", "/").rpartition("/")[2] if char.isprintable()).strip(" .")
    path = PurePosixPath(last or "附件")
    ending = path.suffix.lstrip(".").lower()
    known = {each for several in EXTENSIONS.values() for each in several}
    if ending in endings:
        return f"{path.stem[:100]}.{ending}"
    if ending in known:
        raise RegistryError("file", f"must be what its name says: .{ending} it is not, it is .{endings[0]}")
    return f"{path.name[:100]}.{endings[0]}"
