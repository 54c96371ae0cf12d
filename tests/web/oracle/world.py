"""A random world: organisations, trucks, terminals, cards, drivers, people and their grants, in the registry and as
plain dictionaries by id. Some trucks changed hands twenty minutes ago; ``spans`` says whose they were before."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from running_core import MINUTE, Running
from sqlalchemy import insert, text

from luwei.access import users
from luwei.access.grant import ACTIVE, AccessGrant, GrantSubject
from luwei.access.revision import touch
from luwei.access.web_session import open_session
from luwei.registry import bindings, drivers, noun, organisations, sims, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.binding import Binding
from luwei.registry.engine import write
from luwei.registry.scope import WHOLE

OPERATING = ("operator", "sole_trader", "fleet")
CITIES = {440100: (440106, 440103), 440300: (440304, 440305), 441900: (None,)}
MARK = "谜"
"""Names of this world begin with it: the registry of the module holds other rows too."""

PEOPLE = (
    *(("province", "province") for _ in range(2)), *(("city", "city") for _ in range(2)),
    *(("county", "county") for _ in range(2)), *(("emergency", "emergency") for _ in range(2)),
    *(("police", "police") for _ in range(2)), ("regulator", "regulator"), ("insurer", "insurer"),
    *(("vendor", "vendor") for _ in range(2)), ("monitor", "monitor"), *(("operator", "operator") for _ in range(3)),
    *(("driver", "driver") for _ in range(2)), ("administrator", "city"), ("administrator", "operator"),
    ("administrator", "province"), ("duty", "operator"), ("duty", "county"), ("viewer", "monitor"),
    ("inspector", "city"),
)  # fmt: skip
"""(role, kind of its organisation) of everybody; ``operator`` may be any body that runs trucks."""


@dataclass
class World:
    """What there is, as plain dictionaries by id."""

    seed: int
    handed_over: int
    """UTC ms at which trucks changed hands."""
    organisations: dict[int, dict[str, Any]] = field(default_factory=dict)
    vehicles: dict[int, dict[str, Any]] = field(default_factory=dict)
    terminals: dict[int, dict[str, Any]] = field(default_factory=dict)
    sims: dict[int, dict[str, Any]] = field(default_factory=dict)
    drivers: dict[int, dict[str, Any]] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    spans: dict[int, list[tuple[str, int, int]]] = field(default_factory=dict)
    """(what, whose it was, until) of each truck that changed hands."""
    wheel: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Vehicle, driver by the card that was in it (0: of nobody known), from, to."""
    rows: dict[str, Any] = field(default_factory=dict)
    """What the modules of nouns keep, by their own names."""

    @property
    def before(self) -> int:
        """An instant at which those trucks had their former owners."""
        return self.handed_over - 5 * MINUTE

    @property
    def after(self) -> int:
        """An instant at which they had their present ones."""
        return self.handed_over + 5 * MINUTE

    def moved(self) -> list[int]:
        """Trucks that changed hands."""
        return sorted(self.spans)

    def some(self, person: dict[str, Any], about: str, choices: Iterable[Any], number: int = 1) -> list[Any]:
        """A few of many, others for everybody: all of them for all people would be thousands of requests."""
        every = sorted(choices)
        return random.Random(f"{self.seed} {person['name']} {about}").sample(every, min(number, len(every)))

    def sample(self, person: dict[str, Any], about: str, rows: Iterable[Any], seen: set[int] | None) -> list[Any]:
        """A row that the person must see and one that it must not, where there are such."""
        every = set(rows)
        return self.some(person, about, every & (seen or set())) + self.some(person, about, every - (seen or set()))

    def terminal_of(self, vehicle: int) -> dict[str, Any] | None:
        """The terminal that sits in a truck."""
        return next((row for row in self.terminals.values() if row["vehicle_id"] == vehicle), None)


def city_of(area: int) -> int:
    """The city of a county or of itself."""
    return area if area in CITIES else area // 100 * 100


async def listed(client: httpx.AsyncClient, path: str, **params: Any) -> set[int] | None:
    """Ids of a whole list, None where it is refused."""
    answer = await client.get(path, params={"size": 500} | params)
    assert answer.status_code in (200, 403), f"{path}: {answer.status_code} {answer.text}"
    return {item["id"] for item in answer.json()["items"]} if answer.status_code == 200 else None


def build(web: Running, seed: int) -> World:
    """Enter everything. The same seed gives the same world."""
    chance, engine = random.Random(seed), web.services.engine
    world = World(seed, now_ms() - 20 * MINUTE)

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
            "plate": f"粤{'ABDES'[seed % 5]}{chance.randrange(100):02d}{number:03d}", "plate_color": 2, "city": city,
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
        given = {"name": f"{MARK}{number}", "city": city, "county": None, "operator_id": of(*OPERATING)}
        key = noun.create(engine, drivers.NOUN, {k: v for k, v in given.items() if k != "county"}, SYSTEM, WHOLE)
        world.drivers[key] = given | {"id": key}
    for key in chance.sample([k for k, v in world.vehicles.items() if v["operator_id"]], 5):
        hand_over(web, world, key, "operator", of(*OPERATING) or above[0])
    for key in chance.sample([k for k, v in world.vehicles.items() if v["monitor_id"]], 3):
        hand_over(web, world, key, "monitor", of("monitor"))
    for key in chance.sample(list(world.vehicles), 4):
        hand_over(web, world, key, "area", chance.choice(list(CITIES)))
    people(web, world, chance)
    return world


def hand_over(web: Running, world: World, key: int, what: str, new: int | None) -> None:
    """A truck that belonged to others until ``world.handed_over``, as if it had been written down then."""
    row = world.vehicles[key]
    old = (row["county"] or row["city"]) if what == "area" else row[f"{what}_id"]
    if old == new:
        return
    given = {"city": new, "county": None} if what == "area" else {f"{what}_id": new}
    vehicles.change(web.services.engine, key, given, SYSTEM, WHOLE)
    row |= given
    assert old is not None
    world.spans.setdefault(key, []).append((what, old, world.handed_over))
    with write(web.services.engine) as connection:
        named = {"what": what, "key": key, "at": world.handed_over}
        mine = "what = :what AND subject_id = :key"
        # What held is closed at that time already; what holds began then.
        connection.execute(text(f"DELETE FROM binding WHERE {mine} AND to_at IS NOT NULL"), named)
        connection.execute(text(f"UPDATE binding SET from_at = :at, counts_from = 0 WHERE {mine}"), named)
        bindings.enter(connection, what, key, old, 1, world.handed_over)


def people(web: Running, world: World, chance: random.Random) -> None:
    """Somebody of every role, signed in; of those who need a reason some hold grants."""
    engine = web.services.engine
    seen: dict[str, int] = {}
    for role, kind in PEOPLE:
        number = seen[role] = seen.get(role, -1) + 1
        kinds = OPERATING if kind == "operator" else (kind,)
        keys = [key for key, row in world.organisations.items() if row["kind"] in kinds]
        person: dict[str, Any] = {
            "role": role, "kind": kind, "name": f"s{world.seed}-{role}-{number}", "organisation": None, "area": None,
            "vehicle": None, "driver": None, "granted": {}, "granted_drivers": set(),
        }  # fmt: skip
        whose: dict[str, Any] = {}
        if kind in ("city", "county"):
            choices = list(CITIES) if kind == "city" else [c for both in CITIES.values() for c in both if c]
            person["area"] = chance.choice(choices)
            whose = {kind: person["area"]}
        elif kind == "driver":
            taken = {each[0] for each in world.wheel}, {each["driver"] for each in world.people}
            person |= {
                "vehicle": chance.choice(sorted(set(world.vehicles) - taken[0])),
                "driver": chance.choice(sorted(set(world.drivers) - taken[1])),
            }
            whose = {"vehicle_id": person["vehicle"], "driver_id": person["driver"]}
        elif kind != "province":
            person["organisation"] = chance.choice(keys)
            person["kind"] = world.organisations[person["organisation"]]["kind"]
            whose = {"organisation_id": person["organisation"]}
        users.create_user(engine, person["name"], role, "a-Long-passphrase-77", role, **whose)
        with write(engine) as connection:
            statement = text("SELECT id, organisation_id FROM user_account WHERE username = :n")
            row = connection.execute(statement, {"n": person["name"]}).one()
            person |= {"id": row.id, "of": row.organisation_id}
            person["token"] = open_session(connection, row.id, "127.0.0.1", "test")
        if kind == "driver":
            at_the_wheel(web, world, person, number, chance)
        if number == 0 and role in ("emergency", "police", "province", "city", "duty"):
            grant(web, world, person, chance)
        world.people.append(person)


def at_the_wheel(web: Running, world: World, person: dict[str, Any], number: int, chance: random.Random) -> None:
    """The first driver had the own truck all the time, but somebody else drove it after trucks changed hands, while he
    drove others; he sits in one of them now. The second got his then, and somebody else's card is in it now."""
    early, late = world.before - 10 * MINUTE, now_ms() + 60 * MINUTE
    person["since"] = early if number == 0 else world.handed_over
    others = chance.sample(sorted(set(world.vehicles) - {person["vehicle"]}), 3)
    other = chance.choice([0, *sorted(set(world.drivers) - {person["driver"]})])
    cards = (
        [
            (person["vehicle"], other, world.handed_over, world.after + 4 * MINUTE),
            (others[0], person["driver"], early, world.handed_over),
            (others[1], person["driver"], world.handed_over, late),
            (others[2], person["driver"], world.after + 5 * MINUTE, world.after + 6 * MINUTE),
        ]
        if number == 0
        else [(person["vehicle"], other, world.after + 5 * MINUTE, late)]
    )
    world.wheel += cards
    with write(web.services.engine) as connection:
        connection.execute(
            text("UPDATE binding SET from_at = :since WHERE what = 'truck' AND subject_id = :id"), person
        )  # fmt: skip
        names = ("subject_id", "object_id", "from_at", "to_at")
        rows = [{"what": "wheel", "counts_from": card[2]} | dict(zip(names, card, strict=True)) for card in cards]
        connection.execute(insert(Binding), rows)


def grant(web: Running, world: World, person: dict[str, Any], chance: random.Random) -> None:
    """Grants in force, whatever the way to them was."""
    person["granted_drivers"] = set(chance.sample(list(world.drivers), 4))
    person["granted"] = {row: set(chance.sample(list(world.vehicles), 8)) for row in ("evidence", "video")}
    if person["role"] in ("emergency", "police"):
        person["granted"]["position"] = set(chance.sample(list(world.vehicles), 5))
    person["granted"]["talk"] = set(chance.sample(list(world.vehicles), 8))
    now = now_ms()
    with write(web.services.engine) as connection:
        for row, subjects in (person["granted"] | {"driver": person["granted_drivers"]}).items():
            values = {
                "user_id": person["id"], "organisation_id": person["of"], "row": row, "purpose": "调查",
                "case_number": "1", "minutes": 60, "state": ACTIVE, "requested_at": now, "note": "", "from_at": now,
                "to_at": now + 3_600_000,
            }  # fmt: skip
            key = connection.execute(insert(AccessGrant).returning(AccessGrant.id), values).scalar_one()
            connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": each} for each in subjects])
        touch(connection)
