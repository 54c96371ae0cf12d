"""Recordings fetched from simulated trucks by FTP: through gateway, bus, core and the attachment server's parts."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import until
from sqlalchemy import select, update

from luwei.evidence import ftp_keeper
from luwei.evidence.file_server import FileServer
from luwei.evidence.ftp_accounts import FOLDER, ftp_key, password
from luwei.evidence.service import AttachmentServer
from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.command import CommandBatch
from luwei.registry.download import Download
from luwei.registry.engine import read, write
from luwei.registry.traffic import add, day_of
from luwei.simulator import file_uploads
from luwei.simulator.file_uploads import FileUploads, Task
from luwei.simulator.media_faults import GOOD
from luwei.video import download_steps, downloads
from luwei.video.downloads import DownloadEngine
from ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]

HOUR_MS = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def files(_live: LiveTrucks) -> AsyncIterator[FileServer]:
    """The attachment server's process, as parts of this one; everybody hurries."""
    quick = pytest.MonkeyPatch()
    quick.setattr(ftp_keeper, "TURN_S", 0.05)
    quick.setattr(downloads, "TURN_S", 0.1)
    quick.setattr(downloads, "PAUSE_S", 0.02)
    quick.setattr(downloads, "REPORTS_S", 0.2)
    quick.setattr(download_steps, "BACK_MS", 300)
    quick.setattr(download_steps, "SETTLE_MS", 20_000)
    quick.setattr(download_steps, "AGAIN_MS", (50, 50, 50, 50))
    quick.setattr(file_uploads, "AGAIN_S", (0.05, 0.1))
    quick.setattr(file_uploads, "BLOCK", 4096)
    services = _live.web.services
    assert services.evidence is not None
    settings = replace(services.settings, evidence_port=free_port())
    server = AttachmentServer(settings, services.engine, services.evidence)
    await server.start()
    running = asyncio.create_task(server.run())
    loop = asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(server.checker.wake)

    made = FileServer(settings, services.engine, services.evidence, server.refusals, wake)
    await asyncio.to_thread(made.start)
    yield made
    await asyncio.to_thread(made.stop)
    server.stop()
    await asyncio.wait_for(running, 60)
    quick.undo()


def uploads(live: LiveTrucks, truck: int = 0) -> FileUploads:
    """What the truck's terminal sends."""
    unit = live.lines[truck].terminal.commands.equipment.video
    return unit.uploads


def task(live: LiveTrucks, truck: int = 0) -> Task:
    """The newest order that the terminal has."""
    return list(uploads(live, truck).tasks.values())[-1]


@functools.cache
def some_hours_ago() -> int:
    """A full hour, the same for all of a run."""
    return now_ms() // HOUR_MS * HOUR_MS - 4 * HOUR_MS


def piece(start_s: int = 60, seconds: int = 20, **more: Any) -> dict[str, Any]:
    """A part of a recording of some hours ago, in the sub-stream."""
    first = some_hours_ago() + start_s * 1000
    return {
        "channel": 1, "from_at": first, "to_at": first + seconds * 1000, "stream": 2, "storage": 2, "purpose": PURPOSE,
    } | more  # fmt: skip


async def order(live: LiveTrucks, truck: int = 0, token: str | None = None, **wanted: Any) -> httpx.Response:
    async with live.web.client(token) as client:
        return await client.post("/api/video/downloads", json={"vehicle_id": live.ids[truck]} | wanted)


async def ordered(live: LiveTrucks, truck: int = 0, **wanted: Any) -> int:
    answer = await order(live, truck, **wanted)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def seen(live: LiveTrucks, key: int) -> dict[str, Any]:
    async with live.web.client() as client:
        answer = await client.get(f"/api/video/downloads/{key}")
    assert answer.status_code == 200
    return dict(answer.json())


async def reached(live: LiveTrucks, key: int, *states: str, seconds: float = 60, **more: Any) -> dict[str, Any]:
    """Wait until the download is so."""
    last: dict[str, Any] = {}

    async def so() -> bool:
        last.clear()
        last.update(await seen(live, key))
        return last["state"] in states and more.items() <= last.items()

    try:
        await until(so, f"{states} {more}", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from None
    return last


async def began(live: LiveTrucks, key: int) -> None:
    """Wait until a part of it came."""

    async def some() -> bool:
        return int(row(live, key).received_bytes) > 8_192

    await until(some, "a part came")


async def act(live: LiveTrucks, key: int, what: str, token: str | None = None) -> httpx.Response:
    async with live.web.client(token) as client:
        return await client.post(f"/api/video/downloads/{key}/{what}")


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


def row(live: LiveTrucks, key: int) -> Any:
    with read(live.web.services.engine) as connection:
        return connection.execute(select(Download.__table__).where(Download.id == key)).one()


async def test_a_recording_comes_whole_over_a_line_that_breaks_twice(live: LiveTrucks) -> None:
    unit = live.lines[0].terminal.commands.equipment.video
    unit.fault, unit.uploads.rate = replace(unit.fault, breaks_uploads=True), 0
    async with live.web.client() as client:
        wanted = piece()
        asked = await client.post(
            f"/api/video/vehicles/{live.ids[0]}/recordings",
            json={name: wanted[name] for name in ("channel", "from_at", "to_at", "purpose")},
        )
    key = await ordered(live, list=asked.json()["list"], **wanted)
    done = await reached(live, key, "done")
    unit.fault = GOOD
    film = film_of(live)
    assert (done["reason"], done["breaks"], done["percent"], done["tries"]) == ("", 2, 100, 1)
    assert done["announced_bytes"] > 0 and done["received_bytes"] == len(film)
    (file,) = done["files"]
    assert (file["sha256"], file["sm3"]) == (hashlib.sha256(film).hexdigest(), hashlib.new("sm3", film).hexdigest())
    assert (file["media_type"], file["readable"], done["readable"]) == ("video/mp4", True, True)
    assert 19_000 <= file["duration_ms"] <= 21_000
    async with live.web.client() as client:
        evidence = (await client.get(f"/api/evidence/{file['evidence_id']}")).json()
        traffic = (await client.get("/api/video/traffic", params={"vehicle_id": live.ids[0]})).json()
    assert (evidence["origin"], evidence["channel"], evidence["vehicle_id"]) == ("ftp", 1, live.ids[0])
    brought = sum(day["bytes"] for day in traffic["days"] if day["purpose"] == "download")
    assert brought >= len(film)


def film_of(live: LiveTrucks, truck: int = 0) -> bytes:
    """What the terminal sends for its newest order, made once more."""
    made = task(live, truck)
    return uploads(live, truck)._film(made, made.pieces[0])


async def test_the_password_of_an_order_stands_nowhere(live: LiveTrucks) -> None:
    uploads(live).rate = 0
    since = now_ms()
    key = await ordered(live, **piece(100, 3))
    await reached(live, key, "done")
    services = live.web.services
    secret = password(ftp_key(services.settings.data.joinpath(*FOLDER)), row(live, key).account)
    assert task(live).order.password == secret
    with read(services.engine) as connection:
        journal = connection.scalars(select(CommandBatch.parameters).where(CommandBatch.created_at >= since)).all()
        audited = connection.scalars(select(AuditEntry.detail).where(AuditEntry.at >= since)).all()
    assert len(journal) == 1 and all(secret not in text for text in (*journal, *audited))
    assert any(PURPOSE in text for text in audited)

    async def stored() -> list[bytes]:
        span = {"start": since, "end": now_ms() + 1000, "limit": 100}
        found = await services.ask("messages_vehicle", vehicle=live.ids[0], **span)
        return [body for body, name in zip(found["body"].to_pylist(), found["message_id"].to_pylist(), strict=True)
                if name == 0x9206]  # fmt: skip

    (body,) = await until(stored, "the message is in the history")
    assert secret.encode() not in body and b"*" * 20 in body and row(live, key).account.encode() in body


async def test_paused_it_stands_still_and_continued_it_goes_on_where_it_was(live: LiveTrucks) -> None:
    uploads(live).rate = 10_000
    key = await ordered(live, **piece(200, 8))
    await began(live, key)
    assert (await reached(live, key, "uploading"))["may"] == ["pause", "cancel"]
    assert error(await act(live, key, "continue")) == (409, "state", "not_paused")
    assert (await act(live, key, "pause")).json()["state"] == "paused"
    stood = await reached(live, key, "paused", answer="success")
    assert error(await act(live, key, "pause")) == (409, "state", "paused")

    async def shut() -> bool:
        return row(live, key).sessions == 0

    await until(shut, "no connection")
    before = row(live, key).received_bytes
    assert before > 0 and stood["may"] == ["continue", "cancel"]
    uploads(live).rate = 0
    assert (await act(live, key, "continue")).status_code == 200
    done = await reached(live, key, "done")
    assert done["received_bytes"] > before and done["tries"] == 1
    assert error(await act(live, key, "cancel")) == (409, "state", "ended")


async def test_cancelled_nothing_of_it_stays(live: LiveTrucks, files: FileServer) -> None:
    uploads(live).rate = 10_000
    key = await ordered(live, **piece(300, 8))
    await reached(live, key, "uploading")
    answer = await act(live, key, "cancel")
    assert (answer.status_code, answer.json()["reason"], answer.json()["may"]) == (200, "cancelling", [])
    ended = await reached(live, key, "cancelled")
    assert ended["may"] == [] and all(each["evidence_id"] is None for each in ended["files"])
    folder = files.receiver.folder / row(live, key).account if files.receiver is not None else None

    async def gone() -> bool:
        return folder is not None and not folder.exists()

    await until(gone, "nothing of it stays")

    async def told() -> bool:
        return task(live).state == file_uploads.CANCELLED

    await until(told, "0x9207 reached the terminal")


async def test_two_of_a_truck_queue_and_those_of_another_do_not(live: LiveTrucks) -> None:
    uploads(live).rate = uploads(live, 1).rate = 10_000
    first, second = await ordered(live, **piece(400, 8)), await ordered(live, **piece(500, 8))
    other = await ordered(live, 1, **piece(400, 8))
    await asyncio.gather(reached(live, first, "uploading"), reached(live, other, "uploading"))
    waiting = await reached(live, second, "queued", reason="turn")
    assert (waiting["place"], waiting["tries"]) == (1, 0)
    assert error(await order(live, **piece(500, 8))) == (409, "channel", "duplicate")
    uploads(live).rate = uploads(live, 1).rate = 0
    for key in (first, second, other):
        await reached(live, key, "done")


async def test_a_terminal_that_vanishes_goes_on_when_it_is_back(live: LiveTrucks) -> None:
    """Its power went: it has forgotten the order, and the platform asks anew."""
    uploads(live, 1).rate = 10_000
    key = await ordered(live, 1, **piece(600, 8))
    await began(live, key)
    line = live.lines[1]
    task(live, 1).state, dead = file_uploads.CANCELLED, task(live, 1)
    dead.hold.set()
    equipment = line.terminal.commands.equipment
    equipment._video = None
    before = row(live, key).received_bytes
    assert line.link is not None
    line.link.close()
    line.terminal.commands.equipment.video.uploads.rate = 0
    done = await reached(live, key, "done")
    assert done["tries"] == 2
    assert 0 < task(live, 1).sent < done["received_bytes"] and before > 0  # the rest, not the whole


async def test_a_restart_of_the_core_in_the_middle_changes_nothing(live: LiveTrucks) -> None:
    uploads(live).rate = 10_000
    key = await ordered(live, **piece(700, 8))
    await reached(live, key, "uploading")
    services = live.web.services
    old = services.downloads
    assert old is not None
    await old.stop()
    services.downloads = DownloadEngine(
        services.engine, old._bus, old._commands, old._commanding, old._proofs, old._online
    )  # fmt: skip
    await services.downloads.start()
    try:
        uploads(live).rate = 0
        done = await reached(live, key, "done")
        assert done["tries"] == 1 and done["readable"] is True
    finally:
        await services.downloads.stop()
        services.downloads = old
        await old.start()


async def test_what_is_not_here_in_time_expires(live: LiveTrucks) -> None:
    uploads(live).rate = 10_000
    key = await ordered(live, **piece(800, 8))
    await began(live, key)
    with write(live.web.services.engine) as connection:
        connection.execute(update(Download).where(Download.id == key).values(expires_at=now_ms() - 1))
    ended = await reached(live, key, "expired")
    assert ended["files"] and not ended["files"][0]["complete"]
    uploads(live).rate = 0


async def test_where_nothing_is_recorded_the_terminals_word_ends_it(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_steps, "IDLE_MAX", 1)
    monkeypatch.setattr(download_steps, "SETTLE_MS", 200)
    long_ago = piece(-20 * 24 * 3600, 60)
    ended = await reached(live, await ordered(live, **long_ago), "failed")
    assert (ended["reason"], ended["files"], ended["tries"]) == ("terminal", [], 1)


async def test_one_for_a_truck_that_is_away_waits_for_it(live: LiveTrucks) -> None:
    engine = live.web.services.engine
    await live.leaves(2)
    key = await ordered(live, 2, **piece(), networks=["wifi"])
    waiting = await reached(live, key, "queued", reason="offline")
    assert waiting["networks"] == ["wifi"] and waiting["expires_at"] - waiting["created_at"] == 72 * HOUR_MS
    assert (await act(live, key, "cancel")).status_code == 200
    await reached(live, key, "cancelled")
    with read(engine) as connection:
        assert connection.scalar(select(CommandBatch.state).order_by(CommandBatch.id.desc()).limit(1)) == "cancelled"


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"purpose": ""}, (400, "purpose")),
        ({"to_at": 1_763_000_000_000}, (400, "to_at")),
        ({"channel": 65}, (400, "channel")),
        ({"networks": []}, (400, "networks")),
        ({"list": 2_000_000_000}, (400, "list")),
        ({"case_id": 2_000_000_000}, (404, "id")),
        ({"vehicle_id": 2_000_000_000}, (404, "id")),
        ({"valid_h": 169}, (400, "valid_h")),
    ],
)
async def test_what_cannot_be_ordered_is_refused(
    live: LiveTrucks, wanted: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert error(await order(live, **(piece(seconds=30) | wanted)))[:2] == refusal


async def test_quotas_and_rights_bound_downloads(live: LiveTrucks, monkeypatch: pytest.MonkeyPatch) -> None:
    services = live.web.services
    reader = live.web.session_token("download-reader", role="viewer")
    assert error(await order(live, token=reader, **piece()))[0] == 403
    without = replace(services.settings, evidence_ftp_port=0)
    monkeypatch.setattr(services, "settings", without)
    assert error(await order(live, **piece())) == (503, "ftp", "off")
    monkeypatch.setattr(services, "settings", replace(without, evidence_ftp_port=1, video_month_mib=1))
    with write(services.engine) as connection:
        add(connection, live.phones[0], day_of(now_ms()), 1, "live", 2 << 20, 0)
    assert error(await order(live, **piece())) == (429, "quota", "sim_month")
