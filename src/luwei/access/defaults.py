"""The rights a new installation starts with: the table of reference supervision §2.2, and the platform beside it.

A cell is a manner, ``+`` where its holder may act, and ``:`` with what narrows it. An administrator's changes are kept
in the registry (``luwei.access.rights``); what nobody changed is read here, so that a later release can mend it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from luwei.access.kinds import (
    ACT,
    AGGREGATE,
    APPROVE,
    EXPORT,
    FULL,
    KINDS,
    NONE,
    OBJECT,
    OWN,
    READ,
    REASON,
    REASON_OWN,
    SUPERVISE,
    WRITE,
)
from luwei.registry.organisation import CITY, COUNTY, INSURER, MONITOR, OPERATING, PROVINCE, VENDOR
from luwei.registry.organisation import KINDS as ORGANISATION_KINDS


@dataclass(frozen=True, slots=True)
class Cell:
    """A right: in which manner, narrowed to what."""

    manner: str
    narrow: str = ""


Rights = MappingProxyType[tuple[str, str], Cell]
"""Right by (act, kind); what is absent is not allowed."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A role as shipped. ``organisation_kinds``: whose people may have it; none: it is a person's own (a driver)."""

    code: str
    zh: str
    en: str
    organisation_kinds: tuple[str, ...]
    landing: str
    approval: bool = False
    """A request on a recorded reason needs a second person's approval."""
    grant_minutes_max: int = 24 * 60
    require_totp: bool = False


_EVERY = tuple(ORGANISATION_KINDS)

SHIPPED = {
    role.code: role
    for role in (
        Shipped("province", "省级主管", "province transport", (PROVINCE,), "/monitor"),
        Shipped("city", "市级主管", "city", (CITY,), "/monitor"),
        Shipped("county", "县区镇街主管", "county or town", (COUNTY,), "/monitor"),
        Shipped("emergency", "应急管理", "emergency", ("emergency",), "/monitor", True, 8 * 60),
        Shipped("police", "公安交管", "police", ("police",), "/monitor", True, 8 * 60),
        Shipped("regulator", "保险监管", "insurance regulator", ("regulator",), "/install"),
        Shipped("insurer", "保险机构", "insurer", (INSURER,), "/install"),
        Shipped("vendor", "设备厂商", "vendor", (VENDOR,), "/install", False, 60),
        Shipped("monitor", "第三方监控", "third-party monitor", (MONITOR,), "/alarms"),
        Shipped("operator", "运输企业", "operator", OPERATING, "/alarms"),
        Shipped("driver", "驾驶员", "driver", (), "/me"),
        Shipped("inspector", "路检员", "roadside inspector", (PROVINCE, CITY, COUNTY, "police"), "/roadside"),
        Shipped("administrator", "系统管理员", "administrator", _EVERY, "/monitor"),
        Shipped("duty", "值班员", "duty officer", _EVERY, "/monitor"),
        Shipped("viewer", "只读用户", "viewer", _EVERY, "/monitor"),
    )
}

COLUMNS = (
    "province", "city", "county", "emergency", "police", "regulator", "insurer", "vendor", "monitor", "operator",
    "driver",
)  # fmt: skip

_SIGNS = {"F": FULL, "O": OWN, "A": AGGREGATE, "R": REASON, "Q": REASON_OWN, "-": NONE}

TABLE = {
    "vehicle": "F+ O+ O+ A R A:by_insurer O:masked O+ O:masked O O",
    "position": "F O O R R - - O:last_fix O O O",
    "video": "R Q Q R R - - R:install_test O O -",
    "alarm": "F O O A R A A:per_policy O:device_faults O+ O+ O",
    "evidence": "R Q Q R R - - - O O O",
    "driver": "R Q - - R - - - O:match_result O O",
    "score": "F+ O+ O F A A A:own_trucks O:own_service O O O",
    "upkeep": "F A - - - F O+ O+ - O -",
    "audit": "F O - - - - O O O O O:viewers",
}
"""§2.2 row by row; the columns are COLUMNS. Some cells say more than a sign, see ``_EXTRA``."""

_EXTRA = {
    ("emergency", SUPERVISE, "alarm"): Cell(AGGREGATE),  # Σ + 督办: orders go to who sees the rows
    ("driver", OBJECT, "alarm"): Cell(OWN),  # own, may object
    # of cases: who supervises verifies what others handled, and so may a second person of who handles
    ("province", APPROVE, "case"): Cell(FULL),
    ("city", APPROVE, "case"): Cell(OWN),
    ("county", APPROVE, "case"): Cell(OWN),
    ("monitor", APPROVE, "case"): Cell(OWN),
    ("operator", APPROVE, "case"): Cell(OWN),
    ("province", SUPERVISE, "case"): Cell(FULL),
    ("city", SUPERVISE, "case"): Cell(OWN),
    ("county", SUPERVISE, "case"): Cell(OWN),
    ("emergency", SUPERVISE, "case"): Cell(AGGREGATE),
    ("operator", OBJECT, "case"): Cell(OWN),
    ("driver", OBJECT, "case"): Cell(OWN),
    # of video: who sees the live picture may record it, turn the camera, fetch what lies in the terminal
    ("province", ACT, "video"): Cell(REASON),
    ("city", ACT, "video"): Cell(REASON_OWN),
    ("county", ACT, "video"): Cell(REASON_OWN),
    ("emergency", ACT, "video"): Cell(REASON),
    ("police", ACT, "video"): Cell(REASON),
    ("monitor", ACT, "video"): Cell(OWN),
    ("operator", ACT, "video"): Cell(OWN),
}

PLATFORM = {
    "talk": "F+ O+ O+ R+ R+ - - - O+ O+ -",
    "listen": "R Q Q R R - - - Q Q -",
    "broadcast": "F+ O+ O+ R+ - - - - O+ O+ -",
    "session": "F O O - - - - O O O -",
    "ledger": "F O O - - - - O O O -",
    "gateway": "F+ - - - - - - - - - -",
    "system": "F O O O O O O O O O O",
    "explanation": "F O O - - - - O O O -",
    "message": "F O - - - - - - O - -",
    "trace": "F+ O+ - - - - - - - - -",
    "command": "F+ O+ O - - - - - O+ O+ -",
    "template": "F+ O+ - - - - - O - - -",
    "upgrade": "F+ O+ - - - - - O - - -",
    "area": "F+ O+ O+ - - - - - O+ O+ -",
    "grant": "F O O O O - - O O O -",
    "case_policy": "F+ O O - - - - - O O -",
    "roadside": "F+ O+ O+ - - - - - O O -",
}
"""What §2.2 does not name. Link health (session, ledger) follows the vehicle row of those who keep devices running;
stored messages and traces show places and codes in raw bytes and stay with who supervises or watches a truck. To
call a driver is to act on him, which who supervises, watches or runs the truck may; to listen to a cab that does not
know of it takes a recorded reason of everybody, its own operator too. None of them is a right to look."""


def _cells(line: str) -> list[tuple[Cell, bool]]:
    found = []
    for text in line.split():
        sign, _, narrow = text.partition(":")
        found.append((Cell(_SIGNS[sign[0]], narrow), sign.endswith("+")))
    return found


def _shipped() -> dict[str, Rights]:
    rights: dict[str, dict[tuple[str, str], Cell]] = {code: {} for code in SHIPPED}
    for kind in KINDS.values():
        line = TABLE.get(kind.row) or PLATFORM.get(kind.code)
        if line is None:
            continue
        for role, (cell, may_act) in zip(COLUMNS, _cells(line), strict=True):
            if kind.code == "track" and cell.narrow == "last_fix":
                continue  # a last fix is no track
            if cell.manner == NONE:
                continue
            acts = [READ, EXPORT, *((WRITE, ACT) if may_act else ())]
            rights[role] |= {(act, kind.code): cell for act in acts if act in kind.acts}
    for (role, act, name), cell in _EXTRA.items():
        rights[role][act, name] = cell
    # Who supervises decides on the requests of others; never on an own one (``luwei.access.grants``).
    rights["province"][APPROVE, "grant"] = Cell(FULL)
    rights["city"][APPROVE, "grant"] = Cell(OWN)
    for code in (
        "vehicle",
        "terminal",
        "operator",
        "organisation",
        "sim",
        "model",
        "position",
        "alarm",
        "case",
        "system",
        "grant",
    ):
        rights["inspector"][READ, code] = Cell(OWN, "masked" if KINDS[code].row == "vehicle" else "")
    rights["inspector"] |= {(act, "roadside"): Cell(OWN) for act in (READ, WRITE)}
    rights |= {role: _technical(role) for role in ("administrator", "duty", "viewer")}
    return {role: MappingProxyType(cells) for role, cells in rights.items()}


_PRIVATE = ("video", "evidence", "driver")


def _technical(role: str) -> dict[tuple[str, str], Cell]:
    """The three roles for an organisation's own staff, whatever it is: they reach what is its own."""
    cells: dict[tuple[str, str], Cell] = {}
    for kind in KINDS.values():
        if role != "administrator" and (kind.row == "administration" or kind.code == "audit"):
            continue
        if role == "viewer" and (kind.row in (*_PRIVATE, "talk") or kind.code == "trace"):
            continue
        manner = REASON_OWN if kind.code == "listen" or (role == "duty" and kind.row in _PRIVATE) else OWN
        acts = (READ,) if role == "viewer" else kind.acts
        # Who only reads needs nobody's name or phone; who keeps the records does.
        narrow = "masked" if role == "viewer" and kind.row == "vehicle" else ""
        cells |= {(act, kind.code): Cell(manner, narrow) for act in acts}
    if role == "duty":
        cells[READ, "grant"] = Cell(OWN)
    return cells


DEFAULTS: dict[str, Rights] = _shipped()
"""Rights of every shipped role."""
