"""What the core and the gateways say to each other about commands 下发指令, as MessagePack on the bus.

``command.<shard>`` takes a ``Dispatch`` and answers at once with a ``Receipt``; what became of a command comes later as
``Outcomes`` on ``command.outcome`` and is repeated until the core has confirmed that it wrote it down.
"""

from __future__ import annotations

import msgspec

ANSWERED, ACKNOWLEDGED, NO_ANSWER, LINK_LOST = "answered", "acknowledged", "no_answer", "link_lost"
"""How a command ends: its answer came; only 0x0001 came although another answer is due; nothing came after all
repetitions; the line ended first, so that nobody knows whether the terminal got it."""

EDITION, BUSY, SLAVE_SERVER, CHARSET = "edition", "busy", "slave_server", "charset"
"""Why a gateway does not take a command: the session's edition has no such message; too many wait for this terminal; by
its profile the terminal reports here as to a slave server and answers no command (2019 §3.1.10); its texts do not fit
in the charset that its profile wants."""

OUTCOME_SUBJECT = "command.outcome"


def command_subject(shard: int | str) -> str:
    """Subject of one gateway."""
    return f"command.{shard}"


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """One message as each edition writes it: the session decides which body goes out."""

    message_id: int
    bodies: dict[int, bytes]
    answer: int = 0
    """Id of the answer that ends the command; 0: the general reply 0x0001."""
    general_ends: bool = False
    """A general reply of result 0 ends it too: some devices answer with nothing else (reference §8.22)."""
    patience_s: int = 0
    """Time for the answer once 0x0001 came: a driver has to read a question."""
    transfer_s: int = 0
    """Time that the message itself takes on a slow line, before its first repetition."""
    binary: dict[int, bytes] = {}
    """Bodies for terminals whose profile wants binary numbers in 0x8105 (reference §8.8)."""

    texts: dict[str, dict[int, bytes]] = {}
    """Bodies for terminals whose profile wants texts in another charset than GBK, by charset, where they differ; an
    edition that is missing there cannot be written in it."""

    kept: dict[int, bytes] = {}
    """Bodies as the history shall keep them, where the message carries a password."""

    def body(self, edition: int, binary: bool, charset: str = "gbk") -> bytes | None:
        """The body for one terminal, None where its charset cannot say it."""
        if charset in self.texts:
            return self.texts[charset].get(edition)
        return self.binary.get(edition, self.bodies[edition]) if binary else self.bodies[edition]


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Command number ``command`` to ``phone``; ``letter`` is a place in the dispatch's list."""

    command: int
    phone: str
    letter: int


class Dispatch(msgspec.Struct, frozen=True, array_like=True):
    letters: list[Letter]
    orders: list[Order]
    notices: list[Order] = []
    """Messages that want no answer, such as 0x9105: their number counts for nothing, and nothing is said of them."""


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """A command that this gateway carries. After ``due_ms`` (UTC) its outcome is late."""

    command: int
    due_ms: int
    edition: int


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """What a gateway does with a dispatch; commands whose terminal it does not hold stand nowhere in it."""

    gateway: str
    boot: int
    taken: list[Taken]
    refused: list[tuple[int, str]]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The end of one command: ``result`` of 0x0001 (or -1), and the body of a specific answer."""

    command: int
    how: str
    at_ms: int
    attempts: int
    edition: int
    result: int = -1
    message_id: int = 0
    body: bytes = b""
    charset: str = "gbk"
    """Of the terminal's texts, by its profile."""
    serial: int = -1
    """Of the message as it went out (its first frame's), which later messages call it by; -1: it did not go out."""


class Outcomes(msgspec.Struct, frozen=True, array_like=True):
    gateway: str
    boot: int
    items: list[Outcome]
