"""Terminal parameters: set, query, reply (2019 §8.12-§8.15). Their table is ``luwei.protocol.jt808.parameters``."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import BYTE, PARAMETER_ID, WORD
from luwei.protocol.jt808.parameters import Parameter, ParameterList
from luwei.protocol.message import Message, field
from luwei.protocol.repeated import Repeated

PARAMETER_LIST = ParameterList()


class SetParameters(Message, id=0x8103, zh="设置终端参数", en="Set parameters", clause="§8.12"):
    count: int = field(BYTE, "参数总数", "Number of parameters", counts="params", default=0)
    packet_count: int | None = field(
        BYTE, "包参数个数", "Parameters in this packet", until=2011, counts="params", json=False, default=None
    )
    params: Sequence[Parameter] = field(PARAMETER_LIST, "参数项列表", "Parameters")


class QueryParameters(Message, id=0x8104, zh="查询终端参数", en="Query all parameters", clause="§8.13"):
    """Empty; answered with 0x0104."""


class QueryGivenParameters(
    Message, id=0x8106, zh="查询指定终端参数", en="Query given parameters", clause="§8.14", since=2013
):
    count: int = field(BYTE, "参数总数", "Number of parameters", counts="ids", default=0)
    ids: Sequence[int] = field(Repeated(PARAMETER_ID, "count"), "参数ID列表", "Parameter ids")


class ParametersReply(Message, id=0x0104, zh="查询终端参数应答", en="Parameters reply", clause="§8.15"):
    """Mostly fragmented; the count covers the whole message."""

    reply_serial: int = field(WORD, "应答流水号", "Serial of the query")
    count: int = field(BYTE, "应答参数个数", "Number of parameters", counts="params", default=0)
    packet_count: int | None = field(
        BYTE, "包参数个数", "Parameters in this packet", until=2011, counts="params", json=False, default=None
    )
    params: Sequence[Parameter] = field(PARAMETER_LIST, "参数项列表", "Parameters")
