"""The profile of each session: by which one it is read, what its terminal showed, whose firmware nobody knows yet.

The registry decides (``luwei.registry.assignments``) in the handshake's thread; here is what goes there and what comes
of it. Nothing here is done per frame.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from luwei.gateway.connections import ONLINE, Connection, Table, now_ms
from luwei.gateway.dialects import Dialects
from luwei.gateway.ledger import NOTED, Ledger
from luwei.profiles import Identity, Profile
from luwei.protocol.jt808.frame import Frame, encode_frame
from luwei.protocol.jt808.header import EDITION_2011, EDITION_2013, EDITION_2019, Header, phone_bytes
from luwei.protocol.jt808.messages.registration import Authentication, Registration
from luwei.protocol.texts import trim_text
from luwei.registry.admission import Admission
from luwei.registry.assignments import Assigned, Assignments, Observed

OBSERVED_MAX = 20_000
NAMELESS_MAX = 200_000
ASK_AFTER_MS = 30_000
"""How long a session is left alone before it is asked for its firmware."""
ASK_ATTRIBUTES = 0x8107
ATTRIBUTES_A_SECOND = 20
"""At most so many terminals are asked for their attributes in a second: there is no hurry."""
PLATE_AT = {2011: 25, 2013: 37, 2019: 76}
"""Where the plate begins in 0x0100 (reference §8.5)."""


class SessionProfiles:
    """Profiles of the sessions of one gateway."""

    def __init__(self, table: Table, ledger: Ledger, dialects: Dialects) -> None:
        self._table = table
        self._ledger = ledger
        self.dialects = dialects
        self.observed: list[Observed] = []
        """What the registry is to be told."""
        self.nameless: deque[tuple[int, int, int]] = deque(maxlen=NAMELESS_MAX)
        """(when it may be asked, slot, generation) of sessions whose firmware nobody knows, in order of time."""

    def assignments(self, admission: Admission | None) -> Assignments | None:
        """The registry's side, None where there is no registry."""
        return None if admission is None else Assignments(admission.engine, self.dialects.catalogue)

    def registration(self, frame: Frame, chosen: Profile | None = None) -> tuple[Registration, tuple[str, ...]]:
        """The body and what is odd about it, its plate in the charset of the profile ``chosen`` by hand, else of the
        one that maker, model and province match. Raises ProtocolError when the body cannot be read."""
        edition = frame.header.edition
        body = Registration.decode(frame.body, edition)
        identity = Identity(body.manufacturer, body.model, "", body.province, body.edition)
        reading = (chosen or self.dialects.catalogue.match(identity).profile).reading
        if reading.charset != "gbk":
            body = Registration.decode(frame.body, edition, reading=reading)
        sound = _in_charset(frame.body[PLATE_AT[body.edition] :], reading.charset)
        return body, body.problems if sound else (*body.problems, "charset")

    def note(self, connection: Connection, frame: Frame, problems: tuple[str, ...], at_ms: int) -> None:
        """Count what was odd about a handshake's body."""
        slot, header = connection.slot, frame.header
        for problem in problems:
            self._ledger.count(
                NOTED, problem.partition(":")[0], header.message_id, header.phone, int(self._table.terminal_id[slot]),
                int(self._table.vehicle_id[slot]), connection.peer, at_ms, frame.raw,
            )  # fmt: skip

    def observe(self, observed: Observed) -> None:
        """Tell the registry what a terminal said or showed of itself; its profile may change by it."""
        if len(self.observed) < OBSERVED_MAX:
            self.observed.append(observed)

    def take(self, most: int) -> list[Observed]:
        """The first ``most`` observations, forgotten here."""
        taken, self.observed = self.observed[:most], self.observed[most:]
        return taken

    def begin(self, connection: Connection, assigned: Assigned | None, raw: bytes, at_ms: int) -> None:
        """A session begins with the authentication ``raw``."""
        self._read_as(connection, assigned)
        table, slot = self._table, connection.slot
        profile = self.dialects.profile(int(table.profile[slot]))
        spoken = int(table.edition[slot])
        if profile is not None and profile.editions and spoken not in profile.editions:
            self._ledger.count(
                NOTED, "edition_unexpected", Authentication.id, connection.phone, int(table.terminal_id[slot]),
                int(table.vehicle_id[slot]), connection.peer, at_ms, raw,
            )  # fmt: skip
        # 2011 has no 0x8107; a slave server's commands are not answered
        asked_for = spoken != EDITION_2011 and not (profile is not None and profile.slave_server)
        if asked_for and assigned is not None and not assigned.firmware:
            self.nameless.append((now_ms() + ASK_AFTER_MS, slot, int(table.generation[slot])))

    def _read_as(self, connection: Connection, assigned: Assigned | None) -> None:
        """Read the session by this profile from now on."""
        table, slot = self._table, connection.slot
        number = self.dialects.number(assigned.profile, assigned.version) if assigned is not None else 0
        table.profile[slot] = number
        table.dialect[slot] = self.dialects.code_of(assigned.dialect) if assigned is not None else 0
        (table.special.add if self.dialects.special[number] else table.special.discard)(slot)

    def apply(self, terminals: set[int], assigned: dict[int, Assigned]) -> None:
        """What the registry decided about terminals that are online here."""
        if not terminals:
            return
        table = self._table
        for slot in np.flatnonzero(np.isin(table.terminal_id, list(terminals)) & (table.state == ONLINE)).tolist():
            self._read_as(table[slot], assigned.get(int(table.terminal_id[slot])))

    def recheck(self, terminals: set[int]) -> None:
        """Somebody changed the profile of these terminals."""
        for key in terminals:
            self.observe(Observed(key))

    def ask_attributes(self, at_ms: int) -> list[tuple[int, bytes]]:
        """0x8107 to a few sessions whose firmware nobody knows, as (slot, frame): only 2019 tells it by itself."""
        table = self._table
        asked: list[tuple[int, bytes]] = []
        while self.nameless and self.nameless[0][0] <= at_ms and len(asked) < ATTRIBUTES_A_SECOND:
            _, slot, born = self.nameless.popleft()
            if int(table.generation[slot]) != born or table.state[slot] != ONLINE:
                continue
            is_2019 = int(table.edition[slot]) == EDITION_2019
            header = Header(
                message_id=ASK_ATTRIBUTES,
                body_length=0,
                serial=table.next_serial(slot),
                phone_raw=phone_bytes(table[slot].phone, EDITION_2019 if is_2019 else EDITION_2013),
                edition=EDITION_2019 if is_2019 else EDITION_2013,
                protocol_version=1 if is_2019 else 0,
            )
            asked.append((slot, encode_frame(header, b"")))
        return asked


def _in_charset(raw: bytes, charset: str) -> bool:
    """Whether a text is what it should be; one without any Chinese is the same in every charset."""
    try:
        trim_text(raw).decode(charset)
    except UnicodeDecodeError:
        return False
    return True
