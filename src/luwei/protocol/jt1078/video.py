"""Pictures of one video stream: codec, parameter sets and key pictures, all from the data (reference §2.1, §2.2).

A picture can be shown from the first key picture with all parameter sets on; after a loss only from the next key
picture on. The nibble "I-frame" and the payload type are not asked: devices send IDR pictures as P and H.265 as 98.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from luwei.protocol.jt1078.frames import Frame
from luwei.protocol.jt1078.nal import H264, H265, RULES, codec_of, split_units
from luwei.protocol.jt1078.packet import B_FRAME, I_FRAME
from luwei.protocol.jt1078.sequence import PictureFormat, picture_format

PAYLOAD_TYPES = {98: H264, 99: H265}
SETS_MAX = 16
"""Most parameter sets of one type."""
SET_OCTETS_MAX = 4096
"""Longest parameter set that is kept."""

WRONG_PAYLOAD_TYPE, B_FRAMES, REORDERED, WRONG_KIND, NO_UNITS, TOO_MANY_UNITS, BAD_SETS = (
    "payload_type", "b_frames", "reordered", "key_kind", "no_start_code", "units", "parameter_sets",
)  # fmt: skip
"""Faults: the payload type names another codec, frames of type 2, a sequence that may be shown in another order than it
is sent, a key picture that is not marked as I-frame, a frame without a start code, with too many units, with parameter
sets beyond the bounds."""


class Configuration(NamedTuple):
    """What a decoder needs before the first picture. ``sets``: for H.264 SPS and PPS, for H.265 VPS, SPS and PPS, each
    as a tuple of NAL units without start codes."""

    codec: str
    sets: tuple[tuple[bytes, ...], ...]


class Picture(NamedTuple):
    """One access unit. ``units`` are its NAL units without start codes and without parameter sets, delimiters and
    filler."""

    units: tuple[bytes, ...]
    key: bool
    configuration: Configuration
    changed: bool
    """Whether ``configuration`` is another than that of the picture before: viewers start anew, here."""
    timestamp_ms: int | None
    frame_interval_ms: int | None


class VideoTrack:
    """One stream: frames in, pictures that can be decoded out."""

    __slots__ = (
        "_foreign",
        "_open",
        "_promised",
        "_sets",
        "_shown",
        "codec",
        "configuration",
        "faults",
        "format",
        "held_back",
        "key_pictures",
        "pictures",
    )

    def __init__(self) -> None:
        self._sets: dict[int, tuple[bytes, ...]] = {}
        self._shown: Configuration | None = None
        self._open = self._foreign = False
        self._promised: str | None = None
        self.codec: str | None = None
        """``h264`` or ``h265``, None until the data has told."""
        self.configuration: Configuration | None = None
        """None until every parameter set was seen."""
        self.format: PictureFormat | None = None
        """Size and the like by the sequence parameter set, None where it cannot be read."""
        self.faults: Counter[str] = Counter()
        self.held_back = 0
        """Pictures that could not be decoded: before the first key picture, or after a loss."""
        self.pictures = 0
        self.key_pictures = 0

    @property
    def likely(self) -> str | None:
        """``codec``; before the data has told, the payload type's where nothing came that is marked as a key picture:
        then the codec is not what is wrong."""
        return self.codec or (None if self._foreign else self._promised)

    def take(self, frame: Frame) -> Picture | None:
        """The picture of ``frame``, or None: it holds only parameter sets, is malformed, or cannot be decoded."""
        units = split_units(frame.body)
        if not units:
            self.faults[NO_UNITS if units is not None else TOO_MANY_UNITS] += 1
            self._open = False
            return None
        self._find_codec(units, frame)
        if self.codec is None:
            self.held_back += 1
            self._promised = PAYLOAD_TYPES.get(frame.payload_type)
            self._foreign = self._foreign or frame.data_type == I_FRAME
            return None
        if frame.data_type == B_FRAME:
            self.faults[B_FRAMES] += 1
        rules = RULES[self.codec]
        types = [rules.type_of(unit) for unit in units]
        changed_sets = self._keep_sets(units, types)
        key = any(kind in rules.key for kind in types)
        if frame.after_loss or changed_sets:
            self._open = False
        if not any(kind in rules.pictures for kind in types):
            return None
        if key and frame.data_type != 0:
            self.faults[WRONG_KIND] += 1
        self._open = self._open or (key and self.configuration is not None)
        if not self._open or self.configuration is None:
            self.held_back += 1
            return None
        kept = tuple(
            unit
            for unit, kind in zip(units, types, strict=True)
            if kind not in rules.sets and kind not in rules.padding
        )
        changed = self.configuration != self._shown
        self._shown = self.configuration
        self.pictures += 1
        self.key_pictures += key
        return Picture(kept, key, self.configuration, changed, frame.timestamp_ms, frame.frame_interval_ms)

    def _find_codec(self, units: list[bytes], frame: Frame) -> None:
        found = codec_of(units)
        if found is None:
            return
        if found != self.codec:
            self.codec = found
            self.configuration = self.format = None
            self._sets.clear()
            self._open = False
        if PAYLOAD_TYPES.get(frame.payload_type) != found:
            self.faults[WRONG_PAYLOAD_TYPE] += 1

    def _keep_sets(self, units: list[bytes], types: list[int]) -> bool:
        """Cache the parameter sets of a frame. Whether the configuration changed by them: a set that is sent again as
        it was changes nothing."""
        assert self.codec is not None
        wanted = RULES[self.codec].sets
        found: dict[int, dict[bytes, None]] = {}
        for unit, kind in zip(units, types, strict=True):
            if kind in wanted:
                found.setdefault(kind, {})[unit] = None
        if not found:
            return False
        if any(len(sets) > SETS_MAX or any(len(unit) > SET_OCTETS_MAX for unit in sets) for sets in found.values()):
            self.faults[BAD_SETS] += 1
            return False
        self._sets.update((kind, tuple(sets)) for kind, sets in found.items())
        if any(kind not in self._sets for kind in wanted):
            return False
        configuration = Configuration(self.codec, tuple(self._sets[kind] for kind in wanted))
        if configuration == self.configuration:
            return False
        self.configuration = configuration
        self.format = picture_format(self.codec, configuration.sets[-2][0])
        if self.format is not None and self.format.reorder:
            self.faults[REORDERED] += 1
        return True
