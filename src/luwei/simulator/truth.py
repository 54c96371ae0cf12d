"""The truth file: what the simulated terminals sent, so that history and ledger can be compared with it.

One JSON object a line. ``{"kind":"report", …}`` is a location that the platform has to keep once it was acknowledged::

    phone, serial, at (ms, UTC, device time), lat_e6, lon_e6 (as sent: 0 where the fault says so), speed_dkmh, alarm,
    message_id ("0x0200" or "0x0704"), fault (name or null), acked (true, or false where no 0x8001 with
    result 0 came), result (of that 0x8001, or null)

``{"kind":"fault", …}`` is something that a good terminal does not do::

    phone, at (ms, when it was done), fault (name in luwei.simulator.faults), expected ("taken", "refused" or
    "either"), reason (of the ledger where one is expected, else ""), hex (the bytes; "" for a fault of the link)

``{"kind":"heard", …}`` is what came out of a loudspeaker in a talk or a broadcast that ended::

    phone, channel, line ("talk" or "broadcast"), way (name in luwei.simulator.tones), from, to (ms, of the first and
    last block, 0 where none came), ms (of sound), refused (blocks that the terminal could not play)

A report that never was acknowledged has to be expected zero or more times, an acknowledged one at least once.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from luwei.simulator.reports import Report

if TYPE_CHECKING:
    from luwei.simulator.streams import Heard


class Truth:
    """Appends to a truth file; without a path it only counts."""

    def __init__(self, path: Path | None) -> None:
        """Raises OSError when the file cannot be written."""
        self._file = path.open("w", encoding="utf-8") if path is not None else None
        self.acked = 0
        self.open = 0
        self.refused = 0
        self.faults: dict[str, int] = {}

    def report(
        self, phone: str, serial: int, report: Report, message_id: int, fault: str | None, result: int | None
    ) -> None:
        """A report's fate is known: answered with ``result``, or never answered (None)."""
        if result == 0:
            self.acked += 1
        elif result is None:
            self.open += 1
        else:
            self.refused += 1
        self._write(
            {
                "kind": "report",
                "phone": phone,
                "serial": serial,
                "at": report.at_s * 1000,
                "lat_e6": report.lat_e6,
                "lon_e6": report.lon_e6,
                "speed_dkmh": report.speed_dkmh,
                "alarm": report.alarm,
                "message_id": f"0x{message_id:04x}",
                "fault": fault,
                "acked": result == 0,
                "result": result,
            }
        )

    def fault(self, phone: str, now_s: float, name: str, expected: str, reason: str, raw: bytes) -> None:
        """A fault was injected."""
        self.faults[name] = self.faults.get(name, 0) + 1
        self._write(
            {
                "kind": "fault",
                "phone": phone,
                "at": int(now_s * 1000),
                "fault": name,
                "expected": expected,
                "reason": reason,
                "hex": raw.hex(),
            }
        )

    def heard(self, phone: str, channel: int, line: str, heard: Heard) -> None:
        """A talk or a broadcast ended."""
        blocks = heard.blocks
        self._write(
            {
                "kind": "heard",
                "phone": phone,
                "channel": channel,
                "line": line,
                "way": heard.way.name,
                "from": int(blocks[0][0] * 1000) if blocks else 0,
                "to": int(blocks[-1][0] * 1000) if blocks else 0,
                "ms": round(heard.milliseconds),
                "refused": heard.refused,
            }
        )

    def _write(self, row: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
