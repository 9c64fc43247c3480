"""Events between processes, over Redis' publish and subscribe: one channel for all jobs."""

import asyncio
import contextlib
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from common import logs
from common.errors import SettingsInvalid
from common.messages import JobProgress, MessageInvalid, decode, encode
from ingest.jobs.events.memory import MemoryEvents
from ingest.jobs.events.port import Subscription

CHANNEL = "nearcast:jobs"
RECONNECT_AFTER = 1.0
"""Seconds to wait before the channel is listened to again after Redis went away."""

PUBLISH_WITHIN = 1.0
"""Seconds."""

_log = logs.get(__name__)


class RedisEvents:
    """The adapter for many processes. One connection listens; word is spread from there."""

    def __init__(self, url: str) -> None:
        try:
            self._client: Any = redis.asyncio.Redis.from_url(
                url,
                socket_connect_timeout=2,
                socket_timeout=5,
                retry=Retry(NoBackoff(), 0),
                # Left to itself, the driver looks for its version on the disk.
                driver_info=DriverInfo(lib_version=redis.__version__),
            )
        except ValueError as error:
            raise SettingsInvalid(
                file="settings", key="broker.redis", expected=str(error)
            ) from error
        self._local = MemoryEvents()
        self._listening = asyncio.create_task(self._listen())
        self._subscribed = asyncio.Event()

    async def publish(self, progress: JobProgress) -> None:
        """See the port."""
        try:
            # Workers tell of progress between two renewals of a lease: it must not take long.
            async with asyncio.timeout(PUBLISH_WITHIN):
                await self._client.publish(CHANNEL, encode(progress))
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("event lost", error=str(error))

    def subscribe(self, job_id: str) -> contextlib.AbstractContextManager[Subscription]:
        """See the port."""
        return self._local.subscribe(job_id)

    async def listening(self) -> None:
        """Returns once Redis has confirmed that this process listens."""
        await self._subscribed.wait()

    async def close(self) -> None:
        """See the port."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(RedisError):
            await self._client.aclose()

    async def _listen(self) -> None:
        while True:
            try:
                await self._relay()
            except (RedisError, OSError) as error:
                _log.warning("events are late until redis answers", error=str(error))
            self._subscribed.clear()
            await asyncio.sleep(RECONNECT_AFTER)

    async def _relay(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            while True:
                message = await pubsub.get_message(timeout=1.0)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self._subscribed.set()
                elif message["type"] == "message":
                    # Whoever else writes to the channel must not be able to end the relay.
                    with contextlib.suppress(MessageInvalid):
                        await self._local.publish(decode(message["data"], JobProgress))
