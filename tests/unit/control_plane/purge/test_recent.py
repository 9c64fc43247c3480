"""What edges are told, from what a control plane remembers of the log."""

import pytest

from common.messages import OrderedPurges
from control_plane.purge import PurgeRecord
from control_plane.purge.recent import TOLD_AT_ONCE, RecentPurges
from tests.unit.control_plane.purge.records import purge, purges


def take(recent: RecentPurges, records: list[PurgeRecord]) -> bool:
    """Has ``recent`` take them, and edges told."""
    taken = recent.take(records)
    recent.tell()
    return taken


def told(recent: RecentPurges, sequence: int) -> list[int]:
    answer = recent.since(sequence)
    assert (answer.since, answer.head, answer.lost) == (sequence, recent.head, False)
    return [each.sequence for each in answer.purges]


def test_without_purges_there_is_nothing_to_tell() -> None:
    recent = RecentPurges()

    assert recent.since(0) == OrderedPurges(0, 0, ())
    assert recent.last is None


def test_an_edge_is_told_what_follows_on_what_it_has() -> None:
    recent = RecentPurges()
    assert take(recent, purges(1, 5))

    assert told(recent, 0) == [1, 2, 3, 4, 5]
    assert told(recent, 3) == [4, 5]
    assert told(recent, 5) == []
    assert recent.since(4).purges == (purge(5).ordered,)


def test_the_answer_to_all_that_keep_up_is_made_once() -> None:
    recent = RecentPurges()
    take(recent, purges(1, 5))

    assert recent.since(4) is recent.since(4)
    first = recent.since(4)
    take(recent, purges(6, 6))
    assert recent.since(4) is not first
    assert told(recent, 4) == [5, 6]


def test_what_was_taken_already_is_left_out() -> None:
    recent = RecentPurges()
    take(recent, purges(1, 3))

    assert take(recent, purges(2, 5))
    assert told(recent, 0) == [1, 2, 3, 4, 5]


def test_nothing_is_taken_beyond_a_gap() -> None:
    recent = RecentPurges()

    assert not take(recent, purges(2, 3))
    assert recent.head == 0
    assert not take(recent, [*purges(1, 2), *purges(4, 5)])
    assert told(recent, 0) == [1, 2]


def test_a_log_that_was_trimmed_begins_where_it_does() -> None:
    recent = RecentPurges(after=10)
    assert take(recent, purges(11, 12))

    assert told(recent, 10) == [11, 12]
    assert recent.since(9) == OrderedPurges(9, 12, (), lost=True)


def test_as_many_are_told_at_once_as_fit_into_an_answer() -> None:
    recent = RecentPurges()
    last = 2 * TOLD_AT_ONCE + 500
    take(recent, purges(1, last))

    assert told(recent, 0) == list(range(1, TOLD_AT_ONCE + 1))
    assert told(recent, 2 * TOLD_AT_ONCE) == list(range(2 * TOLD_AT_ONCE + 1, last + 1))


@pytest.mark.parametrize("known", [6, 2**53])
def test_a_number_that_was_never_given_is_of_another_log(known: int) -> None:
    recent = RecentPurges()
    take(recent, purges(1, 5))

    assert recent.since(known) == OrderedPurges(known, 5, (), lost=True)


def test_it_does_not_grow_without_bound() -> None:
    recent = RecentPurges(kept=100)
    for number in range(1, 1001):
        take(recent, [purge(number)])

    assert told(recent, 900) == list(range(901, 1001))
    assert recent.since(800).lost
    assert recent.head == 1000


def test_edges_are_told_of_nothing_before_its_time() -> None:
    recent = RecentPurges()
    take(recent, purges(1, 3))
    recent.take(purges(4, 5))

    assert recent.since(1) == OrderedPurges(1, 3, tuple(each.ordered for each in purges(2, 3)))
    assert recent.since(4).purges == ()
    recent.tell()
    assert told(recent, 1) == [2, 3, 4, 5]


def test_it_has_what_stands_under_its_number_alone() -> None:
    recent = RecentPurges(after=4)
    recent.take([purge(5), purge(6)])

    assert recent.has(purge(5))
    assert recent.has(purge(6))
    assert not recent.has(purge(6, purge_id="another"))
    assert not recent.has(purge(4))
    assert not recent.has(purge(7))
