"""Bodies of requests that create or change a row: every field may be left out; what is left out stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from luwei.registry.audit import Actor
from luwei.registry.fields import optional, text
from luwei.web.door import Door

_reason = optional(text("reason", 500), "")


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of the bodies. The rules of the values are the registry's own."""

    reason: str = ""
    """Why, for the history of the record; may be left out."""

    def sent(self) -> dict[str, Any]:
        """The fields of the record that the request had."""
        names = (name for name in self.__struct_fields__ if name != "reason")
        return {name: value for name in names if (value := getattr(self, name)) is not UNSET}

    def actor(self, door: Door) -> Actor:
        """Who changes it and why. Raises RegistryError for an unusable reason."""
        given, actor = _reason(self.reason), door.user.actor(door.address)
        return replace(actor, reason=given) if given else actor


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


class DriverBody(Body):
    """A driver; for a new one the name must be given. Days are texts such as 2026-01-31."""

    name: str | UnsetType = UNSET
    identity_number: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    licence_class: str | UnsetType | None = UNSET
    licence_number: str | UnsetType | None = UNSET
    licence_valid_to: str | UnsetType | None = UNSET
    qualification_number: str | UnsetType | None = UNSET
    qualification_kind: str | UnsetType | None = UNSET
    qualification_issuer: str | UnsetType | None = UNSET
    qualification_valid_from: str | UnsetType | None = UNSET
    qualification_valid_to: str | UnsetType | None = UNSET
    ic_card_number: str | UnsetType | None = UNSET
    ic_card_issuer: str | UnsetType | None = UNSET
    ic_card_valid_to: str | UnsetType | None = UNSET
    photo: str | UnsetType | None = UNSET
    city: int | UnsetType | None = UNSET
    county: int | UnsetType | None = UNSET
    operator_id: int | UnsetType | None = UNSET


class SimBody(Body):
    """A SIM card; for a new one the ICCID must be given. ``terminal_id`` null takes it out of its terminal."""

    iccid: str | UnsetType = UNSET
    msisdn: str | UnsetType | None = UNSET
    carrier: str | UnsetType | None = UNSET
    terminal_id: int | UnsetType | None = UNSET
    valid_from: str | UnsetType | None = UNSET
    valid_to: str | UnsetType | None = UNSET


class ModelBody(Body):
    """A terminal model; for a new one the name must be given."""

    vendor_id: int | UnsetType | None = UNSET
    manufacturer_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    firmware: str | UnsetType = UNSET
    catalogued: bool | UnsetType = UNSET
    catalogue_number: str | UnsetType | None = UNSET
    catalogued_on: str | UnsetType | None = UNSET


class EquipmentBody(Body):
    """Channels and peripherals of a terminal, each list as a whole; what is left out stays."""

    channels: list[dict[str, Any]] | UnsetType = UNSET
    peripherals: list[dict[str, Any]] | UnsetType = UNSET


class BindingBody(Body):
    """A former span of a record (UTC ms), from ``from_at`` until before ``to_at``."""

    what: str
    object_id: int
    from_at: int
    to_at: int
