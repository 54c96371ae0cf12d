"""What a terminal does when the platform speaks to it, and the parameters that it is told to keep."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import Assembler, split
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.messages.general import PlatformReply, RequestFragments
from luwei.protocol.jt808.messages.parameters import ParametersReply, QueryGivenParameters, SetParameters
from luwei.protocol.jt808.messages.registration import RegistrationReply
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.jt808.messages.tracking import Tracking
from luwei.protocol.jt808.parameters import Parameter
from luwei.protocol.message import REGISTRY
from luwei.simulator import wire
from luwei.simulator.driving import DRIVING, LOADING
from luwei.simulator.equipment import Body, Equipment
from luwei.simulator.fleet import Truck
from luwei.simulator.parameter_habits import ParameterHabits, standard_blocks
from luwei.simulator.reactions import hear
from luwei.simulator.video_gear import channel_list, gear_of

if TYPE_CHECKING:
    from luwei.simulator.terminal import Terminal

HEARTBEAT_INTERVAL, TCP_TIMEOUT, TCP_RETRIES = 0x0001, 0x0002, 0x0003
SLEEP_INTERVAL, DEFAULT_INTERVAL = 0x0027, 0x0029


class Parameters:
    """终端参数 of one terminal, as bytes by id (reference §9.1), with what the simulation reads from them."""

    def __init__(self, truck: Truck, interval_s: float, parked_s: float, host: str, port: int) -> None:
        self._interval_s, self._parked_s = interval_s, parked_s  # may be fractions, which parameters cannot say
        number = {
            HEARTBEAT_INTERVAL: 60, TCP_TIMEOUT: 20, TCP_RETRIES: 3, 0x0020: 0, 0x0028: 5,
            SLEEP_INTERVAL: max(1, round(parked_s)), DEFAULT_INTERVAL: max(1, round(interval_s)),
            0x0055: 100, 0x0056: 10, 0x0057: 14_400, 0x0058: 28_800, 0x0059: 1_200, 0x005A: 36_000,
        }  # fmt: skip
        self.values: dict[int, bytes] = {name: value.to_bytes(4, "big") for name, value in number.items()}
        self.values[0x0013] = (f"{host}:{port}" if truck.edition == 2019 else host).encode()
        if truck.edition < 2019:
            self.values[0x0018] = port.to_bytes(4, "big")
        self.values[0x0081] = (truck.city // 10_000).to_bytes(2, "big")
        self.values[0x0082] = (truck.city % 10_000).to_bytes(2, "big")
        self.values[0x0083] = truck.plate.encode("gbk")
        self.values[0x0084] = bytes([truck.plate_color])
        self.values[0x0090] = bytes([0b11])  # GPS and BeiDou
        self.values |= standard_blocks() | {0x0076: channel_list(gear_of(truck).channels)}
        self.habits = ParameterHabits(truck)
        self._factory = (dict(self.values), interval_s, parked_s)

    def restore(self) -> None:
        """恢复出厂设置."""
        values, self._interval_s, self._parked_s = self._factory
        self.values = dict(values)

    def _number(self, name: int, low: int, high: int) -> int:
        return min(max(int.from_bytes(self.values[name], "big"), low), high)

    def set(self, name: int, value: bytes) -> None:
        """Take a value from 0x8103."""
        self.values[name] = self.habits.taken(name, value, self.values.get(name))
        if name == DEFAULT_INTERVAL:
            self._interval_s = self._number(name, 1, 3600)
        elif name == SLEEP_INTERVAL:
            self._parked_s = self._number(name, 1, 3600)

    @property
    def interval_s(self) -> float:
        """Between two reports while the engine runs."""
        return self._interval_s

    @property
    def parked_s(self) -> float:
        """Between two reports while the truck is parked."""
        return self._parked_s

    @property
    def heartbeat_s(self) -> int:
        return self._number(HEARTBEAT_INTERVAL, 5, 3600)

    @property
    def timeout_s(self) -> int:
        return self._number(TCP_TIMEOUT, 2, 300)

    @property
    def retries(self) -> int:
        return self._number(TCP_RETRIES, 0, 20)


_NO_COMMANDS = frozenset(
    {wire.PLATFORM_REPLY, wire.RESEND_FRAGMENTS, wire.SERVER_TIME, wire.REGISTRATION_REPLY, 0x8800}
)
"""What the platform says in answer to the terminal."""


Deed = Callable[[float], list[bytes]]
"""Done at its time; returns the frames to be sent."""


class Commands:
    """Reads what the platform sends and answers as the reference demands (§7.2)."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._assembler: Assembler | None = None
        self._is_command = False
        self._later: list[tuple[float, int, list[bytes] | Deed]] = []
        self._said = 0
        self.equipment = Equipment(terminal)
        self._tracking_s = 0.0
        self._tracking_until_s = 0.0
        self.texts: list[str] = []
        """Text messages received, the newest last; at most ten."""
        self.parameters_asked = False
        """Whether parameters were set or asked for since the terminal signed in."""
        self._table: dict[int, Callable[[Frame, float], list[bytes]]] = {
            wire.PLATFORM_REPLY: self._platform_reply,
            wire.RESEND_FRAGMENTS: self._resend,
            wire.SERVER_TIME: lambda _, __: [],
            wire.REGISTRATION_REPLY: self._registration_reply,
            wire.SET_PARAMETERS: self._set_parameters,
            wire.QUERY_PARAMETERS: self._all_parameters,
            wire.QUERY_GIVEN_PARAMETERS: self._given_parameters,
            wire.QUERY_LOCATION: self._location,
            wire.TRACKING: self._track,
            wire.CONFIRM_ALARM: self._confirm,
            wire.LINK_CHECK: self._done,
            0x8800: lambda frame, now_s: self.equipment.camera.confirmed(frame, now_s),
            wire.TEXT: self._text,
        }

    def interval_s(self, now_s: float) -> float:
        """Seconds to the next report: temporary tracking, else the parameters for driving or parking."""
        if now_s < self._tracking_until_s:
            return self._tracking_s
        parameters = self._terminal.parameters
        awake = self._terminal.drive.mode in (DRIVING, LOADING)
        return parameters.interval_s if awake else parameters.parked_s

    def received(self, raw: bytes, now_s: float) -> list[bytes]:
        """One frame from the platform. Raises ProtocolError when it cannot be read or is for another terminal."""
        answer = self._answer(raw, now_s)
        if answer and self._terminal.misbehaviour is not None and self._is_command:
            answer, delay_s = self._terminal.misbehaviour.answer(self._terminal, answer, now_s)
            if delay_s:
                self.put_later(now_s + delay_s, answer)
                return []
        return answer

    def say_later(self, at_s: float, body: Body) -> None:
        """Send an answer when its time has come."""
        self.put_later(at_s, self.frames(*body))

    def do_later(self, at_s: float, deed: Deed) -> None:
        """Do something when its time has come and the line is up; what it returns is sent."""
        self._enter(at_s, deed)

    def put_later(self, at_s: float, frames: list[bytes]) -> None:
        """Send frames when their time has come."""
        self._enter(at_s, frames)

    def due(self, now_s: float) -> list[bytes]:
        """Answers whose time has come."""
        out: list[bytes] = []
        self.equipment.upgrading.due(now_s)
        while self._later and self._later[0][0] <= now_s:
            what = heapq.heappop(self._later)[2]
            out += what(now_s) if callable(what) else what
        return out + self.equipment.camera.due(now_s)

    @property
    def next_s(self) -> float:
        """When ``due`` has something to say."""
        later_s = self._later[0][0] if self._later else float("inf")
        return min(later_s, self.equipment.upgrading.next_s)

    def _enter(self, at_s: float, what: list[bytes] | Deed) -> None:
        self._said += 1
        heapq.heappush(self._later, (at_s, self._said, what))
        self._terminal.next_s = min(self._terminal.next_s, at_s)

    def frames(self, message_id: int, body: bytes) -> list[bytes]:
        terminal = self._terminal
        frames = split(wire.header(terminal.truck, message_id, terminal.next_serial()), body)
        for _ in frames[1:]:
            terminal.next_serial()
        return frames

    def _answer(self, raw: bytes, now_s: float) -> list[bytes]:
        self._is_command = False
        frame: Frame | None = decode_frame(raw)
        assert frame is not None
        if frame.header.phone != self._terminal.truck.phone:
            raise ProtocolError("version", f"frame for {frame.header.phone}")
        if frame.header.fragmented:
            self._assembler = self._assembler or Assembler()
            frame = self._assembler.add(frame, now_s)
            if frame is None:
                return []
        message_id = frame.header.message_id
        self._is_command = message_id not in _NO_COMMANDS
        handle, further = self._table.get(message_id), self.equipment.handler(message_id)
        declared = REGISTRY.get(message_id)
        edition = self._terminal.truck.edition
        foreign = self._is_command and declared is not None and not declared.since <= edition <= declared.until
        if foreign or (handle is None and further is None):
            return self._reply(frame, wire.RESULT_UNSUPPORTED)
        try:
            if handle is not None:
                return handle(frame, now_s)
            assert further is not None
            return [raw for body in further(frame, now_s) for raw in self.frames(*body)]
        except ProtocolError:
            return self._reply(frame, wire.RESULT_WRONG)

    def _reply(self, frame: Frame, result: int) -> list[bytes]:
        terminal, header = self._terminal, frame.header
        body = wire.general_reply(header.serial, header.message_id, result, terminal.truck.edition)
        return [wire.frame(terminal.truck, wire.TERMINAL_REPLY, terminal.next_serial(), body)]

    def _done(self, frame: Frame, now_s: float) -> list[bytes]:
        return self._reply(frame, wire.RESULT_OK)

    def _platform_reply(self, frame: Frame, now_s: float) -> list[bytes]:
        reply = PlatformReply.decode(frame.body, frame.header.edition)
        return self._terminal.acknowledged(reply.reply_serial, reply.reply_id, reply.result, now_s)

    def _registration_reply(self, frame: Frame, now_s: float) -> list[bytes]:
        reply = RegistrationReply.decode(frame.body, frame.header.edition)
        return self._terminal.registered(reply.reply_serial, reply.result, reply.auth_code, now_s)

    def _resend(self, frame: Frame, now_s: float) -> list[bytes]:
        wanted = RequestFragments.decode(frame.body, frame.header.edition)
        serial, ids = wanted.original_serial, wanted.ids
        return self._terminal.resend_fragments(serial, ids) or self.equipment.camera.resend(serial, ids, now_s)

    def _set_parameters(self, frame: Frame, now_s: float) -> list[bytes]:
        given = SetParameters.decode(frame.body, frame.header.edition).params
        self.parameters_asked = True
        if any(self._terminal.parameters.habits.refuses(parameter.id) for parameter in given):
            return self._reply(frame, wire.RESULT_FAILED)
        for parameter in given:
            self._terminal.parameters.set(parameter.id, parameter.raw)
        return self._reply(frame, wire.RESULT_OK)

    def _all_parameters(self, frame: Frame, now_s: float) -> list[bytes]:
        return self._parameters(frame, sorted(self._terminal.parameters.values))

    def _given_parameters(self, frame: Frame, now_s: float) -> list[bytes]:
        ids = QueryGivenParameters.decode(frame.body, frame.header.edition).ids
        parameters = self._terminal.parameters
        known = [name for name in ids if name in parameters.values and not parameters.habits.conceals(name)]
        return self._parameters(frame, known)

    def _parameters(self, frame: Frame, ids: list[int]) -> list[bytes]:
        terminal = self._terminal
        self.parameters_asked = True
        parameters = tuple(Parameter(name, terminal.parameters.values[name]) for name in ids)
        body = ParametersReply(reply_serial=frame.header.serial, params=parameters).encode(terminal.truck.edition)
        return self.frames(wire.PARAMETERS, body)

    def _location(self, frame: Frame, now_s: float) -> list[bytes]:
        terminal = self._terminal
        terminal.drive.advance(now_s)
        body = wire.location_reply(frame.header.serial, terminal.instruments.take(), terminal.truck.edition)
        return [wire.frame(terminal.truck, wire.LOCATION_REPLY, terminal.next_serial(), body)]

    def _track(self, frame: Frame, now_s: float) -> list[bytes]:
        order = Tracking.decode(frame.body, frame.header.edition)
        self._tracking_s = float(order.interval)
        self._tracking_until_s = now_s + (order.valid_seconds or 0) if order.interval else 0.0
        if order.interval:
            self._terminal.next_report_s = min(self._terminal.next_report_s, now_s + order.interval)
            self._terminal.next_s = min(self._terminal.next_s, self._terminal.next_report_s)
        return self._reply(frame, wire.RESULT_OK)

    def _confirm(self, frame: Frame, now_s: float) -> list[bytes]:
        """人工确认报警消息: serial of the alarm, then the alarm bits."""
        if len(frame.body) < 6:
            return self._reply(frame, wire.RESULT_WRONG)
        self._terminal.instruments.acknowledged(int.from_bytes(frame.body[2:6], "big"))
        return self._reply(frame, wire.RESULT_OK)

    def _text(self, frame: Frame, now_s: float) -> list[bytes]:
        self.texts = [*self.texts[-9:], TextMessage.decode(frame.body, frame.header.edition).text]
        hear(self._terminal, now_s)
        return self._reply(frame, wire.RESULT_OK)
