"""An ingest as a process of its own, to be killed: ``python ingest_process.py BUS_URL HISTORY_FOLDER PARENT``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from luwei.bus import Bus
from luwei.bus.lifeline import die_with
from luwei.history import History
from luwei.history import ingest as ingest_module
from luwei.history.ingest import Ingest
from luwei.telemetry import configure_logging


async def main(url: str, folder: Path) -> None:
    configure_logging("ingest")
    history = History.open("", folder, 400)
    history.migrate()
    bus = await Bus.connect(url, "ingest")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("running", flush=True)
    ingest = Ingest(bus, history)
    await ingest.run(stop)
    await bus.close()
    history.close()
    print(ingest.health(), flush=True)


die_with(int(sys.argv[3]))  # a failing test must not leave it behind
ingest_module.WINDOW_S = 0.2
asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
