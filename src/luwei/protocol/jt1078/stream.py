"""Cutting one connection's bytes into media packets (reference §1.2, §1.4, §7).

In step, a packet ends where its length says, and the next begins there. Where it does not, the packet is dropped and
the search begins again behind its prefix, so that packets which a wrong length would have swallowed are found. Out of
step a candidate counts only with the next prefix behind it, or with nothing at all: a body may hold the magic.
A packet in step is not kept until the next one comes: that would show every picture one frame later.

The width of the SIM is decided by the first packet that is followed by another. Later it is decided anew only where the
known width fails and the other one holds for two packets in a row. Nothing is ever raised, and no more is kept than one
packet of the greatest length and the prefixes behind it.
"""

from __future__ import annotations

from typing import NamedTuple

from luwei.protocol.jt1078.packet import (
    AUDIO,
    BODY_STANDARD,
    HEADER_MAX,
    KIND_OFFSETS,
    LAYOUTS,
    MIDDLE,
    PACKET_MAX,
    PASSTHROUGH,
    PREFIX,
    SIM_SIZES,
    Packet,
    unpack,
)

GARBAGE_MAX = 64 * 1024
"""So much before the first packet, and the connection is none of media."""
PENDING_MAX = 2 * PACKET_MAX + len(PREFIX)
"""Most bytes kept: two packets are needed where the width is in question."""

_NO, _MORE, _YES = 0, -1, 1
_LATER = 8
"""Candidates looked at behind one that waits."""
_LOOK = 1024
"""Octets after which it is looked for them again."""
_USUAL = HEADER_MAX + BODY_STANDARD
"""Longest packet by the standard: nothing is looked for behind one that waits for less."""


class Slip(NamedTuple):
    """The stream was out of step: frames that were begun before it cannot be trusted."""

    skipped: int
    """Octets thrown away, those of a dropped packet included."""


Event = Packet | Slip


class PacketReader:
    """One connection, or one source of datagrams. ``sim_size`` (6 or 10) where an operator has set it; it is then never
    decided from the data. ``sound``: sound is what is expected: a packet of sound with a SIM of 10 octets and zeros in
    the middle of its number reads as well as one of a picture with 6."""

    __slots__ = (
        "_fixed",
        "_in_step",
        "_need",
        "_pending",
        "_skipped",
        "_sound",
        "garbage",
        "packets",
        "sim_size",
        "slips",
        "widths",
    )

    def __init__(self, sim_size: int | None = None, sound: bool = False) -> None:
        self._sound = sound
        self._fixed = sim_size is not None
        self._pending = bytearray()
        self._need = 0
        self._in_step = False
        self._skipped = 0
        self.sim_size = sim_size
        """Width of the SIM, None until it is decided."""
        self.packets = 0
        self.slips = 0
        """How often step was lost: a device with more than ten in a minute is to be cut off (reference §7)."""
        self.garbage = 0
        """Octets thrown away so far."""
        self.widths = 0
        """How often the width was decided anew."""

    @property
    def hopeless(self) -> bool:
        """Whether no packet came within 64 KiB. That none came within 5 s is for the caller to see."""
        return not self.packets and self.garbage > GARBAGE_MAX

    @property
    def pending(self) -> int:
        """Octets kept for what is not complete."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> list[Event]:
        """Packets that ``chunk`` completes, in order, with a ``Slip`` before the first packet after a loss of step."""
        events: list[Event] = []
        # in pieces, so that one great chunk of hostile bytes is bounded too
        for start in range(0, len(chunk), PACKET_MAX):
            self._take(chunk[start : start + PACKET_MAX] if len(chunk) > PACKET_MAX else chunk, events)
        return events

    def settle(self) -> list[Event]:
        """Nothing came for a second: a lone first packet decides the width by its length alone (reference §1.2, 4)."""
        if self._in_step or not self._pending:
            return []
        data = bytes(self._pending)
        fitting = [sim_size for sim_size in self._sizes() if _stop(data, 0, sim_size) == len(data)]
        if not fitting:
            return []
        self._pending.clear()
        self._need = 0
        events: list[Event] = []
        self._accept(data, 0, self._likely(data, 0, fitting), events)
        return events

    def _likely(self, data: bytes, at: int, fitting: list[int]) -> int:
        """Of widths that fit, that of a packet of sound where sound is expected, else the first."""
        if self._sound:
            for sim_size in fitting:
                if data[at + KIND_OFFSETS[sim_size]] >> 4 == AUDIO:
                    return sim_size
        return fitting[0]

    def _sizes(self) -> tuple[int, ...]:
        return SIM_SIZES if self.sim_size is None else (self.sim_size,)

    def _take(self, chunk: bytes, events: list[Event]) -> None:
        if self._pending:
            self._pending += chunk
            if len(self._pending) < self._need:
                return
            data = bytes(self._pending)
            self._pending.clear()
        else:
            data = bytes(chunk)
        self._need = 0
        at, end = 0, len(data)
        while at < end:
            if self._in_step:
                at = self._usual(data, at, events)
                if at == end:
                    break
                stop = self._step(data, at, events)
            else:
                stop = self._search(data, at, events)
            if stop < 0:
                at = -stop - 1
                break
            at = stop
        if at < end:
            self._pending += data[at:]
            self._need -= at

    def _usual(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read packets from ``at`` on while each is whole and the next prefix, or nothing, stands behind it: nearly all
        of a stream, without a call each. Answers the place of the first that is otherwise."""
        sim_size = self.sim_size or SIM_SIZES[0]
        layouts, offset, end = LAYOUTS[sim_size], KIND_OFFSETS[sim_size], len(data)
        starts, found = data.startswith, len(events)
        while at + offset < end and starts(PREFIX, at):
            kind = data[at + offset]
            if kind >> 4 > PASSTHROUGH or kind & 15 > MIDDLE:
                break
            layout = layouts[kind >> 4]
            start = at + layout.size
            if start > end:
                break
            stop = start + (data[start - 2] << 8 | data[start - 1])
            if stop > end or (stop < end and not starts(PREFIX, stop)):
                break
            events.append(unpack(data, at, layout, stop))
            at = stop
        self.packets += len(events) - found
        return at

    def _step(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read the packet at ``at``. Answers the place to go on at, or ``-place - 1`` to wait with what is there."""
        sim_size = self.sim_size or SIM_SIZES[0]
        stop = _stop(data, at, sim_size)
        if stop == _NO:
            self._slip(0)
            return at
        if stop < 0 or stop > len(data):
            self._need = stop
            if stop - at <= _USUAL:
                return -at - 1
            if self._later(data, at) is None:
                self._wait(len(data) + _LOOK)
                return -at - 1
            self._slip(len(PREFIX))
            return at + len(PREFIX)
        if data[stop : stop + len(PREFIX)] != PREFIX and not PREFIX.startswith(data[stop : stop + len(PREFIX)]):
            self._slip(len(PREFIX))
            return at + len(PREFIX)
        events.append(unpack(data, at, LAYOUTS[sim_size][data[at + KIND_OFFSETS[sim_size]] >> 4], stop))
        self.packets += 1
        return stop

    def _slip(self, dropped: int) -> None:
        self._in_step = False
        self.slips += 1
        self._skip(dropped)

    def _skip(self, count: int) -> None:
        self._skipped += count
        self.garbage += count

    def _search(self, data: bytes, at: int, events: list[Event]) -> int:
        end = len(data)
        found = data.find(PREFIX, at)
        if found < 0:
            # the prefix may have begun
            keep = next((n for n in range(min(len(PREFIX) - 1, end - at), 0, -1) if data.endswith(PREFIX[:n])), 0)
            self._skip(end - keep - at)
            return -(end - keep) - 1 if keep else end
        self._skip(found - at)
        self._need = 0
        fit, sim_size = self._judge(data, found)
        if fit == _YES:
            return self._accept(data, found, sim_size, events)
        if fit == _NO:
            self._skip(len(PREFIX))
            return found + len(PREFIX)
        later = self._later(data, found)
        if later is None:
            self._wait(end + _LOOK)
            return -found - 1
        self._skip(later[0] - found)
        return self._accept(data, *later, events)

    def _later(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Place and width of a packet that proves itself behind the one at ``at``, which waits for its end. That one
        has a wrong length, or is a magic by chance: nobody shall wait for 64 KiB because of it."""
        place = at
        for _ in range(_LATER):
            place = data.find(PREFIX, place + len(PREFIX))
            if place < 0:
                break
            fit, sim_size = self._judge(data, place, proven=True)
            if fit == _YES:
                return place, sim_size
        return None

    def _judge(self, data: bytes, at: int, proven: bool = False) -> tuple[int, int]:
        """Whether a packet begins at ``at``, and of which width; ``proven``: with the whole next prefix behind it."""
        verdict = _NO
        fitting = []
        for sim_size in self._candidates():
            packets = 2 if self.sim_size not in (None, sim_size) else 1
            fit = self._fits(data, at, sim_size, packets, proven or sim_size != self.sim_size)
            if fit == _YES:
                fitting.append(sim_size)
                if not self._sound:
                    break
            verdict = verdict or fit
        return (_YES, self._likely(data, at, fitting)) if fitting else (verdict, 0)

    def _candidates(self) -> tuple[int, ...]:
        if self._fixed or self.sim_size is None:
            return self._sizes()
        return SIM_SIZES if self.sim_size == SIM_SIZES[0] else SIM_SIZES[::-1]

    def _fits(self, data: bytes, at: int, sim_size: int, packets: int, proven: bool) -> int:
        """Whether ``packets`` packets of that width follow each other, and a prefix them: the ``proven`` whole one, or
        as much of it as is there."""
        for _ in range(packets):
            stop = _stop(data, at, sim_size)
            if stop == _NO:
                return _NO
            if stop < 0 or stop > len(data):
                self._wait(stop if stop > 0 else len(data) + 1)
                return _MORE
            at = stop
        following = data[at : at + len(PREFIX)]
        if not PREFIX.startswith(following):
            return _NO
        if following == PREFIX or not proven:
            return _YES
        self._wait(at + len(PREFIX))
        return _MORE

    def _wait(self, stop: int) -> None:
        """Look again as soon as ``stop`` octets are there."""
        self._need = min(self._need, stop) if self._need else stop

    def _accept(self, data: bytes, at: int, sim_size: int, events: list[Event]) -> int:
        """In step again with the packet at ``at``. Answers the place behind it."""
        if self.packets:
            events.append(Slip(self._skipped))
        self._skipped = self._need = 0
        if self.sim_size not in (None, sim_size):
            self.widths += 1
        self.sim_size = sim_size
        self._in_step = True
        self.packets += 1
        stop = _stop(data, at, sim_size)
        events.append(unpack(data, at, LAYOUTS[sim_size][data[at + KIND_OFFSETS[sim_size]] >> 4], stop))
        return stop


def _stop(data: bytes, at: int, sim_size: int) -> int:
    """Where the packet at ``at`` ends, perhaps beyond ``data``; 0 where none can be, negative where more of its header
    is needed to tell."""
    if not data.startswith(PREFIX, at):
        return _MORE if PREFIX.startswith(data[at : at + len(PREFIX)]) else _NO
    place = at + KIND_OFFSETS[sim_size]
    if place >= len(data):
        return _MORE
    kind = data[place]
    if kind >> 4 > PASSTHROUGH or kind & 15 > MIDDLE:
        return _NO
    start = at + LAYOUTS[sim_size][kind >> 4].size
    if start > len(data):
        return _MORE
    return start + (data[start - 2] << 8 | data[start - 1])
