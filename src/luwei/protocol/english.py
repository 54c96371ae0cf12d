"""English for the value words of the declarations, which speak Chinese as the standards do.

``english`` turns what a field means (names of values, of bits that are set, joined by ，) into English; a part that has
none, such as a name or a text of the terminal, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from luwei.protocol.fields import by_edition
from luwei.protocol.jt808.bits import BitTable
from luwei.protocol.jt808.items import ITEM_TYPES
from luwei.protocol.jt808.parameters import PARAMETERS
from luwei.protocol.layout import Field
from luwei.protocol.message import EDITIONS, REGISTRY, Record

WORDS = {
    "未定义": "undefined",
    "无": "none",
    "未解析": "not decoded",
    "其余字段": "further fields",
    "超过最长的帧": "longer than any frame",
    "原始字节": "raw bytes",
    "不是完整的数据包": "no whole packet",
    "采集或设置出错": "collecting or setting failed",
    "成功": "success",
    "成功/确认": "success",
    "失败": "failure",
    "消息有误": "message error",
    "不支持": "unsupported",
    "报警处理确认": "alarm confirmed",
    "支持": "supported",
    "通道不支持": "channel unsupported",
    "正常": "normal",
    "异常": "abnormal",
    "无效": "invalid",
    "完成": "complete",
    "启用": "on",
    "不启用": "off",
    "不开启": "off",
    "不可用": "unavailable",
    "停止": "stop",
    "启动": "start",
    "继续": "go on",
    "暂停": "pause",
    "取消": "cancel",
    "点播": "subscribe",
    "保留": "keep",
    "删除": "delete",
    "保存": "store",
    "实时上传": "upload at once",
    "更新": "replace",
    "追加": "append",
    "修改": "modify",
    "连接": "connected",
    "未连接": "not connected",
    "断开连接": "disconnected",
    "上": "up",
    "下": "down",
    "左": "left",
    "右": "right",
    "进": "in",
    "出": "out",
    "过长": "too long",
    "不足": "too short",
    "路段": "section",
    "路线": "route",
    "圆形区域": "circular area",
    "矩形区域": "rectangular area",
    "多边形区域": "polygon area",
    "无特定位置": "no particular place",
    "其他": "other",
    "其它": "other",
    "服务": "service",
    "通知": "notice",
    "终端": "terminal",
    "透传": "transparent data",
    "不加密": "not encrypted",
    "RSA加密": "RSA",
    "保留的加密方式": "reserved encryption",
    "分包": "fragmented",
    "不分包": "not fragmented",
    "消息体长度": "body length",
    "版本标识": "version flag",
    "补码负值": "negative as two's complement",
    "超出范围": "out of range",
    "即 0°": "that is 0°",
    "未知": "unknown",
    "不是有效时间": "no valid time",
    "异或一致": "XOR agrees",
    "长度": "length",
    "厂商自定义": "the vendor's",
    "保留或厂商自定义参数": "reserved or vendor's parameter",
    "未解析：帧有错误": "not decoded: the frame is faulty",
    "校验码未转义": "check code not escaped",
    "消息中的 0x7e 未转义": "0x7E not escaped",
    "2013 版消息头却置了版本标识": "header of 2013 with the version flag set",
    "2019 版消息头缺版本标识": "header of 2019 without the version flag",
    "消息体长度按转义后计算": "length counts escaped bytes",
    "消息体长度含消息头或封装项": "length counts header or fragment item",
    "未声明的消息": "no declared message",
    "不完整": "incomplete",
    "加密": "encrypted",
    # pictures and sound
    "图像": "picture",
    "音频": "sound",
    "视频": "film",
    "音视频": "sound and film",
    "视频或音视频": "film, with or without sound",
    "文本": "text",
    "最低分辨率": "lowest",
    "最高分辨率": "highest",
    "平台下发指令": "platform command",
    "定时动作": "timed",
    "抢劫报警触发": "robbery alarm",
    "碰撞侧翻报警触发": "collision or rollover alarm",
    "门开拍照": "door opened",
    "门关拍照": "door closed",
    "车门由开变关，车速从小于20km到超过20km": "door closing, speed passing 20 km/h",
    "定距拍照": "by distance",
    "定时拍照": "timed picture",
    "定时触发": "timed",
    "定距触发": "by distance",
    "插卡触发／保留": "by card / reserved",
    "插卡开始行驶触发": "card inserted, driving begins",
    "停止录音": "stop recording",
    "开始录音": "start recording",
    "单帧上传": "single frame",
    "8位": "8 bits",
    "16位": "16 bits",
    "32位": "32 bits",
    "主码流": "main stream",
    "子码流": "sub stream",
    "所有码流": "all streams",
    "主存储器": "main storage",
    "灾备存储器": "disaster storage",
    "所有存储器": "all storage",
    "1倍": "1×",
    "2倍": "2×",
    "4倍": "4×",
    "8倍": "8×",
    "16倍": "16×",
    "正常回放": "normal playback",
    "快进回放": "fast forward",
    "关键帧快退回放": "key frames backward",
    "关键帧播放": "key frames",
    "开始回放": "start playback",
    "暂停回放": "pause playback",
    "结束回放": "end playback",
    "拖动回放": "seek",
    "双向对讲": "two-way talk",
    "监听": "listen",
    "中心广播": "broadcast",
    "关闭音视频传输": "end transmission",
    "切换码流（增加暂停、继续）": "switch stream",
    "关闭双向对讲": "end talk",
    "暂停该通道所有流的发送": "pause all streams of the channel",
    "恢复暂停前流的发送": "resume the streams",
    "只关音频": "sound only",
    "只关视频": "film only",
    "调大": "larger",
    "调小": "smaller",
    # telephone, events, menus
    "普通通话": "ordinary call",
    "呼入": "incoming",
    "呼出": "outgoing",
    "呼入/呼出": "both ways",
    "删除终端现有所有事件": "delete all events",
    "更新事件": "replace events",
    "追加事件": "append events",
    "修改事件": "modify events",
    "删除特定几项事件": "delete given events",
    "删除终端全部信息项": "delete the menu",
    "更新菜单": "replace the menu",
    "追加菜单": "append to the menu",
    "修改菜单": "modify the menu",
    "删除终端上所有存储的联系人": "delete all contacts",
    "更新电话本": "replace the book",
    "追加电话本": "append to the book",
    "修改电话本": "modify the book",
    # control and upgrade
    "无线升级": "wireless upgrade",
    "控制终端连接指定服务器": "connect to a given server",
    "终端关机": "power off",
    "终端复位": "reset",
    "终端恢复出厂设置": "factory settings",
    "关闭数据通信": "data link off",
    "关闭所有无线通信": "all radio off",
    "车门": "door",
    "车门锁闭": "lock the doors",
    "车门开启": "open the doors",
    "道路运输证IC卡读卡器": "IC card reader",
    "卫星定位模块": "positioning module",
    "固件下载中": "downloading",
    "固件下载完成": "downloaded",
    "固件下载失败": "download failed",
    "固件安装中": "installing",
    "固件安装完成": "installed",
    "固件安装失败": "installation failed",
    "未找到目标设备": "device not found",
    "硬件型号不支持": "hardware not supported",
    "软件版本相同": "same version",
    "软件版本不支持": "version not supported",
    "升级维护": "being upgraded",
    # registration, driver, pass-through
    "车辆已被注册": "vehicle already registered",
    "数据库中无该车辆": "vehicle not in database",
    "终端已被注册": "terminal already registered",
    "数据库中无该终端": "terminal not in database",
    "未上牌": "no plate yet",
    "蓝色": "blue",
    "黄色": "yellow",
    "黑色": "black",
    "白色": "white",
    "绿色": "green",
    "从业资格证IC卡插入（驾驶员上班）": "card inserted, driver on duty",
    "从业资格证IC卡拔出（驾驶员下班）": "card removed, driver off duty",
    "IC卡读卡成功": "card read",
    "卡片密钥认证未通过": "key authentication failed",
    "卡片已被锁定": "card locked",
    "卡片被拔出": "card pulled out",
    "数据校验错误": "data check error",
    "GNSS模块详细定位数据": "detailed GNSS data",
    "道路运输证IC卡信息": "IC card",
    "串口1透传": "serial port 1",
    "串口2透传": "serial port 2",
    "外设状态信息": "peripheral status",
    "外设系统信息": "peripheral information",
    "正常位置批量汇报": "normal batch",
    "盲区补报": "blind-spot supplement",
    # active safety
    "高级驾驶辅助系统": "ADAS",
    "驾驶员状态监测系统": "DSM",
    "胎压监测系统": "TPMS",
    "轮胎气压监测系统": "TPMS",
    "盲区监测系统": "BSD",
    "正常工作": "working",
    "待机状态": "standby",
    "设备异常": "fault",
    "开始标志": "begins",
    "结束标志": "ends",
    "一级报警": "level 1",
    "二级报警": "level 2",
    "前向碰撞报警": "forward collision",
    "车道偏离报警": "lane departure",
    "车距过近报警": "headway too short",
    "行人碰撞报警": "pedestrian collision",
    "频繁变道报警": "frequent lane changes",
    "道路标识超限报警": "road sign limit exceeded",
    "障碍物报警": "obstacle",
    "道路标志识别事件": "road sign recognised",
    "主动抓拍事件": "picture on request",
    "实线变道报警": "crossing a solid line",
    "车厢过道行人检测报警": "person in the aisle",
    "疲劳驾驶报警": "fatigue",
    "接打电话报警": "telephoning",
    "接打手持电话报警": "hand-held telephone",
    "抽烟报警": "smoking",
    "分神驾驶报警": "distraction",
    "不目视前方报警": "not looking ahead",
    "驾驶员异常报警": "driver abnormal",
    "探头遮挡报警": "lens covered",
    "超时驾驶报警": "driving overtime",
    "未系安全带报警": "no seat belt",
    "红外阻断型墨镜失效报警": "infrared-blocking glasses",
    "双脱把报警": "both hands off the wheel",
    "玩手机报警": "playing with a telephone",
    "自动抓拍事件": "automatic picture",
    "驾驶员变更事件": "driver changed",
    "后方接近报警": "approach from behind",
    "左侧后方接近报警": "approach from behind left",
    "右侧后方接近报警": "approach from behind right",
    "急加速报警": "rapid acceleration",
    "急减速报警": "rapid deceleration",
    "急转弯报警": "sharp turn",
    "怠速报警": "idling",
    "异常熄火报警": "abnormal engine stop",
    "空挡滑行报警": "coasting in neutral",
    "发动机超转报警": "engine overspeed",
    "左侧偏离": "left",
    "右侧偏离": "right",
    "限速标志": "speed limit",
    "限高标志": "height limit",
    "限重标志": "weight limit",
    "禁行标志": "no entry",
    "禁停标志": "no stopping",
    "图片／全景图片": "picture / panorama",
    "其它／面部特征图片": "other / facial features",
    "正常报警文件信息": "files of an alarm",
    "补传报警文件信息": "files supplied later",
    "需要补传": "supplement needed",
    # driving recorder
    "采集记录仪执行标准版本": "version of the standard",
    "采集当前驾驶人信息": "current driver",
    "采集记录仪实时时间": "recorder time",
    "采集累计行驶里程": "total mileage",
    "采集记录仪脉冲系数": "pulse coefficient",
    "采集车辆信息": "vehicle",
    "采集记录仪状态信号配置信息": "signal names",
    "采集记录仪唯一性编号": "recorder number",
    "采集指定的行驶速度记录": "speed records",
    "采集指定的位置信息记录": "position records",
    "采集指定的事故疑点记录": "accident records",
    "采集指定的超时驾驶记录": "overtime driving",
    "采集指定的驾驶人身份记录": "driver log",
    "采集指定的外部供电记录": "power supply log",
    "采集指定的参数修改记录": "parameter changes",
    "采集指定的速度状态日志": "speed state log",
    "设置车辆信息": "set vehicle",
    "设置记录仪初次安装日期": "set first installation",
    "设置状态量配置信息": "set signal names",
    "设置记录仪时间": "set recorder time",
    "设置记录仪脉冲系数": "set pulse coefficient",
    "设置初始里程": "set initial mileage",
    "登录": "logged in",
    "退出": "logged out",
    "通电": "power on",
    "断电": "power off",
    # parameters
    "定时汇报": "timed reports",
    "定距汇报": "reports by distance",
    "定时和定距汇报": "by time and distance",
    "根据ACC状态": "by ACC",
    "根据登录状态和ACC状态": "by login and ACC",
    "自动接听": "answer at once",
    "ACC ON时自动接听，OFF时手动接听": "at once with ACC on, by hand with ACC off",
    "本地存储，不上传": "stored, not sent",
    "按时间间隔上传": "sent by time",
    "按距离间隔上传": "sent by distance",
    "按累计时间上传": "sent by total time",
    "按累计距离上传": "sent by total distance",
    "按累计条数上传": "sent by number of records",
}
"""Every word that a declaration gives to a value."""
_PATTERNS = (
    (re.compile(r"(\d+) 字节"), r"\1 bytes"),
    (re.compile(r"^长度 (\d+)（不是标准长度$"), r"length \1 (no length of the standard"),
    (re.compile(r"^未解析）$"), "not decoded)"),
    (re.compile(r"^只列前 (\d+) 行$"), r"only the first \1 rows are listed"),
    (re.compile(r"^应为 (0x\w+)$"), r"should be \1"),
    (re.compile(r"^错误 (\w+)：(.*)$"), r"error \1: \2"),
    (re.compile(r"^位 ?(\d+)$"), r"bit \1"),
    (re.compile(r"^转义 (\d+) 处$"), r"\1 escaped"),
    (re.compile(r"^保留位 ?(\d+)$"), r"reserved bit \1"),
)


def english(text: str) -> str:
    """``text`` in English, part by part."""
    known = _known()
    if text in known:
        return known[text]
    return ", ".join(_part(part, known) for part in re.split("，|、|；", text))


def _part(part: str, known: dict[str, str]) -> str:
    if part in known:
        return known[part]
    name, _, number = part.rpartition(" ")
    if name in known and number.isdigit():
        return f"{known[name]} {number}"
    for pattern, form in _PATTERNS:
        part = pattern.sub(form, part)
    return part


def value_words() -> Iterator[str]:
    """Every word that a declaration gives to a value."""
    for declared in _fields():
        yield from (declared.values or {}).values()
    for parameter in PARAMETERS.values():
        yield from (parameter.values or {}).values()


def _fields() -> Iterator[Field]:
    seen: set[type[Record]] = set()
    waiting: list[type[Record]] = [Record]
    while waiting:
        record = waiting.pop()
        if record not in seen:
            seen.add(record)
            waiting += record.__subclasses__()
            yield from record.fields


@cache
def _known() -> dict[str, str]:
    found = {message.zh: message.en for message in REGISTRY.values()}
    found |= {parameter.zh: parameter.en for parameter in PARAMETERS.values() if parameter.en}
    found |= {item.zh: item.en for item in ITEM_TYPES.values() if item.en}
    for table in BitTable.all:
        for bit in table.bits:
            pairs = [(by_edition(bit.zh, edition), by_edition(bit.en, edition)) for edition in EDITIONS]
            pairs += [bit.off] if bit.off else []
            pairs += [(zh, en) for _, zh, en in bit.states]
            found |= {zh: en for zh, en in pairs if zh and en}
    return {zh: en[:1].lower() + en[1:] if en[1:2].islower() else en for zh, en in found.items()} | WORDS
