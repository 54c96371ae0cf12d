"""Structured log lines, Prometheus metrics and the health endpoint that every process has.

A process without a web server of its own calls ``serve``; the web process mounts the same two pages.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

Health = Callable[[], dict[str, Any]]
"""Returns what is known of the process's state; the key ``ok`` (bool) decides between 200 and 503."""


def configure_logging(process: str) -> None:
    """Send every log line to stderr as one JSON object with the process's name and a UTC time."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests for health and metrics are not logged."""


def serve(host: str, port: int, health: Health) -> Callable[[], None]:
    """Answer ``/health`` and ``/metrics`` on ``host:port`` from a thread; returns the function that stops it.

    Raises OSError when the port is taken.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
            return [generate_latest(REGISTRY)]
        if path == "/health":
            state = health()
            start_response(
                "200 OK" if state.get("ok") else "503 Service Unavailable", [("Content-Type", "application/json")]
            )
            return [json.dumps(state, ensure_ascii=False).encode()]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"only /health and /metrics live here\n"]

    server = make_server(host, port, application, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="telemetry", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
