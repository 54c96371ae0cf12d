"""``luwei up``: the life of the whole system in one foreground process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from luwei import telemetry
from luwei.settings import Settings
from luwei.supervisor.child import Child, Keeper
from luwei.supervisor.child_table import children, in_url, ports, reachable
from luwei.supervisor.data_lock import AlreadyRunning, locked, require_free


def say(line: str) -> None:
    """One line for the person who watches, with the local time of day."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


class Supervisor:
    """Starts ``table`` rank by rank, keeps every child alive, stops them in reverse."""

    def __init__(self, table: list[Child], logs: Path) -> None:
        self.keepers = [Keeper(child, logs, say) for child in table]
        self.started_ms = int(time.time() * 1000)
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def health(self) -> dict[str, Any]:
        """``ok`` while every child runs and answers."""
        states = [keeper.state() for keeper in self.keepers]
        return {
            "ok": bool(states) and all(state["pid"] is not None and state["ready"] for state in states),
            "process": "supervisor",
            "pid": os.getpid(),
            "started_at": self.started_ms,
            "children": states,
        }

    def ask_to_stop(self) -> None:
        """First call: stop in order. Second call: kill."""
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()

    async def run(self, greeting: list[str]) -> None:
        """Run until ``ask_to_stop``; prints ``greeting`` when everything is up."""
        try:
            if await self._start():
                for line in greeting:
                    say(line)
            await self.stop.wait()
        finally:
            await self._stop()

    async def _start(self) -> bool:
        """Start rank after rank, each when the one before it answers; returns whether all answer."""
        for rank in sorted({keeper.child.rank for keeper in self.keepers}):
            group = [keeper for keeper in self.keepers if keeper.child.rank == rank]
            say(f"starting {', '.join(keeper.child.name for keeper in group)}")
            for keeper in group:
                keeper.start()
            for keeper in group:
                if not await self._ready(keeper) and not self.stop.is_set():
                    say(f"{keeper.child.name} does not answer yet; see {keeper.log_path}")
                if self.stop.is_set():
                    return False
        return all(keeper.ready.is_set() for keeper in self.keepers)

    async def _ready(self, keeper: Keeper) -> bool:
        waits = asyncio.create_task(keeper.ready.wait()), asyncio.create_task(self.stop.wait())
        await asyncio.wait(waits, timeout=keeper.child.ready_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return keeper.ready.is_set()

    async def _stop(self) -> None:
        for rank in sorted({keeper.child.rank for keeper in self.keepers}, reverse=True):
            group = [keeper for keeper in self.keepers if keeper.child.rank == rank]
            say(f"stopping {', '.join(keeper.child.name for keeper in group)}")
            await asyncio.gather(*(keeper.stop(self.hurry) for keeper in group))
        say("stopped")


async def supervise(table: list[Child], data: Path, host: str, status_port: int, greeting: list[str]) -> None:
    """Run ``table`` until SIGTERM or SIGINT, with /health and /metrics on ``host:status_port``. Raises OSError."""
    supervisor = Supervisor(table, data / "logs")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.ask_to_stop)
    stop_telemetry = telemetry.serve(host, status_port, supervisor.health)
    try:
        await supervisor.run(greeting)
    finally:
        stop_telemetry()


def _greeting(settings: Settings, demo: bool) -> list[str]:
    host = in_url(reachable(settings.host))
    lines = [
        f"Luwei runs. Console: http://{host}:{settings.web_port}/",
        f"Terminals: {settings.host} port {settings.gateway_port} (TCP and UDP). Data and logs: {settings.data}",
    ]
    if demo:
        from luwei.access.users import DEMO_PASSWORD, DEMO_USERNAME

        lines.append(f"Login: {DEMO_USERNAME}, password: {DEMO_PASSWORD}")
    return [*lines, "Ctrl-C stops it; the data stays."]


def run(settings: Settings, demo_trucks: int = 0) -> None:
    """Run the whole system on this machine until SIGTERM or SIGINT; blocks.

    ``demo_trucks``: simulated trucks to run beside it. Exits with a message when the data folder or a port is in use.
    """
    try:
        with locked(settings.data):
            require_free(ports(settings))
            table = children(settings, demo_trucks)
            greeting = _greeting(settings, bool(demo_trucks))
            asyncio.run(supervise(table, settings.data, settings.host, settings.status_port, greeting))
    except (AlreadyRunning, OSError) as error:
        sys.exit(f"luwei: {error}")
