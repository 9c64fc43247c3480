"""Reading again what others know more of: once for all, and waited for only a moment."""

import asyncio

import pytest

from control_plane import waiting
from control_plane.waiting import CatchUp


class Book:
    """Is read as far as it was written when reading began; its gate holds up the end of that."""

    def __init__(self) -> None:
        self.written = self.known = self.reads = 0
        self.answers = True
        self.late = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.catch_up = CatchUp(self.read, self.was_late)

    async def read(self) -> bool:
        self.reads += 1
        found = self.written
        await self.gate.wait()
        if self.answers:
            self.known = found
        return self.answers

    def was_late(self) -> None:
        self.late += 1

    async def sure(self, number: int) -> bool:
        return await self.catch_up.sure(lambda: number <= self.known)


async def test_what_is_known_is_not_read_again() -> None:
    book = Book()

    assert await book.sure(0)

    assert book.reads == 0


async def test_it_is_read_once_for_all_who_know_more() -> None:
    book = Book()
    book.written = 1

    assert await asyncio.gather(*(book.sure(1) for _ in range(50))) == [True] * 50

    assert (book.reads, book.known) == (1, 1)


async def test_a_reading_that_began_too_early_proves_nothing() -> None:
    book = Book()
    book.gate.clear()
    early = asyncio.create_task(book.sure(5))
    await asyncio.sleep(0)
    book.written = 1
    asked = asyncio.create_task(book.sure(1))
    await asyncio.sleep(0)
    book.gate.set()

    assert await asked
    assert book.known == 1
    assert await early


async def test_what_cannot_be_read_is_not_sure() -> None:
    book = Book()
    book.answers = False

    assert not await book.sure(1)

    assert (book.reads, book.late) == (1, 0)


async def test_nobody_waits_for_long_and_all_are_told_when_there_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "CATCH_UP_WITHIN", 0.01)
    book = Book()
    book.written = 1
    book.gate.clear()

    assert not await book.sure(1)
    monkeypatch.setattr(waiting, "CATCH_UP_WITHIN", 3600.0)
    # Whoever asks next does not even begin to wait.
    async with asyncio.timeout(30):
        assert not await book.sure(1)

    book.gate.set()
    async with asyncio.timeout(30):
        while book.late == 0:  # noqa: ASYNC110 - it is the reading's doing
            await asyncio.sleep(0)
    assert (book.reads, book.late, book.known) == (1, 1, 1)
    assert await book.sure(1)


async def test_closing_ends_what_is_being_read() -> None:
    book = Book()
    book.gate.clear()
    asked = asyncio.create_task(book.sure(1))
    await asyncio.sleep(0)

    await book.catch_up.close()

    assert not await asked
