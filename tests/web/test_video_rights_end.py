"""Rights to video that end while they are in use, and what one person began and another would end."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import location, until
from sqlalchemy import func, select, update

from luwei import facts
from luwei.access.user import User
from luwei.registry import organisations
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.download import Download
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.video_record import VideoRecord
from luwei.video import downloads, record_rows, standing
from luwei.video.record_rows import Wanted

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]

HOUR_MS = 3_600_000
TRUCK = 1
CITY = 440300


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


@functools.cache
def hours_ago() -> int:
    return now_ms() // HOUR_MS * HOUR_MS - 4 * HOUR_MS


@dataclass
class People:
    """Tokens: of two companies, of the police and of the province."""

    live: LiveTrucks
    ours: int
    theirs: int
    dispatcher: str
    colleague: str
    buyer: str
    city: str
    town: str
    province: str

    async def post(self, path: str, token: str, **body: Any) -> httpx.Response:
        async with self.live.web.client(token) as client:
            return await client.post(f"/api/video/{path}", json=body or None)

    async def begin(self, path: str, token: str, **more: Any) -> dict[str, Any]:
        body = {"vehicle_id": self.live.ids[TRUCK], "purpose": PURPOSE} | more
        answer = await self.post(path, token, **body)
        assert answer.status_code == 201, (path, answer.text)
        return dict(answer.json())

    async def give(self, organisation: int) -> None:
        """The truck is this company's from now on."""
        async with self.live.web.client() as client:
            answer = await client.patch(f"/api/vehicles/{self.live.ids[TRUCK]}", json={"operator_id": organisation})
        assert answer.status_code == 200, answer.text

    async def reports(self) -> None:
        """The truck says where it is: a rule records no truck that is not there."""
        services, vehicle = self.live.web.services, self.live.ids[TRUCK]
        with read(services.engine) as connection:
            terminal = connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == vehicle))
        await self.live.web.publish(facts.FIX, [location(vehicle, now_ms(), terminal_id=terminal)])

        async def there() -> bool:
            present = services.fleet.present(vehicle)
            return present is not None and present.state not in ("offline", "unknown")

        await until(there, "the truck is there")

    def state(self, table: type[VideoRecord] | type[Download], key: int) -> tuple[str, str]:
        with read(self.live.web.services.engine) as connection:
            row = connection.execute(select(table.__table__).where(table.id == key)).one()
        return row.state, row.reason


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _people(_live: LiveTrucks) -> AsyncIterator[People]:
    engine, token = _live.web.services.engine, _live.web.session_token
    quick = pytest.MonkeyPatch()
    quick.setattr(downloads, "TURN_S", 0.1)

    def company(name: str) -> int:
        return organisations.create(engine, {"kind": "operator", "name": name, "city": CITY}, SYSTEM, WHOLE)

    ours, theirs = company("视频甲公司"), company("视频乙公司")
    made = People(
        _live, ours, theirs, token("v-dispatcher", role="operator", operator_id=ours),
        token("v-colleague", role="operator", operator_id=ours), token("v-buyer", role="operator", operator_id=theirs),
        token("v-city", city=CITY), token("v-town", county=440305), token("v-province"),
    )  # fmt: skip
    async with _live.web.client() as client:
        path = f"/api/vehicles/{_live.ids[TRUCK]}"
        answer = await client.patch(path, json={"operator_id": ours, "city": CITY, "county": 440305})
    assert answer.status_code == 200, answer.text
    yield made
    quick.undo()


@pytest_asyncio.fixture(loop_scope="session")
async def people(live: LiveTrucks, _people: People) -> AsyncIterator[People]:
    """The truck belongs to ``ours``, and nobody looks."""
    await _people.give(_people.ours)
    yield _people


async def test_a_truck_that_is_sold_takes_along_all_that_its_company_began(people: People) -> None:
    live, mine = people.live, people.dispatcher
    first = hours_ago() + 60_000
    span = {"from_at": first, "to_at": first + 600_000, "stream": 2, "storage": 2}
    played = await live.take(await people.begin("playbacks", mine, channel=2, **span), mine)
    talked = await live.take(await people.begin("talks", mine, kind="talk"), mine)
    record = (await people.begin("records", mine, channel=3, seconds=60))["record"]["id"]
    fetched = (await people.begin("downloads", mine, channel=1, **span))["id"]
    later = (await people.begin("downloads", mine, channel=2, **span))["id"]
    await played.shows(2)

    async def all_go_on() -> bool:
        with read(live.web.services.engine) as connection:
            asked_at = connection.scalar(select(Download.asked_at).where(Download.id == fetched))
        recorded = people.state(VideoRecord, record)[0]
        return recorded == "recording" and asked_at is not None and talked.state["state"] == "live"

    await until(all_go_on, "picture, talk, recording and download")
    await people.give(people.theirs)
    assert (await played.closed(), await talked.closed()) == (4403, 4403)
    assert (played.state["reason"], talked.state["reason"]) == ("forbidden", "forbidden")

    async def all_ended() -> bool:
        with read(live.web.services.engine) as connection:
            ending = select(Download.ending, Download.reason).where(Download.id.in_((fetched, later)))
            endings = [tuple(each) for each in connection.execute(ending)]
        return people.state(VideoRecord, record)[1] == "forbidden" and endings == [("failed", "forbidden")] * 2

    await until(all_ended, "recording and downloads")
    with read(live.web.services.engine) as connection:
        told = connection.scalar(
            select(func.count()).select_from(AuditEntry).where(
                AuditEntry.act == "video.download_end", AuditEntry.noun_id.in_((fetched, later))
            )
        )  # fmt: skip
    assert told == 2


async def test_what_lies_in_a_terminal_is_for_who_had_the_truck_then(people: People) -> None:
    first = hours_ago()
    span = {"from_at": first, "to_at": first + HOUR_MS}
    path = f"vehicles/{people.live.ids[TRUCK]}/recordings"
    wanted: dict[str, Any] = {"channel": 1, "purpose": PURPOSE}
    mine = (await people.post(path, people.dispatcher, **span, **wanted)).json()
    assert mine["total"] > 0 and mine["withheld"] == 0
    await people.give(people.theirs)
    theirs = (await people.post(path, people.buyer, **span, **wanted)).json()
    assert (theirs["state"], theirs["total"], theirs["items"]) == ("answered", 0, [])
    assert theirs["withheld"] == mine["total"]
    piece = wanted | {"vehicle_id": people.live.ids[TRUCK], "from_at": first, "to_at": first + 60_000}
    for noun in ("playbacks", "downloads"):
        assert error(await people.post(noun, people.buyer, **piece)) == (403, "from_at", "not_held")


async def test_a_right_that_ends_while_the_terminal_is_asked_keeps_its_answer_back(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    commanding, sold = people.live.desk.commanding, asyncio.Event()
    answered = commanding.ended

    async def ended(*args: Any) -> Any:
        await people.give(people.theirs)
        sold.set()
        return await answered(*args)

    monkeypatch.setattr(commanding, "ended", ended)
    first = hours_ago()
    answer = await people.post(
        f"vehicles/{people.live.ids[TRUCK]}/recordings", people.dispatcher, from_at=first, to_at=first + HOUR_MS,
        channel=1, purpose=PURPOSE,
    )  # fmt: skip
    assert sold.is_set() and answer.status_code == 404


async def test_who_began_a_recording_and_who_stands_above_him_end_it_and_no_other(people: People) -> None:
    live = people.live
    recorder = live.web.services.recorder
    assert recorder is not None
    city = (await people.begin("records", people.city, channel=1, seconds=60))["record"]
    assert city["may_stop"]
    name = f"live-{live.ids[TRUCK]}-1"

    async def tried(key: int, token: str) -> tuple[int, str, str]:
        answer = await people.post(f"records/{key}/stop", token)
        return error(answer) if answer.status_code != 200 else (200, "", answer.json()["record"]["reason"])

    async def shown(key: int, token: str) -> bool:
        async with live.web.client(token) as client:
            return bool((await client.get(f"/api/video/records/{key}")).json()["record"]["may_stop"])

    async def stream_ended(token: str) -> httpx.Response:
        async with live.web.client(token) as client:
            return await client.delete(f"/api/video/streams/{name}")

    async def there() -> bool:
        return name in live.desk.streams

    await until(there, "its stream")
    for token in (people.dispatcher, people.town):  # the company that it shows, and a town below the city
        assert await tried(city["id"], token) == (403, "record", "others")
        assert not await shown(city["id"], token)
        assert error(await stream_ended(token)) == (403, "stream", "others")
    # a rule of the policy, and a colleague's for a case, are not ended by the company that they show
    await people.reports()
    rule = Wanted(
        0, live.ids[TRUCK], None, live.phones[TRUCK], 2, "sub", "规则", None, SYSTEM, 1, None, 60, now_ms(), None,
        "waiting", [], False,
    )  # fmt: skip
    rule.id = await asyncio.to_thread(record_rows.enter, live.web.services.engine, rule)
    recorder.wake()

    async def taken_up() -> bool:
        return rule.id in recorder.running

    await until(taken_up, "the rule's")
    case = (await people.begin("records", people.dispatcher, channel=3, seconds=60))["record"]["id"]
    recorder.running[case].wanted.case_id = 7
    assert await tried(rule.id, people.dispatcher) == (403, "record", "of_case")
    assert await tried(case, people.colleague) == (403, "record", "of_case")
    recorder.running[case].wanted.case_id = None
    assert await shown(case, people.colleague)
    assert await tried(case, people.colleague) == (200, "", "stopped")
    assert await tried(rule.id, people.town) == (200, "", "stopped")
    assert await tried(city["id"], people.province) == (200, "", "stopped")
    with read(live.web.services.engine) as connection:
        refused = connection.scalars(
            select(AuditEntry.detail).where(AuditEntry.act == "video.refuse", AuditEntry.noun_id == city["id"])
        ).all()
    assert len(refused) == 2 and all('"others"' in each for each in refused)


async def test_a_company_ends_neither_the_picture_nor_the_talk_nor_the_download_of_who_supervises_it(
    people: People,
) -> None:
    live, mine = people.live, people.dispatcher
    tile = await live.look(TRUCK, token=people.city)
    talk = await people.begin("talks", people.city, kind="talk")
    talking = await live.take(talk, people.city)
    first = hours_ago() + 600_000
    span = {"from_at": first, "to_at": first + 20_000, "networks": ["wifi"]}
    key = (await people.begin("downloads", people.province, channel=1, **span))["id"]
    async with live.web.client(mine) as client:
        stream = await client.delete(f"/api/video/streams/live-{live.ids[TRUCK]}-1")
        call = await client.delete(f"/api/video/talks/{talk['talk']}")
        row = (await client.get(f"/api/video/downloads/{key}")).json()
    assert error(stream) == (403, "stream", "others") and error(call) == (403, "talk", "others")
    assert error(await people.post(f"downloads/{key}/cancel", mine)) == (403, "download", "others")
    with read(live.web.services.engine) as connection:
        tried = select(AuditEntry.detail).where(
            AuditEntry.act == "talk.refuse", AuditEntry.vehicle_id == live.ids[TRUCK]
        )
        (said,) = [each for each in connection.scalars(tried) if talk["talk"] in each]
    assert json.loads(said)["reason"] == "others" and json.loads(said)["of"] == "v-city"
    assert row["may"] == [] and tile.code is None and talking.code is None
    async with live.web.client(people.province) as client:
        assert (await client.delete(f"/api/video/talks/{talk['talk']}")).status_code == 200
        assert (await client.delete(f"/api/video/streams/live-{live.ids[TRUCK]}-1")).status_code == 200
    assert (await people.post(f"downloads/{key}/cancel", people.province)).status_code == 200
    assert (await tile.closed(), await talking.closed()) == (4410, 4410)


async def test_a_password_that_is_too_old_ends_nothing_that_goes_on_and_a_closed_account_does(people: People) -> None:
    engine, vehicle = people.live.web.services.engine, people.live.ids[TRUCK]

    def account(**values: Any) -> int:
        with write(engine) as connection:
            changed = update(User).where(User.username == "v-colleague").values(**values).returning(User.id)
            return int(connection.execute(changed).scalar_one())

    user = account(must_change_password=True)
    assert standing.forbidden(engine, {(user, vehicle)}) == set()
    account(must_change_password=False, disabled_at=now_ms())
    assert standing.forbidden(engine, {(user, vehicle)}) == {(user, vehicle)}
    account(disabled_at=None)


async def test_a_terminal_that_is_given_to_another_truck_shows_nobody_the_picture_of_that_one(people: People) -> None:
    live, engine = people.live, people.live.web.services.engine
    tile = await live.look(TRUCK, token=people.dispatcher)

    def seat(vehicle: int | None) -> None:
        with write(engine) as connection:
            connection.execute(update(Terminal).where(Terminal.phone == live.phones[TRUCK]).values(vehicle_id=vehicle))

    seat(None)
    try:
        assert await tile.closed() == 4410
    finally:
        seat(live.ids[TRUCK])
    assert tile.state["reason"] == "no_terminal"
