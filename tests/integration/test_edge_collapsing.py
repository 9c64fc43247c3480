"""Many viewers on one missing object: one request upstream, and nobody waits for another."""

import asyncio

import pytest

from tests.integration.edge_service import until
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Script,
    Viewer,
    response,
)

BODY = bytes(range(256)) * 12_000
"""3 MB."""
FRESH = ("Cache-Control", "max-age=3600")
TAG = ("ETag", '"one"')


def in_two(go: asyncio.Event, *fields: tuple[str, str]) -> Script:
    """Half of the body at once, the other half when it may."""

    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        whole = response(BODY, *fields)
        writer.write(whole[:1_500_000])
        await writer.drain()
        await go.wait()
        writer.write(whole[1_500_000:])

    return answer


def dying(at: int, *fields: tuple[str, str]) -> Script:
    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(BODY, *fields)[:at])
        await writer.drain()
        writer.close()

    return answer


def resuming(*fields: tuple[str, str], tag: str = '"one"') -> Script:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked_range, condition = asked.get("range"), asked.get("if-range")
        if asked_range is None or condition != tag:
            writer.write(response(BODY, ("ETag", tag), *fields))
            return
        first = int(asked_range.removeprefix("bytes=").rstrip("-"))
        told = ("Content-Range", f"bytes {first}-{len(BODY) - 1}/{len(BODY)}")
        rest = response(BODY[first:], ("ETag", tag), told, *fields, status="206 Partial Content")
        writer.write(rest)

    return answer


async def test_a_hundred_viewers_cause_one_request(viewer: Viewer, origin: RawOrigin) -> None:
    go = asyncio.Event()
    origin.answers(in_two(go, FRESH))
    watching = [asyncio.create_task(viewer.get("/film")) for _ in range(100)]
    await until(lambda: len(origin.asked) > 0)
    await asyncio.sleep(0.3)
    go.set()
    got = await asyncio.gather(*watching)

    assert {one.body for one in got} == {BODY}
    assert len(origin.asked) == 1


async def test_bytes_are_passed_on_before_the_origin_has_finished(
    viewer: Viewer, origin: RawOrigin
) -> None:
    go = asyncio.Event()
    origin.answers(in_two(go, FRESH))
    reader, writer = await asyncio.open_connection("127.0.0.1", viewer.port)
    writer.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(30):
        await reader.readuntil(b"\r\n\r\n")
        first = await reader.readexactly(1_000_000)
    go.set()
    rest = await reader.read()
    writer.close()

    assert first + rest == BODY


async def test_the_first_viewer_may_leave(viewer: Viewer, origin: RawOrigin) -> None:
    go = asyncio.Event()
    origin.answers(in_two(go, FRESH))
    _, writer = await asyncio.open_connection("127.0.0.1", viewer.port)
    writer.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
    await until(lambda: len(origin.asked) == 1)
    second = asyncio.create_task(viewer.get("/film"))
    await asyncio.sleep(0.2)
    writer.close()
    await asyncio.sleep(0.2)
    go.set()

    assert (await second).body == BODY
    assert len(origin.asked) == 1


async def test_a_first_viewer_who_takes_nothing_holds_nobody_up(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(BODY, FRESH))
    _, lazy = await asyncio.open_connection("127.0.0.1", viewer.port, limit=1024)
    lazy.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
    await until(lambda: len(origin.asked) == 1)
    async with asyncio.timeout(30):
        got = await viewer.get("/film")
    lazy.close()

    assert got.body == BODY
    assert len(origin.asked) == 1


@pytest.mark.parametrize("control", ["no-store", "private, max-age=60", "max-age=0", "no-cache"])
async def test_what_cannot_be_shared_is_asked_for_by_each(
    viewer: Viewer, origin: RawOrigin, control: str
) -> None:
    async def personal(_: Asked, writer: asyncio.StreamWriter) -> None:
        number = len(origin.asked)
        await asyncio.sleep(0.2)
        body = b"for viewer %d" % number
        writer.write(response(body, ("Cache-Control", control), ("Set-Cookie", f"id={number}")))

    origin.answers(personal)
    got = await asyncio.gather(*(viewer.get("/me") for _ in range(20)))

    assert len({one.body for one in got}) == 20
    assert all((one.get("set-cookie") or "")[3:].encode() in one.body for one in got)


async def test_variants_do_not_mix(viewer: Viewer, origin: RawOrigin) -> None:
    async def spoken(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        body = (asked.get("accept-language") or "").encode()
        writer.write(response(body, FRESH, ("Vary", "Accept-Language")))

    origin.answers(spoken)
    languages = ["de", "en", "fr"] * 10
    got = await asyncio.gather(
        *(viewer.get("/", ("Accept-Language", language)) for language in languages)
    )

    assert [one.body.decode() for one in got] == languages


async def test_a_broken_transfer_is_resumed_unnoticed(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(dying(2_000_000, FRESH, TAG), resuming(FRESH))
    got = await asyncio.gather(*(viewer.get("/film") for _ in range(5)))

    assert {one.body for one in got} == {BODY}
    assert len(origin.asked) == 2
    assert (origin.asked[1].get("if-range"), (origin.asked[1].get("range") or "")[:6]) == (
        '"one"',
        "bytes=",
    )
    assert (await viewer.get("/film")).cache.startswith("hit")


@pytest.mark.parametrize(
    ("fields", "then"),
    [
        ((FRESH,), resuming(FRESH)),
        ((FRESH, ("ETag", 'W/"one"')), resuming(FRESH)),
        ((FRESH, TAG), resuming(FRESH, tag='"two"')),
    ],
    ids=["no validator", "weak tag", "another by now"],
)
async def test_what_cannot_be_resumed_is_cut_and_never_ended_properly(
    viewer: Viewer, origin: RawOrigin, fields: tuple[tuple[str, str], ...], then: Script
) -> None:
    origin.answers(dying(2_000_000, *fields), then)
    got = await asyncio.gather(*(viewer.get("/film") for _ in range(5)))

    assert all(not one.whole for one in got)
    assert all(BODY.startswith(one.body) for one in got)
    assert (await viewer.get("/film")).body == BODY


async def test_one_validation_is_for_all_who_wait(viewer: Viewer, origin: RawOrigin) -> None:
    async def current(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(response(b"", FRESH, TAG, status="304 Not Modified"))

    stale = response(BODY, ("Cache-Control", "max-age=1"), ("Age", "9"), TAG)
    origin.answers(stale, current)
    await viewer.get("/film")
    got = await asyncio.gather(*(viewer.get("/film") for _ in range(20)))

    assert {one.body for one in got} == {BODY}
    assert len(origin.asked) == 2
