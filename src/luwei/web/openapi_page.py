"""The interface's description: as OpenAPI JSON, and as a page made on the server.

The usual viewers load scripts and fonts from outside; this page is plain HTML with one style sheet of this host, so it
also works where there is no internet.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency

from luwei.web.door import Door

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--muted:#6b7a90}
body{font:14px/1.5 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;max-width:960px;margin:24px auto;
padding:0 16px}
h1{font-size:20px}h2{font-size:16px;margin-top:32px}
details{border-top:1px solid var(--line);padding:8px 0}summary{cursor:pointer}
code{font:13px ui-monospace,Consolas,monospace}.verb{display:inline-block;min-width:56px;font-weight:600}
table{border-collapse:collapse;margin:8px 0}td,th{border:1px solid var(--line);padding:4px 8px;text-align:left;
vertical-align:top}p{margin:6px 0}.muted{color:var(--muted)}pre{overflow:auto;background:#8881;padding:8px}
"""
_VERBS = ("get", "post", "put", "patch", "delete")


@get("/api/openapi.json", include_in_schema=False)
async def openapi_json(request: Request[Any, Any, Any], door: NamedDependency[Door]) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(msgspec.json.encode(request.app.openapi_schema.to_schema()), media_type=MediaType.JSON)


@get("/api/docs", include_in_schema=False)
async def openapi_page(request: Request[Any, Any, Any], door: NamedDependency[Door]) -> Response[str]:
    """Every address with its parameters, body and answer."""
    return Response(page(request.app.openapi_schema.to_schema()), media_type=MediaType.HTML)


@get("/api/docs/page.css", include_in_schema=False)
async def openapi_style() -> Response[str]:
    """The page's style sheet."""
    return Response(_STYLE, media_type=MediaType.CSS, headers={"Cache-Control": "public, max-age=3600"})


def page(schema: dict[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    info = schema["info"]
    groups: dict[str, list[str]] = {}
    for path, operations in sorted(schema.get("paths", {}).items()):
        for verb in _VERBS:
            if verb in operations:
                operation = operations[verb]
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(verb, path, operation, schema))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in sorted(groups.items()))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="stylesheet" href="/api/docs/page.css"></head><body>'
        f"<h1>{escape(info['title'])} <span class=muted>{escape(info['version'])}</span></h1>"
        f'<p>{escape(info.get("description") or "")}</p><p><a href="/api/openapi.json">openapi.json</a></p>'
        f"{body}</body></html>"
    )


def _operation(verb: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description') or operation.get('summary') or '')}</p>"]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}<td>{escape(_type(p.get('schema', {})))}"
            f"<td>{'required' if p.get('required') else ''}"
            for p in parameters
        )
        parts.append(f"<table><tr><th>name<th>in<th>type<th>{rows}</table>")
    for media, content in (operation.get("requestBody") or {}).get("content", {}).items():
        parts.append(f"<p>body, {escape(media)}</p>{_shape(content.get('schema', {}), schema)}")
    for status, answer in sorted(operation.get("responses", {}).items()):
        shapes = "".join(_shape(c.get("schema", {}), schema) for c in (answer.get("content") or {}).values())
        parts.append(f"<p>{escape(status)} {escape(answer.get('description') or '')}</p>{shapes}")
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span><code>{escape(path)}</code></summary>'
        f"{''.join(parts)}</details>"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " | ".join(_type(part) for part in schema[key])
    kind = schema.get("type", "any")
    text = " | ".join(kind) if isinstance(kind, list) else str(kind)
    if text == "array":
        text = f"[{_type(schema.get('items', {}))}]"
    if "enum" in schema:
        text = " | ".join(str(value) for value in schema["enum"])
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("maximum", "≤"), ("minLength", "length ≥"), ("maxLength", "length ≤"))
        if key in schema
    ]
    return ", ".join([text, *bounds])


def _shape(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """The fields of an object, or one line for anything else."""
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    found = document.get("components", {}).get("schemas", {}).get(name, schema)
    properties = found.get("properties")
    if not properties:
        return f"<p class=muted>{escape(_type(schema))}</p>"
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(_type(value))}<td>{escape(value.get('description') or '')}"
        for field, value in properties.items()
    )
    return f"<table>{rows}</table>"
