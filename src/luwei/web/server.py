"""The HTTP and WebSocket server of a core process, and the line it listens on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar import Litestar

from luwei.web.live_socket import MESSAGE_BYTES

HEADER_BYTES = 32 << 10
"""Largest request head (h11); every header of a browser with a long cookie fits."""
CONNECTIONS = 4_000
"""Connections of the web server; beyond it 503."""
DRAIN_S = 5
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
UNSENT_BYTES = 128 << 10


class _Embedded(uvicorn.Server):
    """Signals belong to the process, not to its web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def web_server(app: Litestar) -> uvicorn.Server:
    """The HTTP and WebSocket server of ``app``: run ``serve(sockets=[listen(…)])``, end it by ``should_exit``."""
    return _Embedded(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MESSAGE_BYTES,
            ws_max_queue=4,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=DRAIN_S,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises OSError naming the address when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        line = socket.create_server((host, port), family=family, backlog=1024)
        # what lies in the kernel unsent is as late as what waits here: live pictures want little of it
        line.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        return line
    except OSError as error:
        raise OSError(error.errno, f"web address {host}:{port}: {error.strerror}") from None
