"""Kill -9 of each process under load: no acknowledged location may be missing, and the service heals by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from truth import compare, finish, start_meter, stored
from whole import METER, WholeSystem, wait_for

pytestmark = pytest.mark.system

TERMINALS = 200
PER_SECOND = 1_000
SECONDS = 12


@pytest.fixture(scope="module", autouse=True)
def meter() -> None:
    if not METER.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("bench/meter/meter is not built (needs gcc and make)")
        pytest.skip("bench/meter/meter is not built (needs gcc and make)")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[WholeSystem]:
    whole = WholeSystem(tmp_path)
    whole.start()
    yield whole
    whole.stop()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["core", "nats-server", "gateway-0"])
def test_no_acknowledged_location_is_missing_after_kill_of(system: WholeSystem, victim: str) -> None:
    run = start_meter(
        system, "rate", "--rates", str(PER_SECOND), "-n", str(TERMINALS), "-t", str(SECONDS),
        "--ack-timeout", "30",
    )  # fmt: skip
    time.sleep(SECONDS / 3)  # the meter is then in the middle of its measured step
    before = system.children()[victim]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: system.children().get(victim) not in (None, before), f"{victim} started again", 30)
    wait_for(system.healthy, "service healthy again", 30)
    report = finish(run)
    assert report["points_acked"] > PER_SECOND
    if victim != "gateway-0":  # the terminals' connections are not the victim's
        assert report["closed"] == 0
        assert report["lost"] == 0
    wait_for(system.drained, "everything in the history", 30)
    system.stop()
    assert compare(system) == report["points_acked"]


@pytest.mark.timeout(120)
def test_rough_line_loses_no_good_frame_and_no_connection(system: WholeSystem) -> None:
    report = finish(start_meter(system, "rough", "-n", "100", "-t", "6"))
    assert (report["lost"], report["closed"], report["bad_acks"], report["refused"]) == (0, 0, 0, 0)
    assert report["acked"] == report["sent"]
    wait_for(system.drained, "everything in the history", 30)
    system.login()
    refused = system.get("/api/access/ledger")["items"]
    assert {"checksum"} <= {entry["reason"] for entry in refused}
    system.stop()
    compare(system)


@pytest.mark.timeout(120)
def test_everyone_is_back_after_a_storm_of_reconnects(system: WholeSystem) -> None:
    report = finish(start_meter(system, "storm", "-n", "1000", "--within", "3", "-t", "20"))
    assert report["storm"]["never"] == 0
    assert report["lost"] == 0


@pytest.mark.timeout(120)
def test_batches_in_fragments_are_stored_point_by_point(system: WholeSystem) -> None:
    report = finish(start_meter(system, "batch", "-n", "20", "-t", "4"))
    assert (report["lost"], report["closed"], report["refused"]) == (0, 0, 0)
    wait_for(system.drained, "everything in the history", 30)
    system.stop()
    assert sum(len(rows) for rows in stored(system).values()) == report["points_acked"]
