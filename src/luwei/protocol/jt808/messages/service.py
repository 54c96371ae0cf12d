"""Events, questions, information menus (2011 and 2013 only), telephone, alarm confirmation and link check."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import (
    BYTE,
    COUNTED_STRING,
    FLAGS_BYTE,
    FLAGS_DWORD,
    LONG_STRING,
    STRING,
    WORD,
)
from luwei.protocol.jt808 import terminal_bits
from luwei.protocol.message import Message, Nested, Record, field, present
from luwei.protocol.repeated import Repeated

EVENT_SETTINGS = {0: "删除终端现有所有事件", 1: "更新事件", 2: "追加事件", 3: "修改事件", 4: "删除特定几项事件"}
MENU_SETTINGS = {0: "删除终端全部信息项", 1: "更新菜单", 2: "追加菜单", 3: "修改菜单"}
BOOK_SETTINGS = {0: "删除终端上所有存储的联系人", 1: "更新电话本", 2: "追加电话本", 3: "修改电话本"}


class Event(Record):
    id: int = field(BYTE, "事件ID", "Event id")
    content: str = field(COUNTED_STRING, "事件内容", "Content")


class SetEvents(Message, id=0x8301, zh="事件设置", en="Set events", clause="2013 §8.27", until=2013):
    """With setting 0 nothing need follow."""

    setting: int = field(BYTE, "设置类型", "Setting", values=EVENT_SETTINGS)
    count: int | None = field(BYTE, "设置总数", "Number of events", may_end=True, counts="events", default=None)
    packet_count: int | None = field(
        BYTE,
        "包事件数",
        "Events in this packet",
        until=2011,
        when=present("count"),
        counts="events",
        json=False,
        default=None,
    )
    events: Sequence[Event] | None = field(
        Repeated(Nested(Event), "count", "packet_count"), "事件项列表", "Events", when=present("count"), default=None
    )


class EventReport(Message, id=0x0301, zh="事件报告", en="Event report", clause="2013 §8.28", until=2013):
    event_id: int = field(BYTE, "事件ID", "Event id")


class Answer(Record):
    id: int = field(BYTE, "答案ID", "Answer id")
    content: str = field(LONG_STRING, "答案内容", "Text")


class Question(Message, id=0x8302, zh="提问下发", en="Ask a question", clause="2013 §8.29", until=2013):
    flag: int = field(FLAGS_BYTE, "标志", "Flags", bits=terminal_bits.QUESTION)
    question: str = field(COUNTED_STRING, "问题", "Question")
    answers: Sequence[Answer] = field(Repeated(Nested(Answer)), "候选答案列表", "Answers")


class QuestionAnswer(Message, id=0x0302, zh="提问应答", en="Question answer", clause="2013 §8.30", until=2013):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the question")
    answer_id: int = field(BYTE, "答案ID", "Answer id")


class MenuItem(Record):
    type: int = field(BYTE, "信息类型", "Kind of information")
    name: str = field(LONG_STRING, "信息名称", "Name")


class SetMenu(Message, id=0x8303, zh="信息点播菜单设置", en="Set information menu", clause="2013 §8.31", until=2013):
    """With setting 0 nothing need follow."""

    setting: int = field(BYTE, "设置类型", "Setting", values=MENU_SETTINGS)
    count: int | None = field(BYTE, "信息项总数", "Number of items", may_end=True, counts="items", default=None)
    packet_count: int | None = field(
        BYTE,
        "包信息项数",
        "Items in this packet",
        until=2011,
        when=present("count"),
        counts="items",
        json=False,
        default=None,
    )
    items: Sequence[MenuItem] | None = field(
        Repeated(Nested(MenuItem), "count", "packet_count"), "信息项列表", "Items", when=present("count"), default=None
    )


class InformationRequest(
    Message, id=0x0303, zh="信息点播/取消", en="Subscribe or cancel information", clause="2013 §8.32", until=2013
):
    type: int = field(BYTE, "信息类型", "Kind of information")
    flag: int = field(BYTE, "点播/取消标志", "Flag", values={0: "取消", 1: "点播"})


class Information(Message, id=0x8304, zh="信息服务", en="Information service", clause="2013 §8.33", until=2013):
    type: int = field(BYTE, "信息类型", "Kind of information")
    total_length: int | None = field(
        WORD, "信息总长度", "Length over all packets", until=2011, json=False, default=None
    )
    content: str = field(LONG_STRING, "信息内容", "Content", note="length WORD, then GBK")


class CallBack(Message, id=0x8400, zh="电话回拨", en="Call back", clause="§8.28"):
    flag: int = field(BYTE, "标志", "Flag", values={0: "普通通话", 1: "监听"})
    phone: str = field(STRING, "电话号码", "Number", note="at most 20 bytes")


class Contact(Record):
    flag: int = field(BYTE, "标志", "Flag", values={1: "呼入", 2: "呼出", 3: "呼入/呼出"})
    phone: str = field(COUNTED_STRING, "电话号码", "Number")
    name: str = field(COUNTED_STRING, "联系人", "Name")


class SetPhoneBook(Message, id=0x8401, zh="设置电话本", en="Set phone book", clause="§8.29"):
    """With setting 0 nothing need follow."""

    setting: int = field(BYTE, "设置类型", "Setting", values=BOOK_SETTINGS)
    count: int | None = field(BYTE, "联系人总数", "Number of contacts", may_end=True, counts="contacts", default=None)
    packet_count: int | None = field(
        BYTE,
        "包联系人数",
        "Contacts in this packet",
        until=2011,
        when=present("count"),
        counts="contacts",
        json=False,
        default=None,
    )
    contacts: Sequence[Contact] | None = field(
        Repeated(Nested(Contact), "count", "packet_count"), "联系人项", "Contacts", when=present("count"), default=None
    )


class ConfirmAlarm(Message, id=0x8203, zh="人工确认报警消息", en="Confirm alarm by hand", clause="§8.25", since=2013):
    alarm_serial: int = field(WORD, "报警消息流水号", "Serial of the alarm's message", note="0: all of these types")
    alarm_type: int = field(FLAGS_DWORD, "人工确认报警类型", "Kinds of alarm", bits=terminal_bits.CONFIRMED_ALARMS)


class LinkCheck(Message, id=0x8204, zh="链路检测", en="Link check", clause="§8.26", since=2019):
    """Empty; answered with 0x0001."""
