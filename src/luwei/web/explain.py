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
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.explanation import explained, frames_in, hex_bytes
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


async def explain_text(services: Services, text: str, number: int, edition: int) -> dict[str, Any]:
    """Raises Refused (400) where the text is no hex or has no such frame."""
    try:
        raw = hex_bytes(text)
    except ProtocolError as error:
        where = "" if error.offset is None else f" at character {error.offset}"
        raise Refused(
            400, "hex", error.code if error.code == "length" else "must be hex", f"{error.detail}{where}"
        ) from None
    return await asyncio.to_thread(_explain, raw, number, edition, services.settings.history_days)


def _explain(raw: bytes, number: int, edition: int, history_days: int) -> dict[str, Any]:
    frames = frames_in(raw)[:FRAMES_MAX]
    if number >= len(frames):
        raise Refused(400, "frame", f"must be < {len(frames)}")
    answer = explained(frames[number][1], edition=edition, history_days=history_days)
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
) -> dict[str, Any]:
    """Explain one frame, given as hex of at most 8 KiB; of several frames the one with number ``frame``.

    ``rows`` cover every byte in order. ``rule``, ``became`` and ``answer`` come from a rehearsal in the gateway's own
    code for an authenticated session; the registry is not asked and nothing is kept.
    """
    door.allow("read", "explanation")
    return await explain_text(services, text, frame, edition)


@post("/api/explain", tags=["explain"], guards=[own_page], status_code=200)
async def explain_post(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Paste]
) -> dict[str, Any]:
    """As the GET, for texts that are too long for an address."""
    door.allow("read", "explanation")
    return await explain_text(services, data.hex, data.frame, data.edition)
