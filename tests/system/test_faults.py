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
SECONDS = 9
PATIENT = ("--ack-timeout", "60")
STORM, BATCH = 13_900_010_000, 13_900_020_000
"""First phone numbers of the terminals of these patterns."""


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


@pytest.mark.timeout(900)
def test_no_acknowledged_location_is_missing_after_a_kill(system: WholeSystem) -> None:
    """Of one process after the other, each under load from terminals of its own."""
    acknowledged = {}
    for first, victim in enumerate(("core", "nats-server", "gateway-0")):
        phones = 13_900_000_000 + first * 1_000
        run = start_meter(
            system, "rate", "--rates", str(PER_SECOND), "-n", str(TERMINALS), "-t", str(SECONDS),
            *PATIENT, phones=phones,
        )  # fmt: skip
        time.sleep(SECONDS / 3)  # the meter is then in the middle of its measured step
        before = system.children()[victim]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: system.children().get(victim) not in (None, before), f"{victim} started again", 120)  # noqa: B023
        wait_for(system.healthy, f"service healthy again after {victim}", 120)
        report = finish(run, 150)
        assert report["points_acked"] > PER_SECOND, victim
        if victim != "gateway-0":  # the terminals' connections are not the victim's
            assert (report["closed"], report["lost"]) == (0, 0), victim
        wait_for(system.drained, f"everything in the history after {victim}", 120)
        acknowledged[phones] = report["points_acked"]
    system.stop()
    found = stored(system)
    assert {phones: compare(system, found, phones) for phones in acknowledged} == acknowledged


@pytest.mark.timeout(600)
def test_a_rough_line_a_storm_of_reconnects_and_batches_in_fragments_lose_nothing(system: WholeSystem) -> None:
    rough = finish(start_meter(system, "rough", "-n", "100", "-t", "6", *PATIENT))
    assert (rough["lost"], rough["closed"], rough["bad_acks"], rough["refused"]) == (0, 0, 0, 0)
    assert rough["acked"] == rough["sent"]

    storm = finish(start_meter(system, "storm", "-n", "1000", "--within", "3", "-t", "100", *PATIENT, phones=STORM))
    assert (storm["storm"]["never"], storm["lost"]) == (0, 0)

    batch = finish(start_meter(system, "batch", "-n", "20", "-t", "4", *PATIENT, phones=BATCH))
    assert (batch["lost"], batch["closed"], batch["refused"]) == (0, 0, 0)
    wait_for(system.drained, "everything in the history", 120)
    system.login()
    refused = system.get("/api/access/ledger")["items"]
    assert {"checksum"} <= {entry["reason"] for entry in refused}
    system.stop()
    found = stored(system)
    compare(system, found)
    assert sum(len(rows) for phone, rows in found.items() if int(phone) >= BATCH) == batch["points_acked"]
