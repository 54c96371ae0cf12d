"""What a question about alarms names: the time and the filters, each bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from litestar.params import QueryParameter

from luwei.alarms.names import SOURCES
from luwei.web.china_time import DAY_MS
from luwei.web.errors import Refused

SPAN_MAX_MS = 31 * DAY_MS
TYPES_MAX = 50

Start = Annotated[int, QueryParameter(name="from", ge=0, le=4_102_444_800_000)]
End = Annotated[int, QueryParameter(name="to", ge=0, le=4_102_444_800_000)]
Vehicle = Annotated[int | None, QueryParameter(name="vehicle", ge=1, le=2**32 - 1)]
Types = Annotated[str, QueryParameter(name="type", max_length=600)]
Sources = Annotated[str, QueryParameter(name="source", max_length=100)]
Level = Annotated[int | None, QueryParameter(name="level", ge=0, le=255)]
City = Annotated[int | None, QueryParameter(name="city", ge=1, le=999_999)]
County = Annotated[int | None, QueryParameter(name="county", ge=1, le=999_999_999)]
Operator = Annotated[int | None, QueryParameter(name="operator", ge=1, le=2**31 - 1)]
Backfill = Annotated[Literal["true", "false"] | None, QueryParameter(name="backfill")]


@dataclass(frozen=True, slots=True)
class Asked:
    """Checked filters; empty lists and -1 are all."""

    start: int
    end: int
    types: list[str]
    sources: list[str]
    level: int = -1
    backfill: int = -1

    @property
    def parameters(self) -> dict[str, Any]:
        """As the queries take them, without the time and the types."""
        return {"sources": self.sources, "level": self.level, "backfill": self.backfill}


def asked(
    start: int, end: int, types: str = "", sources: str = "", level: int | None = None, backfill: str | None = None
) -> Asked:
    """Raises Refused naming the field that breaks a rule."""
    if end <= start:
        raise Refused(400, "to", "must be later than from")
    if end - start > SPAN_MAX_MS:
        raise Refused(400, "to", "must be at most 31 days after from")
    named = [part.strip() for part in types.split(",") if part.strip()]
    if len(named) > TYPES_MAX or any(not re.fullmatch(r"[0-9A-F]{4}|808:\d\d|1078:\d\d", each) for each in named):
        raise Refused(400, "type", f"must be at most {TYPES_MAX} types like 6401, 808:00 or 1078:00, joined by commas")
    chosen = [part.strip() for part in sources.split(",") if part.strip()]
    if any(each not in SOURCES for each in chosen):
        raise Refused(400, "source", f"must be of {', '.join(SOURCES)}, joined by commas")
    late = -1 if backfill is None else int(backfill == "true")
    return Asked(start, end, named, chosen, -1 if level is None else level, late)
