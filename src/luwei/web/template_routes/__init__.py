"""Parameter templates over HTTP: the templates and their versions, the pushes, what each terminal has."""

from litestar.types import ControllerRouterHandler

from luwei.web.template_routes import pushes, templates

route_handlers: list[ControllerRouterHandler] = [*templates.route_handlers, *pushes.route_handlers]
