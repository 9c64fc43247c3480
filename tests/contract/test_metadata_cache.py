"""What every cache of metadata promises, in memory and on a real Redis."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from common.errors import SettingsInvalid
from control_plane.metadata import Metadata
from control_plane.metadata.cache import KEPT_FOR, MOST_KEPT, MemoryCache, MetadataCache
from control_plane.metadata.redis_cache import LEFT_ALONE_FOR, RedisCache
from tests.servers.databases import Server
from tests.servers.databases import redis as running_redis
from tests.servers.processes import free_ports
from tests.unit.control_plane.clock import Clock

A = Metadata(asset_id="a", revision=2, title="Ünder", tags=("x",), plays=7)
B = Metadata(asset_id="b")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
async def cache(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MetadataCache]:
    opened: MetadataCache
    if request.param == "memory":
        opened = MemoryCache(clock)
    else:
        # A busy machine is no Redis that is away.
        monkeypatch.setattr("control_plane.metadata.redis_cache.ANSWER_WITHIN", 10.0)
        url = request.getfixturevalue("redis_server").url
        opened = RedisCache(url, clock, prefix=f"test:{uuid.uuid4().hex}:")
    yield opened
    await opened.close()


async def test_what_was_put_in_is_found(cache: MetadataCache) -> None:
    assert await cache.get(["a", "b"]) == {}
    await cache.put([A, B])

    assert await cache.get(["b", "c", "a"]) == {"a": A, "b": B}
    assert await cache.get([]) == {}
    await cache.put([])


async def test_what_was_edited_last_is_kept_whoever_comes_last(cache: MetadataCache) -> None:
    newer = Metadata(asset_id="a", revision=10, title="newer")
    await cache.put([newer])
    await cache.put([A])
    assert await cache.get(["a"]) == {"a": newer}

    more_plays = Metadata(asset_id="a", revision=10, title="newer", plays=9)
    await cache.put([more_plays])
    assert await cache.get(["a"]) == {"a": more_plays}


async def test_of_what_is_dropped_nothing_is_kept(cache: MetadataCache) -> None:
    await cache.put([A, B])
    await cache.drop(["a", "c"])
    await cache.drop([])
    assert await cache.get(["a", "b"]) == {"b": B}

    older = Metadata(asset_id="a", revision=1)
    await cache.put([older])
    assert await cache.get(["a"]) == {"a": older}


async def test_memory_forgets_after_a_while(clock: Clock) -> None:
    cache = MemoryCache(clock)
    await cache.put([A])
    clock.time += KEPT_FOR

    assert await cache.get(["a"]) == {}
    assert cache.size == 0


async def test_memory_is_bounded_and_keeps_what_was_used_last(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = MemoryCache(clock)
    await cache.put([Metadata(asset_id=str(number)) for number in range(MOST_KEPT)])
    await cache.get(["0"])
    await cache.put([A])
    assert await cache.get(["0", "1", "a"]) == {"0": Metadata(asset_id="0"), "a": A}

    monkeypatch.setattr("control_plane.metadata.cache.LARGEST_KEPT", 20_000)
    await cache.put([Metadata(asset_id=name, description="x" * 8000) for name in "cde"])
    assert cache.size <= 20_000
    assert set(await cache.get(["a", "c", "d", "e"])) == {"d", "e"}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff" * 100, b"0000000002", b"0000000002\x93", b"nonsense!!\x81\xa1a\xa1b"],
)
async def test_garbage_in_redis_is_not_found_and_is_written_over(
    redis_server: Server, clock: Clock, garbage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.redis_cache.ANSWER_WITHIN", 10.0)
    url, prefix = redis_server.url, f"test:{uuid.uuid4().hex}:"
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.set(f"{prefix}a", garbage)
    cache = RedisCache(url, clock, prefix=prefix)

    assert await cache.get(["a"]) == {}
    await cache.put([A])
    assert await cache.get(["a"]) == {"a": A}
    await cache.close()


async def test_what_lies_under_anothers_name_is_not_found(
    redis_server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.redis_cache.ANSWER_WITHIN", 10.0)
    url, prefix = redis_server.url, f"test:{uuid.uuid4().hex}:"
    cache = RedisCache(url, clock, prefix=prefix)
    await cache.put([A])
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.rename(f"{prefix}a", f"{prefix}b")

    assert await cache.get(["a", "b"]) == {}
    await cache.close()


async def test_a_redis_that_stands_still_is_left_alone_and_found_again(
    tmp_path: Path, clock: Clock
) -> None:
    with running_redis(tmp_path) as server:
        cache = RedisCache(server.url, clock)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            # Less than the driver waits.
            async with asyncio.timeout(4):
                assert await cache.get(["a"]) == {}
                await cache.put([A])
            assert "in time" in str(cache.trouble)
            # Nobody waits for it again for a while: all of these would for 50 s.
            async with asyncio.timeout(20):
                for _ in range(1000):
                    assert await cache.get(["a"]) == {}
        finally:
            os.kill(server.pid, signal.SIGCONT)

        async def there() -> bool:
            clock.time += LEFT_ALONE_FOR
            await cache.put([A])
            return await cache.get(["a"]) == {"a": A}

        async with asyncio.timeout(30):
            while not await there():  # noqa: ASYNC110 - Redis says nothing when it goes on
                await asyncio.sleep(0.01)
        assert cache.trouble is None
        await cache.close()


async def test_without_a_redis_nothing_is_found(clock: Clock) -> None:
    (port,) = free_ports(1)
    cache = RedisCache(f"redis://127.0.0.1:{port}/0", clock)

    await cache.put([A])
    assert await cache.get(["a"]) == {}
    assert cache.trouble is not None
    await cache.close()


def test_a_url_that_is_none_is_told(clock: Clock) -> None:
    with pytest.raises(SettingsInvalid, match="redis"):
        RedisCache("redis://host:port/", clock)
