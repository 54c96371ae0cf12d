"""Bodies of requests that create or change a row: every field may be left out; what is left out stays as it is."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Base of the bodies. The rules of the values are the registry's own."""

    def sent(self) -> dict[str, Any]:
        """The fields that the request had."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}


class VehicleBody(Body):
    """A vehicle; for a new one plate and colour must be given."""

    plate: str | UnsetType = UNSET
    plate_color: int | UnsetType = UNSET
    vin: str | UnsetType | None = UNSET
    vehicle_class: str | UnsetType = UNSET
    city: int | UnsetType | None = UNSET
    county: int | UnsetType | None = UNSET
    operator_id: int | UnsetType | None = UNSET


class TerminalBody(Body):
    """A terminal; for a new one the phone must be given. ``vehicle_id`` null takes it out of its vehicle."""

    phone: str | UnsetType = UNSET
    terminal_id: str | UnsetType = UNSET
    manufacturer_id: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    edition: int | UnsetType = UNSET
    vehicle_id: int | UnsetType | None = UNSET


class OperatorBody(Body):
    """An operator; for a new one the name must be given."""

    name: str | UnsetType = UNSET
    credit_code: str | UnsetType | None = UNSET
    licence_number: str | UnsetType | None = UNSET
    city: int | UnsetType | None = UNSET
    county: int | UnsetType | None = UNSET
    contact: str | UnsetType | None = UNSET
    contact_phone: str | UnsetType | None = UNSET
