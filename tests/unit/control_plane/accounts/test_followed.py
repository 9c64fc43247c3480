"""What users follow is remembered for seconds, within bounds."""

import asyncio

import pytest

from control_plane.accounts import followed
from control_plane.accounts.followed import REMEMBERED_FOR, Followed
from tests.unit.control_plane.clock import Clock


class Follows:
    """Answers like a database, and counts."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[str, ...]] = {}
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, user_id: str) -> tuple[str, ...]:
        self.asked.append(user_id)
        found = self.of.get(user_id, ())
        await self.open.wait()
        return found


async def test_the_database_is_asked_again_after_seconds() -> None:
    follows, clock = Follows(), Clock()
    known = Followed(follows.ask, clock)
    follows.of["ann"] = ("a",)

    assert [await known.by("ann") for _ in range(3)] == [("a",)] * 3
    follows.of["ann"] = ("a", "b")
    clock.time += REMEMBERED_FOR
    assert await known.by("ann") == ("a", "b")
    assert follows.asked == ["ann"] * 2


async def test_nobodys_follows_are_remembered_too() -> None:
    follows = Follows()
    known = Followed(follows.ask, Clock())

    assert [await known.by("ann") for _ in range(3)] == [()] * 3
    assert follows.asked == ["ann"]


async def test_an_answer_of_before_a_change_is_not_remembered() -> None:
    follows = Follows()
    known = Followed(follows.ask, Clock())
    follows.open.clear()
    asking = asyncio.ensure_future(known.by("ann"))
    await asyncio.sleep(0)
    assert follows.asked == ["ann"]

    follows.of["ann"] = ("a",)
    known.forget("ann")
    follows.open.set()

    assert await asking == ()
    assert await known.by("ann") == ("a",)


async def test_no_more_is_remembered_than_so_many_channels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(followed, "MOST_REMEMBERED", 5)
    follows = Follows()
    known = Followed(follows.ask, Clock())
    follows.of = {
        "ann": ("a", "b"),
        "bob": ("a", "b"),
        "eve": (),
        "joe": ("a", "b", "c", "d", "e", "f"),
    }

    for user in ("ann", "bob", "eve"):
        await known.by(user)
    await known.by("ann")
    known.forget("eve")
    await known.by("eve")
    follows.of["eve"] = ("a", "b")
    known.forget("eve")
    await known.by("eve")
    assert follows.asked == ["ann", "bob", "eve", "eve", "eve"]

    await known.by("ann")
    await known.by("bob")
    assert follows.asked[5:] == ["bob"]
    await known.by("joe")
    assert known._size == 0
    assert not known._known
