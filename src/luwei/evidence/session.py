"""One connection of the attachment server: bytes in, answers out (reference §7).

All connections read into one buffer and pass stream data on to the disk before the next one reads, so an upload costs
a few kilobytes however fast it comes. While an answer waits for the registry or the disk its connection is not read;
what had come behind the question is kept, at most one buffer full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, cast

import structlog

from luwei.evidence.admission import Admitted, Announcement, Refused
from luwei.evidence.names import kind_of_type
from luwei.evidence.uploads import Upload, Uploads
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import BODY_MAX, Header
from luwei.protocol.jt808.messages.general import (
    RESULT_FAILED,
    RESULT_OK,
    RESULT_UNSUPPORTED,
    RESULT_WRONG,
    PlatformReply,
)
from luwei.protocol.message import decode_body
from luwei.protocol.safety.stream import LinkReader, StreamData, StreamHead

log = structlog.get_logger()

READ = 128 << 10
BUFFER = memoryview(bytearray(READ))
"""Where every connection reads to: what is read is used up before the loop turns to the next one."""
STRIKES_MAX = 16
"""Refusals after which a connection is closed."""
FILES_MAX = 512
"""Files of one connection."""
ROUNDS_MAX = 32
"""Times a file may be said to be finished without a byte more of it."""
FRAGMENT_BYTES = 48 << 10
"""Fragments held: the longest 0x1210 has some 15 KB."""
RANGES_MAX = 255

INFORMATION, FILE_INFO, FILE_FINISHED, HEARTBEAT = 0x1210, 0x1211, 0x1212, 0x0002
FILE_REPLY = 0x9212

Answer = Callable[[], Coroutine[Any, Any, None]]


class Desk(Protocol):
    """What a connection needs of its server."""

    uploads: Uploads

    def opened(self, session: Session) -> bool: ...

    def closed(self, session: Session) -> None: ...

    async def announce(self, session: Session, said: Announcement) -> Admitted | Refused: ...

    async def finish(self, upload: Upload) -> None: ...

    async def resize(self, upload: Upload, size: int) -> Refused | None: ...

    def refuse(self, session: Session, reason: str, detail: str = "") -> None: ...

    def note(self, reason: str) -> None: ...

    def took(self, session: Session, size: int) -> None: ...

    def now_ms(self) -> int: ...


class Session(asyncio.BufferedProtocol):
    """The dialogue on one connection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._reader = LinkReader(lambda name: name in self._files)
        self._files: dict[str, Upload] = {}
        self._rounds: dict[str, tuple[int, int]] = {}
        self._transport: asyncio.Transport | None = None
        self._assembler: Assembler | None = None
        self._sink: Upload | None = None
        self._began = self._reached = 0
        self._rest = b""
        self._task: asyncio.Task[None] | None = None
        self._serial = 0
        self._strikes = 0
        self._closing = False
        self.address = ""
        self.phone = ""
        self.dialect = ""
        self.heard = 0.0
        """Loop time of the last byte."""

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("",)
        self.address = str(peer[0])
        self.heard = asyncio.get_running_loop().time()
        if not self._desk.opened(self):
            self.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self.heard = asyncio.get_running_loop().time()
        self._desk.took(self, nbytes)
        self._consume(BUFFER[:nbytes])

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._end_block()
        if self._task is not None:
            self._task.cancel()
        for upload in self._files.values():
            self._desk.uploads.leave(upload)
        self._files.clear()
        self._transport = None
        self._desk.closed(self)

    def close(self) -> None:
        """Send what is to be sent, then hang up."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    @property
    def waiting(self) -> bool:
        """Whether it is we who owe an answer."""
        return self._task is not None

    # Bytes

    def _consume(self, view: memoryview) -> None:
        at = 0
        try:
            while not self._closing:
                event, at = self._reader.take(view, at)
                if event is None:
                    return
                if isinstance(event, StreamData):
                    self._data(event)
                elif isinstance(event, StreamHead):
                    self._head(event)
                elif (answer := self._frame(event)) is not None:
                    self._wait(answer, bytes(view[at:]))
                    return
        except ProtocolError as error:
            self._refuse(f"stream_{error.code}", error.detail)
            self.close()
        except OSError as error:
            log.error("evidence cannot be written", error=str(error))
            self._refuse("disk", str(error))
            self.close()

    def _wait(self, answer: Answer, rest: bytes) -> None:
        """Read no more until ``answer`` is given."""
        self._rest = rest
        if self._transport is not None:
            self._transport.pause_reading()
        self._task = asyncio.create_task(self._give(answer))

    async def _give(self, answer: Answer) -> None:
        try:
            await answer()
        except ProtocolError as error:
            self._refuse(f"body_{error.code}", error.detail)
        except Exception:
            if not self._closing:
                log.exception("attachment session failed", phone=self.phone, address=self.address)
            self.close()
        self._task = None
        rest, self._rest = self._rest, b""
        if rest and not self._closing:
            self._consume(memoryview(rest))
        if self._task is None and not self._closing and self._transport is not None:
            self._transport.resume_reading()

    def _head(self, head: StreamHead) -> None:
        self._sink = None
        upload = self._find(head)
        if upload is None:
            self._refuse("unknown_name" if self._files else "before_announcement", head.name)
        elif upload.settled:
            self._desk.note("already_complete")
        elif head.offset + head.length > upload.size:
            self._refuse("beyond_size", f"{head.name}: {head.offset}+{head.length} of {upload.size}")
        elif not self._desk.uploads.staged(upload).blocks.fits(head.offset, head.offset + head.length):
            self._refuse("too_scattered", head.name)
        else:
            self._sink = upload
            self._began = self._reached = head.offset

    def _data(self, piece: StreamData) -> None:
        upload = self._sink
        if upload is None or upload.settled:
            return
        staged = self._desk.uploads.staged(upload)
        if piece.offset + len(piece.data) > upload.size:
            self._sink = None  # another connection announced less meanwhile
            return
        staged.write(piece.offset, piece.data)
        self._reached = piece.offset + len(piece.data)
        if piece.last:
            self._end_block()

    def _end_block(self) -> None:
        """Count the bytes of a block that came, also of one that a broken connection cut short."""
        upload, self._sink = self._sink, None
        if upload is None or upload.settled or upload.staged is None or self._reached > upload.size:
            return
        try:
            new = upload.staged.enter(self._began, self._reached)
        except OSError as error:
            log.error("block map cannot be written", error=str(error))
            return
        upload.changed |= bool(new)
        if not new and self._reached > self._began:
            self._desk.note("repeated_block")

    def _find(self, head: StreamHead) -> Upload | None:
        upload = self._files.get(head.name)
        if upload is None and head.cut:
            begins = head.name.encode("gbk", "ignore")
            fitting = [u for name, u in self._files.items() if name.encode("gbk", "ignore")[: len(begins)] == begins]
            upload = fitting[0] if len(fitting) == 1 else None
        return upload

    # Frames

    def _frame(self, raw: bytes) -> Answer | None:
        """Answer at once, or return what gives the answer."""
        try:
            frame = decode_frame(raw)
        except ProtocolError as error:
            self._refuse(f"frame_{error.code}", error.detail)
            return None
        header = frame.header
        if self.phone and header.phone != self.phone:
            self._refuse("other_phone", f"{header.phone} on the connection of {self.phone}")
            self._reply(frame, RESULT_FAILED)
            return None
        if header.fragmented:
            whole = self._assemble(frame)
            if whole is None:
                self._reply(frame, RESULT_OK)
                return None
            frame = whole
        handler = {INFORMATION: self._information, FILE_INFO: self._file_info, FILE_FINISHED: self._finished}.get(
            header.message_id
        )
        if handler is not None:
            return partial(handler, frame)
        if header.message_id == HEARTBEAT:
            self._reply(frame, RESULT_OK)
        else:
            self._refuse("unexpected_message", f"0x{header.message_id:04x}")
            self._reply(frame, RESULT_UNSUPPORTED)
        return None

    def _assemble(self, frame: Frame) -> Frame | None:
        if self._assembler is None:
            self._assembler = Assembler(terminal_bytes=FRAGMENT_BYTES, all_bytes=FRAGMENT_BYTES)
        return self._assembler.add(frame, self.heard)

    async def _information(self, frame: Frame) -> None:
        header = frame.header
        try:
            message: Any = decode_body(INFORMATION, header.edition, frame.body, direction="up")
        except ProtocolError as error:
            self._refuse("body_" + error.code, error.detail)
            self._reply(frame, RESULT_WRONG)
            return
        said = Announcement(
            phone=header.phone,
            terminal_id=getattr(message, "terminal_id", ""),
            identification=message.alarm_sign.encode(),
            alarm_no=message.alarm_no,
            files=tuple((each.name, each.size) for each in message.attachments),
            at_ms=self._desk.now_ms(),
        )
        answer = await self._desk.announce(self, said)
        if isinstance(answer, Admitted) and len(self._files) + len(answer.files) > FILES_MAX:
            answer = Refused("too_many_files", f"more than {FILES_MAX} on one connection")
        if isinstance(answer, Refused):
            self._refuse(answer.reason, answer.detail, header.phone)
            self._reply(frame, RESULT_FAILED)
            if not self._files:
                self.close()
            return
        if self._closing:
            return
        self.phone, self.dialect = header.phone, message.dialect
        for expected in answer.files:
            upload = self._desk.uploads.join(expected)
            former = self._files.get(expected.name)
            self._files[expected.name] = upload
            if former is not None:
                self._desk.uploads.leave(former)
        self._reply(frame, RESULT_OK)

    async def _file_info(self, frame: Frame) -> None:
        message: Any = decode_body(FILE_INFO, frame.header.edition, frame.body, direction="up")
        upload = self._files.get(message.name)
        if upload is None:
            self._refuse("unknown_name" if self._files else "before_announcement", message.name)
            self._reply(frame, RESULT_FAILED)
            return
        if not await self._sized(frame, upload, message.size):
            return
        if upload.announce(message.size):
            self._desk.note("size_changed")
        upload.kind = kind_of_type(message.type, self.dialect)
        self._reply(frame, RESULT_OK)

    async def _sized(self, frame: Frame, upload: Upload, size: int) -> bool:
        """Whether the file may be as large as is said now; if not, that is answered."""
        if upload.settled or size == upload.size:
            return True
        refused = await self._desk.resize(upload, size)
        if refused is None:
            return True
        self._refuse(refused.reason, refused.detail)
        self._reply(frame, RESULT_FAILED)
        return False

    async def _finished(self, frame: Frame) -> None:
        message: Any = decode_body(FILE_FINISHED, frame.header.edition, frame.body, direction="up")
        upload = self._files.get(message.name)
        if upload is None:
            self._refuse("unknown_name" if self._files else "before_announcement", message.name)
            self._reply(frame, RESULT_FAILED)
            return
        if not await self._sized(frame, upload, message.size):
            return
        if not upload.settled and message.size != upload.size:
            # Said after the bytes, so of these bytes: what is there stays, the rest is asked for.
            self._desk.note("size_mismatch")
            upload.size, upload.changed = message.size, True
            self._desk.uploads.staged(upload).resize(message.size)
        if not upload.settled and self._desk.uploads.staged(upload).whole:
            await self._desk.finish(upload)
        if upload.settled:
            self._reply_file(frame, [])
            return
        received, rounds = self._rounds.get(upload.key, (-1, 0))
        rounds = rounds + 1 if received == upload.received else 0
        self._rounds[upload.key] = upload.received, rounds
        if rounds > ROUNDS_MAX:
            self._refuse("no_progress", upload.name)
            self.close()
            return
        gaps = self._desk.uploads.staged(upload).blocks.gaps(upload.size)
        most = min(RANGES_MAX, (BODY_MAX - 4 - frame.body[0]) // 8)
        self._reply_file(frame, [gap for gap, _ in zip(gaps, range(most), strict=False)])

    # Answers

    def _refuse(self, reason: str, detail: str = "", phone: str = "") -> None:
        self.phone = self.phone or phone
        self._desk.refuse(self, reason, detail)
        self._strikes += 1
        if self._strikes > STRIKES_MAX:
            self.close()

    def _reply(self, frame: Frame, result: int) -> None:
        header = frame.header
        body = PlatformReply(reply_serial=header.serial, reply_id=header.message_id, result=result)
        self._send(header, PlatformReply.id, body.encode(header.edition))

    def _reply_file(self, frame: Frame, ranges: list[tuple[int, int]]) -> None:
        """0x9212. Name and type go back byte for byte: a name that GBK cannot express must be known again."""
        head = frame.body[: 2 + frame.body[0]]
        wanted = b"".join(offset.to_bytes(4, "big") + length.to_bytes(4, "big") for offset, length in ranges)
        self._send(frame.header, FILE_REPLY, head + bytes([bool(ranges), len(ranges)]) + wanted)

    def _send(self, to: Header, message_id: int, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        header = Header(
            message_id=message_id,
            body_length=len(body),
            serial=self._serial,
            phone_raw=to.phone_raw,
            edition=to.edition,
            protocol_version=to.protocol_version,
        )
        self._serial = (self._serial + 1) & 0xFFFF
        self._transport.write(encode_frame(header, body))
