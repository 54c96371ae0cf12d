"""A valid body for every route that takes one, made of the interface's own description and of what it cannot say."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

METHODS = ("post", "put", "patch")
Place = tuple[str | int, ...]
"""Where in a body a value stands."""

FREE = "any"
"""Stands for a name that the description leaves free."""

_number = itertools.count(10_000)
DAY_MS = 86_400_000


def fresh() -> dict[str, Any]:
    """Values of fields by name, whatever the route; those that must be unique are new each time."""
    n, now = next(_number), time.time_ns() // 1_000_000
    return {
        "username": f"user{n}", "display_name": "王五", "role": "viewer", "code": f"role{n}", "zh": "角色",
        "en": "role", "like": "viewer", "reason": "核对资料", "kind": "position", "purpose": "核实情况",
        "case_number": "1",
        "name": f"名称{n}", "text": "请核实情况", "title": "标题", "note": "备注说明", "what": "operator",
        "plate": f"粤B{n:05d}", "plate_color": 2, "phone": f"139{n:08d}", "iccid": f"8986{n:016d}", "city": 440300,
        "version": 1, "minutes": 30, "days": 7, "loser_id": 2, "object_id": 1, "from_at": 1_000, "to_at": 2_000,
        "until": now + DAY_MS, "valid_from": now + DAY_MS, "vehicle": 1, "vehicle_id": 1, "channel": 1, "level": 1,
        "alarm_at": 1_770_000_000_000, "hex": "7e0002", "profile": "standard-2013", "way": "url", "source": "device",
        "reply": "working", "decision": "rejected", "answer": "甲", "answers": ["甲"], "options": ["甲", "乙"],
        "vehicle_class": "heavy_goods", "identification": "00" * 16, "event": "6401",
        "password": "a-Long-passphrase-77", "old": "a-Long-passphrase-77", "new": f"another-Passphrase-{n}",
    }  # fmt: skip


class Bodies:
    """Routes of an OpenAPI document that take a JSON body, and what they take."""

    def __init__(self, document: dict[str, Any], given: dict[str, dict[str, Any]]) -> None:
        """``given``: by ``method path``, what a body must hold that the description does not demand; a field whose
        value is its own name takes a fresh one."""
        self._document = document
        self._given = given
        self.schemas: dict[str, dict[str, Any]] = {}
        self.files: set[str] = set()
        """Addresses that take a file instead."""
        for path, operations in document["paths"].items():
            for method in METHODS:
                content = operations.get(method, {}).get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    self.schemas[f"{method} {path}"] = content["application/json"].get("schema", {})
                elif content:
                    self.files.add(path)

    def valid(self, route: str) -> Any:
        """The smallest body that the route should take. Raises KeyError for a required field that nobody knows."""
        named = fresh()
        named |= {name: value for name, value in self._given.get(route, {}).items() if value != name}
        own = {name: named[name] if value == name else value for name, value in self._given.get(route, {}).items()}
        return self._made(self.schemas[route], named, route) | own

    def learn(self, route: str, field: str) -> bool:
        """The route was refused for want of ``field``: give it one from now on. False where that helps no more."""
        known = self._given.setdefault(route, {})
        if field in known or field not in fresh():
            return False
        known[field] = field
        return True

    def texts(self, route: str) -> list[Place]:
        """Places of all text fields of the route's body; of a part that the description leaves free one of each
        name."""
        found: dict[Place, Place] = {}
        for at in self._texts(self.schemas[route], (), self.valid(route)):
            found.setdefault(at if len(at) < 3 else (at[0], at[-1]), at)
        return list(found.values())

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def _made(self, schema: dict[str, Any], named: dict[str, Any], route: str) -> dict[str, Any]:
        schema = self._resolved(schema)
        if "properties" not in schema:
            return {}
        found = {}
        for name in schema.get("required", ()):
            if name not in named:
                raise KeyError(f"{route}: what is a valid {name}? Say so in bodies.py or test_injection.py")
            found[name] = named[name]
        return found

    def _texts(self, schema: dict[str, Any], at: Place, example: Any) -> Iterator[Place]:
        schema = self._resolved(schema)
        for each in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            yield from self._texts(each, at, example)
        kinds = schema.get("type", ())
        if "string" in (kinds if isinstance(kinds, list) else [kinds]):
            yield at
        if "items" in schema:
            first = example[0] if isinstance(example, list) and example else None
            yield from self._texts(schema["items"], (*at, 0), first)
        for name, each in schema.get("properties", {}).items():
            yield from self._texts(each, (*at, name), example.get(name) if isinstance(example, dict) else None)
        free = schema.get("additionalProperties")
        if isinstance(free, dict) and free:
            yield from self._texts(free, (*at, FREE), None)
        if not any(key in schema for key in ("properties", "items", "type", "oneOf", "anyOf", "$ref")) or (
            schema.get("type") == "object" and "properties" not in schema
        ):
            yield from leaves(example, at)


def leaves(example: Any, at: Place) -> Iterator[Place]:
    """Texts in a part of a body that the description leaves free: the first of each list."""
    if isinstance(example, str):
        yield at
    elif isinstance(example, dict):
        for name, value in example.items():
            yield from leaves(value, (*at, name))
    elif isinstance(example, list) and example:
        yield from leaves(example[0], (*at, 0))


def put(body: Any, at: Place, value: Any) -> Any:
    """A copy of the body with ``value`` at a place; what leads there is made where it is not."""
    if not at:
        return value
    first, *rest = at
    if isinstance(first, int):
        items = list(body) if isinstance(body, list) else []
        part = items[0] if items else None
        return [put(part, tuple(rest), value), *items[1:]]
    known = dict(body) if isinstance(body, dict) else {}
    return known | {first: put(known.get(first), tuple(rest), value)}
