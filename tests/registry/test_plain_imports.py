"""Import of organisations, drivers, SIM cards and models; export of every noun and back — on both databases."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from luwei.registry import drivers, models, noun, organisations, sims, terminals, vehicle_list, vehicles
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.engine import read
from luwei.registry.exports import COLUMNS, csv_parts, files, header, lines, xlsx_parts
from luwei.registry.imports import NOUNS, import_file
from luwei.registry.organisations import OrganisationFilter
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle_list import VehicleFilter

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU = 440300, 440100
IDENTITY = "11010519491231002X"


def csv_of(*rows: str) -> bytes:
    return "\n".join(rows).encode()


def taken(engine: Engine, noun: str, *rows: str, scope: Scope = WHOLE) -> Any:
    return import_file(engine, noun, "a.csv", csv_of(*rows), False, OFFICER, scope)


def test_organisations_of_every_kind_come_in_with_their_parents(engine: Engine) -> None:
    first = taken(
        engine, "organisations", "机构名称,机构类型,简称", "某某财产保险,保险机构,某保", "甲,道路运输企业,", "中队,警,"
    )
    assert (first.created, first.refused) == (2, 1) and first.errors[0].column == "机构类型"
    second = taken(
        engine, "organisations", "机构名称,机构类型,上级机构,所属地市",
        "某某财产保险深圳分公司,保险机构,某某财产保险,深圳市", "甲一队,车队,甲,",
        "乙,车队,某某财产保险,", "丙,保险机构,不存在,",
    )  # fmt: skip
    assert (second.created, [error.column for error in second.errors]) == (2, ["上级机构", "上级机构"])
    found = {view.name: view for view in organisations.page(engine, WHOLE).items}
    assert found["某某财产保险深圳分公司"].parent_id == found["某某财产保险"].id
    assert found["甲一队"].parent is not None and found["甲一队"].parent.name == "甲"
    again = taken(engine, "organisations", "机构名称,机构类型,简称", "某某财产保险,保险机构,新简称")
    assert (again.created, again.updated) == (0, 1)


def test_a_file_cannot_turn_one_kind_into_another(engine: Engine) -> None:
    organisations.create(engine, {"name": "某某财产保险", "kind": "insurer"}, OFFICER, WHOLE)
    assert taken(engine, "organisations", "机构名称,机构类型", "某某财产保险,服务商").refused == 1
    assert (
        taken(engine, "organisations", "机构名称,机构类型", "某某财产保险,中标单位/服务商")
        .errors[0]
        .rule.startswith("can only")
    )
    assert taken(engine, "operators", "企业名称", "某某财产保险").errors[0].rule.endswith("that is no operator")
    assert taken(engine, "vehicles", "车牌号,车牌颜色,企业名称", "粤B12345,黄,某某财产保险").refused == 1


def test_drivers_are_known_by_identity_number_or_qualification(engine: Engine) -> None:
    organisations.create(engine, {"name": "甲"}, OFFICER, WHOLE)
    head = "姓名,身份证号,从业资格证号,准驾车型,企业名称,所属地市,从业资格证有效期止"
    first = taken(
        engine,
        "drivers",
        head,
        f"张三,{IDENTITY},,A2,甲,深圳市,2030年1月31日",
        "李四,,4403001,B2,,广州市,",
        "王五,,,,,,",
    )
    assert (first.created, first.refused) == (2, 1) and "identity_number or qualification_number" in first.errors[
        0
    ].rule
    second = taken(engine, "drivers", head, f"张三丰,{IDENTITY.lower()},4403002,A2,,,", "李四,,4403001,B2,,广州市,")
    assert (second.created, second.updated, second.refused) == (0, 1, 0)
    page = drivers.page(engine, WHOLE, "张三丰").items[0]
    assert page.qualification_number == "4403002" and page.operator is not None and page.operator.name == "甲"
    third = taken(
        engine, "drivers", head, f"张三丰,{IDENTITY},4403001,,,,", f"赵六,{IDENTITY},,,,,", f"赵六,{IDENTITY},,,,,"
    )
    assert third.refused == 2 and third.errors[0].rule == "another driver has this: #2"
    assert "row 3 has the same" in third.errors[1].rule


def test_a_scope_keeps_rows_of_others_out_of_reach(engine: Engine) -> None:
    mine = Scope(cities=frozenset({SHENZHEN}))
    head = "姓名,身份证号,所属地市"
    assert taken(engine, "drivers", head, f"张三,{IDENTITY},广州市").created == 1
    report = taken(engine, "drivers", head, f"张三,{IDENTITY},深圳市", "李四,,深圳市", scope=mine)
    assert report.refused == 2 and "outside your jurisdiction" in report.errors[0].rule
    assert taken(engine, "drivers", "姓名,从业资格证号,所属地市", "李四,1,广州市", scope=mine).refused == 1
    assert taken(engine, "models", "终端型号", "LW-1", scope=mine).refused == 1
    assert taken(engine, "sims", "ICCID", "89860000000000000001", scope=mine).refused == 1
    assert taken(engine, "organisations", "机构名称,机构类型", "某保,保险机构", scope=mine).refused == 1
    assert (
        taken(engine, "organisations", "机构名称,机构类型,所属地市", "某企,道路运输企业,深圳市", scope=mine).created
        == 1
    )


def test_cards_and_models_come_in_and_are_updated(engine: Engine) -> None:
    terminals.create(engine, {"phone": "13800138000"}, OFFICER, WHOLE)
    organisations.create(engine, {"name": "某设备", "kind": "vendor"}, OFFICER, WHOLE)
    head = "ICCID,SIM卡号码,运营商,终端手机号"
    first = taken(engine, "sims", head, "89860000000000000001,1440000000001,中国移动,013800138000",
                  "89860000000000000002,1440000000001,,", "89860000000000000003,,,139")  # fmt: skip
    assert (first.created, [error.column for error in first.errors]) == (1, ["SIM卡号码", "终端手机号"])
    view = sims.page(engine, WHOLE).items[0]
    assert view.terminal is not None and view.terminal.phone == "13800138000" and view.carrier == "mobile"
    head = "终端型号,固件版本,中标单位,列入中标目录"
    assert taken(engine, "models", head, "LW-1,1.0,某设备,是", "LW-1,1.1,,否", "LW-1,,,", "LW-1,1.0,,").refused == 1
    assert taken(engine, "models", head, "LW-1,1.1,,是").updated == 1
    assert [view.catalogued for view in models.page(engine, WHOLE).items] == [False, True, True]


def test_a_vehicle_comes_in_with_certificate_monitor_and_insurer(engine: Engine) -> None:
    for name, kind in (("某监控", "monitor"), ("某保险", "insurer")):
        organisations.create(engine, {"name": name, "kind": kind}, OFFICER, WHOLE)
    head = "车牌号,车牌颜色,车辆类型,总质量,道路运输证号,第三方监控机构,保险公司,车架号,车架号已核实"
    report = taken(
        engine, "vehicles", head,
        "粤B12345,黄,普通货运,25000,粤440300001,某监控,某保险,YS2R4X20Z05399401,是",
        "粤B12346,黄,普通货运,25000,粤440300001,,,,",
        "粤B12347,黄,,,,某保险,,,",
        "粤B12348,黄,普通货运（总质量12吨以下）,12000,,,,,",
    )  # fmt: skip
    assert report.created == 1 and [error.column for error in report.errors] == [
        "道路运输证号",
        "第三方监控机构",
        "总质量",
    ]
    view = vehicle_list.page(engine, WHOLE, VehicleFilter()).items[0]
    assert (
        view.monitor is not None
        and view.insurer is not None
        and (view.monitor.name, view.insurer.name) == ("某监控", "某保险")
    )
    assert view.vin_confirmed and view.in_scope and view.gross_mass_kg == 25_000
    again = taken(engine, "vehicles", "车牌号,车牌颜色,车辆类型", "粤B12345,黄,普通货运（总质量12吨以下）")
    assert again.errors[0].column == "gross_mass_kg"


def exported(engine: Engine, noun: str, keys: list[int]) -> bytes:
    return b"".join(csv_parts(header(noun), lines(engine, noun, keys)))


@pytest.fixture
def full(engine: Engine) -> Engine:
    """One or two rows of every noun, all fields filled."""
    vendor, insurer, monitor = (
        organisations.create(engine, {"name": f"某{kind}", "kind": kind}, OFFICER, WHOLE)
        for kind in ("vendor", "insurer", "monitor")
    )
    company = organisations.create(
        engine, {"name": "=甲,\"乙\"", "city": SHENZHEN, "county": 440305, "contact": "@张",
         "contact_phone": "+86-755-1"},
        OFFICER, WHOLE,
    )  # fmt: skip
    truck = vehicles.create(
        engine,
        {"plate": "粤B12345", "plate_color": 2, "vin": "YS2R4X20Z05399401", "vin_confirmed": True, "owner": "-某人",
         "vehicle_class": "general_freight_12t", "gross_mass_kg": 25_000, "city": SHENZHEN, "county": 440305,
         "transport_certificate": "粤交运管440300001", "certificate_valid_from": "2024-01-01",
         "certificate_valid_to": "2028-01-01", "operator_id": company, "monitor_id": monitor, "insurer_id": insurer},
        OFFICER, WHOLE,
    )  # fmt: skip
    given = {"phone": "13800138000", "vehicle_id": truck, "vendor_id": vendor, "terminal_id": "LW1", "model": "M",
             "manufacturer_id": "44030", "edition": 2013}  # fmt: skip
    device = terminals.create(engine, given, OFFICER, WHOLE)
    card = {"iccid": "89860000000000000001", "msisdn": "1440000000001", "carrier": "unicom", "terminal_id": device}
    noun.create(engine, sims.NOUN, card | {"valid_to": "2030-01-01"}, OFFICER, WHOLE)
    person = {"name": "张三", "identity_number": IDENTITY, "phone": "13800138000", "city": SHENZHEN}
    person |= {"licence_class": "A2", "qualification_number": "4403000000000000001", "qualification_kind": "freight"}
    noun.create(engine, drivers.NOUN, person | {"operator_id": company}, OFFICER, WHOLE)
    model = {"name": "M", "firmware": "1.0", "vendor_id": vendor, "catalogued": True}
    noun.create(engine, models.NOUN, model, OFFICER, WHOLE)
    return engine


def all_keys(engine: Engine, name: str) -> list[int]:
    match name:
        case "vehicles":
            return vehicle_list.keys(engine, WHOLE, VehicleFilter())
        case "terminals":
            return terminals.keys(engine, WHOLE)
        case "operators":
            limits = OrganisationFilter(kinds=("operator",)).conditions(engine)
            return noun.keys(engine, organisations.NOUN, WHOLE, limits)
    nouns = {"organisations": organisations.NOUN, "drivers": drivers.NOUN, "sims": sims.NOUN, "models": models.NOUN}
    return noun.keys(engine, nouns[name], WHOLE)


@pytest.mark.parametrize("name", sorted(NOUNS))
def test_what_is_exported_is_imported_again_without_a_change(full: Engine, name: str) -> None:
    keys = all_keys(full, name)
    assert keys
    for file in (
        ("a.csv", exported(full, name, keys)),
        ("a.xlsx", b"".join(xlsx_parts(header(name), lines(full, name, keys)))),
    ):
        report = import_file(full, name, *file)
        assert (report.rows, report.created, report.updated, report.errors) == (len(keys), 0, 0, [])


def test_no_exported_cell_is_a_formula(full: Engine) -> None:
    content = exported(full, "organisations", all_keys(full, "organisations"))
    assert content.startswith(b"\xef\xbb\xbf")
    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) for cell in row]
    assert '\'=甲,"乙"' in cells and "'@张" in cells and "'+86-755-1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_an_excel_export_keeps_texts_as_texts_and_begins_another_sheet_where_one_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MAX_SHEET_ROWS", 3)
    rows = [["440301199001011234", "=1+1", "a\x00b<&>", "0", " x "], ["二"], ["三"], ["四"]]
    content = b"".join(xlsx_parts(["身份证号"], rows))
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert [sheet.max_row for sheet in book.worksheets] == [3, 3]
    first = [cell.value for cell in book.worksheets[0][2]]
    assert first == ["440301199001011234", "=1+1", "a\ufffdb<&>", "0", " x "]
    assert all(cell.data_type == "s" for cell in book.worksheets[0][2])
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=4), max_size=5))
def test_any_text_comes_through_both_files(rows: list[list[str]]) -> None:
    body = b"".join(csv_parts(["a"], rows)).decode("utf-8-sig")
    read_back = list(csv.reader(io.StringIO(body, newline="")))[1:]
    expected = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in rows]
    plain = [
        [cell[1:] if cell[:1] == "'" and cell[1:2] in files.FORMULA else cell for cell in row] for row in read_back
    ]
    # Carriage returns and 0x00 are the csv module's own affair.
    assert plain == expected or any(mark in "".join(row) for row in rows for mark in "\r\0")
    openpyxl.load_workbook(io.BytesIO(b"".join(xlsx_parts(["a"], rows))))


def test_a_mask_decides_what_stands_in_a_cell(full: Engine) -> None:
    def mask(table: str, name: str, value: Any) -> Any:
        return "***" if (table, name) == ("driver", "identity_number") else value

    row = next(iter(lines(full, "drivers", all_keys(full, "drivers"), mask)))
    assert row[:2] == ["张三", "***"] and [each[0] for each in COLUMNS["drivers"]][:2] == ["name", "identity_number"]


def test_an_import_of_many_leaves_an_entry_for_each_row(engine: Engine) -> None:
    import_file(engine, "operators", "a.csv", csv_of("企业名称", "甲", "乙"), actor=SYSTEM)
    with read(engine) as connection:
        acts = connection.execute(text("SELECT act FROM audit_entry ORDER BY id")).scalars().all()
    assert acts == ["organisation.create", "organisation.create", "import.apply"]
