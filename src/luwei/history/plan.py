"""What the ingest must remember over its own death: the insert it is about to do, and the batches it has done.

Both lie in one value of a JetStream key-value bucket, written before each insert. So whoever starts next can repeat an
interrupted insert with the same rows under the same token, and knows a batch that a gateway sends again long after the
bus forgot its id.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from luwei.facts import BatchId

BOOTS = 1000
"""Boots remembered, most recently heard first to stay; a gateway has one boot a start."""
RANGES = 256
"""Ranges remembered of one boot. Numbers arrive nearly in order, so there is rarely more than one range."""

Ranges = list[list[int]]
"""Sorted, disjoint, not touching pairs of first and last number, both included."""


def compress(numbers: Iterable[int]) -> Ranges:
    """Ranges that cover exactly ``numbers``."""
    ranges: Ranges = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def expand(ranges: Ranges) -> list[int]:
    """The numbers that ``ranges`` cover, in order."""
    return [number for first, last in ranges for number in range(first, last + 1)]


class Seen:
    """Batches that are in the history, or in the insert that is under way."""

    def __init__(self, boots: dict[int, Ranges] | None = None) -> None:
        self._boots = boots or {}

    def __contains__(self, batch: BatchId) -> bool:
        ranges = self._boots.get(batch.boot, [])
        # The newest numbers are asked for most.
        for first, last in reversed(ranges):
            if batch.number > last:
                return False
            if batch.number >= first:
                return True
        return False

    def with_added(self, batches: Iterable[BatchId]) -> Seen:
        """A copy that also has ``batches``; past the bounds the boots and the numbers heard longest ago go."""
        added: dict[int, list[int]] = {}
        for batch in batches:
            added.setdefault(batch.boot, []).append(batch.number)
        boots = {boot: ranges for boot, ranges in self._boots.items() if boot not in added}
        for boot, numbers in added.items():
            boots[boot] = _merge(self._boots.get(boot, []), compress(numbers))[-RANGES:]
        for boot in list(boots)[: max(0, len(boots) - BOOTS)]:
            del boots[boot]
        return Seen(boots)

    def as_json(self) -> list[tuple[int, Ranges]]:
        """Boots with their ranges, the most recently heard last."""
        return list(self._boots.items())

    @staticmethod
    def from_json(value: list[tuple[int, Ranges]]) -> Seen:
        return Seen({int(boot): [list(pair) for pair in ranges] for boot, ranges in value})


def _merge(old: Ranges, new: Ranges) -> Ranges:
    merged: Ranges = []
    for first, last in sorted(old + new):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    assert all(a[1] + 1 < b[0] for a, b in pairwise(merged))
    return merged


@dataclass(frozen=True, slots=True)
class Plan:
    """One insert: which bus messages it has, in order of their stream sequence."""

    lineage: str
    """Random, made with the bucket: tokens of an earlier bucket, whose bus was wiped, are never used again."""
    number: int
    writer: str
    """Random per ingest process, to notice a second one."""
    at_ms: int
    sequences: list[int]
    seen: Seen = field(repr=False)
    """Has the batches of this plan already."""
    derived: list[int] = field(default_factory=list)
    """Messages of the stream of alarms whose rows belong to this insert too."""

    @staticmethod
    def first(writer: str) -> Plan:
        """The empty plan of a new bucket."""
        return Plan(secrets.token_hex(8), 0, writer, 0, [], Seen())

    def next(
        self, writer: str, at_ms: int, sequences: list[int], batches: Iterable[BatchId], derived: Iterable[int] = ()
    ) -> Plan:
        """The plan that follows this one when it is done."""
        seen = self.seen.with_added(batches)
        return Plan(self.lineage, self.number + 1, writer, at_ms, sorted(sequences), seen, sorted(derived))

    def token(self, table: str) -> str:
        """Deduplication token of this plan's insert into ``table``."""
        return f"{self.lineage}-{self.number}-{table}"

    def dump(self) -> bytes:
        return json.dumps(
            {
                "lineage": self.lineage,
                "number": self.number,
                "writer": self.writer,
                "at": self.at_ms,
                "sequences": compress(self.sequences),
                "seen": self.seen.as_json(),
                "derived": compress(self.derived),
            },
            separators=(",", ":"),
        ).encode()

    @staticmethod
    def load(value: bytes) -> Plan:
        """The inverse of ``dump``. Raises ValueError, KeyError, TypeError."""
        data = json.loads(value)
        return Plan(
            data["lineage"],
            data["number"],
            data["writer"],
            data["at"],
            expand(data["sequences"]),
            Seen.from_json(data["seen"]),
            expand(data.get("derived", [])),
        )
