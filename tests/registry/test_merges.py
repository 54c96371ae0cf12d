"""Merging records found to be one: fields chosen one by one, references, tombstones, undo — on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from test_bindings import assert_spans_agree_with_today, later

from luwei.access import audit_log
from luwei.registry import (
    audit,
    binding_views,
    bindings,
    changes,
    drivers,
    gone,
    merges,
    noun,
    organisations,
    pointing,
    sims,
    terminals,
    vehicle_list,
    vehicles,
)
from luwei.registry.audit import Actor
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, Moved, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle_list import VehicleFilter

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU = 440300, 440100
VIN = "1M8GDM9AXKP042788"


def merge(engine: Engine, word: str, survivor: int, loser: int, scope: Scope = WHOLE, **choices: str) -> merges.Merged:
    return merges.merge(engine, word, survivor, loser, choices, OFFICER, scope, "同一辆车")


def undo(engine: Engine, key: int, scope: Scope = WHOLE) -> tuple[str, int, int]:
    return merges.undo(engine, key, OFFICER, dict.fromkeys(merges.FIELDS, scope))


def dump(engine: Engine) -> dict[str, list[Any]]:
    """Everything but what a merge and its undoing leave behind by design."""
    with read(engine) as connection:
        return {
            table: sorted(map(tuple, connection.execute(text(f"SELECT {columns} FROM {table}"))), key=str)
            for table, columns in (
                ("vehicle", "id, plate, plate_color, vin, owner, city, operator_id"),
                ("terminal", "id, phone, vehicle_id, vendor_id, code"), ("sim", "id, iccid, terminal_id"),
                ("organisation", "id, name, parent_id, contact"), ("driver", "id, name, identity_number, operator_id"),
                ("terminal_channel", "terminal_id, logical"), ("command", "id, vehicle_id"),
            )
        }  # fmt: skip


@pytest.fixture
def trucks(engine: Engine) -> tuple[Engine, int, int]:
    """Two rows of one truck: one with a terminal; the other with another terminal, VIN, owner and a command."""
    company = organisations.create(engine, {"name": "甲", "city": SHENZHEN}, OFFICER, WHOLE)
    first = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "city": SHENZHEN}, OFFICER, WHOLE)
    second = vehicles.create(
        engine, {"plate": "粤B12345", "plate_color": 1, "city": SHENZHEN, "vin": VIN, "owner": "张三",
                 "operator_id": company, "certificate_valid_to": "2030-01-31"}, OFFICER, WHOLE,
    )  # fmt: skip
    terminals.create(engine, {"phone": "1", "vehicle_id": first}, OFFICER, WHOLE)
    terminals.create(engine, {"phone": "2", "vehicle_id": second}, OFFICER, WHOLE)
    with write(engine) as connection:
        connection.execute(text(
            "INSERT INTO command_batch(kind, parameters, reason, username, state, total, skipped, created_at,"
            " expires_at) VALUES ('text', '{}', '', 'x', 'running', 1, 0, 1, 2)"
        ))  # fmt: skip
        connection.execute(text(
            "INSERT INTO command(batch_id, vehicle_id, phone, state, result, attempts, gateway, created_at)"
            f" VALUES (1, {second}, '2', 'queued', '', 0, '', 1)"
        ))  # fmt: skip
    return engine, first, second


def test_a_comparison_shows_both_and_proposes_what_the_survivor_lacks(trucks: tuple[Engine, int, int]) -> None:
    engine, first, second = trucks
    found = merges.compare(engine, "vehicle", first, second, WHOLE)
    choices = {each.field: each.choice for each in found.fields if each.differs}
    assert choices == {
        "plate_color": "survivor", "vin": "loser", "owner": "loser", "operator_id": "loser",
        "certificate_valid_to": "loser",
    }  # fmt: skip
    assert found.loser == {"noun": "vehicle", "id": second, "label": "粤B12345（蓝）"}
    assert found.moves == {"command.vehicle_id": 1, "terminal.vehicle_id": 1}


def test_what_pointed_to_the_loser_points_to_the_survivor(trucks: tuple[Engine, int, int]) -> None:
    engine, first, second = trucks
    march = later(engine)
    result = merge(engine, "vehicle", first, second, owner="survivor")
    assert result.moved == {"command.vehicle_id": 1} and result.let_go == {"terminal.vehicle_id": 1}
    view = vehicle_list.one(engine, first, WHOLE)
    assert (view.plate_color, view.vin, view.owner, view.operator and view.operator.name) == (2, VIN, None, "甲")
    assert view.terminal is not None and view.terminal.phone == "1"
    assert vehicle_list.page(engine, WHOLE, VehicleFilter()).total == 1
    with read(engine) as connection:
        assert connection.execute(text("SELECT vehicle_id FROM command")).scalar() == first
        assert gone.known_as(connection, "vehicle", first) == [first, second]
        # Facts of March carry the loser's id, and belong to the operator of March.
        assert bindings.owner_at(connection, "operator", second, march) == 1
        assert bindings.owner_at(connection, "operator", second, later(engine)) is None
    assert_spans_agree_with_today(engine)
    told = changes.page(engine, "vehicle", first, WHOLE)
    assert {"vehicle.merge", "vehicle.merged", "vehicle.create"} <= {each.act for each in told.items}
    assert len([each for each in told.items if each.act == "vehicle.create"]) == 2
    # Area and terminal of both, the operator of the loser, and since the merge of the survivor.
    assert len(binding_views.of(engine, "vehicle", first, WHOLE)) == 6


def test_an_old_id_leads_to_the_survivor_through_several_merges(trucks: tuple[Engine, int, int]) -> None:
    engine, first, second = trucks
    third = vehicles.create(engine, {"plate": "粤B99999", "plate_color": 2, "city": GUANGZHOU}, OFFICER, WHOLE)
    merge(engine, "vehicle", first, second)
    merge(engine, "vehicle", third, first)
    for old in (first, second):
        with pytest.raises(Moved) as caught:
            vehicle_list.one(engine, old, WHOLE)
        assert caught.value.clash["id"] == third
    with read(engine) as connection:
        assert gone.known_as(connection, "vehicle", third) == [third, first, second]
        assert gone.merged(connection, "vehicle") == {second: third, first: third}
    with pytest.raises(NotFound) as hidden:
        vehicle_list.one(engine, first, Scope(cities=frozenset({SHENZHEN})))
    assert not isinstance(hidden.value, Moved)


def test_an_undone_merge_leaves_everything_as_it_was(trucks: tuple[Engine, int, int]) -> None:
    engine, first, second = trucks
    before = dump(engine)
    result = merge(engine, "vehicle", first, second)
    assert dump(engine) != before
    assert undo(engine, result.merge) == ("vehicle", first, second)
    assert dump(engine) == before
    assert_spans_agree_with_today(engine)
    assert vehicle_list.one(engine, second, WHOLE).certificate_valid_to is not None
    with pytest.raises(Conflict, match="already"):
        undo(engine, result.merge)
    assert [each.undone_at is not None for each in merges.of(engine, "vehicle", first, WHOLE)] == [True]
    again = merge(engine, "vehicle", first, second)
    vehicles.change(engine, first, {"owner": "李四"}, OFFICER, WHOLE)
    with pytest.raises(Conflict) as caught:
        undo(engine, again.merge)
    assert caught.value.field == "owner"
    for scope in (Scope(cities=frozenset({GUANGZHOU})), Scope(cities=frozenset())):
        with pytest.raises(NotFound):
            undo(engine, again.merge, scope)


def test_two_rows_of_one_company_become_one_with_all_that_was_bound(engine: Engine) -> None:
    one, two = (organisations.create(engine, {"name": name, "city": SHENZHEN}, OFFICER, WHOLE) for name in "甲乙")
    fleet = organisations.create(engine, {"name": "乙一队", "kind": "fleet", "parent_id": two}, OFFICER, WHOLE)
    organisations.change(engine, two, {"contact": "张三"}, OFFICER, WHOLE)
    truck = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "operator_id": two}, OFFICER, WHOLE)
    person = noun.create(engine, drivers.NOUN, {"name": "王五", "operator_id": two}, OFFICER, WHOLE)
    march = later(engine)
    before = dump(engine)
    with pytest.raises(RegistryError, match="below"):
        merge(engine, "organisation", fleet, two)
    result = merge(engine, "organisation", one, two, name="loser")
    view = organisations.one(engine, one, WHOLE)
    assert (view.name, view.contact, view.children) == ("乙", "张三", 1)
    operator = vehicle_list.one(engine, truck, WHOLE).operator
    employer = noun.one(engine, drivers.NOUN, person, WHOLE).operator
    assert operator is not None and employer is not None and operator.id == employer.id == one
    with read(engine) as connection:
        assert bindings.owner_at(connection, "operator", truck, march) == one
    assert_spans_agree_with_today(engine)
    undo(engine, result.merge)
    assert dump(engine) == before
    assert_spans_agree_with_today(engine)
    insurer = organisations.create(engine, {"name": "丙", "kind": "insurer"}, OFFICER, WHOLE)
    with pytest.raises(RegistryError, match="is a insurer"):
        merge(engine, "organisation", one, insurer)


def test_a_terminal_entered_twice_becomes_one_and_a_phone_takes_its_code_along(engine: Engine) -> None:
    truck = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2}, OFFICER, WHOLE)
    one = terminals.create(engine, {"phone": "1"}, OFFICER, WHOLE)
    two = terminals.create(engine, {"phone": "2", "vehicle_id": truck}, OFFICER, WHOLE)
    with write(engine) as connection:
        connection.execute(text(f"UPDATE terminal SET code = 'SECRET' WHERE id = {two}"))
        for key in (one, two):
            connection.execute(text(
                "INSERT INTO terminal_channel(terminal_id, logical, kind, position, ptz)"
                f" VALUES ({key}, 1, 'av', 'driver', false)"
            ))  # fmt: skip
    noun.create(engine, sims.NOUN, {"iccid": "89860000000000000001", "terminal_id": two}, OFFICER, WHOLE)
    before = dump(engine)
    result = merge(engine, "terminal", one, two, phone="loser")
    assert result.let_go == {"terminal_channel.terminal_id": 1} and result.moved == {"sim.terminal_id": 1}
    view = terminals.one(engine, one, WHOLE)
    assert view.phone == "2" and view.vehicle is not None and view.vehicle.id == truck
    with read(engine) as connection:
        assert connection.execute(text("SELECT code FROM terminal")).scalar() == "SECRET"
    assert_spans_agree_with_today(engine)
    undo(engine, result.merge)
    assert dump(engine) == before
    assert_spans_agree_with_today(engine)


def test_drivers_are_merged_and_unusable_merges_are_refused(engine: Engine) -> None:
    identity = "11010519491231002X"
    one = noun.create(engine, drivers.NOUN, {"name": "张三", "city": SHENZHEN}, OFFICER, WHOLE)
    two = noun.create(engine, drivers.NOUN, {"name": "张山", "identity_number": identity}, OFFICER, WHOLE)
    mine = Scope(cities=frozenset({SHENZHEN}))
    for act, kind in (
        (lambda: merge(engine, "driver", one, one), RegistryError),
        (lambda: merge(engine, "driver", one, 99), NotFound),
        (lambda: merge(engine, "driver", one, two, mine), NotFound),
        (lambda: merge(engine, "sim", 1, 2), RegistryError),
        (lambda: merge(engine, "driver", one, two, colour="loser"), RegistryError),
        (lambda: merge(engine, "driver", one, two, name="both"), RegistryError),
        (lambda: undo(engine, 99), NotFound),
    ):  # fmt: skip
        with pytest.raises(kind):
            act()
    merge(engine, "driver", one, two)
    view = noun.one(engine, drivers.NOUN, one, WHOLE)
    assert (view.name, view.identity_number) == ("张三", identity)
    with pytest.raises(Moved):
        noun.one(engine, drivers.NOUN, two, WHOLE)


def test_every_column_that_holds_a_vehicles_id_is_found(engine: Engine) -> None:
    with read(engine) as connection:
        found = {each.name for each in pointing.pointers(connection, "vehicle")}
        companies = {each.name for each in pointing.pointers(connection, "organisation")}
    assert {"terminal.vehicle_id", "command.vehicle_id", "evidence_file.vehicle_id"} <= found
    assert {"vehicle.operator_id", "vehicle.insurer_id", "driver.operator_id", "organisation.parent_id",
            "user_account.organisation_id", "terminal.vendor_id"} <= companies  # fmt: skip


def test_a_grant_for_a_truck_or_driver_follows_it_and_opens_no_more(trucks: tuple[Engine, int, int]) -> None:
    """Subjects of grants are ids of trucks or of drivers, by what the grant is for: equal numbers are not confused."""
    engine, first, second = trucks
    one, other = (noun.create(engine, drivers.NOUN, {"name": name}, OFFICER, WHOLE) for name in ("甲", "乙"))
    assert (one, other) == (first, second), "the numbers are equal"
    third = vehicles.create(engine, {"plate": "粤B99999", "plate_color": 2, "city": SHENZHEN}, OFFICER, WHOLE)
    subjects = {
        1: ("video", {second, third}), 2: ("video", {first, second}), 3: ("driver", {other}), 4: ("talk", {third}),
    }  # fmt: skip
    with write(engine) as connection:
        connection.execute(text(
            "INSERT INTO user_account(id, username, display_name, role, password_hash, password_set_at,"
            " must_change_password, created_at, updated_at) VALUES (1, 'a', 'a', 'police', '', 1, false, 1, 1)"
        ))  # fmt: skip
        for key, (row, named) in subjects.items():
            values = {"key": key, "row": row}
            connection.execute(text(
                "INSERT INTO access_grant(id, user_id, row, purpose, case_number, minutes, state, requested_at, note)"
                " VALUES (:key, 1, :row, '核实情况', '1', 60, 'active', 1, '')"
            ), values)  # fmt: skip
            rows = [values | {"subject": each} for each in named]
            connection.execute(text("INSERT INTO access_grant_subject VALUES (:key, :subject)"), rows)

    def named() -> dict[int, set[int]]:
        with read(engine) as connection:
            found: dict[int, set[int]] = {}
            for row in connection.execute(text("SELECT grant_id, subject_id FROM access_grant_subject")):
                found.setdefault(row.grant_id, set()).add(row.subject_id)
            return found

    truck = merge(engine, "vehicle", first, second)
    assert named() == {1: {first, third}, 2: {first}, 3: {other}, 4: {third}}
    person = merge(engine, "driver", one, other)
    assert named() == {1: {first, third}, 2: {first}, 3: {one}, 4: {third}}
    undo(engine, person.merge)
    undo(engine, truck.merge)
    assert named() == {key: each for key, (_, each) in subjects.items()}


def test_orders_to_an_organisation_follow_it(engine: Engine) -> None:
    first, second = (organisations.create(engine, {"name": name, "city": SHENZHEN}, OFFICER, WHOLE) for name in "甲乙")
    with write(engine) as connection:
        connection.execute(text(
            "INSERT INTO supervision_order(version, level, source, state, reply, policy, title, text, type, target_id,"
            " operator_id, issuer_id, issuer_organisation_id, contact, phone, email, issued_at, due_at, extended,"
            " returns, overdue, escalation, in_charge) VALUES (1, 1, 'other', 'open', '', 1, 'a', 'b', '',"
            f" {second}, {second}, 1, {second}, '', '', '', 1, 2, false, 0, false, 0, 'city')"
        ))  # fmt: skip
        connection.execute(text(
            "INSERT INTO supervision_proposal(key, kind, level, target_id, numbers, cases, at, state, reason)"
            f" VALUES ('a', 'overdue', 1, {second}, '{{}}', '[]', 1, 'open', '')"
        ))  # fmt: skip
    merge(engine, "organisation", first, second)
    with read(engine) as connection:
        order = connection.execute(text("SELECT target_id, operator_id, issuer_organisation_id FROM supervision_order"))
        assert tuple(order.one()) == (first, first, first)
        assert connection.execute(text("SELECT target_id FROM supervision_proposal")).scalar() == first


def test_who_looked_at_a_truck_stays_known_under_the_record_it_went_into(trucks: tuple[Engine, int, int]) -> None:
    engine, first, second = trucks
    with write(engine) as connection:
        audit.record(connection, OFFICER, "video.look", None, {}, vehicle_id=second)
    merge(engine, "vehicle", first, second)
    mine = Scope(vehicles=frozenset({first}))
    (look,) = audit_log.looks(engine, mine, 99).items
    assert (look.act, look.vehicle_id, look.plate) == ("video.look", second, "粤B12345")
    assert audit_log.looks(engine, mine, 99, vehicle=first).total == 1
    (entry,) = audit_log.page(engine, WHOLE, audit_log.AuditFilter(vehicle=first, noun="video")).items
    assert entry.plate == "粤B12345"
    assert audit_log.looks(engine, Scope(vehicles=frozenset({second + 1})), 99).total == 0
    # The old id, as an older page or letter names it, finds the entries of both: in search, export and "who viewed me".
    assert audit_log.looks(engine, mine, 99, vehicle=second).total == 1
    with write(engine) as connection:
        audit.record(connection, OFFICER, "track.look", None, {}, vehicle_id=first)
    for key in (first, second):
        for chosen in (audit_log.AuditFilter(vehicle=key), audit_log.AuditFilter(noun="vehicle", noun_id=key)):
            found = audit_log.page(engine, WHOLE, chosen).items
            assert found == list(audit_log.exported(engine, WHOLE, chosen))
            acts = {entry.act for entry in found}
            both = {"video.look", "track.look"} if chosen.vehicle else {"vehicle.merge", "vehicle.merged"}
            assert both <= acts
    # The number is the record's of that noun alone: a terminal of the same number is another thing.
    chosen = audit_log.AuditFilter(noun="terminal", noun_id=first)
    assert {entry.noun_id for entry in audit_log.page(engine, WHOLE, chosen).items} <= {first}


def test_what_people_of_a_merged_organisation_did_stays_with_it(engine: Engine) -> None:
    one, two = (organisations.create(engine, {"name": name, "city": SHENZHEN}, OFFICER, WHOLE) for name in "甲乙")
    key = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "operator_id": one}, OFFICER, WHOLE)
    driver, lost = (
        noun.create(engine, drivers.NOUN, {"name": name, "operator_id": one}, OFFICER, WHOLE) for name in ("张", "李")
    )
    theirs = audit.Actor(7, "clerk", "10.0.0.1", two)
    with write(engine) as connection:
        audit.record(connection, theirs, "video.look", None, {}, vehicle_id=key)
        audit.record(connection, theirs, "driver.look", lost, {})
    mine = Scope(operators=frozenset({one}))
    assert audit_log.looks(engine, mine, one).total == 2  # of others
    merge(engine, "organisation", one, two)
    merge(engine, "driver", driver, lost)
    assert audit_log.looks(engine, mine, one).total == 0  # they are one's own people now
    assert {look.organisation for look in audit_log.looks(engine, mine, 99).items} == {"甲"}
    assert {look.driver for look in audit_log.looks(engine, mine, 99).items} == {"", "张"}
    his = Scope(vehicles=frozenset({99}), drivers=frozenset({driver}))
    assert {look.driver for look in audit_log.looks(engine, his, 99).items} == {"张"}
    for asked in (one, two):
        found = audit_log.page(engine, mine, audit_log.AuditFilter(organisation=asked)).items
        assert {(entry.act, entry.organisation) for entry in found} == {("video.look", "甲"), ("driver.look", "甲")}
