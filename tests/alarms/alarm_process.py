"""An ingest with alarms as a process of its own, to be killed: ``python alarm_process.py BUS_URL FOLDER PARENT``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from luwei.alarms.derivation import AlarmDerivation
from luwei.bus import Bus
from luwei.bus.lifeline import die_with
from luwei.history import History
from luwei.history import ingest as ingest_module
from luwei.history.ingest import Ingest
from luwei.telemetry import configure_logging


async def main(url: str, folder: Path) -> None:
    configure_logging("ingest")
    history = History.open("", folder, 10_000)
    history.migrate()
    bus = await Bus.connect(url, "ingest")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Ingest(bus, history, derivation=AlarmDerivation(bus, history)).run(stop)
    await bus.close()
    history.close()


die_with(int(sys.argv[3]))  # a failing test must not leave it behind
ingest_module.WINDOW_S = 0.2
asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
