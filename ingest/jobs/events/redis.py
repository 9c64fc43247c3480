"""Events between processes, over Redis' publish and subscribe: one channel for all jobs."""

import contextlib

from common import logs
from common.errors import Unavailable
from common.messages import JobProgress, MessageInvalid, decode, encode
from common.service.redis import RedisChannel
from ingest.jobs.events.memory import MemoryEvents
from ingest.jobs.events.port import Subscription

CHANNEL = "nearcast:jobs"

_log = logs.get(__name__)


class RedisEvents:
    """The adapter for many processes. One connection listens; word is spread from there."""

    def __init__(self, url: str) -> None:
        self._local = MemoryEvents()
        self._channel = RedisChannel(url, CHANNEL, self._heard, key="broker.redis")

    async def publish(self, progress: JobProgress) -> None:
        """See the port."""
        try:
            await self._channel.publish(encode(progress))
        except Unavailable as error:
            _log.debug("event lost", error=str(error))

    def subscribe(self, job_id: str) -> contextlib.AbstractContextManager[Subscription]:
        """See the port."""
        return self._local.subscribe(job_id)

    async def listening(self) -> None:
        """Returns once Redis has confirmed that this process listens."""
        await self._channel.listening()

    async def close(self) -> None:
        """See the port."""
        await self._channel.close()

    async def _heard(self, message: bytes) -> None:
        # Whoever else writes to the channel must not be able to end the relay.
        with contextlib.suppress(MessageInvalid):
            await self._local.publish(decode(message, JobProgress))
