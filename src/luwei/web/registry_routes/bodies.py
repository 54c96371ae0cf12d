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
    monitor_id: int | UnsetType | None = UNSET
    insurer_id: int | UnsetType | None = UNSET
    vin_confirmed: bool | UnsetType = UNSET
    gross_mass_kg: int | UnsetType | None = UNSET
    owner: str | UnsetType | None = UNSET
    transport_certificate: str | UnsetType | None = UNSET
    certificate_valid_from: str | UnsetType | None = UNSET
    certificate_valid_to: str | UnsetType | None = UNSET


class TerminalBody(Body):
    """A terminal; for a new one the phone must be given. ``vehicle_id`` null takes it out of its vehicle."""

    phone: str | UnsetType = UNSET
    terminal_id: str | UnsetType = UNSET
    manufacturer_id: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    edition: int | UnsetType = UNSET
    vehicle_id: int | UnsetType | None = UNSET
    vendor_id: int | UnsetType | None = UNSET
    model_id: int | UnsetType | None = UNSET


class OrganisationBody(Body):
    """An organisation; for a new one name and kind must be given, for an authority its area. Days are texts such as
    2026-01-31."""

    kind: str | UnsetType = UNSET
    parent_id: int | UnsetType | None = UNSET
    short_name: str | UnsetType | None = UNSET
    area: int | UnsetType | None = UNSET
    valid_from: str | UnsetType | None = UNSET
    valid_to: str | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    credit_code: str | UnsetType | None = UNSET
    licence_number: str | UnsetType | None = UNSET
    city: int | UnsetType | None = UNSET
    county: int | UnsetType | None = UNSET
    contact: str | UnsetType | None = UNSET
    contact_phone: str | UnsetType | None = UNSET
