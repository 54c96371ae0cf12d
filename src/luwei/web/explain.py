"""Explain any byte 报文: a pasted frame, byte by byte, with the rule that takes or refuses it and what follows."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter

from luwei.live.feed import now_ms
from luwei.protocol.errors import ProtocolError
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.explain_profile import profile_for
from luwei.web.explanation import explained
from luwei.web.pasted import frames_in, hex_bytes
from luwei.web.services import Services
from luwei.web.sign_in import own_page

TEXT_MAX = 40_000
"""Characters of a pasted text, blanks included."""
FRAMES_MAX = 600
"""More than 8 KiB can hold: the smallest frame has 14 bytes."""

Edition = Literal[0, 2011, 2013, 2019]


class Paste(msgspec.Struct, forbid_unknown_fields=True):
    """What a person pasted. ``frame``: which of several frames, from 0; ``edition``: of the terminal's registration."""

    hex: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
    frame: Annotated[int, msgspec.Meta(ge=0, lt=FRAMES_MAX)] = 0
    edition: Edition = 0
    profile: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """Name of the profile to read by; empty: that of the terminal, or what the frame shows."""


async def explain_text(
    services: Services, scope: Scope, text: str, number: int, edition: int, profile: str
) -> dict[str, Any]:
    """Raises Refused (400) where the text is no hex, has no such frame, or there is no such profile."""
    try:
        raw = hex_bytes(text)
    except ProtocolError as error:
        where = "" if error.offset is None else f" at character {error.offset}"
        raise Refused(
            400, "hex", error.code if error.code == "length" else "must be hex", f"{error.detail}{where}"
        ) from None
    return await asyncio.to_thread(_explain, services, scope, raw, number, edition, profile)


def _explain(services: Services, scope: Scope, raw: bytes, number: int, edition: int, profile: str) -> dict[str, Any]:
    frames = frames_in(raw)[:FRAMES_MAX]
    if number >= len(frames):
        raise Refused(400, "frame", f"must be < {len(frames)}")
    use = profile_for(services.engine, services.catalogue, scope, frames[number][1], "", profile)
    answer = explained(
        frames[number][1],
        edition=edition,
        history_days=services.settings.history_days,
        catalogue=services.catalogue,
        use=use,
    )
    return {
        "as_of": now_ms(),
        "source": {"kind": "pasted"},
        "frames": [{"offset": at, "length": len(piece)} for at, piece in frames],
        "frame": number,
    } | answer


@get("/api/explain", tags=["explain"])
async def explain_get(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    text: Annotated[str, QueryParameter(name="hex", max_length=TEXT_MAX)],
    frame: Annotated[int, QueryParameter(name="frame", ge=0, lt=FRAMES_MAX)] = 0,
    edition: FromQuery[Edition] = 0,
    profile: Annotated[str, QueryParameter(name="profile", max_length=40)] = "",
) -> dict[str, Any]:
    """Explain one frame, given as hex of at most 8 KiB; of several frames the one with number ``frame``.

    ``rows`` cover every byte in order. ``rule``, ``became`` and ``answer`` come from a rehearsal in the gateway's own
    code for an authenticated session; the registry is asked for the profile alone and nothing is kept.
    """
    return await explain_text(services, door.allow("read", "explanation"), text, frame, edition, profile)


@post("/api/explain", tags=["explain"], guards=[own_page], status_code=200)
async def explain_post(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Paste]
) -> dict[str, Any]:
    """As the GET, for texts that are too long for an address."""
    scope = door.allow("read", "explanation")
    return await explain_text(services, scope, data.hex, data.frame, data.edition, data.profile)
