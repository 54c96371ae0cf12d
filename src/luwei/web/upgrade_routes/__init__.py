"""Staged upgrades over HTTP: firmware files and orders."""

from litestar.types import ControllerRouterHandler

from luwei.web.upgrade_routes import firmware, orders

route_handlers: list[ControllerRouterHandler] = [*firmware.route_handlers, *orders.route_handlers]
