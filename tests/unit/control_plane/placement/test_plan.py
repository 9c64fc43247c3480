"""The plan in fleets and with content that are chosen to show one rule each."""

import math

import pytest

from control_plane.placement import PlacementAsset, PlacementEdge, PlacementRules, Plan
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


def test_content_has_copies_in_proportion_to_its_traffic_between_the_minimum_and_all_edges() -> (
    None
):
    rates = {"cold": 0.0, "warm": 250 * MBIT, "hot": 790 * MBIT, "viral": 9000 * MBIT}
    content = [asset(name, eu=rate) for name, rate in rates.items()]
    # Enough else that one copy is less than the slack of an edge.
    world = World().load(fleet(10), [*content, *catalogue(2000, 10_000 * MBIT)])

    assert [copies(world, name) for name in rates] == [2, 3, 8, 10]


def test_each_region_counts_its_own_traffic_and_its_own_minimum() -> None:
    rules = PlacementRules(minimum=2, minimums={"us": 1, "ap": 0})
    edges = [*fleet(4, "eu"), *fleet(4, "us"), *fleet(4, "ap")]
    world = World(rules).load(edges, [asset("a", eu=300 * MBIT), asset("b", ap=1.0)])

    assert [edge[:2] for edge in world.placed["asset-a"]] == ["eu", "eu", "eu", "us"]
    assert [edge[:2] for edge in world.placed["asset-b"]] == ["ap", "eu", "eu", "us"]


@pytest.mark.parametrize("tail", [0, 1])
def test_the_tail_is_on_one_edge_or_in_the_origin_only(tail: int) -> None:
    rules = PlacementRules(tail_traffic=MBIT, tail_copies=tail)
    content = [asset("tail", eu=0.9 * MBIT), asset("watched", eu=1.1 * MBIT)]
    world = World(rules).load(fleet(5), content)

    assert (copies(world, "tail"), copies(world, "watched")) == (tail, 2)


def test_what_was_in_the_tail_grows_from_the_edge_that_it_was_on() -> None:
    rules = PlacementRules(tail_traffic=MBIT)
    world = World(rules).load(fleet(10), catalogue(200))
    before = dict(world.placed)

    world.drift({"asset-7": {"eu": 550 * MBIT}})

    assert copies(world, 7) == 6
    assert set(before["asset-7"]) < set(world.placed["asset-7"])


def test_noise_moves_nothing() -> None:
    content = catalogue(3000, 20_000 * MBIT)
    world = World().load(fleet(20), content)

    for step in range(1, 40):
        # By up to a twelfth, another one for each asset in each step.
        noisy = {
            one.asset_id: {
                "eu": one.traffic["eu"] * (1 + ((step * 31 + rank * 17) % 21 - 10) / 120)
            }
            for rank, one in enumerate(content)
        }
        changed = world.drift(noisy)
        assert len(changed) <= (8 if step == 1 else 3)
    world.check()


def test_copies_rise_at_once_and_fall_when_well_below() -> None:
    world = World().load(fleet(10), [asset("a", eu=290 * MBIT), *catalogue(1000, 5000 * MBIT)])
    seen = []
    for rate in (290, 310, 290, 210, 195, 410, 290, 150):
        world.drift({"asset-a": {"eu": rate * MBIT}})
        seen.append(copies(world, "a"))

    assert seen == [3, 4, 4, 4, 3, 5, 5, 3]


def test_loads_of_a_fleet_are_within_the_bound() -> None:
    world = World().load(fleet(50), catalogue(5000, 100_000 * MBIT))
    size, traffic = shares(world)

    assert max(size) <= 1.25
    assert max(traffic) <= 1.25


@pytest.mark.parametrize("number", [5, 20, 60])
def test_an_edge_that_leaves_moves_what_it_had_and_no_more(number: int) -> None:
    world = World().load(fleet(number), catalogue(4000, number * 2000 * MBIT))
    before, share = dict(world.placed), world.bytes_on("eu-003")

    changed = world.drop_edge("eu-003")

    assert 0.9 * share <= world.moved(before) <= 1.0 * share
    assert {one.asset_id for one in changed} == {
        name for name, edges in before.items() if "eu-003" in edges
    }
    assert all(one.urgent for one in changed)
    world.check()


@pytest.mark.parametrize("number", [5, 20, 60])
def test_an_edge_that_joins_takes_its_share_and_moves_little_else(number: int) -> None:
    world = World().load(fleet(number), catalogue(4000, number * 2000 * MBIT))
    before = dict(world.placed)

    changed = world.put_edge(fleet(number + 1)[-1])

    share = world.bytes_on(f"eu-{number:03d}")
    assert world.moved(before) <= 1.2 * share
    mean = sum(map(world.bytes_on, world.edges)) / (number + 1)
    assert share >= 0.6 * mean
    assert not any(one.urgent for one in changed)
    world.check()


def test_edges_have_content_by_their_weight_capacity_and_bandwidth() -> None:
    edges = [
        *fleet(10),
        *fleet(10, "eu2", weight=2.0),
        *fleet(10, "eu3", capacity_bytes=3 * 10**15, bandwidth=3 * 10**10),
    ]
    edges = [
        PlacementEdge(one.edge_id, "eu", one.capacity_bytes, one.bandwidth, one.weight)
        for one in edges
    ]
    world = World().load(edges, catalogue(6000, 50_000 * MBIT))
    world.check()
    held = [sum(world.bytes_on(one.edge_id) for one in edges[at : at + 10]) for at in (0, 10, 20)]

    assert 1.6 < held[1] / held[0] < 2.4
    assert 2.1 < held[2] / held[0] < 3.6


def test_where_capacities_and_bandwidths_differ_both_loads_are_within_the_bound() -> None:
    edges = [
        PlacementEdge(f"eu-{one}", "eu", 10**15 * (1 + one % 3), 10**10 * (1 + one % 2), 1.0)
        for one in range(24)
    ]
    World().load(edges, catalogue(6000, 50_000 * MBIT)).check()


def test_all_edges_of_a_region_gone_and_back() -> None:
    edges = fleet(6)
    world = World().load([*edges, *fleet(2, "us")], catalogue(500, 5000 * MBIT))
    before = dict(world.placed)

    for edge in edges:
        world.drop_edge(edge.edge_id)
        world.check()
    assert {edge[:2] for held in world.placed.values() for edge in held} == {"us"}
    for edge in edges:
        world.put_edge(edge)
        world.check()
    assert {name: len(held) for name, held in world.placed.items()} == {
        name: len(held) for name, held in before.items()
    }


def test_one_edge_holds_everything() -> None:
    world = World().load(fleet(1), catalogue(100, 1000 * MBIT))

    assert set(world.placed.values()) == {("eu-000",)}


def test_an_edge_without_capacity_holds_nothing() -> None:
    edges = [
        *fleet(2),
        PlacementEdge("empty", "eu", 0),
        PlacementEdge("weightless", "eu", GB, 0, 0),
    ]
    world = World().load(edges, catalogue(100, 1000 * MBIT))
    world.check()

    assert {edge for held in world.placed.values() for edge in held} == {"eu-000", "eu-001"}


@pytest.mark.parametrize(
    "odd",
    [math.inf, -math.inf, math.nan, -1.0, 1e308, 5e-324, 10.0**30],
)
def test_absurd_numbers_are_planned_all_the_same(odd: float) -> None:
    plan = Plan()
    plan.load(fleet(3), catalogue(30, 100 * MBIT))
    whole = 10**40 if odd > 1 else -(10**40)

    plan.put_asset(PlacementAsset("odd", whole, {"eu": odd, "nowhere": odd}))
    plan.put_asset(PlacementAsset("busy", GB, {"eu": odd}))
    plan.put_edge(PlacementEdge("odd", "eu", whole, whole, odd))
    plan.drift({"busy": {"eu": odd}, "asset-1": {"eu": odd}, "unknown": {"eu": odd}})
    plan.drop_edge("unknown")
    plan.drop_asset("unknown")
    plan.drop_asset("busy")
    plan.drift({"asset-1": {"eu": 1.0}})
    told = plan.drop_edge("odd")

    assert all(set(one.edges) <= {"eu-000", "eu-001", "eu-002"} for one in told)


def test_traffic_that_was_absurd_leaves_no_trace() -> None:
    content = catalogue(1000, 5000 * MBIT)
    world = World().load(fleet(10), content)
    world.drift({"asset-3": {"eu": 1e15}, "asset-900": {"eu": 1e15}})
    world.drift({"asset-3": content[3].traffic, "asset-900": content[900].traffic})

    for rank in range(0, 1000, 50):
        world.drift({f"asset-{rank}": {"eu": content[rank].traffic["eu"] * 3}})
        world.check()


def test_what_is_new_lost_a_copy_or_is_crowded_is_urgent_and_what_moves_is_not() -> None:
    world = World().load(fleet(10), catalogue(2000, 10_000 * MBIT))

    assert [one.urgent for one in world.put_asset(asset("new"))] == [True]
    assert [one.urgent for one in world.drift({"asset-new": {"eu": 290 * MBIT}})] == [False]
    assert [one.urgent for one in world.drift({"asset-new": {"eu": 790 * MBIT}})] == [True]
    assert {one.urgent for one in world.put_edge(fleet(11)[-1])} == {False}
    assert {one.urgent for one in world.drop_edge("eu-001")} == {True}


def test_priority_is_the_part_of_the_traffic_of_the_region_where_that_is_most() -> None:
    content = [asset("a", eu=30.0, us=10.0), asset("b", eu=70.0), asset("c", us=30.0)]
    told = Plan().load([*fleet(2, "eu"), *fleet(2, "us")], content)

    assert {one.asset_id: one.priority for one in told} == pytest.approx(
        {"asset-a": 0.3, "asset-b": 0.7, "asset-c": 0.75}
    )


def test_a_restart_places_what_is_new_replaces_what_is_lost_and_forgets_what_is_gone() -> None:
    world = World().load(fleet(6), catalogue(200, 2000 * MBIT))
    lost = {name for name, held in world.placed.items() if "eu-002" in held}
    del world.edges["eu-002"], world.assets["asset-9"]
    world.assets["asset-new"] = asset("new")

    changed = {one.asset_id: one for one in world.restarted()}

    assert set(changed) == lost | {"asset-9", "asset-new"}
    assert all(changed[name].urgent for name in {*lost, "asset-new"} - {"asset-9"})
    world.check()


def test_a_restart_gives_an_edge_that_came_meanwhile_its_share() -> None:
    world = World().load(fleet(6), catalogue(600, 2000 * MBIT))
    world.edges["eu-006"] = fleet(7)[-1]
    world.restarted()

    assert world.bytes_on("eu-006") > 0.6 * sum(map(world.bytes_on, world.edges)) / 7
    world.check()


def test_an_edge_that_moves_to_another_region_leaves_one_and_joins_the_other() -> None:
    world = World().load([*fleet(3, "eu"), *fleet(3, "us")], catalogue(200, 2000 * MBIT))
    moved = world.edges["eu-000"]
    world.put_edge(PlacementEdge("eu-000", "us", moved.capacity_bytes, moved.bandwidth))

    world.check()
    assert world.restarted() == []


def test_a_row_is_used_again_and_a_name_too() -> None:
    world = World().load(fleet(3), catalogue(10))
    for number in range(1500):
        world.put_asset(asset(f"x{number}"))
        world.drop_asset(f"asset-x{number}")
    world.put_asset(asset("x1"))

    assert len(world.plan._assets.size) < 1500
    assert copies(world, "x1") == 2
    world.check()


def test_a_region_of_more_edges_than_a_word_has_bits() -> None:
    edges = fleet(150)
    world = World().load(edges[:60], catalogue(800, 150_000 * MBIT))
    for edge in edges[60:]:
        world.put_edge(edge)
    world.check()
    for edge in edges[:100:3]:
        world.drop_edge(edge.edge_id)
    for edge in edges[:30:3]:
        world.put_edge(edge)
    world.check()

    assert world.restarted() == []
    assert copies(world, 0) > 64


def test_a_region_of_ten_thousand_edges_is_planned_like_any_other() -> None:
    edges = fleet(10_000)
    world = World().load(edges, catalogue(50, 1000 * MBIT))
    assert {len(held) for held in world.placed.values()} == {2, 3}

    (edge, *_) = world.placed["asset-7"]
    changed = world.drop_edge(edge)
    assert {len(one.edges) for one in changed} <= {2, 3}
    world.put_edge(edges[int(edge[3:])])

    assert {len(held) for held in world.placed.values()} == {2, 3}


def test_a_plan_without_edges_is_made_once_there_are_some() -> None:
    world = World().load([], catalogue(20, 100 * MBIT))
    assert set(world.placed.values()) == {()}
    assert world.restarted() == []

    world.edges = {edge.edge_id: edge for edge in fleet(3)}
    world.restarted()

    world.check()
    assert {len(held) for held in world.placed.values()} == {2}


def test_each_asset_is_told_with_its_own_edges_however_many_others_have() -> None:
    # Two copies are usual here, and those of the two others add up to as many.
    rates = {"one": 0.0, "three": 250 * MBIT} | {f"two-{n}": 150 * MBIT for n in range(5)}
    content = [asset(name, eu=rate) for name, rate in rates.items()]
    world = World(PlacementRules(minimum=1)).load(fleet(6), content)

    assert {name: copies(world, name) for name in rates} == {
        name: 1 if name == "one" else 3 if name == "three" else 2 for name in rates
    }
    world.check()
    assert world.restarted() == []


def test_what_an_event_changed_is_told_as_it_was_then_whenever_it_is_gone_through() -> None:
    edges = fleet(6)
    first, second = Plan(), Plan()
    for plan in (first, second):
        plan.load(edges, catalogue(300, 3000 * MBIT))

    told = first.drop_edge("eu-002")
    then = list(second.drop_edge("eu-002"))
    for rank in range(0, 300, 2):
        first.drop_asset(f"asset-{rank}")
        first.put_asset(asset(f"other-{rank}"))
    first.drop_edge("eu-001")

    assert list(told) == then
    assert len(told) == len(then)
