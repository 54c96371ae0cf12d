"""The open commands in memory: an index of what the registry knows, by id, by batch and by phone, and the order to try.

Small batches go first: a person who asks one truck does not wait behind a selection of thousands.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Gauge

from luwei.commands.journal import OpenBatch, OpenCommand
from luwei.commands.kind import Sendable
from luwei.commands.kinds import KINDS
from luwei.gateway.orders import Letter
from luwei.protocol.errors import ProtocolError

UNDER_WAY_MAX = 5_000
"""Commands that wait for answers at once; small batches are not held up by it."""
SMALL = 10

_open = Gauge("luwei_commands_open", "Commands queued or under way")


@dataclass(slots=True)
class Batch:
    """A batch with open commands. ``letter`` is None where this release cannot write it: it expires unsent."""

    letter: Letter | None
    repeatable: bool
    paused: bool
    expires_at: int
    now_only: bool
    open: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Pending:
    """An open command; ``ready``: it stands in the line of those to be tried."""

    id: int
    batch: int
    phone: str
    gateway: str = ""
    boot: int = 0
    due_ms: int = 0
    sent: bool = False
    ready: bool = False


def _letter(kind: Sendable | None, batch: OpenBatch) -> Letter | None:
    try:
        return None if kind is None else kind.letter(batch.parameters)
    except (ProtocolError, KeyError, TypeError):
        # entered by a release whose form differed
        return None


class Index:
    """All open commands."""

    def __init__(self, kinds: Mapping[str, Sendable] = KINDS) -> None:
        self._kinds = kinds
        self.batches: dict[int, Batch] = {}
        self.commands: dict[int, Pending] = {}
        self.under_way = 0
        self._by_phone: dict[str, set[int]] = defaultdict(set)
        self._ready: deque[Pending] = deque()
        self._first: deque[Pending] = deque()

    def enter(self, batches: Iterable[OpenBatch], commands: Iterable[OpenCommand], now_only_ms: int) -> None:
        """Take in what the registry has; all that is queued is ready."""
        entered = list(batches)
        for batch in entered:
            if batch.id in self.batches:
                continue  # further commands of a batch that is open
            kind = self._kinds.get(batch.kind)
            self.batches[batch.id] = Batch(
                _letter(kind, batch),
                kind is not None and kind.repeatable,
                batch.paused,
                batch.expires_at,
                batch.expires_at - batch.created_at <= now_only_ms,
            )
        for row in commands:
            command = Pending(row.id, row.batch, row.phone, row.gateway, row.boot, row.due_at, row.sent)
            self.commands[row.id] = command
            self.batches[row.batch].open.add(row.id)
            self._by_phone[row.phone].add(row.id)
            self.under_way += row.sent
        for batch in entered:
            self.make_ready(self.batches[batch.id].open)

    def make_ready(self, keys: Iterable[int]) -> None:
        """Try these again, in the order of their entering."""
        for key in sorted(keys):
            command = self.commands.get(key)
            if command is None or command.sent or command.ready:
                continue
            command.ready = True
            (self._first if len(self.batches[command.batch].open) <= SMALL else self._ready).append(command)
        _open.set(len(self.commands))

    def of_phone(self, phone: str) -> set[int]:
        return self._by_phone.get(phone, set())

    def next(self, most: int) -> list[Pending]:
        """The next commands to try."""
        chunk: list[Pending] = []
        while len(chunk) < most:
            if self._first:
                command = self._first.popleft()
            elif self._ready and self.under_way + len(chunk) < UNDER_WAY_MAX:
                command = self._ready.popleft()
            else:
                break
            command.ready = False
            batch = self.batches.get(command.batch)
            usable = batch is not None and not batch.paused and batch.letter is not None
            if usable and command.id in self.commands and not command.sent:
                chunk.append(command)
        return chunk

    def sent(self, key: int, gateway: str, boot: int, due_ms: int) -> None:
        """A gateway carries it."""
        command = self.commands[key]
        command.sent, command.gateway, command.boot, command.due_ms = True, gateway, boot, due_ms
        self.under_way += 1

    def back(self, key: int) -> None:
        """It is queued again; its terminal may be back already."""
        command = self.commands[key]
        self.under_way -= command.sent
        command.sent, command.gateway, command.boot = False, "", 0
        self.make_ready([key])

    def forget(self, key: int) -> None:
        """It has ended."""
        command = self.commands.pop(key, None)
        if command is None:
            return
        self.under_way -= command.sent
        waiting = self._by_phone[command.phone]
        waiting.discard(key)
        if not waiting:
            del self._by_phone[command.phone]
        batch = self.batches[command.batch]
        batch.open.discard(key)
        if not batch.open:
            del self.batches[command.batch]
        _open.set(len(self.commands))

    def drop_queued(self, batch: int) -> None:
        """What is not sent of a batch has ended."""
        known = self.batches.get(batch)
        for key in list(known.open) if known is not None else []:
            if not self.commands[key].sent:
                self.forget(key)
