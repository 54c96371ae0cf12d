"""The built console: its hashed assets for ever, its page always fresh, and its page for each of its own addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from luwei.web.errors import Refused
from luwei.web.files import Shelf

CONSOLE = Path(__file__).with_name("console")
"""The folder the console is built into; it is absent until ``./dev console`` has run."""

_shelf = Shelf()
_READ = [HttpMethod.GET, HttpMethod.HEAD]
_IMMUTABLE = "public, max-age=31536000, immutable"


@HTTPRouteHandler(["/", "/{path:path}"], http_method=_READ, include_in_schema=False, ready=True)
async def console_file(request: Request[Any, Any, Any]) -> Response[Any]:
    """A file of the console; any address that is no file and looks like none is the console's page."""
    parts = [part for part in request.url.path.split("/") if part]
    if parts and parts[0] in ("api", "ws", "map"):
        raise Refused(404, "", "not_found", "no such address")
    if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        raise Refused(404, "", "not_found", "no such file")
    if parts:
        try:
            file = await _shelf.get(CONSOLE.joinpath(*parts))
        except (OSError, ValueError):
            # /assets itself is the page of the registry; what lies below are built files.
            if "." in parts[-1] or (parts[0] == "assets" and len(parts) > 1):
                raise Refused(404, "", "not_found", "no such file") from None
        else:
            return file.answer(request, _IMMUTABLE if parts[0] == "assets" else "no-cache")
    try:
        page = await _shelf.get(CONSOLE / "index.html")
    except OSError:
        raise Refused(503, "", "console_missing", "the console is not built: run ./dev console") from None
    return page.answer(request, "no-cache")
