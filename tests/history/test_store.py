"""The history on a real chDB: tables, queries, repeated inserts."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from luwei import facts
from luwei.facts import BatchId
from luwei.history import History, HistoryError
from luwei.history.proof import insert_missing
from luwei.history.store import TABLES, migrations

DAY = 86_400_000
EVERYTHING: dict[str, Any] = {
    "scope": "", "devices": "", "part_scope": "", "part_vehicle": [], "part_from": [], "part_to": [],
}  # fmt: skip
"""Whoever asks sees the whole province."""


def table(*batches: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches(list(batches))


def session(**values: Any) -> dict[str, Any]:
    return {
        "session": 1, "event": "authenticated", "at": 0, "phone": "13912345678", "vehicle_id": 5, "terminal_id": 6,
        "gateway": "gw-0", "boot": 77, "transport": "tcp", "peer": "10.0.0.1:5000", "edition": 2019, "reason": "",
        "frames": 0, "locations": 0, "refused": 0, "bytes_in": 0, "batch": 1,
    } | values  # fmt: skip


def test_every_column_of_every_fact_comes_back_as_it_went_in(history: History, noon_ms: int, locations: Any) -> None:
    raw = bytes(range(256))
    history.insert(
        facts.FIX,
        table(locations([5], [noon_ms], BatchId(1, 1), items=raw, device_at=[None], altitude_m=[-40], fuel_dl=[9])),
        "a",
    )
    row = history.query("latest_vehicle", vehicles=[5]).to_pylist()[0]
    assert row["items"] == raw
    assert row["device_at"] is None
    assert row["at"] == datetime.fromtimestamp(noon_ms / 1000, UTC)
    assert (row["altitude_m"], row["fuel_dl"], row["video_alarm"]) == (-40, 9, None)
    assert row["batch"] == BatchId(1, 1).value
    assert set(row) == set(facts.LOCATION.names)


def test_a_repeated_insert_adds_nothing_on_any_of_its_days(history: History, noon_ms: int, locations: Any) -> None:
    rows = table(locations([5] * 30, [noon_ms - day * DAY for day in range(30)], BatchId(1, 1)))
    history.insert(facts.FIX, rows, "a")
    history.insert(facts.FIX, rows, "a")
    assert track(history, 5, noon_ms - 40 * DAY, noon_ms + DAY).num_rows == 30
    history.insert(facts.FIX, rows, "b")
    assert track(history, 5, noon_ms - 40 * DAY, noon_ms + DAY).num_rows == 60


def track(history: History, vehicle: int, start: int, end: int, limit: int = 1000) -> pa.Table:
    return history.query("track", vehicle=vehicle, start=start, end=end, limit=limit)


def test_rows_of_200_days_go_in_with_one_insert(history: History, noon_ms: int, locations: Any) -> None:
    rows = table(locations([5] * 200, [noon_ms - day * DAY for day in range(200)], BatchId(1, 1)))
    history.insert(facts.FIX, rows, "a")
    assert track(history, 5, noon_ms - 250 * DAY, noon_ms + DAY).num_rows == 200


def test_a_track_is_in_order_of_time_with_late_points_in_place(history: History, noon_ms: int, locations: Any) -> None:
    history.insert(facts.FIX, table(locations([5, 6, 5], [noon_ms, noon_ms, noon_ms + 20_000], BatchId(1, 1))), "a")
    history.insert(facts.FIX, table(locations([5], [noon_ms + 10_000], BatchId(1, 2), origin=[2])), "b")
    rows = track(history, 5, noon_ms, noon_ms + 20_001)
    assert rows["origin"].to_pylist() == [0, 2, 0]
    assert rows["at"].type == pa.timestamp("ms", "UTC")
    assert track(history, 5, noon_ms, noon_ms + 20_000).num_rows == 2  # the end is excluded
    assert track(history, 5, noon_ms, noon_ms + 20_001, limit=1).num_rows == 1


def test_latest_is_the_newest_time_and_a_late_point_does_not_win(
    history: History, noon_ms: int, locations: Any
) -> None:
    history.insert(facts.FIX, table(locations([5, 5, 6], [noon_ms, noon_ms + 5000, noon_ms], BatchId(1, 1))), "a")
    history.insert(facts.FIX, table(locations([5], [noon_ms + 1000], BatchId(1, 2), origin=[2])), "b")
    latest = history.query("latest").to_pylist()
    assert [(row["vehicle_id"], int(row["at"].timestamp() * 1000)) for row in latest] == [
        (5, noon_ms + 5000),
        (6, noon_ms),
    ]
    assert history.query("latest_vehicle", vehicles=[7]).num_rows == 0


def test_speed_and_counts_of_a_vehicle(history: History, noon_ms: int, locations: Any) -> None:
    batch = locations(
        [5, 5, 5], [noon_ms, noon_ms + 1000, noon_ms + 2000], BatchId(1, 1), origin=[0, 2, 0], flags=[0, 0, 8],
        mileage_hm=[100, None, 130], speed_dkmh=[10, 20, 30],
    )  # fmt: skip
    history.insert(facts.FIX, table(batch), "a")
    assert history.query("speed_recent", vehicle=5, start=noon_ms + 1000)["speed_dkmh"].to_pylist() == [20, 30]
    counts = history.query("counts_vehicle_day", vehicle=5, start=noon_ms, end=noon_ms + DAY).to_pylist()[0]
    assert (counts["locations"], counts["backfilled"], counts["not_fixed"], counts["mileage_hm"]) == (3, 1, 1, 30)
    nothing = history.query("counts_vehicle_day", vehicle=9, start=noon_ms, end=noon_ms + DAY).to_pylist()[0]
    assert nothing == {
        "locations": 0, "backfilled": 0, "not_fixed": 0, "first_at": None, "last_at": None, "mileage_hm": None,
    }  # fmt: skip
    hours = history.query("counts_day", start=noon_ms - 3_600_000, end=noon_ms + DAY).to_pylist()
    assert [(row["hour"], row["locations"], row["vehicles"]) for row in hours] == [(1, 3, 1)]


def test_sessions_pair_their_events_and_a_lost_gateway_holds_none_open(history: History, noon_ms: int) -> None:
    events = [
        session(session=1, at=noon_ms),
        session(session=1, at=noon_ms + 60_000, event="closed", reason="idle", frames=12, locations=10, bytes_in=900),
        session(session=2, at=noon_ms + 70_000, phone="13900000002"),
        session(session=3, at=noon_ms + 80_000, boot=66),
    ]
    history.insert(facts.SESSION, table(facts.rows_to_batch(facts.SESSION, events)), "a")
    page = {"start": noon_ms - DAY, "q": "", "boots": [77], **EVERYTHING, "limit": 10, "offset": 0}
    rows = history.query("sessions_page", state="", **page).to_pylist()
    assert [(row["session"], row["reason"], row["total"]) for row in rows] == [
        (3, "gateway_lost", 3),
        (2, "", 3),
        (1, "idle", 3),
    ]
    assert rows[2]["frames"] == 12
    assert rows[2]["closed_at"] - rows[2]["opened_at"] == timedelta(seconds=60)
    assert rows[1]["closed_at"] is None
    assert history.query("sessions_page", state="open", **page)["session"].to_pylist() == [2]
    assert history.query("sessions_page", state="closed", **page)["session"].to_pylist() == [3, 1]
    assert history.query("sessions_page", state="", **(page | {"q": "0000"}))["session"].to_pylist() == [2]
    assert history.query("sessions_page", state="", **(page | {"limit": 1, "offset": 1}))["session"].to_pylist() == [2]
    assert history.query("session_open", start=noon_ms - DAY, boots=[77])["session"].to_pylist() == [2]
    assert history.query("session_open", start=noon_ms - DAY, boots=[]).num_rows == 0
    assert history.query("session_vehicle", vehicle=5, start=noon_ms - DAY)["session"].to_pylist() == [3]


def test_the_ledger_adds_up_what_gateways_flushed(history: History, noon_ms: int) -> None:
    day = date.today()
    entry = {
        "day": day, "phone": "139", "terminal_id": 6, "vehicle_id": 5, "gateway": "gw-0", "kind": "refused",
        "reason": "checksum", "message_id": 0x0200, "peer": "10.0.0.1:1", "count": 3, "first_at": noon_ms,
        "last_at": noon_ms + 10, "example": b"\x7e\x02\xff", "batch": 1,
    }  # fmt: skip
    rows = [
        entry,
        entry | {"count": 4, "first_at": noon_ms + 20, "last_at": noon_ms + 30, "example": b""},
        entry | {"phone": "138", "vehicle_id": 8, "count": 1},
        entry | {"reason": "short", "kind": "noted", "count": 2, "message_id": 0},
        entry | {"day": day - timedelta(days=1), "count": 100},
    ]
    history.insert(facts.LEDGER, table(facts.rows_to_batch(facts.LEDGER, rows)), "a")
    reasons = history.query("ledger_day_reason", day=day, phone="", **EVERYTHING).to_pylist()
    assert [(row["reason"], row["count"], row["terminals"], row["example"]) for row in reasons] == [
        ("checksum", 8, 2, b"\x7e\x02\xff"),
        ("short", 2, 1, b"\x7e\x02\xff"),
    ]
    page = {"day": day, "phone": "", **EVERYTHING, "limit": 2, "offset": 0}
    terminals = history.query("ledger_day_terminal", reason="", **page).to_pylist()
    assert [(row["phone"], row["reason"], row["count"], row["total"]) for row in terminals] == [
        ("139", "checksum", 7, 3),
        ("139", "short", 2, 3),
    ]
    assert history.query("ledger_day_terminal", reason="short", **page)["count"].to_pylist() == [2]
    own = history.query("ledger_vehicle_day", vehicle=5, day=day).to_pylist()
    assert [(row["reason"], row["count"]) for row in own] == [("checksum", 7), ("short", 2)]


def test_messages_keep_their_bytes(history: History, noon_ms: int) -> None:
    row = {
        "vehicle_id": 5, "terminal_id": 6, "received_at": noon_ms, "direction": 0, "message_id": 0x0104, "serial": 1,
        "edition": 2019, "phone": "139", "body": b"\xff\x00\xfe", "batch": 1,
    }  # fmt: skip
    history.insert(facts.MESSAGE, table(facts.rows_to_batch(facts.MESSAGE, [row])), "a")
    found = history.query("messages_vehicle", vehicle=5, start=noon_ms, end=noon_ms + 1, limit=5).to_pylist()
    assert found[0]["body"] == b"\xff\x00\xfe"


def test_proof_inserts_exactly_the_batch_days_that_are_missing(history: History, noon_ms: int, locations: Any) -> None:
    days = [noon_ms, noon_ms - DAY, noon_ms - DAY]
    rows = table(locations([5, 5, 6], days, BatchId(1, 1)), locations([5, 5, 6], days, BatchId(1, 2)))
    # A kill left the first batch whole and yesterday of the second.
    history.insert(facts.FIX, rows.slice(0, 3), "a")
    history.insert(facts.FIX, rows.slice(4, 2), "b")
    assert insert_missing(history, "location", rows, "c") == 1
    assert insert_missing(history, "location", rows, "c") == 0
    assert track(history, 5, noon_ms - 2 * DAY, noon_ms + DAY).num_rows == 4
    assert track(history, 6, noon_ms - 2 * DAY, noon_ms + DAY).num_rows == 2


@pytest.mark.parametrize("kind", list(TABLES))
def test_each_table_has_the_columns_of_its_fact(history: History, kind: str) -> None:
    empty = facts.SCHEMAS[kind].empty_table()
    history.insert(kind, empty, "a")
    assert insert_missing(history, TABLES[kind], empty, "a") == 0


def test_what_was_stored_is_there_after_reopening_and_migrations_run_once(
    tmp_path: Path, noon_ms: int, locations: Any
) -> None:
    for number in (1, 2):
        history = History.open("", tmp_path / "h", 400)
        history.migrate()
        history.insert(facts.FIX, table(locations([5], [noon_ms + number], BatchId(1, number))), f"t{number}")
        assert track(history, 5, noon_ms, noon_ms + DAY).num_rows == number
        assert history.sizes()["migration"].rows == len(migrations())
        history.close()


def test_many_threads_may_ask_while_one_inserts(history: History, noon_ms: int, locations: Any) -> None:
    errors: list[Exception] = []

    def ask() -> None:
        try:
            for _ in range(15):
                counted = track(history, 5, noon_ms, noon_ms + DAY).num_rows
                assert counted % 10 == 0
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(10):
        history.insert(
            facts.FIX, table(locations([5] * 10, [noon_ms + number] * 10, BatchId(1, number + 1))), f"{number}"
        )
    for thread in threads:
        thread.join()
    assert errors == []
    assert track(history, 5, noon_ms, noon_ms + DAY).num_rows == 100


def test_a_wrong_question_is_named(history: History) -> None:
    with pytest.raises(KeyError):
        history.query("../store")
    with pytest.raises(HistoryError):
        history.query("track", vehicle=1)


def test_a_malformed_url_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="history URL") as refused:
        History.open("clickhouse://user:secret@host", tmp_path, 400)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_reported(tmp_path: Path, port: int) -> None:
    with pytest.raises(HistoryError):
        History.open(f"http://127.0.0.1:{port}/luwei", tmp_path, 400)
