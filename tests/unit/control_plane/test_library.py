"""What there is to watch, on a real catalog."""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from common.errors import Unavailable
from control_plane.catalog import Package, Pin, Removal, Tombstone
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.library import LOOKS, READ_AGAIN, AssetUnknown, Library
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    opened = await SqliteCatalog.open(tmp_path / "control.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
async def library(catalog: SqliteCatalog) -> Library:
    made = Library(catalog, Clock())
    await made.refresh()
    return made


async def test_a_publish_is_known_at_once(library: Library) -> None:
    with pytest.raises(AssetUnknown):
        library.asset("a")
    await library.publish(announcement())

    assert library.asset("a").current.announcement == announcement()


async def test_another_control_planes_publish_is_known_after_a_refresh(
    library: Library, catalog: SqliteCatalog
) -> None:
    await catalog.publish(announcement(), 1.0)
    await library.refresh()

    assert library.asset("a").current.published_at == 1.0


async def test_a_publish_during_a_refresh_does_not_vanish(
    library: Library, catalog: SqliteCatalog
) -> None:
    for number in range(20):
        await catalog.publish(announcement(f"other{number}"), 1.0)
        await asyncio.gather(library.refresh(), library.publish(announcement(f"mine{number}")))
        assert library.asset(f"mine{number}")
    await library.refresh()
    assert len(library.history.assets) == 40


async def test_a_package_that_was_written_with_a_clock_far_behind_is_found(
    library: Library, catalog: SqliteCatalog
) -> None:
    await library.publish(announcement("new"))
    await library.refresh()
    await catalog.publish(announcement("late"), 1000.0 - 2 * READ_AGAIN)
    await library.refresh()

    assert library.asset("late")


async def test_what_changed_is_told(library: Library, catalog: SqliteCatalog) -> None:
    told: list[AbstractSet[str]] = []
    library.on_change(told.append)
    await library.publish(announcement("a"))
    await library.publish(announcement("a"))
    await catalog.publish(announcement("b"), 1.0)
    await library.refresh()
    await library.pin(Pin("a", "1", "1", "operator", 1.0))
    removal = Removal("r", "b", ("1",), "operator", 1.0)
    await library.remove(removal)
    await library.refresh()

    assert told == [{"a"}, {"b"}, {"a"}, frozenset(), {"b"}]
    assert [each.removal_id for each in library.orders.removals] == ["r"]


async def test_a_removal_that_comes_while_removals_are_read_stays(
    library: Library, catalog: SqliteCatalog
) -> None:
    await library.publish(announcement())
    removal = Removal("r", "a", ("1",), "operator", 1.0)
    await asyncio.gather(library.refresh(), library.remove(removal))

    assert library.removals == (removal,)
    await catalog.finish_removal("r", 2.0)
    await library.refresh()
    assert not library.removals


async def test_what_was_read_last_stays_while_the_catalog_is_away(
    library: Library, catalog: SqliteCatalog
) -> None:
    await library.publish(announcement())
    await catalog.close()
    with pytest.raises(Unavailable):
        await library.refresh()

    assert library.asset("a")


class Lagging(SqliteCatalog):
    """Counts what cannot be read yet, as MongoDB does until a majority has it."""

    lags = False
    reads = 0

    async def packages(self, *, since: float = 0.0) -> tuple[Package, ...]:
        self.reads += since == 0.0
        found = await super().packages(since=since)
        return tuple(each for each in found if not self.lags or each.announcement.asset_id != "a")

    async def tombstones(self) -> tuple[Tombstone, ...]:
        return () if self.lags else await super().tombstones()


@pytest.fixture
async def lagging(tmp_path: Path) -> AsyncIterator[Lagging]:
    opened = await Lagging.open(tmp_path / "control.sqlite")
    assert isinstance(opened, Lagging)
    yield opened
    await opened.close()


@pytest.mark.parametrize("first", [True, False], ids=["the first", "another"])
async def test_what_is_counted_before_it_can_be_read_is_looked_for_again(
    library: Library, lagging: Lagging, *, first: bool
) -> None:
    other = Library(lagging, Clock())
    if not first:
        await library.publish(announcement("known"))
    await other.refresh()
    await library.publish(announcement())
    await library.remove(Removal("r", "known", ("1",), "operator", 1.0))
    lagging.lags = True
    for _ in range(3):
        await other.refresh()
    assert "a" not in other.history.assets

    lagging.lags = False
    await other.refresh()

    assert other.asset("a")
    assert "known" not in other.history.assets
    assert lagging.reads <= 3


async def test_what_a_clock_far_behind_wrote_is_found_though_it_could_not_be_read_at_first(
    library: Library, lagging: Lagging
) -> None:
    other = Library(lagging, Clock())
    await library.publish(announcement("new"))
    await other.refresh()
    await lagging.publish(announcement(), 1000.0 - 2 * READ_AGAIN)
    lagging.lags = True
    await other.refresh()
    lagging.lags = False
    for _ in range(LOOKS):
        await other.refresh()

    assert other.asset("a")
    assert lagging.reads <= 3


async def test_a_count_that_is_wrong_for_ever_is_believed_in_the_end(
    library: Library, lagging: Lagging
) -> None:
    other = Library(lagging, Clock())
    await library.publish(announcement())
    lagging.lags = True
    for _ in range(LOOKS + 1):
        await other.refresh()
    reads = lagging.reads
    lagging.lags = False
    await other.refresh()

    assert lagging.reads == reads
    assert not other.history.assets
