"""The bus: facts that must not be lost, and short messages between the processes of Luwei.

``connection`` is one process's line to NATS, ``embedded`` the ``nats-server`` that runs where no cluster is named.
"""

from luwei.bus.connection import Bus, BusAway, RequestFailed
from luwei.bus.embedded import EmbeddedServer, ServerFailed

__all__ = ["Bus", "BusAway", "EmbeddedServer", "RequestFailed", "ServerFailed"]
