"""Live pictures over HTTP and WebSocket, from simulated trucks through gateway, bus and a media process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import signal
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import av
import httpx
import pytest
import websockets
from live_trucks import PURPOSE, LiveTrucks, Tile, _live, live
from prometheus_client import REGISTRY
from running_core import until
from sqlalchemy import delete, insert, select, update

from luwei.access.grant import ACTIVE, AccessGrant, GrantSubject
from luwei.access.revision import touch
from luwei.access.user import User
from luwei.media.orders import Traffic
from luwei.registry import organisations
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.video import VideoTraffic
from luwei.simulator.media_faults import MediaFault
from luwei.simulator.media_line import MediaLine, stream_to
from luwei.simulator.streams import record
from luwei.video import strays, traffic
from luwei.video.channels import channels
from luwei.video.hints import audio_hints
from luwei.video.loss_notices import LossNotices
from luwei.web import video, video_socket
from pace import one_within

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]
ABSENT = 9
"""A channel that the trucks refuse: what comes there is sent by the test itself."""


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


def commands_of(live: LiveTrucks, truck: int, since: int = 0) -> list[tuple[str, str, str]]:
    """Kind, result and reason of what a truck was sent."""
    with read(live.web.services.engine) as connection:
        rows = connection.execute(
            select(CommandBatch.kind, Command.result, CommandBatch.reason)
            .join(Command, Command.batch_id == CommandBatch.id)
            .where(Command.vehicle_id == live.ids[truck], Command.created_at >= since)
            .order_by(Command.id)
        )
        return [(row.kind, row.result, row.reason) for row in rows]


def audited(live: LiveTrucks, act: str, since: int) -> list[Any]:
    with read(live.web.services.engine) as connection:
        rows = connection.execute(select(AuditEntry).where(AuditEntry.act == act, AuditEntry.at >= since))
        return list(rows.all())


async def test_a_picture_comes_and_who_looked_why_and_how_long_is_kept(live: LiveTrucks) -> None:
    since = now_ms()
    answer = await live.ask()
    assert answer.status_code == 201
    ticket = answer.json()
    assert ticket["stream"] == f"live-{live.ids[0]}-1"
    assert ticket["channel_zh"] == "驾驶员"
    tile = await live.take(ticket)
    await tile.shows(8)
    (opened,) = tile.opened
    assert (opened["container"], opened["width"], opened["height"]) == ("fmp4", 352, 288)
    assert opened["in_cab"] and opened["purpose"] == PURPOSE
    assert opened["watermark"].startswith("engineer ")
    with av.open(io.BytesIO(b"".join(tile.video))) as container:
        assert len(list(container.decode(video=0))) > 8
    expected = ["asked", "sent", "answered", "connected", "packet", "key_frame"]

    async def stepped() -> bool:
        # the terminal's answer may be told after its pictures
        return [each["step"] for each in tile.state["steps"]][:6] == expected

    await until(stepped, f"all steps; {tile.state}")
    assert tile.state["state"] == "live"
    assert len(audited(live, "video.look", since)) == 1
    await live.clear()
    (left,) = audited(live, "video.leave", since)
    assert (left.vehicle_id, left.username) == (live.ids[0], "engineer")
    assert '"ended":"left"' in left.detail and '"from":' in left.detail
    both = [("video_start", "success", PURPOSE), ("video_control", "success", "no viewer")]

    async def answered() -> bool:
        return commands_of(live, 0, since) == both

    await until(answered, f"both answered; {commands_of(live, 0, since)}")


async def test_two_viewers_share_one_stream_of_the_truck(live: LiveTrucks) -> None:
    since = now_ms()
    first, second = await live.look(), await live.look()
    await first.shows(2)
    await second.shows(2)
    assert [kind for kind, _, _ in commands_of(live, 0, since)] == ["video_start"]
    item: dict[str, Any] = {}

    async def told() -> bool:
        """A node says once a second what it has."""
        async with live.web.client() as client:
            (found,) = (await client.get("/api/video/streams")).json()["items"]
        item.update(found)
        return bool(item["codec"])

    await until(told, "its codec")
    assert len(item["viewers"]) == 2
    assert item["codec"] == "h264" and item["state"] == "live"
    await first.socket.close()
    await second.shows(3)


async def test_enlarging_switches_to_the_main_stream_and_back(live: LiveTrucks) -> None:
    tile = await live.look()
    await tile.say(kind="stream", stream="main")

    async def wide() -> bool:
        return tile.opened[-1]["width"] == 1280

    await until(wide, "main stream")
    await tile.shows(2)
    await tile.say(kind="stream", stream="sub")

    async def small() -> bool:
        return tile.opened[-1]["width"] == 352

    await until(small, "sub-stream")
    await tile.shows(2)


async def test_a_ticket_counts_once_for_its_user_and_for_a_short_time(live: LiveTrucks) -> None:
    ticket = (await live.ask()).json()
    await (await live.take(ticket)).shows()
    again = await live.take(ticket)
    assert await again.closed() == 4408
    assert again.state["reason"] == "ticket_expired"
    guessed = await live.take(ticket | {"url": "/ws/video/x?ticket=guessed"})
    assert await guessed.closed() == 4408
    other = live.web.session_token("another")
    stolen = await live.take((await live.ask()).json(), other)
    assert await stolen.closed() == 4408
    late = (await live.ask()).json()
    for viewing in live.desk.streams[late["stream"]].viewings.values():
        if viewing.id == late["viewer"]:
            viewing.until_ms = now_ms() - 1
    assert await (await live.take(late)).closed() == 4408


async def test_without_login_or_from_another_origin_there_is_no_socket(live: LiveTrucks) -> None:
    ticket = (await live.ask()).json()
    nobody = await live.take(ticket, "wrong")
    assert await nobody.closed() == 4401
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(
            live.web.base.replace("http", "ws") + ticket["url"],
            open_timeout=60,
            origin="http://elsewhere.example",  # type: ignore[arg-type]
        )


async def test_a_purpose_is_asked_for_and_a_truck_without_terminal_has_no_picture(live: LiveTrucks) -> None:
    assert error(await live.ask(purpose=" "))[:2] == (400, "purpose")
    assert error(await live.ask(channel=65))[:2] == (400, "channel")
    async with live.web.client() as client:
        answer = await client.post("/api/video/streams", json={"vehicle_id": 3, "channel": 1, "purpose": PURPOSE})
    assert error(answer) == (400, "vehicle_id", "must have a terminal")


async def test_logging_out_closes_the_picture_within_two_seconds(live: LiveTrucks) -> None:
    names = count()

    async def logs_out() -> float:
        token = live.web.session_token(f"leaver-{next(names)}")
        tile = await live.look(token=token)
        began = time.monotonic()
        async with live.web.client(token) as client:
            assert (await client.post("/api/logout")).status_code < 300
        assert await tile.closed() == 4401
        assert (tile.state["state"], tile.state["reason"]) == ("ended", "session_ended")
        return tile.ended_at - began

    await one_within(2, logs_out)


async def test_a_grant_that_runs_out_closes_the_picture_within_two_seconds(live: LiveTrucks) -> None:
    engine = live.web.services.engine
    office = {"kind": "police", "name": "公安交警支队", "parent_id": None}
    key = organisations.create(engine, {k: v for k, v in office.items() if v is not None}, SYSTEM, WHOLE)
    token = live.web.session_token("constable", role="police", organisation_id=key)
    assert error(await live.ask(token=token, purpose=""))[2] == "reason_required"
    now = now_ms()
    with write(engine) as connection:
        user = connection.execute(select(User.id, User.organisation_id).where(User.username == "constable")).one()
        key = connection.execute(
            insert(AccessGrant).returning(AccessGrant.id),
            {
                "user_id": user.id, "organisation_id": user.organisation_id, "row": "video", "purpose": "事故调查",
                "case_number": "A1", "minutes": 60, "state": ACTIVE, "requested_at": now, "note": "", "from_at": now,
                "to_at": now + 3_600_000,
            },
        ).scalar_one()  # fmt: skip
        connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": live.ids[0]}])
        touch(connection)

    def lasts_until(at: int) -> None:
        with write(engine) as connection:
            connection.execute(update(AccessGrant).where(AccessGrant.id == key).values(to_at=at))
            touch(connection)

    async def runs_out() -> float:
        lasts_until(now + 3_600_000)
        tile = await live.look(token=token, purpose="")
        assert tile.opened[0]["purpose"] == "事故调查 [A1]"
        assert tile.opened[0]["grant"]["to_at"] == now + 3_600_000
        assert (await live.ask(1, token=token, purpose="")).status_code == 404  # the grant names another truck
        ends = now_ms() + 1_000
        lasts_until(ends)
        assert await tile.closed() == 4403
        assert now_ms() >= ends
        assert tile.state["reason"] == "reason_required"
        return (now_ms() - ends) / 1000

    await one_within(2, runs_out)


async def test_who_may_not_see_a_truck_gets_no_ticket_and_no_list(live: LiveTrucks) -> None:
    await live.look()
    token = live.web.session_token("elsewhere", county=440103)
    counted = REGISTRY.get_sample_value("luwei_video_refused_total", {"reason": "jurisdiction"}) or 0
    assert error(await live.ask(token=token))[0] == 404
    assert REGISTRY.get_sample_value("luwei_video_refused_total", {"reason": "jurisdiction"}) == counted + 1
    viewer = live.web.session_token("onlooker", role="viewer")
    assert error(await live.ask(token=viewer))[0] == 403
    async with live.web.client(viewer) as client:
        assert (await client.get("/api/video/streams")).status_code == 403


async def test_every_limit_of_use_has_its_own_reason(live: LiveTrucks) -> None:
    desk, engine = live.desk, live.web.services.engine
    before = desk._settings
    try:
        desk._settings = dataclasses.replace(before, video_streams_per_user=1)
        await live.look()
        assert error(await live.ask(channel=2)) == (429, "quota", "user_streams")
        desk._settings = dataclasses.replace(before, video_streams_per_vehicle=1)
        assert error(await live.ask(channel=2)) == (429, "quota", "truck_streams")
        desk._settings = dataclasses.replace(before, video_streams=1)
        assert error(await live.ask(1)) == (429, "quota", "streams")
        assert (await live.ask()).status_code == 201  # a stream that runs is shared
        desk._settings = dataclasses.replace(before, video_month_mib=10)
        row = {"phone": live.phones[1], "day": traffic.day_of(now_ms()), "channel": 9, "purpose": "live"}
        with write(engine) as connection:
            connection.execute(insert(VideoTraffic).values(**row, octets=9 << 20, milliseconds=1000))
        told = (await live.ask(1)).json()["traffic"]
        assert told == {"used_bytes": 9 << 20, "limit_bytes": 10 << 20, "warning": 90}
        with write(engine) as connection:
            connection.execute(update(VideoTraffic).where(VideoTraffic.phone == live.phones[1]).values(octets=10 << 20))
        assert error(await live.ask(1)) == (429, "quota", "sim_month")
    finally:
        desk._settings = before
        with write(engine) as connection:
            connection.execute(delete(VideoTraffic).where(VideoTraffic.phone == live.phones[1]))


async def test_a_truck_that_is_not_there_says_offline_and_one_that_refuses_says_refused(live: LiveTrucks) -> None:
    await live.leaves(2)
    absent = await live.take((await live.ask(2)).json())
    refusing = await live.take((await live.ask(1, channel=9)).json())

    async def refused() -> bool:
        return bool(refusing.state["reason"] == "refused")

    await until(refused, "refused")
    assert refusing.state["state"] == "waiting" and refusing.state["answer"] == "failure"

    async def gone() -> bool:
        return any(each["kind"] == "state" and each["reason"] == "offline" for each in absent.texts)

    await until(gone, f"offline; {absent.texts}")


async def test_a_killed_media_process_is_replaced_and_the_picture_comes_back_by_itself(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_socket, "STATS_S", 0.1)
    tile = await live.look()
    await tile.shows(3)
    killed = live.media[-1]
    killed.send_signal(signal.SIGKILL)
    await asyncio.to_thread(killed.wait, 10)

    async def told() -> bool:
        # and goes on saying so: a browser takes silence for a broken line
        return [each.get("reason") for each in tile.texts[-3:]] == ["no_node"] * 3

    await until(told, "told that there is no node")
    assert any(each["kind"] == "state" and each["reason"] == "node_gone" for each in tile.texts)
    live.start_media()

    async def replaced() -> bool:
        return any(each.at > now_ms() - 5_000 for each in live.desk.nodes.alive())

    await until(replaced, "the new process is there")
    began = time.monotonic()

    async def back() -> bool:
        return len(tile.opened) >= 2 and tile.times[-1] > began

    await until(back, "picture back")
    assert tile.code is None
    await tile.shows(3)


async def test_a_snapshot_bears_viewer_and_purpose_and_is_kept_in_the_log(live: LiveTrucks) -> None:
    since = now_ms()
    await live.look()
    async with live.web.client() as client:
        path = f"/api/video/streams/live-{live.ids[0]}-1/snapshot"
        assert error(await client.get(path))[:2] == (400, "purpose")
        answer = await client.get(path, params={"purpose": PURPOSE})
        while answer.status_code == 404:  # the process that decodes takes its time to start on a busy machine
            answer = await client.get(path, params={"purpose": PURPOSE})
        missing = await client.get("/api/video/streams/live-1-7/snapshot", params={"purpose": PURPOSE})
    assert answer.status_code == 200
    assert answer.content[:2] == b"\xff\xd8"
    assert missing.status_code == 404
    entry = audited(live, "video.snapshot", since)[-1]
    assert entry.vehicle_id == live.ids[0]


async def test_a_supervisor_ends_a_stream_for_everybody(live: LiveTrucks) -> None:
    tile = await live.look()
    async with live.web.client() as client:
        assert (await client.delete(f"/api/video/streams/live-{live.ids[0]}-1")).status_code == 200
    assert await tile.closed() == 4410
    assert (tile.state["state"], tile.state["reason"]) == ("ended", "closed")


async def test_a_stream_nobody_asked_for_is_told_from_one_of_an_unknown_sim(live: LiveTrucks) -> None:
    node = await live.node()
    clip = record(seconds=1.0)
    await stream_to("127.0.0.1", node.ports["live"], live.phones[0], 7, source=clip.play(), seconds=2)
    await stream_to("127.0.0.1", node.ports["live"], "19900000000", 1, source=clip.play(), seconds=2)
    counted: dict[str, int] = {}

    async def refused() -> bool:
        async with live.web.client() as client:
            (item,) = (await client.get("/api/video/nodes")).json()["items"]
        counted.update(item["refused"])
        return {"unexpected", "unknown_sim"} <= counted.keys()

    await until(refused, "both counted")


async def test_what_a_sim_brought_is_counted_by_day_channel_and_purpose(live: LiveTrucks) -> None:
    tile = await live.look(1, channel=2)
    await tile.shows(5)
    await live.clear()
    used: dict[str, Any] = {}

    async def counted() -> bool:
        async with live.web.client() as client:
            used.update((await client.get("/api/video/traffic", params={"vehicle_id": live.ids[1]})).json())
        return any(day["channel"] == 2 and day["bytes"] > 5_000 for day in used["days"])

    await until(counted, "traffic written down")
    assert {day["purpose"] for day in used["days"]} == {"live"}
    assert used["used_bytes"] == sum(day["bytes"] for day in used["days"])


async def test_a_report_of_traffic_that_comes_twice_counts_once(live: LiveTrucks) -> None:
    engine, at = live.web.services.engine, now_ms()
    report = Traffic(77, 3, at, [("18800000000", 1, "live", 1000, 2000), ("18800000000", 1, "live", 500, 1000)])
    assert traffic.enter(engine, report)
    assert not traffic.enter(engine, report)
    assert not traffic.enter(engine, Traffic(77, 2, at, report.rows))
    assert traffic.used(engine, "18800000000", at) == 1500


async def test_streams_of_a_core_that_ended_are_stopped_when_nobody_looks(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "STRAY_MS", 1000)
    since = now_ms()
    await live.look()
    desk = live.desk
    # as after a restart: the node streams on, the desk knows nothing
    for drive, task in list(desk._drives.values()):
        del drive
        task.cancel()
    stream = desk.streams.pop(f"live-{live.ids[0]}-1")
    stream.ended = True

    async def stopped() -> bool:
        return [node.streams for node in desk.nodes.alive()] == [[]]

    await until(stopped, "stream ended at its node")

    async def told() -> bool:
        return ("video_control", "success", "not asked for") in commands_of(live, 0, since)

    await until(told, "terminal told to stop")


async def test_channels_are_listed_with_what_runs_on_them(live: LiveTrucks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "CHANNELS_S", 15.0)  # a busy machine answers late
    await live.look()
    async with live.web.client() as client:
        answer = (await client.get(f"/api/video/vehicles/{live.ids[0]}/channels")).json()
        usage = (await client.get("/api/video/usage")).json()
    first = answer["channels"][0]
    assert (first["channel"], first["name_zh"], first["in_cab"]) == (1, "驾驶员", True)
    assert first["stream"] == f"live-{live.ids[0]}-1"
    # it is asked at the first look, and not guessed at
    assert answer["source"] == "terminal" and [each["channel"] for each in answer["channels"]] == [1, 2, 3, 4]

    async def attributes() -> bool:
        engine, catalogue = live.web.services.engine, live.web.services.catalogue
        hints = audio_hints(engine, catalogue, live.ids[0], live.phones[0])
        return (hints.sample_rate, hints.channels, hints.codec) == (8000, 1, "")

    await until(attributes, "what it said of its sound is known")
    engine, catalogue, vehicle = live.web.services.engine, live.web.services.catalogue, live.ids[0]
    with read(engine) as connection:
        terminal = connection.scalar(select(Terminal.id).where(Terminal.phone == live.phones[0]))

    def seen() -> tuple[str, int]:
        """As the truck's terminal of this number."""
        hints = audio_hints(engine, catalogue, vehicle, number)
        return channels(engine, vehicle, terminal).source, hints.sample_rate

    number = live.phones[0]
    assert seen() == ("terminal", 8000)
    with write(engine) as connection:  # another terminal is put in: what the one before said counts for nothing
        number = "13999999999"
        connection.execute(update(Terminal).where(Terminal.id == terminal).values(phone=number))
    try:
        assert seen() == ("default", 0)
    finally:
        with write(engine) as connection:
            connection.execute(update(Terminal).where(Terminal.id == terminal).values(phone=live.phones[0]))
    assert (usage["streams"], usage["viewers"], usage["user_streams"]) == (1, 1, 1)


@contextlib.asynccontextmanager
async def sending(live: LiveTrucks, truck: int, **way: Any) -> AsyncIterator[Tile]:
    """A tile of the truck's channel, to which the test sends a stream as a terminal would."""
    tile = await live.take((await live.ask(truck, channel=ABSENT)).json())
    name = f"live-{live.ids[truck]}-{ABSENT}"

    async def expected() -> bool:
        return name in live.desk.streams and bool(live.desk.streams[name].node)

    await until(expected, "a node expects it")
    node = live.desk.nodes.get(live.desk.streams[name].node)
    assert node is not None
    line: asyncio.Task[MediaLine] = asyncio.create_task(
        stream_to("127.0.0.1", node.ports["live"], live.phones[truck], ABSENT, source=record().play(), **way)
    )
    try:
        yield tile
    finally:
        line.cancel()
        await asyncio.gather(line, return_exceptions=True)


async def test_terminals_with_a_sim_of_6_and_of_10_octets_are_read_side_by_side(live: LiveTrucks) -> None:
    async with sending(live, 0, sim_size=6) as narrow, sending(live, 1, sim_size=10) as wide:
        await asyncio.gather(narrow.shows(5), wide.shows(5))
    for tile in (narrow, wide):
        assert tile.opened[0]["width"] == 352


async def test_pictures_come_by_datagrams_and_a_terminal_hears_what_of_them_is_lost(live: LiveTrucks) -> None:
    commands = live.web.services.commands
    assert commands is not None
    notices = LossNotices(live.desk, commands, 0.5)
    told = live.lines[0].terminal.commands.equipment.video.loss_percent
    told.clear()
    live.desk.transport = "udp"
    try:
        tile = await live.look()
        await tile.shows(8)
        stream = live.desk.streams[f"live-{live.ids[0]}-1"]

        async def datagrams() -> bool:
            return stream.report is not None and stream.report.transport == "udp"

        await until(datagrams, "its node says that datagrams come")
        lossy = MediaFault("lossy", "", loss=0.25)
        async with sending(live, 0, udp=True, fault=lossy):
            await notices.start()

            async def heard() -> bool:
                return {1, ABSENT} <= told.keys() and told[ABSENT] > 0

            await until(heard, f"both channels told; {told}")
            assert told[1] == 0
            assert 5 <= told[ABSENT] <= 50
    finally:
        live.desk.transport = "tcp"
        await notices.stop()


async def test_of_two_media_processes_one_is_killed_and_its_viewers_come_back_at_the_other(live: LiveTrucks) -> None:
    live.start_media(1)

    async def both() -> bool:
        return len({each.node.partition("-")[0] for each in live.desk.nodes.alive()}) == 2

    await until(both, "two media processes there")
    tiles = [await live.look(), await live.look()]
    here = live.desk.streams[f"live-{live.ids[0]}-1"].node

    async def calm() -> bool:
        loads = {each.node == here: round(each.load, 1) for each in live.desk.nodes.alive()}
        return loads[False] <= loads[True]

    await until(calm, "the process without a stream is not the busier one, as it is while it starts")
    tiles.append(await live.look(1))
    there = live.desk.streams[f"live-{live.ids[1]}-1"].node
    assert here != there  # the second stream goes to the process that has none
    body = {"vehicle_id": live.ids[0], "channel": 1, "purpose": PURPOSE, "seconds": 60}
    async with live.web.client() as client:
        record = (await client.post("/api/video/records", json=body)).json()["record"]["id"]

    async def recorded() -> dict[str, Any]:
        async with live.web.client() as client:
            return dict((await client.get(f"/api/video/records/{record}")).json())

    async def some() -> bool:
        return (await recorded())["record"]["pictures"] > 0

    await until(some, "the recording has pictures")
    killed = live.media[-1] if here.startswith("1-") else live.media[-2]
    began = time.monotonic()
    killed.send_signal(signal.SIGKILL)

    async def back() -> bool:
        return all(len(tile.opened) >= 2 and tile.times[-1] > began for tile in tiles[:2])

    await until(back, "pictures back")
    print(f"pictures back after {time.monotonic() - began:.1f} s")
    assert live.desk.streams[f"live-{live.ids[0]}-1"].node == there
    assert [tile.code for tile in tiles] == [None] * 3
    assert len(tiles[2].opened) == 1  # the other process's viewers saw nothing of it
    for tile in tiles:
        await tile.shows(2)
    async with live.web.client() as client:
        await client.post(f"/api/video/records/{record}/stop")

    async def kept() -> dict[str, Any]:
        found = await recorded()
        return found if found["record"]["state"] == "done" else {}

    found = await until(kept, "the recording is stored")
    assert [(each["state"], each["cause"]) for each in found["parts"]] == [("done", "lost"), ("done", "end")]
    # on a busy machine two seconds may pass without a picture
    (gap,) = (each for each in found["gaps"] if each["cause"] != "no_data")
    first, second = found["parts"]
    # what was seen before the kill and after it is there, and what lies between has a name
    assert gap["cause"] == "line" and first["ended_at"] <= gap["from"] < gap["to"]
    assert found["record"]["pictures"] == first["pictures"] + second["pictures"] and second["pictures"] > 0
