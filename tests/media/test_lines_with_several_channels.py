"""One connection may carry several channels (JT/T 1078 leaves that open): each lives for itself."""

from __future__ import annotations

import pytest
from node_harness import PHONE, Harness, packets, until

from luwei.media.orders import Close, Snap
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

pytestmark = pytest.mark.asyncio(loop_scope="session")
Clip = list[tuple[bytes, bool]]


class Line:
    """Pictures of channels 1 and 2 by turns, under one count of packets as a terminal has it."""

    def __init__(self) -> None:
        self._writers = [PacketWriter(sim_field(PHONE), channel) for channel in (1, 2)]
        self._serial = self._at_ms = 0

    def both(self, clip: Clip) -> bytes:
        made = b""
        for data, key in clip:
            self._at_ms += 40
            for writer in self._writers:
                writer.serial = self._serial
                made += b"".join(writer.video(data, 98, self._at_ms, 0, 40, 0 if key else 1))
                self._serial = writer.serial
        return made


async def pictures(node: Harness, stream: str, count: int) -> None:
    await until(lambda: (found := node.node.stream(stream)) and found.pictures >= count, f"{count} pictures")


async def test_the_end_of_one_channel_leaves_the_others_of_its_line(node: Harness, clip: Clip) -> None:
    first, second = await node.expect(channel=1), await node.expect(channel=2)
    truck, line = await node.truck(), Line()
    truck.send(line.both(clip[:10]))
    await pictures(node, first, 10)
    await pictures(node, second, 10)
    refused = node.refused().get("after_close", 0)
    await node.ask(Close(first, "test", 60))
    truck.send(line.both(clip[10:20]))
    await pictures(node, second, 20)
    assert [event.what for event in node.events if event.stream == second].count("lost") == 0
    assert node.refused()["after_close"] == refused + 1  # that channel is dropped, once counted
    await node.ask(Close(second, "test", 60))
    assert await truck.cut()


async def test_a_channel_that_is_wanted_later_is_taken_from_the_line_that_brings_it_already(
    node: Harness, clip: Clip
) -> None:
    first = await node.expect(channel=1)
    truck, line = await node.truck(), Line()
    truck.send(line.both(clip[:10]))
    await pictures(node, first, 10)
    second = await node.expect(channel=2)
    truck.send(line.both(clip[10:60]))
    await pictures(node, first, 60)
    await until(lambda: (found := node.node.stream(second)) and found.key_at, "from its next key picture on")
    assert node.state(first).held_back == 0


async def test_a_terminal_that_writes_zeros_for_its_sim_now_and_then_keeps_its_line(node: Harness, clip: Clip) -> None:
    stream = await node.expect(peer="127.0.0.1")
    truck = await node.truck()
    sound = PacketWriter(sim_field("0"), 1)
    truck.send(b"".join(sound.audio(bytes([0xD5]) * 320, 6, 0)))
    truck.send(b"".join(packets(clip[:20])))
    await pictures(node, stream, 20)
    await until(lambda: "key" in [event.what for event in node.events], "told")
    assert [event.what for event in node.events].count("connected") == 1


async def test_a_still_is_never_of_a_line_before(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:10])))
    await pictures(node, stream, 10)
    found = node.node.stream(stream)
    assert found is not None and found.last_key is not None
    truck.close()
    again = await node.truck()
    again.send(b"".join(packets([(data, key) for data, key in clip[1:10] if not key], PHONE)))
    await until(lambda: len([event for event in node.events if event.what == "connected"]) == 2, "there again")
    assert (await node.ask(Snap(stream))).refused == "no_picture"
