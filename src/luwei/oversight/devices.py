"""Which model and firmware raised a case: kept once for each case, as they were when it was opened."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sqlalchemy import Engine, insert, select, update

from luwei.registry.case import AlarmCase
from luwei.registry.engine import read, write
from luwei.registry.oversight import CaseDevice, OversightMark
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile, TerminalProfileChange

AT_ONCE = 1_000
MARK = "case_device"


def follow(engine: Engine) -> int:
    """Take down the devices of cases that were opened since; how many."""
    with read(engine) as connection:
        last = connection.scalar(select(OversightMark.value).where(OversightMark.name == MARK)) or 0
        opened = (
            select(AlarmCase.id, AlarmCase.terminal_id, AlarmCase.vendor_id, AlarmCase.opened_at)
            .where(AlarmCase.id > last)
            .order_by(AlarmCase.id)
            .limit(AT_ONCE)
        )
        cases = connection.execute(opened).all()
        keys = sorted({row.terminal_id for row in cases if row.terminal_id is not None})
        models = {
            row.id: row
            for row in connection.execute(
                select(Terminal.id, Terminal.model, Terminal.vendor_id, TerminalProfile.firmware)
                .outerjoin(TerminalProfile, TerminalProfile.terminal_id == Terminal.id)
                .where(Terminal.id.in_(keys))
            )
        }
        changes: dict[int, list[tuple[int, str]]] = {}
        told = select(TerminalProfileChange.terminal_id, TerminalProfileChange.at, TerminalProfileChange.firmware)
        wanted = told.where(TerminalProfileChange.terminal_id.in_(keys)).order_by(TerminalProfileChange.at)
        for row in connection.execute(wanted):
            changes.setdefault(row.terminal_id, []).append((row.at, row.firmware))
    if not cases:
        return 0
    rows = [_row(row, models.get(row.terminal_id), changes.get(row.terminal_id, [])) for row in cases]
    with write(engine) as connection:
        held = select(OversightMark.value).where(OversightMark.name == MARK).with_for_update()
        if (connection.scalar(held) or 0) != last:
            return 0
        connection.execute(insert(CaseDevice), rows)
        if last:
            mark = update(OversightMark).where(OversightMark.name == MARK)
            connection.execute(mark.values(value=cases[-1].id))
        else:
            connection.execute(insert(OversightMark).values(name=MARK, value=cases[-1].id))
    return len(cases)


def _row(case: Any, terminal: Any, changes: list[tuple[int, str]]) -> dict[str, Any]:
    firmware = (terminal.firmware or "") if terminal is not None else ""
    known = [each for each in changes if each[1]]
    if known:
        place = bisect_right([at for at, _ in known], case.opened_at)
        firmware = known[max(place - 1, 0)][1]
    vendor = case.vendor_id or (terminal.vendor_id if terminal is not None else None)
    model = terminal.model if terminal is not None else ""
    return {"case_id": case.id, "vendor_id": vendor or 0, "model": model, "firmware": firmware}
