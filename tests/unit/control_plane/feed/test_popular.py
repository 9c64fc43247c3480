"""What is popular, of what edges tell, on a real store of demand."""

from pathlib import Path

import pytest

from common.errors import Unavailable
from common.messages import Watched
from control_plane.catalog import EdgeRecord
from control_plane.feed.popular import MOST, Popular
from control_plane.placement.popularity import DAY
from control_plane.planning.demand import SAVED_EVERY, DemandCounts
from control_plane.planning.sqlite import SqlitePlanStore
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import heartbeat


async def test_it_is_what_viewers_take_most_of_in_all_regions_now(tmp_path: Path) -> None:
    store, clock = await SqlitePlanStore.open(tmp_path / "control.sqlite"), Clock()
    demand = DemandCounts(store, clock)
    popular = Popular(demand.most_watched)

    async def watch(edge: str, **taken: int) -> None:
        watched = tuple(Watched(name, 1, number * 10**9) for name, number in taken.items())
        demand.heard(EdgeRecord(heartbeat(edge, watched=watched), clock.now()))
        clock.time += SAVED_EVERY
        await demand.save()
        await popular.refresh()

    await watch("eu-1", a=2, b=3)
    assert popular.names == ["b", "a"]
    await watch("us-1", a=2)
    assert popular.names == ["a", "b"]
    clock.time += 0.9 * DAY
    await watch("eu-1", c=3)
    assert popular.names == ["c", "a", "b"]
    await store.close()
    with pytest.raises(Unavailable):
        await popular.refresh()
    assert popular.names == ["c", "a", "b"]


async def test_no_more_than_so_many_are_popular() -> None:
    async def read(limit: int) -> list[str]:
        return [str(number) for number in range(limit)]

    popular = Popular(read)
    await popular.refresh()
    assert len(popular.names) == MOST
