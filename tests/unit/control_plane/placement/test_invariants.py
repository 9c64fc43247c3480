"""What must hold of the plan after any events in any order."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.placement import Placed, PlacementAsset, PlacementEdge, PlacementRules
from tests.unit.control_plane.placement.world import World

REGIONS = ("ap", "eu")

rules = st.builds(
    PlacementRules,
    minimum=st.integers(0, 3),
    minimums=st.sampled_from([{}, {"ap": 1}, {"eu": 0}]),
    tail_traffic=st.sampled_from([0.0, 1e6]),
    tail_copies=st.integers(0, 1),
)
weights = st.sampled_from([1.0, 1.0, 1.0, 0.5, 3.0])
edges = st.builds(
    PlacementEdge,
    edge_id=st.sampled_from([f"edge-{number}" for number in range(8)]),
    region=st.sampled_from(REGIONS),
    capacity_bytes=st.sampled_from([0, 5, 100, 1000, 1000, 10**6, 10**6]),
    bandwidth=st.sampled_from([0, 10**9, 10**9, 10**10]),
    weight=weights,
)
rates = st.dictionaries(
    st.sampled_from(REGIONS),
    st.one_of(st.floats(0, 1e7), st.floats(0, 1e9), st.sampled_from([0.0, 1e8, 2e8])),
)
assets = st.builds(
    PlacementAsset,
    asset_id=st.sampled_from([f"asset-{number}" for number in range(30)]),
    bytes=st.one_of(st.integers(1, 50), st.integers(1, 2000)),
    traffic=rates,
)

Event = Callable[[World], list[Placed]]


def call(name: str) -> Callable[[Any], Event]:
    return lambda given: lambda world: list(getattr(world, name)(given))


def drop(name: str, of: str) -> Callable[[int], Event]:
    def event(number: int) -> Event:
        def run(world: World) -> list[Placed]:
            there = sorted(getattr(world, of))
            return list(getattr(world, name)(there[number % len(there)])) if there else []

        return run

    return event


events = st.one_of(
    assets.map(call("put_asset")),
    assets.map(call("put_asset")),
    assets.map(call("put_asset")),
    edges.map(call("put_edge")),
    edges.map(call("put_edge")),
    st.dictionaries(st.sampled_from([f"asset-{n}" for n in range(30)]), rates).map(call("drift")),
    st.integers(0, 100).map(drop("drop_asset", "assets")),
    st.integers(0, 100).map(drop("drop_edge", "edges")),
)
# The same examples every time: what fails is then the change's, and other seeds are for who looks.
slowly = settings(
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@slowly
@given(rules, st.lists(edges, max_size=10), st.lists(assets, max_size=40))
def test_a_plan_from_nothing_holds_what_it_must(
    given_rules: PlacementRules, fleet: list[PlacementEdge], content: list[PlacementAsset]
) -> None:
    World(given_rules).load(fleet, content).check()


@slowly
@given(
    rules,
    st.lists(edges, max_size=8),
    st.lists(assets, max_size=30),
    st.lists(events, max_size=25),
)
def test_any_events_in_any_order_leave_what_must_hold(
    given_rules: PlacementRules,
    fleet: list[PlacementEdge],
    content: list[PlacementAsset],
    happening: list[Event],
) -> None:
    world = World(given_rules).load(fleet, content)
    for event in happening:
        event(world)
        world.check()


@slowly
@given(
    rules,
    st.lists(edges, max_size=8),
    st.lists(assets, max_size=30),
    st.lists(events, max_size=10),
)
def test_a_restart_after_any_events_changes_nothing(
    given_rules: PlacementRules,
    fleet: list[PlacementEdge],
    content: list[PlacementAsset],
    happening: list[Event],
) -> None:
    world = World(given_rules).load(fleet, content)
    for event in happening:
        event(world)

    assert world.restarted() == []


@slowly
@given(rules, st.lists(edges, max_size=8), st.lists(assets, max_size=30), st.lists(events))
def test_the_same_events_give_the_same_plan(
    given_rules: PlacementRules,
    fleet: list[PlacementEdge],
    content: list[PlacementAsset],
    happening: list[Event],
) -> None:
    first = World(given_rules).load(fleet, content)
    second = World(given_rules).load(fleet, content)

    assert [event(first) for event in happening] == [event(second) for event in happening]
    assert first.placed == second.placed


@slowly
@given(rules, st.lists(edges, max_size=8), st.lists(assets, max_size=30))
def test_what_is_told_again_changes_nothing(
    given_rules: PlacementRules, fleet: list[PlacementEdge], content: list[PlacementAsset]
) -> None:
    world = World(given_rules).load(fleet, content)

    for edge in list(world.edges.values()):
        assert world.put_edge(edge) == []
    for asset in list(world.assets.values()):
        assert world.put_asset(asset) == []
    assert world.drift({asset.asset_id: asset.traffic for asset in world.assets.values()}) == []


fleets = st.lists(
    st.tuples(st.sampled_from([1.0, 1.0, 2.0]), st.sampled_from([1, 1, 3])), min_size=6, max_size=14
).map(
    lambda given: [
        PlacementEdge(f"edge-{number}", "eu", size * 10**9, size * 10**10, weight)
        for number, (weight, size) in enumerate(given)
    ]
)
catalogues = st.tuples(st.integers(0, 10**6), st.integers(300, 600)).map(
    lambda given: [
        PlacementAsset(
            f"asset-{given[0]}-{rank}",
            1000 + (given[0] + rank * 7919) % 4000,
            {"eu": 4e9 / (1 + (given[0] + rank * 31) % given[1])},
        )
        for rank in range(given[1])
    ]
)


@slowly
@given(fleets, catalogues, st.integers(0, 13), st.integers(1, 2))
def test_an_edge_that_leaves_and_comes_back_moves_its_share_and_a_fifth_at_most(
    fleet: list[PlacementEdge], content: list[PlacementAsset], number: int, minimum: int
) -> None:
    world = World(PlacementRules(minimum=minimum)).load(fleet, content)
    edge = fleet[number % len(fleet)]

    before, share = dict(world.placed), world.bytes_on(edge.edge_id)
    world.drop_edge(edge.edge_id)
    world.check()
    assert world.moved(before) <= 1.2 * share

    before = dict(world.placed)
    world.put_edge(edge)
    world.check()
    assert world.moved(before) <= 1.2 * world.bytes_on(edge.edge_id)
    assert world.bytes_on(edge.edge_id) > 0
