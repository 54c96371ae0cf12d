"""Kill -9 of each process under load: no acknowledged location may be missing, and the service heals by itself.

The meter's truth file says for each phone how many positions were acknowledged and the sum of their latitudes. Each
terminal has one position in flight, so beyond the acknowledged ones the history may hold at most one more: the last one
sent, stored but not yet acknowledged when its process or connection died.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whole import METER, WholeSystem, wait_for

pytestmark = pytest.mark.system

TERMINALS = 200
PER_SECOND = 1_000
SECONDS = 12


@pytest.fixture(scope="module")
def meter() -> Path:
    if not METER.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("bench/meter/meter is not built (needs gcc and make)")
        pytest.skip("bench/meter/meter is not built (needs gcc and make)")
    return METER


@pytest.fixture
def system(tmp_path: Path) -> Iterator[WholeSystem]:
    whole = WholeSystem(tmp_path)
    whole.start()
    yield whole
    whole.stop()


def _start_meter(meter: Path, system: WholeSystem, pattern: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(meter), pattern, "-p", str(system.gateway_port), "--truth", str(system.folder / "truth.csv"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(meter: subprocess.Popen[str], seconds: float = 90) -> dict[str, Any]:
    out, err = meter.communicate(timeout=seconds)
    assert meter.returncode in (0, 2), err
    result: dict[str, Any] = json.loads(out)
    return result


def _stored(system: WholeSystem) -> dict[str, list[tuple[int, int]]]:
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


def _compare(system: WholeSystem) -> int:
    """Hold the truth against the history; the number of acknowledged locations."""
    stored = _stored(system)
    acknowledged = 0
    with (system.folder / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            mine, acked = stored.get(row["phone"].lstrip("0"), []), int(row["acked"])
            acknowledged += acked
            extra = len(mine) - acked
            assert extra in (0, 1), f"{row['phone']}: {acked} acknowledged, {len(mine)} stored"
            latitudes = sum(latitude for _, latitude in mine) - (mine[-1][1] if extra else 0)
            assert latitudes == int(row["latitude_acked"]), f"{row['phone']}: other places stored than acknowledged"
    return acknowledged


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["core", "nats-server", "gateway-0"])
def test_no_acknowledged_location_is_missing_after_kill_of(system: WholeSystem, meter: Path, victim: str) -> None:
    run = _start_meter(
        meter, system, "rate", "--rates", str(PER_SECOND), "-n", str(TERMINALS), "-t", str(SECONDS),
        "--ack-timeout", "30",
    )  # fmt: skip
    time.sleep(SECONDS / 3)  # the meter is then in the middle of its measured step
    before = system.children()[victim]
    os.kill(before, signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: system.children().get(victim) not in (None, before), f"{victim} started again", 10)
    wait_for(system.healthy, "service healthy again", 10)
    assert time.monotonic() - killed <= 10
    report = _finish(run)
    assert report["points_acked"] > PER_SECOND
    if victim != "gateway-0":  # the terminals' connections are not the victim's
        assert report["closed"] == 0
        assert report["lost"] == 0
    wait_for(system.drained, "everything in the history", 30)
    system.stop()
    assert _compare(system) == report["points_acked"]


@pytest.mark.timeout(120)
def test_rough_line_loses_no_good_frame_and_no_connection(system: WholeSystem, meter: Path) -> None:
    report = _finish(_start_meter(meter, system, "rough", "-n", "100", "-t", "6"))
    assert (report["lost"], report["closed"], report["bad_acks"], report["refused"]) == (0, 0, 0, 0)
    assert report["acked"] == report["sent"]
    wait_for(system.drained, "everything in the history", 30)
    system.login()
    refused = system.get("/api/access/ledger")["items"]
    assert {"checksum"} <= {entry["reason"] for entry in refused}
    system.stop()
    _compare(system)


@pytest.mark.timeout(120)
def test_everyone_is_back_after_a_storm_of_reconnects(system: WholeSystem, meter: Path) -> None:
    report = _finish(_start_meter(meter, system, "storm", "-n", "1000", "--within", "3", "-t", "20"))
    assert report["storm"]["never"] == 0
    assert report["lost"] == 0


@pytest.mark.timeout(120)
def test_batches_in_fragments_are_stored_point_by_point(system: WholeSystem, meter: Path) -> None:
    report = _finish(_start_meter(meter, system, "batch", "-n", "20", "-t", "4"))
    assert (report["lost"], report["closed"], report["refused"]) == (0, 0, 0)
    wait_for(system.drained, "everything in the history", 30)
    system.stop()
    assert sum(len(rows) for rows in _stored(system).values()) == report["points_acked"]
