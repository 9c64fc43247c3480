"""Telling workers to look at a task: Dramatiq, in process or over Redis.

A message carries nothing but a task's id and means "look now". The database decides what a look
leads to, so messages that are lost, late or repeated change nothing.

A message occupies one of Dramatiq's threads while its task is worked on in the event loop: as many
threads as tasks may run at once, and the broker keeps the rest for workers that have time.
"""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError
from redis.retry import Retry

from common import logs
from common.errors import SettingsInvalid

Look = Callable[[str], Awaitable[None]]
"""Looks at the task of that id, and works on it when there is something to do. Never raises."""

QUEUE = "tasks"
ACTOR = "look"
POLL = 100
"""Milliseconds between looks at an idle queue: the longest a message waits for a free worker."""

STOP_WITHIN = 1000
"""Milliseconds that Dramatiq's threads get to end; they are daemons, so none holds the process."""

_log = logs.get(__name__)


def embedded_broker() -> dramatiq.Broker:
    """A broker within this process."""
    return StubBroker(middleware=[])


def redis_broker(url: str) -> dramatiq.Broker:
    """A broker in the Redis server at ``url``.

    Raises:
        SettingsInvalid: the URL is none.
    """
    try:
        client: Any = redis.Redis.from_url(
            url,
            socket_connect_timeout=2,
            socket_timeout=5,
            # Whoever sends must not wait long: the sweeper is what tries again.
            retry=Retry(NoBackoff(), 0),
            # Left to itself, the driver looks for its version on the disk.
            driver_info=DriverInfo(lib_version=redis.__version__),
        )
    except ValueError as error:
        raise SettingsInvalid(file="settings", key="broker.redis", expected=str(error)) from error
    # No middleware: retries, time limits and ages are the database's business.
    make_broker: Any = RedisBroker  # Its constructor has no annotations.
    broker: dramatiq.Broker = make_broker(client=client, middleware=[], namespace="nearcast")
    return broker


class TaskDispatch:
    """Sends word of tasks and, once started, has it looked at."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: Look | None = None
        self._worker: dramatiq.Worker | None = None
        self._looking: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._actor = dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=QUEUE)(
            self._receive
        )

    async def send(self, task_id: str) -> None:
        """Tells a worker to look at ``task_id``; the word may get lost."""
        try:
            await asyncio.to_thread(self._actor.send, task_id)
        except (RedisError, OSError) as error:
            _log.warning("word of a task lost, the sweeper will repeat it", error=str(error))

    async def start(self, look: Look, *, concurrency: int) -> None:
        """Has up to ``concurrency`` messages at a time looked at in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._look = look
        worker = dramatiq.Worker(self._broker, worker_timeout=POLL, worker_threads=concurrency)
        # Not one message more than there are threads: what this worker cannot start, others can.
        worker.queue_prefetch = concurrency
        self._worker = worker
        await asyncio.to_thread(worker.start)

    async def stop(self) -> None:
        """Takes no more messages, cancels the looks that go on, and waits for them to let go."""
        if self._stopping:
            return
        self._stopping = True
        for looking in tuple(self._looking):
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        if self._worker is not None:
            worker, self._worker = self._worker, None
            await asyncio.to_thread(worker.stop, STOP_WITHIN)
        await asyncio.to_thread(self._broker.close)

    def _receive(self, task_id: str) -> None:
        """Runs in one of Dramatiq's threads."""
        if self._loop is None or self._stopping or not isinstance(task_id, str):
            return
        try:
            asyncio.run_coroutine_threadsafe(self._looked(task_id), self._loop).result()
        except (concurrent.futures.CancelledError, RuntimeError):
            # The process is shutting down; the sweeper of the next one finds the task.
            return

    async def _looked(self, task_id: str) -> None:
        assert self._look is not None
        looking = asyncio.current_task()
        assert looking is not None
        if self._stopping:
            return
        self._looking.add(looking)
        try:
            await self._look(task_id)
        finally:
            self._looking.discard(looking)
