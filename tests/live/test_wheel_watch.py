"""Drivers' cards on their way into the history: nothing late is lost, nothing cut off, nothing read in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, select

from luwei import facts
from luwei.history.store import HistoryError
from luwei.live import wheel
from luwei.live.wheel import WheelWatch
from luwei.protocol.jt808.messages.driver import DriverCard
from luwei.registry import drivers, noun, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.binding import WHEEL, Binding
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

T0, HOUR, DAY = 1_795_155_973_000, 3_600_000, 86_400_000
MINE = "440300199001010011"


def card(vehicle: int, at: int, inside: bool, received: int | None = None) -> dict[str, Any]:
    """A row of the fact: the card was put in or pulled out, and when the platform heard of it."""
    local = (datetime.fromtimestamp(at / 1000, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    said = DriverCard(status=2, time=local)
    if inside:
        said = DriverCard(
            status=1, time=local, ic_result=0, name="张三", certificate=MINE, issuer="粤", expiry="20301231", id_card=""
        )
    blank = dict.fromkeys(facts.MESSAGE_FRAME.names, 0)
    return blank | {
        "vehicle_id": vehicle, "received_at": at if received is None else received, "message_id": 0x0702,
        "edition": 2019, "phone": "", "body": said.encode(2019),
    }  # fmt: skip


class Past:
    """A history as far as the watch asks it: its one query, over rows in memory."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.asked: list[int] = []
        self.away = False

    def query(self, name: str, start: int, low: int, high: int, vehicles: list[int], most: int) -> pa.Table:
        assert name == "driver_cards"
        if self.away:
            raise HistoryError("away")
        found = [
            row for row in sorted(self.rows, key=lambda row: (row["vehicle_id"], row["received_at"]))
            if row["received_at"] >= start and low <= row["vehicle_id"] < high
            and (not vehicles or row["vehicle_id"] in vehicles)
        ][:most]  # fmt: skip
        self.asked.append(len(found))
        return pa.Table.from_batches([facts.rows_to_batch("message", found)])


def spans(engine: Engine, vehicle: int) -> list[tuple[int, int | None]]:
    with read(engine) as connection:
        columns = select(Binding.from_at, Binding.to_at)
        rows = connection.execute(columns.where(Binding.what == WHEEL, Binding.subject_id == vehicle))
        return sorted((row[0], row[1]) for row in rows)


@pytest.fixture
def trucks(engine: Engine) -> list[int]:
    noun.create(engine, drivers.NOUN, {"name": "张三", "qualification_number": MINE}, SYSTEM, WHOLE)
    return [
        vehicles.create(engine, {"plate": f"粤B1000{n}", "plate_color": 2}, SYSTEM, WHOLE) for n in range(5)
    ]  # fmt: skip


async def test_what_is_taken_is_written_down_once_whenever_it_was_received(engine: Engine, trucks: list[int]) -> None:
    past = Past()
    past.rows = [card(trucks[0], T0, True), card(trucks[0], T0 + 3 * HOUR, False)]
    watch = WheelWatch(engine, past.query, 30)
    watch.turn(T0 + 4 * HOUR)
    assert spans(engine, trucks[0]) == [(T0, T0 + 3 * HOUR)]
    past.asked.clear()
    watch.turn(T0 + 4 * HOUR + 15_000)
    assert past.asked == [], "nothing new, nothing asked"
    # a removal that the terminal could send five days later, and a card that the history has yet to store
    late = card(trucks[0], T0 + HOUR, False, T0 + 5 * DAY)
    new = card(trucks[1], T0 + 5 * DAY, True)
    other = new | {"message_id": 0x0200, "body": b""}
    past.rows.append(late)
    past.away = True
    watch.observe("message", facts.rows_to_batch("message", [late, new, other]))
    watch.observe("fix", facts.rows_to_batch("fix", []))
    fresh, watch._fresh = watch._fresh, {}
    with pytest.raises(HistoryError):
        watch.turn(T0 + 5 * DAY, fresh)
    watch._put_back(fresh)
    past.away = False
    watch.observe("message", facts.rows_to_batch("message", [new]))  # delivered again
    watch.turn(T0 + 5 * DAY, watch._fresh)
    assert spans(engine, trucks[0]) == [(T0, T0 + HOUR)]
    assert spans(engine, trucks[1]) == [(T0 + 5 * DAY, T0 + 6 * DAY)]


def test_a_start_reads_everything_however_much_there_is(
    engine: Engine, trucks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel, "MOST", 7)
    past = Past()
    for truck in trucks:
        for n in range(3):
            past.rows += [card(truck, T0 + n * HOUR, True), card(truck, T0 + n * HOUR + 60_000, False)]
    WheelWatch(engine, past.query, 30).turn(T0 + DAY)
    assert {len(spans(engine, truck)) for truck in trucks} == {3}
