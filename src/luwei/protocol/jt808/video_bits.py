"""Bits of JT/T 1078 messages."""

from __future__ import annotations

from luwei.protocol.jt808.bits import ALARM, VIDEO_ALARM, Bit, BitTable

ALARMS = BitTable(
    "音视频资源报警标志",
    "Alarms of a recording",
    [Bit(b.bit, b.zh, b.en, b.since, b.until) for b in ALARM.bits]
    + [Bit(32 + b.bit, b.zh, b.en) for b in VIDEO_ALARM.bits],
)
"""Bits 0-31 are those of 0x0200, 32-63 those of item 0x14 (1078 §5.6)."""
UPLOAD_CONDITIONS = BitTable(
    "任务执行条件",
    "Networks allowed for an upload",
    [Bit(0, "WIFI下可下载", "Wi-Fi"), Bit(1, "LAN连接时可下载", "LAN"), Bit(2, "3G/4G连接时可下载", "3G or 4G")],
)
