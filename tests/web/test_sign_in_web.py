"""Signing in over real HTTP: one-time codes, tokens, sessions, proofs, address ranges."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import httpx
import pytest
import websockets
from running_core import Running
from sqlalchemy import text

from luwei.access import totp, users
from luwei.registry import drivers, noun, organisations
from luwei.registry.audit import SYSTEM
from luwei.registry.audit_chain import verify
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "a-Long-passphrase-77"


def rule(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["rule"]


def code_of(secret: str, later_s: float = 0) -> str:
    return totp.hotp(base64.b32decode(secret), totp.step_of(time.time() + later_s))


async def log_in(web: Running, username: str, **more: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=web.base, headers={"X-Luwei": "1"}, timeout=60) as client:
        return await client.post("/api/login", json={"username": username, "password": PASSWORD} | more)


def account(web: Running, username: str, role: str = "administrator", **whose: Any) -> None:
    users.create_user(web.services.engine, username, username, PASSWORD, role, **whose)


async def test_me_says_what_the_person_may_and_where_to_begin(web: Running) -> None:
    engine = web.services.engine
    insurer = organisations.create(engine, {"kind": "insurer", "name": "平安"}, SYSTEM, WHOLE)
    for username, role, whose, landing, pages in (
        ("boss", "province", {}, "/monitor", {"monitor", "track", "access", "assets", "system"}),
        ("ins", "insurer", {"organisation_id": insurer}, "/install", {"install", "quality", "assets", "system"}),
        ("drives", "driver", {"vehicle_id": 1}, "/me", {"alarms"}),
        ("road", "inspector", {"city": 440300}, "/roadside", {"roadside"}),
    ):  # fmt: skip
        account(web, username, role, **whose)
        me = (await log_in(web, username)).json()
        assert (me["landing"], me["user"]["role"]) == (landing, role)
        assert pages <= set(me["pages"]) and ("monitor" in me["pages"]) == (username in ("boss", "drives")), me["pages"]
    assert {(r["kind"], r["act"]) for r in me["rights"]} >= {("vehicle", "read")} and me["user"]["city"] == 440300


async def test_one_time_codes_from_the_enrolment_to_the_login(web: Running) -> None:
    account(web, "careful", "duty")
    token = (await log_in(web, "careful")).cookies["luwei_session"]
    async with web.client(token) as client:
        made = (await client.post("/api/me/totp")).json()
        assert made["svg"].startswith("<svg") and made["uri"].startswith("otpauth://totp/Luwei")
        assert rule(await client.post("/api/me/totp/confirm", json={"code": "abcdef"}))[0] == 400
        codes = (await client.post("/api/me/totp/confirm", json={"code": code_of(made["secret"], -30)})).json()
        assert len(codes["recovery_codes"]) == 10
        assert (await client.get("/api/me/totp")).json()["enrolled"] is True
    assert rule(await log_in(web, "careful")) == (401, "totp_required")
    code = code_of(made["secret"])
    assert (await log_in(web, "careful", code=code)).status_code == 200
    assert rule(await log_in(web, "careful", code=code)) == (401, "wrong_code")
    assert (await log_in(web, "careful", code=codes["recovery_codes"][0])).status_code == 200


async def test_a_login_makes_a_new_session_whatever_cookie_came_with_it(web: Running) -> None:
    account(web, "fixed", "duty")
    planted = "A" * 43
    async with httpx.AsyncClient(
        base_url=web.base, headers={"X-Luwei": "1"}, cookies={"luwei_session": planted}
    ) as client:
        answer = await client.post("/api/login", json={"username": "fixed", "password": PASSWORD})
        assert answer.cookies["luwei_session"] != planted
        header = answer.headers["set-cookie"]
        assert "HttpOnly" in header and "samesite=strict" in header.lower() and "Path=/" in header
    assert (await web.client(planted).get("/api/me")).status_code == 401


async def test_sessions_are_listed_and_ended_from_afar(web: Running) -> None:
    account(web, "many", "duty")
    here, there = [(await log_in(web, "many")).cookies["luwei_session"] for _ in range(2)]
    async with web.client(here) as client:
        items = (await client.get("/api/me/sessions")).json()["items"]
        assert sorted(item["current"] for item in items) == [False, True]
        other = next(item["id"] for item in items if not item["current"])
        assert (await client.delete(f"/api/me/sessions/{other}")).status_code == 204
        assert (await client.delete(f"/api/me/sessions/{other}")).status_code == 404
        # The other browser is out at once and told why; one that never was in learns nothing.
        out = await web.client(there).get("/api/me")
        assert (out.status_code, out.json()["error"]["rule"]) == (401, "signed_out")
        assert (await web.client("x" * 43).get("/api/me")).json()["error"]["rule"] == "login_required"
        assert (await client.get("/api/me")).status_code == 200
    # Another person's session is none of one's own, whatever its number.
    async with web.client(web.session_token("stranger", role="duty")) as client:
        mine = next(item["id"] for item in items if item["current"])
        assert (await client.delete(f"/api/me/sessions/{mine}")).status_code == 404
    users.reset_password(web.services.engine, "many")
    assert (await web.client(here).get("/api/me")).json()["error"]["rule"] == "password_changed"


async def test_video_layouts_are_kept_for_their_owner_alone(web: Running) -> None:
    body = {"wall": {"grid": "4", "tiles": "12.1"}}
    async with web.client(web.session_token("waller", role="duty")) as client:
        kept = await client.put("/api/me/video-layouts/早班 A/1", json={"tiles": 4, "body": body})
        assert kept.status_code == 404  # a name is one part of the address
        kept = await client.put("/api/me/video-layouts/早班", json={"tiles": 4, "body": body})
        assert kept.status_code == 200 and kept.json()["body"] == body
        wrong = await client.put("/api/me/video-layouts/早班", json={"tiles": 5, "body": {}})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "tiles")
        assert (await client.put("/api/me/video-layouts/x", json={"tiles": 4, "body": [1]})).status_code == 400
        assert [each["name"] for each in (await client.get("/api/me/video-layouts")).json()["items"]] == ["早班"]
    async with web.client(web.session_token("neighbour", role="duty")) as client:
        assert (await client.get("/api/me/video-layouts")).json() == {"items": []}
        assert (await client.delete("/api/me/video-layouts/早班")).status_code == 404


async def test_risky_acts_want_a_fresh_proof(web: Running) -> None:
    account(web, "old-hand")
    token = (await log_in(web, "old-hand")).cookies["luwei_session"]
    with write(web.services.engine) as connection:
        connection.execute(
            text("UPDATE web_session SET proved_at = 1 WHERE user_id ="
                 " (SELECT id FROM user_account WHERE username = 'old-hand')")
        )  # fmt: skip
    async with web.client(token) as client:
        body = {"username": "fresh-one", "display_name": "新", "role": "driver", "vehicle_id": 1}
        assert (await client.get("/api/users")).status_code == 200
        assert rule(await client.post("/api/users", json=body)) == (403, "reauthenticate")
        assert rule(await client.post("/api/reauthenticate", json={"password": "wrong"})) == (401, "wrong_credentials")
        proved = await client.post("/api/reauthenticate", json={"password": PASSWORD})
        assert proved.json()["proved_until"] > time.time() * 1000
        made = await client.post("/api/users", json=body)
        assert made.status_code == 201 and len(made.json()["password"]) == 16, made.text


async def test_a_token_does_what_it_was_made_for_and_nothing_else(web: Running) -> None:
    account(web, "maker", "duty")
    session = (await log_in(web, "maker")).cookies["luwei_session"]
    async with web.client(session) as client:
        body = {
            "name": "报表",
            "days": 7,
            "rights": [{"kind": "vehicle", "act": "read"}, {"kind": "vehicle", "act": "write"}],
        }
        made = (await client.post("/api/me/tokens", json=body)).json()
        beyond = body | {"rights": [{"kind": "user", "act": "read"}]}
        assert (await client.post("/api/me/tokens", json=beyond)).status_code == 400
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with httpx.AsyncClient(base_url=web.base, headers=headers, timeout=60) as program:
        assert (await program.get("/api/vehicles")).json()["total"] >= 3
        assert (await program.get("/api/vehicles/1")).json()["live"] is None  # it has no right to positions
        assert (await program.get("/api/vehicles/1/card")).status_code == 403
        # No browser adds such a header by itself, so no mark of the own page is wanted.
        assert (await program.patch("/api/vehicles/1", json={"owner": "甲"})).status_code == 200
        for path in ("/api/me/tokens", "/api/me/sessions", "/api/me/totp"):
            assert (await program.get(path)).status_code == 403
        assert rule(await program.post("/api/reauthenticate", json={"password": PASSWORD})) == (403, "reauthenticate")
    async with web.client(session) as client:
        assert (await client.get("/api/me/tokens")).json()["items"][0]["prefix"] == made["item"]["prefix"]
        assert (await client.delete(f"/api/me/tokens/{made['item']['id']}")).status_code == 204
    async with httpx.AsyncClient(
        base_url=web.base, headers=headers, cookies={"luwei_session": session}, timeout=60
    ) as program:
        # A token beside a valid cookie is what the request is answered by.
        assert (await program.get("/api/vehicles")).status_code == 401


async def test_an_open_socket_closes_soon_after_its_right_has_ended(web: Running) -> None:
    account(web, "watcher", "duty")
    token = (await log_in(web, "watcher")).cookies["luwei_session"]
    headers = {"Cookie": f"luwei_session={token}"}
    async with websockets.connect(
        web.base.replace("http", "ws") + "/ws/live",
        additional_headers=headers,
        open_timeout=60,
        origin=web.base,  # type: ignore[arg-type]
    ) as socket:
        await socket.recv()
        users.disable_user(web.services.engine, "watcher")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(40):
                while True:
                    await socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


async def test_a_look_at_a_truck_is_recorded_once_and_its_owner_sees_it(web: Running) -> None:
    engine = web.services.engine
    owner = organisations.create(engine, {"name": "粤运", "city": 440300}, SYSTEM, WHOLE)
    account(web, "owner", "operator", organisation_id=owner)
    async with web.client() as client:
        made = {"plate": "粤B30001", "plate_color": 2, "city": 440300, "operator_id": owner}
        truck = (await client.post("/api/vehicles", json=made)).json()["id"]
    async with web.client(web.session_token("duty-sz", role="duty", city=440300)) as client:
        for _ in range(3):
            assert (await client.get(f"/api/vehicles/{truck}/card")).status_code == 200
        assert (await client.get(f"/api/vehicles/{truck}/track", params={"from": 1, "to": 5})).status_code == 200
    async with web.client((await log_in(web, "owner")).cookies["luwei_session"]) as client:
        seen = (await client.get("/api/me/viewers")).json()["items"]
        assert [(look["act"], look["username"]) for look in seen] == [
            ("track.look", "duty-sz"), ("position.look", "duty-sz"),
        ]  # fmt: skip
        assert seen[0]["organisation"] == "深圳市交通运输局" and seen[0]["plate"] == "粤B30001"
        assert (await client.get("/api/audit")).json()["total"] >= 1  # the own organisation's acts
    with read(engine) as connection:
        scope = connection.execute(
            text("SELECT scope FROM audit_entry WHERE act = 'track.look' ORDER BY id DESC")
        ).scalar()
    assert scope == "cities=440300"


async def test_a_look_at_a_driver_is_told_to_the_employer_of_then_and_to_the_driver(web: Running) -> None:
    """It is a look and no change: the driver's own history does not have it."""
    engine = web.services.engine
    first, second = (
        organisations.create(engine, {"name": f"{name}驾运", "city": 440300}, SYSTEM, WHOLE) for name in "前后"
    )
    key = noun.create(engine, drivers.NOUN, {"name": "欧阳修文", "city": 440300, "operator_id": first}, SYSTEM, WHOLE)
    other = noun.create(engine, drivers.NOUN, {"name": "司马", "city": 440300, "operator_id": second}, SYSTEM, WHOLE)
    boss = web.session_token("monitor-boss", role="administrator")
    async with web.client(boss) as client:
        assert (await client.get(f"/api/drivers/{key}")).status_code == 200
        noun.change(engine, drivers.NOUN, key, {"operator_id": second}, SYSTEM, WHOLE)
        acts = [each["act"] for each in (await client.get(f"/api/drivers/{key}/history")).json()["items"]]
        assert acts == ["driver.change", "driver.create"]
    for name, whose, due in (
        ("before", {"role": "operator", "organisation_id": first}, [("driver.look", "欧阳修文", "monitor-boss")]),
        ("after", {"role": "operator", "organisation_id": second}, []),
        ("himself", {"role": "driver", "driver_id": key}, [("driver.look", "欧阳修文", "monitor-boss")]),
        ("another", {"role": "driver", "driver_id": other}, []),
    ):  # fmt: skip
        async with web.client(web.session_token(f"{name}-of-driver", **whose)) as client:
            told = (await client.get("/api/me/viewers")).json()["items"]
            assert [(look["act"], look["driver"], look["username"]) for look in told] == due, name


async def test_the_log_is_searched_exported_and_verified_over_http(web: Running) -> None:
    async with web.client() as client:
        found = (await client.get("/api/audit", params={"act": "login", "username": "careful", "size": 5})).json()
        assert found["items"] and {item["noun"] for item in found["items"]} == {"login"}
        assert (await client.get("/api/audit", params={"result": "refused"})).json()["total"] >= 1
        assert (await client.get("/api/audit", params={"q": "' OR 1=1 --"})).json()["total"] == 0
        csv = (await client.get("/api/audit.csv", params={"act": "vehicle.create"})).text
        assert csv.startswith("\ufefftime,id,username") and "vehicle.create" in csv
        proof = (await client.post("/api/audit/verify")).json()
        assert proof["fault"] is None and proof["entries"] > 100 and proof["anchors"] >= 1
        chain = (await client.get("/api/audit/chain")).json()
        assert chain["head"]["id"] >= proof["head"]["id"] and len(chain["anchors"]) >= 1
        assert "login.accepted" in {each["act"] for each in (await client.get("/api/audit/acts")).json()["items"]}
    assert verify(web.services.engine).fault is None
    async with web.client(web.session_token("sz-admin", city=440300)) as client:
        names = {
            item["organisation"] for item in (await client.get("/api/audit", params={"size": 500})).json()["items"]
        }
        assert names <= {"深圳市交通运输局", "粤运"}
        assert (await client.post("/api/audit/verify")).status_code == 403


async def test_rights_are_read_and_changed_over_http(web: Running) -> None:
    async with web.client() as client:
        matrix = (await client.get("/api/rights")).json()
        assert matrix["may_edit"] and len(matrix["roles"]) >= 15 and matrix["version"] >= 0
        cell = {"role": "viewer", "kind": "session", "act": "read", "manner": "none"}
        body = {"version": matrix["version"], "reason": "外部只读账号不看会话", "changes": [cell]}
        viewer = web.session_token("just-viewing", role="viewer")
        assert (await web.client(viewer).get("/api/access/sessions")).status_code == 200
        after = (await client.put("/api/rights", json=body)).json()
        assert after["version"] == matrix["version"] + 1
        assert (await web.client(viewer).get("/api/access/sessions")).status_code == 403
        assert (await client.put("/api/rights", json=body)).status_code == 409
        told = (await client.get("/api/rights/versions")).json()["items"][0]
        assert told["reason"] == body["reason"] and told["changes"][0]["after"] == "none"
        role = (await client.patch("/api/roles/police", json={"grant_minutes_max": 120, "approval": False})).json()
        assert (role["grant_minutes_max"], role["approval"]) == (120, False)
        rules = (await client.get("/api/sign-in/rules")).json()
        assert rules["values"]["idle_minutes"] == 720 and rules["bounds"]["proof_minutes"] == [1, 720]
        changed = await client.patch("/api/sign-in/rules", json={"proof_minutes": 20})
        assert changed.json()["values"]["proof_minutes"] == 20
        assert (await client.patch("/api/sign-in/rules", json={"proof_minutes": 0})).status_code == 400
    async with web.client(web.session_token("gz-admin", city=440100)) as client:
        assert (await client.get("/api/rights")).json()["may_edit"] is False
        assert (await client.put("/api/rights", json=body)).status_code == 403


async def test_a_grant_is_asked_for_approved_used_and_ended_over_http(web: Running) -> None:
    bureau = organisations.create(web.services.engine, {"kind": "police", "name": "交警"}, SYSTEM, WHOLE)
    account(web, "cop", "police", organisation_id=bureau)
    async with web.client((await log_in(web, "cop")).cookies["luwei_session"]) as cop, web.client() as boss:
        await boss.patch("/api/roles/police", json={"approval": True})
        assert rule(await cop.get("/api/vehicles/1/card")) == (403, "reason_required")
        form = {
            "kind": "position",
            "purpose": "交通事故调查",
            "case_number": "A-17",
            "plates": ["粤B12345"],
            "minutes": 30,
        }
        made = (await cop.post("/api/grants", json=form)).json()
        assert (made["state"], made["may_decide"], made["may_end"]) == ("requested", False, True)
        assert (await cop.post(f"/api/grants/{made['id']}/approve", json={})).status_code == 403
        assert (await cop.get("/api/vehicles/1/card")).status_code == 403
        waiting = (await boss.get("/api/grants", params={"state": "requested"})).json()["items"]
        assert [(item["id"], item["may_decide"]) for item in waiting] == [(made["id"], True)]
        assert (await boss.post(f"/api/grants/{made['id']}/approve", json={})).json()["state"] == "active"
        assert (await cop.get("/api/vehicles/1/card")).status_code == 200
        assert (await cop.get("/api/vehicles/2/card")).status_code == 404
        assert [row["id"] for row in (await cop.get("/api/vehicles")).json()["items"]] == [1]
        assert (await cop.get("/api/me")).json()["grants"][0]["subjects"] == [1]
        assert (await cop.post(f"/api/grants/{made['id']}/end", json={})).json()["state"] == "ended"
        assert rule(await cop.get("/api/vehicles/1/card")) == (403, "reason_required")
    with read(web.services.engine) as connection:
        reason = connection.execute(text("SELECT reason FROM audit_entry WHERE act='position.look' AND username='cop'"))
        assert list(reason.scalars()) == ["交通事故调查 [A-17]"]


async def test_an_emergency_department_counts_and_sees_no_truck(web: Running) -> None:
    department = organisations.create(web.services.engine, {"kind": "emergency", "name": "应急厅"}, SYSTEM, WHOLE)
    account(web, "alert", "emergency", organisation_id=department)
    async with web.client((await log_in(web, "alert")).cookies["luwei_session"]) as client:
        assert rule(await client.get("/api/vehicles")) == (403, "aggregates_only")
        counted = (await client.get("/api/areas/counts")).json()["items"]
        # A handful of trucks: what is smaller than five is folded together or left out.
        assert all(item["counts"]["total"] >= 5 for item in counted)
