"""What a document is allowed to be: PDF and the XML formats of Word and Excel, without programs and not to unpack to
more than anybody opens. Nothing is rendered here; the bytes are read, and what cannot be judged is refused.

Sources: ISO 32000-1 §7.3.5 (names may be written with #xx), §7.5.7 (object streams), ECMA-376 part 2 (packages).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from luwei.registry.errors import RegistryError

PDF = "application/pdf"
ZIP = "application/zip"
_OOXML = "application/vnd.openxmlformats-officedocument."
PACKAGES = {
    "word/document.xml": f"{_OOXML}wordprocessingml.document",
    "xl/workbook.xml": f"{_OOXML}spreadsheetml.sheet",
}
"""Main part of a package, and what the package is then."""

PARTS_MAX = 2_000
UNPACKED_MAX = 256 << 20
RATIO_FROM, RATIO_MAX = 4 << 20, 100
"""A part that unpacks to RATIO_FROM bytes or more must not be more than so many times its packed size."""
PROGRAMS = re.compile(r"(?i)(vbaproject\.bin|/activex/|/embeddings/|\.exe$|\.dll$|\.js$|\.vbs$)")
"""Parts of a package that hold programs or foreign objects."""
TYPES_MAX = 1 << 20
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_EXTERNAL = re.compile(rb"TargetMode\s*=\s*[\"']External")
_LINK = re.compile(rb"Type\s*=\s*[\"'][^\"']*/hyperlink[\"']")

PDF_REFUSED = {
    b"JavaScript": "scripts", b"Launch": "commands", b"EmbeddedFile": "embedded files",
    b"EmbeddedFiles": "embedded files", b"RichMedia": "embedded players", b"Encrypt": "encryption",
}  # fmt: skip
"""Names of a PDF that stand for what runs, starts, hides or cannot be read; long enough not to stand in packed bytes by
chance."""
_NAME = re.compile(rb"/([^\x00\t\n\f\r ()<>\[\]{}/%]{1,60})")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"stream\r?\n")
INFLATED_MAX = 64 << 20
"""Of all object streams of a PDF together, and as much of what they are unpacked from."""
DICTIONARY_MAX = 64 << 10
"""From the name of an object stream to its first byte."""
PIECE = 64 << 10
TAIL = 2_048


def judge(content: bytes, media_type: str) -> str:
    """The media type of a document whose first bytes say ``media_type``. Raises RegistryError by field and rule."""
    if media_type == PDF:
        _pdf(content)
        return PDF
    if media_type == ZIP:
        return _package(content)
    raise RegistryError("file", "must be a picture, a clip, a PDF, a Word or an Excel file")


def _pdf(content: bytes) -> None:
    if b"%%EOF" not in content[-TAIL:]:
        raise RegistryError("file", "must be a whole PDF: its end is missing")
    packed, unpacked = INFLATED_MAX, INFLATED_MAX
    for name, end in _names(content):
        _allow(name)
        if name != b"ObjStm":
            continue
        begin = _STREAM.search(content, end, end + DICTIONARY_MAX)
        inflated, used = b"", 0
        if begin is not None:
            inflated, used = _inflated(memoryview(content)[begin.end() :], min(packed, unpacked))
        if not inflated:
            raise RegistryError("file", "must not hold objects that are packed in another way than deflated")
        packed, unpacked = packed - used, unpacked - len(inflated)
        if packed <= 0 or unpacked <= 0:
            raise RegistryError("file", f"must unpack to at most {INFLATED_MAX >> 20} MiB")
        for inner, _ in _names(inflated):
            _allow(inner)


def _inflated(packed: memoryview, most: int) -> tuple[bytes, int]:
    """The beginning of a deflated stream, at most ``most`` bytes, and how much was read; nothing where it is none."""
    inflater, found, at = zlib.decompressobj(), bytearray(), 0
    try:
        while at < min(len(packed), most) and len(found) < most and not inflater.eof:
            found += inflater.decompress(packed[at : at + PIECE], most - len(found))
            at += PIECE
    except zlib.error:
        pass
    return bytes(found), at


def _names(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Every name as it is read, and where it ends; any sign of one may be written with #xx."""
    for found in _NAME.finditer(content):
        name = found[1]
        if b"#" in name:
            name = _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), name)
        yield name, found.end()


def _allow(name: bytes) -> None:
    """Refuse a name of PDF_REFUSED."""
    if name in PDF_REFUSED:
        raise RegistryError("file", f"must not hold {PDF_REFUSED[name]}", name.decode("ascii"))


def _package(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _bounded(parts)
            names = {part.filename for part in parts}
            kind = next((kind for main, kind in PACKAGES.items() if main in names), "")
            if "[Content_Types].xml" not in names or not kind:
                raise RegistryError("file", "must be a picture, a clip, a PDF, a Word or an Excel file")
            types = _part(archive, "[Content_Types].xml")
            for name in sorted(each for each in names if each.lower().endswith(".rels")):
                _within(_part(archive, name), name)
    except RegistryError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise RegistryError("file", "cannot be read") from None
    if b"macroEnabled" in types or b"vbaProject" in types:
        raise RegistryError("file", "must not hold programs")
    return kind


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part that says what the others are, in the form in which it can be looked through."""
    with archive.open(name) as stream:
        content = stream.read(TYPES_MAX + 1)
    if len(content) > TYPES_MAX or b"\x00" in content or b"<!DOCTYPE" in content:
        raise RegistryError("file", "cannot be judged: must be XML in UTF-8 without a document type", name)
    return content


def _within(relations: bytes, name: str) -> None:
    """Nothing but a link may lead out of the package: a template or an object from elsewhere would be loaded."""
    for found in _RELATION.finditer(relations):
        if _EXTERNAL.search(found[0]) and not _LINK.search(found[0]):
            raise RegistryError("file", "must not load anything from elsewhere", name)


def _bounded(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_MAX:
        raise RegistryError("file", f"must unpack to at most {UNPACKED_MAX >> 20} MiB")
    if len({part.filename.lower() for part in parts}) != len(parts):
        raise RegistryError("file", "must not hold a part twice: which of them counts nobody can tell")
    for part in parts:
        if part.file_size > max(RATIO_FROM, part.compress_size * RATIO_MAX):
            raise RegistryError("file", f"must not unpack to more than {RATIO_MAX} times its size", part.filename)
        if part.filename.startswith("/") or ".." in part.filename.split("/"):
            raise RegistryError("file", "must not hold paths that climb", part.filename)
        if PROGRAMS.search(part.filename):
            raise RegistryError("file", "must not hold programs", part.filename)
