from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", port) as running:
        yield running
