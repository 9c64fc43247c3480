"""RFC 9111 §5.1: how old a response says it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import parse_age
from common.http.cache_control import LONGEST_DELTA


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["0"], 0),
        (["7200"], 7200),
        ([" 7200\t"], 7200),
        (["007200"], 7200),
        (["7200, 0"], 7200),
        (["0, 7200"], 0),
        (["7200", "0"], 7200),
        (["7200", "x"], 7200),
        ([" , ,60"], 60),
        (["", "60"], 60),
        (["2147483649"], LONGEST_DELTA),
        (["9" * 10_000], LONGEST_DELTA),
    ],
)
def test_the_first_member_tells_the_age(lines: list[str], seconds: int) -> None:
    assert parse_age(lines) == seconds


@pytest.mark.parametrize(
    "lines",
    [[], [""], [","], ["-1"], ["+1"], ["1.0"], ["1e3"], ["abc"], ['"60"'], ["٦"], ["6\0"], ["6 0"]],
)
def test_what_is_no_whole_number_of_seconds_is_ignored(lines: list[str]) -> None:
    assert parse_age(lines) is None


def test_nothing_behind_an_unreadable_age_counts() -> None:
    assert parse_age(["abc, 60"]) is None


@given(st.lists(st.text(max_size=50) | st.integers().map(str), max_size=4))
def test_any_text_is_an_age_within_bounds_or_none(lines: list[str]) -> None:
    age = parse_age(lines)
    assert age is None or 0 <= age <= LONGEST_DELTA


@given(st.integers(0, LONGEST_DELTA))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_age([str(seconds)]) == seconds
