"""RFC 9110 §5.6.7: dates in HTTP fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import format_http_date, parse_http_date

EXAMPLE = 784111777
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "field",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "  Sun, 06 Nov 1994 08:49:37 GMT\t",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Monday, 06-Nov-94 08:49:37 GMT",
        "Mon Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
    ],
)
def test_each_form_is_read(field: str) -> None:
    assert parse_http_date(field, now=NOW) == EXAMPLE


def test_the_fixed_form_is_written() -> None:
    assert format_http_date(EXAMPLE + 0.9) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "field",
    [
        "",
        "0",
        "-1",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "SUN, 06 NOV 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 6-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun  06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\0",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun" * 100_000,
    ],
)
def test_what_is_no_date_is_told_apart(field: str) -> None:
    assert parse_http_date(field, now=NOW) is None


def test_a_leap_second_is_read_as_the_one_before() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", now=NOW) == 1483228799


@pytest.mark.parametrize(("two_digits", "year"), [("76", 2076), ("77", 2077), ("78", 1978)])
def test_years_of_two_digits_lie_at_most_fifty_years_ahead(two_digits: str, year: int) -> None:
    read = parse_http_date(f"Friday, 01-Jan-{two_digits} 00:00:00 GMT", now=NOW)
    assert read is not None
    assert format_http_date(read).split()[3] == str(year)


@given(st.integers(0, 253402300799))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_http_date(format_http_date(seconds), now=NOW) == seconds


@given(st.text("SunModay,6-Nv 194:GMT\t", max_size=40))
def test_text_that_looks_like_a_date_is_one_or_none(text: str) -> None:
    read = parse_http_date(text, now=NOW)
    assert read is None or parse_http_date(format_http_date(read), now=NOW) == read
