"""What the ingest asks of JetStream: its key-value bucket, its consumer, and the messages of a plan."""

from __future__ import annotations

import contextlib

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from luwei import facts
from luwei.history import delivery
from luwei.history.delivery import Delivery
from luwei.history.plan import Plan

CONSUMER = "ingest"
BUCKET = "ingest"
MESSAGES = 2_000
ACK_WAIT_S = 30.0


async def planned(stream: JetStreamContext, plan: Plan, sequence: int) -> Delivery | None:
    """A planned message as it still is in the stream, or None when it was acknowledged.

    Asked of the stream's leader, never of a replica that may be behind: what is missing there counts as stored.
    """
    try:
        message = await stream.get_msg(facts.STREAM, seq=sequence)
    except NotFoundError:
        return None
    return delivery.read(message.subject or "", message.data or b"", message.headers or {}, sequence, plan.at_ms)


async def bucket(stream: JetStreamContext) -> KeyValue:
    try:
        return await stream.key_value(BUCKET)
    except BucketNotFoundError:
        info = await stream.stream_info(facts.STREAM)
        return await stream.create_key_value(
            KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE, replicas=info.config.num_replicas or 1)
        )


async def fresh_consumer(stream: JetStreamContext) -> None:
    """Make the consumer anew, so that what an earlier ingest pulled and never acknowledged is delivered at once."""
    with contextlib.suppress(NotFoundError):
        await stream.delete_consumer(facts.STREAM, CONSUMER)
    await stream.add_consumer(
        facts.STREAM,
        ConsumerConfig(
            durable_name=CONSUMER,
            filter_subjects=[f"{kind}.*" for kind in facts.HISTORY],
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_deliver=-1,
            max_ack_pending=MESSAGES * 2,
            max_waiting=8,
        ),
    )
