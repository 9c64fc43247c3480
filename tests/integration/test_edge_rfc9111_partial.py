"""RFC 9111 §3.3, §3.4: parts of a representation, stored, reused, and combined."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.proxy_service import Pairs, Viewer, http_date, proxy, raw_origin, response
from tests.integration.ranged_origin import AFTER, BEFORE, FRESH, MIB, SIZE, Ranged, span, store

LONG_AGO = http_date(-86400)


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


# §3.3: what is stored of a part.


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
        "bytes 0-9/*",
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


async def test_rfc9111_3_4_the_fields_of_the_newest_part_hold_for_all(
    viewer: Viewer, had: Ranged
) -> None:
    had.fields = (("ETag", '"a"'), ("X-Of", "first"), ("X-Only", "first"))
    await store(viewer, span(0, 99))
    had.fields = (("ETag", '"a"'), ("X-Of", "second"))
    await store(viewer, span(2 * MIB, 3 * MIB))
    got = await viewer.get("/", span(0, 99))

    assert (got.cache[:4], got.get("x-of"), got.get("x-only")) == ("hit;", "second", "first")


async def test_rfc9111_3_4_a_new_part_makes_all_of_them_as_fresh_as_it_is(
    viewer: Viewer, had: Ranged
) -> None:
    had.fresh = (("Cache-Control", "max-age=3600"), ("Age", "3000"))
    await store(viewer, span(0, 99))
    had.fresh = (FRESH,)
    await store(viewer, span(2 * MIB, 3 * MIB))

    assert int((await viewer.get("/", span(0, 99))).get("age") or 9999) < 60


async def test_rfc9111_4_3_4_a_stale_part_that_was_validated_is_combined(
    viewer: Viewer, had: Ranged
) -> None:
    had.fresh = (("Cache-Control", "max-age=10"), ("Age", "60"))
    await store(viewer, span(0, 99))
    valid = response(b"", FRESH, ("ETag", '"before"'), status="304 Not Modified")
    had.fresh = (FRESH,)
    had.origin.answers(valid, had.answer)
    await viewer.get("/", span(0, 99))
    got = await viewer.get()

    assert (got.body == BEFORE, had.ranges()[2]) == (True, f"bytes={MIB}-")


async def test_rfc9111_4_1_parts_of_different_variants_are_not_combined(
    viewer: Viewer, had: Ranged
) -> None:
    had.fields = (("ETag", '"before"'), ("Vary", "Foo"))
    await store(viewer, span(0, 99), ("Foo", "1"))
    had.changes()
    had.fields = (*had.fields, ("Vary", "Foo"))
    got = await viewer.get("/", ("Foo", "2"))

    assert (got.status, got.body == AFTER) == (200, True)


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
        (("Last-Modified", http_date(86400)),),
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
    await store(viewer, span(0, 99))
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
