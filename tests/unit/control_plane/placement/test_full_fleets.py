"""The plan where there is not room for everything: who gives way, and what is used again."""

import math
import random

import pytest

from control_plane.placement import PlacementEdge, PlacementRules
from tests.unit.control_plane.placement.fleets import (
    GB,
    MBIT,
    asset,
    catalogue,
    copies,
    fleet,
    shares,
)
from tests.unit.control_plane.placement.world import World


@pytest.mark.parametrize(
    ("units", "least", "most"), [(240, 2, 2), (180, 1, 2), (140, 1, 2), (80, 0, 1)]
)
def test_copies_of_the_minimum_give_way_first_then_what_is_watched_least(
    units: int, least: int, most: int
) -> None:
    hot = [asset(rank, 1, eu=390 * MBIT) for rank in range(10)]
    others = [asset(rank, 1, eu=(100 - rank) * 0.9 * MBIT) for rank in range(10, 100)]
    world = World().load(fleet(10, capacity_bytes=math.ceil(units / 10 / 0.9)), [*hot, *others])
    world.check()
    numbers = [copies(world, rank) for rank in range(100)]

    assert numbers[:10] == [4] * 10
    assert least <= min(numbers[10:]) <= max(numbers[10:]) <= most
    assert sum(numbers) >= 0.97 * min(units, 220)
    # Of what has a copy none is worth less, by the margin, than what has none.
    without = [100 - rank for rank in range(100) if not numbers[rank]]
    assert min(100 - rank for rank in range(100) if numbers[rank]) * 1.5 >= max(without, default=0)


def test_what_is_published_to_a_full_fleet_takes_the_place_of_what_is_worth_least() -> None:
    content = [asset(rank, 1, eu=(100 - rank) * MBIT) for rank in range(100)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(10, capacity_bytes=math.ceil(10 / 0.9)), content
    )

    world.put_asset(asset("new", 1, eu=50 * MBIT))

    world.check()
    assert copies(world, "new") == 1
    assert [name for name in world.assets if not world.placed.get(name)] == ["asset-99"]


def test_what_is_worth_little_more_takes_nobodys_place() -> None:
    content = [asset(rank, 1, eu=100 * MBIT) for rank in range(100)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(10, capacity_bytes=math.ceil(10 / 0.9)), content
    )

    changed = world.put_asset(asset("new", 1, eu=140 * MBIT))

    assert [(one.asset_id, one.edges) for one in changed] == [("asset-new", ())]


def test_an_edge_lost_from_a_full_fleet_costs_what_is_worth_least() -> None:
    content = [asset(rank, 1, eu=1.55 ** (40 - rank)) for rank in range(40)]
    rules = PlacementRules(minimum=2)
    world = World(rules).load(fleet(8, capacity_bytes=math.ceil(11 / 0.9)), content)
    assert [copies(world, rank) for rank in range(40)] == [2] * 40

    world.drop_edge("eu-003")
    world.check()
    assert sum(copies(world, rank) for rank in range(40)) == 77
    assert min(copies(world, rank) for rank in range(40)) == 1
    for edge in ("eu-000", "eu-001", "eu-002"):
        world.drop_edge(edge)
    world.check()
    assert all(copies(world, rank) >= 1 for rank in range(38))

    world.drop_edge("eu-004")
    world.check()
    assert [copies(world, rank) for rank in range(40)] == [1] * 33 + [0] * 7


def test_room_that_becomes_free_is_used() -> None:
    content = [asset(rank, 1, eu=(500 - rank) * 0.1 * MBIT) for rank in range(50)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(4, capacity_bytes=math.ceil(10 / 0.9)), content
    )
    assert sum(map(bool, world.placed.values())) == 40
    best = next(name for name in world.assets if not world.placed.get(name))

    changed = world.drop_asset("asset-3")

    assert [(one.asset_id, len(one.edges)) for one in changed] == [("asset-3", 0), (best, 1)]


def test_an_edge_that_shrinks_gives_up_what_does_not_fit() -> None:
    world = World().load(fleet(4, capacity_bytes=1000 * GB), catalogue(200, 1000 * MBIT))
    world.put_edge(fleet(1, capacity_bytes=20 * GB)[0])

    world.check()
    assert 0 < world.bytes_on("eu-000") <= 18 * GB


def test_what_is_larger_than_any_edge_stays_in_the_origin() -> None:
    world = World().load(fleet(4, capacity_bytes=GB), [asset("huge", 2 * GB), asset("small", 10)])

    assert (copies(world, "huge"), copies(world, "small")) == (0, 2)


def test_one_item_larger_than_the_slack_of_every_edge_is_one_more_at_most() -> None:
    content = [asset("huge", 500 * GB), *catalogue(300)]
    world = World(PlacementRules(minimum=1)).load(fleet(10), content)
    world.check()

    assert copies(world, "huge") == 1
    (holder,) = world.placed["asset-huge"]
    others = [world.bytes_on(edge) for edge in world.edges if edge != holder]
    mean = sum(map(world.bytes_on, world.edges)) / 10
    assert max(others) <= 1.25 * mean < world.bytes_on(holder)
    assert world.bytes_on(holder) - 500 * GB <= 1.25 * mean


def test_room_that_an_asset_gives_up_when_it_shrinks_is_used() -> None:
    content = [asset("large", 10, eu=100 * MBIT), asset("small", 3, eu=MBIT)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(1, capacity_bytes=math.ceil(11 / 0.9)), content
    )
    assert (copies(world, "large"), copies(world, "small")) == (1, 0)

    world.put_asset(asset("large", 5, eu=100 * MBIT))

    assert (copies(world, "large"), copies(world, "small")) == (1, 1)


def test_what_gives_way_to_another_goes_where_there_is_room() -> None:
    edges = [
        PlacementEdge("edge-5", "eu", 1000, 10**10),
        PlacementEdge("edge-4", "eu", 5, 10**9, weight=3.0),
    ]
    sizes = {25: 2, 2: 15, 0: 2, 9: 1471, 12: 2, 15: 1, 5: 268, 21: 37}
    rates = {12: 981 * MBIT, 15: 431 * MBIT}
    content = [asset(name, size, eu=rates.get(name, 0.0)) for name, size in sizes.items()]
    world = World(PlacementRules(minimum=3, tail_traffic=MBIT)).load(edges, content)

    world.check()
    assert [name for name in sizes if not copies(world, name)] == [9]


def test_in_a_full_fleet_an_event_does_a_part_and_the_next_ones_the_rest() -> None:
    # Far more waits for room than one event may think about.
    content = [asset(rank, 10, eu=(20_000 - rank) * 1e3) for rank in range(20_000)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(4, capacity_bytes=math.ceil(25_000 / 0.9)), content
    )
    assert sum(map(bool, world.placed.values())) == 10_000

    for rank in range(0, 400, 2):
        world.drop_asset(f"asset-{rank}")
    for _ in range(10):
        world.drift({"asset-1": {"eu": 20_000 * 1e3}})
        world.drift({"asset-1": {"eu": 20_001 * 1e3}})

    # Room for two of them is less than a thousandth of an edge.
    assert sum(map(bool, world.placed.values())) >= 10_000 - 4 * 2
    world.check()
    assert world.restarted() == []


def test_where_no_edge_has_room_what_is_watched_much_is_traded_to_keep_the_bound() -> None:
    content = [asset(rank, 10, eu=MBIT) for rank in range(400)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(4, capacity_bytes=math.ceil(1000 / 0.9)), content
    )
    assert sorted(map(world.bytes_on, world.edges)) == [1000] * 4
    crowded = [name for name, edges in world.placed.items() if edges == ("eu-000",)][:20]

    before = dict(world.placed)
    changed = world.drift({name: {"eu": 10 * MBIT} for name in crowded})

    assert max(shares(world)[1]) <= 1.25
    assert [copies(world, rank) for rank in range(400)] == [1] * 400
    # Each of those that went brought one back, and no more than had to went.
    assert len(changed) <= 2 * 14
    assert world.moved(before) == 10 * len(changed)
    assert world.restarted() == []


def test_an_edge_that_joins_a_full_fleet_does_not_take_all_that_is_watched_most() -> None:
    content = [asset(rank, 10, eu=100 * MBIT / (10 + rank)) for rank in range(600)]
    edges = fleet(5, capacity_bytes=math.ceil(1000 / 0.9))
    world = World(PlacementRules(minimum=1)).load(edges, content)

    world.drop_edge("eu-002")
    world.put_edge(edges[2])

    world.check()
    assert max(shares(world)[1]) <= 1.25


def test_when_several_edges_of_a_full_fleet_go_and_come_back_none_is_above_the_bound() -> None:
    rng = random.Random(13)
    top = 10 * 5e9 / (math.log(5000) + 0.577)
    content = [
        asset(rank, int(1e6 * rng.lognormvariate(0, 1)), eu=top / (1 + rank))
        for rank in range(5000)
    ]
    edges = fleet(10, capacity_bytes=600_000_000)
    world = World().load(edges, content)
    for number in range(60):
        size = int(1e6 * rng.lognormvariate(0, 1))
        world.put_asset(asset(f"new-{number}", size, eu=rng.uniform(0, 300) * MBIT))
        world.drift({f"asset-{rng.randrange(50)}": {"eu": rng.uniform(0, 1000) * MBIT}})

    for edge in edges[:3]:
        world.drop_edge(edge.edge_id)
        assert max(shares(world)[1]) <= 1.25
    for edge in edges[:3]:
        world.put_edge(edge)
        assert max(shares(world)[1]) <= 1.25


def test_what_has_no_edges_is_told_once_and_a_restart_leaves_it() -> None:
    content = [asset(rank, 1, eu=100 * MBIT) for rank in range(12)]
    world = World(PlacementRules(minimum=1)).load(
        fleet(1, capacity_bytes=math.ceil(10 / 0.9)), content
    )
    assert sorted(len(edges) for edges in world.placed.values()) == [0, 0, *[1] * 10]

    assert world.put_asset(content[0]) == []
    assert world.restarted() == []


def test_an_edge_that_came_while_nobody_planned_takes_what_there_was_no_room_for() -> None:
    content = [asset(rank, 1, eu=100 * MBIT) for rank in range(12)]
    edges = fleet(2, capacity_bytes=math.ceil(10 / 0.9))
    world = World(PlacementRules(minimum=1)).load(edges[:1], content)

    world.edges["eu-001"] = edges[1]
    changed = world.restarted()

    assert [one.edges for one in changed] == [("eu-001",)] * 2
    assert world.restarted() == []
