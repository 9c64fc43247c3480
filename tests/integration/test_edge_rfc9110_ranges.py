"""RFC 9110 §14: ranges of what an edge has stored, or is about to store."""

import re

import pytest

from tests.integration.proxy_service import (
    Got,
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
ETAG = ("ETag", '"a"')
LONG_AGO = http_date(-86400)
TEN = b"0123456789"
LARGE = bytes(number % 251 for number in range(3000))


async def stored(viewer: Viewer, origin: RawOrigin, body: bytes, *fields: tuple[str, str]) -> None:
    """Has the whole of ``body`` stored."""
    origin.answers(response(body, FRESH, *fields))
    await viewer.get()


def parts_of(got: Got) -> list[tuple[str | None, str | None, bytes]]:
    """Content-Type, Content-Range and content of each part of a multipart."""
    kind, _, boundary = (got.get("content-type") or "").partition("; boundary=")
    assert kind == "multipart/byteranges"
    delimiter = b"--" + boundary.encode()
    first, *parts, last = (b"\r\n" + got.body).split(b"\r\n" + delimiter)
    assert (first, last) == (b"", b"--\r\n")
    return [_part(part) for part in parts]


def _part(part: bytes) -> tuple[str | None, str | None, bytes]:
    head, _, body = part.partition(b"\r\n\r\n")
    told = dict(re.findall(r"\r\n([\w-]+): ([^\r]*)", head.decode("latin-1")))
    return told.get("Content-Type"), told.get("Content-Range"), body


@pytest.mark.parametrize(
    ("field", "body", "told"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=3-3", b"3", "bytes 3-3/10"),
        ("bytes=3-99", b"3456789", "bytes 3-9/10"),
        ("bytes=0-9", TEN, "bytes 0-9/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=0-", TEN, "bytes 0-9/10"),
        ("bytes=9-", b"9", "bytes 9-9/10"),
        ("bytes=-1", b"9", "bytes 9-9/10"),
        ("bytes=-4", b"6789", "bytes 6-9/10"),
        ("bytes=-99", TEN, "bytes 0-9/10"),
        ("Bytes=2-3", b"23", "bytes 2-3/10"),
        ("bytes= 2-3 ", b"23", "bytes 2-3/10"),
        ("bytes=002-00003", b"23", "bytes 2-3/10"),
        ("bytes=2-99999999999999999999999999", b"23456789", "bytes 2-9/10"),
        ("bytes=,2-3,", b"23", "bytes 2-3/10"),
        ("bytes=2-3, 20-30", b"23", "bytes 2-3/10"),
        ("bytes=2-3,4-5", b"2345", "bytes 2-5/10"),
    ],
)
async def test_rfc9110_14_1_2_a_range_of_what_is_stored_is_answered_with_its_bytes(
    viewer: Viewer, origin: RawOrigin, field: str, body: bytes, told: str
) -> None:
    await stored(viewer, origin, TEN)
    got = await viewer.get("/", ("Range", field))

    assert (got.status, got.body, got.get("content-range")) == (206, body, told)
    assert got.get("content-length") == str(len(body))


@pytest.mark.parametrize(
    "field",
    [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=3-2",
        "bytes=0-1, 3-2",
        "bytes=1",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1-2;3-4",
        "bytes =1-2",
        "seconds=1-2",
        "1-2",
    ],
)
async def test_rfc9110_14_2_a_range_that_is_none_is_ignored(
    viewer: Viewer, origin: RawOrigin, field: str
) -> None:
    await stored(viewer, origin, TEN)
    got = await viewer.get("/", ("Range", field))

    assert (got.status, got.body) == (200, TEN)


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-, 50-60"])
async def test_rfc9110_15_5_17_a_range_without_bytes_is_told_the_length(
    viewer: Viewer, origin: RawOrigin, field: str
) -> None:
    await stored(viewer, origin, TEN)
    got = await viewer.get("/", ("Range", field))

    assert (got.status, got.get("content-range"), got.body) == (416, "bytes */10", b"")


async def test_rfc9110_15_5_17_a_416_tells_nothing_that_would_have_it_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, TEN)
    got = await viewer.get("/", ("Range", "bytes=10-"))

    assert (got.get("cache-control"), got.get("expires")) == (None, None)


@pytest.mark.parametrize("size", [0, 1])
async def test_rfc9110_14_1_2_a_suffix_of_anything_is_satisfiable(
    viewer: Viewer, origin: RawOrigin, size: int
) -> None:
    await stored(viewer, origin, TEN[:size])
    got = await viewer.get("/", ("Range", "bytes=-5"))

    assert (got.status, got.body) == ((206, b"0") if size else (200, b""))


async def test_rfc9110_14_2_range_means_nothing_to_head(viewer: Viewer, origin: RawOrigin) -> None:
    await stored(viewer, origin, TEN)
    got = await viewer.get("/", ("Range", "bytes=0-1"), method="HEAD")

    assert (got.status, got.get("content-length")) == (200, "10")


async def test_rfc9110_14_2_range_means_nothing_to_an_error(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(TEN, FRESH, status="404 Not Found"))
    await viewer.get()
    got = await viewer.get("/", ("Range", "bytes=0-1"))

    assert (got.status, got.body) == (404, TEN)


async def test_rfc9110_15_3_7_a_206_tells_what_the_200_would(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = (ETAG, ("Last-Modified", LONG_AGO), ("Vary", "A"), ("Content-Location", "/b"))
    await stored(viewer, origin, TEN, *fields)
    got = await viewer.get("/", ("Range", "bytes=0-1"))

    assert {*fields, FRESH} <= set(got.fields)


# §14.6: several ranges.


async def test_rfc9110_15_3_7_2_several_ranges_are_the_parts_of_a_multipart(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, LARGE, ("Content-Type", "video/mp4"))
    got = await viewer.get("/", ("Range", "bytes=0-9, 1000-1009, -10"))

    assert got.status == 206
    assert parts_of(got) == [
        ("video/mp4", "bytes 0-9/3000", LARGE[:10]),
        ("video/mp4", "bytes 1000-1009/3000", LARGE[1000:1010]),
        ("video/mp4", "bytes 2990-2999/3000", LARGE[-10:]),
    ]


async def test_rfc9110_15_3_7_2_a_multipart_has_its_length_and_no_content_range_of_its_own(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, LARGE)
    got = await viewer.get("/", ("Range", "bytes=0-9, 1000-1009"))

    assert (got.get("content-length"), got.get("content-range")) == (str(len(got.body)), None)


async def test_rfc9110_15_3_7_2_parts_come_in_the_order_in_which_they_were_asked_for(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, LARGE)
    got = await viewer.get("/", ("Range", "bytes=2000-2001, 0-1"))

    assert [told for _, told, _ in parts_of(got)] == ["bytes 2000-2001/3000", "bytes 0-1/3000"]


async def test_rfc9110_15_3_7_2_the_boundary_is_nowhere_in_the_parts(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, LARGE, ETAG)
    asked = ("Range", "bytes=0-999, 2000-2999")
    boundary = ((await viewer.get("/", asked)).get("content-type") or "").rpartition("=")[2]

    assert 1 <= len(boundary) <= 70
    assert boundary.encode() not in LARGE


@pytest.mark.parametrize(
    "field",
    [
        "bytes=" + ",".join(["0-"] * 900),
        "bytes=" + ",".join(f"0-{last}" for last in range(700)),
        "bytes=" + ",".join(f"{first}-{first + 500}" for first in range(300)),
        "bytes=" + ",".join(f"{first}-{first}" for first in range(0, 3000, 5)),
    ],
    ids=["all the same", "nested", "chained", "crumbs"],
)
async def test_rfc9110_14_2_hundreds_of_ranges_get_no_more_than_the_whole(
    viewer: Viewer, origin: RawOrigin, field: str
) -> None:
    await stored(viewer, origin, LARGE)
    got = await viewer.get("/", ("Range", field))

    assert (got.status, got.body) == (200, LARGE)


async def test_rfc9110_17_15_thousands_of_overlapping_ranges_get_no_more_than_the_whole(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, LARGE)
    lines = (("Range", "bytes=" + ",".join(["0-"] * 1500)), ("Range", ",".join(["5-"] * 1500)))
    got = await viewer.get("/", *lines)

    assert len(got.body) <= len(LARGE)


# §13.1.5: If-Range.

DATED: Pairs = (("Last-Modified", LONG_AGO),)
BOTH: Pairs = (ETAG, ("Last-Modified", LONG_AGO))


@pytest.mark.parametrize(
    ("fields", "if_range", "status"),
    [
        ((ETAG,), '"a"', 206),
        ((ETAG,), '"b"', 200),
        ((ETAG,), 'W/"a"', 200),
        ((("ETag", 'W/"a"'),), 'W/"a"', 200),
        ((("ETag", 'W/"a"'),), '"a"', 200),
        ((ETAG,), '"b", "a"', 200),
        ((ETAG,), "*", 200),
        ((ETAG,), "a", 200),
        ((), '"a"', 200),
        (DATED, LONG_AGO, 206),
        (DATED, http_date(-90000), 200),
        (DATED, http_date(-80000), 200),
        (BOTH, LONG_AGO, 206),
        (BOTH, '"a"', 206),
        ((), LONG_AGO, 200),
        ((("Last-Modified", http_date(0)), ("Date", http_date(0))), http_date(0), 200),
    ],
)
async def test_rfc9110_13_1_5_if_range_holds_for_the_very_same_representation(
    viewer: Viewer, origin: RawOrigin, fields: Pairs, if_range: str, status: int
) -> None:
    await stored(viewer, origin, TEN, *fields)
    got = await viewer.get("/", ("Range", "bytes=0-1"), ("If-Range", if_range))

    assert (got.status, got.body) == (status, TEN if status == 200 else TEN[:2])


async def test_rfc9110_13_1_5_without_range_if_range_means_nothing(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, TEN, ETAG)
    got = await viewer.get("/", ("If-Range", '"a"'))

    assert (got.status, got.body) == (200, TEN)


async def test_rfc9110_13_1_5_where_if_range_fails_an_unsatisfiable_range_gets_the_whole(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await stored(viewer, origin, TEN, ETAG)
    got = await viewer.get("/", ("Range", "bytes=99-"), ("If-Range", '"b"'))

    assert (got.status, got.body) == (200, TEN)
