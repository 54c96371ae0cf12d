"""What may stand in a template, and how it is compared: expected values from the standards' tables."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.commands.templates import compare
from luwei.commands.templates.form import template_form
from luwei.commands.templates.values import check, encoded, value_of
from luwei.protocol.jt808.parameters import Parameter
from luwei.registry.errors import RegistryError

LOUD = {"speed_threshold": 30, "volume": 6}
NIGHT = {"start_hour": 22, "start_minute": 50, "end_hour": 10, "end_minute": 30}
RECORDING = {"storage_threshold": 20, "duration": 5, "before": 1}
SLEEP = {
    "mode": 2, "condition": 1, "weekdays": 0b11111, "periods_on": 1,
    "periods": [{"wake": "0800", "close": "0930"}, *[{"wake": "0000", "close": "0000"}] * 3],
}  # fmt: skip


def one(key: int, value: Any, dialect: str = "yuebiao", edition: int | None = 2019) -> dict[str, Any]:
    (entry,) = check([{"id": key, "value": value}], dialect, edition)
    return entry


@pytest.mark.parametrize(
    ("key", "value", "dialect", "edition", "raw"),
    [
        (0x0029, 15, "", 2019, "0000000f"),
        (0x0081, 44, "", 2011, "0000002c"),  # DWORD in the draft of 2011, WORD since 2013
        (0x0081, 44, "", 2013, "002c"),
        (0x0013, "10.0.0.1:7611", "", 2019, b"10.0.0.1:7611".hex()),
        # 22:50 to 10:30 of the next day, as table 13 itself has it
        (0x0032, NIGHT, "", 2019, "16320a1e"),
        (0x0079, RECORDING, "", 2019, "140501"),
        (0x007C, SLEEP, "", 2019, "02011f01" + "08000930" + "00000000" * 3),
        (0xF364, LOUD, "yuebiao", 2019, "1e06" + "ff" * 17 + "00" + "ff" * 40 + "00" * 4),
        (0xF364, LOUD, "subiao", 2019, "1e06" + "ff" * 17 + "00" + "ff" * 32 + "00" * 4),
        (0xF365, {"phone_window": 120}, "subiao", 2019, "ff" * 21 + "0078" + "00" * 3 + "ff" * 21 + "00" * 2),
        (0xF367, {"side": 3}, "", 2019, "ff03"),
        (0xF001, "0A0b", "", 2019, "0a0b"),
    ],
)  # fmt: skip
def test_a_value_becomes_the_bytes_of_its_table(key: int, value: Any, dialect: str, edition: int, raw: str) -> None:
    assert encoded(one(key, value, dialect, edition), dialect)[edition].hex() == raw


@pytest.mark.parametrize(
    ("key", "value", "field", "words"),
    [
        (0x0029, 0, "0x0029", ("from 1", "§8.12")),
        (0x0029, 15.5, "0x0029", ("whole number",)),
        (0x0029, True, "0x0029", ("whole number",)),
        (0x0070, 11, "0x0070", ("1 to 10",)),
        (0x0030, 180, "0x0030", ("0 to 179",)),
        (0x0091, 6, "0x0091", ("0 to 5",)),
        (0x0094, 3, "0x0094", ("one of",)),
        (0x0055, 2**32, "0x0055", ("4294967295",)),
        (0x0013, "10.0.0.1", "0x0013", ("host:port",)),
        (0x0040, "x" * 256, "0x0040", ("255 bytes",)),
        (0x0040, "😀", "0x0040", ("GBK",)),
        (0x0018, 7611, "0x0018", ("2019 has no such",)),
        (0x0033, 1, "0x0033", ("reserved",)),
        (0x0083, "粤B12345", "0x0083", ("one vehicle",)),
        (0x0080, 0, "0x0080", ("one vehicle",)),
        (0x0012, "secret", "0x0012", ("password",)),
        (0xF370, 1, "0xF370", ("read only",)),
        (0xF364, {"volume": 9}, "0xF364.volume", ("0 to 8", "table 5-10")),
        (0xF364, {"obstacle_gap": 51}, "0xF364.obstacle_gap", ("10 to 50",)),
        (0xF364, {"departure_interval": 11}, "0xF364.departure_interval", ("1 to 10",)),
        (0xF364, {"smoke": 1}, "0xF364.smoke", ("no field",)),
        (0xF364, {}, "0xF364", ("at least one",)),
        (0xF364, 5, "0xF364", ("field by field",)),
        (0xF365, {"fatigue_interval": 6}, "0xF365.fatigue_interval", ("1 to 5", "table 5-11")),
        (0xF365, {"phone_window": 301}, "0xF365.phone_window", ("0 to 300",)),
        (0xF366, {"pressure": 140}, "0xF366.tyre", ("must be given",)),
        (0xF367, {"rear": 11}, "0xF367.rear", ("1 to 10",)),
        (0x0079, RECORDING | {"storage_threshold": 100}, "0x0079.storage_threshold", ("1 to 99", "1078")),
        (0x0079, {"storage_threshold": 20}, "0x0079.duration", ("must be given",)),
        (0x007C, SLEEP | {"periods": SLEEP["periods"][:3]}, "0x007C.periods", ("four",)),  # type: ignore[index]
        (0x007C, SLEEP | {"periods": [{"wake": "2460", "close": "0000"}] * 4}, "0x007C.periods", ("HHMM",)),
        (0x0032, NIGHT | {"start_hour": 24}, "0x0032.start_hour", ("0 to 23",)),
        (0x0076, {"audio_video": 2, "audio": 0, "video": 0, "channels": []}, "0x0076.channels", ("2 channels",)),
        (0xF001, "xyz", "0xF001", ("hexadecimal",)),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_naming_parameter_rule_and_clause(
    key: int, value: Any, field: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(RegistryError) as refused:
        one(key, value)
    assert refused.value.field == f"parameters.{field}"
    assert all(word in refused.value.rule for word in (*words, "(")), refused.value.rule
    assert "secret" not in str(refused.value)


def test_what_differs_between_editions_or_dialects_needs_a_template_of_one() -> None:
    for key, value, dialect, word in (
        (0x0013, "10.0.0.1:7611", "yuebiao", "one edition"),
        (0xF364, {"volume": 6}, "", "dialect"),
    ):
        with pytest.raises(RegistryError, match=word):
            one(key, value, dialect, None)
    both = [{"id": 0x0018, "value": 7611}, {"id": 0x0023, "value": "cmnet"}]
    with pytest.raises(RegistryError, match="no edition has all"):
        check(both, "", None)
    with pytest.raises(RegistryError, match="twice"):
        check([{"id": 0x29, "value": 1}] * 2, "", None)


def test_what_a_terminal_reports_is_compared_field_by_field() -> None:
    wanted = check(
        [{"id": 0x29, "value": 15}, {"id": 0x55, "value": 100}, {"id": 0x40, "value": "02012345678"},
         {"id": 0xF364, "value": {"speed_threshold": 30, "volume": 6}}, {"id": 0x79,
          "value": {"storage_threshold": 20, "duration": 5, "before": 1}}],
        "yuebiao", 2019,
    )  # fmt: skip
    block = bytes([30, 4]) + bytes(62)
    found = [
        Parameter(0x29, (15).to_bytes(4, "big")), Parameter(0x55, (90).to_bytes(4, "big")), Parameter(0xF364, block),
        Parameter(0x79, b"\x14\x05"),
    ]  # fmt: skip
    differs = compare.with_terminal(wanted, found, 2019, "yuebiao")
    assert [(d.id, d.field, d.wanted, d.found) for d in differs] == [
        (0x40, "", "02012345678", ""),  # not reported
        (0x55, "", "100 km/h", "90 km/h"),
        (0x79, "storage_threshold", "20 %", "1405"),  # a block of a wrong length stays bytes
        (0x79, "duration", "5 min", "1405"),
        (0x79, "before", "1 min", "1405"),
        (0xF364, "volume", "6", "4"),  # what the template leaves out is not compared
    ]
    assert (differs[-1].zh, differs[-1].en) == ("报警提示音量", "Volume")


def test_two_versions_are_compared_field_by_field() -> None:
    before = check([{"id": 0x29, "value": 15}, {"id": 0xF367, "value": {"rear": 2}}], "", None)
    after = check([{"id": 0x29, "value": 30}, {"id": 0xF367, "value": {"rear": 2, "side": 3}}], "", None)
    found = compare.versions(before, after, ("", ""))
    assert [(d.id, d.field, d.found, d.wanted) for d in found] == [
        (0x29, "", "15 s", "30 s"), (0xF367, "side", "", "3 s"),
    ]  # fmt: skip


def test_what_a_truck_reports_comes_back_as_the_value_that_made_it() -> None:
    for key, value in ((0x29, 15), (0x7C, SLEEP), (0xF367, {"rear": 2, "side": 3}), (0xF001, "0a0b")):
        entry = one(key, value)
        assert value_of(Parameter(key, encoded(entry, "yuebiao")[2019]), 2019, "yuebiao") == value


def test_the_form_of_the_editor_allows_what_the_check_allows() -> None:
    form = template_form()
    rows = {row["id"]: row for row in form["parameters"]}
    assert {0x0012, 0x0080, 0x0083, 0xF370}.isdisjoint(rows)
    assert {row["group"] for row in rows.values()} <= {group["code"] for group in form["groups"]}
    for key, row in rows.items():
        if row["type"] in ("integer", "flags", "choice") and row["high"]:
            edition = None if row["until"] == 2019 else row["until"]
            for number in {row["low"], *(v["value"] for v in row["values"][:3])}:
                assert one(key, number, "yuebiao", edition)["value"] == number
    for dialect, fields in rows[0xF364]["by_dialect"].items():
        defaults = {field["name"]: field["default"] for field in fields if field["default"] is not None}
        assert len(defaults) > 35 and one(0xF364, defaults, dialect)["value"] == defaults


@given(st.integers(0, 0x10000), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4), max_leaves=8,
))  # fmt: skip
def test_whatever_is_given_is_taken_or_refused_by_rule(key: int, value: Any) -> None:
    try:
        entry = one(key, value)
    except RegistryError:
        return
    assert encoded(entry, "yuebiao")


@given(
    st.sampled_from([0x29, 0x40, 0x75, 0x76, 0x77, 0x7C, 0x110, 0xF364, 0xF365, 0xF366, 0xF367, 0xF00F]), st.binary()
)
def test_whatever_a_terminal_reports_is_compared(key: int, raw: bytes) -> None:
    wanted = check([{"id": 0x29, "value": 15}, {"id": 0xF367, "value": {"rear": 2}}], "yuebiao", 2019)
    differs = compare.with_terminal(wanted, [Parameter(key, raw)], 2019, "yuebiao")
    assert differs
    with contextlib.suppress(RegistryError):
        value_of(Parameter(key, raw), 2019, "yuebiao")


def test_every_choice_and_difference_is_said_in_english_too() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    waiting: list[dict[str, Any]] = list(template_form()["parameters"])
    while waiting:
        row = waiting.pop()
        waiting += row.get("fields", []) + [each for rows in row.get("by_dialect", {}).values() for each in rows]
        assert not [each for each in row["values"] + row["bits"] if chinese.search(each["en"])], row["zh"]
    (found,) = compare.with_terminal([{"id": 0x0020, "value": 1}], [Parameter(0x0020, bytes(4))], 2019, "")
    assert (found.wanted, found.found) == ("1 定距汇报", "0 定时汇报")
    assert (found.wanted_en, found.found_en) == ("1 reports by distance", "0 timed reports")
