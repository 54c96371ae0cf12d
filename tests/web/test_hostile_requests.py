"""What an attacker sends: injections into every text, paths that climb, bodies too large, guesses without end; and
whatever a fuzzer makes of the interface's own description. Nothing of it may be answered with a fault of the server."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar import Litestar
from running_core import Running
from sqlalchemy import text

from luwei.access import users
from luwei.registry.engine import read
from luwei.web.app import create_app

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXTS = (
    "' OR '1'='1", "'; DROP TABLE vehicle; --", '" OR ""="', "1) UNION SELECT password_hash FROM user_account --",
    "{{7*7}}", "${jndi:ldap://x/y}", "<script>alert(1)</script>", "../../../../etc/passwd", "%00", "\x00", "\ud800",
    "=cmd|' /C calc'!A0", "\u202e", "粤" * 30, "-1", "1e999", "NaN", "[]", "null",
)  # fmt: skip
FUZZ_S = 12.0


def schema(web: Running) -> dict[str, Any]:
    app: Litestar = create_app(web.services)
    document: dict[str, Any] = app.openapi_schema.to_schema()
    return document


async def test_no_text_of_any_parameter_breaks_or_opens_anything(web: Running) -> None:
    """Each text parameter of each list, one hostile text after the other."""
    with read(web.services.engine) as connection:
        before = connection.execute(text("SELECT count(*) FROM vehicle")).scalar()
    async with web.client() as client:
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
    async with httpx.AsyncClient(base_url=web.base, cookies=web.cookies(), timeout=20) as client:
        for path, operations in schema(web)["paths"].items():
            address = path.replace("{", "").replace("}", "").replace("_id", "").replace("key", "1")
            for method in set(operations) & {"post", "put", "patch", "delete"}:
                for headers in ({}, {"Origin": "https://evil.example"}):
                    answer = await client.request(method, address, json={}, headers=headers)
                    assert answer.status_code in (400, 403, 404, 405), (method, path, answer.status_code)
                    assert answer.status_code != 403 or answer.json()["error"]["field"] == "X-Luwei", (method, path)


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
    """schemathesis on the interface's own description: all reading routes, and forms that change nothing."""
    document = schema(web)
    skipped = (
        "/api/oidc",
        "/api/logout",
        "/api/login",
        "/api/password",
        "/api/reauthenticate",
        "/api/me/",
        "/api/audit/verify",
    )
    forms = ("/api/explain", "/api/grants")
    document["paths"] = {
        path: {verb: what for verb, what in operations.items() if verb == "get" or path in forms}
        for path, operations in document["paths"].items()
        if not path.startswith(skipped)
    }  # fmt: skip
    document["paths"] = {path: operations for path, operations in document["paths"].items() if operations}
    headers = {"Cookie": f"luwei_session={web.token}", "X-Luwei": "1"}
    faults: list[str] = []
    done: set[str] = set()
    deadline = time.monotonic() + FUZZ_S
    operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    few = settings(
        max_examples=3, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )

    def fuzz(operation: Any) -> None:
        @few
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
