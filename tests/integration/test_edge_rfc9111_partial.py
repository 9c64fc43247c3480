"""RFC 9111 §3.3, §3.4: parts of a representation, stored, reused, and combined."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.proxy_service import (
    Asked,
    Got,
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    proxy,
    raw_origin,
    response,
)

MIB = 1024 * 1024
SIZE = 5 * MIB + 1000
FRESH = ("Cache-Control", "max-age=3600")
LONG_AGO = http_date(-86400)
PATTERN = bytes(number % 251 for number in range(251 * 4))
BEFORE = (PATTERN * (SIZE // len(PATTERN) + 1))[:SIZE]
AFTER = BEFORE[::-1]


@dataclass
class Ranged:
    """What an origin has: it answers ranges, and If-Range."""

    body: bytes = BEFORE
    fields: Pairs = (("ETag", '"before"'),)
    fresh: Pairs = (FRESH,)
    ignores_range: bool = False
    origin: RawOrigin = field(default_factory=lambda: RawOrigin(_silent))

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        told = dict(self.fields)
        wanted = None if self.ignores_range else asked.get("range")
        if wanted is not None and asked.get("if-range") not in {None, *told.values()}:
            wanted = None
        if asked.method == "HEAD" or wanted is None:
            body = b"" if asked.method == "HEAD" else self.body
            length = ("Content-Length", str(len(self.body)))
            writer.write(response(body, *self.fresh, *self.fields, length))
            return
        size = len(self.body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        stop = min(int(last) + 1, size) if first and last else size
        if start >= size:
            none = ("Content-Range", f"bytes */{size}")
            writer.write(response(b"", none, status="416 Range Not Satisfiable"))
            return
        part = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        content = self.body[start:stop]
        told_all = (*self.fresh, *self.fields, part)
        writer.write(response(content, *told_all, status="206 Partial Content"))

    def changes(self) -> None:
        """Has another representation from now on."""
        self.body = AFTER
        self.fields = (("ETag", '"after"'),)

    def ranges(self) -> list[str | None]:
        """The Range of each request."""
        return [asked.get("range") for asked in self.origin.asked]


async def _silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


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


def span(first: int, last: int | None = None) -> tuple[str, str]:
    return ("Range", f"bytes={first}-{'' if last is None else last}")


async def store(viewer: Viewer, *ranges: tuple[str, str]) -> Got:
    """Has a part stored; whoever asked has the bytes a moment before the cache has them."""
    got = await viewer.get("/", *ranges)
    for _ in range(1000):
        if (await viewer.get("/", *ranges, ("Cache-Control", "only-if-cached"))).status != 504:
            break
        await asyncio.sleep(0.01)
    return got


# What is asked for.


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


# §3.3: what is stored of it.


@pytest.mark.parametrize(("first", "last"), [(0, 99), (50, 60), (MIB - 1, MIB - 1), (0, MIB - 1)])
async def test_rfc9111_3_3_a_stored_part_answers_for_the_ranges_within_it(
    viewer: Viewer, had: Ranged, first: int, last: int
) -> None:
    await store(viewer, span(0, 99))
    got = await viewer.get("/", span(first, last))

    assert (got.status, got.cache[:4], len(had.ranges())) == (206, "hit;", 1)
    assert got.body == BEFORE[first : last + 1]


async def test_rfc9111_3_3_a_stored_part_tells_head_of_the_whole(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    got = await viewer.get(method="HEAD")

    assert (got.status, got.get("content-length")) == (200, str(SIZE))


async def test_rfc9111_3_3_a_stored_part_without_a_validator_of_bytes_never_answers_for_more(
    viewer: Viewer, had: Ranged
) -> None:
    had.fields = ()
    await store(viewer, span(0, 99))
    had.body = AFTER
    got = await viewer.get()

    assert (got.status, got.body) == (200, AFTER)


async def test_rfc9111_3_3_a_whole_that_is_stored_answers_for_all_ranges(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer)
    got = await viewer.get("/", span(3 * MIB, 4 * MIB))

    assert (got.status, got.cache[:4], had.ranges()) == (206, "hit;", [None])
    assert got.body == BEFORE[3 * MIB : 4 * MIB + 1]


async def test_rfc9111_3_3_an_origin_that_ignores_range_has_its_whole_stored(
    viewer: Viewer, had: Ranged
) -> None:
    had.ignores_range = True
    first = await store(viewer, span(MIB, MIB + 9))
    second = await viewer.get()

    assert (first.status, first.body) == (206, BEFORE[MIB : MIB + 10])
    assert (second.cache[:4], second.body == BEFORE) == ("hit;", True)


@pytest.mark.parametrize(
    "content_range",
    [
        None,
        "bytes 5-9",
        "bytes 0-9/5",
        "bytes 9-0/10",
        "bytes 100-109/200",
        "seconds 0-9/10",
        "nonsense",
        "bytes 0-9/10, bytes 0-9/10",
    ],
)
async def test_rfc9110_14_4_a_206_that_tells_no_valid_range_is_never_taken_for_one(
    viewer: Viewer, had: Ranged, content_range: str | None
) -> None:
    told = () if content_range is None else (("Content-Range", content_range),)
    wrong = response(b"x" * 10, FRESH, ("ETag", '"a"'), *told, status="206 Partial Content")
    had.origin.answers(wrong, had.answer)
    got = await viewer.get("/", span(0, 9))

    assert got.status == 502 or got.body == BEFORE[:10]


# §3.4: what is combined.


async def test_rfc9111_3_4_after_a_part_the_whole_asks_for_the_rest_alone(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    got = await viewer.get()

    assert (got.status, got.body == BEFORE) == (200, True)
    assert had.ranges() == [f"bytes=0-{MIB - 1}", f"bytes={MIB}-"]


async def test_rfc9111_3_4_after_a_part_in_the_middle_the_whole_asks_for_what_is_around_it(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(2 * MIB, 2 * MIB))
    got = await viewer.get()

    assert got.body == BEFORE
    assert had.ranges()[1:] == [f"bytes=0-{2 * MIB - 1}", f"bytes={3 * MIB}-"]


async def test_rfc9111_3_4_what_was_combined_is_a_hit(viewer: Viewer, had: Ranged) -> None:
    await store(viewer, span(2 * MIB, 2 * MIB))
    await store(viewer)
    got = await viewer.get()

    assert (got.cache[:4], got.body == BEFORE, len(had.ranges())) == ("hit;", True, 3)


async def test_rfc9111_3_4_parts_that_overlap_are_combined(viewer: Viewer, had: Ranged) -> None:
    await store(viewer, span(0, 99))
    await store(viewer, span(50, 2 * MIB))
    got = await viewer.get("/", span(10, 2 * MIB + 10))

    assert (got.cache[:4], got.body == BEFORE[10 : 2 * MIB + 11]) == ("hit;", True)


@pytest.mark.parametrize(
    ("fields", "if_range"),
    [
        ((("ETag", '"a"'),), '"a"'),
        ((("ETag", '"a"'), ("Last-Modified", LONG_AGO)), '"a"'),
        ((("Last-Modified", LONG_AGO),), LONG_AGO),
    ],
)
async def test_rfc9110_13_1_5_the_rest_is_asked_for_with_the_validator_of_what_is_stored(
    viewer: Viewer, had: Ranged, fields: Pairs, if_range: str
) -> None:
    had.fields = fields
    await store(viewer, span(0, 99))
    got = await viewer.get()

    assert (got.body == BEFORE, had.origin.asked[1].get("if-range")) == (True, if_range)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("ETag", 'W/"a"'),),
        (("ETag", 'W/"a"'), ("Last-Modified", LONG_AGO)),
        (("Last-Modified", http_date(99)),),
    ],
    ids=["none", "weak", "weak and a date", "a date that is not past"],
)
async def test_rfc9111_3_4_without_a_strong_validator_the_whole_is_asked_for(
    viewer: Viewer, had: Ranged, fields: Pairs
) -> None:
    had.fields = fields
    await store(viewer, span(0, 99))
    got = await viewer.get()

    assert (got.body == BEFORE, had.ranges()[1]) == (True, None)


async def test_rfc9111_3_4_the_rest_of_another_representation_is_not_combined(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    had.changes()
    got = await viewer.get()

    assert (got.whole, got.body) in [(True, AFTER), (False, BEFORE[:MIB])]


async def test_rfc9111_3_4_after_a_change_was_seen_the_new_representation_is_the_answer(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    had.changes()
    await store(viewer)
    got = await viewer.get()

    assert (got.status, got.whole, got.body == AFTER) == (200, True, True)


async def test_rfc9111_3_4_a_range_whose_bytes_are_missing_gets_those_of_the_new_representation(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    had.changes()
    got = await viewer.get("/", span(3 * MIB, 3 * MIB + 9))

    assert (got.status, got.body) == (206, AFTER[3 * MIB : 3 * MIB + 10])


async def test_rfc9111_3_4_an_origin_that_ignores_if_range_mixes_nothing(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    mixed = b"y" * 10
    told = ("Content-Range", f"bytes {MIB}-{MIB + 9}/{SIZE}")
    part = response(mixed, FRESH, ("ETag", '"after"'), told, status="206 Partial Content")
    had.origin.answers(part)
    got = await viewer.get("/", span(MIB - 5, MIB + 9))

    assert mixed not in got.body
    assert got.whole is False or got.status == 502


async def test_rfc9111_3_4_parts_of_different_sizes_are_not_combined(
    viewer: Viewer, had: Ranged
) -> None:
    await store(viewer, span(0, 99))
    had.body = BEFORE + b"more"
    got = await viewer.get()

    assert got.whole is False or got.status == 502


async def test_rfc9111_3_4_a_stale_part_is_validated_before_it_is_combined(
    viewer: Viewer, had: Ranged
) -> None:
    had.fresh = (("Cache-Control", "max-age=10"), ("Age", "60"))
    await viewer.get("/", span(0, 99))
    had.changes()
    got = await viewer.get("/", span(0, 99))

    assert (got.status, got.body) == (206, AFTER[:100])


async def test_rfc9111_3_4_viewers_of_different_parts_at_once_get_their_own(
    viewer: Viewer, had: Ranged
) -> None:
    starts = [number * MIB // 2 for number in range(10)]
    got = await asyncio.gather(*(viewer.get("/", span(at, at + 99)) for at in starts))

    assert [one.body for one in got] == [BEFORE[at : at + 100] for at in starts]


async def test_rfc9111_3_3_a_part_takes_the_place_of_no_whole(viewer: Viewer, had: Ranged) -> None:
    await store(viewer)
    await viewer.get("/", span(0, 99), ("Cache-Control", "no-cache"))
    got = await viewer.get()

    assert (got.status, got.whole, got.body == BEFORE) == (200, True, True)
