"""Walls of live pictures that a person keeps: named, bounded, seen by nobody else, on both databases."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine

from luwei.access import password as passwords
from luwei.access import video_layout
from luwei.access.users import create_user
from luwei.registry.audit import Actor, AuditEntry
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError

BODY = {"wall": {"grid": "4", "tiles": "12.1,12.2"}, "patrol": {"list": [], "intervalS": 30}}
ME = Actor(1, "officer")


@pytest.fixture
def officers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for name in ("officer", "other"):
        create_user(engine, name, name, "a-Long-passphrase-77")
    return engine


def test_a_layout_is_kept_replaced_by_name_and_deleted(officers: Engine) -> None:
    video_layout.keep(officers, 1, "早班", 4, BODY, ME)
    video_layout.keep(officers, 1, " 早班 ", 9, {"wall": {}}, ME)
    video_layout.keep(officers, 1, "夜班", 1, BODY, ME)
    kept = {each.name: (each.tiles, each.body) for each in video_layout.layouts(officers, 1)}
    assert kept == {"早班": (9, {"wall": {}}), "夜班": (1, BODY)}
    video_layout.remove(officers, 1, "早班", ME)
    assert [each.name for each in video_layout.layouts(officers, 1)] == ["夜班"]
    with read(officers) as connection:
        acts = list(connection.scalars(AuditEntry.__table__.select().with_only_columns(AuditEntry.act)))
    assert acts.count("layout.save") == 3 and acts.count("layout.remove") == 1


def test_nobody_sees_or_deletes_the_layouts_of_another(officers: Engine) -> None:
    video_layout.keep(officers, 1, "早班", 4, BODY, ME)
    assert video_layout.layouts(officers, 2) == []
    with pytest.raises(NotFound):
        video_layout.remove(officers, 2, "早班", Actor(2, "other"))
    video_layout.keep(officers, 2, "早班", 1, {}, Actor(2, "other"))
    assert [each.tiles for each in video_layout.layouts(officers, 1)] == [4]


@pytest.mark.parametrize(
    ("name", "tiles", "body", "field"),
    [
        ("", 4, {}, "name"),
        ("名" * 41, 4, {}, "name"),
        ("早班", 5, {}, "tiles"),
        ("早班", 4, {"x": "字" * 6_000}, "body"),
    ],
    ids=["no-name", "long-name", "five-tiles", "large-body"],
)
def test_what_is_no_layout_is_refused_by_its_field(
    officers: Engine, name: str, tiles: int, body: object, field: str
) -> None:
    with pytest.raises(RegistryError) as refused:
        video_layout.keep(officers, 1, name, tiles, body, ME)
    assert refused.value.field == field


def test_a_person_keeps_fifty_layouts_and_may_still_change_them(officers: Engine) -> None:
    for number in range(video_layout.PER_USER):
        video_layout.keep(officers, 1, f"{number}", 4, {}, ME)
    with pytest.raises(RegistryError, match="50 layouts already"):
        video_layout.keep(officers, 1, "one more", 4, {}, ME)
    assert video_layout.keep(officers, 1, "7", 16, {}, ME).tiles == 16
