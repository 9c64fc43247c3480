"""RFC 9111 §3.5, §5.2.2.7: what a credential brought, or one viewer alone may have, seen over
sockets."""

import asyncio

import pytest

from tests.integration.proxy_service import (
    Asked,
    Pairs,
    RawOrigin,
    Viewer,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
SECRET = ("Authorization", "Basic YTpi")


async def is_reused(viewer: Viewer, origin: RawOrigin, *, first: Pairs = ()) -> bool:
    """Whether a plain request, after one with the fields ``first``, is answered by the edge."""
    await viewer.get("/", *first)
    before = len(origin.asked)
    await viewer.get()
    return len(origin.asked) == before


@pytest.mark.parametrize("directive", ["public", "must-revalidate", "s-maxage=3600"])
async def test_rfc9111_3_5_a_directive_allows_to_share_what_a_credential_brought(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    origin.answers(response(b"hello", ("Cache-Control", f"max-age=3600, {directive}")))

    assert await is_reused(viewer, origin, first=(SECRET,))


@pytest.mark.parametrize(
    "directives", ["max-age=3600", "max-age=3600, proxy-revalidate", 'max-age=3600, x="public"']
)
async def test_rfc9111_3_5_without_one_what_a_credential_brought_is_not_stored(
    viewer: Viewer, origin: RawOrigin, directives: str
) -> None:
    origin.answers(response(b"hello", ("Cache-Control", directives)))

    assert not await is_reused(viewer, origin, first=(SECRET,))


async def test_rfc9111_3_5_a_credential_is_no_bar_to_what_others_have_brought(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get()
    await viewer.get("/", SECRET)

    assert len(origin.asked) == 1


async def test_rfc9111_3_5_a_credential_is_passed_on(viewer: Viewer, origin: RawOrigin) -> None:
    await viewer.get("/", SECRET)

    assert origin.asked[0].get("authorization") == SECRET[1]


async def test_rfc9111_3_5_two_credentials_that_ask_at_once_get_an_answer_each(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def greet(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(response((asked.get("authorization") or "").encode(), FRESH))

    origin.answers(greet)
    secrets = ("Basic YTpi", "Basic Yzpk")

    got = await asyncio.gather(*(viewer.get("/", ("Authorization", each)) for each in secrets))

    assert tuple(each.body.decode() for each in got) == secrets


@pytest.mark.parametrize("directive", ["no-cache", "private"])
async def test_rfc9111_5_2_2_7_those_who_wait_for_the_same_get_no_field_that_is_for_one(
    viewer: Viewer, origin: RawOrigin, directive: str
) -> None:
    async def greet(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        named = ("Cache-Control", f'max-age=3600, {directive}="set-cookie"')
        writer.write(response(b"hello", named, ("Set-Cookie", "a=1")))

    origin.answers(greet)

    got = await asyncio.gather(*(viewer.get() for _ in range(3)))

    assert sorted(each.get("set-cookie") or "" for each in got) == ["", "", "a=1"]
