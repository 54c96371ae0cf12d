"""Oversight of handling over HTTP: orders 督办, post checks 查岗, appeals 申诉, sealed packages, the rules."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from luwei.web.oversight_routes import (
    appeals,
    checks,
    flags,
    funnel,
    order_files,
    orders,
    proposals,
    rules,
    sealing,
    statistics,
)

route_handlers: list[ControllerRouterHandler] = [
    *orders.route_handlers, *order_files.route_handlers, *checks.route_handlers, *appeals.route_handlers,
    *sealing.route_handlers, *statistics.route_handlers, *funnel.route_handlers, *flags.route_handlers,
    *proposals.route_handlers, *rules.route_handlers,
]  # fmt: skip
