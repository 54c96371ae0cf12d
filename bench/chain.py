"""Whole chain: meter → gateway → bus → ingest → history and live, at a fixed rate.

Prints CPU µs a stored location over all processes of Luwei, the acknowledgement times, and whether what was stored
equals what was acknowledged; beside it the reference server at the same rate in the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from ports import free_ports
from whole import METER, WholeSystem, wait_for

REFERENCE = METER.with_name("refserver")


def _meter(port: int, pids: list[int], rate: int, terminals: int, seconds: int, first: int) -> dict[str, Any]:
    command = [
        str(METER), "rate", "-p", str(port), "--rates", str(rate), "-n", str(terminals), "-t", str(seconds), "-w", "3",
        "--phones", str(first), "--truth", "-", "--pids", ",".join(map(str, pids)),
    ]  # fmt: skip
    result: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return result


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench chain")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--terminals", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        system = WholeSystem(Path(folder))
        system.start()
        (port,) = free_ports(1)
        with subprocess.Popen([str(REFERENCE), "-p", str(port)], stdout=subprocess.DEVNULL) as reference:
            ours, theirs = [], []
            try:
                acknowledged = 0
                for round_number in range(options.rounds):
                    first = 13_900_000_000 + round_number * 100_000
                    load = (options.rate, options.terminals, options.seconds, first)
                    theirs.append(_meter(port, [reference.pid], *load))
                    assert system.process is not None
                    ours.append(_meter(system.gateway_port, [*system.children().values(), system.process.pid], *load))
                    acknowledged += ours[-1]["points_acked"]
                    print(json.dumps({"luwei": ours[-1], "reference": theirs[-1]}))
                wait_for(system.drained, "everything in the history", 60)
            finally:
                reference.terminate()
                system.stop()
        stored = system.stored("select count() from location")[0][0]
    cost = statistics.median(each["us_per_message"] for each in ours)
    bare = statistics.median(each["us_per_message"] for each in theirs)
    p99 = statistics.median(each["latency_ms"]["p99"] for each in ours)
    print(f"µs a stored location, all processes: {cost:.1f}")
    print(f"reference, which stores nothing: {bare:.1f}; ratio {cost / bare:.2f}")
    print(f"acknowledged after, p99 ms: {p99:.0f}")
    print(f"lost {sum(each['lost'] for each in ours)}, acknowledged {acknowledged}, stored {stored}")
