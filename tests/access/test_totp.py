"""One-time codes against the vectors of RFC 4226 and RFC 6238, and their life in the registry."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from luwei.access import password as passwords
from luwei.access import totp, users
from luwei.access.login import CodeWanted, LoginTooSoon, authenticate
from luwei.access.throttle import Throttle
from luwei.registry.audit import Actor
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError

PASSWORD = "correct-horse-battery"
ME = Actor(1, "officer")


@pytest.fixture
def officer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    from argon2 import PasswordHasher

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    users.create_user(engine, "officer", "值班员", PASSWORD)
    return engine


def code_of(secret: str, at_s: float) -> str:
    import base64

    return totp.hotp(base64.b32decode(secret), totp.step_of(at_s))


def test_hotp_is_that_of_rfc_4226_appendix_d() -> None:
    expected = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [totp.hotp(b"12345678901234567890", counter) for counter in range(10)] == expected


@pytest.mark.parametrize(
    ("digest", "codes"),
    [
        ("sha1", ["94287082", "07081804", "14050471", "89005924", "69279037", "65353130"]),
        ("sha256", ["46119246", "68084774", "67062674", "91819424", "90698825", "77737706"]),
        ("sha512", ["90693936", "25091201", "99943326", "93441116", "38618901", "47863826"]),
    ],
)
def test_totp_is_that_of_rfc_6238_appendix_b(digest: str, codes: list[str]) -> None:
    length = {"sha1": 20, "sha256": 32, "sha512": 64}[digest]
    key = (b"1234567890" * 7)[:length]
    times = [59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000]
    assert [totp.hotp(key, totp.step_of(at), 8, digest) for at in times] == codes


def enrolled(engine: Engine) -> tuple[str, list[str]]:
    made = totp.begin(engine, 1, "officer")
    return made.secret, totp.confirm(engine, 1, code_of(made.secret, time.time() - 30), ME)


def test_an_enrolment_gives_a_uri_and_its_picture(officer: Engine) -> None:
    made = totp.begin(officer, 1, "officer")
    parts = urlsplit(made.uri)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Luwei%3Aofficer")
    assert parse_qs(parts.query)["secret"] == [made.secret] and len(made.secret) == 32
    assert made.svg.startswith("<svg") and "http://www.w3.org/2000/svg" in made.svg and "<script" not in made.svg


def test_a_secret_is_in_force_only_once_a_code_of_it_came(officer: Engine) -> None:
    made = totp.begin(officer, 1, "officer")
    assert authenticate(officer, Throttle(), "officer", PASSWORD, "").user.totp is False
    with pytest.raises(RegistryError, match="wrong"):
        totp.confirm(officer, 1, "000000" if code_of(made.secret, time.time()) != "000000" else "111111", ME)
    assert len(totp.confirm(officer, 1, code_of(made.secret, time.time()), ME)) == 10
    with pytest.raises(RegistryError, match="in force already"):
        totp.begin(officer, 1, "officer")


def test_a_login_wants_the_code_and_takes_each_once(officer: Engine) -> None:
    secret, _ = enrolled(officer)
    with pytest.raises(CodeWanted) as caught:
        authenticate(officer, Throttle(), "officer", PASSWORD, "")
    assert caught.value.wrong is False
    code = code_of(secret, time.time())
    made = authenticate(officer, Throttle(), "officer", PASSWORD, "", "", code)
    assert made.user.totp is True
    with pytest.raises(CodeWanted) as again:
        authenticate(officer, Throttle(), "officer", PASSWORD, "", "", code)
    assert again.value.wrong is True


def test_a_code_of_another_time_is_refused(officer: Engine) -> None:
    secret, _ = enrolled(officer)
    now = time.time()
    for off in (-120, -90, 90, 3600):
        assert totp.take(officer, 1, code_of(secret, now + off), now) is None
    assert totp.take(officer, 1, code_of(secret, now + 30), now) == "totp"
    # The clock's own step now lies before the last one taken.
    assert totp.take(officer, 1, code_of(secret, now), now) is None


def test_a_recovery_code_is_good_once_and_stored_as_a_hash(officer: Engine) -> None:
    _, codes = enrolled(officer)
    with read(officer) as connection:
        stored = str(connection.execute(text("SELECT * FROM recovery_code")).all())
    assert all(code.replace("-", "") not in stored for code in codes)
    assert totp.take(officer, 1, codes[0].upper()) == "recovery"
    assert totp.take(officer, 1, codes[0]) is None
    assert totp.state(officer, 1).recovery_left == 9
    assert authenticate(officer, Throttle(), "officer", PASSWORD, "", "", codes[1]).user.username == "officer"
    fresh = totp.renew_recovery(officer, 1, ME)
    assert totp.take(officer, 1, codes[2]) is None and totp.take(officer, 1, fresh[0]) == "recovery"


def test_wrong_codes_slow_the_next_attempt_down(officer: Engine) -> None:
    enrolled(officer)
    throttle = Throttle()
    for _ in range(4):
        with pytest.raises(CodeWanted):
            authenticate(officer, throttle, "officer", PASSWORD, "", "", "abc")
    with pytest.raises(LoginTooSoon):
        authenticate(officer, throttle, "officer", PASSWORD, "", "", "abc")


def test_asking_for_the_code_is_no_failure(officer: Engine) -> None:
    enrolled(officer)
    throttle = Throttle()
    for _ in range(8):
        with pytest.raises(CodeWanted):
            authenticate(officer, throttle, "officer", PASSWORD, "")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "-00001", " ", "0" * 500])
def test_what_is_no_code_is_refused(officer: Engine, code: str) -> None:
    enrolled(officer)
    assert totp.take(officer, 1, code) is None
