"""Objects of which a part is stored: the rest comes from upstream, whatever is kept of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from common.settings import ByteSize
from edge.policy.stored import Stored
from edge.store import Cache
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    proxy,
    raw_origin,
    response,
)

DISK = 32 * 1024 * 1024
LARGEST = DISK // 8
"""Bytes that an object may take."""
LARGE = DISK // 16
"""Bytes above which an object has to be asked for twice while the cache is full."""


def content(target: str) -> bytes:
    size = int(target.split("/")[1])
    return (target.encode() * (size // len(target) + 1))[:size]


async def ranged(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers with what is asked for: the whole, or a range."""
    body = content(asked.target)
    fields = [("Cache-Control", "max-age=3600"), ("ETag", f'"{asked.target}"')]
    wanted = asked.get("range")
    if wanted is None:
        writer.write(response(body, *fields))
        return
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else len(body) - int(last)
    stop = min(int(last or len(body)) + 1, len(body)) if first else len(body)
    fields.append(("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}"))
    writer.write(response(body[start:stop], *fields, status="206 Partial Content"))


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(ranged)
        yield scripted


@pytest.fixture
async def viewer(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Viewer]:
    async with proxy(tmp_path, origin, disk=ByteSize(DISK)) as client:
        yield client


async def fill(viewer: Viewer) -> None:
    """Has the cache as full as it gets."""
    for number in range(50):
        await viewer.get(f"/1000000/{number}")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [LARGE + 1, LARGEST - 1, LARGEST + 1, 2 * LARGEST, DISK + 1])
async def test_rfc9110_14_the_whole_is_had_when_a_part_is_stored_however_large_the_rest_is(
    viewer: Viewer, size: int, full: bool
) -> None:
    target = f"/{size}/x"
    if full:
        await fill(viewer)
    assert (await viewer.get(target, ("Range", "bytes=0-9"))).body == content(target)[:10]

    for _ in range(3):
        got = await viewer.get(target)
        assert (got.status, got.whole) == (200, True)
        assert got.body == content(target)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [LARGE + 1, LARGEST - 1, LARGEST + 1, 2 * LARGEST, DISK + 1])
async def test_rfc9110_14_2_every_range_is_had_when_another_is_stored_however_large_it_is(
    viewer: Viewer, size: int, full: bool
) -> None:
    target = f"/{size}/x"
    if full:
        await fill(viewer)
    await viewer.get(target, ("Range", f"bytes={size - 10}-{size - 1}"))

    for field, part in (
        ("bytes=5-", content(target)[5:]),
        ("bytes=-300000", content(target)[-300_000:]),
        (f"bytes=0-{size - 2}", content(target)[:-1]),
    ):
        got = await viewer.get(target, ("Range", field))
        assert got.whole
        assert got.body == {206: part, 200: content(target)}[got.status]


async def test_a_failure_nobody_foresaw_cuts_the_answer_and_adds_nothing(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "/2000000/broken"
    half = ("Range", "bytes=0-499999")
    async with asyncio.timeout(30):
        while "hit" not in (await viewer.get(target, half)).cache:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)

    async def breaking(
        self: Cache, stored: Stored, start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        del self, stored
        yield content(target)[start : start + 1000]
        raise RuntimeError

    monkeypatch.setattr(Cache, "read", breaking)
    got = await viewer.get(target)

    assert (got.status, got.whole) == (200, False)
    assert got.body == content(target)[:1000]
