"""An intake as a process of its own, to be killed: ``python intake_process.py BUS_URL FOLDER PARENT``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from luwei.bus import Bus
from luwei.bus.lifeline import die_with
from luwei.evidence.store import EvidenceStore
from luwei.multimedia import intake as intake_module
from luwei.multimedia.intake import Intake
from luwei.multimedia.keeping import keep
from luwei.registry.engine import open_engine


async def main(url: str, folder: Path) -> None:
    engine = open_engine(f"sqlite:///{folder / 'registry.db'}")
    store = EvidenceStore.open("", folder)
    bus = await Bus.connect(url, "intake")
    await bus.ensure_stream()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("running", flush=True)
    await Intake(bus, lambda upload: keep(engine, store, upload)).run(stop)
    await bus.close()


die_with(int(sys.argv[3]))  # a failing test must not leave it behind
intake_module.WINDOW_S = 0.2
asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
