"""The declared message of each command, made from the values of its form, for one edition.

An edition that lacks the message or one of its parts: ProtocolError ``edition``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from luwei.commands.parameter_form import make
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.control_words import write_control
from luwei.protocol.jt808.messages import control, parameters, pass_through, service, tracking
from luwei.protocol.jt808.messages import text as texts
from luwei.protocol.message import Message

Build = Callable[[Mapping[str, Any], int], Message]


def empty(message: type[Message]) -> Build:
    return lambda _, __: message()


def text(values: Mapping[str, Any], edition: int) -> Message:
    shown = values["display"] << 2 | values["read_aloud"] << 3
    urgent = values["urgency"]
    if edition == 2019:
        return texts.TextMessage(flag=shown | (2 if urgent else 3), text_type=values["text_type"], text=values["text"])
    return texts.TextMessage(flag=shown | urgent, text=values["text"])


def track(values: Mapping[str, Any], _: int) -> Message:
    interval = values["interval"]
    return tracking.Tracking(interval=interval, valid_seconds=values["valid_s"] if interval else None)


def read_parameters(values: Mapping[str, Any], _: int) -> Message:
    ids = values.get("ids")
    return parameters.QueryGivenParameters(ids=tuple(ids)) if ids else parameters.QueryParameters()


def set_parameters(values: Mapping[str, Any], edition: int) -> Message:
    made = [make(entry["id"], entry["value"], edition) for entry in values["parameters"]]
    if None in made:
        raise ProtocolError("edition", f"{edition} lacks one of the parameters")
    return parameters.SetParameters(params=tuple(each for each in made if each is not None))


def call(flag: int) -> Build:
    return lambda values, _: service.CallBack(flag=flag, phone=values["phone"])


def control_word(word: int) -> Build:
    return lambda _, __: control.TerminalControl(command=word)


def early_control(values: Mapping[str, Any], edition: int) -> Message:
    if edition == 2019:
        raise ProtocolError("edition", "2019 deleted this command word")
    return control.TerminalControl(command=values["word"])


def server(values: Mapping[str, Any], _: int, binary: bool = False) -> Message:
    given: dict[str, str | int] = {"control": values["control"]}
    if not values["control"]:
        names = ("platform_code", "apn", "user", "password", "address", "tcp_port", "udp_port", "time_limit")
        given |= {name: values[name] for name in names if name in values}
    return control.TerminalControl(command=2, params=write_control(2, given, binary=binary))


def upgrade(values: Mapping[str, Any], _: int, binary: bool = False) -> Message:
    return control.TerminalControl(command=1, params=write_control(1, values, binary=binary))


def question(values: Mapping[str, Any], _: int) -> Message:
    answers = tuple(service.Answer(id=number, content=each) for number, each in enumerate(values["answers"], 1))
    flag = values["urgency"] | values["read_aloud"] << 3
    return service.Question(flag=flag, question=values["question"], answers=answers)


def confirm(values: Mapping[str, Any], _: int) -> Message:
    return service.ConfirmAlarm(alarm_serial=values["serial"], alarm_type=sum(1 << bit for bit in values["alarms"]))


def door(values: Mapping[str, Any], edition: int) -> Message:
    # 2013: bit 1 locks; 2019: parameter 0 locks (reference §8.16)
    locked = values["lock"]
    if edition == 2019:
        return control.VehicleControl(controls=(control.Control(type=1, parameter=1 - locked),))
    return control.VehicleControl(flag=locked)


def pass_on(values: Mapping[str, Any], edition: int) -> Message:
    content = bytes.fromhex(values["content"])
    if edition == 2011:
        size = len(content)
        return pass_through.DownlinkPassThrough(
            type=values["type"], total_length=size, packet_length=size, content=content
        )
    return pass_through.DownlinkPassThrough(type=values["type"], content=content)
