from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer
from luwei.history import History
from ports import free_port

sys.path.append(str(Path(__file__).parent.parent / "protocol"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", free_port()) as running:
        yield running


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History.open("", tmp_path / "history", 10_000)
    opened.migrate()
    yield opened
    opened.close()
