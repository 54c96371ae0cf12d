"""The gateway: JT/T 808 terminals over TCP and UDP in, columns to the bus, replies out.

One thread, one tick at a time. ``wire`` and ``datagrams`` read what is there, ``tick`` decodes it for all connections
at once, ``dialogue`` treats the rare messages one by one, ``handshake`` asks the registry, ``publisher`` gives the
columns to the bus and releases the replies once they are on disk there, ``ledger`` counts what was refused or odd.
"""
