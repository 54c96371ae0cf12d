"""Long lists of a body are read on demand: the same to their readers as the tuples of short ones."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from declared_messages import bodies
from hypothesis import HealthCheck, given, settings

from luwei.protocol import message as message_module
from luwei.protocol.bounds import ELEMENTS_MAX, PROBLEMS_MAX, SPANS_MAX, TEXT_MAX
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Scope, Span
from luwei.protocol.jt808.items import Item, Items
from luwei.protocol.jt808.messages.areas import AreasReply, QueryAreas, SetPolygon, SetRoute, TurningPoint, Vertex
from luwei.protocol.jt808.messages.general import TerminalRequestFragments
from luwei.protocol.jt808.messages.location import Location, LocationBatch
from luwei.protocol.jt808.messages.parameters import ParametersReply
from luwei.protocol.jt808.messages.recorder import RecordUpload
from luwei.protocol.jt808.messages.service import Answer, Information, Question
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.jt808.messages.video import Resource, ResourceList
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.jt808.recorder import Packet, Second, SpeedMinute
from luwei.protocol.message import Message
from luwei.protocol.repeated import Elements

DRAWN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@given(drawn=bodies())
@DRAWN
def test_without_room_every_message_reads_the_same(drawn: tuple[type[Message], int, bytes]) -> None:
    table, edition, body = drawn
    kept = table.decode(body, edition)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_module, "Scope", partial(Scope, room=0))
        spans: list[Span] = []
        lean = table.decode(body, edition)
        explained = table.decode(body, edition, spans)
    assert lean == kept and kept == lean and explained == lean
    assert lean.problems == kept.problems
    assert lean.encode(kept.edition) == kept.encode(kept.edition)
    assert json.dumps(lean.to_json()) == json.dumps(kept.to_json())
    marked: list[Span] = []
    table.decode(body, edition, marked)
    assert spans == marked


def location(number: int, items: int = 8) -> Location:
    return Location(
        alarm=0,
        status=3,
        latitude=22_500_000 + number,
        longitude=114_000_000 + number,
        altitude=12,
        speed=603,
        direction=90,
        time=f"2026-11-22 10:{number // 60 % 60:02d}:{number % 60:02d}",
        items=Items(tuple(Item(0x01, (number * 10 + each).to_bytes(4, "big")) for each in range(items))),
    )


def resource(number: int) -> Resource:
    return Resource(
        channel=number % 8 + 1,
        start_time="2026-11-22 10:00:00",
        end_time="2026-11-22 10:05:00",
        alarm=0,
        media_type=0,
        stream_type=1,
        storage_type=1,
        file_size=number,
    )


def turning_point(number: int) -> TurningPoint:
    return TurningPoint(
        point_id=number, section_id=number, latitude=22_500_000, longitude=114_000_000 + number, width=30, attribute=0
    )


ROUTE = SetRoute(route_id=7, attribute=0, points=tuple(map(turning_point, range(3000))), name="粤北线")
LONG: list[tuple[Message, int]] = [
    (LocationBatch(type=1, locations=tuple(map(location, range(150)))), 2019),
    (ResourceList(reply_serial=1, files=tuple(map(resource, range(700)))), 2019),
    (ROUTE, 2019),
    (AreasReply(type=4, records=(ROUTE, ROUTE)), 2019),
    (AreasReply(type=3, records=tuple(range(9000))), 2019),
    (
        SetPolygon(
            area_id=1, attribute=0, name="", vertices=tuple(Vertex(latitude=n, longitude=n) for n in range(5000))
        ),
        2019,
    ),
    (
        RecordUpload(
            command=8,
            reply_serial=1,
            block=Packet(
                8,
                tuple(
                    SpeedMinute(
                        start=f"2026-11-22 10:{n % 60:02d}:00",
                        seconds=tuple(Second(speed=n % 90, signals=0) for _ in range(60)),
                    )
                    for n in range(500)
                ),
            ),
        ),
        2013,
    ),
    (ParametersReply(reply_serial=1, params=tuple(Parameter(0x0010 + n, b"x" * 40) for n in range(255))), 2013),
    (TerminalRequestFragments(original_serial=1, ids=tuple(range(60_000))), 2019),
    (Question(flag=0, question="", answers=tuple(Answer(id=n % 256, content="是") for n in range(2000))), 2013),
    (location(1, items=3000), 2019),
]


@pytest.mark.parametrize(
    ("sent", "edition"), LONG, ids=[f"{type(sent).__name__}-{number}" for number, (sent, _) in enumerate(LONG)]
)
def test_a_legitimate_long_list_comes_back_whole(sent: Message, edition: int) -> None:
    body = sent.encode(edition)
    received = type(sent).decode(body, edition)
    assert received.problems == ()
    assert received == sent and sent == received
    assert received.encode(edition) == body
    assert received.to_json() == sent.to_json()


def files_of(count: int) -> tuple[tuple[Resource, ...], Any]:
    sent = tuple(map(resource, range(count)))
    return sent, ResourceList.decode(ResourceList(reply_serial=1, files=sent).encode(2019), 2019).files


def test_a_short_list_is_a_tuple_and_a_long_one_reads_on_demand() -> None:
    assert isinstance(files_of(3)[1], tuple)
    assert isinstance(files_of(900)[1], Elements)


def test_a_long_list_is_indexed_and_sliced_like_a_tuple() -> None:
    sent, got = files_of(900)
    for index in (0, 1, 15, 16, 17, 500, 899, -1, -900):
        assert got[index] == sent[index]
    for cut in (slice(None), slice(3), slice(15, 40), slice(890, None), slice(-5, None), slice(2, 700, 33),
                slice(None, None, -1), slice(800, 20, -7), slice(5, 5), slice(2000, 3000)):  # fmt: skip
        assert got[cut] == sent[cut], cut
    with pytest.raises(IndexError):
        got[900]
    assert list(reversed(got)) == list(reversed(sent))
    assert sent[77] in got and got.index(sent[77]) == 77
    assert got == list(sent) and got != sent[:-1] and got != (*sent[:-1], sent[0]) and got != "text"
    assert "900" in repr(got)


def test_heads_that_a_device_repeats_are_left_out_of_a_long_list() -> None:
    sent = tuple(map(resource, range(900)))
    parts = [ResourceList(reply_serial=9, files=sent[at : at + 300]).encode(2019) for at in (0, 300, 600)]
    received = ResourceList.decode(b"".join(parts), 2019)
    assert received.files == sent and received.files[300] == sent[300] and received.files[599:602] == sent[599:602]
    assert received.problems == ("head_repeated: 2", "list_count: 300 announced, 900 read")


def test_locations_that_cannot_be_read_are_left_out_of_a_long_batch() -> None:
    sent = tuple(map(location, range(200)))
    broken = b"\x00\x03abc"
    items = [len(raw := each.encode(2019)).to_bytes(2, "big") + raw for each in sent]
    body = (300).to_bytes(2, "big") + b"\x00" + b"".join(broken + raw if n % 2 else raw for n, raw in enumerate(items))
    received = LocationBatch.decode(body, 2019)
    assert received.locations == sent and received.locations[199] == sent[199]
    assert len(received.problems) == PROBLEMS_MAX + 1
    assert received.problems[0] == "batch_item_unreadable: item 1, location of 3 bytes"
    assert received.problems[-1] == "batch_count: 300 announced, 200 read"


def test_what_was_odd_about_one_location_of_a_long_batch_stays_with_it() -> None:
    raws = [location(n).encode(2019) + (b"\x01\x09" if n == 120 else b"") for n in range(150)]
    body = (150).to_bytes(2, "big") + b"\x01" + b"".join(len(raw).to_bytes(2, "big") + raw for raw in raws)
    received = LocationBatch.decode(body, 2019)
    assert [n for n, each in enumerate(received.locations) if each.problems] == [120]
    assert received.problems == received.locations[120].problems == ("items_broken: item 0x01 length 9, 0 left",)


def test_more_elements_than_a_body_may_have_are_refused_by_name() -> None:
    body = b"\x04" + (ELEMENTS_MAX + 1).to_bytes(4, "big") + bytes(4 * (ELEMENTS_MAX + 1))
    with pytest.raises(ProtocolError, match=r"^body_malformed: ids: .*more than 65536 elements") as refused:
        QueryAreas.decode(body, 2019)
    assert refused.value.offset == 5
    assert len(QueryAreas.decode(b"\x04" + ELEMENTS_MAX.to_bytes(4, "big") + bytes(4 * ELEMENTS_MAX), 2019).ids)


def test_elements_of_lists_in_lists_count_too() -> None:
    routes = b"".join(SetRoute(route_id=n, attribute=0, points=ROUTE.points, name="").encode(2019) for n in range(22))
    reply = AreasReply.decode(b"\x04" + (22).to_bytes(4, "big") + routes, 2019)
    assert reply.problems == (f"records_unreadable: {len(routes)} bytes",) and reply.records == routes


def test_items_beyond_the_bound_stay_bytes() -> None:
    basic = location(0, items=0).encode(2019)
    read = Location.decode(basic + b"\x00\x00" * (ELEMENTS_MAX + 5), 2019)
    assert len(read.items.items) == ELEMENTS_MAX and read.items.rest == bytes(10)
    assert len(read.problems) == 1 and read.problems[0].startswith("items_broken: ")


def test_a_text_is_bounded_both_ways() -> None:
    longest = "a" * TEXT_MAX
    body = Information(type=1, content=longest).encode(2013)
    assert Information.decode(body, 2013).content == longest
    with pytest.raises(ProtocolError, match=r"^body_malformed: content: .*at most 4096"):
        Information.decode(b"\x01" + (TEXT_MAX + 1).to_bytes(2, "big") + longest.encode() + b"a", 2013)
    with pytest.raises(ProtocolError, match=r"^body_malformed: text: .*at most 4096"):
        TextMessage.decode(b"\x01\x01" + b"a" * 5000, 2019)
    with pytest.raises(ProtocolError, match=r"^value: content: "):
        Information(type=1, content=longest + "a").encode(2013)


def test_an_explanation_lists_so_many_places_and_one_for_the_rest() -> None:
    body = LONG[0][0].encode(2019)
    spans: list[Span] = []
    LocationBatch.decode(body, 2019, spans)
    assert len(spans) == SPANS_MAX + 1
    last = spans[-1]
    assert (last.field, last.zh, last.note) == ("unlisted", "其余字段", f"只列前 {SPANS_MAX} 行")
    assert last.offset + last.length == len(body)
    assert last.offset == spans[-2].offset + spans[-2].length
