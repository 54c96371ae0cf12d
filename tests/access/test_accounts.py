"""Accounts, passwords, sessions, throttling and authority, on both databases."""

from __future__ import annotations

import hashlib
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from luwei.access import Forbidden, Scope, SignedIn, authorize, sign_in_rules, users
from luwei.access import password as passwords
from luwei.access.login import Login, LoginRefused, LoginTooSoon, OneTimeOver, authenticate, log_out, reauthenticate
from luwei.access.throttle import CAPACITY, Throttle, place_of
from luwei.access.web_session import IDLE_MS, LIFETIME_MS, TOUCH_MS, find_session
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE

PASSWORD, SECOND = "correct-horse-battery", "another-long-phrase"
ADDRESS = "10.0.0.9"


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real algorithm with its smallest cost: what is tested here is not its strength."""
    from argon2 import PasswordHasher

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def officer(engine: Engine) -> Engine:
    users.create_user(engine, "officer", "值班员", PASSWORD)
    return engine


def sign_in(engine: Engine, password: str = PASSWORD, name: str = "officer", throttle: Throttle | None = None) -> Login:
    return authenticate(engine, throttle or Throttle(), name, password, ADDRESS, "Firefox")


def audit(engine: Engine) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        rows = connection.execute(text("SELECT act, username, address, detail FROM audit_entry ORDER BY id"))
        return [tuple(row) for row in rows]


def test_hashes_are_argon2id_with_the_parameters_of_rfc_9106() -> None:
    # Made when the module was loaded, so by the real hasher: the second recommended option of RFC 9106 §4.
    assert passwords._NOBODY.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_created_user_logs_in_under_any_case_of_the_name(officer: Engine) -> None:
    made = sign_in(officer, name=" OFFICER ")
    assert (made.user.username, made.user.display_name, made.user.role) == ("officer", "值班员", "administrator")
    assert find_session(officer, made.token) == made.user


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("officer", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("\0", "\0"),
        ("officer' --", PASSWORD),
        ("officer", "\ud800"),
    ],
)
def test_wrong_credentials_are_refused_and_recorded_without_the_password(
    officer: Engine, name: str, password: str
) -> None:
    with pytest.raises(LoginRefused):
        sign_in(officer, password, name)
    act, _, address, detail = audit(officer)[-1]
    assert (act, address) == ("login.refused", ADDRESS)
    assert json.loads(detail) == {"cause": "password" if name == "officer" else "unknown"}


def test_login_logout_and_failures_stand_in_the_audit_log(officer: Engine) -> None:
    made = sign_in(officer)
    log_out(officer, made.user, ADDRESS)
    assert find_session(officer, made.token) is None
    assert [row[:3] for row in audit(officer) if row[0].startswith("login")] == [
        ("login.accepted", "officer", ADDRESS), ("login.ended", "officer", ADDRESS),
    ]  # fmt: skip


def test_only_the_hash_of_a_token_is_stored(officer: Engine) -> None:
    token = sign_in(officer).token
    assert len(token) >= 43
    with read(officer) as connection:
        row = connection.execute(text("SELECT * FROM web_session")).mappings().one()
    assert row["token_hash"] == hashlib.sha256(token.encode()).hexdigest() and token not in str(dict(row))
    assert (row["address"], row["user_agent"]) == (ADDRESS, "Firefox")


def test_a_session_slides_for_12_hours_and_ends_after_7_days(officer: Engine) -> None:
    token, start = sign_in(officer).token, now_ms()
    assert find_session(officer, token, start + IDLE_MS + 1_000) is None
    at = start
    while at + IDLE_MS // 2 < start + LIFETIME_MS - 1_000:
        at += IDLE_MS // 2
        assert find_session(officer, token, at) is not None
    assert find_session(officer, token, start + LIFETIME_MS + 1_000) is None


def test_reading_pages_does_not_write_a_session_each_time(officer: Engine) -> None:
    token, start = sign_in(officer).token, now_ms()

    def seen() -> int:
        with read(officer) as connection:
            return int(connection.execute(text("SELECT seen_at FROM web_session")).scalar_one())

    first = seen()
    find_session(officer, token, start + TOUCH_MS // 2)
    assert seen() == first
    find_session(officer, token, start + TOUCH_MS * 2)
    assert seen() == start + TOUCH_MS * 2


@pytest.mark.parametrize("token", ["", "x", "x" * 5_000, "\0", "粤", "' OR '1'='1"])
def test_a_forged_token_finds_nobody(officer: Engine, token: str) -> None:
    sign_in(officer)
    assert find_session(officer, token) is None


def test_disabling_ends_sessions_at_once_and_enabling_lets_in_again(officer: Engine) -> None:
    token = sign_in(officer).token
    users.disable_user(officer, "officer")
    assert find_session(officer, token) is None
    with pytest.raises(LoginRefused):
        sign_in(officer)
    assert users.list_users(officer)[0].disabled_at is not None
    users.enable_user(officer, "officer")
    assert sign_in(officer).user.username == "officer"
    with pytest.raises(NotFound):
        users.disable_user(officer, "nobody")


def test_a_user_without_a_given_password_gets_a_one_time_password(engine: Engine) -> None:
    secret = users.create_user(engine, "officer", "值班员")
    user = sign_in(engine, secret).user
    assert len(secret) == 16 and user.must_change_password
    with pytest.raises(Forbidden, match="password must be changed"):
        authorize(user, "read", "vehicle")
    users.change_password(engine, user.user_id, secret, PASSWORD, Actor(user.user_id, "officer"))
    assert not sign_in(engine).user.must_change_password


def handed_out(engine: Engine, hours_ago: int, by_provider: bool = False) -> None:
    """As if the one-time password had been given so long ago; ``by_provider``: open sessions came from there."""
    with write(engine) as connection:
        told = {"at": now_ms() - hours_ago * 3_600_000}
        connection.execute(text("UPDATE user_account SET one_time_at = :at WHERE username = 'officer'"), told)
        if by_provider:
            connection.execute(text("UPDATE web_session SET method = 'oidc'"))


def test_a_one_time_password_ends_unused_and_says_so(officer: Engine) -> None:
    secret = users.reset_password(officer, "officer")
    until = users.named(officer, "officer", WHOLE).one_time_until
    assert until is not None and 71 * 3_600_000 < until - now_ms() <= 72 * 3_600_000
    handed_out(officer, 71)
    assert sign_in(officer, secret).user.must_change_password
    handed_out(officer, 72)
    throttle = Throttle()
    with pytest.raises(OneTimeOver):
        sign_in(officer, secret, throttle=throttle)
    with pytest.raises(LoginRefused):  # who does not know it learns nothing
        sign_in(officer, "wrong", throttle=throttle)
    told = [json.loads(detail) for act, _, _, detail in audit(officer) if act == "login.refused"]
    assert [each["cause"] for each in told] == ["one_time", "password"]
    # Both attempts count: after two more of the four free ones the next must wait.
    assert [throttle.begin("officer", ADDRESS) for _ in range(3)][:2] == [0, 0] and throttle.wait_s("officer", ADDRESS)
    sign_in_rules.change(officer, {"one_time_hours": 100}, Actor(1, "officer"))
    assert sign_in(officer, secret).user.must_change_password
    users.change_password(officer, 1, secret, SECOND, Actor(1, "officer"), sign_in(officer, secret).user.session_id)
    assert users.named(officer, "officer", WHOLE).one_time_until is None
    assert not sign_in(officer, SECOND).user.must_change_password


def test_who_used_a_one_time_password_in_time_may_still_change_it_and_nobody_else(officer: Engine) -> None:
    secret = users.reset_password(officer, "officer")
    user = sign_in(officer, secret).user
    handed_out(officer, 73, by_provider=True)
    with pytest.raises(RegistryError, match="time is over"):
        users.change_password(officer, 1, secret, PASSWORD, Actor(1, "officer"), user.session_id)
    with pytest.raises(OneTimeOver):
        reauthenticate(officer, Throttle(), user, secret, "", ADDRESS)
    with write(officer) as connection:
        connection.execute(text("UPDATE web_session SET method = 'password'"))
    users.change_password(officer, 1, secret, SECOND, Actor(1, "officer"), user.session_id)
    assert not sign_in(officer, SECOND).user.must_change_password


def test_a_change_of_password_ends_the_other_sessions(officer: Engine) -> None:
    other, mine = sign_in(officer), sign_in(officer)
    actor = mine.user.actor(ADDRESS)
    users.change_password(officer, mine.user.user_id, PASSWORD, SECOND, actor, mine.user.session_id)
    assert find_session(officer, other.token) is None and find_session(officer, mine.token) is not None
    secret = users.reset_password(officer, "officer")
    assert find_session(officer, mine.token) is None
    assert sign_in(officer, secret).user.must_change_password


def test_the_last_three_passwords_may_not_return(officer: Engine) -> None:
    def change(old: str, new: str) -> None:
        users.change_password(officer, 1, old, new, Actor(1, "officer"))

    chain = [PASSWORD, "second-long-phrase", "third-long-phrase", "fourth-long-phrase"]
    for old, new in itertools.pairwise(chain):
        change(old, new)
    for former in chain[1:]:
        with pytest.raises(RegistryError, match="last 3"):
            change(chain[-1], former)
    change(chain[-1], PASSWORD)
    with pytest.raises(RegistryError) as caught:
        change("wrong", SECOND)
    assert caught.value.field == "old"


@pytest.mark.parametrize(
    ("password", "rule"),
    [("short", "at least 10"), ("x" * 201, "at most 200"), ("officer.long", "user name"), ("aaaaaaaaaaaa", "different"),
     ("abcdefgh\0ij", "valid text")],
)  # fmt: skip
def test_a_weak_password_names_its_rule_and_is_not_repeated(engine: Engine, password: str, rule: str) -> None:
    with pytest.raises(RegistryError, match=rule) as caught:
        users.create_user(engine, "officer.long", "值班员", password)
    assert caught.value.field == "password" and password not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"username": "a b"}, "username"), ({"username": "x"}, "username"), ({"username": "<script>"}, "username"),
     ({"display_name": " "}, "display_name"), ({"role": "god"}, "role"), ({"city": 110000}, "city"),
     ({"city": 440100, "county": 440305}, "county")],
)  # fmt: skip
def test_a_wrong_account_names_its_field(engine: Engine, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        users.create_user(engine, **({"username": "officer", "display_name": "值班员", "password": PASSWORD} | values))
    assert users.list_users(engine) == []


def test_a_name_is_given_once_whatever_its_case(officer: Engine) -> None:
    with pytest.raises(Conflict):
        users.create_user(officer, "Officer", "二", PASSWORD)


def test_the_demo_account_has_the_printed_password_after_every_start(engine: Engine) -> None:
    assert users.ensure_demo_users(engine) == ("demo", users.DEMO_PASSWORD)
    users.change_password(engine, 1, users.DEMO_PASSWORD, SECOND, Actor(1, "demo"))
    users.disable_user(engine, "demo")
    name, password = users.ensure_demo_users(engine)
    assert sign_in(engine, password, name).user.username == "demo"
    passwords.check(users.DEMO_PASSWORD, users.DEMO_USERNAME)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_each_failure_makes_the_next_attempt_wait_longer(officer: Engine) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(14):
        with pytest.raises(LoginRefused):
            sign_in(officer, "wrong", throttle=throttle)
        waits.append(throttle.wait_s("officer", ADDRESS))
        clock.now += waits[-1]
    assert waits[:3] == [0, 0, 0] and waits[3:8] == [1, 2, 4, 8, 16] and max(waits) == 300
    with pytest.raises(LoginRefused):
        sign_in(officer, "wrong", throttle=throttle)
    before = len(audit(officer))
    with pytest.raises(LoginTooSoon) as early:
        sign_in(officer, PASSWORD, throttle=throttle)
    assert early.value.retry_after == 300 and len(audit(officer)) == before
    clock.now += 300
    assert sign_in(officer, throttle=throttle).user.username == "officer"
    assert throttle.wait_s("officer", ADDRESS) == 0


def test_signs_that_no_name_has_make_no_new_name_to_guess_at(officer: Engine) -> None:
    """The registry is not asked with them, so the throttle must not count by them either."""
    throttle = Throttle(Clock())
    names = ("officer", "Officer ", "\u200bofficer", "off\u200dicer", "officer\0", "\ufeffOFFICER\u2060")
    for number, name in enumerate(names):
        with pytest.raises(LoginRefused if number < 4 else LoginTooSoon):
            authenticate(officer, throttle, name, "wrong", f"10.0.0.{number}")
    assert authenticate(officer, Throttle(), "off\u200dicer", PASSWORD, ADDRESS).user.username == "officer"


def test_of_many_attempts_at_once_only_the_free_ones_are_let_through() -> None:
    throttle = Throttle(Clock())
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: throttle.begin("officer", ADDRESS), range(64)))
    assert sum(wait == 0 for wait in waits) == 4


def test_an_address_that_tries_many_names_waits_for_all() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for i in range(21):
        throttle.failed(f"user{i}", ADDRESS)
    assert throttle.wait_s("someone-else", ADDRESS) == 2 and throttle.wait_s("someone-else", "10.0.0.10") == 0
    clock.now += 3_700
    throttle.failed("x", ADDRESS)
    assert throttle.wait_s("someone-else", ADDRESS) == 0


def test_who_signed_in_from_an_address_does_not_wait_for_the_guesses_of_others(officer: Engine) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    sign_in(officer, throttle=throttle)
    for i in range(40):
        throttle.failed(f"user{i}", ADDRESS)
        throttle.failed("officer", f"192.0.2.{i}")
    assert throttle.wait_s("stranger", ADDRESS) > 0 and throttle.wait_s("officer", "192.0.2.200") > 0
    user = sign_in(officer, throttle=throttle).user
    assert reauthenticate(officer, throttle, user, PASSWORD, "", ADDRESS) > now_ms()
    # Guesses at that name from that address are slowed down as any other's.
    waits = [throttle.begin("officer", ADDRESS) for _ in range(5)]
    assert waits[:4] == [0] * 4 and waits[4] > 0


def test_proofs_within_a_session_are_slowed_down_by_their_user(officer: Engine) -> None:
    throttle = Throttle(Clock())
    user = sign_in(officer, throttle=throttle).user
    for number in range(4):
        with pytest.raises(LoginRefused):
            reauthenticate(officer, throttle, user, "wrong", "", f"10.1.0.{number}")
    with pytest.raises(LoginTooSoon):
        reauthenticate(officer, throttle, user, PASSWORD, "", "10.2.0.1")
    assert throttle.wait_s("officer", ADDRESS) == 0


def test_an_ipv6_address_counts_by_its_network_and_a_mapped_one_as_what_it_is() -> None:
    throttle = Throttle(Clock())
    for i in range(21):
        throttle.failed(f"user{i}", f"2001:db8:1:2::{i:x}")
    assert throttle.wait_s("x", "2001:db8:1:2:ffff::1") > 0 and throttle.wait_s("x", "2001:db8:1:3::1") == 0
    assert place_of("::ffff:10.0.0.9") == place_of("10.0.0.9") and place_of("testclient") == "testclient"


def test_the_throttle_is_bounded() -> None:
    throttle = Throttle(Clock())
    for i in range(CAPACITY + 10):
        throttle.failed(str(i), "a")
    assert len(throttle._failures) == CAPACITY


def person(**values: Any) -> SignedIn:
    fields: dict[str, Any] = {
        "user_id": 1, "username": "p", "display_name": "P", "role": "duty", "city": None, "county": None,
        "operator_id": None, "must_change_password": False,
    }  # fmt: skip
    return SignedIn(**(fields | values))


@pytest.mark.parametrize(
    ("role", "act", "kind", "allowed"),
    [
        ("administrator", "write", "vehicle", True), ("duty", "write", "operator", True),
        ("duty", "read", "ledger", True),
        ("duty", "export", "track", True), ("viewer", "read", "position", True), ("viewer", "write", "vehicle", False),
        ("viewer", "export", "track", False), ("duty", "write", "ledger", False), ("duty", "read", "secrets", False),
        ("stranger", "read", "vehicle", False), ("", "read", "vehicle", False), ("duty", "delete", "vehicle", False),
    ],
)  # fmt: skip
def test_role_act_and_kind_decide(role: str, act: str, kind: str, allowed: bool) -> None:
    if allowed:
        assert authorize(person(role=role), act, kind) == Scope()
    else:
        with pytest.raises(Forbidden):
            authorize(person(role=role), act, kind)


def test_the_users_limits_become_the_scope() -> None:
    assert authorize(person(city=440300), "read", "track") == Scope(cities=frozenset({440300}))
    assert authorize(person(operator_id=5), "write", "vehicle") == Scope(operators=frozenset({5}))
    with pytest.raises(Forbidden, match="whole province"):
        authorize(person(city=440300), "read", "gateway")


def test_sessions_of_the_past_are_swept_at_a_login(officer: Engine) -> None:
    sign_in(officer)
    with write(officer) as connection:
        connection.execute(text("UPDATE web_session SET seen_at = 1"))
    sign_in(officer)
    with read(officer) as connection:
        assert connection.execute(text("SELECT count(*) FROM web_session")).scalar() == 1
