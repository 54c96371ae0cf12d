"""Whatever a declaration can hold is written and read again the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from declared_messages import MESSAGES, item_records, items, parameters, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luwei.protocol.jt808.fragments import Assembler, split
from luwei.protocol.jt808.frame import decode_frame, encode_frame, escape, unescape
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.items import ITEM_TYPES, Item, describe
from luwei.protocol.jt808.parameters import Parameter, parameter_type
from luwei.protocol.message import Message, decode_body

QUICK = settings(max_examples=24, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = [f"{message.__name__}-{edition}" for message, edition in MESSAGES]


@pytest.mark.parametrize(("message", "edition"), MESSAGES, ids=NAMES)
@given(data=st.data())
@QUICK
def test_a_declared_message_comes_back_from_its_bytes(message: type[Message], edition: int, data: Any) -> None:
    sent = data.draw(records(message, edition))
    body = sent.encode(edition)
    # a 2011 reply to a location query is told from later ones by its time alone
    received = message.decode(body, edition)
    if received.edition == edition:
        assert received == sent
        assert received.encode(edition) == body
    json.dumps(received.to_json())


@given(item=items())
@QUICK
def test_an_item_comes_back_and_can_be_shown(item: Item) -> None:
    raw = bytes((item.id, len(item.raw))) + item.raw
    (view,) = describe(raw)
    assert (view.id, view.length, view.raw_hex) == (item.id, len(item.raw), item.raw.hex())
    if item.value is not None:
        assert item.value.encode(2019) == item.raw


@pytest.mark.parametrize("item_id", sorted(ITEM_TYPES), ids=hex)
@given(data=st.data())
@QUICK
def test_every_item_of_the_table_has_a_legal_length(item_id: int, data: Any) -> None:
    declared = ITEM_TYPES[item_id]
    record = data.draw(item_records(item_id))
    item = Item.of(item_id, record)
    assert not declared.lengths or len(item.raw) in declared.lengths
    value = item.value
    assert value is not None and value.encode(2019) == item.raw
    # a tyre alarm without entries has one length in both sizes of entry
    assert type(value) is not type(record) or value == record


@pytest.mark.parametrize("edition", [2011, 2013, 2019])
@given(data=st.data())
@QUICK
def test_a_parameter_comes_back(edition: int, data: Any) -> None:
    parameter = data.draw(parameters(edition))
    found = parameter_type(parameter.id)
    assert found is not None
    value = parameter.value(edition)
    if value is not None:
        assert Parameter.of(parameter.id, value, edition) == parameter
        assert isinstance(found.text(value, edition), str)


@given(content=st.binary(max_size=300))
@QUICK
def test_escaping_leaves_no_flag_and_can_be_undone(content: bytes) -> None:
    assert b"\x7e" not in escape(content)
    assert unescape(escape(content)) == content


HEADERS = st.sampled_from([2013, 2019]).flatmap(
    lambda edition: st.builds(
        Header,
        message_id=st.integers(0, 0xFFFF),
        body_length=st.just(0),
        serial=st.integers(0, 0xFFFF),
        phone_raw=st.binary(min_size=10 if edition == 2019 else 6, max_size=10 if edition == 2019 else 6),
        edition=st.just(edition),
        encrypt=st.integers(0, 7),
        protocol_version=st.integers(0, 255) if edition == 2019 else st.just(0),
    )
)


@given(header=HEADERS, body=st.binary(max_size=1023))
@QUICK
def test_a_frame_comes_back(header: Header, body: bytes) -> None:
    raw = encode_frame(header, body)
    frame = decode_frame(raw)
    assert (frame.body, frame.raw, frame.quirks) == (body, raw, ())
    assert encode_frame(frame.header, frame.body) == raw


@given(header=HEADERS, body=st.binary(max_size=3000), limit=st.integers(1, 1023), order=st.randoms())
@QUICK
def test_fragments_come_back_as_one_message_in_any_order(header: Header, body: bytes, limit: int, order: Any) -> None:
    limit = max(limit, 100)
    raws = split(header, body, limit)
    order.shuffle(raws)
    assembler = Assembler()
    whole = [frame for raw in raws if (frame := assembler.add(decode_frame(raw), 0.0))]
    assert [frame.body for frame in whole] == [body]
    assert whole[0].header.serial == header.serial
    assert decode_body(0xFFFE, header.edition, body).to_json() == {"body_hex": body.hex()}
