"""RFC 9111 §4.2 and §5.1: how long a response is fresh, and how old, seen over sockets."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.proxy_service import (
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    proxy,
    response,
)

HOUR = 3600
FRESH = ("Cache-Control", "max-age=3600")
LATER = "Thu, 18 Aug 2050 02:01:18 GMT"
NOT_SECONDS = [
    "",
    "=",
    "=abc",
    "=-1",
    "=-3600",
    "=+3600",
    "=3600.0",
    "=36e2",
    "=0x3600",
    "=3600s",
    "=3600 s",
    "=3600;a=b",
    "= 3600",
    " =3600",
    " = 3600",
    "=\t3600",
    "='3600'",
    '="-1"',
    '="3600',
    '=""',
    ":3600",
]


async def is_fresh(
    viewer: Viewer, origin: RawOrigin, *fields: tuple[str, str], status: str = "200 OK"
) -> bool:
    """Whether a response with ``fields`` answers the next request."""
    origin.answers(response(b"hello", *fields, status=status))
    await viewer.get()
    await viewer.get()
    return len(origin.asked) == 1


# §4.2.1: which of several tells.


@pytest.mark.parametrize(
    "fields",
    [
        (("Cache-Control", "max-age=0, s-maxage=3600"),),
        (("Cache-Control", "s-maxage=3600, max-age=0"),),
        (("Cache-Control", "s-maxage=3600"), ("Cache-Control", "max-age=0")),
        (("Cache-Control", "s-maxage=3600"), ("Expires", http_date(-HOUR))),
        (("Cache-Control", "max-age=3600"), ("Expires", http_date(-HOUR))),
        (("Cache-Control", "max-age=3600"), ("Expires", "0")),
        (("Cache-Control", "max-age=3600"), ("Pragma", "no-cache")),
        (("Cache-Control", "public"), ("Expires", LATER)),
    ],
)
async def test_rfc9111_4_2_1_s_maxage_wins_over_max_age_over_expires_for_longer(
    viewer: Viewer, origin: RawOrigin, fields: Pairs
) -> None:
    assert await is_fresh(viewer, origin, *fields)


@pytest.mark.parametrize(
    "fields",
    [
        (("Cache-Control", "max-age=3600, s-maxage=0"),),
        (("Cache-Control", "s-maxage=0, max-age=3600"),),
        (("Cache-Control", "s-maxage=0"), ("Expires", LATER)),
        (("Cache-Control", "max-age=0"), ("Expires", LATER)),
        (("Cache-Control", "max-age=3600, s-maxage=abc"),),
        (("Cache-Control", "max-age=abc"), ("Expires", LATER)),
    ],
)
async def test_rfc9111_4_2_1_s_maxage_wins_over_max_age_over_expires_for_shorter(
    viewer: Viewer, origin: RawOrigin, fields: Pairs
) -> None:
    assert not await is_fresh(viewer, origin, *fields)


@pytest.mark.parametrize("name", ["max-age", "s-maxage"])
@pytest.mark.parametrize(
    ("first", "second", "fresh"), [("3600", "0", True), ("0", "3600", False), ("x", "3600", False)]
)
@pytest.mark.parametrize("lines", [1, 2])
async def test_rfc9111_4_2_1_of_duplicates_the_first_counts(
    viewer: Viewer, origin: RawOrigin, name: str, first: str, second: str, fresh: bool, lines: int
) -> None:
    directives = [f"{name}={first}", f"{name}={second}"]
    values = directives if lines == 2 else [", ".join(directives)]

    assert await is_fresh(viewer, origin, *(("Cache-Control", each) for each in values)) == fresh


@pytest.mark.parametrize("name", ["max-age", "s-maxage"])
@pytest.mark.parametrize(
    "directive",
    [
        '{}="3600"',
        "  {}=3600  ",
        ",,{}=3600,,",
        "\t{}=3600\t,a",
        "a=b,{}=3600",
        'a="b, {}=0", {}=3600',
        'a="\\", {}=0", {}=3600',
        "{}=0000000000000000003600",
        "{}=2147483647",
        "{}=2147483648",
        "{}=99999999999",
        "{}=9999999999999999999999999999999999999999",
    ],
)
async def test_rfc9111_4_2_1_seconds_are_read_however_they_are_spelled(
    viewer: Viewer, origin: RawOrigin, name: str, directive: str
) -> None:
    """§1.2.2 for those that are too large, §5.2 for case, whitespace and quotes."""
    control = directive.replace("{}", name)

    assert await is_fresh(viewer, origin, ("Cache-Control", control), ("Age", "3000"))


@pytest.mark.parametrize("directive", ["MAX-AGE=3600", "Max-Age=3600", "S-MaxAge=3600"])
async def test_rfc9111_5_2_directives_have_no_case(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    assert await is_fresh(viewer, origin, ("cAChE-conTROL", directive))


@pytest.mark.parametrize("name", ["max-age", "s-maxage"])
@pytest.mark.parametrize("argument", NOT_SECONDS)
async def test_rfc9111_4_2_1_what_is_no_number_of_seconds_is_stale(
    viewer: Viewer, origin: RawOrigin, name: str, argument: str
) -> None:
    # A colon makes it no directive at all, so that Expires is what tells.
    later = ("Expires", "0" if argument == ":3600" else http_date(HOUR))
    control = ("Cache-Control", f"{name}{argument}")

    assert not await is_fresh(viewer, origin, control, later)


@pytest.mark.parametrize("directive", ["max-agex=3600", "xmax-age=3600", "maxage=3600", "max-ag"])
async def test_rfc9111_4_2_1_what_only_looks_like_max_age_tells_nothing(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    assert not await is_fresh(viewer, origin, ("Cache-Control", directive))


async def test_rfc9111_4_2_what_was_fresh_ends_to_be(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(response(b"hello", ("Cache-Control", "max-age=1")))
    await viewer.get()
    await asyncio.sleep(1.1)
    await viewer.get()

    assert len(origin.asked) == 2


# §4.2.2: guesses.


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "301 Moved"])
async def test_rfc9111_4_2_2_nothing_is_fresh_by_guess_unless_that_is_wanted(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    modified = ("Last-Modified", http_date(-1000 * HOUR))

    assert not await is_fresh(viewer, origin, modified, status=status)


@pytest.mark.parametrize(
    ("status", "fields", "fresh"),
    [
        ("200 OK", (("Age", "3500"),), True),
        ("404 Not Found", (("Age", "3500"),), True),
        ("200 OK", (("Age", "3700"),), False),
        ("200 OK", (("Cache-Control", "max-age=0"),), False),
        ("200 OK", (("Cache-Control", "s-maxage=x"),), False),
        ("200 OK", (("Expires", "0"),), False),
        ("200 OK", (("Cache-Control", "no-cache"),), False),
        ("302 Found", (), False),
        ("302 Found", (("Cache-Control", "public"),), True),
        ("599 Odd", (), False),
    ],
)
async def test_rfc9111_4_2_2_a_tenth_of_the_time_since_the_last_change_is_a_guess(
    origin: RawOrigin, tmp_path: Path, status: str, fields: Pairs, fresh: bool
) -> None:
    modified = ("Last-Modified", http_date(-10 * HOUR))
    async with proxy(tmp_path, origin, heuristic_freshness=0.1) as viewer:
        assert await is_fresh(viewer, origin, modified, *fields, status=status) == fresh


@pytest.mark.parametrize(("age", "fresh"), [("86000", True), ("86500", False)])
async def test_rfc9111_4_2_2_no_guess_is_longer_than_a_day(
    origin: RawOrigin, tmp_path: Path, age: str, fresh: bool
) -> None:
    modified = ("Last-Modified", http_date(-10_000 * HOUR))
    async with proxy(tmp_path, origin, heuristic_freshness=0.1) as viewer:
        assert await is_fresh(viewer, origin, modified, ("Age", age)) == fresh


@pytest.mark.parametrize("modified", [(), (("Last-Modified", "x"),), (("Last-Modified", LATER),)])
async def test_rfc9111_4_2_2_without_a_last_change_there_is_no_guess(
    origin: RawOrigin, tmp_path: Path, modified: Pairs
) -> None:
    async with proxy(tmp_path, origin, heuristic_freshness=0.1) as viewer:
        assert not await is_fresh(viewer, origin, *modified)


@pytest.mark.parametrize(
    ("status", "fields", "fresh"),
    [
        ("404 Not Found", (), True),
        ("410 Gone", (), True),
        ("404 Not Found", (("Age", "61"),), False),
        ("404 Not Found", (("Cache-Control", "max-age=0"),), False),
        ("404 Not Found", (("Cache-Control", "no-store"),), False),
        ("404 Not Found", (("Expires", "0"),), False),
        ("200 OK", (), False),
        ("403 Forbidden", (), False),
        ("500 Broken", (), False),
    ],
)
async def test_rfc9111_4_2_2_that_there_is_nothing_is_fresh_for_as_long_as_is_wanted(
    origin: RawOrigin, tmp_path: Path, status: str, fields: Pairs, fresh: bool
) -> None:
    async with proxy(tmp_path, origin, negative_lifetime=60) as viewer:
        assert await is_fresh(viewer, origin, *fields, status=status) == fresh


# §4.2.3 and §5.1: how old it is.


@pytest.mark.parametrize(
    "ages",
    [
        ("3600",),
        ("7200",),
        ("0007200",),
        (" 7200\t",),
        ("7200, 0",),
        ("7200", "0"),
        ("7200, abc",),
        (", 7200",),
        ("2147483648",),
        ("99999999999",),
        ("99999999999999999999999999999999",),
    ],
)
async def test_rfc9111_4_2_3_age_is_counted_and_the_first_of_several(
    viewer: Viewer, origin: RawOrigin, ages: tuple[str, ...]
) -> None:
    assert not await is_fresh(viewer, origin, FRESH, *(("Age", age) for age in ages))


@pytest.mark.parametrize(
    "age",
    ["0", "3000", "0, 7200", "abc", "-7200", "7200.0", "7200;a=b", "7200 s", '"7200"', "", "+7200"],
)
async def test_rfc9111_5_1_age_that_is_no_number_is_ignored(
    viewer: Viewer, origin: RawOrigin, age: str
) -> None:
    assert await is_fresh(viewer, origin, FRESH, ("Age", age))


@pytest.mark.parametrize(
    ("offset", "fresh"), [(-7200, False), (-3601, False), (-3000, True), (7200, True)]
)
async def test_rfc9111_4_2_3_a_date_in_the_past_is_age(
    viewer: Viewer, origin: RawOrigin, offset: int, fresh: bool
) -> None:
    assert await is_fresh(viewer, origin, FRESH, ("Date", http_date(offset))) == fresh


async def test_rfc9111_4_2_3_age_and_date_are_not_added_up(
    viewer: Viewer, origin: RawOrigin
) -> None:
    date = ("Date", http_date(-2000))

    assert await is_fresh(viewer, origin, FRESH, ("Age", "2000"), date)


async def test_rfc9111_4_2_3_a_date_that_is_none_is_no_age(
    viewer: Viewer, origin: RawOrigin
) -> None:
    assert await is_fresh(viewer, origin, FRESH, ("Date", "long ago"))


async def test_rfc9111_4_2_3_the_time_that_the_answer_took_is_added_to_age(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def slowly(_: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.1)
        writer.write(response(b"hello", FRESH, ("Age", "100")))

    origin.answers(slowly)
    await viewer.get()

    assert int((await viewer.get()).get("age") or 0) >= 101


@pytest.mark.parametrize(("age", "offset"), [("100", 0), ("0", -100), ("100", -90), ("90", -100)])
async def test_rfc9111_5_1_a_hit_tells_its_age_in_one_field(
    viewer: Viewer, origin: RawOrigin, age: str, offset: int
) -> None:
    await is_fresh(viewer, origin, FRESH, ("Age", age), ("Date", http_date(offset)))

    ages = [value for name, value in (await viewer.get()).fields if name.lower() == "age"]

    assert len(ages) == 1
    assert 100 <= int(ages[0]) < 180


async def test_rfc9111_5_1_age_grows(viewer: Viewer) -> None:
    await viewer.get()
    before = int((await viewer.get()).get("age") or -1)
    await asyncio.sleep(1.1)

    assert int((await viewer.get()).get("age") or -1) > before


async def test_rfc9111_5_1_what_the_origin_sends_with_age_keeps_it(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"hello", FRESH, ("Age", "100")))

    assert int((await viewer.get()).get("age") or 0) >= 100


async def test_rfc9111_4_3_4_a_304_without_date_is_as_young_as_its_coming(
    viewer: Viewer, origin: RawOrigin
) -> None:
    """RFC 9110 §6.6.1: it gets the Date of its coming, in place of the older one."""
    date = ("Date", http_date(-3000))
    origin.answers(
        response(b"hello", FRESH, date, ("ETag", '"a"')),
        b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    )
    await viewer.get()
    await viewer.get("/", ("Cache-Control", "no-cache"))

    got = await viewer.get()

    assert (len(origin.asked), int(got.get("age") or 3000) < 1000) == (2, True)
