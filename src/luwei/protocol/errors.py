"""What this layer raises: one exception, with a code that the ledger counts by."""

from __future__ import annotations


class ProtocolError(ValueError):
    """Bytes break a rule of the standard, or a value cannot be written as the standard demands.

    ``code`` is a short stable word, ``detail`` says what was found, ``offset`` (where known) is the first byte at
    fault, counted in the bytes that the raising function was given.

    Codes of frames: ``delimiter`` (0x7e missing, or in the middle), ``escape`` (0x7d not followed by 01 or 02),
    ``short`` (a torn piece: too short, and the check code does not hold), ``short_header`` (the check code holds but
    the header is incomplete), ``checksum``, ``body_length`` (the announced length fits no edition's header),
    ``fragment`` (number 0 or above the total).
    Codes of bodies: ``body_short`` (a mandatory field is missing), ``body_malformed`` (a list contradicts its own
    counts or lengths).
    Codes of writing: ``value`` (out of range, wrong type, or not expressible in GBK), ``edition`` (the edition has no
    such message or field).
    Of input files: ``input`` (a line is not a JSON object with an ``id`` and a hex string).
    """

    __slots__ = ("code", "detail", "offset")

    def __init__(self, code: str, detail: str, offset: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.offset = offset
