"""Every changing route with an id in its address, once for each act: what its owner asks, word for word."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from owned import DAY_MS, Owned

Given = Mapping[str, Any]
VERDICT = {"verdict": "true", "reason": "stopped_after_reminder", "actions": ["call"], "driver_reply": "好",
           "correction": "corrected", "text": "已电话确认"}  # fmt: skip
NOTE = {"version": 1, "note": "退回核对"}


@dataclass(frozen=True, slots=True)
class Act:
    """A request to ``route`` that succeeds for ``who``, a person by the name of the token. ``first``: what must be so
    in the registry for it (SQL)."""

    route: str
    address: str
    body: Given | None = None
    who: str = "whole"
    first: str = ""
    status: int = 200

    @property
    def about(self) -> str:
        """For a message."""
        return f"{self.route.split()[0].upper()} {self.address} {json.dumps(self.body, ensure_ascii=False)}"


def acts(o: Owned) -> list[Act]:
    """All of them, on rows of ``o``; none needs what another one changes."""
    return [*_accounts(o), *_records(o), *_cases(o), *_oversight(o), *_devices(o), *_video(o)]


def _accounts(o: Owned) -> list[Act]:
    user, grant, me = "/api/users/{user_id}", "post /api/grants/{grant_id}/{act}", "/api/me"
    member = [o.user(f"member{n}") for n in range(7)]
    clerk = o.user("clerk")
    disabled = f"UPDATE user_account SET disabled_at = 1 WHERE id = {member[1]}"
    return [
        Act(f"patch {user}", f"/api/users/{member[0]}", {"display_name": "改名"}),
        Act(f"post {user}/{{act}}", f"/api/users/{member[1]}/enable", first=disabled),
        Act(f"post {user}/{{act}}", f"/api/users/{member[2]}/disable"),
        Act(f"post {user}/{{act}}", f"/api/users/{member[3]}/reset-totp"),
        Act(f"post {user}/{{act}}", f"/api/users/{member[4]}/reset-password"),
        Act(f"delete {user}/sessions", f"/api/users/{member[5]}/sessions", status=204),
        Act(f"delete {user}/sessions/{{session_id}}", f"/api/users/{clerk}/sessions/{o.sessions[0]}", status=204),
        Act(f"delete {user}/tokens/{{token_id}}", f"/api/users/{clerk}/tokens/{o.tokens[0]}", status=204),
        Act("delete /api/roles/{code}", f"/api/roles/{o.role}", status=204),
        Act("patch /api/roles/{code}", "/api/roles/driver", {"zh": "驾驶员"}),
        Act(f"delete {me}/sessions/{{session_id}}", f"/api/me/sessions/{o.sessions[1]}", who="clerk", status=204),
        Act(f"delete {me}/tokens/{{token_id}}", f"/api/me/tokens/{o.tokens[1]}", who="clerk", status=204),
        Act(f"delete {me}/video-layouts/{{name}}", f"/api/me/video-layouts/{o.mark}", who="clerk", status=204),
        Act(grant, f"/api/grants/{o.grants[0]}/approve", {"note": "同意"}),
        Act(grant, f"/api/grants/{o.grants[1]}/refuse", {"note": "不同意"}),
        Act(grant, f"/api/grants/{o.grants[2]}/end", {"note": ""}, who="clerk"),
        Act("post /api/jobs/{job_id}/cancel", f"/api/jobs/{o.job}/cancel", who="clerk"),
    ]


def _records(o: Owned) -> list[Act]:
    span = {"from_at": 1_000, "to_at": 2_000}
    found = [
        Act(f"patch /api/{word}/{{{name}_id}}", f"/api/{word}/{key}", body)
        for word, name, key, body in (
            ("vehicles", "vehicle", o.bare, {"owner": "新车主"}),
            ("terminals", "terminal", o.seats[2], {"model": "Z9"}),
            ("organisations", "organisation", o.fleet, {"contact": "李"}),
            ("operators", "operator", o.fleet, {"contact": "王"}),
            ("drivers", "driver", o.driver, {"phone": "13700000001"}), ("sims", "sim", o.sim, {"carrier": "mobile"}),
            ("models", "model", o.model, {"catalogue_number": "9"}),
        )
    ]  # fmt: skip
    found += [
        Act(f"post /api/{word}/{{key}}/bindings", f"/api/{word}/{key}/bindings",
            {"what": what, "object_id": target} | span, status=201)
        for word, key, what, target in (
            ("vehicles", o.bare, "operator", o.company), ("terminals", o.seats[2], "vendor", o.vendor),
            ("drivers", o.driver, "employer", o.company), ("sims", o.sim, "sim", o.seats[2]),
        )
    ]  # fmt: skip
    found += [
        Act(f"post /api/{word}/{{key}}/merge", f"/api/{word}/{key}/merge", {"loser_id": loser})
        for word, key, loser in (
            ("vehicles", o.truck, o.loser),
            ("terminals", o.seats[2], o.seats[1]),
            ("drivers", o.driver, o.driver2),
            ("organisations", o.company, o.spare),
        )
    ]
    equipment: Given = {"channels": [], "peripherals": []}
    seat = f"/api/terminals/{o.seats[2]}"
    found += [
        Act("put /api/terminals/{terminal_id}/equipment", f"{seat}/equipment", equipment),
        Act("put /api/terminals/{terminal_id}/profile", f"{seat}/profile",
            {"profile": "standard-2013", "reason": "试试看"}),
        Act("post /api/merges/{merge_id}/undo", f"/api/merges/{o.merge}/undo"),
        Act("patch /api/fences/{area_id}", f"/api/fences/{o.fences[0]}", {"note": "改"}),
        Act("delete /api/fences/{area_id}", f"/api/fences/{o.fences[1]}", status=204),
        Act("post /api/vehicles/{vehicle_id}/trace", f"/api/vehicles/{o.truck}/trace", {"seconds": 60}),
        Act("delete /api/vehicles/{vehicle_id}/trace", f"/api/vehicles/{o.truck}/trace"),
    ]  # fmt: skip
    return found


def _cases(o: Owned) -> list[Act]:
    shown: Given = {"version": 1}
    on = iter(o.open)
    rows: list[tuple[str, int, Given]] = [
        ("view", next(on), {"files": []}), ("claim", next(on), shown),
        ("snooze", next(on), {"version": 1, "reason": "等驾驶员", "after_s": 300}),
        ("record", next(on), {"version": 1, "text": "已联系"}), ("verdict", next(on), shown | VERDICT),
        ("release", o.claimed[0], NOTE), ("wake", o.snoozed, shown), ("verify", o.handled[0], NOTE),
        ("return", o.handled[1], NOTE),
        ("appeal", o.handled[2], {"version": 1, "text": "驾驶员当时没有打电话，请复核"}),
        ("close", o.verified[0], shown), ("hand-over", o.claimed[1], NOTE | {"to": None}),
        ("command", o.open[6], {"version": 1, "purpose": "tts", "text": "请休息"}),
    ]  # fmt: skip
    found = [Act(f"post /api/cases/{{case_id}}/{act}", f"/api/cases/{key}/{act}", body) for act, key, body in rows]
    found += [
        Act("post /api/cases/{case_id}/sealing/approve", f"/api/cases/{o.verified[2]}/sealing/approve", shown),
        Act("post /api/cases/{case_id}/packages", f"/api/cases/{o.verified[1]}/packages", {"purpose": "核查"},
            status=201),
        Act("post /api/cases/hand-overs/{hand_over_id}/take", f"/api/cases/hand-overs/{o.hand_over}/take"),
        Act("delete /api/case-policies/{version}", f"/api/case-policies/{o.case_policy}", status=204),
        Act("post /api/case-policies/what-if/{key}/cancel", f"/api/case-policies/what-if/{o.what_if}/cancel"),
    ]  # fmt: skip
    return found


def _oversight(o: Owned) -> list[Act]:
    order = "/api/supervision-orders/{key}"
    until = time.time_ns() // 1_000_000 + 2 * 3_600_000
    named = [f"/api/supervision-orders/{key}" for key in o.orders]
    answer = {"version": 1, "reply": "done", "text": "已整改"}
    decision = {"version": 1, "decision": "rejected", "reason": "证据清楚"}
    dismissal: Given = {"reason": "已核实"}
    return [
        Act(f"post {order}/answer", f"{named[0]}/answer", answer, who="boss"),
        Act(f"post {order}/extend", f"{named[1]}/extend", {"version": 1, "until": until, "reason": "需要时间"}),
        Act(f"post {order}/return", f"{named[2]}/return", NOTE), Act(f"post {order}/close", f"{named[3]}/close", NOTE),
        Act("delete /api/supervision-files/{key}", f"/api/supervision-files/{o.uploads['officer']}", who="officer",
            status=204),
        Act("delete /api/roadside/files/{key}", f"/api/roadside/files/{o.uploads['boss']}", who="boss", status=204),
        Act("post /api/check-questions/{key}/disable", f"/api/check-questions/{o.questions[0]}/disable",
            who="officer"),
        Act("post /api/post-checks/{key}/cancel", f"/api/post-checks/{o.check}/cancel", who="officer"),
        Act("post /api/post-checks/asked/{key}/answer", f"/api/post-checks/asked/{o.asked}/answer", {"answer": "甲"},
            who="boss"),
        Act("post /api/appeals/{key}/decide", f"/api/appeals/{o.appeal}/decide", decision),
        Act("post /api/oversight/flags/{key}/dismiss", f"/api/oversight/flags/{o.flag}/dismiss", dismissal),
        Act("post /api/oversight/proposals/{key}/dismiss", f"/api/oversight/proposals/{o.proposals[0]}/dismiss",
            dismissal),
        Act("delete /api/oversight/policies/{version}", f"/api/oversight/policies/{o.oversight_policy}", status=204),
    ]  # fmt: skip


def _devices(o: Owned) -> list[Act]:
    batch, push, upgrade = "/api/commands/batches", "/api/templates/pushes", "/api/upgrades"
    version = "/api/templates/versions"

    def runs(table: str, key: int, state: str) -> str:
        return f"UPDATE {table} SET state = '{state}' WHERE id = {key}"

    found = [
        Act(f"post {batch}/{{batch_id}}/{{act}}", f"{batch}/{o.batch}/{act}", first=runs("command_batch", o.batch, was))
        for act, was in (("pause", "running"), ("resume", "paused"), ("cancel", "paused"))
    ]
    found += [
        Act(f"post {push}/{{push_id}}/{{act}}", f"{push}/{o.pushes[at]}/{act}", first=runs("template_push",
            o.pushes[at], was))
        for act, was, at in (("pause", "running", 0), ("resume", "paused", 1), ("cancel", "paused", 0))
    ]  # fmt: skip
    found += [
        Act(f"post {upgrade}/{{order_id}}/{{act}}", f"{upgrade}/{o.upgrades[at]}/{act}", first=runs("upgrade_order",
            o.upgrades[at], was))
        for act, was, at in (("pause", "running", 0), ("resume", "paused", 1), ("stop", "paused", 0))
    ]  # fmt: skip
    found += [
        Act(f"post {push}/{{push_id}}/{{act}}", f"{push}/{o.pushes[2]}/again"),
        Act("post /api/templates/{template_id}/versions", f"/api/templates/{o.template}/versions",
            {"parameters": [{"id": 0x29, "value": 30}]}, status=201),
        Act(f"post {version}/{{version_id}}/approve", f"{version}/{o.draft}/approve", {"effective_from": None}),
        Act(f"post {version}/{{version_id}}/copy", f"{version}/{o.version}/copy", {"name": f"抄{o.digits}"},
            status=201),
        Act(f"post {version}/{{version_id}}/push", f"{version}/{o.version}/push",
            {"vehicles": [o.truck], "act": "verify"}, status=201),
        Act("patch /api/templates/{template_id}", f"/api/templates/{o.template}", {"retired": True}),
        Act("delete /api/upgrades/firmware/{firmware_id}", f"/api/upgrades/firmware/{o.firmware}", status=204),
    ]  # fmt: skip
    return found


def _video(o: Owned) -> list[Act]:
    download = "/api/video/downloads"

    def was(key: int, state: str) -> str:
        return f"UPDATE video_download SET state = '{state}' WHERE id = {key}"

    span = {"from_at": o.now - 2 * DAY_MS, "to_at": o.now - DAY_MS, "purpose": "核实情况"}
    return [
        Act(f"post {download}/{{download_id}}/{act}", f"{download}/{key}/{act}", first=was(key, state))
        for act, key, state in (
            ("pause", o.downloads[0], "queued"), ("continue", o.downloads[1], "paused"),
            ("cancel", o.downloads[2], "paused"),
        )
    ] + [
        Act("post /api/video/records/{record_id}/stop", f"/api/video/records/{o.record}/stop"),
        Act("delete /api/video/streams/{name}", f"/api/video/streams/{o.stream}"),
        Act("delete /api/video/talks/{name}", f"/api/video/talks/{o.talk}"),
        Act("post /api/video/vehicles/{vehicle_id}/recordings", f"/api/video/vehicles/{o.truck}/recordings", span,
            status=201),
    ]  # fmt: skip
