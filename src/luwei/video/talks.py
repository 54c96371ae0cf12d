"""Talks at the desk: who may begin one now, whose terminal is busy, and how they end.

A terminal is asked when the person's socket is there, not before: nobody is on the air for nobody. A talk that the core
did not live to end is ended by the next core, by what stands in the registry.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine

from luwei.media.form import Unsupported, known_form
from luwei.media.orders import BROADCAST, DATA_TYPES, LISTEN, SUB, TALK, Admit, TalkOrder
from luwei.profiles import Catalogue
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.video import letters, talk_log, traffic, upstream
from luwei.video.channels import IN_CAB, USUALLY, channels
from luwei.video.hints import Loudspeaker, loudspeaker
from luwei.video.limits import QuotaExceeded, refused
from luwei.video.nodes import OUT_OF_REACH, PROCESS, NodeGone
from luwei.video.talk import BUSY, REPLACED, Call, Partner, Talk
from luwei.video.tickets import TICKET_MS, Place, TicketRefused
from luwei.video.upstream import Viewing
from luwei.video.view_line import ViewLine

if TYPE_CHECKING:
    from luwei.video.desk import VideoDesk

log = structlog.get_logger()

KEY_MS = 10_000
ENDING_S = 6.0
"""For the end of a person's talk with a truck before his next one."""
DEFAULT_CHANNEL = 1

_talks = Gauge("luwei_video_talks", "Talks, listeners and broadcasts under way", ["kind"])
_begun = Counter("luwei_video_calls_total", "Trucks that were asked for talks", ["kind"])


class TruckBusy(RuntimeError):
    """The terminal talks with somebody."""

    def __init__(self, vehicle_id: int, partner: Partner) -> None:
        super().__init__(f"vehicle {vehicle_id}: {partner.role}")
        self.vehicle_id = vehicle_id
        self.partner = partner


@dataclass(frozen=True, slots=True)
class Truck:
    """Who is to be called. ``channel`` 0: where the terminal's microphone is. ``peer``: address of its 808 line."""

    vehicle_id: int
    terminal_id: int
    phone: str
    plate: str
    plate_color: int
    channel: int = 0
    peer: str = ""


@dataclass(frozen=True, slots=True)
class TalkTicket:
    value: str
    talk: Talk


@dataclass(frozen=True, slots=True)
class Sounding:
    """How a truck would be talked with. ``source``: ``attributes``, ``profile`` or ``default``; ``form`` is the codec
    in use there."""

    channel: int
    codec: str
    source: str
    encodes: bool
    speaker: bool | None


class Talks:
    """All of a desk."""

    def __init__(self, desk: VideoDesk, engine: Engine, catalogue: Catalogue) -> None:
        self._desk = desk
        self._engine = engine
        self._catalogue = catalogue
        self._since = now_ms()
        self._tickets: dict[str, Talk] = {}
        self.talks: dict[str, Talk] = {}

    # Who is there

    def partner(self, vehicle_id: int) -> Partner | None:
        """Who talks with a truck now."""
        call = self._call_of(vehicle_id)
        return call.talk.partner if call is not None and call.talk is not None else None

    def _call_of(self, vehicle_id: int) -> Call | None:
        for talk in self.talks.values():
            for call in talk.open:
                if call.vehicle_id == vehicle_id:
                    return call
        return None

    async def sounding(self, truck: Truck, asks: bool, actor: Actor) -> Sounding:
        """What is known of a truck's sound. ``asks``: have its terminal asked where nothing is known."""

        def look() -> tuple[Loudspeaker, int]:
            known = loudspeaker(self._engine, self._catalogue, truck.vehicle_id, truck.phone)
            return known, self._channel(truck, known)

        known, channel = await asyncio.to_thread(look)
        if asks and not known.payload_type:
            await self._desk.asking.channels(truck.vehicle_id, truck.phone, actor)
        source = "profile" if known.audio.codec else "attributes" if known.payload_type else "default"
        try:
            form = known_form(
                known.payload_type or 6, False, known.frame_length, codec=known.audio.codec,
                rate=known.audio.sample_rate, bits=known.audio.bits, big_endian=known.audio.g726_big_endian,
                low_first=known.audio.adpcm_low_first,
            )  # fmt: skip
        except Unsupported as unsupported:
            return Sounding(channel, str(unsupported), source, False, known.speaker)
        return Sounding(channel, form.codec, source, True, known.speaker)

    def _channel(self, truck: Truck, known: Loudspeaker) -> int:
        """The one that was asked for, the profile's, the driver's, or the first of the cab."""
        if truck.channel:
            return truck.channel
        if known.habits.talk_channel:
            return known.habits.talk_channel
        found = channels(self._engine, truck.vehicle_id, truck.terminal_id)
        there = [each.channel for each in found.items]
        if found.source == USUALLY or DEFAULT_CHANNEL in there or not there:
            return DEFAULT_CHANNEL
        return next((each for each in there if each in IN_CAB), there[0])

    # Beginning

    async def open(
        self,
        kind: str,
        trucks: Sequence[Truck],
        purpose: str,
        actor: Actor,
        user_id: int,
        role: tuple[str, str, str],
    ) -> TalkTicket:
        """A ticket for a talk with ``trucks``; ``role``: code, Chinese and English name of the person's. His own talk
        with one of them ends first. Raises TruckBusy where all are busy, and QuotaExceeded."""
        await self._end_own(user_id, {truck.vehicle_id for truck in trucks})
        known = await asyncio.to_thread(self._known, trucks, kind)
        if kind == LISTEN and traffic.Used(known[trucks[0].vehicle_id][2], self._desk.month_limit).exhausted:
            refused.labels("quota").inc()
            raise QuotaExceeded("sim_month")
        # nothing may wait between these looks and the ticket
        self._require_room(user_id)
        busy = {truck.vehicle_id: self.partner(truck.vehicle_id) for truck in trucks}
        if all(busy.values()):
            refused.labels(BUSY).inc()
            first = trucks[0].vehicle_id
            partner = busy[first]
            assert partner is not None
            raise TruckBusy(first, partner)
        now = now_ms()
        talk = Talk(
            f"{kind}-{secrets.token_hex(6)}", kind, user_id, actor, *role, purpose, now + TICKET_MS, now
        )  # fmt: skip
        for truck in trucks:
            speaker, channel, _ = known[truck.vehicle_id]
            talk.calls.append(self._call(talk, truck, speaker, channel, busy[truck.vehicle_id]))
        self.talks[talk.id] = talk
        value = secrets.token_urlsafe(32)
        self._tickets[value] = talk
        self._count()
        return TalkTicket(value, talk)

    def _require_room(self, user_id: int) -> None:
        """For one more talk. Raises QuotaExceeded."""
        settings, limit = self._desk.settings, ""
        if len(self.talks) >= settings.video_talks:
            limit = "talks"
        elif sum(each.user_id == user_id for each in self.talks.values()) >= settings.video_talks_per_user:
            limit = "user_talks"
        if limit:
            refused.labels("quota").inc()
            raise QuotaExceeded(limit)

    def _known(self, trucks: Sequence[Truck], kind: str) -> dict[int, tuple[Loudspeaker, int, int]]:
        found = {}
        for truck in trucks:
            known = loudspeaker(self._engine, self._catalogue, truck.vehicle_id, truck.phone)
            octets = traffic.used(self._engine, truck.phone, now_ms()) if kind == LISTEN else 0
            found[truck.vehicle_id] = known, self._channel(truck, known), octets
        return found

    def _call(self, talk: Talk, truck: Truck, known: Loudspeaker, channel: int, busy: Partner | None) -> Call:
        data_type = known.habits.talk_data_type if talk.kind == TALK else DATA_TYPES[talk.kind]
        call = Call(
            f"{talk.id}-{truck.vehicle_id}", truck.vehicle_id, truck.phone, channel, talk.actor, talk.purpose, SUB,
            known.audio, upstream.host_of(truck.peer), opened_at=talk.created_at, talk_kind=talk.kind,
            order=_order(talk, known), data_type=data_type, plate=truck.plate, plate_color=truck.plate_color,
            busy=busy,
        )  # fmt: skip
        if busy is not None:
            call.state, call.reason, call.detail, call.ended = upstream.ENDED, BUSY, busy.role, True
        call.talk = talk
        return call

    async def learn(self, call: Call) -> None:
        """Read again what a terminal said of its sound."""
        known = await asyncio.to_thread(
            loudspeaker, self._engine, self._catalogue, call.vehicle_id, call.phone
        )  # fmt: skip
        if call.talk is not None:
            call.order, call.audio = _order(call.talk, known), known.audio

    async def _end_own(self, user_id: int, wanted: set[int]) -> None:
        """A person's talks with trucks that he wants to talk with now; a broadcast goes on for the others."""
        ending: list[Call] = []
        for talk in list(self.talks.values()):
            if talk.user_id != user_id:
                continue
            mine = [call for call in talk.open if call.vehicle_id in wanted]
            if mine and not talk.joined_at:
                self.leave(talk, REPLACED)
            elif mine:
                ending += mine
                for call in mine:
                    self._desk.close(call, REPLACED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                for call in ending:
                    while not call.ended:
                        await call.news.wait()

    def redeem(self, ticket: str, user_id: int) -> Talk:
        """The talk of a ticket, which counts no more. Raises TicketRefused."""
        talk = self._tickets.pop(ticket, None)
        if talk is None or talk.until_ms < now_ms() or talk.ended:
            refused.labels("ticket_expired").inc()
            if talk is not None:
                self.leave(talk, "ticket_expired")
            raise TicketRefused("unknown, used or too old")
        if talk.user_id != user_id:
            refused.labels("ticket_other").inc()
            self.leave(talk, "ticket_expired")
            raise TicketRefused("another user's")
        return talk

    async def begin(self, talk: Talk) -> None:
        """Its person is there: have the terminals asked."""
        now = now_ms()
        talk.joined_at = now
        calls = talk.open
        await asyncio.to_thread(talk_log.begin, self._engine, talk, calls, now)
        if talk.ended:  # a supervisor was quicker
            for call in calls:
                await asyncio.to_thread(talk_log.end, self._engine, call, now)
            return
        for call in calls:
            viewing = Viewing(
                f"{talk.id}-{call.vehicle_id}", call, talk.user_id, talk.actor, talk.purpose, SUB, now, now, now
            )
            call.viewings[viewing.id] = viewing
            _begun.labels(talk.kind).inc()
            self._desk.begin(call)
        self._count()

    # Ending

    def drop(self, talk: Talk, vehicle_id: int, reason: str) -> None:
        """One truck leaves a talk."""
        for call in talk.open:
            if call.vehicle_id == vehicle_id:
                self._finish(call, reason)

    def leave(self, talk: Talk, reason: str) -> None:
        """A talk is over: its terminals are told so."""
        if not talk.ended:
            talk.ended = reason
            for call in talk.open:
                self._finish(call, reason)
            talk.changed()
        if not talk.open:
            self.talks.pop(talk.id, None)
            self._count()

    def _finish(self, call: Call, reason: str) -> None:
        if self._desk.drive_of(call.name) is not None:
            self._desk.close(call, reason)
            return
        # nobody was asked yet
        call.ended = True
        call.say(upstream.ENDED, reason)

    def over(self, call: Call) -> None:
        """A call has ended at its terminal too."""
        # what a core that stops did not end stays open for the next one
        if call.row and not call.on_air:
            self._desk.chores.later(asyncio.to_thread(talk_log.end, self._engine, call, now_ms()))
        talk = call.talk
        if talk is not None and not talk.open:
            talk.ended = talk.ended or call.reason
            self.talks.pop(talk.id, None)
            talk.changed()
            self._count()

    def _count(self) -> None:
        for kind in (TALK, LISTEN, BROADCAST):
            _talks.labels(kind).set(sum(each.kind == kind for each in self.talks.values()))

    def sweep(self, now: int) -> None:
        """Tickets that nobody redeemed."""
        for ticket, talk in list(self._tickets.items()):
            if talk.until_ms < now:
                del self._tickets[ticket]
                if not talk.joined_at:
                    self.leave(talk, "ticket_expired")

    async def recover(self) -> None:
        """End what the core before did not live to end."""
        for each in await asyncio.to_thread(talk_log.left_open, self._engine, self._since):
            try:
                await self._end_left_open(each)
            except Exception:
                # the others are on the air all the same
                log.exception("a talk that was left open could not be ended", talk=each.row)

    async def _end_left_open(self, each: talk_log.LeftOpen) -> None:
        command = letters.END_TALK if each.kind == TALK else letters.CLOSE
        sending = await self._desk.commanding.send(
            letters.CONTROL, letters.control(each.channel, command), each.vehicle_id, each.phone, SYSTEM,
            "talk was left open",
        )  # fmt: skip
        self._desk.commanding.forget(sending)
        await asyncio.to_thread(talk_log.settle, self._engine, each.row, now_ms())

    # Where sound is

    def nodes(self, talk: Talk) -> set[str]:
        """Nodes that have calls of it."""
        return {call.node for call in talk.open if call.node}

    async def place(self, talk: Talk, node: str) -> Place | None:
        """Where to bring and fetch the sound of one node; None where it is not there."""
        said = self._desk.nodes.get(node)
        if said is None:
            return None
        key = secrets.token_urlsafe(24)
        try:
            answer = await self._desk.nodes.ask(node, Admit(talk.id, talk.id, key, [], True, KEY_MS))
        except NodeGone:
            self._node_lost(talk, node, PROCESS)
            return None
        return None if answer.refused else Place(said.node, said.view_host, said.view_port, key)

    async def open_line(self, talk: Talk, place: Place) -> ViewLine:
        """To a node that has trucks of it. Raises OSError, TimeoutError: its host cannot be reached, and they go to
        another node."""
        node, nodes = place.node, self._desk.nodes
        try:
            line = await self._desk.lines.open(place, lambda: node in self.nodes(talk) and nodes.get(node) is not None)
        except (OSError, TimeoutError):
            self._node_lost(talk, node, OUT_OF_REACH)
            raise
        nodes.reached(node)
        return line

    def _node_lost(self, talk: Talk, node: str, why: str) -> None:
        for call in talk.open:
            self._desk.node_lost(call, node, why)


def _order(talk: Talk, known: Loudspeaker) -> TalkOrder:
    return TalkOrder(talk.id, talk.kind, known.payload_type, known.frame_length, known.habits.talk_hisilicon)
