"""Reading through the cache, and without the database."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from common.errors import Unavailable
from control_plane.metadata import Metadata, Told
from control_plane.metadata.cache import KEPT_FOR, MemoryCache
from control_plane.metadata.reading import MetadataReader
from control_plane.metadata.sqlite import SqliteMetadata
from tests.unit.control_plane.clock import Clock

FIRST = Metadata(asset_id="a", revision=1, title="first")
SECOND = Metadata(asset_id="a", revision=2, title="second")
TOLD = Told("a", 1, "told", None, 1.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteMetadata]:
    opened = await SqliteMetadata.open(tmp_path / "control.sqlite")
    yield opened
    await opened.close()


async def test_what_was_read_is_read_again_after_a_while(store: SqliteMetadata) -> None:
    clock = Clock()
    reader = MetadataReader(store, MemoryCache(clock))
    await store.replace(TOLD, FIRST)
    assert await reader.get(["a", "b"]) == {"a": FIRST, "b": Metadata(asset_id="b")}

    # As another control plane does.
    await store.replace(TOLD, SECOND)
    assert (await reader.get(["a"]))["a"] == FIRST
    clock.time += KEPT_FOR
    assert (await reader.get(["a"]))["a"] == SECOND


async def test_who_only_shows_it_goes_without_a_database_that_is_away(
    store: SqliteMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.reading.SHOWN_WITHIN", 0.01)

    class Silent(SqliteMetadata):
        async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
            await asyncio.sleep(3600)
            return {}

    silent = Silent(store._file, store._durable, store._searched)
    assert await MetadataReader(silent, MemoryCache(Clock())).shown(["a"]) == {}
    reader = MetadataReader(store, MemoryCache(Clock()))
    await store.close()
    assert await reader.shown(["a"]) == {}
    with pytest.raises(Unavailable):
        await reader.get(["a"])
