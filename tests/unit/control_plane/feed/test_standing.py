"""Timelines that follow the library, on a real catalog."""

import asyncio
from pathlib import Path

from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.feed.standing import follow_library
from control_plane.feed.timelines import Timelines
from control_plane.library import Library
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement


def standing(timelines: Timelines) -> list[str]:
    return [entry.asset_id for entry in timelines.newest()]


async def test_what_is_published_while_timelines_are_made_is_in_them(tmp_path: Path) -> None:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    clock = Clock()
    library, timelines = Library(catalog, clock), Timelines()
    await library.publish(announcement("a"))
    following = asyncio.create_task(follow_library(timelines, library))
    await asyncio.sleep(0)
    clock.time += 1
    # Told while the other thread is at work, or before it begins.
    library.restore([await catalog.publish(announcement("b"), clock.now())], (), ())
    await following
    assert standing(timelines) == ["b", "a"]
    clock.time += 1
    await library.publish(announcement("c"))
    assert standing(timelines) == ["c", "b", "a"]
    await catalog.close()
