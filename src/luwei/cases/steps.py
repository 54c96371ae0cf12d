"""Steps 过程记录 of a case: what was done to it, by whom or by itself. Written with the change, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from luwei.registry.base import now_ms
from luwei.registry.case import CaseStep

WORDS = {
    "opened": ("立案处置", "Opened"),
    "merged": ("并入重复报警", "Further pre-warning merged"),
    "raised": ("升级", "Grade raised"),
    "asked_files": ("请求附件", "Files asked for"),
    "files_parked": ("停车后请求附件", "Files are asked for when the truck stands"),
    "files_quota": ("附件流量额度已用完", "Files not asked for, quota used up"),
    "files_complete": ("附件收齐", "Files complete"),
    "files_sent": ("终端主动上传照片", "Pictures sent by the terminal itself"),
    "files_late": ("附件迟到", "Files late"),
    "files_lost": ("附件丢失", "Files lost"),
    "record_started": ("实时录像开始", "Recording of the live picture began"),
    "record_ended": ("实时录像结束", "Recording of the live picture ended"),
    "record_refused": ("实时录像未进行", "Live picture not recorded"),
    "fetched": ("取回终端录像", "Recordings fetched from the terminal"),
    "tts_sent": ("自动语音提醒", "Spoken reminder sent"),
    "tts_delivered": ("语音提醒已送达", "Reminder delivered"),
    "tts_failed": ("语音提醒未送达", "Reminder not delivered"),
    "checked": ("纠正复核", "Correction checked"),
    "overdue_first": ("首次处置超时", "First action overdue"),
    "overdue_close": ("结案超时", "Close overdue"),
    "escalated": ("上报", "Escalated"),
    "viewed": ("查看证据", "Viewed"),
    "claimed": ("受理", "Claimed"),
    "released": ("放回待处置", "Released"),
    "handed_over": ("交接", "Handed over"),
    "taken_over": ("接班", "Taken over"),
    "snoozed": ("稍后处理", "Snoozed"),
    "woke": ("恢复待处置", "Back from snooze"),
    "command": ("下发指令", "Command given"),
    "command_done": ("指令结果", "Outcome of a command"),
    "recorded": ("记录处置内容", "Record written"),
    "verdict": ("判定", "Verdict"),
    "verified": ("核验通过", "Verified"),
    "returned": ("退回重办", "Returned for rework"),
    "closed": ("结案", "Closed"),
    "appealed": ("提出申诉", "Appeal made"),
    "appeal_upheld": ("申诉成立", "Appeal upheld"),
    "appeal_rejected": ("申诉驳回", "Appeal rejected"),
    "supervised": ("督办", "Supervision order"),
    "reviewed": ("封存复核", "Reviewed for the sealed package"),
    "sealed": ("封存证据包", "Sealed package"),
}
"""Chinese and English words of every act."""

Step = tuple[int, str, int | None, Mapping[str, Any]]
"""(case, act, user, detail)."""


def add(
    connection: Connection,
    case_id: int,
    act: str,
    user_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    at: int | None = None,
) -> None:
    """Add one step in the caller's transaction; ``user_id`` None: by itself."""
    add_all(connection, [(case_id, act, user_id, detail or {})], at)


def add_all(connection: Connection, steps: Sequence[Step], at: int | None = None) -> None:
    """Add steps in the caller's transaction, in this order."""
    if not steps:
        return
    when = now_ms() if at is None else at
    rows = [
        {"case_id": case, "at": when, "act": act, "user_id": user,
         "detail": json.dumps(detail, ensure_ascii=False, separators=(",", ":"))}
        for case, act, user, detail in steps
    ]  # fmt: skip
    connection.execute(insert(CaseStep), rows)
