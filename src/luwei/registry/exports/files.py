"""Rows of text as a CSV or an Excel file, in pieces.

CSV: UTF-8 with the mark that spreadsheets need. A cell that a spreadsheet would take for a formula gets an apostrophe
before it (OWASP "CSV Injection"); the import takes it away again. Excel: one sheet of inline texts, which no program
takes for formulas or numbers, so that identity numbers keep their digits (ECMA-376 part 1 §18.3.1.53).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from xml.sax.saxutils import escape

PIECE = 64 << 10
MAX_SHEET_ROWS = 1_048_576
"""Rows of an Excel sheet; what is beyond goes into another sheet."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What a table program may take for the beginning of a formula."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

_NAMESPACE = "http://schemas.openxmlformats.org"
_TYPES = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="{_NAMESPACE}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{sheets}</Types>'
)
_TYPE = (
    '<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
)
_ROOT = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="{_NAMESPACE}/package/2006/'
    f'relationships"><Relationship Id="rId1" Type="{_NAMESPACE}/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_BOOK = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><workbook xmlns="{_NAMESPACE}/spreadsheetml/2006/main" '
    f'xmlns:r="{_NAMESPACE}/officeDocument/2006/relationships"><sheets>{{sheets}}</sheets></workbook>'
)
_BOOK_LINKS = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="{_NAMESPACE}/package/2006/'
    'relationships">{sheets}</Relationships>'
)
_LINK = (
    f'<Relationship Id="rId{{n}}" Type="{_NAMESPACE}/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet{n}.xml"/>'
)
_SHEET = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="{_NAMESPACE}/spreadsheetml/2006/main">'
    "<sheetData>"
)


def safe(cell: str) -> str:
    """The cell as a CSV may hold it."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def csv_parts(header: list[str], rows: Iterable[list[str]]) -> Iterator[bytes]:
    """The CSV file in pieces of some PIECE bytes."""
    output = io.StringIO(newline="")
    writer = csv.writer(output)
    writer.writerow([safe(cell) for cell in header])
    first = b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
        if output.tell() >= PIECE:
            yield first + output.getvalue().encode("utf-8", "replace")
            first = b""
            output.seek(0)
            output.truncate()
    yield first + output.getvalue().encode("utf-8", "replace")


class _Pipe(io.RawIOBase):
    """What a zip archive is written to while it is read; it cannot be rewound, so the archive is made in one go."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.parts.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last call."""
        found = b"".join(self.parts)
        self.parts.clear()
        return found


def xlsx_parts(header: list[str], rows: Iterable[list[str]]) -> Iterator[bytes]:
    """The Excel file in pieces; a new sheet begins where one is full, with the header again."""
    pipe = _Pipe()
    source: Iterator[list[str]] = iter(rows)
    sheets = 0
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        more = True
        while more:
            sheets += 1
            more = False
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write((_SHEET + _row(header)).encode())
                text: list[str] = []
                size = 0
                for number, row in enumerate(source, 2):
                    text.append(_row(row))
                    size += len(text[-1])
                    if size >= PIECE:
                        sheet.write("".join(text).encode("utf-8", "replace"))
                        text, size = [], 0
                        yield pipe.taken()
                    if number == MAX_SHEET_ROWS:
                        held = next(source, None)
                        if held is not None:
                            source, more = chain([held], source), True
                        break
                sheet.write("".join([*text, "</sheetData></worksheet>"]).encode("utf-8", "replace"))
        numbers = range(1, sheets + 1)
        named = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
        archive.writestr("xl/workbook.xml", _BOOK.format(sheets=named))
        archive.writestr("xl/_rels/workbook.xml.rels", _BOOK_LINKS.format(sheets="".join(map(_link, numbers))))
        archive.writestr("_rels/.rels", _ROOT)
        types = "".join(_TYPE.format(n=n) for n in numbers)
        archive.writestr("[Content_Types].xml", _TYPES.format(sheets=types))
    yield pipe.taken()


def _link(number: int) -> str:
    return _LINK.format(n=number)


def _row(cells: list[str]) -> str:
    return "".join(["<row>", *(_cell(cell) for cell in cells), "</row>"])


def _cell(text: str) -> str:
    if not text:
        return '<c t="inlineStr"/>'
    if not text.isprintable():
        text = _UNPRINTABLE.sub("\ufffd", text)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
