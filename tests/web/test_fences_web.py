"""Areas and routes over HTTP: kept, refused by name, within the jurisdiction; sent as they are now."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from running_core import Running

from luwei.registry import terminals
from luwei.registry.audit import SYSTEM
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

CIRCLE = {"lat_e6": 22_540_000, "lon_e6": 114_050_000, "radius_m": 500}
TRIANGLE = {"points": [[22_500_000, 114_000_000], [22_600_000, 114_000_000], [22_550_000, 114_100_000]]}


async def ask(web: Running, method: str, path: str, token: str | None = None, **body: Any) -> httpx.Response:
    async with web.client(token) as client:
        return await client.request(method, path, json=body or None)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


async def test_an_area_is_drawn_changed_listed_and_taken_away(web: Running) -> None:
    made = await ask(web, "POST", "/api/fences", name="港区", kind="circle", geometry=CIRCLE, city=440300)
    assert made.status_code == 201, made.text
    area = made.json()
    assert (area["geometry"], area["version"], area["rules"]["max_speed"]) == (CIRCLE, 1, None)
    path = f"/api/fences/{area['id']}"
    changed = await ask(web, "PATCH", path, rules={"max_speed": 40, "leave_platform": True})
    assert (changed.json()["version"], changed.json()["rules"]["duration_s"]) == (2, 0)
    async with web.client() as client:
        page = (await client.get("/api/fences", params={"q": "港", "kind": "circle"})).json()
    assert [item["id"] for item in page["items"]] == [area["id"]] and page["may_write"]
    refused = await ask(web, "POST", "/api/fences", name="坏", kind="circle", geometry=CIRCLE | {"radius_m": -1})
    assert error(refused) == (400, "geometry.radius_m", "must be a whole number from 1 to 1000000 (§8.32)")
    looker = web.session_token("fence-looker", role="viewer")
    assert (await ask(web, "PATCH", path, looker, name="x")).status_code == 403
    guangzhou = web.session_token("gz-fences", city=440100)
    assert (await ask(web, "GET", path, guangzhou)).status_code == 404
    assert (await ask(web, "DELETE", path)).status_code == 204
    assert (await ask(web, "GET", path)).status_code == 404


async def test_a_command_keeps_the_area_as_it_was_and_what_cannot_go_together_is_refused(web: Running) -> None:
    terminals.create(web.services.engine, {"phone": "13800007009", "vehicle_id": 3, "edition": 2019}, SYSTEM, WHOLE)
    keys = [
        (await ask(web, "POST", "/api/fences", name=name, kind=kind, geometry=geometry)).json()["id"]
        for name, kind, geometry in (
            ("圆", "circle", CIRCLE),
            ("三角", "polygon", TRIANGLE),
            ("角", "polygon", TRIANGLE),
        )
    ]
    circle, first, second = keys

    async def push(*areas: int) -> httpx.Response:
        body = {"kind": "push_areas", "parameters": {"areas": list(areas)}, "vehicles": [3]}
        return await ask(web, "POST", "/api/commands", **body)

    assert error(await push(circle, first))[:2] == (400, "parameters.areas")
    assert "one goes in one message" in error(await push(first, second))[2]
    assert error(await push(999_999))[:2] == (404, "areas")
    sent = await push(circle)
    assert sent.status_code == 201, sent.text
    await ask(web, "PATCH", f"/api/fences/{circle}", geometry=CIRCLE | {"radius_m": 900})
    batch = (await ask(web, "GET", f"/api/commands/batches/{sent.json()['batch']}")).json()
    assert batch["parameters"]["areas"] == [{"id": circle, "name": "圆", "kind": "circle", "version": 1}]
    async with web.client() as client:
        command = (await client.get("/api/commands", params={"batch": batch["id"]})).json()["items"][0]
        assert (await client.get(f"/api/commands/{command['id']}/areas")).status_code == 404
        assert (await client.get(f"/api/commands/{command['id']}/table.csv")).status_code == 404
    await ask(web, "POST", f"/api/commands/batches/{batch['id']}/cancel")
