"""Files of orders and answers: what is taken by its content, what is refused, and that originals outlive a crash."""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from case_world import T0, World
from hypothesis import given, settings
from hypothesis import strategies as st
from offices import CITY, person
from PIL import Image
from sqlalchemy import text

from luwei.evidence.store import EvidenceStore
from luwei.evidence.verify import verify
from luwei.oversight import documents, order_files, order_views, orders
from luwei.oversight.order_files import OrderFiles
from luwei.oversight.orders import NewOrder
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import Scope

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def picture(size: tuple[int, int] = (32, 24), form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (20, 90, 200)).save(out, form)
    return out.getvalue()


def package(*more: tuple[str, bytes], main: str = "word/document.xml", types: bytes = b"<Types/>") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("[Content_Types].xml", types), (main, b"<w/>"), *more):
            archive.writestr(name, content)
    return out.getvalue()


def pdf(inside: bytes = b"") -> bytes:
    return b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog " + inside + b" >>\nendobj\ntrailer\n%%EOF\n"


def packed_object(inside: bytes) -> bytes:
    """An object stream (ISO 32000-1 §7.5.7) that holds ``inside``, deflated."""
    stream = zlib.compress(inside)
    return pdf() + b"2 0 obj\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + stream + b"\nendstream\n%%EOF\n"


REFUSED = {
    "a program": (b"MZ" + bytes(200), "x.pdf", "must be a picture"),
    "nothing": (b"", "x.jpg", "must not be empty"),
    "html": (b"<html><script>alert(1)</script></html>", "x.jpg", "must be a picture"),
    "a zip": (package(main="a.txt"), "x.docx", "must be a picture"),
    "half a picture": (picture()[:-80], "x.jpg", "cannot be decoded"),
    "a picture of another name": (picture(), "x.pdf", "must be what its name says"),
    "a document of a picture's name": (pdf(), "照片.jpg", "must be what its name says"),
    "a packed bomb": (package(("word/media/a.bin", bytes(40 << 20))), "x.docx", "must not unpack to more than"),
    "a macro": (package(("word/vbaProject.bin", b"x")), "x.docx", "must not hold programs"),
    "a script": (pdf(b"/OpenAction << /S /JavaScript /JS (1) >>"), "x.pdf", "must not hold scripts"),
    "a script in disguise": (pdf(b"/S /Java#53cript"), "x.pdf", "must not hold scripts"),
    "a packed command": (packed_object(b"<< /S /Launch >>"), "x.pdf", "must not hold commands"),
    "a command that is packed and disguised": (
        packed_object(b"<< /S /Launch >>").replace(b"/ObjStm", b"/Obj#53tm"),
        "x.pdf",
        "must not hold commands",
    ),
    "a command far behind its name": (
        packed_object(b"<< /S /Launch >>").replace(b" >>\nstream", b" " * 3_000 + b">>\nstream"),
        "x.pdf",
        "must not hold commands",
    ),
    "objects that are packed otherwise": (
        packed_object(b"").replace(b"\nstream\n", b"\nstream\nnone"),
        "x.pdf",
        "must not hold objects that",
    ),
    "a macro of another name": (
        package(("word/x.bin", b"x"), types=b'<Override ContentType="application/vnd.ms-office.vbaProject"/>'),
        "x.docx",
        "must not hold programs",
    ),
    "types that cannot be looked through": (package(types="<Types/>".encode("utf-16")), "x.docx", "cannot be judged"),
    "a template from elsewhere": (
        package(("word/_rels/settings.xml.rels", b'<Relationship Type="x/attachedTemplate" TargetMode="External"/>')),
        "x.docx",
        "must not load",
    ),
    "a part twice": (package(("WORD/document.xml", b"x")), "x.docx", "must not hold a part twice"),
    "half a document": (pdf()[:-8], "x.pdf", "must be a whole PDF"),
    "a still that no browser shows": (b"\x00\x00\x00\x18ftypheic" + bytes(80), "x.heic", "must be a picture"),
}


@pytest.fixture
def kept(world: World, tmp_path: Path) -> OrderFiles:
    return OrderFiles(world.engine, EvidenceStore.open("", tmp_path))


def upload(kept: OrderFiles, content: bytes, name: str, actor: Actor) -> order_files.FileView:
    async def work() -> order_files.FileView:
        try:
            return await kept.take_in(io.BytesIO(content), name, actor)
        finally:
            await kept.stop()

    return asyncio.run(work())


def test_what_is_not_what_it_says_is_refused_and_leaves_nothing(kept: OrderFiles, world: World) -> None:
    actor = person(world, "officer", 0)

    async def all_of_them() -> Iterator[tuple[str, str]]:
        found = []
        for about, (content, name, _) in REFUSED.items():
            with pytest.raises(RegistryError) as refused:
                await kept.take_in(io.BytesIO(content), name, actor)
            found.append((about, refused.value.rule))
        await kept.stop()
        return iter(found)

    for about, rule in asyncio.run(all_of_them()):
        assert rule.startswith(REFUSED[about][2]), (about, rule)
    assert list((kept.store.incoming / "orders").iterdir()) == []
    assert world.rows("SELECT 1 FROM supervision_file") == []


def test_a_picture_of_too_many_pixels_is_not_opened(kept: OrderFiles, world: World) -> None:
    """A PNG of 20000 × 20000 of one colour has some 1.2 MB; open it would take 1.2 GB."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    with pytest.raises(RegistryError, match="cannot be decoded"):
        upload(kept, out.getvalue(), "x.png", person(world, "officer", 0))


def test_too_large_is_refused_before_it_is_all_here(
    kept: OrderFiles, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_files, "SIZE_MAX", 1 << 20)
    with pytest.raises(RegistryError, match="must have at most 1 MiB"):
        upload(kept, picture() + bytes(1 << 20), "x.jpg", person(world, "officer", 0))


@pytest.mark.parametrize(
    ("content", "given_name", "kept_name", "kind"),
    [
        (picture(), "C:\\现场\\照片 1.JPEG", "照片 1.jpeg", "image/jpeg"),
        (picture(form="PNG"), "整改后", "整改后.png", "image/png"),
        (pdf(b"/OpenAction [3 0 R /Fit]"), "../../整改报告.pdf", "整改报告.pdf", "application/pdf"),
        (package(), "说明.docx", "说明.docx", DOCX),
    ],
    ids=["jpeg", "png", "pdf", "docx"],
)
def test_a_name_is_what_its_content_is_and_never_a_path(
    kept: OrderFiles, world: World, content: bytes, given_name: str, kept_name: str, kind: str
) -> None:
    view = upload(kept, content, given_name, person(world, "officer", 0))
    assert (view.name, view.media_type, view.size) == (kept_name, kind, len(content))


def test_files_go_with_an_order_and_its_answer_and_are_verified_like_evidence(kept: OrderFiles, world: World) -> None:
    officer, company = person(world, "officer", 0), person(world, "company")
    own = Scope(operators=frozenset({world.operator}))
    first, second = upload(kept, pdf(), "通知.pdf", officer), upload(kept, picture(), "现场.jpg", company)
    kept.keep([first.id], officer)
    wanted = NewOrder(1, "government", "整改", "请整改", target=world.operator, files=(first.id,))
    key = orders.issue(world.engine, CITY, wanted, officer, T0)
    with pytest.raises(RegistryError, match="must be own uploads"):
        kept.keep([second.id], officer)
    with pytest.raises(RegistryError, match="must be own uploads"):
        kept.keep([first.id], officer)
    kept.keep([second.id], company)
    orders.answer(world.engine, own, key, 1, "done", "已整改", company, T0 + 1, [second.id])
    steps = order_views.story(world.engine, key, side=True)
    assert [[file.name for file in step.files] for step in steps] == [["通知.pdf"], ["现场.jpg"]]
    assert all(step.files == [] for step in order_views.story(world.engine, key, side=False))
    assert order_files.one(world.engine, second.id, order_id=key)[0].sha256 == second.sha256
    with pytest.raises(NotFound):
        order_files.one(world.engine, second.id, order_id=key + 1)
    assert (verify(world.engine, kept.store).files, verify(world.engine, kept.store).findings) == (2, [])
    path = kept.store.local_path(order_files.one(world.engine, second.id, order_id=key)[1])
    assert path is not None
    path.chmod(0o640)
    path.write_bytes(picture((8, 8)))
    changed = verify(world.engine, kept.store).findings
    assert [(each.what, each.file, each.of) for each in changed] == [("changed", second.id, "supervision_file")]


def test_an_act_that_is_refused_leaves_its_files_for_the_next_try(kept: OrderFiles, world: World) -> None:
    officer, company = person(world, "officer", 0), person(world, "company")
    own = Scope(operators=frozenset({world.operator}))
    key = orders.issue(world.engine, CITY, NewOrder(1, "other", "整改", "请整改", target=world.operator), officer, T0)
    file = upload(kept, picture(), "现场.jpg", company)
    kept.keep([file.id], company)
    with pytest.raises(Conflict):
        orders.answer(world.engine, own, key, 9, "done", "已整改", company, T0, [file.id])
    kept.keep([file.id], company)
    orders.answer(world.engine, own, key, 1, "done", "已整改", company, T0, [file.id])
    assert order_views.story(world.engine, key, side=True)[-1].files[0].id == file.id


def test_a_crash_between_store_and_row_is_made_good(
    kept: OrderFiles, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = person(world, "officer", 0)
    file = upload(kept, picture(), "现场.jpg", officer)
    with monkeypatch.context() as patch:
        patch.setattr(order_files, "update", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.keep([file.id], officer)
    assert kept.store.originals() and not list((kept.store.incoming / "orders").iterdir())
    kept.keep([file.id], officer)
    assert world.rows("SELECT stored FROM supervision_file") == [(1,)]
    assert verify(world.engine, kept.store).findings == []


def test_uploads_that_nothing_names_go_after_a_day_and_are_few(
    kept: OrderFiles, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, other = person(world, "officer", 0), person(world, "other", 0)
    monkeypatch.setattr(order_files, "WAITING_MAX", 2)
    first, _ = upload(kept, picture(), "1.jpg", officer), upload(kept, picture(), "2.jpg", officer)
    with pytest.raises(RegistryError, match="at most 2 uploads"):
        upload(kept, picture(), "3.jpg", officer)
    with pytest.raises(NotFound):
        kept.remove(first.id, other)
    kept.remove(first.id, officer)
    assert kept.forget(now_ms() - 60_000) == 0
    assert kept.forget(now_ms() + 1) == 1
    assert list((kept.store.incoming / "orders").iterdir()) == []


def test_files_of_refused_acts_leave_the_store_and_those_of_orders_stay(
    kept: OrderFiles, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, company = person(world, "officer", 0), person(world, "company")
    own = Scope(operators=frozenset({world.operator}))
    key = orders.issue(world.engine, CITY, NewOrder(1, "other", "整改", "请整改", target=world.operator), officer, T0)
    refused, given = (upload(kept, picture((n, 8)), f"{n}.jpg", company) for n in (8, 16))
    kept.keep([refused.id, given.id], company)
    orders.answer(world.engine, own, key, 1, "done", "已整改", company, T0, [given.id])
    with pytest.raises(Conflict):
        orders.answer(world.engine, own, key, 1, "done", "已整改", company, T0, [refused.id])
    assert len(list(kept.store.originals())) == 2
    with monkeypatch.context() as patch:  # killed before the row is gone: the next turn finds it again
        patch.setattr(order_files, "delete", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.forget(now_ms() + 1)
    assert kept.forget(now_ms() + 1) == 1 and kept.forget(now_ms() + 1) == 0
    assert world.rows("SELECT id FROM supervision_file") == [(given.id,)]
    (left,) = kept.store.originals()
    assert left[0] == order_files.one(world.engine, given.id, order_id=key)[1]
    assert verify(world.engine, kept.store).findings == []


def test_an_act_takes_no_upload_that_has_waited_too_long(kept: OrderFiles, world: World) -> None:
    company = person(world, "company")
    file = upload(kept, picture(), "现场.jpg", company)
    with write(world.engine) as connection:
        old = {"at": now_ms() - order_files.WAIT_MS - 1}
        connection.execute(text("UPDATE supervision_file SET created_at = :at"), old)
    with pytest.raises(RegistryError, match="own uploads"):
        kept.keep([file.id], company)


@settings(max_examples=120, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(["application/pdf", "application/zip"]),
    st.sampled_from([b"", b"%PDF-1.7 /ObjStm stream\n", b"PK\x03\x04"]),
    st.sampled_from([b"", b"%%EOF", package()[-80:]]),
)
def test_no_document_breaks_its_judge(content: bytes, kind: str, before: bytes, after: bytes) -> None:
    try:
        assert documents.judge(before + content + after, kind)
    except RegistryError as refused:
        assert refused.field == "file"
