"""Hostile texts in every text field of every body: refused by naming the field, or kept as the text they are; nothing
is run, nothing breaks, and no file that leaves holds a formula."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from bodies import FREE, Bodies, Place, put
from running_core import Running
from sqlalchemy import inspect, text

from luwei.registry import audit_chain, drivers, models, noun, organisations, sims, terminals
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.exports.files import FORMULA
from luwei.registry.scope import WHOLE

HOSTILE = {
    "sql": "x'; DROP TABLE vehicle; --\"<script>alert(1)</script>{{7*7}}${7*7}",
    "control": "x\r\nSet-Cookie: a=b\x00",
    "path": "../../../../etc/passwd\u202e%2e%2e%2f",
    "formula": "=cmd|' /C calc'!A0",
    "long": "长" * 20_000,
}
"""By what it tries. One text tries several things where a field that takes it would take each of them alone."""
RARE = ("path", "long")
"""Tried in every second field: there are three hundred of them."""
LAST = ("/api/login", "/api/reauthenticate", "/api/password", "/api/me/totp")
"""Guesses slow down whoever guesses, so these come when all others are done."""
FILES = ("/api/supervision-files", "/api/roadside/files", "/api/import/{noun}", "/api/import/{noun}/job",
         "/api/upgrades/firmware")  # fmt: skip
"""Routes that take a file and no JSON: their content is tried in tests/registry and tests/web/test_upgrades_web.py."""
CIRCLE = {"lat_e6": 22_543_100, "lon_e6": 114_057_900, "radius_m": 500}


def given(web: Running, owner: int) -> dict[str, dict[str, Any]]:
    """What bodies must hold that the description of the interface does not demand, by ``method path``."""
    verdict = {"verdict": "true", "reason": "stopped_after_reminder", "actions": ["call"], "driver_reply": "好",
               "correction": "corrected", "text": "已电话确认"}  # fmt: skip
    with read(web.services.engine) as connection:
        policies = {
            name: json.loads(connection.scalar(text(f"SELECT document FROM {name}_policy ORDER BY id LIMIT 1")) or "{}")
            for name in ("case", "oversight")
        }
    parameters = [{"id": 0x29, "value": 15}, {"id": 0x13, "value": "10.0.0.9:7611"}]
    case, days = {"policy": policies["case"]}, {"from_day": 20_000, "to_day": 20_001}
    times = {"from_at": 1_770_000_000_000, "to_at": 1_770_000_600_000}
    return {
        "post /api/users": {"organisation_id": owner},
        "put /api/rights": {"changes": [{"role": "viewer", "kind": "vehicle", "act": "read", "manner": "own"}],
                            "version": 0},
        "post /api/me/tokens": {"rights": [{"kind": "vehicle", "act": "read"}]},
        "post /api/grants": {"vehicles": [1], "kind": "video"},
        "post /api/grants/{grant_id}/{act}": {"note": "不行"},
        "put /api/me/video-layouts/{name}": {"tiles": 4, "body": {"a": "x"}},
        "post /api/vehicles": {"plate": "plate", "plate_color": 2},
        "post /api/terminals": {"phone": "phone"},
        "post /api/sims": {"iccid": "iccid"},
        **{f"post /api/{word}": {"name": "name"} for word in ("organisations", "operators", "drivers", "models")},
        "post /api/drivers/{key}/bindings": {"what": "employer", "object_id": owner},
        "post /api/vehicles/{key}/bindings": {"object_id": owner},
        "post /api/terminals/{key}/bindings": {"what": "vendor", "object_id": owner + 2},
        "post /api/sims/{key}/bindings": {"what": "sim"},
        "post /api/organisations/{key}/merge": {"loser_id": owner + 1},
        "post /api/cases/bulk-close": {"cases": [{"id": 1, "version": 1}]} | verdict,
        "post /api/cases/{case_id}/verdict": verdict,
        "post /api/cases/{case_id}/record": verdict,
        "post /api/cases/hand-over": {"to": 1},
        "post /api/cases/{case_id}/hand-over": {"to": 1},
        "post /api/cases/{case_id}/command": {"purpose": "tts"},
        "post /api/case-policies": case,
        "post /api/case-policies/check": case,
        "post /api/case-policies/what-if": case | days,
        "post /api/oversight/policies": {"policy": policies["oversight"]},
        "post /api/oversight/policies/check": {"policy": policies["oversight"]},
        "post /api/supervision-orders": {"level": 1, "target": owner},
        "post /api/roadside/checks": {"plate": "粤B12345", "plate_color": 2, "findings": ["other"]},
        "post /api/fences": {"name": "name", "kind": "circle", "city": 440300, "geometry": CIRCLE},
        "post /api/commands": {"kind": "text", "vehicles": [1], "parameters": {"text": "请休息"}},
        "post /api/post-checks": {"targets": {"kind": "operator", "id": owner}, "text": "请核实情况",
                                  "answers": ["甲"]},
        "post /api/templates": {"parameters": parameters, "edition": 2019, "vehicle_class": "other"},
        "post /api/templates/check": {"parameters": parameters, "edition": 2019},
        "post /api/templates/{template_id}/versions": {"parameters": parameters},
        "post /api/templates/versions/{version_id}/push": {"vehicles": [1]},
        "post /api/upgrades": {"target": {"url": "http://10.0.0.1/fw.bin", "firmware": "V4"}, "vehicles": [2],
                               "model": "UP-1"},
        "post /api/evidence/requests": {"identification": "00" * 14 + "0100"},
        "post /api/video/vehicles/{vehicle_id}/recordings": times,
        "post /api/video/playbacks": times,
        "post /api/video/downloads": times,
        "post /api/video/ptz": {"act": "up", "hold": "abcdefgh"},
        "post /api/video/talks": {"kind": "talk", "vehicle_id": 1},
    }  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(web: Running) -> int:
    """Two of every noun, so that most routes have a row to work on; the id of an operator."""
    engine = web.services.engine
    first, _ = (organisations.create(engine, {"name": f"{name}运输", "city": 440300}, SYSTEM, WHOLE) for name in "甲乙")
    organisations.create(engine, {"kind": "vendor", "name": "甲设备"}, SYSTEM, WHOLE)
    for number in (1, 2):
        phone = f"1381111000{number}"
        terminals.create(engine, {"phone": phone, "vehicle_id": number, "model": "UP-1"}, SYSTEM, WHOLE)
        noun.create(engine, drivers.NOUN, {"name": f"司机{number}", "operator_id": first}, SYSTEM, WHOLE)
        noun.create(engine, sims.NOUN, {"iccid": f"8986000000000000000{number}"}, SYSTEM, WHOLE)
    return first


ACTS = {"grants": "refuse", "users": "unlock", "batches": "cancel"}


def address_of(path: str, owner: int) -> str:
    """The path with the ids of rows that are there."""
    words = path.split("/")
    act = next((ACTS[word] for word in words if word in ACTS), "pause")
    found = path.replace("{act}", act).replace("{noun}", "vehicles").replace("{code}", "viewer")
    found = re.sub(r"{organisation_id}|{operator_id}", str(owner), found.replace("{name}", "x"))
    if "/organisations/{key}" in found:
        found = found.replace("{key}", str(owner))
    return re.sub(r"{\w+}", "1", found)


@pytest.mark.timeout(600)
@pytest.mark.asyncio(loop_scope="session")
async def test_no_text_in_a_body_is_more_than_text(web: Running, owner: int) -> None:
    document = web.app.openapi_schema.to_schema()
    bodies = Bodies(document, given(web, owner))
    assert bodies.files == {*FILES}
    routes = sorted(bodies.schemas, key=lambda route: route.split()[1].startswith(LAST))
    tables = names_of_tables(web)
    faults: list[str] = []
    tried, seen = 0, set[tuple[str, Place]]()
    tokens = {
        "/api/grants": web.session_token("asker", role="province"),
        "/api/supervision-orders/{key}/answer": web.session_token("ordered", role="operator", organisation_id=owner),
    }
    tokens |= dict.fromkeys(filter(lambda path: path.startswith(LAST), document["paths"]), web.session_token("guesser"))
    for route in routes:
        method, path = route.split()
        async with web.inside(tokens.get(path, web.token)) as client:
            address = address_of(path, owner)
            answer = await client.request(method, address, json=bodies.valid(route))
            while answer.status_code == 400 and bodies.learn(route, answer.json()["error"]["field"]):
                answer = await client.request(method, address, json=bodies.valid(route))
            away = answer.status_code == 503
            if answer.status_code == 400 or (answer.status_code >= 500 and not away):
                faults.append(f"{route}: the valid body is refused, mend it in given(): {answer.text[:200]}")
                continue
            for at in bodies.texts(route):
                # The same form at another address: one text shows that it is handed to the same checks.
                form = (str(bodies.schemas[route]), at)
                again = form in seen
                seen.add(form)
                for kind, hostile in HOSTILE.items():
                    tried += 1
                    if (tried % 2 and kind in RARE) or (again and kind != "sql"):
                        continue
                    body = put(without_others(bodies.valid(route), at), at, hostile)
                    answer = await client.request(method, address, content=json.dumps(body).encode(), headers=JSON)
                    told = fault(answer, at)
                    if kind == "control" and not told and answer.status_code != 400:
                        told = f"{answer.status_code}: a text with U+0000, which PostgreSQL cannot keep, is taken"
                    if told and not (away and answer.status_code == 503):
                        faults.append(f"{route} {'.'.join(map(str, at))} {kind}: {told}")
    assert faults == [], "\n".join(faults[:60])
    assert tried > 800
    assert names_of_tables(web) == tables
    assert audit_chain.verify(web.services.engine).fault is None


JSON = {"Content-Type": "application/json"}


def without_others(body: dict[str, Any], at: Place) -> dict[str, Any]:
    """The trucks of a command are named in one of three ways."""
    return {name: each for name, each in body.items() if name != "vehicles" or at[0] not in ("phones", "filter")}


def fault(answer: httpx.Response, at: Place) -> str:
    """What is wrong with the answer to a hostile text at a place of the body; empty: nothing."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.content and not answer.headers["content-type"].startswith("application/json"):
        return f"answered as {answer.headers['content-type']}"
    if "set-cookie" in answer.headers and "a=b" in answer.headers["set-cookie"]:
        return "a header was made of it"
    if answer.status_code != 400 or answer.request.url.path.startswith(LAST):
        return ""
    name = next((str(each) for each in reversed(at) if isinstance(each, str)), "")
    field = answer.json()["error"]["field"].replace("[...]", f".{FREE}")
    names = set(re.split(r"[.\[\]]+", field)) | ({"model", "vehicle_class"} if field == "vehicles" else set())
    return "" if name in names or field in map(str, at) else f"400 names {field!r}, not {name!r}"


def names_of_tables(web: Running) -> set[str]:
    with read(web.services.engine) as connection:
        return set(inspect(connection).get_table_names())


@pytest.mark.asyncio(loop_scope="session")
async def test_no_file_that_leaves_holds_a_formula(web: Running, owner: int) -> None:
    """Names that a table program would run, in records and in the log of who entered them; CSV and Excel."""
    engine = web.services.engine
    for number, first in enumerate(FORMULA):
        if not first.isspace():
            organisations.create(engine, {"name": f"{first}cmd|' /C calc'!B{number}"}, SYSTEM, WHOLE)
            noun.create(engine, models.NOUN, {"name": f"{first}1+1", "firmware": f"{first}2"}, SYSTEM, WHOLE)
    today = {"day": "2026-01-01", "from": 1_770_000_000_000, "to": 1_770_000_600_000}
    async with web.client() as client:
        document = web.app.openapi_schema.to_schema()
        files = [path for path in document["paths"] if path.endswith(".csv") and "{" not in path]
        files += [f"/api/export/{word}/csv" for word in ("organisations", "operators", "models", "vehicles")]
        for path in files:
            answer = await client.get(path, params=today if "audit" not in path else {})
            assert answer.status_code in (200, 400), (path, answer.text[:200])
            for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))) if answer.status_code == 200 else ():
                assert not any(cell.startswith(FORMULA) for cell in row), (path, row)
        content = (await client.get("/api/export/organisations/xlsx")).content
        parts = zipfile.ZipFile(io.BytesIO(content))
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        # Excel runs what stands in a formula element; a text in a cell stays text.
        assert "<f>" not in sheet and "=cmd|' /C calc'!B0" in sheet.replace("&apos;", "'")
        # What an export made harmless comes back as it was.
        told = (await client.get("/api/export/organisations/csv")).content
        answer = await client.post("/api/import/organisations?dry_run=true", files={"file": ("x.csv", told)})
        assert answer.status_code == 200 and "'=" not in answer.text, answer.text[:300]


def test_the_console_never_takes_a_text_for_markup() -> None:
    """Vue escapes what stands in braces; nothing in the console goes round that."""
    source = Path(__file__).parents[2] / "console" / "src"
    ways = re.compile(r"v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.setHTML\(|new Function|eval\(")
    assert [f"{file}: {found[0]}" for file in source.rglob("*.[tv]*") if (found := ways.search(file.read_text()))] == []
