"""Rules of signing in that an administrator sets: password age and reuse, ends of sessions, proofs, waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, Engine, delete, insert, select

from luwei.access.revision import touch
from luwei.access.role import AccessSetting
from luwei.registry.audit import Actor, changes, record
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError


@dataclass(frozen=True, slots=True)
class SignInRules:
    """Every rule with the value it is shipped with."""

    password_min_length: int = 10
    password_max_age_days: int = 0
    """0: a password does not age."""
    password_former: int = 3
    """So many passwords, the present one included, may not be chosen again."""
    one_time_hours: int = 72
    """A one-time password that nobody signed in with opens nothing after so long."""
    idle_minutes: int = 12 * 60
    """A session ends so long after its last request: a whole shift without a new login."""
    lifetime_hours: int = 7 * 24
    proof_minutes: int = 15
    """A risky act needs a proof of identity that is not older."""
    token_days_max: int = 365
    failures_free: int = 4
    """Failed attempts of one name without a wait."""
    longest_wait_s: int = 300

    def one_time_end(self, handed_out_at: int | None) -> int | None:
        """When a one-time password handed out then ends (UTC ms); None for a password of one's own."""
        return None if handed_out_at is None else handed_out_at + self.one_time_hours * 3_600_000


BOUNDS = {
    "password_min_length": (10, 64),
    "password_max_age_days": (0, 3_650),
    "password_former": (1, 24),
    "one_time_hours": (1, 30 * 24),
    "idle_minutes": (5, 7 * 24 * 60),
    "lifetime_hours": (1, 90 * 24),
    "proof_minutes": (1, 12 * 60),
    "token_days_max": (1, 3_650),
    "failures_free": (1, 20),
    "longest_wait_s": (30, 86_400),
}
"""Least and greatest value of each rule."""


def load(connection: Connection) -> SignInRules:
    """The rules in force."""
    rows = connection.execute(select(AccessSetting.name, AccessSetting.value))
    return replace(SignInRules(), **{row.name: row.value for row in rows if row.name in BOUNDS})


def rules(engine: Engine) -> SignInRules:
    """As ``load``, in a transaction of its own."""
    with read(engine) as connection:
        return load(connection)


def change(engine: Engine, given: Mapping[str, object], actor: Actor) -> SignInRules:
    """Set the given rules. Raises RegistryError naming the rule and its bounds."""
    for name, value in given.items():
        if name not in BOUNDS:
            raise RegistryError(name, "is not a rule that can be set", value)
        low, high = BOUNDS[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RegistryError(name, f"must be a whole number from {low} to {high}", value)
    with write(engine) as connection:
        before = asdict(load(connection))
        differs = changes(before, given)
        if differs:
            connection.execute(delete(AccessSetting).where(AccessSetting.name.in_(differs)))
            connection.execute(
                insert(AccessSetting), [{"name": name, "value": new} for name, (_, new) in differs.items()]
            )
            touch(connection)
            record(connection, actor, "sign_in.change", detail=differs)
        return load(connection)
