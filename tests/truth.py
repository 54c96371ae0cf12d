"""The load meter against a whole system, and its truth held against the history.

The meter's truth file says for each phone how many positions were acknowledged and the sum of their latitudes. Each
terminal has one position in flight, so beyond the acknowledged ones the history may hold at most one more: the last one
sent, stored but not yet acknowledged when its process or connection died.
"""

from __future__ import annotations

import csv
import json
import subprocess
from typing import Any

from whole import METER, WholeSystem


def start_meter(
    system: WholeSystem, pattern: str, *options: str, phones: int = 13_900_000_000
) -> subprocess.Popen[str]:
    """``phones``: the first of the terminals' numbers, which names the truth as well."""
    truth = str(system.folder / f"truth-{phones}.csv")
    return subprocess.Popen(
        [str(METER), pattern, "-p", str(system.gateway_port), "--phones", str(phones), "--truth", truth, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(meter: subprocess.Popen[str], seconds: float = 150) -> dict[str, Any]:
    out, err = meter.communicate(timeout=seconds)
    assert meter.returncode in (0, 2), err
    result: dict[str, Any] = json.loads(out)
    return result


def stored(system: WholeSystem) -> dict[str, list[tuple[int, int]]]:
    """For each phone the distinct (device time, latitude) rows of the history, opened after the system has stopped."""
    phones = system.phones()
    rows: dict[str, list[tuple[int, int]]] = {}
    for terminal, at, latitude, copies in system.stored(
        "select terminal_id, at, lat_e6, count() as copies from location"
        " group by terminal_id, at, lat_e6, serial order by at, serial"
    ):
        assert copies == 1, f"terminal {terminal} at {at}: stored {copies} times"
        rows.setdefault(phones[terminal], []).append((at, latitude))
    return rows


def compare(
    system: WholeSystem, found: dict[str, list[tuple[int, int]]] | None = None, phones: int = 13_900_000_000
) -> int:
    """Hold the truth of a meter against what is ``stored``; the number of acknowledged locations."""
    found = stored(system) if found is None else found
    acknowledged = 0
    with (system.folder / f"truth-{phones}.csv").open() as file:
        for row in csv.DictReader(file):
            mine, acked = found.get(row["phone"].lstrip("0"), []), int(row["acked"])
            acknowledged += acked
            extra = len(mine) - acked
            assert extra in (0, 1), f"{row['phone']}: {acked} acknowledged, {len(mine)} stored"
            latitudes = sum(latitude for _, latitude in mine) - (mine[-1][1] if extra else 0)
            assert latitudes == int(row["latitude_acked"]), f"{row['phone']}: other places stored than acknowledged"
    return acknowledged
