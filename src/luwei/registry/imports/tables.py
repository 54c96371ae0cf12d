"""Reading a file into rows of text. Everything is bounded before it is unpacked: bytes, rows, columns, cells.

CSV: UTF-8 with or without mark, else GBK (GB 18030), comma, semicolon or tab. Excel: .xlsx, the first sheet, values.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime

import openpyxl

from luwei.registry.errors import RegistryError
from luwei.registry.exports.files import FORMULA

MAX_BYTES = 20 << 20
MAX_ROWS = 200_000
MAX_COLUMNS = 60
MAX_CELL = 200
MAX_UNPACKED = 160 << 20
"""Of all parts of an .xlsx together; a full 200,000 rows of the widest noun stay below."""
MAX_PARTS = 200
MAX_RATIO = 100
RATIO_FROM = 4 << 20
"""A part that unpacks to RATIO_FROM bytes or more must not be more than so many times its packed size: tables of
addresses and numbers pack to a tenth, a bomb to a thousandth."""

Row = tuple[int, list[str]]
"""The row's number in the spreadsheet (the header is 1) and its cells."""


def read_table(name: str, content: bytes) -> Iterator[Row]:
    """The rows of the file ``name``, header first, blank rows left out.

    Raises RegistryError with field ``file`` for a file that cannot be read or breaks a bound.
    """
    if len(content) > MAX_BYTES:
        raise RegistryError("file", f"must have at most {MAX_BYTES >> 20} MiB", name)
    suffix = name.lower().rpartition(".")[2]
    if suffix == "csv":
        rows = _csv(content)
    elif suffix == "xlsx":
        rows = _xlsx(content)
    else:
        raise RegistryError("file", "must be .csv or .xlsx", name)
    return _bounded(rows)


def _bounded(rows: Iterator[list[str]]) -> Iterator[Row]:
    for number, cells in enumerate(rows, 1):
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if number > MAX_ROWS + 1:
            raise RegistryError("file", f"must have at most {MAX_ROWS} rows")
        if len(cells) > MAX_COLUMNS:
            raise RegistryError("file", f"must have at most {MAX_COLUMNS} columns", f"row {number}")
        yield number, cells


def _csv(content: bytes) -> Iterator[list[str]]:
    text = _text(content)
    header = text[: text.find("\n") if "\n" in text else len(text)]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            yield [_unquoted(cell.strip()) for cell in cells]
    except csv.Error as error:
        raise RegistryError("file", f"is not a readable CSV: {error}", f"line {reader.line_num}") from None


def _text(content: bytes) -> str:
    if b"\0" in content or content.startswith((b"PK\x03\x04", b"MZ", b"%PDF")):
        # What the name says counts for nothing: a table in text has no such bytes.
        raise RegistryError("file", "must be text: this is no CSV whatever its name says")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RegistryError("file", "must be text in UTF-8 or GBK")


def _unquoted(cell: str) -> str:
    # Spreadsheets are told ="13800138000" so that they keep the digits.
    if cell.startswith('="') and cell.endswith('"') and len(cell) >= 3:
        return cell[2:-1]
    # The apostrophe that an export puts before what a spreadsheet would take for a formula.
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell


def _xlsx(content: bytes) -> Iterator[list[str]]:
    unreadable = RegistryError("file", "is not a readable .xlsx")
    try:
        _check_parts(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            # The stored dimension may lie; the bounds of the iteration are ours.
            sheet.reset_dimensions()
            for cells in sheet.iter_rows(max_row=MAX_ROWS + 2, values_only=True):
                yield [_cell(value) for value in cells]
        finally:
            book.close()
    except RegistryError:
        raise
    except Exception as error:
        # openpyxl raises whatever its parsers meet in a broken file: zip, XML, key and value errors alike.
        raise unreadable from error


def _check_parts(content: bytes) -> None:
    """Refuse what would unpack to too much (zip bomb) and XML that defines entities of its own."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise RegistryError("file", f"must unpack to at most {MAX_UNPACKED >> 20} MiB")
        for part in parts:
            if part.file_size > max(RATIO_FROM, part.compress_size * MAX_RATIO):
                raise RegistryError("file", f"must not unpack to more than {MAX_RATIO} times its size", part.filename)
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as stream:
                    if b"<!DOCTYPE" in stream.read(4096):
                        raise RegistryError("file", "must not define XML entities", part.filename)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return str(value).upper()
        case float() if value.is_integer() and abs(value) < 1e20:
            return str(int(value))
        case datetime() | date():
            return value.isoformat()
    return str(value)
