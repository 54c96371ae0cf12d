"""Every command that can be sent, one row each: its form, its message, its answer, and what the law asks for.

To add one, add a row. ``message(values, edition)`` makes the declared message; an edition that has no such message is
left out of the letter, and a terminal of that edition then refuses nothing: the command ends as "edition" at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from luwei.commands import kinds_area, kinds_media, kinds_recorder, kinds_service, letters
from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, integer, pick, string
from luwei.commands.parameter_form import PARAMETERS_MAX
from luwei.protocol.jt808.messages import control, driver, service, tracking, video

CONFIRMED: tuple[Value, ...] = (
    (0, "紧急报警", "Emergency"), (3, "危险预警", "Danger warning"), (20, "进出区域", "Area"),
    (21, "进出路线", "Route"), (22, "路段行驶时间", "Section time"),
    (27, "非法点火", "Illegal ignition"), (28, "非法位移", "Illegal movement"),
)  # fmt: skip
EARLY_WORDS: tuple[Value, ...] = (
    (3, "关机", "Power off"), (6, "关闭数据通信", "Data link off"), (7, "关闭所有无线通信", "All radio off"),
)  # fmt: skip
PASS_TYPES: tuple[Value, ...] = (
    (0x41, "串口1透传", "Serial port 1"), (0x42, "串口2透传", "Serial port 2"),
    (0x00, "GNSS 模块", "GNSS module"), (0x0B, "道路运输证 IC 卡", "IC card"),
    *((number, f"用户自定义 {number:02X}H", f"User-defined {number:02X}H") for number in range(0xF0, 0x100)),
)  # fmt: skip


_URGENT = pick("urgency", "紧急程度", "Urgency", "§8.27", ((0, "一般", "Ordinary"), (1, "紧急", "Urgent")), 0)
_ALOUD = FormField("read_aloud", "flag", "语音播读", "Read aloud (TTS)", "§8.27", default=True)
_SWITCH = ("control", (0,))
_NAMES = (
    string("platform_code", "监管平台鉴权码", "Platform code", "§8.16", 50, required=False, default="", only=_SWITCH),
    string("apn", "拨号点", "APN", "§8.16", 50, required=False, default="", only=_SWITCH),
    string("user", "拨号用户名", "Dial-up user", "§8.16", 50, required=False, default="", only=_SWITCH),
    string("password", "拨号密码", "Dial-up password", "§8.16", 50, required=False, default="", only=_SWITCH),
    string("address", "服务器地址", "Server address", "§8.16", 100, only=_SWITCH),
    integer("tcp_port", "TCP 端口", "TCP port", "§8.16", 1, 65535, only=_SWITCH),
    integer("udp_port", "UDP 端口", "UDP port", "§8.16", 0, 65535, 0, only=_SWITCH),
    integer("time_limit", "时限（0 为一直）", "Time limit (0: stay)", "§8.16", 0, 65535, 60, unit="min", only=_SWITCH),
)

_TABLE = (
    Kind("locate", "立即定位", "Locate now", "query", "§8.22", letters.empty(tracking.QueryLocation), answer=0x0201),
    Kind(
        "track", "临时跟踪", "Temporary tracking", "query", "§8.24", letters.track,
        (
            integer("interval", "间隔（0 为停止）", "Interval (0 stops)", "§8.24", 0, 3600, 5, unit="s"),
            integer("valid_s", "有效期", "Valid for", "§8.24", 1, 86_400, 300, unit="s"),
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
            string("text", "内容", "Text", "§8.27", 1024),
            _URGENT,
            FormField("display", "flag", "终端屏幕显示", "Show on display", "§8.27", default=True),
            _ALOUD,
            pick("text_type", "文本类型（2019）", "Kind of text (2019)", "§8.27",
                  ((1, "通知", "Notice"), (2, "服务", "Service")), 1),
        ),
        repeatable=False,
    ),
    Kind(
        "question", "提问", "Question", "notice", "2013 §8.29", letters.question,
        (
            string("question", "问题", "Question", "2013 §8.29", 200),
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
            integer("serial", "报警流水号（0 为全部）", "Alarm serial (0: all)", "§8.25", 0, 65535, 0),
        ),
    ),
    Kind(
        "call_back", "电话回拨", "Call back", "notice", "§8.28", letters.call(0),
        (FormField("phone", "phone", "回拨号码", "Number to call", "§8.28"),), single=True, repeatable=False,
    ),
    Kind(
        "listen_in", "监听", "Listen in", "notice", "§8.28", letters.call(1),
        (FormField("phone", "phone", "监听号码", "Number that listens", "§8.28"),),
        reason=True, hears=True, single=True, repeatable=False,
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
    Kind("restart", "终端复位", "Restart terminal", "control", "§8.16", letters.control_word(4), reason=True,
         repeatable=False),
    Kind("factory_reset", "恢复出厂设置", "Factory settings", "control", "§8.16", letters.control_word(5), reason=True,
         repeatable=False),
    Kind(
        "radio_off", "关机或断开通信（2011/2013）", "Power or radio off (2011/2013)", "control", "2013 §8.16",
        letters.early_control,
        (pick("word", "命令", "Command", "2013 §8.16", EARLY_WORDS, 3),),
        reason=True, repeatable=False,
    ),
    Kind(
        "switch_server", "切换服务器", "Switch server", "control", "§8.16", letters.server,
        (
            pick("control", "命令", "Command", "§8.16",
                  ((0, "连接指定服务器", "Connect to given server"), (1, "恢复默认服务器", "Back to default")), 0),
            *_NAMES,
        ),
        reason=True, repeatable=False, binary=partial(letters.server, binary=True),
    ),
    Kind(
        "upgrade", "远程升级（URL）", "Upgrade by URL", "control", "§8.16, 粤标 §5.7.1", letters.upgrade,
        (
            string("url", "URL", "URL", "§8.16", 250),
            string("manufacturer", "制造商 ID", "Manufacturer id", "§8.16", 11, required=False, default=""),
            string("hardware", "硬件版本", "Hardware version", "§8.16", 30, required=False, default=""),
            string("firmware", "固件版本", "Firmware version", "§8.16", 30),
            integer("time_limit", "时限", "Time limit", "§8.16", 0, 65535, 60, unit="min"),
        ),
        reason=True, repeatable=False, binary=partial(letters.upgrade, binary=True),
    ),
    Kind(
        "door", "车门控制", "Door control", "control", "§8.30", letters.door,
        (pick("lock", "车门", "Doors", "§8.30", ((1, "加锁", "Lock"), (0, "解锁", "Unlock")), 1),),
        answer=0x0500, reason=True, single=True, repeatable=False,
    ),
    Kind(
        "pass_through", "数据下行透传", "Pass-through", "control", "§8.60", letters.pass_on,
        (
            pick("type", "类型", "Kind", "§8.60", PASS_TYPES, 0x41),
            FormField("content", "hex", "内容（十六进制）", "Content (hex)", "§8.60", most=60_000),
        ),
        reason=True, repeatable=False,
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (*_TABLE, *kinds_media.TABLE, *kinds_area.TABLE, *kinds_recorder.TABLE, *kinds_service.TABLE)
}
