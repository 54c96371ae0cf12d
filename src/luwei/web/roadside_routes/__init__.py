"""Roadside checks 路检路查 over HTTP: the answer to a plate, and what officers found."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from luwei.web.roadside_routes import checks, lookup

route_handlers: list[ControllerRouterHandler] = [*lookup.route_handlers, *checks.route_handlers]
