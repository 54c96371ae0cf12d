"""What rights speak of: kinds of data, acts on them, and the manners in which an act may be allowed.

A kind belongs to a row of the programme's table of who sees what (reference supervision §2.2), or to the platform
itself. A request on a recorded reason is made for a row, since its kinds show the same thing in two forms.
"""

from __future__ import annotations

from dataclasses import dataclass

READ, EXPORT, WRITE, ACT = "read", "export", "write", "act"
APPROVE, SUPERVISE, OBJECT = "approve", "supervise", "object"
"""To act is to have a terminal or a gateway do something; what is kept does not change."""

ACTS = {
    READ: ("查看", "read"),
    EXPORT: ("导出", "export"),
    WRITE: ("编辑", "change"),
    ACT: ("操作", "act"),
    APPROVE: ("审批", "approve"),
    SUPERVISE: ("督办", "supervise"),
    OBJECT: ("申诉", "object"),
}

FULL, OWN, AGGREGATE, REASON, REASON_OWN, NONE = "full", "own", "aggregate", "reason", "reason+own", "none"

MANNERS = {
    NONE: ("无", "none", "–"),
    AGGREGATE: ("仅汇总", "aggregates only", "Σ"),
    REASON_OWN: ("凭事由，限辖区", "on a recorded reason, own jurisdiction", "⌛◐"),
    REASON: ("凭事由", "on a recorded reason", "⌛"),
    OWN: ("辖区/本单位", "own jurisdiction", "◐"),
    FULL: ("全部", "full", "●"),
}
"""Words and sign of each manner."""

REACH = {
    FULL: frozenset(MANNERS),
    OWN: frozenset({OWN, REASON_OWN, AGGREGATE, NONE}),
    REASON: frozenset({REASON, REASON_OWN, NONE}),
    REASON_OWN: frozenset({REASON_OWN, NONE}),
    AGGREGATE: frozenset({AGGREGATE, NONE}),
    NONE: frozenset({NONE}),
}
"""What who has a right in the manner of the key may hand on: nobody gives more than he has."""

NARROWS = {
    "": ("", ""),
    "by_insurer": ("按保险机构汇总", "by insurer"),
    "last_fix": ("仅最后位置与链路", "last fix and link only"),
    "install_test": ("仅安装测试", "install test only"),
    "device_faults": ("仅设备故障类", "device faults only"),
    "per_policy": ("按保单汇总", "per policy"),
    "match_result": ("仅比对结果", "match result only"),
    "masked": ("个人信息脱敏", "personal data masked"),
    "own_trucks": ("本机构承保车辆汇总", "own trucks, aggregated"),
    "own_service": ("本单位服务评分", "own service score"),
    "viewers": ("谁看过我", "who viewed me"),
}
"""What a cell of the table says beyond its sign; the scope carries it to the query."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data; ``row`` is that of §2.2 it belongs to, or ``platform`` or ``administration``."""

    code: str
    zh: str
    en: str
    row: str
    acts: tuple[str, ...] = (READ, EXPORT, WRITE)


ROWS = {
    "vehicle": ("车辆、备案、安装状态", "vehicle, filing, install state"),
    "position": ("实时位置、轨迹", "live position, track"),
    "video": ("实时视频", "live video"),
    "alarm": ("报警", "alarms"),
    "evidence": ("证据（车内图片、视频）", "evidence (in-cab picture, video)"),
    "driver": ("驾驶员身份、人脸模板", "driver identity, face template"),
    "score": ("评分、通报", "scores, bulletins"),
    "upkeep": ("安装与运维台账", "instalment and upkeep ledger"),
    "audit": ("审计日志", "audit log"),
    "talk": ("通话、监听、广播", "talk, listening, broadcast"),
    "platform": ("平台运行", "platform"),
    "administration": ("系统管理", "administration"),
}
"""Rows of §2.2 in their order, then what it does not name."""

REASON_ROWS = ("vehicle", "position", "video", "alarm", "evidence", "driver", "talk")
"""Rows that may be asked for on a recorded reason. One for anything of a vehicle also opens its row ``vehicle``: who
may see where a truck is must see which truck."""

_SEE = (READ, EXPORT)
_MAY = (READ, EXPORT, WRITE, ACT)

KINDS = {
    kind.code: kind
    for kind in (
        Kind("vehicle", "车辆", "vehicles", "vehicle"),
        Kind("terminal", "终端", "terminals", "vehicle"),
        Kind("operator", "运输企业", "operators", "vehicle"),
        Kind("organisation", "机构", "organisations", "vehicle"),
        Kind("sim", "SIM 卡", "SIM cards", "vehicle"),
        Kind("model", "终端型号", "terminal models", "vehicle"),
        Kind("position", "位置", "positions", "position", _SEE),
        Kind("track", "轨迹", "tracks", "position", _SEE),
        Kind("video", "视频", "video", "video", (READ, EXPORT, ACT)),
        Kind("alarm", "报警", "alarms", "alarm", (READ, EXPORT, WRITE, ACT, SUPERVISE, OBJECT)),
        Kind("case", "处置单", "cases", "alarm", (READ, EXPORT, WRITE, ACT, APPROVE, SUPERVISE, OBJECT)),
        Kind("evidence", "证据", "evidence", "evidence", _MAY),
        Kind("multimedia", "照片与录音", "pictures and recordings", "evidence", _MAY),
        Kind("driver", "驾驶员", "drivers", "driver"),
        Kind("score", "评分通报", "scores", "score"),
        Kind("upkeep", "安装运维台账", "instalment and upkeep", "upkeep"),
        Kind("audit", "审计", "audit", "audit", _SEE),
        Kind("talk", "对讲", "talk", "talk", (ACT,)),
        Kind("listen", "监听", "listening in", "talk", (READ,)),
        Kind("broadcast", "广播", "broadcast", "talk", (ACT,)),
        Kind("session", "连接会话", "sessions", "platform", _SEE),
        Kind("ledger", "报文台账", "frame ledger", "platform", _SEE),
        Kind("gateway", "网关", "gateways", "platform", _MAY),
        Kind("system", "系统信息", "system", "platform", _SEE),
        Kind("explanation", "报文解析", "explanations", "platform", _SEE),
        Kind("message", "存储报文", "stored messages", "platform", _SEE),
        Kind("trace", "报文跟踪", "traces", "platform", (READ, EXPORT, ACT)),
        Kind("command", "指令下发", "commands", "platform"),
        Kind("template", "参数模板", "parameter templates", "platform", _MAY),
        Kind("upgrade", "远程升级", "upgrades", "platform", _MAY),
        Kind("area", "区域与路线", "areas and routes", "platform"),
        Kind("case_policy", "处置规则", "handling policy", "platform"),
        Kind("roadside", "路面核查", "roadside checks", "platform", (READ, WRITE)),
        Kind("user", "账号", "accounts", "administration"),
        Kind("right", "角色与权限", "roles and rights", "administration"),
        Kind("sign_in", "登录规则", "sign-in rules", "administration"),
        Kind("grant", "事由授权", "grants on a reason", "administration", (READ, EXPORT, APPROVE)),
    )
}
"""Every kind that a route or a query may name."""


def grantable(kind: str) -> str:
    """The row that a request on a recorded reason names for ``kind``."""
    return KINDS[kind].row
