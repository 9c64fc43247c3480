"""Which edge comes first, and the reason that is given."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing import EdgeFacts, Location, Region, rank_edges, reasons
from control_plane.routing.rank import distance

REGIONS = (
    Region("eu", "Europe", 50.11, 8.68),
    Region("us", "North America", 39.04, -77.49),
    Region("ap", "Asia-Pacific", 1.35, 103.82),
)
BERLIN = Location(52.52, 13.4, "Berlin, DE")
TOKYO = Location(35.68, 139.69, "Tokyo, JP")


def edge(name: str, holds: bool = True) -> EdgeFacts:
    return EdgeFacts(name, name.split("-", maxsplit=1)[0], f"https://{name}", holds)


def order(client: Location | None, *edges: EdgeFacts, asset: str = "a") -> list[str]:
    return [edge.edge_id for edge in rank_edges(asset, edges, REGIONS, client)]


@pytest.mark.parametrize(
    ("client", "expected"),
    [(BERLIN, ["eu-1", "us-1", "ap-1"]), (TOKYO, ["ap-1", "eu-1", "us-1"])],
)
def test_the_nearest_region_comes_first(client: Location, expected: list[str]) -> None:
    assert order(client, edge("ap-1"), edge("us-1"), edge("eu-1")) == expected


def test_an_edge_that_holds_the_version_beats_a_nearer_one_that_does_not() -> None:
    assert order(BERLIN, edge("eu-1", holds=False), edge("ap-1")) == ["ap-1", "eu-1"]


def test_a_client_of_unknown_place_gets_the_operators_order() -> None:
    assert order(None, edge("ap-1"), edge("us-1"), edge("eu-1")) == ["eu-1", "us-1", "ap-1"]


def test_an_edge_of_no_known_region_is_left_out() -> None:
    assert order(BERLIN, edge("xx-1"), edge("eu-1")) == ["eu-1"]


def test_assets_spread_over_the_edges_of_a_region() -> None:
    edges = [edge(f"eu-{number}") for number in range(4)]
    firsts = {order(BERLIN, *edges, asset=f"asset{number}")[0] for number in range(50)}

    assert firsts == {"eu-0", "eu-1", "eu-2", "eu-3"}


def test_viewers_of_an_asset_meet_on_one_edge() -> None:
    edges = [edge(f"eu-{number}") for number in range(4)]

    assert order(BERLIN, *edges)[0] == order(BERLIN, *edges[::-1])[0]


def test_reasons_tell_holding_place_and_turn() -> None:
    ranked = [edge("eu-1"), edge("eu-2"), edge("us-1", holds=False)]

    here = "holds the version; Europe is 423 km from Berlin, DE; number"
    there = (
        "healthy, but has to fetch the version; North America is 6727 km from Berlin, DE; number"
    )
    assert reasons(ranked, REGIONS, BERLIN) == [
        f"{here} 1 in its region by rendezvous hash",
        f"{here} 2 in its region by rendezvous hash",
        f"{there} 1 in its region by rendezvous hash",
    ]


def test_a_reason_without_a_place_names_the_operators_order() -> None:
    (reason,) = reasons([edge("us-1")], REGIONS, None)

    assert "the client's place is unknown, North America is number 2 in the operator's" in reason


places = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180), st.just("a place"))


@given(places, places)
def test_distances_are_symmetric_and_at_most_half_the_globe(one: Location, other: Location) -> None:
    assert distance(one, other) == pytest.approx(distance(other, one), abs=1e-6)
    assert 0 <= distance(one, other) <= 20_016


def test_a_distance_that_is_known() -> None:
    assert distance(REGIONS[0], REGIONS[1]) == pytest.approx(6540, rel=0.01)


@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.9])
def test_an_edge_with_a_share_gets_that_part_of_the_clients(share: float) -> None:
    edges = [
        EdgeFacts("eu-1", "eu", "https://eu-1.example.org", holds=True, share=share),
        EdgeFacts("eu-2", "eu", "https://eu-2.example.org", holds=True),
    ]
    best = next(
        asset
        for asset in (f"a{number}" for number in range(100))
        if rank_edges(asset, [replace(edges[0], share=1.0), edges[1]], REGIONS, None)[0].edge_id
        == "eu-1"
    )
    first = [
        rank_edges(best, edges, REGIONS, None, f"192.0.{number // 256}.{number % 256}")[0].edge_id
        for number in range(4000)
    ]

    assert abs(first.count("eu-1") / len(first) - share) < 0.03
    assert {edge.edge_id for edge in rank_edges(best, edges, REGIONS, None)} == {"eu-1", "eu-2"}


def test_the_last_edge_of_a_region_serves_it_with_whatever_share() -> None:
    edges = [
        EdgeFacts("eu-1", "eu", "https://eu-1.example.org", holds=True, share=0.01),
        EdgeFacts("us-1", "us", "https://us-1.example.org", holds=True),
    ]
    ranked = rank_edges("a", edges, REGIONS, None, "192.0.2.1")

    assert [edge.edge_id for edge in ranked] == ["eu-1", "us-1"]
