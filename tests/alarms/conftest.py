from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer
from luwei.history import History

sys.path.append(str(Path(__file__).parent.parent / "protocol"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with EmbeddedServer(tmp_path / "bus", port) as running:
        yield running


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History.open("", tmp_path / "history", 10_000)
    opened.migrate()
    yield opened
    opened.close()
