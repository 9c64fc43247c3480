"""RFC 9111 §5.2: what each directive has an edge do, seen over sockets."""

import asyncio

import pytest

from tests.integration.proxy_service import (
    Asked,
    Pairs,
    RawOrigin,
    Viewer,
    response,
)

ETAG = ("ETag", '"a"')
NOT_MODIFIED = response(b"", ETAG, ("Cache-Control", "max-age=3600"), status="304 Not Modified")


def control(value: str) -> tuple[str, str]:
    return ("Cache-Control", value)


async def vanish(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def store(
    viewer: Viewer, origin: RawOrigin, directives: str, *, age: int, fields: Pairs = ()
) -> None:
    """Has a response of that age stored, and the origin gone with what was asked of it forgotten.

    What is fresh or not when it comes is stored a moment after its viewer has it.
    """
    given = (control(directives), ("Age", str(age)), ETAG, *fields)
    origin.answers(response(b"stored", *given))
    await viewer.get()
    for _ in range(1000):
        if (await viewer.get("/", control("only-if-cached, max-stale"))).status != 504:
            break
        await asyncio.sleep(0.01)
    origin.asked.clear()
    origin.answers(response(b"asked"))


# §5.2.1: directives of requests.


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("max-age=0", b"asked"),
        ("max-age=99", b"asked"),
        ("MAX-AGE=99", b"asked"),
        ('max-age="99"', b"asked"),
        ("max-age=99, max-age=3600", b"asked"),
        ("max-age=abc", b"asked"),
        ("max-age=-1", b"asked"),
        ("max-age", b"asked"),
        ("max-age=200", b"stored"),
        ("max-age=99999999999", b"stored"),
        ("max-age=0, max-stale", b"asked"),
    ],
)
async def test_rfc9111_5_2_1_1_max_age_is_how_old_it_may_be(
    viewer: Viewer, origin: RawOrigin, asked: str, body: bytes
) -> None:
    await store(viewer, origin, "max-age=3600", age=100)

    assert (await viewer.get("/", control(asked))).body == body


async def test_rfc9111_5_2_1_1_max_age_makes_nothing_fresh(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await store(viewer, origin, "max-age=50", age=100)

    assert (await viewer.get("/", control("max-age=3600"))).body == b"asked"


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("max-stale", b"stored"),
        ("max-stale=1000", b"stored"),
        ("MAX-STALE=1000", b"stored"),
        ('max-stale="1000"', b"stored"),
        ("max-stale=99999999999", b"stored"),
        ("max-stale=10", b"asked"),
        ("max-stale=0", b"asked"),
        ("max-stale=abc", b"asked"),
        ("max-stale=-1", b"asked"),
        ("max-stale=10.5", b"asked"),
        ("max-stale=", b"asked"),
        ("max-stale=10, max-stale=1000", b"asked"),
        ("max-age=10, max-stale=1000", b"stored"),
        ("no-cache, max-stale", b"asked"),
        ("min-fresh=1, max-stale", b"asked"),
    ],
)
async def test_rfc9111_5_2_1_2_max_stale_is_how_long_it_may_be_stale(
    viewer: Viewer, origin: RawOrigin, asked: str, body: bytes
) -> None:
    await store(viewer, origin, "max-age=50", age=100)

    assert (await viewer.get("/", control(asked))).body == body


@pytest.mark.parametrize("forbids", ["must-revalidate", "proxy-revalidate", "s-maxage=50"])
async def test_rfc9111_5_2_1_2_max_stale_does_not_outdo_the_origin(
    viewer: Viewer, origin: RawOrigin, forbids: str
) -> None:
    origin.answers(response(b"stored", control(f"max-age=1, {forbids}"), ("Age", "49"), ETAG))
    await viewer.get()
    await asyncio.sleep(1.1)
    origin.answers(response(b"asked"))

    got = await viewer.get("/", control("max-stale"))

    assert (got.body, origin.asked[-1].get("if-none-match")) == (b"asked", '"a"')


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("min-fresh=3400", b"stored"),
        ("min-fresh=0", b"stored"),
        ("min-fresh=3501", b"asked"),
        ("MIN-FRESH=3600", b"asked"),
        ('min-fresh="3600"', b"asked"),
        ("min-fresh=99999999999", b"asked"),
        ("min-fresh=3600, max-stale", b"asked"),
    ],
)
async def test_rfc9111_5_2_1_3_min_fresh_is_how_long_it_must_stay_fresh(
    viewer: Viewer, origin: RawOrigin, asked: str, body: bytes
) -> None:
    await store(viewer, origin, "max-age=3600", age=100)

    assert (await viewer.get("/", control(asked))).body == body


@pytest.mark.parametrize("asked", ["no-cache", "NO-CACHE", "max-age=3600, no-cache", "no-cache=a"])
async def test_rfc9111_5_2_1_4_no_cache_has_the_origin_asked(
    viewer: Viewer, origin: RawOrigin, asked: str
) -> None:
    await store(viewer, origin, "max-age=3600", age=0)

    assert (await viewer.get("/", control(asked))).body == b"asked"


async def test_rfc9111_5_2_1_4_no_cache_is_content_with_a_validation(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await store(viewer, origin, "max-age=3600", age=0)
    origin.answers(NOT_MODIFIED)

    got = await viewer.get("/", control("no-cache"))

    assert (got.status, got.body, origin.asked[0].get("if-none-match")) == (200, b"stored", '"a"')


async def test_rfc9111_5_2_1_4_what_no_cache_brought_is_for_the_next(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await store(viewer, origin, "max-age=3600", age=0)
    origin.answers(response(b"new", control("max-age=3600")))
    await viewer.get("/", control("no-cache"))

    got = await viewer.get()

    assert (got.body, len(origin.asked)) == (b"new", 1)


@pytest.mark.parametrize("asked", ["only-if-cached", "ONLY-IF-CACHED", "max-age=9, only-if-cached"])
async def test_rfc9111_5_2_1_7_only_if_cached_gets_504_where_nothing_is(
    viewer: Viewer, origin: RawOrigin, asked: str
) -> None:
    got = await viewer.get("/", control(asked))

    assert (got.status, origin.asked) == (504, [])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("only-if-cached", 200),
        ("only-if-cached, max-age=99", 504),
        ("only-if-cached, min-fresh=3600", 504),
        ("only-if-cached, no-cache", 504),
    ],
)
async def test_rfc9111_5_2_1_7_only_if_cached_gets_what_the_rest_allows(
    viewer: Viewer, origin: RawOrigin, asked: str, status: int
) -> None:
    await store(viewer, origin, "max-age=3600", age=100)

    got = await viewer.get("/", control(asked))

    assert (got.status, origin.asked) == (status, [])


@pytest.mark.parametrize(
    ("asked", "status"), [("only-if-cached", 504), ("only-if-cached, max-stale", 200)]
)
async def test_rfc9111_5_2_1_7_only_if_cached_gets_stale_answers_if_it_takes_them(
    viewer: Viewer, origin: RawOrigin, asked: str, status: int
) -> None:
    await store(viewer, origin, "max-age=50", age=100)

    got = await viewer.get("/", control(asked))

    assert (got.status, origin.asked) == (status, [])


@pytest.mark.parametrize(
    "asked", ["no-transform", "foo", "foo=bar", 'foo="no-cache"', "", ",,", "="]
)
async def test_rfc9111_5_2_3_other_directives_of_requests_change_nothing(
    viewer: Viewer, origin: RawOrigin, asked: str
) -> None:
    await store(viewer, origin, "max-age=3600", age=0)

    assert (await viewer.get("/", control(asked))).body == b"stored"


@pytest.mark.parametrize(
    "asked", ["no-cache", "max-age=0, foo=bar", "no-transform", "no-store, max-stale=5"]
)
async def test_rfc9111_5_2_directives_of_requests_are_passed_on(
    viewer: Viewer, origin: RawOrigin, asked: str
) -> None:
    await viewer.get("/", control(asked))

    assert origin.asked[0].get("cache-control") == asked


# §5.2.2: directives of responses; those about storing are with §3.


@pytest.mark.parametrize(
    "directives", ["max-age=9, foo", "no-store, a=b", "no-transform, private", "NO-cache=X, ,a"]
)
async def test_rfc9111_5_2_directives_of_responses_are_passed_on(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    origin.answers(response(b"hello", control(directives)))

    assert (await viewer.get()).get("cache-control") == directives


@pytest.mark.parametrize(
    "directives", ["foo", "foo=bar", 'foo="no-store, no-cache"', "immutable", "no-transform"]
)
async def test_rfc9111_5_2_3_other_directives_of_responses_change_nothing(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    await store(viewer, origin, f"{directives}, max-age=3600", age=0)

    assert (await viewer.get()).body == b"stored"


@pytest.mark.parametrize(
    "forbids", ["must-revalidate", "MUST-REVALIDATE", "proxy-revalidate", "s-maxage=1"]
)
async def test_rfc9111_5_2_2_2_stale_is_no_answer_where_that_is_forbidden(
    viewer: Viewer, origin: RawOrigin, forbids: str
) -> None:
    """§5.2.2.2 must-revalidate, §5.2.2.8 proxy-revalidate, §5.2.2.10 s-maxage."""
    origin.answers(response(b"stored", control(f"max-age=1, {forbids}"), ETAG))
    await viewer.get()
    await asyncio.sleep(1.1)
    origin.answers(vanish)

    assert (await viewer.get()).status == 504


@pytest.mark.parametrize("allows", ["public", "foo=must-revalidate"])
async def test_rfc9111_4_2_4_stale_is_an_answer_to_those_who_are_cut_off(
    viewer: Viewer, origin: RawOrigin, allows: str
) -> None:
    await store(viewer, origin, f"max-age=50, {allows}", age=100)
    origin.answers(vanish)

    assert (await viewer.get()).body == b"stored"


@pytest.mark.parametrize("directive", ["must-revalidate", "proxy-revalidate"])
async def test_rfc9111_5_2_2_2_what_must_be_revalidated_is_fresh_before(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    await store(viewer, origin, f"max-age=3600, {directive}", age=100)

    assert (await viewer.get()).body == b"stored"


@pytest.mark.parametrize(
    "directives",
    ["no-cache", "No-Cache", "no-cache, max-age=3600", 'no-cache="", max-age=3600', "no-cache=,a"],
)
async def test_rfc9111_5_2_2_4_no_cache_has_the_origin_asked_each_time(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    origin.answers(response(b"stored", control(directives), ETAG))
    async with asyncio.timeout(30):
        # It is stored a moment after its viewer has it.
        while not origin.asked or origin.asked[-1].get("if-none-match") is None:
            await viewer.get()
            await asyncio.sleep(0.01)
    origin.asked.clear()
    again = response(b"", ETAG, control(directives), status="304 Not Modified")
    origin.answers(again)

    bodies = [(await viewer.get()).body for _ in range(2)]

    assert (bodies, len(origin.asked)) == ([b"stored"] * 2, 2)


@pytest.mark.parametrize("asked", ["max-stale", "max-age=3600", "stale-if-error=3600"])
async def test_rfc9111_5_2_2_4_nothing_in_a_request_outdoes_no_cache(
    viewer: Viewer, origin: RawOrigin, asked: str
) -> None:
    origin.answers(response(b"stored", control("no-cache, max-age=3600"), ETAG))
    await viewer.get()
    await asyncio.sleep(0.1)
    origin.answers(vanish)

    got = await viewer.get("/", control(asked))

    assert (got.status, origin.asked[-1].get("if-none-match")) == (504, '"a"')


async def test_rfc9111_5_2_2_6_no_transform_leaves_the_content_as_it_is(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = (("Content-Encoding", "odd"), ("Content-Type", "text/plain"))
    await store(viewer, origin, "max-age=3600, no-transform", age=0, fields=fields)

    got = await viewer.get("/", ("Accept-Encoding", "gzip"))

    assert (got.body, got.get("content-encoding")) == (b"stored", "odd")
