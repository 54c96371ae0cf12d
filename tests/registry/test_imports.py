"""Import of files: formats, headers, words, errors with their place, bounds, hostile content."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from luwei.registry import vehicle_list
from luwei.registry.admission import Admission, RegistrationRequest
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import migrate, open_engine, read
from luwei.registry.errors import RegistryError
from luwei.registry.imports import NOUNS, import_file, tables, template_csv
from luwei.registry.imports.report import MAX_ERRORS
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle_list import VehicleFilter

HEADER = "车牌号,车牌颜色,车架号,车辆类型,所属地市,所属区县,企业名称,终端手机号,终端ID,协议版本"
ROW = "粤B12345,黄,1M8GDM9AXKP042788,半挂牵引车,深圳市,440305,远隆物流,013800138000,LW1,2019"


TABLES = {
    "operators": "organisation", "organisations": "organisation", "vehicles": "vehicle", "terminals": "terminal",
    "drivers": "driver", "sims": "sim", "models": "terminal_model",
}  # fmt: skip


def csv_of(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def xlsx_of(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def count(engine: Engine, table: str) -> int:
    with read(engine) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def the_vehicle(engine: Engine) -> vehicle_list.VehicleView:
    page = vehicle_list.page(engine, WHOLE, VehicleFilter())
    assert page.total == 1
    return page.items[0]


@pytest.mark.parametrize(
    "content",
    [
        csv_of(HEADER, ROW),
        b"\xef\xbb\xbf" + csv_of(HEADER, ROW),
        csv_of(HEADER, ROW).decode().encode("gbk"),
        csv_of(HEADER, ROW).replace(b"\n", b"\r\n"),
        csv_of(HEADER, ROW).replace(b",", b";"),
        csv_of(HEADER, ROW).replace(b",", b"\t"),
        csv_of(HEADER, ROW).replace(b"013800138000", b'"=""13800138000"""'),
        csv_of("", HEADER, "", ROW, ",,,", ""),
        csv_of(
            "序号,plate,plate_color,vin,vehicle_class,city,county,operator,phone,terminal_id,edition",
            "1,粤b·12345,2,1m8gdm9axkp042788,semi_trailer_tractor,440300,福田区,远隆物流,13800138000,LW1,JT/T 808-2019",
        ),
    ],
    ids=["utf-8", "bom", "gbk", "crlf", "semicolon", "tab", "kept digits", "blank lines", "english"],
)
def test_a_vehicle_with_its_terminal_and_operator_comes_in_whatever_the_form(engine: Engine, content: bytes) -> None:
    content = content.replace("福田区".encode(), b"440305")
    report = import_file(engine, "vehicles", "trucks.CSV", content)
    assert (report.rows, report.created, report.refused, report.errors) == (1, 1, 0, [])
    view = the_vehicle(engine)
    assert (view.plate, view.plate_color, view.vin, view.vehicle_class, view.city, view.county) == (
        "粤B12345", 2, "1M8GDM9AXKP042788", "semi_trailer_tractor", 440300, 440305,
    )  # fmt: skip
    assert view.operator is not None and view.operator.name == "远隆物流"
    assert view.terminal is not None
    assert (view.terminal.phone, view.terminal.terminal_id, view.terminal.edition) == ("13800138000", "LW1", 2019)
    assert report.changed == {"organisation": [1], "vehicle": [1], "terminal": [1]}


def test_an_excel_sheet_with_numbers_as_cells_comes_in(engine: Engine) -> None:
    content = xlsx_of(
        HEADER.split(","), ["粤B12345", 2, None, "普通货运", 440300, 440305.0, "甲", 13800138000, "A1", 2013]
    )
    assert import_file(engine, "vehicles", "a.xlsx", content).created == 1
    view = the_vehicle(engine)
    assert view.terminal is not None and view.terminal.phone == "13800138000" and view.terminal.edition == 2013


def test_a_dry_run_tells_the_same_and_writes_nothing(engine: Engine) -> None:
    content = csv_of(HEADER, ROW, ROW.replace("粤B12345", "粤B1234"))
    dry = import_file(engine, "vehicles", "a.csv", content, dry_run=True)
    assert (dry.rows, dry.created, dry.refused) == (2, 1, 1) and dry.changed == {}
    assert [count(engine, table) for table in ("vehicle", "terminal", "organisation", "audit_entry")] == [0, 0, 0, 0]
    wet = import_file(engine, "vehicles", "a.csv", content)
    assert (wet.rows, wet.created, wet.refused, wet.errors) == (dry.rows, dry.created, dry.refused, dry.errors)


def test_a_second_import_updates_by_plate_and_leaves_empty_cells_alone(engine: Engine) -> None:
    import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    assert import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW)).updated == 0
    report = import_file(
        engine, "vehicles", "a.csv", csv_of("车牌号,车牌颜色,地市,区县,车架号", "粤B12345,黄,广州市,440106,")
    )
    assert (report.created, report.updated, report.refused) == (0, 1, 0)
    view = the_vehicle(engine)
    assert (view.city, view.county, view.vin) == (440100, 440106, "1M8GDM9AXKP042788")
    assert view.terminal is not None and view.operator is not None


def test_each_error_has_row_column_rule_and_value(engine: Engine) -> None:
    lines = [
        "粤B00001,紫,,,,,,,,",
        "粤B0000,黄,,,,,,,,",
        "粤B00003,黄,1M8GDM9A1KP042788,,,,,,,",
        "粤B00004,黄,,自行车,,,,,,",
        "粤B00005,黄,,,长沙市,,,,,",
        "粤B00006,黄,,,深圳市,440106,,,,",
        "粤B00007,黄,,,,,,1.38E+10,,",
        "粤B00008,黄,,,,,,,LW8,",
        "粤B00009,黄,,,,,,138,,2020",
        ",黄,,,,,,,,",
        "粤B00011,黄,,,,,,13800000011,,",
        "粤B00011,黄,,,,,,,,",
        "粤B00013,黄,,,,,,13800000011,,",
        f"粤B00014,黄,,,,,{'长' * 201},,,",
        "粤B00015,黄,,,,,,,,,too many",
    ]
    report = import_file(engine, "vehicles", "a.csv", csv_of(HEADER, *lines))
    found = [(error.row, error.column) for error in report.errors]
    assert found == [
        (2, "车牌颜色"), (3, "车牌号"), (4, "车架号"), (5, "车辆类型"), (6, "所属地市"), (7, "所属区县"),
        (8, "终端手机号"), (9, "终端手机号"), (10, "协议版本"), (11, "车牌号"), (13, "车牌号"), (14, "终端手机号"),
        (15, "企业名称"), (16, "file"),
    ]  # fmt: skip
    assert report.errors[0].value == "紫" and "must be X" in report.errors[2].rule
    assert report.errors[10].rule == "row 12 has the same"
    assert (report.rows, report.created, report.refused) == (15, 1, 14)
    assert [count(engine, table) for table in ("vehicle", "terminal", "organisation")] == [1, 1, 0]


def test_a_refused_row_leaves_no_trace(engine: Engine) -> None:
    import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    # A VIN that another truck has: neither the truck, nor its operator, nor its terminal may come in.
    line = "粤B99999,黄,1M8GDM9AXKP042788,,深圳市,,新企业,13899999999,,"
    report = import_file(engine, "vehicles", "a.csv", csv_of(HEADER, line))
    assert report.refused == 1 and report.errors[0].column == "车架号"
    assert [count(engine, table) for table in ("vehicle", "terminal", "organisation")] == [1, 1, 1]


def test_a_terminal_of_another_vehicle_is_not_taken_away(engine: Engine) -> None:
    import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    report = import_file(engine, "vehicles", "a.csv", csv_of("车牌号,车牌颜色,手机号", "粤B54321,黄,13800138000"))
    assert report.refused == 1 and "another vehicle" in report.errors[0].rule


def test_a_new_phone_replaces_the_vehicles_terminal(engine: Engine) -> None:
    import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    assert (
        import_file(engine, "vehicles", "a.csv", csv_of("车牌号,车牌颜色,手机号", "粤B12345,黄,13800138001")).updated
        == 1
    )
    view = the_vehicle(engine)
    assert view.terminal is not None and view.terminal.phone == "13800138001"
    assert count(engine, "terminal") == 2


def test_a_truck_taken_in_without_a_plate_gets_it_by_its_phone(engine: Engine) -> None:
    request = RegistrationRequest("13800138000", 44, 300, "", "", "LW1", 2, "", 2019)
    code = Admission(engine, "open").register([request])[0].code
    report = import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    assert (report.created, report.updated) == (0, 1)
    view = the_vehicle(engine)
    assert (view.id, view.plate) == (1, "粤B12345")
    assert Admission(engine, "known").lookup(["13800138000"])["13800138000"].code == code


def test_terminals_and_operators_have_their_own_files(engine: Engine) -> None:
    lines = [
        "name,city,county,credit_code",
        "甲物流,深圳,440305,91350100M000100Y43",
        "乙物流,440100,,",
        "甲物流,,,",
        "丙,,,x",
    ]
    report = import_file(engine, "operators", "o.csv", csv_of(*lines))
    assert (report.created, report.refused) == (2, 2)
    assert {(error.row, error.column) for error in report.errors} == {(4, "name"), (5, "credit_code")}
    import_file(engine, "vehicles", "v.csv", csv_of("plate,plate_color", "粤B00001,2", "粤B00002,2"))
    lines = ["phone,terminal_id,edition,plate,plate_color", "1,A,2019,粤B00001,2", "2,B,2013,,", "3,C,,粤B00001,2",
             "4,D,,粤B00009,2", "5,E,,粤B00002,"]  # fmt: skip
    report = import_file(engine, "terminals", "t.csv", csv_of(*lines))
    assert (report.created, report.refused) == (2, 3)
    assert [error.row for error in report.errors] == [4, 5, 6]
    report = import_file(
        engine, "terminals", "t.csv", csv_of("phone,plate,plate_color", "1,粤B00002,2", "2,粤B00001,2")
    )
    # The first row frees the vehicle that the second one takes.
    assert (report.updated, report.refused) == (2, 0)


def test_two_terminals_may_change_places_within_a_file(engine: Engine) -> None:
    lines = ["plate,plate_color,phone", "粤B00001,2,1", "粤B00002,2,2", "粤B00003,2,"]
    import_file(engine, "vehicles", "v.csv", csv_of(*lines))
    moves = ["phone,plate,plate_color", "1,粤B00003,2", "2,粤B00001,2"]
    assert import_file(engine, "terminals", "t.csv", csv_of(*moves)).updated == 2
    phones = [view.terminal and view.terminal.phone for view in vehicle_list.page(engine, WHOLE, VehicleFilter()).items]
    assert phones == ["2", None, "1"]


def test_an_import_stays_within_the_scope(engine: Engine) -> None:
    import_file(engine, "vehicles", "a.csv", csv_of(HEADER, ROW))
    mine = Scope(cities=frozenset({440100}))
    lines = ["车牌号,车牌颜色,市,企业名称,手机号",
             "粤A00001,黄,广州市,,", "粤A00002,黄,深圳市,,", "粤B12345,黄,广州市,,", "粤A00004,黄,,,",
             "粤A00005,黄,广州市,远隆物流,", "粤A00006,黄,广州市,新企业,13900000000"]  # fmt: skip
    report = import_file(engine, "vehicles", "a.csv", csv_of(*lines), False, SYSTEM, mine)
    assert (report.created, [error.row for error in report.errors]) == (2, [3, 4, 5, 6])
    assert vehicle_list.page(engine, mine, VehicleFilter()).total == 2


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.exe", b"MZ", "must be .csv or .xlsx"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\xff\xfe\xd8\xff", "UTF-8 or GBK"),
        ("a.csv", b"\xff\xfe\x00\xd8\xff", "no CSV whatever its name says"),
        ("a.csv", b"PK\x03\x04" + b"x" * 40, "no CSV whatever its name says"),
        ("a.csv", b"MZ\x90" + b"x" * 40, "no CSV whatever its name says"),
        ("a.csv", "车牌号\n粤B12345".encode(), "must have the column 车牌颜色"),
        ("a.csv", "车牌号,车牌颜色,车架好\n".encode(), "unknown column"),
        ("a.csv", "车牌号,车牌颜色,plate\n".encode(), "appears twice"),
        ("a.csv", ("车牌号,车牌颜色" + ",备注" * 60 + "\n").encode(), "at most 60 columns"),
        ("a.csv", b'plate,plate_color\n"' + b"x" * 200_000, "readable CSV"),
        ("a.xlsx", b"PK\x03\x04 no zip", "readable .xlsx"),
        ("a.xlsx", b"", "readable .xlsx"),
        ("a.csv", b"x" * (tables.MAX_BYTES + 1), "at most 20 MiB"),
    ],
    ids=lambda value: value[:20].hex() if isinstance(value, bytes) else None,
)
def test_a_file_that_cannot_be_used_says_why(engine: Engine, name: str, content: bytes, rule: str) -> None:
    with pytest.raises(RegistryError) as caught:
        import_file(engine, "vehicles", name, content)
    assert caught.value.field == "file" and rule in caught.value.rule
    assert count(engine, "audit_entry") == 0


def test_a_part_that_unpacks_to_a_thousand_times_its_size_is_refused(engine: Engine) -> None:
    """A zip bomb below every other bound: 8 MiB of blanks in 8 KiB."""
    bomb = _rezipped(lambda part, data: data + b" " * (8 << 20) if part.endswith("sheet1.xml") else data)
    assert len(bomb) < 64 << 10
    with pytest.raises(RegistryError, match="100 times its size"):
        import_file(engine, "vehicles", "a.xlsx", bomb)


def _rezipped(change: Callable[[str, bytes], bytes]) -> bytes:
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx_of(["plate"]))) as old,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, change(part, old.read(part)))
    return output.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = _rezipped(lambda name, data: b"\0" * (tables.MAX_UNPACKED + 1) if "sheet1" in name else data)
    assert len(bomb) < 1 << 20
    with pytest.raises(RegistryError, match="must unpack to at most"):
        list(tables.read_table("a.xlsx", bomb))


def test_xml_entities_are_refused() -> None:
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    with pytest.raises(RegistryError, match="XML entities"):
        list(tables.read_table("a.xlsx", _rezipped(lambda name, data: entity if "sheet1" in name else data)))


def test_a_cell_at_the_far_edge_of_the_sheet_is_refused_soon() -> None:
    def far(name: str, data: bytes) -> bytes:
        return data.replace(b'r="A1"', b'r="XFD1"') if "sheet1" in name else data

    with pytest.raises(RegistryError, match="at most 60 columns"):
        list(tables.read_table("a.xlsx", _rezipped(far)))


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    assert len(list(tables.read_table("a.csv", b"a\n1\n2\n3"))) == 4
    with pytest.raises(RegistryError, match="at most 3 rows"):
        list(tables.read_table("a.csv", b"a\n1\n2\n3\n4"))


def test_told_errors_are_bounded_and_all_are_counted(engine: Engine) -> None:
    lines = [f"粤B{i},黄" for i in range(MAX_ERRORS + 500)]
    report = import_file(engine, "vehicles", "a.csv", csv_of("车牌号,车牌颜色", *lines), dry_run=True)
    assert len(report.errors) == MAX_ERRORS and report.refused == MAX_ERRORS + 500


@pytest.mark.parametrize("noun", list(NOUNS))
def test_the_template_imports_as_it_is(engine: Engine, noun: str) -> None:
    if noun in ("terminals", "sims"):
        import_file(engine, "vehicles", "v.csv", csv_of("plate,plate_color", "粤B12345,2"))
    if noun in ("sims", "drivers"):
        needed = {"sims": "terminals", "drivers": "operators"}[noun]
        assert import_file(engine, needed, "template.csv", template_csv(needed)).created == 1
    report = import_file(engine, noun, "template.csv", template_csv(noun))
    assert (report.created, report.errors) == (1, [])


_CELL = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "粤B12345",
        "黄",
        "2",
        "13800138000",
        "440300",
        "2019",
        "'; DROP TABLE vehicle; --",
        "=cmd|' /C calc'!A0",
        "\0",
        "粤B12345\0",
    ]
)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry without rows to be copied: the migrations take longer than what is tested."""
    path = tmp_path_factory.mktemp("fuzz") / "r.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_CELL, min_size=1, max_size=12), max_size=6), noun=st.sampled_from(sorted(NOUNS)))
def test_no_cell_content_breaks_an_import(migrated: Path, rows: list[list[str]], noun: str) -> None:
    path = migrated.with_name("fuzzed.db")
    shutil.copyfile(migrated, path)
    engine = open_engine(f"sqlite:///{path}")
    output = io.StringIO(newline="")
    csv.writer(output).writerows([[column.name for column in NOUNS[noun]], *rows])
    try:
        report = import_file(engine, noun, "a.csv", output.getvalue().encode())
    except RegistryError as error:
        assert error.field == "file"
    else:
        assert report.rows >= report.created + report.updated + report.refused
        assert count(engine, TABLES[noun]) >= report.created
    engine.dispose()
    for left in migrated.parent.glob("fuzzed.db*"):
        left.unlink()


@given(st.binary(max_size=400), st.sampled_from(["a.csv", "a.xlsx"]))
def test_no_bytes_break_the_reader(content: bytes, name: str) -> None:
    try:
        for number, cells in tables.read_table(name, content):
            assert number >= 1 and 0 < len(cells) <= tables.MAX_COLUMNS
    except RegistryError as error:
        assert error.field == "file"
