"""The engine in the core: gives queued commands to the gateway that holds the terminal, writes down what comes back.

One round trip finds the terminal: every gateway is asked at once, the one that holds it takes the command. What nobody
holds waits until its terminal authenticates, is looked for again every half minute, and ends when its time is over. The
registry is the truth; what is kept here in memory is an index of it and is built again after a start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.bus import BusAway, RequestFailed
from luwei.bus.connection import Server
from luwei.commands import answers, journal
from luwei.commands.journal import Ended, Sent
from luwei.commands.kind import Sendable
from luwei.commands.kinds import KINDS
from luwei.commands.pending import Index, Pending
from luwei.gateway import orders
from luwei.gateway.orders import Dispatch, Letter, Order, Outcome, Outcomes, Receipt, command_subject
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.command import FAILED

log = structlog.get_logger()

CHUNK = 250
"""Commands of one question to the gateways."""
ASK_S = 3.0
ALIVE_S = 5.0
"""A gateway whose last status is older is not asked."""
SWEEP_S = 30.0
TURN_S = 1.0
LATE_MS = 5_000
"""Patience with a gateway's own patience."""
NOW_ONLY_MS = 5_000
"""An order that is not to wait gives the gateways so long to say who holds the terminal."""
LOST = "gateway_lost"

_outcomes = Counter("luwei_command_outcomes_total", "Commands that ended", ["state"])

Subscriber = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


class Line(Protocol):
    """What the engine needs of the bus."""

    async def subscribe(self, subject: str, handler: Subscriber, queue: str = "") -> None: ...

    async def serve(self, subject: str, handler: Server, queue: str = "") -> None: ...

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes: ...

    def on_connected(self, hook: Callable[[], Awaitable[None]]) -> None: ...


class CommandEngine:
    """Owner of all open commands of the installation; lives in one process."""

    def __init__(self, engine: Engine, bus: Line, further: Mapping[str, Sendable] | None = None) -> None:
        """``further``: kinds that people do not choose from the list, by code."""
        self._engine = engine
        self._bus = bus
        self._kinds: Mapping[str, Sendable] = {**KINDS, **(further or {})}
        self._index = Index(self._kinds)
        self.news: list[asyncio.Event] = []
        """Set when commands have ended; each waiter owns one."""
        self._shards: dict[str, tuple[str, int, float]] = {}
        self._wake = asyncio.Event()
        self._dispatching = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._swept = 0.0
        self.others: Callable[[Sequence[Outcome]], Awaitable[None]] | None = None
        """Takes the outcomes with negative numbers: what other parts of the core gave to the gateways."""

    async def start(self) -> None:
        """Take up what is open, listen, and begin to send."""
        batches, commands = await asyncio.to_thread(journal.load_open, self._engine)
        self._index.enter(batches, commands, NOW_ONLY_MS)
        await self._bus.subscribe("gateway.status.*", self._status)
        await self._bus.subscribe("gateway.session", self._session)
        await self._bus.serve(orders.OUTCOME_SUBJECT, self._report)
        self._bus.on_connected(self._sweep_soon)
        self._task = asyncio.create_task(self._run(), name="commands")

    async def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def open(self) -> int:
        """Commands queued or under way."""
        return len(self._index.commands)

    async def submit(
        self,
        kind: str,
        parameters: Mapping[str, Any],
        reason: str,
        targets: Sequence[journal.Target],
        skipped: int,
        expires_s: int,
        actor: Actor,
        within: journal.Within | None = None,
    ) -> int:
        """Enter a batch and begin to send it; its id. ``parameters`` are checked (``Kind.check``).

        ``expires_s`` 0: a terminal that is not there now ends the command. Raises ProtocolError when no edition can
        carry it.
        """
        self._kinds[kind].letter(parameters)
        expires_at = now_ms() + (expires_s * 1000 or NOW_ONLY_MS)
        batch, commands = await asyncio.to_thread(
            journal.enter, self._engine, kind, parameters, reason, targets, skipped, expires_at, actor, within
        )
        self._index.enter([batch], commands, NOW_ONLY_MS)
        self._wake.set()
        return batch.id

    async def tell(self, messages: Sequence[tuple[str, Letter]]) -> None:
        """Send messages that want no answer to the terminals (by phone) that are there now; kept in no journal."""
        notices = [Order(0, phone, number) for number, (phone, _) in enumerate(messages)]
        payload = msgspec.msgpack.encode(Dispatch([letter for _, letter in messages], [], notices))
        await asyncio.gather(*(self._ask(shard, payload) for shard in self._alive()))

    async def extend(self, batch: int, targets: Sequence[journal.Target], within: journal.Within | None = None) -> None:
        """Give further terminals the command of a batch. Raises KeyError when it is cancelled or unknown."""
        opened, commands = await asyncio.to_thread(journal.extend, self._engine, batch, targets, within)
        self._index.enter([opened], commands, NOW_ONLY_MS)
        self._wake.set()

    async def cancel(self, batch: int, actor: Actor) -> int:
        """End what is not sent yet; how many that were."""
        async with self._dispatching:
            count = await asyncio.to_thread(journal.cancel, self._engine, batch, actor)
            self._index.drop_queued(batch)
        return count

    async def pause(self, batch: int, paused: bool, actor: Actor) -> None:
        """Stop sending a batch, or go on."""
        await asyncio.to_thread(journal.set_paused, self._engine, batch, paused, actor)
        known = self._index.batches.get(batch)
        if known is not None:
            known.paused = paused
            if not paused:
                self._index.make_ready(known.open)
                self._wake.set()

    # What the bus says

    async def _status(self, subject: str, payload: bytes, _: dict[str, str]) -> None:
        report = json.loads(payload)
        shard = subject.rpartition(".")[2]
        news = shard not in self._shards or self._shards[shard][1] != report["boot"]
        self._shards[shard] = (str(report["gateway"]), int(report["boot"]), time.monotonic())
        if news:
            self._swept = 0.0
            self._wake.set()

    async def _session(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        for session in message.get("sessions", [message]):
            if keys := self._index.of_phone(session["phone"]):
                self._index.make_ready(keys)
                self._wake.set()

    async def _sweep_soon(self) -> None:
        self._swept = 0.0

    async def _report(self, _: str, payload: bytes) -> bytes:
        report = msgspec.msgpack.decode(payload, type=Outcomes)
        others = [item for item in report.items if item.command < 0]
        if others and self.others is not None:
            await self.others(others)
        # a receipt that is being read comes before the outcome of what it took
        async with self._dispatching:
            await self._settle(report.items)
        return b""

    async def _settle(self, items: Sequence[Outcome]) -> None:
        again: dict[int, int] = {}
        ended: list[Ended] = []
        now = now_ms()
        for outcome in items:
            command = self._index.commands.get(outcome.command)
            if command is not None and outcome.how == orders.LINK_LOST and self._again(command, outcome.attempts, now):
                again[outcome.command] = outcome.attempts
            elif command is not None:
                ended.append(_last_word(outcome))
        await asyncio.to_thread(self._write, ended, again)
        self._ended(ended)
        for key in again:
            self._index.back(key)
        self._wake.set()

    def _write(self, ended: Sequence[Ended], again: Mapping[int, int]) -> None:
        journal.end(self._engine, ended)
        journal.requeue(self._engine, again)

    def _again(self, command: Pending, attempts: int, now: int) -> bool:
        """Whether a command whose line ended may wait for the next one."""
        batch = self._index.batches[command.batch]
        return (batch.repeatable or attempts == 0) and batch.expires_at > now

    # The work

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._housekeeping()
                while self._alive() and (chunk := self._index.next(CHUNK)):
                    async with self._dispatching:
                        await self._dispatch([c for c in chunk if c.id in self._index.commands and not c.sent])
            except OperationalError as error:
                log.warning("registry away, commands wait", error=str(error)[:300])
                self._swept = 0.0
                await asyncio.sleep(TURN_S)
            except Exception:
                log.exception("commands failed")
                await asyncio.sleep(TURN_S)

    def _alive(self) -> list[str]:
        limit = time.monotonic() - ALIVE_S
        return [shard for shard, (_, _, heard) in self._shards.items() if heard >= limit]

    async def _dispatch(self, chunk: list[Pending]) -> None:
        numbers: dict[int, int] = {}
        letters: list[Letter] = []
        for command in chunk:
            letter = self._index.batches[command.batch].letter
            if command.batch not in numbers and letter is not None:
                numbers[command.batch] = len(letters)
                letters.append(letter)
        payload = msgspec.msgpack.encode(Dispatch(letters, [Order(c.id, c.phone, numbers[c.batch]) for c in chunk]))
        shards = self._alive()
        receipts = await asyncio.gather(*(self._ask(shard, payload) for shard in shards))
        await self._take_receipts(chunk, [receipt for receipt in receipts if receipt is not None], None not in receipts)

    async def _ask(self, shard: str, payload: bytes) -> Receipt | None:
        try:
            return msgspec.msgpack.decode(await self._bus.request(command_subject(shard), payload, ASK_S), type=Receipt)
        except (BusAway, RequestFailed, msgspec.DecodeError) as error:
            log.warning("gateway does not take commands", shard=shard, error=str(error)[:200])
            return None

    async def _take_receipts(self, chunk: list[Pending], receipts: list[Receipt], complete: bool) -> None:
        at = now_ms()
        missing = {command.id for command in chunk}
        rows: list[Sent] = []
        ended: list[Ended] = []
        for receipt in receipts:
            for taken in receipt.taken:
                if taken.command in missing:
                    missing.discard(taken.command)
                    rows.append(Sent(taken.command, at, taken.due_ms, receipt.gateway, receipt.boot, taken.edition))
            for key, why in receipt.refused:
                if key in missing:
                    missing.discard(key)
                    ended.append(Ended(key, FAILED, why, None, None, 0, at))
        absent: list[int] = []
        if complete:
            for key in missing:
                if self._index.batches[self._index.commands[key].batch].now_only:
                    ended.append(Ended(key, FAILED, "offline", None, None, 0, at))
                else:
                    absent.append(key)
        await asyncio.to_thread(self._write_receipts, rows, ended, absent)
        for row in rows:
            self._index.sent(row.key, row.gateway, row.boot, row.due_at)
        self._ended(ended)

    def _ended(self, ended: Sequence[Ended]) -> None:
        for each in ended:
            _outcomes.labels(each.state).inc()
            self._index.forget(each.key)
        if ended:
            for waiter in self.news:
                waiter.set()

    def _write_receipts(self, rows: list[Sent], ended: list[Ended], absent: list[int]) -> None:
        journal.mark_sent(self._engine, rows)
        journal.end(self._engine, ended)
        journal.note_offline(self._engine, absent)

    async def _housekeeping(self) -> None:
        now, index = now_ms(), self._index
        for key, batch in list(index.batches.items()):
            if batch.expires_at <= now and any(not index.commands[command].sent for command in batch.open):
                async with self._dispatching:
                    await asyncio.to_thread(journal.expire, self._engine, key, now, batch.now_only)
                    index.drop_queued(key)
        if index.under_way:
            async with self._dispatching:
                await self._give_up_lost(now)
        if time.monotonic() - self._swept >= SWEEP_S and self._alive():
            self._swept = time.monotonic()
            for batch in list(index.batches.values()):
                if not batch.paused:
                    index.make_ready(batch.open)

    async def _give_up_lost(self, now: int) -> None:
        """What a gateway carried that is gone, or that says nothing though its time is over."""
        boots = {gateway: boot for gateway, boot, _ in self._shards.values()}
        lost = [
            command
            for command in self._index.commands.values()
            if command.sent
            and (now > command.due_ms + LATE_MS or boots.get(command.gateway, command.boot) != command.boot)
        ]
        if not lost:
            return
        again = {command.id: 1 for command in lost if self._again(command, 1, now)}
        ended = [Ended(c.id, FAILED, LOST, None, None, 1, now) for c in lost if c.id not in again]
        await asyncio.to_thread(self._write, ended, again)
        self._ended(ended)
        for key in again:
            self._index.back(key)


def _last_word(outcome: Outcome) -> Ended:
    state, result = answers.state_of(outcome)
    shown = answers.view(outcome)
    return Ended(
        outcome.command,
        state,
        result[:20],
        None if shown is None else json.dumps(shown, ensure_ascii=False),
        outcome.edition,
        outcome.attempts,
        outcome.at_ms,
        outcome.serial if outcome.serial >= 0 else None,
    )
