"""Multimedia as it comes over the bus, for tests: rows of ``facts.MEDIA_PART``."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from luwei.gateway.multimedia import file_rows

PLACE = bytes.fromhex("00000000000800030157fafb06cc628c0023025d005a250601083015")
"""22.543099 N 114.057868 E, 60.5 km/h, 2025-06-01 08:30:15 in China."""
TAKEN_MS = 1_748_737_815_000


def picture(width: int = 64, height: int = 48, form: str = "JPEG") -> bytes:
    """A real picture."""
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, form)
    return out.getvalue()


def rows(
    data: bytes, at_ms: int, *, multimedia_id: int = 7, kind: int = 0, event: int = 0, channel: int = 1,
    vehicle: int = 1, phone: str = "13800000001",
) -> list[dict[str, Any]]:  # fmt: skip
    """The parts of one 0x0801."""
    head = multimedia_id.to_bytes(4, "big") + bytes([kind, 0, event, channel]) + PLACE
    session = {"vehicle_id": vehicle, "terminal_id": vehicle, "received_at": at_ms, "phone": phone, "edition": 2019,
               "serial": 5}  # fmt: skip
    return file_rows(session, head + data, len(head))
