"""What a registration (0x0100) becomes under both policies, on both databases."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from luwei.registry.admission import Admission, RegistrationAnswer, RegistrationRequest
from luwei.registry.engine import open_engine, read, write

PHONE, OTHER_PHONE = "13800138000", "13800138001"


def request(phone: str = PHONE, plate: str = "粤B12345", color: int = 2, **changes: Any) -> RegistrationRequest:
    values: dict[str, Any] = {
        "phone": phone, "province": 44, "city": 305, "manufacturer_id": "44030", "model": "LW-1",
        "terminal_id": f"T{phone[-6:]}", "plate_color": color, "plate": plate, "edition": 2019,
    }  # fmt: skip
    return RegistrationRequest(**(values | changes))


def one(admission: Admission, asked: RegistrationRequest) -> RegistrationAnswer:
    return admission.register([asked])[0]


def rows(engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


@pytest.fixture
def opened(engine: Engine) -> Admission:
    return Admission(engine, "open")


@pytest.fixture
def known(engine: Engine) -> Admission:
    return Admission(engine, "known")


@pytest.fixture
def enter(engine: Engine) -> Callable[..., None]:
    """Put a vehicle and its terminal into the registry as an import would."""

    def put(phone: str = PHONE, plate: str | None = "粤B12345", terminal_id: str = "") -> None:
        with write(engine) as connection:
            vehicle = None
            if plate:
                vehicle = connection.execute(
                    text(
                        "INSERT INTO vehicle(plate, plate_color, vehicle_class, source, created_at, updated_at)"
                        " VALUES (:plate, 2, 'other', 'import', 1, 1) RETURNING id"
                    ),
                    {"plate": plate},
                ).scalar_one()
            connection.execute(
                text(
                    "INSERT INTO terminal(phone, terminal_id, manufacturer_id, model, edition, vehicle_id, source,"
                    " created_at, updated_at) VALUES (:phone, :device, '', '', 2013, :vehicle, 'import', 1, 1)"
                ),
                {"phone": phone, "device": terminal_id, "vehicle": vehicle},
            )

    return put


def test_open_policy_takes_in_terminal_and_vehicle(engine: Engine, opened: Admission) -> None:
    answer = one(opened, request())
    assert answer.result == 0 and answer.created
    assert 8 <= len(answer.code) <= 16 and answer.code.isascii() and answer.code.isalnum()
    assert answer.admitted is not None and answer.admitted.code == answer.code
    assert rows(engine, "SELECT plate, plate_color, city, county, source FROM vehicle") == [
        ("粤B12345", 2, 440300, 440305, "open")
    ]
    assert opened.lookup([PHONE, OTHER_PHONE]) == {PHONE: answer.admitted}


def test_a_repeated_registration_gets_the_same_code_and_writes_nothing(engine: Engine, opened: Admission) -> None:
    first = one(opened, request())
    before = rows(engine, "SELECT * FROM terminal")
    again = one(opened, request())
    assert (again.result, again.code, again.created) == (0, first.code, False)
    assert rows(engine, "SELECT * FROM terminal") == before


def test_codes_survive_a_new_engine(engine: Engine, opened: Admission) -> None:
    code = one(opened, request()).code
    second = open_engine(engine.url.render_as_string(hide_password=False))
    assert Admission(second, "known").lookup([PHONE])[PHONE].code == code
    second.dispose()


def test_codes_of_two_terminals_differ(opened: Admission) -> None:
    answers = opened.register([request(str(13_000_000_000 + i), f"粤B{i:05d}") for i in range(200)])
    assert len({answer.code for answer in answers}) == 200


@pytest.mark.parametrize("sent", ["粤B12345\0\x7f?garbage", " 粤B 12345 ", "粤B·12345", "粤ｂ１２３４５"])
def test_odd_forms_of_a_plate_name_the_same_vehicle(engine: Engine, opened: Admission, sent: str) -> None:
    first = one(opened, request())
    assert one(opened, request(plate=sent)).code == first.code
    assert rows(engine, "SELECT plate FROM vehicle") == [("粤B12345",)]


def test_an_empty_plate_with_a_colour_is_named_by_the_phone_and_gets_its_plate_later(
    engine: Engine, opened: Admission
) -> None:
    first = one(opened, request(plate="", color=2))
    assert rows(engine, "SELECT plate, plate_color FROM vehicle") == [(PHONE, 0)]
    later = one(opened, request())
    assert later.created and later.code == first.code
    assert rows(engine, "SELECT plate, plate_color FROM vehicle") == [("粤B12345", 2)]
    assert one(opened, request(plate="")).result == 0


def test_an_unreadable_plate_is_no_plate(engine: Engine, opened: Admission) -> None:
    assert one(opened, request(plate="\ufffd\ufffdB1")).result == 0
    assert rows(engine, "SELECT plate FROM vehicle") == [(PHONE,)]


def test_colour_0_brings_the_vin(engine: Engine, opened: Admission) -> None:
    first = one(opened, request(plate="1M8GDM9AXKP042788", color=0))
    assert rows(engine, "SELECT plate, plate_color, vin FROM vehicle") == [
        ("1M8GDM9AXKP042788", 0, "1M8GDM9AXKP042788")
    ]
    assert one(opened, request()).created
    assert rows(engine, "SELECT plate, plate_color, vin FROM vehicle") == [("粤B12345", 2, "1M8GDM9AXKP042788")]
    again = one(opened, request(plate="1M8GDM9AXKP042788", color=0))
    assert (again.result, again.code, again.created) == (0, first.code, False)


def test_colour_0_with_a_plate_means_the_vehicle_of_that_plate(opened: Admission) -> None:
    assert one(opened, request()).result == 0
    assert one(opened, request(OTHER_PHONE, color=0)).result == 1


def test_the_same_number_in_another_colour_is_another_vehicle(opened: Admission) -> None:
    first, second = opened.register([request(color=2), request(OTHER_PHONE, color=1)])
    assert first.result == second.result == 0
    assert first.admitted and second.admitted and first.admitted.vehicle_id != second.admitted.vehicle_id


def test_a_plate_that_another_terminal_holds_is_refused_with_1(opened: Admission) -> None:
    one(opened, request())
    assert one(opened, request(OTHER_PHONE)) == RegistrationAnswer(1, "", None, False)
    assert opened.lookup([OTHER_PHONE]) == {}


def test_after_an_unregister_another_terminal_may_take_the_plate(opened: Admission) -> None:
    first = one(opened, request())
    opened.unregister([PHONE])
    second = one(opened, request(OTHER_PHONE))
    assert second.result == 0 and second.admitted and first.admitted
    assert second.admitted.vehicle_id == first.admitted.vehicle_id and second.code != first.code
    assert opened.lookup([PHONE]) == {}
    assert one(opened, request()).result == 1


def test_unregister_keeps_the_code_and_resume_takes_the_mark_away(opened: Admission) -> None:
    code = one(opened, request()).code
    opened.unregister([PHONE])
    assert opened.lookup([PHONE])[PHONE].unregister_pending and opened.lookup([PHONE])[PHONE].code == code
    opened.resume([PHONE])
    assert not opened.lookup([PHONE])[PHONE].unregister_pending
    assert one(opened, request(OTHER_PHONE)).result == 1


def test_a_terminal_may_move_to_another_truck_under_the_open_policy(engine: Engine, opened: Admission) -> None:
    first = one(opened, request())
    moved = one(opened, request(plate="粤B54321"))
    assert moved.result == 0 and moved.created and moved.code == first.code
    assert moved.admitted and first.admitted and moved.admitted.vehicle_id != first.admitted.vehicle_id
    assert rows(engine, "SELECT count(*) FROM vehicle") == [(2,)]


def test_another_device_under_the_same_phone_gets_a_new_code(opened: Admission) -> None:
    first = one(opened, request(terminal_id="OLD0001"))
    assert one(opened, request(terminal_id="old0001")).code == first.code
    second = one(opened, request(terminal_id="NEW0001"))
    assert second.result == 0 and second.code != first.code


def test_two_phones_change_places_in_one_batch(opened: Admission) -> None:
    one(opened, request(PHONE, "粤B00001"))
    one(opened, request(OTHER_PHONE, "粤B00002"))
    opened.unregister([PHONE, OTHER_PHONE])
    answers = opened.register([request(PHONE, "粤B00002"), request(OTHER_PHONE, "粤B00001")])
    assert [answer.result for answer in answers] == [0, 0]
    found = opened.lookup([PHONE, OTHER_PHONE])
    assert found[PHONE].vehicle_id == 2 and found[OTHER_PHONE].vehicle_id == 1


@pytest.mark.parametrize(
    ("province", "city", "expected"),
    [
        (44, 300, (440300, None)), (44, 305, (440300, 440305)), (44, 1900, (441900, None)), (0, 0, (None, None)),
        (11, 101, (None, None)), (44, 9999, (None, None)), (65535, 65535, (None, None)),
    ],
)  # fmt: skip
def test_the_area_of_a_registration_counts_when_it_lies_in_guangdong(
    engine: Engine, opened: Admission, province: int, city: int, expected: tuple[int | None, int | None]
) -> None:
    one(opened, request(province=province, city=city))
    assert rows(engine, "SELECT city, county FROM vehicle") == [expected]


def test_known_policy_refuses_an_unknown_terminal_with_4(engine: Engine, known: Admission) -> None:
    assert one(known, request()) == RegistrationAnswer(4, "", None, False)
    assert rows(engine, "SELECT count(*) FROM terminal") == [(0,)]


def test_known_policy_refuses_a_terminal_without_vehicle_with_2(known: Admission, enter: Callable[..., None]) -> None:
    enter(plate=None)
    assert one(known, request()).result == 2
    assert known.lookup([PHONE]) == {}


def test_known_policy_refuses_another_plate_with_2_and_a_taken_one_with_1(
    known: Admission, enter: Callable[..., None]
) -> None:
    enter()
    enter(OTHER_PHONE, "粤B54321")
    assert one(known, request(plate="粤B99999")).result == 2
    assert one(known, request(plate="粤B54321")).result == 1


@pytest.mark.parametrize(
    ("plate", "color"), [("粤B12345", 2), ("粤B12345\0xx", 2), ("粤B12345", 9), ("", 2), ("\ufffd", 2)]
)
def test_known_policy_admits_the_registered_vehicle_in_any_readable_form(
    engine: Engine, known: Admission, enter: Callable[..., None], plate: str, color: int
) -> None:
    enter()
    assert known.lookup([PHONE])[PHONE].code is None
    answer = one(known, request(plate=plate, color=color))
    assert answer.result == 0 and not answer.created
    assert known.lookup([PHONE])[PHONE].code == answer.code
    assert rows(engine, "SELECT edition, terminal_id, model FROM terminal") == [(2019, "T138000", "LW-1")]


def test_known_policy_refuses_another_device_than_the_registered_one_with_4(
    known: Admission, enter: Callable[..., None]
) -> None:
    enter(terminal_id="DEV0001")
    assert one(known, request(terminal_id="DEV0002")).result == 4
    assert one(known, request(terminal_id="dev0001")).result == 0


def test_the_open_policy_does_not_rename_what_a_person_entered(
    engine: Engine, opened: Admission, enter: Callable[..., None]
) -> None:
    enter()
    assert one(opened, request(plate="粤B99999")).result == 2
    assert rows(engine, "SELECT plate FROM vehicle") == [("粤B12345",)]


HOSTILE = ["'; DROP TABLE terminal; --", "\0\0", "x" * 5_000, "\ud800", '{"$ne":1}', "%s%(phone)s:keys", "\u202e粤"]


@pytest.mark.parametrize("sent", HOSTILE)
def test_hostile_text_is_stored_as_text_or_refused(engine: Engine, opened: Admission, sent: str) -> None:
    answer = one(opened, request(plate=sent, terminal_id=sent, model=sent, manufacturer_id=sent))
    assert answer.result == 0
    assert rows(engine, "SELECT count(*) FROM terminal") == [(1,)]


@pytest.mark.parametrize("phone", ["", "1" * 21, "13800' OR 1=1", "\0"])
def test_an_impossible_phone_is_unknown(opened: Admission, phone: str) -> None:
    assert one(opened, request(phone)).result == 4


def _race(url: str, start: float, answers: Any, offset: int) -> None:
    engine = open_engine(url)
    admission = Admission(engine, "open")
    while time.time() < start:
        time.sleep(0.001)
    for first in range(0, 300, 30):
        # Both processes send the same phones; every second plate is also claimed by a phone of the other process.
        batch = [request(str(13_700_000_000 + i), f"粤C{i:05d}") for i in range(first, first + 30)]
        batch += [request(str(13_900_000_000 + offset + i), f"粤D{i:05d}") for i in range(first, first + 30)]
        answers.put([(a.phone, b.result, b.code) for a, b in zip(batch, admission.register(batch), strict=True)])
    engine.dispose()


def test_two_shards_that_register_the_same_terminals_at_once_agree(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    workers = [spawn.Process(target=_race, args=(url, time.time() + 2.5, answers, shard * 1000)) for shard in (0, 1)]
    for worker in workers:
        worker.start()
    gathered = [row for _ in range(20) for row in answers.get(timeout=40)]
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
    same = [row for row in gathered if row[0].startswith("137")]
    assert len(same) == 600 and len(set(same)) == 300 and {result for _, result, _ in same} == {0}
    claimed = [result for phone, result, _ in gathered if phone.startswith("139")]
    assert sorted(claimed) == [0] * 300 + [1] * 300
    assert rows(engine, "SELECT count(*), count(DISTINCT vehicle_id) FROM terminal") == [(600, 600)]


def test_lookup_of_hundreds_is_one_query(engine: Engine, opened: Admission) -> None:
    opened.register([request(str(13_000_000_000 + i), f"粤B{i:05d}") for i in range(400)])
    took = []
    for _ in range(6):  # a machine that others use has its moments
        started = time.perf_counter()
        assert len(opened.lookup([str(13_000_000_000 + i) for i in range(400)])) == 400
        took.append(time.perf_counter() - started)
    assert min(took) < 0.25
