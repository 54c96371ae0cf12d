"""The basemap: boundaries, roads and places of the project, and a PMTiles file where one is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from luwei import geo
from luwei.web.errors import Refused
from luwei.web.files import Shelf, big_file
from luwei.web.services import Services

_shelf = Shelf()
_READ = [HttpMethod.GET, HttpMethod.HEAD]


@HTTPRouteHandler("/map/{name:str}", http_method=_READ, media_type=MediaType.JSON, include_in_schema=False, ready=True)
async def map_file(
    request: Request[Any, Any, Any], services: NamedDependency[Services], name: FromPath[str]
) -> Response[Any]:
    """``boundaries.json``, ``roads.json``, ``places.json`` or, where set, ``basemap.pmtiles`` (with Range)."""
    if name == "basemap.pmtiles" and services.settings.map_pmtiles:
        try:
            return await big_file(request, Path(services.settings.map_pmtiles), "application/vnd.pmtiles")
        except OSError:
            raise Refused(404, "name", "not_found", "the PMTiles file that is set cannot be read") from None
    try:
        path = geo.path(name)
    except KeyError:
        raise Refused(404, "name", "not_found", "no such map file") from None
    return (await _shelf.get(path)).answer(request, "public, max-age=86400, stale-while-revalidate=604800")
