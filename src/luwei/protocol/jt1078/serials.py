"""Packet serials 包序号: what is missing, and which counter a device keeps (reference §1.1, §1.5, §7).

The standard has one counter a connection, over audio and video. Devices also count each kind for itself, or not at all.
Until fifty packets have told which, a serial that follows in either of the two ways is in order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from luwei.protocol.jt1078.packet import Packet

CENSUS = 50
"""Packets after which the counter is known (reference §7)."""
STREAMS_MAX = 64
"""Most streams (SIM, channel and kind) remembered a connection; the one unused longest goes first."""

UNKNOWN, SHARED, SEPARATE, OFF = "unknown", "shared", "separate", "off"
_MOST = 0.8
_LOSSY_STEP = 100
_HALF = 0x8000


class SerialCheck:
    """The serials of one connection."""

    __slots__ = ("_ahead", "_last", "_last_of", "_seen", "_separate", "_shared", "counter", "gaps", "lost")

    def __init__(self) -> None:
        self._last: int | None = None
        self._last_of: OrderedDict[Hashable, int] = OrderedDict()
        self._seen = self._shared = self._separate = self._ahead = 0
        self.counter = UNKNOWN
        """``shared`` by the standard, ``separate`` for each stream, ``off`` when the serials tell nothing."""
        self.gaps = 0
        self.lost = 0
        """Packets missing. A counter that jumps back is a gap that counts none."""

    def add(self, serial: int, stream: Hashable) -> bool:
        """Whether packets are missing before this one of ``stream``."""
        if self.counter == SHARED:
            # decided: no stream's own serial is asked for any more
            step, self._last = (serial - (self._last or 0)) & 0xFFFF, serial
            if step == 1:
                return False
            self.gaps += 1
            self.lost += step - 1 if 0 < step < _HALF else 0
            return True
        last, last_of = self._last, self._last_of.get(stream)
        self._last = serial
        self._last_of[stream] = serial
        self._last_of.move_to_end(stream)
        if len(self._last_of) > STREAMS_MAX:
            self._last_of.popitem(last=False)
        if last is None or self.counter == OFF:
            return False
        step = (serial - last) & 0xFFFF
        follows_own = last_of is None or serial == (last_of + 1) & 0xFFFF
        if self.counter == UNKNOWN:
            self._census(step, follows_own)
        if self.counter == UNKNOWN:
            # a new stream may start its own counter; a counter that stands still tells nothing
            in_order = step in (0, 1) or follows_own
        else:
            in_order = self.counter == OFF or (step == 1 if self.counter == SHARED else follows_own)
        if in_order:
            return False
        if self.counter == SEPARATE and last_of is not None:
            step = (serial - last_of) & 0xFFFF
        self.gaps += 1
        self.lost += step - 1 if 0 < step < _HALF else 0
        return True

    def _census(self, step: int, follows_own: bool) -> None:
        self._seen += 1
        self._shared += step == 1
        self._separate += follows_own
        self._ahead += 0 < step <= _LOSSY_STEP
        if self._seen < CENSUS - 1:
            return
        most = self._seen * _MOST
        if self._shared >= most:
            self.counter = SHARED
        elif self._separate >= most:
            self.counter = SEPARATE
        elif self._ahead >= most:
            # one counter, much of it lost
            self.counter = SHARED
        else:
            self.counter = OFF
            self.gaps = self.lost = 0


class Reordering:
    """Datagrams in the order of their serials (reference §1.4): a window of packets and time. What comes later than the
    window is dropped, and a serial that comes twice passes once. More of them in a row than the window holds are a
    counter that started again."""

    __slots__ = ("_behind", "_held", "_next", "_packets", "_wait_ms", "late")

    def __init__(self, packets: int = 16, wait_ms: int = 100) -> None:
        self._packets = packets
        self._wait_ms = wait_ms
        self._held: dict[int, tuple[Packet, int]] = {}
        self._next: int | None = None
        self._behind = 0
        self.late = 0
        """Packets dropped: behind the window, or a second time."""

    def add(self, packet: Packet, now_ms: int) -> list[Packet]:
        """Packets that are in order now, oldest first."""
        if self._next is None:
            self._next = packet.serial
        ahead = (packet.serial - self._next) & 0xFFFF
        if ahead >= _HALF and self._behind >= self._packets:
            rest = [self._held.pop(serial)[0] for serial in sorted(self._held, key=self._ahead)]
            self._next, self._behind = (packet.serial + 1) & 0xFFFF, 0
            return [*rest, packet]
        if ahead >= _HALF or packet.serial in self._held:
            self._behind += ahead >= _HALF
            self.late += 1
            return self.due(now_ms)
        self._behind = 0
        self._held[packet.serial] = (packet, now_ms)
        ready = self._run()
        while len(self._held) > self._packets:
            ready += self._leap()
        return ready + self.due(now_ms)

    def due(self, now_ms: int) -> list[Packet]:
        """Packets whose predecessors have been waited for long enough."""
        ready: list[Packet] = []
        while self._held and now_ms - min(since for _, since in self._held.values()) >= self._wait_ms:
            ready += self._leap()
        return ready

    def _leap(self) -> list[Packet]:
        self._next = min(self._held, key=self._ahead)
        return self._run()

    def _ahead(self, serial: int) -> int:
        return (serial - (self._next or 0)) & 0xFFFF

    def _run(self) -> list[Packet]:
        ready = []
        while self._next in self._held:
            ready.append(self._held.pop(self._next)[0])
            self._next = (self._next + 1) & 0xFFFF
        return ready
