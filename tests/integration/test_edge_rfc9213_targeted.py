"""RFC 9213: CDN-Cache-Control, which tells an edge what Cache-Control tells everybody else."""

import asyncio

import pytest

from tests.integration.proxy_service import (
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

NAME = "CDN-Cache-Control"
LATER = "Thu, 18 Aug 2050 02:01:18 GMT"


async def is_reused(
    viewer: Viewer,
    origin: RawOrigin,
    *fields: tuple[str, str],
    first: Pairs = (),
    status: str = "200 OK",
) -> bool:
    """Whether a response with ``fields`` to a request with ``first`` answers the next one."""
    origin.answers(response(b"hello", *fields, status=status))
    await viewer.get("/", *first)
    await viewer.get()
    return len(origin.asked) == 1


@pytest.mark.parametrize(
    "others",
    [
        (),
        (("Cache-Control", "max-age=0"),),
        (("Cache-Control", "s-maxage=0"),),
        (("Cache-Control", "no-store"),),
        (("Cache-Control", "no-cache"),),
        (("Cache-Control", "private"),),
        (("Cache-Control", "private, no-store, no-cache, must-revalidate, max-age=0"),),
        (("Cache-Control", "must-understand, max-age=0"),),
        (("Expires", "0"),),
        (("Expires", http_date(-3600)), ("Pragma", "no-cache")),
    ],
)
async def test_rfc9213_2_2_it_makes_fresh_what_cache_control_and_expires_do_not(
    viewer: Viewer, origin: RawOrigin, others: Pairs
) -> None:
    assert await is_reused(viewer, origin, *others, (NAME, "max-age=3600"))


@pytest.mark.parametrize(
    "targeted",
    [
        "max-age=0",
        "s-maxage=0",
        "max-age=3600, s-maxage=0",
        "no-store",
        "no-store, max-age=3600",
        "no-cache",
        "no-cache, max-age=3600",
        "private",
        "private, max-age=3600",
        "foo",
        "public",
        "must-revalidate",
    ],
)
@pytest.mark.parametrize("other", [("Cache-Control", "max-age=3600"), ("Expires", LATER)])
async def test_rfc9213_2_2_it_forbids_what_cache_control_and_expires_allow(
    viewer: Viewer, origin: RawOrigin, targeted: str, other: tuple[str, str]
) -> None:
    assert not await is_reused(viewer, origin, other, (NAME, targeted))


@pytest.mark.parametrize("name", ["cdn-cache-control", "CDN-CACHE-CONTROL"])
async def test_rfc9213_2_2_its_name_has_no_case(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    assert await is_reused(viewer, origin, ("Cache-Control", "no-store"), (name, "max-age=9"))


@pytest.mark.parametrize(
    "targeted",
    [
        ("max-age=3600, foo=bar, x=(a b), y=:YQ==:, z=@1, w=1.5",),
        ("  max-age=3600  ,\tfoo",),
        ("max-age=3600;a=b;c",),
        ("foo", "max-age=3600"),
        ("max-age=0, max-age=3600",),
        ("max-age=0", "max-age=3600"),
        ("max-age=999999999999999",),
        ("max-age=0, s-maxage=3600",),
        ("public, max-age=3600, must-revalidate",),
        ("must-understand, no-store, max-age=3600",),
        ('no-cache="x-a", max-age=3600',),
        ('private="x-a", max-age=3600',),
    ],
)
async def test_rfc9213_2_1_it_is_read_as_a_dictionary(
    viewer: Viewer, origin: RawOrigin, targeted: tuple[str, ...]
) -> None:
    """RFC 9651 §3.2: of several members of a name the last counts, parameters are no obstacle."""
    lines = [(NAME, line) for line in targeted]

    assert await is_reused(viewer, origin, ("Cache-Control", "max-age=0"), *lines)


@pytest.mark.parametrize(
    "targeted",
    [
        'max-age="3600"',
        "max-age=3600.0",
        "max-age=-3600",
        "max-age=abc",
        "max-age=(3600)",
        "max-age=?1",
        "max-age",
        "max-age=3600, max-age=0",
        "no-store=?0, max-age=3600",
        "no-store=1, max-age=3600",
        "no-cache=?0, max-age=3600",
        "private=(x), max-age=3600",
        "private=set-cookie, max-age=3600",
    ],
)
async def test_rfc9213_2_1_values_of_another_type_make_nothing_fresher(
    viewer: Viewer, origin: RawOrigin, targeted: str
) -> None:
    assert not await is_reused(viewer, origin, ("Cache-Control", "max-age=3600"), (NAME, targeted))


INVALID = [
    "",
    "  ",
    "max-age=9,",
    "max-age=9,,foo",
    ",max-age=9",
    "max-age =9",
    "max-age= 9",
    "Max-Age=9",
    "MAX-AGE=9",
    "max-age=9;",
    "max-age=9 foo",
    "max-age=9s",
    "max-age='9'",
    'max-age="9',
    "max-age=1234567890123456",
    "max-age=+9",
    "max-age=",
    "no-store, =",
    "no-store;;",
    "no-store, max-age=\xe9",
    'no-store, a="\xe9"',
    "&",
    "{}",
]


@pytest.mark.parametrize("targeted", INVALID)
async def test_rfc9213_2_1_what_is_no_dictionary_leaves_freshness_to_cache_control(
    viewer: Viewer, origin: RawOrigin, targeted: str
) -> None:
    control = ("Cache-Control", "max-age=3600")

    assert await is_reused(viewer, origin, control, (NAME, targeted), ("Age", "100"))


@pytest.mark.parametrize("targeted", [each for each in INVALID if "no-store" not in each])
async def test_rfc9213_2_1_what_is_no_dictionary_overrules_no_prohibition(
    viewer: Viewer, origin: RawOrigin, targeted: str
) -> None:
    assert not await is_reused(viewer, origin, ("Cache-Control", "no-store"), (NAME, targeted))


async def test_rfc9213_2_1_one_bad_line_spoils_the_others(
    viewer: Viewer, origin: RawOrigin
) -> None:
    lines = ((NAME, "max-age=3600"), (NAME, "Foo"))

    assert not await is_reused(viewer, origin, *lines)


@pytest.mark.parametrize("targeted", ["max-age=9", "private", "Not A Dictionary,,", "foo=bar;a"])
async def test_rfc9213_2_2_it_is_passed_on_with_the_response(
    viewer: Viewer, origin: RawOrigin, targeted: str
) -> None:
    """An edge or shield that is nearer to the viewer is told as well."""
    origin.answers(response(b"hello", ("Cache-Control", "max-age=1"), (NAME, targeted)))

    assert (await viewer.get()).get(NAME) == targeted


async def test_rfc9213_2_2_a_hit_has_it_and_cache_control_as_they_came(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await is_reused(viewer, origin, ("Cache-Control", "no-store, a"), (NAME, "max-age=3600"))

    got = await viewer.get()

    assert (got.get("cache-control"), got.get(NAME)) == ("no-store, a", "max-age=3600")


async def test_rfc9213_2_2_age_counts_against_it(viewer: Viewer, origin: RawOrigin) -> None:
    fields = (("Cache-Control", "max-age=3600"), (NAME, "max-age=60"), ("Age", "61"))

    assert not await is_reused(viewer, origin, *fields)


async def test_rfc9213_2_2_it_allows_to_store_any_status(viewer: Viewer, origin: RawOrigin) -> None:
    assert await is_reused(viewer, origin, (NAME, "max-age=3600"), status="599 Odd")


@pytest.mark.parametrize(
    ("control", "targeted", "shared"),
    [
        ("max-age=3600", "max-age=3600, public", True),
        ("max-age=3600", "max-age=3600, must-revalidate", True),
        ("max-age=3600", "s-maxage=3600", True),
        ("max-age=3600, public", "max-age=3600", False),
    ],
)
async def test_rfc9213_2_2_it_tells_whether_what_a_credential_brought_is_shared(
    viewer: Viewer, origin: RawOrigin, control: str, targeted: str, shared: bool
) -> None:
    """RFC 9111 §3.5."""
    fields = (("Cache-Control", control), (NAME, targeted))
    first = (("Authorization", "Basic YTpi"),)

    assert await is_reused(viewer, origin, *fields, first=first) == shared


@pytest.mark.parametrize("directive", ["no-cache", "private"])
async def test_rfc9213_2_2_the_fields_that_it_names_are_not_reused(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    """RFC 9111 §5.2.2.4, §5.2.2.7."""
    targeted = (NAME, f'max-age=3600, {directive}="set-cookie, X-B"')
    await is_reused(viewer, origin, targeted, ("Set-Cookie", "a=1"), ("x-b", "2"))

    got = await viewer.get()

    assert (len(origin.asked), got.get("set-cookie"), got.get("x-b")) == (1, None, None)


async def test_rfc9213_2_2_must_revalidate_in_it_forbids_stale_answers(
    viewer: Viewer, origin: RawOrigin
) -> None:
    """RFC 9111 §5.2.2.2."""

    async def vanish(_: object, writer: asyncio.StreamWriter) -> None:
        writer.close()

    targeted = (NAME, "max-age=1, must-revalidate")
    origin.answers(response(b"hello", ("ETag", '"a"'), targeted), vanish)
    await viewer.get()
    await asyncio.sleep(1.1)

    assert (await viewer.get()).status == 504


async def test_rfc9213_2_2_in_a_request_it_means_nothing(viewer: Viewer, origin: RawOrigin) -> None:
    await viewer.get()
    await viewer.get("/", (NAME, "no-cache, max-age=0"))

    assert len(origin.asked) == 1


@pytest.mark.parametrize("name", ["Surrogate-Control", "Other-CDN-Cache-Control", "Cdn-Cache"])
async def test_rfc9213_2_2_fields_for_others_mean_nothing(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    assert not await is_reused(viewer, origin, (name, "max-age=3600"))
