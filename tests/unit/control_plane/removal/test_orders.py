"""What edges are told of removals, and what removals wait for."""

from typing import Any

from common.messages import EdgeRemovalState, EdgeState, RemovalState
from control_plane.catalog import Removal
from control_plane.removal.orders import is_done, ordered, view_of


def removal(name: str = "r1", **changes: Any) -> Removal:
    given: dict[str, Any] = {"asset_id": "a", "versions": ("1", "2"), "by": "ann", "at": 1.0}
    return Removal(removal_id=name, **{**given, **changes})


def test_edges_are_told_the_prefixes_of_all_versions() -> None:
    (told,) = ordered([removal()]).removals

    assert told.removal_id == "r1"
    assert told.prefixes == ("v/a/1", "v/a/2")


def test_the_revision_changes_exactly_when_the_removals_do() -> None:
    one, two = ordered([removal()]), ordered([removal(), removal("r2")])

    assert ordered([]).revision == 0
    assert len({0, one.revision, two.revision}) == 3
    assert ordered([removal(edges={"eu-1": 2.0}, deleted=3)]).revision == one.revision
    assert ordered([removal("r2"), removal()]).revision == two.revision
    assert two.revision < 2**53


def test_a_removal_waits_for_the_origin_and_for_every_edge() -> None:
    confirmed = {"eu-1": 2.0, "eu-2": 3.0}

    assert is_done(removal(emptied_at=2.0, edges=confirmed), ["eu-1", "eu-2"])
    assert is_done(removal(emptied_at=2.0, edges=confirmed), ["eu-1"])
    assert is_done(removal(emptied_at=2.0), [])
    assert not is_done(removal(edges=confirmed), ["eu-1", "eu-2"])
    assert not is_done(removal(emptied_at=2.0, edges=confirmed), ["eu-1", "us-1"])


def test_each_edge_is_shown_as_it_is() -> None:
    health = {"eu-1": EdgeState.UP, "eu-2": EdgeState.STARTING, "us-1": EdgeState.DOWN}
    view = view_of(removal(edges={"eu-1": 2.5}), health, current="3", trouble="It is away.")

    assert view.state is RemovalState.REMOVING
    assert [(edge.edge_id, edge.state, edge.confirmed_at) for edge in view.edges] == [
        ("eu-1", EdgeRemovalState.CONFIRMED, 2.5),
        ("eu-2", EdgeRemovalState.PENDING, None),
        ("us-1", EdgeRemovalState.AWAY, None),
    ]
    assert (view.origin.trouble, view.current) == ("It is away.", "3")


def test_what_is_done_shows_who_confirmed_it_and_nothing_of_today() -> None:
    done = removal(emptied_at=2.0, deleted=7, edges={"eu-1": 2.5}, done_at=3.0)
    view = view_of(done, {"new-1": EdgeState.UP}, current=None, trouble="It is away.")

    assert view.state is RemovalState.DONE
    assert [edge.edge_id for edge in view.edges] == ["eu-1"]
    assert (view.origin.deleted, view.origin.trouble, view.done_at) == (7, None, 3.0)
