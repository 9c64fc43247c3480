"""The bus on a Redis that answers what makes no sense, or more than anybody can keep."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import redis.asyncio

from common.service.redis import LONGEST
from control_plane.bus import Hint, HintKind, RedisBus
from tests.servers.databases import redis as running_redis

SOON = 30.0
HINT = Hint(HintKind.PURGES)


class Garbler:
    """A way to a Redis that answers ``garbage`` instead, while there is some."""

    def __init__(self, port: int, garbage: bytes) -> None:
        self.garbage: bytes | None = garbage
        self.answered = 0
        self._port = port
        self._open = set[asyncio.StreamWriter]()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.garbage is not None:
                await reader.read(1)
                writer.write(self.garbage)
                self.answered += 1
                await reader.read()
                return
            from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._port)
            self._open.add(to_redis)
            await asyncio.gather(pass_on(reader, to_redis), pass_on(from_redis, writer))
        except OSError:
            pass
        finally:
            writer.close()

    def end(self) -> None:
        for writer in self._open:
            writer.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
    writer.close()


@contextlib.asynccontextmanager
async def garbler(folder: Path, garbage: bytes) -> AsyncIterator[tuple[Garbler, str]]:
    with running_redis(folder) as server:
        port = urlsplit(server.url).port
        assert port is not None
        way = Garbler(port, garbage)
        listener = await asyncio.start_server(way.take, "127.0.0.1", 0)
        try:
            yield way, f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0"
        finally:
            way.end()
            listener.close()
            await listener.wait_closed()


def refused(bus: RedisBus) -> bool:
    return "not reachable" in str(bus.trouble)


async def heard_again(bus: RedisBus, other: RedisBus) -> None:
    heard = asyncio.Event()
    other.subscribe(lambda hint: heard.set() if hint == HINT else None)
    async with asyncio.timeout(SOON):
        while not heard.is_set():
            bus.publish(HINT)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "garbage",
    [
        b"$abc\r\n",
        b"x" * 200_000,
        b">3\r\n$7\r\nmessage\r\n:5\r\n$-5\r\n",
        b"%3\r\n+a\r\n:1\r\n:2\r\n",
        b"\xff\xfe\r\n\r\n",
        b"-ERR no\r\n" * 10,
        b"$1000000000\r\n" + b"y" * 100_000,
        b"*1000000000\r\n" + b":1\r\n" * 100_000,
    ],
    ids=["length", "line", "push", "map", "bytes", "errors", "huge", "many"],
)
async def test_whatever_redis_answers_hints_come_once_it_makes_sense(
    tmp_path: Path, garbage: bytes
) -> None:
    async with garbler(tmp_path, garbage) as (way, url):
        bus, other = RedisBus(url), RedisBus(url)
        bus.publish(HINT)
        async with asyncio.timeout(SOON):
            while way.answered < 3 or not refused(other):  # noqa: ASYNC110 - it is the bus's doing
                await asyncio.sleep(0.05)
        way.garbage = None

        await heard_again(bus, other)

        assert other.trouble is None
        await asyncio.gather(bus.close(), other.close())


async def test_a_message_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        bus, other = RedisBus(server.url, "long"), RedisBus(server.url, "long")
        await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert await client.publish("long", b"x" * (LONGEST + 1)) == 2
        told = f"{LONGEST + 1} bytes at once are not read"
        async with asyncio.timeout(SOON):
            while told not in str(other.trouble):  # noqa: ASYNC110 - it is the bus's doing
                await asyncio.sleep(0.005)

        await heard_again(bus, other)

        await asyncio.gather(bus.close(), other.close())


@pytest.mark.parametrize("message", [b"\x92\xa1\xff", b"\x91" * 100_000, b"", b"\xc1"])
async def test_what_another_program_says_on_the_channel_is_passed_over(
    tmp_path: Path, message: bytes
) -> None:
    with running_redis(tmp_path) as server:
        name = uuid.uuid4().hex
        bus, other = RedisBus(server.url, name), RedisBus(server.url, name)
        await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
        heard = asyncio.Event()
        other.subscribe(lambda _: heard.set())
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await client.publish(name, message)
            await client.publish(name, msgspec.msgpack.encode(("another", HINT)))
        await asyncio.wait_for(heard.wait(), SOON)

        assert other.trouble is None
        await asyncio.gather(bus.close(), other.close())
