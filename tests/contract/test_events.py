"""What every carrier of events promises, in memory and on a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from common.messages import JobProgress
from ingest.jobs.events import Events, MemoryEvents, RedisEvents
from ingest.jobs.events.redis import CHANNEL

SOON = 5.0
NEVER = 0.3


@pytest.fixture(params=["memory", "redis"])
async def events(request: pytest.FixtureRequest) -> AsyncIterator[Events]:
    if request.param == "memory":
        memory = MemoryEvents()
        yield memory
        await memory.close()
    else:
        shared = RedisEvents(request.getfixturevalue("redis_server").url)
        await asyncio.wait_for(shared.listening(), SOON)
        yield shared
        await shared.close()


async def test_a_subscriber_hears_of_its_job(events: Events) -> None:
    with events.subscribe("a") as subscription:
        await events.publish(JobProgress("a"))
        assert await subscription.wait(SOON)


async def test_a_subscriber_hears_nothing_of_other_jobs(events: Events) -> None:
    with events.subscribe("a") as subscription:
        await events.publish(JobProgress("b"))
        assert not await subscription.wait(NEVER)


async def test_all_subscribers_hear(events: Events) -> None:
    with events.subscribe("a") as one, events.subscribe("a") as other:
        await events.publish(JobProgress("a"))
        assert await one.wait(SOON)
        assert await other.wait(SOON)


async def test_many_changes_are_one_word(events: Events) -> None:
    with events.subscribe("a") as subscription, events.subscribe("end") as end:
        for _ in range(100):
            await events.publish(JobProgress("a"))
        await events.publish(JobProgress("end"))
        assert await end.wait(SOON)
        assert await subscription.wait(SOON)
        assert not await subscription.wait(NEVER)


async def test_publishing_without_subscribers_is_fine(events: Events) -> None:
    await events.publish(JobProgress("a"))


async def test_a_subscription_that_ended_hears_nothing(events: Events) -> None:
    with events.subscribe("a") as subscription:
        pass
    await events.publish(JobProgress("a"))
    assert not await subscription.wait(NEVER)


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("redis_server").url
    return url


async def test_word_goes_from_process_to_process(redis_url: str) -> None:
    one, other = RedisEvents(redis_url), RedisEvents(redis_url)
    await asyncio.wait_for(other.listening(), SOON)
    with other.subscribe("a") as subscription:
        await one.publish(JobProgress("a"))
        assert await subscription.wait(SOON)
    await asyncio.gather(one.close(), other.close())


async def test_rubbish_on_the_channel_does_not_end_the_relay(redis_url: str) -> None:
    events = RedisEvents(redis_url)
    await asyncio.wait_for(events.listening(), SOON)
    with events.subscribe("a") as subscription:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            for rubbish in (b"\xff\x00", b"{}", b"[1,2", b'"a"'):
                await client.publish(CHANNEL, rubbish)
        await events.publish(JobProgress("a"))
        assert await subscription.wait(SOON)
    await events.close()


async def test_listening_goes_on_after_redis_dropped_the_connection(redis_url: str) -> None:
    events = RedisEvents(redis_url)
    await asyncio.wait_for(events.listening(), SOON)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.client_kill_filter(_type="pubsub")
    with events.subscribe("a") as subscription:
        async with asyncio.timeout(30):
            heard = False
            while not heard:
                await events.publish(JobProgress("a"))
                heard = await subscription.wait(NEVER)
    await events.close()


async def test_without_redis_publishing_is_quiet() -> None:
    events = RedisEvents("redis://127.0.0.1:1/0")
    await events.publish(JobProgress("a"))
    await events.close()
