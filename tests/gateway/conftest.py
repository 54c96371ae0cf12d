from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bus_double import BusDouble, Start
from terminal_double import Terminal

from luwei.gateway.service import Gateway
from luwei.registry.admission import Admission
from luwei.registry.engine import migrate, open_engine
from luwei.settings import Settings
from ports import free_port


@pytest.fixture(scope="session")
def registry_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def settings(tmp_path: Path, registry_template: Path) -> Settings:
    (tmp_path / "registry.db").write_bytes(registry_template.read_bytes())
    return Settings(data=tmp_path, admission="open", tick_ms=10)


@pytest.fixture
async def bus() -> BusDouble:
    return BusDouble()


@pytest.fixture
async def start(settings: Settings, bus: BusDouble) -> AsyncIterator[Start]:
    """Starts gateways on a free port; keyword arguments change settings."""
    running: list[tuple[Gateway, asyncio.Task[None]]] = []

    async def begin(shard: int = 0, on: Any = None, **changes: Any) -> Gateway:
        own = replace(settings, **{"gateway_port": free_port(), **changes})
        admission = Admission(open_engine(own.registry_url), "open" if own.admission == "open" else "known")
        gateway = Gateway(own, shard, on or bus, admission)
        gateway.start()
        running.append((gateway, asyncio.create_task(gateway.run())))
        return gateway

    yield begin
    for gateway, task in running:
        gateway.stop()
        bus.gate.set()
        bus.away = False
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    return await start()


@pytest.fixture
async def online(gateway: Gateway) -> AsyncIterator[Terminal]:
    """An authenticated terminal of 2019."""
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    yield terminal
    terminal.close()


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Polls until the condition holds, at most a minute."""

    async def wait(condition: Callable[[], Any], what: str = "", seconds: float = 60.0) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, what or "condition did not come"
            await asyncio.sleep(0.01)

    return wait
