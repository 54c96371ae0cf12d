"""Multimedia: events, data, camera, search, recording (2019 §8.50-§8.59).

The multimedia data come in header fragments from 2013 on and are put together before they are read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.fields import BYTE, DWORD, SECOND, TIME, WORD, Bytes
from luwei.protocol.jt808.messages.location import LocationBasic, is_date
from luwei.protocol.message import Message, Nested, Record, field, present
from luwei.protocol.repeated import Repeated

MEDIA_TYPES = {0: "图像", 1: "音频", 2: "视频"}
MEDIA_FORMATS = {0: "JPEG", 1: "TIF", 2: "MP3", 3: "WAV", 4: "WMV"}
MEDIA_EVENTS = {
    0: "平台下发指令",
    1: "定时动作",
    2: "抢劫报警触发",
    3: "碰撞侧翻报警触发",
    4: "门开拍照",
    5: "门关拍照",
    6: "车门由开变关，车速从小于20km到超过20km",
    7: "定距拍照",
}
"""4 to 7 from 2013 on."""
RESOLUTIONS = {
    0x00: "最低分辨率",
    0x01: "320×240",
    0x02: "640×480",
    0x03: "800×600",
    0x04: "1024×768",
    0x05: "176×144 QCIF",
    0x06: "352×288 CIF",
    0x07: "704×288 HALF D1",
    0x08: "704×576 D1",
    0xFF: "最高分辨率",
}
"""2019 §8.53; 粤标 has another list, ``luwei.protocol.safety.dialects``."""
DELETE_FLAGS = {0: "保留", 1: "删除"}


class MediaData(Bytes):
    """A picture, sound or film: JSON tells its length only."""

    def put(self, name: str, value: bytes, out: dict[str, Any]) -> None:
        out[f"{name}_length"] = len(value)

    def text(self, value: bytes) -> str:
        return f"{len(value)} 字节"


class _Media(Record):
    multimedia_id: int = field(DWORD, "多媒体数据ID", "Multimedia id")
    type: int = field(BYTE, "多媒体类型", "Kind", values=MEDIA_TYPES)
    format: int = field(BYTE, "多媒体格式编码", "Format", values=MEDIA_FORMATS)
    event: int = field(BYTE, "事件项编码", "Event", values=MEDIA_EVENTS)
    channel: int = field(BYTE, "通道ID", "Channel")


class MediaEvent(_Media, Message, id=0x0800, zh="多媒体事件信息上传", en="Multimedia event", clause="§8.50"):
    """Announces a picture, sound or film."""


class MediaUpload(_Media, Message, id=0x0801, zh="多媒体数据上传", en="Multimedia data", clause="§8.51"):
    """2011 splits the data itself; answered with 0x8800 once all is there."""

    location: LocationBasic | None = field(
        Nested(LocationBasic), "位置信息汇报", "Position of the event", since=2013, default=None
    )
    packet_total: int | None = field(DWORD, "包总数", "Packets", until=2011, default=None)
    packet_no: int | None = field(DWORD, "包ID", "Number of this packet", until=2011, default=None)
    data: bytes = field(MediaData(), "多媒体数据包", "Data")

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        """2011 when no date stands where 2013 has one, and packet number and total make sense (§8.22)."""
        total, number = int.from_bytes(body[8:12], "big"), int.from_bytes(body[12:16], "big")
        if edition == 2011 or (not is_date(body[30:36]) and 1 <= number <= total <= 0xFFFF):
            return 2011
        return max(edition, 2013)


class MediaReply(Message, id=0x8800, zh="多媒体数据上传应答", en="Multimedia upload reply", clause="§8.52"):
    """Sent once: nothing behind the id means that all arrived. The count is one byte in every edition."""

    reply_serial: int | None = field(WORD, "应答流水号", "Serial of the first packet", until=2011, default=None)
    multimedia_id: int = field(DWORD, "多媒体ID", "Multimedia id")
    count: int | None = field(
        BYTE, "重传包总数", "Fragments wanted", may_end=True, counts="retransmit", json=False, default=None
    )
    retransmit: Sequence[int] | None = field(
        Repeated(WORD, "count"), "重传包ID列表", "Fragment numbers, at most 125", when=present("count"), default=None
    )


class Shoot(Message, id=0x8801, zh="摄像头立即拍摄命令", en="Camera shot", clause="§8.53"):
    """Devices answer with 0x0805, with 0x0001, or with both (§8.22). Channels 0x64 and 0x65 are active safety's."""

    channel: int = field(BYTE, "通道ID", "Channel", values={0x64: "ADAS", 0x65: "DSM"}, note="above 0")
    command: int = field(WORD, "拍摄命令", "Command", note="0 stop, 0xFFFF record, else number of pictures")
    interval: int = field(WORD, "拍照间隔/录像时间", "Interval or recording time", unit=SECOND)
    save: int = field(BYTE, "保存标志", "Save", values={0: "实时上传", 1: "保存"})
    resolution: int = field(BYTE, "分辨率", "Resolution", values=RESOLUTIONS)
    quality: int = field(BYTE, "图像/视频质量", "Quality", note="1 best to 10")
    brightness: int = field(BYTE, "亮度", "Brightness", note="0-255")
    contrast: int = field(BYTE, "对比度", "Contrast", note="0-127")
    saturation: int = field(BYTE, "饱和度", "Saturation", note="0-127")
    chroma: int = field(BYTE, "色度", "Chroma", note="0-255")


class ShootReply(Message, id=0x0805, zh="摄像头立即拍摄命令应答", en="Camera shot reply", clause="§8.54", since=2013):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the 0x8801")
    result: int = field(BYTE, "结果", "Result", values={0: "成功", 1: "失败", 2: "通道不支持"})
    count: int | None = field(
        WORD, "多媒体ID个数", "Number of ids", may_end=True, counts="ids", json=False, default=None
    )
    ids: Sequence[int] | None = field(
        Repeated(DWORD, "count"), "多媒体ID列表", "Multimedia ids", when=present("count"), default=None
    )


class _Selection(Record):
    type: int = field(BYTE, "多媒体类型", "Kind", values=MEDIA_TYPES)
    channel: int = field(BYTE, "通道ID", "Channel", note="0: all")
    event: int = field(BYTE, "事件项编码", "Event", values=MEDIA_EVENTS)
    start_time: str = field(TIME, "起始时间", "From", note="zeros: no limit")
    end_time: str = field(TIME, "结束时间", "Until", note="zeros: no limit")


class SearchMedia(
    _Selection, Message, id=0x8802, zh="存储多媒体数据检索", en="Search stored multimedia", clause="§8.55"
):
    """Answered with 0x0802."""


class StoredMedia(Record):
    multimedia_id: int | None = field(DWORD, "多媒体ID", "Multimedia id", since=2013, default=None)
    type: int = field(BYTE, "多媒体类型", "Kind", values=MEDIA_TYPES)
    channel: int = field(BYTE, "通道ID", "Channel")
    event: int = field(BYTE, "事件项编码", "Event", values=MEDIA_EVENTS)
    location: LocationBasic = field(Nested(LocationBasic), "位置信息汇报", "Position of the event")


class SearchReply(Message, id=0x0802, zh="存储多媒体数据检索应答", en="Stored multimedia", clause="§8.56"):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the 0x8802")
    count: int = field(WORD, "多媒体数据总项数", "Number of items", counts="items", default=0)
    packet_count: int | None = field(
        WORD, "包项数", "Items in this packet", until=2011, counts="items", json=False, default=None
    )
    items: Sequence[StoredMedia] = field(
        Repeated(Nested(StoredMedia), "count", "packet_count"), "检索项", "Items of 35 bytes, in 2011 of 31"
    )

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        """2011 when only its items fill the body (§8.22)."""
        if (len(body) - 4) % 35 and len(body) > 6 and (len(body) - 6) % 31 == 0:
            return 2011
        return edition


class UploadStored(
    _Selection, Message, id=0x8803, zh="存储多媒体数据上传命令", en="Upload stored multimedia", clause="§8.57"
):
    delete: int = field(BYTE, "删除标志", "Delete afterwards", values=DELETE_FLAGS)


class RecordAudio(Message, id=0x8804, zh="录音开始命令", en="Audio recording", clause="§8.58"):
    """Terminals of JT/T 1078 do not inherit it."""

    command: int = field(BYTE, "录音命令", "Command", values={0: "停止录音", 1: "开始录音"})
    seconds: int = field(WORD, "录音时间", "Time", unit=SECOND, note="0: until stopped")
    save: int = field(BYTE, "保存标志", "Save", values={0: "实时上传", 1: "保存"})
    sample_rate: int = field(BYTE, "音频采样率", "Sampling", values={0: "8K", 1: "11K", 2: "23K", 3: "32K"})


class UploadStoredItem(
    Message, id=0x8805, zh="单条存储多媒体数据检索上传命令", en="Upload one stored item", clause="§8.59", since=2013
):
    multimedia_id: int = field(DWORD, "多媒体ID", "Multimedia id")
    delete: int = field(BYTE, "删除标志", "Delete afterwards", values=DELETE_FLAGS)
