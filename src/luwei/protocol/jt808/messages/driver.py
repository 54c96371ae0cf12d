"""Waybill and driver identity (2019 §8.45-§8.47)."""

from __future__ import annotations

from luwei.protocol.fields import BYTE, COUNTED_STRING, DWORD, TIME, Digits, FixedText, MeasuredBytes
from luwei.protocol.message import Message, equals, field, present

CARD_STATES = {1: "从业资格证IC卡插入（驾驶员上班）", 2: "从业资格证IC卡拔出（驾驶员下班）"}
CARD_RESULTS = {0: "IC卡读卡成功", 1: "卡片密钥认证未通过", 2: "卡片已被锁定", 3: "卡片被拔出", 4: "数据校验错误"}
READ, NAMED = equals("ic_result", 0), present("name")


class Waybill(Message, id=0x0701, zh="电子运单上报", en="Electronic waybill", clause="§8.45"):
    """808 does not say what the content is. Some trackers answer text commands with it [seen]."""

    length: int = field(DWORD, "电子运单长度", "Length", counts="content", default=0)
    content: bytes = field(MeasuredBytes("length"), "电子运单内容", "Content")


class RequestDriver(
    Message, id=0x8702, zh="上报驾驶员身份信息请求", en="Request driver identity", clause="§8.46", since=2013
):
    """Empty; answered with 0x0702."""


class DriverIdentity(Message, id=0x0702, zh="驾驶员身份信息采集上报", en="Driver identity", clause="§8.47"):
    """Sent when the card goes in or out, and on request. 2011 has another body, without status and time."""


class DriverCard(DriverIdentity, since=2013):
    """From 2013 on. Some devices pad a removed card with a result, and leave out the id card in 2019 [seen]."""

    status: int = field(BYTE, "状态", "Card", values=CARD_STATES)
    time: str = field(TIME, "时间", "Time of insertion or removal")
    ic_result: int | None = field(BYTE, "IC卡读取结果", "Read result", values=CARD_RESULTS, may_end=True, default=None)
    name: str | None = field(COUNTED_STRING, "驾驶员姓名", "Name", when=READ, may_end=True, default=None)
    certificate: str | None = field(FixedText(20), "从业资格证编码", "Certificate number", when=NAMED, default=None)
    issuer: str | None = field(COUNTED_STRING, "发证机构名称", "Issuer", when=NAMED, default=None)
    expiry: str | None = field(Digits(4), "证件有效期", "Expiry", when=NAMED, note="YYYYMMDD", default=None)
    id_card: str | None = field(
        FixedText(20), "驾驶员身份证号", "Id-card number", when=NAMED, since=2019, may_end=True, default=None
    )


class EarlyDriver(DriverIdentity, until=2011):
    """2011."""

    name: str = field(COUNTED_STRING, "驾驶员姓名", "Name")
    id_card: str = field(FixedText(20), "驾驶员身份证编码", "Id-card number")
    certificate: str = field(FixedText(40), "从业资格证编码", "Certificate number")
    issuer: str = field(COUNTED_STRING, "从业资格证发证机构名称", "Issuer")


DriverIdentity.variants = (DriverCard, EarlyDriver)
