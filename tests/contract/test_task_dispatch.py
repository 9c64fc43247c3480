"""What word of tasks promises, with Dramatiq's broker in process and on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import dramatiq
import pytest
import redis

from ingest.jobs.dispatch import WORDS_AT_MOST, TaskDispatch, embedded_broker, redis_broker

SOON = 10.0


@pytest.fixture(params=["embedded", "redis"])
def new_broker(request: pytest.FixtureRequest) -> Callable[[], dramatiq.Broker]:
    if request.param == "embedded":
        broker = embedded_broker()
        return lambda: broker
    url = request.getfixturevalue("redis_server").url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return lambda: redis_broker(url)


@pytest.fixture
async def dispatch(new_broker: Callable[[], dramatiq.Broker]) -> AsyncIterator[TaskDispatch]:
    made = TaskDispatch(new_broker())
    yield made
    await made.stop()


class Looks:
    """Counts looks, and can hold each until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.seen = 0
        self.running = 0
        self.most = 0
        self.cancelled = 0
        self.go = asyncio.Event()
        self._word = asyncio.Condition()
        if not held:
            self.go.set()

    async def look(self) -> None:
        async with self._word:
            self.seen += 1
            self._word.notify_all()
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(SOON), self._word:
            await self._word.wait_for(lambda: self.seen >= count)


async def test_word_has_a_worker_look(dispatch: TaskDispatch) -> None:
    looks = Looks()
    await dispatch.start(looks.look, ["a", "b"], concurrency=1)
    await dispatch.send("a")
    await looks.until(1)
    assert looks.seen == 1


async def test_word_waits_for_a_worker(dispatch: TaskDispatch) -> None:
    await dispatch.send("a")
    looks = Looks()
    await dispatch.start(looks.look, ["a", "b"], concurrency=1)
    await looks.until(1)
    assert looks.seen == 1


async def test_word_sent_three_times_is_looked_at_three_times(dispatch: TaskDispatch) -> None:
    looks = Looks()
    await dispatch.start(looks.look, ["a", "b"], concurrency=1)
    for _ in range(3):
        await dispatch.send("a")
    await looks.until(3)
    assert looks.seen == 3


async def test_no_more_looks_run_than_the_concurrency_allows(dispatch: TaskDispatch) -> None:
    looks = Looks(held=True)
    await dispatch.start(looks.look, ["a", "b"], concurrency=3)
    for _ in range(8):
        await dispatch.send("a")
    await looks.until(3)
    await asyncio.sleep(0.3)
    assert looks.running == 3
    looks.go.set()
    await looks.until(8)
    assert looks.most == 3


async def test_stopping_cancels_looks_and_waits_until_they_have_let_go(
    dispatch: TaskDispatch,
) -> None:
    looks = Looks(held=True)
    await dispatch.start(looks.look, ["a", "b"], concurrency=2)
    await dispatch.send("a")
    await dispatch.send("b")
    await looks.until(2)
    began = time.monotonic()
    await dispatch.stop()
    assert looks.cancelled == 2
    assert time.monotonic() - began < 2.0


async def test_word_of_several_tasks_reaches_every_worker_that_has_time(
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("redis_server").url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    fleet = [(TaskDispatch(redis_broker(url)), Looks(held=True)) for _ in range(3)]
    for dispatch, looks in fleet:
        await dispatch.start(looks.look, ["a", "b", "c"], concurrency=1)
    # One queue each, at the same moment: no worker may keep a second one to itself.
    await asyncio.gather(*(fleet[0][0].send(queue) for queue in ("a", "b", "c")))
    for _, looks in fleet:
        await looks.until(1)
    assert [looks.most for _, looks in fleet] == [1, 1, 1]
    await asyncio.gather(*(dispatch.stop() for dispatch, _ in fleet))


async def test_a_broker_does_not_fill_up_with_word_that_nobody_takes(
    dispatch: TaskDispatch,
) -> None:
    for _ in range(3):
        await dispatch.send("a", 2 * WORDS_AT_MOST)
    looks = Looks()
    await dispatch.start(looks.look, ["a"], concurrency=8)
    await looks.until(WORDS_AT_MOST)
    await asyncio.sleep(0.3)
    assert looks.seen == WORDS_AT_MOST


async def test_word_goes_to_workers_that_take_tasks_of_its_queue(
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("redis_server").url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    one, other = TaskDispatch(redis_broker(url)), TaskDispatch(redis_broker(url))
    encodes, packages = Looks(), Looks()
    await one.start(encodes.look, ["encode.h264"], concurrency=1)
    await other.start(packages.look, ["light"], concurrency=1)
    for _ in range(3):
        await one.send("light")
    await packages.until(3)
    await other.send("encode.h264")
    await encodes.until(1)
    assert (encodes.seen, packages.seen) == (1, 3)
    await asyncio.gather(one.stop(), other.stop())


async def test_an_idle_worker_gets_word_within_a_fraction_of_a_second(
    dispatch: TaskDispatch,
) -> None:
    looks = Looks()
    await dispatch.start(looks.look, ["a", "b"], concurrency=1)
    delays = []
    for number in range(5):
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await dispatch.send("a")
        await looks.until(number + 1)
        delays.append(time.monotonic() - began)
    assert sorted(delays)[2] < 0.5


async def test_what_a_busy_worker_cannot_begin_another_process_gets(
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("redis_server").url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    one, other = TaskDispatch(redis_broker(url)), TaskDispatch(redis_broker(url))
    busy, idle = Looks(held=True), Looks()
    await one.start(busy.look, ["a", "b"], concurrency=1)
    for _ in range(3):
        await one.send("a")
    await busy.until(1)
    await other.start(idle.look, ["a", "b"], concurrency=1)
    await idle.until(2)
    assert busy.seen == 1
    busy.go.set()
    await asyncio.gather(one.stop(), other.stop())


async def test_sending_without_redis_is_no_error() -> None:
    dispatch = TaskDispatch(redis_broker("redis://127.0.0.1:1/0"))
    await dispatch.send("a")
    await dispatch.stop()
