"""Platform general replies (0x8001, JT/T 808-2019 §8.2) for many frames at once, escaped and ready to send."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luwei.protocol.jt808.batch.cut import ESCAPE, FLAG, Bytes, Frames, Index, Mask, windows

PLATFORM_GENERAL_REPLY = 0x8001

_SIZE19, _SIZE13 = 25, 20
_LEAD = _SIZE19 - _SIZE13
"""A frame of 2013 is written into the last 20 bytes of a row of 25: from the phone on, both layouts are the same."""

_HEAD19 = np.frombuffer(bytes.fromhex("7e8001400501"), np.uint8)[:, None]
_HEAD13 = np.frombuffer(bytes.fromhex("7e80010005"), np.uint8)[:, None]


@dataclass(frozen=True, slots=True)
class Replies:
    """Wire bytes of n frames one after the other; frame i is ``wire[offsets[i] : offsets[i + 1]]``."""

    wire: bytes
    offsets: Index


def general_replies(frames: Frames, chosen: Index, serial: npt.NDArray[np.uint16], result: int = 0) -> Replies:
    """0x8001 with ``result`` to the ``chosen`` candidates, in their own layout and with their own phone bytes (§2.4).

    ``serial`` has the serial number of each reply.
    """
    layout19 = frames.layout19[chosen]
    # One row a byte position: assigning and xoring whole rows is ten times faster than columns
    rows = np.empty((_SIZE19, chosen.size), np.uint8)
    rows[:6] = _HEAD19
    only19 = bool(layout19.all())
    start = frames.start[chosen]
    # the ten bytes before the frame's own serial: the phone of 2019, or those of 2013 behind four bytes of no use
    rows[6:16] = windows(frames.data, 10)[start + np.where(layout19, 5, 0)].view(np.uint8).reshape(-1, 10).T
    if not only19:
        old = (~layout19).nonzero()[0]
        rows[_LEAD : _LEAD + 5, old] = _HEAD13
    words = (serial, frames.serial[chosen], frames.message_id[chosen])
    rows[16:22] = np.array(words, ">u2").T.copy().view(np.uint8).reshape(-1, 6).T
    rows[22] = result
    check = np.bitwise_xor.reduce(rows[6:23], axis=0)
    check ^= np.uint8(0x80 ^ 0x01 ^ 0x40 ^ 0x05 ^ 0x01)
    if not only19:
        # the row holds the head of 2013 from byte 5 on: 7e 80 01 00 05, and its xor counted one byte of it already
        check[old] = np.bitwise_xor.reduce(rows[_LEAD + 1 : 23, old], axis=0)
    rows[23] = check
    rows[24] = FLAG
    flat = np.ascontiguousarray(rows.T)
    if only19:
        offsets = np.arange(0, flat.size + 1, _SIZE19)
        content = flat.reshape(-1)
    else:
        size = np.where(layout19, _SIZE19, _SIZE13)
        offsets = np.zeros(chosen.size + 1, np.intp)
        np.cumsum(size, out=offsets[1:])
        keep: Mask = np.ones(flat.shape, np.bool_)
        keep[old, :_LEAD] = False
        content = flat[keep]
    return _escaped(content, offsets)


def _escaped(content: Bytes, offsets: Index) -> Replies:
    special = (content == ESCAPE) | (content == FLAG)
    special[offsets[:-1]] = False
    special[offsets[1:] - 1] = False
    at = special.nonzero()[0]
    if not at.size:
        return Replies(content.tobytes(), offsets)
    code = content[at] - (ESCAPE - 1)
    content[at] = ESCAPE
    wire = np.insert(content, at + 1, code)
    return Replies(wire.tobytes(), offsets + np.searchsorted(at, offsets))
