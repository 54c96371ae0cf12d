"""The checks of an OpenID Connect login against a provider that lies in each way it can."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from luwei.access.oidc import OidcError, Provider

CLIENT, REDIRECT = "luwei", "https://luwei.example.cn/api/oidc/callback"


@dataclass
class Liar:
    """A provider whose every answer can be bent; it checks PKCE as RFC 7636 §4.6 wants."""

    base: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    challenges: dict[str, tuple[str, str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    signer: Any = None
    raw_token: str = ""
    confused: bytes = b""
    """A public key, taken as the secret of HS256."""
    auth: str = ""

    def code(self, address: str) -> tuple[str, str]:
        """(code, state), as a browser would bring them back from ``address``."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["code_challenge_method"] == "S256" and query["redirect_uri"] == REDIRECT
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = query["code_challenge"], query["nonce"]
        return code, query["state"]

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.base, "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token", "jwks_uri": f"{self.base}/jwks",
        } | self.metadata  # fmt: skip

    def token(self, form: dict[str, str], auth: str) -> tuple[int, dict[str, Any]]:
        challenge, nonce = self.challenges.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            return 400, {"error": "invalid_grant"}
        self.auth = auth
        now = int(time.time())
        claims = {"iss": self.base, "sub": "u-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        signed = self.raw_token or jwt.encode(self.header, claims, self.signer or self.key)
        if self.confused:
            signed = ".".join(_part(json.dumps(each).encode()) for each in ({"alg": "HS256", "kid": "one"}, claims))
            signed += "." + _part(hmac.digest(self.confused, signed.encode(), "sha256"))
        return 200, {"id_token": signed, "token_type": "Bearer", "access_token": "x"}


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/openid-configuration"):
                self.answer(200, made.document())
            elif self.path == "/jwks":
                self.answer(200, KeySet([made.key]).as_dict(private=False))
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.answer(*made.token(form, self.headers.get("Authorization", "")))

        def answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def login(liar: Liar, provider: Provider | None = None) -> str:
    provider = provider or Provider(liar.base, CLIENT, "", REDIRECT)
    address, attempt = provider.begin()
    code, state = liar.code(address)
    return provider.finish(state, code, attempt.binding)[0]


def test_an_honest_provider_names_the_subject(liar: Liar) -> None:
    assert login(liar) == "u-1"
    assert login(liar, Provider(liar.base + "/", CLIENT, "s3cret", REDIRECT)) == "u-1"
    assert base64.b64decode(liar.auth.removeprefix("Basic ")).decode() == "luwei:s3cret"


LATER = 4_000_000_000
"""In the year 2096: no token of today begins then."""


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"}, {"nonce": None}, {"iss": "https://evil.example"}, {"aud": "somebody"}, {"aud": None},
        {"aud": [CLIENT, "other"]}, {"aud": [CLIENT, "other"], "azp": "other"}, {"azp": "other"}, {"exp": 1},
        {"exp": None}, {"iat": None}, {"iat": LATER}, {"sub": None}, {"sub": ""}, {"sub": 5},
        {"nbf": LATER},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_is_wrong_is_refused(liar: Liar, claims: dict[str, Any]) -> None:
    liar.claims = claims
    with pytest.raises(OidcError) as caught:
        login(liar)
    assert caught.value.rule == "oidc_token"


def test_several_audiences_are_taken_with_the_right_azp(liar: Liar) -> None:
    liar.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert login(liar) == "u-1"


def test_a_token_of_another_key_or_a_weaker_kind_is_refused(liar: Liar) -> None:
    good = liar.key
    liar.signer = RSAKey.generate_key(2048, {"kid": "one"})
    with pytest.raises(OidcError):
        login(liar)
    # The public key taken as the secret of an HMAC: the classic confusion of algorithms.
    liar.confused = good.as_pem(private=False)
    with pytest.raises(OidcError):
        login(liar)
    liar.confused = b""
    unsigned = [_part(json.dumps(each).encode()) for each in ({"alg": "none"}, {})]
    for raw in (".".join([*unsigned, ""]), "x", "a.b.c", "粤"):
        liar.raw_token = raw
        with pytest.raises(OidcError):
            login(liar)


def test_a_key_that_was_changed_is_read_again(liar: Liar) -> None:
    provider = Provider(liar.base, CLIENT, "", REDIRECT)
    assert login(liar, provider) == "u-1"
    liar.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    liar.header = {"alg": "RS256", "kid": "two"}
    assert login(liar, provider) == "u-1"


def test_an_answer_must_belong_to_a_login_of_this_browser_and_is_good_once(liar: Liar) -> None:
    provider = Provider(liar.base, CLIENT, "", REDIRECT)
    address, attempt = provider.begin()
    code, state = liar.code(address)
    for given, binding, issuer, rule in (
        ("unknown", attempt.binding, "", "oidc_state"), (state, "", "", "oidc_browser"),
        (state, attempt.binding, "", "oidc_state"),  # the refusal before used it up
    ):  # fmt: skip
        with pytest.raises(OidcError) as caught:
            provider.finish(given, code, binding, issuer)
        assert caught.value.rule == rule
    address, attempt = provider.begin()
    code, state = liar.code(address)
    with pytest.raises(OidcError) as mixed:
        provider.finish(state, code, attempt.binding, "https://other.example")
    assert mixed.value.rule == "oidc_issuer"


def test_a_stolen_code_is_worth_nothing_without_the_verifier(liar: Liar) -> None:
    provider = Provider(liar.base, CLIENT, "", REDIRECT)
    stolen, _ = liar.code(provider.begin()[0])
    address, attempt = provider.begin()
    _, state = liar.code(address)
    with pytest.raises(OidcError) as caught:
        provider.finish(state, stolen, attempt.binding)
    assert caught.value.rule == "oidc_refused"


@pytest.mark.parametrize(
    ("metadata", "rule"),
    [({"issuer": "https://evil.example"}, "oidc_issuer"), ({"authorization_endpoint": None}, "oidc_metadata"),
     ({"authorization_endpoint": "javascript:alert(1)"}, "oidc_metadata"),
     ({"authorization_endpoint": 5}, "oidc_metadata")],
)  # fmt: skip
def test_a_discovery_document_that_does_not_fit_is_refused(liar: Liar, metadata: dict[str, Any], rule: str) -> None:
    liar.metadata = metadata
    with pytest.raises(OidcError) as caught:
        login(liar)
    assert caught.value.rule == rule


def test_a_provider_that_is_away_is_said_to_be() -> None:
    with pytest.raises(OidcError) as caught:
        Provider("http://127.0.0.1:1", CLIENT, "", REDIRECT).begin()
    assert caught.value.rule == "oidc_away"
