"""An edge follows the control plane's log of purges: in order, each once, through every end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.clock import SystemClock
from common.errors import StorageFull
from common.messages import OrderedPurge, OrderedPurges, PurgeScope
from edge.fill import Purges
from edge.fill.purges import PurgesMissing
from edge.policy.purging import Scope
from edge.policy.stored import Stored
from edge.store import Cache
from edge.store import purges as notes
from tests.integration.test_edge_store import opened, stored_of

KEYS = ("v/a/1/main.m3u8", "v/a/1/x/0.m4s", "v/a/2/main.m3u8", "v/b/1/main.m3u8")
TAGGED = "v/c/1/main.m3u8"


class Followed:
    """A cache with objects in it, and what follows the log for it."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.refills = 0
        self.purges = Purges(cache, SystemClock(), taken=self._taken)

    def _taken(self) -> None:
        self.refills += 1

    async def fill(self) -> None:
        """Stores what was asked for just now."""
        for key in (*KEYS, TAGGED):
            assert await self.store(key, tags=("red",) if key == TAGGED else ())

    async def store(self, key: str, *, sequence: int | None = None, **changes: Any) -> bool:
        """Stores what was asked for after the purge with number ``sequence``; whether it is."""
        if sequence is None:
            sequence = self.cache.purges.sequence
        content = key.encode()
        number, body = await self.cache.new_body()
        try:
            await asyncio.to_thread(body.write, 0, content)
            one = msgspec.structs.replace(
                stored_of(number, len(content)), sequence=sequence, **changes
            )
            return await self.cache.commit(key, one, body, (0, len(content))) is not None
        finally:
            body.close()

    @property
    def fresh(self) -> list[str]:
        """What is served without being asked for."""
        return [key for key in (*KEYS, TAGGED) if (one := self._one(key)) and not one.softened]

    @property
    def stale(self) -> list[str]:
        """What is held, and validated before it is served."""
        return [key for key in (*KEYS, TAGGED) if (one := self._one(key)) and one.softened]

    def _one(self, key: str) -> Stored | None:
        return next(iter(self.cache.lookup(key)), None)


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Followed]:
    async with running(tmp_path) as followed:
        await followed.fill()
        yield followed


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Followed]:
    async with opened(folder) as cache:
        yield Followed(cache)


def purge(
    sequence: int, scope: PurgeScope = PurgeScope.EVERYTHING, value: str = "", *, soft: bool = False
) -> OrderedPurge:
    return OrderedPurge(sequence, f"p{sequence}", scope, value, soft, 1000.0)


def orders(*purges: OrderedPurge, since: int | None = None) -> OrderedPurges:
    first = purges[0].sequence - 1 if since is None else since
    return OrderedPurges(first, purges[-1].sequence, purges)


LOST = OrderedPurges(0, 7, (), lost=True)

SCOPES = [
    (PurgeScope.URL, "v/a/1/main.m3u8", {"v/a/1/main.m3u8"}),
    (PurgeScope.PREFIX, "v/a/1/", {"v/a/1/main.m3u8", "v/a/1/x/0.m4s"}),
    (PurgeScope.PREFIX, "v/a/", {"v/a/1/main.m3u8", "v/a/1/x/0.m4s", "v/a/2/main.m3u8"}),
    (PurgeScope.TAG, "red", {TAGGED}),
    (PurgeScope.EVERYTHING, "", {*KEYS, TAGGED}),
    (PurgeScope.PREFIX, "v/z/", set()),
]


@pytest.mark.parametrize(("scope", "value", "taken"), SCOPES)
async def test_a_hard_purge_takes_what_it_names(
    edge: Followed, scope: PurgeScope, value: str, taken: set[str]
) -> None:
    await edge.purges.apply(orders(purge(1, scope, value)))

    assert {*KEYS, TAGGED} - {*edge.fresh} == taken
    assert edge.stale == []
    assert (edge.purges.cursor, edge.refills) == (1, 1)


@pytest.mark.parametrize(("scope", "value", "taken"), SCOPES)
async def test_a_soft_purge_has_what_it_names_validated(
    edge: Followed, scope: PurgeScope, value: str, taken: set[str]
) -> None:
    await edge.purges.apply(orders(purge(1, scope, value, soft=True)))

    assert {*edge.stale} == taken
    assert len(edge.fresh) + len(edge.stale) == len(KEYS) + 1
    assert (edge.purges.cursor, edge.refills) == (1, 0)


async def test_many_purges_are_noted_in_one_write_and_hold_together(edge: Followed) -> None:
    generation = edge.cache.generation[0]
    many = [purge(number, PurgeScope.URL, f"v/n/1/{number}") for number in range(1, 1000)]

    await edge.purges.apply(orders(*many, purge(1000, PurgeScope.PREFIX, "v/a/")))

    assert edge.cache.generation[0] == generation + 1
    assert edge.fresh == ["v/b/1/main.m3u8", TAGGED]
    assert edge.cache.purges.sequence == edge.purges.cursor == 1000


async def test_what_was_told_twice_is_done_once(edge: Followed) -> None:
    told = orders(purge(1), purge(2))
    await edge.purges.apply(told)
    await edge.fill()

    await edge.purges.apply(told)
    assert edge.cache.purges.sequence == 2
    assert len(edge.fresh) == len(KEYS) + 1

    await edge.purges.apply(orders(*told.purges, purge(3, PurgeScope.TAG, "red")))
    assert edge.cache.purges.sequence == edge.purges.cursor == 3
    assert edge.fresh == list(KEYS)
    assert edge.refills == 2


async def test_nothing_is_done_while_something_before_it_is_missing(edge: Followed) -> None:
    await edge.purges.apply(orders(purge(1, PurgeScope.TAG, "red")))

    for missing in (
        orders(purge(3)),
        orders(purge(2), purge(4)),
        orders(purge(5), since=1),
        orders(purge(3), purge(2), since=1),
    ):
        with pytest.raises(PurgesMissing, match="this edge has those up to 1"):
            await edge.purges.apply(missing)

    assert edge.purges.cursor == 1
    assert edge.fresh == list(KEYS)


async def test_an_answer_without_purges_changes_nothing(edge: Followed) -> None:
    await edge.purges.apply(OrderedPurges(0, 0, ()))

    assert len(edge.fresh) == len(KEYS) + 1
    assert (edge.purges.cursor, edge.cache.purges.sequence) == (0, 0)


async def test_where_the_log_does_not_reach_back_everything_is_validated(edge: Followed) -> None:
    await edge.purges.apply(LOST)

    assert edge.fresh == []
    assert len(edge.stale) == len(KEYS) + 1
    assert edge.purges.cursor == 7
    await edge.purges.apply(orders(purge(8, PurgeScope.PREFIX, "v/a/")))
    assert edge.stale == ["v/b/1/main.m3u8", TAGGED]


async def test_another_log_with_lower_numbers_is_followed_from_its_head(edge: Followed) -> None:
    await edge.purges.apply(orders(*(purge(n, PurgeScope.TAG, "other") for n in range(1, 60))))

    await edge.purges.apply(OrderedPurges(59, 3, (), lost=True))

    assert edge.purges.cursor == 3
    assert edge.fresh == []
    await edge.purges.apply(orders(purge(4, PurgeScope.PREFIX, "v/")))
    assert edge.stale == []


async def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as edge:
        await edge.fill()
        await edge.purges.apply(orders(purge(1, PurgeScope.TAG, "red"), purge(2, soft=True)))

    async with running(tmp_path) as edge:
        assert edge.purges.cursor == 2
        assert edge.stale == list(KEYS)
        await edge.purges.apply(orders(purge(2), purge(3, PurgeScope.PREFIX, "v/a/1/")))
        assert edge.stale == list(KEYS[2:])


async def test_a_cache_that_is_made_anew_follows_from_the_beginning(tmp_path: Path) -> None:
    async with running(tmp_path) as edge:
        await edge.purges.apply(orders(purge(1), purge(2)))
    data = tmp_path / "index" / "data.mdb"
    await asyncio.to_thread(os.truncate, data, 4096)

    async with running(tmp_path) as edge:
        assert edge.purges.cursor == 0


async def test_an_operators_own_purges_do_not_move_the_cursor(edge: Followed) -> None:
    await edge.cache.purges.add(Scope.TAG, "red", soft=False, now=1000.0)
    await edge.purges.apply(orders(purge(1, PurgeScope.PREFIX, "v/a/1/")))
    await edge.cache.purges.add(Scope.PREFIX, "v/b/", soft=False, now=1000.0)

    assert edge.purges.cursor == 1
    assert edge.cache.purges.sequence == 3
    assert edge.fresh == ["v/a/2/main.m3u8"]


async def test_what_was_asked_for_before_a_purge_and_comes_after_it_is_not_stored(
    edge: Followed,
) -> None:
    before = edge.cache.purges.sequence
    await edge.purges.apply(orders(purge(1, PurgeScope.PREFIX, "v/d/")))

    assert not await edge.store("v/d/1/main.m3u8", sequence=before)
    assert await edge.store("v/d/1/main.m3u8")


async def test_a_disk_that_is_full_is_told_and_the_purge_is_done_later(
    edge: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = edge.cache._index
    size = index._environment.info()["map_size"]
    index._environment.set_mapsize(1)
    try:
        with pytest.raises(StorageFull):
            await edge.purges.apply(
                orders(*(purge(n, PurgeScope.URL, "x" * 600) for n in range(1, 1000)))
            )
        assert edge.purges.cursor == 0
    finally:
        index._environment.set_mapsize(size)

    await edge.purges.apply(orders(purge(1, PurgeScope.PREFIX, "v/a/")))
    assert edge.fresh == ["v/b/1/main.m3u8", TAGGED]


FOLLOWER = """
import asyncio, sys
from pathlib import Path
from common.clock import SystemClock
from common.errors import StorageFull
from common.messages import OrderedPurge, OrderedPurges, PurgeScope
from edge.fill import Purges
from edge.store import Cache

async def main(folder):
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 40, memory_budget=0)
    purges = Purges(cache, SystemClock(), taken=lambda: None)
    while True:
        first = purges.cursor + 1
        told = tuple(
            OrderedPurge(n, f"p{n}", PurgeScope.URL, f"v/n/1/{n}", False, 1.0)
            for n in range(first, first + 20)
        )
        await purges.apply(OrderedPurges(first - 1, first + 19, told))
        print(purges.cursor, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_kill_9_at_any_moment_leaves_each_purge_noted_once(tmp_path: Path) -> None:
    told = 0
    for turn in range(4):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", FOLLOWER, str(tmp_path)), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(5 + 7 * turn):
            told = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        lines = (await process.stdout.read()).split()
        await process.wait()
        told = max(told, *(int(line) for line in lines[:-1]), 0)

    async with opened(tmp_path) as cache:
        found = cache._index.purges.read(0, -1).purges
        assert cache.purges.followed == len(found) >= told > 0
        assert [each.value for each in found] == [
            f"v/n/1/{number}" for number in range(1, len(found) + 1)
        ]
        assert [each.sequence for each in found] == list(range(1, len(found) + 1))


async def test_notes_are_forgotten_when_there_are_too_many_but_not_before_they_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "MOST_NOTES", 100)
    now = SystemClock().now()
    async with running(tmp_path) as edge:
        await edge.fill()
        told = [purge(n, PurgeScope.URL, f"v/n/1/{n}") for n in range(1, 200)]
        await edge.purges.apply(orders(purge(1, PurgeScope.PREFIX, "v/a/1/"), *told[1:]))

        await edge.cache.purges.forget_old(now)
        assert len(edge.cache._index.purges.read(0, -1).purges) == 199
        assert "v/a/1/main.m3u8" not in edge.fresh

        await edge.cache.sweep()
        await edge.cache.purges.forget_old(now)
        assert len(edge.cache._index.purges.read(0, -1).purges) == 50
        assert edge.fresh == [*KEYS[2:], TAGGED]
        assert edge.cache.purges.sequence == 199


async def test_what_is_on_its_way_since_before_forgotten_notes_is_not_stored(
    edge: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "MOST_NOTES", 10)
    many = [purge(n, PurgeScope.URL, f"v/n/1/{n}") for n in range(2, 40)]
    await edge.purges.apply(orders(purge(1, PurgeScope.URL, "v/d/1/x"), *many))
    await edge.cache.sweep()
    await edge.cache.purges.forget_old(SystemClock().now())

    assert not await edge.store("v/d/1/x", sequence=0)
    assert await edge.store("v/d/1/x")


async def test_old_notes_are_forgotten_once_they_are_swept(edge: Followed) -> None:
    now = SystemClock().now()
    await edge.purges.apply(orders(purge(1, PurgeScope.PREFIX, "v/a/"), purge(2, soft=True)))

    await edge.cache.purges.forget_old(now + notes.KEPT + 1)
    assert len(edge.cache._index.purges.read(0, -1).purges) == 2

    await edge.cache.sweep()
    await edge.cache.purges.forget_old(now + notes.KEPT - 1)
    assert len(edge.cache._index.purges.read(0, -1).purges) == 2

    await edge.cache.purges.forget_old(now + notes.KEPT + 1 + notes.FORGET_EVERY)
    assert edge.cache._index.purges.read(0, -1).purges == []
    assert edge.stale == ["v/b/1/main.m3u8", TAGGED]
    assert edge.purges.cursor == 2
