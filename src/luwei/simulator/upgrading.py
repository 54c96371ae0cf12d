"""A terminal that is upgraded: it loads, restarts, comes back with the new version and says so; or it does not.

What happens is drawn for each terminal and version, so that a run can be repeated: most succeed, some report failure
(1) or cancelling (2), some never come back.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from luwei.protocol.jt808.messages.control import UpgradeProgress, UpgradeResult

if TYPE_CHECKING:
    from luwei.simulator.terminal import Terminal

SUCCEEDS, FAILS, CANCELS, VANISHES = "succeeds", "fails", "cancels", "vanishes"
_SHARES = ((FAILS, 0.04), (CANCELS, 0.02), (VANISHES, 0.02))
_RESULT = {SUCCEEDS: 0, FAILS: 1, CANCELS: 2}
SAME_VERSION = 0x12
LOADING, INSTALLING = 1, 4
FOR_EVER_S = 1e9


class Upgrading:
    """The firmware of one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.version = terminal.truck.speech.firmware
        self.fate: str | None = None
        """What the next upgrade does; None: drawn."""
        self.load_s, self.restart_s = 6.0, 4.0
        self._due_s = float("inf")
        self._planned: tuple[int, str, str] = (0, "", SUCCEEDS)

    def drawn(self, version: str) -> str:
        """What becomes of an upgrade to ``version``."""
        if self.fate is not None:
            return self.fate
        left = Random(f"upgrade {self._terminal.truck.vin} {version}").random()
        for fate, share in _SHARES:
            left -= share
            if left < 0:
                return fate
        return SUCCEEDS

    def begin(self, kind: int, version: str, serial: int, now_s: float) -> None:
        """An upgrade command came; it was answered already, as it came."""
        say = self._terminal.commands.say_later
        if version == self.version and kind == 0:
            say(now_s + 0.1, self._result(kind, SAME_VERSION))
            return
        if self._terminal.truck.edition == 2019:  # 粤标 reports how far it is
            for after, state, percent in ((0.2, LOADING, 40), (0.8, INSTALLING, 90)):
                told = UpgradeProgress(reply_serial=serial, type=kind, state=state, progress=percent, error_code=0)
                say(now_s + after * self.load_s, (told.id, told.encode(2019)))
        self._planned = (kind, version, self.drawn(version))
        self._due_s = now_s + self.load_s
        self._terminal.next_s = min(self._terminal.next_s, self._due_s)

    @property
    def next_s(self) -> float:
        """When ``due`` has something to do."""
        return self._due_s

    def due(self, now_s: float) -> None:
        """Restart when the time for it has come; the result is sent once the terminal is back."""
        if now_s < self._due_s:
            return
        self._due_s = float("inf")
        kind, version, fate = self._planned
        terminal = self._terminal
        terminal.close_wanted = True
        terminal.blocked_until_s = now_s + (FOR_EVER_S if fate == VANISHES else self.restart_s)
        if fate == VANISHES:
            return
        if fate == SUCCEEDS and kind == 0:
            self.version = version
        terminal.commands.say_later(now_s + self.restart_s + 0.1, self._result(kind, _RESULT[fate]))

    def _result(self, kind: int, result: int) -> tuple[int, bytes]:
        return UpgradeResult.id, UpgradeResult(type=kind, result=result).encode(self._terminal.truck.edition)
