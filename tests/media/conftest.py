from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from node_harness import Harness

from luwei.bus import Bus, EmbeddedServer
from luwei.media.node import Node
from luwei.settings import Settings
from luwei.simulator import streams
from ports import free_port, free_run_of_ports


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Harness]:
    folder = tmp_path_factory.mktemp("media")
    with EmbeddedServer(folder / "bus", free_port()) as server:
        bus = await Bus.connect(server.url, "test")
        settings = Settings(data=folder, media_port=free_run_of_ports(3), media_connections_per_address=40)
        harness = Harness(Node(settings, 0, bus), bus)
        await harness.start()
        yield harness
        await harness.clear()
        await harness.node.stop()
        await bus.close()


@pytest_asyncio.fixture(loop_scope="session")
async def node(_node: Harness) -> AsyncIterator[Harness]:
    """The one node of all tests, empty at the beginning of each."""
    yield _node
    await _node.clear()


@pytest.fixture(scope="session")
def clip() -> list[tuple[bytes, bool]]:
    """Six seconds of H.264, a key picture every two: pictures as (Annex-B, key)."""
    return [(unit.data, unit.key) for unit in streams.record(seconds=6.0).units]


@pytest.fixture(scope="session")
def h265_clip() -> list[tuple[bytes, bool]]:
    return [(unit.data, unit.key) for unit in streams.record(seconds=3.0, codec="h265").units]
