"""Every id that a body may name, once each: a request about one's own rows that names somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bodies import METHODS, fresh
from foreign_acts import VERDICT
from owned import DAY_MS, Owned

NOWHERE: dict[type, Any] = {int: 2_000_000_000, str: "粤B99Z99"}
"""What nobody has."""


@dataclass(frozen=True, slots=True)
class Name:
    """A request of ``by`` whose body is ``body`` of an id. ``pick`` takes the id out of what somebody has: the own one
    is taken with ``status``, the neighbour's is refused, as one is that nobody has (``public``: what is there is no
    secret)."""

    route: str
    field: str
    address: str
    body: Callable[[Any], Any]
    pick: Callable[[Owned], Any]
    by: str = "boss"
    status: int = 200
    public: bool = False
    partly: bool = False
    """What cannot be done is named in an answer of 200, and nothing is done."""

    def about(self, value: Any) -> str:
        """For a message."""
        return f"{self.route} {self.field} {json.dumps(self.body(value), ensure_ascii=False)[:160]}"


def names(m: Owned) -> list[Name]:
    """All of them, by people of ``m`` to rows of ``m``; none needs what another one changes."""
    return [*_people(m), *_registry(m), *_places(m), *_work(m), *_orders(m), *_sent(m), *_seen(m)]


def _people(m: Owned) -> Iterator[Name]:
    def account(**more: Any) -> dict[str, Any]:
        whose = {"display_name": "王五", "role": "viewer", "organisation_id": m.company}
        return {"username": fresh()["username"]} | whose | more

    users, one = "post /api/users", "patch /api/users/{user_id}"
    member, pilot = f"/api/users/{m.user('member6')}", f"/api/users/{m.user('pilot')}"
    yield Name(users, "organisation_id", "/api/users", lambda x: account(organisation_id=x), lambda w: w.company,
               status=201)  # fmt: skip
    yield Name(users, "vehicle_id", "/api/users", lambda x: account(role="driver", vehicle_id=x, driver_id=m.driver),
               lambda w: w.truck, status=201)  # fmt: skip
    yield Name(users, "driver_id", "/api/users", lambda x: account(role="driver", vehicle_id=m.truck, driver_id=x),
               lambda w: w.driver, status=201)  # fmt: skip
    yield Name(one, "organisation_id", member, lambda x: {"organisation_id": x}, lambda w: w.fleet)
    yield Name(one, "vehicle_id", pilot, lambda x: {"vehicle_id": x}, lambda w: w.truck)
    yield Name(one, "driver_id", pilot, lambda x: {"driver_id": x}, lambda w: w.driver)
    asked = {"purpose": "核实情况", "case_number": "1", "minutes": 30}
    rows: list[tuple[str, str, Callable[[Owned], Any]]] = [
        ("vehicles", "video", lambda w: w.truck), ("drivers", "driver", lambda w: w.driver),
        ("plates", "video", lambda w: w.plate),
    ]  # fmt: skip
    for field, kind, pick in rows:
        yield Name("post /api/grants", field, "/api/grants", lambda x, f=field, k=kind: asked | {"kind": k, f: [x]},
                   pick, by="clerk", status=201)  # fmt: skip


def _new(*keep: str, **more: Any) -> dict[str, Any]:
    given = fresh()
    return {name: given[name] for name in keep} | more


def _registry(m: Owned) -> Iterator[Name]:
    yield Name("post /api/vehicles", "operator_id", "/api/vehicles",
               lambda x: _new("plate", "plate_color", city=m.city, operator_id=x), lambda w: w.company,
               status=201)  # fmt: skip
    yield Name("patch /api/vehicles/{vehicle_id}", "operator_id", f"/api/vehicles/{m.bare}",
               lambda x: {"operator_id": x}, lambda w: w.fleet)  # fmt: skip
    yield Name("post /api/terminals", "vehicle_id", "/api/terminals", lambda x: _new("phone", vehicle_id=x),
               lambda w: w.bare, status=201)  # fmt: skip
    yield Name("patch /api/terminals/{terminal_id}", "vehicle_id", f"/api/terminals/{m.seats[3]}",
               lambda x: {"vehicle_id": x}, lambda w: w.merged)  # fmt: skip
    for word in ("organisations", "operators"):
        yield Name(f"post /api/{word}", "parent_id", f"/api/{word}",
                   lambda x: _new("name", kind="fleet", city=m.city, parent_id=x), lambda w: w.company,
                   by="officer", status=201)  # fmt: skip
        yield Name(f"patch /api/{word}/{{{word[:-1]}_id}}", "parent_id", f"/api/{word}/{m.fleet}",
                   lambda x: {"parent_id": x}, lambda w: w.company)  # fmt: skip
    yield Name("post /api/drivers", "operator_id", "/api/drivers", lambda x: _new("name", operator_id=x),
               lambda w: w.company, status=201)  # fmt: skip
    yield Name("patch /api/drivers/{driver_id}", "operator_id", f"/api/drivers/{m.driver}",
               lambda x: {"operator_id": x}, lambda w: w.fleet)  # fmt: skip
    yield Name("post /api/sims", "terminal_id", "/api/sims", lambda x: _new("iccid", terminal_id=x),
               lambda w: w.seats[2], status=201)  # fmt: skip
    yield Name("patch /api/sims/{sim_id}", "terminal_id", f"/api/sims/{m.sim}", lambda x: {"terminal_id": x},
               lambda w: w.seats[0])  # fmt: skip
    spans: list[tuple[str, int, str, Callable[[Owned], Any]]] = [
        ("vehicles", m.bare, "operator", lambda w: w.company), ("drivers", m.driver, "employer", lambda w: w.company),
        ("sims", m.sim, "sim", lambda w: w.seats[2]),
    ]  # fmt: skip
    for word, key, what, pick in spans:
        yield Name(f"post /api/{word}/{{key}}/bindings", "object_id", f"/api/{word}/{key}/bindings",
                   lambda x, w=what: {"what": w, "object_id": x, "from_at": 3_000, "to_at": 4_000}, pick,
                   status=201)  # fmt: skip
    pairs: list[tuple[str, int, Callable[[Owned], Any]]] = [
        ("vehicles", m.truck, lambda w: w.loser), ("terminals", m.seats[0], lambda w: w.seats[1]),
        ("drivers", m.driver, lambda w: w.driver2), ("organisations", m.fleet, lambda w: w.barn),
    ]  # fmt: skip
    for word, key, pick in pairs:
        yield Name(f"post /api/{word}/{{key}}/merge", "loser_id", f"/api/{word}/{key}/merge",
                   lambda x: {"loser_id": x}, pick)  # fmt: skip


def _places(m: Owned) -> Iterator[Name]:
    """Places are no secret; whose jurisdiction a row comes into is not for everybody to say."""
    rows: list[tuple[str, str, Callable[[], dict[str, Any]], str]] = [
        ("post", "vehicles", lambda: _new("plate", "plate_color"), ""),
        ("post", "organisations", lambda: _new("name", kind="operator"), ""),
        ("post", "operators", lambda: _new("name", kind="operator"), ""),
        ("post", "drivers", lambda: _new("name"), ""), ("patch", "vehicles", dict, f"/{m.other}"),
        ("patch", "organisations", dict, f"/{m.company}"), ("patch", "operators", dict, f"/{m.company}"),
        ("patch", "drivers", dict, f"/{m.driver}"),
    ]  # fmt: skip
    for method, word, body, end in rows:
        path = f"/api/{word}" + (f"/{{{word[:-1]}_id}}" if end else "")
        for field in ("city", "county"):
            yield Name(f"{method} {path}", field, f"/api/{word}{end}",
                       lambda x, b=body, f=field: b() | {"city": x, "county": x + 4 if f == "county" else None},
                       lambda w: w.city, by="officer", status=200 if end else 201, public=True)  # fmt: skip
    shape = {"kind": "circle", "geometry": {"lat_e6": 22_543_100, "lon_e6": 114_057_900, "radius_m": 500}}
    for route, address, status in (("post /api/fences", "/api/fences", 201),
                                   ("patch /api/fences/{area_id}", f"/api/fences/{m.fences[0]}", 200)):  # fmt: skip
        yield Name(route, "city", address, lambda x, s=status: (_new("name") | shape if s == 201 else {}) | {"city": x},
                   lambda w: w.city, by="officer", status=status, public=True)  # fmt: skip


def _work(m: Owned) -> Iterator[Name]:
    case, shown = "/api/cases", {"version": 1}
    note = {"note": "请接着处理"}
    yield Name("post /api/cases/{case_id}/view", "files", f"{case}/{m.open[0]}/view", lambda x: {"files": [x]},
               lambda w: w.file, by="boss")  # fmt: skip
    yield Name("post /api/cases/bulk-close", "id", f"{case}/bulk-close",
               lambda x: VERDICT | {"cases": [shown | {"id": x}]}, lambda w: w.open[5])  # fmt: skip
    yield Name("post /api/cases/hand-over", "id", f"{case}/hand-over",
               lambda x: note | {"to": None, "cases": [shown | {"id": x}]}, lambda w: w.open[7],
               partly=True)  # fmt: skip
    yield Name("post /api/cases/hand-over", "to", f"{case}/hand-over",
               lambda x: note | {"to": x, "cases": [shown | {"id": m.open[1]}]},
               lambda w: w.user("clerk"))  # fmt: skip
    yield Name("post /api/cases/{case_id}/hand-over", "to", f"{case}/{m.open[2]}/hand-over",
               lambda x: shown | note | {"to": x}, lambda w: w.user("clerk"))  # fmt: skip


def _orders(m: Owned) -> Iterator[Name]:
    order, orders = {"level": 1, "source": "other", "title": "督办", "text": "请整改"}, "/api/supervision-orders"
    issue, ask = f"post {orders}", "/api/post-checks"

    def by_officer(route: str, field: str, body: Callable[[Any], Any], pick: Callable[[Owned], Any]) -> Name:
        return Name(route, field, route.split()[1], body, pick, by="officer", status=201)

    yield by_officer(issue, "target", lambda x: order | {"target": x}, lambda w: w.company)
    yield by_officer(issue, "case", lambda x: order | {"case": x}, lambda w: w.open[6])
    yield by_officer(issue, "proposal", lambda x: order | {"target": m.company, "proposal": x},
                     lambda w: w.proposals[1])  # fmt: skip
    yield by_officer(issue, "files", lambda x: order | {"target": m.company, "files": [x]},
                     lambda w: w.named["officer"])  # fmt: skip
    yield Name("post /api/supervision-orders/{key}/answer", "files", f"{orders}/{m.orders[0]}/answer",
               lambda x: {"version": 1, "reply": "done", "text": "已整改", "files": [x]},
               lambda w: w.named["boss"])  # fmt: skip
    asked = {"text": "在值班吗？", "answers": ["在"]}
    yield by_officer(f"post {ask}", "id", lambda x: asked | {"targets": {"kind": "operator", "id": x}},
                     lambda w: w.company)  # fmt: skip
    yield by_officer(f"post {ask}", "question", lambda x: {"targets": {"kind": "operator", "id": m.company},
                     "question": x}, lambda w: w.questions[1])  # fmt: skip
    check = {"plate": m.plate, "plate_color": 2, "findings": ["other"], "note": "无"}
    yield Name("post /api/roadside/checks", "files", "/api/roadside/checks", lambda x: check | {"files": [x]},
               lambda w: w.named["clerk"], by="clerk", status=201)  # fmt: skip


def _sent(m: Owned) -> Iterator[Name]:
    upgrade = {"name": "升级", "way": "url", "reason": "修复缺陷", "model": f"UP-{m.digits}",
               "target": {"url": "http://10.0.0.1/fw.bin", "firmware": "V4"}, "dry_run": True}  # fmt: skip
    routes: list[tuple[str, str, dict[str, Any]]] = [
        ("post /api/commands", "/api/commands", {"kind": "locate", "reason": "检查联通"}),
        ("post /api/templates/versions/{version_id}/push", f"/api/templates/versions/{m.version}/push",
         {"act": "verify"}),
        ("post /api/upgrades", "/api/upgrades", upgrade),
    ]  # fmt: skip
    ways: list[tuple[str, Callable[[Any], Any], Callable[[Owned], Any], bool]] = [
        ("vehicles", lambda x: {"vehicles": [x]}, lambda w: w.other, False),
        ("phones", lambda x: {"phones": [x]}, lambda w: w.phones[2], False),
        ("operator", lambda x: {"filter": {"operator": x}}, lambda w: w.company, False),
        ("city", lambda x: {"filter": {"city": x}}, lambda w: w.city, True),
        ("county", lambda x: {"filter": {"county": x + 4}}, lambda w: w.city, True),
    ]
    for route, address, body in routes:
        for field, way, pick, public in ways:
            yield Name(route, field, address, lambda x, b=body, g=way: b | g(x), pick, status=201,
                       public=public)  # fmt: skip
    ask = {"identification": "00" * 14 + "0100", "event": "6401", "alarm_at": m.now}
    yield Name("post /api/evidence/requests", "vehicle", "/api/evidence/requests", lambda x: ask | {"vehicle": x},
               lambda w: w.truck, status=201)  # fmt: skip
    yield Name("post /api/commands", "parameters.areas", "/api/commands",
               lambda x: {"kind": "push_areas", "reason": "下发区域", "vehicles": [m.other],
                          "parameters": {"areas": [x]}}, lambda w: w.fences[0], by="officer", status=201)  # fmt: skip


def _seen(m: Owned) -> Iterator[Name]:
    video, why = "/api/video", {"purpose": "核实情况"}
    span = {"from_at": m.now - 2 * DAY_MS, "to_at": m.now - 2 * DAY_MS + 60_000}
    rows: list[tuple[str, dict[str, Any], int]] = [
        ("streams", {"channel": 1}, NO_NODE), ("playbacks", {"channel": 1} | span, NO_NODE),
        ("records", {"channel": 1, "seconds": 60}, NO_NODE), ("downloads", {"channel": 1} | span, 201),
        ("ptz", {"channel": 1, "act": "wiper", "on": True}, 200), ("talks", {"kind": "talk"}, NO_NODE),
    ]  # fmt: skip
    for word, body, status in rows:
        yield Name(f"post {video}/{word}", "vehicle_id", f"{video}/{word}",
                   lambda x, b=body: why | b | {"vehicle_id": x}, lambda w: w.truck, status=status)  # fmt: skip
    yield Name(f"post {video}/talks", "vehicle_ids", f"{video}/talks",
               lambda x: why | {"kind": "broadcast", "vehicle_ids": [m.truck, x]}, lambda w: w.other,
               status=NO_NODE)  # fmt: skip
    seat = why | {"vehicle_id": m.truck, "channel": 2}
    yield Name(f"post {video}/records", "case", f"{video}/records", lambda x: seat | {"seconds": 60, "case": x},
               lambda w: w.open[3], status=NO_NODE)  # fmt: skip
    yield Name(f"post {video}/downloads", "case_id", f"{video}/downloads", lambda x: seat | span | {"case_id": x},
               lambda w: w.open[3], status=201)  # fmt: skip
    yield Name(f"post {video}/downloads", "list", f"{video}/downloads",
               lambda x: seat | {"channel": 3} | span | {"list": x}, lambda w: w.list, status=201)  # fmt: skip


NO_NODE = 503
"""A picture, a talk and a recording need a media process, which tests/media and tests/system have: here each is refused
for the want of one when everything else is right."""

NO_IDS = frozenset({
    "accept_percent", "after_s", "alarm_at", "channel", "daily_from_min", "daily_to_min", "days", "edition",
    "effective_from", "expires_s", "failures_free", "frame", "from", "from_at", "from_day", "grant_minutes_max",
    "gross_mass_kg", "idle_minutes", "lat_e6", "level", "lifetime_hours", "limit_s", "lon_e6", "longest_wait_s",
    "media_type", "minutes", "one_time_hours", "password_former", "password_max_age_days", "password_min_length",
    "percent",
    "plate_color", "proof_minutes", "seconds", "speed", "stop_failures", "storage", "stream", "tiles", "times",
    "to_at", "to_day", "token_days_max", "until", "upgrade_type", "valid_from", "valid_h", "version", "wait_s",
})  # fmt: skip
"""Numbers that name no row."""

EVERYBODY = {
    **{
        (f"{method} /api/{path}", field): "a monitor, an insurer or a vendor is entrusted by whoever has the truck"
        for path, known in (("vehicles", ("monitor_id", "insurer_id")), ("terminals", ("vendor_id",)))
        for method, path in (("post", path), ("patch", f"{path}/{{{path[:-1]}_id}}"))
        for field in known
    },
    ("patch /api/terminals/{terminal_id}", "model_id"): "models are the same for everybody",
    ("post /api/terminals", "model_id"): "models are the same for everybody",
    ("post /api/models", "vendor_id"): "models are entered by who sees everything",
    ("patch /api/models/{model_id}", "vendor_id"): "models are entered by who sees everything",
    ("post /api/terminals/{key}/bindings", "object_id"): "a vendor is entrusted by whoever has the truck",
    ("post /api/upgrades", "firmware"): "files of firmware are the same for everybody",
    ("post /api/post-checks", "to"): "an instant",
    ("post /api/roadside/checks", "plate"): "read from a truck; tests/web/oracle/roadside.py says who learns what",
    ("post /api/vehicles", "plate"): "a new one",
    ("patch /api/vehicles/{vehicle_id}", "plate"): "a new one",
    **dict.fromkeys(
        (
            (f"{method} /api/{word}", "area")
            for method, word in (
                ("post", "organisations"),
                ("post", "operators"),
                ("patch", "organisations/{organisation_id}"),
                ("patch", "operators/{operator_id}"),
            )
        ),
        "the place of an authority: only who sees everything enters one",
    ),
}
"""Fields whose ids are nobody's, with the reason."""


def fields(document: dict[str, Any]) -> set[tuple[str, str]]:
    """(route, field) of every number, and of every plate and phone, in a body: a part of the interface's own
    description."""
    found: set[tuple[str, str]] = set()

    def walk(schema: dict[str, Any], name: str, route: str) -> None:
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        kinds = schema.get("type", ())
        if "integer" in (kinds if isinstance(kinds, list) else [kinds]) or name in ("phones", "plates", "plate"):
            found.add((route, name))
        for each in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            walk(each, name, route)
        if "items" in schema:
            walk(schema["items"], name, route)
        for inner, each in schema.get("properties", {}).items():
            walk(each, inner, route)

    for path, operations in document["paths"].items():
        for method in METHODS:
            content = operations.get(method, {}).get("requestBody", {}).get("content", {})
            walk(content.get("application/json", {}).get("schema", {}), "", f"{method} {path}")
    return {(route, name) for route, name in found if name not in NO_IDS}
