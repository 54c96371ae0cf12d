"""Names of alarms for whoever shows them."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency

from luwei.alarms.names import SOURCES, all_names, dialect_names
from luwei.web.door import Door


@get("/api/alarms/types", tags=["alarms"])
async def alarm_types(door: NamedDependency[Door]) -> dict[str, Any]:
    """Every type that has a name, with its clause and, where dialects differ, each dialect's name."""
    door.allow("read", "alarm", aggregates=True)
    return {
        "sources": [{"code": code, "zh": zh, "en": en} for code, (zh, en) in SOURCES.items()],
        "items": [
            {
                "type": one.type, "source": one.source, "zh": one.zh, "en": one.en, "lasting": one.lasting,
                "clears": one.clears, "device_fault": one.device_fault, "clause": one.clause,
                "dialects": {key: {"zh": each.zh, "en": each.en} for key, each in dialect_names(one.type).items()},
            }
            for one in all_names()
        ],
    }  # fmt: skip
