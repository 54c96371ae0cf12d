"""The parameters of JT/T 1078 §5.3.1 in a template: written by its tables, given to a terminal, read back, compared."""

from __future__ import annotations

from typing import Any

import pytest
from truckside import Truckside, truckside

from luwei.commands.parameter_form import parameter_view
from luwei.commands.templates import compare
from luwei.commands.templates.form import template_form
from luwei.commands.templates.values import check, encoded, value_of
from luwei.protocol.jt808.messages.parameters import ParametersReply, QueryGivenParameters, SetParameters
from luwei.protocol.jt808.parameters import Parameter
from luwei.registry.errors import RegistryError

LIVE = {"live_coding": 1, "live_resolution": 5, "live_key_interval": 50, "live_frame_rate": 25, "live_bit_rate": 1024}
KEPT = {
    "storage_coding": 0, "storage_resolution": 6, "storage_key_interval": 100, "storage_frame_rate": 15,
    "storage_bit_rate": 2048,
}  # fmt: skip
STREAMS = {**LIVE, **KEPT, "osd": 0b100011}
STREAMS_RAW = "010500321900000400000600640f000008000023"
CHANNELS = {
    "audio_video": 2, "audio": 1, "video": 0,
    "channels": [
        {"physical_channel": 1, "logical_channel": 1, "kind": 0, "ptz": 0},
        {"physical_channel": 2, "logical_channel": 2, "kind": 0, "ptz": 1},
        {"physical_channel": 3, "logical_channel": 33, "kind": 1, "ptz": 0},
    ],
}  # fmt: skip
NEVER = {"wake": "0000", "close": "0000"}
VALUES: dict[int, tuple[Any, str]] = {
    0x0075: ({**STREAMS, "audio_output": 1}, STREAMS_RAW + "01"),
    0x0076: (CHANNELS, "020100" "01010000" "02020001" "03210100"),
    0x0077: ({"channels": [{"logical_channel": 2, **STREAMS}]}, "01" "02" + STREAMS_RAW),
    0x0079: ({"storage_threshold": 30, "duration": 8, "before": 2}, "1e0802"),
    0x007A: (0b1000010, "00000042"),
    0x007B: ({"rated_passengers": 3, "fatigue_threshold": 70}, "0346"),
    0x007C: (
        {"mode": 0b111, "condition": 0b101, "weekdays": 0b0111110, "periods_on": 0b0001,
         "periods": [{"wake": "0830", "close": "0945"}, NEVER, NEVER, NEVER]},
        "07053e" "01" "08300945" + "00" * 12,
    ),
}  # fmt: skip
"""Values of a template with their bytes, written by hand from the tables."""
NAMED = pytest.mark.parametrize("key", VALUES, ids=lambda key: f"{key:04X}")


def entry(key: int, value: Any = None) -> dict[str, Any]:
    (made,) = check([{"id": key, "value": VALUES[key][0] if value is None else value}], "", 2019)
    return made


def held(side: Truckside, key: int) -> Parameter:
    """As the terminal reports it on 0x8106."""
    (answer,) = side.take_apart(QueryGivenParameters(ids=(key,)))
    (found,) = ParametersReply.decode(answer.body, side.truck.edition).params
    return found


@NAMED
def test_a_value_becomes_the_bytes_of_its_table_and_is_read_back_as_it_was(key: int) -> None:
    raw = VALUES[key][1]
    written = encoded(entry(key), "")
    assert set(written) == {2013, 2019} and {made.hex() for made in written.values()} == {raw}
    assert value_of(Parameter(key, bytes.fromhex(raw)), 2019, "") == entry(key)["value"]


@NAMED
async def test_a_terminal_takes_it_and_what_it_reports_is_compared_field_by_field(key: int) -> None:
    wanted = [entry(key)]
    async with truckside() as (side, _):
        factory = held(side, key)
        assert compare.with_terminal(wanted, [factory], 2019, "")  # it left the factory otherwise
        assert side.result(SetParameters(params=(Parameter(key, bytes.fromhex(VALUES[key][1])),))) == 0
        reported = held(side, key)
    assert reported.raw.hex() == VALUES[key][1]
    assert compare.with_terminal(wanted, [reported], 2019, "") == []


@pytest.mark.parametrize(
    ("key", "at", "octet", "field", "wanted", "found"),
    [
        (0x0075, 4, 12, "live_frame_rate", "25 fps", "12 fps"),
        (0x0075, 10, 3, "storage_resolution", "6 1080P", "3 D1"),
        (0x0076, 10, 0, "channels.1.ptz", "1 连接", "0 未连接"),
        (0x0077, 6, 10, "channels.0.live_frame_rate", "25 fps", "10 fps"),
        (0x0079, 1, 9, "duration", "8 min", "9 min"),
        (0x007B, 1, 50, "fatigue_threshold", "70 %", "50 %"),
        (0x007C, 4, 0x09, "periods.0.wake", "0830", "0930"),
    ],
    ids=lambda each: f"{each:04X}" if isinstance(each, int) and each > 0x70 else str(each),
)
def test_one_octet_that_differs_is_one_field_with_its_unit(
    key: int, at: int, octet: int, field: str, wanted: str, found: str
) -> None:
    raw = bytearray.fromhex(VALUES[key][1])
    raw[at] = octet
    (difference,) = compare.with_terminal([entry(key)], [Parameter(key, bytes(raw))], 2019, "")
    assert (difference.field, difference.wanted, difference.found) == (field, wanted, found)
    assert difference.zh and difference.en.isascii()


def test_a_mask_that_differs_names_its_alarms() -> None:
    (difference,) = compare.with_terminal([entry(0x007A)], [Parameter(0x007A, bytes(4))], 2019, "")
    assert "遮挡" in difference.wanted and difference.wanted_en.isascii()
    assert "occluded" in difference.wanted_en and "none" in difference.found_en


@pytest.mark.parametrize(
    ("key", "change", "field", "words"),
    [
        (0x0075, {"live_resolution": 7}, "live_resolution", "0 to 6, or 100 to 127"),
        (0x0075, {"live_key_interval": 1001}, "live_key_interval", "1 to 1000"),
        (0x0075, {"storage_frame_rate": 0}, "storage_frame_rate", "1 to 120"),
        (0x0075, {"audio_output": 2}, "audio_output", "0 to 1"),
        (0x0076, {"video": 1}, "channels", "the 4 channels"),
        (0x0076, {"audio_video": 1, "audio": 2}, "audio_video", "the 2 channels of this kind"),
        (0x0077, {"channels": [{"logical_channel": 2, **STREAMS}] * 2}, "channels", "2 twice"),
        (0x0077, {"channels": [{"logical_channel": n, **STREAMS} for n in range(1, 14)]}, "channels", "at most 12"),
        (0x0079, {"storage_threshold": 0}, "storage_threshold", "1 to 99"),
        (0x007B, {"fatigue_threshold": 101}, "fatigue_threshold", "0 to 100"),
        (0x007C, {"weekdays": 128}, "weekdays", "0 to 127"),
    ],
    ids=lambda each: f"{each:04X}" if isinstance(each, int) else None,
)
def test_what_the_standard_does_not_allow_is_refused(key: int, change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RegistryError) as refused:
        entry(key, VALUES[key][0] | change)
    assert refused.value.field.startswith(f"parameters.0x{key:04X}.{field}")
    assert words in refused.value.rule and "1078 §5.3.1" in refused.value.rule


@NAMED
def test_it_is_shown_readably_in_both_languages(key: int) -> None:
    row = next(row for row in template_form()["parameters"] if row["id"] == key)
    assert row["group"] == "video" and row["zh"] and row["en"].isascii()
    view = parameter_view(Parameter(key, bytes.fromhex(VALUES[key][1])), 2019)
    assert view["text"] or view["note"]
    lines = compare.lines([entry(key)], "")
    assert lines and all(line.zh and line.en.isascii() and line.wanted for line in lines)


def test_the_form_gives_units_and_choices() -> None:
    rows = {row["id"]: row for row in template_form()["parameters"]}
    fields = {field["name"]: field for field in rows[0x0075]["fields"]}
    assert (fields["live_bit_rate"]["unit"], fields["live_frame_rate"]["unit"]) == ("kbps", "fps")
    assert [each["zh"] for each in fields["live_resolution"]["values"]] == [
        "QCIF", "CIF", "WCIF", "D1", "WD1", "720P", "1080P",
    ]  # fmt: skip
    assert fields["live_resolution"]["custom"] == [100, 127]
    assert rows[0x0077]["fields"][-1]["type"] == rows[0x0076]["fields"][-1]["type"] == "list"
    assert rows[0x007A]["type"] == "flags" and len(rows[0x007A]["bits"]) == 7
