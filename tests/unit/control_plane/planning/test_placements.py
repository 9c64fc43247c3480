"""What edges are told of the plan."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import DesiredChange, PackageName
from control_plane.catalog import History, Package, Tombstone
from control_plane.planning import Placements, PlanRow
from control_plane.planning.placements import follows
from tests.unit.control_plane.records import announcement

EDGES = ("eu-1", "eu-2", "us-1")


def library(*assets: str) -> History:
    return History.of(Package(announcement(asset), 1.0) for asset in assets)


def row(revision: int, asset: str, *edges: str, lost: Iterable[str] = ()) -> PlanRow:
    return PlanRow(asset, edges, revision, urgent=False, priority=0.5, lost=tuple(lost))


def wanted(change: DesiredChange | None) -> list[str]:
    return [package.asset_id for package in change.packages] if change else []


def test_an_edge_that_knows_nothing_is_told_everything() -> None:
    placements = Placements(library("a", "b", "c"))
    placements.take([row(1, "a", "eu-1"), row(1, "b", "us-1"), row(2, "c", "eu-1", "us-1")])

    change = placements.change("eu-1", 0)
    assert change is not None
    assert (change.since, change.revision) == (0, 2)
    assert sorted(wanted(change)) == ["a", "c"]


def test_an_edge_is_told_what_changed_since_it_asked() -> None:
    placements = Placements(library("a", "b", "c"))
    placements.take([row(1, "a", "eu-1"), row(2, "b", "eu-1"), row(3, "c", "us-1")])
    placements.take([row(4, "b", "us-1", lost=["eu-1"])])

    change = placements.change("eu-1", 2)
    assert change == DesiredChange("eu-1", 2, 4, (), (PackageName("b", "1"),))
    assert placements.change("eu-1", 4) is None


def test_what_is_of_no_concern_to_an_edge_is_no_news_to_it() -> None:
    placements = Placements(library("a", "b"))
    placements.take([row(1, "a", "eu-1")])
    placements.take([row(2, "b", "us-1")])

    assert placements.revision("eu-1") == 1
    assert placements.change("eu-1", 1) is None
    assert placements.change("ap-1", 0) is None


def test_an_edge_from_a_future_that_was_lost_is_told_everything() -> None:
    placements = Placements(library("a"))
    placements.take([row(1, "a", "eu-1")])

    change = placements.change("eu-1", 7)
    assert change is not None
    assert (change.since, wanted(change)) == (0, ["a"])
    assert placements.change("ap-1", 7) == DesiredChange("ap-1", 0, 0, ())


def test_without_any_plan_edges_keep_what_they_hold() -> None:
    assert Placements(library("a")).change("eu-1", 7) is None


def test_after_another_plan_took_its_place_every_edge_is_told_everything_once() -> None:
    placements = Placements(library("a", "b"))
    placements.take([row(1, "a", "eu-1"), row(9, "b", "eu-1", "us-1")])
    placements.replace([row(1, "a", "eu-1"), row(4, "a", "eu-1")])
    placements.take([row(12, "b", "us-1")])

    assert (placements.head, placements.edges("b")) == (12, ("us-1",))
    for edge, known in (("eu-1", 9), ("us-1", 9)):
        change = placements.change(edge, known)
        assert change is not None
        assert change.since == 0
        # Its answer was lost on the way.
        assert placements.change(edge, min(known, change.revision - 1)) == change
        assert placements.change(edge, change.revision) is None
    placements.take([row(13, "a", "eu-1", "us-1")])
    change = placements.change("us-1", 12)
    assert change is not None
    assert (change.since, wanted(change)) == (12, ["a"])


def test_an_edge_that_has_by_chance_the_number_of_another_plan_is_told_everything() -> None:
    placements = Placements(library("a", "b"))
    placements.take([row(5, "a", "eu-1")])
    placements.replace([row(5, "b", "eu-1")])

    change = placements.change("eu-1", 5)
    assert change is not None
    assert (change.since, change.revision, wanted(change)) == (0, 5, ["b"])
    assert placements.change("eu-1", 5) is None


@pytest.mark.parametrize(
    ("rows", "same"),
    [
        ([row(7, "a", "eu-1"), row(7, "b", "us-1")], True),
        ([row(7, "a", "eu-1"), row(8, "b", "eu-1")], True),
        ([row(8, "a"), row(9, "b"), row(9, "c", "eu-1")], True),
        ([row(7, "a", "eu-1"), row(7, "b", "eu-1")], False),
        ([row(7, "a", "eu-1")], False),
        ([row(7, "a", "eu-1"), row(7, "b", "us-1"), row(7, "c", "us-1")], False),
        ([row(8, "c", "us-1")], False),
        ([], False),
    ],
)
def test_rows_follow_on_a_revision_that_says_the_same(rows: list[PlanRow], same: bool) -> None:
    placements = Placements(library("a", "b", "c"))
    placements.take([row(6, "c", "us-1"), row(7, "a", "eu-1"), row(7, "b", "us-1")])

    assert placements.last == {"a": ("eu-1",), "b": ("us-1",)}
    assert follows(rows, 7, placements.last) is same


def test_versions_that_were_removed_are_dropped_and_the_others_stay() -> None:
    history = History.of([Package(announcement(version=version), 1.0) for version in ("1", "2")])
    placements = Placements(history)
    placements.take([row(1, "a", "eu-1")])
    history.take(tombstones=[Tombstone("r", "a", ("1",))])
    placements.take([row(2, "a", "eu-1")])

    change = placements.change("eu-1", 1)
    assert change is not None
    assert [package.version for package in change.packages] == ["2"]
    assert change.dropped == (PackageName("a", "1"),)


def test_a_row_that_comes_late_is_not_taken() -> None:
    placements = Placements(library("a"))
    placements.take([row(2, "a", "eu-2")])
    placements.take([row(1, "a", "eu-1")])

    assert placements.edges("a") == ("eu-2",)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sets(st.sampled_from(EDGES))), min_size=1, max_size=20
    ),
    st.data(),
)
def test_changes_one_after_another_come_to_the_whole(
    moves: list[tuple[str, set[str]]], data: st.DataObject
) -> None:
    placements = Placements(library(*"abcd"))
    held: dict[str, set[str]] = {edge: set() for edge in EDGES}
    known = dict.fromkeys(EDGES, 0)

    def follow(edge: str) -> None:
        change = placements.change(edge, known[edge])
        if change is not None:
            if change.since == 0:
                held[edge] = set()
            held[edge] |= set(wanted(change))
            held[edge] -= {name.asset_id for name in change.dropped}
            known[edge] = change.revision

    for revision, (asset, edges) in enumerate(moves, start=1):
        before = placements.row(asset)
        had = {*before.edges, *before.lost} if before else set()
        placements.take([row(revision, asset, *sorted(edges), lost=sorted(had - edges))])
        for edge in data.draw(st.sets(st.sampled_from(EDGES))):
            follow(edge)
    for edge in EDGES:
        follow(edge)
        assert held[edge] == {asset for asset in "abcd" if edge in placements.edges(asset)}
