"""The driver's handset of one terminal: telephone book, events, information menu; and what its peripherals say."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from luwei.protocol.fields import LATEST, Scope
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import pass_through, service
from luwei.protocol.safety.peripherals import (
    PERIPHERAL_IDS,
    PERIPHERAL_INFORMATION,
    PERIPHERAL_STATUS,
    PeripheralDescriptions,
    PeripheralInformation,
    PeripheralQuery,
    PeripheralStates,
    PeripheralStatus,
)
from luwei.simulator import wire

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.terminal import Terminal

PRESSED_S = (5.0, 40.0)
"""After how long a driver uses what is new on the handset."""
DELETE_ALL, REPLACE, DELETE_GIVEN = 0, 1, 4
SILENT = 0x66
"""These trucks have no tyre sensors: their peripheral is away."""


class Handset:
    """Answers 0x8301, 0x8303, 0x8304, 0x8401 and the queries of 0x8900."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._edition = terminal.truck.edition
        self._rng = Random(f"handset {terminal.truck.vin}")
        self.contacts: dict[str, tuple[str, int]] = {}
        self.events: dict[int, str] = {}
        self.menu: dict[int, str] = {}
        self.news: list[str] = []

    def book(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8401."""
        order = service.SetPhoneBook.decode(frame.body, frame.header.edition)
        self._keep(
            self.contacts, order.setting, [(each.name, (each.phone, each.flag)) for each in order.contacts or ()]
        )
        return self._general(frame)

    def set_events(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8301; the driver reports one of them after a while."""
        order = service.SetEvents.decode(frame.body, frame.header.edition)
        self._keep(self.events, order.setting, [(each.id, each.content) for each in order.events or ()])
        if self.events and order.setting not in (DELETE_ALL, DELETE_GIVEN):
            report = service.EventReport(event_id=self._rng.choice(sorted(self.events)))
            self._press(now_s, report.id, report.encode(self._edition))
        return self._general(frame)

    def set_menu(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8303; the driver subscribes to one of the items after a while."""
        order = service.SetMenu.decode(frame.body, frame.header.edition)
        self._keep(self.menu, order.setting, [(each.type, each.name) for each in order.items or ()])
        if self.menu and order.setting != DELETE_ALL:
            wish = service.InformationRequest(type=self._rng.choice(sorted(self.menu)), flag=1)
            self._press(now_s, wish.id, wish.encode(self._edition))
        return self._general(frame)

    def inform(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8304."""
        self.news = [*self.news[-9:], service.Information.decode(frame.body, frame.header.edition).content]
        return self._general(frame)

    def ask(self, frame: Frame, message: pass_through.DownlinkPassThrough) -> list[Body]:
        """0x8900 of type 0xF7 or 0xF8: confirmed, then answered by 0x0900 of the same type."""
        query, _ = PeripheralQuery.read(message.content, 0, len(message.content), Scope(LATEST))
        ids = [each for each in query.ids if each in PERIPHERAL_IDS] or list(PERIPHERAL_IDS)
        content = (self._states if message.type == PERIPHERAL_STATUS else self._descriptions)(ids)
        size = len(content) if self._edition == 2011 else None
        made = pass_through.UplinkPassThrough(type=message.type, total_length=size, packet_length=size, content=content)
        return [*self._general(frame), (made.id, made.encode(self._edition))]

    def _states(self, ids: Sequence[int]) -> bytes:
        return PeripheralStates(
            peripherals=tuple(PeripheralStatus(id=n, state=0x10 if n == SILENT else 0x01, faults=0) for n in ids)
        ).encode(LATEST)

    def _descriptions(self, ids: Sequence[int]) -> bytes:
        truck = self._terminal.truck
        made = []
        for number in ids:
            texts = ("路卫仿真", f"P{number:02X}", "H1.0", "S2.3", f"{truck.terminal_id[-7:]}{number:02X}", "0001")
            length = sum(1 + len(text.encode("gbk")) for text in texts)
            company, model, hardware, software, device_id, customer = texts
            made.append(
                PeripheralInformation(id=number, length=length, company=company, model=model, hardware=hardware,
                                      software=software, device_id=device_id, customer=customer)
            )  # fmt: skip
        return PeripheralDescriptions(peripherals=tuple(made)).encode(LATEST)

    @staticmethod
    def _keep(kept: dict[Any, Any], setting: int, items: Sequence[tuple[Any, Any]]) -> None:
        if setting in (DELETE_ALL, REPLACE):
            kept.clear()
        for key, value in items:
            if setting == DELETE_GIVEN:
                kept.pop(key, None)
            else:
                kept[key] = value

    def _press(self, now_s: float, message_id: int, body: bytes) -> None:
        self._terminal.commands.say_later(now_s + self._rng.uniform(*PRESSED_S), (message_id, body))

    def _general(self, frame: Frame) -> list[Body]:
        header = frame.header
        body = wire.general_reply(header.serial, header.message_id, wire.RESULT_OK, self._edition)
        return [(wire.TERMINAL_REPLY, body)]


QUERIES = frozenset({PERIPHERAL_STATUS, PERIPHERAL_INFORMATION})
"""Types of 0x8900 that ask peripherals."""
