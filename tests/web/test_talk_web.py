"""Talk, listening and broadcast over HTTP and WebSocket: simulated trucks, gateway, bus and media process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import until
from sqlalchemy import insert, select, update

from luwei.access.grant import ACTIVE, AccessGrant, GrantSubject
from luwei.access.revision import touch
from luwei.access.user import User
from luwei.media.form import RATE
from luwei.media.orders import AudioHints
from luwei.media.samples import listener_of
from luwei.protocol.jt808.messages.video import VideoAttributes
from luwei.protocol.jt1078.audio import AudioFormat
from luwei.protocol.jt1078.audio_blocks import split_hisilicon
from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read, write
from luwei.registry.video import VideoTalk
from luwei.simulator.streams import Heard
from luwei.simulator.tones import tone_hz
from luwei.simulator.video_gear import VideoGear
from luwei.simulator.video_unit import VideoUnit
from luwei.video import talk_log
from pace import one_within

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]


def tone(hz: float, seconds: float, amplitude: int = 9_000) -> Any:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype("<i2")


def pitch(samples: Any) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum[5:]) + 5) * RATE / len(samples)


def power(samples: Any, hz: float) -> float:
    """Amplitude of one frequency."""
    wave = np.exp(-2j * np.pi * hz * np.arange(len(samples)) / RATE)
    return float(2 * abs(np.dot(samples, wave)) / max(1, len(samples)))


CODECS = {6: "g711a", 7: "g711u", 8: "g726", 26: "adpcm_ima"}


def decoded(heard: Heard) -> Any:
    """What came out of a loudspeaker, as samples."""
    bits = heard.way.bit_rate // 8000
    found = AudioFormat(CODECS[heard.way.payload_type], RATE, 1, bits, False, False, 2, "")
    decode = listener_of(found, AudioHints())
    assert decode is not None
    blocks = [each for _, body in heard.blocks for each in (split_hisilicon(body) or (body,))]
    return np.concatenate([decode(block) for block in blocks]) if blocks else np.zeros(0)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


@dataclass
class Phone:
    """A browser in a talk."""

    socket: Any
    texts: list[dict[str, Any]] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    code: int | None = None
    ended_at: float = 0.0
    answers: bool = True

    async def read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.sound.append(message)
                    self.times.append(time.monotonic())
                    continue
                said = json.loads(message)
                self.texts.append(said)
                if said["kind"] == "ping" and self.answers:
                    await self.socket.send(json.dumps({"kind": "pong", "at": said["at"]}))
        self.code, self.ended_at = self.socket.close_code, time.monotonic()

    def last(self, kind: str) -> dict[str, Any]:
        return next((each for each in reversed(self.texts) if each["kind"] == kind), {})

    @property
    def state(self) -> str:
        return str(self.last("state").get("state", ""))

    @property
    def heard(self) -> Any:
        return np.frombuffer(b"".join(self.sound), "<i2")

    async def live(self) -> None:
        async def there() -> bool:
            return self.state == "live"

        await until(there, f"live; {self.last('state')}", 60)

    async def hears(self, hz: float, seconds: float = 60) -> None:
        """Wait until the last half second is that tone."""

        async def there() -> bool:
            samples = self.heard[-4_000:]
            return len(samples) == 4_000 and abs(pitch(samples) - hz) < 12

        await until(there, f"{hz} Hz; {self.last('stats')}", seconds)

    @contextlib.asynccontextmanager
    async def speaking(self, hz: float) -> AsyncIterator[None]:
        """A tone all the time, in real time: what is late on a busy machine is dropped, and what follows is heard."""

        async def work() -> None:
            while True:
                await self.speak(tone(hz, 1.0))

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def speak(self, samples: Any, frame: int = 160) -> None:
        """In real time; what a busy machine kept back is said later, not at once."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(samples), frame):
            await self.socket.send(samples[at : at + frame].tobytes())
            due = max(due, loop.time() - 0.02) + frame / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def closed(self, seconds: float = 60) -> int:
        async def over() -> bool:
            return self.code is not None

        await until(over, "closed", seconds)
        assert self.code is not None
        return self.code


class Exchange:
    """Trucks and phones."""

    def __init__(self, live: LiveTrucks) -> None:
        self.live = live
        self._phones: list[tuple[Phone, asyncio.Task[None]]] = []

    def unit(self, truck: int) -> VideoUnit:
        return self.live.lines[truck].terminal.commands.equipment.video

    def equip(self, truck: int, **gear: Any) -> None:
        """Give a truck other sound; what its platform knows of it is forgotten."""
        unit = self.unit(truck)
        unit.gear = replace(unit.gear, **gear) if gear else VideoGear()
        with write(self.live.web.services.engine) as connection:
            batches = select(CommandBatch.id).where(CommandBatch.kind == "video_attributes")
            connection.execute(update(Command).where(Command.batch_id.in_(batches)).values(answer=None))

    async def ask(self, kind: str, *trucks: int, token: str | None = None, **more: Any) -> httpx.Response:
        ids = [self.live.ids[truck] for truck in trucks]
        named = {"vehicle_ids": ids} if kind == "broadcast" else {"vehicle_id": ids[0]}
        async with self.live.web.client(token) as client:
            return await client.post("/api/video/talks", json={"kind": kind, "purpose": PURPOSE} | named | more)

    async def take(self, ticket: dict[str, Any], token: str | None = None) -> Phone:
        address = self.live.web.base.replace("http", "ws") + ticket["url"]
        cookies = "; ".join(f"{name}={value}" for name, value in self.live.web.cookies(token).items())
        socket = await websockets.connect(
            address, open_timeout=60, origin=self.live.web.base, additional_headers={"Cookie": cookies},  # type: ignore[arg-type]
        )  # fmt: skip
        phone = Phone(socket)
        self._phones.append((phone, asyncio.create_task(phone.read())))
        return phone

    async def call(self, kind: str, *trucks: int, token: str | None = None, **more: Any) -> Phone:
        """A talk that is live."""
        answer = await self.ask(kind, *trucks, token=token, **more)
        assert answer.status_code == 201, answer.text
        phone = await self.take(answer.json(), token)
        await phone.live()
        return phone

    def grant(self, username: str, truck: int) -> int:
        """A recorded reason for talking and listening."""
        now, engine = now_ms(), self.live.web.services.engine
        with write(engine) as connection:
            user = connection.execute(select(User.id, User.organisation_id).where(User.username == username)).one()
            key: int = connection.execute(
                insert(AccessGrant).returning(AccessGrant.id),
                {
                    "user_id": user.id, "organisation_id": user.organisation_id, "row": "talk", "purpose": "事故调查",
                    "case_number": "A7", "minutes": 60, "state": ACTIVE, "requested_at": now, "note": "",
                    "from_at": now, "to_at": now + 3_600_000,
                },
            ).scalar_one()  # fmt: skip
            connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": self.live.ids[truck]}])
            touch(connection)
        return key

    def controls(self, truck: int, since: int) -> list[tuple[str, int]]:
        """0x9101 and 0x9102 that a truck was sent: kind, and data type or command."""
        with read(self.live.web.services.engine) as connection:
            rows = connection.execute(
                select(CommandBatch.kind, CommandBatch.parameters)
                .join(Command, Command.batch_id == CommandBatch.id)
                .where(
                    Command.vehicle_id == self.live.ids[truck], Command.created_at >= since,
                    CommandBatch.kind.in_(("video_start", "video_control")),
                )
                .order_by(Command.id)
            ).all()  # fmt: skip
        return [(row.kind, _number(json.loads(row.parameters))) for row in rows]

    async def hung_up(self, truck: int) -> None:
        """The truck's line is closed."""

        async def over() -> bool:
            return not [key for key in self.unit(truck).lines if key[1] in ("talk", "listen", "broadcast")]

        await until(over, "line closed", 60)

    async def clear(self) -> None:
        for phone, task in self._phones:
            await phone.socket.close()
            await asyncio.gather(task, return_exceptions=True)
        self._phones.clear()
        talks = self.live.desk.talks
        for talk in list(talks.talks.values()):
            talks.leave(talk, "test")

        async def nothing() -> bool:
            return not talks.talks

        await until(nothing, "talks over", 60)
        for truck in range(3):
            await self.hung_up(truck)


def _number(values: dict[str, Any]) -> int:
    return int(values["data_type"] if "data_type" in values else values["command"])


def audited(live: LiveTrucks, act: str, since: int) -> list[Any]:
    with read(live.web.services.engine) as connection:
        rows = connection.execute(select(AuditEntry).where(AuditEntry.act == act, AuditEntry.at >= since))
        return list(rows.all())


async def entered(live: LiveTrucks, act: str, since: int, most: int = 1) -> list[Any]:
    """Entries of the audit log, once there are so many."""

    async def there() -> bool:
        return len(audited(live, act, since)) >= most

    await until(there, f"{most} {act}", 60)
    return audited(live, act, since)


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(live: LiveTrucks) -> AsyncIterator[Exchange]:
    """The trucks as they came, and nobody talks."""
    made = Exchange(live)
    for truck in range(3):
        made.unit(truck).gear = VideoGear(sound=("g711a", "g726_32_le", "adpcm")[truck])
    yield made
    await made.clear()


async def test_a_talk_goes_both_ways_and_all_of_it_is_kept(exchange: Exchange) -> None:
    live, since = exchange.live, now_ms()
    answer = await exchange.ask("talk", 0)
    assert answer.status_code == 201
    ticket = answer.json()
    assert (ticket["rate"], ticket["kind"]) == (8000, "talk") and ticket["trucks"][0]["state"] == "waiting"
    assert exchange.controls(0, since) == []  # nobody is on the air before the browser is there
    phone = await exchange.take(ticket)
    await phone.live()
    opened = phone.last("open")
    assert opened["speak"] and opened["hear"] and opened["purpose"] == PURPOSE
    await phone.hears(tone_hz(live.lines[0].terminal.truck.number))
    (call,) = live.desk.talks.talks[ticket["talk"]].calls
    (heard,) = [each for kind, each in exchange.unit(0).heard[-1:] if kind == "talk"]

    async def loud() -> bool:
        return heard.milliseconds > 500 and power(decoded(heard)[-4_000:], 900) > 4_000

    async def counted() -> bool:
        stats = phone.last("stats")
        return min(call.sent_ms, call.heard_ms) > 500 and bool(stats["up"]["block_ms"])

    async with phone.speaking(900):
        await phone.hears(900)  # the echo of what was said
        await until(loud, "said to the truck", 60)
        await until(counted, "figures of both ways", 60)
    assert heard.refused == 0
    stats = phone.last("stats")
    assert stats["codec"] == "g711a" and stats["trucks_live"] == 1 and stats["up"]["block_ms"] == 40
    steps = [each["step"] for each in phone.last("state")["trucks"][0]["steps"]]
    assert steps == ["asked", "sent", "answered", "connected", "packet"]
    async with live.web.client() as client:
        (running,) = (await client.get("/api/video/talks")).json()["items"]
        assert running["trucks"][0]["vehicle_id"] == live.ids[0] and running["user"] == "engineer"
    await exchange.clear()
    assert exchange.controls(0, since) == [("video_start", 2), ("video_control", 4)]
    (start,), (end,) = audited(live, "talk.start", since), await entered(live, "talk.end", since)
    assert (start.vehicle_id, end.vehicle_id) == (live.ids[0], live.ids[0])
    told = json.loads(end.detail)
    assert told["ended"] == "left" and told["sent_ms"] > 500 and told["heard_ms"] > 500 and told["to"] > told["from"]

    async def logged() -> dict[str, Any]:
        async with live.web.client() as client:
            log = (await client.get("/api/video/talks/log", params={"vehicle_id": live.ids[0]})).json()
        return dict(log["items"][0]) if log["items"][0]["ended_at"] else {}

    entry = await until(logged, "its end stands in the log", 60)
    assert (entry["kind"], entry["ended"]) == ("talk", "left")
    assert entry["ended_at"] >= entry["live_at"] >= entry["started_at"]


async def test_the_way_to_the_cab_and_back_takes_less_than_a_second_and_a_fifth(exchange: Exchange) -> None:
    """One word after the other until one came back in time: a machine that others use has its moments."""
    phone = await exchange.call("talk", 0)
    await phone.speak(tone(0, 0.1))
    best: list[float] = []

    async def word() -> bool:
        there = len(phone.sound)
        began = time.monotonic()
        await phone.speak(tone(1_700, 0.12))
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            found = np.frombuffer(b"".join(phone.sound[there:]), "<i2")
            for place, block in enumerate(phone.sound[there:]):
                if power(np.frombuffer(block, "<i2"), 1_700) > 2_000:
                    best.append(phone.times[there + place] - began)
                    return best[-1] < 1.2
            assert len(found) < 1 << 20
            await asyncio.sleep(0.01)
        return False

    await until(word, f"a word back in time: {best}", 40)


async def test_a_broadcast_reaches_its_trucks_each_in_its_own_codec(exchange: Exchange) -> None:
    since = now_ms()
    answer = await exchange.ask("broadcast", 0, 1, 2)
    assert answer.status_code == 201 and len(answer.json()["trucks"]) == 3
    phone = await exchange.take(answer.json())

    async def all_live() -> bool:
        return [each["state"] for each in phone.last("state").get("trucks", [])] == ["live"] * 3

    await until(all_live, f"all live; {phone.last('state')}", 60)
    assert {each["codec"] for each in phone.last("state")["trucks"]} == {"g711a", "g726", "adpcm_ima"}
    async with phone.speaking(1_100):
        for truck in range(3):
            kind, heard = exchange.unit(truck).heard[-1]

            async def came(heard: Heard = heard) -> bool:
                return heard.milliseconds > 700 and abs(pitch(decoded(heard)[-4_000:]) - 1_100) < 12

            await until(came, f"heard in truck {truck}", 60)
            assert kind == "broadcast" and heard.refused == 0
    assert not phone.sound
    await phone.socket.send(json.dumps({"kind": "drop", "vehicle_id": exchange.live.ids[1]}))
    await exchange.hung_up(1)
    assert phone.state == "live"
    await exchange.clear()
    assert [exchange.controls(truck, since) for truck in range(3)] == [[("video_start", 4), ("video_control", 0)]] * 3
    assert len(await entered(exchange.live, "talk.end", since, 3)) == 3


async def test_who_listens_has_a_recorded_reason_and_it_ends_with_it(exchange: Exchange) -> None:
    live, since = exchange.live, now_ms()
    assert error(await exchange.ask("listen", 0)) == (403, "listen", "reason_required")  # the administrator too
    token = live.web.session_token("monitor-listener", role="city", city=440300)
    assert error(await exchange.ask("listen", 0, token=token))[2] == "reason_required"
    with write(live.web.services.engine) as connection:
        from luwei.registry.vehicle import Vehicle

        connection.execute(update(Vehicle).where(Vehicle.id.in_(live.ids)).values(city=440300))
    key = exchange.grant("monitor-listener", 0)
    phone = await exchange.call("listen", 0, token=token, purpose="")
    opened = phone.last("open")
    assert not opened["speak"] and opened["purpose"] == "事故调查 [A7]" and opened["grant"]["purpose"]
    await phone.hears(tone_hz(live.lines[0].terminal.truck.number))
    ends = now_ms() + 800
    with write(live.web.services.engine) as connection:
        connection.execute(update(AccessGrant).where(AccessGrant.id == key).values(to_at=ends))
        touch(connection)
    assert await phone.closed() == 4403
    assert now_ms() >= ends
    assert phone.last("state")["reason"] == "reason_required"
    await exchange.hung_up(0)
    assert exchange.controls(0, since) == [("video_start", 3), ("video_control", 0)]
    (end,) = audited(live, "talk.end", since)
    assert end.reason.startswith("事故调查") and json.loads(end.detail)["talk_kind"] == "listen"


async def test_whatever_ends_the_right_ends_the_sound_and_the_terminal_is_told_within_two_seconds(
    exchange: Exchange,
) -> None:
    """A grant that is ended, a session that is ended from elsewhere, an account that is disabled, a right that is
    taken."""
    live, names = exchange.live, count()
    engine = live.web.services.engine
    with write(engine) as connection:
        from luwei.registry.vehicle import Vehicle

        connection.execute(update(Vehicle).where(Vehicle.id.in_(live.ids)).values(city=440300))

    async def admin(method: str, path: str, **body: Any) -> Any:
        async with live.web.client() as client:
            answer = await client.request(method, path, json=body or None)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else None

    async def right(manner: str) -> None:
        """Of the cities to broadcast."""
        cell = {"role": "city", "kind": "broadcast", "act": "act", "manner": manner}
        version = (await admin("GET", "/api/rights"))["version"]
        await admin("PUT", "/api/rights", version=version, reason="值班调整", changes=[cell])

    async def ends(kind: str, code: int, act: Callable[[int, int], Awaitable[Any]], *trucks: int) -> float:
        """Seconds from ``act`` (given the person and his grant) to the last end: of sound, of the terminals' lines."""
        name, since = f"ending-{next(names)}", now_ms()
        token = live.web.session_token(name, role="city", city=440300)
        grant = exchange.grant(name, trucks[0]) if kind == "listen" else 0
        phone = await exchange.call(kind, *trucks, token=token, purpose="" if grant else PURPOSE)
        with read(engine) as connection:
            person = connection.execute(select(User.id).where(User.username == name)).scalar_one()
        heard = {truck: exchange.unit(truck).heard[-1][1] for truck in trucks if kind == "broadcast"}

        async def flows() -> bool:
            return all(each.milliseconds > 100 for each in heard.values()) if heard else len(phone.sound) > 3

        async with phone.speaking(700) if heard else contextlib.nullcontext():
            await until(flows, "sound", 60)
            began = time.monotonic()
            await act(person, grant)
            assert await phone.closed() == code
            for truck in trucks:
                await exchange.hung_up(truck)
        took = time.monotonic() - began
        assert [exchange.controls(truck, since)[-1] for truck in trucks] == [("video_control", 0)] * len(trucks)
        assert len(await entered(live, "talk.end", since, len(trucks))) >= len(trucks)
        return took

    async def all_four() -> float:
        took = await asyncio.gather(
            ends("listen", 4403, lambda _, grant: admin("POST", f"/api/grants/{grant}/end", note=""), 0),
            ends("listen", 4401, lambda person, _: admin("DELETE", f"/api/users/{person}/sessions"), 1),
            ends("broadcast", 4401, lambda person, _: admin("POST", f"/api/users/{person}/disable"), 2),
        )
        await right("own")
        try:
            taken = await ends("broadcast", 4403, lambda *_: right("none"), 0, 1, 2)
        finally:
            await right("own")
        return max(*took, taken)

    await one_within(2, all_four)


async def test_a_terminal_that_talks_is_busy_and_with_whom_is_told_by_role(exchange: Exchange) -> None:
    live = exchange.live
    await exchange.call("talk", 0)
    token = live.web.session_token("second-caller")
    answer = await exchange.ask("talk", 0, token=token)
    assert error(answer) == (409, "vehicle_id", "busy")
    assert answer.json()["error"]["clash"]["label"] == "系统管理员"
    async with live.web.client(token) as client:
        told = (await client.get(f"/api/video/vehicles/{live.ids[0]}/talk")).json()
        assert (told["busy"]["role"], told["busy"]["mine"], told["may"]["talk"]) == ("administrator", False, True)
        assert (told["busy"]["role_zh"], told["busy"]["role_en"]) == ("系统管理员", "administrator")
        assert told["audio"]["codec"] == "g711a" and told["listen_reason"]
        named = (await client.get("/api/video/talks")).json()["items"]
        assert [each["role"] for each in named] == ["administrator"]
    (call,) = (name for name in live.desk.streams if name.startswith("talk-"))
    async with live.web.client() as client:  # a talk is no picture: the right to see and end pictures does not reach it
        assert call not in [each["stream"] for each in (await client.get("/api/video/streams")).json()["items"]]
        assert (await client.delete(f"/api/video/streams/{call}")).status_code == 404
        assert (await client.get(f"/api/video/streams/{call}/snapshot", params={"purpose": PURPOSE})).status_code == 404
    mixed = await exchange.ask("broadcast", 0, 1, token=token)
    assert [each["reason"] for each in mixed.json()["trucks"]] == ["busy", ""]
    again = await exchange.call("talk", 0)  # one's own talk gives way
    assert again.state == "live"


async def test_a_browser_that_vanishes_ends_the_talk_at_the_terminal(exchange: Exchange) -> None:
    since = now_ms()
    phone = await exchange.call("talk", 0)
    phone.socket.transport.abort()
    await exchange.hung_up(0)
    assert exchange.controls(0, since)[-1] == ("video_control", 4)


async def test_hostile_frames_end_nothing_but_themselves(exchange: Exchange) -> None:
    phone = await exchange.call("talk", 0)
    for part in (b"", b"\x01", b"\x01" * 321):
        await phone.socket.send(part)
    for text in (
        "",
        "[]",
        "{}",
        "null",
        "x",
        '{"kind":"pong","at":"x"}',
        '{"kind":"drop","vehicle_id":"1"}',
        "[" * 4_000,
    ):
        await phone.socket.send(text)
    burst = tone(800, 0.2).tobytes()

    async def counted() -> bool:
        for _ in range(5):  # a second at once, again and again
            await phone.socket.send(burst)
        up = phone.last("stats").get("up", {})
        return up.get("bad", 0) >= 3 and up.get("too_fast_ms", 0) > 4_000

    await until(counted, f"counted; {phone.last('stats')}", 60)
    assert phone.code is None and phone.state == "live"
    await phone.socket.send(b"\0" * 3_202)
    assert await phone.closed() == 1009
    await exchange.hung_up(0)


@given(st.lists(st.one_of(st.binary(max_size=3_000), st.text(max_size=200)), max_size=8))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_browser_sends_the_socket_lives(exchange: Exchange, parts: list[bytes | str]) -> None:
    phone = next((phone for phone, _ in exchange._phones if phone.code is None), None)
    phone = phone or await exchange.call("talk", 0)
    for part in parts:
        await phone.socket.send(part)
    pings = len([each for each in phone.texts if each["kind"] == "ping"])

    async def alive() -> bool:
        return len([each for each in phone.texts if each["kind"] == "ping"]) > pings

    await until(alive, "next ping")
    assert phone.code is None


async def test_a_ticket_counts_once_for_its_own_person(exchange: Exchange) -> None:
    ticket = (await exchange.ask("talk", 0)).json()
    other = exchange.live.web.session_token("ticket-thief")
    stranger = await exchange.take(ticket, other)
    assert await stranger.closed() == 4408
    late = await exchange.take(ticket)
    assert await late.closed() == 4408


async def test_what_cannot_be_is_refused_by_field_and_rule(exchange: Exchange) -> None:
    live = exchange.live
    async with live.web.client() as client:
        for body, wanted in (
            ({"kind": "talk", "purpose": PURPOSE}, "vehicle_id"),
            ({"kind": "talk", "purpose": PURPOSE, "vehicle_ids": live.ids[:2]}, "vehicle_ids"),
            ({"kind": "talk", "vehicle_id": live.ids[0]}, "purpose"),
            ({"kind": "sing", "vehicle_id": live.ids[0], "purpose": PURPOSE}, "kind"),
            ({"kind": "talk", "vehicle_id": live.ids[0], "channel": 65, "purpose": PURPOSE}, "channel"),
            ({"kind": "talk", "vehicle_id": 1, "purpose": PURPOSE}, "vehicle_id"),
        ):
            answer = await client.post("/api/video/talks", json=body)
            assert error(answer)[:2] == (400, wanted), body
    onlooker = live.web.session_token("talk-onlooker", role="viewer")
    assert error(await exchange.ask("talk", 0, token=onlooker))[0] == 403
    elsewhere = live.web.session_token("talk-elsewhere", role="county", county=440103)
    assert error(await exchange.ask("broadcast", 0, 1, token=elsewhere))[0] == 404


async def test_a_codec_that_nobody_can_make_is_named(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    told = VideoAttributes(
        audio_codec=4, audio_channels=1, audio_sample_rate=0, audio_sample_bits=1, audio_frame_length=320,
        audio_output=1, video_codec=98, max_audio_channels=1, max_video_channels=4,
    )  # fmt: skip
    monkeypatch.setattr(VideoGear, "attributes", property(lambda gear: told))
    exchange.equip(0, sound="g711a")
    answer = await exchange.ask("broadcast", 0)
    phone = await exchange.take(answer.json())
    assert await phone.closed() == 4410
    state = phone.last("state")
    assert (state["reason"], state["detail"]) == ("audio_unsupported", "g728")
    await exchange.hung_up(0)


async def test_a_talk_that_the_core_did_not_live_to_end_is_ended_by_the_next(exchange: Exchange) -> None:
    live, since = exchange.live, now_ms()
    engine = live.web.services.engine
    with write(engine) as connection:
        connection.execute(
            insert(VideoTalk).values(
                talk="talk-gone", kind="talk", vehicle_id=live.ids[0], phone=live.phones[0], channel=1, user_id=1,
                username="engineer", role="administrator", purpose=PURPOSE, started_at=since - 3_600_000, ended="",
                sent_ms=0, heard_ms=0,
            )
        )  # fmt: skip
    await live.desk.talks.recover()
    assert exchange.controls(0, since) == [("video_control", 4)]
    assert talk_log.left_open(engine, now_ms()) == []
    with read(engine) as connection:
        assert connection.scalar(select(VideoTalk.ended).where(VideoTalk.talk == "talk-gone")) == "core_gone"


async def test_a_killed_media_process_is_replaced_and_the_talk_goes_on(exchange: Exchange) -> None:
    live = exchange.live
    phone = await exchange.call("talk", 0)
    killed = live.media[-1]
    killed.send_signal(signal.SIGKILL)
    await asyncio.to_thread(killed.wait, 10)
    live.start_media()

    async def told() -> bool:
        return any(
            each["reason"] == "node_gone" for text in phone.texts if text["kind"] == "state" for each in text["trucks"]
        )

    await until(told, "told that the node is gone")
    there = len(phone.sound)

    async def back() -> bool:
        return phone.state == "live" and len(phone.sound) > there + 5

    await until(back, "talk goes on", 60)
    assert phone.code is None
