"""The template engine in the core: sets, reads back, compares, and gives newcomers what their class is due.

It sends nothing itself: each step is a command of the command engine, written down in the same transaction as the step.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.commands.engine import CommandEngine, Line
from luwei.commands.journal import Target
from luwei.commands.templates import catalogue, compare, pushes
from luwei.commands.templates.catalogue import Version
from luwei.commands.templates.pushes import Due, Settled
from luwei.commands.templates.values import as_sent
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry import template as t
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.errors import RegistryError

log = structlog.get_logger()

TURN_S = 5.0
"""What ends without an event of the command engine (expiry, cancelling) is seen after so long."""
SWEEP_S = 600.0
GREETING_S = 2.0
"""New sessions are looked at together."""
READ_MORE_S = 3_600
"""Time that reading back has beyond the expiry of the push."""
CONNECT_EXPIRES_S = 86_400
"""Read-back within 24 h of the first connection."""
KEPT_VERSIONS = 200


class TemplateEngine:
    """Owner of all open pushes of the installation; lives in the process of the command engine."""

    def __init__(self, engine: Engine, commands: CommandEngine, bus: Line) -> None:
        self._engine = engine
        self._commands = commands
        self._bus = bus
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._versions: dict[int, Version] = {}
        self._working = asyncio.Lock()
        self._idle = False
        self._came: set[str] = set()
        self._greeted = 0.0
        self._swept = 0.0

    async def start(self) -> None:
        """Take up what is open."""
        self._commands.news.append(self._wake)
        await self._bus.subscribe("gateway.session", self._session)
        self._task = asyncio.create_task(self._run(), name="templates")

    async def stop(self) -> None:
        """Begin nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def push(
        self,
        version: int,
        targets: Sequence[Target],
        skipped: int,
        reason: str,
        expires_s: int,
        act: str,
        actor: Actor,
        origin: str = t.PERSON,
    ) -> int:
        """Begin a push to those of ``targets`` that the template is for; its id.

        Raises NotFound, RegistryError where the version is not approved, its template retired, or no vehicle fits.
        """
        whole = await asyncio.to_thread(self.sendable, version)
        chosen, unfit = await asyncio.to_thread(pushes.fitting, self._engine, whole, targets)
        if not chosen:
            raise RegistryError("vehicles", "the template is for none of them (class, model or edition)")
        ids = [entry["id"] for entry in whole.parameters]
        expires_at = now_ms() + max(expires_s, 5) * 1000
        made: list[int] = []
        early = chosen.pop(2011, []) if act == t.VERIFY else []
        rest = [each for part in chosen.values() for each in part]
        groups = [(t.SET if act == t.PUSH else t.READ, rest), (t.READ_ALL, early)]
        async with self._working:
            for step, group in groups:
                if not group:
                    continue
                kind, values = _command(step, whole, ids)
                within = (
                    pushes.joining(made[0], step, group)
                    if made
                    else pushes.entering(
                        whole, act, origin, step, reason, group, skipped + unfit, expires_at, actor, made
                    )
                )
                await self._commands.submit(
                    kind, values, reason, [target for target, _ in group], 0, expires_s, actor, within
                )
            self._idle = False
        return made[0]

    def sendable(self, version: int) -> Version:
        """The version, which is approved. Blocks. Raises NotFound, RegistryError."""
        whole = self.version(version)
        if whole.view.approved_at is None:
            whole = self._versions[version] = catalogue.one_version(self._engine, version)
        if whole.view.approved_at is None:
            raise RegistryError("version", "must be approved first", version)
        if catalogue.one_version(self._engine, version).retired:
            raise RegistryError("version", "belongs to a retired template", version)
        return whole

    async def pause(self, push: int, paused: bool, actor: Actor) -> None:
        """Hold what is not sent, or go on."""
        state = t.PAUSED if paused else t.RUNNING
        for batch in await asyncio.to_thread(pushes.set_state, self._engine, push, state, actor):
            await self._commands.pause(batch, paused, actor)

    async def cancel(self, push: int, actor: Actor) -> None:
        """End what is not sent; what is on the wire ends by itself."""
        async with self._working:
            for batch in await asyncio.to_thread(pushes.set_state, self._engine, push, t.CANCELLED, actor):
                await self._commands.cancel(batch, actor)
        self._wake.set()

    async def turn(self) -> int:
        """Go on with every vehicle whose command has ended; how many those were."""
        count = 0
        async with self._working:
            while found := await asyncio.to_thread(pushes.due, self._engine):
                count += len(found)
                await self._go_on(found)
            await asyncio.to_thread(pushes.finish, self._engine)
            self._idle = not await asyncio.to_thread(pushes.anything_open, self._engine)
        return count

    async def greet(self, phones: Sequence[str] | None) -> int:
        """Begin pushes to terminals (of ``phones``, or all) that connected for the first time; how many got one."""
        since = await asyncio.to_thread(pushes.on_connect_since, self._engine)
        if not since:
            return 0
        versions = await asyncio.to_thread(catalogue.in_force, self._engine, now_ms())
        versions.sort(key=lambda v: (v.model != "", v.edition is not None, v.view.id), reverse=True)
        taken: set[int] = set()
        for version in versions:
            began = since.get(version.view.template)
            if began is None:
                continue
            while found := await asyncio.to_thread(pushes.newcomers, self._engine, version, began, phones):
                fresh = [target for target, terminal in found if terminal not in taken]
                taken |= {terminal for _, terminal in found}
                if not fresh:
                    break
                reason = "首次接入自动下发"
                await self.push(version.view.id, fresh, 0, reason, CONNECT_EXPIRES_S, t.PUSH, SYSTEM, t.CONNECT)
                if len(found) < pushes.AT_ONCE:
                    break
        return len(taken)

    def version(self, key: int) -> Version:
        """A version whole, which never changes but for its approval. Blocks."""
        if key not in self._versions:
            if len(self._versions) >= KEPT_VERSIONS:
                self._versions.clear()
            self._versions[key] = catalogue.one_version(self._engine, key)
        return self._versions[key]

    async def _go_on(self, found: Sequence[Due]) -> None:
        settled: list[Settled] = []
        moving: dict[tuple[int, str], list[Due]] = {}
        for due in found:
            step, result, cause = pushes.verdict(due)
            if step != t.ENDED:
                moving.setdefault((due.push, step), []).append(due)
            elif result:
                settled.append(Settled(due, result, cause, []))
            else:
                settled.append(await asyncio.to_thread(self._compared, due))
        await asyncio.to_thread(pushes.settle, self._engine, settled)
        for (push, step), rows in moving.items():
            await self._next(push, step, rows)

    async def _next(self, push: int, step: str, rows: Sequence[Due]) -> None:
        known = await asyncio.to_thread(pushes.batches, self._engine, push)
        targets = [Target(due.vehicle_id, due.phone) for due in rows]
        within = pushes.moving(push, step, [due.id for due in rows])
        batch = known[step]
        try:
            if batch is not None:
                await self._commands.extend(batch, targets, within)
                return
            version = await asyncio.to_thread(self.version, rows[0].version)
            kind, values = _command(step, version, [entry["id"] for entry in version.parameters])
            left_s = max(0, int(known["expires_at"] or 0) - now_ms()) // 1000 + READ_MORE_S
            batch = await self._commands.submit(kind, values, "", targets, 0, left_s, SYSTEM, within)
            if known["paused"]:
                await self._commands.pause(batch, True, SYSTEM)
        except KeyError:
            # cancelled between its answer and now
            gone = [Settled(due, t.WITHDRAWN, "set_not_read", []) for due in rows]
            await asyncio.to_thread(pushes.settle, self._engine, gone)

    def _compared(self, due: Due) -> Settled:
        version = self.version(due.version)
        reported = [] if due.answer is None else due.answer.get("parameters")
        if reported is None or due.answer is None:
            return Settled(due, t.NO_ANSWER, "unreadable", [])
        found = [Parameter(int(each["id"]), bytes.fromhex(each["hex"])) for each in reported]
        edition = due.edition or version.edition or 2019
        reading = Reading(charset=due.answer.get("charset", STANDARD.charset))
        differences = compare.with_terminal(version.parameters, found, edition, version.dialect, reading)
        return Settled(due, t.DIFFERENT if differences else t.EQUAL, "", differences)

    async def _session(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = json.loads(payload)
        self._came |= {str(session["phone"]) for session in message.get("sessions", [message])}
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GREETING_S if self._came else TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                if not self._idle:
                    await self.turn()
                await self._greet_due(time.monotonic())
            except OperationalError as error:
                log.warning("registry away, templates wait", error=str(error)[:300])
                await asyncio.sleep(1)
            except Exception:
                log.exception("templates failed")
                await asyncio.sleep(1)

    async def _greet_due(self, now_s: float) -> None:
        if now_s - self._swept >= SWEEP_S or not self._swept:
            self._swept = now_s
            self._came.clear()
            await self.greet(None)
        elif self._came and now_s - self._greeted >= GREETING_S:
            self._greeted = now_s
            phones = sorted(self._came)[: pushes.AT_ONCE]
            self._came.difference_update(phones)
            await self.greet(phones)


def _command(step: str, version: Version, ids: list[int]) -> tuple[str, dict[str, Any]]:
    """Kind and values of the command of a step."""
    if step == t.SET:
        sent = [{"id": entry["id"], "value": as_sent(entry, version.dialect)} for entry in version.parameters]
        return "set_parameters", {"parameters": sent}
    return "read_parameters", {"ids": ids if step == t.READ else []}
