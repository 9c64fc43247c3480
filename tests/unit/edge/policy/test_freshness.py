"""RFC 9111 §4.2: how long a response is fresh, and how old it is."""

import pytest

from common.http import format_http_date
from common.http.cache_control import LONGEST_DELTA
from common.http.fields import Fields, Pairs
from edge.policy.freshness import (
    HEURISTIC_STATUSES,
    LONGEST_HEURISTIC,
    date_of,
    governing,
    initial_age,
    lifetime,
)
from edge.policy.messages import Response

NOW = 1_800_000_000.0
DAY = 86400


def came(*fields: tuple[str, str], status: int = 200, delay: float = 0.0) -> Response:
    return Response(status, "", Fields(fields), NOW - delay, NOW)


def control(value: str) -> tuple[str, str]:
    return ("Cache-Control", value)


def at(name: str, offset: float) -> tuple[str, str]:
    return (name, format_http_date(NOW + offset))


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ((), None),
        ((control("public"),), None),
        ((control("max-age=60"),), 60),
        ((control("max-age=60, s-maxage=30"),), 30),
        ((control("s-maxage=30"), control("max-age=60")), 30),
        ((control("max-age=60"), at("Expires", DAY)), 60),
        ((control("foo"), at("Expires", DAY), at("Date", 0)), DAY),
        ((at("Expires", DAY),), DAY),
        ((at("Expires", DAY), at("Date", -DAY)), 2 * DAY),
        ((at("Expires", DAY), at("Date", DAY)), 0),
        ((at("Expires", DAY), at("Date", 2 * DAY)), 0),
        ((at("Expires", DAY), ("Date", "x")), DAY),
        ((("Expires", "0"),), 0),
        ((("Expires", ""),), 0),
        ((at("Expires", DAY), at("Expires", DAY)), DAY),
        ((at("Expires", DAY), at("Expires", DAY + 1)), 0),
        ((control("max-age=99999999999"),), LONGEST_DELTA),
        ((control("max-age=-1"), at("Expires", DAY)), 0),
        ((control("max-age=60, s-maxage=x"),), 0),
        ((control("max-age=60, max-age=90"),), 60),
    ],
)
def test_rfc9111_4_2_1_the_nearest_word_counts(fields: Pairs, seconds: float | None) -> None:
    assert lifetime(came(*fields)) == seconds


@pytest.mark.parametrize(
    ("targeted", "seconds"),
    [
        ("max-age=60", 60),
        ("max-age=60, s-maxage=30", 30),
        ("foo", None),
        ("max-age", 0),
        ('max-age="60"', 0),
        ("Max-Age=60", 7),
        ("", 7),
    ],
)
def test_rfc9213_2_2_a_valid_targeted_field_tells_alone(
    targeted: str, seconds: float | None
) -> None:
    fields = (control("max-age=7"), at("Expires", DAY), ("CDN-Cache-Control", targeted))

    assert lifetime(came(*fields)) == seconds


@pytest.mark.parametrize(
    ("lines", "targeted"), [((), False), (("x,",), False), (("x",), True), (("x", "y=1"), True)]
)
def test_rfc9213_2_2_what_governs_tells_whether_it_is_targeted(
    lines: tuple[str, ...], targeted: bool
) -> None:
    fields = Fields(("CDN-Cache-Control", line) for line in lines)

    assert governing(fields)[1] is targeted


@pytest.mark.parametrize("status", sorted(HEURISTIC_STATUSES))
def test_rfc9111_4_2_2_a_part_of_the_time_since_the_last_change_is_a_guess(status: int) -> None:
    response = came(at("Last-Modified", -1000), at("Date", 0), status=status)

    assert lifetime(response, heuristic=0.1) == 100


@pytest.mark.parametrize("status", [201, 302, 307, 400, 403, 416, 500, 503, 299])
def test_rfc9111_4_2_2_no_other_status_is_fresh_by_guess(status: int) -> None:
    response = came(at("Last-Modified", -1000), status=status)

    assert lifetime(response, heuristic=0.1) is None


@pytest.mark.parametrize(
    ("fields", "status", "seconds"),
    [
        ((control("public"), at("Last-Modified", -1000)), 302, 100),
        ((at("Last-Modified", -1000), at("Date", -500)), 200, 50),
        ((at("Last-Modified", 1000),), 200, 0),
        ((at("Last-Modified", -1000 * DAY),), 200, LONGEST_HEURISTIC),
        ((("Last-Modified", "x"),), 200, None),
        ((), 200, None),
        ((control("max-age=5"), at("Last-Modified", -1000)), 200, 5),
        ((("Expires", "x"), at("Last-Modified", -1000)), 200, 0),
        ((at("Last-Modified", -1000), ("CDN-Cache-Control", "a")), 200, 100),
    ],
)
def test_rfc9111_4_2_2_a_guess_gives_way_to_a_word_and_has_a_limit(
    fields: Pairs, status: int, seconds: float | None
) -> None:
    assert lifetime(came(*fields, status=status), heuristic=0.1) == seconds


@pytest.mark.parametrize(
    ("status", "fields", "seconds"),
    [
        (404, (), 9),
        (410, (), 9),
        (404, (control("public"),), 9),
        (404, (control("max-age=5"),), 5),
        (404, (("Expires", "0"),), 0),
        (200, (), None),
        (403, (), None),
        (500, (), None),
    ],
)
def test_rfc9111_4_2_2_that_there_is_nothing_is_fresh_as_long_as_is_wanted(
    status: int, fields: Pairs, seconds: float | None
) -> None:
    assert lifetime(came(*fields, status=status), negative=9) == seconds


def test_rfc9111_4_2_2_nothing_is_guessed_unless_that_is_wanted() -> None:
    assert lifetime(came(at("Last-Modified", -DAY), status=404)) is None


@pytest.mark.parametrize(
    ("fields", "delay", "age"),
    [
        ((), 0, 0),
        ((("Age", "50"),), 0, 50),
        ((("Age", "50"),), 2.5, 52.5),
        ((), 2.5, 2.5),
        ((at("Date", -100),), 0, 100),
        ((at("Date", -100), ("Age", "50")), 0, 100),
        ((at("Date", -100), ("Age", "150")), 0, 150),
        ((at("Date", -100), ("Age", "99")), 3, 102),
        ((at("Date", 100), ("Age", "5")), 0, 5),
        ((at("Date", 100),), 0, 0),
        ((("Date", "x"),), 0, 0),
        ((("Age", "x"),), 0, 0),
        ((("Age", "-5"),), 0, 0),
        ((("Age", "5, 100"),), 0, 5),
        ((("Age", "100"), ("Age", "5")), 0, 100),
        ((("Age", "99999999999999999999"),), 0, LONGEST_DELTA),
    ],
)
def test_rfc9111_4_2_3_the_larger_of_both_ages_counts(
    fields: Pairs, delay: float, age: float
) -> None:
    assert initial_age(came(*fields, delay=delay)) == age


def test_rfc9111_4_2_3_parts_of_a_second_that_date_cannot_tell_are_no_age() -> None:
    response = Response(200, "", Fields([at("Date", 0)]), NOW + 0.9, NOW + 0.9)

    assert initial_age(response) == 0


def test_rfc9111_4_2_3_a_clock_that_was_set_back_makes_nothing_younger() -> None:
    assert initial_age(came(("Age", "50"), delay=-100)) == 50


@pytest.mark.parametrize(
    ("lines", "moment"),
    [((), None), (("x",), None), ((format_http_date(NOW), "x"), NOW), (("x", "y"), None)],
)
def test_rfc9110_6_6_1_the_first_date_counts(lines: tuple[str, ...], moment: float | None) -> None:
    assert date_of(came(*(("Date", line) for line in lines))) == moment
