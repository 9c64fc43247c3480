"""The cache on a real disk: the same after every kind of end."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.store import Cache, Entry
from edge.store.cache import new_file_name

BUDGET = 100_000


async def opened(folder: Path, *, disk: int = BUDGET, memory: int = 0) -> Cache:
    return await Cache.open(folder, disk_budget=disk, memory_budget=memory)


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    fresh = await opened(tmp_path)
    yield fresh
    await fresh.close()


def entry(body: bytes) -> Entry:
    return Entry(
        file=new_file_name(),
        size=len(body),
        sha256=hashlib.sha256(body).digest(),
        content_type="video/mp4",
        etag='"x"',
        last_modified=None,
        cache_control="max-age=60",
        stored_at=0.0,
        age=0,
        fresh_until=60.0,
        servable_stale=True,
    )


async def store(cache: Cache, key: str, body: bytes) -> Entry | None:
    draft = await cache.draft()
    await asyncio.to_thread(draft.write, body)
    made = entry(body)
    kept = await cache.commit(key, draft, made)
    draft.close()
    return made if kept else None


async def read(cache: Cache, key: str) -> bytes | None:
    found = await cache.lookup(key)
    if found is None:
        return None
    return b"".join([piece async for piece in cache.read(found, 0, found.size)])


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


async def test_what_is_stored_is_read(cache: Cache) -> None:
    await store(cache, "v/a", b"body")

    assert await read(cache, "v/a") == b"body"
    assert await read(cache, "v/b") is None
    assert (cache.used, len(cache)) == (4, 1)


async def test_a_replaced_object_is_new_to_readers_and_old_to_those_who_read(
    cache: Cache, tmp_path: Path
) -> None:
    await store(cache, "v/a", b"old" * 200_000)
    found = await cache.lookup("v/a")
    assert found is None
    await store(cache, "v/a", b"old" * 10_000)
    found = await cache.lookup("v/a")
    assert found is not None
    reading = cache.read(found, 0, found.size)
    first = await anext(reading)

    await store(cache, "v/a", b"new")

    assert first + b"".join([piece async for piece in reading]) == b"old" * 10_000
    assert await read(cache, "v/a") == b"new"
    assert len(files(tmp_path)) == 1


async def test_it_is_the_same_after_a_restart(cache: Cache, tmp_path: Path) -> None:
    await store(cache, "v/a", b"body")
    await cache.close()
    again = await opened(tmp_path)

    assert await read(again, "v/a") == b"body"
    assert again.used == 4
    await again.close()


async def test_a_file_that_no_entry_names_is_taken_away(cache: Cache, tmp_path: Path) -> None:
    await cache.close()
    orphan = tmp_path / "objects" / "ab" / "orphan"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"half")
    (tmp_path / "incoming" / "half").write_bytes(b"half")
    again = await opened(tmp_path)

    assert files(tmp_path) == []
    assert list((tmp_path / "incoming").iterdir()) == []
    await again.close()


@pytest.mark.parametrize("damage", ["gone", "cut", "longer"])
async def test_an_entry_without_its_file_is_dropped(
    cache: Cache, tmp_path: Path, damage: str
) -> None:
    await store(cache, "v/a", b"body")
    await cache.close()
    (file,) = files(tmp_path)
    match damage:
        case "gone":
            file.unlink()
        case "cut":
            file.write_bytes(b"bo")
        case _:
            file.write_bytes(b"body and more")
    again = await opened(tmp_path)

    assert await read(again, "v/a") is None
    assert (again.used, files(tmp_path)) == (0, [])
    await again.close()


async def test_bytes_that_changed_while_it_was_down_are_never_read(
    cache: Cache, tmp_path: Path
) -> None:
    await store(cache, "v/a", b"body")
    await cache.close()
    files(tmp_path)[0].write_bytes(b"evil")
    again = await opened(tmp_path)

    assert await asyncio.gather(*(read(again, "v/a") for _ in range(5))) == [None] * 5
    assert again.corrupted == 1
    assert files(tmp_path) == []
    await again.close()


async def test_a_damaged_index_is_made_anew(cache: Cache, tmp_path: Path) -> None:
    await store(cache, "v/a", b"body")
    await cache.close()
    (tmp_path / "index" / "data.mdb").write_bytes(b"garbage" * 2000)
    again = await opened(tmp_path)

    assert await read(again, "v/a") is None
    await store(again, "v/b", b"body")
    assert await read(again, "v/b") == b"body"
    await again.close()


async def test_the_budget_holds_and_the_least_used_leaves(cache: Cache, tmp_path: Path) -> None:
    for name in "abc":
        await store(cache, name, name.encode() * 40_000)
        await read(cache, "a")

    assert await read(cache, "a") is not None
    assert await read(cache, "b") is None
    assert cache.used == 80_000
    assert sum(path.stat().st_size for path in files(tmp_path)) == 80_000


async def test_what_is_pinned_keeps_others_out(cache: Cache) -> None:
    await store(cache, "a", b"a" * 60_000)
    cache.pin(["a"])

    assert await store(cache, "b", b"b" * 60_000) is None
    assert await read(cache, "a") is not None


async def test_an_object_larger_than_the_cache_is_not_kept(cache: Cache) -> None:
    assert await store(cache, "a", b"a" * 200_000) is None


async def test_a_smaller_budget_after_a_restart_is_kept(cache: Cache, tmp_path: Path) -> None:
    for name in "abcd":
        await store(cache, name, b"x" * 20_000)
    await cache.close()
    again = await opened(tmp_path, disk=30_000)

    assert again.used == 20_000
    await again.close()


async def test_a_folder_that_vanishes_means_misses(cache: Cache, tmp_path: Path) -> None:
    await store(cache, "a", b"body")
    await cache.close()
    shutil.rmtree(tmp_path / "objects")
    again = await opened(tmp_path)

    assert await read(again, "a") is None
    await again.close()


async def test_hot_objects_are_read_from_memory(tmp_path: Path) -> None:
    cache = await opened(tmp_path, memory=1000)
    await store(cache, "a", b"a" * 100)
    await read(cache, "a")
    files(tmp_path)[0].unlink()

    assert await read(cache, "a") == b"a" * 100
    await cache.close()


async def test_memory_is_bounded(tmp_path: Path) -> None:
    cache = await opened(tmp_path, memory=1000)
    for number in range(30):
        await store(cache, f"{number}", b"a" * 100)
        await read(cache, f"{number}")
    await store(cache, "large", b"a" * 500)
    await read(cache, "large")

    assert 0 < cache.memory.used <= 1000
    await cache.close()
