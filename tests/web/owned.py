"""One of everything that somebody else has: what nobody may change by its id, and what nobody may name in a request."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from running_core import Running
from sqlalchemy import Connection, insert, text

from luwei.access.api_token import ApiToken
from luwei.access.grant import REQUESTED, AccessGrant, GrantSubject
from luwei.access.role import Role
from luwei.access.totp import Totp
from luwei.access.video_layout import VideoLayout
from luwei.access.web_session import open_session
from luwei.registry import areas, drivers, merges, models, noun, organisations, sims, terminals, vehicles
from luwei.registry.audit import SYSTEM, Actor, record
from luwei.registry.case import AlarmCase
from luwei.registry.case_hand_over import CaseHandOver, HandedCase
from luwei.registry.case_work import CaseAppeal, CaseFile, CaseLook, CasePolicy, CaseWhatIf
from luwei.registry.command import Command, CommandBatch
from luwei.registry.download import Download
from luwei.registry.engine import write
from luwei.registry.evidence import COMPLETE, PICTURE, EvidenceFile
from luwei.registry.job import Job
from luwei.registry.oversight import OversightPolicy, ShamFlag, SupervisionProposal
from luwei.registry.post_check import ASKED, CheckQuestion, PostCheck, PostCheckAsked
from luwei.registry.scope import WHOLE
from luwei.registry.sealing import SealApproval
from luwei.registry.supervision import SupervisionOrder
from luwei.registry.supervision_file import SupervisionFile
from luwei.registry.template import ParameterTemplate, TemplatePush, TemplateResult, TemplateVersion
from luwei.registry.upgrade import Firmware, UpgradeOrder, UpgradeStage
from luwei.registry.video_record import TOLD, VideoRecord
from luwei.video.talk import Call, Talk
from luwei.video.upstream import Upstream

MARK = "隐"
"""Every name of what is somebody else's begins with it: an answer that holds it leaks."""
PARAMETERS = [{"id": 0x29, "value": 15}]
CIRCLE = {"lat_e6": 22_543_100, "lon_e6": 114_057_900, "radius_m": 500}
DAY_MS = 86_400_000
EVER = 1 << 40


class Owned:
    """Rows of one company, its authority and its people, by what they are for. ``mark`` begins their names; two of
    them with another place and other ``digits`` hold nothing in common."""

    def __init__(self, web: Running, mark: str, city: int, digits: int) -> None:
        self.web, self.mark, self.city, self.digits = web, mark, city, digits
        self.now = time.time_ns() // 1_000_000
        self._records()
        self._people()

    def token(self, name: str, **limits: Any) -> str:
        """Somebody who is signed in."""
        return self.web.session_token(f"{name}-{self.digits}", **limits)

    def _records(self) -> None:
        engine, mark, city, digits = self.web.services.engine, self.mark, self.city, self.digits

        def organisation(kind: str, **more: Any) -> int:
            return organisations.create(engine, {"kind": kind, "name": f"{mark}{kind}"} | more, SYSTEM, WHOLE)

        self.company = organisation("operator", city=city)
        self.fleet = organisation("fleet", city=city, parent_id=self.company)
        self.barn = organisations.create(
            engine, {"kind": "fleet", "name": f"{mark}车队二", "city": city, "parent_id": self.company}, SYSTEM, WHOLE
        )
        self.spare = organisations.create(engine, {"name": f"{mark}并入", "city": city}, SYSTEM, WHOLE)
        self.monitor, self.vendor, self.insurer = map(organisation, ("monitor", "vendor", "insurer"))
        self.plate = f"粤{'BE'[digits % 2]}{digits}000"
        truck = {
            "plate_color": 2,
            "city": city,
            "county": city + 4,
            "operator_id": self.company,
            "owner": f"{mark}车主",
        }
        self.trucks = [
            vehicles.create(
                engine, truck | {"plate": f"{self.plate[:4]}{n:03d}", "monitor_id": self.monitor}, SYSTEM, WHOLE
            )
            for n in range(8)
        ]
        self.truck, self.loser, self.bare, self.merged, self.gone, self.other = self.trucks[:6]
        self.model = noun.create(
            engine, models.NOUN, {"name": f"UP-{digits}", "vendor_id": self.vendor, "manufacturer_id": f"M{digits}"},
            SYSTEM, WHOLE,
        )  # fmt: skip
        self.phones = [f"1370{digits}{n:06d}" for n in range(4)]
        self.seats = [
            terminals.create(
                engine, {"phone": phone, "vendor_id": self.vendor, "model": f"UP-{digits}", "vehicle_id": truck},
                SYSTEM, WHOLE,
            )
            for phone, truck in zip(self.phones, (self.truck, self.trucks[6], self.other, self.trucks[7]), strict=True)
        ]  # fmt: skip
        people = [{"name": f"{mark}司机{n}", "operator_id": self.company, "city": city} for n in range(2)]
        self.driver, self.driver2 = (noun.create(engine, drivers.NOUN, each, SYSTEM, WHOLE) for each in people)
        cards = [{"iccid": f"8986{digits}{0:014d}", "terminal_id": self.seats[0]}]
        (self.sim,) = (noun.create(engine, sims.NOUN, each, SYSTEM, WHOLE) for each in cards)
        shape = {"name": f"{mark}圈", "kind": "circle", "city": city, "geometry": CIRCLE}
        self.fences = [areas.create(engine, shape | {"name": f"{mark}圈{n}"}, SYSTEM, WHOLE) for n in range(2)]
        merges.merge(engine, "vehicle", self.merged, self.gone, {}, SYSTEM, WHOLE)
        with write(engine) as connection:
            self.merge = connection.execute(text("SELECT max(id) FROM merge")).scalar_one()

    def _people(self) -> None:
        """Of the company: its administrator, and one whose account others manage; an officer of its city."""
        self.boss = self.token("boss", role="administrator", organisation_id=self.company)
        self.clerk = self.token("clerk", role="duty", organisation_id=self.company)
        self.officer = self.token("officer", role="administrator", city=self.city)
        self.pilot = self.token(
            "pilot", role="driver", organisation_id=self.company, vehicle_id=self.bare, driver_id=self.driver2
        )
        self.members = [self.token(f"member{n}", role="viewer", organisation_id=self.company) for n in range(7)]
        with write(self.web.services.engine) as connection:
            rows = connection.execute(text("SELECT id, username, organisation_id FROM user_account"))
            self.ids = {row.username.rsplit("-", 1)[0]: row for row in rows if row.username.endswith(f"-{self.digits}")}
        self.office = self.ids["officer"].organisation_id

    def user(self, name: str) -> int:
        """The id of an account by the name it was made with."""
        key: int = self.ids[name].id
        return key

    def add(self, connection: Connection, table: Any, **values: Any) -> int:
        """A row; its id."""
        key: int = connection.execute(insert(table).returning(table.id), values).scalar_one()
        return key

    def case(self, connection: Connection, state: str = "open", **more: Any) -> int:
        """A light case of the company's truck."""
        stage = {"claimed": 1, "handled": 2, "verified": 2, "appealed": 2, "closed": 3}.get(state, 0)
        self._number = getattr(self, "_number", 0) + 1
        done = {"handled_at": self.now, "verdict": "true", "handler_id": self.user("clerk")} if stage > 1 else {}
        return self.add(
            connection, AlarmCase, number=f"{self.mark}-{self._number}", state=state, stage=stage, grade=1,
            first_grade=1, policy=1, type="6401", vehicle_id=self.truck, phone=self.phones[0], plate=f"{self.mark}牌",
            city=self.city, operator_id=self.company, monitor_id=self.monitor, started_at=self.now, last_at=self.now,
            opened_at=self.now, first_action_due_at=EVER * 2, close_due_at=EVER * 2, sort_at=EVER * 2, **done | more,
        )  # fmt: skip


def fill(o: Owned, whole: int) -> None:
    """What the company's work and its authority's have brought about. ``whole``: the id of the person who may do
    everything, to whom some of it is handed."""
    now, clerk, mark = o.now, o.user("clerk"), o.mark
    with write(o.web.services.engine) as connection:

        def add(table: Any, **values: Any) -> int:
            return o.add(connection, table, **values)

        o.open = [o.case(connection) for _ in range(9)]
        o.claimed = [o.case(connection, "claimed", assignee_id=whole) for _ in range(2)]
        o.snoozed = o.case(connection, "snoozed", snoozed_until=EVER * 2)
        o.handled = [o.case(connection, "handled") for _ in range(4)]
        o.verified = [o.case(connection, "verified") for _ in range(4)]
        o.appealed = o.case(connection, "appealed", appeal="open")
        o.appeal = add(CaseAppeal, case_id=o.appealed, user_id=clerk, by_role="operator", text=f"{mark}申诉",
                       requested_at=now, due_at=EVER * 2, state="open", state_before="handled")  # fmt: skip
        o.file = add(EvidenceFile, kind=PICTURE, origin="upload", vehicle_id=o.truck, name=f"{mark}.jpg",
                     phone=o.phones[0], received_at=now, state=COMPLETE, media_type="image/jpeg")  # fmt: skip
        for case in (o.verified[1], o.open[0], o.open[4], o.open[5]):
            connection.execute(insert(CaseFile).values(case_id=case, file_id=o.file, at=now, user_id=whole))
        looks = [
            {"case_id": case, "user_id": user, "file_id": each, "at": now}
            for case in (*o.open, *o.claimed) for each in (0, o.file) for user in (whole, o.user("boss"))
        ]  # fmt: skip
        connection.execute(insert(CaseLook), looks)
        record(connection, Actor(o.user("boss"), "boss"), "evidence.view", o.file, {}, vehicle_id=o.truck)
        for reviewer in (whole, o.user("boss")):
            review = {"case_id": o.verified[1], "user_id": reviewer, "handled_at": now, "at": now, "note": ""}
            connection.execute(insert(SealApproval).values(**review))
        o.hand_over = add(CaseHandOver, at=now, user_id=clerk, organisation_id=o.company, to_user_id=whole,
                          cases=1, note=mark)  # fmt: skip
        connection.execute(insert(HandedCase).values(hand_over_id=o.hand_over, case_id=o.open[8]))
        document = json.loads(connection.scalar(text("SELECT document FROM case_policy ORDER BY id LIMIT 1")))
        o.what_if = add(CaseWhatIf, user_id=whole, document=json.dumps(document), from_day=1, to_day=1,
                        state="done")  # fmt: skip
        for table, name in ((CasePolicy, "case_policy"), (OversightPolicy, "oversight_policy")):
            rules = connection.scalar(text(f"SELECT document FROM {name} ORDER BY id LIMIT 1"))
            made = add(table, valid_from=now + 90 * DAY_MS, document=rules, note=mark)
            setattr(o, name, made)
        _oversee(o, add, whole)
        _send(o, add, connection, whole)
        _keep_people(o, add, connection, whole)


def _oversee(o: Owned, add: Any, whole: int) -> None:
    """Orders to the company and questions of its authority."""
    now, mark = o.now, o.mark
    place = {"target_id": o.company, "city": o.city, "county": None}
    order = place | {
        "level": 1, "source": "other", "policy": 1, "title": f"{mark}督办", "text": mark, "issuer_id": whole,
        "due_at": now + 3_600_000, "strike_at": now + 3_600_000, "in_charge": "city", "issued_at": now,
        "operator_id": o.company,
    }  # fmt: skip
    o.orders = [add(SupervisionOrder, **order, state=state) for state in ("open", "open", "answered", "answered")]
    o.proposals = [
        add(SupervisionProposal, **place, key=f"{mark}-{n}", kind="overdue", level=1, numbers="{}", cases="[]", at=1)
        for n in range(2)
    ]
    home = {"organisation_id": o.company, "city": o.city, "county": None}
    o.flag = add(ShamFlag, **home, key=mark, kind="many", user_id=o.user("clerk"), first_at=1, last_at=1, count=1,
                 policy=1)  # fmt: skip
    asked = {"text": f"{mark}在值班吗？", "options": "[]", "answers": '["甲"]'}
    o.questions = [add(CheckQuestion, **asked, organisation_id=o.office, user_id=whole) for _ in range(2)]
    o.check = add(PostCheck, **asked, targets="operators", limit_s=600, organisation_id=o.office, user_id=whole)
    o.asked = add(PostCheckAsked, **home, check_id=o.check, state=ASKED, asked_at=now, due_at=now + DAY_MS,
                  strike_at=EVER * 2)  # fmt: skip


def upload(o: Owned, connection: Connection, user: int, name: str, stored: bool) -> int:
    """A file that nothing has named yet; ``stored``: kept already for an act that was refused."""
    store = o.web.services.evidence
    assert store is not None
    kept = store.put([f"{o.mark}{name}{user}".encode()])
    return o.add(
        connection, SupervisionFile, user_id=user, name=name, media_type="image/jpeg", size=kept.size,
        sha256=kept.sha256, sm3=kept.sm3, store_key=kept.key, stored=stored,
        created_at=o.now,
    )  # fmt: skip


def _send(o: Owned, add: Any, connection: Connection, whole: int) -> None:
    """What was sent to the company's trucks, and what is kept of them."""
    now, who = o.now, {"user_id": whole, "username": o.mark}
    batch = {"kind": "locate", "parameters": "{}", "reason": o.mark, "total": 0, "skipped": 0, "expires_at": EVER * 2}
    o.batch = add(CommandBatch, **batch, **who, state="paused")
    o.list = add(CommandBatch, **batch | {"kind": "video_list"}, **who, state="paused")
    o.command = add(
        Command, batch_id=o.list, vehicle_id=o.truck, phone=o.phones[0], state="failed", created_at=now, ended_at=now
    )
    common = who | {"total": 1, "skipped": 0, "created_at": now}
    o.template = add(ParameterTemplate, name=f"{o.mark}模板", vehicle_class="other")
    version = {"template_id": o.template, "parameters": json.dumps(PARAMETERS), "author": "a"}
    o.version = add(TemplateVersion, number=1, approved_at=1, effective_from=1, approved_by="a", **version)
    o.draft = add(TemplateVersion, number=2, **version)
    o.pushes = [
        add(TemplatePush, version_id=o.version, act="push", origin="person", state=state, expires_at=now + DAY_MS,
            reason="", **common)
        for state in ("paused", "paused", "done")
    ]  # fmt: skip
    for push in o.pushes:
        over = {"step": "ended", "result": "different", "ended_at": now} if push == o.pushes[2] else {"step": "set"}
        add(TemplateResult, push_id=push, vehicle_id=o.truck, terminal_id=o.seats[0], phone=o.phones[0], **over)
    order = common | {"only_parked": True, "confirm_stages": False, "reason": o.mark, "stage": 1, "target": "{}"}
    o.upgrades = [
        add(
            UpgradeOrder,
            name=f"{o.mark}升级",
            way="url",
            upgrade_type=0,
            model="M",
            version="V",
            state="paused",
            **order,
        )
        for _ in range(2)
    ]
    stage = {"number": 1, "percent": 100, "accept_percent": 95, "wait_s": 60, "stop_failures": 1, "vehicles": 1}
    connection.execute(insert(UpgradeStage), [stage | {"order_id": key} for key in o.upgrades])
    o.firmware = add(Firmware, name=f"{o.mark}.bin", upgrade_type=0, manufacturer="", model="M", version="V9", size=1,
                     sha256=f"{o.digits:064d}", sm3="0" * 64, data=b"x", author="a")  # fmt: skip
    seat = {"vehicle_id": o.truck, "terminal_id": o.seats[0], "phone": o.phones[0], "channel": 1}
    wanted = {"from_at": now - 9_000, "to_at": now - 8_000, "media_type": 0, "stream": 0, "storage": 0, "networks": 7,
              "purpose": o.mark, "limit_bytes": 1, "created_at": now, "expires_at": now + DAY_MS}  # fmt: skip
    o.downloads = [add(Download, **seat, **who, **wanted, account=f"{o.mark}{n}", state="paused") for n in range(3)]
    o.record = add(VideoRecord, **seat, **who, state="done", reason="", stream="sub", purpose=o.mark, seconds=60,
                   told=TOLD, asked_at=now)  # fmt: skip


def _keep_people(o: Owned, add: Any, connection: Connection, whole: int) -> None:
    """Requests, tokens, sessions, imports, layouts, uploads of the company's people."""
    now, clerk = o.now, o.user("clerk")
    asked = {
        "user_id": clerk, "organisation_id": o.company, "row": "video", "purpose": f"{o.mark}调查", "case_number": "1",
        "minutes": 60, "state": REQUESTED, "requested_at": now, "note": "",
    }  # fmt: skip
    o.grants = [add(AccessGrant, **asked) for _ in range(3)]
    connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": o.truck} for key in o.grants])
    token = {"name": o.mark, "rights": '[["read", "vehicle"]]', "created_at": now, "expires_at": EVER * 2}
    o.tokens = [
        add(ApiToken, user_id=clerk, prefix=f"lw{o.digits}{n}", token_hash=hashlib.sha256(b"%d%d" % (o.digits, n))
            .hexdigest(), **token)
        for n in range(2)
    ]  # fmt: skip
    extra = [open_session(connection, clerk, "127.0.0.1", o.mark) for _ in range(2)]
    assert extra
    mine = text("SELECT id FROM web_session WHERE user_id = :id ORDER BY id DESC LIMIT 2")
    o.sessions = list(connection.scalars(mine, {"id": clerk}))
    o.job = add(Job, noun="vehicles", dry_run=True, file=f"{o.mark}.csv", sha256="0" * 64, user_id=clerk,
                username=o.mark, state="waiting", created_at=now)  # fmt: skip
    add(VideoLayout, user_id=clerk, name=o.mark, tiles=4, body="{}", updated_at=now)
    connection.execute(insert(Totp).values(user_id=o.user("member3"), secret="x", created_at=now, confirmed_at=now))
    people = ("officer", "boss", "clerk")
    o.uploads = {name: upload(o, connection, o.user(name), f"{name}.jpg", False) for name in people}
    o.named = {name: upload(o, connection, o.user(name), f"{name}-2.jpg", True) for name in people}
    o.role = f"hidden{o.digits}"
    connection.execute(insert(Role).values(code=o.role, like="viewer", zh=o.mark, en=o.mark))


def on_the_air(o: Owned, whole: int) -> None:
    """A picture and a talk of the company's truck that somebody has open now."""
    video = o.web.services.video
    assert video is not None
    actor = Actor(user_id=whole, username=o.mark, address="")
    o.stream, o.talk = f"live-{o.digits}", f"talk-{o.digits}"
    video.streams[o.stream] = Upstream(o.stream, o.truck, o.phones[0], 1, actor, o.mark)
    call = Call(f"{o.talk}-1", o.truck, o.phones[0], 1, actor, o.mark)
    clerk = o.user("clerk")
    video.talks.talks[o.talk] = Talk(
        o.talk,
        "talk",
        clerk,
        actor,
        "duty",
        "值班员",
        "duty officer",
        o.mark,
        EVER * 2,
        o.now,
        calls=[call],
        joined_at=o.now,
    )
