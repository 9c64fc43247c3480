"""Responses that are judged by their shape are judged as they are one by one."""

import hypothesis
import pytest
from hypothesis import strategies as st

from common.http import format_http_date
from common.http.fields import Fields
from edge.policy.alike import Head, judge_alike, mark, pattern_of
from edge.policy.forwarding import end_to_end
from edge.policy.heads import render_head
from edge.policy.messages import Request, Response
from edge.policy.plain_responses import PlainResponse, read_plain_response
from edge.policy.storing import judge_storing

NOW = 1_700_000_000.25
SEQUENCE = 7
PLAIN = Request("GET", "https", "video.example", "/one", Fields([("User-Agent", "a")]))

VALUES = {
    "Cache-Control": [
        "max-age=60",
        "public, max-age=86400",
        "max-age=0",
        "max-age=0, stale-while-revalidate=30",
        "max-age=5, s-maxage=0",
        "s-maxage=10, stale-if-error=60",
        "max-age=60, must-revalidate",
        "max-age=60, no-cache",
        'max-age=60, no-cache="etag"',
        'max-age=60, private="x-own"',
        "max-age=60, private",
        "max-age=60, no-store",
        "max-age=60, must-understand",
        "max-age=nonsense",
        "public",
        "no-store",
    ],
    "CDN-Cache-Control": ["max-age=30", "no-store", "max-age=0", ";broken"],
    "Expires": [format_http_date(NOW + 100), format_http_date(NOW - 100), "0"],
    "Date": [
        format_http_date(NOW),
        format_http_date(NOW - 30),
        format_http_date(NOW - 90),
        format_http_date(NOW + 90),
        "no date",
    ],
    "Age": ["0", "5", "100", "x"],
    "ETag": ['"one"', 'W/"two"', "odd"],
    "Last-Modified": [format_http_date(NOW - 1e6), "never"],
    "Repr-Digest": ["sha-256=:AAAA:", "md5=:x:"],
    "Vary": ["Accept-Encoding", "*", ","],
    "Surrogate-Key": ["one two", "three"],
    "Cache-Tag": ["a, b"],
    "Content-Type": ["video/mp4"],
    "Content-Range": ["bytes 0-4/5"],
    "Connection": ["keep-alive"],
    "Set-Cookie": ["a=b"],
    "X-Own": ["100%s %d", "two  words"],
    "Pragma": ["no-cache"],
}
FIELDS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))
)
STATUSES = [
    "200 OK",
    "206 Partial Content",
    "203 ",
    "301 Moved",
    "404 Not Found",
    "500 Oh",
    "299 X",
]
REQUESTS = st.sampled_from(
    [
        PLAIN,
        Request("GET", "http", "a", "/", Fields([("Authorization", "Basic x")])),
        Request("GET", "http", "a", "/", Fields([("Cache-Control", "no-store")])),
        Request("GET", "http", "a", "/", Fields([("Cache-Control", "max-age=0")])),
    ]
)


def read(status: str, fields: list[tuple[str, str]]) -> PlainResponse | None:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
    return read_plain_response(("\r\n".join(lines) + "\r\n\r\n").encode())


def plain(*fields: tuple[str, str]) -> PlainResponse:
    found = read("200 OK", [*fields, ("Content-Length", "5")])
    assert found is not None
    return found


@hypothesis.settings(max_examples=1000)
@hypothesis.given(
    st.sampled_from(STATUSES),
    st.lists(FIELDS, max_size=8),
    st.integers(0, 8),
    REQUESTS,
    st.sampled_from([0.0, 0.1, 3.0]),
    st.sampled_from([0.0, 0.1]),
)
@hypothesis.example(
    "200 OK", [("Cache-Control", "max-age=60"), ("Date", format_http_date(NOW))], 0, PLAIN, 0.0, 0.0
)
def test_what_is_judged_by_its_shape_is_what_it_is_by_itself(
    status: str,
    fields: list[tuple[str, str]],
    place: int,
    request: Request,
    took: float,
    heuristic: float,
) -> None:
    fields = [*fields[:place], ("Content-Length", "5"), *fields[place:]]
    found = read(status, fields)
    if found is None:
        return
    stored = judge_alike(found, request, NOW - took, NOW, SEQUENCE)
    if stored is None:
        return
    response = Response(
        found.status, found.reason, end_to_end(Fields(found.fields)), NOW - took, NOW
    )
    judged = judge_storing(
        request, response, heuristic=heuristic, negative=heuristic, sequence=SEQUENCE
    )
    assert stored == judged.stored
    assert judged.shared
    assert judged.unshared == ()
    assert stored.selecting == ()


def test_a_plain_response_is_judged_by_its_shape_whatever_is_its_own() -> None:
    own = ("Date", format_http_date(NOW)), ("ETag", '"a%sb"'), ("Repr-Digest", "sha-256=:x:")
    found = plain(("Cache-Control", "max-age=60"), *own, ("X-Own", "100%"))
    stored = judge_alike(found, PLAIN, NOW, NOW, SEQUENCE)
    assert stored is not None
    assert stored.fields == (("Cache-Control", "max-age=60"), *own, ("X-Own", "100%"))
    assert (stored.lifetime, stored.age, stored.sequence) == (60.0, 0.0, SEQUENCE)


@pytest.mark.parametrize(
    "fields",
    [
        [("Cache-Control", "max-age=60")],
        [("Date", format_http_date(NOW)), ("Cache-Control", "public")],
        [("Date", format_http_date(NOW)), ("Cache-Control", "max-age=60"), ("Age", "0")],
        [("Date", format_http_date(NOW)), ("Cache-Control", "max-age=60"), ("Vary", "Origin")],
        [("Date", format_http_date(NOW)), ("Cache-Control", 'max-age=60, private="date"')],
        [("Date", format_http_date(NOW)), ("Cache-Control", "max-age=60, no-store")],
        [("Date", format_http_date(NOW)), ("Expires", format_http_date(NOW + 60))],
    ],
)
def test_what_takes_a_closer_look_has_no_pattern(fields: list[tuple[str, str]]) -> None:
    assert pattern_of(plain(*fields).shape) is None


def test_what_came_too_old_to_be_shared_is_judged_by_itself() -> None:
    control = ("Cache-Control", "max-age=60")
    old = plain(control, ("Date", format_http_date(NOW - 61)))
    assert judge_alike(old, PLAIN, NOW, NOW, SEQUENCE) is None
    young = plain(control, ("Date", format_http_date(NOW - 59)))
    assert judge_alike(young, PLAIN, NOW, NOW, SEQUENCE) is not None


def test_no_recognised_head_has_a_mark() -> None:
    assert read("200 OK", [("Content-Length", "5"), ("X", "a")]) is not None
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: {mark(0)}\r\n\r\n"
    assert read_plain_response(head.encode("latin-1")) is None


def test_a_head_is_rendered_with_what_is_a_response_s_own() -> None:
    date = format_http_date(NOW)
    found = plain(("Date", date), ("X-Own", "100%s"), ("ETag", '"a%d"'))
    fields = [("X-Own", "100%s"), ("ETag", mark(1)), ("Date", mark(0)), ("Via", "caf\xe9")]
    head = Head(render_head(200, "OK", tuple(fields)), found.shape)
    expected = (("X-Own", "100%s"), ("ETag", '"a%d"'), ("Date", date), ("Via", "caf\xe9"))
    assert head.render(found) == render_head(200, "OK", (*expected, ("Content-Length", "5")))
