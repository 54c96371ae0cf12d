"""Which processes make up the system, and how each shows that it answers."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from functools import partial

from luwei.bus.embedded import EmbeddedServer, answers
from luwei.settings import Settings
from luwei.supervisor.child import Child, Probe

BUS, CORE, GATEWAY, SIMULATOR = range(4)
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reachable(host: str) -> str:
    """The address at which a server that listens on ``host`` is asked from the same machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def in_url(host: str) -> str:
    """``host`` as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def http_probe(host: str, port: int) -> Probe:
    """Whether ``/health`` answers at all: a process that reports trouble is alive and must not be restarted for it."""
    url = f"http://{in_url(reachable(host))}:{port}/health"

    def probe() -> bool:
        try:
            with _OPENER.open(url, timeout=1):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

    return probe


def _luwei(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "luwei.cli", *arguments]


def children(settings: Settings, demo_trucks: int = 0) -> list[Child]:
    """The processes of the system in the order of their start."""
    table = []
    if not settings.bus:
        bus = EmbeddedServer(settings.data / "bus", settings.bus_port)
        table.append(Child("nats-server", bus.command, BUS, partial(answers, settings.bus_port)))
    table.append(Child("core", partial(_luwei, "core"), CORE, http_probe(settings.host, settings.web_port)))
    for shard in range(settings.shards):
        probe = http_probe(settings.host, settings.status_port + 1 + shard)
        table.append(Child(f"gateway-{shard}", partial(_luwei, "gateway", "--shard", str(shard)), GATEWAY, probe))
    probe = http_probe(settings.host, settings.evidence_status_port)
    table.append(Child("evidence", partial(_luwei, "evidence", "serve"), GATEWAY, probe))
    for number in range(settings.media_processes):
        probe = http_probe(settings.host, settings.media_status_port + number)
        table.append(Child(f"media-{number}", partial(_luwei, "media", "--number", str(number)), GATEWAY, probe))
    if demo_trucks:
        to = f"{in_url(reachable(settings.host))}:{settings.gateway_port}"
        command = partial(
            _luwei, "simulate", "--trucks", str(demo_trucks), "--to", to, "--awake", "--profiles", "mixed", "--lively"
        )
        # It has no page of its own; running is all that is asked of it.
        table.append(Child("simulator", command, SIMULATOR, lambda: True, environment={"LUWEI_DEMO": "1"}))
    return table


def ports(settings: Settings) -> list[tuple[str, str, int]]:
    """TCP ports that the processes will listen on: (setting, host, port)."""
    wanted = [
        ("LUWEI_WEB_PORT", settings.host, settings.web_port),
        ("LUWEI_GATEWAY_PORT", settings.host, settings.gateway_port),
        ("LUWEI_EVIDENCE_PORT", settings.host, settings.evidence_port),
        ("LUWEI_EVIDENCE_STATUS_PORT", settings.host, settings.evidence_status_port),
    ]
    if settings.evidence_ftp_port:
        wanted.append(("LUWEI_EVIDENCE_FTP_PORT", settings.host, settings.evidence_ftp_port))
    for number in range(settings.media_processes):
        first = settings.media_port + 3 * number
        wanted += [("LUWEI_MEDIA_PORT", settings.host, port) for port in range(first, first + 3)]
        wanted.append(("LUWEI_MEDIA_STATUS_PORT", settings.host, settings.media_status_port + number))
        if settings.media_view_port:
            wanted.append(("LUWEI_MEDIA_VIEW_PORT", settings.media_view_address, settings.media_view_port + number))
    if not settings.bus:
        wanted.append(("LUWEI_BUS_PORT", "127.0.0.1", settings.bus_port))
    wanted += [("LUWEI_STATUS_PORT", settings.host, settings.status_port + n) for n in range(settings.shards + 1)]
    return wanted
