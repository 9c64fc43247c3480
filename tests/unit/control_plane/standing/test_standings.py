"""Operators' orders in memory, over a real SQLite file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.errors import Unavailable
from common.messages import EdgeStanding
from common.service import DatabaseSettings
from control_plane.standing import Standing, Standings, StandingStore, open_standings


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[StandingStore]:
    opened = await open_standings(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    yield opened
    await opened.close()


async def test_an_edge_for_which_there_is_no_order_serves(store: StandingStore) -> None:
    standings = Standings(store, SystemClock())
    await standings.refresh()

    assert standings.of("eu-1") is EdgeStanding.IN_SERVICE


async def test_an_order_holds_at_once_and_elsewhere_with_the_next_look(
    store: StandingStore,
) -> None:
    here, there = Standings(store, SystemClock()), Standings(store, SystemClock())
    ordered = await here.order("eu-1", EdgeStanding.MAINTENANCE, by="ada", reason="new disks")
    await there.refresh()

    assert here.of("eu-1") is there.of("eu-1") is EdgeStanding.MAINTENANCE
    assert there.known == {"eu-1": ordered}
    assert ordered.sentence == "ordered by ada: new disks"


async def test_a_database_that_is_away_leaves_the_last_orders(store: StandingStore) -> None:
    standings = Standings(store, SystemClock())
    await standings.order("eu-1", EdgeStanding.DRAINING, by="ada")
    await store.close()
    with pytest.raises(Unavailable):
        await standings.refresh()

    assert standings.of("eu-1") is EdgeStanding.DRAINING
    with pytest.raises(Unavailable):
        await standings.order("eu-1", EdgeStanding.IN_SERVICE, by="ada")
    assert standings.of("eu-1") is EdgeStanding.DRAINING


class Slow:
    """A store whose answer to ``all`` is from before the test lets it come."""

    def __init__(self, store: StandingStore) -> None:
        self._store = store
        self.read = asyncio.Event()
        self.let = asyncio.Event()

    async def put(self, standing: Standing) -> None:
        await self._store.put(standing)

    async def all(self) -> tuple[Standing, ...]:
        found = await self._store.all()
        self.read.set()
        await self.let.wait()
        return found

    async def close(self) -> None:
        await self._store.close()


async def test_a_look_that_began_before_an_order_does_not_undo_it(store: StandingStore) -> None:
    slow = Slow(store)
    standings = Standings(slow, SystemClock())
    looking = asyncio.create_task(standings.refresh())
    await slow.read.wait()
    await standings.order("eu-1", EdgeStanding.DRAINING, by="ada")
    slow.let.set()
    await looking

    assert standings.of("eu-1") is EdgeStanding.DRAINING
