"""A playback that goes on in another way, or from another place: a new time line from the next key picture on."""

from __future__ import annotations

import pytest
from node_harness import PHONE, Harness, packets, until

from luwei.media.orders import Pace
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

pytestmark = pytest.mark.asyncio(loop_scope="session")
Clip = list[tuple[bytes, bool]]


async def test_a_new_time_line_begins_with_the_next_key_picture_and_is_told_at_once(
    node: Harness, clip: Clip
) -> None:  # fmt: skip
    stream = await node.expect(line="playback")
    view, truck = await node.view(stream), await node.truck("playback")
    writer = PacketWriter(sim_field(PHONE, 6), 1)
    keys = [number for number, (_, key) in enumerate(clip) if key]
    assert len(keys) >= 2 and keys[0] == 0
    truck.send(b"".join(packets(clip[:5], start_ms=1_000_000, writer=writer)))
    await until(lambda: view.got.pictures >= 5, "pictures")
    first = sum(each.what == "key" for each in node.events)
    answer = await node.ask(Pace(stream, False))
    assert answer.state is not None and answer.state.key_at == 0
    # what belongs to the time before is not shown
    truck.send(b"".join(packets(clip[5:8], start_ms=1_000_200, writer=writer)))
    await until(lambda: node.state(stream).newest_stamp_ms >= 1_000_280, "taken")
    assert len(view.got.opened()) == 1
    truck.send(b"".join(packets(clip[:5], start_ms=9_000_000, writer=writer)))
    await until(lambda: len(view.got.opened()) == 2 and view.got.pictures >= 5, "the new time line")
    assert view.got.decoded() == 5
    assert node.state(stream).newest_stamp_ms == 9_000_160
    assert sum(each.what == "key" for each in node.events) == first + 1


async def test_fast_and_backward_pictures_are_placed_when_they_come(node: Harness, clip: Clip) -> None:
    stream = await node.expect(line="playback")
    view, truck = await node.view(stream), await node.truck("playback")
    await node.ask(Pace(stream, True))
    writer = PacketWriter(sim_field(PHONE, 6), 1)
    key = next(each for each in clip if each[1])
    for stamp in (60_000, 58_000, 56_000, 54_000):  # backwards by two seconds each
        shown = node.state(stream).newest_stamp_ms
        truck.send(packets([key], start_ms=stamp, writer=writer)[0])
        await until(lambda before=shown: node.state(stream).newest_stamp_ms != before, "taken")
    await until(lambda: view.got.pictures >= 4, "four pictures")
    assert node.state(stream).newest_ms < 2_000


async def test_a_stream_that_is_not_expected_has_no_pace(node: Harness) -> None:
    assert (await node.ask(Pace("play-none", True))).refused == "unknown_stream"
