"""What a truck has recorded, and its playback: simulated trucks through gateway, bus and a media process of its own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from live_trucks import PURPOSE, LiveTrucks, _live, live
from running_core import until
from sqlalchemy import select

from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.engine import read

pytestmark = pytest.mark.asyncio(loop_scope="session")
__all__ = ["_live", "live"]

HOUR_MS = 3_600_000


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["field"], said["rule"]


def audited(live: LiveTrucks, act: str, since: int) -> list[Any]:
    with read(live.web.services.engine) as connection:
        rows = connection.execute(select(AuditEntry).where(AuditEntry.act == act, AuditEntry.at >= since))
        return list(rows.all())


def some_hours_ago() -> int:
    """A full hour at which everything that was recorded since is finished."""
    return now_ms() // HOUR_MS * HOUR_MS - 4 * HOUR_MS


async def ask(live: LiveTrucks, truck: int = 0, token: str | None = None, **more: Any) -> httpx.Response:
    first = some_hours_ago()
    body = {"from_at": first, "to_at": first + 2 * HOUR_MS, "channel": 1, "purpose": PURPOSE} | more
    async with live.web.client(token) as client:
        return await client.post(f"/api/video/vehicles/{live.ids[truck]}/recordings", json=body)


async def test_a_truck_says_what_it_recorded(live: LiveTrucks) -> None:
    since, first = now_ms(), some_hours_ago()
    answer = (await ask(live)).json()
    assert (answer["state"], answer["reason"]) == ("answered", "")
    # pieces of ten minutes in the main storage, of half an hour in the other
    main = [each for each in answer["items"] if each["storage"] == 1]
    other = [each for each in answer["items"] if each["storage"] == 2]
    assert [each["start_at"] - first for each in main] == [600_000 * number for number in range(12)]
    assert [each["start_at"] - first for each in other] == [1_800_000 * number for number in range(4)]
    assert {each["channel"] for each in answer["items"]} == {1}
    assert all(each["bytes"] > 0 and len(each["alarm"]) == 16 for each in answer["items"])
    (entry,) = audited(live, "video.recordings", since)
    assert PURPOSE in entry.detail and entry.vehicle_id == live.ids[0]


async def test_a_whole_day_of_all_channels_comes_in_pages(live: LiveTrucks) -> None:
    first = some_hours_ago() - 24 * HOUR_MS
    answer = (await ask(live, channel=0, from_at=first, to_at=first + 24 * HOUR_MS)).json()
    assert answer["total"] == 4 * 144 + 2 * 48
    seen: list[dict[str, Any]] = []
    offset: int | None = 0
    async with live.web.client() as client:
        path = f"/api/video/vehicles/{live.ids[0]}/recordings"
        while offset is not None:
            page = (await client.get(path, params={"list": answer["list"], "offset": offset, "limit": 500})).json()
            seen += page["items"]
            offset = page["next"]
        newest = (await client.get(path)).json()
        missing = await client.get(path, params={"list": 2_000_000_000})
        other = await client.get(f"/api/video/vehicles/{live.ids[1]}/recordings", params={"list": answer["list"]})
    assert seen == answer["items"]
    assert newest["list"] == answer["list"]
    assert missing.status_code == other.status_code == 404


async def test_nothing_recorded_is_an_empty_list(live: LiveTrucks) -> None:
    first = some_hours_ago() - 20 * 24 * HOUR_MS
    answer = (await ask(live, from_at=first, to_at=first + HOUR_MS)).json()
    assert (answer["state"], answer["items"]) == ("answered", [])


async def test_a_list_wants_a_purpose_and_a_span_of_at_most_31_days(live: LiveTrucks) -> None:
    first = some_hours_ago()
    assert error(await ask(live, purpose=""))[:2] == (400, "purpose")
    assert error(await ask(live, to_at=first))[:2] == (400, "to_at")
    assert error(await ask(live, to_at=first + 31 * 24 * HOUR_MS + 1))[:2] == (400, "to_at")
    assert error(await ask(live, channel=65))[:2] == (400, "channel")
    assert error(await ask(live, token=live.web.session_token("reader", role="viewer")))[0] == 403


async def test_a_truck_that_is_not_there_is_said_to_be_offline(live: LiveTrucks) -> None:
    live.lines[2].stop()

    async def gone() -> bool:
        answer = (await ask(live, 2)).json()
        return (answer["state"], answer["reason"]) == ("failed", "offline")

    await until(gone, "offline", 20)
