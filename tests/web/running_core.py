"""A core process's parts in this process: real bus, history and registry, the web on a free port, some facts stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from litestar import Litestar

from luwei import core, facts
from luwei.access import password as passwords
from luwei.access.users import create_user
from luwei.access.web_session import open_session
from luwei.bus import EmbeddedServer
from luwei.facts import BatchId
from luwei.live.feed import now_ms
from luwei.registry import vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import write
from luwei.registry.scope import WHOLE
from luwei.settings import Settings
from luwei.web.app import create_app
from luwei.web.server import listen, web_server
from luwei.web.services import Services
from ports import free_port, free_run_of_ports
from postgres import SqliteDatabase

MINUTE = 60_000


async def until(condition: Callable[[], Awaitable[Any]], what: str, seconds: float = 60) -> Any:
    """The first truthy result of ``condition``."""
    deadline = time.monotonic() + seconds
    while True:
        result = await condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.05)


@dataclass
class Running:
    """The running web and what the tests know of its content."""

    services: Services
    base: str
    token: str
    start_ms: int
    app: Litestar
    number: int = 0
    day: str = ""
    """China's day of what was refused, which may be over before it is read."""

    def cookies(self, token: str | None = None) -> dict[str, str]:
        return {"luwei_session": self.token if token is None else token}

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base, cookies=self.cookies(token), headers={"X-Luwei": "1"}, timeout=60)

    def inside(self, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client of the application without a line in between: thousands of requests take a third of the time.
        ``headers`` instead of the one that the console sends."""
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 50_000))  # type: ignore[arg-type]
        return httpx.AsyncClient(
            transport=transport, base_url=self.base, cookies=self.cookies(token), headers=headers or {"X-Luwei": "1"}
        )

    async def publish(self, kind: str, rows: list[dict[str, Any]]) -> None:
        """Put rows of a fact on the bus as a gateway does."""
        self.number += 1
        batch = BatchId(0xABCD, self.number)
        packed = facts.pack(facts.rows_to_batch(kind, [row | {"batch": batch.value} for row in rows]))
        bus: Any = self.services.bus
        await bus.publish_fact(f"{kind}.0", packed, batch, "gw-test")

    def session_token(self, username: str, **limits: Any) -> str:
        """A user with a valid session; its cookie's value."""
        engine = self.services.engine
        create_user(engine, username, username, "a-Long-passphrase-77", **limits)
        with write(engine) as connection:
            from luwei.access.user import User

            key = connection.execute(User.__table__.select().where(User.username == username)).one().id
            return open_session(connection, key, "127.0.0.1", "test")


def location(vehicle: int, at: int, **values: Any) -> dict[str, Any]:
    """A row of ``facts.LOCATION``: an ordinary report."""
    return dict.fromkeys(facts.LOCATION.names, 0) | {
        "vehicle_id": vehicle, "terminal_id": vehicle, "at": at, "device_at": at, "received_at": at,
        "lat_e6": 22_543_100, "lon_e6": 114_057_900, "speed_dkmh": 450, "direction_deg": 90, "status": 3,
        "mileage_hm": 1000, "items": bytes.fromhex("010400000fa0310107"), "edition": 2019, "satellites": 7,
    } | values  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quick_hash() -> Iterator[None]:
    """The real algorithm with its smallest cost: people sign in everywhere here."""
    before = passwords._hasher, passwords._NOBODY
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._NOBODY = passwords._hasher.hash("of nobody")
    yield
    passwords._hasher, passwords._NOBODY = before


@pytest.fixture(scope="session")
def applications() -> list[Litestar]:
    """The application, once it has been made: its three hundred routes take longer than a core does to start."""
    return []


def application(services: Services, made: list[Litestar]) -> Litestar:
    """The one application with the state of a new one on ``services``; all else of it is the same for all."""
    if not made:
        made.append(create_app(services))
    (app,) = made
    fleet, settings = services.fleet, services.settings
    app.state.update({"services": services, "engine": services.engine, "fleet": fleet, "settings": settings})
    return app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(
    tmp_path_factory: pytest.TempPathFactory, templates: dict[str, str], applications: list[Litestar]
) -> AsyncIterator[Running]:
    folder: Path = tmp_path_factory.mktemp("core")
    SqliteDatabase(templates["sqlite"], f"sqlite:///{folder / 'registry.db'}").copy()
    async with running_on(folder, applications) as running:
        yield running


@asynccontextmanager
async def running_on(folder: Path, applications: list[Litestar], registry: str = "") -> AsyncIterator[Running]:
    """A core on a migrated, empty registry: that of the folder, or the one at the URL."""
    bus_port = free_port()
    ftp_port = free_run_of_ports(65)  # nobody listens there but where a test starts the server
    settings = Settings(
        data=folder, bus_port=bus_port, web_port=free_port(), evidence_ftp_port=ftp_port,
        evidence_ftp_passive=ftp_port + 1, registry=registry,
    )  # fmt: skip
    with EmbeddedServer(folder / "bus", bus_port):
        async with core.Core(settings).running() as services:
            app = application(services, applications)
            server = web_server(app)
            line = listen(settings.host, settings.web_port)
            serving = asyncio.create_task(server.serve(sockets=[line]))
            running = Running(services, f"http://127.0.0.1:{settings.web_port}", "", now_ms() - 40 * MINUTE, app)
            running.token = running.session_token("engineer")
            await fill(running)
            yield running
            server.should_exit = True
            await serving


async def fill(running: Running) -> None:
    """Three trucks: 1 drives with a gap and a backfill, 2 stands in Guangzhou, 3 never reported."""
    engine = running.services.engine
    for plate, city, county in (("粤B12345", 440300, 440305), ("粤A67890", 440100, 440106), ("粤B00003", 440300, None)):
        given = {"plate": plate, "plate_color": 2, "city": city, "county": county, "vehicle_class": "heavy_goods"}
        vehicles.create(engine, {k: v for k, v in given.items() if k != "vehicle_class"}, SYSTEM, WHOLE)

    async def ingesting() -> bool:
        return bool(running.services.health()["ingest"]["ok"])

    await until(ingesting, "ingest running")
    start = running.start_ms
    step = 10_000
    drive = [location(1, start + i * step, lat_e6=22_500_000 + i * 1_000, serial=i) for i in range(60)]
    gap = [location(1, start + 20 * MINUTE + i * step, lat_e6=22_700_000 + i * 1_000, serial=60 + i) for i in range(30)]
    backfill = [row | {"origin": facts.ORIGIN_BACKFILL, "received_at": now_ms()} for row in drive[20:30]]
    newest = location(1, now_ms() - 2_000, lat_e6=22_731_000, alarm=2, direction_deg=0xFFFF)
    await running.publish(facts.FIX, [*drive[:20], *drive[30:], *gap, *backfill, newest])
    await running.publish(
        facts.FIX, [location(2, now_ms() - 1_000, lat_e6=23_129_100, lon_e6=113_264_400, speed_dkmh=0)]
    )
    session = {
        "session": 2**63 + 5, "event": "authenticated", "at": start, "phone": "13800000001", "vehicle_id": 1,
        "terminal_id": 1, "gateway": "gw-test", "boot": 77, "transport": "tcp", "peer": "10.0.0.1:5000",
        "edition": 2019, "reason": "", "frames": 5, "locations": 4, "refused": 1, "bytes_in": 400,
    }  # fmt: skip
    await running.publish(facts.SESSION, [session])
    refused = {
        "day": int(time.time() + 8 * 3600) // 86_400, "phone": "13800000001", "terminal_id": 1, "vehicle_id": 1,
        "gateway": "gw-test", "kind": "refused", "reason": "checksum", "message_id": 0x0200, "peer": "10.0.0.1:5000",
        "count": 3, "first_at": now_ms() - 9_000, "last_at": now_ms() - 8_000, "example": b"~\x02\x00~",
    }  # fmt: skip
    refused["day"] = pa.scalar(refused["day"], pa.int32()).cast(pa.date32()).as_py()
    running.day = refused["day"].isoformat()
    await running.publish(facts.LEDGER, [refused, refused | {"reason": "short", "count": 1}])

    async def stored() -> bool:
        counts = await running.services.ask("ledger_vehicle_day", vehicle=1, day=refused["day"])
        feed = running.services.feed
        return bool(counts.num_rows == 2 and feed.ready and feed.fleet.present(2) and feed.fleet.known[3])

    await until(stored, "facts stored")
