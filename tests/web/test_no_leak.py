"""Random organisations, people and records: every list of every person is compared with an oracle in plain Python that
knows the rights table and nothing of the queries. No row leaks, and none that is due is missing."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from running_core import Running, location, until
from sqlalchemy import insert, text, update

from luwei import facts
from luwei.access import password as passwords
from luwei.access import users
from luwei.access.grant import ACTIVE, AccessGrant, GrantSubject
from luwei.access.revision import touch
from luwei.access.web_session import open_session
from luwei.registry import bindings, drivers, noun, organisations, sims, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.organisation import OPERATING
from luwei.registry.scope import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

CITIES = {440100: (440106, 440103), 440300: (440304, 440305), 441900: (None,)}
MARK = "谜"
"""Names of this test begin with it: the registry of the module holds other rows too."""


@pytest.fixture(autouse=True, scope="module")
def quick_hash() -> Iterator[None]:
    """The real algorithm with its smallest cost: dozens of people sign in here."""
    before, passwords._hasher = passwords._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    passwords._hasher = before


@dataclass
class World:
    """What there is, as plain dictionaries by id."""

    organisations: dict[int, dict[str, Any]] = field(default_factory=dict)
    vehicles: dict[int, dict[str, Any]] = field(default_factory=dict)
    terminals: dict[int, dict[str, Any]] = field(default_factory=dict)
    sims: dict[int, dict[str, Any]] = field(default_factory=dict)
    drivers: dict[int, dict[str, Any]] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)


# -- the oracle --------------------------------------------------------------------------------------------------------

FULL, OWN, COUNT, REASON, REASON_OWN, NONE = "●", "◐", "Σ", "⌛", "⌛◐", "–"
COLUMNS = ("province", "city", "county", "emergency", "police", "regulator", "insurer", "vendor", "monitor", "operator",
           "driver")  # fmt: skip
TABLE = {
    "vehicle": (FULL, OWN, OWN, COUNT, REASON, COUNT, OWN, OWN, OWN, OWN, OWN),
    "position": (FULL, OWN, OWN, REASON, REASON, NONE, NONE, OWN, OWN, OWN, OWN),
    "driver": (REASON, REASON_OWN, NONE, NONE, REASON, NONE, NONE, NONE, OWN, OWN, OWN),
    "session": (FULL, OWN, OWN, NONE, NONE, NONE, NONE, OWN, OWN, OWN, NONE),
    "evidence": (REASON, REASON_OWN, REASON_OWN, REASON, REASON, NONE, NONE, NONE, OWN, OWN, OWN),
    "track": (FULL, OWN, OWN, REASON, REASON, NONE, NONE, NONE, OWN, OWN, OWN),
    "alarm": (FULL, OWN, OWN, COUNT, REASON, COUNT, COUNT, OWN, OWN, OWN, OWN),
}


def family(world: World, root: int) -> set[int]:
    found = {root}
    while (
        more := {
            key for key, row in world.organisations.items() if row["parent_id"] in found and row["kind"] in OPERATING
        }
        - found
    ):
        found |= more
    return found


def own_vehicle(world: World, person: dict[str, Any], vehicle: dict[str, Any]) -> bool:
    """Whether a truck is of the person's own jurisdiction (reference supervision §2.1)."""
    role, mine = person["role"], person["organisation"]
    if role == "driver":
        return bool(vehicle["id"] == person["vehicle"])
    if role in ("province", "emergency", "police", "regulator"):
        return True
    if role in ("city", "county"):
        return bool(vehicle[role] == person["area"])
    if role == "operator":
        return vehicle["operator_id"] in family(world, mine)
    if role == "vendor":
        return any(t["vendor_id"] == mine and t["vehicle_id"] == vehicle["id"] for t in world.terminals.values())
    return bool(vehicle[f"{role}_id"] == mine)


def manner(person: dict[str, Any], kind: str) -> str:
    return TABLE[kind][COLUMNS.index(person["role"])]


def sees(world: World, person: dict[str, Any], kind: str, vehicle: dict[str, Any]) -> bool:
    # The grants of this world are for places, which also open the vehicle itself, and never for evidence or alarms.
    granted = kind not in ("evidence", "alarm") and vehicle["id"] in person["granted"]
    return {
        FULL: True, OWN: own_vehicle(world, person, vehicle), COUNT: False, NONE: False, REASON: granted,
        REASON_OWN: granted and own_vehicle(world, person, vehicle),
    }[manner(person, kind)]  # fmt: skip


def sees_terminal(world: World, person: dict[str, Any], terminal: dict[str, Any]) -> bool:
    if person["role"] == "province":
        return True
    if person["role"] == "vendor":
        return bool(terminal["vendor_id"] == person["organisation"])
    vehicle = world.vehicles.get(terminal["vehicle_id"] or 0)
    return vehicle is not None and sees(world, person, "vehicle", vehicle)


def sees_operator(world: World, person: dict[str, Any], organisation: dict[str, Any]) -> bool:
    role = person["role"]
    if role == "province":
        return True
    if role in ("city", "county"):
        return bool(organisation[role] == person["area"])
    if role == "operator":
        return organisation["id"] in family(world, person["organisation"])
    return any(
        v["operator_id"] == organisation["id"] and sees(world, person, "vehicle", v) for v in world.vehicles.values()
    )


def sees_driver(world: World, person: dict[str, Any], driver: dict[str, Any]) -> bool:
    role, way = person["role"], manner(person, "driver")
    if way == NONE:
        return False
    if role == "driver":
        return bool(driver["id"] == person["driver"])
    if way in (REASON, REASON_OWN):
        return driver["id"] in person["granted_drivers"] and (way == REASON or driver["city"] == person["area"])
    if role == "operator":
        return driver["operator_id"] in family(world, person["organisation"])
    return driver["operator_id"] is not None and any(
        v["operator_id"] == driver["operator_id"] and sees(world, person, "vehicle", v) for v in world.vehicles.values()
    )


# -- the world ---------------------------------------------------------------------------------------------------------


def build(web: Running, seed: int) -> World:
    chance, engine, world = random.Random(seed), web.services.engine, World()

    def organisation(kind: str, number: int, **values: Any) -> None:
        city = chance.choice(list(CITIES))
        given = {"kind": kind, "name": f"{MARK}{seed}{kind}{number}", "parent_id": None} | values
        if kind in OPERATING:
            given |= {"city": city, "county": chance.choice(CITIES[city])}
        key = organisations.create(engine, {k: v for k, v in given.items() if v is not None}, SYSTEM, WHOLE)
        world.organisations[key] = {"city": None, "county": None} | given | {"id": key}

    for kind in ("operator", "sole_trader", "insurer", "vendor", "monitor"):
        for number in range(3 if kind == "operator" else 2):
            organisation(kind, number)
    above = [key for key, row in world.organisations.items() if row["kind"] == "operator"]
    for number in range(3):
        organisation("fleet", number, parent_id=chance.choice(above))
    for kind in ("emergency", "police", "regulator"):
        organisation(kind, 0)

    def of(*kinds: str) -> int | None:
        keys = [key for key, row in world.organisations.items() if row["kind"] in kinds]
        return chance.choice([None, *keys, *keys])

    for number in range(24):
        city = chance.choice(list(CITIES))
        given = {
            "plate": f"粤{'ABDES'[seed]}{chance.randrange(100):02d}{number:03d}", "plate_color": 2, "city": city,
            "county": chance.choice([None, *CITIES[city]]), "operator_id": of(*OPERATING), "insurer_id": of("insurer"),
            "monitor_id": of("monitor"),
        }  # fmt: skip
        key = vehicles.create(engine, given, SYSTEM, WHOLE)
        world.vehicles[key] = given | {"id": key}
    free = list(world.vehicles)
    chance.shuffle(free)
    for number in range(20):
        seat = free.pop() if chance.random() < 0.8 else None
        given = {"phone": f"1390{seed}{number:06d}", "vehicle_id": seat, "vendor_id": of("vendor")}
        key = terminals.create(engine, given, SYSTEM, WHOLE)
        world.terminals[key] = given | {"id": key}
        if chance.random() < 0.6:
            card = {"iccid": f"8986{seed:02d}{number:014d}", "terminal_id": chance.choice([None, key])}
            made = noun.create(engine, sims.NOUN, card, SYSTEM, WHOLE)
            world.sims[made] = card | {"id": made}
    for number in range(16):
        city = chance.choice(list(CITIES))
        given = {"name": f"{MARK}{number}", "city": city, "operator_id": of(*OPERATING)}
        key = noun.create(engine, drivers.NOUN, given, SYSTEM, WHOLE)
        world.drivers[key] = given | {"id": key}
    # Trucks change hands: the present counts for lists.
    for key in chance.sample(list(world.vehicles), 6):
        new = of(*OPERATING)
        vehicles.change(engine, key, {"operator_id": new}, SYSTEM, WHOLE)
        world.vehicles[key]["operator_id"] = new
    people(web, world, seed, chance)
    return world


def people(web: Running, world: World, seed: int, chance: random.Random) -> None:
    engine = web.services.engine
    for role in COLUMNS:
        for number in range(2):
            kinds = OPERATING if role == "operator" else (role,)
            keys = [key for key, row in world.organisations.items() if row["kind"] in kinds]
            person: dict[str, Any] = {
                "role": role, "name": f"s{seed}-{role}-{number}", "organisation": None, "area": None, "vehicle": None,
                "driver": None, "granted": set(), "granted_drivers": set(),
            }  # fmt: skip
            whose: dict[str, Any] = {}
            if role in ("city", "county"):
                person["area"] = chance.choice(
                    list(CITIES) if role == "city" else [c for both in CITIES.values() for c in both if c]
                )
                whose = {role: person["area"]}
            elif role == "driver":
                person["vehicle"], person["driver"] = (
                    chance.choice(list(world.vehicles)),
                    chance.choice(list(world.drivers)),
                )
                whose = {"vehicle_id": person["vehicle"], "driver_id": person["driver"]}
            elif role != "province":
                person["organisation"] = chance.choice(keys)
                whose = {"organisation_id": person["organisation"]}
            users.create_user(engine, person["name"], role, "a-Long-passphrase-77", role, **whose)
            with write(engine) as connection:
                statement = text("SELECT id, organisation_id FROM user_account WHERE username = :n")
                row = connection.execute(statement, {"n": person["name"]}).one()
                person |= {"id": row.id, "of": row.organisation_id}
                person["token"] = open_session(connection, row.id, "127.0.0.1", "test")
            if number == 0 and role in ("emergency", "police", "province", "city"):
                grant(web, world, person, chance)
            world.people.append(person)


def grant(web: Running, world: World, person: dict[str, Any], chance: random.Random) -> None:
    """Grants in force, whatever the way to them was."""
    person["granted_drivers"] = set(chance.sample(list(world.drivers), 4))
    rows = {"driver": person["granted_drivers"]}
    if person["role"] in ("emergency", "police"):
        person["granted"] = set(chance.sample(list(world.vehicles), 5))
        rows["position"] = person["granted"]
    now = now_ms()
    with write(web.services.engine) as connection:
        for row, subjects in rows.items():
            values = {
                "user_id": person["id"], "organisation_id": person["of"], "row": row, "purpose": "调查",
                "case_number": "1", "minutes": 60, "state": ACTIVE, "requested_at": now, "note": "", "from_at": now,
                "to_at": now + 3_600_000,
            }  # fmt: skip
            key = connection.execute(insert(AccessGrant).returning(AccessGrant.id), values).scalar_one()
            connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": each} for each in subjects])
        touch(connection)


async def listed(client: httpx.AsyncClient, path: str, **params: Any) -> set[int] | None:
    """Ids of a whole list, None where it is refused."""
    answer = await client.get(path, params={"size": 500} | params)
    assert answer.status_code in (200, 403), f"{path}: {answer.status_code} {answer.text}"
    return {item["id"] for item in answer.json()["items"]} if answer.status_code == 200 else None


def expected(world: World, person: dict[str, Any]) -> dict[str, set[int] | None]:
    """Ids that each list must hold, of the rows of this world; None: the list must be refused."""
    way, drivers_way = manner(person, "vehicle"), manner(person, "driver")
    refused = way in (COUNT, NONE) and not (way == COUNT and person["granted"] and False)
    refused |= way in (REASON, REASON_OWN) and not person["granted"]
    lists: dict[str, set[int] | None] = {
        "/api/vehicles": {k for k, v in world.vehicles.items() if sees(world, person, "vehicle", v)},
        "/api/terminals": {k for k, t in world.terminals.items() if sees_terminal(world, person, t)},
        "/api/operators": {
            k for k, o in world.organisations.items() if o["kind"] in OPERATING and sees_operator(world, person, o)
        },
        "/api/organisations": {
            k for k, o in world.organisations.items() if o["kind"] not in OPERATING or sees_operator(world, person, o)
        },
        "/api/sims": {
            k for k, s in world.sims.items()
            if person["role"] == "province"
            or (s["terminal_id"] is not None and sees_terminal(world, person, world.terminals[s["terminal_id"]]))
        },
    }  # fmt: skip
    if refused:
        lists = dict.fromkeys(lists)
    no_drivers = drivers_way == NONE or (drivers_way in (REASON, REASON_OWN) and not person["granted_drivers"])
    lists["/api/drivers"] = (
        None if no_drivers else {k for k, d in world.drivers.items() if sees_driver(world, person, d)}
    )
    return lists


OF = {"/api/vehicles": "vehicles", "/api/terminals": "terminals", "/api/operators": "organisations",
      "/api/organisations": "organisations", "/api/sims": "sims", "/api/drivers": "drivers"}  # fmt: skip


@pytest.mark.parametrize("seed", [int(seed) for seed in os.environ.get("LUWEI_LEAK_SEEDS", "0").split()])
async def test_no_row_leaks_and_none_that_is_due_is_missing(web: Running, seed: int) -> None:
    world = build(web, seed)
    newest = max(world.vehicles)
    await web.services.bus.publish("registry.changed", b'{"noun":"vehicle","ids":[]}')

    async def known() -> bool:
        return web.services.fleet.size > newest and bool(web.services.fleet.known[newest])

    await until(known, "live state knows the trucks")
    span = await raise_alarms(web, world)
    cases = await opened_cases(web, world)
    for person in world.people:
        async with web.client(person["token"]) as client:
            for path, due in expected(world, person).items():
                found = await listed(client, path)
                about = f"{person['name']} {path}"
                if due is None:
                    assert found is None, about
                    continue
                assert found is not None, about
                rows = getattr(world, OF[path])
                assert found & set(rows) == due, f"{about}: {found & set(rows) ^ due}"
                if person["role"] not in ("province", "emergency", "police"):
                    # Nothing of the module's other tests either, but bodies that are no operators.
                    assert path == "/api/organisations" or found <= set(rows) | others(web, path, person), about
            await exported(client, world, person)
            await one_by_one(client, world, person)
            await alarmed(client, world, person, span)
            await cased(client, world, person, cases)


async def raise_alarms(web: Running, world: World) -> dict[str, int]:
    """Every truck drives too fast, and its camera is broken; the time in which it is."""
    at = now_ms() // 1000 * 1000
    overspeed, camera = 1 << 1, 1 << 11
    device = {terminal["vehicle_id"]: key for key, terminal in world.terminals.items()}
    rows = [location(key, at, alarm=overspeed | camera, terminal_id=device.get(key, 0)) for key in world.vehicles]
    await web.publish(facts.FIX, rows)
    span = {"from": at, "to": at + 1}

    async def stored() -> bool:
        async with web.client() as client:
            return bool(
                (await client.get("/api/alarms/counts", params=span)).json()["total"] == 2 * len(world.vehicles)
            )

    await until(stored, "alarms stored")
    return span


async def alarmed(client: httpx.AsyncClient, world: World, person: dict[str, Any], span: dict[str, int]) -> None:
    """Alarms of the trucks that are due, device faults only for a vendor; counts of the same for who sees counts."""
    way, about = manner(person, "alarm"), f"{person['name']} alarms"
    types = {"808:11"} if person["role"] == "vendor" else {"808:01", "808:11"}
    due = {(key, type_) for key, v in world.vehicles.items() if sees(world, person, "alarm", v) for type_ in types}
    answer = await client.get("/api/alarms", params=span | {"size": 200})
    assert answer.status_code == (200 if way in (FULL, OWN) else 403), about
    if answer.status_code == 200:
        assert {(row["vehicle_id"], row["type"]) for row in answer.json()["items"]} == due, about
    if way == COUNT:
        due = {(key, type_) for key, v in world.vehicles.items() if own_vehicle(world, person, v) for type_ in types}
    counted = await client.get("/api/alarms/counts", params=span)
    assert counted.status_code == (403 if way == REASON else 200), about
    assert way == REASON or counted.json()["total"] == len(due), about


def others(web: Running, path: str, person: dict[str, Any]) -> set[int]:
    """Rows outside this world that a city or county sees rightly."""
    if person["role"] not in ("city", "county"):
        return set()
    table = {"/api/vehicles": "vehicle", "/api/operators": "organisation", "/api/drivers": "driver"}.get(path)
    with read(web.services.engine) as connection:
        if table is None:
            seats = "SELECT t.id FROM terminal t JOIN vehicle v ON v.id = t.vehicle_id WHERE v.%s = :area"
            if path == "/api/sims":
                seats = f"SELECT s.id FROM sim s WHERE s.terminal_id IN ({seats})"
            statement = seats % person["role"]
        else:
            statement = f"SELECT id FROM {table} WHERE {person['role']} = :area"
        return set(connection.execute(text(statement), {"area": person["area"]}).scalars())


async def opened_cases(web: Running, world: World) -> dict[tuple[int, str], int]:
    """The case of every truck and type that these alarms opened."""
    statement = text("SELECT vehicle_id, type, id FROM alarm_case WHERE type IN ('808:01', '808:11')")

    async def opened() -> dict[tuple[int, str], int] | None:
        with read(web.services.engine) as connection:
            found = {(row[0], row[1]): row[2] for row in connection.execute(statement) if row[0] in world.vehicles}
        return found if len(found) == 2 * len(world.vehicles) else None

    found: dict[tuple[int, str], int] = await until(opened, "cases opened")
    return found


async def cased(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], cases: dict[tuple[int, str], int]
) -> None:
    """The queue, its file, its counts and every single case: as the alarms they are about."""
    way, about = manner(person, "alarm"), f"{person['name']} cases"
    types = ("808:11",) if person["role"] == "vendor" else ("808:01", "808:11")
    due = {cases[key, kind] for key, v in world.vehicles.items() if sees(world, person, "alarm", v) for kind in types}
    chosen = {"type": "808:01,808:11", "size": 200}
    refused = way in (COUNT, NONE, REASON, REASON_OWN)
    answer = await client.get("/api/cases", params=chosen)
    exported = await client.get("/api/cases.csv", params=chosen)
    assert (answer.status_code, exported.status_code) == ((403, 403) if refused else (200, 200)), about
    summary = await client.get("/api/cases/summary")
    assert summary.status_code == (403 if way in (NONE, REASON, REASON_OWN) else 200), about
    if not refused:
        found, body = set(), answer.json()
        while body["next"] is not None:
            found |= {item["id"] for item in body["items"]}
            body = (await client.get("/api/cases", params=chosen | {"after": body["next"]})).json()
        found |= {item["id"] for item in body["items"]}
        assert found & set(cases.values()) == due, f"{about}: {found & set(cases.values()) ^ due}"
        shown = {key for key, v in world.vehicles.items() if f",{v['plate']}," in exported.text}
        assert shown == {key for key, v in world.vehicles.items() if sees(world, person, "alarm", v)}, about
    for (key, kind), case in list(cases.items())[::30]:
        there = not refused and case in due
        status = (await client.get(f"/api/cases/{case}/steps")).status_code
        assert (status == 200) == there, f"{about} {key} {kind}: {status}"
        # Nobody acts on what he may not see, and an answer tells no difference between absent and hidden.
        acted = (await client.post(f"/api/cases/{case}/claim", json={"version": 999})).status_code
        assert acted in ((409, 403) if there else (404, 403)), f"{about} claim {key} {kind}: {acted}"


LABELS = {"vehicles": "plate", "terminals": "phone", "operators": "name", "sims": "iccid"}


async def exported(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """Files that leave hold the rows of the lists and no other."""
    lists = expected(world, person)
    for noun_name, label in LABELS.items():
        due, rows = lists[f"/api/{noun_name}"], getattr(world, OF[f"/api/{noun_name}"])
        answer = await client.get(f"/api/export/{noun_name}/csv")
        about = f"{person['name']} export of {noun_name}: {answer.status_code}"
        assert answer.status_code == (403 if due is None else 200), about
        for key, row in rows.items():
            there = row[label] in answer.text
            assert there == (due is not None and key in due), f"{about}, {key}"


async def one_by_one(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """The same by id (IDOR): a record outside is not there, and a truck's place is not told with it."""
    for key, vehicle in list(world.vehicles.items())[::8]:
        seen, placed = sees(world, person, "vehicle", vehicle), sees(world, person, "position", vehicle)
        status = (await client.get(f"/api/vehicles/{key}")).status_code
        assert (status == 200) == seen, f"{person['name']} vehicle {key}: {status}"
        status = (await client.get(f"/api/vehicles/{key}/card")).status_code
        assert (status == 200) == placed, f"{person['name']} card {key}: {status}"
        for kind, path in (("track", "track?from=0&to=1"), ("track", "track.csv?from=0&to=1"), ("evidence", "media")):
            status = (await client.get(f"/api/vehicles/{key}/{path}")).status_code
            assert (status == 200) == sees(world, person, kind, vehicle), f"{person['name']} {path} {key}: {status}"
    for key, driver in list(world.drivers.items())[::6]:
        status = (await client.get(f"/api/drivers/{key}")).status_code
        assert (status == 200) == sees_driver(world, person, driver), f"{person['name']} driver {key}: {status}"
    for key, terminal in list(world.terminals.items())[::8]:
        status = (await client.get(f"/api/terminals/{key}")).status_code
        due = expected(world, person)["/api/terminals"]
        assert (status == 200) == (due is not None and key in due), f"{person['name']} terminal {key}: {terminal}"


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
