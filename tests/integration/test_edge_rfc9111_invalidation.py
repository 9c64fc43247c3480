"""RFC 9111 §4.4: what a request that may change something makes an edge forget."""

import asyncio

import pytest

from tests.integration.proxy_service import (
    Asked,
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
HERE = ("Content-Location", "/")


async def after(
    viewer: Viewer,
    origin: RawOrigin,
    method: str,
    *fields: tuple[str, str],
    target: str = "/changed",
    stored: str = "/",
    status: str = "200 OK",
) -> bytes:
    """What a GET of ``stored`` brings when ``method`` was answered meanwhile."""
    origin.answers(
        response(b"stored", FRESH),
        response(b"done", *fields, status=status),
        response(b"new", FRESH),
    )
    await viewer.get(stored)
    await viewer.request(method, target, body=b"x")
    return (await viewer.get(stored)).body


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "MKCOL", "PURGE-IT", "BREW", "GETS"]
)
async def test_rfc9111_4_4_a_method_that_is_not_known_to_be_safe_invalidates_its_target(
    viewer: Viewer, origin: RawOrigin, method: str
) -> None:
    assert await after(viewer, origin, method, target="/") == b"new"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
async def test_rfc9111_4_4_a_safe_method_invalidates_nothing(
    viewer: Viewer, origin: RawOrigin, method: str
) -> None:
    assert await after(viewer, origin, method, target="/") == b"stored"


@pytest.mark.parametrize(
    "status",
    ["200 OK", "201 Created", "204 No Content", "207 Multi-Status", "299 Odd", "303 See Other"],
)
async def test_rfc9111_4_4_a_success_or_redirect_invalidates(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    assert await after(viewer, origin, "POST", target="/", status=status) == b"new"


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "404 Not Found", "499 Odd", "500 Oops", "503 Busy", "599 Odd"]
)
async def test_rfc9111_4_4_an_error_invalidates_nothing(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    assert await after(viewer, origin, "DELETE", target="/", status=status) == b"stored"


async def test_rfc9111_4_4_an_origin_that_breaks_off_invalidates_nothing(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def vanish(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    origin.answers(response(b"stored", FRESH), vanish)
    await viewer.get()
    await viewer.request("DELETE", "/")

    assert (await viewer.get()).body == b"stored"


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(
    ("reference", "stored"),
    [
        ("/a", "/a"),
        ("/a?b=c", "/a?b=c"),
        ("a", "/a"),
        ("./a", "/a"),
        ("../a", "/a"),
        ("?q", "/changed?q"),
        ("/a#part", "/a"),
        ("http://cdn.test/a", "/a"),
        ("HTTP://CDN.Test/a", "/a"),
        ("http://cdn.test:80/a", "/a"),
        ("http://cdn.test:/a", "/a"),
        ("//cdn.test/a", "/a"),
        ("http://cdn.test", "/"),
    ],
)
async def test_rfc9111_4_4_what_an_answer_names_on_its_own_origin_is_invalidated(
    viewer: Viewer, origin: RawOrigin, name: str, reference: str, stored: str
) -> None:
    assert await after(viewer, origin, "POST", (name, reference), stored=stored) == b"new"


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(
    "reference",
    [
        "http://other.test/",
        "http://cdn.test:8080/",
        "https://cdn.test/",
        "//other.test/",
        "http://cdn.test.other.test/",
        "http://cdn.test@other.test/",
        "http://[cdn.test/",
        "/elsewhere",
    ],
)
async def test_rfc9111_4_4_what_an_answer_names_elsewhere_invalidates_nothing(
    viewer: Viewer, origin: RawOrigin, name: str, reference: str
) -> None:
    assert await after(viewer, origin, "POST", (name, reference)) == b"stored"


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
async def test_rfc9111_4_4_no_site_empties_anothers_cache(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    evil = response(b"done", (name, "http://cdn.test/"))
    origin.answers(response(b"stored", FRESH), evil, response(b"new"))
    await viewer.get("/")
    await viewer.request("POST", "/", ("Host", "evil.test"), body=b"x")

    assert (await viewer.get("/")).body == b"stored"


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
async def test_rfc9111_4_4_an_error_that_names_something_invalidates_nothing(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    told = (name, "/")

    assert await after(viewer, origin, "POST", told, status="409 Conflict") == b"stored"


async def test_rfc9111_4_4_other_queries_of_a_target_are_kept(
    viewer: Viewer, origin: RawOrigin
) -> None:
    assert await after(viewer, origin, "PUT", target="/?a=1", stored="/?a=2") == b"stored"


async def test_rfc9111_4_4_all_variants_are_invalidated(viewer: Viewer, origin: RawOrigin) -> None:
    varied = (FRESH, ("Vary", "Foo"))
    origin.answers(
        response(b"one", *varied),
        response(b"two", *varied),
        response(b"done"),
        response(b"new one", *varied),
        response(b"new two", *varied),
    )
    for number in "12":
        await viewer.get("/", ("Foo", number))
    await viewer.request("POST", "/", ("Foo", "1"), body=b"x")
    bodies = [(await viewer.get("/", ("Foo", number))).body for number in "12"]

    assert bodies == [b"new one", b"new two"]


# RFC 9110 §9.3.3: what answers a POST may answer later GETs.


async def posted(viewer: Viewer, origin: RawOrigin, fields: Pairs, status: str = "200 OK") -> bytes:
    """What a GET brings after a POST to the same target."""
    origin.answers(response(b"posted", *fields, status=status), response(b"got", FRESH))
    await viewer.request("POST", "/", body=b"x")
    return (await viewer.get("/")).body


@pytest.mark.parametrize(
    "fields",
    [
        (FRESH, HERE),
        (("Cache-Control", "s-maxage=9"), HERE),
        (("Expires", http_date(86400)), HERE),
        (FRESH, ("Content-Location", "http://cdn.test/")),
        (FRESH, ("Content-Location", "HTTP://cdn.test:80/")),
    ],
)
async def test_rfc9110_9_3_3_an_answer_to_post_that_stands_for_its_target_is_reused_for_get(
    viewer: Viewer, origin: RawOrigin, fields: Pairs
) -> None:
    assert await posted(viewer, origin, fields) == b"posted"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((FRESH,), "200 OK"),
        ((HERE,), "200 OK"),
        ((HERE, ("ETag", '"a"')), "200 OK"),
        ((FRESH, ("Content-Location", "/other")), "200 OK"),
        ((FRESH, ("Content-Location", "http://other.test/")), "200 OK"),
        ((FRESH, HERE), "201 Created"),
        ((FRESH, HERE), "404 Not Found"),
        ((("Cache-Control", "no-store, max-age=9"), HERE), "200 OK"),
        ((("Cache-Control", "private, max-age=9"), HERE), "200 OK"),
        ((FRESH, HERE, ("Vary", "*")), "200 OK"),
    ],
)
async def test_rfc9110_9_3_3_another_answer_to_post_is_not_reused(
    viewer: Viewer, origin: RawOrigin, fields: Pairs, status: str
) -> None:
    assert await posted(viewer, origin, fields, status) == b"got"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
async def test_rfc9111_3_an_answer_to_another_method_is_not_reused(
    viewer: Viewer, origin: RawOrigin, method: str
) -> None:
    origin.answers(response(b"done", FRESH, HERE), response(b"got", FRESH))
    await viewer.request(method, "/", body=b"x")

    assert (await viewer.get("/")).body == b"got"


async def test_rfc9110_9_3_3_a_stored_answer_to_post_takes_the_place_of_the_stored_get(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"old", FRESH), response(b"posted", FRESH, HERE))
    await viewer.get("/")
    await viewer.request("POST", "/", body=b"x")

    assert (await viewer.get("/")).body == b"posted"


async def test_rfc9111_4_4_a_stored_answer_to_post_invalidates_the_other_variants(
    viewer: Viewer, origin: RawOrigin
) -> None:
    varied = (FRESH, ("Vary", "Foo"))
    origin.answers(
        response(b"old", *varied), response(b"posted", *varied, HERE), response(b"new", *varied)
    )
    await viewer.get("/", ("Foo", "1"))
    await viewer.request("POST", "/", ("Foo", "2"), body=b"x")

    assert (await viewer.get("/", ("Foo", "1"))).body == b"new"


async def test_rfc9111_4_4_an_answer_to_post_that_breaks_off_leaves_nothing_of_before(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def broken(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"posted", FRESH, HERE)[:-2])
        writer.close()

    origin.answers(response(b"old", FRESH), broken, response(b"new", FRESH))
    await viewer.get("/")
    await viewer.request("POST", "/", body=b"x")

    assert (await viewer.get("/")).body == b"new"


async def test_rfc9110_9_2_2_a_post_whose_answer_breaks_off_is_not_done_again(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def broken(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"posted", FRESH, HERE, ("ETag", '"a"'))[:-2])
        writer.close()

    origin.answers(broken)
    got = await viewer.request("POST", "/", body=b"x")

    assert (got.whole, [asked.method for asked in origin.asked]) == (False, ["POST"])


@pytest.mark.parametrize(
    "asked",
    [("If-None-Match", '"a"'), ("If-None-Match", "*"), ("Range", "bytes=0-1"), ("If-Match", '"b"')],
)
async def test_rfc9110_13_2_1_conditions_of_a_post_are_not_judged_by_its_answer(
    viewer: Viewer, origin: RawOrigin, asked: tuple[str, str]
) -> None:
    origin.answers(response(b"posted", FRESH, HERE, ("ETag", '"a"')))
    got = await viewer.request("POST", "/", asked, body=b"x")

    assert (got.status, got.body, origin.asked[0].get(asked[0])) == (200, b"posted", asked[1])


async def test_rfc9111_4_a_stored_get_answers_no_post(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(response(b"got", FRESH), response(b"posted"))
    await viewer.get("/")

    assert (await viewer.request("POST", "/", body=b"x")).body == b"posted"


async def test_rfc9111_4_a_stored_answer_to_post_answers_no_post(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"first", FRESH, HERE), response(b"second", FRESH, HERE))
    await viewer.request("POST", "/", body=b"x")

    assert (await viewer.request("POST", "/", body=b"x")).body == b"second"
