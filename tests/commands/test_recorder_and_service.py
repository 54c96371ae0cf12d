"""Recorder packets, telephone book, events and menus on the wire: bytes of captured frames and by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luwei.commands.answers import state_of, view
from luwei.commands.kinds import KINDS
from luwei.commands.tables import shortened, table
from luwei.commands.templates.compare import with_terminal
from luwei.gateway.orders import ANSWERED, Outcome
from luwei.protocol.jt808.messages.service import Contact
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.reading import Reading
from luwei.registry.errors import RegistryError


def body(kind: str, edition: int = 2013, **values: Any) -> str:
    found = KINDS[kind]
    return found.letter(found.check(values)).bodies[edition].hex()


def outcome(message_id: int, raw: str, edition: int = 2013) -> Outcome:
    return Outcome(1, ANSWERED, 0, 1, edition, -1, message_id, bytes.fromhex(raw))


def test_requests_are_those_of_the_captured_frames() -> None:
    period = {"start": "2020-03-22 10:10:10", "end": "2020-03-23 10:10:10", "most": 1, "head": 1}
    # 808-8700-001 and 808-8700-002 of the captures, whose device expects 55 7A both ways
    assert body("collect_recorder", block=8, **period) == "08557a08000e00200322101010200323101010000129"
    assert body("collect_recorder", block=0, head=1) == "00557a000000002f"
    # a host begins with AA 75 (GB/T 19056-2012 A.3); the check is the XOR of all before
    assert body("collect_recorder", block=0) == "00aa7500000000df"
    assert body("collect_recorder", 2011, block=0) == "00"


def test_settings_are_those_of_the_captured_frames() -> None:
    time = {"time": "2020-03-23 10:10:10", "head": 1}
    assert body("set_recorder", block=0xC2, **time) == "c2557ac2000600200323101010fb"
    assert body("set_recorder", block=0xC3, coefficient=50, **time) == "c3557ac30008002003231010100032c6"
    mileage = {"installed": "2020-03-22 10:10:10", "first_mileage": 1000, "total_mileage": 5000}
    assert body("set_recorder", block=0xC4, **mileage, **time) == (
        "c4557ac40014002003231010102003221010100000100000005000be"
    )


def test_a_minute_of_speeds_becomes_a_row_a_second() -> None:
    minute = "250601083000" + "3c00" * 30 + "3d01" * 30
    raw = "557a08" + "007e" + "00" + minute
    check = 0
    for byte in bytes.fromhex(raw):
        check ^= byte
    found = outcome(0x0700, "0007" + "08" + raw + f"{check:02x}")
    shown = view(found)
    assert shown is not None
    (table,) = shown["tables"]
    assert table["total"] == 60
    assert table["rows"][0] == ["2025-06-01 08:30:00", "60 km/h", "0x00"]
    assert table["rows"][59] == ["2025-06-01 08:30:59", "61 km/h", "0x01"]
    assert state_of(found) == ("answered", "success")


def test_a_recorder_that_could_not_collect_is_a_failure() -> None:
    assert state_of(outcome(0x0700, "000708" + "557afa00" + f"{0x55 ^ 0x7A ^ 0xFA:02x}")) == ("failed", "failure")


def test_places_are_ten_thousandths_of_a_minute() -> None:
    # 114.057868° is 114 × 600000 + 34720.8 of them; 22.543099° 13525859.4
    place = f"{68_434_721:08x}" + f"{13_525_859:08x}" + "0023" + "3c"
    raw = "557a09" + f"{666:04x}" + "00" + "250601080000" + place + "7fffffff7fffffff0000ff" * 59
    check = 0
    for byte in bytes.fromhex(raw):
        check ^= byte
    shown = view(outcome(0x0700, "0007" + "09" + raw + f"{check:02x}"))
    assert shown is not None
    (table,) = shown["tables"]
    first, last = (dict(zip([c["name"] for c in table["columns"]], row, strict=True)) for row in
                   (table["rows"][0], table["rows"][59]))  # fmt: skip
    assert (first["time"], first["latitude"], first["longitude"]) == ("2025-06-01 08:00:00", "22.543098", "114.057868")
    assert (first["speed"], first["altitude"]) == ("60 km/h", "35 m")
    assert (last["time"], last["latitude"]) == ("2025-06-01 08:59:00", "")


def test_telephone_book_events_and_menu_by_hand() -> None:
    contacts = [{"name": "甲", "phone": "110", "flag": 2}]
    one = "020331313002bcd7"
    assert body("phone_book", 2019, setting=1, contacts=contacts) == "0101" + one
    assert body("phone_book", 2011, setting=1, contacts=contacts) == "010101" + one
    assert body("phone_book", 2013, setting=0) == "00"
    assert body("set_events", setting=2, events=[{"id": 5, "content": "A"}]) == "0201050141"
    assert body("set_events", setting=4, ids=[5, 6]) == "040205000600"
    assert body("set_menu", setting=1, items=[{"type": 9, "name": "AB"}]) == "01010900024142"
    assert body("information", type=9, content="AB") == "0900024142"
    assert body("information", 2011, type=9, content="AB") == "09000200024142"
    assert body("peripherals", 2019, type=0xF8, ids=[0x64, 0x67]) == "f8026467"
    assert 2019 not in KINDS["set_menu"].letter({"setting": 0}).bodies


@pytest.mark.parametrize(
    ("kind", "values", "field", "words"),
    [
        ("phone_book", {"contacts": [{"name": "甲", "phone": "x"}]}, "parameters.contacts", "row 1, phone"),
        ("phone_book", {"contacts": [{"phone": "110"}]}, "parameters.contacts", "row 1, name: must be given (§8.29)"),
        ("phone_book", {"contacts": []}, "parameters.contacts", "1 to 100 entries"),
        ("set_events", {"events": [{"id": 1, "content": "a", "x": 1}]}, "parameters.events", "row 1 must have"),
        ("collect_recorder", {"block": 8}, "parameters.start", "must be given"),
        ("collect_recorder", {"block": 8, "start": "2025-02-30 00:00:00", "end": "2025-03-01 00:00:00"},
         "parameters.start", "must be a time"),
        ("set_recorder", {"block": 0xC3, "time": "2025-01-01 00:00:00", "coefficient": 0}, "parameters.coefficient",
         "1 to 65535"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_naming_row_and_clause(
    kind: str, values: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(RegistryError) as refused:
        KINDS[kind].check(values)
    assert refused.value.field == field and words in refused.value.rule


@given(raw=st.binary(max_size=400), word=st.integers(0, 0x16), edition=st.sampled_from([2011, 2013, 2019]))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_recorder_answer_can_be_shown(raw: bytes, word: int, edition: int) -> None:
    packet = b"\x55\x7a" + bytes([word]) + len(raw).to_bytes(2, "big") + b"\0" + raw
    check = 0
    for byte in packet:
        check ^= byte
    for content in (packet + bytes([check]), raw):
        found = Outcome(1, ANSWERED, 0, 1, edition, -1, 0x0700, b"\0\7" + bytes([word]) + content)
        assert state_of(found)[0] in ("answered", "failed")
        assert view(found) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8,
)  # fmt: skip


@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_in_a_form_is_taken_or_refused_by_name(data: Any, kind: str) -> None:
    names = [field.name for field in KINDS[kind].fields]
    values = data.draw(st.dictionaries(st.sampled_from([*names, "x"]), JSON, max_size=4))
    try:
        checked = KINDS[kind].check(values)
    except RegistryError as error:
        assert error.field.startswith("parameters.")
    else:
        assert set(checked) <= set(names)


def test_texts_are_written_in_every_charset_that_a_profile_may_want() -> None:
    made = KINDS["information"].letter(KINDS["information"].check({"type": 3, "content": "粤B雾"}))
    assert made.bodies[2013] == b"\x03\x00\x05" + "粤B雾".encode("gbk")
    assert made.texts == {"utf-8": {
        2011: b"\x03\x00\x07\x00\x07" + "粤B雾".encode(),  # length over all packets, then here
        2013: b"\x03\x00\x07" + "粤B雾".encode(),
    }}  # fmt: skip
    plain = KINDS["information"].letter(KINDS["information"].check({"type": 3, "content": "fog"}))
    assert plain.texts == {}
    named = KINDS["set_parameters"].letter({"parameters": [{"id": 0x0083, "value": "粤B12345"}]})
    assert named.texts["utf-8"][2019] == b"\x01\x00\x00\x00\x83\x09" + "粤B12345".encode()


def test_a_text_that_a_charset_cannot_hold_is_left_out_there() -> None:
    made = KINDS["question"].letter(KINDS["question"].check({"question": "问" * 100, "answers": ["是", "否"]}))
    assert 2013 in made.bodies
    assert made.texts["utf-8"] == {}  # 300 bytes behind a length of one


def test_parameters_of_an_answer_are_read_in_the_charset_of_the_terminal() -> None:
    raw = b"\0\7\1\0\0\0\x83\x0c" + "粤港通达".encode()  # GBK too: 绮ゆ腐閫氳揪
    answer = Outcome(1, ANSWERED, 0, 1, 2019, -1, 0x0104, raw, "utf-8")
    shown = view(answer)
    assert shown is not None and shown["charset"] == "utf-8"
    assert shown["parameters"][0]["text"] == "粤港通达"
    plain = view(Outcome(1, ANSWERED, 0, 1, 2019, -1, 0x0104, raw))
    assert plain is not None and "charset" not in plain
    assert plain["parameters"][0]["text"] == "绮ゆ腐閫氳揪"
    wanted = [{"id": 0x0083, "value": "粤港通达"}]
    found = [Parameter(0x0083, "粤港通达".encode())]
    assert with_terminal(wanted, found, 2019, "", Reading(charset="utf-8")) == []
    assert len(with_terminal(wanted, found, 2019, "")) == 1


def test_cells_are_known_in_english_where_they_say_something() -> None:
    changes = "250601083000" + "11" * 18 + "01" + "250601093000" + "11" * 18 + "02"
    raw = "557a12" + "0032" + "00" + changes
    check = 0
    for byte in bytes.fromhex(raw):
        check ^= byte
    shown = view(outcome(0x0700, "0007" + "12" + raw + f"{check:02x}"))
    assert shown is not None
    (table,) = shown["tables"]
    words = {column["name"]: column["words"] for column in table["columns"]}
    assert [row[2] for row in table["rows"]] == ["1 登录", "2 退出"]
    assert words == {"time": {}, "licence": {}, "kind": {"1 登录": "1 logged in", "2 退出": "2 logged out"}}
    short = {"tables": [table | {"rows": table["rows"][:1]}]}
    assert shortened(short)["tables"][0]["columns"][2]["words"] == {"1 登录": "1 logged in"}


def test_a_text_of_the_terminal_is_never_translated() -> None:
    contact = Contact(flag=1, phone="110", name="正常")
    made = table("x", "x", [contact], 2019)
    assert [column["words"] for column in made["columns"]] == [{"1 呼入": "1 incoming"}, {}, {}]
