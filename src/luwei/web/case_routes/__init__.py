"""Cases 报警处置单 over HTTP: the queue, one case, acts, policy, and the socket of changes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from luwei.web.case_routes import acts, commands, detail, hand_overs, policy, queue, socket, words

route_handlers: list[ControllerRouterHandler] = [
    *queue.route_handlers, *detail.route_handlers, *acts.route_handlers, *commands.route_handlers,
    *hand_overs.route_handlers,
    *policy.route_handlers, *words.route_handlers, socket.case_socket,
]  # fmt: skip
