"""Profiles are data: what a file may say, what is refused by file, key and rule, and which profile a terminal gets."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.profiles import Identity, ProfileError, load
from luwei.profiles.catalogue import SHIPPED
from luwei.profiles.check import check
from luwei.profiles.match import FirmwareRange, numbers
from luwei.profiles.profile import MediaHabits
from luwei.protocol.jt808.batch.items import KNOWN

OWN = """
name = "acme"
version = 1
zh = "某厂"
en = "A vendor"
source = "tests"
extends = "standard-2013"

[match]
manufacturer = ["7030*"]
model = ["HD-*"]
"""


def put(folder: Path, text: str, name: str = "acme.toml") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder


def test_the_shipped_profiles_name_their_clauses_and_know_the_items_of_the_standards() -> None:
    catalogue = load()
    assert {"standard-2011", "standard-2013", "standard-2019", "guangdong", "jiangsu"} <= catalogue.current.keys()
    for profile in catalogue.profiles:
        assert profile.shipped and profile.source
        assert {0x01, 0x02, 0x03, 0x11} <= profile.items.keys()
    newest = catalogue.current["standard-2019"]
    standard = {item: lengths for item, lengths in KNOWN.items() if item < 0x64 or item == 0xE0}
    assert newest.items == standard


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (Identity(edition=2011), "standard-2011"),
        (Identity(edition=2013, province=44), "standard-2013"),
        (Identity(edition=2019, province=45), "standard-2019"),
        (Identity(edition=2019, province=44), "guangdong"),
        (Identity(edition=2019, province=44, dialect="sign_39"), "sichuan"),
        (Identity(edition=2013, province=32), "jiangsu"),
        (Identity(edition=2013, province=44, dialect="subiao"), "jiangsu"),
        (Identity(edition=2019, province=44, dialect="subiao"), "jiangsu-2019"),
        (Identity(edition=2019, province=45, dialect="yuebiao"), "guangdong"),
        (Identity(), "standard-2019"),
    ],
)
def test_what_is_known_of_a_terminal_decides_its_profile(identity: Identity, name: str) -> None:
    assert load().match(identity).profile.name == name


def test_the_most_specific_criteria_win_and_say_why(tmp_path: Path) -> None:
    put(tmp_path, OWN)
    put(tmp_path, OWN.replace("acme", "acme-new").replace('["HD-*"]', '["HD-*"]\nfirmware = ">=3.2 <4"'), "new.toml")
    catalogue = load(tmp_path)
    known = Identity(manufacturer_id="70305", model="HD-T20", edition=2013, province=44)
    choice = catalogue.match(known)
    assert choice.profile.key == "acme@1"
    assert [(r.key, r.rule, r.value) for r in choice.reasons] == [
        ("model", "HD-*", "HD-T20"), ("manufacturer", "7030*", "70305"),
    ]  # fmt: skip
    assert choice.runners_up == ("standard-2013",)
    newer = Identity("70305", "HD-T20", "V3.10.1", 44, 2013)
    assert catalogue.match(newer).profile.key == "acme-new@1"
    assert catalogue.match(Identity("70305", "HD-T20", "V4.0", 44, 2013)).profile.key == "acme@1"


def test_of_two_versions_of_a_name_the_higher_is_given_out_and_the_lower_is_kept(tmp_path: Path) -> None:
    put(tmp_path, OWN)
    put(tmp_path, OWN.replace("version = 1", "version = 2"), "acme-2.toml")
    catalogue = load(tmp_path)
    assert catalogue.match(Identity("70305", "HD-T20")).profile.version == 2
    first = catalogue.get("acme", 1)
    assert first is not None and first.version == 1


def test_an_operators_file_extends_a_shipped_one(tmp_path: Path) -> None:
    more = """
[reading]
charset = "utf-8"
clock_zone_h = 0
[items]
0xEB = []
0x30 = false
[media]
list_after_parameters = true
[quirks]
expected = ["11.3.24"]
"""
    profile = load(put(tmp_path, OWN + more)).current["acme"]
    assert (profile.reading.charset, profile.clock_zone_h, profile.editions) == ("utf-8", 0, (2011, 2013))
    assert profile.expects_item(0xEB, 17) and profile.expects_item(0x01, 4)
    assert not profile.expects_item(0x30, 1) and not profile.expects_item(0x01, 5)
    assert profile.media == MediaHabits(list_after_parameters=True)
    assert profile.expected == {"items_broken"}


@pytest.mark.parametrize(
    ("change", "key", "rule"),
    [
        ('name = "ACME"', "name", "must be 2 to 40 of a-z, 0-9 and -, not beginning with -"),
        ("version = 0", "version", "must be a whole number from 1 to 9999"),
        ("version = true", "version", "must be a whole number from 1 to 9999"),
        ('extends = "nobody"', "extends", "there is no profile nobody"),
        ('extends = "acme"', "extends", "goes in a circle: acme → acme"),
        ('vendor = "x"', "vendor", "is not known; known are name, version"),
        ("[reading]\nspeed = 1", "reading.speed", "is not known; known are editions, charset"),
        ('[reading]\ncharset = "latin-1"', "reading.charset", "must be one of gbk, gb18030, utf-8"),
        ("[reading]\nclock_zone_h = 24", "reading.clock_zone_h", "must be a whole number from -12 to 14"),
        ("[items]\n0x1FF = [4]", "items", "'0x1FF': a code is written 0x00 to 0xFF"),
        ("[items]\n0x01 = [256]", "items", "must be a whole number from 0 to 255"),
        ("[codes.moon]\n0x01 = 'x'", "codes", "moon: must be one of adas, dsm"),
        ('[quirks]\nexpected = ["11.3.99"]', "quirks.expected", "must be one of"),
        ('[media]\ng726_bits = 6', "media.g726_bits", "must be a whole number from 2 to 5"),
        ('[capability]\nslave_server = "yes"', "capability.slave_server", "must be true or false"),
        ("reading = 3", "reading", "must be a section"),
    ],
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_refused_by_file_key_and_rule(
    tmp_path: Path, change: str, key: str, rule: str
) -> None:
    name = change.partition(" ")[0]
    text = "\n".join(line for line in OWN.splitlines() if not line.startswith(f"{name} ="))
    text = f"{change}\n{text}" if not change.startswith("[") else f"{text}\n{change}\n"
    with pytest.raises(ProfileError) as caught:
        load(put(tmp_path, text))
    assert (Path(caught.value.file).name, caught.value.key) == ("acme.toml", key)
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("match", "rule"),
    [
        ("[match]\n", "must ask something"),
        ("[match]\nmodel = []\n", "model: must not be empty"),
        ("[match]\nmodle = ['x']\n", "modle: is not known"),
        ("[match]\nprovince = [7]\n", "province: must be a whole number from 11 to 82"),
        ("[match]\nfirmware = 'about 3'\n", "firmware: must be comparisons"),
        ("[[match]]\nedition = [2012]\n", "edition: must be one of 2011, 2013, 2019"),
    ],
)
def test_criteria_that_cannot_be_judged_are_refused(tmp_path: Path, match: str, rule: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load(put(tmp_path, OWN.partition("[match]")[0] + match))
    assert caught.value.key == "match" and rule in caught.value.rule


@pytest.mark.parametrize("missing", ["name", "version", "zh", "en", "source"])
def test_what_every_profile_must_say_is_asked_for(missing: str) -> None:
    table = tomllib.loads(OWN)
    del table[missing]
    with pytest.raises(ProfileError) as caught:
        check("acme.toml", table)
    assert (caught.value.key, caught.value.rule) == (missing, "must be given")


def test_the_same_name_and_version_twice_is_refused_naming_both_files(tmp_path: Path) -> None:
    put(tmp_path, OWN)
    put(tmp_path, OWN, "copy.toml")
    with pytest.raises(ProfileError, match=r"copy\.toml: name: acme version 1 is already in .*acme\.toml"):
        load(tmp_path)


def test_two_profiles_with_the_same_criteria_are_refused(tmp_path: Path) -> None:
    put(tmp_path, OWN)
    put(tmp_path, OWN.replace("acme", "other"), "other.toml")
    with pytest.raises(ProfileError, match="has the same criteria as acme"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["name = ", "\x00", "[[[", 'name = "a'])
def test_what_is_no_toml_is_refused_by_its_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProfileError, match=r"acme\.toml: file: cannot be read as TOML"):
        load(put(tmp_path, text))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="is no folder"):
        load(tmp_path / "nowhere")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("gbk"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("0x64"), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["name", "version", "match", "reading", "items", "codes", "capability", "quirks", "extends", "x"]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_no_table_raises_anything_but_its_own_error(table: dict[str, object], whole: bool) -> None:
    base = tomllib.loads(OWN) if whole else {}
    try:
        check("any.toml", base | table)
    except ProfileError as error:
        assert error.file == "any.toml" and error.rule


@pytest.mark.parametrize(
    ("text", "version", "holds"),
    [
        (">=3.2 <4", "V3.2.1", True), (">=3.2 <4", "3.10", True), (">=3.2 <4", "4.0.0", False),
        (">=3.2", "v3.2", True), ("=1.0", "FW_1.0.0-beta", True), ("<2", "", False), ("<2", "beta", False),
    ],
)  # fmt: skip
def test_a_firmware_range_compares_number_by_number(text: str, version: str, holds: bool) -> None:
    assert FirmwareRange.of(text).holds(version) is holds


@given(st.text(max_size=40))
def test_any_text_is_a_firmware_or_none(text: str) -> None:
    assert all(part >= 0 for part in numbers(text))
    FirmwareRange.of(">1").holds(text)


def test_every_shipped_file_is_named_as_its_profile() -> None:
    for file in SHIPPED.glob("*.toml"):
        assert tomllib.loads(file.read_text("utf-8"))["name"] == file.stem
