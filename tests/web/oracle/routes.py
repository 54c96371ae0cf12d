"""Which routes the oracle asked, and what it was answered: a route that nobody asks fails the test by its name."""

from __future__ import annotations

import re
from collections import defaultdict

import httpx
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from luwei.web.route_rights import OWN, PUBLIC, SIGNED_IN, UNUSED

EXCEPTIONS = {
    **{path: f"needs no login: {why}" for path, why in PUBLIC.items()},
    **{path: f"the same for everybody: {why}" for path, why in SIGNED_IN.items()},
    **dict.fromkeys(UNUSED, "answers nobody"),
    "/api/me": "oneself alone, by the session",
    "/api/me/identity": "whether oneself signs in through the provider",
    "/api/me/totp": "whether oneself has a second factor",
}
"""GET routes that hold no row of anybody else, with the reason."""

UNANSWERED = {
    "/api/case-policies/what-if/{key:int}": "none is reckoned here: tests/cases",
    "/api/cases/{case_id:int}/packages/{package:int}/file": "needs evidence that two people reviewed: tests/oversight",
    "/api/video/streams/{name:str}/snapshot": "needs a media server: tests/media and tests/system",
    "/ws/video/talk": "needs a media server: test_talk_web",
    "/ws/video/{viewer:str}": "needs a media server: tests/media and tests/system",
}
"""Routes that can be refused here and not answered, with the reason."""

_TYPES = {"int": r"\d+", "str": "[^/]+", "path": ".+"}


class Routes:
    """Every GET route and socket of an application, and the status codes with which each was answered."""

    def __init__(self, app: Litestar) -> None:
        self.answers: dict[str, set[int]] = defaultdict(set)
        self.all: list[str] = []
        for route in app.routes:
            for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[attr-defined]
                if isinstance(handler, WebsocketRouteHandler) or (
                    isinstance(handler, HTTPRouteHandler) and "GET" in handler.http_methods
                ):
                    self.all.append(route.path)
        # An address with fewer parameters comes first: /api/commands/kinds is no id.
        self._known = [
            (re.compile(re.sub(r"\{\w+:(\w+)\}", lambda m: _TYPES[m[1]], re.sub(r"([.+*])", r"\\\1", path))), path)
            for path in sorted(self.all, key=lambda path: (":path}" in path, path.count("{")))
        ]

    def note(self, path: str, status: int) -> None:
        """Keep that an address was answered so."""
        for pattern, route in self._known:
            if pattern.fullmatch(path):
                self.answers[route].add(status)
                return

    async def heard(self, response: httpx.Response) -> None:
        """Event hook of a client."""
        if response.request.method == "GET":
            self.note(response.request.url.path, response.status_code)

    def unknown(self) -> list[str]:
        """Routes that no module of the oracle asked, or that were never answered, or never refused (but to oneself)."""
        found = []
        for path in sorted(set(self.all) - EXCEPTIONS.keys()):
            codes = self.answers.get(path, set())
            if not codes:
                found.append(f"{path}: no module of tests/web/oracle asks it")
            elif path not in UNANSWERED and not codes & {200, 101}:
                found.append(f"{path}: answered to nobody ({sorted(codes)})")
            elif path not in OWN and not codes & {403, 404}:
                found.append(f"{path}: refused to nobody")
        return found
