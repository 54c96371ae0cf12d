"""One process's line to NATS.

Strategy: every connection is a fresh client of the library with its own reconnecting switched off. When a connection
ends, its buffers, waiting requests and subscriptions end with it, and a loop here builds the next one and subscribes
again. So nothing written while the bus was away is sent late behind the caller's back: a fact is either acknowledged by
JetStream or raises BusAway, and its sender repeats it under the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.errors import APIError
from prometheus_client import Counter, Gauge

from luwei import facts
from luwei.bus.stream import create_or_update

log = structlog.get_logger()

T = TypeVar("T")

Handler = Callable[[str, bytes, dict[str, str]], Awaitable[None]]
"""Takes subject, payload and headers of one message."""
Server = Callable[[str, bytes], Awaitable[bytes]]
"""Takes subject and payload of one request and returns the payload of the reply."""
Hook = Callable[[], Awaitable[None]]

ERROR_HEADER = "Luwei-Error"
RECONNECT_S = (0.1, 0.2, 0.5, 1.0)
PING_S = 2
PINGS_UNANSWERED = 2
SUBSCRIPTION_BYTES = 64 << 20

_up = Gauge("luwei_bus_connected", "1 while this process has its line to the bus")
_connections = Counter("luwei_bus_connections_total", "Lines opened to the bus since the start of the process")
_unsent = Counter("luwei_bus_unsent_total", "Plain messages that nobody got because the bus was away")

_AWAY = (nats.errors.Error, OSError, asyncio.TimeoutError)


class BusAway(ConnectionError):
    """The bus did not confirm in time. Repeating the same call with the same id is safe."""


class RequestFailed(RuntimeError):
    """The process that serves the subject answered with an error; the message is its text."""


@dataclass(frozen=True, slots=True)
class _Subscription:
    subject: str
    queue: str
    callback: Callable[[Msg], Awaitable[None]]


def server_list(url: str) -> list[str]:
    """Server URLs of a comma-separated list such as ``nats://a:4222,nats://b:4222``.

    Raises ValueError for anything but nats:// or tls:// with a host and, where given, a port number.
    """
    servers = [part.strip() for part in url.split(",") if part.strip()]
    if not servers:
        raise ValueError("bus URL is empty: must be like nats://host:4222, several joined by commas")
    for server in servers:
        parts = urlsplit(server)
        try:
            good = parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"bus URL {server!r}: must be like nats://host:4222")
    return servers


class Bus:
    """One connection to the bus; made by ``connect`` and used from one event loop."""

    def __init__(self, servers: list[str], name: str) -> None:
        self._servers = servers
        self._name = name
        self._client: Client | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscriptions: list[_Subscription] = []
        self._hooks: list[Hook] = []
        self._stream: tuple[float | None, int | None] | None = None
        self._opened: set[int] = set()
        self._online = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, url: str, name: str) -> Bus:
        """Open a line to ``url`` (one or more NATS URLs joined by commas); ``name`` shows in the server's list.

        Waits at most 2 s for the first connection, then returns all the same and keeps trying for ever; ``connected``
        tells. Raises ValueError on a malformed URL and nothing else.
        """
        bus = cls(server_list(url), name)
        bus._keeper = asyncio.create_task(bus._keep_connected(), name=f"bus {name}")
        await bus.wait_connected(2.0)
        return bus

    @property
    def connected(self) -> bool:
        """Whether the line is up; a server that hangs is noticed after at most 6 s."""
        client = self._client
        return client is not None and client.is_connected

    @property
    def replicas(self) -> int:
        """Copies that a stream has here: three where the URL names three servers or more."""
        return 3 if len(self._servers) >= 3 else 1

    async def wait_connected(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for the line; returns ``connected``."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._online.wait(), timeout_s)
        return self.connected

    def on_connected(self, hook: Hook) -> None:
        """Have ``hook`` awaited after each later connection, e.g. to read again what was missed meanwhile."""
        self._hooks.append(hook)

    def jetstream(self) -> JetStreamContext:
        """JetStream of the present connection; void after it is lost. Raises BusAway."""
        return self._present().jetstream(timeout=5)

    async def ensure_stream(self, *, duplicate_window_s: float | None = None, max_bytes: int | None = None) -> None:
        """Create the stream of facts, or bring an older one's settings up to date; repeated after each reconnection.

        None leaves an existing stream as it is; a new one remembers ids for 10 minutes and is bounded by the largest of
        64 GiB, 32 GiB, … that the server grants. Three replicas where the URL names three servers or more. Raises
        BusAway when it cannot be done now; it is then done as soon as the bus is there, so a caller may ignore it.
        """
        self._stream = (duplicate_window_s, max_bytes)
        await self._guard(self._apply_stream(self.jetstream()), 10.0, "stream")

    async def _apply_stream(self, stream: JetStreamContext) -> None:
        if self._stream is not None:
            window_s, max_bytes = self._stream
            await create_or_update(stream, window_s, max_bytes, self.replicas)

    async def publish_fact(
        self, subject: str, payload: bytes, batch: facts.BatchId, gateway: str, timeout_s: float = 5
    ) -> int:
        """Put one batch of facts on the bus and return its stream sequence once it is on disk there.

        A batch the bus already has (same id, within the duplicate window) returns the sequence it got first.
        Raises BusAway when the bus is away, full, without its stream or slower than ``timeout_s``; the batch may have
        arrived or not, and repeating the call with the same ``batch`` is safe. Raises ValueError for a subject that
        carries no fact or a payload beyond the server's ``max_payload``: repeating cannot help.
        """
        facts.kind_of(subject)
        client = self._present()
        if len(payload) > client.max_payload:
            raise ValueError(f"batch {batch.text}: {len(payload)} bytes, the bus takes {client.max_payload}")
        headers = {facts.HEADER_ID: batch.text, facts.HEADER_GATEWAY: gateway}
        reply = await self._guard(
            client.request(subject, payload, timeout=timeout_s, headers=headers), timeout_s, f"batch {batch.text}"
        )
        try:
            answer = json.loads(reply.data)
            # A refusal also names the stream, with sequence 0: only a positive sequence is a promise.
            if "error" not in answer and answer["stream"] == facts.STREAM and answer["seq"] > 0:
                return int(answer["seq"])
            reason = str(answer.get("error", {}).get("description", answer))
        except (ValueError, AttributeError, KeyError, TypeError):
            reason = "unreadable acknowledgement"
        raise BusAway(f"batch {batch.text}: {reason}")

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send a plain message to whoever listens now. While the bus is away nobody gets it (counted, not raised)."""
        try:
            await self._guard(self._present().publish(subject, payload), 5.0, subject)
        except BusAway:
            _unsent.inc()

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        """Ask whoever serves ``subject``. Raises BusAway (away, nobody serves it, too slow), RequestFailed."""
        reply = await self._guard(self._present().request(subject, payload, timeout=timeout_s), timeout_s, subject)
        failure = (reply.headers or {}).get(ERROR_HEADER)
        if failure is not None:
            raise RequestFailed(failure)
        return bytes(reply.data)

    async def serve(self, subject: str, handler: Server, queue: str = "") -> None:
        """Answer requests on ``subject`` until the bus is closed; an exception of ``handler`` fails the request."""

        async def answer(message: Msg) -> None:
            headers: dict[str, str] | None = None
            try:
                payload = await handler(message.subject, message.data)
            except Exception as error:
                log.exception("bus request failed", subject=message.subject)
                payload, headers = b"", {ERROR_HEADER: f"{type(error).__name__}: {error}"[:500]}
            if message.reply and self._client is not None:
                with contextlib.suppress(*_AWAY):
                    await self._client.publish(message.reply, payload, headers=headers)

        await self._add(_Subscription(subject, queue, answer))

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> None:
        """Have ``handler`` awaited for every message on ``subject`` (wildcards allowed), also after reconnections.

        Members of one ``queue`` share the messages. An exception of the handler is logged and does not end it.
        """

        async def take(message: Msg) -> None:
            try:
                await handler(message.subject, message.data, message.headers or {})
            except Exception:
                log.exception("bus handler failed", subject=message.subject)

        await self._add(_Subscription(subject, queue, take))

    async def drain(self) -> None:
        """Let the handlers finish what has arrived, send what is buffered, then close."""
        client = self._client
        self._closing = True
        if client is not None and client.is_connected:
            with contextlib.suppress(*_AWAY):
                await asyncio.wait_for(client.drain(), 5)
        await self.close()

    async def close(self) -> None:
        """Close at once; waiting calls raise BusAway."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    def _present(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            raise BusAway(f"no line to the bus at {','.join(urlsplit(s).netloc.split('@')[-1] for s in self._servers)}")
        return client

    async def _guard(self, work: Coroutine[Any, Any, T], timeout_s: float, what: str) -> T:
        """Await ``work`` no longer than the line lives and ``timeout_s`` lasts. Raises BusAway."""
        task = asyncio.ensure_future(work)
        lost = self._lost
        try:
            await asyncio.wait((task, lost), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise BusAway(f"{what}: {'line lost' if lost.done() else f'no answer in {timeout_s:g} s'}")
        except NoRespondersError as error:
            raise BusAway(f"{what}: nobody serves it") from error
        except APIError as error:
            raise BusAway(f"{what}: {error.description}") from error
        except _AWAY as error:
            if isinstance(error, BusAway):
                raise
            raise BusAway(f"{what}: {error or type(error).__name__}") from error
        finally:
            task.cancel()

    async def _keep_connected(self) -> None:
        """Open one client after another, each until it is lost, for ever."""
        attempt = 0
        while not self._closing:
            client = Client()
            try:
                await asyncio.wait_for(self._dial(client), 5)
                attempt = 0
                await self._live(client)
            except _AWAY as error:
                if attempt == 0:
                    log.warning("bus away", error=str(error) or type(error).__name__)
                await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
                attempt += 1
            except Exception:
                log.exception("bus connection failed")
                await asyncio.sleep(RECONNECT_S[-1])
            finally:
                await self._hang_up(client)

    async def _dial(self, client: Client) -> None:
        await client.connect(
            self._servers,
            name=self._name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=2,
            ping_interval=PING_S,
            max_outstanding_pings=PINGS_UNANSWERED,
            drain_timeout=4,
            error_cb=_on_error,
        )

    async def _live(self, client: Client) -> None:
        """Serve one connection until it is lost."""
        self._lost = asyncio.get_running_loop().create_future()
        self._client, self._opened = client, set()
        for subscription in list(self._subscriptions):
            await self._open(client, subscription)
        try:
            await asyncio.wait_for(self._apply_stream(client.jetstream(timeout=5)), 5)
        except _AWAY as error:
            log.warning("bus has no stream of facts yet", error=str(error))
        self._online.set()
        _up.set(1)
        _connections.inc()
        log.info("bus connected", name=self._name)
        for hook in self._hooks:
            await hook()
        # Asked, not awaited: when a server hangs, the library marks the line as closed but cannot always say so.
        while client.is_connected:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if not self._closing:
            log.warning("bus away", error=str(client.last_error or "line lost"))

    async def _hang_up(self, client: Client) -> None:
        if self._client is client:
            self._client = None
            self._online.clear()
            _up.set(0)
        if not self._lost.done():
            self._lost.set_result(None)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 1)

    async def _add(self, subscription: _Subscription) -> None:
        self._subscriptions.append(subscription)
        client = self._client
        if client is not None and client.is_connected:
            with contextlib.suppress(*_AWAY):
                await self._open(client, subscription)

    async def _open(self, client: Client, subscription: _Subscription) -> None:
        if id(subscription) in self._opened:
            return
        self._opened.add(id(subscription))
        await client.subscribe(
            subscription.subject,
            queue=subscription.queue,
            cb=subscription.callback,
            pending_bytes_limit=SUBSCRIPTION_BYTES,
        )


async def _on_error(error: Exception) -> None:
    """The library reports here what it also raises or ends the connection for; only lost messages are news."""
    if isinstance(error, nats.errors.SlowConsumerError):
        log.warning("bus subscription too slow, messages lost", subject=error.subject)
