"""Templates and their versions in the registry, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, select

from luwei.commands.templates import catalogue
from luwei.registry.audit import Actor, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE

WHO = Actor(7, "chen", "10.0.0.9")
TRACTOR = {"name": "牵引车标准", "vehicle_class": "semi_trailer_tractor"}
HOUR = 3_600_000


def entry(key: int, value: Any) -> dict[str, Any]:
    return {"id": key, "value": value}


def test_a_version_is_never_changed_and_the_latest_approved_one_is_in_force(engine: Engine) -> None:
    key, first = catalogue.create(engine, TRACTOR, [entry(0x29, 15)], "首版", WHO)
    assert catalogue.one(engine, WHOLE, key).in_force is None
    catalogue.approve(engine, first, None, WHO)
    second = catalogue.revise(engine, key, [entry(0x29, 30)], "改为 30 s", WHO)
    later = now_ms() + HOUR
    catalogue.approve(engine, second, later, WHO)
    view = catalogue.one(engine, WHOLE, key)
    assert view.in_force is not None and (view.in_force.id, view.in_force.state) == (first, "in_force")
    assert (view.newest.id, view.newest.state, view.newest.effective_from) == (second, "approved", later)
    with read(engine) as connection:
        assert catalogue.effective(connection, key, later - 1) == first
        assert catalogue.effective(connection, key, later) == second
        acts = connection.execute(
            select(AuditEntry.act, AuditEntry.username).where(AuditEntry.noun == "parameter_template")
        ).all()
    assert catalogue.one_version(engine, first).parameters == [entry(0x29, 15)]
    done = [f"parameter_template.{act}" for act in ("create", "approve", "revise", "approve")]
    assert acts == [(act, "chen") for act in done]


def test_what_was_in_force_is_not_written_anew(engine: Engine) -> None:
    key, first = catalogue.create(engine, TRACTOR, [entry(0x29, 15)], "", WHO)
    with pytest.raises(RegistryError, match="past"):
        catalogue.approve(engine, first, now_ms() - HOUR, WHO)
    catalogue.approve(engine, first, None, WHO)
    for act in (
        lambda: catalogue.approve(engine, first, None, WHO),
        lambda: catalogue.revise(engine, key, [entry(0x29, 15)], "", WHO),
        lambda: catalogue.create(engine, TRACTOR, [entry(0x29, 15)], "", WHO),
    ):
        with pytest.raises(Conflict):
            act()
    with pytest.raises(NotFound):
        catalogue.approve(engine, 9_999, None, WHO)
    with pytest.raises(NotFound):
        catalogue.one(engine, WHOLE, 9_999)


def test_a_copy_takes_the_parameters_along_and_a_retired_template_takes_no_version(engine: Engine) -> None:
    key, first = catalogue.create(engine, TRACTOR, [entry(0x29, 15)], "", WHO)
    copied, version = catalogue.copy(engine, first, {"name": "泥头车", "vehicle_class": "slag_truck"}, "", WHO)
    assert catalogue.one(engine, WHOLE, copied).vehicle_class == "slag_truck"
    assert catalogue.one_version(engine, version).parameters == [entry(0x29, 15)]
    catalogue.change(engine, key, {"retired": True}, WHO)
    assert [view.id for view in catalogue.page(engine, WHOLE)] == [copied]
    assert {view.id for view in catalogue.page(engine, WHOLE, retired=True)} == {key, copied}
    with pytest.raises(Conflict, match="retired"):
        catalogue.revise(engine, key, [entry(0x29, 20)], "", WHO)
    with pytest.raises(Conflict, match="retired"):
        catalogue.approve(engine, first, None, WHO)
    catalogue.change(engine, key, {"retired": False, "name": "牵引车"}, WHO)
    assert catalogue.one(engine, WHOLE, key).name == "牵引车"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x" * 61}, "name"), ({"vehicle_class": "boat"}, "vehicle_class"),
        ({"dialect": "sichuan"}, "dialect"), ({"edition": 2014}, "edition"), ({"model": "a\nb"}, "model"),
    ],
)  # fmt: skip
def test_a_template_names_its_class_and_nothing_unknown(engine: Engine, given: dict[str, Any], field: str) -> None:
    with pytest.raises(RegistryError) as refused:
        catalogue.create(engine, TRACTOR | given, [entry(0x29, 15)], "", WHO)
    assert refused.value.field == field


def test_a_template_of_a_dialect_goes_out_by_itself_only_where_it_names_the_model(engine: Engine) -> None:
    blocks = [entry(0xF364, {"volume": 6})]
    key, _ = catalogue.create(engine, TRACTOR | {"dialect": "yuebiao"}, blocks, "", WHO)
    with pytest.raises(RegistryError, match="model"):
        catalogue.change(engine, key, {"on_connect": True}, WHO)
    named = {"name": "乙", "dialect": "yuebiao", "model": "NT-5S"}
    other, _ = catalogue.create(engine, TRACTOR | named, blocks, "", WHO)
    catalogue.change(engine, other, {"on_connect": True}, WHO)
    assert catalogue.one(engine, WHOLE, other).on_connect_at is not None
    catalogue.change(engine, other, {"retired": True}, WHO)
    assert catalogue.one(engine, WHOLE, other).on_connect_at is None
    with read(engine) as connection:
        details = connection.scalars(select(AuditEntry.detail).where(AuditEntry.act == "parameter_template.change"))
        assert [sorted(json.loads(detail)) for detail in details] == [
            ["on_connect_at"],
            ["on_connect_at", "retired_at"],
        ]
