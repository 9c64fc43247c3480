"""Which edges come first."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.routing import EdgeFacts, Serving, ServingRegion, Told, Turn, decide
from control_plane.routing.load import BEGINS, BOUND, LIMITS
from control_plane.routing.serving import KEPT, draw

GIGABIT = 1e9
VIEWERS = [f"viewer {number}".encode() for number in range(2000)]


def told(edge_id: str, load: float = 0.0, share: float = 1.0, weight: float = 1.0) -> Told:
    region = edge_id.partition("-")[0]
    return Told(edge_id, region, f"https://{edge_id}", share, load, GIGABIT, weight)


def serving(*edges: Told) -> list[ServingRegion]:
    """Regions in the order in which they are first named."""
    fleet = Serving()
    fleet.update(edges, 0.0)
    return fleet.in_order(list(dict.fromkeys(edge.region for edge in edges)))


def order(
    *edges: Told, holders: Sequence[str] = (), asset: str = "a", viewer: bytes = b"v"
) -> list[str]:
    found = decide(asset, tuple(holders), viewer, serving(*edges))
    return [edge.edge_id for edge in found]


def firsts(
    *edges: Told, holders: Sequence[str] = (), asset: str = "a", viewers: Sequence[bytes] = VIEWERS
) -> Counter[str]:
    """To which edge each of many viewers goes."""
    regions = serving(*edges)
    return Counter(
        decide(asset, tuple(holders), viewer, regions, 1)[0].edge_id for viewer in viewers
    )


def test_holders_of_the_near_region_come_before_its_others_and_those_before_a_far_holder() -> None:
    edges = [told("eu-1"), told("eu-2"), told("us-1")]

    assert order(*edges, holders=["us-1", "eu-2"]) == ["eu-2", "eu-1", "us-1"]
    assert order(*edges, holders=["us-1"])[2] == "us-1"


def test_viewers_of_an_asset_meet_and_assets_spread() -> None:
    edges = [told(f"eu-{number}") for number in range(20)]

    assert len(firsts(*edges)) == 1
    assert len({order(*edges, asset=f"a{number}")[0] for number in range(100)}) > 15


def test_an_edge_with_more_weight_has_more_assets() -> None:
    edges = [told("eu-1", weight=3.0), told("eu-2")]
    found = Counter(order(*edges, asset=f"a{number}")[0] for number in range(2000))

    assert found["eu-1"] / 2000 == pytest.approx(0.75, abs=0.04)


def test_an_edge_of_unknown_bandwidth_counts_as_much_as_the_usual_one() -> None:
    edges = [told("eu-1"), Told("eu-2", "eu", "https://eu-2")]
    found = Counter(order(*edges, asset=f"a{number}")[0] for number in range(2000))

    assert found["eu-1"] / 2000 == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.9])
def test_an_edge_with_a_share_gets_that_part_of_the_viewers(share: float) -> None:
    found = firsts(told("eu-1", share=share), told("eu-2"), holders=["eu-1"])

    assert found["eu-1"] / len(VIEWERS) == pytest.approx(share, abs=0.04)


def test_the_last_edge_of_a_region_serves_it_with_whatever_share() -> None:
    assert set(firsts(told("eu-1", share=0.01), told("us-1"))) == {"eu-1"}


@pytest.mark.parametrize(
    ("load", "part"), [(0.0, 1.0), (BEGINS, 1.0), (0.75, 0.5), (LIMITS[0], 0.0), (1.5, 0.0)]
)
def test_a_hot_edge_leaves_a_growing_part_of_its_viewers_to_the_next(
    load: float, part: float
) -> None:
    found = firsts(told("eu-1", load), told("eu-2"), told("us-1"), holders=["eu-1"])

    assert found["eu-1"] / len(VIEWERS) == pytest.approx(part, abs=0.04)
    assert found["us-1"] == 0


def test_in_a_busy_region_an_edge_carries_more_before_it_leaves_all() -> None:
    found = firsts(told("eu-1", 0.85), told("eu-2", 0.8), holders=["eu-1"])

    assert found["eu-1"] / len(VIEWERS) == pytest.approx(0.4, abs=0.04)


@pytest.mark.parametrize(("load", "part"), [(0.85, 1.0), (0.915, 0.5), (0.98, 0.0)])
def test_a_region_leaves_a_growing_part_of_its_viewers_to_the_next_region(
    load: float, part: float
) -> None:
    found = firsts(told("eu-1", load), told("eu-2", load), told("us-1"), holders=["eu-1", "eu-2"])

    assert 1 - found["us-1"] / len(VIEWERS) == pytest.approx(part, abs=0.04)


def test_a_far_holder_comes_before_a_near_region_that_is_full() -> None:
    edges = [told("eu-1", 1.0), told("eu-2", 1.1), told("us-1"), told("us-2")]

    assert order(*edges, holders=["us-2"]) == ["us-2", "us-1", "eu-1", "eu-2"]


def test_where_everything_is_full_the_least_loaded_edge_takes_whoever_comes() -> None:
    edges = [told("eu-1", 1.2), told("eu-2", 1.1), told("us-1", 1.05), told("us-2", 1.3)]
    found = decide("a", ("eu-1",), b"v", serving(*edges))

    assert [edge.edge_id for edge in found] == ["us-1", "eu-2", "eu-1", "us-2"]
    assert {edge.turn for edge in found} == {Turn.FULL}


def test_what_was_sent_counts_at_once_and_spills_without_a_heartbeat() -> None:
    fleet = Serving()
    fleet.update([told("eu-1"), told("eu-2")], 0.0)
    regions = fleet.in_order(["eu"])
    found = Counter[str]()
    for number in range(500):
        (best,) = decide("a", ("eu-1",), f"viewer {number}".encode(), regions, 1)
        found[best.edge_id] += 1
        fleet.send(best.edge_id, 3e6, 0.0)

    assert sorted(found) == ["eu-1", "eu-2"]
    (region,) = regions
    assert region.load == pytest.approx(0.75)
    assert all(BEGINS * 0.9 < edge.load < BOUND * region.load for edge in region.edges)


def test_no_edge_of_a_busy_region_carries_much_more_than_the_others() -> None:
    """Zipf's demand for 200 assets, of which two edges each hold one, fills a region of 20."""
    fleet = Serving()
    fleet.update([told(f"eu-{number}") for number in range(20)], 0.0)
    regions = fleet.in_order(["eu"])
    holders = {n: (f"eu-{n % 20}", f"eu-{(7 * n + 3) % 20}") for n in range(200)}
    for number in range(3400):
        asset = min(int(200 ** draw(b"asset", number)), 199)
        viewer = f"viewer {number}".encode()
        (best,) = decide(f"a{asset}", holders[asset], viewer, regions, 1)
        fleet.send(best.edge_id, 5e6, 0.0)
        (region,) = regions
        busiest = max(edge.load for edge in region.edges)
        assert busiest <= max(LIMITS[0], BOUND * region.load) + 0.01

    assert region.load == pytest.approx(0.85)


def test_what_was_sent_is_kept_when_the_edges_are_told_anew_and_fades() -> None:
    fleet = Serving()
    fleet.update([told("eu-1")], 0.0)
    fleet.send("eu-1", 5e8, 0.0)
    loads = []
    for now in (0.0, 5.0, 100.0):
        fleet.update([told("eu-1", load=0.1)], now)
        (region,) = fleet.in_order(["eu"])
        loads.append(region.edges[0].load)
        assert region.load == pytest.approx(loads[-1])

    assert loads == pytest.approx([0.6, 0.1 + 0.5 / 2.71828, 0.1], rel=1e-3)


def test_an_edge_that_is_sent_viewers_but_gone_is_none() -> None:
    fleet = Serving()
    fleet.update([told("eu-1")], 0.0)
    fleet.update([], 1.0)
    fleet.send("eu-1", 5e8, 1.0)

    assert fleet.in_order(["eu"]) == []
    assert fleet.edge("eu-1") is None


def test_an_order_is_made_anew_when_other_edges_hold_the_asset_or_take_viewers() -> None:
    fleet = Serving()
    fleet.update([told("eu-1"), told("eu-2")], 0.0)
    regions = fleet.in_order(["eu"])
    for holders in (("eu-1",), ("eu-2",), ("eu-1",)):
        assert decide("a", holders, b"v", regions, 1)[0].edge_id == holders[0]
    fleet.update([told("eu-2"), told("eu-3")], 1.0)

    assert decide("a", ("eu-1",), b"v", fleet.in_order(["eu"]))[0].edge_id in {"eu-2", "eu-3"}
    fleet.update([told("eu-2", weight=0.01), told("eu-3")], 2.0)
    assert decide("b", (), b"v", fleet.in_order(["eu"]), 1)[0].edge_id == "eu-3"


edges_told = st.lists(
    st.builds(
        told,
        st.sampled_from([f"{region}-{number}" for region in ("eu", "us") for number in range(20)]),
        st.floats(0, 1.5),
        st.floats(0.001, 1),
        st.floats(0.01, 100),
    ),
    unique_by=lambda edge: edge.edge_id,
    min_size=1,
    max_size=2 * KEPT + 4,
)


@settings(max_examples=60)
@given(edges_told, st.sets(st.sampled_from([f"eu-{number}" for number in range(20)])), st.data())
def test_an_answer_has_every_edge_once_and_is_the_same_each_time(
    edges: list[Told], holders: set[str], data: st.DataObject
) -> None:
    viewer = data.draw(st.binary(min_size=4, max_size=16))
    regions = serving(*edges)
    found = decide("a", tuple(sorted(holders)), viewer, regions)

    assert sorted(edge.edge_id for edge in found) == sorted(edge.edge_id for edge in edges)
    assert {edge.edge_id for edge in found if edge.holds} == holders & {
        edge.edge_id for edge in edges
    }
    assert decide("a", tuple(sorted(holders)), viewer, serving(*edges)) == found
    most = data.draw(st.integers(1, len(edges)))
    assert decide("a", tuple(sorted(holders)), viewer, regions, most) == found[:most]


@settings(max_examples=60)
@given(edges_told, st.floats(0, 1), st.data())
def test_an_edge_that_carries_more_takes_no_viewer_that_it_did_not_take_before(
    edges: list[Told], more: float, data: st.DataObject
) -> None:
    viewer = data.draw(st.binary(min_size=4, max_size=16))
    busier = data.draw(st.sampled_from(edges))
    after = [
        told(edge.edge_id, edge.load + more * (edge is busier), edge.share, edge.weight)
        for edge in edges
    ]

    def takes(told_of: Sequence[Told]) -> bool:
        found = decide("a", (), viewer, serving(*told_of))
        return _of(busier.edge_id, found).turn is Turn.TAKES

    assert takes(edges) or not takes(after)


def _of(edge_id: str, found: Sequence[EdgeFacts]) -> EdgeFacts:
    return next(edge for edge in found if edge.edge_id == edge_id)
