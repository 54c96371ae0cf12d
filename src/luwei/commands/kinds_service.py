"""Telephone book, events, information and peripherals (2019 §8.29, §8.60; 2013 §8.27–§8.33)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, integer, pick, string
from luwei.protocol.fields import LATEST
from luwei.protocol.jt808.messages import pass_through, service
from luwei.protocol.message import Message
from luwei.protocol.safety.peripherals import (
    PERIPHERAL_IDS,
    PERIPHERAL_INFORMATION,
    PERIPHERAL_STATUS,
    PeripheralQuery,
)
from luwei.protocol.texts import write_text

_DELETE_ALL = 0
_BOOK: tuple[Value, ...] = (
    (1, "更新（替换全部）", "Replace all"), (2, "追加", "Append"), (3, "修改（以联系人为索引）", "Modify by contact"),
    (_DELETE_ALL, "删除全部", "Delete all"),
)  # fmt: skip
_EVENTS: tuple[Value, ...] = (
    (1, "更新（替换全部）", "Replace all"), (2, "追加", "Append"), (3, "修改", "Modify"),
    (4, "删除指定事件", "Delete the given ones"), (_DELETE_ALL, "删除全部", "Delete all"),
)  # fmt: skip
_MENU: tuple[Value, ...] = _EVENTS[:3] + _EVENTS[4:]
_CALLS: tuple[Value, ...] = (
    (3, "呼入和呼出", "Both ways"), (1, "呼入", "Incoming"), (2, "呼出", "Outgoing"),
)  # fmt: skip
_PERIPHERALS: tuple[Value, ...] = tuple(
    (number, zh, en) for (number, zh), en in zip(PERIPHERAL_IDS.items(), ("ADAS", "DSM", "TPMS", "BSD"), strict=True)
)
_QUERIES: tuple[Value, ...] = (
    (PERIPHERAL_STATUS, "F7 状态", "F7 status"), (PERIPHERAL_INFORMATION, "F8 系统信息", "F8 information"),
)  # fmt: skip
_C_BOOK, _C_EVENTS, _C_MENU, _C_NEWS = "§8.29", "2013 §8.27", "2013 §8.31", "2013 §8.33"
_C_PERIPHERAL = "§8.60, 苏标 4-1, 粤标 5-1"


def book(values: Mapping[str, Any], _: int) -> Message:
    setting = values["setting"]
    if setting == _DELETE_ALL:
        return service.SetPhoneBook(setting=setting)
    return service.SetPhoneBook(setting=setting, contacts=tuple(service.Contact(**each) for each in values["contacts"]))


def events(values: Mapping[str, Any], _: int) -> Message:
    setting = values["setting"]
    if setting == _DELETE_ALL:
        return service.SetEvents(setting=setting)
    if setting == 4:
        return service.SetEvents(setting=setting, events=tuple(service.Event(id=n, content="") for n in values["ids"]))
    return service.SetEvents(setting=setting, events=tuple(service.Event(**each) for each in values["events"]))


def menu(values: Mapping[str, Any], _: int) -> Message:
    setting = values["setting"]
    if setting == _DELETE_ALL:
        return service.SetMenu(setting=setting)
    return service.SetMenu(setting=setting, items=tuple(service.MenuItem(**each) for each in values["items"]))


def information(values: Mapping[str, Any], edition: int) -> Message:
    content = values["content"]
    total = len(write_text(content, "STRING")) if edition == 2011 else None
    return service.Information(type=values["type"], content=content, total_length=total)


def peripherals(values: Mapping[str, Any], edition: int) -> Message:
    content = PeripheralQuery(ids=tuple(values["ids"])).encode(LATEST)
    size = len(content) if edition == 2011 else None
    return pass_through.DownlinkPassThrough(type=values["type"], total_length=size, packet_length=size, content=content)


TABLE = (
    Kind(
        "phone_book", "设置电话本", "Set phone book", "notice", _C_BOOK, book,
        (
            pick("setting", "方式", "How", _C_BOOK, _BOOK, 1),
            FormField(
                "contacts", "rows", "联系人", "Contacts", _C_BOOK, most=100, only=("setting", (1, 2, 3)),
                columns=(
                    string("name", "联系人", "Name", _C_BOOK, 50),
                    FormField("phone", "phone", "电话号码", "Number", _C_BOOK),
                    pick("flag", "标志", "Calls", _C_BOOK, _CALLS, 3),
                ),
            ),
        ),
    ),
    Kind(
        "set_events", "设置事件（2011/2013）", "Set events (2011/2013)", "notice", _C_EVENTS, events,
        (
            pick("setting", "方式", "How", _C_EVENTS, _EVENTS, 1),
            FormField(
                "events", "rows", "事件", "Events", _C_EVENTS, most=50, only=("setting", (1, 2, 3)),
                columns=(
                    integer("id", "事件 ID", "Event id", _C_EVENTS, 1, 255),
                    string("content", "内容", "Text", _C_EVENTS, 100),
                ),
            ),
            FormField("ids", "numbers", "事件 ID", "Event ids", _C_EVENTS, low=1, high=255, most=50,
                      only=("setting", (4,))),
        ),
    ),
    Kind(
        "set_menu", "设置信息点播菜单（2011/2013）", "Set information menu (2011/2013)", "notice", _C_MENU, menu,
        (
            pick("setting", "方式", "How", _C_MENU, _MENU, 1),
            FormField(
                "items", "rows", "信息项", "Items", _C_MENU, most=50, only=("setting", (1, 2, 3)),
                columns=(
                    integer("type", "信息类型", "Kind", _C_MENU, 1, 255),
                    string("name", "名称", "Name", _C_MENU, 100),
                ),
            ),
        ),
    ),
    Kind(
        "information", "信息服务（2011/2013）", "Information service (2011/2013)", "notice", _C_NEWS, information,
        (
            integer("type", "信息类型", "Kind", _C_NEWS, 1, 255, 1),
            string("content", "内容", "Text", _C_NEWS, 1024),
        ),
        repeatable=False,
    ),
    Kind(
        "peripherals", "外设查询", "Ask peripherals", "query", _C_PERIPHERAL, peripherals,
        (
            pick("type", "查询", "What", _C_PERIPHERAL, _QUERIES, PERIPHERAL_STATUS),
            FormField("ids", "bits", "外设", "Peripherals", _C_PERIPHERAL, values=_PERIPHERALS, most=4,
                      default=[each[0] for each in _PERIPHERALS]),
        ),
        answer=0x0900,
    ),
)  # fmt: skip
