"""Every captured terminal-side frame goes through a running system; each location is in the history as captured."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from whole import REPOSITORY, WholeSystem, wait_for

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

VECTORS = REPOSITORY.parent / "shared" / "vectors" / "jt808_frames.jsonl"
SOUTH, WEST = 1 << 2, 1 << 3

Place = tuple[str, int, int, int, int, int, int, int | None]
"""phone, alarm, status, latitude, longitude, altitude, speed (as stored), device time in UTC ms or None."""


def _captured() -> list[dict[str, Any]]:
    if not VECTORS.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("shared/vectors is absent")
        pytest.skip("shared/vectors is absent")
    return [json.loads(line) for line in VECTORS.read_text(encoding="utf-8").splitlines()]


def _device_ms(text: str) -> int | None:
    """UTC milliseconds of a China Standard Time such as 2024-10-01 23:59:59; None where it is not a date."""
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round((local - timedelta(hours=8)).timestamp() * 1000)


def _signed(value: int, negative: bool) -> int:
    """Wire value of a coordinate with its hemisphere; two's complement loses its sign first (reference §11.3, 20)."""
    value = abs(value - (1 << 32) if value >= 1 << 31 else value)
    return -value if negative else value


def _expected(body: dict[str, Any], phone: str) -> Place:
    altitude = body["altitude"] - (1 << 16) if body["altitude"] >= 1 << 15 else body["altitude"]
    return (
        phone,
        body["alarm"],
        body["status"],
        _signed(body["latitude"], bool(body["status"] & SOUTH)),
        _signed(body["longitude"], bool(body["status"] & WEST)),
        altitude,
        body["speed"],
        _device_ms(body["time"]),
    )


def _stored(system: WholeSystem) -> Counter[Place]:
    phones = system.phones()
    rows = system.stored(
        "select terminal_id, alarm, status, lat_e6, lon_e6, altitude_m, speed_dkmh,"
        " toUnixTimestamp64Milli(device_at) from location"
    )
    return Counter((phones[row[0]], *row[1:]) for row in rows)


def test_every_captured_location_is_found_in_the_history(tmp_path: Path) -> None:
    captured = _captured()
    system = WholeSystem(tmp_path)
    system.start()
    try:
        system.run("replay", str(VECTORS), "--to", f"127.0.0.1:{system.gateway_port}")
        wait_for(system.drained, "everything in the history", 120)
    finally:
        system.stop()
    stored = _stored(system)
    missing, looked_for = [], 0
    for frame in captured:
        expect = frame.get("expect") or {}
        body = expect.get("body")
        if "expect_error" in frame or not body or expect["encrypt"] or expect["subpackage"]:
            continue
        if expect["message_id"] in ("0x0200", "0x0201"):
            places = [body]
        elif expect["message_id"] == "0x0704":
            places = body["locations"]
        else:
            continue
        for place in places:
            if "latitude" not in place:
                continue
            looked_for += 1
            if not stored[_expected(place, expect["phone"])]:
                missing.append((frame["id"], frame.get("body_problem", "")))
    assert looked_for > 100
    assert missing == []
