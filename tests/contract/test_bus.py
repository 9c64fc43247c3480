"""What every bus between control planes promises, in memory and on a real Redis."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import redis.asyncio

from common.errors import SettingsInvalid
from control_plane.bus import (
    HINT_AT_MOST,
    Bus,
    Hint,
    HintKind,
    MemoryBus,
    MemoryHub,
    RedisBus,
    open_bus,
)
from control_plane.bus.redis import WAITING_AT_MOST
from tests.servers.databases import redis as running_redis
from tests.servers.relay import relay

SOON = 10.0

OpenBus = Callable[[], Awaitable[Bus]]


class Ear:
    """Who listens to a bus."""

    def __init__(self, bus: Bus) -> None:
        self.heard: list[Hint] = []
        self._some = asyncio.Event()
        bus.subscribe(self._take)

    def _take(self, hint: Hint) -> None:
        self.heard.append(hint)
        self._some.set()

    async def until(self, hint: Hint) -> None:
        async with asyncio.timeout(SOON):
            while hint not in self.heard:
                self._some.clear()
                await self._some.wait()


@pytest.fixture(params=["memory", "redis"])
async def open_one(request: pytest.FixtureRequest) -> AsyncIterator[OpenBus]:
    """Opens one more bus of the same fleet."""
    opened: list[Bus] = []
    hub = MemoryHub()
    channel = uuid.uuid4().hex

    async def one() -> Bus:
        bus: Bus
        if request.param == "memory":
            bus = MemoryBus(hub)
        else:
            bus = RedisBus(request.getfixturevalue("redis_server").url, channel)
            await asyncio.wait_for(bus.listening(), SOON)
        opened.append(bus)
        return bus

    yield one
    await asyncio.gather(*(bus.close() for bus in opened))


END = Hint(HintKind.STANDING, b"the end")


async def test_all_others_hear_a_hint(open_one: OpenBus) -> None:
    bus, second, third = [await open_one() for _ in range(3)]
    ears = [Ear(second), Ear(third)]

    bus.publish(Hint(HintKind.PACKAGES, b"\x00\xff body"))
    for ear in ears:
        await ear.until(Hint(HintKind.PACKAGES, b"\x00\xff body"))


async def test_nobody_hears_their_own_hints(open_one: OpenBus) -> None:
    bus, other = await open_one(), await open_one()
    mine, theirs = Ear(bus), Ear(other)

    bus.publish(Hint(HintKind.PURGES))
    bus.publish(END)
    await theirs.until(END)
    other.publish(END)
    await mine.until(END)
    assert mine.heard == [END]


async def test_hints_come_in_their_order(open_one: OpenBus) -> None:
    bus, other = await open_one(), await open_one()
    ear = Ear(other)
    hints = [Hint(HintKind.PLACEMENTS, b"%d" % number) for number in range(300)]

    for hint in hints:
        bus.publish(hint)
    await ear.until(hints[-1])
    assert ear.heard == hints


async def test_the_largest_hint_comes_whole(open_one: OpenBus) -> None:
    bus, other = await open_one(), await open_one()
    ear = Ear(other)

    bus.publish(Hint(HintKind.PRESENCE, b"x" * HINT_AT_MOST))
    await ear.until(Hint(HintKind.PRESENCE, b"x" * HINT_AT_MOST))


async def test_a_handler_that_fails_keeps_nobody_from_hearing(open_one: OpenBus) -> None:
    bus, other = await open_one(), await open_one()

    def failing(hint: Hint) -> None:
        raise ZeroDivisionError

    other.subscribe(failing)
    ear = Ear(other)
    bus.publish(Hint(HintKind.PURGES))
    bus.publish(END)
    await ear.until(END)
    assert len(ear.heard) == 2


async def test_a_handler_may_publish(open_one: OpenBus) -> None:
    bus, other = await open_one(), await open_one()
    other.subscribe(lambda hint: other.publish(END))
    ear = Ear(bus)

    bus.publish(Hint(HintKind.PACKAGES))
    await ear.until(END)


async def test_publishing_to_nobody_is_fine(open_one: OpenBus) -> None:
    bus = await open_one()

    bus.publish(END)
    assert bus.trouble is None


async def test_a_bus_that_was_closed_hears_nothing(open_one: OpenBus) -> None:
    bus, closed, other = [await open_one() for _ in range(3)]
    deaf, ear = Ear(closed), Ear(other)
    await closed.close()

    bus.publish(END)
    await ear.until(END)
    assert deaf.heard == []


async def test_a_control_plane_alone_has_a_bus_without_redis() -> None:
    bus = open_bus(None)
    bus.publish(END)
    assert bus.trouble is None
    await bus.close()


async def test_a_url_that_is_none_is_told_in_a_sentence() -> None:
    with pytest.raises(SettingsInvalid, match="redis"):
        open_bus("http://127.0.0.1")


async def test_a_bus_may_be_closed_at_any_moment(request: pytest.FixtureRequest) -> None:
    for turns in range(40):
        bus = RedisBus(request.getfixturevalue("redis_server").url)
        await asyncio.wait_for(bus.listening(), SOON)
        bus.publish(END)
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(SOON):
            await bus.close()


async def test_rubbish_on_the_channel_is_not_heard(request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("redis_server").url
    bus, other = RedisBus(url, "rubbish"), RedisBus(url, "rubbish")
    await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
    ear = Ear(other)
    too_long = msgspec.msgpack.encode(["me", ["purges", b"x" * (HINT_AT_MOST + 1)]])
    unknown = msgspec.msgpack.encode(["me", ["unknown", b""]])
    async with redis.asyncio.Redis.from_url(url) as client:
        for rubbish in (b"\xff\x00", b"", b"{}", b"\x92", unknown, too_long):
            await client.publish("rubbish", rubbish)
    bus.publish(END)

    await ear.until(END)
    assert ear.heard == [END]
    await asyncio.gather(bus.close(), other.close())


async def test_without_redis_publishing_keeps_nobody_waiting_and_the_bus_says_so() -> None:
    bus = RedisBus("redis://127.0.0.1:1/0")
    for number in range(3 * WAITING_AT_MOST):
        bus.publish(Hint(HintKind.PRESENCE, b"%d" % number))
    async with asyncio.timeout(SOON):
        while "not reachable" not in (bus.trouble or ""):  # noqa: ASYNC110 - it is Redis' doing
            await asyncio.sleep(0.01)

    assert len(bus._waiting) <= WAITING_AT_MOST
    assert Hint(HintKind.PRESENCE, b"%d" % (3 * WAITING_AT_MOST - 1)) in bus._waiting
    await bus.close()


async def until_hints_come(bus: Bus, ear: Ear) -> None:
    async with asyncio.timeout(SOON):
        while END not in ear.heard:
            bus.publish(END)
            await asyncio.sleep(0.05)


async def until_trouble(*buses: Bus) -> None:
    async with asyncio.timeout(SOON):
        while not all(bus.trouble for bus in buses):  # noqa: ASYNC110 - it is Redis' doing
            await asyncio.sleep(0.05)


async def test_hints_come_again_after_redis_was_gone(request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("redis_server").url
    with relay(server.removeprefix("redis://").removesuffix("/0")) as way:
        bus, other = (RedisBus(f"redis://127.0.0.1:{way.port}/0", "gone") for _ in range(2))
        await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
        ear = Ear(other)
        way.close_way()
        await until_trouble(bus, other)
        way.open_way()
        await until_hints_come(bus, ear)
        await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
        await asyncio.gather(bus.close(), other.close())


async def test_a_redis_that_takes_everything_and_answers_nothing_is_found_out(
    tmp_path: Path,
) -> None:
    with running_redis(tmp_path) as server:
        bus, other = RedisBus(server.url), RedisBus(server.url)
        await asyncio.wait_for(asyncio.gather(bus.listening(), other.listening()), SOON)
        ear = Ear(other)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            # Neither of them sends anything: listening alone must find it out.
            await until_trouble(bus, other)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await until_hints_come(bus, ear)
        await asyncio.gather(bus.close(), other.close())
