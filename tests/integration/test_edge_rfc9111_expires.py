"""RFC 9111 §5.3 and §5.4: Expires and Pragma, in every odd form, seen over sockets."""

import email.utils
import time

import pytest

from tests.integration.proxy_service import (
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

HOUR = 3600
LATER = "18 Aug 2050 02:01:18 GMT"
FUTURE_DATES = [
    f"Thu, {LATER}",
    "Thursday, 18-Aug-50 02:01:18 GMT",
    "Thu Aug 18 02:01:18 2050",
    f"Mon, {LATER}",
    f"\tThu, {LATER} ",
]
NO_DATES = [
    "0",
    "",
    "-1",
    "3600",
    "never",
    "Thu, 18 Aug 2050",
    "Thu, 18 Aug 2050 02:01:18",
    "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 EST",
    "Thu, 18 Aug 2050 02:01:18 +0000",
    "Thu, 18 Aug 2050 02:01:18 GMT+1",
    "thu, 18 aug 2050 02:01:18 gmt",
    "Thu, 18 AUG 2050 02:01:18 GMT",
    "18 Aug 2050 02:01:18 GMT",
    "Thu 18 Aug 2050 02:01:18 GMT",
    "Thu,  18 Aug 2050 02:01:18 GMT",
    "Thu, 18  Aug 2050 02:01:18 GMT",
    "Thu, 18-Aug-2050 02:01:18 GMT",
    "Thu, 18 Aug 50 02:01:18 GMT",
    "Thu, 8 Aug 2050 02:01:18 GMT",
    "Thu, 31 Feb 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT",
    "Thu, 18 Aug 2050 24:01:18 GMT",
    "Thu, 18 Aug 2050 02.01.18 GMT",
    "Thu, 18 August 2050 02:01:18 GMT",
    '"Thu, 18 Aug 2050 02:01:18 GMT"',
    "2050-08-18T02:01:18Z",
    f"Thu, {LATER}, Thu, {LATER}",
]


async def is_fresh(viewer: Viewer, origin: RawOrigin, *fields: tuple[str, str]) -> bool:
    """Whether a response with ``fields`` answers the next request."""
    origin.answers(response(b"hello", *fields))
    await viewer.get()
    await viewer.get()
    return len(origin.asked) == 1


# §5.3: Expires.


@pytest.mark.parametrize("date", FUTURE_DATES)
async def test_rfc9111_5_3_every_form_of_http_date_is_read(
    viewer: Viewer, origin: RawOrigin, date: str
) -> None:
    assert await is_fresh(viewer, origin, ("Expires", date))


@pytest.mark.parametrize("date", NO_DATES)
async def test_rfc9111_5_3_what_is_no_http_date_is_in_the_past(
    viewer: Viewer, origin: RawOrigin, date: str
) -> None:
    assert not await is_fresh(viewer, origin, ("Expires", date))


@pytest.mark.parametrize(
    ("expires", "date", "fresh"),
    [(HOUR, 0, True), (HOUR, HOUR, False), (-60, -HOUR, False), (60, -HOUR, True), (0, 0, False)],
)
async def test_rfc9111_5_3_expires_counts_from_date(
    viewer: Viewer, origin: RawOrigin, expires: int, date: int, fresh: bool
) -> None:
    now = time.time()
    fields = [
        (name, email.utils.formatdate(now + offset, usegmt=True))
        for name, offset in (("Expires", expires), ("Date", date))
    ]

    assert await is_fresh(viewer, origin, *fields) == fresh


async def test_rfc9111_5_3_without_a_date_that_can_be_read_expires_counts_from_now(
    viewer: Viewer, origin: RawOrigin
) -> None:
    assert await is_fresh(viewer, origin, ("Date", "x"), ("Expires", http_date(HOUR)))


@pytest.mark.parametrize("others", [("0",), (http_date(2 * HOUR),), (http_date(-HOUR),)])
async def test_rfc9111_5_3_several_expires_that_differ_are_in_the_past(
    viewer: Viewer, origin: RawOrigin, others: tuple[str, ...]
) -> None:
    lines = [("Expires", value) for value in (http_date(HOUR), *others)]

    assert not await is_fresh(viewer, origin, *lines)


async def test_rfc9111_5_3_the_same_expires_several_times_is_one(
    viewer: Viewer, origin: RawOrigin
) -> None:
    same = ("Expires", http_date(HOUR))

    assert await is_fresh(viewer, origin, same, same)


async def test_rfc9111_5_3_expires_is_passed_on_as_it_came(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await is_fresh(viewer, origin, ("Cache-Control", "max-age=9"), ("Expires", "0"))

    assert (await viewer.get()).get("expires") == "0"


# §5.4: Pragma.


@pytest.mark.parametrize("value", ["no-cache", "NO-CACHE", "a, no-cache", "no-cache, a=b"])
async def test_rfc9111_5_4_pragma_no_cache_in_a_request_is_its_cache_control(
    viewer: Viewer, origin: RawOrigin, value: str
) -> None:
    await viewer.get()
    await viewer.get("/", ("Pragma", value))

    assert len(origin.asked) == 2


@pytest.mark.parametrize(
    "fields",
    [
        (("Cache-Control", "max-age=3600"), ("Pragma", "no-cache")),
        (("Pragma", "no-cache"), ("Cache-Control", "foo")),
        (("Pragma", "no-cache"), ("Cache-Control", "")),
        (("Pragma", "no-store"),),
        (("Pragma", 'a="no-cache"'),),
        (("Pragma", ""),),
    ],
)
async def test_rfc9111_5_4_any_other_pragma_and_one_beside_cache_control_means_nothing(
    viewer: Viewer, origin: RawOrigin, fields: Pairs
) -> None:
    await viewer.get()
    await viewer.get("/", *fields)

    assert len(origin.asked) == 1


async def test_rfc9111_5_4_pragma_in_a_response_means_nothing(
    viewer: Viewer, origin: RawOrigin
) -> None:
    control = ("Cache-Control", "max-age=3600")

    assert await is_fresh(viewer, origin, control, ("Pragma", "no-cache"))


async def test_rfc9111_5_4_pragma_is_passed_on(viewer: Viewer, origin: RawOrigin) -> None:
    await viewer.get("/", ("Pragma", "no-cache"))

    assert origin.asked[0].get("pragma") == "no-cache"
