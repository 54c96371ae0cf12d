"""A trace from the switch to the replay: real bus, real gateway, real sockets, and who may do it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import websockets
from running_core import Running, until
from sqlalchemy import select

from gateway.terminal_double import Terminal, location
from luwei.bus import Bus
from luwei.gateway.service import Gateway
from luwei.live import trace as live_trace
from luwei.live.trace import Trace
from luwei.registry.admission import Admission
from luwei.registry.audit import AuditEntry
from luwei.registry.engine import open_engine
from luwei.simulator.captures import read_captures
from luwei.simulator.replay import ACKED, ANSWERED, SKIPPED, replay
from ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def running_gateway(web: Running) -> AsyncIterator[Gateway]:
    settings = replace(web.services.settings, gateway_port=free_port(), admission="open", tick_ms=10)
    bus = await Bus.connect(settings.bus_url, "gateway-0")
    gateway = Gateway(settings, 0, bus, Admission(open_engine(settings.registry_url), "open"))
    gateway.start()
    task = asyncio.create_task(gateway.run())
    try:
        yield gateway
    finally:
        gateway.stop()
        await asyncio.wait_for(task, 60)
        await bus.close()


@asynccontextmanager
async def tail(web: Running, vehicle: int, token: str | None = None, origin: str | None = "own") -> AsyncIterator[Any]:
    async with websockets.connect(
        f"{web.base.replace('http', 'ws')}/ws/trace/{vehicle}",
        additional_headers={"Cookie": f"luwei_session={web.token if token is None else token}"},
        open_timeout=60,
        origin=web.base if origin == "own" else origin,  # type: ignore[arg-type]
    ) as socket:
        yield socket


async def call(web: Running, method: str, path: str, status: int = 200, token: str | None = None, **more: Any) -> Any:
    async with web.client(token) as client:
        answer = await client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    return answer


async def vehicle_of(web: Running, phone: str) -> int:
    async def found() -> int:
        rows = (await call(web, "GET", "/api/vehicles", params={"q": phone})).json()["items"]
        return rows[0]["id"] if rows else 0

    return int(await until(found, "vehicle of the terminal"))


async def test_a_trace_goes_from_the_switch_to_the_replay(web: Running, tmp_path: Path) -> None:
    async with running_gateway(web) as gateway:
        terminal = Terminal("13800138077", plate="粤B77777")
        await terminal.log_in(gateway.wire.port)
        vehicle = await vehicle_of(web, "13800138077")
        path = f"/api/vehicles/{vehicle}/trace"
        state = (await call(web, "GET", path)).json()
        assert state["trace"] is None and state["may_act"]
        async with tail(web, vehicle) as socket:
            first = json.loads(await socket.recv())
            assert (first["type"], first["trace"]) == ("trace", None)
            started = (await call(web, "POST", path, json={"seconds": 60})).json()["trace"]
            assert started["active"] and started["phone"] == "13800138077"

            async def armed() -> bool:
                return gateway.trace.armed

            await until(armed, "the gateway traces")
            wrong = bytearray(terminal.frame(0x0200, location()))
            wrong[-2] ^= 0x10
            await terminal.send(terminal.frame(0x0200, location(22_600_000)), bytes(wrong), terminal.frame(0x0002))
            await terminal.results(2)
            heard: dict[int, dict[str, Any]] = {}
            async with asyncio.timeout(40):
                while len(heard) < 5:
                    message = json.loads(await socket.recv())
                    if message["type"] in ("frames", "changed"):
                        heard.update((frame["seq"], frame) for frame in message["items"])
        ups = [frame for frame in heard.values() if frame["way"] == "up"]
        downs = [frame for frame in heard.values() if frame["way"] == "down"]
        assert sorted((frame["message_id"] or 0, frame["outcome"], frame["reasons"]) for frame in ups) == [
            (0, "refused", ["checksum"]), (0x0002, "taken", []), (0x0200, "taken", []),
        ]  # fmt: skip
        by_seq = {frame["seq"]: frame for frame in ups}
        assert sorted(by_seq[frame["answers"]]["message_id"] for frame in downs) == [0x0002, 0x0200]
        assert {frame["result"] for frame in downs} == {0}

        stopped = (await call(web, "DELETE", path)).json()["trace"]
        assert not stopped["active"] and stopped["end"] == "stopped" and stopped["gateway"] == "gw-0"

        async def disarmed() -> bool:
            return not gateway.trace.armed

        await until(disarmed, "the gateway stops")
        answer = await call(web, "GET", f"{path}.jsonl")
        assert "attachment" in answer.headers["content-disposition"]
        file = tmp_path / "trace.jsonl"
        file.write_bytes(answer.content)
        assert len(list(read_captures(file))) == 5
        terminal.close()
        outcomes = (await replay(read_captures(file), "127.0.0.1", gateway.wire.port, wait_s=30)).counts
        assert outcomes == {ACKED: 2, SKIPPED: 2, "no answer": 1} and ANSWERED not in outcomes
    with web.services.engine.connect() as connection:
        acts = connection.execute(
            select(AuditEntry.act, AuditEntry.noun_id, AuditEntry.username).where(
                AuditEntry.noun == "trace", AuditEntry.act != "trace.look"
            )
        ).all()
    assert [tuple(row) for row in acts] == [
        (act, vehicle, "engineer") for act in ("trace.start", "trace.stop", "trace.export")
    ]


async def test_a_trace_ends_by_itself(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_gateway(web) as gateway:
        terminal = Terminal("13800138078", plate="粤B77778")
        await terminal.log_in(gateway.wire.port)
        vehicle = await vehicle_of(web, "13800138078")
        traces = web.services.traces
        trace = await traces.begin(vehicle, "13800138078", 1, "test")

        async def over() -> bool:
            return not trace.active and not gateway.trace.armed

        await until(over, "the time is over")
        assert trace.end == "time"
        monkeypatch.setattr(live_trace, "FRAMES_MAX", 3)
        trace = await traces.begin(vehicle, "13800138078", 60, "test")

        async def armed() -> bool:
            return gateway.trace.armed

        await until(armed, "the gateway traces")
        await terminal.send(*(terminal.frame(0x0002) for _ in range(6)))
        await until(over_of(trace), "the bound is reached")
        assert trace.end == "size"
        terminal.close()


def over_of(trace: Trace) -> Any:
    async def over() -> bool:
        return not trace.active

    return over


async def test_who_may_only_look_reads_and_switches_no_trace(web: Running) -> None:
    viewer = web.session_token("looker", role="viewer")
    elsewhere = web.session_token("elsewhere", city=440100)
    path = "/api/vehicles/1/trace"
    for method, where in (("GET", path), ("POST", path), ("DELETE", path), ("GET", f"{path}.jsonl")):
        body = {"json": {"seconds": 60}} if method == "POST" else {}
        await call(web, method, where, 403, viewer, **body)
        await call(web, method, where, 404, elsewhere, **body)
        await call(web, method, where, 401, "", **body)
    for token, code in ((viewer, 4403), (elsewhere, 4404), ("wrong", 4401)):
        async with tail(web, 1, token) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code
    with pytest.raises(websockets.InvalidStatus):
        async with tail(web, 1, origin="http://elsewhere.example"):
            pass


@pytest.mark.parametrize("body", [{"seconds": 0}, {"seconds": 1801}, {"seconds": "x"}, {"more": 1}])
async def test_a_wish_out_of_range_is_refused(web: Running, body: dict[str, Any]) -> None:
    await call(web, "POST", "/api/vehicles/1/trace", 400, json=body)


async def test_a_vehicle_without_a_terminal_cannot_be_traced(web: Running) -> None:
    answer = await call(web, "POST", "/api/vehicles/3/trace", 409, json={"seconds": 60})
    assert answer.json()["error"]["rule"] == "has no terminal"
    await call(web, "GET", "/api/vehicles/3/trace.jsonl", 404)
    await call(web, "POST", "/api/vehicles/99999/trace", 404, json={"seconds": 60})
