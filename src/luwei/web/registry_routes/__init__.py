"""The registry over HTTP. Every handler asks the door for its scope first."""

from litestar.types import ControllerRouterHandler

from luwei.web.registry_routes import imports, operators, organisations, terminals, vehicles

route_handlers: list[ControllerRouterHandler] = [
    *vehicles.route_handlers,
    *terminals.route_handlers,
    *organisations.route_handlers,
    *operators.route_handlers,
    *imports.route_handlers,
]
