"""The upgrade engine in the core: moves every open order on, one look at a time.

All that it knows stands in the registry (orders, commands) and in the history (0x0108, 0x1FC4), so that it may end and
begin again at any moment. It sends nothing itself: each step is a command of the command engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.commands.engine import CommandEngine, Line
from luwei.commands.journal import Target
from luwei.commands.upgrades import decide, orders
from luwei.commands.upgrades.decide import ASK, CHECK, SEND, Next, Unit
from luwei.commands.upgrades.firmware import PACKET, PacketKind
from luwei.commands.upgrades.orders import OpenOrder, Row
from luwei.commands.upgrades.plan import Plan
from luwei.history.reports import Report
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages.control import UpgradeProgress, UpgradeResult
from luwei.registry import upgrade as u
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms

log = structlog.get_logger()

TURN_S = 3.0
TRANSFERS_MAX = 8
"""Files under way to terminals at once."""
ASK_MORE_S = 3_600
EXPIRES_MIN_S = 30
TARGETS_AT_ONCE = 500
PAUSE_S = 0.2
"""Between two looks, however much happens."""
_COMMANDS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    (SEND, u.BY_URL): ("upgrade", {}), (SEND, u.BY_PACKET): (PACKET, {}),
}  # fmt: skip


Proofs = Callable[[Sequence[int], int], Awaitable[list[Report] | None]]
"""What vehicles reported since a time (UTC ms), oldest first; None while nobody can tell."""
Parked = Callable[[Sequence[int]], set[int]]
"""Those of the vehicles that report now and stand still."""


class UpgradeEngine:
    """Owner of all open orders of the installation; lives in the process of the command engine."""

    def __init__(
        self,
        engine: Engine,
        commands: CommandEngine,
        bus: Line,
        packets: PacketKind,
        proofs: Proofs,
        parked: Parked,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._engine = engine
        self._commands = commands
        self._bus = bus
        self._packets = packets
        self._proofs = proofs
        self._parked = parked
        self._clock = clock
        self._back: dict[str, int] = {}
        self._watched: set[str] = set()
        self._missed = True
        """Sessions may have begun unheard: before the first look after a start."""
        self._wake = asyncio.Event()
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._idle = False

    async def start(self) -> None:
        """Take up what is open."""
        self._commands.news.append(self._wake)
        await self._bus.subscribe("gateway.session", self._session)
        self._task = asyncio.create_task(self._run(), name="upgrades")

    async def stop(self) -> None:
        """Begin nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def begin(self, plan: Plan, chosen: Sequence[tuple[Target, int]], skipped: int, actor: Actor) -> int:
        """Enter an order and begin its first stage; its id."""
        async with self._working:
            order = await asyncio.to_thread(orders.enter, self._engine, plan, chosen, skipped, actor)
            self._idle = False
        self._wake.set()
        return order

    async def pause(self, order: int, actor: Actor) -> bool:
        """Send nothing more for now; what was sent is still watched. False where the order is not running."""
        async with self._working:
            changed = await asyncio.to_thread(orders.hold, self._engine, order, "", actor)
            if changed:
                await self._take_back(order, actor)
        self._wake.set()
        return changed

    async def resume(self, order: int, actor: Actor) -> None:
        """Go on. Raises Conflict where the order is not paused."""
        async with self._working:
            await asyncio.to_thread(orders.resume, self._engine, order, actor)
            self._idle = False
        self._wake.set()

    async def end(self, order: int, actor: Actor) -> bool:
        """Stop for good; what was sent is still watched. False where the order is ended."""
        async with self._working:
            changed = await asyncio.to_thread(orders.stop, self._engine, order, "person", actor)
            if changed:
                await self._take_back(order, actor)
                self._idle = False
        self._wake.set()
        return changed

    async def turn(self) -> None:
        """One look at every open order."""
        async with self._working:
            found = await asyncio.to_thread(orders.open_orders, self._engine)
            self._idle = not found
            self._packets.keep({order.firmware for order in found if order.firmware is not None})
            watched: set[str] = set()
            loads = {order.id: await asyncio.to_thread(orders.under_way, self._engine, order) for order in found}
            free = TRANSFERS_MAX - sum(
                row.step == u.SENDING for order in found if order.way == u.BY_PACKET for row in loads[order.id]
            )
            for order in found:
                rows = loads[order.id]
                watched |= {row.phone for row in rows}
                try:
                    free = await self._move(order, rows, free)
                    await self._judge(order)
                except OperationalError:
                    raise
                except Exception:
                    # one order that cannot go on keeps no other from it
                    log.exception("upgrade order failed", order=order.id)
            self._missed = False
            self._watched = watched
            self._back = {phone: at for phone, at in self._back.items() if phone in watched}

    async def _take_back(self, order: int, actor: Actor) -> None:
        for batch in await asyncio.to_thread(orders.batches_of, self._engine, order):
            await self._commands.cancel(batch, actor)

    async def _move(self, order: OpenOrder, rows: Sequence[Row], free: int) -> int:
        now = self._clock()
        told = await self._reported(rows)
        ready = [row.vehicle_id for row in rows if row.step == u.READY] if order.only_parked else []
        parked = self._parked(ready) if ready else set()
        view = decide.Order(
            order.state, order.version, order.model, order.only_parked, order.wait_s * 1000, order.started_at
        )
        plain: list[tuple[int, Next]] = []
        progress: dict[int, str] = {}
        acts: dict[str, list[tuple[Row, Next]]] = {CHECK: [], SEND: [], ASK: []}
        for row in rows:
            unit = self._unit(order, row, told, row.vehicle_id in parked)
            if unit.states and (text := "{} {}".format(*unit.states[-1])) != row.progress:
                progress[row.id] = text
            then = decide.next_of(unit, view, now, told is not None)
            if then is None:
                continue
            if then.ask_at is not None:
                self._back.pop(row.phone, None)
            if not then.act:
                plain.append((row.id, then))
            elif then.act != SEND or order.way != u.BY_PACKET:
                acts[then.act].append((row, then))
            elif free > 0:
                free -= 1
                acts[SEND].append((row, then))
        await asyncio.to_thread(orders.move, self._engine, plain, progress)
        for act, moves in acts.items():
            for start in range(0, len(moves), TARGETS_AT_ONCE):
                await self._send(order, act, moves[start : start + TARGETS_AT_ONCE])
        if plain or any(acts.values()):
            self._wake.set()
        return free

    def _unit(self, order: OpenOrder, row: Row, told: dict[int, list[Report]] | None, parked: bool) -> Unit:
        since = row.sent_at or row.command_at or 0
        results: list[int] = []
        states: list[tuple[int, int]] = []
        for each in (told or {}).get(row.vehicle_id, ()):
            if each.at >= since and row.step in (u.SENDING, u.SENT, u.CONFIRMING):
                _read(each, order.upgrade_type, results, states)
        software, model = _attributes(row) if row.step in (u.CHECKING, u.CONFIRMING) else (None, None)
        seen = row.seen_version if (row.seen_at or 0) > since > 0 else None
        back = self._back.get(row.phone)
        if back is None and self._missed and row.step == u.SENT:
            back = self._clock()
        return Unit(
            row.id, row.step, order.upgrade_type == 0, row.state or "", row.result or "", software, model,
            row.command_at, row.sent_at, row.ask_at, row.asks, row.proof, row.cause, row.version_before,
            row.version_after, tuple(results), tuple(states), seen, back, parked,
        )  # fmt: skip

    async def _reported(self, rows: Sequence[Row]) -> dict[int, list[Report]] | None:
        watched = [row for row in rows if row.step in (u.SENDING, u.SENT, u.CONFIRMING)]
        since = min((at for row in watched if (at := row.sent_at or row.command_at)), default=0)
        if not since:
            return {}
        found = await self._proofs([row.vehicle_id for row in watched], since)
        if found is None:
            return None
        told: dict[int, list[Report]] = {}
        for each in found:
            told.setdefault(each.vehicle_id, []).append(each)
        return told

    async def _send(self, order: OpenOrder, act: str, moves: Sequence[tuple[Row, Next]]) -> None:
        targets = [Target(row.vehicle_id, row.phone) for row, _ in moves]
        within = orders.moving(order.id, order.stage, act, [(row.id, then) for row, then in moves])
        known = order.batches[act]
        if known is not None:
            with contextlib.suppress(KeyError):  # cancelled meanwhile: a new one
                await self._commands.extend(known, targets, within)
                return
        kind, values = "attributes", {}
        if act == SEND:
            kind, values = (
                ("upgrade", order.target) if order.way == u.BY_URL else (PACKET, {"firmware": order.firmware})
            )
        if kind == PACKET:
            await asyncio.to_thread(self._packets.fetch, self._engine, int(order.firmware or 0))
        left_s = (order.started_at - self._clock()) // 1000 + order.wait_s
        expires_s = max(EXPIRES_MIN_S, left_s + (order.wait_s + ASK_MORE_S if act == ASK else 0))
        made: list[int] = []

        def noted(connection: Any, batch: int, keys: Sequence[int]) -> None:
            made.append(batch)
            within(connection, batch, keys)

        await self._commands.submit(kind, values, order.reason, targets, 0, expires_s, SYSTEM, noted)
        order.batches[act] = made[0]

    async def _judge(self, order: OpenOrder) -> None:
        tally = await asyncio.to_thread(orders.tally, self._engine, order.id, order.stage)
        if order.state == u.STOPPED:
            if not tally.open:
                await asyncio.to_thread(self._finish_stopped, order)
            return
        last = order.stage == order.last
        verdict = decide.judge(tally, order.accept_percent, order.stop_failures, last, order.confirm_stages)
        if verdict is None or (order.state == u.PAUSED and verdict.state != u.STOPPED):
            return
        if verdict.state == u.STOPPED:
            await asyncio.to_thread(orders.stop, self._engine, order.id, verdict.cause, SYSTEM)
            await self._take_back(order.id, SYSTEM)
        elif verdict.state == u.DONE:
            await asyncio.to_thread(orders.finish, self._engine, order, u.DONE, verdict.cause, SYSTEM)
        elif verdict.state == u.PAUSED:
            await asyncio.to_thread(orders.hold, self._engine, order.id, verdict.cause, SYSTEM)
        elif verdict.begin_next:
            await asyncio.to_thread(orders.begin_next, self._engine, order.id, order.stage, SYSTEM)
        self._wake.set()

    def _finish_stopped(self, order: OpenOrder) -> None:
        cause = orders.cause_of(self._engine, order.id)
        orders.finish(self._engine, order, u.STOPPED, cause, SYSTEM)

    async def _session(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        came = {str(session["phone"]) for session in message.get("sessions", [message])} & self._watched
        if came:
            self._back |= dict.fromkeys(came, self._clock())
            self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            if self._idle:
                continue
            try:
                await self.turn()
                await asyncio.sleep(PAUSE_S)
            except OperationalError as error:
                log.warning("registry away, upgrades wait", error=str(error)[:300])
                await asyncio.sleep(1)
            except Exception:
                log.exception("upgrades failed")
                await asyncio.sleep(1)


def fetch_open(engine: Engine, packets: PacketKind) -> None:
    """Have the files of all open orders at hand: the command engine writes their messages anew when it starts."""
    for order in orders.open_orders(engine):
        if order.firmware is not None:
            packets.fetch(engine, order.firmware)


def _read(each: Report, upgrade_type: int, results: list[int], states: list[tuple[int, int]]) -> None:
    """Add what one report says, if it is of the part that the order upgrades."""
    try:
        if each.message_id == UpgradeResult.id:
            result = UpgradeResult.decode(each.body, max(each.edition, 2013))
            if result.type == upgrade_type:
                results.append(result.result)
        else:
            state = UpgradeProgress.decode(each.body, 2019)
            if state.type == upgrade_type:
                states.append((state.state, state.progress))
    except ProtocolError:
        # the gateway's ledger counts it
        return


def _attributes(row: Row) -> tuple[str | None, str | None]:
    """Firmware version and model in the answer of 0x0107."""
    if row.state != "answered" or row.answer is None:
        return None, None
    rows = {each["name"]: each["text"] for each in json.loads(row.answer).get("rows", ())}
    return rows.get("firmware"), rows.get("model")
