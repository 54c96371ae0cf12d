"""JT/T 808 for many connections at once: bytes in, columns and acknowledgement frames out.

The declarative codec decodes one message into one object; at tens of thousands of locations a second that is the
largest cost of the whole system. Here the bytes of all connections of a tick are joined and every step (cutting at
0x7e, unescaping, check code, header, location fields, additional items, general replies) is one NumPy operation over
all frames. The declarative codec stays the oracle: whatever fails a test here is handed to it unchanged, and the
tests compare both on captured, generated and mutated streams.

Modules: ``cut`` (frames and headers), ``location`` and ``items`` (0x0200 bodies), ``points`` (0x0704), ``clock``
(BCD times), ``repeat`` (retransmissions), ``reply`` (0x8001).
"""
