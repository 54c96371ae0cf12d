"""A simulated terminal against a platform: what it sends, keeps, repeats and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import Header, phone_bytes
from luwei.protocol.jt808.messages.general import PlatformReply, TerminalReply
from luwei.protocol.jt808.messages.location import Location, LocationBatch, LocationReply
from luwei.protocol.jt808.messages.parameters import ParametersReply, QueryGivenParameters, SetParameters
from luwei.protocol.jt808.messages.registration import Authentication, Registration, RegistrationReply
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.jt808.messages.tracking import Tracking
from luwei.protocol.jt808.parameters import Parameter
from luwei.simulator.driving import Drive
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.service import simulate
from luwei.simulator.terminal import AUTHENTICATING, ONLINE, REGISTERING, Terminal
from luwei.simulator.truth import Truth

NOON = datetime(2025, 6, 2, 4, 0, tzinfo=UTC).timestamp()
FLEET = trucks(40, seed=5)
NEW = next(t for t in FLEET if t.edition == 2019)
OLD = next(t for t in FLEET if t.edition == 2013)


class Ether:
    """Platform side of one terminal without a socket."""

    def __init__(self, truck: Truck, interval_s: float = 10) -> None:
        self.truth = Truth(None)
        self.truck = truck
        self.terminal = Terminal(Drive(truck, 1, NOON, awake=True), self.truth, interval_s=interval_s)
        self.terminal.rng.seed(1)
        self.serial = 0

    def frame(self, message_id: int, body: bytes = b"") -> bytes:
        self.serial += 1
        return encode_frame(
            Header(
                message_id=message_id,
                body_length=0,
                serial=self.serial,
                phone_raw=phone_bytes(self.truck.phone, self.truck.edition),
                edition=self.truck.edition,
                protocol_version=1 if self.truck.edition == 2019 else 0,
            ),
            body,
        )

    def say(self, message_id: int, body: bytes = b"", at: float = NOON) -> list[Frame]:
        return [decode_frame(raw, strict=True) for raw in self.terminal.received(self.frame(message_id, body), at)]

    def acknowledge(self, frame: Frame, result: int = 0, at: float = NOON) -> list[Frame]:
        reply = PlatformReply(reply_serial=frame.header.serial, reply_id=frame.header.message_id, result=result)
        return self.say(0x8001, reply.encode(self.truck.edition), at)

    def online(self) -> None:
        (registration,) = [decode_frame(raw) for raw in self.terminal.connected(NOON)]
        reply = RegistrationReply(reply_serial=registration.header.serial, result=0, auth_code="K9")
        (authentication,) = self.say(0x8100, reply.encode(self.truck.edition))
        self.acknowledge(authentication)
        assert self.terminal.phase == ONLINE

    def due(self, at: float) -> list[Frame]:
        return [decode_frame(raw, strict=True) for raw in self.terminal.due(at)]


@pytest.mark.parametrize("truck", [NEW, OLD], ids=["2019", "2013"])
def test_it_registers_then_authenticates_in_its_edition(truck: Truck) -> None:
    ether = Ether(truck)
    (frame,) = [decode_frame(raw, strict=True) for raw in ether.terminal.connected(NOON)]
    assert ether.terminal.phase == REGISTERING
    assert (frame.header.message_id, frame.header.edition, frame.header.phone) == (0x0100, truck.edition, truck.phone)
    registration = Registration.decode(frame.body, truck.edition)
    assert registration.edition == truck.edition
    assert (registration.province, registration.city) == (44, truck.county % 10_000)
    assert (registration.plate, registration.plate_color) == (truck.plate, 2)
    assert registration.terminal_id == truck.terminal_id
    reply = RegistrationReply(reply_serial=frame.header.serial, result=0, auth_code="CODE7")
    (frame,) = ether.say(0x8100, reply.encode(truck.edition))
    assert ether.terminal.phase == AUTHENTICATING
    authentication = Authentication.decode(frame.body, truck.edition)
    assert authentication.auth_code == "CODE7"
    assert authentication.imei == (truck.imei if truck.edition == 2019 else None)
    ether.acknowledge(frame)
    assert ether.terminal.phase == ONLINE


def test_it_authenticates_at_once_on_the_next_connection() -> None:
    ether = Ether(NEW)
    ether.online()
    ether.terminal.disconnected(NOON + 5)
    (raw,) = ether.terminal.connected(NOON + 6)
    assert decode_frame(raw).header.message_id == 0x0102


def test_a_refused_code_makes_it_register_again() -> None:
    ether = Ether(OLD)
    ether.online()
    ether.terminal.disconnected(NOON)
    (raw,) = ether.terminal.connected(NOON)
    (again,) = ether.acknowledge(decode_frame(raw), result=1)
    assert again.header.message_id == 0x0100


def test_a_refused_registration_closes_and_waits() -> None:
    ether = Ether(OLD)
    (raw,) = ether.terminal.connected(NOON)
    reply = RegistrationReply(reply_serial=decode_frame(raw).header.serial, result=2)
    assert ether.say(0x8100, reply.encode(2013)) == []
    assert ether.terminal.close_wanted and ether.terminal.blocked_until_s > NOON


@pytest.mark.parametrize("truck", [NEW, OLD], ids=["2019", "2013"])
def test_reports_carry_device_time_in_china_and_the_items(truck: Truck) -> None:
    ether = Ether(truck)
    ether.online()
    (frame,) = ether.due(NOON + 11)
    location = Location.decode(frame.body, truck.edition)
    assert frame.header.message_id == 0x0200 and location.problems == ()
    assert location.time == "2025-06-02 12:00:11"
    assert {item.id for item in location.items.items} >= {0x01, 0x02, 0x03, 0x25, 0x30, 0x31}
    assert all(item.value is not None for item in location.items.items)
    assert 20_000_000 < location.latitude < 26_000_000 and 109_000_000 < location.longitude < 118_000_000


def test_an_unanswered_report_is_repeated_with_the_same_bytes() -> None:
    ether = Ether(NEW, interval_s=3600)
    ether.online()
    ether.terminal.next_report_s = NOON
    (first,) = ether.due(NOON)
    assert ether.due(NOON + 19) == []
    assert [f.raw for f in ether.due(NOON + 20)] == [first.raw]
    assert [f.raw for f in ether.due(NOON + 60)] == [first.raw]
    assert [f.raw for f in ether.due(NOON + 180)] == [first.raw]
    ether.due(NOON + 240)
    assert ether.terminal.close_wanted  # retries are exhausted: the link is dead


def test_what_was_not_acknowledged_comes_as_late_batch_after_reconnecting() -> None:
    ether = Ether(NEW, interval_s=3)
    ether.online()
    sent = [frame for step in range(1, 6) for frame in ether.due(NOON + 3.2 * step)]
    ether.acknowledge(sent[0], at=NOON + 60)
    ether.terminal.disconnected(NOON + 61)
    (raw,) = ether.terminal.connected(NOON + 62)
    answers = ether.acknowledge(decode_frame(raw), at=NOON + 62)
    batches = [frame for frame in answers if frame.header.message_id == 0x0704]
    assert len(batches) == 1 and batches[0].header.serial not in {f.header.serial for f in sent}
    batch = LocationBatch.decode(batches[0].body, 2019)
    assert batch.type == 1
    unanswered = [Location.decode(frame.body, 2019) for frame in sent[1:]]
    assert [x.time for x in batch.locations] == [x.time for x in unanswered]
    assert ether.truth.acked == 1
    ether.acknowledge(batches[0], at=NOON + 63)
    assert ether.truth.acked == 5
    assert not ether.terminal.backlog and not ether.terminal.pending


def test_a_long_backlog_is_fragmented_and_fragments_are_repeated_on_demand() -> None:
    ether = Ether(OLD)
    for step in range(1, 31):
        assert ether.due(NOON + 10.5 * step) == []
    assert len(ether.terminal.backlog) >= 28
    (raw,) = ether.terminal.connected(NOON + 320)
    reply = RegistrationReply(reply_serial=decode_frame(raw).header.serial, result=0, auth_code="K")
    (frame,) = ether.say(0x8100, reply.encode(2013), NOON + 320)
    fragments = ether.acknowledge(frame, at=NOON + 320)
    assert {f.header.message_id for f in fragments} == {0x0704}
    assert [f.header.package_no for f in fragments] == list(range(1, len(fragments) + 1)) and len(fragments) > 1
    first = fragments[0].header.serial
    assert [f.header.serial for f in fragments] == [(first + i) % 65536 for i in range(len(fragments))]
    again = ether.say(0x8003, first.to_bytes(2, "big") + b"\x01\x00\x02", NOON + 321)
    assert [f.raw for f in again] == [fragments[1].raw]
    rest: list[Frame] = []
    for fragment in fragments:
        rest = ether.acknowledge(fragment, at=NOON + 322)
    assert ether.truth.acked == 20 and rest[0].header.message_id == 0x0704


def test_nothing_is_sent_in_a_tunnel_and_all_of_it_afterwards() -> None:
    for truck in FLEET:
        ether = Ether(truck, interval_s=5)
        drive = ether.terminal.drive
        if drive.moving and drive.route.tunnels and drive.route.tunnels[-1][0] - drive.at_m > 5_000:
            break
    start, _ = drive.route.tunnels[-1]
    drive.at_m, drive._segment = start - 200, drive.route.segment(start - 200)
    drive._stop_m, drive._stop_kind = drive.route.length_m, "loading"
    ether.online()
    stored, after, at = 0, [], NOON
    while not after or drive.in_tunnel:
        at += 5.01
        inside = drive.in_tunnel
        frames = ether.due(at)
        if drive.in_tunnel:
            assert frames == []
            stored += 1
        elif inside or stored:
            after = frames
        for frame in frames:
            ether.acknowledge(frame, at=at)
        assert at < NOON + 600
    assert stored >= 2
    kinds = [frame.header.message_id for frame in after]
    assert 0x0704 in kinds and 0x0200 in kinds
    batch = LocationBatch.decode(after[kinds.index(0x0704)].body, truck.edition)
    assert batch.type == 1 and len(batch.locations) == stored
    assert all(not location.status & 2 for location in batch.locations)


def test_a_quiet_link_is_kept_by_heartbeats() -> None:
    ether = Ether(OLD, interval_s=3600)
    ether.online()
    ether.terminal.next_report_s = NOON + 3600
    assert ether.due(NOON + 59) == []
    (frame,) = ether.due(NOON + 60)
    assert (frame.header.message_id, frame.body) == (0x0002, b"")


@pytest.mark.parametrize("truck", [NEW, OLD], ids=["2019", "2013"])
def test_it_answers_parameter_commands(truck: Truck) -> None:
    ether = Ether(truck)
    ether.online()
    (reply,) = ether.say(0x8104)
    everything = ParametersReply.decode(reply.body, truck.edition)
    assert everything.reply_serial == ether.serial and everything.count == len(everything.params) > 10
    new = SetParameters(params=(Parameter.of(0x0029, 45, truck.edition),)).encode(truck.edition)
    (reply,) = ether.say(0x8103, new)
    confirmed = TerminalReply.decode(reply.body, truck.edition)
    assert (confirmed.reply_serial, confirmed.reply_id, confirmed.result) == (ether.serial, 0x8103, 0)
    (reply,) = ether.say(0x8106, QueryGivenParameters(ids=(0x0029, 0x0083)).encode(truck.edition))
    values = {p.id: p.value(truck.edition) for p in ParametersReply.decode(reply.body, truck.edition).params}
    assert values == {0x0029: 45, 0x0083: truck.plate}
    assert ether.terminal.parameters.interval_s == 45


def test_it_answers_a_location_query_with_the_present_place() -> None:
    ether = Ether(NEW)
    ether.online()
    (reply,) = ether.say(0x8201, at=NOON + 4)
    location = LocationReply.decode(reply.body, 2019)
    assert (reply.header.message_id, location.reply_serial) == (0x0201, ether.serial)
    assert location.time == "2025-06-02 12:00:04"


def test_temporary_tracking_changes_the_interval_until_it_ends() -> None:
    ether = Ether(NEW, interval_s=30)
    ether.online()
    ether.say(0x8202, Tracking(interval=2, valid_seconds=20).encode(2019))
    times = []
    for second in range(1, 100):
        for frame in ether.due(NOON + second):
            times.append(second)
            ether.acknowledge(frame, at=NOON + second)
    assert 9 <= sum(second <= 20 for second in times) <= 11
    assert sum(second > 22 for second in times) <= 4


def test_texts_and_link_checks_are_confirmed_and_the_unknown_is_not_supported() -> None:
    ether = Ether(NEW)
    ether.online()
    (text,) = ether.say(0x8300, TextMessage(flag=1, text_type=1, text="前方拥堵").encode(2019))
    assert TerminalReply.decode(text.body, 2019).result == 0
    assert ether.terminal.commands.texts == ["前方拥堵"]
    (check,) = ether.say(0x8204)
    assert TerminalReply.decode(check.body, 2019).result == 0
    (unknown,) = ether.say(0x8F00, b"\x01")
    assert TerminalReply.decode(unknown.body, 2019).result == 3


def test_garbage_from_the_platform_is_ignored() -> None:
    ether = Ether(NEW)
    ether.online()
    assert ether.terminal.received(b"\x7e\x80\x01\x7e hello \x7e\x7d\x7e", NOON) == []
    other = Ether(OLD)
    assert ether.terminal.received(other.frame(0x8104), NOON) == []
    assert ether.terminal.phase == ONLINE


@asynccontextmanager
async def driving(platform: Any, count: int, **options: Any) -> AsyncIterator[asyncio.Task[dict[str, int]]]:
    stop = asyncio.Event()
    truth = options.pop("truth", None) or Truth(None)
    task = asyncio.create_task(simulate(FLEET[:count], "127.0.0.1", platform.port, truth, stop, awake=True, **options))
    try:
        yield task
    finally:
        stop.set()
        await task


async def test_a_fleet_over_real_sockets_is_acknowledged_completely(platform: Any, until: Callable[..., Any]) -> None:
    truth = Truth(None)
    async with driving(platform, 20, interval_s=0.2, truth=truth) as task:
        await until(lambda: sum(map(len, platform.locations.values())) > 200)
    status = task.result()
    kept = sum(map(len, platform.locations.values())) + sum(map(len, platform.late.values()))
    assert status["online"] == 20 and status["acked"] == kept
    assert status["open"] <= 20 and platform.broken == []


async def test_it_reconnects_and_loses_nothing_when_the_platform_drops_it(
    platform: Any, until: Callable[..., Any]
) -> None:
    truth = Truth(None)
    async with driving(platform, 5, interval_s=0.1, truth=truth):
        await until(lambda: sum(map(len, platform.locations.values())) > 50)
        platform.acknowledge = lambda frame: 0 if frame.header.message_id in (0x0100, 0x0102) else None
        mark = len(platform.frames)
        await until(lambda: sum(f.header.message_id == 0x0200 for f in platform.frames) > 100)
        # each has something that nobody confirmed
        waiting = {truck.phone for truck in FLEET[:5]}
        await until(
            lambda: waiting <= {f.header.phone for f in platform.frames[mark:] if f.header.message_id == 0x0200}
        )
        # where the first connection took long, reports from before it came late already
        before = {truck.phone: len(platform.late.get(truck.phone, ())) for truck in FLEET[:5]}
        for transport in list(platform.writers.values()):
            transport.abort()
        platform.acknowledge = lambda frame: 0
        await until(lambda: all(len(platform.late.get(phone, ())) > count for phone, count in before.items()))
    times = {(x.time, x.latitude, x.longitude) for kept in platform.locations.values() for x in kept}
    times |= {(x.time, x.latitude, x.longitude) for kept in platform.late.values() for x in kept}
    assert len(times) >= truth.acked - 5  # two trucks may report the same
    assert truth.acked > 100
    assert all(platform.ids(truck.phone).count(0x0100) == 1 for truck in FLEET[:5])


async def test_a_connection_that_cannot_be_made_is_tried_again(platform: Any, until: Callable[..., Any]) -> None:
    port, truck = platform.port, FLEET[0]
    await platform.stop()
    async with driving(platform, 1, interval_s=0.2):
        await asyncio.sleep(0.3)
        await platform.start(port)
        await until(lambda: bool(platform.late.get(truck.phone)))
