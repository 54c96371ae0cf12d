"""Registration 终端注册 (0x0100): what a batch of requests means for the vehicles and terminals that are there.

``Desk`` holds the rows that concern the batch, decides one request after the other and notes which rows are new or
changed. It does no I/O: ``luwei.registry.admission`` fills it and writes its notes down.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from luwei.registry import plate as plates
from luwei.registry.jurisdiction import split_registration_area
from luwei.registry.vehicle import SOURCE_OPEN
from luwei.registry.vin import ALPHABET as VIN_ALPHABET

Policy = Literal["known", "open"]

SUCCESS, VEHICLE_TAKEN, VEHICLE_UNKNOWN, TERMINAL_TAKEN, TERMINAL_UNKNOWN = 0, 1, 2, 3, 4
"""Results of 0x8100, JT/T 808-2019 §8.9."""

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12
"""60 bits in short ASCII without look-alikes; some devices truncate a longer one (reference §5.1)."""


def new_code() -> str:
    """A random authentication code 鉴权码."""
    return "".join(_ALPHABET[byte & 31] for byte in secrets.token_bytes(CODE_LENGTH))


@dataclass(frozen=True, slots=True)
class Admitted:
    """A terminal of the registry that has a vehicle. ``code`` is None until it has registered once."""

    terminal_id: int
    """Registry key of the terminal (not the 终端ID it sends)."""
    vehicle_id: int
    phone: str
    code: str | None
    edition: int
    unregister_pending: bool = False
    """0x0003 came and nothing since; ``Admission.resume`` takes the mark away."""


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """The fields of 0x0100 as decoded (JT/T 808-2019 table 7, padding trimmed), with the canonical phone."""

    phone: str
    province: int
    city: int
    manufacturer_id: str
    model: str
    terminal_id: str
    plate_color: int
    plate: str
    edition: int


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """``result`` as in 0x8100; ``code`` empty unless the result is 0."""

    result: int
    code: str
    admitted: Admitted | None
    created: bool
    """A vehicle or terminal was made, renamed or bound anew: others must hear ``registry.changed``."""


@dataclass(slots=True, eq=False)
class VehicleRow:
    """A vehicle at the desk; ``id`` 0 until it is written."""

    id: int
    plate: str
    plate_color: int
    vin: str | None
    city: int | None
    county: int | None
    source: str
    terminal: TerminalRow | None = None


@dataclass(slots=True, eq=False)
class TerminalRow:
    """A terminal at the desk; ``id`` 0 until it is written."""

    id: int
    phone: str
    terminal_id: str
    manufacturer_id: str
    model: str
    edition: int
    code: str | None
    pending_at: int | None
    source: str
    vehicle: VehicleRow | None = None


@dataclass(slots=True)
class Decision:
    """What was decided for one request, before ids of new rows are known."""

    result: int
    terminal: TerminalRow | None = None
    created: bool = False

    def answer(self) -> RegistrationAnswer:
        """The answer for the gateway, once every row has its id."""
        row = self.terminal
        if self.result != SUCCESS or row is None or row.vehicle is None:
            return RegistrationAnswer(self.result, "", None, False)
        admitted = Admitted(row.id, row.vehicle.id, row.phone, row.code, row.edition)
        return RegistrationAnswer(SUCCESS, row.code or "", admitted, self.created)


@dataclass(slots=True)
class Mark:
    """What a request calls its vehicle. ``plate`` empty: nothing readable was sent."""

    plate: str
    color: int
    vin: str | None

    @staticmethod
    def of(request: RegistrationRequest) -> Mark:
        """Colour 0 means no plate yet and the VIN in its place; some devices send 0 with a plate all the same."""
        text = plates.normalise(request.plate)
        if not plates.readable(text):
            return Mark("", request.plate_color, None)
        is_vin = request.plate_color == plates.NO_PLATE and len(text) == 17 and VIN_ALPHABET.issuperset(text)
        return Mark(text, request.plate_color, text if is_vin else None)


def clean(text: str, length: int) -> str:
    """A device's text as the registry keeps it: printable characters only (PostgreSQL refuses 0x00), cut."""
    return "".join(char for char in text if char.isprintable()).strip()[:length]


@dataclass(slots=True)
class Desk:
    """Rows that concern one batch, and the notes of what became of them."""

    policy: Policy
    terminals: dict[str, TerminalRow] = field(default_factory=dict)
    by_plate: dict[str, dict[int, VehicleRow]] = field(default_factory=dict)
    by_vin: dict[str, VehicleRow] = field(default_factory=dict)
    changed_vehicles: dict[int, VehicleRow] = field(default_factory=dict)
    """By ``id()`` of the row object, so that each is noted once and in order."""
    changed_terminals: dict[int, TerminalRow] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything must be written."""
        return bool(self.changed_vehicles or self.changed_terminals)

    def put(self, vehicle: VehicleRow) -> None:
        """Lay a vehicle on the desk."""
        self.by_plate.setdefault(vehicle.plate, {})[vehicle.plate_color] = vehicle
        if vehicle.vin:
            self.by_vin[vehicle.vin] = vehicle

    def decide(self, requests: Iterable[RegistrationRequest]) -> list[Decision]:
        """One decision a request, in order; later ones see what earlier ones did."""
        return [self._decide(request) for request in requests]

    def _decide(self, request: RegistrationRequest) -> Decision:
        mark = Mark.of(request)
        terminal = self.terminals.get(request.phone)
        if terminal is None:
            if self.policy == "known" or not 0 < len(request.phone) <= 20 or not request.phone.isalnum():
                return Decision(TERMINAL_UNKNOWN)
            return self._take_in(request, mark)
        guarded = self.policy == "known" or terminal.source != SOURCE_OPEN
        device = clean(request.terminal_id, 30)
        replaced = bool(device and terminal.terminal_id and device.casefold() != terminal.terminal_id.casefold())
        if guarded and replaced:
            return Decision(TERMINAL_UNKNOWN)
        own = terminal.vehicle
        if own is not None and (not mark.plate or _matches(own, mark)):
            return self._welcome(request, terminal, replaced, moved=False)
        target = self._find(mark)
        taken = target is not None and target.terminal is not None and target.terminal is not terminal
        if self.policy == "known" or (own is not None and own.source != SOURCE_OPEN):
            return Decision(VEHICLE_TAKEN if taken else VEHICLE_UNKNOWN)
        if target is not None and not self._vacate(target, terminal):
            return Decision(VEHICLE_TAKEN)
        if target is None and own is not None and own.plate_color == plates.NO_PLATE:
            self._rename(own, mark)
        else:
            self._bind(terminal, target or self._new_vehicle(request, mark))
        return self._welcome(request, terminal, replaced, moved=True)

    def _take_in(self, request: RegistrationRequest, mark: Mark) -> Decision:
        target = self._find(mark if mark.plate else Mark(request.phone, plates.NO_PLATE, None))
        if target is not None and not self._vacate(target, None):
            return Decision(VEHICLE_TAKEN)
        terminal = TerminalRow(0, request.phone, "", "", "", request.edition, None, None, SOURCE_OPEN)
        self.terminals[request.phone] = terminal
        self._bind(terminal, target or self._new_vehicle(request, mark))
        return self._welcome(request, terminal, replaced=False, moved=True)

    def _welcome(self, request: RegistrationRequest, row: TerminalRow, replaced: bool, moved: bool) -> Decision:
        """Success: the same code as before unless another device now carries the phone."""
        before = (row.terminal_id, row.manufacturer_id, row.model, row.edition, row.code, row.pending_at)
        open_row = row.source == SOURCE_OPEN
        for name, length in (("terminal_id", 30), ("manufacturer_id", 11), ("model", 30)):
            sent, stored = clean(getattr(request, name), length), getattr(row, name)
            if sent and (open_row or not stored):
                setattr(row, name, sent)
        row.edition = request.edition
        if replaced or not row.code:
            row.code = new_code()
        row.pending_at = None
        after = (row.terminal_id, row.manufacturer_id, row.model, row.edition, row.code, row.pending_at)
        if moved or before != after:
            self._note_terminal(row)
        return Decision(SUCCESS, row, created=moved)

    def _find(self, mark: Mark) -> VehicleRow | None:
        if not mark.plate:
            return None
        alike = self.by_plate.get(mark.plate, {})
        if mark.color in alike:
            return alike[mark.color]
        if mark.vin:
            return self.by_vin.get(mark.vin)
        if mark.color not in plates.COLORS and len(alike) == 1:
            # The colour says nothing; a plate that exists once is meant all the same.
            return next(iter(alike.values()))
        return None

    def _vacate(self, vehicle: VehicleRow, newcomer: TerminalRow | None) -> bool:
        """Free the vehicle of a terminal that said goodbye (0x0003). False: another terminal still holds it."""
        holder = vehicle.terminal
        if holder is None or holder is newcomer:
            return True
        if holder.pending_at is None:
            return False
        holder.vehicle = vehicle.terminal = None
        self._note_terminal(holder)
        return True

    def _bind(self, terminal: TerminalRow, vehicle: VehicleRow) -> None:
        if terminal.vehicle is not None:
            terminal.vehicle.terminal = None
        terminal.vehicle, vehicle.terminal = vehicle, terminal

    def _new_vehicle(self, request: RegistrationRequest, mark: Mark) -> VehicleRow:
        city, county = split_registration_area(request.province, request.city)
        name, color = (mark.plate, mark.color) if mark.plate else (request.phone, plates.NO_PLATE)
        row = VehicleRow(0, name, color, mark.vin, city, county, SOURCE_OPEN)
        self.put(row)
        self.changed_vehicles[id(row)] = row
        return row

    def _rename(self, vehicle: VehicleRow, mark: Mark) -> None:
        """A truck that had no plate yet gets one: the same truck, so the same id."""
        del self.by_plate[vehicle.plate][vehicle.plate_color]
        vehicle.plate, vehicle.plate_color, vehicle.vin = mark.plate, mark.color, vehicle.vin or mark.vin
        self.put(vehicle)
        self.changed_vehicles[id(vehicle)] = vehicle

    def _note_terminal(self, row: TerminalRow) -> None:
        self.changed_terminals[id(row)] = row


def _matches(vehicle: VehicleRow, mark: Mark) -> bool:
    # The colour is not compared: the phone already says which truck is meant, and devices often send it wrong.
    return vehicle.plate == mark.plate or (mark.vin is not None and vehicle.vin == mark.vin)
