"""Connections 接入: sessions, the ledger of refused frames, the deviation report, gateways, profiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from running_core import MINUTE, Running, until

from luwei import facts
from oracle import rights
from oracle.world import World

DAY = timedelta(hours=8)
"""China Standard Time."""

FIRST = f"{2**63 + 5:016x}"
"""Session of the core that the tests share, of truck and terminal 1."""


async def fill(web: Running, world: World, chance: Any) -> None:
    """Each terminal in a truck was connected before the trucks changed hands, and again after; one is still open since
    before. Each time a frame of it was refused. One session and one frame are nobody's."""
    sessions, ledger = [], []
    rows: list[dict[str, Any]] = []
    seats = [t for t in world.terminals.values() if t["vehicle_id"]]
    for number, terminal in enumerate([*seats, {"id": 0, "vehicle_id": 0, "phone": "19900000000"}]):
        for turn, (begin, end) in enumerate(
            ((world.before, world.before + MINUTE), (world.after, world.after + MINUTE), (world.before, None))
        ):
            key = (world.seed + 1) << 40 | number << 4 | turn
            named = {"phone": terminal["phone"], "vehicle_id": terminal["vehicle_id"], "terminal_id": terminal["id"]}
            event = named | {
                "session": key, "gateway": "gw-test", "boot": 5, "transport": "tcp", "peer": "10.0.0.1:5000",
                "edition": 2019, "reason": "", "frames": 5, "locations": 4, "refused": 1, "bytes_in": 400,
            }  # fmt: skip
            sessions.append(event | {"event": "authenticated", "at": begin})
            if end is not None:
                sessions.append(event | {"event": "closed", "at": end, "reason": "peer"})
                ledger.append(refused(named, end, f"short:{world.seed}-{number}-{turn}"))
            rows.append(named | {"session": f"{key:016x}", "from": begin, "to": end, "reason": (number, turn)})
    world.rows["sessions"] = rows
    await web.publish(facts.SESSION, sessions)
    await web.publish(facts.LEDGER, ledger)

    async def stored() -> bool:
        async with web.client() as client:
            days = [day_of(world.before), day_of(world.after)]
            found = 0
            for day in sorted(set(days)):
                params = {"day": day, "group": "terminal", "reason": "short"}
                found += (await client.get("/api/access/ledger", params=params)).json()["total"]
            return found >= len(ledger)

    await until(stored, "sessions and ledger stored")


def refused(named: dict[str, Any], at: int, reason: str) -> dict[str, Any]:
    """A row of the ledger."""
    return named | {
        "day": (datetime.fromtimestamp(at / 1000, UTC) + DAY).date(), "gateway": "gw-test", "kind": "refused",
        "reason": reason, "message_id": 0x0200, "peer": "10.0.0.1:5000", "count": 1, "first_at": at - 5, "last_at": at,
        "example": b"~\x02\x00~",
    }  # fmt: skip


def day_of(at: int) -> str:
    return (datetime.fromtimestamp(at / 1000, UTC) + DAY).date().isoformat()


def sees(world: World, person: dict[str, Any], kind: str, row: dict[str, Any], *instants: int) -> bool:
    """Who had the truck at one of the instants; who sold the terminal."""
    if rights.sees_all(person, kind):
        return True
    if person["kind"] == "vendor":
        terminal = world.terminals.get(row["terminal_id"], {"vendor_id": None})
        return rights.manner(person, kind) == rights.OWN and terminal["vendor_id"] == person["organisation"]
    vehicle = world.vehicles.get(row["vehicle_id"])
    return vehicle is not None and any(rights.sees(world, person, kind, vehicle, at) for at in instants)


async def check(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    name, rows = person["name"], world.rows["sessions"]
    answer = await client.get("/api/access/sessions", params={"size": 500})
    reach = rights.reach(world, person, "session")
    assert answer.status_code == (200 if reach else 403), f"{name} sessions"
    if reach:
        found = {item["session"] for item in answer.json()["items"]}
        due = {
            r["session"] for r in rows
            if sees(world, person, "session", r, r["from"], world.after if r["to"] is None else r["to"])
        }  # fmt: skip
        assert found & {r["session"] for r in rows} == due, f"{name} sessions: {found ^ due}"
        assert rights.sees_all(person, "session") or found - {FIRST} == due, f"{name} sessions: {found ^ due}"
    await the_ledger(client, world, person)
    for path in ("gateways", "rates"):
        status = (await client.get(f"/api/access/{path}")).status_code
        assert (status == 200) == rights.sees_all(person, "gateway"), f"{name} {path}: {status}"
    answer = await client.get("/api/profiles")
    assert (answer.status_code == 200) == rights.reach(world, person, "terminal"), f"{name} profiles"


async def the_ledger(client: httpx.AsyncClient, world: World, person: dict[str, Any]) -> None:
    """By terminal, by reason, as deviations and as a file: what was refused while one had the truck."""
    name, reach = person["name"], rights.reach(world, person, "ledger")
    takes = reach and rights.manner(person, "ledger", "export") != rights.NONE
    closed = [row for row in world.rows["sessions"] if row["to"] is not None]
    due = {
        f"{world.seed}-{r['reason'][0]}-{r['reason'][1]}" for r in closed
        if sees(world, person, "ledger", r, r["to"])
    }  # fmt: skip
    ours = {f"{world.seed}-{r['reason'][0]}-{r['reason'][1]}" for r in closed}
    days = {"from": day_of(world.before), "to": day_of(world.after)}
    for group in ("terminal", "reason"):
        found: set[str] = set()
        for day in sorted({days["from"], days["to"]}):
            answer = await client.get("/api/access/ledger", params={"day": day, "group": group})
            assert answer.status_code == (200 if reach else 403), f"{name} ledger"
            found |= {item["detail"] for item in answer.json()["items"]} if reach else set()
        assert not reach or found & ours == due, f"{name} ledger by {group}: {found & ours ^ due}"
    answer = await client.get("/api/access/deviations", params=days | {"expected": True})
    assert answer.status_code == (200 if reach else 403), f"{name} deviations"
    # What comes from no terminal that is registered is no deviation of one.
    named = due - {f"{world.seed}-{len(ours) // 2 - 1}-{turn}" for turn in (0, 1)}
    if reach:
        found = {item["detail"] for item in answer.json()["items"]}
        assert found & ours == named, f"{name} deviations: {found & ours ^ named}"
    answer = await client.get("/api/access/deviations.csv", params=days | {"expected": True})
    assert answer.status_code == (200 if takes else 403), f"{name} file of deviations: {answer.status_code}"
    told = {line.split(",")[5] for line in answer.text.splitlines()} if takes else set()
    assert not takes or told & ours == named, f"{name} file of deviations"
    for row in world.some(person, "deviation", range(len(closed) - 2)):
        detail = f"{world.seed}-{closed[row]['reason'][0]}-{closed[row]['reason'][1]}"
        params = days | {"reason": "short", "detail": detail, "message_id": 0x0200}
        answer = await client.get("/api/access/deviations/terminals", params=params)
        assert answer.status_code == (200 if reach else 403), f"{name} terminals of a deviation"
        if reach:
            found = {item["vehicle_id"] for item in answer.json()["items"]}
            assert found == ({closed[row]["vehicle_id"]} if detail in due else set()), f"{name} {detail}: {found}"
