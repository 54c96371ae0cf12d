"""Recognise retransmissions: same serial, same body (reference §6).

A hash of the whole body is kept a connection instead of the body: 64-bit words, each mixed by a multiplication and a
shift, times odd constants, summed. Any difference within one word changes it for certain, others all but certainly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luwei.protocol.jt808.batch.cut import Bytes, Index, windows

_WINDOW = 64
_FACTORS = np.random.default_rng(0x808).integers(0, 2**63, (16, 8), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_MASKS = (np.arange(_WINDOW)[None, :] < np.arange(_WINDOW + 1)[:, None]).astype(np.uint8) * np.uint8(255)
_MASK_WORDS = _MASKS.view(np.uint64)


def body_hash(data: Bytes, body: Index, length: Index) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each body; equal bodies have equal hashes wherever they lie in ``data``."""
    result: npt.NDArray[np.uint64] = length.astype(np.uint64) * _FACTORS[-1, 0]
    rows: Index | slice = slice(None)
    for number, base in enumerate(range(0, int(length.max(initial=0)), _WINDOW)):
        if base:
            rows = (length > base).nonzero()[0]
        words = windows(data, _WINDOW)[body[rows] + base].view(np.uint64).reshape(-1, 8)
        words = (words & _MASK_WORDS[np.minimum(length[rows] - base, _WINDOW)]) * _MIX
        words ^= words >> np.uint64(31)
        result[rows] += words @ _FACTORS[number % 16]
    return result
