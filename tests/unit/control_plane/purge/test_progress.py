"""How far edges are with purges."""

from common.messages import EdgePurge, EdgePurgeState, PurgeState
from control_plane.purge import KnownEdge
from control_plane.purge.progress import REMEMBERED, Progress
from tests.unit.control_plane.purge.records import purge

PENDING, CONFIRMED, AWAY = EdgePurgeState


def known(edge_id: str, *, away: bool = False, purges: int = 0) -> KnownEdge:
    return KnownEdge(edge_id, away, purges)


def test_a_purge_is_done_when_every_edge_that_is_not_away_has_done_it() -> None:
    progress = Progress()
    edges = [known("eu-1"), known("eu-2"), known("us-1", away=True)]
    assert progress.note("eu-1", 0, head=0, now=1.0)
    assert progress.note("eu-1", 1, head=1, now=2.0)

    view = progress.view(purge(1), edges)
    assert view.state is PurgeState.PURGING
    assert view.edges == (
        EdgePurge("eu-1", CONFIRMED, 2.0),
        EdgePurge("eu-2", PENDING),
        EdgePurge("us-1", AWAY),
    )

    progress.note("eu-2", 1, head=1, now=3.0)
    assert progress.view(purge(1), edges).state is PurgeState.DONE
    back = [*edges[:2], known("us-1")]
    assert progress.view(purge(1), back).state is PurgeState.PURGING


def test_without_edges_a_purge_is_done() -> None:
    assert Progress().view(purge(1), []).state is PurgeState.DONE
    assert Progress().floor([], head=7) == 7


def test_a_number_stands_for_all_before_it() -> None:
    progress = Progress()
    for sequence, now in ((2, 1.0), (5, 2.0), (9, 3.0)):
        progress.note("eu-1", sequence, head=9, now=now)

    shown = [progress.view(purge(n), [known("eu-1")]).edges[0] for n in (1, 3, 5, 6, 9, 10)]
    assert [edge.confirmed_at for edge in shown] == [None, 2.0, 2.0, 3.0, 3.0, None]
    assert [edge.state for edge in shown] == [CONFIRMED] * 5 + [PENDING]


def test_what_is_told_again_is_no_news() -> None:
    progress = Progress()
    assert progress.note("eu-1", 3, head=3, now=1.0)

    assert not progress.note("eu-1", 3, head=3, now=2.0)


def test_an_edge_that_begins_anew_is_believed() -> None:
    progress = Progress()
    progress.note("eu-1", 5, head=5, now=1.0)

    assert progress.note("eu-1", 0, head=5, now=2.0)

    assert progress.view(purge(5), [known("eu-1")]).edges == (EdgePurge("eu-1", PENDING),)
    progress.note("eu-1", 5, head=5, now=3.0)
    assert progress.view(purge(5), [known("eu-1")]).edges == (EdgePurge("eu-1", CONFIRMED, 3.0),)


def test_a_number_that_was_never_given_proves_nothing() -> None:
    progress = Progress()

    assert not progress.note("eu-1", 500, head=3, now=1.0)

    assert progress.view(purge(1), [known("eu-1")]).edges == (EdgePurge("eu-1", PENDING),)
    assert progress.reached("eu-1") == 0


def test_heartbeats_tell_too_but_take_nothing_back() -> None:
    progress = Progress()
    progress.note("eu-1", 5, head=9, now=1.0)

    progress.note_heartbeats([known("eu-1", purges=3), known("eu-2", purges=7)], head=9, now=2.0)

    assert (progress.reached("eu-1"), progress.reached("eu-2")) == (5, 7)
    assert progress.floor([known("eu-1"), known("eu-2")], head=9) == 5
    assert progress.floor([known("eu-1", away=True), known("eu-2")], head=9) == 7


def test_times_of_long_ago_are_forgotten() -> None:
    progress = Progress()
    for number in range(10 * REMEMBERED):
        progress.note("eu-1", number, head=10**6, now=float(number))

    def confirmed_at(number: int) -> float | None:
        return progress.view(purge(number), [known("eu-1")]).edges[0].confirmed_at

    assert confirmed_at(1) is None
    assert confirmed_at(9 * REMEMBERED + 1) == float(9 * REMEMBERED + 1)
    assert confirmed_at(10 * REMEMBERED - 1) == float(10 * REMEMBERED - 1)
