"""One profile: a dialect of JT/T 808 and its extensions as a vendor, a model or a province speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from luwei.profiles.match import Fit, Identity, Match
from luwei.profiles.reasons import reasons_of
from luwei.protocol.reading import Reading

MEDIA_CODECS = ("g711a", "g711u", "g726", "adpcm_ima", "aac", "amr", "dvi4", "pcm_s16be", "pcm_s16le", "mpeg")
"""Codings of sound that a profile may name, as ``protocol.jt1078.audio`` calls them."""
CHINA_H = 8
"""Zone of every time of JT/T 808 but that of 0x8004."""


@dataclass(frozen=True, slots=True)
class MediaHabits:
    """What the data of a media stream (JT/T 1078) does not tell, or tells wrongly."""

    audio_codec: str = ""
    """One of MEDIA_CODECS; empty: by the data."""
    g726_bits: int = 0
    """Bits of a sample, 2 to 5; 0: by the length of the blocks."""
    g726_big_endian: bool = False
    """The first code stands in the most significant bits (reference 1078 §3.3)."""
    adpcm_low_first: bool = False
    """The low nibble is the first sample (reference 1078 §3.1)."""
    talk_channel: int = 0
    """Where its microphone and loudspeaker are; 0: the driver's, where it has one (reference 1078 §6.3)."""
    talk_data_type: int = 2
    """Of 0x9101 for a talk: some terminals want 4 (reference 1078 §6.3)."""
    talk_hisilicon: str = "auto"
    """Whether sound goes down behind the HiSilicon header: as it comes up, ``always``, ``never``."""
    list_after_parameters: bool = False
    """Answers 0x9205 only when it was asked for parameters since it signed in (reference 1078 §7)."""


@dataclass(frozen=True)
class Profile:
    """What is expected of a terminal's bytes and how they are read. Made by ``luwei.profiles.check`` from a file."""

    name: str
    version: int
    zh: str
    en: str
    source: str
    """Documents and clauses that the profile follows."""
    file: str
    shipped: bool
    matches: tuple[Match, ...] = ()
    """Alternatives: one that fits is enough. None: only a person chooses this profile."""
    reading: Reading = field(default_factory=Reading)
    editions: tuple[int, ...] = ()
    """Editions whose headers and bodies its terminals send; empty: any."""
    clock_zone_h: int = CHINA_H
    """Zone of the terminal's times (reference §11.3, 17: some devices send UTC)."""
    server_time_zone_h: int = 0
    """Zone of the time given in 0x8004: UTC by the standard, some devices expect China's (reference §8.3)."""
    speed_step_dkmh: int = 1
    """What one step of the speed field is, in 0.1 km/h: 10 where a device sends whole km/h (reference §11.3, 19)."""
    items: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Item id → expected lengths in bytes; empty: any. Every item that is not here is a deviation."""
    audio_codecs: tuple[int, ...] = ()
    """Audio codings (JT/T 1078 table 12) that 0x1003 may name; empty: any."""
    slave_server: bool = False
    """Its terminals report here as to a slave server: they answer no command (2019 §3.1.10, reference §5.3)."""
    control_binary: bool = False
    """Numbers between the semicolons of 0x8105 are binary, not decimal text (reference §8.8)."""
    media: MediaHabits = MediaHabits()
    text_charset: str = "gbk"
    """Charset of the texts that are sent to its terminals."""
    quirks: tuple[str, ...] = ()
    """Numbers of quirks that are expected, such as ``11.3.24``, and reasons of the ledger."""

    @property
    def key(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def fits(self, identity: Identity) -> Fit | None:
        """The best fit among the alternatives, None where none fits."""
        found = [fit for match in self.matches if (fit := match.fits(identity)) is not None]
        return max(found, key=lambda fit: fit.weights, default=None)

    @cached_property
    def expected(self) -> frozenset[str]:
        """Reasons of the ledger that are no deviation from this profile."""
        return reasons_of(self.quirks)

    def expects_item(self, item: int, length: int) -> bool:
        """Whether an item of that id and length belongs to this dialect."""
        lengths = self.items.get(item)
        return lengths is not None and (not lengths or length in lengths)
