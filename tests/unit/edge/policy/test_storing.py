"""RFC 9111 §3: what is stored, of which fields, and what is known of it."""

import pytest

from common.http import format_http_date
from common.http.fields import Fields, Pairs
from edge.policy.freshness import HEURISTIC_STATUSES
from edge.policy.messages import Request, Response
from edge.policy.stored import Stored
from edge.policy.storing import LONGEST_TAG, MOST_TAGS, Storing, judge_storing, surrogate_keys
from edge.policy.vary import MOST_SELECTING

NOW = 1_800_000_000.0
ETAG = ("ETag", '"a"')
SECRET = ("Authorization", "Basic YTpi")


def control(value: str) -> tuple[str, str]:
    return ("Cache-Control", value)


def judged(
    *fields: tuple[str, str],
    status: int = 200,
    method: str = "GET",
    asked: Pairs = (),
    heuristic: float = 0.0,
    negative: float = 0.0,
) -> Storing:
    request = Request(method, "http", "a.test", "/x?y", Fields(asked))
    response = Response(status, "Said", Fields(fields), NOW, NOW)
    return judge_storing(request, response, heuristic=heuristic, negative=negative, sequence=7)


def kept(*fields: tuple[str, str], status: int = 200, asked: Pairs = ()) -> Stored:
    found = judged(*fields, status=status, asked=asked).stored
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "fields", "why_not"),
    [
        (200, (control("max-age=9"),), ""),
        (599, (control("max-age=9"),), ""),
        (302, (("Expires", format_http_date(NOW + 9)),), ""),
        (302, (control("public"), ETAG), ""),
        (200, (ETAG,), ""),
        (200, (("Last-Modified", format_http_date(NOW)),), ""),
        (302, (ETAG,), "status"),
        (599, (ETAG,), "status"),
        (304, (control("max-age=9"),), "status"),
        (103, (control("max-age=9"),), "status"),
        (101, (control("max-age=9"),), "status"),
        (200, (), "no-use"),
        (200, (control("max-age=0"),), "no-use"),
        (200, (control("max-age=0, stale-while-revalidate=9"),), ""),
        (200, (control("max-age=0, stale-if-error=9"),), ""),
        (200, (control("max-age=0, stale-if-error=0"),), "no-use"),
        (200, (control("max-age=9"), ("Age", "9")), "no-use"),
        (200, (control("max-age=9, no-store"),), "no-store"),
        (200, (control("max-age=9, private"),), "private"),
        (200, (control('max-age=9, private=""'),), "private"),
        (200, (control('max-age=9, private="a"'),), ""),
        (200, (control("max-age=9, no-cache"),), ""),
        (200, (control("max-age=9"), ("Set-Cookie", "a=1")), ""),
        (200, (control("max-age=9"), ("Vary", "*")), "vary"),
        (200, (control("max-age=9"), ("Vary", "Accept, *")), "vary"),
        (200, (control("max-age=9"), ("Cache-Tag", "a," * 300)), ""),
        (200, (control("max-age=9, no-store"), ("CDN-Cache-Control", "max-age=9")), ""),
        (200, (control("max-age=9"), ("CDN-Cache-Control", "no-store")), "no-store"),
        (200, (control("max-age=9"), ("CDN-Cache-Control", "private")), "private"),
        (200, (control("no-store"), ("CDN-Cache-Control", "Max-Age=9")), "no-store"),
    ],
)
def test_rfc9111_3_a_response_is_stored_or_it_is_told_why_not(
    status: int, fields: Pairs, why_not: str
) -> None:
    judgement = judged(*fields, status=status)

    assert (judgement.why_not, judgement.stored is None) == (why_not, bool(why_not))


@pytest.mark.parametrize("status", sorted(HEURISTIC_STATUSES))
def test_rfc9110_15_1_a_heuristically_cacheable_status_is_stored_for_its_validator(
    status: int,
) -> None:
    assert judged(ETAG, status=status).stored is not None


@pytest.mark.parametrize(
    ("status", "directives", "why_not"),
    [
        (200, "must-understand, no-store, max-age=9", ""),
        (416, "must-understand, no-store, max-age=9", ""),
        (599, "must-understand, no-store, max-age=9", "must-understand"),
        (599, "must-understand, max-age=9", "must-understand"),
        (200, "must-understand, private, max-age=9", "private"),
    ],
)
def test_rfc9111_5_2_2_3_must_understand_is_about_the_status(
    status: int, directives: str, why_not: str
) -> None:
    assert judged(control(directives), status=status).why_not == why_not


@pytest.mark.parametrize(
    ("directives", "why_not"),
    [
        ("max-age=9", "private"),
        ("max-age=9, public", ""),
        ("max-age=9, must-revalidate", ""),
        ("s-maxage=9", ""),
        ("max-age=9, proxy-revalidate", "private"),
        ("max-age=9, public, private", "private"),
    ],
)
def test_rfc9111_3_5_what_a_credential_brought_takes_a_word(directives: str, why_not: str) -> None:
    assert judged(control(directives), asked=(SECRET,)).why_not == why_not


@pytest.mark.parametrize(
    ("directives", "why_not"),
    [("no-store", "request-no-store"), ("a, No-Store", "request-no-store"), ("no-cache", "")],
)
def test_rfc9111_5_2_1_5_no_store_in_the_request_counts(directives: str, why_not: str) -> None:
    assert judged(control("max-age=9"), asked=(control(directives),)).why_not == why_not


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "get"])
def test_rfc9111_3_no_other_method_is_stored(method: str) -> None:
    assert judged(control("max-age=9"), method=method).why_not == "method"


@pytest.mark.parametrize(
    ("status", "fields", "why_not"),
    [
        (200, (control("max-age=9"), ("Content-Location", "/x?y")), ""),
        (200, (control("max-age=9"), ("Content-Location", "http://a.test/x?y")), ""),
        (200, (control("max-age=9"), ("Content-Location", "/x")), "method"),
        (200, (control("max-age=9"), ("Content-Location", "http://b.test/x?y")), "method"),
        (200, (control("max-age=9"),), "method"),
        (200, (ETAG, ("Content-Location", "/x?y")), "method"),
        (201, (control("max-age=9"), ("Content-Location", "/x?y")), "method"),
    ],
)
def test_rfc9110_9_3_3_post_is_stored_when_it_brings_what_get_would(
    status: int, fields: Pairs, why_not: str
) -> None:
    assert judged(*fields, status=status, method="POST").why_not == why_not


@pytest.mark.parametrize("directive", ["no-cache", "private"])
def test_rfc9111_3_1_fields_that_are_named_are_told_apart(directive: str) -> None:
    fields = (control(f'max-age=9, {directive}="x-a, AGE, content-length"'), ("X-a", "1"))
    judgement = judged(*fields, ("X-B", "2"), ("Age", "1"), ("Content-Length", "5"))

    assert judgement.stored is not None
    assert judgement.stored.fields == (fields[0], ("X-B", "2"))
    assert judgement.unshared == (("X-a", "1"),)


def test_rfc9111_3_1_fields_of_both_directives_are_told_apart() -> None:
    fields = (control('max-age=9, no-cache="a", private="b"'), ("A", "1"), ("B", "2"))

    assert judged(*fields).unshared == fields[1:]


@pytest.mark.parametrize(
    "name",
    ["Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Age"],
)
def test_rfc9111_3_1_fields_of_a_proxy_are_not_stored(name: str) -> None:
    assert kept(control("max-age=99"), (name, "1")).field(name.lower()) is None


def test_rfc9111_3_3_a_part_is_judged_as_the_whole() -> None:
    part = kept(control("max-age=9"), ("Content-Range", "bytes 0-1/9"), status=206)

    assert (part.status, part.reason, part.fields) == (200, "OK", (control("max-age=9"),))


def test_what_is_stored_tells_what_reuse_needs() -> None:
    asked = (("Accept-Encoding", "GZIP"),)
    fields = (
        control("max-age=60, stale-while-revalidate=5, stale-if-error=6"),
        ("Age", "7"),
        ("Vary", "Accept-Encoding, Foo"),
        ("Surrogate-Key", "k"),
    )

    stored = kept(*fields, status=404, asked=asked)

    assert (stored.status, stored.reason, stored.received_at) == (404, "Said", NOW)
    assert (stored.lifetime, stored.age) == (60, 7)
    assert (stored.stale_while_revalidate, stored.stale_if_error) == (5, 6)
    assert stored.selecting == (("accept-encoding", "gzip"), ("foo", None))
    assert (stored.tags, stored.sequence) == (("k",), 7)


@pytest.mark.parametrize(
    ("directives", "always", "never"),
    [
        ("max-age=9", False, False),
        ("max-age=9, no-cache", True, False),
        ('max-age=9, no-cache=""', True, False),
        ('max-age=9, no-cache="a"', False, False),
        ('max-age=9, no-cache="a", no-cache', True, False),
        ("max-age=9, must-revalidate", False, True),
        ("max-age=9, proxy-revalidate", False, True),
        ("s-maxage=9", False, True),
        ("no-cache, s-maxage=9", True, True),
    ],
)
def test_rfc9111_5_2_2_it_is_told_when_it_is_never_to_be_reused(
    directives: str, always: bool, never: bool
) -> None:
    stored = kept(control(directives))

    assert (stored.validate_always, stored.never_stale) == (always, never)


@pytest.mark.parametrize(
    ("fields", "shared"),
    [
        ((control("max-age=9"),), True),
        ((control("max-age=0"), ETAG), False),
        ((control("max-age=0, stale-while-revalidate=9"),), True),
        ((control("max-age=9, no-cache"), ETAG), False),
        ((control("no-store"),), False),
    ],
)
def test_those_who_wait_for_the_same_share_what_can_be_reused_at_once(
    fields: Pairs, shared: bool
) -> None:
    assert judged(*fields).shared is shared


def test_rfc9111_4_2_2_guesses_are_handed_on() -> None:
    guess = judged(("Last-Modified", format_http_date(NOW - 100)), heuristic=0.1).stored
    negative = judged(status=404, negative=9).stored

    assert (guess and guess.lifetime, negative and negative.lifetime) == (10, 9)


def test_a_response_that_varies_on_too_much_is_not_stored() -> None:
    names = ", ".join(f"x-{number}" for number in range(MOST_SELECTING + 1))

    assert judged(control("max-age=9"), ("Vary", names)).why_not == "vary"


def test_a_response_with_more_keys_than_can_be_kept_is_not_stored() -> None:
    keys = " ".join(map(str, range(MOST_TAGS + 1)))

    assert judged(control("max-age=9"), ("Surrogate-Key", keys)).why_not == "too-many-tags"


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ((), ()),
        ((("Surrogate-Key", "a b"),), ("a", "b")),
        ((("surrogate-key", "  a \t b  "),), ("a", "b")),
        ((("Surrogate-Key", "a"), ("Surrogate-Key", "b a")), ("a", "b")),
        ((("Surrogate-Key", "a, b,c"),), ("a", "b", "c")),
        ((("Surrogate-Key", ""),), ()),
        ((("Surrogate-Key", "A a"),), ("A", "a")),
        ((("Cache-Tag", "a,b"),), ("a", "b")),
        ((("cache-tag", " a ,, b "),), ("a", "b")),
        ((("Cache-Tag", "a b, c"),), ("a b", "c")),
        ((("Cache-Tag", '"a", b'),), ("a", "b")),
        ((("Cache-Tag", "a"), ("Cache-Tag", "b,a")), ("a", "b")),
        ((("Cache-Tag", "b"), ("Surrogate-Key", "a b")), ("a", "b")),
        ((("Surrogate-Key", "k" * LONGEST_TAG),), ("k" * LONGEST_TAG,)),
        ((("Surrogate-Key", "k" * (LONGEST_TAG + 1)),), None),
        ((("Cache-Tag", "k" * (LONGEST_TAG + 1)),), None),
    ],
)
def test_surrogate_keys_are_parted_by_spaces_and_cache_tags_by_commas(
    fields: Pairs, keys: tuple[str, ...] | None
) -> None:
    assert surrogate_keys(Fields(fields)) == keys


@pytest.mark.parametrize(("count", "are_kept"), [(MOST_TAGS, True), (MOST_TAGS + 1, False)])
def test_no_more_keys_are_kept_than_allowed(count: int, are_kept: bool) -> None:
    keys = surrogate_keys(Fields([("Surrogate-Key", " ".join(map(str, range(count))))]))

    assert (keys is not None) is are_kept
