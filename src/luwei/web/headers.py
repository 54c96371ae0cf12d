"""Headers that every answer carries, and what the browser may load: from this host only.

The console uses the CSP build of MapLibre, whose worker is a file of its own, so scripts and workers come from
``'self'`` alone. Style attributes (not elements) are allowed because chart tooltips are written as HTML with them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

_PLAIN = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(self), microphone=(self), payment=(), usb=()"),
)


def content_security_policy(map_tiles: str = "") -> str:
    """The policy; ``map_tiles`` is the URL template of a tile service whose origin may be asked too, or empty."""
    tiles = ""
    if map_tiles:
        parts = urlsplit(map_tiles)
        if parts.scheme in ("http", "https") and parts.netloc:
            tiles = f" {parts.scheme}://{parts.netloc}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            f"img-src 'self' data: blob:{tiles}",
            "font-src 'self'",
            f"connect-src 'self'{tiles}",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )


def guard_headers(map_tiles: str, secure: bool) -> BeforeMessageSendHookHandler:
    """The hook that adds the headers to each answer, refusals included; ``secure``: the console is served over TLS."""
    added = [*_PLAIN, (b"content-security-policy", content_security_policy(map_tiles).encode())]
    if secure:
        added.append((b"strict-transport-security", b"max-age=31536000"))

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            present = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in added if name not in present]
            if scope["path"].startswith("/api/") and b"cache-control" not in present:
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = headers

    return add
