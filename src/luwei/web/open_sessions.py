"""Counts of sessions that are open: asked of their gateways, since the history gets them when a session ends."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable
from typing import Any

import msgspec

from luwei.bus import BusAway
from luwei.bus.connection import RequestFailed
from luwei.gateway.open_counts import COUNTED, Asked, counts_subject, read
from luwei.web.services import Services

PATIENCE_S = 0.5
"""A gateway that does not answer in this time leaves the counts unknown (null): the page must not wait for it."""


async def count_open(services: Services, rows: Iterable[dict[str, Any]], alive: Container[int]) -> None:
    """Fill in the counts of those ``rows`` that are open: what their gateways say now, or None.

    ``alive``: boots of the gateways that are there; a session of any other was lost and keeps what is known of it.

    A row has ``boot``, ``phone``, ``session`` (whole number) and the names in COUNTED.
    """
    by_boot: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["closed_at"] is None and row["boot"] in alive:
            row |= dict.fromkeys(COUNTED)
            by_boot.setdefault(row["boot"], []).append(row)
    await asyncio.gather(*(_ask(services, boot, open_rows) for boot, open_rows in by_boot.items()))


async def _ask(services: Services, boot: int, rows: list[dict[str, Any]]) -> None:
    asked = msgspec.msgpack.encode(Asked({row["phone"]: row["session"] for row in rows}))
    try:
        found = read(await services.bus.request(counts_subject(boot), asked, PATIENCE_S))
    except (BusAway, RequestFailed, msgspec.MsgspecError):
        return
    for row in rows:
        row |= found.get(row["phone"], {})
