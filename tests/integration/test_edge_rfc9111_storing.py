"""RFC 9111 §3: what an edge stores, of which fields, and for whom, seen over sockets."""

import asyncio

import pytest

from tests.integration.proxy_service import (
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
ETAG = ("ETag", '"a"')
HEURISTIC = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]
OTHERS = [201, 202, 299, 302, 303, 307, 400, 401, 403, 418, 429, 499, 500, 502, 503, 504, 599]


def answer(status: int, *fields: tuple[str, str]) -> bytes:
    return response(b"" if status in {204, 205} else b"hello", *fields, status=f"{status} Said")


async def is_reused(viewer: Viewer, origin: RawOrigin, *, first: Pairs = ()) -> bool:
    """Whether a plain request, after one with the fields ``first``, is answered by the edge."""
    await viewer.get("/", *first)
    before = len(origin.asked)
    await viewer.get()
    return len(origin.asked) == before


async def until_validated(viewer: Viewer, origin: RawOrigin) -> None:
    """Asks until the origin hears of the validator of what was stored."""
    async with asyncio.timeout(30):
        while origin.asked[-1:] == [] or origin.asked[-1].get("if-none-match") is None:
            await viewer.get()
            await asyncio.sleep(0.02)


async def conditions(viewer: Viewer, origin: RawOrigin) -> list[str | None]:
    """The validators that the origin hears of when it is asked twice, with time to store between.

    One only when the second time it is not asked at all.
    """
    await viewer.get()
    await asyncio.sleep(0.1)
    await viewer.get()
    return [asked.get("if-none-match") for asked in origin.asked]


# §3: which responses.


@pytest.mark.parametrize("status", [*HEURISTIC, *OTHERS])
async def test_rfc9111_3_any_final_status_with_explicit_freshness_is_reused(
    viewer: Viewer, origin: RawOrigin, status: int
) -> None:
    origin.answers(answer(status, FRESH))

    assert await is_reused(viewer, origin)


@pytest.mark.parametrize("status", [204, 301, 404, 503, 599])
async def test_rfc9111_3_what_is_reused_has_its_status_and_reason(
    viewer: Viewer, origin: RawOrigin, status: int
) -> None:
    origin.answers(answer(status, FRESH))
    await viewer.get()

    got = await viewer.get()

    assert (got.status, got.reason) == (status, "Said")


@pytest.mark.parametrize("status", HEURISTIC)
async def test_rfc9111_3_a_heuristically_cacheable_status_is_stored_for_its_validator(
    viewer: Viewer, origin: RawOrigin, status: int
) -> None:
    origin.answers(answer(status, ETAG))

    await until_validated(viewer, origin)

    assert origin.asked[-1].get("if-none-match") == '"a"'


@pytest.mark.parametrize("status", OTHERS)
async def test_rfc9111_3_another_status_with_nothing_but_a_validator_is_not_stored(
    viewer: Viewer, origin: RawOrigin, status: int
) -> None:
    origin.answers(answer(status, ETAG))

    assert await conditions(viewer, origin) == [None, None]


async def test_rfc9111_3_public_alone_has_another_status_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(answer(302, ETAG, ("Cache-Control", "public")))

    await until_validated(viewer, origin)

    assert origin.asked[-1].get("if-none-match") == '"a"'


async def test_rfc9111_3_an_expires_in_the_future_is_explicit_freshness(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(answer(302, ("Expires", http_date(3600))))

    assert await is_reused(viewer, origin)


async def test_rfc9111_3_a_200_that_tells_nothing_is_not_reused(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(answer(200))

    assert not await is_reused(viewer, origin)


@pytest.mark.parametrize("status", ["206 Partial Content", "304 Not Modified"])
async def test_rfc9111_3_a_status_that_was_not_asked_for_is_not_stored(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    body, ranged = (b"hel", [("Content-Range", "bytes 0-2/5")]) if "206" in status else (b"", [])
    origin.answers(response(body, FRESH, ETAG, *ranged, status=status))

    assert not await is_reused(viewer, origin)


async def test_rfc9111_3_a_206_that_was_not_asked_for_is_no_whole_to_anybody(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = (FRESH, ETAG, ("Content-Range", "bytes 0-2/5"))
    origin.answers(response(b"hel", *fields, status="206 Partial Content"))

    assert (await viewer.get()).status == 502


@pytest.mark.parametrize(
    "directives",
    [
        "no-store",
        "no-store, max-age=3600",
        "max-age=3600, NO-STORE",
        "max-age=3600, no-store=a",
        "private",
        "private, max-age=3600",
        "Private, s-maxage=3600",
        'private="", max-age=3600',
        "private=, max-age=3600",
        'private="set-cookie", private, max-age=3600',
        "public, private, max-age=3600",
        "must-understand, private, max-age=3600",
    ],
)
async def test_rfc9111_3_no_store_and_private_keep_a_response_out(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    origin.answers(answer(200, ETAG, ("Cache-Control", directives)))

    assert await conditions(viewer, origin) == [None, None]


async def test_rfc9111_3_no_store_on_a_line_of_its_own_counts(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(answer(200, FRESH, ("Cache-Control", "no-store")))

    assert not await is_reused(viewer, origin)


@pytest.mark.parametrize("directives", ['"no-store"', 'x="no-store"', "no-storex", "x-no-store"])
async def test_rfc9111_3_what_only_looks_like_no_store_does_not_count(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    origin.answers(answer(200, ("Cache-Control", f"{directives}, max-age=3600")))

    assert await is_reused(viewer, origin)


async def test_rfc9111_5_2_1_5_no_store_in_the_request_keeps_the_response_out(
    viewer: Viewer, origin: RawOrigin
) -> None:
    assert not await is_reused(viewer, origin, first=(("Cache-Control", "no-store"),))


@pytest.mark.parametrize("status", [200, 204, 302, 404, 416])
async def test_rfc9111_5_2_2_3_must_understand_outranks_no_store_for_known_statuses(
    viewer: Viewer, origin: RawOrigin, status: int
) -> None:
    origin.answers(answer(status, ("Cache-Control", "must-understand, no-store, max-age=3600")))

    assert await is_reused(viewer, origin)


@pytest.mark.parametrize("directives", ["must-understand, max-age=3600", "Must-Understand, public"])
@pytest.mark.parametrize("status", [299, 499, 599])
async def test_rfc9111_5_2_2_3_must_understand_keeps_unknown_statuses_out(
    viewer: Viewer, origin: RawOrigin, status: int, directives: str
) -> None:
    origin.answers(answer(status, ETAG, ("Cache-Control", directives)))

    assert await conditions(viewer, origin) == [None, None]


# §3.1 and §7.3: which fields.


@pytest.mark.parametrize(
    "field",
    [
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Upgrade", "h2c"),
        ("Trailer", "X-Sum"),
        ("TE", "trailers"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authentication-Info", "a=b"),
        ("Proxy-Authorization", "Basic YTpi"),
    ],
)
async def test_rfc9111_3_1_fields_of_one_hop_or_proxy_are_not_stored(
    viewer: Viewer, origin: RawOrigin, field: tuple[str, str]
) -> None:
    origin.answers(answer(200, FRESH, field))
    await viewer.get()

    assert (await viewer.get()).get(field[0]) is None


async def test_rfc9111_3_1_fields_that_connection_lists_are_not_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    listed = (("Connection", "keep-alive, x-A"), ("X-a", "1"), ("Connection", "x-b"), ("X-B", "2"))
    origin.answers(answer(200, FRESH, *listed))
    await viewer.get()

    got = await viewer.get()

    assert (got.get("x-a"), got.get("x-b")) == (None, None)


@pytest.mark.parametrize("name", ["Cache-Control", "ETag", "Date", "Content-Type", "Vary"])
async def test_rfc9111_3_1_connection_takes_nothing_that_caching_rests_on(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    """RFC 9110 §7.6.1: such a field is for all recipients, and must not be listed."""
    fields = (("Content-Type", "a/b"), ("Vary", "Accept"), ("Connection", name))
    origin.answers(answer(200, FRESH, ETAG, *fields))
    await viewer.get()

    assert (await viewer.get()).get(name) is not None


@pytest.mark.parametrize("directive", ["no-cache", "private"])
async def test_rfc9111_3_1_fields_that_a_directive_names_are_not_reused(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    control = ("Cache-Control", f'max-age=3600, {directive}="x-one, X-Two"')
    origin.answers(answer(200, control, ("X-One", "1"), ("x-two", "2")))
    await viewer.get()

    got = await viewer.get()

    assert (got.get("x-one"), got.get("x-two")) == (None, None)


@pytest.mark.parametrize("directive", ["no-cache", "private"])
async def test_rfc9111_3_1_the_rest_of_such_a_response_is_reused(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    control = ("Cache-Control", f'max-age=3600, {directive}="x-one"')
    origin.answers(answer(200, control, ("X-One", "1"), ("X-Rest", "2")))
    await viewer.get()

    got = await viewer.get()

    assert (len(origin.asked), got.get("x-rest"), got.body) == (1, "2", b"hello")


@pytest.mark.parametrize("directive", ["no-cache", "private"])
async def test_rfc9111_3_1_whoever_asked_gets_the_fields_that_are_not_stored(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    """RFC 9110 §5.1: a proxy passes fields on, whatever may be stored of them."""
    control = ("Cache-Control", f'max-age=3600, {directive}="set-cookie"')
    origin.answers(answer(200, control, ("Set-Cookie", "a=1")))

    assert (await viewer.get()).get("set-cookie") == "a=1"


@pytest.mark.parametrize(
    "field",
    [
        ("Set-Cookie", "a=1; Path=/"),
        ("X-Unknown", "\xe9, odd"),
        ("Content-Language", "de"),
        ("Content-Location", "/other"),
        ("Link", "</a>; rel=b"),
        ("Warning", '299 - "old"'),
        ("Cache-Control", "max-age=3600, foo=bar"),
        ("Expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
        ("Server", "odd/1"),
        ("X-Empty", ""),
    ],
)
async def test_rfc9111_3_1_all_other_fields_are_stored_as_they_came(
    viewer: Viewer, origin: RawOrigin, field: tuple[str, str]
) -> None:
    """§7.3 too: Set-Cookie alone keeps nothing out."""
    origin.answers(answer(200, FRESH, field))
    await viewer.get()

    assert field in (await viewer.get()).fields


async def test_rfc9111_3_1_lines_of_one_name_keep_their_number_and_order(
    viewer: Viewer, origin: RawOrigin
) -> None:
    cookies = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Set-Cookie", "a=3")]
    origin.answers(answer(200, FRESH, *cookies))
    await viewer.get()

    got = await viewer.get()

    assert [pair for pair in got.fields if pair[0].lower() == "set-cookie"] == cookies


async def test_rfc9111_3_1_a_response_without_date_gets_that_of_its_coming(
    viewer: Viewer, origin: RawOrigin
) -> None:
    """RFC 9110 §6.6.1: so it is when it is stored, or passed on."""
    origin.answers(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 5\r\n\r\nhello")
    earliest = http_date(0)
    first, second = await viewer.get(), await viewer.get()

    assert first.get("date") in {earliest, http_date(0)}
    assert second.get("date") == first.get("date")
