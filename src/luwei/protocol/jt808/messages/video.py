"""JT/T 1078 signalling 音视频 on the 808 link (1078 §5.5, §5.6, appendix A): attributes, live, playback, files.

Note the stream values: live requests count 0 main and 1 sub, playback and files 1 main and 2 sub (§4.8).
"""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import (
    BYTE,
    COUNTED_STRING,
    DWORD,
    FLAGS_64,
    FLAGS_BYTE,
    PERCENT,
    TIME,
    WORD,
    Scope,
    Unit,
    WireType,
)
from luwei.protocol.jt808 import video_bits
from luwei.protocol.message import Message, Nested, Record, field
from luwei.protocol.repeated import Kept, Repeated

CODECS = {
    1: "G.721",
    2: "G.722",
    3: "G.723",
    4: "G.728",
    5: "G.729",
    6: "G.711A",
    7: "G.711U",
    8: "G.726",
    9: "G.729A",
    10: "DVI4_3",
    11: "DVI4_4",
    12: "DVI4_8K",
    13: "DVI4_16K",
    14: "LPC",
    15: "S16BE_STEREO",
    16: "S16BE_MONO",
    17: "MPEGAUDIO",
    18: "LPCM",
    19: "AAC",
    20: "WMA9STD",
    21: "HEAAC",
    22: "PCM_VOICE",
    23: "PCM_AUDIO",
    24: "AACLC",
    25: "MP3",
    26: "ADPCMA",
    27: "MP4AUDIO",
    28: "AMR",
    91: "透传",
    98: "H.264",
    99: "H.265",
    100: "AVS",
    101: "SVAC",
}
"""1078 table 12."""
LIVE_DATA = {0: "音视频", 1: "视频", 2: "双向对讲", 3: "监听", 4: "中心广播", 5: "透传"}
LIVE_STREAMS = {0: "主码流", 1: "子码流"}
RESOURCES = {0: "音视频", 1: "音频", 2: "视频", 3: "视频或音视频"}
STREAMS = {0: "所有码流", 1: "主码流", 2: "子码流"}
STORAGES = {0: "所有存储器", 1: "主存储器", 2: "灾备存储器"}
PLAYBACK_MODES = {0: "正常回放", 1: "快进回放", 2: "关键帧快退回放", 3: "关键帧播放", 4: "单帧上传"}
PLAYBACK_CONTROLS = {
    0: "开始回放",
    1: "暂停回放",
    2: "结束回放",
    3: "快进回放",
    4: "关键帧快退回放",
    5: "拖动回放",
    6: "关键帧播放",
}
SPEEDS = {0: "无效", 1: "1倍", 2: "2倍", 3: "4倍", 4: "8倍", 5: "16倍"}
BYTES = Unit("B")


class QueryVideoAttributes(
    Message,
    id=0x9003,
    zh="查询终端音视频属性",
    en="Query audio/video attributes",
    clause="Appendix A",
    source="JT/T 1078",
):
    """Empty; answered with 0x1003."""


class VideoAttributes(
    Message, id=0x1003, zh="终端上传音视频属性", en="Audio/video attributes", clause="Appendix A", source="JT/T 1078"
):
    audio_codec: int = field(BYTE, "输入音频编码方式", "Audio codec", values=CODECS)
    audio_channels: int = field(BYTE, "输入音频声道数", "Audio channels")
    audio_sample_rate: int = field(
        BYTE, "输入音频采样率", "Sample rate", values={0: "8 kHz", 1: "22.05 kHz", 2: "44.1 kHz", 3: "48 kHz"}
    )
    audio_sample_bits: int = field(BYTE, "输入音频采样位数", "Sample bits", values={0: "8位", 1: "16位", 2: "32位"})
    audio_frame_length: int = field(WORD, "音频帧长度", "Audio frame length", note="octets or samples: devices differ")
    audio_output: int = field(BYTE, "是否支持音频输出", "Audio output", values={0: "不支持", 1: "支持"})
    video_codec: int = field(BYTE, "视频编码方式", "Video codec", values=CODECS)
    max_audio_channels: int = field(BYTE, "终端支持的最大音频物理通道数量", "Most audio channels")
    max_video_channels: int = field(BYTE, "终端支持的最大视频物理通道数量", "Most video channels")


class PassengerFlow(
    Message, id=0x1005, zh="终端上传乘客流量", en="Passenger flow", clause="Appendix A", source="JT/T 1078"
):
    start_time: str = field(TIME, "起始时间", "From")
    end_time: str = field(TIME, "结束时间", "Until")
    boarded: int = field(WORD, "上车人数", "Got on")
    alighted: int = field(WORD, "下车人数", "Got off")


class _Server(Record):
    server_ip: str = field(COUNTED_STRING, "服务器IP地址", "Server address", note="many devices take no host name")
    tcp_port: int = field(WORD, "服务器视频通道监听端口号(TCP)", "TCP port", note="0 unused")
    udp_port: int = field(WORD, "服务器视频通道监听端口号(UDP)", "UDP port", note="0 unused")


class _Channel(Record):
    channel: int = field(BYTE, "逻辑通道号", "Logical channel")


class LiveRequest(
    _Channel,
    _Server,
    Message,
    id=0x9101,
    zh="实时音视频传输请求",
    en="Live request",
    clause="§5.5",
    source="JT/T 1078",
):
    data_type: int = field(BYTE, "数据类型", "Data", values=LIVE_DATA)
    stream_type: int = field(BYTE, "码流类型", "Stream", values=LIVE_STREAMS)


class LiveControl(
    _Channel, Message, id=0x9102, zh="音视频实时传输控制", en="Live control", clause="§5.5", source="JT/T 1078"
):
    command: int = field(
        BYTE,
        "控制指令",
        "Command",
        values={
            0: "关闭音视频传输",
            1: "切换码流（增加暂停、继续）",
            2: "暂停该通道所有流的发送",
            3: "恢复暂停前流的发送",
            4: "关闭双向对讲",
        },
    )
    close_av: int = field(
        BYTE, "关闭音视频类型", "What is closed (command 0)", values={0: "音视频", 1: "只关音频", 2: "只关视频"}
    )
    switch_stream: int = field(BYTE, "切换码流类型", "Stream (command 1)", values=LIVE_STREAMS)


class LiveStatus(
    _Channel, Message, id=0x9105, zh="实时音视频传输状态通知", en="Live status", clause="§5.5", source="JT/T 1078"
):
    loss_percent: int = field(BYTE, "丢包率", "Packet loss", unit=PERCENT)


class _Files(Record):
    """Which recordings."""

    start_time: str = field(TIME, "开始时间", "From", note="zeros: no limit")
    end_time: str = field(TIME, "结束时间", "Until", note="zeros: no limit")
    alarm: int = field(FLAGS_64, "报警标志", "Alarms, bits 32-63 those of video", bits=video_bits.ALARMS, note="0: any")
    media_type: int = field(BYTE, "音视频资源类型", "Resource", values=RESOURCES)
    stream_type: int = field(BYTE, "码流类型", "Stream", values=STREAMS)
    storage_type: int = field(BYTE, "存储器类型", "Storage", values=STORAGES)


class QueryResources(
    _Files, _Channel, Message, id=0x9205, zh="查询资源列表", en="Query recordings", clause="§5.6", source="JT/T 1078"
):
    """Channel 0: all. Answered with 0x1205."""


class Resource(_Files, _Channel):
    file_size: int = field(DWORD, "文件大小", "File size", unit=BYTES)


HEAD = 6
"""Bytes of serial and total."""


class _NextResource(WireType[Record]):
    """A recording, behind the heads that stand before it."""

    composite = True

    def __init__(self, first: int, head: bytes) -> None:
        self.record, self.first, self.head = Nested(Resource), first, head
        self.label, self.cost = self.record.label, self.record.cost

    def behind_heads(self, data: bytes, at: int) -> int:
        """The place behind the repeated heads at ``at``. No item begins like one: its month would be 0."""
        while at > self.first and len(self.head) == HEAD and data[at : at + HEAD] == self.head:
            at += HEAD
        return at

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Record, int]:
        return self.record.read(data, self.behind_heads(data, at), end, scope)


class Resources(Repeated[Record]):
    """Items to the end of the body: some devices put a part's number in the total, and repeat the head (§4.7)."""

    def __init__(self) -> None:
        super().__init__(Nested(Resource))

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Sequence[Record], int]:
        item, skipped = _NextResource(at, data[max(at - HEAD, 0) : at]), 0
        kept, outer = Kept(item, data, scope), scope.prefix
        while at < end:
            start, at = at, item.behind_heads(data, at)
            if at > start:
                skipped += (at - start) // HEAD
                scope.mark(start, at, f"[{kept.count}].head", "重复的应答流水号与总数", "")
                continue
            scope.prefix = f"{outer}[{kept.count}]."
            value, at = item.read(data, at, end, scope)
            scope.prefix = outer
            kept.add(value, start, at)
        if skipped:
            scope.odd("head_repeated", f"{skipped}")
        if kept.count != scope.values["count"]:
            scope.odd("list_count", f"{scope.values['count']} announced, {kept.count} read")
        return kept.close(end), at


class ResourceList(Message, id=0x1205, zh="终端上传音视频资源列表", en="Recordings", clause="§5.6", source="JT/T 1078"):
    """Total 0: nothing found. The serial is 0 on some devices."""

    reply_serial: int = field(WORD, "流水号", "Serial of the query")
    count: int = field(DWORD, "音视频资源总数", "Number of recordings", counts="files", default=0)
    files: Sequence[Resource] = field(Resources(), "音视频资源列表", "Recordings")


class PlaybackRequest(
    _Channel,
    _Server,
    Message,
    id=0x9201,
    zh="远程录像回放请求",
    en="Playback request",
    clause="§5.6",
    source="JT/T 1078",
):
    """Answered with 0x1205 by the text, with 0x0001 by many devices."""

    media_type: int = field(BYTE, "音视频类型", "Resource", values=RESOURCES)
    stream_type: int = field(BYTE, "码流类型", "Stream", values=STREAMS)
    storage_type: int = field(BYTE, "存储器类型", "Storage", values=STORAGES)
    playback_mode: int = field(BYTE, "回放方式", "Mode", values=PLAYBACK_MODES)
    speed: int = field(BYTE, "快进或快退倍数", "Speed, modes 1 and 2", values=SPEEDS)
    start_time: str = field(TIME, "开始时间", "From", note="mode 4: the time of the frame")
    end_time: str = field(TIME, "结束时间", "Until", note="zeros: to the end")


class PlaybackControl(
    _Channel, Message, id=0x9202, zh="远程录像回放控制", en="Playback control", clause="§5.6", source="JT/T 1078"
):
    command: int = field(BYTE, "回放控制", "Control", values=PLAYBACK_CONTROLS)
    speed: int = field(BYTE, "快进或快退倍数", "Speed, controls 3 and 4", values=SPEEDS)
    time: str = field(TIME, "拖动回放位置", "Drag position, control 5")


class _FileServer(Record):
    server: str = field(COUNTED_STRING, "FTP服务器地址", "FTP server")
    port: int = field(WORD, "FTP服务器端口", "FTP port")
    user: str = field(COUNTED_STRING, "用户名", "User")
    password: str = field(COUNTED_STRING, "密码", "Password")
    path: str = field(COUNTED_STRING, "文件上传路径", "Path")


class UploadFiles(
    _Files,
    _Channel,
    _FileServer,
    Message,
    id=0x9206,
    zh="文件上传指令",
    en="Upload recordings",
    clause="§5.6",
    source="JT/T 1078",
):
    conditions: int = field(FLAGS_BYTE, "任务执行条件", "Networks allowed", bits=video_bits.UPLOAD_CONDITIONS)


class UploadFinished(
    Message, id=0x1206, zh="文件上传完成通知", en="Upload finished", clause="§5.6", source="JT/T 1078"
):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the 0x9206")
    result: int = field(BYTE, "结果", "Result", values={0: "成功", 1: "失败"})


class UploadControl(Message, id=0x9207, zh="文件上传控制", en="Upload control", clause="§5.6", source="JT/T 1078"):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the 0x9206")
    control: int = field(BYTE, "上传控制", "Control", values={0: "暂停", 1: "继续", 2: "取消"})
