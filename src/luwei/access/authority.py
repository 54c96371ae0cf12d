"""Authority 权限: role × act × kind of data decides in which manner, and the manner decides over which rows.

The rights are data (``luwei.access.defaults``, ``luwei.access.rights``). What is not in them is not allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from luwei.access.identity import Granted, SignedIn
from luwei.access.kinds import (
    ACT,
    AGGREGATE,
    EXPORT,
    FULL,
    KINDS,
    OWN,
    READ,
    REASON,
    REASON_OWN,
    WRITE,
)
from luwei.registry.scope import WHOLE, Scope

__all__ = ["ACT", "EXPORT", "KINDS", "READ", "WRITE", "Forbidden", "authorize", "may"]

GOVERNMENT = frozenset({"province", "city", "county", "regulator", "emergency", "police"})
"""Kinds of organisation that may reach beyond their own rows on a recorded reason; a company never does."""


class Forbidden(PermissionError):
    """The user may not do this; ``code`` is what a program reads, ``rule`` says why in words for the person."""

    def __init__(self, act: str, kind: str, rule: str, code: str = "forbidden") -> None:
        super().__init__(f"{act} {kind}: {rule}")
        self.act = act
        self.kind = kind
        self.rule = rule
        self.code = code


def authorize(user: SignedIn, act: str, kind: str, *, aggregates: bool = False) -> Scope:
    """The scope in which ``user`` may do ``act`` to ``kind`` of data. Raises Forbidden.

    ``aggregates``: the caller answers with counts alone, so a right to aggregates is enough; the scope then says
    ``aggregate``. Links of gateways belong to no jurisdiction, so only who sees the whole province sees them.
    """
    if user.must_change_password:
        raise Forbidden(act, kind, "the password must be changed first", "password_change")
    if user.must_enrol_totp:
        raise Forbidden(act, kind, "the role wants a one-time code: enrol first", "totp_enrolment")
    if user.limits is not None and (act, kind) not in user.limits:
        raise Forbidden(act, kind, "the token does not allow it")
    cell = user.cells.get((act, kind))
    judge = _MANNERS.get(cell.manner) if cell is not None else None
    if cell is None or judge is None:
        raise Forbidden(act, kind, f"the role {user.role} does not allow it")
    scope = judge(user, act, kind, aggregates)
    if kind == "gateway" and not scope.whole:
        raise Forbidden(act, kind, "gateways are seen by users of the whole province only")
    return replace(scope, narrow=cell.narrow) if cell.narrow else scope


def may(user: SignedIn, act: str, kind: str, *, aggregates: bool = False) -> bool:
    """Whether ``authorize`` gives a scope."""
    try:
        authorize(user, act, kind, aggregates=aggregates)
    except Forbidden:
        return False
    return True


def _full(user: SignedIn, act: str, kind: str, aggregates: bool) -> Scope:
    return WHOLE


def _own(user: SignedIn, act: str, kind: str, aggregates: bool) -> Scope:
    # A truck that stands before an officer is his to check, whichever city registered it (reference supervision §2.1).
    if (act, kind) == (WRITE, "roadside") and user.organisation_kind in GOVERNMENT:
        return WHOLE
    # A driver keeps the record of the truck that is his, and learns who looked at it; where it is and what it shows is
    # for who drives it.
    return user.jurisdiction if KINDS[kind].row in ("vehicle", "audit") else user.jurisdiction.driving


def _aggregate(user: SignedIn, act: str, kind: str, aggregates: bool) -> Scope:
    if not aggregates:
        raise Forbidden(act, kind, "the role sees counts only, no single rows", "aggregates_only")
    return replace(user.jurisdiction, aggregate=True)


def _reason(user: SignedIn, act: str, kind: str, aggregates: bool) -> Scope:
    scope = _granted(user, act, kind)
    return scope if user.organisation_kind in GOVERNMENT else scope.within(user.jurisdiction)


def _reason_own(user: SignedIn, act: str, kind: str, aggregates: bool) -> Scope:
    return _granted(user, act, kind).within(user.jurisdiction)


def _granted(user: SignedIn, act: str, kind: str) -> Scope:
    row, now = KINDS[kind].row, time.time_ns() // 1_000_000
    held = [grant for grant in user.grants if now < grant.to_at and _opens(grant, row)]
    if not held:
        raise Forbidden(act, kind, "a recorded reason is needed: ask for a grant first", "reason_required")
    subjects = frozenset().union(*(grant.subjects for grant in held))
    drivers = row == "driver"
    return Scope(
        vehicles=frozenset() if drivers else subjects,
        drivers=subjects if drivers else frozenset(),
        grants=tuple(sorted(grant.id for grant in held)),
        reason="; ".join(dict.fromkeys(grant.reason for grant in held))[:500],
    )


def _opens(grant: Granted, row: str) -> bool:
    return grant.row == row or (row == "vehicle" and grant.row != "driver")


_MANNERS: dict[str, Callable[[SignedIn, str, str, bool], Scope]] = {
    FULL: _full,
    OWN: _own,
    AGGREGATE: _aggregate,
    REASON: _reason,
    REASON_OWN: _reason_own,
}
