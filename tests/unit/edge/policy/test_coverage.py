"""RFC 9110 §14, RFC 9111 §3.4: arithmetic of byte spans, held against sets of numbers."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.policy.coverage import (
    ALIGNMENT,
    Span,
    add_span,
    aligned,
    gaps,
    range_field,
    range_to_ask,
    to_ask,
    within,
)

MIB = 1024 * 1024
POSITIONS = st.integers(0, 40)
SPANS = st.tuples(POSITIONS, POSITIONS)
HELD = st.lists(SPANS, max_size=6).map(lambda spans: held(*spans))
LARGE_POSITIONS = st.one_of(
    st.integers(0, 6 * MIB),
    st.integers(0, 6).map(lambda times: times * MIB),
)
LARGE_HELD = st.lists(st.tuples(LARGE_POSITIONS, LARGE_POSITIONS), max_size=4).map(
    lambda spans: held(*spans)
)


def held(*spans: Span) -> tuple[Span, ...]:
    found: tuple[Span, ...] = ()
    for span in spans:
        found = add_span(found, span)
    return found


def numbers(*spans: Span) -> set[int]:
    """The model: all bytes of the spans."""
    return {number for start, stop in spans for number in range(start, stop)}


@given(HELD, SPANS)
def test_adding_a_span_adds_its_bytes(before: tuple[Span, ...], added: Span) -> None:
    assert numbers(*add_span(before, added)) == numbers(*before) | numbers(added)


@given(st.lists(SPANS, max_size=6))
def test_spans_are_in_order_and_apart(spans: list[Span]) -> None:
    found = held(*spans)

    assert all(start < stop for start, stop in found)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(found))


@given(st.lists(SPANS, max_size=5))
def test_the_order_in_which_spans_come_means_nothing(spans: list[Span]) -> None:
    assert held(*spans) == held(*reversed(spans)) == held(*sorted(spans))


@given(HELD, SPANS)
def test_gaps_are_what_is_wanted_and_not_held(before: tuple[Span, ...], wanted: Span) -> None:
    assert numbers(*gaps(before, wanted)) == numbers(wanted) - numbers(*before)


@given(HELD, SPANS)
def test_gaps_are_in_order_and_apart(before: tuple[Span, ...], wanted: Span) -> None:
    found = gaps(before, wanted)

    assert all(start < stop for start, stop in found)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(found))


@given(HELD, SPANS)
def test_what_fills_its_gaps_is_whole(before: tuple[Span, ...], wanted: Span) -> None:
    assert gaps(held(*before, *gaps(before, wanted)), wanted) == []


@given(HELD, POSITIONS)
def test_within_is_the_first_byte_that_is_missing(before: tuple[Span, ...], start: int) -> None:
    model = numbers(*before)

    assert within(before, start) == next(at for at in range(start, 99) if at not in model)


ORDERED = st.sets(LARGE_POSITIONS, min_size=2, max_size=3).map(sorted)


@given(ORDERED, st.booleans())
def test_alignment_grows_a_span_to_multiples_or_the_end(found: list[int], known: bool) -> None:
    start, stop, size = found[0], found[1], found[-1] if known else None
    left, right = aligned((start, stop), size)

    assert (left % ALIGNMENT, right == size or right % ALIGNMENT == 0) == (0, True)
    assert left <= start < left + ALIGNMENT
    assert stop <= right < stop + ALIGNMENT


ASKED = st.tuples(LARGE_HELD, ORDERED.map(lambda found: (found[0], found[1], found[-1])))
"""What is held, and start and stop of what is wanted of a representation of some size."""


@given(ASKED)
def test_rfc9111_3_4_what_is_asked_for_begins_what_is_missing(
    asked: tuple[tuple[Span, ...], tuple[int, int, int]],
) -> None:
    before, (start, stop, size) = asked
    missing = gaps(before, (start, stop))
    found = to_ask(before, (start, stop), size)

    if not missing:
        assert found is None
    else:
        assert found is not None
        assert found[0] <= missing[0][0] < found[1]


@given(ASKED)
def test_rfc9111_3_4_nothing_that_is_held_is_asked_for(
    asked: tuple[tuple[Span, ...], tuple[int, int, int]],
) -> None:
    before, (start, stop, size) = asked
    found = to_ask(before, (start, stop), size)

    assert found is None or gaps(before, found) == [found]


@given(ASKED)
def test_rfc9111_3_4_what_is_asked_for_is_within_the_alignment_of_what_is_wanted(
    asked: tuple[tuple[Span, ...], tuple[int, int, int]],
) -> None:
    before, (start, stop, size) = asked
    found = to_ask(before, (start, stop), size)
    left, right = aligned((start, stop), size)

    assert found is None or left <= found[0] < found[1] <= right


@given(ASKED)
def test_rfc9111_3_4_asking_until_nothing_is_missing_comes_to_an_end(
    asked: tuple[tuple[Span, ...], tuple[int, int, int]],
) -> None:
    before, (start, stop, size) = asked
    rounds = 0
    while (found := to_ask(before, (start, stop), size)) is not None:
        before = add_span(before, found)
        rounds += 1

    assert gaps(before, (start, stop)) == []
    assert rounds <= 5


@pytest.mark.parametrize(
    ("span", "size", "field"),
    [
        ((0, 1), 10, "bytes=0-0"),
        ((3, 9), 10, "bytes=3-8"),
        ((3, 10), 10, "bytes=3-"),
        ((0, 10), 10, "bytes=0-"),
        ((3, 10), None, "bytes=3-9"),
    ],
)
def test_rfc9110_14_1_2_a_span_as_a_range_field(span: Span, size: int | None, field: str) -> None:
    assert range_field(span, size) == field


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        (None, (None, None)),
        ("bytes=0-0", (f"bytes=0-{MIB - 1}", 0)),
        ("bytes=5-9", (f"bytes=0-{MIB - 1}", 5)),
        (f"bytes={MIB}-{MIB}", (f"bytes={MIB}-{2 * MIB - 1}", MIB)),
        (f"bytes={MIB - 1}-{MIB}", (f"bytes=0-{2 * MIB - 1}", MIB - 1)),
        (f"bytes={MIB + 1}-", (f"bytes={MIB}-", MIB + 1)),
        ("bytes=0-", (None, None)),
        ("bytes=7-", (None, None)),
        ("bytes=-7", ("bytes=-7", None)),
        ("bytes=0-0, 9-9", (None, None)),
        ("bytes=9-0", (None, None)),
        ("bytes=", (None, None)),
        ("seconds=0-1", (None, None)),
        ("nonsense", (None, None)),
    ],
)
def test_rfc9110_14_2_what_a_viewers_range_has_the_edge_ask_for(
    field: str | None, asked: tuple[str | None, int | None]
) -> None:
    assert range_to_ask(field) == asked
