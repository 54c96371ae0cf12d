"""Login, registry and import over real HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from running_core import Running

from luwei.access.users import create_user
from luwei.registry.engine import read

PASSWORD = "correct-horse-battery"
pytestmark = pytest.mark.asyncio(loop_scope="session")


def stranger(web: Running, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=web.base, headers=headers, timeout=30)


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["field"]


async def test_login_opens_a_session_with_a_strict_cookie_and_logout_ends_it(web: Running) -> None:
    create_user(web.services.engine, "officer", "值班员", PASSWORD)
    async with stranger(web, **{"X-Luwei": "1"}) as client:
        answer = await client.post("/api/login", json={"username": " Officer", "password": PASSWORD})
        assert answer.status_code == 200
        user = answer.json()["user"]
        assert (user["username"], user["display_name"], user["must_change_password"]) == ("officer", "值班员", False)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
        assert (await client.get("/api/me")).json()["user"]["username"] == "officer"
        token = client.cookies["luwei_session"]
        assert (await client.post("/api/logout")).status_code == 204
    async with web.client(token) as client:
        assert (await client.get("/api/me")).status_code == 401


@pytest.mark.parametrize(
    ("username", "password"), [("nobody", PASSWORD), ("engineer", "wrong"), ("\x7f", ""), ("' OR 1=1 --", "x")]
)
async def test_wrong_credentials_are_refused_without_saying_which(web: Running, username: str, password: str) -> None:
    async with stranger(web, **{"X-Luwei": "1"}) as client:
        answer = await client.post("/api/login", json={"username": username, "password": password})
        assert answer.status_code == 401
        assert answer.json()["error"]["rule"] == "wrong_credentials" and "set-cookie" not in answer.headers


async def test_repeated_failures_get_429_with_a_time_to_wait(web: Running) -> None:
    async with stranger(web, **{"X-Luwei": "1"}) as client:
        answers = [await client.post("/api/login", json={"username": "target", "password": str(i)}) for i in range(6)]
    assert [answer.status_code for answer in answers[:4]] == [401] * 4
    assert answers[5].status_code == 429
    assert int(answers[5].headers["retry-after"]) == answers[5].json()["error"]["retry_after"] >= 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/me"), ("POST", "/api/logout"), ("POST", "/api/password"), ("GET", "/api/vehicles"),
        ("POST", "/api/vehicles"), ("PATCH", "/api/vehicles/1"), ("GET", "/api/terminals"), ("GET", "/api/operators"),
        ("POST", "/api/import/vehicles"), ("GET", "/api/import/vehicles/template.csv"),
    ],
)  # fmt: skip
async def test_nothing_is_answered_without_a_session(web: Running, method: str, path: str) -> None:
    async with stranger(web, **{"X-Luwei": "1", "Cookie": "luwei_session=forged"}) as client:
        body: dict[str, Any] = {"old": "x", "new": "y"} if path.endswith("password") else {}
        answer = await client.request(method, path, json=body if method != "GET" else None)
        assert answer.status_code in (401, 400) and "items" not in answer.text
        if method == "GET":
            assert answer.status_code == 401


async def test_an_act_from_a_foreign_page_is_refused(web: Running) -> None:
    body = {"plate": "粤B77777", "plate_color": 2}
    for headers, status in (({}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": web.base}, 201)):
        async with stranger(web, Cookie=f"luwei_session={web.token}", **headers) as client:
            assert (await client.post("/api/vehicles", json=body)).status_code == status


async def test_vehicles_are_created_changed_listed_and_announced_to_the_live_state(web: Running) -> None:
    async with web.client() as client:
        made = await client.post("/api/vehicles", json={"plate": "粤b·55501", "plate_color": 2, "county": 440305})
        assert made.status_code == 201, made.text
        row = made.json()
        assert (row["plate"], row["city"], row["live"], row["terminal"]) == ("粤B55501", 440300, None, None)
        phone = await client.post("/api/terminals", json={"phone": "013811112222", "vehicle_id": row["id"]})
        assert phone.json()["phone"] == "13811112222"
        changed = await client.patch(f"/api/vehicles/{row['id']}", json={"city": 440100, "county": None})
        assert changed.json()["city"] == 440100 and changed.json()["terminal"]["phone"] == "13811112222"
        for q in ("B555", "1111222", "55501"):
            page = (await client.get("/api/vehicles", params={"q": q, "city": 440100})).json()
            assert (
                [item["plate"] for item in page["items"]] == ["粤B55501"] and page["total"] == 1 and page["as_of"] > 0
            )
        assert error(await client.post("/api/vehicles", json={"plate": "粤B55501", "plate_color": 2})) == (409, "plate")
        assert error(await client.post("/api/vehicles", json={"plate": "粤B5550", "plate_color": 2})) == (400, "plate")
        assert error(await client.patch(f"/api/vehicles/{row['id']}", json={"vin": "1M8GDM9A1KP042788"})) == (
            400,
            "vin",
        )
        assert error(await client.patch("/api/vehicles/999999", json={"city": 440100})) == (404, "id")
        assert error(await client.post("/api/vehicles", json={"id": 5})) == (400, "id")


async def test_the_list_is_filtered_by_live_state(web: Running) -> None:
    async with web.client() as client:
        moving = (await client.get("/api/vehicles", params={"state": "moving"})).json()
        assert [item["id"] for item in moving["items"]] == [1] and moving["items"][0]["live"]["state"] == "moving"
        offline = (await client.get("/api/vehicles", params={"state": "offline", "city": 440300})).json()
        assert 3 in [item["id"] for item in offline["items"]]
        for wrong in ({"sort": "x"}, {"size": 501}, {"page": 0}, {"state": "x"}, {"q": "x" * 41}, {"size": "a"}):
            assert (await client.get("/api/vehicles", params=wrong)).status_code == 400, wrong


async def test_a_user_of_one_city_sees_and_changes_that_city_only(web: Running) -> None:
    token = web.session_token("guangzhou", city=440100)
    async with web.client(token) as client:
        page = (await client.get("/api/vehicles", params={"size": 500})).json()
        assert page["items"] and {item["city"] for item in page["items"]} == {440100}
        assert (await client.get("/api/vehicles/1")).status_code == 404
        assert (await client.patch("/api/vehicles/1", json={"city": 440100})).status_code == 404
        assert error(await client.patch("/api/vehicles/2", json={"city": 440300, "county": None})) == (400, "city")
        assert error(await client.post("/api/vehicles", json={"plate": "粤B44444", "plate_color": 2})) == (400, "city")
        files = {"file": ("a.csv", "车牌号,车牌颜色,市\n粤B44441,黄,深圳市\n粤A44442,黄,广州市\n")}
        report = (await client.post("/api/import/vehicles", files=files)).json()
        assert (report["created"], report["refused"]) == (1, 1)


async def test_a_viewer_reads_but_changes_nothing(web: Running) -> None:
    async with web.client(web.session_token("viewer", role="viewer")) as client:
        assert (await client.get("/api/vehicles")).status_code == 200
        assert (await client.patch("/api/vehicles/1", json={"city": 440100})).status_code == 403
        assert (await client.post("/api/operators", json={"name": "x"})).status_code == 403
        files = {"file": ("a.csv", "企业名称\n甲\n")}
        assert (await client.post("/api/import/operators", files=files)).status_code == 403


async def test_a_one_time_password_opens_nothing_but_its_change(web: Running) -> None:
    secret = create_user(web.services.engine, "newcomer", "新人")
    async with stranger(web, **{"X-Luwei": "1"}) as client:
        answer = await client.post("/api/login", json={"username": "newcomer", "password": secret})
        assert answer.json()["user"]["must_change_password"] is True
        assert (await client.get("/api/vehicles")).status_code == 403
        assert error(await client.post("/api/password", json={"old": "wrong", "new": PASSWORD})) == (400, "old")
        assert error(await client.post("/api/password", json={"old": secret, "new": "short"})) == (400, "new")
        assert (await client.post("/api/password", json={"old": secret, "new": PASSWORD})).status_code == 204
        assert (await client.get("/api/vehicles")).status_code == 200


async def test_operators_and_terminals_have_lists_and_rules(web: Running) -> None:
    async with web.client() as client:
        made = await client.post("/api/operators", json={"name": "粤运物流", "credit_code": "91350100M000100Y43"})
        assert made.status_code == 201, made.text
        assert error(await client.post("/api/operators", json={"name": "粤运物流"})) == (409, "name")
        found = (await client.get("/api/operators", params={"q": "运物"})).json()
        assert [item["name"] for item in found["items"]] == ["粤运物流"]
        patched = await client.patch(f"/api/operators/{made.json()['id']}", json={"city": 440300})
        assert patched.json()["city"] == 440300
        assert error(await client.post("/api/terminals", json={"phone": "12ab"})) == (400, "phone")
        assert error(await client.post("/api/terminals", json={"phone": "1", "edition": 2020})) == (400, "edition")
        assert error(await client.post("/api/terminals", json={"phone": "1", "vehicle_id": 10**6})) == (
            400,
            "vehicle_id",
        )
        spare = (await client.post("/api/terminals", json={"phone": "13999990000"})).json()
        unbound = (await client.get("/api/terminals", params={"unbound": "true"})).json()
        assert spare["id"] in [item["id"] for item in unbound["items"]] and "code" not in unbound["items"][0]


async def test_an_import_reports_row_column_rule_and_value(web: Running) -> None:
    text = (
        "车牌号,车牌颜色,车架号,终端手机号\n粤B60001,黄,,13700000001\n粤B6O002,黄,,\n粤B60003,黄,1M8GDM9A1KP042788,\n"
    )
    async with web.client() as client:
        files = {"file": ("车辆.csv", text.encode("gbk"))}
        dry = (await client.post("/api/import/vehicles", params={"dry_run": "1"}, files=files)).json()
        assert (dry["rows"], dry["created"], dry["refused"]) == (3, 1, 2)
        assert [(e["row"], e["column"], e["value"]) for e in dry["errors"]] == [
            (3, "车牌号", "粤B6O002"), (4, "车架号", "1M8GDM9A1KP042788"),
        ]  # fmt: skip
        assert (await client.get("/api/vehicles", params={"q": "粤B60001"})).json()["total"] == 0
        done = (await client.post("/api/import/vehicles", files=files)).json()
        assert done["created"] == 1
        assert (await client.get("/api/vehicles", params={"q": "13700000001"})).json()["total"] == 1
        wrong = await client.post("/api/import/vehicles", files={"file": ("x.exe", b"MZ")})
        assert error(wrong) == (400, "file")
        assert (await client.post("/api/import/drivers", files=files)).status_code in (400, 404)
        assert (await client.post("/api/import/vehicles", files={"other": ("a.csv", b"x")})).status_code == 400
        template = await client.get("/api/import/vehicles/template.csv")
        assert template.content.startswith(b"\xef\xbb\xbf") and "车牌号" in template.text


async def test_a_body_over_20_mib_is_refused_with_413(web: Running) -> None:
    async with web.client() as client:
        answer = await client.post("/api/import/vehicles", files={"file": ("a.csv", b"x" * (21 << 20))})
        assert answer.status_code == 413


async def test_every_act_stands_in_the_audit_log(web: Running) -> None:
    with read(web.services.engine) as connection:
        acts = set(connection.exec_driver_sql("SELECT act FROM audit_entry").scalars())
    assert {"login.accepted", "login.refused", "login.ended", "vehicle.create", "vehicle.change", "terminal.create",
            "organisation.change", "user.create", "user.change_password", "import.apply"} <= acts  # fmt: skip
