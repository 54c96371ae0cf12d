"""``luwei media``: one process of the media server 音视频服务器."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal

import uvloop

from luwei import telemetry
from luwei.bus import Bus
from luwei.media.node import Node
from luwei.settings import Settings


async def serve(settings: Settings, number: int) -> None:
    """Run the process until SIGTERM or SIGINT. Raises OSError when a port is taken, ValueError
    where terminals would be told no address."""
    address = settings.media_address or settings.host
    if address in ("0.0.0.0", "::"):  # noqa: S104
        raise ValueError(f"LUWEI_MEDIA_ADDRESS: must be given where LUWEI_HOST is {address}: terminals are told it")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bus = await Bus.connect(settings.bus_url, f"media-{number}")
    node = Node(settings, number, bus)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    await node.start()
    # what is there now stays; pictures come and go by reference counts, so that few cycles are worth looking for
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    stop_telemetry = telemetry.serve(settings.host, settings.media_status_port + number, node.health)
    try:
        await stopping.wait()
    finally:
        stop_telemetry()
        await node.stop()
        await bus.drain()


def run(settings: Settings, number: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when a port is taken and ValueError for a malformed URL."""
    telemetry.configure_logging(f"media-{number}")
    uvloop.run(serve(settings, number))
