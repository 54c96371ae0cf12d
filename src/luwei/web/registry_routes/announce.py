"""Telling the other processes that the registry changed."""

from __future__ import annotations

import json

from luwei.web.services import Services, Speaker

IDS_AT_MOST = 1_000
"""Beyond it ``ids`` is empty: the listeners read everything again."""


async def registry_changed(bus: Speaker, noun: str, ids: list[int]) -> None:
    """Publish ``registry.changed``. The change is committed already; while the bus is away nobody hears it, and the
    listeners read the registry again by themselves from time to time."""
    told = ids if len(ids) <= IDS_AT_MOST else []
    await bus.publish("registry.changed", json.dumps({"noun": noun, "ids": told}).encode())


async def announce(services: Services, noun: str, ids: list[int]) -> None:
    """``registry_changed`` on the bus of ``services``."""
    await registry_changed(services.bus, noun, ids)
