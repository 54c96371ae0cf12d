from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from luwei import facts
from luwei.bus import EmbeddedServer
from luwei.facts import BatchId
from luwei.history import History
from ports import free_port

Locations = Callable[..., pa.RecordBatch]


def today_ms() -> int:
    """Noon UTC of yesterday: a whole day that is over, so that tests do not depend on the time of day."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return int(noon.timestamp() * 1000)


def make_locations(
    vehicles: list[int], at_ms: list[int], batch: BatchId, items: bytes = b"\x01\x04\x00\x00\x00\xff", **columns: Any
) -> pa.RecordBatch:
    """Locations of the given vehicles and times; other columns may be given whole."""
    n = len(vehicles)
    values: dict[str, Any] = {
        "vehicle_id": vehicles,
        "terminal_id": vehicles,
        "at": at_ms,
        "device_at": at_ms,
        "received_at": [at + 700 for at in at_ms],
        "lat_e6": np.full(n, 23_129_100),
        "lon_e6": np.full(n, 113_264_400),
        "altitude_m": np.full(n, 21),
        "speed_dkmh": np.full(n, 612),
        "direction_deg": np.full(n, 90),
        "alarm": np.zeros(n, int),
        "status": np.full(n, 3),
        "mileage_hm": np.full(n, 123_456),
        "fuel_dl": [None] * n,
        "recorder_speed_dkmh": [None] * n,
        "video_alarm": [None] * n,
        "vehicle_signals": [None] * n,
        "radio_signal": np.full(n, 25),
        "satellites": np.full(n, 11),
        "items": [items] * n,
        "origin": np.zeros(n, int),
        "flags": np.zeros(n, int),
        "edition": np.full(n, 2019),
        "serial": np.arange(n) % 65536,
        "batch": np.full(n, batch.value),
    } | columns
    arrays = [pa.array(values[field.name]).cast(field.type) for field in facts.LOCATION]
    return pa.RecordBatch.from_arrays(arrays, schema=facts.LOCATION)


@pytest.fixture
def locations() -> Locations:
    return make_locations


@pytest.fixture
def noon_ms() -> int:
    return today_ms()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", port) as running:
        yield running


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History.open("", tmp_path / "history", 400)
    opened.migrate()
    yield opened
    opened.close()
