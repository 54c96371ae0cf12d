"""What a truck has recorded, and its playback: simulated trucks through gateway, bus and a media process of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest
from live_trucks import PURPOSE, LiveTrucks, Tile, _live, live
from running_core import until
from sqlalchemy import select

from luwei.profiles.profile import MediaHabits
from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read
from luwei.simulator.media_faults import BY_NAME
from luwei.simulator.scene import read_code
from luwei.video import playback_drive
from luwei.web import video_recordings

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]

HOUR_MS = 3_600_000


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


def audited(live: LiveTrucks, act: str, since: int) -> list[Any]:
    with read(live.web.services.engine) as connection:
        rows = connection.execute(select(AuditEntry).where(AuditEntry.act == act, AuditEntry.at >= since))
        return list(rows.all())


@functools.cache
def some_hours_ago() -> int:
    """A full hour at which everything that was recorded since is finished; the same for all of a run."""
    return now_ms() // HOUR_MS * HOUR_MS - 4 * HOUR_MS


async def ask(live: LiveTrucks, truck: int = 0, token: str | None = None, **more: Any) -> httpx.Response:
    first = some_hours_ago()
    body = {"from_at": first, "to_at": first + 2 * HOUR_MS, "channel": 1, "purpose": PURPOSE} | more
    async with live.web.client(token) as client:
        return await client.post(f"/api/video/vehicles/{live.ids[truck]}/recordings", json=body)


async def test_a_truck_says_what_it_recorded(live: LiveTrucks) -> None:
    since, first = now_ms(), some_hours_ago()
    answer = (await ask(live)).json()
    assert (answer["state"], answer["reason"]) == ("answered", "")
    # pieces of ten minutes in the main storage, of half an hour in the other
    main = [each for each in answer["items"] if each["storage"] == 1]
    other = [each for each in answer["items"] if each["storage"] == 2]
    assert [each["start_at"] - first for each in main] == [600_000 * number for number in range(12)]
    assert [each["start_at"] - first for each in other] == [1_800_000 * number for number in range(4)]
    assert {each["channel"] for each in answer["items"]} == {1}
    assert all(each["bytes"] > 0 and len(each["alarm"]) == 16 for each in answer["items"])
    (entry,) = audited(live, "video.recordings", since)
    assert PURPOSE in entry.detail and entry.vehicle_id == live.ids[0]


async def test_a_whole_day_of_all_channels_comes_in_pages(live: LiveTrucks) -> None:
    first = some_hours_ago() - 24 * HOUR_MS
    answer = (await ask(live, channel=0, from_at=first, to_at=first + 24 * HOUR_MS)).json()
    assert answer["total"] == 4 * 144 + 2 * 48
    seen: list[dict[str, Any]] = []
    offset: int | None = 0
    async with live.web.client() as client:
        path = f"/api/video/vehicles/{live.ids[0]}/recordings"
        while offset is not None:
            page = (await client.get(path, params={"list": answer["list"], "offset": offset, "limit": 500})).json()
            seen += page["items"]
            offset = page["next"]
        newest = (await client.get(path)).json()
        missing = await client.get(path, params={"list": 2_000_000_000})
        other = await client.get(f"/api/video/vehicles/{live.ids[1]}/recordings", params={"list": answer["list"]})
    assert seen == answer["items"]
    assert newest["list"] == answer["list"]
    assert missing.status_code == other.status_code == 404


async def test_a_terminal_that_lists_only_after_parameters_is_asked_for_some_first(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1078 reference §7; its profile says so."""
    since, commands = now_ms(), live.lines[1].terminal.commands
    unit = commands.equipment.video
    monkeypatch.setattr(unit, "fault", BY_NAME["list_after_parameters"])
    commands.parameters_asked = False  # as after its login
    habits = MediaHabits(list_after_parameters=True)
    monkeypatch.setattr(video_recordings, "media_habits", lambda *_: habits)
    answer = (await ask(live, 1)).json()
    assert (answer["state"], answer["total"]) == ("answered", 16)
    orders = [(kind, values.get("ids")) for kind, values in sent(live, 1, since)]
    assert orders == [("read_parameters", [0x0076]), ("video_list", None)]


async def test_nothing_recorded_is_an_empty_list(live: LiveTrucks) -> None:
    first = some_hours_ago() - 20 * 24 * HOUR_MS
    answer = (await ask(live, from_at=first, to_at=first + HOUR_MS)).json()
    assert (answer["state"], answer["items"]) == ("answered", [])


async def test_a_list_wants_a_purpose_and_a_span_of_at_most_31_days(live: LiveTrucks) -> None:
    first = some_hours_ago()
    assert error(await ask(live, purpose=""))[:2] == (400, "purpose")
    assert error(await ask(live, to_at=first))[:2] == (400, "to_at")
    assert error(await ask(live, to_at=first + 31 * 24 * HOUR_MS + 1))[:2] == (400, "to_at")
    assert error(await ask(live, channel=65))[:2] == (400, "channel")
    assert error(await ask(live, token=live.web.session_token("reader", role="viewer")))[0] == 403


# Playback


async def opened(live: LiveTrucks, truck: int = 0, token: str | None = None, **more: Any) -> httpx.Response:
    first = some_hours_ago() + 60_000
    body = {"vehicle_id": live.ids[truck], "channel": 2, "from_at": first, "to_at": first + 600_000, "purpose": PURPOSE}
    async with live.web.client(token) as client:
        return await client.post("/api/video/playbacks", json=body | more)


async def play(live: LiveTrucks, truck: int = 0, **more: Any) -> Tile:
    answer = await opened(live, truck, **more)
    assert answer.status_code == 201, answer.text
    tile = await live.take(answer.json())
    await tile.shows(3)
    return tile


def seen(tile: Tile) -> tuple[int, int]:
    """Channel and recorded time (UTC ms) that the newest picture itself shows."""
    first = max(number for number, part in enumerate(tile.video) if part[4:8] == b"ftyp")
    with av.open(io.BytesIO(b"".join(tile.video[first:]))) as container:
        picture = list(container.decode(video=0))[-1]
    code = read_code(picture.to_ndarray(format="gray"))
    assert code is not None
    return code.channel, code.centiseconds * 10


def pictured(tile: Tile) -> bool:
    """Whether a part with pictures came since the last init segment."""
    return tile.video[-1][4:8] != b"ftyp"


def about(tile: Tile, at: int) -> int:
    """Distance of the newest picture's own clock to ``at``, whose hundredths wrap at 2**32."""
    turn = 2**32 * 10
    return (seen(tile)[1] - at + turn // 2) % turn - turn // 2


async def told(tile: Tile, seconds: float = 60, **wanted: Any) -> dict[str, Any]:
    """Wait until the playback is said to be so."""

    def now() -> dict[str, Any]:
        said = [each["playback"] for each in tile.texts if "playback" in each]
        return dict(said[-1]) if said else {}

    async def so() -> bool:
        return wanted.items() <= now().items()

    await until(so, f"{wanted}", seconds)
    return now()


async def steer(tile: Tile, act: str, **more: Any) -> None:
    await tile.say(kind="steer", act=act, **more)


def sent(live: LiveTrucks, truck: int, since: int) -> list[tuple[str, dict[str, Any]]]:
    with read(live.web.services.engine) as connection:
        rows = connection.execute(
            select(CommandBatch.kind, CommandBatch.parameters)
            .join(Command, Command.batch_id == CommandBatch.id)
            .where(Command.vehicle_id == live.ids[truck], Command.created_at >= since)
            .order_by(Command.id)
        )
        return [(row.kind, json.loads(row.parameters)) for row in rows]


async def test_a_recording_is_played_from_its_place_and_ends_when_its_viewer_leaves(live: LiveTrucks) -> None:
    since, first = now_ms(), some_hours_ago() + 60_000
    tile = await play(live)
    await tile.shows(8)
    assert (tile.opened[0]["line"], tile.opened[0]["purpose"]) == ("playback", PURPOSE)
    assert seen(tile)[0] == 2
    assert -2_000 <= about(tile, first) < 60_000
    said = await told(tile, mode="play", exact=True, paused=False)
    assert first <= said["position"] < first + 120_000
    # live pictures of the same channel go on beside it
    beside = await live.look(channel=2)
    await beside.shows(2)
    await tile.shows(2)
    await live.clear()
    kinds = [(kind, values.get("command")) for kind, values in sent(live, 0, since)]
    assert ("video_playback", None) in kinds and ("video_playback_control", 2) in kinds
    looks = [entry for entry in audited(live, "video.look", since) if "recorded_from" in entry.detail]
    assert len(looks) == 1 and PURPOSE in looks[0].detail


async def test_its_viewer_pauses_drags_speeds_up_and_steps(live: LiveTrucks) -> None:
    since, first = now_ms(), some_hours_ago() + 60_000
    tile = await play(live)
    await steer(tile, "pause")
    await told(tile, paused=True)
    assert tile.state["state"] == "live"
    await steer(tile, "drag", at=first + 300_000)
    await told(tile, paused=False)

    async def there() -> bool:
        return len(tile.opened) >= 2 and pictured(tile) and abs(about(tile, first + 300_000)) < 60_000

    await until(there, "the other place")
    await steer(tile, "fast", speed=4)
    await told(tile, mode="fast", speed=4)
    await tile.shows(3)
    await steer(tile, "step_back")

    async def stepped(mode: str) -> bool:
        # what is told comes on another way than the picture: one may overtake the other
        said = await told(tile, mode=mode, paused=True)
        return pictured(tile) and abs(about(tile, said["position"])) <= 10  # the picture's clock, whose unit this is

    await until(lambda: stepped("back"), "the key picture")
    held = len(tile.opened)
    await steer(tile, "step_forward")
    await until(lambda: stepped("keys"), "the key picture")
    said = await told(tile, mode="keys", paused=True)
    assert len(tile.opened) == held + 1 and said["failed"] == ""
    await steer(tile, "resume")
    await told(tile, mode="play", speed=1, paused=False)
    await tile.shows(3)
    acts = [(each["command"], each["speed"]) for kind, each in sent(live, 0, since) if kind == "video_playback_control"]
    assert acts == [(1, 0), (5, 0), (3, 3), (1, 0), (4, 1), (1, 0), (6, 0), (1, 0), (0, 0)]
    for broken in ({"act": ["pause"]}, {"act": "fast", "speed": [2]}, {"act": "drag", "at": "x"}, {"act": "drag"}):
        await tile.say(kind="steer", **broken)
    await tile.shows(1)


async def test_a_channel_is_played_once_and_a_viewers_next_playback_takes_the_place_of_his_own(
    live: LiveTrucks,
) -> None:
    first = some_hours_ago() + 60_000
    tile = await play(live)
    second, since = live.web.session_token("second"), now_ms()
    refused = await opened(live, token=second)
    assert error(refused)[:3] == (409, "channel", "busy")
    (name,) = (each for each in live.desk.streams if each.startswith("play-"))
    for token, status in ((second, 404), (None, 200)):  # only who plays it sees it
        async with live.web.client(token) as client:
            still = await client.get(f"/api/video/streams/{name}/snapshot", params={"purpose": PURPOSE})
        assert still.status_code == status
    (entry,) = audited(live, "video.snapshot", since)
    assert first <= json.loads(entry.detail)["recorded_at"] < first + 180_000  # and not the time of the look
    later = await play(live, from_at=first + 200_000, to_at=first + 400_000)
    assert await tile.closed() == 4410
    assert tile.state["reason"] == "replaced"
    assert abs(about(later, first + 200_000)) < 60_000


async def test_the_end_of_the_range_ends_the_playback(live: LiveTrucks) -> None:
    first = some_hours_ago() + 60_000
    tile = await play(live, from_at=first, to_at=first + 3_000)
    assert await tile.closed() == 4410
    assert (tile.state["state"], tile.state["reason"]) == ("ended", "finished")


async def test_where_nothing_was_recorded_the_terminal_refuses_and_rules_are_named(live: LiveTrucks) -> None:
    first = some_hours_ago() - 20 * 24 * HOUR_MS
    answer = await opened(live, from_at=first, to_at=first + 60_000)
    tile = await live.take(answer.json())
    assert await tile.closed() == 4410
    assert tile.state["reason"] in ("refused", "no_recording")
    assert error(await opened(live, purpose=""))[:2] == (400, "purpose")
    assert error(await opened(live, to_at=first))[:2] == (400, "to_at")
    assert error(await opened(live, speed=3))[:2] == (400, "speed")
    assert error(await opened(live, token=live.web.session_token("reader2", role="viewer")))[0] == 403


async def test_what_playback_brought_is_counted_apart(live: LiveTrucks) -> None:
    tile = await play(live, 1, channel=3)
    await tile.shows(3)
    await live.clear()

    async def counted() -> bool:
        async with live.web.client() as client:
            days = (await client.get("/api/video/traffic", params={"vehicle_id": live.ids[1]})).json()["days"]
        return any((day["purpose"], day["channel"]) == ("playback", 3) and day["bytes"] > 5_000 for day in days)

    await until(counted, "traffic written down")


@contextlib.contextmanager
def equipped(live: LiveTrucks, truck: int, **gear: Any) -> Iterator[None]:
    """The truck with other equipment."""
    unit = live.lines[truck].terminal.commands.equipment.video
    before = unit.gear
    unit.gear = dataclasses.replace(before, **gear)
    try:
        yield
    finally:
        unit.gear = before


async def test_a_terminal_may_answer_with_the_list_as_the_standard_has_it(live: LiveTrucks) -> None:
    long_ago = some_hours_ago() - 20 * 24 * HOUR_MS
    with equipped(live, 1, lists_on_playback=True):
        tile = await play(live, 1)
        await told(tile, mode="play", paused=False)
        assert tile.state["answer"] not in ("failure", "unsupported")
        nothing = await live.take((await opened(live, 1, channel=3, from_at=long_ago, to_at=long_ago + 60_000)).json())
        assert await nothing.closed() == 4410
        assert nothing.state["reason"] == "no_recording"
        await tile.shows(2)


async def test_a_playback_that_stays_paused_for_too_long_ends(
    live: LiveTrucks, monkeypatch: pytest.MonkeyPatch
) -> None:
    tile = await play(live, 1)
    await steer(tile, "pause")
    await told(tile, paused=True)
    monkeypatch.setattr(playback_drive, "PAUSE_MAX_MS", 500)
    assert await tile.closed() == 4410
    assert (tile.state["state"], tile.state["reason"]) == ("ended", "paused_long")


async def test_a_terminal_that_counts_from_zero_plays_by_datagrams(live: LiveTrucks) -> None:
    first = some_hours_ago() + 60_000
    live.desk.transport = "udp"
    try:
        with equipped(live, 1, relative=True):
            tile = await play(live, 1)
            (stream,) = [each for each in live.desk.streams.values() if each.kind == "playback"]

            async def datagrams() -> bool:
                return stream.report is not None and stream.report.transport == "udp"

            await until(datagrams, "its node says that datagrams come")
            said = await told(tile, mode="play", exact=False)
            assert first <= said["position"] < first + 120_000
            assert -2_000 <= about(tile, first) < 60_000
            await steer(tile, "drag", at=first + 300_000)

            async def there() -> bool:
                return len(tile.opened) >= 2 and pictured(tile) and abs(about(tile, first + 300_000)) < 60_000

            await until(there, "the other place")
            said = await told(tile, exact=False)
            assert abs(said["position"] - first - 300_000) < 120_000
    finally:
        live.desk.transport = "tcp"


async def test_a_truck_that_is_not_there_is_said_to_be_offline(live: LiveTrucks) -> None:
    await live.leaves(2)
    answer = (await ask(live, 2)).json()
    assert (answer["state"], answer["reason"]) == ("failed", "offline")
