"""How the history holds up: loads realistic truck-days, then asks for tracks while 20,000 locations a second go in.

    python bench/history.py --rows 50_000_000 --folder /tmp/luwei-history

One day of 25,000 trucks, a point every 30 s while they drive. Rows go in through ``History.insert`` as the ingest does
(one insert a second in the measured part), tracks come out through the query ``track``. Prints one table at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from luwei import facts
from luwei.history import History

ITEM_BYTES = 22


class Fleet:
    """State of all trucks; ``step`` drives some of them on and returns their locations."""

    def __init__(self, trucks: int, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        rng = self.rng
        self.lat = rng.uniform(21.5e6, 24.5e6, trucks)
        self.lon = rng.uniform(110.5e6, 116e6, trucks)
        self.speed = rng.uniform(0, 800, trucks)
        self.heading = rng.uniform(0, 360, trucks)
        self.altitude = rng.uniform(0, 200, trucks)
        self.mileage = rng.uniform(1e5, 5e6, trucks)
        self.driving = rng.random(trucks) < 0.7
        self.serial = rng.integers(0, 65536, trucks)
        self.phase = rng.integers(0, 30, trucks)
        self.edition = np.where(rng.random(trucks) < 0.7, 2019, 2013)
        self.batch = 0

    def step(self, which: np.ndarray, at_s: np.ndarray, seconds: float) -> pa.Table:
        rng, n = self.rng, len(which)
        flip = rng.random(n) < seconds / 3000
        self.driving[which] ^= flip
        driving = self.driving[which]
        speed = np.where(driving, np.clip(self.speed[which] + rng.normal(0, 30, n), 150, 900), 0.0)
        self.speed[which] = np.where(driving, speed, self.speed[which])
        self.heading[which] = (self.heading[which] + np.where(driving, rng.normal(0, 6, n), 0)) % 360
        metres = speed / 36 * seconds
        angle = np.radians(self.heading[which])
        self.lat[which] += metres * np.cos(angle) * 9.0
        self.lon[which] += metres * np.sin(angle) * 9.8
        self.altitude[which] += np.where(driving, rng.normal(0, 1.5, n), 0)
        self.mileage[which] += metres / 100
        self.serial[which] = (self.serial[which] + 1 + (rng.random(n) < 0.1)) % 65536
        self.batch += 1
        at_ms = at_s.astype(np.int64) * 1000
        received = at_ms + rng.integers(300, 2500, n)
        mileage = self.mileage[which].astype(np.uint32)
        signal, satellites = rng.integers(20, 29, n), rng.integers(9, 14, n)
        status = np.where(driving, 0b11, 0b10).astype(np.uint32)
        items = np.zeros((n, ITEM_BYTES), np.uint8)
        items[:, 0], items[:, 1], items[:, 2:6] = 1, 4, mileage.astype(">u4").view(np.uint8).reshape(n, 4)
        items[:, 6], items[:, 7], items[:, 8:10] = 3, 2, speed.astype(">u2").view(np.uint8).reshape(n, 2)
        items[:, 10], items[:, 11], items[:, 12] = 0x30, 1, signal
        items[:, 13], items[:, 14], items[:, 15] = 0x31, 1, satellites
        items[:, 16], items[:, 17] = 0x25, 4
        offsets = np.arange(n + 1, dtype=np.int32) * ITEM_BYTES
        raw = pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(items)])
        zero = np.zeros(n, int)
        none = pa.nulls(n)
        values = {
            "vehicle_id": which + 1, "terminal_id": which + 1, "at": at_ms, "device_at": at_ms, "received_at": received,
            "lat_e6": self.lat[which].astype(np.int32), "lon_e6": self.lon[which].astype(np.int32),
            "altitude_m": self.altitude[which].astype(np.int16), "speed_dkmh": speed.astype(np.uint16),
            "direction_deg": self.heading[which].astype(np.uint16), "alarm": (rng.random(n) < 0.002).astype(np.uint32),
            "status": status, "mileage_hm": mileage, "fuel_dl": none, "recorder_speed_dkmh": speed.astype(np.uint16),
            "video_alarm": none, "vehicle_signals": zero, "radio_signal": signal, "satellites": satellites,
            "items": raw,
            "origin": zero, "flags": zero, "edition": self.edition[which], "serial": self.serial[which],
            "batch": np.full(n, (7 << 32) + self.batch, np.uint64),
        }  # fmt: skip
        columns = [
            column if isinstance(column := values[f.name], pa.Array) and column.type == f.type
            else (column if isinstance(column, pa.Array) else pa.array(column)).cast(f.type)
            for f in facts.LOCATION
        ]  # fmt: skip
        return pa.Table.from_arrays(columns, schema=facts.LOCATION)


def load(history: History, fleet: Fleet, trucks: int, rows: int, day_s: int, chunk: int) -> tuple[int, float]:
    """Insert ``rows`` in the order of their arrival; returns the time reached and the seconds spent inserting."""
    everyone = np.arange(trucks)
    parts: list[pa.Table] = []
    waiting = done = 0
    inserting = 0.0
    at = day_s
    began = shown = time.monotonic()
    while done < rows:
        part = fleet.step(everyone, at + fleet.phase, 30)
        at += 30
        parts.append(part)
        waiting += part.num_rows
        if waiting >= chunk or done + waiting >= rows:
            t = time.monotonic()
            history.insert(facts.FIX, pa.concat_tables(parts), f"load-{at}")
            inserting += time.monotonic() - t
            done += waiting
            parts, waiting = [], 0
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                print(f"  {done / 1e6:6.1f} M rows, {done / (shown - began):,.0f} rows/s overall", flush=True)
    return at, inserting


def keep_inserting(history: History, fleet: Fleet, trucks: int, at_s: int, rate: int, stop: threading.Event) -> None:
    """One insert a second of ``rate`` rows, as the ingest does."""
    second = 0
    began = time.monotonic()
    while not stop.is_set():
        which = (np.arange(rate) + second * rate) % trucks
        table = fleet.step(np.sort(which), np.full(rate, at_s + second), 1)
        history.insert(facts.FIX, table, f"live-{at_s}-{second}")
        fleet.inserted = second = second + 1  # type: ignore[attr-defined]
        stop.wait(max(0.0, began + second - time.monotonic()))


def percentiles(seconds: list[float]) -> str:
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, [50, 95, 99])
    return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, worst {max(seconds) * 1000:.1f} ms"


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--trucks", type=int, default=25_000)
    parser.add_argument("--rate", type=int, default=20_000, help="rows inserted a second while tracks are asked for")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--asks", type=float, default=5, help="tracks asked for a second")
    parser.add_argument("--chunk", type=int, default=500_000, help="rows an insert while loading")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args(given)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="luwei-history-"))
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    day_s = int(yesterday.timestamp())
    history = History.open("", folder, 400)
    try:
        history.migrate()
        fleet = Fleet(arguments.trucks)
        cpu = time.process_time()
        print(f"loading {arguments.rows:,} rows of {arguments.trucks:,} trucks", flush=True)
        at_s, inserting = load(history, fleet, arguments.trucks, arguments.rows, day_s, arguments.chunk)
        loaded_cpu = time.process_time() - cpu
        stop = threading.Event()
        writer = threading.Thread(
            target=keep_inserting, args=(history, fleet, arguments.trucks, at_s, arguments.rate, stop), daemon=True
        )
        if arguments.rate:
            writer.start()
            time.sleep(3)
        rng = np.random.default_rng(9)
        asked: list[float] = []
        points = 0
        cpu, began = time.process_time(), time.monotonic()
        while time.monotonic() - began < arguments.seconds:
            vehicle = int(rng.integers(1, arguments.trucks + 1))
            t = time.perf_counter()
            track = history.query(
                "track", vehicle=vehicle, start=day_s * 1000, end=(day_s + 86_400) * 1000, limit=200_001
            )
            asked.append(time.perf_counter() - t)
            points += track.num_rows
            time.sleep(max(0.0, 1 / arguments.asks - asked[-1]))
        busy = (time.process_time() - cpu) / (time.monotonic() - began)
        stop.set()
        if arguments.rate:
            writer.join()
        t = time.perf_counter()
        latest = history.query("latest")
        latest_s = time.perf_counter() - t
        t = time.perf_counter()
        counts = history.query("counts_day", start=day_s * 1000, end=(day_s + 86_400) * 1000)
        counts_s = time.perf_counter() - t
        sizes = history.sizes()
        print(f"\n| what | measured |\n|---|---|\n| rows of the day | {sum(counts['locations'].to_pylist()):,} |")
        for table in ("location", "latest"):
            one = sizes[table]
            print(f"| {table} | {one.bytes / max(1, one.rows):.1f} bytes a row, {one.parts} parts |")
        each = loaded_cpu / arguments.rows * 1e6
        print(f"| load | {arguments.rows / inserting:,.0f} rows/s, {each:.2f} µs CPU a row (with making the data) |")
        day = f"{points // max(1, len(asked)):,} points"
        print(f"| track of a truck-day ({day}) at {arguments.rate:,} rows/s | {percentiles(asked)} |")
        print(f"| CPU meanwhile (with making the data) | {busy * 100:.0f} % of a core |")
        print(f"| latest, {latest.num_rows:,} vehicles | {latest_s * 1000:.0f} ms |")
        print(f"| counts of the day | {counts_s * 1000:.0f} ms |")
    finally:
        history.close()
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
