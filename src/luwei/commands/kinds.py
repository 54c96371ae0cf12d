"""Every command that can be sent, one row each: its form, its message, its answer, and what the law asks for.

To add one, add a row. ``message(values, edition)`` makes the declared message; an edition that has no such message is
left out of the letter, and a terminal of that edition then refuses nothing: the command ends as "edition" at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from luwei.commands import letters
from luwei.commands.forms import FormField, Value, check
from luwei.commands.letters import Build
from luwei.commands.parameter_form import PARAMETERS_MAX
from luwei.gateway.orders import Letter
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages import control, driver, media, service, tracking, video
from luwei.protocol.message import EDITIONS

BODY_MAX = 65_536


class Sendable(Protocol):
    """What the engine needs of a kind."""

    @property
    def repeatable(self) -> bool: ...

    def letter(self, values: Mapping[str, Any]) -> Letter: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One command."""

    code: str
    zh: str
    en: str
    group: str
    """Heading in the list: query, notice, parameter, media, area, control."""
    clause: str
    message: Build
    fields: tuple[FormField, ...] = ()
    answer: int = 0
    """Id of the specific answer; 0: 0x0001."""
    general_ends: bool = False
    patience_s: int = 0
    reason: bool = False
    """A reason must be given: the command listens, restarts or takes control."""
    single: bool = False
    """One vehicle at a time."""
    repeatable: bool = True
    """May be sent again when nobody knows whether it arrived."""

    def letter(self, values: Mapping[str, Any]) -> Letter:
        """The message for every edition that has it. Raises ProtocolError when none does or a value does not fit."""
        bodies: dict[int, bytes] = {}
        message_id, problem = 0, ProtocolError("edition", "no edition has this message")
        for edition in EDITIONS:
            try:
                made = self.message(values, edition)
                if made.since <= edition <= made.until:
                    bodies[edition], message_id = made.encode(edition), made.id
            except ProtocolError as error:
                problem = error
        if not bodies:
            raise problem
        if max(map(len, bodies.values())) > BODY_MAX:
            raise ProtocolError("value", f"body of more than {BODY_MAX} bytes")
        return Letter(message_id, bodies, self.answer, self.general_ends, self.patience_s)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the form as they are kept. Raises RegistryError naming field and clause."""
        return check(self.fields, given)


AREA_KINDS: tuple[Value, ...] = (
    (1, "圆形区域", "Circles"), (2, "矩形区域", "Rectangles"), (3, "多边形区域", "Polygons"), (4, "路线", "Routes"),
)  # fmt: skip
CONFIRMED: tuple[Value, ...] = (
    (0, "紧急报警", "Emergency"), (3, "危险预警", "Danger warning"), (20, "进出区域", "Area"),
    (21, "进出路线", "Route"), (22, "路段行驶时间", "Section time"),
    (27, "非法点火", "Illegal ignition"), (28, "非法位移", "Illegal movement"),
)  # fmt: skip
MEDIA: tuple[Value, ...] = ((0, "图像", "Pictures"), (1, "音频", "Sound"), (2, "视频", "Film"))
SETTINGS: tuple[Value, ...] = ((1, "追加", "Append"), (2, "修改", "Modify"), (0, "替换全部", "Replace all"))
EARLY_WORDS: tuple[Value, ...] = (
    (3, "关机", "Power off"), (6, "关闭数据通信", "Data link off"), (7, "关闭所有无线通信", "All radio off"),
)  # fmt: skip
RESOLUTIONS: tuple[Value, ...] = tuple((number, name, name) for number, name in media.RESOLUTIONS.items())
PASS_TYPES: tuple[Value, ...] = (
    (0x41, "串口1透传", "Serial port 1"), (0x42, "串口2透传", "Serial port 2"), (0xF7, "外设状态", "Peripheral status"),
    (0xF8, "外设系统信息", "Peripheral information"),
)  # fmt: skip


def _int(name: str, zh: str, en: str, clause: str, low: int, high: int, default: Any = None, **more: Any) -> FormField:
    return FormField(name, "integer", zh, en, clause, low=low, high=high, default=default, **more)


def _pick(name: str, zh: str, en: str, clause: str, values: tuple[Value, ...], default: Any, **more: Any) -> FormField:
    return FormField(name, "choice", zh, en, clause, values=values, default=default, **more)


def _string(name: str, zh: str, en: str, clause: str, most: int, **more: Any) -> FormField:
    return FormField(name, "text", zh, en, clause, most=most, **more)


_URGENT = _pick("urgency", "紧急程度", "Urgency", "§8.27", ((0, "一般", "Ordinary"), (1, "紧急", "Urgent")), 0)
_ALOUD = FormField("read_aloud", "flag", "语音播读", "Read aloud (TTS)", "§8.27", default=True)
_SWITCH = ("control", (0,))
_IDS = FormField(
    "ids", "numbers", "区域 ID", "Area ids", "§8.33", low=1, high=0xFFFFFFFF, most=125, default=[], required=False
)
_NAMES = (
    _string("platform_code", "监管平台鉴权码", "Platform code", "§8.16", 50, required=False, default="", only=_SWITCH),
    _string("apn", "拨号点", "APN", "§8.16", 50, required=False, default="", only=_SWITCH),
    _string("user", "拨号用户名", "Dial-up user", "§8.16", 50, required=False, default="", only=_SWITCH),
    _string("password", "拨号密码", "Dial-up password", "§8.16", 50, required=False, default="", only=_SWITCH),
    _string("address", "服务器地址", "Server address", "§8.16", 100, only=_SWITCH),
    _int("tcp_port", "TCP 端口", "TCP port", "§8.16", 1, 65535, only=_SWITCH),
    _int("udp_port", "UDP 端口", "UDP port", "§8.16", 0, 65535, 0, only=_SWITCH),
    _int("time_limit", "时限（0 为一直）", "Time limit (0: stay)", "§8.16", 0, 65535, 60, unit="min", only=_SWITCH),
)

_TABLE = (
    Kind("locate", "立即定位", "Locate now", "query", "§8.22", letters.empty(tracking.QueryLocation), answer=0x0201),
    Kind(
        "track", "临时跟踪", "Temporary tracking", "query", "§8.24", letters.track,
        (
            _int("interval", "间隔（0 为停止）", "Interval (0 stops)", "§8.24", 0, 3600, 5, unit="s"),
            _int("valid_s", "有效期", "Valid for", "§8.24", 1, 86_400, 300, unit="s"),
        ),
    ),
    Kind("attributes", "终端属性", "Terminal attributes", "query", "§8.17", letters.empty(control.QueryAttributes),
         answer=0x0107),
    Kind("link_check", "链路检测", "Link check", "query", "§8.26", letters.empty(service.LinkCheck)),
    Kind("driver", "驾驶员身份", "Driver identity", "query", "§8.46", letters.empty(driver.RequestDriver),
         answer=0x0702),
    Kind("video_attributes", "音视频属性", "Audio/video attributes", "query", "JT/T 1078 §5.4",
         letters.empty(video.QueryVideoAttributes), answer=0x1003),
    Kind(
        "text", "文本信息", "Text message", "notice", "§8.27", letters.text,
        (
            _string("text", "内容", "Text", "§8.27", 1024),
            _URGENT,
            FormField("display", "flag", "终端屏幕显示", "Show on display", "§8.27", default=True),
            _ALOUD,
            _pick("text_type", "文本类型（2019）", "Kind of text (2019)", "§8.27",
                  ((1, "通知", "Notice"), (2, "服务", "Service")), 1),
        ),
        repeatable=False,
    ),
    Kind(
        "question", "提问", "Question", "notice", "2013 §8.29", letters.question,
        (
            _string("question", "问题", "Question", "2013 §8.29", 200),
            FormField("answers", "texts", "候选答案", "Answers to choose from", "2013 §8.29", most=20),
            _URGENT,
            _ALOUD,
        ),
        answer=0x0302, patience_s=300, repeatable=False,
    ),
    Kind(
        "confirm_alarm", "人工确认报警", "Confirm alarm", "notice", "§8.25", letters.confirm,
        (
            FormField("alarms", "bits", "报警类型", "Kinds of alarm", "§8.25", values=CONFIRMED, most=7),
            _int("serial", "报警流水号（0 为全部）", "Alarm serial (0: all)", "§8.25", 0, 65535, 0),
        ),
    ),
    Kind(
        "call_back", "电话回拨", "Call back", "notice", "§8.28", letters.call(0),
        (FormField("phone", "phone", "回拨号码", "Number to call", "§8.28"),), single=True, repeatable=False,
    ),
    Kind(
        "listen_in", "监听", "Listen in", "notice", "§8.28", letters.call(1),
        (FormField("phone", "phone", "监听号码", "Number that listens", "§8.28"),),
        reason=True, single=True, repeatable=False,
    ),
    Kind(
        "read_parameters", "查询参数", "Read parameters", "parameter", "§8.13, §8.14", letters.read_parameters,
        (FormField("ids", "parameter_ids", "参数（空为全部）", "Parameters (none: all)", "§8.14",
                   most=PARAMETERS_MAX, default=[], required=False),),
        answer=0x0104,
    ),
    Kind(
        "set_parameters", "设置参数", "Set parameters", "parameter", "§8.12", letters.set_parameters,
        (FormField("parameters", "parameters", "参数", "Parameters", "§8.12", most=PARAMETERS_MAX),),
    ),
    Kind(
        "photo", "拍照", "Take pictures", "media", "§8.53", letters.photo,
        (
            _int("channel", "通道", "Channel", "§8.53", 1, 255, 1),
            _int("count", "张数", "Pictures", "§8.53", 1, 100, 1),
            _int("interval", "间隔", "Interval", "§8.53", 0, 3600, 0, unit="s"),
            _pick("save", "处理", "Then", "§8.53", ((0, "实时上传", "Upload"), (1, "终端保存", "Store")), 0),
            _pick("resolution", "分辨率", "Resolution", "§8.53", RESOLUTIONS, 2),
            _int("quality", "质量（1 最好）", "Quality (1 best)", "§8.53", 1, 10, 5),
        ),
        answer=0x0805, general_ends=True, repeatable=False,
    ),
    Kind(
        "record_audio", "录音", "Record sound", "media", "§8.58", letters.record,
        (
            _pick("start", "命令", "Command", "§8.58", ((1, "开始", "Start"), (0, "停止", "Stop")), 1),
            _int("seconds", "时长（0 为一直）", "Length (0: until stopped)", "§8.58", 0, 3600, 30, unit="s"),
            _pick("save", "处理", "Then", "§8.58", ((0, "实时上传", "Upload"), (1, "终端保存", "Store")), 0),
        ),
        reason=True, single=True, repeatable=False,
    ),
    Kind(
        "search_media", "检索终端多媒体", "Search stored media", "media", "§8.55", letters.search,
        (
            _pick("type", "类型", "Kind", "§8.55", MEDIA, 0),
            _int("channel", "通道（0 为全部）", "Channel (0: all)", "§8.55", 0, 255, 0),
        ),
        answer=0x0802,
    ),
    Kind(
        "set_circle", "下发圆形区域", "Set circular area", "area", "§8.32", letters.circle,
        (
            _pick("setting", "方式", "How", "§8.32", SETTINGS, 1),
            _int("area_id", "区域 ID", "Area id", "§8.32", 1, 0xFFFFFFFF),
            _string("name", "名称（2019）", "Name (2019)", "§8.32", 100, required=False, default=""),
            FormField("latitude", "degrees", "中心纬度", "Latitude", "§8.32", low=-90, high=90),
            FormField("longitude", "degrees", "中心经度", "Longitude", "§8.32", low=-180, high=180),
            _int("radius", "半径", "Radius", "§8.32", 1, 1_000_000, 500, unit="m"),
            _pick("alarms", "报警给平台", "Alarm to platform", "§8.32",
                  ((0, "不报警", "None"), (1, "进区域", "Entering"), (2, "出区域", "Leaving"), (3, "进出", "Both")), 3),
            _int("max_speed", "限速（0 为不限）", "Speed limit (0: none)", "§8.32", 0, 200, 0, unit="km/h"),
            _int("duration", "超速持续", "Overspeed duration", "§8.32", 0, 255, 10, unit="s"),
        ),
    ),
    Kind(
        "delete_areas", "删除区域或路线", "Delete areas or routes", "area", "§8.33", letters.delete_areas,
        (_pick("type", "类型", "Kind", "§8.33", AREA_KINDS, 1), _IDS),
    ),
    Kind(
        "read_areas", "查询区域或路线", "Read areas or routes", "area", "§8.40", letters.read_areas,
        (_pick("type", "类型", "Kind", "§8.40", AREA_KINDS, 1), _IDS), answer=0x0608,
    ),
    Kind("restart", "终端复位", "Restart terminal", "control", "§8.16", letters.control_word(4), reason=True,
         repeatable=False),
    Kind("factory_reset", "恢复出厂设置", "Factory settings", "control", "§8.16", letters.control_word(5), reason=True,
         repeatable=False),
    Kind(
        "radio_off", "关机或断开通信（2011/2013）", "Power or radio off (2011/2013)", "control", "2013 §8.16",
        letters.early_control,
        (_pick("word", "命令", "Command", "2013 §8.16", EARLY_WORDS, 3),),
        reason=True, repeatable=False,
    ),
    Kind(
        "switch_server", "切换服务器", "Switch server", "control", "§8.16", letters.server,
        (
            _pick("control", "命令", "Command", "§8.16",
                  ((0, "连接指定服务器", "Connect to given server"), (1, "恢复默认服务器", "Back to default")), 0),
            *_NAMES,
        ),
        reason=True, repeatable=False,
    ),
    Kind(
        "upgrade", "远程升级（URL）", "Upgrade by URL", "control", "§8.16, 粤标 §5.7.1", letters.upgrade,
        (
            _string("url", "URL", "URL", "§8.16", 250),
            _string("manufacturer", "制造商 ID", "Manufacturer id", "§8.16", 11, required=False, default=""),
            _string("hardware", "硬件版本", "Hardware version", "§8.16", 30, required=False, default=""),
            _string("firmware", "固件版本", "Firmware version", "§8.16", 30),
            _int("time_limit", "时限", "Time limit", "§8.16", 0, 65535, 60, unit="min"),
        ),
        reason=True, repeatable=False,
    ),
    Kind(
        "door", "车门控制", "Door control", "control", "§8.30", letters.door,
        (_pick("lock", "车门", "Doors", "§8.30", ((1, "加锁", "Lock"), (0, "解锁", "Unlock")), 1),),
        answer=0x0500, reason=True, single=True, repeatable=False,
    ),
    Kind(
        "pass_through", "数据下行透传", "Pass-through", "control", "§8.60", letters.pass_on,
        (
            _pick("type", "类型", "Kind", "§8.60", PASS_TYPES, 0x41),
            FormField("content", "hex", "内容（十六进制）", "Content (hex)", "§8.60", most=60_000),
        ),
        reason=True, repeatable=False,
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.code: kind for kind in _TABLE}
