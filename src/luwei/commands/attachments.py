"""0x9208 报警附件上传指令 on the command path: requests for evidence whose time has come go to the gateway that holds
the terminal; what the terminal says comes back with the outcomes of all commands.

They are no commands of a person, so they are not in the journal of commands: the request itself (``evidence_request``)
keeps what was asked, when and what came of it. On the wire to the gateways their numbers are negative.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence

import msgspec
import structlog
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.bus import BusAway, RequestFailed
from luwei.commands import answers
from luwei.commands.engine import ALIVE_S, ASK_S, Line
from luwei.evidence import requests
from luwei.evidence.requests import Ask
from luwei.gateway.orders import Dispatch, Letter, Order, Outcome, Receipt, command_subject
from luwei.protocol.message import EDITIONS
from luwei.registry.base import now_ms
from luwei.registry.engine import write

log = structlog.get_logger()

UPLOAD = 0x9208
CHUNK = 200
TURN_S = 1.0
SWEEP_S = 600.0
ASKS_BITS = 10
"""Of a number: a gateway does not send the same number twice, so each time of asking has its own."""

_asked = Counter("luwei_evidence_asked_total", "0x9208 given to a gateway that holds the terminal")


class AttachmentCalls:
    """Asks terminals for attachments; lives beside the command engine."""

    def __init__(self, engine: Engine, bus: Line, address: str, port: int) -> None:
        self._engine = engine
        self._bus = bus
        self._address = address
        self._port = port
        self._shards: dict[str, float] = {}
        self._back: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._swept = -SWEEP_S

    async def start(self) -> None:
        """Listen and begin to ask."""
        await self._bus.subscribe("gateway.status.*", self._status)
        await self._bus.subscribe("gateway.session", self._session)
        self._task = asyncio.create_task(self._run(), name="attachment calls")

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """A request was entered: look at once."""
        self._wake.set()

    async def outcomes(self, items: Sequence[Outcome]) -> None:
        """What became of numbers that are not commands'; written down before it returns."""
        said = {-item.command >> ASKS_BITS: answers.state_of(item)[1] or item.how for item in items}
        await asyncio.to_thread(self._write_answers, said)

    def _write_answers(self, said: dict[int, str]) -> None:
        with write(self._engine) as connection:
            requests.answered(connection, said, now_ms())

    async def _status(self, subject: str, _payload: bytes, _: dict[str, str]) -> None:
        self._shards[subject.rpartition(".")[2]] = time.monotonic()

    async def _session(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        self._back.update(session["phone"] for session in message.get("sessions", [message]))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                if self._back or time.monotonic() - self._swept > SWEEP_S:
                    await asyncio.to_thread(self._housekeeping)
                await self._ask_due()
            except OperationalError as error:
                log.warning("registry away, attachments wait", error=str(error)[:300])
            except Exception:
                log.exception("asking for attachments failed")

    def _housekeeping(self) -> None:
        back, self._back = list(self._back), set()
        with write(self._engine) as connection:
            for start in range(0, len(back), 500):
                requests.reconnected(connection, back[start : start + 500], now_ms())
            if time.monotonic() - self._swept > SWEEP_S:
                self._swept = time.monotonic()
                requests.give_up_old(connection, now_ms())

    async def _ask_due(self) -> None:
        limit = time.monotonic() - ALIVE_S
        shards = [shard for shard, heard in self._shards.items() if heard >= limit]
        while shards and (asks := await asyncio.to_thread(requests.due, self._engine, now_ms(), CHUNK)):
            if not await self._dispatch(shards, asks):
                return

    async def _dispatch(self, shards: list[str], asks: list[Ask]) -> bool:
        """Give ``asks`` to all gateways; whether every one of them answered, so that who is nowhere is known."""
        letters = []
        for ask in asks:
            body = requests.upload_body(ask, self._address, self._port)
            letters.append(Letter(UPLOAD, dict.fromkeys(EDITIONS, body)))
        orders = [Order(-(ask.id << ASKS_BITS | ask.asks & 1023), ask.phone, n) for n, ask in enumerate(asks)]
        payload = msgspec.msgpack.encode(Dispatch(letters, orders))
        receipts = await asyncio.gather(*(self._give(shard, payload) for shard in shards))
        taken = {-each.command >> ASKS_BITS for receipt in receipts if receipt for each in receipt.taken}
        refused = {-key >> ASKS_BITS: why for receipt in receipts if receipt for key, why in receipt.refused}
        complete = None not in receipts
        offline = [ask.id for ask in asks if ask.id not in taken] if complete else []
        await asyncio.to_thread(self._write_tries, sorted(taken), offline, refused)
        _asked.inc(len(taken))
        return complete

    def _write_tries(self, taken: list[int], offline: list[int], refused: dict[int, str]) -> None:
        with write(self._engine) as connection:
            requests.tried(connection, taken, offline, now_ms())
            requests.answered(connection, refused, now_ms())

    async def _give(self, shard: str, payload: bytes) -> Receipt | None:
        try:
            return msgspec.msgpack.decode(await self._bus.request(command_subject(shard), payload, ASK_S), type=Receipt)
        except (BusAway, RequestFailed, msgspec.DecodeError) as error:
            log.warning("gateway does not take commands", shard=shard, error=str(error)[:200])
            return None
