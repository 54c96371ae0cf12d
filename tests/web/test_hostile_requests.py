"""What an attacker sends: injections into every text, paths that climb, bodies too large, guesses without end; and
whatever a fuzzer makes of the interface's own description. Nothing of it may be answered with a fault of the server."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from running_core import Running
from sqlalchemy import inspect, text

from luwei.access import users
from luwei.registry import areas, drivers, noun, organisations, sims, terminals
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXTS = (
    "' OR '1'='1", "'; DROP TABLE vehicle; --", '" OR ""="', "1) UNION SELECT password_hash FROM user_account --",
    "{{7*7}}", "${jndi:ldap://x/y}", "<script>alert(1)</script>", "../../../../etc/passwd", "%00", "\x00", "\ud800",
    "=cmd|' /C calc'!A0", "\u202e", "粤" * 30, "-1", "1e999", "NaN", "[]", "null",
)  # fmt: skip
FUZZ_S = float(os.environ.get("LUWEI_FUZZ_S", "20"))
FUZZ_SEED = int(os.environ.get("LUWEI_FUZZ_SEED", "20260101"))
FUZZ_EXAMPLES = int(os.environ.get("LUWEI_FUZZ_EXAMPLES", "2"))
"""Seconds, seed and cases a route; longer by hand, with another seed."""


def schema(web: Running) -> dict[str, Any]:
    document: dict[str, Any] = web.app.openapi_schema.to_schema()
    return document


async def test_no_text_of_any_parameter_breaks_or_opens_anything(web: Running) -> None:
    """Each text parameter of each list, one hostile text after the other."""
    with read(web.services.engine) as connection:
        before = connection.execute(text("SELECT count(*) FROM vehicle")).scalar()
    async with web.inside() as client:
        for path, operations in schema(web)["paths"].items():
            if "get" not in operations or "{" in path or path.startswith("/api/oidc"):
                continue
            for parameter in operations["get"].get("parameters", ()):
                if parameter["in"] != "query" or "string" not in str(parameter.get("schema")):
                    continue
                for hostile in TEXTS[:4]:
                    try:
                        answer = await client.get(path, params={parameter["name"]: hostile, "from": "1", "to": "2"})
                    except UnicodeEncodeError:
                        continue
                    about = f"{path}?{parameter['name']}={hostile!r}: {answer.status_code}"
                    assert answer.status_code < 500, about
                    assert "password_hash" not in answer.text.replace(hostile, ""), about
    with read(web.services.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM vehicle")).scalar() == before


async def test_hostile_texts_are_stored_as_text_or_refused(web: Running) -> None:
    async with web.client() as client:
        for number, hostile in enumerate(TEXTS):
            content = json.dumps({"name": f"甲{number}{hostile}"}).encode()
            answer = await client.post("/api/operators", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code in (201, 400), (hostile, answer.text)
            if answer.status_code == 201:
                assert answer.json()["name"] == f"甲{number}{hostile}".strip()
        csv = (await client.get("/api/export/operators/csv")).text
        assert not any(line.startswith(("=", "+", "@")) or ",=" in line for line in csv.splitlines())


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../app.py",
     "/assets/..%5c..%5capp.py", "/map/..%2f..%2fsettings.py", "/.git/config", "/%00", "/map/%00", "/..;/etc/passwd"],
)  # fmt: skip
async def test_a_path_that_climbs_leaves_no_folder(web: Running, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.services.settings.web_port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    status = int(answer.split(b" ", 2)[1])
    assert status in (200, 400, 404) and b"root:" not in answer and b"class Settings" not in answer, answer[:200]
    assert status != 200 or b"<!doctype html" in answer.lower()


async def test_bodies_too_large_too_deep_or_of_the_wrong_kind_are_refused(web: Running) -> None:
    async with web.client() as client:
        plain = {"Content-Type": "application/json"}
        for path in ("/api/login", "/api/vehicles", "/api/grants", "/api/users", "/api/me/tokens"):
            for content, headers, statuses in (
                (b"[" * 100_000, plain, (400,)),
                (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, plain, (400,)),
                (b"x" * (2 << 20), plain, (413,)),
                (b"", plain, (400,)),
                (b"\xff\xfe", plain, (400,)),
                (b"<a/>", {"Content-Type": "text/xml"}, (400, 415)),
            ):
                answer = await client.post(path, content=content, headers=headers)
                assert answer.status_code in statuses, (path, content[:20], answer.status_code, answer.text[:200])


async def test_a_change_needs_a_page_of_this_host(web: Running) -> None:
    """Every unsafe route, from a foreign page with the person's cookie (CSRF)."""
    async with web.inside(**{"User-Agent": "a foreign page"}) as client:
        for path, operations in schema(web)["paths"].items():
            address = path.replace("{", "").replace("}", "").replace("_id", "").replace("key", "1")
            for method in set(operations) & {"post", "put", "patch", "delete"}:
                for headers in ({}, {"Origin": "https://evil.example"}):
                    answer = await client.request(method, address, json={}, headers=headers)
                    assert answer.status_code in (400, 403, 404, 405), (method, path, answer.status_code)
                    assert answer.status_code != 403 or answer.json()["error"]["field"] == "X-Luwei", (method, path)


async def test_nobody_changes_what_belongs_to_others_by_its_id(web: Running) -> None:
    """IDOR on every id of every route that changes something: the administrator of another company, who may do all of
    it to the own rows, is told that there is no such row, and every table stays as it was."""
    engine = web.services.engine
    company = organisations.create(engine, {"name": "旁人运输", "city": 440100}, SYSTEM, WHOLE)
    owner = organisations.create(engine, {"name": "本主运输", "city": 440300}, SYSTEM, WHOLE)
    terminals.create(engine, {"phone": "13811110001", "vehicle_id": 1}, SYSTEM, WHOLE)
    noun.create(engine, drivers.NOUN, {"name": "甲", "operator_id": owner}, SYSTEM, WHOLE)
    noun.create(engine, sims.NOUN, {"iccid": "89860000000000000001", "terminal_id": 1}, SYSTEM, WHOLE)
    areas.create(engine, {"name": "圈", "kind": "circle", "city": 440300, "geometry": CIRCLE}, SYSTEM, WHOLE)
    token = web.session_token("neighbour", role="administrator", organisation_id=company)
    before = tables(web)
    async with web.inside(token) as client:
        for path, operations in schema(web)["paths"].items():
            for method in sorted(set(operations) & {"post", "put", "patch", "delete"}) if "{" in path else ():
                if path.startswith("/api/me/") or "/import/" in path:
                    continue
                for act in ACTS if "{act}" in path else ("",):
                    address = path.replace("{act}", act).replace("{name}", "x").replace("{code}", "duty")
                    address = re.sub(r"{organisation_id}|{operator_id}", str(owner), address)
                    address = re.sub(r"{organisations?_key}|{\w+}", "1", address)
                    body = {"note": "不行"} if "grants" in path else BODIES.get(path.rsplit("/", 1)[-1], {})
                    answer = await client.request(method, address, json=body)
                    about = f"{method} {address}: {answer.status_code} {answer.text[:200]}"
                    assert answer.status_code in (400, 403, 404, 409, 503), about
    assert tables(web) == before


ACTS = ("pause", "cancel", "stop", "again", "approve", "refuse", "end", "disable", "enable", "reset-password", "unlock")
BODIES: dict[str, dict[str, Any]] = {
    "merge": {"loser_id": 2}, "trace": {"seconds": 60}, "equipment": {"channels": [], "peripherals": []},
    "profile": {"profile": "standard-2013", "reason": "试试看"},
    "bindings": {"what": "operator", "object_id": 1, "from_at": 1, "to_at": 2},
}  # fmt: skip
"""What a route must be given before it looks for the row."""
CIRCLE = {"lat_e6": 22_543_100, "lon_e6": 114_057_900, "radius_m": 500}
MOVING = frozenset({"audit_entry", "audit_head", "web_session", "access_state", "alembic_version"})
"""Tables that change by looking."""


def tables(web: Running) -> dict[str, list[Any]]:
    """Every row of the registry but of MOVING."""
    with read(web.services.engine) as connection:
        found = inspect(connection).get_table_names()
        return {
            name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name in found
            if name not in MOVING
        }  # fmt: skip


async def test_guessing_is_slowed_down_whatever_is_guessed(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine takes longer for a hash than the first wait is long.
    monkeypatch.setattr(web.services.throttle, "_clock", lambda: 1_000.0)
    users.create_user(web.services.engine, "victim", "victim", "a-Long-passphrase-77")
    async with httpx.AsyncClient(base_url=web.base, headers={"X-Luwei": "1"}, timeout=30) as client:
        statuses = []
        for number in range(7):
            answer = await client.post("/api/login", json={"username": "victim", "password": f"guess-{number}"})
            statuses.append(answer.status_code)
        assert statuses[:4] == [401] * 4 and statuses[-1] == 429
        # The right password does not help while one must wait, so a guesser learns nothing by it.
        right = await client.post("/api/login", json={"username": "victim", "password": "a-Long-passphrase-77"})
        assert right.status_code == 429
    web.services.throttle.succeeded("victim", "127.0.0.1")


async def test_a_fuzzer_finds_no_fault_of_the_server(web: Running) -> None:
    """schemathesis on the interface's own description: every method of every route, the same cases each time. Only what
    would end the fuzzer's own session or ask a stranger is left out; what it enters and changes is its own world."""
    document = schema(web)
    skipped = ("/api/oidc", "/api/logout", "/api/login", "/api/password", "/api/reauthenticate", "/api/me/totp")
    fuzzer = web.session_token("fuzzer")
    for path, operations in document["paths"].items():
        own = path == "/api/me/sessions" or path.startswith(("/api/roles", "/api/rights", "/api/sign-in"))
        for verb in [verb for verb in operations if verb in ("get", "post", "put", "patch", "delete")]:
            if path.startswith(skipped) or (own and verb != "get"):
                del operations[verb]
    document["paths"] = {path: operations for path, operations in document["paths"].items() if operations}
    headers = {"Cookie": f"luwei_session={fuzzer}", "X-Luwei": "1"}
    faults: list[str] = []
    done: set[str] = set()
    deadline = time.monotonic() + FUZZ_S
    operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    # Another order each day would be another test each day; but the first ones must not always be the same kind.
    random.Random(FUZZ_SEED).shuffle(operations)

    def fuzz(operation: Any) -> None:
        @seed(FUZZ_SEED)
        @settings(
            max_examples=FUZZ_EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(operation.as_strategy())
        def call(case: Any) -> None:
            if time.monotonic() > deadline:
                return
            try:
                answer = case.call(base_url=web.base, headers=headers, timeout=20)
            except (UnicodeError, ValueError):
                return
            if answer.status_code >= 500 and answer.status_code != 503:
                faults.append(f"{case.method} {case.formatted_path} {case.query} {case.body!r}: {answer.status_code}")

        call()
        done.add(operation.path)

    for operation in operations:
        if time.monotonic() > deadline:
            break
        await asyncio.to_thread(fuzz, operation)
    assert faults == [] and done
