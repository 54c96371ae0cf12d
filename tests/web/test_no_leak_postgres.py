"""The same oracle on a registry in PostgreSQL, whose answers to the same questions must be the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from litestar import Litestar
from oracle.asking import compare_briefly
from running_core import Running, running_on

from luwei.registry.engine import migrate, open_engine
from postgres import PostgresDatabase

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str, applications: list[Litestar]
) -> AsyncIterator[Running]:
    """A core whose registry is a database of its own."""
    place = PostgresDatabase("", postgres_server.format(database="leak"), postgres_server)
    place.create()
    engine = open_engine(place.url)
    migrate(engine)
    engine.dispose()
    async with running_on(tmp_path_factory.mktemp("core"), applications, place.url) as running:
        yield running
    place.admin("DROP DATABASE IF EXISTS leak WITH (FORCE)")


@pytest.mark.timeout(300)
async def test_no_row_leaks_and_none_that_is_due_is_missing_in_postgresql(web: Running) -> None:
    await compare_briefly(web, 0)
