"""Stored messages of a truck: the list, and each one explained.

The history keeps bodies, reassembled and unescaped, and not frames. To explain one, a frame is made around its body
again: header, escapes and check code are Luwei's own then, and the answer says so.
"""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from luwei.live.feed import now_ms
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import encode_frame
from luwei.protocol.jt808.header import BODY_MAX, EDITION_2013, EDITION_2019, Header, phone_bytes
from luwei.protocol.message import REGISTRY
from luwei.registry import ownership
from luwei.registry.scope import Scope
from luwei.web.china_time import DAY_MS
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.explain_profile import profile_for
from luwei.web.explain_words import words
from luwei.web.explanation import explained, explained_body
from luwei.web.rows import milliseconds
from luwei.web.services import Services
from luwei.web.track import End, Key, Start
from luwei.web.vehicle_rows import vehicle_then

PAGE_SIZE = 50
SPAN_MAX_MS = 31 * DAY_MS

_REFERENCE = re.compile(r"(\d{1,13})-([0-9a-f]{4})-(\d{1,5})-([01])")
Reference = Annotated[str, PathParameter(max_length=40)]


def reference_of(at: int, message_id: int, serial: int, direction: int) -> str:
    """The name of one stored message in an address."""
    return f"{at}-{message_id:04x}-{serial}-{direction}"


def message_id_of(text: str) -> int:
    """``0x0900`` or ``0900`` as a number, -1 for none. Raises Refused."""
    if not text:
        return -1
    if not re.fullmatch(r"(0[xX])?[0-9A-Fa-f]{1,4}", text):
        raise Refused(400, "message_id", "must be up to four hexadecimal digits such as 0x0900")
    return int(text, 16)


def _named(message_id: int) -> dict[str, Any]:
    declared = REGISTRY.get(message_id)
    return {"message_id": message_id, "zh": declared.zh if declared else "", "en": declared.en if declared else ""}


@get("/api/vehicles/{vehicle_id:int}/messages", tags=["explain"])
async def messages(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    start: Start,
    end: End,
    message_id: Annotated[str, QueryParameter(name="message_id", max_length=6)] = "",
    page: Annotated[int, QueryParameter(name="page", ge=1, le=2_000)] = 1,
) -> dict[str, Any]:
    """Stored messages (all but locations and heartbeats) between two instants, at most 31 days; newest first.

    ``ids`` counts what there is by message id, whatever is filtered. ``reference`` opens one.
    """
    scope = door.allow("read", "message")
    wanted = message_id_of(message_id)
    if end <= start:
        raise Refused(400, "to", "must be later than from")
    if end - start > SPAN_MAX_MS:
        raise Refused(400, "to", "must be at most 31 days after from")
    parts = await asyncio.to_thread(ownership.spans, services.engine, scope, vehicle_id, start, end)
    vehicle = await vehicle_then(services, scope, vehicle_id, bool(parts))
    await door.looked("message.look", vehicle_id, {"from": start, "to": end}, scope)
    span = {
        "vehicle": vehicle_id, "start": start, "end": end,
        "held_from": [low for low, _ in parts], "held_to": [high for _, high in parts],
    }  # fmt: skip
    table, ids = await asyncio.gather(
        services.ask("messages_page", **span, message=wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE),
        services.ask("message_ids", **span),
    )
    rows = table.to_pylist()
    return {
        "as_of": now_ms(),
        "vehicle": vehicle,
        "total": rows[0]["total"] if rows else 0,
        "size": PAGE_SIZE,
        "ids": [_named(row["message_id"]) | {"count": row["count"]} for row in ids.to_pylist()],
        "items": [
            _named(row["message_id"])
            | {
                "reference": reference_of(
                    milliseconds(row["received_at"]) or 0, row["message_id"], row["serial"], row["direction"]
                ),
                "received_at": milliseconds(row["received_at"]),
                "direction": row["direction"],
                "serial": row["serial"],
                "edition": row["edition"],
                "phone": row["phone"],
                "body_bytes": row["body_bytes"],
            }
            for row in rows
        ],
    }


@get("/api/vehicles/{vehicle_id:int}/messages/{reference:str}", tags=["explain"])
async def message(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key, reference: Reference
) -> dict[str, Any]:
    """One stored message explained. ``source.framed``: a frame was made around the stored body; else only the body."""
    scope = door.allow("read", "message")
    match = _REFERENCE.fullmatch(reference)
    if match is None or int(match[3]) > 0xFFFF or int(match[1]) > 4_102_444_800_000:
        raise Refused(400, "reference", "must be as the list of messages gives it")
    at = int(match[1])
    parts = await asyncio.to_thread(ownership.spans, services.engine, scope, vehicle_id, at, at + 1)
    await vehicle_then(services, scope, vehicle_id, bool(parts))
    if not parts:
        raise Refused(404, "reference", "not_found", "no such message is stored")
    await door.looked("message.look", vehicle_id, {"reference": reference}, scope)
    table = await services.ask(
        "message_one",
        vehicle=vehicle_id,
        at=at,
        message=int(match[2], 16),
        serial=int(match[3]),
        direction=int(match[4]),
    )
    if not table.num_rows:
        raise Refused(404, "reference", "not_found", "no such message is stored")
    row = table.to_pylist()[0]
    return await asyncio.to_thread(_explained, services, scope, row, reference)


def _explained(services: Services, scope: Scope, row: dict[str, Any], reference: str) -> dict[str, Any]:
    body = bytes(row["body"])
    raw = framed(row, body)
    use = profile_for(services.engine, services.catalogue, scope, raw or b"", row["phone"], "")
    if raw is not None:
        answer = explained(
            raw,
            edition=row["edition"] if row["edition"] < EDITION_2013 else 0,
            history_days=services.settings.history_days,
            catalogue=services.catalogue,
            use=use,
        )
        said = words(
            "历史里只存消息体。帧头、转义和校验码是为解析重新生成的，不是当时线上的字节。",
            "The history keeps the body. Header, escapes and check code were made again for this explanation.",
        )
        for kept in answer["became"]["rows"]:
            kept["received_at"] = milliseconds(row["received_at"])
    else:
        answer = explained_body(row["message_id"], row["edition"], body, use)
        said = words(
            "历史里只存消息体，且长于一帧：当时是分包上传，这里只解析重组后的消息体。",
            "The history keeps the body, longer than one frame: it came in fragments; only the body is explained.",
        )
    source = {
        "kind": "stored",
        "reference": reference,
        "received_at": milliseconds(row["received_at"]),
        "direction": row["direction"],
        "phone": row["phone"],
        "edition": row["edition"],
        "serial": row["serial"],
        "framed": raw is not None,
    } | said
    return {
        "as_of": now_ms(),
        "source": source,
        "frames": [{"offset": 0, "length": answer["length"]}],
        "frame": 0,
    } | answer


def framed(row: dict[str, Any], body: bytes) -> bytes | None:
    """A frame around a stored body as its edition writes it; None where one frame cannot hold it."""
    is_2019 = row["edition"] == EDITION_2019
    edition = EDITION_2019 if is_2019 else EDITION_2013
    if len(body) > BODY_MAX:
        return None
    try:
        header = Header(
            message_id=row["message_id"],
            body_length=len(body),
            serial=row["serial"],
            phone_raw=phone_bytes(row["phone"], edition),
            edition=edition,
            protocol_version=1 if is_2019 else 0,
        )
        return encode_frame(header, body)
    except ProtocolError:
        return None
