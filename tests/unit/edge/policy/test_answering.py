"""RFC 9111 §4, RFC 9110 §13, §14: the head of an answer that is made from what is stored."""

import pytest

from common.http import ByteRange, format_http_date
from common.http.fields import Fields, Pairs
from edge.policy.answering import Decided, decide
from edge.policy.messages import Request
from edge.policy.stored import Stored

NOW = 1_800_000_000.0
DATE = ("Date", format_http_date(NOW - 5))
MODIFIED = format_http_date(NOW - 9000)
FRESH = ("Cache-Control", "max-age=60")
ETAG = ("ETag", '"a"')
KIND = ("Content-Type", "video/mp4")
FIELDS: Pairs = (
    DATE,
    FRESH,
    ETAG,
    KIND,
    ("Last-Modified", MODIFIED),
    ("Content-Encoding", "x"),
    ("Content-Language", "en"),
    ("Content-Disposition", "inline"),
    ("Content-Location", "/b"),
    ("Vary", "Foo"),
    ("Expires", format_http_date(NOW + 9)),
    ("CDN-Cache-Control", "max-age=9"),
)
MATCHING = ("If-None-Match", '"a"')
FAILING = ("If-Match", '"b"')


def stored(status: int = 200, fields: Pairs = FIELDS) -> Stored:
    return Stored(
        number=1,
        status=status,
        reason="Said",
        fields=fields,
        selecting=(),
        size=10,
        held=((0, 10),),
        received_at=NOW,
        age=0.0,
        lifetime=60.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=(),
        sequence=0,
    )


def decided(
    *asked: tuple[str, str],
    method: str = "GET",
    status: int = 200,
    fields: Pairs = FIELDS,
    size: int | None = 10,
) -> Decided:
    request = Request(method, "http", "a.test", "/", Fields(asked))
    return decide(request, stored(status, fields), size)


def names(found: Decided) -> set[str]:
    return {name for name, _ in found.fields}


@pytest.mark.parametrize(
    ("method", "size", "length", "parts"),
    [
        ("GET", 10, 10, (ByteRange(0, 10),)),
        ("GET", 0, 0, ()),
        ("GET", None, None, ()),
        ("HEAD", 10, 10, ()),
        ("HEAD", None, None, ()),
        ("POST", 10, 10, (ByteRange(0, 10),)),
        ("POST", 0, 0, ()),
    ],
)
def test_rfc9111_4_the_whole_is_the_answer_to_a_plain_request(
    method: str, size: int | None, length: int | None, parts: tuple[ByteRange, ...]
) -> None:
    found = decided(method=method, size=size)

    assert (found.status, found.reason, found.length, found.parts) == (200, "Said", length, parts)


def test_rfc9110_14_3_a_whole_200_tells_that_ranges_are_served() -> None:
    assert decided().fields == (*FIELDS, ("Accept-Ranges", "bytes"))


def test_rfc9110_14_3_what_the_origin_tells_of_ranges_stays() -> None:
    fields = (*FIELDS, ("Accept-Ranges", "none"))

    assert decided(fields=fields).fields == fields


@pytest.mark.parametrize("status", [203, 301, 404, 410, 500])
@pytest.mark.parametrize("asked", [MATCHING, FAILING, ("Range", "bytes=0-1")])
def test_rfc9110_13_2_1_conditions_and_ranges_are_about_a_200_alone(
    status: int, asked: tuple[str, str]
) -> None:
    found = decided(asked, status=status)

    assert (found.status, found.length, found.fields) == (status, 10, FIELDS)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_rfc9110_15_a_status_without_content_tells_no_length(status: int) -> None:
    assert decided(status=status, size=0).length is None


@pytest.mark.parametrize("asked", [MATCHING, FAILING, ("Range", "bytes=0-1")])
def test_rfc9110_13_2_1_what_a_post_set_as_conditions_was_the_origins_to_judge(
    asked: tuple[str, str],
) -> None:
    found = decided(asked, method="POST")

    assert (found.status, found.spans) == (200, [(0, 10)])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("size", [10, None])
@pytest.mark.parametrize(
    ("asked", "status", "length"),
    [
        (MATCHING, 304, None),
        (("If-None-Match", 'W/"a"'), 304, None),
        (("If-None-Match", "*"), 304, None),
        (("If-Modified-Since", MODIFIED), 304, None),
        (FAILING, 412, 0),
        (("If-Unmodified-Since", format_http_date(NOW - 9999)), 412, 0),
    ],
)
def test_rfc9110_13_a_condition_decides_whether_the_length_is_known_or_not(
    asked: tuple[str, str], status: int, length: int | None, size: int | None, method: str
) -> None:
    found = decided(asked, method=method, size=size)

    assert (found.status, found.length, found.parts) == (status, length, ())


@pytest.mark.parametrize("size", [10, None])
def test_rfc9110_15_4_5_a_304_tells_all_but_what_describes_content(size: int | None) -> None:
    content = {"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition"}

    assert names(decided(MATCHING, size=size)) == {name for name, _ in FIELDS} - content


def test_rfc9110_15_5_13_a_412_tells_nothing_of_freshness() -> None:
    freshness = {"Cache-Control", "CDN-Cache-Control", "Expires"}

    assert names(decided(FAILING)) & freshness == set()


@pytest.mark.parametrize(
    ("field", "span"),
    [("bytes=2-3", (2, 4)), ("bytes=7-", (7, 10)), ("bytes=-1", (9, 10)), ("bytes=0-", (0, 10))],
)
def test_rfc9110_15_3_7_one_range_is_a_part_of_the_content(
    field: str, span: tuple[int, int]
) -> None:
    found = decided(("Range", field))

    assert (found.status, found.reason, found.spans) == (206, "Partial Content", [span])
    assert found.length == span[1] - span[0]
    assert ("Content-Range", f"bytes {span[0]}-{span[1] - 1}/10") in found.fields


def test_rfc9110_15_3_7_a_part_tells_all_that_the_whole_would() -> None:
    assert set(FIELDS) <= set(decided(("Range", "bytes=2-3")).fields)


def test_rfc9110_14_6_several_ranges_replace_the_content_type() -> None:
    found = decided(("Range", "bytes=0-9, 500-509"), size=1000)
    kinds = [value for name, value in found.fields if name == "Content-Type"]

    assert (len(kinds), kinds[0].partition(";")[0]) == (1, "multipart/byteranges")


def test_rfc9110_14_6_several_ranges_are_told_with_the_length_of_all_pieces() -> None:
    found = decided(("Range", "bytes=0-9, 500-509"), size=1000)
    pieces = [len(part) if isinstance(part, bytes) else part.length for part in found.parts]

    assert (found.spans, found.length) == ([(0, 10), (500, 510)], sum(pieces))


def test_rfc9110_14_6_several_ranges_have_no_content_range_of_their_own() -> None:
    assert "Content-Range" not in names(decided(("Range", "bytes=0-9, 500-509"), size=1000))


def test_rfc9110_15_5_17_no_byte_of_a_range_is_416_with_the_length() -> None:
    found = decided(("Range", "bytes=10-"))

    assert (found.status, found.fields, found.length, found.parts) == (
        416,
        (("Content-Range", "bytes */10"),),
        0,
        (),
    )


def test_rfc9110_14_2_a_range_of_unknown_size_is_answered_with_the_whole() -> None:
    found = decided(("Range", "bytes=0-1"), size=None)

    assert (found.status, found.length, found.parts) == (200, None, ())


@pytest.mark.parametrize(
    ("fields", "if_range", "status"),
    [
        ((ETAG,), '"a"', 206),
        ((ETAG,), '"b"', 200),
        ((("ETag", 'W/"a"'),), 'W/"a"', 200),
        ((DATE, ("Last-Modified", MODIFIED)), MODIFIED, 206),
        ((DATE, ("Last-Modified", DATE[1])), DATE[1], 200),
        ((("Last-Modified", MODIFIED),), MODIFIED, 206),
        ((DATE,), MODIFIED, 200),
    ],
)
def test_rfc9110_13_1_5_if_range_is_held_against_a_strong_validator(
    fields: Pairs, if_range: str, status: int
) -> None:
    found = decided(("Range", "bytes=0-1"), ("If-Range", if_range), fields=fields)

    assert found.status == status
