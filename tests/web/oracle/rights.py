"""The rights table (reference supervision §2.2, and the platform beside it) and what its signs mean, in plain Python.
It knows nothing of the product's queries."""

from __future__ import annotations

from typing import Any

from luwei.registry.base import now_ms
from oracle.world import CITIES, OPERATING, World, city_of

FULL, OWN, COUNT, REASON, REASON_OWN, NONE = "●", "◐", "Σ", "⌛", "⌛◐", "–"
COLUMNS = ("province", "city", "county", "emergency", "police", "regulator", "insurer", "vendor", "monitor", "operator",
           "driver")  # fmt: skip
ROWS = {
    "vehicle": "●+ ◐+ ◐+ Σ  ⌛ Σ ◐ ◐+ ◐  ◐  ◐",
    "position": "● ◐  ◐  ⌛ ⌛ – – ◐  ◐  ◐  ◐",
    "track": "●   ◐  ◐  ⌛ ⌛ – – –  ◐  ◐  ◐",
    "video": "⌛  ⌛◐ ⌛◐ ⌛ ⌛ – – ⌛ ◐  ◐  –",
    "alarm": "●   ◐  ◐  Σ  ⌛ Σ Σ ◐  ◐+ ◐+ ◐",
    "evidence": "⌛ ⌛◐ ⌛◐ ⌛ ⌛ – – –  ◐  ◐  ◐",
    "driver": "⌛  ⌛◐ –  –  ⌛ – – –  ◐  ◐  ◐",
    "audit": "●   ◐  –  –  –  – ◐ ◐  ◐  ◐  ◐",
    "session": "● ◐  ◐  –  –  – – ◐  ◐  ◐  –",
    "ledger": "●  ◐  ◐  –  –  – – ◐  ◐  ◐  –",
    "gateway": "●+ – –  –  –  – – –  –  –  –",
    "explanation": "● ◐ ◐ – –  – – ◐  ◐  ◐  –",
    "message": "● ◐  –  –  –  – – –  ◐  –  –",
    "trace": "●+ ◐+  –  –  –  – – –  –  –  –",
    "command": "●+ ◐+ ◐ –  –  – – –  ◐+ ◐+ –",
    "template": "●+ ◐+ – – –  – – ◐  –  –  –",
    "upgrade": "●+ ◐+ –  – –  – – ◐  –  –  –",
    "area": "●+ ◐+ ◐+ – –  – – –  ◐+ ◐+ –",
    "case_policy": "●+ ◐ ◐ – – –   – –  ◐  ◐  –",
    "roadside": "●+ ◐+ ◐+ – – – – – ◐  ◐  –",
    "grant": "● ◐  ◐  ◐  ◐  – – ◐  ◐  ◐  –",
    "talk": "●+ ◐+ ◐+ ⌛+ ⌛+ – – – ◐+ ◐+ –",
    "listen": "⌛ ⌛◐ ⌛◐ ⌛ ⌛ – – – ⌛◐ ⌛◐ –",
    "broadcast": "●+ ◐+ ◐+ ⌛+ – – – – ◐+ ◐+ –",
    "user": "– – – – – – – – – – –",
    "right": "– – – – – – – – – – –",
    "sign_in": "– – – – – – – – – – –",
}
TABLE = {kind: tuple(line.split()) for kind, line in ROWS.items()}
OF_VEHICLES = ("vehicle", "terminal", "operator", "organisation", "sim", "model")
"""Kinds that belong to the table's first row."""
PRIVATE = ("video", "evidence", "driver")
CALLS = ("talk", "listen", "broadcast")
GRANT_ROWS = {"track": "position", **dict.fromkeys(CALLS, "talk")}
"""The row that a request on a reason names, where it is another one."""
GOVERNMENT = ("province", "city", "county", "emergency", "police", "regulator")
INSPECTED = (*OF_VEHICLES, "position", "alarm", "case", "grant", "roadside")


def row_of(kind: str) -> str:
    """The table's row of a kind of data."""
    return "vehicle" if kind in OF_VEHICLES else {"multimedia": "evidence", "case": "alarm"}.get(kind, kind)


def manner(person: dict[str, Any], kind: str, act: str = "read") -> str:
    """How ``person`` may do ``act`` (read, export, write) to a kind; the three technical roles reach what is their
    organisation's."""
    role, row = person["role"], row_of(kind)
    if kind == "listen" and role in ("administrator", "duty"):
        return REASON_OWN
    if role == "administrator":
        return OWN
    if role == "duty":
        return NONE if row in ("user", "right", "sign_in", "audit") or (row == "grant" and act != "read") else (
            REASON_OWN if row in PRIVATE else OWN
        )  # fmt: skip
    if role == "viewer":
        shut = (*PRIVATE, *CALLS, "user", "right", "sign_in", "audit", "grant", "trace")
        return OWN if act == "read" and row not in shut else NONE
    if role == "inspector" and kind == "roadside" and act == "write":
        return OWN
    if role == "inspector":
        return OWN if act == "read" and kind in INSPECTED else NONE
    cell = TABLE[row][COLUMNS.index(role)]
    if act in ("write", "act") and not cell.endswith("+"):
        return NONE
    return cell.rstrip("+")


def family(world: World, root: int) -> set[int]:
    """An organisation that runs trucks and those below it."""
    found = {root}
    while (
        more := {
            key for key, row in world.organisations.items() if row["parent_id"] in found and row["kind"] in OPERATING
        }
        - found
    ):
        found |= more
    return found


def held(world: World, vehicle: dict[str, Any], what: str, at: int | None) -> int | None:
    """Operator, monitor, insurer, city or county of a truck: now, or at an instant (UTC ms)."""
    area = what in ("city", "county")
    for sort, before, until in world.spans.get(vehicle["id"], ()) if at is not None else ():
        if sort == ("area" if area else what) and at < until:
            if not area:
                return before
            return city_of(before) if what == "city" else before if before not in CITIES else None
    key: int | None = vehicle[what if area else f"{what}_id"]
    return key


def own_vehicle(world: World, person: dict[str, Any], vehicle: dict[str, Any], at: int | None = None) -> bool:
    """Whether a truck is (or was at an instant) of the person's own jurisdiction (reference supervision §2.1)."""
    kind, mine = person["kind"], person["organisation"]
    if kind == "driver":
        return bool(vehicle["id"] == person["vehicle"]) or drives(world, person, vehicle, at)
    if kind in ("province", "emergency", "police", "regulator"):
        return True
    if kind in ("city", "county"):
        return held(world, vehicle, kind, at) == person["area"]
    if kind in OPERATING:
        return held(world, vehicle, "operator", at) in family(world, mine)
    if kind == "vendor":
        # Devices are seen as they are now: who sold one looks after it wherever it sits.
        return any(t["vendor_id"] == mine and t["vehicle_id"] == vehicle["id"] for t in world.terminals.values())
    return held(world, vehicle, kind, at) == mine


def drives(world: World, person: dict[str, Any], vehicle: dict[str, Any], at: int | None) -> bool:
    """Whether a driver was at the wheel: his card was in the truck, or it was his and nobody's card was in it."""
    moment = now_ms() if at is None else at
    cards = [driver for key, driver, low, high in world.wheel if key == vehicle["id"] and low <= moment < high]
    if cards:
        return person["driver"] in cards
    return bool(vehicle["id"] == person["vehicle"]) and moment >= person["since"]


def granted(person: dict[str, Any], kind: str, key: int) -> bool:
    """Whether a grant in force names the truck; one for anything of a truck shows which truck it is."""
    row = row_of(kind)
    named: dict[str, set[int]] = person["granted"]
    return key in named.get(GRANT_ROWS.get(row, row), ()) or (
        row == "vehicle" and any(key in subjects for subjects in named.values())
    )


def reach(world: World, person: dict[str, Any], kind: str, act: str = "read") -> bool:
    """Whether the person gets any answer about the kind at all (a list, though it may be empty)."""
    way = manner(person, kind, act)
    if way in (REASON, REASON_OWN):
        row, named = row_of(kind), person["granted"]
        if row == "driver":
            return bool(person["granted_drivers"])
        return bool(named.get(GRANT_ROWS.get(row, row))) or (row == "vehicle" and any(named.values()))
    return way in (FULL, OWN)


def sees(
    world: World, person: dict[str, Any], kind: str, vehicle: dict[str, Any], at: int | None = None, act: str = "read"
) -> bool:
    """Whether the person sees the kind of data of a truck: of now, or what was recorded at ``at`` (UTC ms)."""
    way = manner(person, kind, act)
    if way == FULL:
        return True
    if way == OWN and person["kind"] == "driver" and kind not in OF_VEHICLES:
        return drives(world, person, vehicle, at)
    if way == OWN:
        return own_vehicle(world, person, vehicle, at)
    if way in (REASON, REASON_OWN):
        return granted(person, kind, vehicle["id"]) and (
            (way == REASON and person["kind"] in GOVERNMENT) or own_vehicle(world, person, vehicle, at)
        )
    return False


def sees_all(person: dict[str, Any], kind: str, act: str = "read") -> bool:
    """Whether nothing of the kind is hidden: rows that belong to no truck are seen too."""
    way = manner(person, kind, act)
    return way == FULL or (way == OWN and person["kind"] in ("province", "emergency", "police", "regulator"))


def sees_terminal(world: World, person: dict[str, Any], terminal: dict[str, Any], kind: str = "terminal") -> bool:
    """A terminal is seen with its truck; who sold it sees it without one too."""
    if sees_all(person, kind):
        return True
    if person["kind"] == "vendor":
        return manner(person, kind) == OWN and bool(terminal["vendor_id"] == person["organisation"])
    vehicle = world.vehicles.get(terminal["vehicle_id"] or 0)
    return vehicle is not None and sees(world, person, kind, vehicle)


def sees_operator(world: World, person: dict[str, Any], organisation: dict[str, Any]) -> bool:
    """An operator is seen by its authority, by itself and those above it, and by who sees one of its trucks."""
    if sees_all(person, "operator"):
        return True
    kind = person["kind"]
    if manner(person, "operator") == OWN and kind in ("city", "county"):
        return bool(organisation[kind] == person["area"])
    if manner(person, "operator") == OWN and kind in OPERATING:
        return organisation["id"] in family(world, person["organisation"])
    return any(
        v["operator_id"] == organisation["id"] and sees(world, person, "vehicle", v) for v in world.vehicles.values()
    )


def sees_driver(world: World, person: dict[str, Any], driver: dict[str, Any], act: str = "read") -> bool:
    """A driver is seen by the employer, by who watches its trucks, by himself, and on a reason."""
    kind, way = person["kind"], manner(person, "driver", act)
    if way in (NONE, COUNT):
        return False
    if kind == "driver":
        return bool(driver["id"] == person["driver"])
    if way in (REASON, REASON_OWN):
        if driver["id"] not in person["granted_drivers"]:
            return False
        if way == REASON and kind in GOVERNMENT:
            return True
    if kind in ("province", "emergency", "police", "regulator"):
        return True
    if kind in ("city", "county"):
        return bool(driver[kind] == person["area"])
    if kind in OPERATING:
        return driver["operator_id"] in family(world, person["organisation"])
    return driver["operator_id"] is not None and any(
        v["operator_id"] == driver["operator_id"] and own_vehicle(world, person, v) for v in world.vehicles.values()
    )


def answers_for(world: World, person: dict[str, Any], organisation: dict[str, Any]) -> bool:
    """Whether the accounts and acts of an organisation's people are the person's to see: an authority answers for the
    operators of its place and for itself, any other for itself and those below it."""
    kind, mine = person["kind"], person["organisation"]
    if kind in ("province", "emergency", "police", "regulator"):
        return True
    if kind == "driver":
        return False
    if kind in ("city", "county"):
        return bool(organisation[kind] == person["area"])
    if kind in OPERATING:
        return organisation["id"] in family(world, mine)
    return bool(organisation["id"] == mine)
