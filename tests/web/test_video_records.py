"""Recordings of live streams: from a simulated truck through a media process into the evidence store."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any

import av
import httpx
import pytest
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import location, until
from sqlalchemy import insert, select, update

from luwei import facts
from luwei.access.grant import ACTIVE, AccessGrant, GrantSubject
from luwei.access.revision import touch
from luwei.access.user import User
from luwei.registry import organisations
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.case import CLOSED, AlarmCase
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.video import VideoTraffic
from luwei.simulator.media_line import stream_to
from luwei.simulator.streams import record
from luwei.video import drive
from luwei.video.recorder import Recorder
from pace import one_within

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]
ABSENT = 9
"""A channel that the trucks refuse: what comes there is sent by the test itself."""


def recorder_of(live: LiveTrucks) -> Recorder:
    assert live.web.services.recorder is not None
    return live.web.services.recorder


async def begin(
    live: LiveTrucks, truck: int = 0, channel: int = 1, token: str | None = None, **more: Any
) -> httpx.Response:
    body = {"vehicle_id": live.ids[truck], "channel": channel, "purpose": PURPOSE, "seconds": 60} | more
    async with live.web.client(token) as client:
        return await client.post("/api/video/records", json=body)


async def got(live: LiveTrucks, key: int) -> dict[str, Any]:
    async with live.web.client() as client:
        answer = await client.get(f"/api/video/records/{key}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def reaches(live: LiveTrucks, key: int, *states: str, pictures: int = 0) -> dict[str, Any]:
    """The recording once it is in one of the states, with so many pictures."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        found.update(await got(live, key))
        return found["record"]["state"] in states and found["record"]["pictures"] >= pictures

    await until(there, f"recording {states}; {found.get('record')}")
    return found


async def stop(live: LiveTrucks, key: int, token: str | None = None) -> dict[str, Any]:
    async with live.web.client(token) as client:
        answer = await client.post(f"/api/video/records/{key}/stop")
    assert answer.status_code == 200, answer.text
    return await reaches(live, key, "done", "failed")


async def original(live: LiveTrucks, file: int) -> httpx.Response:
    async with live.web.client() as client:
        answer = await client.get(f"/api/evidence/{file}/file", params={"purpose": PURPOSE, "form": "original"})
    assert answer.status_code == 200
    return answer


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


async def test_what_was_sent_becomes_a_standard_mp4_with_its_custody(live: LiveTrucks) -> None:
    since = now_ms()
    answer = await begin(live, channel=ABSENT)
    assert answer.status_code == 201, answer.text
    key = answer.json()["record"]["id"]
    assert error(await begin(live, channel=ABSENT)) == (409, "channel", "recording")

    async def expected() -> bool:
        stream = live.desk.streams.get(f"live-{live.ids[0]}-{ABSENT}")
        return stream is not None and bool(stream.node)

    await until(expected, "a node expects it")
    node = await live.node()
    clip = record(channel=ABSENT, seconds=3.0)
    sent = len(clip.units)
    line = asyncio.create_task(
        stream_to(
            "127.0.0.1", node.ports["live"], live.phones[0], ABSENT, source=clip.play(repeat=False), sound="g711a",
            seconds=4,
        )
    )  # fmt: skip
    await reaches(live, key, "recording", pictures=sent)
    await line
    found = await stop(live, key)
    view, (part,) = found["record"], found["parts"]
    assert (view["state"], view["reason"], view["pictures"], view["may_stop"]) == ("done", "stopped", sent, False)
    assert (part["state"], part["codec"], part["width"], part["pictures"]) == ("done", "h264", 352, sent)
    assert part["sound"] and part["bytes"] == view["bytes"] and not found["record"]["interrupted"]
    assert view["by"]["name"] == "engineer" and view["rule"] is None

    answer = await original(live, part["file"])
    assert hashlib.sha256(answer.content).hexdigest() == part["sha256"] == answer.headers["X-Luwei-SHA256"]
    assert hashlib.new("sm3", answer.content).hexdigest() == part["sm3"]
    assert 0 < answer.content.find(b"moov") < answer.content.find(b"mdat")
    with av.open(io.BytesIO(answer.content)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert packets[0].is_keyframe and len(packets) == sent
    with av.open(io.BytesIO(answer.content)) as container:
        assert len(list(container.decode(video=0))) == sent
        assert container.streams.audio[0].codec_context.name == "aac"

    store = live.web.services.evidence
    assert store is not None and not list(recorder_of(live).folder.iterdir())
    async with live.web.client() as client:
        file = (await client.get(f"/api/evidence/{part['file']}")).json()
        listed = (await client.get("/api/evidence", params={"origin": "record"})).json()["items"]
        seen = await client.get(f"/api/evidence/{part['file']}/file", params={"purpose": PURPOSE})
    assert (file["origin"], file["vehicle_id"], file["channel"], file["state"]) == (
        "record", live.ids[0], ABSENT, "complete",
    )  # fmt: skip
    assert file["id"] in [each["id"] for each in listed]
    assert seen.status_code == 200 and seen.content[4:8] == b"ftyp" and seen.content != answer.content
    with read(live.web.services.engine) as connection:
        rows = connection.execute(
            select(AuditEntry.act, AuditEntry.vehicle_id).where(
                AuditEntry.noun_id == key, AuditEntry.act.like("video.record%"), AuditEntry.at >= since
            )
        ).all()
    acts = [row.act for row in rows]
    assert sorted(acts) == ["video.record", "video.record_end", "video.record_stop"]
    assert {row.vehicle_id for row in rows} == {live.ids[0]}


async def test_who_looks_sees_that_it_is_recorded_and_the_recording_needs_nobody(live: LiveTrucks) -> None:
    since = now_ms()
    tile = await live.look()
    assert tile.state["recording"] is False
    key = (await begin(live)).json()["record"]["id"]

    async def told() -> bool:
        return bool(tile.state["recording"])

    await until(told, "told of the recording")
    assert tile.state["viewers"] == 1
    async with live.web.client() as client:
        (item,) = (await client.get("/api/video/streams")).json()["items"]
        used = (await client.get("/api/video/usage")).json()
    assert item["recording"] and len(item["viewers"]) == 1 and used["user_streams"] == 1
    await reaches(live, key, "recording", pictures=2)
    await tile.socket.close()
    there = (await got(live, key))["record"]["pictures"]
    alone = asyncio.get_running_loop().time()
    await reaches(live, key, "recording", pictures=there + 40)
    assert asyncio.get_running_loop().time() - alone > live.desk.linger_s

    async def paid() -> bool:
        with read(live.web.services.engine) as connection:
            found = select(VideoTraffic.octets).where(
                VideoTraffic.phone == live.phones[0], VideoTraffic.channel == 1, VideoTraffic.purpose == "record"
            )
            return bool(connection.scalar(found))

    found = await stop(live, key)
    assert found["record"]["state"] == "done" and found["record"]["pictures"] >= there + 40
    await until(paid, "traffic of the recording")
    async with live.web.client() as client:
        listed = await client.get(
            "/api/video/records", params={"vehicle": live.ids[0], "state": "done", "mine": True, "size": 5}
        )
    assert key in [each["id"] for each in listed.json()["items"]]
    assert all(each["asked_at"] >= since or each["id"] < key for each in listed.json()["items"])


async def test_a_right_that_ends_ends_the_recording_within_two_seconds(live: LiveTrucks) -> None:
    engine = live.web.services.engine
    office = {"kind": "police", "name": "公安交警二大队"}
    organisation = organisations.create(engine, office, SYSTEM, WHOLE)
    token = live.web.session_token("sergeant", role="police", organisation_id=organisation)
    assert error(await begin(live, token=token, purpose=""))[2] == "reason_required"
    viewer = live.web.session_token("looker", role="viewer")
    assert (await begin(live, token=viewer)).status_code == 403
    now = now_ms()
    with write(engine) as connection:
        user = connection.scalar(select(User.id).where(User.username == "sergeant"))
        grant = connection.execute(
            insert(AccessGrant).returning(AccessGrant.id),
            {
                "user_id": user, "organisation_id": organisation, "row": "video", "purpose": "事故调查",
                "case_number": "A2", "minutes": 60, "state": ACTIVE, "requested_at": now, "note": "", "from_at": now,
                "to_at": now + 3_600_000,
            },
        ).scalar_one()  # fmt: skip
        connection.execute(insert(GrantSubject), [{"grant_id": grant, "subject_id": live.ids[0]}])
        touch(connection)

    def lasts_until(at: int) -> None:
        with write(engine) as connection:
            connection.execute(update(AccessGrant).where(AccessGrant.id == grant).values(to_at=at))
            touch(connection)

    async def runs_out() -> float:
        lasts_until(now + 3_600_000)
        answer = await begin(live, token=token, purpose="")
        assert answer.status_code == 201, answer.text
        key = answer.json()["record"]["id"]
        assert answer.json()["record"]["purpose"] == "事故调查 [A2]"
        assert (await begin(live, truck=1, token=token, purpose="")).status_code == 404
        await reaches(live, key, "recording", pictures=2)
        ends = now_ms() + 1_000
        lasts_until(ends)
        found = await reaches(live, key, "done")
        assert found["record"]["reason"] == "forbidden"
        async with live.web.client(token) as client:
            assert (await client.post(f"/api/video/records/{key}/stop")).status_code == 403
        assert found["record"]["ended_at"] >= ends
        return float(found["record"]["ended_at"] - ends) / 1000

    await one_within(2, runs_out)


async def test_every_limit_has_its_own_reason_and_nothing_old_is_deleted_for_room(live: LiveTrucks) -> None:
    recorder = recorder_of(live)
    before = recorder.limit, recorder.limit_per_user, recorder.limit_octets
    stored = recorder.octets
    assert error(await begin(live, seconds=recorder.limit_s + 1))[:2] == (400, "seconds")
    try:
        recorder.limit_octets = max(1, stored)
        assert error(await begin(live)) == (429, "quota", "record_disk")
        recorder.limit_octets = 0
        recorder.limit_per_user = 0
        assert error(await begin(live)) == (429, "quota", "user_records")
        recorder.limit, recorder.limit_per_user = 0, 4
        assert error(await begin(live)) == (429, "quota", "records")
        recorder.limit = 4
        key = (await begin(live, channel=2)).json()["record"]["id"]
        await reaches(live, key, "recording", pictures=5)
        recorder.limit_octets = max(1, stored)
        found = await reaches(live, key, "done")
        assert found["record"]["reason"] == "record_disk" and found["record"]["pictures"] >= 5
        async with live.web.client() as client:
            limits = (await client.get("/api/video/records/limits")).json()
        assert limits["disk_bytes"] >= stored + found["record"]["bytes"] and limits["records"] == 0
    finally:
        recorder.limit, recorder.limit_per_user, recorder.limit_octets = before


async def test_a_core_that_stops_and_starts_goes_on_and_a_lost_line_makes_another_part(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "RETURN_S", 0.2)
    monkeypatch.setattr(drive, "PAUSES_S", (0.2,))
    recorder, services = recorder_of(live), live.web.services
    assert services.evidence is not None
    key = (await begin(live, channel=2)).json()["record"]["id"]
    await reaches(live, key, "recording", pictures=10)
    await recorder.stop()
    again = Recorder(services.engine, live.desk, services.evidence, services.settings, lambda _: True)
    try:
        services.recorder = again
        await again.start()
        await reaches(live, key, "recording", pictures=5)
        live.lines[0].terminal.commands.equipment.video.close(2, ("live",))
        found: dict[str, Any] = {}

        async def three() -> bool:
            found.update(await got(live, key))
            return len(found["parts"]) >= 3

        await until(three, "a part of its own behind each gap")
        found = await stop(live, key)
    finally:
        await again.stop()
        services.recorder = recorder
        await recorder.start()
    assert found["record"]["interrupted"] and found["record"]["state"] == "done"
    assert [part["cause"] for part in found["parts"]] == ["restart", "lost", "end"]
    # on a busy machine two seconds may pass without a picture
    assert [gap["cause"] for gap in found["gaps"] if gap["cause"] != "no_data"] == ["restart", "line"]
    assert all(gap["to"] > gap["from"] for gap in found["gaps"])
    assert [part["state"] for part in found["parts"]] == ["done"] * 3
    for part in found["parts"]:
        with av.open(io.BytesIO((await original(live, part["file"])).content)) as container:
            assert len(list(container.decode(video=0))) == part["pictures"] > 0


async def test_a_rule_of_the_policy_records_a_new_case_and_its_files_stand_with_the_case(live: LiveTrucks) -> None:
    web, vehicle = live.web, live.ids[1]
    with read(web.services.engine) as connection:
        terminal = connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == vehicle))
    at = now_ms()
    await web.publish(facts.FIX, [location(vehicle, at, terminal_id=terminal, alarm=1)])
    found: list[dict[str, Any]] = []

    async def begun() -> bool:
        async with web.client() as client:
            answer = await client.get("/api/video/records", params={"vehicle": vehicle})
        found[:] = [each for each in answer.json()["items"] if each["rule"] is not None]
        return len(found) == 2 and all(each["pictures"] > 5 for each in found)

    await until(begun, f"recorded by the rule; {found}")
    assert {each["channel"] for each in found} == {1, 2} and found[0]["by"] is None
    case = found[0]["case"]["id"]
    for each in found:
        assert (await stop(live, each["id"]))["record"]["reason"] == "stopped"
    detail: dict[str, Any] = {}

    async def followed() -> bool:
        async with web.client() as client:
            detail.update((await client.get(f"/api/cases/{case}")).json())
        return sum(step["act"] == "record_ended" for step in detail["steps"]) == 2

    await until(followed, "in the story of the case")
    assert detail["case"]["type"] == "808:00" and detail["case"]["grade"] == 3
    assert sum(step["act"] == "record_started" for step in detail["steps"]) == 2
    assert len(detail["records"]) == 2
    assert len(detail["evidence"]) == 2 and {file["kind"] for file in detail["evidence"]} == {"video"}
    assert error(await begin(live, case=case)) == (400, "case", "is no case of this truck")
    async with web.client() as client:
        listed = await client.get("/api/cases", params={"stage": "not_closed", "vehicle": vehicle})
        assert case in [each["id"] for each in listed.json()["items"]]
        refused = await client.get("/api/cases", params={"stage": "not_closed"})
        assert error(refused) == (400, "stage", "not_closed needs a vehicle")
    with write(web.services.engine) as connection:
        connection.execute(update(AlarmCase).where(AlarmCase.id == case).values(state=CLOSED, stage=3))
    assert error(await begin(live, truck=1, case=case)) == (400, "case", "is closed")
    async with web.client() as client:
        listed = await client.get("/api/cases", params={"stage": "not_closed", "vehicle": vehicle})
        assert case not in [each["id"] for each in listed.json()["items"]]
