"""What there is to watch, on a real catalog."""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from common.errors import Unavailable
from control_plane.catalog import Pin, Removal
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.library import READ_AGAIN, AssetUnknown, Library
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
