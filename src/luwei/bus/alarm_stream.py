"""The JetStream stream of alarms: derived facts, kept for whoever works on them.

Not in the stream of facts: that is a work queue, where a message goes when its one reader confirms it, and alarms have
several. Here a message stays until space is wanted for newer ones (discard OLD), and each reader confirms for itself.
A reader that stops holds nobody up; the history has every alarm for good.
"""

from __future__ import annotations

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from luwei import facts
from luwei.bus.stream import TOO_LARGE

STREAM = "alarms"
LARGEST = (4 << 30) - (1 << 20)
"""Bytes asked for first: at 300 bytes an alarm some 14 millions. A smaller server is asked for half, and so on; it too
leaves room beside powers of two."""
SMALLEST = 16 << 20
MESSAGES = 200_000
"""Bound of a stream for whose bytes the server has no room to reserve: they then compete with the facts."""
DUPLICATE_WINDOW_S = 600.0


def config(max_bytes: int, replicas: int) -> StreamConfig:
    """Settings of the stream; ``max_bytes`` -1: bounded by its number of messages."""
    return StreamConfig(
        name=STREAM,
        description="Luwei: alarms derived from locations",
        subjects=[f"{facts.ALARM}.*"],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        duplicate_window=DUPLICATE_WINDOW_S,
        max_bytes=max_bytes,
        max_msgs=MESSAGES if max_bytes < 0 else -1,
        max_consumers=-1,
        max_age=0,
        num_replicas=replicas,
    )


async def ensure(stream: JetStreamContext, replicas: int = 1) -> None:
    """Make the stream where it is not there; as many replicas as ``replicas``. Raises nats errors, NotFoundError also
    where the stream of facts is not there yet: a server that is asked for both at once grants both, and then has no
    room for anything else, the plan of the ingest included."""
    try:
        present = (await stream.stream_info(STREAM)).config
    except NotFoundError:
        await stream.stream_info(facts.STREAM)
        await _create(stream, replicas)
        return
    if present.num_replicas != replicas:
        await stream.update_stream(config(present.max_bytes or LARGEST, replicas))


async def _create(stream: JetStreamContext, replicas: int) -> None:
    size = LARGEST
    while True:
        try:
            await stream.add_stream(config(size, replicas))
            return
        except APIError as error:
            if error.err_code not in TOO_LARGE or size < 0:
                raise
        size = size // 2 if size > SMALLEST else -1
