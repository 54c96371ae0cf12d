"""Terminal parameters 终端参数 as one table (2019 table 13, JT/T 1078 §5.3.1, active safety 0xF364-0xF370).

A parameter is id DWORD, length BYTE, value. Its length byte rules, not its type: a value whose length is not the type's
stays raw, as do ids that the edition reserves (§11.4, 34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luwei.protocol.choices import ByLength
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import (
    BYTE,
    DEGREE,
    DWORD,
    FLAGS_BYTE,
    FLAGS_DWORD,
    KM_10,
    KMH,
    KMH_10,
    LATEST,
    METRE,
    MILLISECOND,
    SECOND,
    STRING,
    WORD,
    Scope,
    Unit,
    WireType,
    by_edition,
)
from luwei.protocol.jt808 import bits
from luwei.protocol.jt808.parameter_blocks import (
    AlarmRecording,
    AudioVideo,
    ChannelList,
    ChannelVideoList,
    ForbiddenPeriod,
    ImageAnalysis,
    SingleCanId,
    SleepWake,
)
from luwei.protocol.message import Bits, Nested, Record
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.safety.settings import BsdSettings, SubiaoAdas, SubiaoDsm, TyreSettings, YuebiaoAdas, YuebiaoDsm

HEAD = 5
"""Bytes of id and length."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """One line of the parameter table."""

    id: int
    wire: WireType[Any] | Mapping[int, WireType[Any]]
    zh: str
    en: str
    unit: Unit | None
    since: int
    until: int
    values: Mapping[int, str] | None
    bits: Bits | None

    def type_in(self, edition: int) -> WireType[Any] | None:
        """Wire type in ``edition``, None where it has no such parameter."""
        return by_edition(self.wire, edition) if self.since <= edition <= self.until else None

    def fits(self, length: int, edition: int) -> bool:
        """Whether a value of that length can have this type."""
        wire = self.type_in(edition)
        return wire is not None and wire.fits(length)

    def text(self, value: Any, edition: int) -> str:
        """``value`` for a reader."""
        if isinstance(value, Record):
            return "，".join(f"{f.zh} {f.text(v, edition)}" for f, v in value.filled(edition))
        if self.unit is not None and isinstance(value, int):
            return self.unit.text(value)
        wire = self.type_in(edition)
        return wire.text(value) if wire else str(value)

    def explain(self, value: Any, edition: int) -> str:
        """Name of the enumerated value or of the bits that are set."""
        if self.values is not None:
            return self.values.get(value, "未定义")
        return self.bits.text(value, edition) if self.bits is not None else ""


def _p(
    id: int,
    wire: WireType[Any] | Mapping[int, WireType[Any]],
    zh: str,
    en: str,
    unit: Unit | None = None,
    *,
    since: int = 2011,
    until: int = LATEST,
    values: Mapping[int, str] | None = None,
    bits: Bits | None = None,
) -> ParameterType:
    return ParameterType(id, wire, zh, en, unit, since, until, values, bits)


_STORE = {0: "本地存储，不上传", 1: "按时间间隔上传", 2: "按距离间隔上传"}
_TABLE = [
    _p(0x0001, DWORD, "终端心跳发送间隔", "Heartbeat interval", SECOND),
    _p(0x0002, DWORD, "TCP消息应答超时时间", "TCP reply timeout", SECOND),
    _p(0x0003, DWORD, "TCP消息重传次数", "TCP retries"),
    _p(0x0004, DWORD, "UDP消息应答超时时间", "UDP reply timeout", SECOND),
    _p(0x0005, DWORD, "UDP消息重传次数", "UDP retries"),
    _p(0x0006, DWORD, "SMS消息应答超时时间", "SMS reply timeout", SECOND),
    _p(0x0007, DWORD, "SMS消息重传次数", "SMS retries"),
    _p(0x0010, STRING, "主服务器APN", "Main server APN"),
    _p(0x0011, STRING, "主服务器无线通信拨号用户名", "Main server dial-up user"),
    _p(0x0012, STRING, "主服务器无线通信拨号密码", "Main server dial-up password"),
    _p(0x0013, STRING, "主服务器地址", "Main server address"),
    _p(0x0014, STRING, "备份服务器APN", "Backup server APN"),
    _p(0x0015, STRING, "备份服务器无线通信拨号用户名", "Backup server dial-up user"),
    _p(0x0016, STRING, "备份服务器无线通信拨号密码", "Backup server dial-up password"),
    _p(0x0017, STRING, "备份服务器地址", "Backup server address"),
    _p(0x0018, DWORD, "服务器TCP端口", "Server TCP port", until=2013),
    _p(0x0019, DWORD, "服务器UDP端口", "Server UDP port", until=2013),
    _p(0x001A, STRING, "道路运输证IC卡认证主服务器IP地址或域名", "IC card main server", since=2013),
    _p(0x001B, DWORD, "道路运输证IC卡认证主服务器TCP端口", "IC card server TCP port", since=2013),
    _p(0x001C, DWORD, "道路运输证IC卡认证主服务器UDP端口", "IC card server UDP port", since=2013),
    _p(0x001D, STRING, "道路运输证IC卡认证备份服务器IP地址或域名", "IC card backup server", since=2013),
    _p(0x0020, DWORD, "位置汇报策略", "Reporting strategy", values={0: "定时汇报", 1: "定距汇报", 2: "定时和定距汇报"}),
    _p(0x0021, DWORD, "位置汇报方案", "Reporting scheme", values={0: "根据ACC状态", 1: "根据登录状态和ACC状态"}),
    _p(0x0022, DWORD, "驾驶员未登录汇报时间间隔", "Interval, driver not logged in", SECOND),
    _p(0x0023, STRING, "从服务器APN", "Slave server APN", since=2019),
    _p(0x0024, STRING, "从服务器无线通信拨号用户名", "Slave server dial-up user", since=2019),
    _p(0x0025, STRING, "从服务器无线通信拨号密码", "Slave server dial-up password", since=2019),
    _p(0x0026, STRING, "从服务器备份地址", "Slave server backup address", since=2019),
    _p(0x0027, DWORD, "休眠时汇报时间间隔", "Interval when sleeping", SECOND),
    _p(0x0028, DWORD, "紧急报警时汇报时间间隔", "Interval during emergency alarm", SECOND),
    _p(0x0029, DWORD, "缺省时间汇报间隔", "Default interval", SECOND),
    _p(0x002C, DWORD, "缺省距离汇报间隔", "Default distance", METRE),
    _p(0x002D, DWORD, "驾驶员未登录汇报距离间隔", "Distance, driver not logged in", METRE),
    _p(0x002E, DWORD, "休眠时汇报距离间隔", "Distance when sleeping", METRE),
    _p(0x002F, DWORD, "紧急报警时汇报距离间隔", "Distance during emergency alarm", METRE),
    _p(0x0030, DWORD, "拐点补传角度", "Corner supplement angle", DEGREE),
    _p(0x0031, WORD, "电子围栏半径", "Electronic fence radius", METRE, since=2013),
    _p(0x0032, Nested(ForbiddenPeriod), "违规行驶时段范围", "Forbidden driving period", since=2019),
    _p(0x0040, STRING, "监控平台电话号码", "Platform phone"),
    _p(0x0041, STRING, "复位电话号码", "Reset phone"),
    _p(0x0042, STRING, "恢复出厂设置电话号码", "Factory-reset phone"),
    _p(0x0043, STRING, "监控平台SMS电话号码", "Platform SMS number"),
    _p(0x0044, STRING, "接收终端SMS文本报警号码", "Number for SMS text alarms"),
    _p(0x0045, DWORD, "终端电话接听策略", "Answering", values={0: "自动接听", 1: "ACC ON时自动接听，OFF时手动接听"}),
    _p(0x0046, DWORD, "每次最长通话时间", "Longest call", SECOND),
    _p(0x0047, DWORD, "当月最长通话时间", "Longest talk time a month", SECOND),
    _p(0x0048, STRING, "监听电话号码", "Listening number"),
    _p(0x0049, STRING, "监管平台特权短信号码", "Privileged SMS number"),
    _p(0x0050, FLAGS_DWORD, "报警屏蔽字", "Alarm mask", bits=bits.ALARM),
    _p(0x0051, FLAGS_DWORD, "报警发送文本SMS开关", "Alarm sends SMS", bits=bits.ALARM),
    _p(0x0052, FLAGS_DWORD, "报警拍摄开关", "Alarm takes picture", bits=bits.ALARM),
    _p(0x0053, FLAGS_DWORD, "报警拍摄存储标志", "Picture on alarm is stored", bits=bits.ALARM),
    _p(0x0054, FLAGS_DWORD, "关键标志", "Critical alarms", bits=bits.ALARM),
    _p(0x0055, DWORD, "最高速度", "Maximum speed", KMH),
    _p(0x0056, DWORD, "超速持续时间", "Overspeed duration", SECOND),
    _p(0x0057, DWORD, "连续驾驶时间门限", "Continuous driving limit", SECOND),
    _p(0x0058, DWORD, "当天累计驾驶时间门限", "Daily driving limit", SECOND),
    _p(0x0059, DWORD, "最小休息时间", "Minimum rest", SECOND),
    _p(0x005A, DWORD, "最长停车时间", "Longest parking", SECOND),
    _p(0x005B, WORD, "超速报警预警差值", "Overspeed warning margin", KMH_10, since=2013),
    _p(0x005C, WORD, "疲劳驾驶预警差值", "Fatigue warning margin", SECOND, since=2013),
    _p(0x005D, WORD, "碰撞报警参数设置", "Collision: low byte time, high byte 0.1 g", since=2013),
    _p(0x005E, WORD, "侧翻报警参数设置", "Rollover angle", DEGREE, since=2013),
    _p(0x0064, FLAGS_DWORD, "定时拍照控制", "Timed pictures", since=2013, bits=bits.TIMED_PICTURES),
    _p(0x0065, FLAGS_DWORD, "定距拍照控制", "Pictures by distance", since=2013, bits=bits.DISTANCE_PICTURES),
    _p(0x0070, DWORD, "图像/视频质量", "Picture quality, 1 best"),
    _p(0x0071, DWORD, "亮度", "Brightness"),
    _p(0x0072, DWORD, "对比度", "Contrast"),
    _p(0x0073, DWORD, "饱和度", "Saturation"),
    _p(0x0074, DWORD, "色度", "Chroma"),
    _p(0x0075, Nested(AudioVideo), "音视频参数设置", "Audio and video", since=2013),
    _p(0x0076, Nested(ChannelList), "音视频通道列表设置", "Channel list", since=2013),
    _p(0x0077, Nested(ChannelVideoList), "单独视频通道参数设置", "Video of single channels", since=2013),
    _p(0x0079, Nested(AlarmRecording), "特殊报警录像参数设置", "Special alarm recording", since=2013),
    _p(0x007A, FLAGS_DWORD, "视频相关报警屏蔽字", "Video alarm mask", since=2013, bits=bits.VIDEO_ALARM),
    _p(0x007B, Nested(ImageAnalysis), "图像分析报警参数设置", "Image analysis", since=2013),
    _p(0x007C, Nested(SleepWake), "终端休眠唤醒模式设置", "Sleep and wake", since=2013),
    _p(0x0080, DWORD, "车辆里程表读数", "Odometer", KM_10),
    _p(0x0081, {2011: DWORD, 2013: WORD}, "车辆所在的省域ID", "Province id"),
    _p(0x0082, {2011: DWORD, 2013: WORD}, "车辆所在的市域ID", "City id"),
    _p(0x0083, STRING, "公安交通管理部门颁发的机动车号牌", "Plate"),
    _p(0x0084, {2011: DWORD, 2013: BYTE}, "车牌颜色", "Plate colour"),
    _p(0x0090, FLAGS_BYTE, "GNSS定位模式", "GNSS mode", since=2013, bits=bits.GNSS),
    _p(
        0x0091,
        BYTE,
        "GNSS波特率",
        "GNSS baud rate",
        since=2013,
        values={0: "4800", 1: "9600", 2: "19200", 3: "38400", 4: "57600", 5: "115200"},
    ),
    _p(
        0x0092,
        BYTE,
        "GNSS模块详细定位数据输出频率",
        "GNSS output rate",
        since=2013,
        values={0: "500 ms", 1: "1000 ms", 2: "2000 ms", 3: "3000 ms", 4: "4000 ms"},
    ),
    _p(0x0093, DWORD, "GNSS模块详细定位数据采集频率", "GNSS collection interval", SECOND, since=2013),
    _p(
        0x0094,
        BYTE,
        "GNSS模块详细定位数据上传方式",
        "GNSS upload",
        since=2013,
        values={**_STORE, 0x0B: "按累计时间上传", 0x0C: "按累计距离上传", 0x0D: "按累计条数上传"},
    ),
    _p(0x0095, DWORD, "GNSS模块详细定位数据上传设置", "GNSS upload setting", since=2013),
    _p(0x0100, DWORD, "CAN总线通道1采集时间间隔", "CAN 1 collection interval", MILLISECOND, since=2013),
    _p(0x0101, WORD, "CAN总线通道1上传时间间隔", "CAN 1 upload interval", SECOND, since=2013),
    _p(0x0102, DWORD, "CAN总线通道2采集时间间隔", "CAN 2 collection interval", MILLISECOND, since=2013),
    _p(0x0103, WORD, "CAN总线通道2上传时间间隔", "CAN 2 upload interval", SECOND, since=2013),
    _p(0x0110, Nested(SingleCanId), "CAN总线ID单独采集设置", "Single CAN id", since=2013),
    _p(0xF364, ByLength(SubiaoAdas, YuebiaoAdas), "高级驾驶辅助系统参数", "ADAS"),
    _p(0xF365, ByLength(SubiaoDsm, YuebiaoDsm), "驾驶员状态监测系统参数", "DSM"),
    _p(0xF366, Nested(TyreSettings), "胎压监测系统参数", "TPMS"),
    _p(0xF367, Nested(BsdSettings), "盲区监测系统参数", "BSD"),
    _p(0xF370, BYTE, "智能视频协议版本信息", "Version of the smart-video extension, read only (粤标)"),
]

PARAMETERS: dict[int, ParameterType] = {p.id: p for p in _TABLE}
"""Every parameter that a standard names, by id; 0x0111-0x01FF are like 0x0110 (``parameter_type``)."""


def parameter_type(parameter_id: int) -> ParameterType | None:
    """The line of the table for an id, or None for reserved and vendors' ids."""
    return PARAMETERS[0x0110] if 0x0110 < parameter_id <= 0x01FF else PARAMETERS.get(parameter_id)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it came."""

    id: int
    raw: bytes

    def value(self, edition: int = LATEST, reading: Reading = STANDARD) -> Any:
        """Its value in ``edition``, or None when it stays raw. Never raises."""
        found = parameter_type(self.id)
        wire = found.type_in(edition) if found and found.fits(len(self.raw), edition) else None
        if wire is None:
            return None
        try:
            value, end = wire.read(self.raw, 0, len(self.raw), Scope(edition, reading=reading))
        except ProtocolError:
            return None
        return value if end == len(self.raw) else None

    @staticmethod
    def of(parameter_id: int, value: Any, edition: int = LATEST) -> Parameter:
        """The parameter that carries ``value``. Raises ProtocolError ``value`` or ``edition``."""
        found = parameter_type(parameter_id)
        wire = found.type_in(edition) if found else None
        if wire is None:
            raise ProtocolError("edition", f"{edition} has no parameter 0x{parameter_id:04X}")
        # 2011 ends a STRING with 0x00 in a body; a parameter has its length byte instead
        return Parameter(parameter_id, wire.write(value, max(edition, 2013) if wire is STRING else edition))

    def to_json(self) -> dict[str, Any]:
        """Id, length and bytes."""
        return {"id": f"0x{self.id:04X}", "length": len(self.raw), "hex": self.raw.hex()}


class ParameterList(WireType[tuple[Parameter, ...]]):
    """Parameter items, as many as ``packet_count`` (2011) or ``count`` says (§8.7)."""

    label = "参数项 × count"
    composite = True

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[tuple[Parameter, ...], int]:
        wanted = scope.values.get("packet_count")
        wanted = scope.values["count"] if wanted is None else wanted
        parameters: list[Parameter] = []
        odd = False
        for index in range(wanted):
            if end - at < HEAD or end - at - HEAD < data[at + HEAD - 1]:
                raise ProtocolError(
                    "body_malformed", f"parameter {index + 1} of {wanted} runs past the end of the body", at
                )
            stop = at + HEAD + data[at + HEAD - 1]
            parameter = Parameter(int.from_bytes(data[at : at + 4], "big"), data[at + HEAD : stop])
            parameters.append(parameter)
            found = parameter_type(parameter.id)
            odd = odd or (found is not None and not found.fits(len(parameter.raw), scope.edition))
            if scope.spans is not None:
                _mark(parameter, at, stop, scope)
            at = stop
        if at < end and odd:
            raise ProtocolError("body_malformed", f"{end - at} bytes left behind parameters of a wrong length", at)
        return tuple(parameters), at

    def write(self, value: tuple[Parameter, ...], edition: int) -> bytes:
        out = bytearray()
        for parameter in value:
            if len(parameter.raw) > 255:
                raise ProtocolError("value", f"parameter 0x{parameter.id:04X}: at most 255 bytes")
            out += DWORD.write(parameter.id, edition) + bytes([len(parameter.raw)]) + parameter.raw
        return bytes(out)

    def json(self, value: tuple[Parameter, ...]) -> Any:
        return [parameter.to_json() for parameter in value]


def _mark(parameter: Parameter, at: int, stop: int, scope: Scope) -> None:
    found = parameter_type(parameter.id)
    name, zh = f"[0x{parameter.id:04X}]", found.zh if found else "保留或厂商自定义参数"
    scope.mark(at, at + HEAD, name, "参数ID与长度", f"0x{parameter.id:04X}, {len(parameter.raw)}", zh)
    value = parameter.value(scope.edition, scope.reading)
    if stop == at + HEAD:
        return
    if found is None or value is None:
        scope.mark(at + HEAD, stop, f"{name}.raw", zh, parameter.raw.hex(" "), "未解析" if found else "")
    else:
        text, note = found.text(value, scope.edition), found.explain(value, scope.edition)
        scope.mark(at + HEAD, stop, f"{name}.value", zh, text, note)
