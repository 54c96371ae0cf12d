"""What befalls one viewer's line to a node befalls that viewer alone."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from litestar.exceptions import WebSocketDisconnect
from node_harness import Harness, packets, until
from uvicorn.protocols.utils import ClientDisconnected

from luwei.media import viewer as viewers
from luwei.media.orders import BINARY, MAIN, RECORD, TEXT
from luwei.registry.audit import SYSTEM
from luwei.video import tidings
from luwei.video.tickets import Place
from luwei.video.upstream import Upstream, Viewing
from luwei.video.view_line import Lines, ViewLine
from luwei.web import video_socket
from luwei.web.socket_end import ENDED, SLOW, SocketEnded
from luwei.web.video_socket import _Tile
from ports import free_port


@pytest.mark.asyncio(loop_scope="session")
async def test_who_takes_too_little_is_cut_off_and_the_core_hears_so_though_his_line_holds_no_word_more(
    node: Harness, clip: list[tuple[bytes, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "STUCK_S", 0.5)
    stream = await node.expect()
    slow = await node.view(stream)
    name = next(iter(node.viewers(stream))).name
    slow.resume.clear()
    truck = await node.truck()
    big = [(data + b"\0\0\0\1\x06" + b"\xff" * 40_000, key) for data, key in clip[:50]]
    truck.send(b"".join(packets(big)))
    await until(lambda: [each for each in node.events if (each.what, each.detail) == ("slow", name)], "told")
    await until(lambda: not node.viewers(stream), "let go")


def viewing_of(stream: Upstream) -> Viewing:
    viewing = Viewing("v1", stream, 1, SYSTEM, "why", MAIN, 0, 0)
    stream.viewings[viewing.id] = viewing
    return viewing


def test_a_viewer_who_was_cut_off_is_told_so_and_no_other() -> None:
    stream = Upstream("live-1-1", 1, "13912345678", 1, SYSTEM, "why")
    viewing = viewing_of(stream)
    other = Viewing("v2", stream, 2, SYSTEM, "why", MAIN, 0, 0)
    stream.viewings[other.id] = other
    news = stream.news
    tidings.happened(stream, "slow", 1, "v1")
    assert viewing.slow and news.is_set()
    assert (other.slow, stream.node, stream.state) == (False, "", "waiting")


class Desk:
    """Gives a place as often as it is asked, up to ``times``."""

    def __init__(self, port: int, times: int) -> None:
        self.lost: list[str] = []
        self.lines = Lines()
        self._places = [Place("node", "127.0.0.1", port, "key")] * times

    async def place(self, *_: Any) -> Place | None:
        return self._places.pop() if self._places else None

    async def open_line(self, _: Viewing, place: Place) -> ViewLine:
        try:
            return await self.lines.open(place, lambda: True)
        except OSError:
            self.lost.append(place.node)
            raise


class Socket:
    """A browser that takes octets, and texts only where ``takes``."""

    query_params: ClassVar[dict[str, str]] = {}

    def __init__(self, takes: bool = True, leaves: bool = False) -> None:
        self.came: list[Any] = []
        self._takes, self._leaves = takes, leaves

    async def send_bytes(self, data: bytes) -> None:
        if self._leaves:
            raise ClientDisconnected
        self.came.append(data)

    async def send_text(self, text: str) -> None:
        if not self._takes:
            await asyncio.Event().wait()
        self.came.append(json.loads(text))


async def view_port(record: bytes) -> asyncio.Server:
    """Gives every line one record, then cuts it off without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(RECORD.size)
        writer.write(record)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", free_port())


async def relayed(record: bytes, socket: Socket, code: int) -> Desk:
    server = await view_port(record)
    desk = Desk(server.sockets[0].getsockname()[1], 2)
    viewing = viewing_of(Upstream("live-1-1", 1, "13912345678", 1, SYSTEM, "why"))
    none: Any = SimpleNamespace()
    tile = _Tile(socket, none, desk, none, none, viewing)  # type: ignore[arg-type]
    try:
        with pytest.raises((SocketEnded, WebSocketDisconnect)) as ended:
            await tile._relay()
        assert ended.value.code == code
    finally:
        server.close()
    return desk


async def test_a_line_that_breaks_is_opened_anew_and_says_nothing_of_its_node() -> None:
    socket = Socket()
    desk = await relayed(RECORD.pack(3, BINARY) + b"\1ab", socket, ENDED)
    assert (desk.lost, socket.came) == ([], [b"\1ab", b"\1ab"])


async def test_a_browser_that_leaves_while_a_picture_is_sent_to_it_takes_no_node_along() -> None:
    desk = await relayed(RECORD.pack(3, BINARY) + b"\1ab", Socket(leaves=True), 1006)
    assert desk.lost == []


async def test_a_browser_that_takes_nothing_ends_its_own_socket_and_not_the_node_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video_socket, "SEND_S", 0.1)
    text = b'{"kind":"audio","state":"none"}'
    desk = await relayed(RECORD.pack(len(text), TEXT) + text, Socket(takes=False), SLOW)
    assert desk.lost == []
