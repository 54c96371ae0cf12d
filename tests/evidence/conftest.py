from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attachment_terminal import AttachmentTerminal
from sqlalchemy import Engine, select
from trucks import add_truck

from luwei.evidence.service import AttachmentServer
from luwei.evidence.store import EvidenceStore
from luwei.registry.engine import open_engine, read
from luwei.registry.evidence import EvidenceFile, EvidenceRefusal
from luwei.settings import Settings

Start = Callable[..., Awaitable[AttachmentServer]]


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, Any]]:
    """Options for a bucket on an S3 server of its own (moto)."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket="evidence")
    config = {
        "endpoint": endpoint, "access_key_id": "test", "secret_access_key": "test", "region": "us-east-1",
        "virtual_hosted_style_request": "false",
    }  # fmt: skip
    yield {"config": config, "client_options": {"allow_http": True}}
    server.stop()


@pytest.fixture
def registry(tmp_path: Path, templates: dict[str, str]) -> Engine:
    """A SQLite registry with two trucks."""
    from postgres import SqliteDatabase

    place = SqliteDatabase(templates["sqlite"], f"sqlite:///{tmp_path / 'registry.db'}")
    place.copy()
    engine = open_engine(place.url)
    add_truck(engine, "13800138000", "A000001", "粤B00001")
    add_truck(engine, "13900139000", "B000002", "粤B00002")
    return engine


@pytest.fixture
async def start(tmp_path: Path, registry: Engine) -> AsyncIterator[Start]:
    """Starts attachment servers on free ports; keyword arguments change settings."""
    running: list[tuple[AttachmentServer, asyncio.Task[None]]] = []
    settings = Settings(data=tmp_path, evidence_port=0, evidence_unexpected="accept")

    async def begin(**changes: Any) -> AttachmentServer:
        server = AttachmentServer(replace(settings, **changes), registry, EvidenceStore.open("", tmp_path))
        await server.start()
        running.append((server, asyncio.create_task(server.run())))
        return server

    yield begin
    for server, task in running:
        server.stop()
        await asyncio.wait_for(task, 60)


@pytest.fixture
async def server(start: Start) -> AttachmentServer:
    return await start()


@pytest.fixture
async def terminal(server: AttachmentServer) -> AsyncIterator[AttachmentTerminal]:
    terminal = await AttachmentTerminal().connect(server.port)
    yield terminal
    terminal.close()


@pytest.fixture
def files(registry: Engine) -> Callable[[], dict[str, Any]]:
    """Rows of the evidence files by name."""

    def find() -> dict[str, Any]:
        with read(registry) as connection:
            return {row.name: row for row in connection.execute(select(EvidenceFile.__table__))}

    return find


@pytest.fixture
def refused(registry: Engine, until: Any) -> Callable[[AttachmentServer], Awaitable[dict[str, int]]]:
    """Counts of refusals in the table, by reason, once all are written."""

    async def find(server: AttachmentServer) -> dict[str, int]:
        await server._flush_refusals()
        with read(registry) as connection:
            rows = connection.execute(select(EvidenceRefusal.reason, EvidenceRefusal.count)).all()
        found: dict[str, int] = {}
        for reason, count in rows:
            found[reason] = found.get(reason, 0) + count
        return found

    return find


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Polls until the condition holds, at most a minute."""

    async def wait(condition: Callable[[], Any], what: str = "") -> None:
        for _ in range(6000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(what or "condition did not come true")

    return wait
