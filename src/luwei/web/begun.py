"""What one person began and another would end: the refusals (``luwei.access.seniority``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from luwei.access.seniority import Begun, may_end
from luwei.video.record_rows import Wanted
from luwei.web.door import Door
from luwei.web.errors import Refused


def of_record(wanted: Wanted) -> Begun:
    """A recording; by a rule, it is for a case whatever became of that."""
    by_rule = wanted.user_id is None
    return Begun(wanted.user_id, wanted.actor.organisation_id, by_rule or wanted.case_id is not None)


async def endable(door: Door, begun: Sequence[Begun]) -> list[bool]:
    """Which of them the caller may end."""
    return await asyncio.to_thread(may_end, door.services.engine, door.user, begun) if begun else []


async def require_endable(door: Door, field: str, begun: Sequence[Begun]) -> None:
    """Raises Refused (403): ``of_case`` where it is for a case or by a rule, else ``others``."""
    refused = [each for each, may in zip(begun, await endable(door, begun), strict=True) if not may]
    if any(each.for_case for each in refused):
        raise Refused(
            403, field, "of_case", "it belongs to a case: who began it, or an authority that supervises him, ends it"
        )
    if refused:
        raise Refused(403, field, "others", "another organisation began it: it ends it, or who supervises it")
