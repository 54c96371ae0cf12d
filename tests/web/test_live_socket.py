"""The live socket over a real server: what a screen hears, what is refused, what a slow one costs."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import numpy as np
import pytest
import websockets
from running_core import Running, location, until

from luwei import facts
from luwei.access.web_session import close_session, find_session
from luwei.live.feed import now_ms
from luwei.registry.engine import write
from luwei.web import live_socket
from pace import one_within

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHENZHEN = {"type": "view", "bbox": [113.7, 22.3, 114.7, 22.9], "zoom": 11, "filter": {}}
PROVINCE = {"type": "view", "bbox": [109, 20, 118, 26], "zoom": 6.5, "filter": {"state": "all"}}


@asynccontextmanager
async def connected(web: Running, token: str | None = None, origin: str | None = "own") -> AsyncIterator[Any]:
    headers = {"Cookie": f"luwei_session={web.token if token is None else token}"}
    async with websockets.connect(
        web.base.replace("http", "ws") + "/ws/live",
        additional_headers=headers,
        open_timeout=60,
        origin=web.base if origin == "own" else origin,  # type: ignore[arg-type]
        max_size=None,
    ) as socket:
        yield socket


async def frame(socket: Any, kinds: tuple[int, ...] = (1, 2, 3)) -> tuple[int, dict[str, list[int]]]:
    """The next binary frame of one of ``kinds``."""
    async with asyncio.timeout(40):
        while True:
            data = await socket.recv()
            if isinstance(data, str):
                continue
            n, kind, base, _ = struct.unpack_from("<4I", data)
            assert kind >> 8 == 1
            if kind & 0xFF not in kinds:
                continue
            names = (
                [("lon", "<i4"), ("lat", "<i4"), ("count", "<u4"), ("online", "<u4"), ("alarm", "<u4")]
                if kind & 0xFF == 3
                else [("lon", "<i4"), ("lat", "<i4"), ("id", "<u4"), ("age", "<u2"), ("speed", "u1"),
                      ("heading", "u1"), ("status", "u1")]
            )  # fmt: skip
            offset, columns = 16, {"base": [base]}
            for name, code in names:
                columns[name] = np.frombuffer(data, code, n, offset).tolist()
                offset += n * np.dtype(code).itemsize
            assert offset == len(data)
            return kind & 0xFF, columns


async def text(socket: Any, kind: str) -> dict[str, Any]:
    """The next JSON message of a type."""
    async with asyncio.timeout(40):
        while True:
            data = await socket.recv()
            if isinstance(data, str):
                message: dict[str, Any] = json.loads(data)
                if message["type"] == kind:
                    return message


async def test_a_street_view_gets_its_trucks_and_then_only_what_changed(web: Running) -> None:
    async with connected(web) as socket:
        await socket.send(json.dumps(SHENZHEN))
        kind, columns = await frame(socket)
        assert (kind, columns["id"]) == (1, [1])
        assert columns["speed"] == [45]
        assert columns["status"][0] & 0b11 == 2
        await web.publish(facts.FIX, [location(1, now_ms(), lat_e6=22_740_000, speed_dkmh=0, direction_deg=180)])
        # What changed in the second of a frame comes once more with the next.
        kind, columns = await frame(socket, (2,))
        if columns["lat"] == [22_731_000]:
            kind, columns = await frame(socket, (2,))
        assert (kind, columns["id"], columns["lat"], columns["heading"]) == (2, [1], [22_740_000], [90])
        assert columns["status"][0] & 0b11 == 1
        await web.publish(facts.FIX, [location(1, now_ms() + 1, lat_e6=23_500_000)])
        _, columns = await frame(socket, (2,))
        if columns["lat"] == [22_740_000]:
            _, columns = await frame(socket, (2,))
        assert (columns["id"], columns["status"][0] & 0x80) == ([1], 0x80)
        summary = await text(socket, "summary")
        assert summary["in_view"] == 0
        await web.publish(facts.FIX, [location(1, now_ms() + 2, lat_e6=22_731_000)])


async def test_a_location_reaches_the_screen_within_two_seconds(web: Running) -> None:
    async with connected(web) as socket:
        await socket.send(json.dumps(SHENZHEN))
        await frame(socket)
        places = count(22_600_000)

        async def seen() -> float:
            before, lat = time.monotonic(), next(places)
            await web.publish(facts.FIX, [location(1, now_ms(), lat_e6=lat)])
            while True:
                _, columns = await frame(socket, (2,))
                if columns["lat"] == [lat]:
                    return time.monotonic() - before

        for part in range(4):  # wherever in a second it comes
            await asyncio.sleep(0.23 * part)
            await one_within(2, seen)


async def test_a_province_view_gets_cells(web: Running) -> None:
    async with connected(web) as socket:
        await socket.send(json.dumps(PROVINCE))
        kind, columns = await frame(socket)
        assert kind == 3
        assert sum(columns["count"]) == 2  # the third truck never reported


async def test_the_summary_counts_the_chosen_area(web: Running) -> None:
    async with connected(web) as socket:
        everything = await text(socket, "summary")
        assert (everything["total"], everything["online"] + everything["offline"]) == (3, 3)
        await socket.send(json.dumps(PROVINCE | {"filter": {"city": 440100, "state": "moving"}}))
        await frame(socket)
        summary = await text(socket, "summary")
        assert (summary["total"], summary["stopped"], summary["in_view"]) == (1, 1, 0)


async def test_a_person_of_one_city_hears_of_no_other(web: Running) -> None:
    token = web.session_token("one-city", city=440100)
    async with connected(web, token) as socket:
        assert (await text(socket, "summary"))["total"] == 1
        await socket.send(json.dumps(PROVINCE | {"filter": {"city": 440300}}))
        _, columns = await frame(socket)
        assert sum(columns["count"]) == 0
        await socket.send(json.dumps(PROVINCE))
        _, columns = await frame(socket)
        assert sum(columns["count"]) == 1


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (SHENZHEN | {"bbox": [114.7, 22.3, 113.7, 22.9]}, "bbox"),
        (SHENZHEN | {"bbox": [113.7, 22.3, 414.7, 22.9]}, "bbox"),
        (SHENZHEN | {"bbox": [1, 2, 3]}, "bbox"),
        (SHENZHEN | {"zoom": 25}, "zoom"),
        (SHENZHEN | {"zoom": "near"}, "zoom"),
        (SHENZHEN | {"filter": {"state": "asleep"}}, "filter.state"),
        (SHENZHEN | {"filter": {"city": -1}}, "filter.city"),
        (SHENZHEN | {"filter": {"colour": 1}}, "filter.colour"),
        ({"type": "shout"}, "type"),
        ([], ""),
    ],
)
async def test_a_message_that_breaks_a_rule_is_answered_with_its_field(web: Running, message: Any, field: str) -> None:
    async with connected(web) as socket:
        await socket.send(json.dumps(message))
        error = await text(socket, "error")
        assert error["field"].startswith(field)
        assert error["rule"]
        await socket.send(json.dumps(SHENZHEN))  # and the socket lives on
        await frame(socket)


async def test_nan_and_garbage_are_refused_and_the_socket_lives(web: Running) -> None:
    async with connected(web) as socket:
        for garbage in ("", "{", '{"type":"view","bbox":[NaN,1,2,3],"zoom":3}', "[" * 2000):
            await socket.send(garbage)
            assert (await text(socket, "error"))["rule"]
        await socket.send(json.dumps(SHENZHEN))
        await frame(socket)


async def test_a_message_beyond_four_kilobytes_ends_the_socket(web: Running) -> None:
    async with connected(web) as socket:
        await socket.send(" " * 5000)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(40):
                while True:
                    await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


@pytest.mark.parametrize("origin", ["https://evil.example", None])
async def test_a_foreign_page_gets_no_socket(web: Running, origin: str | None) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connected(web, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_without_a_session_the_socket_says_why_it_closes(web: Running) -> None:
    async with connected(web, token="") as socket:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "login_required")


async def test_the_socket_closes_when_the_session_ends(web: Running) -> None:
    token = web.session_token("leaver")
    async with connected(web, token) as socket:
        await text(socket, "summary")
        user = find_session(web.services.engine, token)
        assert user is not None
        with write(web.services.engine) as connection:
            close_session(connection, user.session_id)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(40):
                while True:
                    await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "session_ended")


async def test_one_person_has_a_bounded_number_of_screens(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket.seats, "most_a_person", 1)
    token = web.session_token("hoarder")
    async with connected(web, token) as first:
        await text(first, "summary")
        async with connected(web, token) as second:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await second.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013

    async def gone() -> bool:
        return find_user(web, token) not in live_socket.seats.taken

    await until(gone, "the first screen forgotten")
    async with connected(web, token) as again:
        await text(again, "summary")


def find_user(web: Running, token: str) -> int:
    user = find_session(web.services.engine, token)
    assert user is not None
    return user.user_id


async def test_a_client_that_does_not_read_costs_one_frame_and_then_sees_the_newest(web: Running) -> None:
    """Sixty large seconds pass while it does not read; it may find some old frames in the line, but not sixty."""
    fleet = web.services.fleet
    base = 10_000
    ids = np.arange(base, base + 15_000)
    fleet.reserve(base + 15_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(web.base.rsplit(":", 1)[1]), limit=2**16)
    request = (
        f"GET /ws/live HTTP/1.1\r\nHost: {web.base[7:]}\r\nOrigin: {web.base}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"Cookie: luwei_session={web.token}\r\n\r\n"
    )
    sent = live_socket._sent._value
    try:
        fleet.known[ids] = True
        fleet.lat_e6[ids], fleet.lon_e6[ids] = 22_600_000, 114_000_000
        writer.write(request.encode())
        payload = json.dumps(SHENZHEN).encode()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)  # masked with zeros
        before = sent.get()
        for step in range(60):
            fleet.lat_e6[ids] = 22_600_000 + step
            fleet.changed[ids] = fleet.second
            web.services.feed.close_second()
            await asyncio.sleep(0.02)
        stalled = sent.get() - before
        frame_bytes = 16 + 17 * 15_000
        assert stalled < 25 * frame_bytes  # what the buffers of the line hold, not sixty frames
        newest = 22_600_000 + 59
        received = b""
        async with asyncio.timeout(40):
            while struct.pack("<i", newest) * 100 not in received[-2 * frame_bytes :]:
                received += await reader.read(1 << 20)
        assert len(received) < 30 * frame_bytes
    finally:
        writer.close()
        fleet.known[ids] = False
        fleet.lon_e6[ids] = -(2**31)
        fleet.changed[ids] = fleet.second
