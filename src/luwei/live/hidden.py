"""What a frame holds that nobody may read off a screen: the password of a 0x9206 opens the FTP server while its order
lasts."""

from __future__ import annotations

from luwei.protocol.jt808.frame import Frame, encode_frame
from luwei.protocol.jt808.messages.video import UploadFiles

STAR = b"*"


def shown(frame: Frame, raw: bytes) -> bytes:
    """``raw`` as people may see it: a whole frame again, with a right check code. ``frame`` is what ``raw`` holds."""
    if frame.header.message_id != UploadFiles.id:
        return raw
    body = frame.body
    start, end = _password(body)
    return encode_frame(frame.header, body[:start] + STAR * (end - start) + body[end:])


def _password(body: bytes) -> tuple[int, int]:
    """Where the password stands (1078 §5.6): behind server, port and user, each text behind its length. Of a body that
    is not so, or only a part of one, everything counts as the password."""
    whole = 0, len(body)
    at = 0
    for before in (0, 2):  # the user's name comes behind the port
        at += before
        if at >= len(body):
            return whole
        at += 1 + body[at]
    if at >= len(body) or at + 1 + body[at] >= len(body):
        return whole
    return at + 1, at + 1 + body[at]
