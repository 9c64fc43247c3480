"""Passages: merged, cut, counted; as properties of what hypothesis makes up."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ingest.filter.passages import Passage, between_marks, common_to, merged, runs, total, within

TIMES = st.integers(0, 60)
PASSAGES = st.lists(
    st.tuples(TIMES, st.integers(1, 20)).map(lambda at: Passage(at[0], at[0] + at[1])), max_size=12
)


def seconds_in(passages: tuple[Passage, ...] | list[Passage]) -> set[int]:
    """The whole seconds that `passages`, which begin and end on such, cover."""
    return {second for one in passages for second in range(int(one.start), int(one.end))}


@given(PASSAGES)
def test_merging_keeps_what_is_covered_and_leaves_gaps_between(passages: list[Passage]) -> None:
    found = merged(passages)

    assert seconds_in(found) == seconds_in(passages)
    assert total(found) == len(seconds_in(passages))
    assert all(one.end < other.start for one, other in itertools.pairwise(found))


@given(PASSAGES, st.integers(0, 10))
def test_merging_closes_gaps_up_to_a_length_and_no_others(
    passages: list[Passage], gap: int
) -> None:
    found = merged(passages, gap=gap)

    assert seconds_in(found) >= seconds_in(passages)
    assert all(other.start - one.end > gap for one, other in itertools.pairwise(found))


@given(PASSAGES, PASSAGES)
def test_what_is_common_is_what_both_cover(left: list[Passage], right: list[Passage]) -> None:
    found = common_to(merged(left), merged(right))

    assert seconds_in(found) == seconds_in(left) & seconds_in(right)
    assert total(found) == len(seconds_in(found))


@given(PASSAGES, st.integers(1, 60))
def test_what_is_within_a_video_does_not_leave_it(passages: list[Passage], seconds: int) -> None:
    shifted = [Passage(one.start - 5, one.end - 5) for one in passages]

    assert seconds_in(within(shifted, seconds)) == seconds_in(shifted) & set(range(seconds))


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_runs_are_the_longest_there_are(flags: list[bool], least: int) -> None:
    found = runs(flags, least=least)

    for run in found:
        assert len(run) >= least
        assert all(flags[index] for index in run)
        assert run.start == 0 or not flags[run.start - 1]
        assert run.stop == len(flags) or not flags[run.stop]
    in_runs = {index for run in found for index in run}
    single = {index for run in runs(flags) for index in run}
    assert single == {index for index, flag in enumerate(flags) if flag}
    assert in_runs <= single


def test_marks_become_passages() -> None:
    marks = [(True, 1.0), (False, 4.0), (True, 5.0), (False, 5.5), (True, 8.0)]

    assert between_marks(marks, end=10.0, least=2.0) == (Passage(1.0, 4.0), Passage(8.0, 10.0))


@given(st.lists(st.tuples(st.booleans(), TIMES), max_size=20), TIMES)
def test_no_order_of_marks_makes_passages_that_are_none(
    marks: list[tuple[bool, int]], end: int
) -> None:
    found = between_marks(marks, end=end, least=1)

    assert all(one.seconds >= 1 for one in found)
