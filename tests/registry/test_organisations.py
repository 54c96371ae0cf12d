"""Organisations: kinds, the tree, the authorities of Guangdong, disabling, scope — on both databases."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, text

from luwei.registry import organisations, vehicle_list, vehicles
from luwei.registry.audit import Actor
from luwei.registry.engine import open_engine, read
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.imports import import_file
from luwei.registry.organisation import KINDS, OPERATING
from luwei.registry.organisations import PARENTS, OrganisationFilter
from luwei.registry.scope import WHOLE, Scope

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU, FUTIAN = 440300, 440100, 440304


def made(engine: Engine, name: str, kind: str = "operator", scope: Scope = WHOLE, **values: object) -> int:
    return organisations.create(engine, {"name": name, "kind": kind} | values, OFFICER, scope)


def test_the_authorities_of_guangdong_are_there_once_however_often_they_are_asked_for(engine: Engine) -> None:
    # 21 cities; 124 counties of the map, of which Dongguan's and Zhongshan's are the cities themselves.
    assert organisations.ensure_authorities(engine) == 1 + 21 + 122
    assert organisations.ensure_authorities(engine) == 0
    roots = organisations.page(engine, WHOLE, OrganisationFilter(parent=0)).items
    assert [(root.kind, root.area, root.city) for root in roots] == [("province", 440000, None)]
    assert roots[0].children == 21
    shenzhen = organisations.page(engine, WHOLE, OrganisationFilter(kinds=("city",), city=SHENZHEN)).items[0]
    assert (shenzhen.name, shenzhen.short_name) == ("深圳市交通运输局", "深圳市")
    futian = organisations.page(engine, WHOLE, OrganisationFilter(kinds=("county",), county=FUTIAN)).items[0]
    assert [each.kind for each in organisations.path(engine, futian.id, WHOLE)] == ["province", "city", "county"]
    assert organisations.page(engine, WHOLE, OrganisationFilter(kinds=("county",), city=441900)).total == 0


def test_processes_that_start_together_make_the_authorities_once(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    made_by: list[int] = []

    def start() -> None:
        own = open_engine(url)
        made_by.append(organisations.ensure_authorities(own))
        own.dispose()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made_by) == [0, 0, 144]


def test_an_authority_that_a_person_renamed_stays_renamed(engine: Engine) -> None:
    organisations.ensure_authorities(engine)
    key = organisations.page(engine, WHOLE, OrganisationFilter(kinds=("county",), county=FUTIAN)).items[0].id
    organisations.change(engine, key, {"name": "深圳市交通运输局福田管理局"}, OFFICER, WHOLE)
    assert organisations.ensure_authorities(engine) == 0
    assert organisations.one(engine, key, WHOLE).name == "深圳市交通运输局福田管理局"


def test_a_town_of_dongguan_is_an_authority_with_its_code_of_nine_digits(engine: Engine) -> None:
    organisations.ensure_authorities(engine)
    dongguan = organisations.page(engine, WHOLE, OrganisationFilter(kinds=("city",), city=441900)).items[0].id
    key = made(engine, "东莞市东城街道", "county", area=441900003, parent_id=dongguan)
    view = organisations.one(engine, key, WHOLE)
    assert (view.city, view.county, view.area) == (441900, 441900003, 441900003)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "city"}, "area"), ({"kind": "city", "area": FUTIAN}, "area"), ({"kind": "county", "area": 1}, "area"),
        ({"area": FUTIAN}, "area"), ({"kind": "club"}, "kind"), ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "2026-03-01", "valid_to": "2026-02-28"}, "valid_to"), ({"disabled": 1}, "disabled"),
        ({"parent_id": 999}, "parent_id"), ({"credit_code": "91440300MA5G00000X"}, "credit_code"),
        ({"name": " "}, "name"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(engine: Engine, values: dict[str, object], field: str) -> None:
    with pytest.raises(RegistryError) as caught:
        organisations.create(engine, {"name": "某某物流有限公司"} | values, OFFICER, WHOLE)
    assert caught.value.field == field


def test_the_tree_takes_only_kinds_that_may_stand_above_and_no_circle(engine: Engine) -> None:
    company, other = made(engine, "甲"), made(engine, "乙")
    fleet = made(engine, "甲一车队", "fleet", parent_id=company)
    below = made(engine, "甲一车队一组", "fleet", parent_id=fleet)
    insurer = made(engine, "某某财产保险", "insurer")
    for key, parent in ((company, fleet), (company, company), (other, insurer), (insurer, company)):
        with pytest.raises(RegistryError) as caught:
            organisations.change(engine, key, {"parent_id": parent}, OFFICER, WHOLE)
        assert caught.value.field == "parent_id"
    organisations.change(engine, other, {"parent_id": company}, OFFICER, WHOLE)
    with pytest.raises(RegistryError, match="itself or one below"):
        organisations.change(engine, company, {"parent_id": other}, OFFICER, WHOLE)
    assert [view.id for view in organisations.path(engine, below, WHOLE)] == [company, fleet, below]
    assert set(PARENTS) == set(KINDS)


def test_the_tree_has_a_bottom(engine: Engine) -> None:
    above = made(engine, "0")
    for level in range(1, organisations.DEPTH):
        above = made(engine, str(level), parent_id=above)
    with pytest.raises(RegistryError, match="deeper"):
        made(engine, "too deep", parent_id=above)


def test_a_disabled_organisation_takes_nothing_new_and_keeps_what_it_has(engine: Engine) -> None:
    company = made(engine, "甲")
    truck = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "operator_id": company}, OFFICER, WHOLE)
    organisations.change(engine, company, {"disabled": True}, OFFICER, WHOLE)
    with pytest.raises(RegistryError, match="disabled"):
        vehicles.create(engine, {"plate": "粤B12346", "plate_color": 2, "operator_id": company}, OFFICER, WHOLE)
    vehicles.change(engine, truck, {"gross_mass_kg": 25_000}, OFFICER, WHOLE)
    view = vehicle_list.one(engine, truck, WHOLE)
    assert view.operator is not None and view.operator.id == company
    organisations.change(engine, company, {"disabled": False}, OFFICER, WHOLE)
    assert organisations.one(engine, company, WHOLE).disabled_at is None


def test_a_vehicle_is_bound_to_the_right_kinds_only(engine: Engine) -> None:
    keys = {
        kind: made(engine, f"某{kind}", kind) for kind in ("operator", "sole_trader", "fleet", "insurer", "monitor")
    }
    for column, kinds in (("operator_id", OPERATING), ("insurer_id", ("insurer",)), ("monitor_id", ("monitor",))):
        for kind, key in keys.items():
            given = {"plate": f"粤B1{key}{len(column)}45"[:7], "plate_color": 2, column: key}
            if kind in kinds:
                view = vehicle_list.one(engine, vehicles.create(engine, given, OFFICER, WHOLE), WHOLE)
                bound = {"operator_id": view.operator, "insurer_id": view.insurer, "monitor_id": view.monitor}[column]
                assert bound is not None and bound.id == key
            else:
                with pytest.raises(RegistryError) as caught:
                    vehicles.create(engine, given, OFFICER, WHOLE)
                assert caught.value.field == column


def test_a_taken_name_is_told_with_its_holder_only_inside_the_scope(engine: Engine) -> None:
    first = made(engine, "甲", city=SHENZHEN)
    with pytest.raises(Conflict) as caught:
        made(engine, "甲", city=SHENZHEN)
    assert caught.value.clash == {"noun": "organisation", "id": first, "label": "甲"}
    code = "91440300708461136T"
    organisations.change(engine, first, {"credit_code": code}, OFFICER, WHOLE)
    with pytest.raises(Conflict, match="exists elsewhere") as caught:
        made(engine, "乙", city=GUANGZHOU, credit_code=code, scope=Scope(cities=frozenset({GUANGZHOU})))
    assert caught.value.clash is None


def test_persons_of_one_name_are_told_apart_by_place_parent_or_credit_code(engine: Engine) -> None:
    """Sole traders are called after persons: 张伟 of Shenzhen is not 张伟 of Guangzhou, nor one with another code."""
    first = made(engine, "张伟", "sole_trader", city=SHENZHEN, credit_code="92440300MA5DA3EL8Y")
    assert made(engine, "张伟", "sole_trader", city=GUANGZHOU) != first
    assert made(engine, "张伟", "sole_trader", city=SHENZHEN, credit_code="92440300MA5ECX2T19") != first
    with pytest.raises(Conflict, match="two credit codes would tell them apart") as caught:
        made(engine, "张伟", "sole_trader", city=SHENZHEN)
    assert caught.value.field == "name" and caught.value.clash is not None
    above = [made(engine, name, city=SHENZHEN) for name in ("甲", "乙")]
    fleets = [made(engine, "一队", "fleet", city=SHENZHEN, parent_id=parent) for parent in above]
    with pytest.raises(Conflict, match="this name"):
        organisations.change(engine, fleets[1], {"parent_id": above[0]}, OFFICER, WHOLE)


def test_an_import_asks_for_the_credit_code_where_a_name_means_several(engine: Engine) -> None:
    code = "92440300MA5DA3EL8Y"
    first = made(engine, "张伟", "sole_trader", city=SHENZHEN, credit_code=code)
    made(engine, "张伟", "sole_trader", city=GUANGZHOU)
    head = "车牌号,车牌颜色,市,企业名称\n"
    rows = f"{head}粤B10001,黄,,张伟\n粤B10002,黄,,{code}\n粤B10003,黄,深圳市,张伟\n"
    report = import_file(engine, "vehicles", "a.csv", rows.encode())
    assert [(error.row, error.column) for error in report.errors] == [(2, "企业名称")]
    assert "credit code" in report.errors[0].rule
    with read(engine) as connection:
        owners = connection.execute(text("SELECT plate, operator_id FROM vehicle ORDER BY plate"))
        assert [tuple(row) for row in owners] == [("粤B10002", first), ("粤B10003", first)]


def test_a_city_sees_its_operators_and_every_other_body_and_writes_only_the_first(engine: Engine) -> None:
    mine, elsewhere, insurer = made(engine, "甲", city=SHENZHEN), made(engine, "乙"), made(engine, "丙", "insurer")
    city = Scope(cities=frozenset({SHENZHEN}))
    assert {view.id for view in organisations.page(engine, city).items} == {mine, insurer}
    with pytest.raises(NotFound):
        organisations.one(engine, elsewhere, city)
    with pytest.raises(NotFound):
        organisations.change(engine, elsewhere, {"contact": "x"}, OFFICER, city)
    with pytest.raises(NotFound):
        organisations.one(engine, insurer, WHOLE, OPERATING)
    for act in (
        lambda: organisations.change(engine, insurer, {"contact": "x"}, OFFICER, city),
        lambda: organisations.change(engine, mine, {"city": GUANGZHOU}, OFFICER, city),
        lambda: made(engine, "丁", "vendor", city),
    ):
        with pytest.raises(RegistryError, match="jurisdiction"):
            act()


def test_the_kind_changes_only_among_operators(engine: Engine) -> None:
    company = made(engine, "甲", valid_from="2020年1月2日")
    organisations.change(engine, company, {"kind": "sole_trader"}, OFFICER, WHOLE)
    assert organisations.one(engine, company, WHOLE).valid_from == date(2020, 1, 2)
    with pytest.raises(RegistryError) as caught:
        organisations.change(engine, company, {"kind": "vendor"}, OFFICER, WHOLE)
    assert caught.value.field == "kind"


def test_every_change_leaves_an_entry(engine: Engine) -> None:
    key = made(engine, "甲")
    organisations.change(engine, key, {"contact": "张三"}, OFFICER, WHOLE)
    with read(engine) as connection:
        rows = connection.execute(text("SELECT act, noun_id, username FROM audit_entry ORDER BY id")).all()
    assert rows == [("organisation.create", key, "officer"), ("organisation.change", key, "officer")]
