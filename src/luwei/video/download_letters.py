"""0x9206 and 0x9207 as commands of the journal. The password of the FTP account is made when the message is written:
the journal, the audit log and the history hold an order without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.commands.recordings import terminal_time
from luwei.evidence.ftp_accounts import password
from luwei.gateway.orders import Letter
from luwei.protocol.jt808.messages.video import UploadControl, UploadFiles
from luwei.protocol.message import EDITIONS
from luwei.video.letters import LiveLetter

UPLOAD, UPLOAD_CONTROL = "video_upload", "video_upload_control"
PAUSE, GO_ON, CANCEL = 0, 1, 2
"""Control word of 0x9207 (1078 §4.12)."""
HIDDEN = "*"
PATH = "/"
"""The account's own folder is its root."""

CONTROL = LiveLetter(UploadControl)


class UploadLetter:
    """The kind ``UPLOAD``; ``address`` and ``port`` of the FTP server as terminals reach it."""

    repeatable = True
    """A terminal that gets the order twice goes on with the files that it began."""

    def __init__(self, key: bytes, address: str, port: int) -> None:
        self._key, self._address, self._port = key, address, port

    def letter(self, values: Mapping[str, Any]) -> Letter:
        """The message for every edition. Raises ProtocolError for what a field cannot hold."""
        secret = password(self._key, values["account"])
        sent, kept = ({edition: self._made(values, word).encode(edition) for edition in EDITIONS}
                      for word in (secret, HIDDEN * len(secret)))  # fmt: skip
        return Letter(UploadFiles.id, sent, kept=kept)

    def _made(self, values: Mapping[str, Any], secret: str) -> UploadFiles:
        wanted = {name: value for name, value in values.items() if name != "account"}
        return UploadFiles(
            server=self._address, port=self._port, user=values["account"], password=secret, path=PATH, **wanted
        )


def upload(account: str, channel: int, from_at: int, to_at: int, media_type: int, stream: int, storage: int,
           networks: int) -> dict[str, Any]:  # fmt: skip
    """Values of a 0x9206 for what was recorded between two instants (UTC ms)."""
    return {
        "account": account, "channel": channel, "start_time": terminal_time(from_at), "end_time": terminal_time(to_at),
        "alarm": 0, "media_type": media_type, "stream_type": stream, "storage_type": storage, "conditions": networks,
    }  # fmt: skip


def control(serial: int, word: int) -> dict[str, Any]:
    """Values of a 0x9207 for the 0x9206 that went out under ``serial``."""
    return {"reply_serial": serial, "control": word}
