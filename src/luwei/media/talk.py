"""A talk at its node: one supervisor's line, the legs to the terminals, one voice for all of a form.

The core brings what the supervisor says as PCM of 8 kHz and gets what the terminals say likewise; nothing is held back
but what a block of the terminal's codec needs.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from luwei.media.form import Form
from luwei.media.microphone import PIECE_MS, Microphone
from luwei.media.orders import AUDIO_TRACK, BINARY, LISTEN, TALK
from luwei.media.output import record, text
from luwei.media.samples import Samples
from luwei.media.voice import Voice

if TYPE_CHECKING:
    from luwei.media.leg import Leg
    from luwei.media.viewer import Viewer

LATE_S = 0.1
"""A loop that was away for longer does not make up for it."""
SILENT_MAX = 5
"""Pieces that may come late before a sentence is over."""
HEARD_WAITING_MAX = 8_000
"""Octets of sound that may wait for the supervisor, half a second."""


class Talk:
    """Lives as long as it has legs or a supervisor."""

    def __init__(self, name: str, kind: str, now_ms: Callable[[], int]) -> None:
        self.name = name
        self.hears = kind in (TALK, LISTEN)
        self.speaks = kind != LISTEN
        self.legs: set[Leg] = set()
        self.viewer: Viewer | None = None
        self.alone_since: int | None = now_ms()
        """Since when there is no supervisor, UTC ms."""
        self.unheard_ms = 0
        """Sound that he was too slow for."""
        self._now_ms = now_ms
        self._microphone = Microphone()
        self._voices: dict[Form, Voice] = {}
        self._groups: dict[Form, list[Leg]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._at_ms = 0.0
        self._silent = 0

    # Legs

    def add(self, leg: Leg) -> None:
        """A terminal takes part."""
        self.legs.add(leg)
        self.regroup()

    def leave(self, leg: Leg) -> None:
        """It does no more."""
        self.legs.discard(leg)
        self.regroup()

    def regroup(self) -> None:
        """The form of a leg changed."""
        groups: defaultdict[Form, list[Leg]] = defaultdict(list)
        for leg in self.legs:
            if leg.form is not None:
                groups[leg.form].append(leg)
        self._groups = dict(groups)
        self._voices = {form: self._voices.get(form) or Voice(form) for form in groups}

    # The supervisor

    def join(self, viewer: Viewer) -> None:
        """The supervisor's line; another one before it ends."""
        if self.viewer is not None:
            self.viewer.end("superseded")
        self.viewer, self.alone_since = viewer, None

    def gone(self, viewer: Viewer) -> None:
        """His line ended."""
        if self.viewer is viewer:
            self.viewer, self.alone_since = None, self._now_ms()

    def spoken(self, body: bytes) -> None:
        """He said something."""
        if not self.speaks or not body or len(body) % 2:
            return
        self._microphone.add(np.frombuffer(body, "<i2").astype(np.int16))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due_s = loop.time() + PIECE_MS / 1000
            self._timer = loop.call_at(self._due_s, self._pump)

    def _pump(self) -> None:
        """One piece of sound each PIECE_MS while there is any."""
        self._timer = None
        piece = self._microphone.take()
        loop = asyncio.get_running_loop()
        self._at_ms = self._at_ms or loop.time() * 1000
        self._silent = 0 if piece is not None else self._silent + 1
        over = self._silent > SILENT_MAX
        if piece is not None or over:
            self._say(piece)
        self._at_ms += PIECE_MS
        if over:
            # the next word is the beginning of a sentence
            self._at_ms, self._silent = 0.0, 0
            return
        self._due_s = max(self._due_s + PIECE_MS / 1000, loop.time() - LATE_S)
        self._timer = loop.call_at(self._due_s, self._pump)

    def _say(self, piece: Samples | None) -> None:
        """The blocks that ``piece`` completes, or the last one of a sentence."""
        for form, voice in self._voices.items():
            blocks = voice.speak(piece) if piece is not None else voice.finish()
            at_ms = self._at_ms + PIECE_MS - voice.waiting_ms - len(blocks) * form.block_ms
            for number, block in enumerate(blocks):
                for leg in self._groups[form]:
                    leg.send(block, at_ms + number * form.block_ms)

    def heard(self, samples: Samples) -> None:
        """A terminal said something."""
        viewer = self.viewer
        if viewer is None or not len(samples):
            return
        if viewer.waiting > HEARD_WAITING_MAX:
            self.unheard_ms += len(samples) * 1000 // 8000
            return
        viewer.send(record(BINARY, AUDIO_TRACK, samples.astype("<i2").tobytes()))

    # Time

    def second(self) -> None:
        """To be called once a second: tell the core how it goes."""
        self._microphone.second()
        if self.viewer is not None:
            self.viewer.send(text(self.figures()))

    def figures(self) -> dict[str, object]:
        """Delays and losses; of several legs the longest and the sums."""
        microphone = self._microphone
        forms = [leg.form for leg in self.legs if leg.form is not None and leg.source is not None]
        trips = [leg.down.round_trip_ms for leg in self.legs if leg.down is not None]
        serials = [leg.source.serials.lost for leg in self.legs if leg.source is not None]
        return {
            "kind": "figures",
            "line_ms": max((trip for trip in trips if trip is not None), default=None),
            "up": {
                "queue_ms": microphone.queue_ms,
                "block_ms": round(max((form.block_ms for form in forms), default=0)),
                "sent_ms": max((leg.sent_ms for leg in self.legs), default=0),
                "dropped_ms": microphone.dropped_ms + max((leg.dropped_ms for leg in self.legs), default=0),
            },
            "down": {
                "block_ms": max((leg.block_ms for leg in self.legs), default=0),
                "heard_ms": sum(leg.heard_ms for leg in self.legs),
                "lost": sum(serials),
                "dropped_ms": self.unheard_ms + sum(leg.ahead_ms for leg in self.legs),
            },
            "legs": {leg.expect.stream: (leg.sent_ms, leg.heard_ms) for leg in self.legs},
        }

    def end(self) -> None:
        """Nobody takes part any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.viewer is not None:
            self.viewer.end("ended")
