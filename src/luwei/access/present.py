"""From a user's id to a ``SignedIn``: the account, its organisation, its role's rights and grants, as they are now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from luwei.access import grant, place
from luwei.access.identity import SignedIn
from luwei.access.rights import Book, RoleView, book
from luwei.access.totp import Totp
from luwei.access.user import User
from luwei.registry.organisation import OPERATING, Organisation

DAY_MS = 86_400_000
_CHINA = timedelta(hours=8)

_ACCOUNT = (
    select(
        User.id, User.username, User.display_name, User.role, User.must_change_password, User.password_set_at,
        User.vehicle_id, User.driver_id, User.created_at,
        Organisation.id.label("organisation_id"), Organisation.kind, Organisation.name, Organisation.area,
        Organisation.city, Organisation.county, Organisation.valid_from, Organisation.valid_to,
        Organisation.disabled_at.label("organisation_disabled_at"), Totp.confirmed_at,
    )
    .outerjoin(Organisation, Organisation.id == User.organisation_id)
    .outerjoin(Totp, Totp.user_id == User.id)
    .where(User.disabled_at.is_(None))
)  # fmt: skip


def signed_in(
    engine: Engine,
    connection: Connection,
    user_id: int,
    now: int,
    address: str | None = None,
    by_password: bool = True,
    **session: Any,
) -> SignedIn | None:
    """The user; None where the account is disabled, its organisation is closed, or its role does not take ``address``.

    ``session``: the fields of ``SignedIn`` that come from the session or token. ``address`` None is not asked.
    ``by_password``: an age or a change of the password concerns this person; not who came by the identity provider.
    """
    row = connection.execute(_ACCOUNT.where(User.id == user_id)).one_or_none()
    if row is None:
        return None
    found = book(engine, connection)
    role = found.roles.get(row.role)
    if role is None or (address is not None and not role.allows_address(address)):
        return None
    today = (datetime.fromtimestamp(now / 1000, UTC) + _CHINA).date()
    if row.organisation_id is not None and not place.at_work(
        row.valid_from, row.valid_to, row.organisation_disabled_at, today
    ):
        return None
    expires_at = password_end(found, row.password_set_at)
    city, county, operator_id = _whose(row)
    return SignedIn(
        row.id, row.username, row.display_name, row.role, city, county, operator_id,
        must_change_password=by_password
        and (row.must_change_password or (expires_at is not None and now >= expires_at)),
        organisation_id=row.organisation_id,
        organisation_kind=row.kind or "",
        organisation_name=row.name or "",
        place=_place(connection, row, role, now),
        rights=found.rights[row.role],
        grants=grant.held(connection, row.id, now),
        must_enrol_totp=role.require_totp and row.confirmed_at is None,
        totp=row.confirmed_at is not None,
        proof_ms=found.rules.proof_minutes * 60_000,
        password_expires_at=expires_at,
        **session,
    )  # fmt: skip


def password_end(found: Book, set_at: int) -> int | None:
    """When a password set at ``set_at`` must be changed (UTC ms); None where it does not age."""
    days = found.rules.password_max_age_days
    return set_at + days * DAY_MS if days else None


def _place(connection: Connection, row: Any, role: RoleView, now: int) -> Any:
    if not role.organisation_kinds:
        return place.person(connection, row.id, row.vehicle_id, row.driver_id, row.created_at, now)
    return place.place_of(connection, row.organisation_id, row.kind, row.area, row.city, row.county)


def _whose(row: Any) -> tuple[int | None, int | None, int | None]:
    """City, county and operator of the organisation, as the console shows them."""
    operator_id = row.organisation_id if row.kind in OPERATING else None
    return row.city, row.county, operator_id
