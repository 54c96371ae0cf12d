"""Records 档案: organisations, vehicles, terminals, cards, drivers, models: lists, files, single ones, their past."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
from running_core import Running
from sqlalchemy import text

from luwei.registry import models, noun
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE
from oracle import rights
from oracle.world import OPERATING, World, listed

LISTS = {
    "vehicles": ("vehicle", "vehicles", "plate", "车牌号"),
    "terminals": ("terminal", "terminals", "phone", "终端手机号"),
    "operators": ("operator", "organisations", "name", "企业名称"),
    "organisations": ("organisation", "organisations", "name", "机构名称"), "sims": ("sim", "sims", "iccid", "ICCID"),
    "drivers": ("driver", "drivers", "name", "姓名"), "models": ("model", "models", "name", "终端型号"),
}  # fmt: skip
"""Kind of data, rows of the world, what tells a row and its column in a file, by the word in the address."""


async def fill(web: Running, world: World, chance: Any) -> None:
    makers = [key for key, row in world.organisations.items() if row["kind"] == "vendor"]
    for number in range(2):
        given = {"name": f"型号{world.seed}{number}", "vendor_id": makers[number]}
        key = noun.create(web.services.engine, models.NOUN, given, SYSTEM, WHOLE)
        world.rows.setdefault("models", {})[key] = given | {"id": key}
    world.rows["others"] = {}
    for role in ("city", "county"):
        for person in world.people:
            if person["kind"] == role:
                world.rows["others"][person["id"]] = others(web, role, person["area"])


def rows_of(world: World, word: str) -> dict[int, dict[str, Any]]:
    """The rows that a list may show."""
    if word == "models":
        found: dict[int, dict[str, Any]] = world.rows["models"]
        return found
    rows: dict[int, dict[str, Any]] = getattr(world, LISTS[word][1])
    return {k: v for k, v in rows.items() if v["kind"] in OPERATING} if word == "operators" else rows


def due(world: World, person: dict[str, Any], word: str) -> set[int] | None:
    """Ids of this world's rows that a list must hold; None: it must be refused."""
    kind, rows = LISTS[word][0], rows_of(world, word)
    if not rights.reach(world, person, kind):
        return None
    if word == "vehicles":
        return {k for k, v in rows.items() if rights.sees(world, person, "vehicle", v)}
    if word == "terminals":
        return {k for k, t in rows.items() if rights.sees_terminal(world, person, t)}
    if word == "operators":
        return {k for k, o in rows.items() if rights.sees_operator(world, person, o)}
    if word == "organisations":
        # Names of bodies that run no trucks are no secret to who may list organisations.
        return {k for k, o in rows.items() if o["kind"] not in OPERATING or rights.sees_operator(world, person, o)}
    if word == "sims":
        seats = {k: world.terminals.get(s["terminal_id"] or 0) for k, s in rows.items()}
        return {
            k for k, seat in seats.items()
            if rights.sees_all(person, "sim") or (seat is not None and rights.sees_terminal(world, person, seat, "sim"))
        }  # fmt: skip
    if word == "drivers":
        return {k for k, d in rows.items() if rights.sees_driver(world, person, d)}
    return set(rows)


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    taken = world.some(person, "file", LISTS, 2)
    for word in LISTS:
        rows, wanted = rows_of(world, word), due(world, person, word)
        about = f"{person['name']} {word}"
        found = await listed(client, f"/api/{word}")
        assert (found is None) == (wanted is None), about
        if wanted is not None and found is not None:
            assert found & set(rows) == wanted, f"{about}: {found & set(rows) ^ wanted}"
            if person["kind"] not in rights.GOVERNMENT or person["kind"] in ("city", "county"):
                # Nothing of the module's other tests either, but bodies that are no operators.
                more = world.rows["others"].get(person["id"], {}).get(word, set())
                assert word in ("organisations", "models") or found <= set(rows) | more, about
        if word in taken:
            await files(client, world, person, word, wanted)
        await single(client, world, person, word, wanted)


async def files(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], word: str, wanted: set[int] | None
) -> None:
    """What leaves as a file holds the rows of the list and no other."""
    kind, _, label, column = LISTS[word]
    takes = rights.manner(person, kind, "export") not in (rights.NONE, rights.COUNT) and wanted is not None
    # Who sees drivers only masked takes no copy of them along.
    takes = takes and not (word == "drivers" and person["role"] == "monitor")
    for form in ("csv", "xlsx") if word == "vehicles" else ("csv",):
        answer = await client.get(f"/api/export/{word}/{form}")
        about = f"{person['name']} {form} of {word}: {answer.status_code}"
        assert answer.status_code == (200 if takes else 403), about
        if form == "csv":
            told = {line.get(column) for line in csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")))}
            for key, row in rows_of(world, word).items():
                there = row[label] in told
                assert there == (takes and key in (wanted or ())), f"{about}, {row[label]}"
    answer = await client.get(f"/api/import/{word}/template.csv")
    assert answer.status_code == (403 if wanted is None else 200), f"{person['name']} template of {word}"


async def single(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], word: str, wanted: set[int] | None
) -> None:
    """The same by id (IDOR), with history, bindings and what hangs on it: a record outside is not there."""
    seen = wanted or set()
    for key in world.sample(person, word, rows_of(world, word), seen):
        about = f"{person['name']} {word} {key}"
        status = (await client.get(f"/api/{word}/{key}")).status_code
        assert (status == 200) == (key in seen) and status in (200, 403, 404), f"{about}: {status}"
        further = ["history"] if word not in ("operators",) else []
        further += ["bindings"] if word in ("vehicles", "terminals", "drivers", "sims") else []
        further += ["merges"] if word in ("organisations", "vehicles", "terminals", "drivers") else []
        further += ["equipment", "profile"] if word == "terminals" else []
        every = person["role"] == "administrator"
        for more in further if every else world.some(person, f"{word}{key}", further):
            status = (await client.get(f"/api/{word}/{key}/{more}")).status_code
            masked = person["role"] == "monitor" and word == "drivers" and more == "history"
            assert (status == 200) == (key in seen and not masked), f"{about} {more}: {status}"
        nouns = ("organisations", "vehicles", "terminals", "drivers")
        if word in nouns and (person["role"] == "administrator" or word in world.some(person, "merge", nouns)):
            await merging(client, world, person, word, key, seen)


async def merging(
    client: httpx.AsyncClient, world: World, person: dict[str, Any], word: str, key: int, seen: set[int]
) -> None:
    """What would become of two records: for who may change them both."""
    rows = rows_of(world, word)
    like = {each for each in rows if each != key and rows[each].get("kind") == rows[key].get("kind")}
    if not like:
        return
    other = world.some(person, f"merge {key}", like & seen or like)[0]
    answer = await client.get(f"/api/{word}/{key}/merge", params={"loser": other})
    writes = rights.manner(person, LISTS[word][0], "write") in (rights.FULL, rights.OWN)
    allowed = writes and {key, other} <= seen
    assert (answer.status_code in (200, 400, 409)) == allowed, (
        f"{person['name']} merge of {word} {key} {other}: {answer.status_code} {answer.text}"
    )


def others(web: Running, role: str, area: int) -> dict[str, set[int]]:
    """Rows outside this world that a city or county sees rightly."""
    found = {}
    with read(web.services.engine) as connection:
        for word, table in (("vehicles", "vehicle"), ("operators", "organisation"), ("drivers", "driver")):
            statement = f"SELECT id FROM {table} WHERE {role} = :area"
            found[word] = set(connection.execute(text(statement), {"area": area}).scalars())
        seats = f"SELECT t.id FROM terminal t JOIN vehicle v ON v.id = t.vehicle_id WHERE v.{role} = :area"
        cards = f"SELECT s.id FROM sim s WHERE s.terminal_id IN ({seats})"
        found["terminals"] = set(connection.execute(text(seats), {"area": area}).scalars())
        found["sims"] = set(connection.execute(text(cards), {"area": area}).scalars())
    return found
