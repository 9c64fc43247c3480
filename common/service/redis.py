"""Redis behind asyncio: a client, and one channel of its publish and subscribe, listened to again
whenever it broke.

What is sent over the channel may be lost: it saves whoever listens the wait, and nothing more.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from redis._parsers import _AsyncRESP3Parser
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import InvalidResponse, RedisError

from common import logs
from common.errors import SettingsInvalid, Unavailable

RECONNECT_AFTER = 1.0
"""Seconds to wait before the channel is listened to again after Redis went away."""

PUBLISH_WITHIN = 1.0
"""Seconds."""

SILENCES = 3
"""Seconds without any answer, pings' included, after which a connection counts as dead."""

LONGEST = 1024 * 1024
"""Bytes of a message, or of anything else that a server answers."""

_log = logs.get(__name__)


class _Bounded(_AsyncRESP3Parser):
    """Reads nothing that is longer; the driver takes up to what a server can send, 512 MiB."""

    async def _read(self, length: int) -> bytes:
        if not 0 <= length <= LONGEST:
            raise InvalidResponse(f"{length} bytes at once are not read")
        return bytes(await super()._read(length))


def redis_client(url: str, *, key: str) -> Any:
    """A client of the Redis server at ``url`` that takes no answer of absurd size; it connects when
    it is first asked for something.

    Args:
        url: of the server.
        key: the setting that the URL is from.

    Raises:
        SettingsInvalid: the URL is none.
    """
    try:
        return redis.asyncio.Redis.from_url(
            url,
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
            parser_class=_Bounded,
            # Left to itself, the driver looks for its version on the disk.
            driver_info=DriverInfo(lib_version=redis.__version__),
        )
    except ValueError as error:
        raise SettingsInvalid(file="settings", key=key, expected=str(error)) from error


class RedisChannel:
    """A channel of the Redis server at ``url``. One connection listens, others send."""

    def __init__(
        self, url: str, name: str, heard: Callable[[bytes], Awaitable[None]], *, key: str
    ) -> None:
        """Listens from now on.

        Args:
            url: of the server.
            name: of the channel.
            heard: takes each message; it must not raise.
            key: the setting that the URL is from.

        Raises:
            SettingsInvalid: the URL is none.
        """
        self._client: Any = redis_client(url, key=key)
        self._name = name
        self._heard = heard
        self._subscribed = asyncio.Event()
        self._trouble: str | None = "Redis has not answered yet"
        # The driver may lose a cancellation: asyncio.wait_for does until Python 3.12.
        self._open = True
        self._listening = asyncio.create_task(self._listen())

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard; None while the channel is listened to."""
        return self._trouble

    async def listening(self) -> None:
        """Returns once Redis has confirmed that this process listens."""
        await self._subscribed.wait()

    async def publish(self, *messages: bytes) -> None:
        """Sends messages, in their order.

        Raises:
            Unavailable: Redis does not take them within a second.
        """
        try:
            async with asyncio.timeout(PUBLISH_WITHIN):
                async with self._client.pipeline(transaction=False) as pipeline:
                    for message in messages:
                        pipeline.publish(self._name, message)
                    await pipeline.execute()
        except Exception as error:
            # Of what makes no sense to it, the driver raises whatever comes.
            raise Unavailable(what="Redis", reason=_said(error)) from error

    async def close(self) -> None:
        """Ends the connections."""
        self._open = False
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._client.aclose()

    async def _listen(self) -> None:
        while self._open:
            try:
                await self._relay()
            except Exception as error:
                _log.warning(
                    "word is late until redis answers", channel=self._name, error=_said(error)
                )
                self._trouble = f"Redis is not reachable: {_said(error)}"
            self._subscribed.clear()
            await asyncio.sleep(RECONNECT_AFTER)

    async def _relay(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._name)
            silent = 0
            while self._open and silent <= SILENCES:
                message = await pubsub.get_message(timeout=1.0)
                if message is None:
                    # A network that takes everything and brings nothing breaks no connection.
                    silent += 1
                    await pubsub.ping()
                    continue
                silent = 0
                if message["type"] == "subscribe":
                    self._trouble = None
                    self._subscribed.set()
                elif message["type"] == "message":
                    await self._heard(message["data"])
        if self._open:
            raise RedisError("it is silent")


def _said(error: Exception) -> str:
    return str(error).strip()[:200] or type(error).__name__
