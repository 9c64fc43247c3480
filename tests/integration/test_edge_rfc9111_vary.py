"""RFC 9111 §4.1: which stored response a request selects."""

import pytest

from tests.integration.proxy_service import (
    Got,
    Pairs,
    RawOrigin,
    Viewer,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
STALE: Pairs = (("Cache-Control", "max-age=10"), ("Age", "60"))


def varied(body: bytes, *names: str) -> bytes:
    """A fresh response that varies on ``names``, each in a line of its own."""
    return response(body, FRESH, *(("Vary", name) for name in names))


async def second(
    viewer: Viewer, origin: RawOrigin, vary: str, stored_for: Pairs, asked: Pairs
) -> Got:
    """The answer to ``asked`` when something is stored for another request."""
    origin.answers(varied(b"stored", vary), varied(b"other", vary))
    await viewer.get("/", *stored_for)
    return await viewer.get("/", *asked)


SAME: list[tuple[str, Pairs, Pairs]] = [
    # Matching values, and fields that Vary does not name.
    ("Foo", (("Foo", "1"),), (("Foo", "1"),)),
    ("foo", (("Foo", "1"),), (("FOO", "1"),)),
    ("FOO", (("foo", "1"),), (("Foo", "1"),)),
    ("Foo", (("Foo", "1"), ("Bar", "1")), (("Foo", "1"), ("Bar", "2"))),
    ("Foo", (), ()),
    ("Foo", (), (("Bar", "2"),)),
    ("Foo", (("Foo", ""),), (("Foo", ""),)),
    # Two and three fields.
    ("Foo, Bar", (("Foo", "1"), ("Bar", "2")), (("Bar", "2"), ("Foo", "1"))),
    ("Foo,Bar", (("Foo", "1"),), (("Foo", "1"),)),
    (
        "Foo, Bar, Baz",
        (("Foo", "1"), ("Bar", "2"), ("Baz", "3")),
        (("Foo", "1"), ("Bar", "2"), ("Baz", "3")),
    ),
    (", Foo ,", (("Foo", "1"),), (("Foo", "1"),)),
    # Whitespace, and lines of one name.
    ("Foo", (("Foo", "1, 2"),), (("Foo", "1,2"),)),
    ("Foo", (("Foo", "1 ,\t2"),), (("Foo", "1, 2"),)),
    ("Foo", (("Foo", "1, 2"),), (("Foo", "1"), ("Foo", "2"))),
    ("Foo", (("Foo", "1"), ("Foo", "2, 3")), (("Foo", "1, 2"), ("Foo", "3"))),
    ("Foo", (("Foo", '"a,b"'),), (("Foo", '"a,b"'),)),
    # Lists whose order and case mean nothing.
    ("Accept-Language", (("Accept-Language", "en, de"),), (("Accept-Language", "de, en"),)),
    ("Accept-Language", (("Accept-Language", "en-GB"),), (("Accept-Language", "EN-gb"),)),
    (
        "Accept-Language",
        (("Accept-Language", "en;q=0.5, de"),),
        (("Accept-Language", "de, en; q=0.50"),),
    ),
    ("Accept-Language", (("Accept-Language", "de;q=1.0"),), (("Accept-Language", "de"),)),
    ("Accept-Encoding", (("Accept-Encoding", "gzip, br"),), (("Accept-Encoding", "br,gzip"),)),
    ("Accept-Encoding", (("Accept-Encoding", "GZIP"),), (("Accept-Encoding", "gzip"),)),
    ("Accept", (("Accept", "text/html, a/b"),), (("Accept", "a/b, text/html"),)),
]

OTHER: list[tuple[str, Pairs, Pairs]] = [
    ("Foo", (("Foo", "1"),), (("Foo", "2"),)),
    ("Foo", (("Foo", "a"),), (("Foo", "A"),)),
    ("Foo", (("Foo", "1"),), ()),
    ("Foo", (), (("Foo", "1"),)),
    ("Foo", (), (("Foo", ""),)),
    ("Foo", (("Foo", ""),), ()),
    ("Foo, Bar", (("Foo", "1"), ("Bar", "2")), (("Foo", "1"), ("Bar", "3"))),
    ("Foo, Bar", (("Foo", "1"), ("Bar", "2")), (("Foo", "3"), ("Bar", "2"))),
    ("Foo, Bar", (("Foo", "1"), ("Bar", "2")), (("Foo", "2"), ("Bar", "1"))),
    ("Foo, Bar", (("Foo", "1"),), (("Bar", "1"),)),
    (
        "Foo, Bar, Baz",
        (("Foo", "1"), ("Bar", "2"), ("Baz", "3")),
        (("Foo", "1"), ("Bar", "2"), ("Baz", "4")),
    ),
    # The order of other fields' members may mean something.
    ("Foo", (("Foo", "1, 2"),), (("Foo", "2, 1"),)),
    ("Foo", (("Foo", "1, 2"),), (("Foo", "1 2"),)),
    ("Foo", (("Foo", "1, 2"),), (("Foo", "12"),)),
    ("Foo", (("Foo", '"a, b"'),), (("Foo", '"a,b"'),)),
    ("Foo", (("Foo", '"a,b"'),), (("Foo", "a,b"),)),
    ("Foo", (("Foo", '"a,b", c'),), (("Foo", '"a", "b,c"'),)),
    # Weights do.
    (
        "Accept-Language",
        (("Accept-Language", "en;q=0.5, de"),),
        (("Accept-Language", "en, de;q=0.5"),),
    ),
    ("Accept-Encoding", (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "gzip;q=0"),)),
    ("Accept-Encoding", (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "gzip, br"),)),
]


@pytest.mark.parametrize(("vary", "stored_for", "asked"), SAME)
async def test_rfc9111_4_1_requests_that_mean_the_same_get_the_same_stored_response(
    viewer: Viewer, origin: RawOrigin, vary: str, stored_for: Pairs, asked: Pairs
) -> None:
    got = await second(viewer, origin, vary, stored_for, asked)

    assert (got.body, got.cache[:4]) == (b"stored", "hit;")


@pytest.mark.parametrize(("vary", "stored_for", "asked"), OTHER)
async def test_rfc9111_4_1_requests_that_differ_in_a_selecting_field_share_nothing(
    viewer: Viewer, origin: RawOrigin, vary: str, stored_for: Pairs, asked: Pairs
) -> None:
    got = await second(viewer, origin, vary, stored_for, asked)

    assert (got.body, got.cache) == (b"other", "fwd=vary-miss; stored")


@pytest.mark.parametrize("vary", ["*", "Foo, *", "*, Foo", " * "])
async def test_rfc9111_4_1_an_asterisk_matches_no_request(
    viewer: Viewer, origin: RawOrigin, vary: str
) -> None:
    asked = (("Foo", "1"),)

    assert (await second(viewer, origin, vary, asked, asked)).body == b"other"


async def test_rfc9111_4_1_an_asterisk_on_a_line_of_its_own_matches_no_request(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(varied(b"stored", "Foo", "*"), varied(b"other"))
    await viewer.get()

    assert (await viewer.get()).body == b"other"


async def test_rfc9111_4_1_lines_of_vary_are_one_list(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(varied(b"stored", "Foo", "Bar"), varied(b"other", "Foo", "Bar"))
    await viewer.get("/", ("Foo", "1"), ("Bar", "1"))

    assert (await viewer.get("/", ("Foo", "1"), ("Bar", "2"))).body == b"other"


async def test_rfc9111_4_1_several_stored_responses_are_kept(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(*(varied(b"for %d" % number, "Foo") for number in range(3)))
    for number in range(3):
        await viewer.get("/", ("Foo", str(number)))
    bodies = [(await viewer.get("/", ("Foo", str(number)))).body for number in (2, 0, 1)]

    assert (bodies, len(origin.asked)) == ([b"for 2", b"for 0", b"for 1"], 3)


async def test_rfc9111_4_1_a_response_for_the_same_request_takes_the_place_of_its_own_kind_alone(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(varied(b"one", "Foo"), varied(b"two", "Foo"), varied(b"new", "Foo"))
    await viewer.get("/", ("Foo", "1"))
    await viewer.get("/", ("Foo", "2"))
    await viewer.get("/", ("Foo", "1"), ("Cache-Control", "no-cache"))
    bodies = [(await viewer.get("/", ("Foo", number))).body for number in "12"]

    assert bodies == [b"new", b"two"]


async def test_rfc9111_4_1_what_varies_anew_is_the_answer_where_both_match(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(varied(b"old"), varied(b"new", "Foo"), varied(b"asked", "Foo"))
    await viewer.get("/", ("Foo", "1"))
    await viewer.get("/", ("Foo", "1"), ("Cache-Control", "no-cache"))

    assert (await viewer.get("/", ("Foo", "1"))).body == b"new"


@pytest.mark.parametrize(
    ("name", "value"), [("User-Agent", "me"), ("Cookie", "a=1"), ("Origin", "http://a.test")]
)
async def test_rfc9111_4_1_any_field_may_select(
    viewer: Viewer, origin: RawOrigin, name: str, value: str
) -> None:
    got = await second(viewer, origin, name, ((name, value),), ((name, f"{value}2"),))

    assert got.body == b"other"


async def test_rfc9111_4_1_the_viewer_gets_vary_with_what_is_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await second(viewer, origin, "Foo, bar", (), ())

    assert got.get("vary") == "Foo, bar"


async def test_rfc9111_4_1_a_head_selects_as_a_get_does(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(varied(b"stored", "Foo"), varied(b"another", "Foo"))
    await viewer.get("/", ("Foo", "1"))
    got = await viewer.get("/", ("Foo", "2"), method="HEAD")

    assert got.get("content-length") == "7"


async def test_rfc9111_4_3_1_validators_of_another_variant_are_not_sent(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"one", FRESH, ("Vary", "Foo"), ("ETag", '"one"')))
    await viewer.get("/", ("Foo", "1"))
    await viewer.get("/", ("Foo", "2"))

    assert origin.asked[1].get("if-none-match") is None


async def test_rfc9111_4_3_1_a_stale_variant_is_validated_with_its_own_tag(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(
        response(b"one", *STALE, ("Vary", "Foo"), ("ETag", '"one"')),
        response(b"two", *STALE, ("Vary", "Foo"), ("ETag", '"two"')),
        response(b"", FRESH, ("ETag", '"one"'), status="304 Not Modified"),
    )
    await viewer.get("/", ("Foo", "1"))
    await viewer.get("/", ("Foo", "2"))
    got = await viewer.get("/", ("Foo", "1"))

    assert (got.body, origin.asked[2].get("if-none-match")) == (b"one", '"one"')


async def test_rfc9111_4_3_4_a_304_freshens_only_the_variant_that_it_names(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(
        response(b"one", *STALE, ("Vary", "Foo"), ("ETag", '"one"')),
        response(b"two", *STALE, ("Vary", "Foo"), ("ETag", '"two"')),
        response(b"", FRESH, ("ETag", '"one"'), status="304 Not Modified"),
        response(b"new two", FRESH, ("Vary", "Foo")),
    )
    for number in "121":
        await viewer.get("/", ("Foo", number))

    assert (await viewer.get("/", ("Foo", "2"))).body == b"new two"


async def test_rfc9111_4_3_4_a_304_may_change_what_selects(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(
        response(b"one", *STALE, ("Vary", "Foo"), ("ETag", '"one"')),
        response(b"", FRESH, ("ETag", '"one"'), ("Vary", "Bar"), status="304 Not Modified"),
        varied(b"other", "Bar"),
    )
    await viewer.get("/", ("Foo", "1"), ("Bar", "1"))
    await viewer.get("/", ("Foo", "1"), ("Bar", "1"))

    assert (await viewer.get("/", ("Foo", "1"), ("Bar", "2"))).body == b"other"


async def test_rfc9111_4_1_variants_of_one_target_do_not_select_for_another(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(varied(b"a", "Foo"), varied(b"b", "Foo"))
    await viewer.get("/a", ("Foo", "1"))

    assert (await viewer.get("/b", ("Foo", "1"))).body == b"b"
