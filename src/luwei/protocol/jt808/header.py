"""Message header 消息头 of JT/T 808 (2019 §4.4.3): layouts of 2013 and 2019, and the choice between them.

The header does not say which layout it has: devices of 2013 set the version flag, devices of 2019 forget it. Arithmetic
decides: the announced body length fits the bytes of the frame in one layout only (the two differ by 5 bytes).
2011 has the header of 2013; only bodies tell them apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from luwei.protocol.errors import ProtocolError

EDITION_2011, EDITION_2013, EDITION_2019 = 2011, 2013, 2019
EDITIONS = (EDITION_2011, EDITION_2013, EDITION_2019)

BODY_MAX = 1023
"""Longest body of one frame: ten bits of length."""

SIZE_2013, SIZE_2019, SIZE_FRAGMENT = 12, 17, 4
PHONE_SIZE_2013, PHONE_SIZE_2019 = 6, 10

FLAG_SET_BY_2013 = "version_flag_2013"
"""Quirk: a header of 2013 with bit 14 set (V10, [seen] in authentication frames)."""
FLAG_MISSING_2019 = "version_flag_missing"
"""Quirk: a header of 2019 with version byte 1 but without bit 14."""

_LAYOUT_2013 = struct.Struct(">HH6sH")
_LAYOUT_2019 = struct.Struct(">HHB10sH")
_FRAGMENT = struct.Struct(">HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One message header. ``body_length`` is of this frame's body in bytes, unescaped; ``encode_header`` checks it."""

    message_id: int
    body_length: int
    serial: int
    phone_raw: bytes
    """终端手机号 as on the wire: 6 bytes (2011, 2013) or 10 (2019). Replies repeat it unchanged."""
    edition: int
    """2013 or 2019; a registration or a profile may lower a session to 2011."""
    encrypt: int = 0
    """Bits 10-12 of the attributes: 0 none, 1 RSA, others reserved."""
    fragmented: bool = False
    protocol_version: int = 0
    """Version byte of 2019 (from 1); 0 in the earlier editions, which have none."""
    package_total: int = 0
    package_no: int = 0
    """Number of this fragment, from 1; 0 in an unfragmented or a reassembled message."""
    flag_quirk: str = ""
    """``FLAG_SET_BY_2013`` or ``FLAG_MISSING_2019`` when bit 14 contradicts the layout."""

    @property
    def phone(self) -> str:
        """Canonical terminal identity: digits without leading zeros, ``0`` for none, hex digits kept (§11.1, 6)."""
        return self.phone_raw.hex().lstrip("0") or "0"

    @property
    def size(self) -> int:
        """Bytes of the header itself, with the fragment item."""
        return header_size(self.edition) + (SIZE_FRAGMENT if self.fragmented else 0)


def header_size(edition: int) -> int:
    """Bytes of an edition's header without the fragment item."""
    return SIZE_2019 if edition == EDITION_2019 else SIZE_2013


def phone_bytes(phone: str, edition: int) -> bytes:
    """``phone`` as the header field of ``edition``, padded with digit 0 on the left.

    Raises ProtocolError ``value`` when it is not made of (hex) digits or is too long.
    """
    width = 2 * (PHONE_SIZE_2019 if edition == EDITION_2019 else PHONE_SIZE_2013)
    try:
        raw = bytes.fromhex(phone.rjust(width, "0"))
    except ValueError:
        raise ProtocolError("value", f"phone {phone!r}: digits only") from None
    if len(phone) > width or 2 * len(raw) != width:
        raise ProtocolError("value", f"phone {phone!r}: at most {width} digits")
    return raw


def decide_edition(content: bytes, *, length: int | None = None) -> tuple[int, str] | None:
    """Edition of an unescaped frame (header, body and check code) and the flag quirk, or None when neither fits.

    The four rows of the reference's §2.3. ``length`` overrides the announced body length (for devices that count
    something else than the body). ``content`` has at least 4 bytes.
    """
    attributes = content[2] << 8 | content[3]
    body = attributes & 0x3FF if length is None else length
    rest = len(content) - body - (SIZE_FRAGMENT if attributes & 0x2000 else 0) - 1
    versioned = bool(attributes & 0x4000)
    if rest == SIZE_2019:
        if versioned:
            return EDITION_2019, ""
        if content[4] == 1:
            return EDITION_2019, FLAG_MISSING_2019
    if rest == SIZE_2013:
        return EDITION_2013, FLAG_SET_BY_2013 if versioned else ""
    return None


def decode_header(content: bytes, edition: int, flag_quirk: str, body_length: int) -> Header:
    """Read the header of ``edition`` at the start of ``content``.

    ``body_length`` is what the frame really holds. Raises ProtocolError ``short_header`` when ``content`` is shorter.
    """
    attributes = content[2] << 8 | content[3] if len(content) >= 4 else 0
    fragmented = bool(attributes & 0x2000)
    size = header_size(edition)
    if len(content) < size + (SIZE_FRAGMENT if fragmented else 0):
        raise ProtocolError("short_header", f"{len(content)} bytes", len(content))
    version = 0
    if edition == EDITION_2019:
        message_id, _, version, phone_raw, serial = _LAYOUT_2019.unpack_from(content)
    else:
        message_id, _, phone_raw, serial = _LAYOUT_2013.unpack_from(content)
    total, number = _FRAGMENT.unpack_from(content, size) if fragmented else (0, 0)
    return Header(
        message_id=message_id,
        body_length=body_length,
        serial=serial,
        phone_raw=phone_raw,
        edition=edition,
        encrypt=attributes >> 10 & 7,
        fragmented=fragmented,
        protocol_version=version,
        package_total=total,
        package_no=number,
        flag_quirk=flag_quirk,
    )


def encode_header(header: Header) -> bytes:
    """The header as the standard writes it: bit 14 follows the edition, whatever ``flag_quirk`` says.

    Raises ProtocolError ``value`` when a field does not fit its bits.
    """
    is_2019 = header.edition == EDITION_2019
    phone_size = PHONE_SIZE_2019 if is_2019 else PHONE_SIZE_2013
    limits = (
        ("message id", header.message_id, 0xFFFF),
        ("body length", header.body_length, BODY_MAX),
        ("serial", header.serial, 0xFFFF),
        ("encrypt", header.encrypt, 7),
        ("protocol version", header.protocol_version, 0xFF),
        ("package total", header.package_total, 0xFFFF),
        ("package number", header.package_no, 0xFFFF),
    )
    for name, value, high in limits:
        if not 0 <= value <= high:
            raise ProtocolError("value", f"{name} {value}: must be from 0 to {high}")
    if header.edition not in EDITIONS:
        raise ProtocolError("edition", f"{header.edition}: must be one of 2011, 2013, 2019")
    if len(header.phone_raw) != phone_size:
        raise ProtocolError(
            "value", f"phone of {len(header.phone_raw)} bytes: edition {header.edition} has {phone_size}"
        )
    if header.fragmented and not 1 <= header.package_no <= header.package_total:
        raise ProtocolError("value", f"fragment {header.package_no} of {header.package_total}")
    attributes = header.body_length | header.encrypt << 10 | header.fragmented << 13 | is_2019 << 14
    if is_2019:
        out = _LAYOUT_2019.pack(header.message_id, attributes, header.protocol_version, header.phone_raw, header.serial)
    else:
        out = _LAYOUT_2013.pack(header.message_id, attributes, header.phone_raw, header.serial)
    return out + _FRAGMENT.pack(header.package_total, header.package_no) if header.fragmented else out
