"""Who was at the wheel, by cards (JT/T 808-2019 §8.47): spans, what a driver sees of them, and what is written anew."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import BigInteger, Engine, literal, select

from luwei.access import users
from luwei.access.identity import SignedIn
from luwei.access.present import signed_in
from luwei.access.user import User
from luwei.registry import drivers, merges, noun, ownership, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.binding import TRUCK, WHEEL, Binding
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE, Scope, Wheel
from luwei.registry.wheel import CARD_MS, FOREVER, Card, drove, parts, write_down

HOUR = 3_600_000
MINE, OTHERS = "440300199001010011", "440300199001010022"
"""从业资格证编码."""


@pytest.fixture
def people(engine: Engine) -> tuple[int, int]:
    """Two drivers with their certificates."""
    mine, other = (
        noun.create(engine, drivers.NOUN, {"name": name, "qualification_number": number}, SYSTEM, WHOLE)
        for name, number in (("张三", MINE), ("李四", OTHERS))
    )
    return mine, other


def truck(engine: Engine, number: int) -> int:
    return vehicles.create(engine, {"plate": f"粤B1000{number}", "plate_color": 2}, SYSTEM, WHOLE)


def stored(engine: Engine, vehicle: int) -> list[tuple[int, int, int | None]]:
    with read(engine) as connection:
        columns = (Binding.object_id, Binding.from_at, Binding.to_at)
        rows = select(*columns).where(Binding.what == WHEEL, Binding.subject_id == vehicle).order_by(Binding.from_at)
        return [(row[0], row[1], row[2]) for row in connection.execute(rows)]


def put_down(engine: Engine, vehicle: int, *cards: Card) -> int:
    with write(engine) as connection:
        return write_down(connection, {vehicle: cards})


def test_a_card_counts_until_it_is_pulled_out_or_the_next_one_is_put_in(
    engine: Engine, people: tuple[int, int]
) -> None:
    mine, other = people
    key = truck(engine, 1)
    cards = [
        Card(1 * HOUR, True, MINE), Card(3 * HOUR, False), Card(4 * HOUR, True, MINE), Card(5 * HOUR, True, OTHERS),
        Card(6 * HOUR, True, "nobody"), Card(7 * HOUR, False), Card(8 * HOUR, True, MINE),
    ]  # fmt: skip
    assert put_down(engine, key, *cards) == 5
    expected = [
        (mine, 1 * HOUR, 3 * HOUR), (mine, 4 * HOUR, 5 * HOUR), (other, 5 * HOUR, 6 * HOUR),
        (0, 6 * HOUR, 7 * HOUR), (mine, 8 * HOUR, 8 * HOUR + CARD_MS),
    ]  # fmt: skip
    assert stored(engine, key) == expected
    # Read once more, in another order: nothing changes.
    random.Random(1).shuffle(cards)
    assert put_down(engine, key, *cards) == 0
    assert stored(engine, key) == expected


def test_a_report_that_comes_late_or_again_ends_what_was_taken_to_go_on(
    engine: Engine, people: tuple[int, int]
) -> None:
    mine, other = people
    key = truck(engine, 1)
    put_down(engine, key, Card(HOUR, True, MINE))
    # Asked for once more while the same card is inside (0x8702): one time at the wheel, not two.
    put_down(engine, key, Card(HOUR, True, MINE), Card(2 * HOUR, True, MINE))
    assert stored(engine, key) == [(mine, HOUR, 2 * HOUR + CARD_MS)]
    put_down(engine, key, Card(3 * HOUR, False))
    assert stored(engine, key) == [(mine, HOUR, 3 * HOUR)]
    put_down(engine, key, Card(4 * HOUR, True, OTHERS))
    assert stored(engine, key)[-1] == (other, 4 * HOUR, 4 * HOUR + CARD_MS)


def test_a_card_without_certificate_is_known_by_the_identity_number(engine: Engine) -> None:
    key, identity = truck(engine, 1), "11010519491231002X"
    person = noun.create(engine, drivers.NOUN, {"name": "王五", "identity_number": identity}, SYSTEM, WHOLE)
    put_down(engine, key, Card(HOUR, True, "", identity), Card(2 * HOUR, False))
    assert stored(engine, key) == [(person, HOUR, 2 * HOUR)]


def account(engine: Engine, name: str) -> SignedIn:
    with read(engine) as connection:
        key = connection.scalar(select(User.id).where(User.username == name)) or 0
        found = signed_in(engine, connection, key, now_ms())
    assert found is not None
    return found


def test_a_driver_sees_what_he_drove_and_of_his_truck_what_nobody_else_did(
    engine: Engine, people: tuple[int, int]
) -> None:
    mine, _ = people
    own, driven, strange = (truck(engine, number) for number in (1, 2, 3))
    users.create_user(engine, "driver1", "张三", "a-Long-passphrase-77", "driver", vehicle_id=own, driver_id=mine)
    now = now_ms()
    put_down(engine, own, Card(now - 9 * HOUR, True, OTHERS), Card(now - 7 * HOUR, False))
    put_down(engine, driven, Card(now - 9 * HOUR, True, MINE), Card(now - 8 * HOUR, True, OTHERS))
    put_down(engine, strange, Card(now - 3 * HOUR, True, MINE))
    with write(engine) as connection:
        connection.execute(Binding.__table__.update().where(Binding.what == TRUCK).values(from_at=now - 10 * HOUR))
    scope = account(engine, "driver1").jurisdiction.driving
    assert scope.vehicles == {own, strange}
    span = now - 20 * HOUR, now + HOUR
    assert ownership.spans(engine, scope, own, *span) == [
        (now - 10 * HOUR, now - 9 * HOUR), (now - 7 * HOUR, now + HOUR)
    ]  # fmt: skip
    assert ownership.spans(engine, scope, driven, *span) == [(now - 9 * HOUR, now - 8 * HOUR)]
    assert ownership.changed(engine, scope, now - 20 * HOUR, 10) == {
        own: [(now - 10 * HOUR, now - 9 * HOUR), (now - 7 * HOUR, FOREVER)],
        driven: [(now - 9 * HOUR, now - 8 * HOUR)],
        strange: [(now - 3 * HOUR, now - 3 * HOUR + CARD_MS)],
    }
    # Somebody else takes the truck: its record stays, where it is does not.
    put_down(engine, own, Card(now - 60_000, True, OTHERS))
    place = account(engine, "driver1").jurisdiction
    assert place.vehicles == {own, strange} and place.driving.vehicles == {strange}


def test_the_condition_on_rows_and_the_spans_say_the_same(engine: Engine, people: tuple[int, int]) -> None:
    """Random cards in three trucks, two of which were the driver's for a while; each instant asked both ways."""
    chance = random.Random(7)
    keys = [truck(engine, number) for number in (1, 2, 3)]
    for key in keys:
        moments = sorted(chance.sample(range(100), 30))
        put_down(engine, key, *(Card(at, chance.random() < 0.7, chance.choice((MINE, OTHERS, "?"))) for at in moments))
    wheel = Wheel(frozenset({people[0]}), ((keys[0], 10, 60), (keys[1], 40, FOREVER)), frozenset())
    scope = Scope(vehicles=frozenset(), wheel=wheel)
    with read(engine) as connection:
        found = parts(connection, wheel, 0, 120)
        for key in keys:
            for at in range(0, 120, 3):
                said = bool(
                    connection.scalar(select(literal(1)).where(drove(wheel, literal(key), literal(at, BigInteger))))
                )
                assert said == ownership.covers(found.get(key, []), at), (key, at)
    for key in keys:
        assert ownership.spans(engine, scope, key, 0, 120) == found.get(key, [])


def test_what_a_driver_drove_stays_his_after_merges(engine: Engine, people: tuple[int, int]) -> None:
    mine, other = people
    own, twin = truck(engine, 1), truck(engine, 2)
    users.create_user(engine, "driver1", "张三", "a-Long-passphrase-77", "driver", vehicle_id=twin, driver_id=mine)
    now = now_ms()
    put_down(engine, twin, Card(now - 5 * HOUR, True, OTHERS), Card(now - 4 * HOUR, False))
    merges.merge(engine, "vehicle", own, twin, {}, SYSTEM, WHOLE)
    merges.merge(engine, "driver", mine, other, {}, SYSTEM, WHOLE)
    scope = account(engine, "driver1").jurisdiction.driving
    assert scope.vehicles == {own}
    assert (now - 5 * HOUR, now - 4 * HOUR) in ownership.spans(engine, scope, own, now - 6 * HOUR, now)


def test_a_truck_that_an_account_had_before_it_was_written_down_counts_from_the_account_on(engine: Engine) -> None:
    first, second = truck(engine, 1), truck(engine, 2)
    users.create_user(engine, "driver1", "张三", "a-Long-passphrase-77", "driver", vehicle_id=first)
    users.create_user(engine, "chief", "主管", "a-Long-passphrase-77", "province")
    made = now_ms() - 5 * HOUR
    with write(engine) as connection:
        connection.execute(Binding.__table__.delete().where(Binding.what == TRUCK))
        connection.execute(User.__table__.update().values(created_at=made))
    scope = account(engine, "driver1").jurisdiction.driving
    assert ownership.spans(engine, scope, first, made - HOUR, made + HOUR) == [(made, made + HOUR)]
    key = account(engine, "driver1").user_id
    users.create_user(engine, "root1", "管理", "a-Long-passphrase-77", "administrator")
    users.change_user(engine, key, {"vehicle_id": second}, account(engine, "root1"), WHOLE, SYSTEM)
    changed = now_ms()
    scope = account(engine, "driver1").jurisdiction.driving
    assert scope.vehicles == {second}
    found = ownership.spans(engine, scope, first, made - HOUR, changed + HOUR)
    assert len(found) == 1 and found[0][0] == made and found[0][1] <= changed
