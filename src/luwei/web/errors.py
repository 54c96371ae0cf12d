"""Every refusal of the web has one shape: the field, the rule it breaks, and a sentence.

``{"error": {"field": "size", "rule": "must be <= 500", "message": "…"}}``. A handler raises ``Refused``; errors of the
framework and of msgspec are brought into the same shape, so that a client needs to read one form only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DataError

from luwei.registry.errors import Conflict, Moved, NotFound, RegistryError

log = structlog.get_logger()


class Refused(Exception):
    """A request that is not carried out: ``status`` is 400, 401, 403, 404, 409, 413, 429 or 503."""

    def __init__(self, status: int, field: str, rule: str, message: str = "") -> None:
        super().__init__(f"{field}: {rule}")
        self.status = status
        self.field = field
        self.rule = rule
        self.message = message or (f"{field}: {rule}" if field else rule)


def refusal_body(
    field: str, rule: str, message: str = "", clash: Mapping[str, int | str] | None = None
) -> dict[str, Any]:
    """The JSON object of a refusal; ``clash`` is the record ``{"noun", "id", "label"}`` that has the value already."""
    told = {"field": field, "rule": rule, "message": message or (f"{field}: {rule}" if field else rule)}
    return {"error": told | ({"clash": dict(clash)} if clash else {})}


def field_of(text: str) -> tuple[str, str]:
    """Field and rule of a msgspec message such as ``Expected `int` <= 500 - at `$.size```."""
    path, rule = "", text
    if match := re.search(r" - at `(?:key in )?\$\.?([^`]*)`", text):
        path, rule = match[1], text[: match.start()]
    if match := re.search(r"(?:missing required|contains unknown) field `([^`]+)`", rule):
        path = f"{path}.{match[1]}" if path else match[1]
    return path, rule


def _answer(
    status: int, field: str, rule: str, message: str = "", clash: Mapping[str, int | str] | None = None
) -> Response[bytes]:
    return Response(
        msgspec.json.encode(refusal_body(field, rule, message, clash)),
        status_code=status,
        media_type=MediaType.JSON,
        headers={"Cache-Control": "no-store"},
    )


def on_refused(_: Request[Any, Any, Any], error: Refused) -> Response[bytes]:
    """A handler's own refusal."""
    return _answer(error.status, error.field, error.rule, error.message)


def on_registry(request: Request[Any, Any, Any], error: RegistryError) -> Response[bytes]:
    """A rule of the registry: 404 for what is not there (or not in the scope), 409 for what is taken, else 400."""
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Conflict) else 400
    if isinstance(error, Moved) and request.method == "GET":
        # An id that was merged away leads on: fetch and browser follow by themselves.
        path = request.url.path.replace(f"/{error.value}", f"/{error.clash['id']}", 1)
        location = f"{path}?{request.url.query}" if request.url.query else path
        return Response(b"", status_code=308, headers={"Location": location, "Cache-Control": "no-store"})
    clash = error.clash if isinstance(error, Conflict | Moved) else None
    return _answer(status, error.field, error.rule, clash=clash)


def on_invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """Parameters or a body that the signature of the handler refuses: 400."""
    field, rule = "", str(error.detail)
    extra = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        field, rule = str(extra[0].get("key", "")), str(extra[0].get("message", rule))
    elif missing := re.match(r"Missing required \w+ parameter '([^']+)'", rule):
        field, rule = missing[1], "is required"
    inner, short = field_of(rule)
    return _answer(400, inner or _public_name(request, field), short)


def _public_name(request: Request[Any, Any, Any], name: str) -> str:
    """The name a client knows a parameter by: ``from`` is no name for a Python argument."""
    parameters = getattr(request.scope.get("route_handler"), "parsed_fn_signature", None)
    definition = parameters.parameters.get(name) if parameters else None
    known = getattr(getattr(definition, "kwarg_definition", None), "name", None)
    return known or name


def on_malformed(_: Request[Any, Any, Any], error: msgspec.ValidationError) -> Response[bytes]:
    """A body decoded by hand that does not fit its struct: 400."""
    return _answer(400, *field_of(str(error)))


def on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Errors of the framework itself (no such page, wrong method, body too large)."""
    rule = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(
        error.status_code, str(error.detail)
    )
    if error.status_code >= 500:
        return _answer(error.status_code, "", "internal", "the server could not answer; the cause is in its log")
    return _answer(error.status_code, "", rule, str(error.detail))


def on_deep(_: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    """A body whose brackets go deeper than any of ours: 400."""
    return _answer(400, "", "is nested too deeply")


def on_out_of_range(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A number or text that no column can hold (SQLite says OverflowError, PostgreSQL DataError): 400."""
    return _answer(400, "", "holds a value that is out of range")


def on_crash(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Anything nobody expected: logged whole, told to nobody."""
    log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    return _answer(500, "", "internal", "the server could not answer; the cause is in its log")


HANDLERS: dict[int | type[Exception], Any] = {
    Refused: on_refused,
    RegistryError: on_registry,
    ValidationException: on_invalid,
    msgspec.ValidationError: on_malformed,
    HTTPException: on_http,
    RecursionError: on_deep,
    OverflowError: on_out_of_range,
    DataError: on_out_of_range,
    Exception: on_crash,
}
