"""The attachment server over real sockets: both dialects, gaps, broken lines, odd and hostile terminals."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from attachment_terminal import SUBIAO_ID, YUEBIAO_ID, AttachmentTerminal, block, file_body, frame, information
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from luwei.evidence import service
from luwei.evidence.service import KEEP_LOST_MS
from luwei.registry.engine import write
from luwei.registry.evidence import EvidenceFile

JPEG = b"00_65_6501_00_20250601083014000001.jpg"
CLIP = b"02_64_6401_01_20250601083014000001.mp4"
NUMBER = b"20250601083014000001"


def content(size: int) -> bytes:
    return b"\xff\xd8\xff\xe0" + os.urandom(size - 4)


def stored(server: Any, row: Any) -> bytes:
    return b"".join(server.store.open_range(row.store_key))


@pytest.mark.parametrize(("identification", "edition"), [(SUBIAO_ID, 2013), (YUEBIAO_ID, 2019), (SUBIAO_ID, 2019)])
async def test_an_alarm_s_files_are_kept(
    server: Any, files: Any, until: Any, identification: bytes, edition: int
) -> None:
    terminal = await AttachmentTerminal(edition=edition).connect(server.port)
    picture, clip = content(150_000), bytes.fromhex("0000001c667479706d703432") + os.urandom(300_000)
    assert await terminal.announce(identification, NUMBER, [(JPEG, len(picture)), (CLIP, len(clip))]) == 0
    assert await terminal.upload(JPEG, picture, 0) == []
    assert await terminal.upload(CLIP, clip, 2) == []
    await until(lambda: all(row.state == "complete" for row in files().values()))
    rows = files()
    first, second = rows[JPEG.decode()], rows[CLIP.decode()]
    assert (stored(server, first), stored(server, second)) == (picture, clip)
    assert (first.kind, first.media_type, first.channel, first.event) == ("picture", "image/jpeg", 65, "6501")
    assert (second.kind, second.media_type, second.channel, second.event) == ("video", "video/mp4", 64, "6401")
    assert first.identification == identification.hex()
    assert (first.phone, first.alarm_no, first.unexpected, first.vehicle_id) == (
        "13800138000",
        NUMBER.decode(),
        True,
        1,
    )
    # 2025-06-01 08:30:14 China Standard Time
    assert first.taken_at == 1748737814000
    terminal.close()
    await until(lambda: not list(server.store.incoming.iterdir()))


@pytest.mark.parametrize("size", [38, 39])
async def test_the_longer_and_shorter_identifications_of_other_provinces_are_read(
    server: Any, terminal: AttachmentTerminal, files: Any, size: int
) -> None:
    identification = YUEBIAO_ID[:size]
    assert await terminal.announce(identification, NUMBER, [(JPEG, 10)]) == 0
    assert await terminal.upload(JPEG, content(10)) == []
    assert files()[JPEG.decode()].identification == identification.hex()


async def test_gaps_are_asked_for_and_filled(server: Any, terminal: AttachmentTerminal, files: Any, until: Any) -> None:
    data = content(400_000)
    assert await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(data))]) == 0
    # out of order, twice, overlapping, and with holes at 0-65536 and 200000-262144
    for start, stop in [(262_144, 400_000), (65_536, 131_072), (100_000, 200_000), (65_536, 131_072)]:
        await terminal.raw(block(JPEG, start, data[start:stop]))
    finished = file_body(JPEG, 0, len(data))
    assert (await terminal.ask(0x1212, finished)).ranges == [(0, 65_536), (200_000, 62_144)]
    await terminal.raw(block(JPEG, 0, data[:65_536]))
    assert (await terminal.ask(0x1212, finished)).ranges == [(200_000, 62_144)]
    await terminal.raw(block(JPEG, 200_000, data[200_000:262_144]))
    assert (await terminal.ask(0x1212, finished)).ranges == []
    # and again, for a terminal that did not hear the answer
    assert (await terminal.ask(0x1212, finished)).ranges == []
    await until(lambda: files()[JPEG.decode()].state == "complete")
    assert stored(server, files()[JPEG.decode()]) == data


async def test_what_came_once_is_not_overwritten(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any
) -> None:
    data = content(100_000)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(data))])
    await terminal.raw(block(JPEG, 0, data[:60_000]))
    await terminal.raw(block(JPEG, 50_000, bytes(10_000) + data[60_000:]))
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, len(data)))).ranges == []
    await until(lambda: files()[JPEG.decode()].state == "complete")
    assert stored(server, files()[JPEG.decode()]) == data


async def test_an_upload_goes_on_after_a_broken_line_and_a_restart(start: Any, files: Any, until: Any) -> None:
    server = await start()
    data = content(500_000)
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(data)), (CLIP, 7)])
    await terminal.raw(block(JPEG, 0, data[:65_536]))
    await terminal.raw(block(JPEG, 65_536, data[65_536:131_072])[:20_062])  # breaks off after 20,000 bytes of data
    await until(lambda: [u.received for u in server.uploads._open.values()].count(65_536))
    await asyncio.sleep(0)
    terminal.close()
    await until(lambda: files()[JPEG.decode()].state == "partial")
    row = files()[JPEG.decode()]
    assert (row.stored_bytes, row.cause) == (85_536, "85536 of 500000 bytes when the connection ended")
    assert files()[CLIP.decode()].state == "announced"
    server.stop()
    second = await start()
    terminal = await AttachmentTerminal().connect(second.port)
    assert (await terminal.ask(0x1210, information(SUBIAO_ID, NUMBER, [(JPEG, len(data))], kind=1))).result == 0
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, len(data)))).ranges == [(85_536, 414_464)]
    await terminal.raw(block(JPEG, 85_536, data[85_536:]))
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, len(data)))).ranges == []
    await until(lambda: files()[JPEG.decode()].state == "complete")
    assert stored(second, files()[JPEG.decode()]) == data
    # announced once more: all of it is here
    assert (await terminal.ask(0x1210, information(SUBIAO_ID, NUMBER, [(JPEG, len(data))], kind=1))).result == 0
    assert await terminal.upload(JPEG, data) == []
    terminal.close()


async def test_what_came_of_a_file_that_was_given_up_does_not_fill_the_disk(
    start: Any, registry: Engine, files: Any, until: Any
) -> None:
    server, data = await start(), content(200_000)
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(data)), (CLIP, len(data))])
    for name in (JPEG, CLIP):
        await terminal.raw(block(name, 0, data[:100_000]))
    await until(lambda: [u.received for u in server.uploads._open.values()] == [100_000, 100_000])
    terminal.close()
    await until(lambda: [row.state for row in files().values()] == ["partial", "partial"])
    with write(registry) as connection:
        connection.execute(update(EvidenceFile).values(state="lost", updated_at=1))
    assert await server.tidy(KEEP_LOST_MS) == 0  # thirty days have not gone by
    again = await AttachmentTerminal().connect(server.port)
    await again.announce(SUBIAO_ID, NUMBER, [(CLIP, len(data))])  # this one comes after all
    assert await server.tidy(KEEP_LOST_MS + 2) == 1
    for suffix in (".part", ".map"):
        assert len(list(server.store.incoming.glob(f"*{suffix}"))) == 1
    assert {name: row.stored_bytes for name, row in files().items()} == {JPEG.decode(): 0, CLIP.decode(): 100_000}
    again.close()


async def test_one_file_comes_over_two_lines_and_several_interleaved(server: Any, files: Any, until: Any) -> None:
    lines = [await AttachmentTerminal().connect(server.port) for _ in range(2)]
    a, b = content(300_000), content(300_000)
    for line in lines:
        assert await line.announce(SUBIAO_ID, NUMBER, [(JPEG, len(a)), (CLIP, len(b))]) == 0
    for start in range(0, 300_000, 30_000):
        for name, data in ((JPEG, a), (CLIP, b)):
            await lines[start // 30_000 % 2].raw(block(name, start, data[start : start + 30_000]))
    await until(lambda: sum(u.received for u in server.uploads._open.values()) == 600_000)
    answers = await asyncio.gather(
        lines[0].ask(0x1212, file_body(JPEG, 0, len(a))), lines[1].ask(0x1212, file_body(JPEG, 0, len(a)))
    )
    assert [answer.ranges for answer in answers] == [[], []]
    assert (await lines[0].ask(0x1212, file_body(CLIP, 2, len(b)))).ranges == []
    await until(lambda: all(row.state == "complete" for row in files().values()))
    assert stored(server, files()[JPEG.decode()]) == a
    assert stored(server, files()[CLIP.decode()]) == b
    for line in lines:
        line.close()


async def test_ranges_that_one_answer_cannot_hold_come_with_the_next(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any
) -> None:
    data = content(60_000)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(data))])
    for start in range(0, 60_000, 200):  # every other 100 bytes: 300 gaps
        await terminal.raw(block(JPEG, start, data[start : start + 100]))
    rounds = []
    while ranges := (await terminal.ask(0x1212, file_body(JPEG, 0, len(data)))).ranges:
        rounds.append(len(ranges))
        for offset, length in ranges:
            await terminal.raw(block(JPEG, offset, data[offset : offset + length]))
    # (1023 - 4 - 38) // 8 ranges fit a frame
    assert rounds == [122, 122, 56]
    await until(lambda: files()[JPEG.decode()].state == "complete")


async def test_a_size_that_changes_between_lines_begins_the_file_anew(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any
) -> None:
    old, new = content(100_000), content(120_000)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, len(old))])
    await terminal.raw(block(JPEG, 0, old[:60_000]))
    assert (await terminal.ask(0x1211, file_body(JPEG, 0, len(new)))).result == 0
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, len(new)))).ranges == [(0, 120_000)]
    await terminal.blocks(JPEG, new)
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, len(new)))).ranges == []
    await until(lambda: files()[JPEG.decode()].state == "complete")
    assert stored(server, files()[JPEG.decode()]) == new


async def test_a_size_corrected_at_the_end_keeps_the_bytes(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any
) -> None:
    data = content(90_000)
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, 100_000), (CLIP, 50_000)])
    await terminal.blocks(JPEG, data)
    assert (await terminal.ask(0x1212, file_body(JPEG, 0, 90_000))).ranges == []
    await terminal.blocks(CLIP, data[:50_000])
    assert (await terminal.ask(0x1212, file_body(CLIP, 2, 90_000))).ranges == [(50_000, 40_000)]
    await terminal.raw(block(CLIP, 50_000, data[50_000:]))
    assert (await terminal.ask(0x1212, file_body(CLIP, 2, 90_000))).ranges == []
    await until(lambda: all(row.state == "complete" for row in files().values()))
    assert stored(server, files()[JPEG.decode()]) == stored(server, files()[CLIP.decode()]) == data


async def test_an_empty_file_is_complete_at_once(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any
) -> None:
    await terminal.announce(SUBIAO_ID, NUMBER, [(JPEG, 0)])
    assert await terminal.upload(JPEG, b"") == []
    await until(lambda: files()[JPEG.decode()].state == "complete")
    assert files()[JPEG.decode()].stored_bytes == 0


@pytest.mark.parametrize(
    "name",
    [
        b"../../../etc/passwd", b"/etc/passwd", b"..\\..\\boot.ini", b"a\x00b.jpg", "疲劳驾驶.jpg".encode("gbk"),
        "疲劳驾驶.jpg".encode(), b"CON", b"\xff\xfe\xfd.jpg", b" x .jpg ", b"a" * 50, b"x" * 51 + b".h264",
    ],
)  # fmt: skip
async def test_no_name_leads_out_of_the_store(
    server: Any, terminal: AttachmentTerminal, files: Any, until: Any, name: bytes
) -> None:
    data = content(1000)
    assert await terminal.announce(SUBIAO_ID, NUMBER, [(name, len(data))]) == 0
    assert (await terminal.ask(0x1211, file_body(name, 0, len(data)))).result == 0
    await terminal.raw(block(name[:50], 0, data))
    answer = await terminal.ask(0x1212, file_body(name, 0, len(data)))
    assert answer.ranges == []
    assert answer.body[: 2 + len(name)] == bytes([len(name)]) + name + b"\x00"
    await until(lambda: all(row.state == "complete" for row in files().values()))
    (row,) = files().values()
    assert stored(server, row) == data
    assert row.store_key.startswith("originals/2")
    assert row.name.isprintable()


async def test_everything_in_one_segment_and_byte_by_byte(server: Any, files: Any, until: Any) -> None:
    data = b"hello~01cd\x7e\x12\x10world"
    for step in (10_000, 1):
        terminal = AttachmentTerminal()
        name = b"%d.bin" % step
        await terminal.connect(server.port)
        whole = b"".join(
            [
                frame(0x1210, information(SUBIAO_ID, NUMBER, [(name, len(data))]), terminal.phone, 1),
                block(name, 5, data[5:]),
                frame(0x1211, file_body(name, 4, len(data)), terminal.phone, 2),
                block(name, 0, data[:5]),
                frame(0x1212, file_body(name, 4, len(data)), terminal.phone, 3),
            ]
        )
        for start in range(0, len(whole), step):
            await terminal.raw(whole[start : start + step])
            if step == 1:
                await asyncio.sleep(0)
        assert [(await terminal.answer()).result for _ in range(2)] == [0, 0]
        assert (await terminal.answer()).ranges == []
        terminal.close()
    await until(lambda: all(row.state == "complete" for row in files().values()))
    assert {stored(server, row) for row in files().values()} == {data}


async def test_a_long_list_comes_in_fragments(server: Any, terminal: AttachmentTerminal, files: Any) -> None:
    names = [b"00_65_6501_%02d_20250601083014000001.jpg" % number for number in range(30)]
    body = information(SUBIAO_ID, NUMBER, [(name, 5) for name in names])
    parts = [body[start : start + 500] for start in range(0, len(body), 500)]
    for number, part in enumerate(parts, 1):
        raw = bytes.fromhex("1210") + (len(part) | 0x2000).to_bytes(2, "big") + bytes.fromhex("013800138000")
        raw += number.to_bytes(2, "big") + len(parts).to_bytes(2, "big") + number.to_bytes(2, "big") + part
        check = 0
        for byte in raw:
            check ^= byte
        raw += bytes([check])
        await terminal.raw(b"\x7e" + raw.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e")
        assert (await terminal.answer()).result == 0
    assert len(files()) == 30


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_registry_that_goes_away_at_the_stop_does_not_keep_the_server_from_its_end(
    start: Any, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(service, "STOP_S", 0.1)
    server, stopped = await start(), asyncio.Event()

    async def away() -> None:
        if hangs:
            await asyncio.Event().wait()
        raise OperationalError("insert", {}, Exception("no line to the registry"))

    real = server.commit.stop

    async def stop() -> None:
        await real()
        stopped.set()

    monkeypatch.setattr(server, "_flush_refusals", away)
    monkeypatch.setattr(server.commit, "stop", stop)
    server.stop()
    await asyncio.wait_for(stopped.wait(), 40)
