"""Files as answers: compressed once, named by their content, sent again only when they changed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.response import Stream

CHUNK = 256 << 10
COMPRESS_FROM = 1024
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
_TEXT = ("text/", "application/json", "image/svg+xml", "application/manifest+json")


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """A small file in memory, as it is and compressed; ``etag`` is made of its content."""

    content: bytes
    compressed: bytes | None
    etag: str
    media_type: str

    @staticmethod
    def read(path: Path) -> ReadyFile:
        """Raises OSError."""
        content = path.read_bytes()
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packed: bytes | None = None
        if len(content) >= COMPRESS_FROM and media_type.startswith(_TEXT):
            packed = gzip.compress(content, 9, mtime=0)
        return ReadyFile(content, packed, f'"{hashlib.sha256(content).hexdigest()[:24]}"', media_type)

    def answer(self, request: Request[Any, Any, Any], cache: str) -> Response[bytes]:
        """The file, or 304 where the client has it; ``cache`` is the Cache-Control value."""
        headers = {"ETag": self.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if self.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(b"", status_code=304, headers=headers, media_type=self.media_type)
        content = self.content
        if self.compressed is not None and accepts_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            content = self.compressed
        return Response(content, headers=headers, media_type=self.media_type)


class Shelf:
    """Small files of one folder, read again only when they change on disk."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[tuple[int, int], ReadyFile]] = {}

    async def get(self, path: Path) -> ReadyFile:
        """Raises OSError where there is no such file."""
        state = await asyncio.to_thread(path.stat)
        mark = state.st_mtime_ns, state.st_size
        found = self._files.get(path)
        if found is None or found[0] != mark:
            found = self._files[path] = mark, await asyncio.to_thread(ReadyFile.read, path)
        return found[1]


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding value allows gzip (RFC 9110 §12.5.3)."""
    for part in header.split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single-range ``Range`` header (RFC 9110 §14.1.2).

    None where the header is to be ignored: absent, another unit, several ranges, malformed. Raises ValueError where no
    byte of the file is asked for (416).
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        if length == 0 or size == 0:
            raise ValueError("no byte asked for")
        return max(size - length, 0), size - 1
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise ValueError("beyond the end")
    return first, last


async def big_file(
    request: Request[Any, Any, Any],
    path: Path,
    media_type: str,
    cache: str = "public, max-age=3600",
    more: Mapping[str, str] | None = None,
) -> Response[Any]:
    """A large file in pieces, whole or the range asked for; ``cache`` is the Cache-Control value, ``more`` are further
    headers. Raises OSError."""
    state = await asyncio.to_thread(path.stat)
    size = state.st_size
    etag = f'"{state.st_mtime_ns:x}-{size:x}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": cache, **(more or {})}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range") not in (None, etag):
        wanted = ""
    try:
        span = byte_range(wanted, size)
    except ValueError:
        return Response(
            b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"}, media_type=media_type
        )
    first, last = span or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    headers["Content-Type"] = media_type  # of a stream the framework would take the handler's own
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    if request.method == "HEAD":
        return Response(b"", headers=headers, media_type=media_type)
    return Stream(
        _pieces(path, first, last + 1), status_code=206 if span else 200, headers=headers, media_type=media_type
    )


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, start)
        while start < end:
            piece = await asyncio.to_thread(file.read, min(CHUNK, end - start))
            if not piece:
                return
            start += len(piece)
            yield piece
    finally:
        file.close()
