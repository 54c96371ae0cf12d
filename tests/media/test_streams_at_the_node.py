"""Terminals on real sockets, viewers beside them: what devices do against the standard (reference §7), and who is
refused."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_harness import PHONE, VECTORS, Harness, capture, packets, until

from luwei.media import expected as expected_streams
from luwei.media import intake, view_port
from luwei.media import stream as stream_module
from luwei.media.node import TOLD_MAX
from luwei.media.orders import Admit, Close, Expect, Snap
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.simulator import streams

pytestmark = pytest.mark.asyncio(loop_scope="session")
Clip = list[tuple[bytes, bool]]
DUMPS = [json.loads(line) for line in (VECTORS / "jt1078_dumps.jsonl").read_text(encoding="utf-8").splitlines()]


async def shown(node: Harness, stream: str, pictures: int) -> None:
    """Wait until the stream took so many pictures."""
    await until(lambda: (found := node.node.stream(stream)) and found.pictures >= pictures, f"{pictures} pictures")


async def settled(view: Any, pictures: int) -> int:
    """Pictures a viewer can decode, once what was pending was sent."""
    await until(lambda: view.got.pictures >= pictures, f"{pictures} pictures sent")
    return int(view.got.decoded())


@pytest.mark.parametrize("record", DUMPS, ids=[each["id"] for each in DUMPS])
async def test_a_captured_stream_is_shown_with_all_its_pictures(node: Harness, record: dict[str, Any]) -> None:
    expected = record["expect"]
    sim, channel = expected["sims"][0].lstrip("0"), expected["channels"][0]
    stream = await node.expect(sim, channel)
    view, truck = await node.view(stream), await node.truck()
    raw = capture(record["file"].removesuffix(".bin.gz"))
    for start in range(0, len(raw), 7_001):
        truck.send(raw[start : start + 7_001])
        await asyncio.sleep(0)
    frames = expected["frames_by_data_type"]
    pictures = frames.get("0", 0) + frames.get("1", 0)
    await shown(node, stream, pictures)
    assert await settled(view, pictures) == pictures
    state = node.state(stream)
    assert (state.packets, state.bytes, state.lost, state.held_back) == (expected["packets"], len(raw), 0, 0)


async def test_a_stream_nobody_asked_for_is_closed_and_counted(node: Harness, clip: Clip) -> None:
    before = node.refused().get("unexpected", 0)
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:3], "13900000001")))
    assert await truck.cut()
    await until(lambda: node.refused().get("unexpected", 0) == before + 1, "counted")


async def test_a_line_that_says_nothing_is_its_streams_where_only_one_is_waited_for(node: Harness, clip: Clip) -> None:
    stream = await node.expect(peer="127.0.0.7")
    mute = await node.truck(host="127.0.0.7")
    await until(lambda: node.state(stream).state == "connected", "the mute line is known by its address")
    assert node.state(stream).data_at == 0
    mute.send(b"".join(packets(clip[:5])))
    await shown(node, stream, 4)
    view = await node.view(stream)
    mute.send(b"".join(packets(clip[5:10])))
    await until(lambda: view.got.pictures, "pictures")


async def test_a_mute_line_that_brings_another_stream_gives_back_the_one_it_was_taken_for(
    node: Harness, clip: Clip
) -> None:
    stream = await node.expect(peer="127.0.0.8")
    mute = await node.truck(host="127.0.0.8")
    await until(lambda: node.state(stream).state == "connected", "the mute line is known by its address")
    other = await node.expect("13900000055")
    mute.send(b"".join(packets(clip[:5], "13900000055")))
    await shown(node, other, 4)
    assert node.state(stream).state == "expected"
    stranger = await node.truck(host="127.0.0.8")
    await until(lambda: node.state(stream).state == "connected", "the next mute line")
    stranger.send(b"".join(packets(clip[:3], "13900000066")))
    assert await stranger.cut()
    assert node.state(stream).state == "expected"


async def test_without_a_key_picture_the_codec_is_what_the_terminal_says_unless_its_key_pictures_are_strange(
    node: Harness, clip: Clip
) -> None:
    stream = await node.expect()
    truck = await node.truck()
    pictures = [each for each in clip if not each[1]]
    truck.send(b"".join(packets(pictures[:5])))
    await until(lambda: node.state(stream).held_back >= 4, "pictures held back")
    assert node.state(stream).codec == "h264"
    strange = await node.expect("13900000077")
    other = await node.truck()
    other.send(b"".join(packets([(b"\0\0\0\1\x5e" + bytes(50), True)] * 5, "13900000077")))
    await until(lambda: node.state(strange).held_back >= 4, "pictures held back")
    assert node.state(strange).codec == ""


async def test_another_channel_than_the_expected_one_is_nobodys(node: Harness, clip: Clip) -> None:
    stream = await node.expect(channel=1)
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:3], channel=2)))
    assert await truck.cut()
    assert node.state(stream).state == "expected"


async def test_playback_does_not_come_in_by_the_port_of_live_pictures(node: Harness, clip: Clip) -> None:
    stream = await node.expect(line="playback")
    wrong, right = await node.truck("live"), await node.truck("playback")
    wrong.send(b"".join(packets(clip[:3])))
    assert await wrong.cut()
    right.send(b"".join(packets(clip[:3])))
    await shown(node, stream, 3)


async def test_live_and_playback_of_one_channel_run_side_by_side(node: Harness, clip: Clip) -> None:
    names = [await node.expect(line=line) for line in ("live", "playback")]
    for name in names:
        truck = await node.truck(name.split("-")[0])
        truck.send(b"".join(packets(clip[:5])))
    for name in names:
        await shown(node, name, 5)


async def test_a_second_terminal_that_claims_a_running_stream_is_refused_and_the_first_goes_on(
    node: Harness, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected_streams, "SILENT_S", 60)  # however slow this machine is
    stream = await node.expect()
    view, first = await node.view(stream), await node.truck()
    bursts = packets(clip[:40])
    first.send(b"".join(bursts[:20]))
    await shown(node, stream, 20)
    before = node.refused().get("claimed", 0)
    second = await node.truck(host="127.0.0.2")
    second.send(b"".join(packets(clip[:3])))
    assert await second.cut()
    assert node.refused()["claimed"] == before + 1
    assert node.state(stream).faults["claimed"] == 1  # who looks is told
    first.send(b"".join(bursts[20:]))
    assert await settled(view, 40) == 40


async def test_the_terminal_from_where_it_signed_in_takes_its_stream_back_from_another_that_came_first(
    node: Harness, clip: Clip
) -> None:
    stream = await node.expect(peer="127.0.0.6")
    false = await node.truck(host="127.0.0.4")
    false.send(b"".join(packets(clip[:20])))
    await shown(node, stream, 20)
    before = node.refused().get("claimed", 0)
    true = await node.truck(host="127.0.0.6")
    true.send(b"".join(packets(clip[:20])))
    assert await false.cut()
    await until(lambda: node.state(stream).peer.startswith("127.0.0.6:"), "the terminal's own line")
    again = await node.truck(host="127.0.0.4")
    again.send(b"".join(packets(clip[:3])))
    assert await again.cut()
    assert node.refused()["claimed"] == before + 2 and node.state(stream).faults["claimed"] == 2


async def test_the_same_terminal_that_comes_again_replaces_its_half_open_connection(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, first = await node.view(stream), await node.truck()
    first.send(b"".join(packets(clip[:20])))
    await shown(node, stream, 20)
    second = await node.truck()
    second.send(b"".join(packets(clip[:20])))
    assert await first.cut()
    await shown(node, stream, 40)
    await until(lambda: len(view.got.opened()) == 2, "viewers begin anew")
    assert await settled(view, 20) == 20


async def test_a_truck_that_reconnects_goes_on_for_the_same_viewers(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    truck.send(b"".join(packets(clip[:10])))
    await shown(node, stream, 10)
    truck.close()
    await until(lambda: node.state(stream).state == "expected", "line lost")
    await until(lambda: any(each.what == "lost" for each in node.events), "told so")
    again = await node.truck()
    again.send(b"".join(packets(clip[:10], start_ms=90_000)))
    await shown(node, stream, 20)
    assert await settled(view, 10) == 10
    assert not view.got.ended


@pytest.mark.parametrize("sim_size", [6, 10])
async def test_either_width_of_the_sim_is_taken(node: Harness, clip: Clip, sim_size: int) -> None:
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:6], sim_size=sim_size)))
    await shown(node, stream, 6)


async def test_a_terminal_with_twenty_digits_may_send_its_last_twelve(node: Harness, clip: Clip) -> None:
    stream = await node.expect("12345678013912345678")
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:6], "013912345678")))
    await shown(node, stream, 6)


async def test_a_sim_that_fits_two_terminals_is_refused(node: Harness, clip: Clip) -> None:
    for phone in ("12345678013912345678", "77777777013912345678"):
        await node.expect(phone)
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:3], "013912345678")))
    assert await truck.cut()
    assert node.refused()["ambiguous"] >= 1


async def test_a_sim_of_zeros_is_taken_from_the_address_of_the_waiting_terminal_only(node: Harness, clip: Clip) -> None:
    stream = await node.expect(peer="127.0.0.3")
    stranger = await node.truck(host="127.0.0.2")
    stranger.send(b"".join(packets(clip[:3], "0")))
    assert await stranger.cut()
    truck = await node.truck(host="127.0.0.3")
    truck.send(b"".join(packets(clip[:3], "0")))
    await shown(node, stream, 3)


async def test_a_body_beyond_950_octets_is_taken(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:10], writer=PacketWriter(sim_field(PHONE), 1, body_max=60_000))))
    await shown(node, stream, 10)


@pytest.mark.parametrize(
    "stamp",
    [lambda n: 0, lambda n: 1_700_000_000_000 + 40 * n, lambda n: 40 * n, lambda n: 5_000_000 - 40 * n],
    ids=["always 0", "since 1970", "from 0", "backwards"],
)  # fmt: skip
async def test_every_picture_is_shown_whatever_the_timestamps_do(node: Harness, clip: Clip, stamp: Any) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    writer = PacketWriter(sim_field(PHONE), 1)
    for number, (data, key) in enumerate(clip[:30]):
        truck.send(b"".join(writer.video(data, 98, stamp(number), 0, 40, 0 if key else 1)))
    await shown(node, stream, 30)
    assert await settled(view, 30) == 30


async def test_wrong_intervals_payload_types_and_marks_change_nothing(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    writer = PacketWriter(sim_field(PHONE), 1)
    for number, (data, _) in enumerate(clip[:30]):
        # H.264 under the number of H.265, every picture marked as P, 65535 in both intervals, M as it comes
        for packet in writer.video(data, 99, 40 * number, 0xFFFF, 0xFFFF, 1):
            truck.send(packet[:5] + bytes((packet[5] & 0x7F,)) + packet[6:])
    await shown(node, stream, 30)
    assert await settled(view, 30) == 30
    assert node.state(stream).codec == "h264"
    assert node.state(stream).faults.keys() >= {"payload_type", "key_kind"}


async def test_a_lost_packet_costs_pictures_up_to_the_next_key_picture_only(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    bursts = packets(clip[:75])  # key pictures are 0, 25 and 50
    truck.send(b"".join(bursts[:30]) + b"".join(bursts[31:]))
    await shown(node, stream, 55)
    assert await settled(view, 55) == 30 + 25
    await until(lambda: node.state(stream).lost > 0, "loss counted")


async def test_a_new_resolution_begins_anew_for_every_viewer(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    views = [await node.view(stream) for _ in range(2)]
    truck, writer = await node.truck(), PacketWriter(sim_field(PHONE), 1)
    truck.send(b"".join(packets(clip[:10], writer=writer)))
    big = [(unit.data, unit.key) for unit in streams.record(stream="main", seconds=1.0).units]
    truck.send(b"".join(packets(big, start_ms=400, writer=writer)))
    await shown(node, stream, 10 + len(big))
    for view in views:
        assert await settled(view, len(big)) == len(big)
        assert [each["width"] for each in view.got.opened()] == [352, 1280]


async def test_a_viewer_who_comes_later_begins_at_once_with_the_kept_pictures(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:40])))  # the last key picture is 25
    await shown(node, stream, 40)
    view = await node.view(stream)
    assert await settled(view, 15) == 15


async def test_a_viewer_who_comes_before_the_terminal_waits_for_its_first_key_picture(
    node: Harness, clip: Clip
) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    truck.send(b"".join(packets(clip[5:60])))  # key pictures are 25 and 50
    assert await settled(view, 35) == 35
    assert node.state(stream).held_back == 20


async def test_a_viewer_who_does_not_read_skips_to_a_key_picture_and_slows_nobody(node: Harness) -> None:
    rng = random.Random(1)
    stream = await node.expect()
    slow, quick, truck = await node.view(stream), await node.view(stream), await node.truck()
    sets = [unit for unit in streams.record(seconds=0.1).units[0].data.split(b"\0\0\0\1") if unit[:1] in (b"g", b"h")]
    head = b"".join(b"\0\0\0\1" + unit for unit in sets)
    slow.resume.clear()
    writer = PacketWriter(sim_field(PHONE), 1)
    for number in range(300):  # 9 MB: more than anything between the two may hold
        key = number % 10 == 0
        body = rng.randbytes(30_000).replace(b"\0", b"\1")
        data = (head if key else b"") + b"\0\0\0\1" + (b"\x65" if key else b"\x41") + body
        truck.send(b"".join(writer.video(data, 98, number * 40, 0, 40, 0 if key else 1)))
        if number % 5 == 4:
            due = (number - 8) * 30_000
            await until(lambda due=due: sum(map(len, quick.got.video)) >= due, "the quick viewer has nearly all")
    waiting = [each.waiting for each in node.viewers(stream)]
    assert max(waiting) < 1 << 20
    slow.resume.set()
    for number in range(300, 330):
        key = number % 10 == 0
        data = (head if key else b"") + b"\0\0\0\1" + (b"\x65" if key else b"\x41") + b"\1" * 2000
        truck.send(b"".join(writer.video(data, 98, number * 40, 0, 40, 0 if key else 1)))
        await asyncio.sleep(0.02)
    await until(lambda: [each for each in slow.got.texts if each["kind"] == "skipped" and each["ms"] > 1000], "skipped")
    assert sum(map(len, slow.got.video)) < 5_000_000


async def test_garbage_before_the_first_packet_ends_the_connection_after_64_kib(node: Harness) -> None:
    before = node.refused().get("garbage", 0)
    truck = await node.truck()
    truck.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3000)
    assert await truck.cut()
    assert node.refused()["garbage"] == before + 1


async def test_who_connects_and_sends_no_packet_is_let_go(node: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "FIRST_PACKET_S", 0.5)
    truck = await node.truck()
    assert await truck.cut()
    assert node.refused()["no_packet"] >= 1


async def test_a_device_that_slips_again_and_again_is_cut_off(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    truck = await node.truck()
    for burst in packets(clip[:40]):
        truck.send(burst + b"noise")
    assert await truck.cut()
    assert node.refused()["slips"] >= 1
    assert node.state(stream).state == "expected"


async def test_too_many_connections_of_one_address_are_refused(node: Harness) -> None:
    trucks = [await node.truck(host="127.0.0.9") for _ in range(41)]
    await until(lambda: node.refused().get("connections_address", 0) >= 1, "refused")
    assert await trucks[-1].cut()


async def test_a_device_that_ignores_the_close_is_closed_again_unread(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:5])))
    await shown(node, stream, 5)
    await node.ask(Close(stream, "closed", 60))
    assert await truck.cut()
    again = await node.truck()
    again.send(b"".join(packets(clip[:5])))
    assert await again.cut()
    assert node.refused()["after_close"] >= 1
    await node.expect()
    third = await node.truck()
    third.send(b"".join(packets(clip[:5])))
    await shown(node, stream, 5)


async def test_a_flood_of_datagrams_is_counted_whole_and_logged_in_part(
    node: Harness, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    log = SimpleNamespace(info=lambda said, **_: lines.append(said), warning=lambda said, **_: lines.append(said))
    monkeypatch.setattr("luwei.media.node.log", log)
    before, ports = sum(node.refused().values()), node.node._intake
    for number in range(2_000):  # garbage, each from another sender
        ports.datagram(b"no packet", ("127.0.0.20", number + 1), "live")
    assert sum(node.refused().values()) == before + 2_000 and len(ports) == 0
    await until(lambda: "many refused in a second" in lines, "told how many are not told")
    assert lines.count("refused") <= 3 * TOLD_MAX  # a second or two may have passed on a busy machine
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:3])))
    await shown(node, stream, 3)


async def test_datagrams_are_put_in_order_and_shown(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view = await node.view(stream)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", node.node.health()["ports"]["live"])
    )
    writer = PacketWriter(sim_field(PHONE), 1)
    cut = [
        packet
        for number, (data, key) in enumerate(clip[:30])
        for packet in writer.video(data, 98, number * 40, 0, 40, 0 if key else 1)
    ]
    for at in range(3, len(cut) - 1, 4):
        cut[at], cut[at + 1] = cut[at + 1], cut[at]
    for packet in cut:
        transport.sendto(packet)
        await asyncio.sleep(0.001)
    await shown(node, stream, 30)
    assert await settled(view, 30) == 30
    transport.close()


async def test_h265_goes_to_each_viewer_in_the_form_that_he_can_play(node: Harness, h265_clip: Clip) -> None:
    stream = await node.expect()
    whole = await node.view(stream, ("fmp4-h264", "fmp4-h265"))
    plain = await node.view(stream, ("annexb-h265",))
    still = await node.view(stream, ("fmp4-h264", "jpeg"))
    neither = await node.view(stream, ("fmp4-h264",))
    truck = await node.truck()
    truck.send(b"".join(packets(h265_clip, payload_type=99)))
    count = len(h265_clip)
    assert await settled(whole, count) == count
    await until(lambda: len(plain.got.video) == count, "access units")
    assert plain.got.video[0][0] == 1
    assert plain.got.video[0][9:13] == b"\0\0\0\1"
    assert [int.from_bytes(unit[1:9], "big") for unit in plain.got.video[:3]] == [0, 40_000, 80_000]
    await until(lambda: still.got.video, "still")
    assert still.got.video[0][:2] == b"\xff\xd8"
    assert [each["container"] for each in still.got.opened()] == ["jpeg"]
    await until(lambda: {"kind": "unsupported", "codec": "h265"} in neither.got.texts, "told")
    assert neither.got.video == []


async def test_the_last_key_picture_is_there_as_jpeg(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    assert (await node.ask(Snap(stream))).refused == "no_picture"
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:3])))
    await shown(node, stream, 3)
    answer = await node.ask(Snap(stream))
    assert answer.data[:2] == b"\xff\xd8" and len(answer.data) > 2000


async def test_a_key_to_the_view_port_counts_once_and_a_wrong_one_never(
    node: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await node.expect()
    view = await node.view(stream)
    wrong = await node.stranger()
    wrong.say(key="guessed")
    await until(lambda: wrong.got.ended, "closed")
    assert wrong.got.texts == [{"kind": "ended", "reason": "ticket_expired"}]
    assert not view.got.ended
    monkeypatch.setattr(view_port, "KEY_S", 0.5)
    silent = await node.stranger()
    await until(lambda: silent.got.ended, "let go")


async def test_events_tell_each_step_once(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    truck.send(b"".join(packets(clip[:30])))
    await settled(view, 30)
    await until(lambda: any(each.what == "shown" for each in node.events), "events")
    steps = [each.what for each in node.events if each.stream == stream]
    assert steps[:3] == ["connected", "data", "key"]
    assert all(steps.count(what) == 1 for what in ("connected", "data", "key", "shown"))


async def test_a_stream_that_stops_is_told_as_stalled_and_goes_on(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    bursts = packets(clip[:20])
    truck.send(b"".join(bursts[:10]))
    assert await settled(view, 10) == 10  # the last one is not kept back
    await until(lambda: node.state(stream).state == "stalled", "stalled")
    truck.send(b"".join(bursts[10:]))
    await until(lambda: node.state(stream).state == "live", "live")
    assert await settled(view, 20) == 20


async def test_a_stream_at_which_nobody_looks_ends_by_itself_where_the_core_is_away(
    node: Harness, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "LEFT_ALONE_MS", 500)
    stream = await node.expect()
    truck = await node.truck()
    truck.send(b"".join(packets(clip[:5])))
    assert await truck.cut()
    await until(lambda: node.node.stream(stream) is None, "expected no more")
    (told,) = await until(lambda: [each for each in node.events if each.what == "ended"], "told")
    assert told.detail == "left_alone"


async def test_a_node_takes_no_more_streams_than_it_may_and_one_name_for_a_channel(
    node: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.node, "settings", dataclasses.replace(node.node.settings, media_streams=1))
    stream = await node.expect()
    assert (await node.ask(Expect("other", "live", PHONE, 1, "live"))).refused == "claimed"
    assert (await node.ask(Expect("other", "live", PHONE, 2, "live"))).refused == "full"
    assert (await node.ask(Expect(stream, "live", PHONE, 1, "live"))).state is not None
    assert (await node.ask(Admit("nobody", "v", "k", [], False, 1000))).refused == "unknown_stream"
    assert (await node.ask(Close("nobody", "test", 0))).refused == "unknown_stream"


hostile = st.lists(
    st.one_of(
        st.binary(max_size=400),
        st.tuples(st.binary(min_size=0, max_size=60), st.integers(0, 0xFFFF)).map(
            lambda made: b"01cd\x81\x62\0\0\x01\x39\x12\x34\x56\x78\x01\x00" + bytes(12) + made[1].to_bytes(2, "big")
            + made[0]
        ),
        st.integers(0, 11).map(lambda n: b"01cd\x81\xe2" + bytes((0, n)) + bytes.fromhex("013912345678") + b"\x01\x00"
                               + bytes(12) + b"\0\x08\0\0\0\1" + bytes((0x67, n, 0, 0x65))),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=hostile, cuts=st.randoms(use_true_random=False))
async def test_hostile_bytes_never_hurt_another_stream(
    node: Harness, clip: Clip, parts: list[bytes], cuts: random.Random
) -> None:
    good, bad = await node.expect("13900000777"), await node.expect()
    view, truck, enemy = await node.view(good), await node.truck(), await node.truck(host="127.0.0.5")
    data = b"".join(parts)
    bursts = packets(clip[:12], "13900000777")
    at = 0
    for number, burst in enumerate(bursts):
        truck.send(burst)
        step = cuts.randrange(0, len(data) + 1)
        enemy.send(data[at : at + step])
        at += step
        if number % 4 == 0:
            await asyncio.sleep(0)
    enemy.send(data[at:])
    await shown(node, good, 12)
    assert await settled(view, 12) == 12
    await node.clear()
    assert node.node.stream(bad) is None
