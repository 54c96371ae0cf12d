"""Oversight of handling over HTTP: orders 督办 and the rules."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from luwei.web.oversight_routes import orders, rules

route_handlers: list[ControllerRouterHandler] = [*orders.route_handlers, *rules.route_handlers]
