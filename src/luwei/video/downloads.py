"""The download engine in the core: has terminals send their recordings, one of a truck at a time, until they are here.

All that it knows stands in the registry (orders, commands, what the FTP server writes down) and in the history
(0x1206), so that it may end and begin again at any moment. What is to be done next, ``download_steps`` decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog
from prometheus_client import Gauge
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from luwei.commands.engine import CommandEngine, Line
from luwei.commands.journal import Target
from luwei.history.reports import Report
from luwei.protocol.errors import ProtocolError
from luwei.registry import command
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.download import QUEUED
from luwei.video import download_book as book
from luwei.video import download_letters as letters
from luwei.video import download_steps as steps
from luwei.video import standing
from luwei.video.chores import Chores
from luwei.video.commanding import Commanding
from luwei.video.download_book import Acted, Open
from luwei.video.download_steps import Known

log = structlog.get_logger()

TURN_S = 1.0
PAUSE_S = 0.2
"""Between two looks, however much happens."""
REPORTS_S = 2.0
RIGHT_S = 1.0
CONTROL_S = 10.0
STOP_S = 5.0
"""A new order waits so long for the end of the one before it."""
TOLD_SLACK_MS = 5_000
"""A quick terminal says that it finished before it is noted when it was asked."""

_open = Gauge("luwei_video_downloads_open", "Downloads that are not ended")

Proofs = Callable[[Sequence[int], int], Awaitable[list[Report] | None]]
"""The 0x1206 of vehicles since a time (UTC ms); None while nobody can tell."""
Online = Callable[[int], bool]


class DownloadEngine:
    """Owner of all open downloads of the installation; lives in the process of the command engine."""

    def __init__(
        self, engine: Engine, bus: Line, commands: CommandEngine, commanding: Commanding, proofs: Proofs, online: Online
    ) -> None:
        self._engine, self._bus, self._commands, self._commanding = engine, bus, commands, commanding
        self._proofs, self._online = proofs, online
        self._chores = Chores()
        self._back: dict[str, int] = {}
        self._watched: set[str] = set()
        self._asking: set[int] = set()
        self._told: list[Report] = []
        self._looked = 0.0
        self._gone: set[tuple[int, int]] = set()
        self._asked_rights = 0.0
        self._pace: dict[int, tuple[int, int, int]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on with what is open."""
        await self._bus.subscribe("gateway.session", self._signed_in)
        self._task = asyncio.create_task(self._run(), name="downloads")

    async def stop(self) -> None:
        """Leave everything as it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._chores.stop()

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    def rate(self, key: int) -> int:
        """Bytes a second that a download brings now."""
        return self._pace.get(key, (0, 0, 0))[2]

    # What a person does

    async def pause(self, key: int, actor: Actor) -> None:
        """Raises NotFound, Conflict."""
        acted = await asyncio.to_thread(book.pause, self._engine, key, actor)
        await self._withdraw(acted, actor)
        self._control(acted, letters.PAUSE, actor)

    async def go_on(self, key: int, actor: Actor) -> None:
        """Raises NotFound, Conflict."""
        acted = await asyncio.to_thread(book.go_on, self._engine, key, actor)
        self._control(acted, letters.GO_ON, actor)
        self.wake()

    async def cancel(self, key: int, actor: Actor) -> None:
        """Raises NotFound, Conflict."""
        acted = await asyncio.to_thread(book.cancel, self._engine, key, actor)
        await self._withdraw(acted, actor)
        self._control(acted, letters.CANCEL, actor)

    async def _withdraw(self, acted: Acted, actor: Actor) -> None:
        """What was not sent yet is not sent any more."""
        if acted.batch_id is not None and acted.serial is None:
            await self._commands.cancel(acted.batch_id, actor)

    def _control(self, acted: Acted, word: int, actor: Actor) -> None:
        if acted.serial is not None:
            self._chores.later(self._say(acted, word, actor))

    async def _say(self, acted: Acted, word: int, actor: Actor) -> None:
        """0x9207, and what the terminal says to it. One that knows the order no more is asked anew."""
        assert acted.serial is not None
        answer = await self._send_control(acted.vehicle_id, acted.phone, acted.serial, word, actor, CONTROL_S)
        await asyncio.to_thread(book.note_answer, self._engine, acted.id, answer)
        if word == letters.GO_ON and answer != "success":
            await asyncio.to_thread(book.again, self._engine, acted.id)
            self.wake()

    async def _send_control(
        self, vehicle_id: int, phone: str, serial: int, word: int, actor: Actor, timeout_s: float
    ) -> str:
        values = letters.control(serial, word)
        sending = await self._commanding.send(letters.UPLOAD_CONTROL, values, vehicle_id, phone, actor, "download")
        try:
            await self._commanding.ended(sending, timeout_s)
        finally:
            self._commanding.forget(sending)
        return sending.result if sending.ended_at else "no_answer"

    # The work

    async def _signed_in(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        now = now_ms()
        for session in message.get("sessions", [message]):
            if session["phone"] in self._watched:
                self._back[session["phone"]] = now
                self._wake.set()

    async def _run(self) -> None:
        self._commands.news.append(self._wake)
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        await self._wake.wait()
                await asyncio.sleep(PAUSE_S)
                self._wake.clear()
                try:
                    await self._turn()
                except OperationalError as error:
                    log.warning("registry away, downloads wait", error=str(error)[:300])
                except Exception:
                    log.exception("downloads failed")
        finally:
            self._commands.news.remove(self._wake)

    async def _turn(self) -> None:
        going = await asyncio.to_thread(book.load, self._engine)
        _open.set(len(going))
        self._watched = {each.phone for each in going}
        self._back = {phone: at for phone, at in self._back.items() if phone in self._watched}
        self._measure(going)
        await self._look(going)
        await self._ask_rights(going)
        turns = book.turns([each.order for each in going], now_ms())
        writes: dict[int, Any] = {}
        acts: list[tuple[Open, str]] = []
        for each in going:
            step = steps.decide(each.order, self._known(each, each.order.id in turns))
            if step.values:
                writes[each.order.id] = step.values
            acts += [(each, act) for act in step.acts]
        if writes:
            await asyncio.to_thread(book.apply, self._engine, writes)
        for each, act in acts:
            self._do(each, act)

    def _known(self, each: Open, turn: bool) -> Known:
        order = each.order
        return Known(
            now_ms(), self._online(order.vehicle_id), turn and order.id not in self._asking, each.there,
            (each.actor.user_id, order.vehicle_id) not in self._gone, self._back.get(each.phone, 0), each.sent,
            self._said(each), each.files, each.whole,
        )  # fmt: skip

    def _said(self, each: Open) -> tuple[int, int] | None:
        """The newest 0x1206 of this order that was not acted on."""
        order = each.order
        if order.serial is None or order.asked_at is None:
            return None
        for report in reversed(self._told):
            if report.vehicle_id != order.vehicle_id or len(report.body) < 3:
                continue
            late = report.at >= order.asked_at - TOLD_SLACK_MS and report.at > (order.told_at or 0)
            if late and int.from_bytes(report.body[:2], "big") == order.serial:
                return report.at, report.body[2]
        return None

    async def _ask_rights(self, going: Sequence[Open]) -> None:
        """Who ordered them may have them for as long as he may see and act on video of the truck."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_rights >= RIGHT_S:
            asked = {(each.actor.user_id or 0, each.order.vehicle_id) for each in going}
            self._gone = await asyncio.to_thread(standing.forbidden, self._engine, asked) if asked else set()
            self._asked_rights = now

    async def _look(self, going: Sequence[Open]) -> None:
        """Read what terminals said of the orders that they carry out."""
        asked = [each.order for each in going if each.order.asked_at is not None and each.order.state != QUEUED]
        now = asyncio.get_running_loop().time()
        if not asked:
            self._told = []
        elif now - self._looked >= REPORTS_S:
            self._looked = now
            since = min(order.asked_at or 0 for order in asked) - TOLD_SLACK_MS
            found = await self._proofs(sorted({order.vehicle_id for order in asked}), since)
            self._told = self._told if found is None else found

    def _measure(self, going: Sequence[Open]) -> None:
        """How fast each comes, over the last seconds."""
        now, paces = now_ms(), {}
        for each in going:
            key, octets = each.order.id, each.order.received_bytes
            at, before, rate = self._pace.get(key, (now, octets, 0))
            if now - at >= 2_000:
                rate = max(0, (octets - before) * 1000 // (now - at))
                at, before = now, octets
            paces[key] = (at, before, rate if each.order.sessions else 0)
        self._pace = paces

    def _do(self, each: Open, act: str) -> None:
        order = each.order
        if act == steps.ASK:
            if order.id not in self._asking:
                self._asking.add(order.id)
                self._chores.later(self._ask(each))
        elif act == steps.STOP or each.sent is None or each.sent.state != command.QUEUED:
            # one that left a moment ago cannot be taken back: it ends like those that go on
            serial = order.serial if act == steps.STOP or each.sent is None else each.sent.serial
            acted = Acted(order.id, order.vehicle_id, each.phone, serial, order.batch_id, each.purpose)
            self._control(acted, letters.CANCEL, SYSTEM)
        elif order.batch_id is not None:
            self._chores.later(self._commands.cancel(order.batch_id, SYSTEM))

    async def _ask(self, each: Open) -> None:
        """0x9206. Of an order that went out before, the terminal may still hold a half: that one ends first."""
        order = each.order
        try:
            if order.serial is not None and self._online(order.vehicle_id):
                await self._send_control(order.vehicle_id, each.phone, order.serial, letters.CANCEL, each.actor, STOP_S)
            values = letters.upload(**each.values)
            target = [Target(order.vehicle_id, each.phone)]
            left_s = max(1, (order.expires_at - now_ms()) // 1000)
            within = partial(_noted, order.id)
            await self._commands.submit(letters.UPLOAD, values, each.purpose, target, 0, left_s, each.actor, within)
        except KeyError:
            pass  # paused or cancelled meanwhile
        except ProtocolError as error:
            log.error("a download cannot be ordered", download=order.id, error=str(error))
            values = {"ending": "failed", "reason": "unwritable"}
            await asyncio.to_thread(book.apply, self._engine, {order.id: values})
        finally:
            self._asking.discard(order.id)
            self.wake()


def _noted(key: int, connection: Connection, batch: int, _: Sequence[int]) -> None:
    book.asked(connection, key, batch)
