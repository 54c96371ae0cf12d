"""Every route declares a right, and asks for it: who has none gets nothing, whatever the address."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from running_core import Running
from sqlalchemy import insert

from luwei.access.kinds import KINDS
from luwei.access.revision import touch
from luwei.access.role import Role, RoleRight
from luwei.registry.engine import write
from luwei.web.route_rights import OWN, PUBLIC, SIGNED_IN, UNUSED

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPEN = PUBLIC | OWN | SIGNED_IN | UNUSED
LOOK_DEPTH = 4


def handlers(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    """(method, path, function) of every route; sockets as WS."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[attr-defined]
            if isinstance(handler, HTTPRouteHandler):
                for method in sorted(handler.http_methods):
                    if method not in ("OPTIONS", "HEAD"):
                        yield str(method), route.path, inspect.unwrap(handler.fn)
            elif isinstance(handler, WebsocketRouteHandler):
                yield "WS", route.path, inspect.unwrap(handler.fn)


def declared(function: Any, depth: int = 0) -> set[tuple[str, str]]:
    """The (act, kind) that a function asks the door for, here or in functions it hands on to; ``?`` is computed."""
    if depth > LOOK_DEPTH or not inspect.isfunction(function) or not function.__module__.startswith("luwei.web"):
        return set()
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if not isinstance(node, ast.Call):
            continue
        texts = [each.value if isinstance(each, ast.Constant) else "?" for each in node.args]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("allow", "whole") and texts:
            found.add(("read", str(texts[0])) if node.func.attr == "whole" else (str(texts[0]), str(texts[1])))
        names = [node.func, *node.args]  # also a function that is handed to a thread
        for name in names:
            if isinstance(name, ast.Name):
                found |= declared(function.__globals__.get(name.id), depth + 1)
    return found


async def test_every_route_declares_a_right(web: Running) -> None:
    bare = [
        f"{method} {path}"
        for method, path, function in handlers(web.app)
        if path not in OPEN and not declared(function)
    ]
    assert bare == []


async def test_every_declared_right_is_a_kind_that_is_known(web: Running) -> None:
    for method, path, function in handlers(web.app):
        for act, kind in declared(function):
            if "?" not in (act, kind):
                assert kind in KINDS and act in KINDS[kind].acts, f"{method} {path}: {act} {kind}"


async def test_what_is_open_is_a_route(web: Running) -> None:
    assert set(OPEN) <= {path for _, path, _ in handlers(web.app)}


def filled(path: str) -> str:
    """An address of the route: ids 1, words that fit."""
    words = {
        "act": "cancel",
        "noun": "vehicles",
        "code": "duty",
        "reference": "1-0200-1-0",
        "noun_name": "vehicles",
        "form": "csv",
    }
    return re.sub(
        r"\{(\w+):(\w+)\}", lambda m: words.get(m[1], "x") if m[2] in ("str", "path") else "1", path
    )  # fmt: skip


SPANS = {
    "from": "0", "to": "5", "hex": "7e", "noun": "vehicles", "kind": "text", "command": "1", "loser": "2",
    "before": "1", "after": "2", "reason": "checksum", "plate": "粤B12345", "color": "2",
}  # fmt: skip
"""Values for what the routes must be given before they look at the door."""


async def test_who_has_no_right_gets_nothing(web: Running) -> None:
    """Not one route answers a role without rights with anything but a refusal."""
    with write(web.services.engine) as connection:
        connection.execute(insert(Role).values(code="nobody", like="viewer", zh="无", en="nobody"))
        cells = [
            {"role": "nobody", "kind": code, "act": act, "manner": "none"}
            for code, kind in KINDS.items()
            for act in kind.acts
        ]
        connection.execute(insert(RoleRight), cells)
        touch(connection)
    token = web.session_token("nobody", role="nobody")
    answered = []
    async with web.inside(token) as client:
        for method, path, _ in handlers(web.app):
            if path in OPEN or method == "WS":
                continue
            address = filled(path).replace("/1/cancel", "/1/disable") if "/users/" in path else filled(path)
            address = address.replace("/grants/1/cancel", "/grants/1/end")
            answer = await client.request(method, address, params=SPANS, json={} if method != "GET" else None)
            # 400: the signature is checked before the door; such an answer tells of the request alone.
            if answer.status_code not in (400, 403):
                answered.append((method, address, answer.status_code, answer.text[:100]))
    assert answered == []


async def test_without_a_login_nothing_but_the_open_is_answered(web: Running) -> None:
    async with web.inside("forged") as client:
        for method, path, _ in handlers(web.app):
            if path in PUBLIC or method == "WS":
                continue
            answer = await client.request(method, filled(path), params=SPANS, json={} if method != "GET" else None)
            refused = (404,) if path in UNUSED else (400, 401)
            assert answer.status_code in refused, (method, path, answer.status_code)
