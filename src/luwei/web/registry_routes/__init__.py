"""The registry over HTTP. Every handler asks the door for its scope first."""

from litestar.types import ControllerRouterHandler

from luwei.web.registry_routes import (
    drivers,
    equipment,
    exports,
    imports,
    jobs,
    merges,
    models,
    operators,
    organisations,
    past,
    sims,
    terminals,
    vehicles,
)

route_handlers: list[ControllerRouterHandler] = [
    *vehicles.route_handlers,
    *terminals.route_handlers,
    *equipment.route_handlers,
    *organisations.route_handlers,
    *operators.route_handlers,
    *drivers.route_handlers,
    *sims.route_handlers,
    *models.route_handlers,
    *past.route_handlers,
    *imports.route_handlers,
    *jobs.route_handlers,
    *merges.route_handlers,
    *exports.route_handlers,
]
