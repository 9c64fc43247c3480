"""What must always hold of placement."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.placement import Candidate, desired_state, wanted_edges
from tests.unit.control_plane.records import announcement

names = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
fleets = st.dictionaries(names, st.sampled_from(["eu", "us", "ap"]), max_size=12).map(
    lambda regions: [Candidate(edge, region) for edge, region in regions.items()]
)
copies = st.integers(1, 4)


@given(names, fleets, copies)
def test_every_region_holds_as_many_copies_as_it_can(
    asset: str, fleet: list[Candidate], number: int
) -> None:
    wanted = wanted_edges(announcement(asset), fleet, copies_per_region=number)

    for region in {candidate.region for candidate in fleet}:
        here = [candidate for candidate in fleet if candidate.region == region]
        chosen = wanted.edges[region]
        assert len(chosen) == len(set(chosen)) == min(number, len(here))
        assert set(chosen) <= {candidate.edge_id for candidate in here}


@given(names, fleets, copies)
def test_the_order_of_the_fleet_does_not_matter(
    asset: str, fleet: list[Candidate], number: int
) -> None:
    package = announcement(asset)

    assert wanted_edges(package, fleet, copies_per_region=number) == wanted_edges(
        package, fleet[::-1], copies_per_region=number
    )


@given(names, fleets, copies)
def test_an_edge_that_joins_moves_only_what_it_takes(
    asset: str, fleet: list[Candidate], number: int
) -> None:
    package = announcement(asset)
    before = wanted_edges(package, fleet, copies_per_region=number).edges
    joined = [*fleet, Candidate("the-new-one", "eu")]
    after = wanted_edges(package, joined, copies_per_region=number).edges

    assert {region: edges for region, edges in after.items() if region != "eu"} == {
        region: edges for region, edges in before.items() if region != "eu"
    }
    gone = set(before.get("eu", ())) - set(after["eu"])
    new = set(after["eu"]) - set(before.get("eu", ()))
    assert new <= {"the-new-one"}
    assert len(gone) <= len(new)


@given(names, fleets.filter(bool), copies)
def test_an_edge_that_leaves_changes_only_what_it_had(
    asset: str, fleet: list[Candidate], number: int
) -> None:
    package = announcement(asset)
    gone, *rest = fleet
    before = wanted_edges(package, fleet, copies_per_region=number).edges
    after = wanted_edges(package, rest, copies_per_region=number).edges

    for region, edges in before.items():
        if gone.edge_id not in edges:
            assert after.get(region, ()) == edges
        else:
            assert set(edges) - {gone.edge_id} <= set(after.get(region, ()))


def test_assets_spread_over_the_edges_of_a_region() -> None:
    fleet = [Candidate(f"eu-{number}", "eu") for number in range(10)]
    counts = dict.fromkeys((candidate.edge_id for candidate in fleet), 0)
    for number in range(2000):
        package = announcement(f"asset{number}")
        for edge in wanted_edges(package, fleet, copies_per_region=2).edges["eu"]:
            counts[edge] += 1

    assert sum(counts.values()) == 4000
    assert max(counts.values()) < 1.25 * 400
    assert min(counts.values()) > 0.75 * 400


@given(st.lists(st.tuples(names, names), unique=True, max_size=6))
def test_the_revision_says_what_is_desired_and_nothing_else(
    packages: list[tuple[str, str]],
) -> None:
    fleet = [Candidate("eu-1", "eu")]
    placement = [
        wanted_edges(announcement(asset, version), fleet, copies_per_region=1)
        for asset, version in packages
    ]
    state = desired_state("eu-1", placement)

    assert state.revision > 0
    assert state == desired_state("eu-1", placement[::-1])
    assert len(state.packages) == len(packages)
    if placement:
        assert desired_state("eu-1", placement[1:]).revision != state.revision


def test_an_edge_is_asked_only_for_what_is_placed_on_it() -> None:
    fleet = [Candidate("eu-1", "eu"), Candidate("us-1", "us")]
    placement = [wanted_edges(announcement("a"), fleet[:1], copies_per_region=1)]

    assert desired_state("us-1", placement).packages == ()
    assert [p.asset_id for p in desired_state("eu-1", placement).packages] == ["a"]


def test_another_manifest_is_another_revision() -> None:
    fleet = [Candidate("eu-1", "eu")]
    first = wanted_edges(announcement("a"), fleet, copies_per_region=1)
    second = wanted_edges(announcement("a", manifest_sha256="cd" * 32), fleet, copies_per_region=1)

    assert desired_state("eu-1", [first]).revision != desired_state("eu-1", [second]).revision
