"""The web application: every handler, and what surrounds each request.

A request passes: body bound → the door (login session, scope; ``luwei.web.door``) → its handler → headers of
``luwei.web.headers``. Whatever goes wrong leaves in the one shape of ``luwei.web.errors``.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.router import Router
from litestar.types import ControllerRouterHandler

from luwei import __version__
from luwei.web import (
    alarm_routes,
    case_routes,
    commands,
    evidence,
    fences,
    multimedia,
    oversight_routes,
    profiles,
    registry_routes,
    roadside_routes,
    sign_in,
    template_routes,
    upgrade_routes,
    video,
    video_downloads,
    video_ptz,
    video_recordings,
    video_records,
    video_talk,
)
from luwei.web.access_routes import audit, grants, layouts, oidc, own, rights, users
from luwei.web.areas import area_counts, areas
from luwei.web.card import card
from luwei.web.console_files import console_file
from luwei.web.deviations import deviation_terminals, deviations, deviations_csv
from luwei.web.door import Door, provide_door
from luwei.web.errors import HANDLERS, Refused
from luwei.web.explain import explain_get, explain_post
from luwei.web.gateways import gateways, rates
from luwei.web.headers import guard_headers
from luwei.web.installation import route_handlers as installation_routes
from luwei.web.ledger import ledger
from luwei.web.live_socket import live
from luwei.web.map_files import map_file
from luwei.web.messages import message, messages
from luwei.web.nul import refuse_nul
from luwei.web.openapi_page import openapi_json, openapi_page, openapi_style
from luwei.web.services import Services, provide_services
from luwei.web.sessions import sessions
from luwei.web.sign_in import own_page
from luwei.web.system import health, metrics, system
from luwei.web.trace import trace_download, trace_start, trace_state, trace_stop, trace_tail
from luwei.web.track import track, track_csv, track_gpx

BODY_BYTES = 1 << 20
"""Largest body of a request; an import states its own, larger bound."""

ROUTES: list[ControllerRouterHandler] = [
    *sign_in.route_handlers, *users.route_handlers, *rights.route_handlers, *own.route_handlers, *grants.route_handlers,
    *layouts.route_handlers, *audit.route_handlers, *oidc.route_handlers,
    *registry_routes.route_handlers, *commands.route_handlers,
    *case_routes.route_handlers,
    *oversight_routes.route_handlers,
    *roadside_routes.route_handlers,
    *installation_routes,
    *evidence.route_handlers, *profiles.route_handlers, deviations, deviation_terminals, deviations_csv,
    *template_routes.route_handlers,
    *upgrade_routes.route_handlers,
    *multimedia.route_handlers,
    *fences.route_handlers,
    *video.route_handlers,
    *video_recordings.route_handlers,
    *video_records.route_handlers,
    *video_downloads.route_handlers,
    *video_ptz.route_handlers,
    *video_talk.route_handlers,
    *alarm_routes.route_handlers,
    system, health, metrics, areas, area_counts, card, track, track_csv, track_gpx,
    explain_get, explain_post, messages, message, trace_state, trace_start, trace_stop, trace_download, trace_tail,
    gateways, rates, sessions, ledger, live, map_file, openapi_json, openapi_page, openapi_style, console_file,
]  # fmt: skip


def _nobody(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
    """Guard of addresses that the framework adds by itself and nobody needs. Raises Refused (404)."""
    raise Refused(404, "", "not_found", "no such address")


def create_app(services: Services) -> Litestar:
    """The application on ``services``; it starts and stops nothing of them."""
    settings = services.settings
    return Litestar(
        ROUTES,
        state=State({"services": services, "engine": services.engine, "fleet": services.fleet, "settings": settings}),
        dependencies={
            "services": Provide(provide_services, sync_to_thread=False),
            "door": Provide(provide_door),
            "chosen": Provide(audit.provide_chosen, sync_to_thread=False),
        },
        guards=[own_page],
        before_request=refuse_nul,
        exception_handlers=HANDLERS,
        before_send=[guard_headers(settings.map_tiles, settings.secure_cookie)],
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=1024, gzip_compress_level=5, exclude_opt_key="ready"
        ),
        request_max_body_size=BODY_BYTES,
        multipart_form_part_limit=8,
        signature_types=[Services, Door],
        openapi_config=OpenAPIConfig(
            title="Luwei 路卫",
            version=__version__,
            description="Times are UTC milliseconds, places WGS-84 in 1e-6 degrees. Every refusal is "
            '{"error": {"field", "rule", "message"}}. All addresses need the session cookie of POST /api/login.',
            use_handler_docstrings=True,
            # The framework's own pages load from outside; only ``openapi_page`` serves the document.
            render_plugins=[JsonRenderPlugin(path="/unused.json")],
            openapi_router=Router("/api/unused-openapi", route_handlers=[], guards=[_nobody], include_in_schema=False),
        ),
        logging_config=None,
        debug=False,
    )
