"""RFC 9110 §13, RFC 9111 §4.3.2: conditional requests that an edge answers itself."""

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
LONG_AGO = http_date(-86400)
EARLIER, LATER = http_date(-90000), http_date(-80000)


async def asked_of_the_cache(
    viewer: Viewer, origin: RawOrigin, stored: Pairs, *asked: tuple[str, str], method: str = "GET"
) -> Got:
    """The answer to a request for what is stored and fresh."""
    origin.answers(response(b"stored", FRESH, *stored))
    await viewer.get()
    return await viewer.get("/", *asked, method=method)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("etag", "field", "status"),
    [
        ('"a"', '"a"', 304),
        ('"a"', 'W/"a"', 304),
        ('W/"a"', '"a"', 304),
        ('W/"a"', 'W/"a"', 304),
        ('"a"', '"b"', 200),
        ('"a"', '"A"', 200),
        ('"a"', '"b", "a"', 304),
        ('"a"', '"b","a","c"', 304),
        ('"a"', ', ,"b" ,\t"a",', 304),
        ('"a"', '"b", "c"', 200),
        ('"a"', '"b,a"', 200),
        ('"b,a"', '"x", "b,a"', 304),
        ('"a"', "*", 304),
        ('"a"', "a", 200),
        ('"a"', '"a', 200),
        ('"a"', 'w/"a"', 200),
        ('""', '""', 304),
        ('"caf\xe9"', '"caf\xe9"', 304),
        ('"caf\xc3\xa9"', '"b", "caf\xc3\xa9"', 304),
        ('"caf\xe9"', '"caf\xe8"', 200),
    ],
)
async def test_rfc9110_13_1_2_if_none_match_is_compared_weakly(
    viewer: Viewer, origin: RawOrigin, etag: str, field: str, status: int, method: str
) -> None:
    got = await asked_of_the_cache(
        viewer, origin, (("ETag", etag),), ("If-None-Match", field), method=method
    )

    assert (got.status, len(origin.asked)) == (status, 1)


async def test_rfc9110_13_1_2_lines_of_if_none_match_are_one_list(
    viewer: Viewer, origin: RawOrigin
) -> None:
    lines = (("If-None-Match", '"b"'), ("If-None-Match", '"a"'))
    got = await asked_of_the_cache(viewer, origin, (("ETag", '"a"'),), *lines)

    assert got.status == 304


async def test_rfc9110_13_1_2_an_asterisk_matches_what_has_no_tag(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await asked_of_the_cache(viewer, origin, (), ("If-None-Match", "*"))

    assert got.status == 304


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (LONG_AGO, 304),
        (LATER, 304),
        (EARLIER, 200),
        ("yesterday", 200),
        ("0", 200),
        (f"{LONG_AGO}, {LONG_AGO}", 200),
    ],
    ids=["the same", "later", "earlier", "a word", "zero", "a list"],
)
async def test_rfc9110_13_1_3_if_modified_since_is_compared_with_last_modified(
    viewer: Viewer, origin: RawOrigin, since: str, status: int
) -> None:
    stored = (("Last-Modified", LONG_AGO),)
    got = await asked_of_the_cache(viewer, origin, stored, ("If-Modified-Since", since))

    assert (got.status, len(origin.asked)) == (status, 1)


async def test_rfc9110_13_1_3_if_modified_since_is_ignored_where_nothing_tells_the_date(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await asked_of_the_cache(viewer, origin, (), ("If-Modified-Since", EARLIER))

    assert got.status == 200


@pytest.mark.parametrize(
    ("tag", "since", "status"),
    [('"a"', EARLIER, 304), ('"b"', LATER, 200), ("nonsense", LATER, 200)],
)
async def test_rfc9110_13_2_2_if_none_match_outranks_if_modified_since(
    viewer: Viewer, origin: RawOrigin, tag: str, since: str, status: int
) -> None:
    stored = (("ETag", '"a"'), ("Last-Modified", LONG_AGO))
    conditions = (("If-None-Match", tag), ("If-Modified-Since", since))
    got = await asked_of_the_cache(viewer, origin, stored, *conditions)

    assert got.status == status


async def test_rfc9110_13_2_2_a_true_if_none_match_lets_range_hold(
    viewer: Viewer, origin: RawOrigin
) -> None:
    asked = (("If-None-Match", '"b"'), ("Range", "bytes=0-1"))
    got = await asked_of_the_cache(viewer, origin, (("ETag", '"a"'),), *asked)

    assert (got.status, got.body) == (206, b"st")


async def test_rfc9110_13_2_2_a_false_if_none_match_outranks_range(
    viewer: Viewer, origin: RawOrigin
) -> None:
    asked = (("If-None-Match", '"a"'), ("Range", "bytes=0-1"))
    got = await asked_of_the_cache(viewer, origin, (("ETag", '"a"'),), *asked)

    assert (got.status, got.body) == (304, b"")


@pytest.mark.parametrize(
    "field",
    [
        ("ETag", '"a"'),
        FRESH,
        ("Content-Location", "/here"),
        ("Date", http_date(-7)),
        ("Expires", http_date(86400)),
        ("Vary", "Accept"),
        ("Access-Control-Allow-Origin", "*"),
    ],
    ids=lambda field: str(field[0]),
)
async def test_rfc9110_15_4_5_a_304_tells_what_the_200_would(
    viewer: Viewer, origin: RawOrigin, field: tuple[str, str]
) -> None:
    stored = tuple({name: (name, value) for name, value in (("ETag", '"a"'), field)}.values())
    origin.answers(response(b"stored", *({FRESH, *stored})))
    await viewer.get()
    got = await viewer.get("/", ("If-None-Match", '"a"'))

    assert (got.status, got.get(field[0])) == (304, field[1])


async def test_rfc9110_15_4_5_a_304_has_no_content_and_tells_no_length_of_any(
    viewer: Viewer, origin: RawOrigin
) -> None:
    stored = (("ETag", '"a"'),)
    got = await asked_of_the_cache(viewer, origin, stored, ("If-None-Match", '"a"'))

    assert (got.body, got.get("transfer-encoding"), got.get("content-type")) == (b"", None, None)


async def test_rfc9110_13_2_1_conditions_are_ignored_where_the_answer_is_an_error(
    viewer: Viewer, origin: RawOrigin
) -> None:
    gone = response(b"gone", FRESH, ("ETag", '"a"'), status="404 Not Found")
    origin.answers(gone)
    await viewer.get()
    got = await viewer.get("/", ("If-None-Match", '"a"'))

    assert (got.status, got.body) == (404, b"gone")


@pytest.mark.parametrize(
    ("condition", "status"),
    [(("If-None-Match", '"a"'), 304), (("If-None-Match", '"b"'), 200)],
)
async def test_rfc9111_4_3_2_a_condition_on_a_miss_is_held_against_what_the_origin_sends(
    viewer: Viewer, origin: RawOrigin, condition: tuple[str, str], status: int
) -> None:
    origin.answers(response(b"hello", FRESH, ("ETag", '"a"')))

    assert (await viewer.get("/", condition)).status == status


async def test_rfc9111_4_3_2_a_conditional_miss_stores_the_whole(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"hello", FRESH, ("ETag", '"a"')))
    await viewer.get("/", ("If-None-Match", '"a"'))

    got = await viewer.get()
    assert (got.status, got.body, len(origin.asked)) == (200, b"hello", 1)


async def test_rfc9111_4_3_2_a_condition_is_held_against_what_was_just_validated(
    viewer: Viewer, origin: RawOrigin
) -> None:
    stale = response(b"hello", ("Cache-Control", "max-age=1"), ("Age", "9"), ("ETag", '"a"'))
    origin.answers(stale, response(b"", FRESH, ("ETag", '"a"'), status="304 Not Modified"))
    await viewer.get()

    assert (await viewer.get("/", ("If-None-Match", '"a"'))).status == 304


async def test_rfc9111_4_3_2_a_condition_is_held_against_what_replaces_the_stored_response(
    viewer: Viewer, origin: RawOrigin
) -> None:
    stale = response(b"hello", ("Cache-Control", "max-age=1"), ("Age", "9"), ("ETag", '"a"'))
    origin.answers(stale, response(b"new", FRESH, ("ETag", '"b"')))
    await viewer.get()
    got = await viewer.get("/", ("If-None-Match", '"a"'))

    assert (got.status, got.body) == (200, b"new")


# If-Match and If-Unmodified-Since are the origin's to judge: it is asked before they are.

ORIGINS_OWN = [
    (("If-Match", '"a"'), 200),
    (("If-Match", '"b", "a"'), 200),
    (("If-Match", "*"), 200),
    (("If-Match", '"b"'), 412),
    (("If-Match", 'W/"a"'), 412),
    (("If-Unmodified-Since", LONG_AGO), 200),
    (("If-Unmodified-Since", LATER), 200),
    (("If-Unmodified-Since", EARLIER), 412),
    (("If-Unmodified-Since", "nonsense"), 200),
]


@pytest.mark.parametrize(("condition", "status"), ORIGINS_OWN)
async def test_rfc9110_13_1_1_and_13_1_4_hold_against_what_the_origin_says_is_current(
    viewer: Viewer, origin: RawOrigin, condition: tuple[str, str], status: int
) -> None:
    stored = (FRESH, ("ETag", '"a"'), ("Last-Modified", LONG_AGO))
    origin.answers(response(b"hello", *stored), response(b"", *stored, status="304 Not Modified"))
    await viewer.get()

    assert (await viewer.get("/", condition)).status == status


@pytest.mark.parametrize("condition", [("If-Match", '"a"'), ("If-Unmodified-Since", LATER)])
async def test_rfc9111_4_3_2_conditions_for_the_origin_are_not_judged_by_what_is_stored(
    viewer: Viewer, origin: RawOrigin, condition: tuple[str, str]
) -> None:
    stored = (FRESH, ("ETag", '"a"'), ("Last-Modified", LONG_AGO))
    changed = (FRESH, ("ETag", '"b"'), ("Last-Modified", http_date(-9)))
    origin.answers(response(b"hello", *stored), response(b"changed", *changed))
    await viewer.get()

    assert (await viewer.get("/", condition)).status == 412


async def test_rfc9110_13_2_2_if_match_outranks_if_unmodified_since(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"hello", FRESH, ("ETag", '"a"'), ("Last-Modified", LONG_AGO)))
    got = await viewer.get("/", ("If-Match", '"a"'), ("If-Unmodified-Since", EARLIER))

    assert got.status == 200


async def test_rfc9110_13_2_2_if_match_outranks_if_none_match(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"hello", FRESH, ("ETag", '"a"')))
    got = await viewer.get("/", ("If-Match", '"b"'), ("If-None-Match", '"a"'))

    assert got.status == 412


async def test_rfc9110_15_5_13_no_cache_further_on_may_reuse_a_412(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"hello", FRESH, ("Expires", http_date(99)), ("ETag", '"a"')))
    got = await viewer.get("/", ("If-Match", '"b"'))

    assert (got.get("cache-control"), got.get("expires")) == (None, None)


async def test_rfc9110_15_5_13_a_412_is_not_stored(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(response(b"hello", FRESH, ("ETag", '"a"')))
    await viewer.get("/", ("If-Match", '"b"'))

    assert (await viewer.get()).status == 200
