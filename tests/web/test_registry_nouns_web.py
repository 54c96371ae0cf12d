"""Organisations, drivers, cards, models, equipment, history, bindings, jobs and exports over real HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from running_core import Running, location, until

from luwei import facts
from luwei.backup import Manifest
from luwei.registry.engine import open_engine, read
from luwei.supervisor.data_lock import locked

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def form(text: str, name: str = "a.csv") -> dict[str, Any]:
    return {"file": (name, text.encode(), "text/csv")}


async def finished(client: httpx.AsyncClient, job: int) -> dict[str, Any]:
    async def over() -> Any:
        state = await ok(await client.get(f"/api/jobs/{job}"))
        return state if state["job"]["state"] not in ("waiting", "running") else None

    found: dict[str, Any] = await until(over, "job over", 60)
    return found


async def test_the_authorities_are_there_and_an_organisation_is_made_and_changed(web: Running) -> None:
    async with web.client() as client:
        roots = await ok(await client.get("/api/organisations?parent=0&kind=province"))
        assert [item["area"] for item in roots["items"]] == [440000]
        cities = await ok(await client.get(f"/api/organisations?parent={roots['items'][0]['id']}&size=100"))
        assert cities["total"] == 21
        made = await ok(await client.post("/api/organisations", json={"name": "某保险", "kind": "insurer"}), 201)
        changed = await client.patch(
            f"/api/organisations/{made['id']}", json={"valid_to": "2030-12-31", "disabled": True}
        )
        assert (await ok(changed))["valid_to"] == "2030-12-31" and changed.json()["disabled_at"] > 0
        one = await ok(await client.get(f"/api/organisations/{cities['items'][0]['id']}"))
        assert [each["kind"] for each in one["above"]] == ["province"]
        again = await client.post("/api/organisations", json={"name": "某保险", "kind": "insurer"})
        assert again.status_code == 409
        assert again.json()["error"]["clash"] == {"noun": "organisation", "id": made["id"], "label": "某保险"}
        assert (await client.get(f"/api/operators/{made['id']}")).status_code == 404
        wrong = await client.post("/api/operators", json={"name": "x", "kind": "insurer"})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "kind")


async def test_drivers_cards_models_and_equipment_have_their_addresses(web: Running) -> None:
    async with web.client() as client:
        driver = await ok(await client.post("/api/drivers", json={"name": "张三", "licence_class": "A2"}), 201)
        assert (
            await ok(
                await client.patch(f"/api/drivers/{driver['id']}", json={"phone": "075512345", "reason": "来电更正"})
            )
        )["phone"] == "075512345"
        assert (await ok(await client.get("/api/drivers?q=张")))["total"] == 1
        newest = (await ok(await client.get(f"/api/drivers/{driver['id']}/history?field=phone")))["items"][0]
        assert newest["reason"] == "来电更正" and newest["fields"][0]["after"] == "075512345"
        device = await ok(await client.post("/api/terminals", json={"phone": "13900000001"}), 201)
        card = {"iccid": "89860000000000000001", "terminal_id": device["id"]}
        sim = await ok(await client.post("/api/sims", json=card), 201)
        assert sim["terminal"]["phone"] == "13900000001"
        model = await ok(await client.post("/api/models", json={"name": "LW-1", "catalogued": True}), 201)
        assert (await ok(await client.get(f"/api/models/{model['id']}")))["catalogued"] is True
        body = {"channels": [{"logical": 1, "kind": "av", "position": "driver"}], "peripherals": [{"kind": "adas"}]}
        put = await client.put(f"/api/terminals/{device['id']}/equipment", json=body)
        assert (await ok(put))["channels"][0]["position"] == "driver"
        wrong = await client.put(f"/api/terminals/{device['id']}/equipment", json={"channels": [{"logical": "x"}]})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "channels.0.logical")
        for noun, key in (
            ("drivers", driver["id"]),
            ("sims", sim["id"]),
            ("models", model["id"]),
            ("terminals", device["id"]),
        ):
            told = await ok(await client.get(f"/api/{noun}/{key}/history"))
            assert told["total"] >= 1 and told["items"][-1]["username"] == "engineer", noun
        bound = await ok(await client.get(f"/api/sims/{sim['id']}/bindings"))
        assert [(each["what"], each["object"]["label"], each["to_at"]) for each in bound["items"]] == [
            ("sim", "13900000001", None)
        ]
        assert (await client.get("/api/drivers/999999/history")).status_code == 404
        assert (await client.get("/api/models/1/bindings")).status_code == 404


async def test_a_former_operator_is_entered_and_overlaps_are_refused(web: Running) -> None:
    async with web.client() as client:
        company = await ok(await client.post("/api/operators", json={"name": "从前的企业"}), 201)
        span = {"what": "operator", "object_id": company["id"], "from_at": 1_000, "to_at": 2_000}
        found = await ok(await client.post("/api/vehicles/2/bindings", json=span), 201)
        assert ("operator", "从前的企业", 1_000, 2_000) in [
            (each["what"], each["object"]["label"], each["from_at"], each["to_at"]) for each in found["items"]
        ]
        again = await client.post("/api/vehicles/2/bindings", json=span | {"to_at": 1_500})
        assert (again.status_code, again.json()["error"]["field"]) == (409, "from_at")
        history = await ok(await client.get("/api/vehicles/2/history"))
        assert history["items"][0]["act"] == "vehicle.bind"


async def test_an_import_goes_on_in_the_background_and_tells_every_wrong_row(web: Running) -> None:
    rows = "".join(f"张{i},{4403001000 + i},A2\n" for i in range(200))
    text = "姓名,从业资格证号,准驾车型\n" + rows + "".join(f"李{i},,A2\n" for i in range(120))
    async with web.client() as client:
        begun = await ok(await client.post("/api/import/drivers/job", files=form(text)), 202)
        state = await finished(client, begun["job"])
        assert (state["job"]["state"], state["job"]["rows"], state["job"]["created"]) == ("done", 320, 200)
        assert (await ok(await client.get("/api/drivers?q=张199")))["total"] == 1
        page = await ok(await client.get(f"/api/jobs/{begun['job']}/errors?page=2&size=100"))
        assert page["total"] == 120 and [each["row"] for each in page["items"]] == list(range(302, 322))
        listed = await client.get(f"/api/jobs/{begun['job']}/errors.csv")
        assert len(list(csv.reader(io.StringIO(listed.content.decode("utf-8-sig"))))) == 121
        broken = await ok(await client.post("/api/import/drivers/job", files=form("colour\nred\n")), 202)
        state = await finished(client, broken["job"])
        assert state["job"]["state"] == "failed" and "unknown column" in state["job"]["failure"]
        assert [item["job"]["id"] for item in (await ok(await client.get("/api/jobs?size=2")))["items"]] == [
            broken["job"], begun["job"],
        ]  # fmt: skip
    async with web.client(web.session_token("somebody-else")) as client:
        for method, path in (("get", ""), ("get", "/errors"), ("get", "/errors.csv"), ("post", "/cancel")):
            assert (await client.request(method, f"/api/jobs/{begun['job']}{path}")).status_code == 404
        assert (await ok(await client.get("/api/jobs")))["total"] == 0


@pytest.mark.parametrize(
    ("noun", "query", "first"),
    [
        ("vehicles", "?city=440300", "车牌号"), ("vehicles", "?state=online", "车牌号"),
        ("terminals", "", "终端手机号"),
        ("organisations", "?kind=city", "机构名称"), ("operators", "", "企业名称"), ("drivers", "?q=张", "姓名"),
        ("sims", "", "ICCID"), ("models", "?catalogued=true", "终端型号"),
    ],
)  # fmt: skip
async def test_every_list_is_exported_with_its_filters(web: Running, noun: str, query: str, first: str) -> None:
    async with web.client() as client:
        answer = await client.get(f"/api/export/{noun}/csv{query}")
        assert answer.status_code == 200, answer.text
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0][0] == first
        listed = await ok(await client.get(f"/api/{noun}{query}{'&' if query else '?'}size=500"))
        assert len(rows) - 1 == listed["total"]
        book = openpyxl.load_workbook(io.BytesIO((await client.get(f"/api/export/{noun}/xlsx{query}")).content))
        assert book.worksheets[0].max_row == len(rows)


async def test_an_unusable_export_is_refused_before_it_begins(web: Running) -> None:
    async with web.client() as client:
        for path, status in (("vehicles/csv?sort=x", 400), ("vehicles/pdf", 400), ("users/csv", 400)):
            assert (await client.get(f"/api/export/{path}")).status_code == status, path
    async with httpx.AsyncClient(base_url=web.base, timeout=60) as client:
        assert (await client.get("/api/export/vehicles/csv")).status_code == 401


async def test_two_rows_of_one_truck_are_merged_and_the_old_address_leads_on(web: Running) -> None:
    async with web.client() as client:
        company = await ok(await client.post("/api/operators", json={"name": "合并企业"}), 201)
        given = {"plate": "粤B99001", "plate_color": 2, "operator_id": company["id"]}
        first = (await ok(await client.post("/api/vehicles", json=given), 201))["id"]
        given = {"plate": "粤B99001", "plate_color": 1, "owner": "张三"}
        second = (await ok(await client.post("/api/vehicles", json=given), 201))["id"]
        at = web.start_ms + 60_000
        await web.publish(facts.FIX, [location(first, at), location(second, at + 60_000, lat_e6=22_600_000)])
        seen = await ok(await client.get(f"/api/vehicles/{first}/merge?loser={second}"))
        assert {each["field"] for each in seen["fields"] if each["differs"]} == {"plate_color", "owner", "operator_id"}
        body = {"loser_id": second, "choices": {"owner": "loser"}, "reason": "同一辆车"}
        wrong = await client.post(f"/api/vehicles/{first}/merge", json=body | {"choices": {"id": "loser"}})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "choices.id")
        merged = await ok(await client.post(f"/api/vehicles/{first}/merge", json=body))
        assert merged["changed"] == {"owner": [None, "张三"]}
        moved = await client.get(f"/api/vehicles/{second}", follow_redirects=False)
        assert (moved.status_code, moved.headers["location"]) == (308, f"/api/vehicles/{first}")
        for path in ("", "/history", "/bindings", "/card"):
            assert (await client.get(f"/api/vehicles/{second}{path}", follow_redirects=True)).status_code == 200, path
        refused = await client.patch(f"/api/vehicles/{second}", json={"owner": "x"})
        assert refused.status_code == 404

        async def both() -> bool:
            span = f"from={at - 1}&to={at + 120_000}&raw=true"
            answer = await client.get(f"/api/vehicles/{second}/track?{span}", follow_redirects=True)
            return bool((await ok(answer))["columns"]["at"] == [at, at + 60_000])

        await until(both, "facts of both ids in one track")
        listed = await ok(await client.get(f"/api/vehicles/{first}/merges"))
        assert [each["loser_id"] for each in listed["items"]] == [second]
        assert await ok(await client.post(f"/api/merges/{merged['merge']}/undo")) == {
            "survivor": first,
            "loser": second,
        }
        assert (await ok(await client.get(f"/api/vehicles/{second}")))["owner"] == "张三"
        assert (await client.post(f"/api/merges/{merged['merge']}/undo")).status_code == 409


async def test_lists_take_the_filters_of_their_pages(web: Running) -> None:
    async with web.client() as client:
        vendor = await ok(await client.post("/api/organisations", json={"name": "筛选设备", "kind": "vendor"}), 201)
        insurer = await ok(await client.post("/api/organisations", json={"name": "筛选保险", "kind": "insurer"}), 201)
        given = {"plate": "粤B99002", "plate_color": 2, "city": 440300, "county": 440305, "insurer_id": insurer["id"]}
        truck = await ok(await client.post("/api/vehicles", json=given), 201)
        device = {"phone": "13900000002", "vehicle_id": truck["id"], "vendor_id": vendor["id"]}
        await ok(await client.post("/api/terminals", json=device), 201)
        for path, total in (
            (f"vehicles?insurer={insurer['id']}", 1), ("vehicles?monitor=999", 0),
            (f"terminals?vendor={vendor['id']}", 1),
            (f"terminals?vendor={vendor['id']}&county=440305&city=440300", 1),
            (f"terminals?vendor={vendor['id']}&city=440100", 0), ("drivers?county=440305", 0),
        ):  # fmt: skip
            assert (await ok(await client.get(f"/api/{path}")))["total"] == total, path


def luwei(data: object, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it."""
    environment = {**os.environ, "LUWEI_DATA": str(data), **more}
    command = [sys.executable, "-m", "luwei.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


async def test_a_running_system_is_backed_up_on_request_and_restored_beside_it(web: Running, tmp_path: Path) -> None:
    settings = web.services.settings
    bus = {"LUWEI_BUS": settings.bus_url}
    with locked(settings.data):
        made = await asyncio.to_thread(luwei, settings.data, "backup", str(tmp_path / "backup"), **bus)
        assert made.returncode == 0, made.stderr
        manifest = Manifest.read(tmp_path / "backup")
        assert manifest.history["location"] >= 90 and manifest.registry["kind"] == "sqlite"
        again = await asyncio.to_thread(luwei, settings.data, "backup", str(tmp_path / "backup"), **bus)
        assert again.returncode != 0 and "not empty" in again.stderr
        refused = await asyncio.to_thread(luwei, settings.data, "restore", str(tmp_path / "backup"))
        assert refused.returncode != 0 and "already runs" in refused.stderr
    restored = await asyncio.to_thread(luwei, tmp_path / "fresh", "restore", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    assert f"{sum(manifest.history.values())} facts" in restored.stdout
    engine = open_engine(f"sqlite:///{tmp_path / 'fresh' / 'registry.db'}")
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM vehicle").scalar_one() >= 3
    engine.dispose()
    stopped = await asyncio.to_thread(luwei, tmp_path / "fresh", "backup", str(tmp_path / "second"))
    assert stopped.returncode == 0, stopped.stderr
    assert Manifest.read(tmp_path / "second").history == manifest.history
