"""Pan, tilt, zoom 云台控制: who drives a camera, and that it stands still when nobody holds the button any more.

A terminal turns a camera until it is told to stop. So turning is a hold that the browser renews: without a renewal the
stop is sent from here, and after a restart of the core for whatever was left turning. A camera has one driver.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read
from luwei.video import ptz_letters as letters
from luwei.video.chores import Chores
from luwei.video.commanding import Commanding, Sending

log = structlog.get_logger()

DEADMAN_S = 0.9
"""Without a renewal for so long the camera is stopped."""
STEP_S = 0.4
"""Between two steps while a button is held."""
KEEPS_S = 5.0
"""A driver keeps the camera for so long after his last act."""
RATE_MAX = 10
"""Acts of one person in a second."""
PEOPLE_MAX = 10_000
DRIVERS_MAX = 1_000
"""Beyond so many, those who let go of their cameras are forgotten."""
ANSWER_S = 1.5
STOP_TRIES, STOP_ANSWER_S = 3, 4.0
HALT_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 120.0)
"""Before each further try of a stop that could not be written down, and so not sent."""
LEFT_MS = 600_000
"""Turnings of so long ago are looked for after a start,"""
LEFT_BATCHES = 20_000
"""among so many of the newest commands: the journal may hold years."""

DONE, MOVING, STOPPED = "done", "moving", "stopped"
PENDING = "pending"

_AWAY = (OperationalError, OSError)

_acts = Counter("luwei_video_ptz_total", "Orders to cameras", ["act"])
_deadman = Counter("luwei_video_ptz_deadman_total", "Cameras stopped because a hold was not renewed")


class Driven(RuntimeError):
    """Another person drives the camera; ``driver`` says who by role."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver.role)
        self.driver = driver


class TooFast(RuntimeError):
    """More acts in a second than a person does."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done; ``hold`` names a button that is held, empty for a single act."""

    act: str
    speed: int = 128
    on: bool = False
    hold: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``state``: ``moving`` while a hold goes on, ``stopped``, ``done``; ``answer``: the terminal's last one,
    ``pending`` while there is none; ``answered_ms`` after the order."""

    state: str
    answer: str
    answered_ms: int | None
    until: int


@dataclass(slots=True, eq=False)
class Driver:
    """Who has a camera. ``role``: in both languages."""

    vehicle_id: int
    phone: str
    channel: int
    user_id: int
    role: tuple[str, str]
    actor: Actor
    purpose: str
    until: int = 0
    hold: str = ""
    act: str = ""
    renewed_s: float = 0.0
    turning: bool = False
    sending: Sending | None = None
    sent_at: int = 0
    watch: asyncio.Task[None] | None = None
    order: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def answer(self) -> str:
        """Of the terminal to the last order."""
        sending = self.sending
        return PENDING if sending is None or not sending.ended_at else sending.result


class PtzDesk:
    """All cameras that somebody drives; lives in one process."""

    def __init__(self, engine: Engine, commanding: Commanding) -> None:
        self._engine, self._commanding = engine, commanding
        self._drivers: dict[tuple[int, int], Driver] = {}
        self._acted: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=RATE_MAX))
        self._chores = Chores()

    async def start(self) -> None:
        """Stop what an earlier core left turning."""
        for vehicle_id, phone, channel in await asyncio.to_thread(left_turning, self._engine, now_ms() - LEFT_MS):
            log.info("a camera was left turning", vehicle=vehicle_id, channel=channel)
            self._chores.later(self._still(Driver(vehicle_id, phone, channel, 0, ("", ""), SYSTEM, "restart")))

    async def stop(self) -> None:
        """Stop every camera that turns."""
        turning = [driver for driver in self._drivers.values() if driver.turning]
        for driver in self._drivers.values():
            if driver.watch is not None:
                driver.watch.cancel()
        if turning:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_ANSWER_S):
                    await asyncio.gather(*(self._still(driver) for driver in turning), return_exceptions=True)
        await self._chores.stop()

    def driver(self, vehicle_id: int, channel: int) -> Driver | None:
        """Who drives a camera now."""
        driver = self._drivers.get((vehicle_id, channel))
        return driver if driver is not None and (driver.hold or driver.until > now_ms()) else None

    def is_new(self, vehicle_id: int, channel: int, user_id: int, wish: Wish) -> bool:
        """Whether this is an act of its own, and not the renewal or the end of a hold."""
        driver = self.driver(vehicle_id, channel)
        if driver is None or driver.user_id != user_id:
            return True
        return wish.act != "stop" and not (wish.hold and wish.hold == driver.hold)

    async def act(
        self, vehicle_id: int, phone: str, channel: int, wish: Wish, purpose: str, actor: Actor, user_id: int,
        role: tuple[str, str],
    ) -> Outcome:  # fmt: skip
        """Do it, or renew the hold. Raises Driven, TooFast, and what the registry raises."""
        self._count(user_id)
        driver = self.driver(vehicle_id, channel)
        if driver is not None and driver.user_id != user_id:
            raise Driven(driver)
        if len(self._drivers) > DRIVERS_MAX:
            now = now_ms()
            self._drivers = {
                camera: each for camera, each in self._drivers.items()
                if each.hold or each.turning or each.watch is not None or each.until > now
            }  # fmt: skip
        if driver is None or driver.phone != phone:
            driver = Driver(vehicle_id, phone, channel, user_id, role, actor, purpose)
            self._drivers[vehicle_id, channel] = driver
        driver.until = now_ms() + int(KEEPS_S * 1000)
        if wish.act == "stop":
            return await self._stop_hold(driver)
        if wish.hold and wish.hold == driver.hold and wish.act == driver.act:
            driver.renewed_s = asyncio.get_running_loop().time()
            return self._outcome(driver, MOVING)
        _acts.labels(wish.act).inc()
        driver.actor, driver.purpose = actor, purpose or driver.purpose
        return await self._begin(driver, wish)

    def _count(self, user_id: int) -> None:
        now, times = asyncio.get_running_loop().time(), self._acted[user_id]
        if len(times) == RATE_MAX and now - times[0] < 1.0:
            raise TooFast(str(RATE_MAX))
        times.append(now)
        if len(self._acted) > PEOPLE_MAX:
            self._acted.clear()

    async def _begin(self, driver: Driver, wish: Wish) -> Outcome:
        await self._end_hold(driver, turn_on=wish.act in letters.DIRECTIONS)
        if wish.hold:
            driver.hold, driver.act = wish.hold, wish.act
            driver.renewed_s = asyncio.get_running_loop().time()
            driver.watch = asyncio.create_task(self._watch(driver, wish), name="ptz hold")
        # before it is sent: a stop that becomes due meanwhile must find something to stop
        driver.turning = wish.act in letters.DIRECTIONS
        sending = await self._order(driver, *_letter(driver.channel, wish))
        await self._commanding.ended(sending, ANSWER_S)
        return self._outcome(driver, MOVING if driver.hold == wish.hold != "" else DONE)

    async def _order(self, driver: Driver, kind: str, values: dict[str, Any]) -> Sending:
        """One after the other: a stop must not overtake what it stops."""
        async with driver.order:
            sending = await self._commanding.send(
                kind, values, driver.vehicle_id, driver.phone, driver.actor, driver.purpose
            )
            driver.sending, driver.sent_at = sending, now_ms()
            return sending

    async def _watch(self, driver: Driver, wish: Wish) -> None:
        """While a button is held: further steps, and the end when it is not renewed."""
        loop, stepped_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        while True:
            now = loop.time()
            left = driver.renewed_s + DEADMAN_S - now
            if left <= 0:
                break
            await asyncio.sleep(min(left, STEP_S))
            free = driver.sending is None or driver.sending.ended_at
            if wish.act in letters.STEPS and free and loop.time() - stepped_s >= STEP_S:
                stepped_s = loop.time()
                try:
                    await self._order(driver, *_letter(driver.channel, wish))
                except _AWAY as error:
                    log.warning("a step of a camera is left out", vehicle=driver.vehicle_id, error=str(error)[:200])
        _deadman.inc()
        driver.watch = None
        driver.hold = driver.act = ""
        if driver.turning:
            await self._still(driver)

    async def _stop_hold(self, driver: Driver) -> Outcome:
        turning = driver.turning
        await self._end_hold(driver)
        if turning and driver.sending is not None:
            await self._commanding.ended(driver.sending, ANSWER_S)
        return self._outcome(driver, STOPPED)

    async def _end_hold(self, driver: Driver, turn_on: bool = False) -> None:
        """A hold is over. ``turn_on``: the camera is turned elsewhere at once, which ends the turning too."""
        watch, driver.watch = driver.watch, None
        driver.hold = driver.act = ""
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if driver.turning and not turn_on:
            driver.turning = False
            try:
                sending = await self._halt(driver)
            except _AWAY:
                self._chores.later(self._still(driver))
                raise
            self._chores.later(self._make_sure(driver, sending))

    async def _halt(self, driver: Driver) -> Sending:
        return await self._order(driver, letters.ROTATE, letters.turn(driver.channel, letters.STILL))

    async def _still(self, driver: Driver) -> None:
        """Stop it, for as long as that takes: while the registry is away nothing can be sent, and the camera turns."""
        driver.turning = False
        for pause_s in HALT_AGAIN_S:
            try:
                sending = await self._halt(driver)
            except _AWAY as error:
                log.warning("a camera is not stopped yet", vehicle=driver.vehicle_id, error=str(error)[:200])
                await asyncio.sleep(pause_s)
                if driver.turning:
                    return  # it is driven again
                continue
            await self._make_sure(driver, sending)
            return
        log.error("a camera could not be stopped", vehicle=driver.vehicle_id, channel=driver.channel)

    async def _make_sure(self, driver: Driver, sending: Sending) -> None:
        """A stop that is not answered is sent again: the camera may be turning."""
        for _ in range(STOP_TRIES - 1):
            if await self._commanding.ended(sending, STOP_ANSWER_S) and sending.ok:
                return
            if driver.turning or sending.result in ("offline", "unsupported"):
                return
            sending = await self._halt(driver)

    def _outcome(self, driver: Driver, state: str) -> Outcome:
        sending = driver.sending
        took = sending.ended_at - driver.sent_at if sending is not None and sending.ended_at else None
        return Outcome(state, driver.answer, took, driver.until)


def _letter(channel: int, wish: Wish) -> tuple[str, dict[str, Any]]:
    if wish.act in letters.DIRECTIONS:
        return letters.ROTATE, letters.turn(channel, letters.DIRECTIONS[wish.act], wish.speed)
    if wish.act in letters.STEPS:
        kind, value = letters.STEPS[wish.act]
        return kind, letters.step(channel, value)
    return letters.SWITCHES[wish.act], letters.step(channel, int(wish.on))


def left_turning(engine: Engine, since: int) -> list[tuple[int, str, int]]:
    """Cameras (vehicle, phone, channel) whose last 0x9301 since then (UTC ms) was no stop. Blocks."""
    with read(engine) as connection:
        newest = connection.scalar(select(func.max(CommandBatch.id))) or 0
        rows = connection.execute(
            select(Command.vehicle_id, Command.phone, CommandBatch.parameters)
            .join(CommandBatch, CommandBatch.id == Command.batch_id)
            .where(
                CommandBatch.id > newest - LEFT_BATCHES, CommandBatch.kind == letters.ROTATE,
                CommandBatch.created_at >= since,
            )
            .order_by(Command.id)
        ).all()  # fmt: skip
    last = {}
    for row in rows:
        values = json.loads(row.parameters)
        last[row.vehicle_id, row.phone, values["channel"]] = values["direction"]
    return [camera for camera, direction in last.items() if direction != letters.STILL]
