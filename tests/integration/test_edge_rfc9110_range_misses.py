"""RFC 9110 §14: ranges of what an edge has not stored, or not all of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.proxy_service import Viewer, proxy, raw_origin
from tests.integration.ranged_origin import BEFORE, MIB, SIZE, Ranged, span, store


@pytest.fixture
async def had() -> AsyncIterator[Ranged]:
    async with raw_origin() as scripted:
        ranged = Ranged(origin=scripted)
        scripted.answers(ranged.answer)
        yield ranged


@pytest.fixture
async def viewer(had: Ranged, tmp_path: Path) -> AsyncIterator[Viewer]:
    async with proxy(tmp_path, had.origin) as client:
        yield client


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("bytes=0-99", f"bytes=0-{MIB - 1}"),
        (f"bytes={MIB - 1}-{MIB - 1}", f"bytes=0-{MIB - 1}"),
        (f"bytes={MIB}-{MIB}", f"bytes={MIB}-{2 * MIB - 1}"),
        (f"bytes={MIB - 1}-{MIB}", f"bytes=0-{2 * MIB - 1}"),
        (f"bytes={2 * MIB + 5}-{2 * MIB + 9}", f"bytes={2 * MIB}-{3 * MIB - 1}"),
        (f"bytes={4 * MIB + 5}-", f"bytes={4 * MIB}-"),
        ("bytes=-1000", "bytes=-1000"),
    ],
)
async def test_rfc9111_3_3_a_range_that_is_not_stored_is_asked_for_in_whole_slices(
    viewer: Viewer, had: Ranged, wanted: str, asked: str
) -> None:
    got = await viewer.get("/", ("Range", wanted))

    assert (got.status, had.ranges()) == (206, [asked])


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        (f"bytes={MIB - 1}-{MIB}", MIB - 1, MIB + 1),
        (f"bytes={MIB + 7}-{3 * MIB + 6}", MIB + 7, 3 * MIB + 7),
        (f"bytes={4 * MIB + 5}-", 4 * MIB + 5, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-1000", SIZE - 1000, SIZE),
        (f"bytes=5-{10 * MIB}", 5, SIZE),
    ],
)
async def test_rfc9110_14_2_a_range_that_is_not_stored_is_answered_with_its_bytes(
    viewer: Viewer, had: Ranged, wanted: str, start: int, stop: int
) -> None:
    got = await viewer.get("/", ("Range", wanted))

    assert (got.status, got.get("content-range")) == (206, f"bytes {start}-{stop - 1}/{SIZE}")
    assert got.body == BEFORE[start:stop]


@pytest.mark.parametrize(
    ("first", "last"), [(SIZE, None), (SIZE, SIZE), (SIZE + 99, 9 * MIB), (6 * MIB, 6 * MIB + 1)]
)
async def test_rfc9110_15_5_17_a_range_past_the_end_is_told_the_length(
    viewer: Viewer, had: Ranged, first: int, last: int | None
) -> None:
    got = await viewer.get("/", span(first, last))

    assert (got.status, got.get("content-range")) == (416, f"bytes */{SIZE}")


async def test_rfc9110_15_5_17_a_range_past_the_end_of_a_stored_part_is_refused_here(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 9))
    got = await viewer.get("/", span(SIZE))

    assert (got.status, got.get("content-range"), len(had.ranges())) == (
        416,
        f"bytes */{SIZE}",
        1,
    )


@pytest.mark.parametrize("fresh", ["no-store", "private", "max-age=0"])
@pytest.mark.parametrize("wanted", ["bytes=5-9", f"bytes={MIB + 5}-", "bytes=-9"])
async def test_rfc9110_14_2_a_range_of_what_is_not_stored_is_answered_all_the_same(
    viewer: Viewer, had: Ranged, wanted: str, fresh: str
) -> None:
    had.fresh, had.fields = (("Cache-Control", fresh),), ()
    got = await viewer.get("/", ("Range", wanted))

    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, stop = (int(first), int(last or SIZE - 1) + 1) if first else (SIZE - 9, SIZE)
    assert (got.status, got.body == BEFORE[start:stop]) == (206, True)


async def test_rfc9110_14_1_2_a_suffix_longer_than_the_whole_is_the_whole(
    viewer: Viewer, had: Ranged
) -> None:
    got = await viewer.get("/", ("Range", f"bytes=-{9 * MIB}"))

    assert (got.status, got.body == BEFORE) == (206, True)


async def test_rfc9110_15_3_7_2_several_ranges_of_a_stored_part_have_the_rest_asked_for(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    got = await viewer.get("/", ("Range", f"bytes=0-9, {3 * MIB}-{3 * MIB + 9}"))

    assert (got.status, got.whole) == (206, True)
    assert BEFORE[3 * MIB : 3 * MIB + 10] in got.body


@pytest.mark.parametrize(("if_range", "status"), [('"before"', 206), ('"other"', 200)])
async def test_rfc9110_13_1_5_if_range_on_a_miss_is_held_against_what_the_origin_has(
    viewer: Viewer, had: Ranged, if_range: str, status: int
) -> None:
    got = await viewer.get("/", span(0, 99), ("If-Range", if_range))

    assert (got.status, got.whole) == (status, True)
    assert got.body == (BEFORE if status == 200 else BEFORE[:100])
