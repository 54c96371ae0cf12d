"""A driver sees what he drove: the cards that terminals report bound what is told of the past and of now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from running_core import MINUTE, Running, until

from luwei import facts
from luwei.live.feed import now_ms
from luwei.live.wheel import WheelWatch, card_of
from luwei.protocol.jt808.messages.driver import DriverCard, EarlyDriver
from luwei.registry import drivers, noun
from luwei.registry.audit import SYSTEM
from luwei.registry.binding import TRUCK, Binding
from luwei.registry.engine import write
from luwei.registry.scope import WHOLE

MINE, OTHERS = "440300199001010011", "440300199001010022"


def china(at: int) -> str:
    return (datetime.fromtimestamp(at / 1000, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def card(at: int, inside: bool, certificate: str = "") -> bytes:
    if not inside:
        return DriverCard(status=2, time=china(at)).encode(2019)
    said = DriverCard(
        status=1, time=china(at), ic_result=0, name="张三", certificate=certificate, issuer="广东", expiry="20301231",
        id_card="",
    )  # fmt: skip
    return said.encode(2019)


def test_a_report_says_when_and_whose() -> None:
    at = 1_770_000_000_000
    assert card_of(card(at, True, MINE), 2019, at + 5_000).certificate == MINE
    assert card_of(card(at, True, MINE), 2019, at + 5_000).at == at
    assert not card_of(card(at, False), 2019, at).inside
    # A terminal whose clock is wrong: the receipt counts.
    assert card_of(card(at, True, MINE), 2019, at + 8 * 86_400_000).at == at + 8 * 86_400_000
    assert card_of(card(at, True, MINE), 2019, at - 3_600_000).at == at - 3_600_000
    # Read without success: somebody is there, nobody knows who.
    unread = DriverCard(status=1, time=china(at), ic_result=1).encode(2019)
    assert (card_of(unread, 2019, at).inside, card_of(unread, 2019, at).certificate) == (True, "")
    early = EarlyDriver(name="张三", id_card="11010519491231002X", certificate=MINE, issuer="广东").encode(2011)
    found = card_of(early, 2011, at)
    assert (found.at, found.certificate, found.identity) == (at, MINE, "11010519491231002X")
    assert card_of(b"", 2019, at).inside


@pytest.mark.asyncio(loop_scope="session")
async def test_a_driver_sees_what_he_drove_and_nothing_else(web: Running) -> None:
    """Truck 1 drove from its start on; another driver's card was in it for two minutes of that."""
    engine, start = web.services.engine, web.start_ms
    mine, _ = (
        noun.create(engine, drivers.NOUN, {"name": name, "qualification_number": number}, SYSTEM, WHOLE)
        for name, number in (("张三", MINE), ("李四", OTHERS))
    )
    begin, end = start + 3 * MINUTE, start + 5 * MINUTE
    told = ((begin, card(begin, True, OTHERS)), (end, card(end, False)))
    row = {
        "vehicle_id": 1, "terminal_id": 1, "direction": 0, "message_id": 0x0702, "edition": 2019,
        "phone": "13800000001",
    }  # fmt: skip
    messages = [row | {"received_at": at, "serial": n, "body": body} for n, (at, body) in enumerate(told)]
    await web.publish(facts.MESSAGE, messages)

    async def stored() -> bool:
        table = await web.services.ask("driver_cards", start=start, low=0, high=9, vehicles=[1], most=9)
        return bool(table.num_rows == 2)

    await until(stored, "cards stored")
    query: Any = web.services.history
    WheelWatch(engine, query.query, 30).turn(now_ms())
    token = web.session_token("his-truck", role="driver", vehicle_id=1, driver_id=mine)
    visitor = web.session_token("other-truck", role="driver", vehicle_id=3, driver_id=mine + 1)
    with write(engine) as connection:
        connection.execute(Binding.__table__.update().where(Binding.what == TRUCK).values(from_at=start - MINUTE))
    span = {"from": start - MINUTE, "to": start + 10 * MINUTE, "raw": True}
    async with web.client() as client:
        every = (await client.get("/api/vehicles/1/track", params=span)).json()["columns"]["at"]
    async with web.client(token) as client:
        answer = (await client.get("/api/vehicles/1/track", params=span)).json()
        assert answer["columns"]["at"] == [at for at in every if not begin <= at < end]
        assert (await client.get("/api/vehicles/1/card")).status_code == 200
    async with web.client(visitor) as client:
        answer = (await client.get("/api/vehicles/1/track", params=span)).json()
        assert answer["columns"]["at"] == [at for at in every if begin <= at < end] != []
        # The truck is another's again: its plate stands on what he drove, its place is none of his business.
        assert answer["vehicle"]["plate"] == "粤B12345" and answer["vehicle"]["live"] is None
        assert (await client.get("/api/vehicles/1/card")).status_code == 404
        assert (await client.get("/api/vehicles/1")).status_code == 404
