import numpy as np
import pytest

from control_plane.simulation.holding import WINDOW, Cause, Change, Holding
from control_plane.simulation.options import Options, SimulatedRegion
from control_plane.simulation.outages import Fleet, fleet_of
from control_plane.simulation.pulling import Shields

GB = 10**9
# Three edges at UTC and two twelve hours away; 9 GB an hour by night, 45 by day when it is urgent.
OPTIONS = Options(
    days=1,
    edges=4,
    assets=10,
    disk=500 * GB,
    bandwidth=100e6,
    fill_rate=20e6,
    regions=(SimulatedRegion("eu", 0, 1), SimulatedRegion("ap", 12, 1)),
)
NIGHT, DAY = WINDOW[0], 14
ASSETS = 10
HELD = (0, 1, 2, 3, 4)


class Edges:
    def __init__(self, size: int = GB, options: Options = OPTIONS) -> None:
        self.fleet: Fleet = fleet_of(options)
        sizes = np.full(ASSETS, float(size))
        self.shields = Shields(self.fleet, sizes)
        self.holding = Holding(options, self.fleet, sizes, self.shields)
        self.follow(*HELD)

    def follow(self, *up: int) -> None:
        mask = np.isin(np.arange(5), up)
        self.shields.follow(mask)
        self.holding.follow(mask)

    def held(self, asset: int) -> list[int]:
        return np.flatnonzero(self.holding.held[:, asset]).tolist()

    def check(self) -> None:
        holding = self.holding
        for region, rows in enumerate(self.fleet.rows):
            counted = (holding.held[rows] * holding.up[rows][:, None]).sum(axis=0)
            assert np.array_equal(holding.counts[region], counted)
        assert holding.used == pytest.approx(holding.held.sum(axis=1) * holding._sizes[0])


def change(asset: int, *edges: int, urgent: bool = False, priority: float = 0.5) -> Change:
    return Change(asset, edges, urgent, priority)


def test_it_begins_with_all_in_its_place() -> None:
    edges = Edges()
    edges.holding.start([change(0, 0, 1, 3)])

    assert edges.held(0) == [0, 1, 3]
    assert edges.holding.fill(NIGHT).by_cause.sum() == 0
    edges.check()


def test_what_is_urgent_is_filled_at_any_hour_and_the_rest_by_night() -> None:
    edges = Edges()
    edges.holding.change([change(0, 0, 3, urgent=True)], Cause.NEW)
    edges.holding.change([change(1, 0, 3)], Cause.POPULARITY)

    filled = edges.holding.fill(DAY)
    # At 14:00 UTC it is 02:00 where edge 3 is.
    assert (edges.held(0), edges.held(1)) == ([0, 3], [3])
    assert filled.by_cause[:, Cause.NEW].tolist() == [GB, GB]
    assert filled.by_cause[:, Cause.POPULARITY].tolist() == [0, GB]
    assert edges.holding.waiting() == 1
    edges.holding.fill(NIGHT)
    assert edges.held(1) == [0, 3]
    edges.check()


def test_by_night_an_edge_fills_no_faster_than_its_rate_and_the_most_watched_first() -> None:
    edges = Edges(size=5 * GB)
    edges.holding.change(
        [change(asset, 0, priority=asset / 10) for asset in range(4)], Cause.POPULARITY
    )

    filled = [edges.holding.fill(hour).by_cause.sum() / GB for hour in range(*WINDOW)]
    # 9 GB an hour: the second asset takes one of the next.
    assert filled == [10, 10, 0, 0, 0, 0]
    edges = Edges(size=20 * GB)
    edges.holding.change(
        [change(asset, 0, priority=asset / 10) for asset in range(4)], Cause.POPULARITY
    )
    filled = [edges.holding.fill(hour).by_cause.sum() / GB for hour in range(*WINDOW)]
    assert filled == [20, 0, 20, 0, 20, 0]
    assert [asset for asset in range(4) if edges.held(asset)] == [1, 2, 3]


def test_an_urgent_asset_may_take_longer_than_an_hour_of_the_port() -> None:
    edges = Edges(size=60 * GB)
    edges.holding.change([change(asset, 0, urgent=True) for asset in range(3)], Cause.NEW)

    filled = [edges.holding.fill(hour).by_cause.sum() / GB for hour in range(DAY, DAY + 4)]
    # 45 GB an hour.
    assert filled == [60, 60, 60, 0]


def test_the_origin_sends_a_region_one_copy_and_none_of_what_its_shield_has() -> None:
    edges = Edges()
    edges.shields.serve(1, 0, np.where(np.arange(ASSETS) == 0, 1e6, 0.0))
    edges.holding.change([change(0, 0, 1, 2, 3, 4, urgent=True)], Cause.NEW)

    filled = edges.holding.fill(DAY)
    assert filled.from_origin == pytest.approx(GB)
    assert filled.from_peers == pytest.approx([2 * GB, 2 * GB])
    assert edges.shields.part[1, 0] == 0


def test_what_should_not_be_held_is_dropped_at_once() -> None:
    edges = Edges()
    edges.holding.start([change(0, 0, 1, 3)])
    edges.holding.change([change(0, 1, 2, 3)], Cause.POPULARITY)

    assert edges.held(0) == [1, 3]
    edges.holding.change([change(0, 3)], Cause.POPULARITY)
    assert edges.held(0) == [3]
    edges.holding.fill(NIGHT)
    assert edges.held(0) == [3]
    edges.check()


def test_an_edge_that_is_away_neither_counts_nor_fills_and_keeps_its_disk() -> None:
    edges = Edges()
    edges.holding.start([change(0, 0, 1)])
    edges.follow(1, 2, 3, 4)
    edges.holding.change([change(0, 1, 2, urgent=True)], Cause.LOST)
    edges.holding.change([change(1, 0, urgent=True)], Cause.NEW)
    filled = edges.holding.fill(DAY)

    assert edges.held(0) == [0, 1, 2]
    assert edges.holding.counts[0, 0] == 2
    assert filled.by_cause[0].tolist() == [0, GB, 0, 0]
    assert filled.from_origin == 0
    edges.check()

    edges.follow(*HELD)
    assert edges.holding.counts[0, 0] == 3
    edges.holding.clean(0)
    assert edges.held(0) == [1, 2]
    edges.check()


def test_free_disk_is_what_copies_leave_on_edges_that_are_up() -> None:
    edges = Edges()
    edges.holding.start([change(0, 0, 3), change(1, 0)])

    assert edges.holding.free(0) == (3 * 500 - 2) * GB
    edges.follow(1, 2, 3, 4)
    assert edges.holding.free(0) == 1000 * GB
