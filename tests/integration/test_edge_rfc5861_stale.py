"""Stale responses: where RFC 5861 and RFC 9111 §4.2.4 allow them, and where not."""

import asyncio

import pytest

from tests.integration.edge_service import until
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    response,
)

OLD = ("Age", "10")
TAG = ("ETag", '"1"')


def old(control: str) -> bytes:
    """A response that was ten seconds old when it came."""
    return response(b"old", ("Cache-Control", control), OLD, TAG)


async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


def failing(status: str) -> bytes:
    return response(b"failed", status=status)


async def test_rfc5861_3_what_is_stale_is_served_at_once_while_it_is_validated(
    viewer: Viewer, origin: RawOrigin
) -> None:
    asked = asyncio.Event()

    async def late(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.write(response(b"new", ("Cache-Control", "max-age=60")))

    origin.answers(old("max-age=5, stale-while-revalidate=60"), late)
    await viewer.get()
    got = await viewer.get()
    asked.set()

    assert got.body == b"old"
    assert got.cache.startswith("hit; ttl=-")


async def test_rfc5861_3_the_validation_in_the_background_brings_the_new_one(
    viewer: Viewer, origin: RawOrigin
) -> None:
    new = response(b"new", ("Cache-Control", "max-age=60"))
    origin.answers(old("max-age=5, stale-while-revalidate=60"), new)
    await viewer.get()
    await viewer.get()
    await until(lambda: len(origin.asked) == 2)
    await asyncio.sleep(0.2)

    assert (await viewer.get()).body == b"new"
    assert len(origin.asked) == 2


async def test_rfc5861_3_many_viewers_cause_one_validation(
    viewer: Viewer, origin: RawOrigin
) -> None:
    asked = asyncio.Event()

    async def late(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.write(response(b"new", ("Cache-Control", "max-age=60")))

    origin.answers(old("max-age=5, stale-while-revalidate=60"), late)
    await viewer.get()
    got = await asyncio.gather(*(viewer.get() for _ in range(20)))
    asked.set()

    assert {one.body for one in got} == {b"old"}
    assert len(origin.asked) == 2


@pytest.mark.parametrize(
    "control",
    [
        "max-age=5, stale-while-revalidate=2",
        "max-age=5, stale-while-revalidate=60, must-revalidate",
        "max-age=5, stale-while-revalidate=60, proxy-revalidate",
        "s-maxage=5, stale-while-revalidate=60",
        "max-age=5, stale-while-revalidate=60, no-cache",
    ],
)
async def test_rfc5861_3_is_not_served_stale(
    viewer: Viewer, origin: RawOrigin, control: str
) -> None:
    origin.answers(old(control), response(b"new", ("Cache-Control", "max-age=60")))
    await viewer.get()

    assert (await viewer.get()).body == b"new"


@pytest.mark.parametrize("status", ["500 A", "502 B", "503 C", "504 D"])
async def test_rfc5861_4_an_error_is_answered_with_what_is_stale(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    origin.answers(old("max-age=5, stale-if-error=60"), failing(status))
    await viewer.get()
    got = await viewer.get()

    assert (got.status, got.body) == (200, b"old")
    assert got.cache.startswith("fwd=stale; ttl=-")


async def test_rfc5861_4_all_who_wait_get_what_is_stale(viewer: Viewer, origin: RawOrigin) -> None:
    async def slowly(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(failing("503 Overload"))

    origin.answers(old("max-age=5, stale-if-error=60"), slowly)
    await viewer.get()
    got = await asyncio.gather(*(viewer.get() for _ in range(10)))

    assert {one.body for one in got} == {b"old"}
    assert len(origin.asked) == 2


@pytest.mark.parametrize("status", ["404 Gone Missing", "501 Never", "400 Bad"])
async def test_rfc5861_4_other_errors_are_passed_on(
    viewer: Viewer, origin: RawOrigin, status: str
) -> None:
    origin.answers(old("max-age=5, stale-if-error=60"), failing(status))
    await viewer.get()

    assert (await viewer.get()).status == int(status[:3])


async def test_rfc5861_4_not_longer_than_the_origin_allows(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(old("max-age=5, stale-if-error=2"), failing("503 Overload"))
    await viewer.get()

    assert (await viewer.get()).status == 503


async def test_rfc5861_4_not_longer_than_the_origin_allows_when_it_hangs_up(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(old("max-age=5, stale-if-error=2"), hang_up)
    await viewer.get()

    assert (await viewer.get()).status == 502


async def test_rfc5861_4_a_viewer_may_ask_for_it(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(old("max-age=5"), failing("503 Overload"))
    await viewer.get()

    assert (await viewer.get("/", ("Cache-Control", "stale-if-error=60"))).body == b"old"


async def test_rfc5861_4_a_viewer_s_own_limit_holds(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(old("max-age=5"), failing("503 Overload"))
    await viewer.get()

    assert (await viewer.get("/", ("Cache-Control", "stale-if-error=2"))).status == 503


async def test_rfc9111_4_2_4_a_plain_error_is_passed_on(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(old("max-age=5"), failing("503 Overload"))
    await viewer.get()

    assert (await viewer.get()).status == 503


async def test_rfc9111_4_2_4_an_origin_that_hangs_up_is_answered_for(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(old("max-age=5"), hang_up)
    await viewer.get()
    got = await viewer.get()

    assert (got.status, got.body) == (200, b"old")
    assert int(got.get("age") or 0) >= 10


@pytest.mark.parametrize(
    "control",
    [
        "max-age=5, must-revalidate",
        "max-age=5, proxy-revalidate",
        "s-maxage=5",
        "max-age=5, no-cache",
        "max-age=5, must-revalidate, stale-if-error=60",
    ],
)
async def test_rfc9111_4_2_4_is_never_served_stale(
    viewer: Viewer, origin: RawOrigin, control: str
) -> None:
    origin.answers(old(control), hang_up)
    await viewer.get()

    assert (await viewer.get()).status == 504
