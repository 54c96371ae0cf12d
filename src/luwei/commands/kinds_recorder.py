"""Commands to the driving recorder 行驶记录仪 (2019 §8.42–§8.44, GB/T 19056-2012 appendix A)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, integer, pick, string
from luwei.protocol.jt808 import recorder
from luwei.protocol.jt808.messages.recorder import RequestRecord, SetRecorder
from luwei.protocol.jt808.recorder import COMMANDS, HOST_START, REQUESTS, START, Packet
from luwei.protocol.message import Message, Record

_EN = {
    0x00: "Version of the standard", 0x01: "Current driver", 0x02: "Recorder time", 0x03: "Total mileage",
    0x04: "Pulse coefficient", 0x05: "Vehicle", 0x06: "Signal names", 0x07: "Recorder number", 0x08: "Speed records",
    0x09: "Position records", 0x10: "Accident records", 0x11: "Overtime driving", 0x12: "Driver log",
    0x13: "Power supply log", 0x14: "Parameter changes", 0x15: "Speed state log", 0x82: "Vehicle",
    0x83: "First installation", 0x84: "Signal names", 0xC2: "Recorder time", 0xC3: "Pulse coefficient",
    0xC4: "Initial mileage",
}  # fmt: skip
BLOCKS: tuple[Value, ...] = tuple(
    (word, f"{word:02X}H {zh.removeprefix('采集').removeprefix('指定的')}", f"{word:02X}H {_EN[word]}")
    for word, zh in COMMANDS.items()
    if word < 0x80
)
SETTINGS: tuple[Value, ...] = tuple(
    (word, f"{word:02X}H {zh.removeprefix('设置')}", f"{word:02X}H {_EN[word]}")
    for word, zh in COMMANDS.items()
    if word >= 0x80
)
HEADS: tuple[Value, ...] = (
    (0, "AA 75（上位机，GB/T 19056）", "AA 75 (host, GB/T 19056)"), (1, "55 7A（部分终端）", "55 7A (some terminals)"),
)  # fmt: skip
_PERIOD = ("block", tuple(sorted(REQUESTS)))
_CLAUSE, _SET = "§8.42, GB/T 19056 §A.4", "§8.44, GB/T 19056 §A.4"
_HEAD = pick("head", "起始字头", "Start of the packet", _CLAUSE, HEADS, 0)
_VEHICLE, _CLOCKED = ("block", (0x82,)), ("block", (0x83, 0xC2, 0xC3, 0xC4))
_SIGNALS, _PULSES, _MILEAGE = ("block", (0x84,)), ("block", (0xC3,)), ("block", (0xC4,))


def _packet(values: Mapping[str, Any], content: tuple[Record, ...]) -> Packet:
    return Packet(values["block"], content, start=START if values["head"] else HOST_START)


def collect(values: Mapping[str, Any], edition: int) -> Message:
    block = values["block"]
    if edition == 2011:
        return RequestRecord(command=block)
    if block not in REQUESTS:
        return RequestRecord(command=block, block=_packet(values, ()))
    period = recorder.Period(start=values["start"], end=values["end"], most=values["most"])
    return RequestRecord(command=block, block=_packet(values, (period,)))


def _digits(value: int) -> str:
    return f"{value:08d}"


def configure(values: Mapping[str, Any], _: int) -> Message:
    block = values["block"]
    made: Record
    if block == 0x82:
        made = recorder.Vehicle(vin=values["vin"], plate=values["plate"], plate_class=values["plate_class"])
    elif block == 0x84:
        names = [*values["names"], *[""] * 8][:8]
        made = recorder.Signals(time=values["time"], operated=0xFF, names=tuple(names))
    elif block == 0xC3:
        made = recorder.Pulses(time=values["time"], coefficient=values["coefficient"])
    elif block == 0xC4:
        made = recorder.Mileage(
            time=values["time"], installed=values["installed"], first_mileage=_digits(values["first_mileage"]),
            total_mileage=_digits(values["total_mileage"]),
        )  # fmt: skip
    else:
        made = recorder.Clock(time=values["time"])
    return SetRecorder(command=block, block=_packet(values, (made,)))


TABLE = (
    Kind(
        "collect_recorder", "采集行驶记录", "Collect recorder data", "recorder", _CLAUSE, collect,
        (
            pick("block", "数据块", "Block", _CLAUSE, BLOCKS, 0x08),
            FormField("start", "time", "起始时间", "From", _CLAUSE, only=_PERIOD),
            FormField("end", "time", "结束时间", "Until", _CLAUSE, only=_PERIOD),
            integer("most", "最大单位数据块个数", "Most blocks", _CLAUSE, 1, 65_535, 60, only=_PERIOD),
            _HEAD,
        ),
        answer=0x0700,
    ),
    Kind(
        "set_recorder", "设置行驶记录仪", "Set recorder parameters", "recorder", _SET, configure,
        (
            pick("block", "参数", "Parameter", _SET, SETTINGS, 0xC2),
            FormField("time", "time", "时间", "Time", _SET, only=("block", (*_CLOCKED[1], 0x84))),
            string("vin", "车辆识别代号", "VIN", _SET, 17, only=_VEHICLE),
            string("plate", "机动车号牌号码", "Plate", _SET, 12, only=_VEHICLE),
            string("plate_class", "机动车号牌分类", "Class of the plate", _SET, 12, only=_VEHICLE),
            FormField("names", "texts", "D0–D7 状态信号名称", "Names of D0 to D7", _SET, most=8, only=_SIGNALS),
            integer("coefficient", "脉冲系数", "Pulses a kilometre", _SET, 1, 65_535, 3_600, only=_PULSES),
            FormField("installed", "time", "初次安装时间", "First installed", _SET, only=_MILEAGE),
            integer("first_mileage", "初始里程", "Mileage at first", _SET, 0, 99_999_999, 0, unit="0.1 km",
                    only=_MILEAGE),
            integer("total_mileage", "累计行驶里程", "Total mileage", _SET, 0, 99_999_999, 0, unit="0.1 km",
                    only=_MILEAGE),
            _HEAD,
        ),
        reason=True, repeatable=False,
    ),
)  # fmt: skip
