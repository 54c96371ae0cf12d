"""Which addresses ask for no right to a kind of data, and why. Every other handler gets its scope from ``Door.allow``;
a test walks all routes and refuses one that does neither."""

from __future__ import annotations

PUBLIC = {
    "/api/login": "how one gets in",
    "/api/sign-in": "how one may get in",
    "/api/oidc/start": "how one gets in",
    "/api/oidc/callback": "how one gets in",
    "/api/docs/page.css": "a style sheet",
    "/health": "whether all is well; more only for this host",
    "/metrics": "for programs of this host; from afar it wants the right to the gateways",
    "/map/{name:str}": "the basemap, which is public geography",
    "/": "the console's files",
    "/{path:path}": "the console's files",
}
"""Answered without a login."""

UNUSED = {
    "/api/unused-openapi": "what the framework adds by itself",
    "/api/unused-openapi/{path:str}": "what the framework adds by itself",
    "/api/unused-openapi/unused.json": "what the framework adds by itself",
    "/api/unused-openapi/openapi.json": "what the framework adds by itself",
}
"""Answered with 404 to everybody."""

OWN = {
    "/api/logout": "one's own session",
    "/api/me": "oneself",
    "/api/reauthenticate": "one's own proof",
    "/api/password": "one's own password",
    "/api/me/sessions": "one's own sessions",
    "/api/me/sessions/{session_id:int}": "one's own sessions",
    "/api/me/identity": "whether oneself signs in through the provider",
    "/api/me/totp": "one's own codes",
    "/api/me/totp/confirm": "one's own codes",
    "/api/me/totp/recovery": "one's own codes",
    "/api/me/totp/remove": "one's own codes",
    "/api/jobs": "one's own imports",
    "/api/jobs/{job_id:int}": "one's own imports",
    "/api/jobs/{job_id:int}/errors": "one's own imports",
    "/api/jobs/{job_id:int}/errors.csv": "one's own imports",
    "/api/jobs/{job_id:int}/cancel": "one's own imports",
    "/api/me/tokens": "one's own tokens",
    "/api/me/tokens/{token_id:int}": "one's own tokens",
    "/api/me/video-layouts": "one's own layouts",
    "/api/me/video-layouts/{name:str}": "one's own layouts",
}
"""Answered to whoever is signed in, of nobody but that person."""

SIGNED_IN = {
    "/api/system": "version and map source",
    "/api/areas": "names of cities and counties",
    "/api/oversight/public-key": "the key that sealed packages are verified with",
    "/api/openapi.json": "the interface's description",
    "/api/docs": "the interface's description",
}
"""Answered alike to whoever is signed in; names no person, no vehicle, no organisation."""
