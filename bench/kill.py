"""Kill -9 of gateway, core and bus in turn under load: how soon is the service back, and is anything missing?"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from truth import compare, finish, start_meter
from whole import WholeSystem, wait_for

SECONDS = 20


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench kill")
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--terminals", type=int, default=2_000)
    options = parser.parse_args(arguments)
    load = ("--rates", str(options.rate), "-n", str(options.terminals), "-t", str(SECONDS), "--ack-timeout", "30")
    for victim in ("gateway-0", "core", "nats-server"):
        with tempfile.TemporaryDirectory() as folder:
            system = WholeSystem(Path(folder))
            system.start()
            run = start_meter(system, "rate", *load)
            time.sleep(SECONDS / 3)
            before = system.children()[victim]
            os.kill(before, signal.SIGKILL)
            killed = time.monotonic()
            wait_for(lambda: system.children().get(victim) not in (None, before), f"{victim} started again")  # noqa: B023
            wait_for(system.healthy, "service healthy again")
            back_s = time.monotonic() - killed
            report = finish(run)
            wait_for(system.drained, "everything in the history", 60)
            system.stop()
            acknowledged = compare(system)  # raises where an acknowledged location is missing
        print(f"{victim}: back after {back_s:.1f} s; {acknowledged} acknowledged, none missing; lost {report['lost']}")
