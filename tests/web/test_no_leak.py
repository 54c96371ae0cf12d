"""Random organisations, people and records: every answer of every person is compared with an oracle in plain Python
that knows the rights table and nothing of the queries. No row leaks, and none that is due is missing.

The oracle is ``tests/web/oracle``, a module a noun."""

from __future__ import annotations

import os
from typing import Any

import pytest
from oracle.asking import compare
from oracle.world import MARK
from running_core import Running, until
from sqlalchemy import text, update

from luwei.access.grant import AccessGrant
from luwei.registry import bindings, drivers, noun, organisations, sims, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = os.environ.get("LUWEI_LEAK_SEEDS", "")
"""Worlds to be built, such as "1 2 3", with everything asked by everybody. Usually there is one, and it takes turns:
who may do everything and who may do next to nothing asks for each noun, any other for every third."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [int(seed) for seed in SEEDS.split() or ["0"]])
async def test_no_row_leaks_and_none_that_is_due_is_missing(web: Running, seed: int) -> None:
    assert await compare(web, seed, everybody=bool(SEEDS)) == []


async def test_the_operator_of_march_sees_march(web: Running) -> None:
    """A truck that changed hands: each of the two operators gets the track of its own time, and no more."""
    engine, minute = web.services.engine, 60_000
    first, second = (
        organisations.create(engine, {"name": f"{MARK}{name}", "city": 440300}, SYSTEM, WHOLE) for name in "前后"
    )
    vehicles.change(engine, 1, {"operator_id": second}, SYSTEM, WHOLE)
    handed_over = web.start_ms + 15 * minute
    with write(engine) as connection:
        # As if the change had been written down at its time.
        statement = "UPDATE binding SET from_at = :at WHERE what = 'operator' AND subject_id = 1"
        connection.execute(text(statement), {"at": handed_over})
        bindings.enter(connection, "operator", 1, first, 1, handed_over)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[1]}')

    async def told() -> bool:
        return int(web.services.fleet.operator_id[1]) == second

    await until(told, "live state knows the new operator")
    whole = {"from": web.start_ms - minute, "to": web.start_ms + 40 * minute}
    times: dict[int, list[int]] = {}
    for who in (first, second):
        token = web.session_token(f"op{who}", role="operator", organisation_id=who)
        async with web.client(token) as client:
            body = (await client.get("/api/vehicles/1/track", params=whole | {"raw": True})).json()
            times[who] = body["columns"]["at"]
            former = who == first
            assert body["vehicle"]["plate"] == "粤B12345" and (body["vehicle"]["live"] is None) == former
            # Who has it no more learns nothing of today.
            assert (body["vehicle"]["operator"] is None) == former
            assert (await client.get("/api/vehicles/1/card")).status_code == (404 if former else 200)
    assert times[first] and times[second]
    assert max(times[first]) < handed_over <= min(times[second])
    async with web.client() as client:
        everything = (await client.get("/api/vehicles/1/track", params=whole | {"raw": True})).json()["columns"]["at"]
    assert sorted(times[first] + times[second]) == sorted(everything)
    third = web.session_token("op-none", role="operator", organisation_id=organisations.create(
        engine, {"name": f"{MARK}旁"}, SYSTEM, WHOLE))  # fmt: skip
    async with web.client(third) as client:
        assert (await client.get("/api/vehicles/1/track", params=whole)).status_code == 404


async def test_a_monitor_sees_drivers_masked_everywhere(web: Running) -> None:
    engine = web.services.engine
    monitor = organisations.create(engine, {"kind": "monitor", "name": f"{MARK}监"}, SYSTEM, WHOLE)
    operator = organisations.create(engine, {"name": f"{MARK}运"}, SYSTEM, WHOLE)
    given = {"plate": "粤B98765", "plate_color": 2, "operator_id": operator, "monitor_id": monitor}
    vehicles.create(engine, given, SYSTEM, WHOLE)
    person = {
        "name": "欧阳修文", "phone": "13812345678", "identity_number": "11010519491231002X", "operator_id": operator,
    }  # fmt: skip
    key = noun.create(engine, drivers.NOUN, person, SYSTEM, WHOLE)
    secrets = ("欧阳", "12345678", "19491231", "11010519491231002X")
    async with web.client(web.session_token("eye", role="monitor", organisation_id=monitor)) as client:
        answers = [
            await client.get("/api/drivers"), await client.get(f"/api/drivers/{key}"),
            await client.get("/api/drivers", params={"q": "11010519491231002X"}),
            await client.get(f"/api/drivers/{key}/history"), await client.get("/api/export/drivers/csv"),
            await client.get("/api/audit", params={"size": 500}), await client.get("/api/audit.csv"),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [200, 200, 403, 403, 403, 200, 200]
        for answer in answers:
            assert not any(secret in answer.text for secret in secrets), answer.request.url
        shown = answers[1].json()
    assert (shown["name"], shown["phone"], shown["identity_number"]) == ("欧***", "138****5678", "1101*************X")
    async with web.client(web.session_token("boss-of-it", role="operator", organisation_id=operator)) as client:
        assert (await client.get(f"/api/drivers/{key}")).json()["name"] == "欧阳修文"
    with read(engine) as connection:
        looks = connection.execute(text("SELECT username FROM audit_entry WHERE act = 'driver.look' ORDER BY id"))
        assert list(looks.scalars())[-2:] == ["eye", "boss-of-it"]


async def test_who_keeps_no_records_sees_no_names_and_phones_of_owners_and_contacts(web: Running) -> None:
    """Lists, single records, files, their past, tracks: the insurer knows the truck, not the person."""
    engine = web.services.engine
    insurer = organisations.create(engine, {"kind": "insurer", "name": f"{MARK}保"}, SYSTEM, WHOLE)
    given = {"name": f"{MARK}联", "city": 440300, "contact": "司马相如", "contact_phone": "13912345678"}
    operator = organisations.create(engine, given, SYSTEM, WHOLE)
    truck = {"plate": "粤B98766", "plate_color": 2, "operator_id": operator, "insurer_id": insurer, "city": 440300}
    key = vehicles.create(engine, truck | {"owner": "欧阳修文"}, SYSTEM, WHOLE)
    other = vehicles.create(engine, truck | {"plate": "粤B98767", "owner": "远隆物流有限公司"}, SYSTEM, WHOLE)
    paths = [
        "/api/vehicles", f"/api/vehicles/{key}", f"/api/vehicles/{key}/history", "/api/export/vehicles/csv",
        "/api/organisations", f"/api/organisations/{operator}", f"/api/organisations/{operator}/history",
        "/api/export/organisations/csv", "/api/operators", f"/api/operators/{operator}", "/api/export/operators/csv",
    ]  # fmt: skip
    async with web.client(web.session_token("policy", role="insurer", organisation_id=insurer)) as client:
        for path in paths:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert not any(secret in answer.text for secret in ("欧阳", "司马", "12345678")), path
        assert (await client.get(f"/api/vehicles/{key}")).json()["owner"] == "欧***"
        # A company is no person.
        assert (await client.get(f"/api/vehicles/{other}")).json()["owner"] == "远隆物流有限公司"
        shown = (await client.get(f"/api/operators/{operator}")).json()
        assert (shown["contact"], shown["contact_phone"]) == ("司***", "139****5678")
    seat = terminals.create(engine, {"phone": "13911110000", "vehicle_id": key}, SYSTEM, WHOLE)
    card = {"iccid": "89860000000000000777", "msisdn": "13912345678", "terminal_id": seat}
    noun.create(engine, sims.NOUN, card, SYSTEM, WHOLE)
    city = web.session_token("keeper", role="city", city=440300)
    for who, found in (("policy-2", 0), ("keeper-2", 1)):
        whose: dict[str, Any] = {"role": "city", "city": 440300}
        if not found:
            whose = {"role": "insurer", "organisation_id": insurer}
        async with web.client(web.session_token(who, **whose)) as client:
            # Nobody finds out a masked number by asking for its parts.
            for part in ("13912345678", "2345"):
                assert (await client.get("/api/sims", params={"q": part})).json()["total"] == found, (who, part)
            assert (await client.get("/api/sims", params={"q": "0777"})).json()["total"] == 1
    span = {"from": web.start_ms, "to": web.start_ms + 1}
    async with web.client(city) as client:
        assert (await client.get(f"/api/vehicles/{key}")).json()["owner"] == "欧阳修文"
        assert (await client.get(f"/api/operators/{operator}")).json()["contact_phone"] == "13912345678"
        # Where a truck was needs nobody's name.
        assert (await client.get(f"/api/vehicles/{key}/track", params=span)).json()["vehicle"]["owner"] == "欧***"


async def test_rows_that_move_are_seen_by_their_new_owner_at_once(web: Running) -> None:
    engine = web.services.engine
    with write(engine) as connection:
        connection.execute(update(AccessGrant).values(state="ended"))
    key = vehicles.create(engine, {"plate": "粤B98700", "plate_color": 2, "city": 440100}, SYSTEM, WHOLE)
    clients = {city: web.client(web.session_token(f"of{city}", role="city", city=city)) for city in (440100, 440300)}
    for here, there in ((440100, 440300), (440300, 440100)):
        vehicles.change(engine, key, {"city": here}, SYSTEM, WHOLE)
        assert (await clients[here].get(f"/api/vehicles/{key}")).status_code == 200
        assert (await clients[there].get(f"/api/vehicles/{key}")).status_code == 404
