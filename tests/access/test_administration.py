"""Accounts, roles, rights and grants: who may hand out what, who decides on whom, what ends when."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from luwei.access import Forbidden, SignedIn, api_token, authorize, grants, rights, sign_in_rules, users, web_session
from luwei.access import password as passwords
from luwei.access.api_token import TokenRight
from luwei.access.defaults import DEFAULTS, SHIPPED
from luwei.access.rights import Change
from luwei.access.users import UserFilter
from luwei.access.web_session import find_session, find_token, open_session
from luwei.registry import drivers, noun, organisations, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope

SHENZHEN, GUANGZHOU = 440300, 440100
HERE = "10.1.2.3"


@pytest.fixture
def engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Two companies in Shenzhen and Guangzhou with a truck each, an insurer, a police bureau, the authorities."""
    from argon2 import PasswordHasher

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    organisations.ensure_authorities(engine)
    for kind, name, city in (
        ("operator", "深远", SHENZHEN), ("operator", "穗通", GUANGZHOU), ("insurer", "平安", None),
        ("police", "深圳交警", SHENZHEN),
    ):  # fmt: skip
        organisations.create(engine, {"kind": kind, "name": name, "city": city}, SYSTEM, WHOLE)
    for plate, city, operator in (("粤B12345", SHENZHEN, "深远"), ("粤A12345", GUANGZHOU, "穗通")):
        given = {"plate": plate, "plate_color": 2, "city": city, "operator_id": organisation(engine, operator)}
        vehicles.create(engine, given, SYSTEM, WHOLE)
    return engine


def organisation(engine: Engine, name: str) -> int:
    with read(engine) as connection:
        return int(connection.execute(text("SELECT id FROM organisation WHERE name = :n"), {"n": name}).scalar_one())


def person(engine: Engine, username: str, role: str = "administrator", **whose: Any) -> SignedIn:
    """A signed-in user of a new account."""
    users.create_user(engine, username, username, "a-Long-passphrase-77", role, **whose)
    return again(engine, username)


def again(engine: Engine, username: str) -> SignedIn:
    with write(engine) as connection:
        key = connection.execute(text("SELECT id FROM user_account WHERE username = :n"), {"n": username}).scalar_one()
        token = open_session(connection, key, HERE, "test")
    user = find_session(engine, token, address=HERE)
    assert user is not None
    return user


def new(engine: Engine, by: SignedIn, username: str, role: str, **whose: Any) -> str:
    return users.create_user(engine, username, username, role=role, actor=by.actor(HERE), by=by, **whose)


# -- jurisdiction ------------------------------------------------------------------------------------------------------


def test_the_organisation_is_the_jurisdiction(engine: Engine) -> None:
    scopes = {
        "boss": ({"role": "province"}, Scope()),
        "sz": ({"role": "city", "city": SHENZHEN}, Scope(cities=frozenset({SHENZHEN}))),
        "ft": ({"role": "county", "county": 440304}, Scope(counties=frozenset({440304}))),
        "op": (
            {"role": "operator", "organisation_id": organisation(engine, "深远")},
            Scope(operators=frozenset({organisation(engine, "深远")})),
        ),
        "ins": (
            {"role": "insurer", "organisation_id": organisation(engine, "平安")},
            Scope(insurers=frozenset({organisation(engine, "平安")})),
        ),
        "cab": ({"role": "driver", "vehicle_id": 1}, Scope(vehicles=frozenset({1}), drivers=frozenset())),
    }
    for name, (whose, scope) in scopes.items():
        assert authorize(person(engine, name, **whose), "read", "vehicle").limits == scope.limits, name


def test_the_province_hands_out_every_shipped_role_and_a_city_not_those_beyond_it(engine: Engine) -> None:
    """Whatever kinds of data there are: who administers the province can open an account of each role."""
    chief, city = person(engine, "boss"), person(engine, "sz", city=SHENZHEN)
    for code in SHIPPED:
        rights.require_no_more(chief, DEFAULTS[code])
    for code, beyond in (("city", False), ("operator", False), ("province", True), ("police", True)):
        with pytest.raises(RegistryError) if beyond else contextlib.nullcontext():
            rights.require_no_more(city, DEFAULTS[code])


def test_a_company_sees_its_fleets_and_an_insurer_its_branches(engine: Engine) -> None:
    above = organisation(engine, "深远")
    fleet = organisations.create(engine, {"kind": "fleet", "name": "一队", "parent_id": above}, SYSTEM, WHOLE)
    assert person(engine, "op", "operator", organisation_id=above).jurisdiction.operators == {above, fleet}
    assert person(engine, "one", "operator", organisation_id=fleet).jurisdiction.operators == {fleet}


def test_people_of_a_closed_organisation_are_out_at_once(engine: Engine) -> None:
    key = organisation(engine, "深远")
    users.create_user(engine, "op", "op", "a-Long-passphrase-77", "operator", organisation_id=key)
    with write(engine) as connection:
        token = open_session(connection, 1, HERE, "test")
    assert find_session(engine, token) is not None
    organisations.change(engine, key, {"valid_to": "2020-01-01"}, SYSTEM, WHOLE)
    assert find_session(engine, token) is None
    organisations.change(engine, key, {"valid_to": None, "disabled": True}, SYSTEM, WHOLE)
    assert find_session(engine, token) is None


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_an_administrator_of_a_city_administers_that_city(engine: Engine) -> None:
    root, city = person(engine, "root"), person(engine, "sz-admin", city=SHENZHEN)
    new(engine, city, "op1", "operator", organisation_id=organisation(engine, "深远"))
    with pytest.raises(RegistryError, match="your jurisdiction"):
        new(engine, city, "op2", "operator", organisation_id=organisation(engine, "穗通"))
    with pytest.raises(RegistryError, match="beyond your own rights"):
        # A police officer's reason reaches beyond the city, as nobody of the city does.
        new(engine, city, "cop", "police", organisation_id=organisation(engine, "深圳交警"))
    new(engine, root, "op3", "operator", organisation_id=organisation(engine, "穗通"))
    scope = authorize(city, "read", "user")
    assert [view.username for view in users.page(engine, scope).items] == ["op1", "sz-admin"]
    with pytest.raises(NotFound):
        users.one(engine, users.named(engine, "op3", WHOLE).id, scope)
    with pytest.raises(NotFound):
        users.reset_password(engine, "op3", city.actor(HERE), city, authorize(city, "write", "user"))


def test_a_role_is_for_people_of_its_organisations(engine: Engine) -> None:
    root = person(engine, "root")
    with pytest.raises(RegistryError, match="is for people of"):
        new(engine, root, "x1", "police", organisation_id=organisation(engine, "深远"))
    with pytest.raises(RegistryError, match="must be given"):
        new(engine, root, "x2", "city")
    new(engine, root, "x3", "driver", vehicle_id=1)
    assert users.named(engine, "x3", WHOLE).organisation is None


def test_nobody_takes_over_an_account_with_more_rights(engine: Engine) -> None:
    person(engine, "root")
    city = person(engine, "sz-admin", city=SHENZHEN)
    with pytest.raises(NotFound):
        users.reset_password(engine, "root", city.actor(HERE), city, authorize(city, "write", "user"))
    boss = person(engine, "boss", "province", city=None)
    with pytest.raises(Forbidden):
        authorize(boss, "write", "user")


def test_the_last_administrator_stays(engine: Engine) -> None:
    root = person(engine, "root")
    scope, actor = authorize(root, "write", "user"), root.actor(HERE)
    with pytest.raises(RegistryError, match="one active account"):
        users.disable_user(engine, "root", actor, root, scope)
    with pytest.raises(RegistryError, match="one active account"):
        users.change_user(engine, root.user_id, {"role": "viewer"}, root, scope, actor)
    person(engine, "second")
    users.disable_user(engine, "root", actor, root, scope)
    assert users.named(engine, "root", WHOLE).disabled_at is not None


def test_a_change_of_role_ends_the_sessions(engine: Engine) -> None:
    root, other = person(engine, "root"), person(engine, "other", "duty")
    assert web_session.sessions(engine, other.user_id)
    users.change_user(engine, other.user_id, {"role": "viewer"}, root, WHOLE, root.actor(HERE))
    assert web_session.sessions(engine, other.user_id) == []


def test_accounts_are_found_by_name_role_and_state(engine: Engine) -> None:
    person(engine, "root")
    person(engine, "zhang.san", "duty")
    assert [v.username for v in users.page(engine, WHOLE, UserFilter(q="ZHANG")).items] == ["zhang.san"]
    assert [v.username for v in users.page(engine, WHOLE, UserFilter(role="duty")).items] == ["zhang.san"]
    assert users.page(engine, WHOLE, UserFilter(disabled=True)).total == 0
    for hostile in ("%", "_", "' OR 1=1 --", "\\"):
        assert users.page(engine, WHOLE, UserFilter(q=hostile)).total == 0


# -- rights ------------------------------------------------------------------------------------------------------------


def test_a_changed_cell_holds_at_once_and_is_a_version(engine: Engine) -> None:
    root, viewer = person(engine, "root"), person(engine, "viewer", "viewer")
    assert authorize(viewer, "read", "ledger")
    first = rights.change(engine, root, 0, "台账不外看", [Change("viewer", "ledger", "read", "none")], root.actor(HERE))
    with pytest.raises(Forbidden):
        authorize(again(engine, "viewer"), "read", "ledger")
    with pytest.raises(Conflict):
        rights.change(engine, root, 0, "旧版本", [Change("viewer", "ledger", "read", "own")], root.actor(HERE))
    rights.change(engine, root, first, "恢复", [Change("viewer", "ledger", "read", "own")], root.actor(HERE))
    assert authorize(again(engine, "viewer"), "read", "ledger")
    told = rights.versions(engine).items
    assert [(each.reason, each.changes[0]["before"], each.changes[0]["after"]) for each in told] == [
        ("恢复", "none", "own"), ("台账不外看", "own", "none"),
    ]  # fmt: skip
    with read(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM role_right")).scalar() == 0  # back as shipped
        acts = connection.execute(text("SELECT detail FROM audit_entry WHERE act = 'right.change'")).scalars().all()
    assert json.loads(acts[0])["changes"][0]["kind"] == "ledger"


@pytest.mark.parametrize(
    ("change", "field"),
    [(Change("nobody", "ledger", "read", "own"), "role"), (Change("viewer", "secret", "read", "own"), "kind"),
     (Change("viewer", "ledger", "write", "own"), "kind"), (Change("viewer", "ledger", "read", "all"), "manner")],
)  # fmt: skip
def test_an_unknown_cell_is_refused(engine: Engine, change: Change, field: str) -> None:
    root = person(engine, "root")
    with pytest.raises(RegistryError) as caught:
        rights.change(engine, root, 0, "测试", [change], root.actor(HERE))
    assert caught.value.field == field


def test_nobody_locks_everybody_out(engine: Engine) -> None:
    root = person(engine, "root")
    with pytest.raises(RegistryError, match="one active account"):
        rights.change(engine, root, 0, "失误", [Change("administrator", "right", "write", "none")], root.actor(HERE))


def test_nobody_hands_out_more_than_he_has(engine: Engine) -> None:
    root = person(engine, "root")
    version = rights.change(
        engine, root, 0, "管理员不看车内画面",
        [Change("administrator", "evidence", "read", "reason")], root.actor(HERE),
    )  # fmt: skip
    less = again(engine, "root")
    with pytest.raises(RegistryError, match="no such right"):
        rights.change(engine, less, version, "绕过", [Change("viewer", "evidence", "read", "own")], less.actor(HERE))
    rights.change(engine, less, version, "可", [Change("viewer", "evidence", "read", "reason+own")], less.actor(HERE))


def test_a_role_of_ones_own_has_its_models_rights(engine: Engine) -> None:
    root = person(engine, "root")
    rights.change(engine, root, 0, "少", [Change("duty", "trace", "read", "none")], root.actor(HERE))
    asked = {"require_totp": False, "approval": True, "address_ranges": ["10.0.0.0/8"], "grant_minutes_max": 30}
    rights.change_role(engine, root, "duty", asked, root.actor(HERE))
    made = rights.add_role(engine, root, "night", "夜班", "night shift", "duty", root.actor(HERE))
    # What an administrator wants of a role is not shed by a copy of it.
    assert (made.approval, made.address_ranges, made.grant_minutes_max) == (True, ("10.0.0.0/8",), 30)
    night = person(engine, "owl", "night")
    assert authorize(night, "write", "vehicle") == Scope()
    with pytest.raises(Forbidden):
        authorize(night, "read", "trace")
    with pytest.raises(RegistryError, match="accounts have"):
        rights.remove_role(engine, root, "night", root.actor(HERE))
    with pytest.raises(RegistryError, match="shipped"):
        rights.remove_role(engine, root, "duty", root.actor(HERE))


def test_a_role_is_bound_to_its_addresses(engine: Engine) -> None:
    root = person(engine, "root")
    with pytest.raises(RegistryError, match="your own address"):
        rights.change_role(engine, root, "administrator", {"address_ranges": ["192.168.0.0/16"]}, root.actor(HERE))
    given = {"address_ranges": ["10.1.0.0/16", "fd00::/8"]}
    assert rights.change_role(engine, root, "administrator", given, root.actor(HERE)).allows_address("fd00::5")
    with write(engine) as connection:
        token = open_session(connection, root.user_id, HERE, "test")
    assert find_session(engine, token, address="10.1.9.9") is not None
    for address in ("10.2.0.1", "::1", "", "testclient"):
        assert find_session(engine, token, address=address) is None
    for wrong in (["10.0.0.0/33"], ["x"], "10.0.0.0/8", [1.5]):
        with pytest.raises(RegistryError):
            rights.change_role(engine, root, "duty", {"address_ranges": wrong}, root.actor(HERE))


def test_a_role_that_wants_one_time_codes_opens_nothing_before(engine: Engine) -> None:
    root = person(engine, "root")
    rights.change_role(engine, root, "duty", {"require_totp": True}, root.actor(HERE))
    officer = person(engine, "officer", "duty")
    with pytest.raises(Forbidden) as caught:
        authorize(officer, "read", "vehicle")
    assert caught.value.code == "totp_enrolment"


def test_rules_of_signing_in_have_bounds_and_hold(engine: Engine) -> None:
    root = person(engine, "root")
    for given in ({"idle_minutes": 0}, {"idle_minutes": "5"}, {"nonsense": 1}, {"proof_minutes": True}):
        with pytest.raises(RegistryError):
            sign_in_rules.change(engine, given, root.actor(HERE))
    sign_in_rules.change(engine, {"password_max_age_days": 90, "password_min_length": 14}, root.actor(HERE))
    with write(engine) as connection:
        connection.execute(text("UPDATE user_account SET password_set_at = 1"))
    assert again(engine, "root").must_change_password
    with pytest.raises(RegistryError, match="at least 14"):
        users.create_user(engine, "short", "short", "only-12-long")


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_token_opens_its_rights_until_its_end_and_is_stored_as_a_hash(engine: Engine) -> None:
    root = person(engine, "root")
    token, view = api_token.create(engine, root, "报表", 30, [TokenRight("vehicle", "read")], 365, root.actor(HERE))
    assert token.startswith(f"{view.prefix}_") and len(token) > 50
    user = find_token(engine, token, HERE)
    assert user is not None and authorize(user, "read", "vehicle") == Scope()
    for act, kind in (("write", "vehicle"), ("read", "track"), ("read", "user")):
        with pytest.raises(Forbidden):
            authorize(user, act, kind)
    assert not user.proved()
    with read(engine) as connection:
        stored = str(connection.execute(text("SELECT * FROM api_token")).all())
    assert token not in stored and view.prefix in stored
    assert find_token(engine, token, HERE, now_ms() + 31 * 86_400_000) is None
    assert api_token.tokens(engine, root.user_id)[0].last_address == HERE
    api_token.revoke(engine, root.user_id, view.id, root.actor(HERE))
    assert find_token(engine, token, HERE) is None and api_token.tokens(engine, root.user_id) == []
    for forged in ("", "lw_", view.prefix, f"{view.prefix}_x", "x" * 200, "lw_粤", token[:-1]):
        assert find_token(engine, forged, HERE) is None


def test_a_token_never_has_more_than_its_owner(engine: Engine) -> None:
    viewer = person(engine, "viewer", "viewer")
    for right in (TokenRight("vehicle", "write"), TokenRight("user", "read"), TokenRight("x", "read")):
        with pytest.raises(RegistryError):
            api_token.create(engine, viewer, "x", 1, [right], 365, viewer.actor(HERE))
    token, _ = api_token.create(engine, viewer, "x", 1, [TokenRight("ledger", "read")], 365, viewer.actor(HERE))
    root = person(engine, "root")
    rights.change(engine, root, 0, "收回", [Change("viewer", "ledger", "read", "none")], root.actor(HERE))
    user = find_token(engine, token, HERE)
    assert user is not None
    with pytest.raises(Forbidden):
        authorize(user, "read", "ledger")


# -- grants ------------------------------------------------------------------------------------------------------------


def police(engine: Engine) -> SignedIn:
    return person(engine, "officer", "police", organisation_id=organisation(engine, "深圳交警"))


def ask(engine: Engine, user: SignedIn, row: str = "position", ids: Any = (1,), minutes: int = 60, **more: Any) -> int:
    return grants.request(engine, user, row, "肇事逃逸调查", "深公交〔2026〕17", ids, minutes, user.actor(HERE), **more)


def test_a_grant_wants_a_second_person_opens_and_ends(engine: Engine) -> None:
    officer, boss = police(engine), person(engine, "boss", "province")
    with pytest.raises(Forbidden) as caught:
        authorize(officer, "read", "position")
    assert caught.value.code == "reason_required"
    key = ask(engine, officer)
    assert grants.one(engine, officer, None, key).state == "requested"
    with pytest.raises(Forbidden):
        authorize(again(engine, "officer"), "read", "position")
    with pytest.raises(RegistryError, match="second person"):
        grants.decide(engine, officer, WHOLE, key, True, "", officer.actor(HERE))
    with pytest.raises(RegistryError, match="why"):
        grants.decide(engine, boss, WHOLE, key, False, " ", boss.actor(HERE))
    grants.decide(engine, boss, WHOLE, key, True, "", boss.actor(HERE))
    held = again(engine, "officer")
    assert authorize(held, "read", "position").vehicles == {1} == authorize(held, "read", "vehicle").vehicles
    assert "深公交〔2026〕17" in held.actor(HERE, authorize(held, "read", "track")).reason
    with pytest.raises(Conflict):
        grants.decide(engine, boss, WHOLE, key, False, "晚了", boss.actor(HERE))
    grants.end(engine, officer, None, key, officer.actor(HERE))
    with pytest.raises(Forbidden):
        authorize(again(engine, "officer"), "read", "position")
    with read(engine) as connection:
        rows = connection.execute(
            text("SELECT act, vehicle_id FROM audit_entry WHERE noun = 'grant' ORDER BY id")
        ).all()
    assert [tuple(row) for row in rows] == [("grant.request", 1), ("grant.approve", 1), ("grant.end", None)]


def test_a_grant_ends_by_itself(engine: Engine) -> None:
    officer = person(engine, "prov", "province")
    key = ask(engine, officer, "video", minutes=1)
    assert grants.one(engine, officer, None, key).state == "active"
    with write(engine) as connection:
        connection.execute(text("UPDATE access_grant SET to_at = :now"), {"now": now_ms()})
    with pytest.raises(Forbidden):
        authorize(again(engine, "prov"), "read", "video")
    assert grants.one(engine, officer, None, key).state == "expired"
    assert [view.id for view in grants.page(engine, officer, None, "expired").items] == [key]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"row": "score"}, "kind"), ({"ids": ()}, "vehicles"), ({"ids": (1, 99)}, "vehicles"), ({"minutes": 0}, "minutes"),
     ({"minutes": 10**6}, "minutes"), ({"ids": range(1, 300)}, "vehicles"), ({"plates": ["粤Z00000"]}, "plates")],
)  # fmt: skip
def test_an_incomplete_request_names_its_field(engine: Engine, values: dict[str, Any], field: str) -> None:
    with pytest.raises(RegistryError) as caught:
        ask(engine, police(engine), **values)
    assert caught.value.field == field


def test_a_driver_is_asked_for_by_the_whole_name_and_named_masked(engine: Engine) -> None:
    of = [organisations.create(engine, {"name": name}, SYSTEM, WHOLE) for name in ("甲运输", "乙运输")]
    given = {"name": "欧阳修文", "operator_id": of[0], "identity_number": "11010519491231002X"}
    first = noun.create(engine, drivers.NOUN, given, SYSTEM, WHOLE)
    second = noun.create(engine, drivers.NOUN, {"name": "欧阳修文", "operator_id": of[1]}, SYSTEM, WHOLE)
    officer = police(engine)
    found = {match.id: match for match in grants.drivers_named(engine, officer, " 欧阳修文 ")}
    assert {key: match.operator for key, match in found.items()} == {first: "甲运输", second: "乙运输"}
    assert [found[key].identity_number for key in (first, second)] == ["1101*************X", ""]
    assert grants.drivers_named(engine, officer, "欧阳") == []
    with pytest.raises(RegistryError) as caught:
        grants.drivers_named(engine, officer, "欧")
    assert caught.value.field == "name"
    key = ask(engine, officer, "driver", (first,))
    assert [(each.id, each.plate) for each in grants.one(engine, officer, None, key).vehicles] == [(first, "欧***")]
    with pytest.raises(RegistryError, match="no right on a recorded reason"):
        grants.drivers_named(engine, person(engine, "fleet", "operator", organisation_id=of[0]), "欧阳修文")


def test_who_has_a_standing_right_needs_no_grant_and_who_has_none_gets_none(engine: Engine) -> None:
    for name, role, whose in (
        ("boss", "province", {}), ("ins", "insurer", {"organisation_id": organisation(engine, "平安")}),
    ):  # fmt: skip
        with pytest.raises(RegistryError, match="no right on a recorded reason"):
            ask(engine, person(engine, name, role, **whose), "position")


def test_a_city_asks_within_itself_and_police_names_a_plate(engine: Engine) -> None:
    city = person(engine, "sz", "city", city=SHENZHEN)
    with pytest.raises(RegistryError) as caught:
        ask(engine, city, "video", (2,))
    assert caught.value.field == "vehicles"
    assert authorize_after(engine, city, ask(engine, city, "video", (1,))) == {1}
    officer = police(engine)
    key = ask(engine, officer, ids=(), plates=["粤a12345"])
    assert [each.id for each in grants.one(engine, officer, None, key).vehicles] == [2]


def authorize_after(engine: Engine, user: SignedIn, key: int) -> frozenset[int] | None:
    return authorize(again(engine, user.username), "read", "video").vehicles


def test_requests_of_others_are_not_seen(engine: Engine) -> None:
    officer, boss = police(engine), person(engine, "boss", "province")
    guangzhou = person(engine, "gz", "city", city=GUANGZHOU)
    shenzhen = person(engine, "sz", "city", city=SHENZHEN)
    key = ask(engine, officer)
    for user, scope, number in (
        (officer, None, 1), (boss, authorize(boss, "approve", "grant"), 1),
        (guangzhou, authorize(guangzhou, "approve", "grant"), 0),
        (shenzhen, authorize(shenzhen, "approve", "grant"), 1),
    ):  # fmt: skip
        assert grants.page(engine, user, scope).total == number, user.username
    with pytest.raises(NotFound):
        grants.decide(engine, guangzhou, authorize(guangzhou, "approve", "grant"), key, True, "", SYSTEM)
    with pytest.raises(NotFound):
        grants.end(engine, guangzhou, None, key, SYSTEM)
