"""Reading while a store fails: the next one answers, and a dead one costs no read its timeout."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import NearcastError, Unavailable
from origin.replicas import reading, regions
from origin.replicas.health import FAILURES
from origin.replicas.reading import Reading
from origin.replicas.regions import Region, Regions
from origin.store import KeyInvalid, ObjectUnknown, ReadInterrupted, mark_removed
from tests.stores import OBJECTS, Interposed, away, opened, publish, read

KEY = "v/a/1/video/00001.m4s"
SEGMENT = OBJECTS["video/00001.m4s"]


class Scene:
    """The stores of two regions, the own one first, each with a way to break it."""

    def __init__(self, own: Interposed, other: Interposed) -> None:
        self.own = own
        self.other = other
        self.regions = Regions(Region("us", own), (Region("eu", other),))
        self.missed: list[str] = []
        self.helped: list[str] = []
        self.reading = Reading(self.regions, missed=self.missed.append, helped=self.helped.append)

    async def get(self) -> bytes:
        await self.reading.head(KEY)
        async with contextlib.aclosing(self.reading.read(KEY)) as pieces:
            return b"".join([piece async for piece in pieces])


@pytest.fixture(params=["folder-folder", "s3-folder", "folder-s3"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    def server() -> Any:
        return request.getfixturevalue("s3_server")

    one, other = request.param.split("-")
    async with (
        opened(one, tmp_path / "own", server) as own,
        opened(other, tmp_path / "other", server) as source,
    ):
        yield Scene(Interposed(own), Interposed(source))


async def hangs() -> None:
    await asyncio.Event().wait()


def hang(method: str, key: str) -> Any:
    """What a store that does not answer does."""
    return hangs()


async def test_the_own_store_is_asked_alone_while_it_is_well(scene: Scene) -> None:
    await publish(scene.own, "1")

    assert await scene.get() == SEGMENT
    assert scene.other.calls == []
    assert (scene.missed, scene.helped) == ([], [])


async def test_what_the_own_store_lacks_comes_from_the_other_and_is_told(scene: Scene) -> None:
    await publish(scene.other, "1")

    assert await scene.get() == SEGMENT
    assert (scene.missed, scene.helped) == ([KEY], ["eu"])


async def test_what_nobody_has_is_unknown(scene: Scene) -> None:
    with pytest.raises(ObjectUnknown):
        await scene.reading.head(KEY)
    with pytest.raises(ObjectUnknown):
        await read(scene.reading, KEY)  # type: ignore[arg-type]  # all that it uses


async def test_what_was_removed_is_unknown_wherever_it_is(scene: Scene) -> None:
    await publish(scene.other, "1")
    await mark_removed(scene.own, "a", "1")

    with pytest.raises(ObjectUnknown):
        await scene.reading.head(KEY)


async def test_what_is_no_key_is_refused(scene: Scene) -> None:
    with pytest.raises(KeyInvalid):
        await scene.reading.head("v/../x")


async def test_the_other_answers_while_the_own_store_fails(scene: Scene) -> None:
    for store in (scene.own, scene.other):
        await publish(store, "1")
    scene.own.before = away

    assert await scene.get() == SEGMENT
    assert scene.missed == [], "what fails may have it"
    assert scene.helped == ["eu"]


async def test_a_store_that_fails_again_and_again_is_left_alone_until_it_is_back(
    scene: Scene,
) -> None:
    for store in (scene.own, scene.other):
        await publish(store, "1")
    scene.own.before = away
    for _ in range(FAILURES):
        await scene.reading.head(KEY)
    asked = len(scene.own.calls)
    assert await scene.get() == SEGMENT
    assert len(scene.own.calls) == asked
    assert [*scene.regions.away()] == ["store us"]
    assert scene.regions.unready() == {}

    scene.own.before = lambda method, key: None
    await scene.regions.probe()
    assert await scene.get() == SEGMENT
    assert len(scene.own.calls) > asked + 1
    assert scene.regions.away() == {}


async def test_a_store_that_hangs_is_given_up_while_there_is_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ANSWER_WITHIN", 0.1)
    monkeypatch.setattr(reading, "READ_WITHIN", 0.1)
    for store in (scene.own, scene.other):
        await publish(store, "1")
    scene.own.before = hang

    assert await scene.get() == SEGMENT


async def test_an_object_that_one_store_has_begun_another_ends(scene: Scene) -> None:
    body = bytes(range(256)) * 8192
    for store in (scene.own, scene.other):
        await publish(store, "1", {"video/00001.m4s": body})
    pieces = iter(range(3))

    def break_off(method: str, key: str) -> None:
        if method == "piece" and next(pieces, None) is None:
            raise ReadInterrupted(key=key, reason="the test says so")

    scene.own.before = break_off
    assert await scene.get() == body
    assert [call for call in scene.other.calls if call[0] == "read"] == [("read", KEY)]


async def test_a_part_is_ended_by_another_store_too(scene: Scene) -> None:
    body = bytes(range(256)) * 8192
    for store in (scene.own, scene.other):
        await publish(store, "1", {"video/00001.m4s": body})
    pieces = iter(range(2))

    def break_off(method: str, key: str) -> None:
        if method == "piece" and next(pieces, None) is None:
            away(method, key)

    scene.own.before = break_off
    async with contextlib.aclosing(scene.reading.read(KEY, 1000, 1_500_000)) as found:
        assert b"".join([piece async for piece in found]) == body[1000:1_501_000]


async def test_what_a_store_that_is_away_may_have_is_not_unknown(scene: Scene) -> None:
    scene.other.before = away
    for _ in range(FAILURES + 1):
        with pytest.raises(Unavailable):
            await scene.reading.head(KEY)
        with pytest.raises(Unavailable):
            await read(scene.reading, KEY)  # type: ignore[arg-type]  # all that it uses


async def test_all_are_tried_while_all_seem_to_be_away(scene: Scene) -> None:
    await publish(scene.own, "1")
    for store in (scene.own, scene.other):
        store.before = away
    for _ in range(FAILURES):
        with pytest.raises(NearcastError):
            await scene.reading.head(KEY)
    assert sorted(scene.regions.unready()) == ["store eu", "store us"]

    scene.own.before = lambda method, key: None
    assert await scene.get() == SEGMENT


async def test_a_lone_store_gets_the_time_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "ANSWER_WITHIN", 0.0)
    monkeypatch.setattr(reading, "ANSWER_WITHIN", 0.0)
    async with opened("folder", tmp_path, None) as store:
        await publish(store, "1")
        lone = Reading(Regions(Region("own", store)))
        assert (await lone.head(KEY)).size == len(SEGMENT)
