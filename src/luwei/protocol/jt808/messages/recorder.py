"""Driving recorder: collect, answer, set (2019 §8.42-§8.44). The packets are ``luwei.protocol.jt808.recorder``."""

from __future__ import annotations

from luwei.protocol.fields import FLAGS_BYTE, WORD
from luwei.protocol.jt808.recorder import ANSWERS, COMMANDS, REQUESTS, SETTINGS, Packet, RecorderBlock
from luwei.protocol.message import Message, Record, field


class _Command(Record):
    command: int = field(FLAGS_BYTE, "命令字", "Command word", values=COMMANDS)


class RequestRecord(
    _Command, Message, id=0x8700, zh="行驶记录数据采集命令", en="Collect recorder data", clause="§8.42"
):
    block: Packet | bytes | None = field(
        RecorderBlock(REQUESTS), "数据块", "Packet, may be empty", since=2013, may_end=True, default=None
    )


class _Serial(Record):
    reply_serial: int | None = field(WORD, "应答流水号", "Serial of the 0x8700", since=2013, default=None)


class RecordUpload(_Command, _Serial, Message, id=0x0700, zh="行驶记录数据上传", en="Recorder data", clause="§8.43"):
    total_length: int | None = field(WORD, "总长度", "Length over all packets", until=2011, default=None)
    packet_length: int | None = field(WORD, "包长度", "Length here", until=2011, default=None)
    block: Packet | bytes = field(RecorderBlock(ANSWERS), "数据块", "Packet")


class SetRecorder(
    _Command, Message, id=0x8701, zh="行驶记录参数下传命令", en="Set recorder parameters", clause="§8.44"
):
    block: Packet | bytes = field(RecorderBlock(SETTINGS), "数据块", "Packet")
