"""Facts that are derived from facts: what the ingest asks of whoever derives them (``luwei.alarms.derivation``).

Derived rows are frozen before they are stored: put on the bus under the id of their source, and from then on read back
from there. So a plan that is repeated inserts the same rows again, and its token refuses them where it must.
"""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from luwei.history.delivery import Delivery


class Derivation(Protocol):
    """Derives from each fresh delivery once, in the order of the stream."""

    async def open(self) -> None:
        """A new line to the bus. What was taken and not planned is forgotten: it is delivered again.

        Called when every plan is in the history. Raises BusAway, HistoryError.
        """

    async def take(self, read: Delivery) -> None:
        """Derive from one delivery and put the result on its way to the bus. Raises BusAway."""

    async def settle(self) -> list[int]:
        """Wait until all of it is durable on the bus; the sequence numbers there. Raises BusAway."""

    def planned(self) -> dict[str, pa.Table]:
        """The rows of what was settled last, by table. They belong to a plan from now on."""

    async def again(self, sequences: list[int]) -> dict[str, pa.Table]:
        """The rows that those numbers stand for, by table. Raises BusAway."""
