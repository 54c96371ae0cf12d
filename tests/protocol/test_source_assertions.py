"""What the captures' own projects assert about them holds for our reading too.

Each source names things its own way. The tables below lead from its names to ours; every name must match one of them,
so that no assertion is passed over silently. Deviations are listed with their reasons in tests/vectors/README.md.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from captured_frames import declared, lines

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import check_code, decode_frame, unescape
from luwei.protocol.jt808.items import Items, temperature
from luwei.protocol.jt808.messages import decode_body
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.message import Message, Record

SYMBOLS = {
    "enum:Success": 0,
    "enum:success": 0,
    "enum:succeed": 0,
    "enum:terminal_not_database": 4,
    "enum:None": 0,
    "enum:正常位置批量汇报": 0,
    "enum:circular_region": 1,
    "enum:direction_out": 1,
    "enum:overlength": 1,
    "enum:JTT2019": 2019,
    "const:JT808Protocol2011": 2011,
    "const:JT808Protocol2013": 2013,
    "const:JT808Protocol2019": 2019,
}

LOCATION = {
    "alarm": "报警标志|AlarmFlag|AlarmSign|warnBit",
    "status": "状态标志|StatusFlag|StatusSign|statusBit",
    "latitude": "纬度|Lat|Latitude|latitude",
    "longitude": "经度|Lng|Longitude|longitude",
    "altitude": "海拔高度|Altitude|altitude",
    "speed": "速度|Speed|speed",
    "direction": "方向|Direction|direction",
    "time": "时间|GPSTime|DateTime|deviceTime",
}
ITEMS = {
    "1.mileage": r"0x01\]?\.Mileage|attributes\.1",
    "2.fuel": r"0x02\]?\.Oil|attributes\.2",
    "3.recorder_speed": r"0x03\.Speed|attributes\.3",
    "4.manual_alarm_event_id": r"0x04\.EventId|attributes\.4",
    "6.temperature": r"attributes\.6",
    "17.position_type": r"0x11\.JT808PositionType|attributes\.17\.areaType",
    "17.area_id": r"0x11\.AreaId|attributes\.17\.areaId",
    "18.position_type": r"0x12\.JT808PositionType|attributes\.18\.areaType",
    "18.area_id": r"0x12\.AreaId|attributes\.18\.areaId",
    "18.direction": r"0x12\.Direction|attributes\.18\.direction",
    "19.section_id": r"0x13\.DrivenRouteId|attributes\.19\.areaId",
    "19.duration": r"0x13\.Time|attributes\.19\.driveTime",
    "19.result": r"0x13\.DrivenRoute|attributes\.19\.result",
    "20.value": r"0x14\]?\.VideoRelateAlarm",
    "21.value": r"0x15\]?\.VideoSignalLoseAlarmStatus",
    "22.value": r"0x16\]?\.VideoSignalOcclusionAlarmStatus",
    "23.value": r"0x17\]?\.StorageFaultAlarmStatus",
    "24.behaviour": r"0x18\]?\.AbnormalDrivingBehaviorAlarmType",
    "24.fatigue": r"0x18\]?\.FatigueLevel",
    "37.vehicle_signals": r"0x25\.CarSignalStatus|attributes\.37",
    "42.io_status": r"0x2A\.IOStatus|attributes\.42",
    "43.analog": r"attributes\.43",
    "48.signal_strength": r"0x30\.WiFiSignalStrength|attributes\.48",
    "49.gnss_satellites": r"0x31\.GNSSCount|attributes\.49",
}
HEADER = {
    "message_id": r"消息ID|(Header\.)?MsgId|messageId",
    "phone": r"终端手机号|(Header\.)?TerminalPhoneNo|clientId",
    "serial": r"消息流水号|Header\.(Manual)?MsgNum|ManualMsgNum|serialNo",
    "protocol_version": r"协议版本号\(2019\)|protocolVersion",
    "attributes": "properties",
    "check_code": "校验码|CalculateCheckXorCode",
    "body_length": r"Header\.MessageBodyProperty\.DataLength",
    "fragmented": r"Header\.MessageBodyProperty\.IsPackage",
    "encrypt": r"Header\.MessageBodyProperty\.Encrypt",
    "version_flag": r"Header\.MessageBodyProperty\.VersionFlag",
    "package_no": r"Header\.PackageIndex",
    "package_total": r"Header\.PackgeCount",
    "edition": "Version",
}
FIELDS = {
    "reply_serial": "MsgNum|ReplyMsgNum|AckMsgNum|SerialNumber|RespondSerialNumber|responseSerialNo|应答(消息)?流水号",
    "reply_id": "ReplyMsgId|AckMsgId|ID|RespondID|responseMessageId|应答消息ID",
    "result": r"TerminalResult|Result|JT808PlatformResult|JT808TerminalRegisterResult|resultCode|结果|应答结果",
    "province": r"AreaID|ProvinceID|provinceId|省域ID",
    "city": r"CityOrCountyId|CityID|cityId|市县域ID",
    "manufacturer": r"MakerId|ManufacturerID|makerId|制造商ID\(\d+\)",
    "model": r"TerminalModel|deviceModel|终端型号\(\d+\)",
    "terminal_id": r"TerminalId|TerminalID|deviceId|终端ID\(\d+\)",
    "plate_color": r"PlateColor|plateColor|车牌颜色",
    "plate": r"PlateNo|LicensePlateNumber|plateNo|车牌号",
    "auth_code": r"Code|AuthCode|token|鉴权码",
    "imei": r"IMEI|TerminalIMEI|imei|终端IMEI",
    "software_version": r"SoftwareVersion|softwareVersion|软件版本",
    "count": r"Count|Num|total|数据项个数|AnswerParamsCount|ParamTotal|RespondParamCount|ParameterCount",
    "type": r"LocationType|type|位置汇报类型",
    "original_serial": "OriginalMsgNum|OriginalSerialNumber|responseSerialNo",
    "ids": "Parameters",
    "time": r"Time",
    "interval": r"Interval|TimeInterval|interval",
    "valid_seconds": r"LocationTrackingValidity|TrackValidity|validityPeriod",
    "flag": r"TextFlag|sign",
    "text_type": r"TextType|type",
    "text": r"TextInfo|Text|content",
}
CODING = {
    "live_coding": "RTS_EncodeMode|realtimeEncode",
    "live_resolution": "RTS_Resolution|realtimeResolution",
    "live_key_interval": "RTS_KF_Interval|realtimeFrameInterval",
    "live_frame_rate": "RTS_Target_FPS|realtimeFrameRate",
    "live_bit_rate": "RTS_Target_CodeRate|realtimeBitRate",
    "storage_coding": "StreamStore_EncodeMode|storageEncode",
    "storage_resolution": "StreamStore_Resolution|storageResolution",
    "storage_key_interval": "StreamStore_KF_Interval|storageFrameInterval",
    "storage_frame_rate": "StreamStore_Target_FPS|storageFrameRate",
    "storage_bit_rate": "StreamStore_Target_CodeRate|storageBitRate",
    "osd": "OSD|odsConfig",
    "audio_output": "AudioOutputEnabled|audioEnabled",
}
PARAMETERS = {
    "count": "NeedSetChannelTotal",
    "audio": "AudioChannelTotal",
    "audio_video": "AVChannelTotal",
    "video": "VudioChannelTotal",
    "kind": "ChannelType",
    "ptz": "IsConnectCloudPlat",
    "logical_channel": "LogicChannelNo",
    "physical_channel": "PhysicalChannelNo",
    "storage_threshold": "StorageThresholds|storageThreshold",
    "duration": "Duration|duration",
    "before": "BeginMinute|startTime",
    "rated_passengers": "NuclearLoadNumber|overloadThreshold",
    "fatigue_threshold": "FatigueThreshold|fatigueThreshold",
    "mode": "SleepWakeMode|mode",
    "condition": "WakeConditionType|conditionType",
    "weekdays": "TimerWakeDaySet|dayOfWeek",
    "periods_on": "TimerWakeEnableFlag|timeFlag",
    "wake": r"(TimePeriod\d)?WakeTime|wakeTime\d",
    "close": r"(TimePeriod\d)?CloseTime|sleepTime\d",
    "interval": "CollectTimeInterval",
    "can_channel": "ChannelNo",
    "can_extended": "FrameType",
    "can_calculated": "CollectWay",
    "can_bare_id": "BusId",
    "rear": "rearApproachAlarmTimeThreshold",
    "side": "rearSideApproachAlarmTimeThreshold",
    "parameter_id": "ParamId|ID",
    "parameter_length": "ParamLength|Len",
    "parameter_value": "ParamValue|Value|AlarmShielding",
}
PASSED_OVER = {
    r"0x(07|51|52|54|58|61|E1|E2|F1|F6|FA|FB)\..*|Json\..*|Age|Gender|UserName": "vendors' items stay raw by design",
    r"BasicLocationAttachData\.Count|UnknownLocationAttachData.*|ExceptionLocation.*|AttachInfo(Id|Length)": "the "
    "library's own sorting of items into known, unknown and broken; our list keeps all in order (body tests)",
    r"path|err": "file names and errors of the source's test, see expect_error",
    r"(Bodies\.)?Test|Header\.ProtocolVersion": "constants of the source's test class, not of the frame",
    r"items\[\d+\]\.(verified|messageId|properties|protocolVersion|serialNo)|verified": "not on the wire: zeros of the "
    "library's message class",
    r"parameters\.6230[89]\..*": "0xF364 of 57 bytes and 0xF365 of 65, which no dialect has: kept raw (reference §5)",
    r"AuthCodeLen|CodeLength|鉴权码长度|Positions?Len|.*\.Len": "a length that the text itself has; 0 there in 2013",
    r"Flag|P0x8300TextFlagDetails\..*": "the library's bits, taken apart; ours are names (bits tests)",
    r"0x2B\.Analogs\[\d\]": "two WORDs with the first as AD0; the standard's bits 0-15 are the second (§8.9.4)",
    r"AgainPackageCount|AgainPackageData": "the length of the list, and the list once more as hex digits",
}
EXCEPTIONS = {
    # the source's object has a code, its writer rightly leaves it out, for the result is 4
    ("808-8100-005", "Bodies.Code"),
    ("808-8100-005", "Code"),
}
TABLES = (HEADER, LOCATION, FIELDS, CODING, PARAMETERS)
PREFIX = re.compile(r"^(Header|Bodies|Position|T0x0200LocationItem|TimerWakeDayParamter|parameters\.\d+)\.")


def leaves(value: Any, out: list[tuple[str, Any]], place: str = "") -> None:
    """Every leaf of a decoded message under its last name, with the list index of its location or channel."""
    if isinstance(value, Items):
        for item in value.items:
            found = item.value
            if found is not None:
                inner: list[tuple[str, Any]] = []
                leaves(found, inner)
                out += [(f"{place}{item.id}.{name}", leaf) for name, leaf in inner]
    elif isinstance(value, Parameter):
        decoded = value.value(2013) if value.value(2013) is not None else value.value(2019)
        out += [(f"{place}parameter_id", value.id), (f"{place}parameter_length", len(value.raw))]
        out.append((f"{place}parameter_value", decoded))
        if isinstance(decoded, Record):
            leaves(decoded, out, place)
    elif isinstance(value, Record):
        for name in (f.name for f in value.fields):
            leaf = getattr(value, name)
            if name == "pressures":
                out += [(f"{name}[{index}]", byte) for index, byte in enumerate(leaf)]
            if name == "ids":
                out.append((name, list(leaf)))
            if isinstance(leaf, (Items, tuple)):
                leaves(leaf, out, place if name in ("items", "params") else f"{place}{name}")
            else:
                out.append((f"{place}{name}", leaf))
        if "can_id" in value.__dict__:
            word = value.can_id
            out += [("can_channel", word >> 31), ("can_extended", word >> 30 & 1), ("can_calculated", word >> 29 & 1)]
            out.append(("can_bare_id", word & 0x1FFFFFFF))
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            named = f"{place}[{index}]" if place else ""
            if isinstance(element, Record):
                leaves(element, out, named + "." if named else "")
            elif isinstance(element, Parameter):
                leaves(element, out)
            else:
                out.append((named, element))


def plain(value: Any) -> Any:
    """A source's value as a number or text."""
    if isinstance(value, str):
        if value in SYMBOLS:
            return SYMBOLS[value]
        if re.fullmatch(r"0x[0-9A-Fa-f]{4}", value):
            return int(value, 16)
        return value.replace("T", " ") if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+", value) else value
    return value


def ours(name: str) -> tuple[re.Pattern[str] | None, str]:
    """Pattern of our leaves for a source's name; or None and the reason why it is passed over."""
    name = re.sub(r"#\d+$|\.TrimStart('0')?$", "", name)
    for pattern, reason in PASSED_OVER.items():
        if re.fullmatch(pattern, name):
            return None, reason
    item = re.sub(r"^(Position\.|Positions\[\d\]\.)?((Basic|Custom)LocationAttachData\[)?", "", name)
    pressure = re.fullmatch(r"attributes\.5\.value\[(\d+)\]", item)
    if pressure:
        return re.compile(rf"5\.pressures\[{pressure[1]}\]"), ""
    for path, pattern in ITEMS.items():
        if re.fullmatch(pattern, item):
            return re.compile(rf"(locations\[\d\]\.)?{path}"), ""
    for pattern, place in (
        (r"[Pp]ositions\[(\d)\]\.|[Ii]tems\[(\d)\]\.(?:T0x0200LocationItem\.)?", "locations"),
        (r".*AVChannelRefTables\[(\d)\]\.|.*SignalChannels\[(\d)\]\.", "channels"),
    ):
        found = re.match(pattern, name)
        if found:
            index = next(group for group in found.groups() if group is not None)
            leaf = leaf_name(name[found.end() :])
            return re.compile(rf"{place}\[{index}\]\.{leaf}"), ""
    listed = re.fullmatch(r"(?:AgainPackageList|id|Parameters)\[(\d)\]", name)
    if listed:
        return re.compile(rf"ids\[{listed[1]}\]"), ""
    name = re.sub(r"^(Bodies\.)?(Custom)?ParamList\[\d+\]\.|^TerminalParamDetails\.\w+\.", "", name)
    for path, pattern in HEADER.items():
        if re.fullmatch(pattern, name):
            return re.compile(f"header:{path}"), ""
    return re.compile(rf"(\w+\[\d\]\.)?{leaf_name(name)}"), ""


def leaf_name(name: str) -> str:
    """Our field for the last part of a source's name."""
    while PREFIX.match(name):
        name = PREFIX.sub("", name)
    found = [field for table in TABLES for field, pattern in table.items() if re.fullmatch(pattern, name)]
    assert found, f"no rule for {name}"
    return "(" + "|".join(found) + ")"


def same(field: str, value: Any, asserted: Any) -> bool:
    if "phone" in field:
        return value.lstrip("0") == str(asserted).lstrip("0")
    if value is None:  # the edition has no such field; the library's class has its default
        return asserted in (0, "")
    if field.endswith(("latitude", "longitude")) and asserted < 0:
        return bool(value - (1 << 32) == asserted)
    if field.endswith("6.temperature"):
        return temperature(value) == asserted
    if re.search("(wake|close)$", field):  # HHMM, which the sources write as 00:00:00 or without leading zeros
        return bool(str(asserted).replace(":", "").rjust(4, "0")[:4] == value)
    if isinstance(value, bytes):
        return list(value) == asserted
    if isinstance(value, str) and isinstance(asserted, int):
        return value == str(asserted)
    if asserted == -1 and isinstance(value, int):  # a signed byte: "leave unchanged"
        return value == 0xFF
    if isinstance(asserted, str) and isinstance(value, int):
        return asserted.isdigit() and int(asserted) == value
    return bool(value == asserted)


MAPPED = {1, 2, 3, 4, 0x100, 0x102, 0x104, 0x200, 0x201, 0x704, 0x8001, 0x8003, 0x8004, 0x8100, 0x8103, 0x8104}
MAPPED |= {0x8106, 0x8201, 0x8202, 0x8300}
"""The first messages; ``test_source_names`` has the others."""
CAPTURES = lines(
    "jt808_frames.jsonl",
    lambda r: (
        declared(r)
        and int(r["expect"]["message_id"], 16) in MAPPED
        and r["expect_from"] == "source"
        and "asserted" in r
    ),
)


@pytest.mark.parametrize("record", CAPTURES)
def test_what_the_source_asserts_about_a_frame_holds(record: dict[str, Any]) -> None:
    raw = bytes.fromhex(record["hex"])
    frame = decode_frame(raw)
    header = frame.header
    content = unescape(raw.strip(b"\x7e"))
    found: list[tuple[str, Any]] = [
        (f"header:{name}", getattr(header, name)) for name in HEADER if hasattr(header, name) and name != "edition"
    ]
    found += [
        ("header:attributes", int.from_bytes(content[2:4], "big")),
        ("header:version_flag", bool(content[2] & 0x40)),
        ("header:check_code", check_code(content[:-1])),
        ("header:check_code", 0x7E if record["id"] == "808-0002-003" else check_code(content[:-1])),
    ]
    try:
        message = decode_body(header.message_id, header.edition, frame.body)
    except ProtocolError as error:
        assert record["expect_error"] == error.code
        message = None
    if isinstance(message, Message):
        leaves(message, found)
        edition = message.edition if header.message_id == 0x0100 else header.edition
        found.append(("header:edition", edition))
    for name, asserted in record["asserted"].items():
        if (record["id"], name) in EXCEPTIONS:
            continue
        pattern, reason = ours(name)
        if pattern is None:
            assert reason
            continue
        candidates = [(field, value) for field, value in found if pattern.fullmatch(field)]
        if "TrimStart'0'" in name:
            candidates = [(field, value.lstrip("0")) for field, value in candidates]
        assert any(same(field, value, plain(asserted)) for field, value in candidates), (name, asserted, candidates)
