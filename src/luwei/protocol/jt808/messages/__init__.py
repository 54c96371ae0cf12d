"""Messages on a terminal's link, one file a family. Importing this package registers them all."""

from luwei.protocol.jt808.messages import (
    areas,
    control,
    driver,
    general,
    location,
    media,
    parameters,
    pass_through,
    ptz,
    recorder,
    registration,
    service,
    text,
    tracking,
    video,
)
from luwei.protocol.message import body_fits, decode_body
from luwei.protocol.safety import attachments

__all__ = [
    "areas",
    "attachments",
    "body_fits",
    "control",
    "decode_body",
    "driver",
    "general",
    "location",
    "media",
    "parameters",
    "pass_through",
    "ptz",
    "recorder",
    "registration",
    "service",
    "text",
    "tracking",
    "video",
]
