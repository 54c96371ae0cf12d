"""Personal data 个人信息 of the registry: which fields, and what sort each is. Masking and the audit of looks read it.

Source: 个人信息保护法 art. 4 and 28; reference supervision §10.
"""

from __future__ import annotations

NAME, OWNER, PHONE, IDENTITY, CARD, PICTURE = "name", "owner", "phone", "identity", "card", "picture"
"""OWNER is a name that may be a company's."""

PERSONAL: dict[str, dict[str, str]] = {
    "driver": {
        "name": NAME,
        "identity_number": IDENTITY,
        "phone": PHONE,
        "licence_number": IDENTITY,
        "qualification_number": CARD,
        "ic_card_number": CARD,
        "photo": PICTURE,
    },
    "vehicle": {"owner": OWNER},
    "organisation": {"contact": NAME, "contact_phone": PHONE},
    "sim": {"msisdn": PHONE},
}
"""Sort of each personal field, by noun and column."""
