"""Signing in through an identity provider: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).

The provider is known by its issuer alone; everything else comes from its discovery document. What is checked, and why:
state (the answer belongs to a login that began here), the cookie of the attempt (in this browser), PKCE (the code was
not stolen on its way), signature with an asymmetric algorithm of the provider's keys, iss, aud, azp, exp, iat and nonce
of the ID token (Core §3.1.3.7), iss of the answer where the provider sends it (RFC 9207).

An account is found by ``sub`` alone. Names and mail addresses can be chosen or given away at many providers, so they
never open an account: an administrator enters the subject, or the signed-in person links it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
"""Never HS*, whose key the browser's public client would share, and never none."""
ATTEMPT_S = 600
ATTEMPTS = 10_000
KEEP_S = 3_600
TIMEOUT_S = 10
LEEWAY_S = 60
ANSWER_BYTES = 1 << 20


class OidcError(Exception):
    """Signing in through the provider failed; ``rule`` is what a program reads, the text what a person does."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that was sent to the provider. ``link``: the signed-in user who wants to be known there; 0: nobody."""

    state: str
    nonce: str
    verifier: str
    began_s: float
    target: str
    link: int

    @property
    def binding(self) -> str:
        """Value of the cookie that ties the attempt to its browser."""
        return hashlib.sha256(f"{self.state}:{self.verifier}".encode()).hexdigest()


class Provider:
    """One identity provider; thread-safe. The methods that ask it block."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, redirect_uri: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, target: str = "/", link: int = 0) -> tuple[str, Attempt]:
        """The address to send the browser to, and the attempt. Raises OidcError where the provider cannot be asked."""
        metadata = self._discover()
        verifier = secrets.token_urlsafe(48)
        attempt = Attempt(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), verifier, time.monotonic(), target, link
        )
        with self._lock:
            self._attempts[attempt.state] = attempt
            while len(self._attempts) > ATTEMPTS:
                self._attempts.popitem(last=False)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code", "client_id": self._client_id, "redirect_uri": self._redirect_uri,
                "scope": "openid", "state": attempt.state, "nonce": attempt.nonce, "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )  # fmt: skip
        address = self._endpoint(metadata, "authorization_endpoint")
        return f"{address}{'&' if urlsplit(address).query else '?'}{query}", attempt

    def finish(self, state: str, code: str, binding: str, issuer: str = "") -> tuple[str, Attempt]:
        """From the provider's answer to (subject, attempt). ``binding`` is the attempt's cookie, ``issuer`` the ``iss``
        of the answer. An attempt is good once. Raises OidcError."""
        with self._lock:
            attempt = self._attempts.pop(state, None)
        if attempt is None or time.monotonic() - attempt.began_s > ATTEMPT_S:
            raise OidcError("oidc_state", "the login is unknown or took too long; begin again")
        if not hmac.compare_digest(binding.encode(), attempt.binding.encode()):
            raise OidcError("oidc_browser", "the login began in another browser")
        metadata = self._discover()
        if issuer and issuer.rstrip("/") != self._issuer:
            raise OidcError("oidc_issuer", "the answer comes from another provider")
        claims = self._claims(self._exchange(metadata, code, attempt), metadata, attempt.nonce)
        return str(claims["sub"]), attempt

    def _exchange(self, metadata: dict[str, Any], code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier, "client_id": self._client_id,
        }  # fmt: skip
        auth: httpx.BasicAuth | None = None
        if self._client_secret:
            methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in methods:
                auth = httpx.BasicAuth(self._client_id, self._client_secret)
            else:
                form["client_secret"] = self._client_secret
        answer = self._ask("POST", self._endpoint(metadata, "token_endpoint"), data=form, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcError("oidc_token", "the provider gave no ID token")
        return token

    def _claims(self, token: str, metadata: dict[str, Any], nonce: str) -> dict[str, Any]:
        try:
            try:
                decoded = jwt.decode(token, self._key_set(metadata), algorithms=ALGORITHMS)
            except JoseError:
                # The provider may have changed its keys since they were read.
                decoded = jwt.decode(token, self._key_set(metadata, fresh=True), algorithms=ALGORITHMS)
            claims = dict(decoded.claims)
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": metadata["issuer"]},
                sub={"essential": True},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise OidcError("oidc_token", f"the ID token is not valid: {error}") from None
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._client_id:
            raise OidcError("oidc_token", "the ID token was made for another client")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise OidcError("oidc_token", "the ID token names nobody")
        return claims

    def _discover(self) -> dict[str, Any]:
        known = self._metadata
        if known is not None and time.monotonic() - known[0] < KEEP_S:
            return known[1]
        metadata = self._ask("GET", f"{self._issuer}/.well-known/openid-configuration")
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise OidcError("oidc_issuer", "the discovery document is of another issuer")
        self._metadata = time.monotonic(), metadata
        return metadata

    def _key_set(self, metadata: dict[str, Any], fresh: bool = False) -> KeySet:
        known = self._keys
        if known is not None and not fresh and time.monotonic() - known[0] < KEEP_S:
            return known[1]
        answer: Any = self._ask("GET", self._endpoint(metadata, "jwks_uri"))
        try:
            keys = KeySet.import_key_set(answer)
        except (JoseError, ValueError, KeyError, TypeError):
            raise OidcError("oidc_keys", "the provider's keys cannot be read") from None
        self._keys = time.monotonic(), keys
        return keys

    def _endpoint(self, metadata: dict[str, Any], name: str) -> str:
        """An address of the discovery document: TLS, except to a provider that is itself named without."""
        address = metadata.get(name)
        if not isinstance(address, str) or urlsplit(address).scheme not in ("https", urlsplit(self._issuer).scheme):
            raise OidcError("oidc_metadata", f"the discovery document has no usable {name}")
        return address

    def _ask(self, method: str, address: str, **given: Any) -> dict[str, Any]:
        try:
            with (
                httpx.Client(
                    timeout=TIMEOUT_S, follow_redirects=False, headers={"Accept": "application/json"}
                ) as client,
                client.stream(method, address, **given) as answer,
            ):
                content = bytearray()
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > ANSWER_BYTES:
                        raise OidcError("oidc_answer", "the provider's answer is too long")
            if answer.status_code != 200:
                raise OidcError("oidc_refused", f"the provider answered {answer.status_code}")
            found = httpx.Response(200, content=bytes(content)).json()
        except httpx.HTTPError as error:
            raise OidcError("oidc_away", f"the provider cannot be reached: {type(error).__name__}") from None
        except ValueError:
            raise OidcError("oidc_answer", "the provider's answer cannot be read") from None
        if not isinstance(found, dict):
            raise OidcError("oidc_answer", "the provider's answer cannot be read")
        return found
