"""Settings of one process, read once from the environment.

Each store is named by a URL; the embedded default needs nothing but the installed packages (docs/architecture.md,
"Existing engines, one code path"). Every name starts with ``LUWEI_``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(ValueError):
    """A setting has a value that its rule refuses; the message names the setting and the rule."""


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{name}={text!r}: must be a whole number from {low} to {high}") from None
    if not low <= value <= high:
        raise SettingsError(f"{name}={value}: must be from {low} to {high}")
    return value


def _choice(env: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = env.get(name, "") or default
    if value not in allowed:
        raise SettingsError(f"{name}={value!r}: must be one of {', '.join(allowed)}")
    return value


def _one_address(env: Mapping[str, str], name: str, default: str) -> str:
    """An address that others are told, so that it cannot be the one that means all of a host."""
    value = env.get(name, "") or default
    if value in ("0.0.0.0", "::"):  # noqa: S104
        raise SettingsError(f"{name}={value!r}: must be one address of this host, as others reach it")
    return value


def _together(env: Mapping[str, str], with_name: str, name: str) -> str:
    value = env.get(name, "")
    if env.get(with_name, "") and not value.startswith(("https://", "http://")):
        raise SettingsError(f"{name}={value!r}: must be the console's address where {with_name} is set")
    return value


HISTORY_DAYS_MAX = 25_000
"""The engine counts the time-to-live in a 32-bit DateTime, which ends in 2106: beyond it rows would vanish at once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know of its surroundings.

    Ports are TCP ports; ``gateway_port`` is also the UDP port. Lengths of time end in their unit.
    """

    data: Path
    """Folder of the embedded stores."""
    bus: str = ""
    """NATS URL; empty: a child ``nats-server`` on ``bus_port`` with its files under ``data``."""
    bus_port: int = 7622
    history: str = ""
    """ClickHouse URL (http://user:password@host:port/database); empty: chDB in this process under ``data``."""
    history_days: int = 400
    """Time-to-live of facts, set when the tables are created."""
    registry: str = ""
    """SQLAlchemy URL; empty: SQLite (WAL) under ``data``."""
    evidence: str = ""
    """Where evidence files lie: a folder, or ``s3://bucket/prefix``; empty: ``evidence`` under ``data``."""
    host: str = "127.0.0.1"
    """Address that the gateway and the web listen on."""
    gateway_port: int = 7611
    shards: int = 1
    """Gateway processes that share the port (SO_REUSEPORT)."""
    admission: str = "known"
    """``known``: only terminals of the registry; ``open``: unknown ones are created (docs/operations.md)."""
    idle_s: int = 180
    """A connection that sends nothing for so long is closed (JT/T 808 reference §5.2)."""
    tick_ms: int = 200
    """Longest time the gateway lets bytes wait so that more are decoded at once."""
    connections_per_address: int = 20_000
    frames_per_second: int = 500
    """Per connection; beyond it the gateway reads that connection more slowly, nothing is dropped."""
    command_timeout_s: int = 10
    """First wait for a terminal's answer to a command; the waits after it grow as JT/T 808-2019 §6 says."""
    command_retries: int = 2
    """Repetitions of an unanswered command."""
    profiles: Path | None = None
    """Folder of the operator's own profiles (docs/profiles.md), beside the shipped ones."""
    evidence_port: int = 7612
    """Attachment server 附件服务器 (TCP)."""
    evidence_address: str = ""
    """Address of the attachment server as terminals reach it, put into 0x9208; empty: ``host``."""
    evidence_status_port: int = 7629
    evidence_ftp_port: int = 0
    """Files by FTP (0x9206); 0: no FTP server."""
    evidence_ftp_passive: int = 7700
    """First of 64 ports for the data connections of FTP."""
    evidence_unexpected: str = "refuse"
    """Attachments that nobody asked for: ``refuse``, or ``accept`` them from known terminals and mark them."""
    evidence_file_mib: int = 256
    """Largest attachment."""
    evidence_files_per_alarm: int = 64
    evidence_day_mib: int = 4096
    """What one terminal may announce in 24 hours."""
    evidence_address_day_mib: int = 0
    """What one address may send in a day, whatever its terminals; 0: no limit (carriers put many behind one)."""
    evidence_connections_per_address: int = 2_000
    evidence_connections_per_terminal: int = 8
    evidence_idle_s: int = 60
    """An attachment connection that sends nothing for so long is closed."""
    evidence_late_min: int = 60
    """A file that is not complete so long after it was announced is late."""
    media_processes: int = 1
    """Processes of the media server 音视频服务器 on this host; 0: none (others announce themselves on the bus)."""
    media_port: int = 7613
    """First of three ports (TCP and UDP) for each media process: live, playback, talk."""
    media_address: str = ""
    """Address of this host as terminals reach it, put into 0x9101; empty: ``host``."""
    media_transport: str = "tcp"
    """Which ports 0x9101 names: ``tcp``, ``udp``, or ``both`` for devices that refuse a zero."""
    media_view_address: str = "127.0.0.1"
    """Address at which the core fetches pictures from this host's media processes."""
    media_view_port: int = 0
    """Port for that of the first media process, process i uses +i; 0: any that is free."""
    media_status_port: int = 7640
    """Of the first media process; process i uses +i."""
    media_streams: int = 400
    """Streams of one media process."""
    media_connections: int = 2_000
    media_connections_per_address: int = 500
    media_idle_s: int = 30
    """A media connection that sends nothing for so long is closed."""
    media_pictures_mib: int = 512
    """Pictures that one media process keeps for viewers who come."""
    media_loss_s: int = 10
    """A terminal that streams is told its losses (0x9105) so often; 0: never."""
    video_linger_s: int = 10
    """A stream goes on for so long after its last viewer left."""
    video_streams: int = 2_000
    """Streams of the whole platform at once."""
    video_streams_per_vehicle: int = 4
    video_streams_per_user: int = 16
    video_talks: int = 200
    """Talks, listeners and broadcasts at once, and of one person."""
    video_talks_per_user: int = 2
    video_talk_s: int = 600
    """Longest talk."""
    video_broadcast: int = 100
    """Most trucks of a broadcast."""
    video_month_mib: int = 10_240
    """Video that one SIM may bring in a calendar month; 0: no limit. Warnings at 70 and 90 %."""
    video_record_s: int = 1_800
    """Longest recording of a live stream."""
    video_record_part_s: int = 300
    """A recording is stored in files of this length."""
    video_records: int = 32
    """Recordings of the whole platform at once."""
    video_records_per_user: int = 4
    video_record_gib: int = 100
    """Recordings in the evidence store; beyond it none begins and those under way end. 0: no limit."""
    video_download_mib: int = 1024
    """What one download of recordings may bring."""
    web_port: int = 7600
    status_port: int = 7630
    """First port of the /health and /metrics endpoints of the processes without a web server; shard i uses +1+i."""
    demo: bool = False
    map_tiles: str = ""
    """URL template of an official tile service, or empty for the built-in basemap."""
    map_tiles_credit: str = ""
    map_pmtiles: str = ""
    """Path of a PMTiles file to be used as basemap, or empty."""
    secure_cookie: bool = field(default=False)
    """Mark the session cookie Secure (set it wherever the console is served over TLS)."""

    oidc_issuer: str = ""
    """Address of an OpenID Connect provider (https://…), as its discovery document names it; empty: none."""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    """Empty for a public client; the code is bound to this login by PKCE either way."""
    oidc_name: str = "统一身份认证"
    """Words of the console's button."""
    public_url: str = ""
    """Address under which browsers reach the console (https://luwei.example.cn): needed with a provider."""

    @property
    def bus_url(self) -> str:
        return self.bus or f"nats://127.0.0.1:{self.bus_port}"

    @property
    def audit_anchors(self) -> Path:
        """File of the audit log's anchors."""
        return self.data / "audit-anchors.jsonl"

    @property
    def registry_url(self) -> str:
        return self.registry or f"sqlite:///{self.data / 'registry.db'}"

    @staticmethod
    def load(env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``env`` (default: the process environment).

        Raises SettingsError naming the variable and the rule it breaks.
        """
        env = os.environ if env is None else env
        return Settings(
            data=Path(env.get("LUWEI_DATA", "") or "data").resolve(),
            bus=env.get("LUWEI_BUS", ""),
            bus_port=_integer(env, "LUWEI_BUS_PORT", 7622, 1, 65535),
            history=env.get("LUWEI_HISTORY", ""),
            history_days=_integer(env, "LUWEI_HISTORY_DAYS", 400, 1, HISTORY_DAYS_MAX),
            registry=env.get("LUWEI_REGISTRY", ""),
            evidence=env.get("LUWEI_EVIDENCE", ""),
            host=env.get("LUWEI_HOST", "") or "127.0.0.1",
            gateway_port=_integer(env, "LUWEI_GATEWAY_PORT", 7611, 1, 65535),
            shards=_integer(env, "LUWEI_SHARDS", 1, 1, 64),
            admission=_choice(env, "LUWEI_ADMISSION", "known", ("known", "open")),
            idle_s=_integer(env, "LUWEI_IDLE_S", 180, 5, 86_400),
            tick_ms=_integer(env, "LUWEI_TICK_MS", 200, 1, 1_000),
            connections_per_address=_integer(env, "LUWEI_CONNECTIONS_PER_ADDRESS", 20_000, 1, 1_000_000),
            frames_per_second=_integer(env, "LUWEI_FRAMES_PER_SECOND", 500, 1, 1_000_000),
            command_timeout_s=_integer(env, "LUWEI_COMMAND_TIMEOUT_S", 10, 1, 300),
            command_retries=_integer(env, "LUWEI_COMMAND_RETRIES", 2, 0, 10),
            profiles=Path(folder).resolve() if (folder := env.get("LUWEI_PROFILES", "")) else None,
            evidence_port=_integer(env, "LUWEI_EVIDENCE_PORT", 7612, 1, 65535),
            evidence_address=env.get("LUWEI_EVIDENCE_ADDRESS", ""),
            evidence_status_port=_integer(env, "LUWEI_EVIDENCE_STATUS_PORT", 7629, 1, 65535),
            evidence_ftp_port=_integer(env, "LUWEI_EVIDENCE_FTP_PORT", 0, 0, 65535),
            evidence_ftp_passive=_integer(env, "LUWEI_EVIDENCE_FTP_PASSIVE", 7700, 1024, 65471),
            evidence_unexpected=_choice(env, "LUWEI_EVIDENCE_UNEXPECTED", "refuse", ("refuse", "accept")),
            evidence_file_mib=_integer(env, "LUWEI_EVIDENCE_FILE_MIB", 256, 1, 512),
            evidence_files_per_alarm=_integer(env, "LUWEI_EVIDENCE_FILES_PER_ALARM", 64, 1, 255),
            evidence_day_mib=_integer(env, "LUWEI_EVIDENCE_DAY_MIB", 4096, 1, 1_000_000),
            evidence_address_day_mib=_integer(env, "LUWEI_EVIDENCE_ADDRESS_DAY_MIB", 0, 0, 1_000_000_000),
            evidence_connections_per_address=_integer(
                env, "LUWEI_EVIDENCE_CONNECTIONS_PER_ADDRESS", 2_000, 1, 1_000_000
            ),
            evidence_connections_per_terminal=_integer(env, "LUWEI_EVIDENCE_CONNECTIONS_PER_TERMINAL", 8, 1, 1_000),
            evidence_idle_s=_integer(env, "LUWEI_EVIDENCE_IDLE_S", 60, 5, 3_600),
            evidence_late_min=_integer(env, "LUWEI_EVIDENCE_LATE_MIN", 60, 1, 10_080),
            media_processes=_integer(env, "LUWEI_MEDIA_PROCESSES", 1, 0, 16),
            media_port=_integer(env, "LUWEI_MEDIA_PORT", 7613, 1, 65487),
            media_address=env.get("LUWEI_MEDIA_ADDRESS", ""),
            media_transport=_choice(env, "LUWEI_MEDIA_TRANSPORT", "tcp", ("tcp", "udp", "both")),
            media_view_address=_one_address(env, "LUWEI_MEDIA_VIEW_ADDRESS", "127.0.0.1"),
            media_view_port=_integer(env, "LUWEI_MEDIA_VIEW_PORT", 0, 0, 65519),
            media_status_port=_integer(env, "LUWEI_MEDIA_STATUS_PORT", 7640, 1, 65519),
            media_streams=_integer(env, "LUWEI_MEDIA_STREAMS", 400, 1, 10_000),
            media_connections=_integer(env, "LUWEI_MEDIA_CONNECTIONS", 2_000, 1, 100_000),
            media_connections_per_address=_integer(env, "LUWEI_MEDIA_CONNECTIONS_PER_ADDRESS", 500, 1, 100_000),
            media_idle_s=_integer(env, "LUWEI_MEDIA_IDLE_S", 30, 2, 3_600),
            media_pictures_mib=_integer(env, "LUWEI_MEDIA_PICTURES_MIB", 512, 1, 65_536),
            media_loss_s=_integer(env, "LUWEI_MEDIA_LOSS_S", 10, 0, 3_600),
            video_linger_s=_integer(env, "LUWEI_VIDEO_LINGER_S", 10, 0, 3_600),
            video_streams=_integer(env, "LUWEI_VIDEO_STREAMS", 2_000, 1, 100_000),
            video_streams_per_vehicle=_integer(env, "LUWEI_VIDEO_STREAMS_PER_VEHICLE", 4, 1, 64),
            video_streams_per_user=_integer(env, "LUWEI_VIDEO_STREAMS_PER_USER", 16, 1, 1_000),
            video_talks=_integer(env, "LUWEI_VIDEO_TALKS", 200, 1, 10_000),
            video_talks_per_user=_integer(env, "LUWEI_VIDEO_TALKS_PER_USER", 2, 1, 100),
            video_talk_s=_integer(env, "LUWEI_VIDEO_TALK_S", 600, 10, 3_600),
            video_broadcast=_integer(env, "LUWEI_VIDEO_BROADCAST", 100, 1, 1_000),
            video_month_mib=_integer(env, "LUWEI_VIDEO_MONTH_MIB", 10_240, 0, 10_000_000),
            video_record_s=_integer(env, "LUWEI_VIDEO_RECORD_S", 1_800, 5, 7_200),
            video_record_part_s=_integer(env, "LUWEI_VIDEO_RECORD_PART_S", 300, 10, 1_800),
            video_records=_integer(env, "LUWEI_VIDEO_RECORDS", 32, 0, 10_000),
            video_records_per_user=_integer(env, "LUWEI_VIDEO_RECORDS_PER_USER", 4, 0, 1_000),
            video_record_gib=_integer(env, "LUWEI_VIDEO_RECORD_GIB", 100, 0, 1_000_000),
            video_download_mib=_integer(env, "LUWEI_VIDEO_DOWNLOAD_MIB", 1024, 1, 4095),
            web_port=_integer(env, "LUWEI_WEB_PORT", 7600, 1, 65535),
            status_port=_integer(env, "LUWEI_STATUS_PORT", 7630, 1, 65535),
            demo=_choice(env, "LUWEI_DEMO", "0", ("0", "1")) == "1",
            map_tiles=env.get("LUWEI_MAP_TILES", ""),
            map_tiles_credit=env.get("LUWEI_MAP_TILES_CREDIT", ""),
            map_pmtiles=env.get("LUWEI_MAP_PMTILES", ""),
            oidc_issuer=env.get("LUWEI_OIDC_ISSUER", "").rstrip("/"),
            oidc_client_id=env.get("LUWEI_OIDC_CLIENT_ID", ""),
            oidc_client_secret=env.get("LUWEI_OIDC_CLIENT_SECRET", ""),
            oidc_name=env.get("LUWEI_OIDC_NAME", "") or "统一身份认证",
            public_url=_together(env, "LUWEI_OIDC_ISSUER", "LUWEI_PUBLIC_URL").rstrip("/"),
            secure_cookie=_choice(env, "LUWEI_SECURE_COOKIE", "0", ("0", "1")) == "1",
        )
