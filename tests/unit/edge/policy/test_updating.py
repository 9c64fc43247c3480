"""RFC 9111 §3.2, §4.3: what a validation asks, and what its answer changes."""

import pytest

from common.http import format_http_date
from common.http.fields import Fields, Pairs
from edge.policy.messages import Request, Response
from edge.policy.stored import Stored
from edge.policy.updating import Update, freshen, merged_fields, validation_fields

NOW = 1_800_000_000.0
LATER = NOW + 500
DATE = format_http_date(NOW - 9000)
OTHER_DATE = format_http_date(NOW - 8000)
STRONG, WEAK, OTHER = ("ETag", '"a"'), ("ETag", 'W/"a"'), ("ETag", '"b"')
MODIFIED, MODIFIED_SINCE = ("Last-Modified", DATE), ("Last-Modified", OTHER_DATE)
FRESH = ("Cache-Control", "max-age=60")


def stored(*fields: tuple[str, str], size: int = 6) -> Stored:
    return Stored(
        number=7,
        status=200,
        reason="Fine",
        fields=fields,
        selecting=(),
        size=size,
        held=((0, 3),),
        received_at=NOW,
        age=5.0,
        lifetime=10.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=(),
        sequence=3,
        sha256=b"digest",
        softened=True,
    )


def updated(
    before: Stored, *fields: tuple[str, str], method: str = "GET", asked: Pairs = ()
) -> Update:
    request = Request(method, "http", "a.test", "/", Fields(asked))
    status = 200 if method == "HEAD" else 304
    response = Response(status, "Said", Fields(fields), LATER - 1, LATER)
    return freshen(before, request, response, sequence=9)


def freshened(before: Stored, *fields: tuple[str, str], asked: Pairs = ()) -> Stored:
    found = updated(before, *fields, asked=asked).stored
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ((), ()),
        ((STRONG,), (("If-None-Match", '"a"'),)),
        ((WEAK,), (("If-None-Match", 'W/"a"'),)),
        ((MODIFIED,), (("If-Modified-Since", DATE),)),
        ((MODIFIED, STRONG), (("If-None-Match", '"a"'), ("If-Modified-Since", DATE))),
        ((("Date", DATE), FRESH), ()),
    ],
)
def test_rfc9111_4_3_1_validators_are_sent_as_they_are_stored(fields: Pairs, asked: Pairs) -> None:
    assert validation_fields(stored(*fields)) == asked


@pytest.mark.parametrize(
    ("before", "told", "ours"),
    [
        # Tags: a strong one names what has the same strong one.
        ((STRONG,), (STRONG,), True),
        ((STRONG,), (WEAK,), True),
        ((WEAK,), (WEAK,), True),
        ((WEAK,), (STRONG,), False),
        ((STRONG,), (OTHER,), False),
        ((STRONG,), (OTHER, MODIFIED), False),
        ((("ETag", "broken"),), (("ETag", "broken"),), True),
        ((("ETag", "broken"),), (STRONG,), False),
        # Dates, where either has no tag.
        ((MODIFIED,), (MODIFIED,), True),
        ((MODIFIED,), (MODIFIED_SINCE,), False),
        ((STRONG, MODIFIED), (MODIFIED,), True),
        ((STRONG, MODIFIED), (MODIFIED_SINCE,), False),
        ((MODIFIED,), (STRONG, MODIFIED), True),
        ((MODIFIED,), (STRONG,), False),
        ((MODIFIED,), (WEAK,), True),
        ((), (STRONG,), False),
        ((STRONG, MODIFIED), (STRONG, MODIFIED_SINCE), True),
        # Nothing tells: it is what was asked about, unless its length is another.
        ((STRONG,), (), True),
        ((STRONG,), (("Content-Length", "6"),), True),
        ((STRONG,), (("Content-Length", "0"),), True),
        ((STRONG,), (("Content-Length", "7"),), False),
        ((STRONG,), (("Content-Length", "six"),), True),
    ],
)
def test_rfc9111_4_3_4_a_304_is_about_what_its_validators_name(
    before: Pairs, told: Pairs, ours: bool
) -> None:
    update = updated(stored(FRESH, *before), *told)

    assert (update.ours, update.stored is not None) == (ours, ours)


@pytest.mark.parametrize(
    ("before", "told", "ours"),
    [
        ((STRONG,), (STRONG,), True),
        ((STRONG,), (OTHER,), False),
        ((STRONG,), (WEAK,), False),
        ((WEAK,), (STRONG,), False),
        ((STRONG,), (), True),
        ((), (STRONG,), False),
        ((MODIFIED,), (MODIFIED,), True),
        ((MODIFIED,), (MODIFIED_SINCE,), False),
        ((STRONG, MODIFIED), (STRONG, MODIFIED_SINCE), False),
        ((STRONG,), (STRONG, ("Content-Length", "6")), True),
        ((STRONG,), (STRONG, ("Content-Length", "7")), False),
        ((STRONG,), (STRONG, ("Content-Length", "0")), False),
    ],
)
def test_rfc9111_4_3_5_a_head_is_about_what_all_that_it_tells_fits(
    before: Pairs, told: Pairs, ours: bool
) -> None:
    update = updated(stored(FRESH, *before), *told, method="HEAD")

    assert (update.ours, update.stored is not None) == (ours, ours)


@pytest.mark.parametrize(
    "told", [("Cache-Control", "no-store"), ("Cache-Control", "private"), ("Vary", "*")]
)
def test_rfc9111_3_2_what_may_be_stored_no_longer_is_not(told: tuple[str, str]) -> None:
    assert updated(stored(FRESH, STRONG), STRONG, told) == Update(None, ours=True)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        ((("A", "1"),), (), (("A", "1"),)),
        ((("A", "1"),), (("A", "2"),), (("A", "2"),)),
        ((("A", "1"),), (("a", "2"),), (("a", "2"),)),
        ((("A", "1"), ("B", "1")), (("A", "2"),), (("B", "1"), ("A", "2"))),
        ((("A", "1"), ("A", "2")), (("A", "3"),), (("A", "3"),)),
        ((("A", "1"),), (("A", "2"), ("A", "3")), (("A", "2"), ("A", "3"))),
        ((("A", "1"),), (("A", ""),), (("A", ""),)),
        ((("Content-Encoding", "x"),), (("Content-Encoding", "y"),), (("Content-Encoding", "x"),)),
        ((), (("Content-Encoding", "y"),), ()),
        ((), (("Content-Length", "3"),), ()),
        ((), (("Content-Range", "bytes 0-1/3"),), ()),
        ((), (("Transfer-Encoding", "chunked"),), ()),
        ((("Content-Type", "a/b"),), (("Content-Type", "c/d"),), (("Content-Type", "c/d"),)),
        ((), (("Proxy-Authenticate", "Basic"),), ()),
        ((), (("Age", "3"),), (("Age", "3"),)),
    ],
)
def test_rfc9111_3_2_each_stored_field_gives_way_to_what_is_told(
    before: Pairs, told: Pairs, after: Pairs
) -> None:
    assert merged_fields(Fields(before), Fields(told)).pairs == after


@pytest.mark.parametrize(
    ("told", "age", "lifetime"),
    [
        ((), 1.0, 60.0),
        ((("Cache-Control", "max-age=7"),), 1.0, 7.0),
        ((("Age", "30"),), 31.0, 60.0),
        ((("Date", format_http_date(LATER - 40)),), 40.0, 60.0),
        ((("Cache-Control", "max-age=0"),), 1.0, 0.0),
        ((("CDN-Cache-Control", "max-age=8"),), 1.0, 8.0),
    ],
)
def test_rfc9111_4_3_4_freshness_is_reckoned_anew_from_what_was_told(
    told: Pairs, age: float, lifetime: float
) -> None:
    found = freshened(stored(FRESH, STRONG), STRONG, *told)

    assert (found.received_at, found.age, found.lifetime) == (LATER, age, lifetime)


def test_rfc9111_3_2_age_is_not_stored() -> None:
    assert freshened(stored(FRESH, STRONG), ("Age", "30")).field("age") is None


def test_rfc9111_3_2_the_bytes_and_their_number_stay() -> None:
    before = stored(FRESH, STRONG)
    found = freshened(before, STRONG, ("Content-Length", "9"))

    kept = ("number", "size", "held", "sha256", "status", "reason")
    assert all(getattr(found, name) == getattr(before, name) for name in kept)


def test_what_a_soft_purge_made_stale_is_fresh_again() -> None:
    assert freshened(stored(FRESH, STRONG), STRONG).softened is False


def test_only_purges_after_the_request_apply_to_what_it_freshened() -> None:
    assert freshened(stored(FRESH, STRONG), STRONG).sequence == 9


def test_rfc9111_4_1_it_is_selected_by_the_request_that_freshened_it() -> None:
    found = freshened(
        stored(FRESH, STRONG, ("Vary", "Foo")), STRONG, ("Vary", "Bar"), asked=(("Bar", "1"),)
    )

    assert found.selecting == (("bar", "1"),)


def test_a_head_freshens_it_for_get() -> None:
    before = stored(FRESH, STRONG)

    assert updated(before, STRONG, method="HEAD").stored == freshened(before, STRONG)
