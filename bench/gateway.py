"""CPU of the gateway per acknowledged location, in turn with the meter's reference server.

    ./dev bench gateway                       # all patterns, five rounds
    ./dev bench gateway fleet backlog -k 3

Every round starts both servers afresh. Server on core 0; meter and nats-server on core 1. The gateway publishes every
location to a real nats-server with a file store and acknowledges only what is on disk there; the bus's own CPU is
shown apart. Prints a table and appends one JSON line a pattern to ``bench/gateway.jsonl``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luwei.bus import EmbeddedServer
from luwei.registry.engine import migrate, open_engine
from luwei.settings import Settings
from ports import free_port

HERE = Path(__file__).parent
METER = HERE / "meter"
SERVER_CORE, METER_CORE = 0, 1


@dataclass(frozen=True)
class Pattern:
    """One load. ``bound`` is the largest allowed ratio to the reference's µs a location; None: no ratio is asked."""

    options: str
    bound: float | None
    reference: bool = True


PATTERNS = {
    "saturate-2000": Pattern("saturate -n 2000 -t 5", 2.4),
    "saturate-10000": Pattern("saturate -n 10000 -t 5", 2.4),
    "fleet": Pattern("fleet -n 5000 --interval 1 -t 8", 0.8),
    "backlog": Pattern("backlog -n 200 --window 50 -t 5", 10.0),
    "batch": Pattern("batch -n 200 -t 5", None),
    "rough": Pattern("rough -n 500 -t 5", None),
    "idle": Pattern("fleet -n 15000 --interval 900 -t 3", None, reference=False),
    "storm": Pattern("storm -n 15000 --within 10 -t 30", None, reference=False),
}


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a process."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    return total / 1e9


def wait_for(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def _gateway(settings: Settings) -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    from luwei.gateway import service

    service.run(settings, 0)


@contextlib.contextmanager
def gateway() -> Iterator[tuple[int, int, int]]:
    """A gateway with its bus and an empty registry; yields port, pid and the bus's pid."""
    with tempfile.TemporaryDirectory(prefix="luwei-bench-") as folder:
        data = Path(folder)
        bus_port, port, status = free_port(), free_port(), free_port()
        with EmbeddedServer(data / "bus", bus_port) as bus:
            assert bus.pid is not None
            for task in Path(f"/proc/{bus.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {METER_CORE})
            settings = Settings(
                data=data,
                bus=f"nats://127.0.0.1:{bus_port}",
                gateway_port=port,
                status_port=status - 1,
                admission="open",
                frames_per_second=1_000_000,
            )
            migrate(open_engine(settings.registry_url))
            process = multiprocessing.get_context("spawn").Process(target=_gateway, args=(settings,))
            process.start()
            try:
                wait_for(port)
                assert process.pid is not None
                yield port, process.pid, bus.pid
            finally:
                process.terminate()
                process.join(10)
                if process.is_alive():
                    process.kill()


@contextlib.contextmanager
def reference() -> Iterator[tuple[int, int]]:
    """The reference server; yields port and pid."""
    port = free_port()
    command = ["taskset", "-c", str(SERVER_CORE), str(METER / "refserver"), "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def measure(options: str, port: int, pid: int) -> dict[str, Any]:
    command = ["taskset", "-c", str(METER_CORE), str(METER / "meter"), *options.split()]
    command += ["--truth", "-", "-p", str(port), "--pids", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    if not done.stdout:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run(name: str, pattern: Pattern, rounds: int) -> dict[str, Any]:
    """Rounds of one pattern; medians."""
    theirs, ours = [], []
    for number in range(rounds):
        if pattern.reference:
            with reference() as (port, pid):
                theirs.append(measure(pattern.options, port, pid))
        with gateway() as (port, pid, bus_pid):
            before = cpu_s(bus_pid)
            result = measure(pattern.options, port, pid)
            result["bus_us"] = (cpu_s(bus_pid) - before) * 1e6 / max(result["points_acked"], 1)
            ours.append(result)
        print(f"  {name} round {number + 1}/{rounds}", file=sys.stderr)

    def median(results: list[dict[str, Any]], *path: str) -> float | None:
        values = []
        for result in results:
            value: Any = result
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                values.append(float(value))
        return round(statistics.median(values), 3) if values else None

    ratios = [
        mine["us_per_message"] / yours["us_per_message"]
        for mine, yours in zip(ours, theirs, strict=False)
        if "us_per_message" in mine and "us_per_message" in yours
    ]
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "pattern": name,
        "options": pattern.options,
        "rounds": rounds,
        "reference_us": median(theirs, "us_per_message"),
        "gateway_us": median(ours, "us_per_message"),
        "ratio": round(statistics.median(ratios), 3) if ratios else None,
        "bound": pattern.bound,
        "bus_us": median(ours, "bus_us"),
        "per_s": median(ours, "throughput"),
        "ack_p50_ms": median(ours, "latency_ms", "p50"),
        "ack_p99_ms": median(ours, "latency_ms", "p99"),
        "kib_per_connection": median(ours, "kib_per_connection"),
        "storm_all_s": median(ours, "storm", "all_authenticated_s"),
        "storm_never": median(ours, "storm", "never"),
        "lost": sum(r["lost"] + r["refused"] + r["bad_acks"] for r in ours),
        "closed": sum(r["closed"] for r in ours),
        "unacknowledged": sum(r["sent"] - r["acked"] for r in ours),
        "load": round(os.getloadavg()[0], 1),
    }


COLUMNS = (
    "pattern", "reference_us", "gateway_us", "ratio", "bound", "bus_us", "per_s", "ack_p50_ms", "ack_p99_ms",
    "kib_per_connection", "storm_all_s", "lost", "closed", "unacknowledged",
)  # fmt: skip


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", choices=[*PATTERNS, []], help=", ".join(PATTERNS))
    parser.add_argument("-k", "--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=HERE / "gateway.jsonl")
    arguments = parser.parse_args(given)
    subprocess.run(["make", "-s", "-C", str(METER)], check=True)
    results = []
    for name in arguments.patterns or PATTERNS:
        results.append(run(name, PATTERNS[name], arguments.rounds))
        with arguments.json.open("a") as out:
            out.write(json.dumps(results[-1]) + "\n")
    rows = [[("" if r[c] is None else str(r[c])) for c in COLUMNS] for r in results]
    widths = [max(len(c), *(len(row[i]) for row in rows)) for i, c in enumerate(COLUMNS)]
    for row in (list(COLUMNS), *rows):
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
