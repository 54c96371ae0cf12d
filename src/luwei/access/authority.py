"""Authority 权限: role × act × kind of data decides whether, the user's jurisdiction decides over which rows.

The table is the whole rule. A role that is not in it may do nothing.
"""

from __future__ import annotations

from luwei.access.identity import SignedIn
from luwei.registry.scope import Scope

READ, EXPORT, WRITE, ACT = "read", "export", "write", "act"
"""To act is to have a terminal or a gateway do something; what is kept does not change."""

KINDS = frozenset(
    {
        "vehicle", "terminal", "operator", "position", "track", "session", "ledger", "gateway", "system",
        "explanation", "message", "trace", "command", "template", "upgrade",
        "organisation", "driver", "sim", "model", "multimedia", "area", "evidence",
    }
)  # fmt: skip
"""Kinds of data that people reach through the web."""

REGISTRY_KINDS = frozenset({"vehicle", "terminal", "operator", "organisation", "driver", "sim", "model"})

ACT_KINDS = frozenset({"trace"})

_DUTY = {
    READ: KINDS,
    EXPORT: KINDS,
    WRITE: REGISTRY_KINDS | {"command", "template", "upgrade", "area", "evidence"},
    ACT: ACT_KINDS,
}

ROLES: dict[str, dict[str, frozenset[str]]] = {
    "administrator": _DUTY,
    "duty": _DUTY,
    "viewer": {READ: KINDS - {"trace"}},
}


class Forbidden(PermissionError):
    """The user may not do this; ``rule`` says why in words for the person."""

    def __init__(self, act: str, kind: str, rule: str) -> None:
        super().__init__(f"{act} {kind}: {rule}")
        self.act = act
        self.kind = kind
        self.rule = rule


def authorize(user: SignedIn, act: str, kind: str) -> Scope:
    """The scope in which ``user`` may do ``act`` (READ, EXPORT, WRITE or ACT) to ``kind`` of data. Raises Forbidden.

    Links of gateways belong to no jurisdiction, so a user with limits does not see kind ``gateway``.
    """
    if user.must_change_password:
        raise Forbidden(act, kind, "the password must be changed first")
    if kind not in ROLES.get(user.role, {}).get(act, frozenset()):
        raise Forbidden(act, kind, f"the role {user.role} does not allow it")
    scope = Scope(
        *(None if limit is None else frozenset({limit}) for limit in (user.city, user.county, user.operator_id))
    )
    if kind == "gateway" and not scope.whole:
        raise Forbidden(act, kind, "gateways are seen by users of the whole province only")
    return scope
