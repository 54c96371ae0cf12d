"""Media nodes of several hosts: those that cannot be reached, and those that come back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from luwei.media.node import Node
from luwei.media.orders import Announcement, Answer, Close, Expect, Request, StreamState
from luwei.media.service import serve
from luwei.media.viewer import Viewer
from luwei.registry.audit import SYSTEM
from luwei.settings import Settings, SettingsError
from luwei.video import nodes as module
from luwei.video.desk import VideoDesk
from luwei.video.nodes import Nodes
from luwei.video.tickets import Place
from luwei.video.upstream import Upstream, Viewing
from luwei.video.view_line import Lines, answers
from ports import free_port

STREAM = "live-1-1"


class Asked:
    """A bus on which every node says yes."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []

    async def request(self, subject: str, payload: bytes, _: float) -> bytes:
        self.requests.append((subject.rpartition(".")[2], msgspec.msgpack.decode(payload, type=Request)))
        return msgspec.msgpack.encode(Answer())


def said(node: str, port: int = 1, streams: tuple[StreamState, ...] = (), load: float = 0.0) -> Announcement:
    ports = {"live": 1, "playback": 2, "talk": 3}
    return Announcement(node, 1, 0, "127.0.0.1", ports, "127.0.0.1", port, load, 0, list(streams), 9, 0, {})


def desk_on(bus: Any) -> VideoDesk:
    engine: Any = None
    commands: Any = SimpleNamespace(news=[])
    return VideoDesk(engine, bus, commands, Settings(data=Path("nowhere")))


def viewing_of(stream: Upstream) -> Viewing:
    viewing = Viewing("v", stream, 1, SYSTEM, "why", "sub", 0, 0)
    stream.viewings["v"] = viewing
    return viewing


async def test_a_node_whose_view_port_cannot_be_reached_gets_no_stream_until_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says on the bus that it is there; its address is another host's, or a firewall stands between."""
    monkeypatch.setattr(module, "TRY_S", (0.0,))
    bus, port = Asked(), free_port()
    desk = desk_on(bus)
    desk.nodes.heard(said("near", 1, load=0.9))
    desk.nodes.heard(said("far", port))
    stream = Upstream(STREAM, 1, "13912345678", 1, SYSTEM, "why", node="far")
    desk.streams[STREAM] = stream
    with pytest.raises(OSError):
        await desk.open_line(viewing_of(stream), Place("far", "127.0.0.1", port, "key"))
    assert (stream.node, stream.reason) == ("", "node_gone")
    desk.nodes.heard(said("far", port, (state(),)))  # it goes on speaking, and even has the stream
    assert [each.node for each in desk.nodes.alive()] == ["near"] and len(desk.nodes.spoke()) == 2
    assert desk.nodes.running(STREAM) is None
    for _ in range(5):
        chosen = desk.nodes.choose()
        assert chosen is not None and chosen.node == "near"
    (due,) = desk.nodes.to_try()
    assert not await answers(due.view_host, due.view_port)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    desk._look_around(0)
    await asyncio.wait_for(asyncio.gather(*desk.chores._tasks), 40)
    server.close()
    assert desk.nodes.within_reach("far") and desk.nodes.get("far") is not None


def test_tries_to_reach_a_node_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    nodes = Nodes(Asked())  # type: ignore[arg-type]
    nodes.heard(said("far"))
    nodes.forget("far", module.OUT_OF_REACH)
    tried = []
    for tick in range(1000):
        now[0] = tick / 10
        nodes.heard(said("far"))
        tried += [now[0]] * len(nodes.to_try())
    assert tried == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def state() -> StreamState:
    empty: dict[str, Any] = {
        field.name: {"str": "", "int": 0, "float": 0.0}.get(getattr(field.type, "__name__", ""), [])
        for field in msgspec.structs.fields(StreamState) if field.required
    }  # fmt: skip
    return StreamState(**empty | {"stream": STREAM, "state": "live", "faults": {}, "viewers": []})


async def test_a_host_that_comes_back_lets_go_of_what_another_one_took_over() -> None:
    bus = Asked()
    desk = desk_on(bus)
    stream = Upstream(STREAM, 1, "13912345678", 1, SYSTEM, "why", node="here")
    desk.streams[STREAM] = stream
    for node in ("here", "back"):
        await desk._announced("", msgspec.msgpack.encode(said(node, streams=(state(),))), {})
    await asyncio.gather(*desk.chores._tasks)
    # nobody tells the terminal to stop: it sends to the other host
    assert bus.requests == [("back", Close(STREAM, "node_gone", 0))]


async def test_a_silent_line_is_cut_where_its_stream_has_gone_and_a_speaking_one_is_not() -> None:
    """A host that is switched off ends no connection."""
    opened: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await asyncio.sleep(30)

    server = await asyncio.start_server(hold, "127.0.0.1", free_port())
    place, lines, there = Place("n", "127.0.0.1", server.sockets[0].getsockname()[1], "key"), Lines(), {"yes": True}
    line = await lines.open(place, lambda: there["yes"])
    reading = asyncio.create_task(line.read())
    now = line.heard_s
    lines.sweep(now + 60)
    await asyncio.sleep(0)
    assert not reading.done()  # a picture may stand still
    there["yes"] = False
    lines.sweep(now + 1)
    await asyncio.sleep(0)
    assert not reading.done()  # its node is missed on the bus alone: pictures came a moment ago
    lines.sweep(now + 3)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(reading, 40)
    lines.close(line)
    server.close()


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
async def test_no_terminal_and_no_core_is_told_an_address_that_means_every_host(address: str) -> None:
    with pytest.raises(SettingsError, match="LUWEI_MEDIA_VIEW_ADDRESS"):
        Settings.load({"LUWEI_MEDIA_VIEW_ADDRESS": address})
    with pytest.raises(ValueError, match="LUWEI_MEDIA_ADDRESS"):
        await serve(Settings(data=Path("nowhere"), host=address), 0)


async def test_all_streams_of_a_process_fit_into_one_message_of_a_bus_that_takes_1_mib_whoever_looks(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path)
    node: Any = Node(settings, 0, Asked())  # type: ignore[arg-type]
    port: Any = None
    for number in range(settings.media_streams):
        name = f"live-{number}-1"
        node._expect(Expect(name, "live", f"139{number:08}", 1, "live"))
        stream = node.stream(name)
        for viewer in range(50):
            made = Viewer(port)
            made.name, made.format = f"{viewer:016x}", "fmp4"
            stream.viewers.add(made)
    said = node.announcement(node.now_ms())
    assert len(said.streams) == settings.media_streams and len(msgspec.msgpack.encode(said)) < 1 << 20
