"""The shipped rights against the programme's table of who sees what (reference supervision §2.2), cell by cell.

The table below is the reference's own, sign by sign. ● full, ◐ own jurisdiction, Σ aggregates only, ✎ may act,
⌛ on a recorded reason, – none; words where the reference uses words.
"""

from __future__ import annotations

from typing import Any

import pytest

from luwei.access import Forbidden, Scope, SignedIn, authorize, may
from luwei.access.defaults import DEFAULTS
from luwei.access.identity import Granted
from luwei.access.kinds import KINDS

ROLES = (
    "province", "city", "county", "emergency", "police", "regulator", "insurer", "vendor", "monitor", "operator",
    "driver",
)  # fmt: skip

TABLE = """
vehicle  | ●✎ | ◐✎ | ◐✎ | Σ  | ⌛ | Σ by insurer | ◐ | ◐✎ | ◐ | ◐ | own
position | ●  | ◐  | ◐  | ⌛ | ⌛ | –  | –  | ◐ last fix | ◐ | ◐ | own
video    | ⌛ | ⌛◐ | ⌛◐ | ⌛ | ⌛ | –  | –  | ⌛ install test | ◐ | ◐ | –
alarm    | ●  | ◐  | ◐  | Σ 督办 | ⌛ | Σ | Σ per policy | ◐ device faults | ◐✎ | ◐✎ | own object
evidence | ⌛ | ⌛◐ | ⌛◐ | ⌛ | ⌛ | –  | –  | – | ◐ | ◐ | own
driver   | ⌛ | ⌛◐ | –  | –  | ⌛ | –  | –  | – | own match result | ◐ | own
score    | ●✎ | ◐✎ | ◐  | ●  | Σ  | Σ  | Σ own trucks | own service | own | own | own
upkeep   | ●  | Σ  | –  | –  | –  | ●  | ◐✎ | ◐✎ | – | own | –
audit    | ●  | ◐  | –  | –  | –  | –  | own | own | own | own | own viewers
"""

CELLS = [
    (line.split("|")[0].strip(), role, cell.strip())
    for line in TABLE.strip().splitlines()
    for role, cell in zip(ROLES, line.split("|")[1:], strict=True)
]

CITY = Scope(cities=frozenset({440300}))


def person(role: str, **values: Any) -> SignedIn:
    government = role in ("province", "city", "county", "emergency", "police", "regulator")
    fields: dict[str, Any] = {"organisation_kind": role if government else "company", "place": CITY}
    return SignedIn(1, "p", "P", role, None, None, None, False, **(fields | values))


def granted(row: str) -> Granted:
    return Granted(9, row, frozenset({1, 2}), 2**60, "事故调查 [2026-17]")


@pytest.mark.parametrize(("row", "role", "cell"), CELLS, ids=[f"{row}-{role}" for row, role, _ in CELLS])
def test_a_shipped_right_is_the_cell_of_the_table(row: str, role: str, cell: str) -> None:
    user = person(role)
    if "⌛" in cell:
        with pytest.raises(Forbidden) as caught:
            authorize(user, "read", row)
        assert caught.value.code == "reason_required"
        scope = authorize(person(role, grants=(granted(row),)), "read", row)
        subjects = scope.drivers if row == "driver" else scope.vehicles
        assert subjects == {1, 2} and "2026-17" in scope.reason
        bound = "◐" in cell or role == "vendor"  # a company's people never reach beyond what is their own
        assert scope.cities == (CITY.cities if bound else None)
    elif "–" in cell:
        assert not may(user, "read", row, aggregates=True)
    elif "Σ" in cell:
        with pytest.raises(Forbidden) as caught:
            authorize(user, "read", row)
        assert caught.value.code == "aggregates_only"
        scope = authorize(user, "read", row, aggregates=True)
        assert scope.aggregate and not scope.whole and scope.cities == CITY.cities
    elif "●" in cell:
        assert authorize(user, "read", row) == Scope()
    else:
        assert "◐" in cell or "own" in cell
        assert authorize(user, "read", row).limits == CITY.limits
    assert may(user, "write", row) == ("✎" in cell)


@pytest.mark.parametrize(
    ("role", "row", "narrow"),
    [
        ("regulator", "vehicle", "by_insurer"), ("vendor", "position", "last_fix"), ("vendor", "video", "install_test"),
        ("insurer", "alarm", "per_policy"), ("vendor", "alarm", "device_faults"), ("monitor", "driver", "match_result"),
        ("insurer", "vehicle", "masked"), ("monitor", "vehicle", "masked"), ("inspector", "vehicle", "masked"),
        ("viewer", "vehicle", "masked"), ("insurer", "score", "own_trucks"), ("vendor", "score", "own_service"),
        ("driver", "audit", "viewers"),
    ],
)  # fmt: skip
def test_words_of_a_cell_narrow_the_scope(role: str, row: str, narrow: str) -> None:
    user = person(role, grants=(granted(row),))
    assert authorize(user, "read", row, aggregates=True).narrow == narrow


def test_two_cells_allow_an_act_of_their_own() -> None:
    assert authorize(person("emergency"), "supervise", "alarm", aggregates=True).aggregate
    assert authorize(person("driver"), "object", "alarm").cities == CITY.cities
    others = [role for role in ROLES if may(person(role), "object", "alarm") or may(person(role), "supervise", "alarm")]
    assert others == ["driver"]


def test_a_last_fix_is_no_track() -> None:
    assert not may(person("vendor"), "read", "track")
    assert may(person("operator"), "read", "track") and may(person("driver"), "read", "track")


def test_a_grant_opens_its_row_and_the_vehicles_behind_it_until_its_end() -> None:
    user = person("police", grants=(granted("position"),))
    for kind in ("position", "track", "vehicle"):
        assert authorize(user, "read", kind).vehicles == {1, 2}
    for kind in ("video", "evidence", "driver", "alarm"):
        assert not may(user, "read", kind)
    over = person("police", grants=(Granted(9, "position", frozenset({1}), 1, ""),))
    assert not may(over, "read", "position")


def test_a_grant_on_drivers_opens_no_vehicle() -> None:
    user = person("police", grants=(granted("driver"),))
    assert authorize(user, "read", "driver").drivers == {1, 2} and not may(user, "read", "vehicle")


def test_nobody_has_a_right_to_a_kind_or_act_that_is_not_declared() -> None:
    for role, cells in DEFAULTS.items():
        assert all(kind in KINDS and act in KINDS[kind].acts for act, kind in cells), role


def test_only_the_administrator_administers() -> None:
    kinds = [code for code, kind in KINDS.items() if kind.row == "administration" and code != "grant"]
    able = {role for role in DEFAULTS for kind in kinds if may(person(role), "read", kind)}
    assert able == {"administrator"}


def test_a_token_is_bound_to_its_own_rights() -> None:
    user = person("province", limits=frozenset({("read", "vehicle")}))
    assert may(user, "read", "vehicle")
    assert not may(user, "write", "vehicle") and not may(user, "read", "track")


def test_who_listens_to_a_cab_has_a_recorded_reason_whoever_it_is() -> None:
    able = {role for role in DEFAULTS if may(person(role, grants=(granted("talk"),)), "read", "listen")}
    assert able == {
        "province", "city", "county", "emergency", "police", "monitor", "operator", "administrator", "duty",
    }  # fmt: skip
    assert not any(may(person(role), "read", "listen") for role in DEFAULTS)


def test_to_talk_is_not_to_look_nor_the_other_way_round() -> None:
    talker = person("police", grants=(granted("talk"),))
    assert authorize(talker, "act", "talk").vehicles == {1, 2} and not may(talker, "read", "video")
    looker = person("police", grants=(granted("video"),))
    assert may(looker, "read", "video") and not may(looker, "act", "talk") and not may(looker, "read", "listen")
    talks = {role for role in DEFAULTS if may(person(role), "act", "talk")}
    assert talks == {"province", "city", "county", "monitor", "operator", "administrator", "duty"}
    assert {role for role in DEFAULTS if may(person(role), "act", "broadcast")} == talks


def test_on_the_road_an_authority_checks_whatever_truck_stands_there() -> None:
    for role in ("province", "city", "county", "inspector"):
        officer = person(role, organisation_kind="city")
        assert authorize(officer, "write", "roadside").whole
        assert role == "province" or authorize(officer, "read", "roadside").limits == CITY.limits
    boss = person("administrator", organisation_kind="operator")
    assert authorize(boss, "write", "roadside").limits == CITY.limits, "a company's people reach what is its own"
    assert not may(person("operator"), "write", "roadside")
