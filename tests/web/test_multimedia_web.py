"""Pictures and recordings from the bus to the browser: kept once, typed by their bytes, shown within the scope."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any
from zlib import crc32

import httpx
import pytest
from PIL import Image
from running_core import Running, until
from sqlalchemy import func, select

from luwei import facts
from luwei.live.feed import now_ms
from luwei.registry.audit import AuditEntry
from luwei.registry.engine import read
from luwei.registry.multimedia import Multimedia
from multimedia_rows import PLACE, TAKEN_MS, picture, rows

IHDR = bytes.fromhex("494844520000ffff0000ffff0802000000")
HUGE = (
    b"\x89PNG\r\n\x1a\n"
    + bytes.fromhex("0000000d")
    + IHDR
    + crc32(IHDR).to_bytes(4, "big")
    + b"\0\0\0\x09IDAT"
    + bytes(99)
)
"""The head of a picture of 65535 × 65535 points."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def get(web: Running, path: str, token: str | None = None, **parameters: Any) -> httpx.Response:
    headers = parameters.pop("headers", {})
    async with web.client(token) as client:
        return await client.get(path, params=parameters, headers=headers)


async def bring(web: Running, parts: list[dict[str, Any]], vehicle: int = 1) -> dict[str, Any]:
    """Publish a file and wait until it is listed."""
    data = {part["part"]: part["data"] for part in parts}
    sha256 = hashlib.sha256(b"".join(data[number] for number in sorted(data))).hexdigest()
    for part in parts:
        await web.publish(facts.MEDIA, [part])

    async def listed() -> Any:
        items = (await get(web, f"/api/vehicles/{vehicle}/media", size=100)).json()["items"]
        return next((item for item in items if item["sha256"] == sha256), None)

    found: dict[str, Any] = await until(listed, "the file is listed")
    return found


async def test_who_looks_at_a_picture_is_written_down_and_no_browser_shows_it_again_without_asking(
    web: Running,
) -> None:
    found = await bring(web, rows(picture(31, 31), now_ms(), multimedia_id=77))
    token, since = web.session_token("who-looks"), now_ms()
    await get(web, "/api/vehicles/1/media", token)
    await get(web, f"/api/media/{found['id']}/file", token, form="thumbnail")
    answer = await get(web, f"/api/media/{found['id']}/file", token, form="picture")
    assert answer.headers["cache-control"] == "private, no-cache"
    with read(web.services.engine) as connection:
        entries = connection.execute(
            select(AuditEntry.act, AuditEntry.vehicle_id, AuditEntry.detail)
            .where(AuditEntry.username == "who-looks", AuditEntry.at >= since)
            .order_by(AuditEntry.id)
        ).all()
    assert [(entry.act, entry.vehicle_id) for entry in entries] == [("multimedia.list", 1), ("multimedia.look", 1)]
    assert json.loads(entries[1].detail) == {"file": found["id"]}


async def test_a_picture_is_listed_with_time_place_channel_and_event_and_shown(web: Running) -> None:
    data = picture()
    found = await bring(web, rows(data, now_ms(), multimedia_id=4_000_000_000, event=3, channel=0x65))
    assert (found["taken_at"], found["lat_e6"], found["lon_e6"]) == (TAKEN_MS, 22_543_099, 114_057_868)
    assert (found["channel"], found["event"], found["event_zh"]) == (0x65, 3, "碰撞侧翻报警触发")
    assert (found["multimedia_id"], found["shown"], found["width"], found["height"]) == (
        4_000_000_000, "image", 64, 48,
    )  # fmt: skip
    assert found["sm3"] == hashlib.new("sm3", data).hexdigest()
    answer = await get(web, f"/api/media/{found['id']}/file")
    assert answer.content == data
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'inline; filename="luwei-{found["id"]}.jpg"'
    again = await get(web, f"/api/media/{found['id']}/file", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    thumbnail = await get(web, f"/api/media/{found['id']}/file", form="thumbnail")
    assert Image.open(io.BytesIO(thumbnail.content)).size == (64, 48)


async def test_a_thumbnail_is_small(web: Running) -> None:
    found = await bring(web, rows(picture(1280, 720), now_ms()))
    thumbnail = await get(web, f"/api/media/{found['id']}/file", form="thumbnail")
    assert Image.open(io.BytesIO(thumbnail.content)).size == (320, 180)


async def test_a_recording_of_several_parts_in_any_order_can_be_played_from_the_middle(web: Running) -> None:
    data = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 5_000
    parts = rows(data, now_ms(), kind=1)
    assert len(parts) == 3
    found = await bring(web, [parts[2], parts[0], parts[0], parts[1]])
    assert (found["media_type"], found["shown"], found["size"]) == ("audio/wav", "audio", len(data))
    answer = await get(web, f"/api/media/{found['id']}/file", headers={"Range": "bytes=600000-600099"})
    assert (answer.status_code, answer.content) == (206, data[600_000:600_100])
    assert answer.headers["content-range"] == f"bytes 600000-600099/{len(data)}"
    assert (await get(web, f"/api/media/{found['id']}/file", form="thumbnail")).status_code == 404


@pytest.mark.parametrize(
    ("data", "problem", "shown"),
    [
        (picture(200, 200)[:3000], "undecodable", ""),
        (b"<html><script>alert(1)</script>" + bytes(2000), "unknown_type", ""),
        (HUGE, "too_large", ""),
        (picture(form="TIFF"), "", "image"),
    ],
    ids=["cut off", "a page in disguise", "a picture of four thousand million points", "tiff"],
)  # fmt: skip
async def test_what_no_browser_may_show_is_kept_marked_and_sent_as_an_attachment(
    web: Running, data: bytes, problem: str, shown: str
) -> None:
    found = await bring(web, rows(data, now_ms()))
    assert (found["problem"], found["shown"]) == (problem, shown)
    answer = await get(web, f"/api/media/{found['id']}/file")
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    picture_of_it = await get(web, f"/api/media/{found['id']}/file", form="picture")
    assert picture_of_it.status_code == (200 if shown else 404)


async def test_the_same_file_again_is_one_file(web: Running) -> None:
    data = picture(32, 32)
    first = await bring(web, rows(data, now_ms(), multimedia_id=55))
    await bring(web, rows(data, now_ms() + 5, multimedia_id=55))
    later = await bring(web, rows(picture(33, 33), now_ms(), multimedia_id=56))
    with read(web.services.engine) as connection:
        count = connection.scalar(select(func.count()).where(Multimedia.multimedia_id == 55))
    assert (count, later["id"] > first["id"]) == (1, True)


async def test_a_location_without_fix_gives_no_place(web: Running) -> None:
    parts = rows(picture(30, 30), now_ms())
    unfixed = PLACE[:4] + bytes.fromhex("00080001") + PLACE[8:]
    found = await bring(web, [part | {"head": part["head"][:8] + unfixed} for part in parts])
    assert (found["lat_e6"], found["taken_at"]) == (None, TAKEN_MS)


async def test_files_of_another_jurisdiction_are_not_there(web: Running) -> None:
    found = await bring(web, rows(picture(20, 20), now_ms()))
    guangzhou = web.session_token("gz-media", city=440100)
    for path in ("/api/vehicles/1/media", f"/api/media/{found['id']}", f"/api/media/{found['id']}/file"):
        assert (await get(web, path, guangzhou)).status_code == 404
    async with httpx.AsyncClient(base_url=web.base, timeout=60) as stranger:
        assert (await stranger.get(f"/api/media/{found['id']}/file")).status_code == 401


async def test_the_list_is_narrowed_by_kind_and_time_and_bounds_are_named(web: Running) -> None:
    at = now_ms()
    found = await bring(web, rows(picture(21, 21), at))
    one = (await get(web, "/api/vehicles/1/media", kind="image", **{"from": at, "to": at + 1})).json()
    assert [item["id"] for item in one["items"]] == [found["id"]]
    assert (await get(web, "/api/vehicles/1/media", kind="video")).json()["total"] == 0
    refused = (await get(web, "/api/vehicles/1/media", kind="smell")).json()["error"]
    assert (refused["field"], refused["rule"]) == ("kind", "must be one of image, audio, video")
    assert (await get(web, "/api/media/999999/file")).status_code == 404
