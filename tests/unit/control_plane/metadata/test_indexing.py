"""What is found follows what there is, on a real catalog and real metadata."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from common.errors import Unavailable
from control_plane.catalog import Pin, Removal
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.library import Library
from control_plane.metadata import Metadata, Told
from control_plane.metadata.cache import MemoryCache
from control_plane.metadata.indexing import Indexer
from control_plane.metadata.plays import PlayCounts
from control_plane.metadata.sqlite import SqliteMetadata
from control_plane.metadata.words import query_of
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    catalog = await SqliteCatalog.open(tmp_path / "control.sqlite")
    yield Library(catalog, Clock())
    await catalog.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteMetadata]:
    opened = await SqliteMetadata.open(tmp_path / "control.sqlite")
    yield opened
    await opened.close()


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until_done(indexer: Indexer) -> None:
    async with asyncio.timeout(30):
        while not indexer.done:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


async def found(store: SqliteMetadata, text: str) -> list[str]:
    return sorted((await store.search(query_of(text), None, 100)).asset_ids)


async def test_what_is_published_pinned_and_removed_is_followed(
    library: Library, store: SqliteMetadata
) -> None:
    await library.publish(announcement(title="One"))
    indexer = Indexer(store, MemoryCache(Clock()), library)
    async with running(indexer.run):
        await until_done(indexer)
        assert await found(store, "one") == ["a"]

        await library.publish(announcement(version="2", title="Two"))
        await library.publish(announcement("b", title="Two"))
        await until_done(indexer)
        assert await found(store, "two") == ["a", "b"]

        await library.pin(Pin("a", "1", "2", "operator", 1.0))
        await library.remove(Removal("r", "b", ("1",), "operator", 1.0))
        await until_done(indexer)
        assert (await found(store, "one"), await found(store, "two")) == (["a"], [])
        assert await store.noted("", 10) == [("a", 3)]


async def test_what_was_missed_is_made_up_for_at_the_next_start(
    library: Library, store: SqliteMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.indexing.COMPARED_AT_ONCE", 2)
    monkeypatch.setattr("control_plane.metadata.indexing.AT_ONCE", 2)
    for name in "abcde":
        await library.publish(announcement(name, title="One"))
    await store.note([Told(name, 1, "One", None, 1.0) for name in ("a", "c", "d", "elsewhere")])
    await store.replace(Told("d", 1, "One", None, 1.0), Metadata(asset_id="d", revision=1))
    await library.publish(announcement("c", "2", title="Two"))
    await library.remove(Removal("r", "d", ("1",), "operator", 1.0))

    cache = MemoryCache(Clock())
    await cache.put([Metadata(asset_id="a"), Metadata(asset_id="d", revision=1)])
    indexer = Indexer(store, cache, library)
    async with running(indexer.run):
        await until_done(indexer)
    assert set(await cache.get(["a", "d"])) == {"a"}
    # Another control plane knows more assets than this one.
    assert await found(store, "one") == ["a", "b", "e", "elsewhere"]
    assert await found(store, "two") == ["c"]
    assert await store.get(["d"]) == {}


async def test_what_changes_while_it_is_written_is_written_again(
    library: Library, store: SqliteMetadata
) -> None:
    published = False

    class Slow(SqliteMetadata):
        async def note(self, told: Sequence[Told]) -> None:
            nonlocal published
            if not published:
                published = True
                await library.publish(announcement(version="2", title="Two"))
            await super().note(told)

    indexer = Indexer(
        Slow(store._file, store._durable, store._searched), MemoryCache(Clock()), library
    )
    await library.publish(announcement(title="One"))
    async with running(indexer.run):
        await until_done(indexer)
    assert await found(store, "two") == ["a"]


async def test_a_database_that_was_away_is_made_up_for(
    library: Library, store: SqliteMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.indexing.AGAIN_AFTER", 0.01)
    away = 2

    class Away(SqliteMetadata):
        async def note(self, told: Sequence[Told]) -> None:
            nonlocal away
            if away:
                away -= 1
                raise Unavailable(what="the database", reason="it is away")
            await super().note(told)

    indexer = Indexer(
        Away(store._file, store._durable, store._searched), MemoryCache(Clock()), library
    )
    await library.publish(announcement(title="One"))
    async with running(indexer.run):
        await until_done(indexer)
    assert await found(store, "one") == ["a"]


async def test_plays_that_could_not_be_written_are_kept(
    store: SqliteMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.plays.MOST_WAITING", 2)
    await store.note([Told(name, 1, name, None, 1.0) for name in "abc"])
    plays = PlayCounts(await SqliteMetadata.open(Path(store._file._path)))
    for name in "aabc":
        plays.played(name)
    await store._durable.write("ALTER TABLE metadata RENAME TO elsewhere")
    with pytest.raises(Unavailable):
        await plays.save()
    await store._durable.write("ALTER TABLE elsewhere RENAME TO metadata")
    plays.played("b")

    await plays.save()
    await plays.save()
    kept = await store.get(["a", "b", "c"])
    assert {name: each.plays for name, each in kept.items()} == {"a": 2, "b": 2, "c": 0}
    await plays._store.close()
