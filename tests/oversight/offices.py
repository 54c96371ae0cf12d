"""People of the offices that tests of oversight need, in the small world of cases."""

from __future__ import annotations

from typing import Any

from case_world import World
from sqlalchemy import insert, text

from luwei.access.user import User
from luwei.cases import acts
from luwei.cases.handling import Given
from luwei.registry.audit import Actor, record
from luwei.registry.engine import write
from luwei.registry.evidence import EvidenceFile
from luwei.registry.scope import WHOLE, Scope

COUNTY, CITY, PROVINCE = Scope(counties=frozenset({440111})), Scope(cities=frozenset({440100})), WHOLE
FULL = Given("true", "stopped_after_reminder", ("call",), "好的", "corrected", "已确认")


def person(world: World, name: str, organisation: int | None = None) -> Actor:
    """A person; of the operator unless another organisation is named (0: none)."""
    of = world.operator if organisation is None else organisation or None
    values = {
        "username": name, "display_name": name, "role": "operator", "organisation_id": of, "password_hash": "",
        "must_change_password": False,
    }  # fmt: skip
    with write(world.engine) as connection:
        key = connection.execute(insert(User).values(**values).returning(User.id)).scalar_one()
    return Actor(key, name, "", of)


def opened(world: World, actor: Actor, case: int, *files: int) -> None:
    """The person has the case on the screen and opened the files."""
    with write(world.engine) as connection:
        for file in files:
            record(connection, actor, "evidence.view", file, {})
    acts.view(world.engine, WHOLE, case, files, True, actor)


def file_of(world: World, case: Any, **values: Any) -> int:
    """A file under an identification of the case's alarm."""
    sign = f"{case.id:032x}"
    with write(world.engine) as connection:
        connection.execute(
            text("UPDATE case_alarm SET identification = :s WHERE case_id = :c"), {"s": sign, "c": case.id}
        )
        given = {
            "kind": "picture", "origin": "attachment", "vehicle_id": case.vehicle_id, "identification": sign,
            "state": "complete",
        }  # fmt: skip
        key: int = connection.execute(insert(EvidenceFile).returning(EvidenceFile.id), given | values).scalar_one()
    return key


def judged(world: World, actor: Actor, case: int, given: Given = FULL) -> None:
    """The person handles the case."""
    opened(world, actor, case)
    acts.judge(world.engine, WHOLE, case, world.case_of(case).version, given, actor)


def verified(world: World, actor: Actor, case: int) -> None:
    acts.verify(world.engine, WHOLE, case, world.case_of(case).version, "", True, actor)


def closed(world: World, actor: Actor, case: int) -> None:
    acts.close(world.engine, WHOLE, case, world.case_of(case).version, actor)
