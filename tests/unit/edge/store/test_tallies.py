"""What processes count together: several of them here, as each has a mapping of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.policy.limits import ConnectionCounts, RequestRate
from edge.store import tallies
from edge.store.tallies import ColumnsTaken, SharedMoments, Tallies

Start = Callable[[], Tallies]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts one process more of an edge of two workers."""
    started = []

    def begun() -> Tallies:
        started.append(Tallies(tmp_path, 2))
        return started[-1]

    yield begun
    for one in started:
        one.close()


def test_connections_are_counted_whichever_process_has_them(start: Start) -> None:
    one, other = (ConnectionCounts(3, 2, start()) for _ in range(2))

    assert [one.admits("a"), other.admits("a"), one.admits("a"), other.admits("a")] == [
        *(True, True, False, False)
    ]
    assert one.admits("b")
    assert not other.admits("c"), "there are three"
    one.left("a")
    assert other.admits("c")
    assert (one.open, other.open) == (3, 3)


def test_a_process_that_ends_leaves_nothing_behind(start: Start) -> None:
    one, other = start(), start()
    one.add("a", 5)
    other.add("a", 1)
    one.close()
    # A connection that is lost too late.
    one.add("a", -1)

    assert (other.all(), other.of("a")) == (1, 1)


def test_who_starts_next_clears_what_a_killed_process_has_counted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, other = start(), start()
    killed.add("a", 5)
    other.add("a", 1)
    with monkeypatch.context() as patched:
        # The end of a process lets go of its lock, and that is all it does.
        patched.setattr(Tallies, "_clear", lambda *_: None)
        killed.close()
    assert other.of("a") == 6

    fresh = start()
    assert (fresh.of("a"), fresh.all()) == (1, 1)


def test_old_and_new_processes_count_side_by_side(start: Start) -> None:
    processes = [start() for _ in range(4)]
    for one in processes:
        one.add("a", 1)

    assert processes[0].of("a") == processes[0].all() == 4
    with pytest.raises(ColumnsTaken):
        start()


def test_a_burst_is_a_burst_whichever_process_is_asked(start: Start) -> None:
    one, other = (RequestRate(1.0, 5, SharedMoments(start())) for _ in range(2))

    assert [rate.admits("a", 7.0) for rate in (one, other) * 4] == [True] * 5 + [False] * 3
    assert one.admits("b", 7.0)
    assert [other.admits("a", 8.0), one.admits("a", 8.0)] == [True, False]


def test_a_rate_outlives_the_process_that_was_asked(start: Start) -> None:
    killed = start()
    rate = RequestRate(1.0, 1, SharedMoments(killed))
    start()
    assert rate.admits("a", 0.0)
    killed.close()

    assert not RequestRate(1.0, 1, SharedMoments(start())).admits("a", 0.0)


def test_who_shares_one_place_with_many_is_not_refused_for_them(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"a": (1, 2), "b": (2, 3), "c": (1, 4), "d": (1, 2)}
    monkeypatch.setattr(tallies, "_places", lambda _, client: places[client])
    one = start()
    counts = ConnectionCounts(1000, 10, one)
    rate = RequestRate(1.0, 10, SharedMoments(one))
    for _ in range(10):
        assert counts.admits("b")
        assert rate.admits("b", 0.0)

    assert counts.admits("a")
    assert rate.admits("a", 0.0)
    for _ in range(10):
        counts.admits("c")
        rate.admits("c", 0.0)
    # Both places are full of others: too early, never too late.
    assert not counts.admits("d")
    assert not rate.admits("d", 0.0)


def test_nobody_can_tell_beforehand_who_shares_places(tmp_path: Path) -> None:
    found = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        started = [Tallies(tmp_path / name, 2) for _ in range(2)]
        assert started[0].places("192.0.2.1") == started[1].places("192.0.2.1")
        found.add(started[0].places("192.0.2.1"))
        for one in started:
            one.close()

    assert len(found) == 2


def test_what_is_taken_back_leaves_later_moments_of_others(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"a": (1, 2), "b": (2, 3), "c": (1, 4)}
    monkeypatch.setattr(tallies, "_places", lambda _, client: places[client])
    rate = RequestRate(1.0, 2, SharedMoments(start()))
    assert [rate.admits("b", 0.0) for _ in range(3)] == [True, True, False]
    assert [rate.admits("a", 0.0) for _ in range(3)] == [True, True, False]

    rate.take_back("a")

    assert [rate.admits("a", 0.0) for _ in range(2)] == [True, False]
    assert not rate.admits("b", 0.0)
