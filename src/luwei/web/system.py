"""What the console must know of the installation, and the state of the process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from luwei import __version__, geo
from luwei.live.feed import now_ms
from luwei.web.door import Door, open_door
from luwei.web.services import Services


class MapSource(msgspec.Struct):
    """``tiles``: URL template of a tile service or empty; ``pmtiles``: whether /map/basemap.pmtiles is there.

    A file that is set but cannot be found counts as absent: the console then draws the project's own roads.
    """

    tiles: str
    credit: str
    pmtiles: bool


class System(msgspec.Struct):
    """Times in UTC ms."""

    version: str
    demo: bool
    admission: str
    gateway_port: int
    map: MapSource
    now: int


@get("/api/system", tags=["system"])
async def system(services: NamedDependency[Services], door: NamedDependency[Door]) -> System:
    """Version, mode and map source of this installation."""
    settings = services.settings
    return System(
        version=__version__,
        demo=settings.demo,
        admission=settings.admission,
        gateway_port=settings.gateway_port,
        map=MapSource(
            settings.map_tiles,
            " · ".join(part for part in (settings.map_tiles_credit, geo.ATTRIBUTION) if part),
            bool(settings.map_pmtiles) and await asyncio.to_thread(Path(settings.map_pmtiles).is_file),
        ),
        now=now_ms(),
    )


def from_this_host(request: Request[Any, Any, Any]) -> bool:
    """Whether a program of this machine asks, and no proxy for somebody else."""
    address = request.client.host if request.client else ""
    forwarded = any(request.headers.get(name) for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return address in ("127.0.0.1", "::1") and not forwarded


@get("/health", include_in_schema=False)
async def health(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[dict[str, Any]]:
    """State of the process; 503 while a part that it needs is away. Needs no login; from afar it says no more than
    whether all is well."""
    state = services.health()
    if not from_this_host(request):
        state = {"ok": bool(state.get("ok"))}
    return Response(state, status_code=200 if state.get("ok") else 503, headers={"Cache-Control": "no-store"})


@get("/metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Prometheus metrics. They name no person and no vehicle, but count those of the whole province: a program of this
    host needs no login, any other the right to the gateways (a token does)."""
    if not from_this_host(request):
        (await open_door(request, services)).allow("read", "gateway")
    content = await asyncio.to_thread(generate_latest, REGISTRY)
    return Response(content, media_type=MediaType.TEXT, headers={"Content-Type": CONTENT_TYPE_LATEST})
