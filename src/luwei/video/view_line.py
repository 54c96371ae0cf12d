"""The core's line to a media node's view port, by which one viewer's pictures come."""

from __future__ import annotations

import asyncio
import socket as socket_module

from luwei.video.tickets import Place

CONNECT_S = 3.0
NODE_BUFFER = 64 << 10
RECORD_MAX = 12 << 20
"""A node's record: the kept pictures of a stream, or a still."""


async def connect(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A line to a node. The kernel holds little of it: what waits there is as late as what waits at the node. Raises
    OSError, TimeoutError."""
    async with asyncio.timeout(CONNECT_S):
        family = socket_module.AF_INET6 if ":" in place.host else socket_module.AF_INET
        line = socket_module.socket(family, socket_module.SOCK_STREAM)
        try:
            line.setblocking(False)
            line.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, NODE_BUFFER)
            await asyncio.get_running_loop().sock_connect(line, (place.host, place.port))
            return await asyncio.open_connection(sock=line, limit=NODE_BUFFER)
        except BaseException:
            line.close()
            raise
