"""Multimedia data 多媒体数据 0x0801 on one gateway: cut into facts, confirmed with 0x8800, asked for again in parts.

A picture or a recording travels to the core as facts of kind ``media``, apart from the messages: it may be larger than
what the bus takes at once, and it belongs among the files, not in the history, which keeps the head only.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from luwei.protocol.jt808.fragments import Missing
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.header import EDITION_2011, EDITION_2013
from luwei.protocol.jt808.messages.media import MediaReply, MediaUpload

DATA, REPLY = 0x0801, 0x8800
HEAD, EARLY_HEAD = 36, 16
"""Bytes before the data; in 2011 (reference §8.22)."""
PART_BYTES = 512 << 10
"""Data in one bus message: well below the 1 MiB that a NATS server takes by default."""
HISTORY_BYTES = 512
"""Data that the history keeps of a file, to tell what it was; the whole is among the files."""
ASKED_MAX = 125
"""Fragments that one 0x8800 can name (2019 §8.52)."""
REMEMBERED = 20_000


def early_packet(frame: Frame, edition: int) -> Frame | None:
    """A 0x0801 of 2011, whose body says which part of how many it is, as the fragment that it is; else None.

    The parts joined are one 0x0801 of 2011 in one packet.
    """
    header, body = frame.header, frame.body
    if header.fragmented or len(body) <= EARLY_HEAD or MediaUpload.layout(body, edition) != EDITION_2011:
        return None
    total, number = int.from_bytes(body[8:12], "big"), int.from_bytes(body[12:16], "big")
    if not 1 <= number <= total <= 0xFFFF or total == 1:
        return None
    one = (1).to_bytes(4, "big")
    part = body[:8] + one + one + body[16:] if number == 1 else body[16:]
    fragment = replace(header, fragmented=True, package_total=total, package_no=number, body_length=len(part))
    return Frame(fragment, part, frame.raw, frame.quirks)


def layout_of(body: bytes, edition: int) -> tuple[int, int]:
    """Edition whose layout a 0x0801 has (some devices of 2013 send that of 2011), and the bytes before its data."""
    layout = MediaUpload.layout(body, edition)
    return layout, EARLY_HEAD if layout == EDITION_2011 else HEAD


def file_rows(row: dict[str, Any], body: bytes, head: int) -> list[dict[str, Any]]:
    """Rows of ``facts.MEDIA_PART`` that carry the data of ``body``; ``row`` holds what the session knows."""
    shared = {name: row[name] for name in ("vehicle_id", "terminal_id", "received_at", "phone", "edition", "serial")}
    shared |= {"file": secrets.randbits(63), "head": body[:head], "batch": 0}
    data = body[head:]
    cuts = range(0, max(len(data), 1), PART_BYTES)
    return [
        shared | {"part": number, "parts": len(cuts), "data": data[at : at + PART_BYTES]}
        for number, at in enumerate(cuts)
    ]


def reply(body: bytes, edition: int, serial: int, wanted: tuple[int, ...] = ()) -> bytes:
    """Body of 0x8800 for the file that ``body`` begins: all is there, or ``wanted`` fragments are missing."""
    early = edition == EDITION_2011
    return MediaReply(
        reply_serial=serial if early else None,
        multimedia_id=int.from_bytes(body[:4], "big"),
        retransmit=wanted[:ASKED_MAX] or None,
    ).encode(EDITION_2011 if early else EDITION_2013)


def request(missing: Missing, edition: int) -> bytes | None:
    """Body of the 0x8800 that asks for what is missing of a file; None where 0x8003 has to ask.

    0x8800 is multimedia's own way, but needs the id in fragment 1, and some devices know 0x8003 only: they take turns.
    """
    if missing.message_id != DATA or missing.head is None or len(missing.head) < 4:
        return None
    layout = MediaUpload.layout(missing.head, edition)
    if missing.round % 2 == 0 and layout != EDITION_2011:
        return None
    return reply(missing.head, layout, missing.first_serial, missing.numbers)


class Confirmed:
    """The last file of each terminal, so that a terminal that missed its 0x8800 and sends all again gets another."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[int, int, bytes]] = OrderedDict()

    def note(self, phone: str, first: int, total: int, body: bytes) -> None:
        """``body`` confirmed the file whose ``total`` fragments begin with serial ``first``."""
        self._last[phone] = first, total, body
        self._last.move_to_end(phone)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def again(self, phone: str, frame: Frame) -> bytes | None:
        """The 0x8800 to be repeated: ``frame`` is the last fragment of the file that was confirmed last."""
        header = frame.header
        first, total, body = self._last.get(phone, (0, 0, b""))
        is_last = header.package_no == total == header.package_total
        return body if is_last and (header.serial - total + 1) & 0xFFFF == first else None
