"""Sources as local files, out of a real store in a folder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ingest.jobs.model import Job
from ingest.jobs.sources import Sources
from origin.store import ObjectStore, ObjectUnknown, StoreSettings, open_store
from tests.unit.ingest.jobs.records import a_job


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with open_store(StoreSettings(folder=tmp_path / "objects")) as opened:
        for name in ("job1", "job2", "job3"):
            key = a_job(name).source.keys[0]
            await opened.put(key, once(name.encode()), content_type="video/mp4")
        yield opened


@pytest.fixture
def fetched(store: ObjectStore, tmp_path: Path) -> Sources:
    (tmp_path / "scratch").mkdir()
    return Sources(store, tmp_path / "scratch", in_place=None)


def kept(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "scratch").iterdir()}


async def read(sources: Sources, job: Job) -> bytes:
    async with sources.local(job) as path:
        return await asyncio.to_thread(path.read_bytes)


async def test_a_store_in_a_folder_is_read_in_place(store: ObjectStore, tmp_path: Path) -> None:
    sources = Sources(store, tmp_path, in_place=tmp_path / "objects")
    async with sources.local(a_job()) as path:
        assert path == tmp_path / "objects" / "uploads" / "job1" / "source"
        assert await asyncio.to_thread(path.read_bytes) == b"job1"


async def test_a_source_is_fetched_once_for_tasks_side_by_side(
    fetched: Sources, store: ObjectStore
) -> None:
    async with fetched.local(a_job()):
        # It could not be fetched again.
        await store.delete(a_job().source.keys[0])
        assert await asyncio.gather(*(read(fetched, a_job()) for _ in range(5))) == [b"job1"] * 5


async def test_the_last_source_stays_for_the_next_chunk_and_older_ones_go(
    fetched: Sources, tmp_path: Path
) -> None:
    for name in ("job1", "job2", "job3"):
        assert await read(fetched, a_job(name)) == name.encode()
    assert await asyncio.to_thread(kept, tmp_path) == {"source-job3"}


async def test_a_source_in_use_stays(fetched: Sources, tmp_path: Path) -> None:
    async with fetched.local(a_job("job1")) as path:
        await read(fetched, a_job("job2"))
        await read(fetched, a_job("job3"))
        assert await asyncio.to_thread(path.read_bytes) == b"job1"


async def test_a_source_that_is_gone_is_told(fetched: Sources) -> None:
    gone = msgspec.structs.replace(a_job("job4"))
    with pytest.raises(ObjectUnknown):
        await read(fetched, gone)


async def test_a_file_that_came_in_parts_is_joined_even_from_a_folder(
    store: ObjectStore, tmp_path: Path
) -> None:
    parts = tuple(a_job(name).source.keys[0] for name in ("job3", "job1"))
    source = msgspec.structs.replace(a_job().source, keys=parts)
    scratch = tmp_path / "scratch"
    await asyncio.to_thread(scratch.mkdir)
    sources = Sources(store, scratch, in_place=tmp_path / "objects")
    assert await read(sources, msgspec.structs.replace(a_job(), source=source)) == b"job3job1"
