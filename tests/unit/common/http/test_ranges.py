"""RFC 9110 §14: which bytes a Range field asks for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import (
    ByteRange,
    NoRange,
    RangeSpec,
    parse_range,
    select_range,
    select_ranges,
)
from common.http.ranges import LONGEST_FIELD, MOST_RANGES, SMALLEST_GAP


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=0-499", ByteRange(0, 500)),
        ("bytes=500-999", ByteRange(500, 1000)),
        ("bytes=9500-", ByteRange(9500, 10000)),
        ("bytes=-500", ByteRange(9500, 10000)),
        ("bytes=-1", ByteRange(9999, 10000)),
        ("bytes=-20000", ByteRange(0, 10000)),
        ("bytes=9999-20000", ByteRange(9999, 10000)),
        ("bytes=0-99999999999999999999999999", ByteRange(0, 10000)),
        ("bytes=-99999999999999999999999999", ByteRange(0, 10000)),
        ("BYTES=0-1", ByteRange(0, 2)),
        (" bytes=0-1\t", ByteRange(0, 2)),
        ("bytes= 0-1 ", ByteRange(0, 2)),
        ("bytes=,0-1,,", ByteRange(0, 2)),
        ("bytes=0000000000000000000000000001-2", ByteRange(1, 3)),
    ],
)
def test_one_range_is_its_bytes(field: str, expected: ByteRange) -> None:
    assert select_range(field, 10000) == expected


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=2-1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes =1-2",
        "bytes=١-٢",
        "bytes=0x1-2",
        "bytes=0-1, 5-2",
        "bytes=0-1; 2-3",
        "items=0-1",
        "=0-1",
        "bytes=0-1" + " " * LONGEST_FIELD,
        "bytes=" + ",".join(["0-1"] * (MOST_RANGES + 1)),
    ],
)
def test_what_breaks_the_grammar_is_ignored(field: str) -> None:
    assert select_range(field, 10000) is NoRange.WHOLE


def test_no_field_asks_for_the_whole() -> None:
    assert select_range(None, 10000) is NoRange.WHOLE


@pytest.mark.parametrize("field", ["bytes=0-1,4-5", "bytes=0-1,99999-", "bytes=-1,-2"])
def test_where_one_range_is_all_that_can_be_sent_several_are_the_whole(field: str) -> None:
    assert select_range(field, 10000) is NoRange.WHOLE


@pytest.mark.parametrize(
    "field", ["bytes=10000-", "bytes=10000-20000", "bytes=-0", "bytes=10000-,20000-"]
)
def test_ranges_without_a_byte_are_unsatisfiable(field: str) -> None:
    assert select_range(field, 10000) is NoRange.UNSATISFIABLE


@pytest.mark.parametrize("field", ["bytes=0-", "bytes=0-0", "bytes=-0"])
def test_nothing_satisfies_a_range_of_nothing(field: str) -> None:
    assert select_range(field, 0) is NoRange.UNSATISFIABLE


def test_the_suffix_of_nothing_is_the_whole_of_it() -> None:
    assert select_range("bytes=-5", 0) is NoRange.WHOLE


def test_parsing_tells_each_range_before_the_size_is_known() -> None:
    assert parse_range("bytes=1-2, 3-, -4") == (
        RangeSpec(1, 2),
        RangeSpec(3, None),
        RangeSpec(None, 4),
    )


def test_content_range_tells_first_last_and_size() -> None:
    assert ByteRange(5, 10).content_range(20) == "bytes 5-9/20"


@pytest.mark.parametrize(
    ("range_set", "expected"),
    [
        ("0-499", [(0, 500)]),
        ("0-499,1000-1499", [(0, 500), (1000, 1500)]),
        ("1000-1499,0-499", [(1000, 1500), (0, 500)]),
        ("-500,0-0", [(9500, 10000), (0, 1)]),
        ("0-0,99999-", [(0, 1)]),
        ("99999-,-1", [(9999, 10000)]),
        ("0-499,500-999", [(0, 1000)]),
        ("0-499,400-999", [(0, 1000)]),
        ("0-999,100-199", [(0, 1000)]),
        ("0-499,0-499", [(0, 500)]),
        (f"0-499,{499 + SMALLEST_GAP}-999", [(0, 1000)]),
        (f"0-499,{500 + SMALLEST_GAP}-999", [(0, 500), (500 + SMALLEST_GAP, 1000)]),
        ("5000-5999,0-99,6000-6999", [(5000, 7000), (0, 100)]),
        ("6000-6999,0-99,5000-5999", [(5000, 7000), (0, 100)]),
        ("0-0,200-200,100-100", [(0, 201)]),
    ],
)
def test_near_ranges_are_joined_and_the_others_keep_their_order(
    range_set: str, expected: list[tuple[int, int]]
) -> None:
    assert select_ranges(f"bytes={range_set}", 10000) == tuple(
        ByteRange(start, stop) for start, stop in expected
    )


@pytest.mark.parametrize(
    "range_set",
    [
        "0-,0-,0-",
        "0-99,50-149,100-199",
        "0-999,0-9,500-509",
        "0-99,50-149,5000-5099,5050-5149",
        "-1,-2,-3",
        ",".join(f"5-{last}" for last in range(100, 160)),
        ",".join(["0-"] * 1300),
        ",".join(f"{first}-{first}" for first in range(0, 1000, 10)),
    ],
)
def test_ranges_that_overlap_often_or_are_many_are_ignored(range_set: str) -> None:
    assert select_ranges(f"bytes={range_set}", 10000) is NoRange.WHOLE


def test_ranges_that_only_touch_do_not_overlap() -> None:
    touching = ",".join(f"{first}-{first + 9}" for first in range(0, 600, 10))
    assert select_ranges(f"bytes={touching}", 10000) == (ByteRange(0, 600),)


def test_as_many_ranges_as_may_be_are_selected() -> None:
    asked = [ByteRange(first, first + 1) for first in range(0, 1000 * MOST_RANGES, 1000)]
    field = "bytes=" + ",".join(f"{found.start}-{found.start}" for found in asked)
    assert select_ranges(field, 10**6) == tuple(asked)


@pytest.mark.parametrize("field", [None, "", "bytes=", "items=0-1", "bytes=0-1,2-1", "bytes=0-1;"])
def test_several_ranges_that_break_the_grammar_are_the_whole(field: str | None) -> None:
    assert select_ranges(field, 10000) is NoRange.WHOLE


def test_several_ranges_without_a_byte_are_unsatisfiable() -> None:
    assert select_ranges("bytes=10000-,-0", 10000) is NoRange.UNSATISFIABLE


def test_the_suffix_of_nothing_among_several_is_the_whole_of_it() -> None:
    assert select_ranges("bytes=0-,-5", 0) is NoRange.WHOLE


RANGE_SETS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 300)), min_size=1, max_size=10)


@given(RANGE_SETS, st.integers(0, 3000))
def test_selected_ranges_hold_every_byte_asked_for(asked: list[tuple[int, int]], size: int) -> None:
    field = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in asked)
    selected = select_ranges(field, size)
    wanted = {byte for first, more in asked for byte in range(first, min(first + more + 1, size))}
    if isinstance(selected, NoRange):
        assert (selected is NoRange.UNSATISFIABLE) == (not wanted)
    else:
        assert wanted <= {byte for part in selected for byte in range(part.start, part.stop)}


@given(RANGE_SETS, st.integers(0, 3000))
def test_selected_ranges_keep_a_gap_between_them(asked: list[tuple[int, int]], size: int) -> None:
    field = "bytes=" + ",".join(f"{first}-{first + more}" for first, more in asked)
    selected = select_ranges(field, size)
    if not isinstance(selected, NoRange):
        ascending = sorted(selected, key=lambda part: part.start)
        for before, after in itertools.pairwise(ascending):
            assert after.start - before.stop >= SMALLEST_GAP


@given(RANGE_SETS.map(lambda asked: asked[:1]), st.integers(0, 3000))
def test_one_range_is_selected_alike_whether_several_can_be_sent(
    asked: list[tuple[int, int]], size: int
) -> None:
    field = f"bytes={asked[0][0]}-{sum(asked[0])}"
    one, several = select_range(field, size), select_ranges(field, size)
    assert several == (one if isinstance(one, NoRange) else (one,))


@given(st.text(max_size=200) | st.text("0123456789-, ", max_size=200), st.integers(0, 2**63))
def test_any_ranges_lie_within_the_representation(text: str, size: int) -> None:
    for field in (text, f"bytes={text}"):
        selected = select_ranges(field, size)
        if not isinstance(selected, NoRange):
            assert selected
            assert all(0 <= part.start < part.stop <= size for part in selected)


@given(st.text(max_size=200), st.integers(0, 2**63))
def test_any_text_is_answered_within_the_representation(text: str, size: int) -> None:
    for field in (text, f"bytes={text}"):
        selected = select_range(field, size)
        if isinstance(selected, ByteRange):
            assert 0 <= selected.start < selected.stop <= size


@given(st.binary(min_size=1, max_size=64), st.integers(0, 80), st.integers(0, 80))
def test_a_range_selects_what_slicing_selects(body: bytes, first: int, extra: int) -> None:
    selected = select_range(f"bytes={first}-{first + extra}", len(body))
    expected = body[first : first + extra + 1]
    if isinstance(selected, ByteRange):
        assert body[selected.start : selected.stop] == expected
    else:
        assert selected is NoRange.UNSATISFIABLE
        assert not expected


@given(st.binary(min_size=1, max_size=64), st.integers(1, 80))
def test_a_suffix_selects_what_slicing_selects(body: bytes, length: int) -> None:
    selected = select_range(f"bytes=-{length}", len(body))
    assert isinstance(selected, ByteRange)
    assert body[selected.start : selected.stop] == body[-length:]
