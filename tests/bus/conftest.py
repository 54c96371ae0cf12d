from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer
from ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", port) as running:
        yield running
