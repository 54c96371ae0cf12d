"""Time and memory of the live state: ``python bench/live.py``; prints a JSON object a size.

Medians of some rounds, in CPU time of this process. A batch is one second of a fleet that reports 20,000 locations.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from luwei import facts
from luwei.live import frames
from luwei.live.fleet import Fleet
from luwei.live.screen import Screen
from luwei.live.summary import count, count_by_area
from luwei.live.view import Selection, Vehicles, Window, grid, view

ROWS = 20_000
NOW = 1_795_156_325_000
PROVINCE = (109_600_000, 20_200_000, 117_300_000, 25_600_000)
CITIES = np.array([440100 + 100 * i for i in range(21)], np.int32)


def batch(vehicle: Any, now: int, rng: np.random.Generator) -> pa.RecordBatch:
    """A record batch of plain reports of ``vehicle``, as a gateway sends it."""
    n = len(vehicle)
    values: dict[str, Any] = {
        "vehicle_id": vehicle,
        "lat_e6": rng.integers(PROVINCE[1], PROVINCE[3], n),
        "lon_e6": rng.integers(PROVINCE[0], PROVINCE[2], n),
        "speed_dkmh": rng.integers(0, 900, n),
        "direction_deg": rng.integers(0, 360, n),
        "alarm": (rng.random(n) < 0.02).astype(np.uint32),
        "status": np.full(n, 3),
        "mileage_hm": rng.integers(0, 10_000_000, n),
        "at": np.full(n, now),
        "device_at": np.full(n, now),
        "received_at": np.full(n, now),
        "items": pa.array([b"\x01\x04\x00\x00\x00\x00"] * n, pa.binary()),
    }
    columns = [
        (pa.array(values[f.name]) if f.name in values else pa.array(np.zeros(n, np.int64))).cast(f.type, safe=False)
        for f in facts.LOCATION
    ]
    return pa.RecordBatch.from_arrays(columns, schema=facts.LOCATION)


def ms(work: Callable[[], Any], rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        times.append((time.process_time() - before) * 1000)
    return round(statistics.median(times), 3)


def measure(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    fleet = Fleet(n + 1)
    ids = np.arange(1, n + 1)
    fleet.set_registry(ids, rng.choice(CITIES, n), np.zeros(n), rng.integers(0, 3000, n))
    for start in range(0, n, 50_000):
        fleet.apply(batch(ids[start : start + 50_000], NOW, rng), NOW)
    fleet.tick(NOW)
    batches = [batch(rng.integers(1, n + 1, ROWS), NOW + 1000 * i, rng) for i in range(1, 8)]
    packed = facts.pack(batches[0])
    rest = iter(batches)
    result: dict[str, Any] = {"vehicles": n, "bytes": fleet.nbytes, "bytes_a_vehicle": round(fleet.nbytes / n, 1)}
    result["unpack_20000_ms"] = ms(lambda: facts.unpack(packed))
    result["apply_20000_ms"] = ms(lambda: fleet.apply(next(rest), NOW + 8000))
    result["apply_us_a_row"] = round(result["apply_20000_ms"] * 1000 / ROWS, 3)
    small = facts.pack(batches[1].slice(0, 1_000))
    result["unpack_apply_1000_us_a_row"] = ms(lambda: fleet.apply(facts.unpack(small), NOW + 8000))
    result["tick_ms"] = ms(lambda: fleet.tick(NOW + 8000))
    city = Selection(city=440300, state="online")
    for zoom in (5.0, 7.0, 9.9):
        result[f"cells_z{zoom:g}_ms"] = ms(lambda zoom=zoom: view(fleet, Window(*PROVINCE, zoom), Selection()))
    found = view(fleet, Window(*PROVINCE, 9.9), Selection())
    result["cells_z9.9"] = found.in_view and len(grid(fleet, np.flatnonzero(fleet.known), 9.9).count)
    result["cells_one_city_ms"] = ms(lambda: view(fleet, Window(*PROVINCE, 8.0), city))
    side = 7_700_000 * min(1.0, (15_000 / n) ** 0.5)
    street = Window(113_000_000, 22_000_000, int(113_000_000 + side), int(22_000_000 + side * 0.7), 12.0)
    seen = view(fleet, street, Selection())
    assert isinstance(seen, Vehicles)
    result["view_vehicles"] = seen.in_view
    result["view_ms"] = ms(lambda: view(fleet, street, Selection()))
    result["encode_snapshot_ms"] = ms(lambda: frames.vehicles(fleet, seen.ids, NOW, 1))
    result["snapshot_bytes"] = len(frames.vehicles(fleet, seen.ids, NOW, 1))
    result["area_counts_ms"] = ms(lambda: count_by_area(fleet, Selection()))
    result["summary_ms"] = ms(lambda: count(fleet, city))
    screen = Screen(fleet)
    screen.look(street, Selection())
    screen.message(NOW)

    def second() -> None:
        fleet.apply(batches[3], NOW + 9000)
        fleet.tick(NOW + 9000)

    deltas = []
    for _ in range(7):
        second()
        before = time.process_time()
        message = screen.message(NOW + 9000)
        deltas.append((time.process_time() - before) * 1000)
    result["delta_ms"] = round(statistics.median(deltas), 3)
    result["delta_bytes"] = len(message or b"")
    return result


def main(arguments: list[str]) -> None:
    for size in [int(text) for text in arguments] or (50_000, 500_000):
        print(json.dumps(measure(size)))


if __name__ == "__main__":
    main([])
