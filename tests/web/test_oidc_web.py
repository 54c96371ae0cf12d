"""Signing in through an identity provider, a real one in a process of its own, and linking an account with it."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from running_core import Running, until
from test_sign_in_web import account, log_in

from luwei.access import users
from ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def provider(web: Running) -> AsyncIterator[str]:
    """An OpenID Connect provider in a process of its own, set as this installation's."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--host", "127.0.0.1", "--port", str(port),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    base, before = f"http://127.0.0.1:{port}", web.services.settings

    async def answers() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{base}/.well-known/openid-configuration")).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        await until(answers, "provider up")
        web.services.settings = dataclasses.replace(
            before, oidc_issuer=base, oidc_client_id="luwei", oidc_client_secret="secret", public_url=web.base
        )
        yield base
    finally:
        web.services.settings, web.services.provider = before, None
        process.terminate()
        await process.wait()


async def through(
    web: Running, subject: str, token: str = "", **start: Any
) -> tuple[httpx.Response, httpx.AsyncClient]:
    """Go to the provider and back as a browser does; the answer of the callback, and the browser."""
    browser = httpx.AsyncClient(base_url=web.base, timeout=60, cookies={"luwei_session": token} if token else None)
    out = await browser.get("/api/oidc/start", params=start)
    assert out.status_code == 302 and "samesite=lax" in out.headers["set-cookie"].lower(), out.text
    async with httpx.AsyncClient(timeout=60) as elsewhere:
        back = await elsewhere.post(out.headers["location"], data={"sub": subject})
    assert back.headers["location"].startswith(f"{web.base}/api/oidc/callback?")
    return await browser.get(back.headers["location"]), browser


async def test_a_linked_person_signs_in_through_the_provider(web: Running, provider: str) -> None:
    account(web, "li.lei", "duty")
    unknown, _ = await through(web, "sub-li")
    assert unknown.headers["location"] == "/login?error=oidc_unknown" and "luwei_session" not in unknown.cookies
    token = (await log_in(web, "li.lei")).cookies["luwei_session"]
    linked, _ = await through(web, "sub-li", token, link=True)
    assert linked.headers["location"] == "/me?linked=1"
    entered, browser = await through(web, "sub-li", next="/track")
    assert entered.headers["location"] == "/track"
    me = (await browser.get("/api/me", headers={"Cookie": f"luwei_session={entered.cookies['luwei_session']}"})).json()
    assert me["user"]["username"] == "li.lei"
    account(web, "han.meimei", "duty")
    other = (await log_in(web, "han.meimei")).cookies["luwei_session"]
    taken, _ = await through(web, "sub-li", other, link=True)
    assert taken.headers["location"] == "/login?error=oidc_taken"
    users.disable_user(web.services.engine, "li.lei")
    shut, _ = await through(web, "sub-li")
    assert shut.headers["location"] == "/login?error=oidc_unknown"


async def test_who_was_entered_for_the_provider_needs_no_password_at_all(web: Running, provider: str) -> None:
    """An account with a one-time password nobody ever typed: the provider's word is enough."""
    users.create_user(web.services.engine, "wang.wu", "王五", role="duty", oidc_subject="sub-wang")
    entered, browser = await through(web, "sub-wang")
    cookie = {"Cookie": f"luwei_session={entered.cookies['luwei_session']}", "X-Luwei": "1"}
    assert (await browser.get("/api/me", headers=cookie)).json()["user"]["must_change_password"] is False
    assert (await browser.get("/api/vehicles", headers=cookie)).status_code == 200
    # The own account page links and unlinks.
    told = (await browser.get("/api/me/identity", headers=cookie)).json()
    assert told["linked"] is True and told["name"]
    assert (await browser.delete("/api/me/identity", headers=cookie)).status_code == 409
    out = await browser.post("/api/me/identity", headers=cookie)
    assert out.json()["address"].startswith(provider) and "luwei_oidc" in out.headers["set-cookie"]
    async with httpx.AsyncClient(timeout=60) as elsewhere:
        back = await elsewhere.post(out.json()["address"], data={"sub": "sub-wang-2"})
    attempt = {"Cookie": f"luwei_oidc={out.cookies['luwei_oidc']}"}
    linked = await browser.get(back.headers["location"], headers=attempt)
    assert linked.headers["location"] == "/me?linked=1"
    account(web, "zhao.liu", "duty")
    async with web.client((await log_in(web, "zhao.liu")).cookies["luwei_session"]) as client:
        assert (await client.delete("/api/me/identity")).status_code == 204
        assert (await client.get("/api/me/identity")).json()["linked"] is False


async def test_the_login_page_learns_of_the_provider(web: Running, provider: str) -> None:
    async with httpx.AsyncClient(base_url=web.base, timeout=60) as client:
        ways = (await client.get("/api/sign-in")).json()
        assert ways["password"] is True and ways["oidc"]["start"] == "/api/oidc/start"
        for hostile in ("//evil.example", "https://evil.example", "/\\evil.example", "/x?y=1"):
            out = await client.get("/api/oidc/start", params={"next": hostile})
            assert out.status_code == 302 and "evil" not in out.headers["location"]


async def test_an_answer_that_nobody_asked_for_is_refused(web: Running, provider: str) -> None:
    async with httpx.AsyncClient(base_url=web.base, timeout=60) as client:
        for query, expected in (
            ({"state": "x", "code": "y"}, "oidc_state"),
            ({"error": "access_denied"}, "oidc_denied"),
            ({}, "oidc_denied"),
        ):
            answer = await client.get("/api/oidc/callback", params=query)
            assert answer.headers["location"] == f"/login?error={expected}"
