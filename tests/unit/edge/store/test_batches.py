"""Works that are done together, and how each learns what became of it."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from edge.store.batches import Batches


def doubled(works: Iterable[int]) -> list[int]:
    return [2 * work for work in works]


def refusing(_: Iterable[int]) -> list[int]:
    raise OSError("no space")


async def outcomes(
    do_all: Callable[[Iterable[int]], list[int]], *befores: Callable[[], None] | None
) -> list[tuple[int | None, str]]:
    """What the works 0, 1, … are told that are done in one batch."""
    batches: Batches[int] = Batches(do_all)
    told: list[tuple[int | None, str]] = []
    for work, before in enumerate(befores):
        batches.add(work, before, lambda result, error: told.append((result, str(error or ""))))
    await batches.finished()
    return told


def failing() -> None:
    raise OSError("no file")


async def test_each_is_told_its_result_in_order() -> None:
    assert await outcomes(doubled, None, None, None) == [(0, ""), (2, ""), (4, "")]


async def test_one_that_fails_before_it_is_done_harms_no_other() -> None:
    assert await outcomes(doubled, None, failing, None) == [(0, ""), (None, "no file"), (4, "")]


async def test_all_are_told_when_the_doing_fails() -> None:
    assert await outcomes(refusing, None, None) == [(None, "no space")] * 2


async def test_whoever_fails_to_take_note_keeps_nobody_else_waiting() -> None:
    batches: Batches[int] = Batches(doubled)

    def broken(_: object, __: Exception | None) -> None:
        raise ValueError("a mistake")

    batches.add(1, None, broken)
    async with asyncio.timeout(30):
        assert await batches.do(2) == 4
        assert await batches.do(3) == 6


async def test_what_fails_is_raised_where_it_is_waited_for() -> None:
    batches: Batches[int] = Batches(refusing)

    with pytest.raises(OSError, match="no space"):
        await batches.do(1)
