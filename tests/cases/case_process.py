"""A case engine as a process of its own, to be killed: ``python case_process.py BUS_URL REGISTRY_URL PARENT``."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from luwei.alarms import reader
from luwei.alarms.reader import AlarmReader
from luwei.bus import Bus
from luwei.bus.lifeline import die_with
from luwei.cases.engine import CaseEngine
from luwei.registry.engine import open_engine
from luwei.telemetry import configure_logging


async def main(bus_url: str, registry_url: str) -> None:
    configure_logging("cases")
    engine = open_engine(registry_url)
    bus = await Bus.connect(bus_url, "cases")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    nobody: Any = None
    cases = CaseEngine(engine, nobody, lambda vehicle, kind: None, lambda keys: set())
    await cases.start()
    await AlarmReader(bus, "cases", cases.take).run(stop)
    await cases.stop()
    await bus.close()


die_with(int(sys.argv[3]))  # a failing test must not leave it behind
reader.WINDOW_S = 0.2
asyncio.run(main(sys.argv[1], sys.argv[2]))
