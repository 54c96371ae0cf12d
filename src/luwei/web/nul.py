"""The one character that no text may hold: U+0000. PostgreSQL keeps none (its manual, §8.3), C programs behind end a
text there, and nobody can read it; so it is refused at the door, by the name of its field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from litestar import Request

from luwei.registry.errors import RegistryError

NUL = "\0"
RULE = "must not contain control characters"
_ESCAPED = b"\\u0000"
"""In JSON a control character is always written like this (RFC 8259 §7)."""


async def refuse_nul(request: Request[Any, Any, Any]) -> None:
    """Look at the parameters of the query, and at a body that is no upload. Raises RegistryError (400)."""
    for name, value in request.query_params.multi_items():
        if NUL in value:
            raise RegistryError(name.replace(NUL, ""), RULE)
    if request.method in ("GET", "HEAD") or request.content_type[0].startswith("multipart/"):
        return
    body = await request.body()
    if _ESCAPED in body:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return  # whoever decodes it says what it is
        if (field := next(_fields(document, ""), None)) is not None:
            raise RegistryError(field, RULE)


def _fields(value: Any, path: str) -> Iterator[str]:
    """Paths of the texts with NUL in a document, as the rules name fields: ``filter.model``, ``plates[0]``."""
    if isinstance(value, str):
        if NUL in value:
            yield path
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _fields(each, f"{path}[{number}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            inner = f"{path}.{name}" if path else name
            if NUL in name:
                yield inner.replace(NUL, "")
            yield from _fields(each, inner)
