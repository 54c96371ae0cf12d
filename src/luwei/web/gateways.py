"""The gateways and their rates, as they report them on the bus."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from luwei.live.feed import now_ms
from luwei.web.door import Door
from luwei.web.services import Services


@get("/api/access/gateways", tags=["access"])
async def gateways(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Each gateway's last status, and whether it is alive (heard of in the last 5 s)."""
    door.whole("gateway")
    now = now_ms()
    return {"as_of": now, "items": services.gateways.items(now)}


@get("/api/access/rates", tags=["access"])
async def rates(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    minutes: Annotated[int, QueryParameter(name="minutes", ge=1, le=1440)] = 60,
) -> dict[str, Any]:
    """Rates of each gateway: points of [UTC ms, locations/s, frames/s, connections, refused/s], means of a step."""
    door.whole("gateway")
    now = now_ms()
    step_s, series = services.gateways.rates(minutes, now)
    return {"as_of": now, "step_s": step_s, "series": series}
