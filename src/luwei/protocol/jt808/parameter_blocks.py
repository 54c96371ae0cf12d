"""Terminal parameters whose value is a block of fields (JT/T 1078 §5.3.1, 2019 table 13)."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import (
    BYTE,
    DWORD,
    FLAGS_BYTE,
    FLAGS_DWORD,
    FLAGS_WORD,
    MILLISECOND,
    MINUTE,
    PERCENT,
    WORD,
    Digits,
    Unit,
)
from luwei.protocol.jt808 import bits
from luwei.protocol.message import Nested, Record, field
from luwei.protocol.repeated import Repeated

CODING_MODES = {0: "CBR", 1: "VBR", 2: "ABR"}
RESOLUTIONS = {0: "QCIF", 1: "CIF", 2: "WCIF", 3: "D1", 4: "WD1", 5: "720P", 6: "1080P"}
KBPS, FPS, FRAMES = Unit("kbps"), Unit("fps"), Unit("帧")


class _Coding(Record):
    live_coding: int = field(BYTE, "实时流编码模式", "Live coding mode", values=CODING_MODES)
    live_resolution: int = field(BYTE, "实时流分辨率", "Live resolution", values=RESOLUTIONS)
    live_key_interval: int = field(WORD, "实时流关键帧间隔", "Live key-frame interval", unit=FRAMES)
    live_frame_rate: int = field(BYTE, "实时流目标帧率", "Live frame rate", unit=FPS)
    live_bit_rate: int = field(DWORD, "实时流目标码率", "Live bit rate", unit=KBPS)
    storage_coding: int = field(BYTE, "存储流编码模式", "Storage coding mode", values=CODING_MODES)
    storage_resolution: int = field(BYTE, "存储流分辨率", "Storage resolution", values=RESOLUTIONS)
    storage_key_interval: int = field(WORD, "存储流关键帧间隔", "Storage key-frame interval", unit=FRAMES)
    storage_frame_rate: int = field(BYTE, "存储流目标帧率", "Storage frame rate", unit=FPS)
    storage_bit_rate: int = field(DWORD, "存储流目标码率", "Storage bit rate", unit=KBPS)
    osd: int = field(FLAGS_WORD, "OSD字幕叠加设置", "On-screen display", bits=bits.OSD)


class AudioVideo(_Coding):
    audio_output: int | None = field(
        BYTE, "是否启用音频输出", "Audio output", values={0: "不启用", 1: "启用"}, may_end=True, default=None
    )


class Channel(Record):
    physical_channel: int = field(BYTE, "物理通道号", "Physical channel")
    logical_channel: int = field(BYTE, "逻辑通道号", "Logical channel")
    kind: int = field(BYTE, "通道类型", "Kind", values={0: "音视频", 1: "音频", 2: "视频"})
    ptz: int = field(BYTE, "是否连接云台", "PTZ connected", values={0: "未连接", 1: "连接"})


class ChannelList(Record):
    audio_video: int = field(BYTE, "音视频通道总数", "Audio-video channels")
    audio: int = field(BYTE, "音频通道总数", "Audio channels")
    video: int = field(BYTE, "视频通道总数", "Video channels")
    channels: Sequence[Channel] = field(Repeated(Nested(Channel)), "音视频通道对照表", "Channels")


class _LogicalChannel(Record):
    logical_channel: int = field(BYTE, "逻辑通道号", "Logical channel")


class ChannelVideo(_Coding, _LogicalChannel):
    """0x0075 without the audio output, for one channel."""


class ChannelVideoList(Record):
    count: int = field(BYTE, "需单独设置视频参数的通道数量", "Channels", counts="channels", default=0)
    channels: Sequence[ChannelVideo] = field(
        Repeated(Nested(ChannelVideo), "count"), "单独通道视频参数设置列表", "Channels"
    )


class AlarmRecording(Record):
    storage_threshold: int = field(BYTE, "特殊报警录像存储阈值", "Storage threshold", unit=PERCENT)
    duration: int = field(BYTE, "特殊报警录像持续时间", "Longest duration", unit=MINUTE)
    before: int = field(BYTE, "特殊报警标识起始时间", "Mark before the alarm", unit=MINUTE)


class ImageAnalysis(Record):
    rated_passengers: int = field(BYTE, "车辆核载人数", "Rated passengers")
    fatigue_threshold: int = field(BYTE, "疲劳程度阈值", "Fatigue threshold", unit=PERCENT)


class WakePeriod(Record):
    wake: str = field(Digits(2), "唤醒时间", "Wake time", note="HHMM")
    close: str = field(Digits(2), "关闭时间", "Close time", note="HHMM")


class SleepWake(Record):
    mode: int = field(FLAGS_BYTE, "休眠唤醒模式", "Wake modes", bits=bits.WAKE_MODES)
    condition: int = field(FLAGS_BYTE, "唤醒条件类型", "Wake conditions", bits=bits.WAKE_CONDITIONS)
    weekdays: int = field(FLAGS_BYTE, "定时唤醒日设置", "Weekdays", bits=bits.WEEKDAYS)
    periods_on: int = field(FLAGS_BYTE, "定时唤醒启用标志", "Periods in use")
    periods: Sequence[WakePeriod] = field(Repeated(Nested(WakePeriod)), "时间段", "Periods, four")


class ForbiddenPeriod(Record):
    start_hour: int = field(BYTE, "开始小时", "Start hour")
    start_minute: int = field(BYTE, "开始分钟", "Start minute")
    end_hour: int = field(BYTE, "结束小时", "End hour")
    end_minute: int = field(BYTE, "结束分钟", "End minute")


class SingleCanId(Record):
    interval: int = field(DWORD, "采集时间间隔", "Collection interval", unit=MILLISECOND, note="0 off")
    can_id: int = field(FLAGS_DWORD, "CAN总线ID", "CAN id", bits=bits.CAN_ID)
