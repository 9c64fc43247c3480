"""Telling workers to look for a task: Dramatiq, in process or over Redis.

A message carries nothing: that it is there means "look now". What a look leads to, the database
decides, so messages that are lost, late or repeated change nothing. There is a queue for each kind
of work, so that word of encodes does not go to workers that encode nothing.

A message occupies one of Dramatiq's threads while tasks are worked on in the event loop. A worker
that has no time fetches none; one that it had fetched already goes back, for others that have.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable, Iterable
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

Look = Callable[[], Awaitable[None]]
"""Looks for a task, and works on it when there is one. Never raises."""

POLL = 50
"""Milliseconds between looks at an idle queue: the longest a message waits for a free worker."""

WORDS_AT_MOST = 256
"""Messages in a queue from which on no more are sent: enough to wake every worker that has time,
and few enough that a broker does not fill up while none has."""

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
    """Sends word of tasks and, once started, has workers look."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: Look | None = None
        self._concurrency = 0
        self._worker: dramatiq.Worker | None = None
        self._looking: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._actors: dict[str, dramatiq.Actor[[], None]] = {}

    async def send(self, queue: str, tasks: int = 1) -> None:
        """Tells workers to look that take tasks of ``queue``, one for each; word may get lost."""
        try:
            await asyncio.to_thread(self._send, queue, tasks)
        except (RedisError, OSError) as error:
            _log.warning("word of a task lost, the sweeper will repeat it", error=str(error))

    async def start(self, look: Look, queues: Iterable[str], *, concurrency: int) -> None:
        """Has messages of ``queues`` looked at in this event loop, ``concurrency`` at a time."""
        self._loop = asyncio.get_running_loop()
        self._look = look
        self._concurrency = concurrency
        taken = set(queues)
        for queue in taken:
            self._actor(queue)
        self._gate()
        self._worker = _Worker(
            self._broker,
            queues=taken,
            worker_timeout=POLL,
            # Each queue may have fetched a message for the same moment of leisure.
            worker_threads=concurrency + len(taken),
        )
        self._worker.queue_prefetch = concurrency
        await asyncio.to_thread(self._worker.start)

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

    def _gate(self) -> None:
        consume = self._broker.consume

        def gated(queue_name: str, prefetch: int, timeout: int) -> dramatiq.Consumer:
            return _Gate(consume(queue_name, prefetch, timeout), self._has_time)

        # Dramatiq has no other way to let a worker that is busy pause.
        any_broker: Any = self._broker
        any_broker.consume = gated

    def _has_time(self) -> bool:
        return len(self._looking) < self._concurrency

    def _send(self, queue: str, tasks: int) -> None:
        actor = self._actor(queue)
        for _ in range(min(tasks, WORDS_AT_MOST - _words(self._broker, queue))):
            actor.send()

    def _actor(self, queue: str) -> dramatiq.Actor[[], None]:
        if queue not in self._actors:

            def receive() -> None:
                self._receive(queue)

            make = dramatiq.actor(broker=self._broker, actor_name=f"look-{queue}", queue_name=queue)
            self._actors[queue] = make(receive)
        return self._actors[queue]

    def _receive(self, queue: str) -> None:
        """Runs in one of Dramatiq's threads."""
        if self._loop is None or self._stopping:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._looked(queue), self._loop).result()
        except (concurrent.futures.CancelledError, RuntimeError):
            # The process is shutting down; the sweeper of the next one finds the task.
            return

    async def _looked(self, queue: str) -> None:
        assert self._look is not None
        looking = asyncio.current_task()
        assert looking is not None
        if self._stopping:
            return
        if not self._has_time():
            await self.send(queue)
            return
        self._looking.add(looking)
        try:
            await self._look()
        finally:
            self._looking.discard(looking)


class _Gate(dramatiq.Consumer):
    """A consumer that fetches nothing while the worker is busy."""

    def __init__(self, consumer: dramatiq.Consumer, has_time: Callable[[], bool]) -> None:
        self._consumer = consumer
        self._has_time = has_time
        for name in ("ack", "nack", "requeue", "close"):
            setattr(self, name, getattr(consumer, name))

    def __next__(self) -> dramatiq.MessageProxy | None:
        if not self._has_time():
            time.sleep(POLL / 1000)
            return None
        return next(self._consumer)


class _Worker(dramatiq.Worker):
    """A worker without queues of delayed messages, of which there are none to look for."""

    def _add_consumer(self, queue_name: str, *, delay: bool = False) -> None:
        if not delay:
            super()._add_consumer(queue_name)


def _words(broker: dramatiq.Broker, queue: str) -> int:
    """Messages that wait in ``queue``."""
    if isinstance(broker, RedisBroker):
        client: Any = broker.client
        return int(client.llen(f"{broker.namespace}:{queue}"))
    assert isinstance(broker, StubBroker)
    return int(broker.queues[queue].qsize())
