"""Batch uploads 0x0704 定位数据批量上传 (JT/T 808-2019 §8.48, reference §8.20): where each location body lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luwei.protocol.jt808.batch.cut import PADDING, Bytes, Index
from luwei.protocol.jt808.batch.location import BASIC_LENGTH

KIND_NORMAL, KIND_BLIND_SPOT = 0, 1


@dataclass(frozen=True, slots=True)
class Points:
    """The location bodies of one 0x0704 as (offset, length) pairs.

    ``problem`` names the worst of what was odd, or is empty: ``body_short`` (no count and type),
    ``batch_single_length`` (one length for all items, reference §8.20 a), ``batch_item_length`` (an item that is cut
    off or shorter than the basic part, b), ``batch_count`` (fewer items than announced, c), ``body_trailing`` (bytes
    left over).
    """

    kind: int
    announced: int
    spans: list[tuple[int, int]]
    problem: str


def split_points(body: bytes) -> Points:
    """Find the items of a whole 0x0704 body; keeps what can be read and never raises."""
    if len(body) < 3:
        return Points(0, 0, [], "body_short")
    announced, kind, end = body[0] << 8 | body[1], body[2], len(body)
    spans: list[tuple[int, int]] = []
    at, problem, lands = 3, "", True
    for _ in range(announced):
        if end - at < 2:
            lands = False
            break
        first = at + 2
        at = first + (body[at] << 8 | body[at + 1])
        if at > end:
            at, problem, lands = end, "batch_item_length", False
        if at - first < BASIC_LENGTH:
            problem = "batch_item_length"
        else:
            spans.append((first, at - first))
    lands = lands and at == end
    if lands and not problem:
        return Points(kind, announced, spans, "")
    length = body[3] << 8 | body[4] if end >= 5 else 0
    if not lands and announced > 1 and length >= BASIC_LENGTH and end == 5 + announced * length:
        spans = [(5 + number * length, length) for number in range(announced)]
        return Points(kind, announced, spans, "batch_single_length")
    if not problem:
        problem = "batch_count" if len(spans) < announced else "body_trailing"
    return Points(kind, announced, spans, problem)


def join_bodies(bodies: Sequence[bytes], spans: Sequence[Sequence[tuple[int, int]]]) -> tuple[Bytes, Index, Index]:
    """Bodies and the spans within each as what ``location.locations`` takes: data, offsets, lengths."""
    data = np.frombuffer(b"".join((*bodies, bytes(PADDING))), np.uint8)
    offsets: list[int] = []
    lengths: list[int] = []
    base = 0
    for body, own in zip(bodies, spans, strict=True):
        for offset, length in own:
            offsets.append(base + offset)
            lengths.append(length)
        base += len(body)
    return data, np.array(offsets, np.intp), np.array(lengths, np.intp)
