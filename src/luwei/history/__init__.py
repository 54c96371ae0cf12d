"""The history: every fact, immutable, in ClickHouse tables; and the ingest that brings facts there from the bus.

``store`` is the door to the engine, ``ingest`` the writer; the SQL lies in ``migrations`` and ``queries``.
"""

from luwei.history.store import History, HistoryError

__all__ = ["History", "HistoryError"]
