"""Kill -9 of the core while it records: what was recorded before is stored, and the recording goes on."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from whole import WholeSystem, wait_for

pytestmark = pytest.mark.system


@pytest.fixture
def system(tmp_path: Path) -> Iterator[WholeSystem]:
    whole = WholeSystem(tmp_path)
    try:
        whole.start(120)
    except AssertionError:
        whole.stop()
        raise
    trucks = subprocess.Popen(
        [sys.executable, "-m", "luwei.cli", "simulate", "--trucks", "2", "--to", f"127.0.0.1:{whole.gateway_port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield whole
    trucks.terminate()
    trucks.wait(20)
    whole.stop()


@pytest.mark.timeout(600)
def test_a_recording_outlives_a_killed_core(system: WholeSystem) -> None:
    system.login()

    def online() -> Any:
        items = system.get("/api/vehicles")["items"]
        return next((each["id"] for each in items if each["live"] is not None), None)

    vehicle = wait_for(online, "a truck that reports", 120)
    body = {"vehicle_id": vehicle, "channel": 1, "seconds": 600, "purpose": "事故取证"}
    answer = system.client.post("/api/video/records", json=body)
    assert answer.status_code == 201, answer.text
    path = f"/api/video/records/{answer.json()['record']['id']}"

    def pictures(record: dict[str, Any]) -> bool:
        return bool(record["record"]["pictures"] >= 25)

    wait_for(lambda: pictures(system.get(path)), "a second of pictures")
    before = system.children()["core"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: system.children().get("core") not in (None, before), "core started again", 120)
    wait_for(system.healthy, "healthy again", 120)

    def gone_on() -> Any:
        found = system.get(path)
        states = [part["state"] for part in found["parts"]]
        return found if len(states) > 1 and (states[0], states[-1]) == ("done", "open") else None

    found = wait_for(gone_on, "the part before stored, another begun", 120)
    assert found["record"]["interrupted"] and found["record"]["state"] == "recording"
    assert found["parts"][0]["cause"] == "restart"
    assert "restart" in [gap["cause"] for gap in found["gaps"]]
    assert system.client.post(f"{path}/stop").status_code == 200
    ended = wait_for(lambda: (f := system.get(path))["record"]["state"] == "done" and f, "stored", 120)
    assert (ended["parts"][0]["cause"], ended["parts"][-1]["cause"]) == ("restart", "end")
    for part in ended["parts"]:
        answer = system.client.get(
            f"/api/evidence/{part['file']}/file", params={"purpose": "事故取证", "form": "original"}
        )
        assert answer.headers["X-Luwei-SHA256"] == part["sha256"]
        with av.open(io.BytesIO(answer.content)) as container:
            assert len(list(container.decode(video=0))) == part["pictures"] > 0
