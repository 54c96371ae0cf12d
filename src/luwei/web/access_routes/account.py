"""What an account is told of itself: who it is, what it may, which pages of the console that opens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine

from luwei.access import SignedIn, rights
from luwei.access.defaults import Cell
from luwei.access.kinds import AGGREGATE, READ
from luwei.registry.engine import read

PAGES = (
    ("monitor", ("position",)),
    ("alarms", ("alarm",)),
    ("oversight", ("case",)),
    ("video", ("video",)),
    ("evidence", ("evidence",)),
    ("track", ("track",)),
    ("install", ("upkeep",)),
    ("quality", ("vehicle",)),
    ("roadside", ("roadside",)),
    ("commands", ("command",)),
    ("access", ("session", "ledger")),
    ("explain", ("explanation",)),
    ("assets", ("vehicle", "terminal", "driver", "organisation")),
    ("system", ("user", "right", "sign_in", "grant", "audit")),
)
"""Pages of the console (reference console §7) with the kinds of which any opens them. A right on a recorded reason
opens the page too, for that is where the request is made; one to aggregates opens only what shows counts."""

COUNTS = {
    "monitor": ("vehicle",), "oversight": ("case",), "install": ("upkeep", "vehicle"), "quality": ("vehicle",),
}  # fmt: skip
"""Pages that also make sense to who sees aggregates of these kinds."""

OWN = "/me"
"""Everybody's own page, which no right opens."""

INSPECTOR = "inspector"
"""Its only page is the one for the phone at the roadside."""


class AccountOrganisation(msgspec.Struct):
    """Whose person it is."""

    id: int
    kind: str
    name: str


class Account(msgspec.Struct):
    """The person who is logged in; ``city``, ``county`` and ``operator_id`` are the organisation's, null where there
    is none. Times in UTC ms."""

    id: int
    username: str
    display_name: str
    role: str
    role_zh: str
    role_en: str
    organisation: AccountOrganisation | None
    city: int | None
    county: int | None
    operator_id: int | None
    must_change_password: bool
    must_enrol_totp: bool
    totp: bool
    password_expires_at: int | None
    proved_until: int


class Right(msgspec.Struct):
    """One right: the act on the kind, in which manner, narrowed to what."""

    kind: str
    act: str
    manner: str
    narrow: str


class HeldGrant(msgspec.Struct):
    """A grant on a recorded reason that is in force."""

    id: int
    kind: str
    subjects: list[int]
    to_at: int
    reason: str


class Me(msgspec.Struct):
    """``{"user": …}`` with everything the console's menu is made of."""

    user: Account
    rights: list[Right]
    pages: list[str]
    landing: str
    grants: list[HeldGrant]


def me_of(engine: Engine, user: SignedIn) -> Me:
    """What ``user`` is told; reads the names of the role."""
    with read(engine) as connection:
        role = rights.book(engine, connection).roles[user.role]
    held = dict(user.cells)
    if user.limits is not None:
        held = {key: cell for key, cell in held.items() if key in user.limits}
    opened = pages_of(held, role.like)
    there = role.landing == OWN or role.landing.strip("/") in opened
    landing = role.landing if there else f"/{opened[0]}" if opened else OWN
    organisation = None
    if user.organisation_id is not None:
        organisation = AccountOrganisation(user.organisation_id, user.organisation_kind, user.organisation_name)
    return Me(
        Account(
            user.user_id, user.username, user.display_name, user.role, role.zh, role.en, organisation, user.city,
            user.county, user.operator_id, user.must_change_password, user.must_enrol_totp, user.totp,
            user.password_expires_at, user.proved_at + user.proof_ms,
        ),
        [Right(kind, act, cell.manner, cell.narrow) for (act, kind), cell in sorted(held.items())],
        opened,
        landing,
        [HeldGrant(each.id, each.row, sorted(each.subjects), each.to_at, each.reason) for each in user.grants],
    )  # fmt: skip


def pages_of(held: Mapping[tuple[str, str], Cell], like: str) -> list[str]:
    """The pages that rights open, in the order of the menu."""
    if like == INSPECTOR:
        return ["roadside"]
    manners = {kind: cell.manner for (act, kind), cell in held.items() if act == READ}
    rows = {kind for kind, manner in manners.items() if manner != AGGREGATE}
    return [
        page
        for page, kinds in PAGES
        if any(kind in rows for kind in kinds) or any(manners.get(kind) == AGGREGATE for kind in COUNTS.get(page, ()))
    ]
