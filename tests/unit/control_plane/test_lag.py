"""How long it takes until a publish can be played."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.messages import PackageName
from control_plane.catalog import EdgeRecord
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.lag import LONGEST, PublishLag
from control_plane.library import Library
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement, heartbeat

A1 = PackageName("a", "1")
EU, US = (EdgeRecord(heartbeat(name), 1000.0) for name in ("eu-1", "us-1"))


def alone(_: EdgeRecord, __: PackageName) -> bool:
    return False


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    made = Library(catalog, Clock())
    await made.publish(announcement())
    yield made
    await catalog.close()


async def test_the_first_edge_of_each_region_counts(library: Library) -> None:
    told: list[tuple[str, float]] = []
    clock = Clock()
    lag = PublishLag(library, clock, alone, lambda region, seconds: told.append((region, seconds)))
    for seconds, record in ((2.0, EU), (3.0, EU), (4.0, US)):
        clock.time = 1000.0 + seconds
        lag.completed(record, A1)

    assert told == [("eu", 2.0), ("us", 4.0)]


async def test_what_was_not_filled_because_it_is_new_does_not_count(library: Library) -> None:
    told: list[float] = []
    clock = Clock()
    lag = PublishLag(library, clock, alone, lambda _, seconds: told.append(seconds))
    lag.completed(EU, PackageName("a", "2"))
    lag.completed(EU, PackageName("b", "1"))
    clock.time = 1000.0 + LONGEST + 1
    lag.completed(EU, A1)
    clock.time = 999.0
    lag.completed(EU, A1)

    assert told == []


async def test_what_another_edge_of_the_region_held_before_does_not_count(library: Library) -> None:
    told: list[str] = []
    lag = PublishLag(
        library, Clock(), lambda record, _: record is EU, lambda region, _: told.append(region)
    )
    lag.completed(EU, A1)
    lag.completed(US, A1)

    assert told == ["us"]
