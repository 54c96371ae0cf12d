"""Evidence over HTTP: who sees what, what bears a watermark, what may be exported, what the audit log says of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from running_core import Running
from sqlalchemy import select, update

from luwei.evidence.files import Particulars, keep
from luwei.evidence.refusals import Refusals, write_refusals
from luwei.registry import terminals
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.engine import read, write
from luwei.registry.evidence import ATTACHMENT, AUDIO, PICTURE, TEXT, VIDEO, EvidenceFile, EvidenceRequest
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIGN = (b"A000001" + bytes.fromhex("250601083014") + b"\x00\x03\x00").hex()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (30, 90, 160)).save(out, "JPEG")
    return out.getvalue()


def clip(codec_format: str = "h264", frames: int = 40, rate: int = 10) -> bytes:
    """Grey pictures of 640 × 480 as a stream without a container, as some terminals send it; or in one."""
    out = io.BytesIO()
    with av.open(out, "w", format=codec_format) as sink:
        stream = sink.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(frames):
            planes = np.full((720, 640), 128, np.uint8)
            planes[: 4 * number] = 100
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        sink.mux(stream.encode(None))
    return out.getvalue()


SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + os.urandom(700_000)


@pytest.fixture(scope="module")
def files(web: Running) -> dict[str, int]:
    """Truck 1 (Shenzhen) has a picture and a clip, truck 2 (Guangzhou) a text; one file belongs to no truck."""
    engine, store = web.services.engine, web.services.evidence
    assert store is not None
    found = {}
    for name, data, kind, vehicle in (
        ("picture", picture(), PICTURE, 1), ("sound", SOUND, AUDIO, 1),
        ("clip", clip(), VIDEO, 1), ("broken clip", b"\x00\x00\x00\x1cftypmp42" + os.urandom(5_000), VIDEO, 1),
        ("text", b"words", TEXT, 2),
        ("nobody's", b"\xff\xd8\xffbroken", PICTURE, None),
    ):  # fmt: skip
        found[name], _ = keep(engine, store, [data], Particulars(ATTACHMENT, kind, vehicle_id=vehicle, name=name))
    with write(engine) as connection:
        connection.execute(
            update(EvidenceFile)
            .where(EvidenceFile.id == found["nobody's"])
            .values(readable=False, check='{"cause":"x"}')
        )
    terminals.create(engine, {"phone": "13800008001", "vehicle_id": 1, "edition": 2019}, SYSTEM, WHOLE)
    return found


@pytest.fixture(scope="module")
def shenzhen(web: Running) -> str:
    """Who sees one city."""
    return web.session_token("shenzhen", city=440300)


@pytest.fixture(scope="module")
def viewer(web: Running) -> str:
    """Who may look and not export."""
    return web.session_token("onlooker", role="viewer")


async def get(
    web: Running, path: str, token: str | None = None, headers: dict[str, str] | None = None, **query: Any
) -> Any:
    async with web.client(token) as client:
        return await client.get(path, params=query, headers=headers)


def entries(web: Running, act: str) -> list[tuple[str, int | None, dict[str, Any]]]:
    with read(web.services.engine) as connection:
        rows = connection.execute(select(AuditEntry).where(AuditEntry.act == act).order_by(AuditEntry.id)).all()
    return [(row.username, row.noun_id, json.loads(row.detail)) for row in rows]


async def test_lists_are_scoped_filtered_and_noted(web: Running, files: dict[str, int], shenzhen: str) -> None:
    answer = (await get(web, "/api/evidence", size=10)).json()
    assert [item["name"] for item in answer["items"]] == ["nobody's", "text", "broken clip", "clip", "sound", "picture"]
    item = answer["items"][5]
    assert (item["plate"], item["media_type"], item["state"]) == ("粤B12345", "image/jpeg", "complete")
    assert item["sha256"] == hashlib.sha256(picture()).hexdigest()
    assert "store_key" not in item
    assert (await get(web, "/api/evidence", vehicle=2)).json()["total"] == 1
    assert (await get(web, "/api/evidence", state="lost")).json()["total"] == 0
    assert (await get(web, "/api/evidence", **{"from": 1, "to": 2})).json()["total"] == 0
    assert [item["name"] for item in (await get(web, "/api/evidence", shenzhen)).json()["items"]] == [
        "broken clip",
        "clip",
        "sound",
        "picture",
    ]
    who, _, detail = entries(web, "evidence.list")[1]
    assert (who, detail) == ("engineer", {"vehicle": 2, "page": 1, "total": 1})
    assert entries(web, "evidence.list")[-1][0] == "shenzhen"
    for name in ("text", "nobody's"):
        assert (await get(web, f"/api/evidence/{files[name]}", shenzhen)).status_code == 404
        assert (await get(web, f"/api/evidence/{files[name]}/file", shenzhen, purpose="办案")).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [({"state": "gone"}, "state"), ({"origin": "x"}, "origin"), ({"size": 501}, "size"), ({"from": 5, "to": 5}, "to")],
)
async def test_filters_that_are_refused(web: Running, query: dict[str, Any], field: str) -> None:
    answer = await get(web, "/api/evidence", **query)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_picture_is_shown_as_a_copy_that_bears_who_looked(web: Running, files: dict[str, int]) -> None:
    path = f"/api/evidence/{files['picture']}/file"
    answer = await get(web, path, purpose="核实疲劳驾驶报警")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(answer.content)) as copy:
        assert copy.size == (640, 480 + 2 * 15)
        # words across the picture: the even blue is broken in every quarter of it
        grey = copy.convert("L")
        for left, top in ((0, 0), (320, 0), (0, 240), (320, 240)):
            low, high = grey.crop((left, top, left + 320, top + 240)).getextrema()
            assert high - low > 40
    who, key, detail = entries(web, "evidence.view")[-1]
    assert (who, key, detail) == ("engineer", files["picture"], {"purpose": "核实疲劳驾驶报警"})


@pytest.mark.parametrize("purpose", ["", " ", "x", "y" * 101, "a\x00b"])
async def test_a_look_needs_a_purpose(web: Running, files: dict[str, int], purpose: str) -> None:
    answer = await get(web, f"/api/evidence/{files['picture']}/file", purpose=purpose)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "purpose")


async def test_a_clip_is_shown_as_a_copy_that_plays_and_bears_who_looked(web: Running, files: dict[str, int]) -> None:
    path, before = f"/api/evidence/{files['clip']}/file", len(entries(web, "evidence.view"))
    whole = await get(web, path, purpose="核实")
    assert (whole.status_code, whole.headers["content-type"], whole.headers["cache-control"]) == (
        200, "video/mp4", "no-store",
    )  # fmt: skip
    with av.open(io.BytesIO(whole.content)) as copy:
        assert copy.format.name.startswith("mov,mp4")
        pictures = [frame.to_ndarray(format="gray") for frame in copy.decode(video=0)]
    assert (len(pictures), pictures[0].shape) == (40, (480, 640))
    # The original is 128 throughout; the words make points brighter, the line at the bottom is dark.
    assert (pictures[0][:440] > 140).mean() > 0.005
    assert pictures[0][-20:].mean() < 100
    part = await get(web, path, headers={"Range": "bytes=300-600"}, purpose="核实")
    assert (part.status_code, part.content) == (206, whole.content[300:601])
    assert len(entries(web, "evidence.view")) == before + 1
    other = await get(web, path, purpose="复核")
    assert other.status_code == 200
    assert other.content != whole.content
    original = await get(web, path, form="original", purpose="核实")
    assert original.content == clip()


async def test_every_look_is_noted_also_one_that_leaves_out_the_first_octet_and_a_probe_is_none(
    web: Running, files: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = f"/api/evidence/{files['clip']}/file", len(entries(web, "evidence.view"))
    probe = await get(web, path, headers={"Range": "bytes=0-0"}, purpose="留痕")
    assert (probe.status_code, len(probe.content), "x-luwei-copy-ends" in probe.headers) == (206, 1, False)
    assert len(entries(web, "evidence.view")) == before
    for _ in range(2):
        assert (await get(web, path, headers={"Range": "bytes=1-"}, purpose="留痕")).status_code == 206
    assert len(entries(web, "evidence.view")) == before + 1
    clips = web.services.clips
    assert clips is not None
    (wish,) = [each for each in clips._kept if each.purpose == "留痕"]
    monkeypatch.setitem(clips._kept, wish, replace(clips._kept[wish], ends_ms=1_500))
    again = await get(web, path, headers={"Range": "bytes=0-0"}, purpose="留痕")
    assert again.headers["x-luwei-copy-ends"] == "1500"


async def test_a_clip_that_cannot_be_decoded_has_no_copy_but_its_original(web: Running, files: dict[str, int]) -> None:
    path = f"/api/evidence/{files['broken clip']}/file"
    refused = await get(web, path, purpose="核实")
    assert (refused.status_code, refused.json()["error"]["rule"]) == (404, "unreadable")
    assert (await get(web, path, form="original", purpose="核实")).status_code == 200


async def test_a_sound_comes_in_ranges_and_is_one_look(web: Running, files: dict[str, int]) -> None:
    path, before = f"/api/evidence/{files['sound']}/file", len(entries(web, "evidence.view"))
    whole = await get(web, path, purpose="核实")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, SOUND, "audio/wav")
    assert whole.headers["content-disposition"] == f'inline; filename="luwei-{files["sound"]}.wav"'
    part = await get(web, path, headers={"Range": "bytes=300000-600000"}, purpose="核实")
    assert (part.status_code, part.content) == (206, SOUND[300_000:600_001])
    assert part.headers["content-range"] == f"bytes 300000-600000/{len(SOUND)}"
    tail = await get(web, path, headers={"Range": "bytes=-5"}, purpose="核实")
    assert tail.content == SOUND[-5:]
    beyond = await get(web, path, headers={"Range": f"bytes={len(SOUND)}-"}, purpose="核实")
    assert beyond.status_code == 416
    assert len(entries(web, "evidence.view")) == before + 1


async def test_originals_leave_only_for_who_may_export(web: Running, files: dict[str, int], viewer: str) -> None:
    path = f"/api/evidence/{files['picture']}/file"
    answer = await get(web, path, form="original", purpose="移送交警")
    assert answer.content == picture()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="luwei-{files["picture"]}.jpg"'
    assert answer.headers["x-luwei-sha256"] == hashlib.sha256(picture()).hexdigest()
    who, key, detail = entries(web, "evidence.export")[-1]
    assert (who, key, detail["purpose"]) == ("engineer", files["picture"], "移送交警")
    assert (await get(web, path, viewer, form="original", purpose="看看")).status_code == 403
    assert (await get(web, path, viewer, purpose="看看")).status_code == 403
    async with web.client("") as client:
        assert (await client.get(path, params={"purpose": "xx"})).status_code == 401


async def test_what_has_no_view(web: Running, files: dict[str, int]) -> None:
    for name, rule in (("text", "no_view"), ("nobody's", "unreadable")):
        answer = await get(web, f"/api/evidence/{files[name]}/file", purpose="核实")
        assert (answer.status_code, answer.json()["error"]["rule"]) == (404, rule)
        original = await get(web, f"/api/evidence/{files[name]}/file", form="original", purpose="核实")
        assert original.status_code == 200


async def test_a_lost_original_says_so(web: Running) -> None:
    engine, store = web.services.engine, web.services.evidence
    assert store is not None
    key, stored = keep(engine, store, [SOUND[:100]], Particulars(ATTACHMENT, VIDEO, vehicle_id=1))
    path = store.local_path(stored.key)
    assert path is not None
    path.unlink()
    assert (await get(web, f"/api/evidence/{key}/file", purpose="核实")).status_code == 503
    with write(engine) as connection:
        connection.execute(update(EvidenceFile).where(EvidenceFile.id == key).values(sha256="", state="partial"))
    assert (await get(web, f"/api/evidence/{key}/file", purpose="核实")).json()["error"]["rule"] == "not_complete"


async def test_a_person_asks_for_the_files_of_an_alarm(web: Running, files: dict[str, int], viewer: str) -> None:
    body = {"vehicle": 1, "identification": SIGN, "event": "6501", "alarm_at": 1_748_737_814_000}
    async with web.client() as client:
        first = await client.post("/api/evidence/requests", json=body)
        again = await client.post("/api/evidence/requests", json=body)
        assert (first.status_code, first.json()["new"], again.json()["new"]) == (201, True, False)
        for change, field in (
            ({"identification": "00" * 17}, "identification"),
            ({"identification": SIGN[:28] + "0000"}, "identification"),
            ({"vehicle": 2}, "vehicle"), ({"event": "zz"}, "event"),
        ):  # fmt: skip
            refused = await client.post("/api/evidence/requests", json=body | change)
            assert (refused.status_code, refused.json()["error"]["field"]) == (400, field), change
        assert (await client.post("/api/evidence/requests", json=body | {"vehicle": 99})).status_code == 404
    async with web.client(viewer) as client:
        assert (await client.post("/api/evidence/requests", json=body)).status_code == 403
    (listed,) = (await get(web, "/api/evidence/requests", vehicle=1, state="open")).json()["items"]
    assert (listed["alarm_no"], listed["files"], listed["plate"]) == (first.json()["alarm_no"], 3, "粤B12345")
    with read(web.services.engine) as connection:
        assert connection.execute(select(EvidenceRequest.phone)).scalars().all() == ["13800008001"]
    assert entries(web, "evidence.ask")[0][2]["identification"] == SIGN


async def test_refusals_are_seen_by_who_sees_everything(web: Running, shenzhen: str) -> None:
    refusals = Refusals()
    refusals.count("unexpected", "13800008001", "10.0.0.1", "nobody asked", 3)
    taken = refusals.take()
    with write(web.services.engine) as connection:
        write_refusals(connection, taken)
        write_refusals(connection, taken)
    (item,) = (await get(web, "/api/evidence/refusals")).json()["items"]
    assert (item["reason"], item["count"], item["phone"], item["address"]) == (
        "unexpected",
        6,
        "13800008001",
        "10.0.0.1",
    )
    assert (await get(web, "/api/evidence/refusals", shenzhen)).status_code == 403
