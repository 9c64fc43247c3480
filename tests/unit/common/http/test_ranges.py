"""RFC 9110 §14: which bytes a Range field asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import ByteRange, NoRange, RangeSpec, parse_range, select_range
from common.http.ranges import LONGEST_FIELD, MOST_RANGES


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
def test_several_ranges_are_answered_with_the_whole(field: str) -> None:
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
