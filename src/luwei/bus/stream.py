"""The JetStream stream that keeps every fact until the ingest has it in the history.

WorkQueue retention: a message leaves the stream when the ingest acknowledges it. Discard NEW: a full stream refuses the
gateway instead of forgetting what it promised to keep. The stream always has a bound below the server's own, since the
ingest must still be able to write its plan (in a bucket of the same server) when the stream is full.
"""

from __future__ import annotations

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from luwei import facts

DUPLICATE_WINDOW_S = 600.0
LARGEST = (64 << 30) - (1 << 20)
"""Bytes asked for first: six hours of 20,000 locations a second. A smaller server is asked for half, and so on: never
for a power of two, which is what servers have, since one that is granted whole has no room for any bucket."""
SMALLEST = 64 << 10
TOO_LARGE = frozenset({10005, 10023, 10028, 10047})
"""Error codes of a server that has not so much room."""


def config(duplicate_window_s: float, max_bytes: int, replicas: int) -> StreamConfig:
    """Settings of the stream; the window in seconds."""
    return StreamConfig(
        name=facts.STREAM,
        description="Luwei: facts on their way into the history",
        subjects=[f"{kind}.*" for kind in facts.SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        duplicate_window=duplicate_window_s,
        max_bytes=max_bytes,
        max_msgs=-1,
        max_consumers=-1,
        max_age=0,
        num_replicas=replicas,
    )


async def create_or_update(
    stream: JetStreamContext, duplicate_window_s: float | None, max_bytes: int | None, replicas: int
) -> None:
    """Make the stream, or give an existing one these settings. Raises nats errors.

    None leaves what an existing stream has; a new one gets a window of 10 minutes and the largest bound that the server
    grants of 64 GiB, 32 GiB, 16 GiB and so on.
    """
    try:
        present = (await stream.stream_info(facts.STREAM)).config
    except NotFoundError:
        await _create(stream, duplicate_window_s or DUPLICATE_WINDOW_S, max_bytes, replicas)
        return
    wanted = config(duplicate_window_s or present.duplicate_window, max_bytes or present.max_bytes or LARGEST, replicas)
    names = ("subjects", "duplicate_window", "max_bytes", "num_replicas")
    if any(getattr(present, name) != getattr(wanted, name) for name in names):
        await stream.update_stream(wanted)


async def _create(stream: JetStreamContext, duplicate_window_s: float, max_bytes: int | None, replicas: int) -> None:
    size = max_bytes or LARGEST
    while True:
        try:
            await stream.add_stream(config(duplicate_window_s, size, replicas))
            return
        except APIError as error:
            if max_bytes or error.err_code not in TOO_LARGE or size <= SMALLEST:
                raise
        size //= 2
