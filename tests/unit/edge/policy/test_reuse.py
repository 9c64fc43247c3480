"""RFC 9111 §4, §5.2.1, RFC 5861: what a stored response is good for."""

import msgspec
import pytest

from common.http import parse_cache_control
from common.http.fields import Fields, Pairs
from edge.policy.reuse import (
    Judged,
    Trouble,
    Verdict,
    judge_reuse,
    may_serve_on,
    request_directives,
    select,
)
from edge.policy.stored import Stored

NOW = 1_800_000_000.0
FRESH = Judged(Verdict.FRESH)
ALLOWED = Judged(Verdict.ALLOWED_STALE, "stale")
BESIDES = Judged(Verdict.STALE_WHILE_REVALIDATE, "stale")
STALE = Judged(Verdict.VALIDATE, "stale")
ASKED = Judged(Verdict.VALIDATE, "request")

PLAIN = Stored(
    number=1,
    status=200,
    reason="OK",
    fields=(),
    selecting=(),
    size=0,
    held=(),
    received_at=NOW,
    age=0.0,
    lifetime=100.0,
    stale_while_revalidate=0.0,
    stale_if_error=None,
    validate_always=False,
    never_stale=False,
    tags=(),
    sequence=0,
)
NEVER_STALE = msgspec.structs.replace(PLAIN, never_stale=True)
ALWAYS = msgspec.structs.replace(PLAIN, validate_always=True)
SOFTENED = msgspec.structs.replace(PLAIN, softened=True)
BEHIND = msgspec.structs.replace(PLAIN, stale_while_revalidate=30.0)


def judged(stored: Stored, asked: str, age: float) -> Judged:
    return judge_reuse(stored, parse_cache_control([asked]), NOW + age)


@pytest.mark.parametrize(
    ("stored", "age", "verdict"),
    [
        (PLAIN, 0, FRESH),
        (PLAIN, 99.9, FRESH),
        (PLAIN, 100, STALE),
        (PLAIN, 1e9, STALE),
        (PLAIN, -50, FRESH),
        (msgspec.structs.replace(PLAIN, age=60.0), 39, FRESH),
        (msgspec.structs.replace(PLAIN, age=60.0), 40, STALE),
        (msgspec.structs.replace(PLAIN, lifetime=0.0), 0, STALE),
        (NEVER_STALE, 99, FRESH),
        (NEVER_STALE, 100, STALE),
        (ALWAYS, 0, STALE),
        (SOFTENED, 0, STALE),
        (BEHIND, 99, FRESH),
        (BEHIND, 100, BESIDES),
        (BEHIND, 130, BESIDES),
        (BEHIND, 130.5, STALE),
        (msgspec.structs.replace(BEHIND, never_stale=True), 110, STALE),
        (msgspec.structs.replace(BEHIND, validate_always=True), 110, STALE),
        (msgspec.structs.replace(BEHIND, softened=True), 0, BESIDES),
    ],
)
def test_rfc9111_4_2_a_request_without_wishes_gets_what_is_fresh_or_may_be_stale(
    stored: Stored, age: float, verdict: Judged
) -> None:
    assert judged(stored, "", age) == verdict


@pytest.mark.parametrize(
    ("asked", "age", "verdict"),
    [
        ("max-age=50", 50, FRESH),
        ("max-age=50", 50.9, FRESH),
        ("max-age=50", 51, ASKED),
        ("max-age=0", 0, ASKED),
        ("max-age=x", 0, ASKED),
        ("max-age", 0, ASKED),
        ("max-age=1000", 100, STALE),
        ("max-age=50, max-stale", 60, FRESH),
        ("max-age=50, max-stale=20", 60, FRESH),
        ("max-age=50, max-stale=20", 110, ALLOWED),
        ("max-age=50, max-stale=5", 110, ASKED),
        ("max-age=0, max-stale", 0, ASKED),
    ],
)
def test_rfc9111_5_2_1_1_max_age_is_how_old_it_may_be(
    asked: str, age: float, verdict: Judged
) -> None:
    assert judged(PLAIN, asked, age) == verdict


@pytest.mark.parametrize(
    ("stored", "asked", "age", "verdict"),
    [
        (PLAIN, "max-stale", 1e9, ALLOWED),
        (PLAIN, "max-stale=10", 110, ALLOWED),
        (PLAIN, "max-stale=10", 110.5, STALE),
        (PLAIN, "max-stale=0", 101, STALE),
        (PLAIN, "max-stale=", 101, STALE),
        (PLAIN, "max-stale=x", 101, STALE),
        (PLAIN, "max-stale=-1", 101, STALE),
        (PLAIN, "max-stale=1, max-stale", 110, STALE),
        (PLAIN, "max-stale", 50, FRESH),
        (NEVER_STALE, "max-stale", 101, STALE),
        (ALWAYS, "max-stale", 0, STALE),
        (SOFTENED, "max-stale", 0, ALLOWED),
        (BEHIND, "max-stale=5", 110, BESIDES),
    ],
)
def test_rfc9111_5_2_1_2_max_stale_is_how_long_it_may_be_stale(
    stored: Stored, asked: str, age: float, verdict: Judged
) -> None:
    assert judged(stored, asked, age) == verdict


@pytest.mark.parametrize(
    ("stored", "asked", "age", "verdict"),
    [
        (PLAIN, "min-fresh=40", 60, FRESH),
        (PLAIN, "min-fresh=41", 60, ASKED),
        (PLAIN, "min-fresh=0", 60, FRESH),
        (PLAIN, "min-fresh=1, max-stale", 120, ASKED),
        (BEHIND, "min-fresh=1", 110, ASKED),
    ],
)
def test_rfc9111_5_2_1_3_min_fresh_is_how_long_it_must_stay_fresh(
    stored: Stored, asked: str, age: float, verdict: Judged
) -> None:
    assert judged(stored, asked, age) == verdict


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ("no-cache", ASKED),
        ("no-cache=x", ASKED),
        ("no-cache, max-stale", ASKED),
        ("no-store", FRESH),
        ("only-if-cached", FRESH),
        ("no-transform", FRESH),
        ("stale-if-error=5", FRESH),
        ("must-revalidate", FRESH),
        ("foo=bar", FRESH),
    ],
)
def test_rfc9111_5_2_1_4_only_no_cache_refuses_what_is_fresh(asked: str, verdict: Judged) -> None:
    assert judged(PLAIN, asked, 10) == verdict


@pytest.mark.parametrize(
    ("fields", "refuses"),
    [
        ((), False),
        ((("Pragma", "no-cache"),), True),
        ((("Pragma", "No-Cache"),), True),
        ((("pragma", "a"), ("Pragma", "no-cache")), True),
        ((("Pragma", "no-store"),), False),
        ((("Pragma", "no-cache"), ("Cache-Control", "")), False),
        ((("Pragma", "no-cache"), ("Cache-Control", "max-age=1")), False),
        ((("Cache-Control", "max-age=1"), ("Cache-Control", "no-cache")), True),
        ((("Cache-Control", 'a="no-cache"'),), False),
    ],
)
def test_rfc9111_5_4_pragma_counts_where_cache_control_is_absent(
    fields: Pairs, refuses: bool
) -> None:
    assert ("no-cache" in request_directives(Fields(fields))) is refuses


@pytest.mark.parametrize(
    ("changes", "asked", "age", "cut_off", "server_error"),
    [
        # Nobody says anything: stale beats nothing, but an error is the origin's word.
        ({}, "", 1e6, True, False),
        ({"never_stale": True}, "", 110, False, False),
        ({"validate_always": True}, "", 10, False, False),
        ({}, "no-cache", 10, False, False),
        # The origin says how long.
        ({"stale_if_error": 20.0}, "", 110, True, True),
        ({"stale_if_error": 20.0}, "", 120, True, True),
        ({"stale_if_error": 20.0}, "", 121, False, False),
        ({"stale_if_error": 0.0}, "", 110, False, False),
        ({"stale_if_error": 20.0, "never_stale": True}, "", 110, False, False),
        ({"stale_if_error": 20.0, "validate_always": True}, "", 110, False, False),
        ({"stale_if_error": 20.0}, "no-cache", 110, False, False),
        # The viewer does.
        ({}, "stale-if-error=20", 110, True, True),
        ({}, "stale-if-error=20", 121, False, False),
        ({}, "stale-if-error=0", 110, False, False),
        ({}, "stale-if-error=x", 110, False, False),
        ({"never_stale": True}, "stale-if-error=20", 110, False, False),
        # Either will do.
        ({"stale_if_error": 20.0}, "stale-if-error=5", 110, True, True),
        ({"stale_if_error": 5.0}, "stale-if-error=20", 110, True, True),
    ],
)
def test_rfc5861_4_stale_on_errors_is_as_long_as_somebody_says(
    changes: dict[str, object], asked: str, age: float, cut_off: bool, server_error: bool
) -> None:
    stored = msgspec.structs.replace(PLAIN, **changes)
    directives = parse_cache_control([asked])

    allowed = tuple(
        may_serve_on(trouble, stored, directives, NOW + age)
        for trouble in (Trouble.DISCONNECTED, Trouble.SERVER_ERROR)
    )

    assert allowed == (cut_off, server_error)


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ((("Accept-Language", "de"),), 2),
        ((("Accept-Language", "DE"),), 2),
        ((("Accept-Language", "fr"),), 3),
        ((("Accept-Language", "en"),), None),
        ((), 4),
    ],
)
def test_rfc9111_4_1_the_newest_that_suits_is_selected(fields: Pairs, number: int | None) -> None:
    variants = [
        msgspec.structs.replace(
            PLAIN, number=each, selecting=(("accept-language", value),), received_at=NOW + late
        )
        for each, value, late in ((1, "de", 0), (2, "de", 5), (3, "fr", 9), (4, None, 1))
    ]

    found = select(variants, Fields(fields))

    assert (found.number if found else None) == number


def test_rfc9111_4_1_of_none_none_is_selected() -> None:
    assert select([], Fields()) is None
