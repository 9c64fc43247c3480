"""Small objects, which are kept in the index: as whole and as bounded as those in files."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import pytest

from common.settings import ByteSize
from edge.policy.stored import Stored
from edge.store import Cache, ObjectDamaged
from edge.store.cache import INDEX_SHARE
from edge.store.files import CHECKSUM
from edge.store.small import SMALL
from tests.integration.edge_service import admin_port, edge
from tests.integration.proxy_service import Viewer, proxy_settings, raw_origin, response
from tests.integration.test_edge_store import files, opened, put, read, told

MIB = 1024 * 1024
SIZES = [1, 2038, 4096, SMALL - 1, SMALL]


@contextmanager
def kept(folder: Path, *, write: bool = False) -> Iterator[tuple[lmdb.Transaction, Any]]:
    """What the index in ``folder``, which nobody has open, keeps of small objects."""
    environment = lmdb.open(str(folder / "index"), map_size=1 << 30, max_dbs=8)
    try:
        database = environment.open_db(b"small", create=False)
        with environment.begin(database, write=write) as transaction:
            yield transaction, database
    finally:
        environment.close()


def rows(folder: Path) -> dict[bytes, bytes]:
    with kept(folder) as (transaction, _):
        return {bytes(key): bytes(value) for key, value in transaction.cursor()}


@pytest.mark.parametrize("memory", [0, 64 * MIB])
@pytest.mark.parametrize("size", SIZES)
async def test_a_small_object_has_no_file_and_is_there_after_a_restart(
    tmp_path: Path, size: int, memory: int
) -> None:
    data = os.urandom(size)
    async with opened(tmp_path, memory=memory) as cache:
        await put(cache, "k", data)
        assert await read(cache, "k") == data
    async with opened(tmp_path, memory=memory) as cache:
        assert await read(cache, "k") == data
    assert files(tmp_path) == []
    assert [len(value) for value in rows(tmp_path).values()] == [size + CHECKSUM]


async def test_a_larger_object_has_a_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "k", os.urandom(SMALL + 1))
    assert len(files(tmp_path)) == 1
    assert rows(tmp_path) == {}


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, SMALL), (17, 4711), (SMALL - 1, SMALL)])
async def test_any_range_of_a_small_object_is_read(tmp_path: Path, start: int, stop: int) -> None:
    data = os.urandom(SMALL)
    async with opened(tmp_path) as cache:
        await put(cache, "k", data)

        assert await read(cache, "k", start, stop) == data[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(0, 100), (50, 150), (100, 200)])
async def test_part_of_a_small_object_is_in_a_file_until_the_rest_comes(
    tmp_path: Path, start: int, stop: int
) -> None:
    data = os.urandom(200)
    async with opened(tmp_path) as cache:
        await put(cache, "k", data[start:stop], start=start, size=200)
    assert len(files(tmp_path)) == 1
    async with opened(tmp_path) as cache:
        assert await read(cache, "k", start, stop) == data[start:stop]
        (stored,) = cache.lookup("k")
        body = await cache.body_of(stored)
        for left, right in ((0, start), (stop, 200)):
            if left < right:
                await asyncio.to_thread(body.write, left, data[left:right])
                await cache.commit("k", cache.lookup("k")[0], body, (left, right))
        body.close()
        assert await read(cache, "k") == data
    assert rows(tmp_path) == {}


async def test_the_index_takes_small_objects_up_to_its_share_and_files_take_the_rest(
    tmp_path: Path,
) -> None:
    disk = 16 * MIB
    data = {f"k{number}": os.urandom(4000) for number in range(600)}
    async with opened(tmp_path, disk=disk) as cache:
        for key, content in data.items():
            assert await put(cache, key, content) is not None
        for key, content in data.items():
            assert await read(cache, key) == content
    with kept(tmp_path) as (transaction, database):
        found = transaction.stat(database)
        pages = found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
    # The object that ends the room, and the pages above it, may go beyond.
    assert disk // INDEX_SHARE // 2 < pages * 4096 <= disk // INDEX_SHARE + 4 * 4096
    assert len(rows(tmp_path)) + len(files(tmp_path)) == 600
    assert len(files(tmp_path)) > 200


async def test_room_in_the_index_is_taken_again_once_objects_have_left(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=16 * MIB) as cache:
        for number in range(300):
            await put(cache, f"k{number}", os.urandom(4000))
        assert len(files(tmp_path)) > 0
        for number in range(300):
            await cache.forget(f"k{number}")
        assert files(tmp_path) == []
        size = (tmp_path / "index" / "data.mdb").stat().st_size

        for number in range(100):
            await put(cache, f"n{number}", os.urandom(4000))

        assert files(tmp_path) == []
        assert (tmp_path / "index" / "data.mdb").stat().st_size == size
    assert len(rows(tmp_path)) == 100


async def test_an_object_that_leaves_takes_its_bytes_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await put(cache, "replaced", b"old")
        await put(cache, "replaced", b"new")
        await put(cache, "forgotten", b"forgotten")
        await cache.forget("forgotten")
    assert [value[:-CHECKSUM] for value in rows(tmp_path).values()] == [b"new"]


async def test_evicted_objects_take_their_bytes_with_them(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=MIB) as cache:
        for number in range(400):
            await put(cache, f"k{number}", os.urandom(10_000))
        assert cache.used <= MIB
        held = len(cache)
    assert len(rows(tmp_path)) > 0
    assert len(rows(tmp_path)) + len(files(tmp_path)) == held


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


DAMAGES = {
    "flipped": flipped,
    "flipped-checksum": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
    "cut": lambda value: value[:-1],
    "cut-to-its-checksum": lambda value: value[-CHECKSUM:],
    "empty": lambda _: b"",
    "longer": lambda value: value + b"x",
    "missing": None,
}


def damage(folder: Path, how: str) -> None:
    harm = DAMAGES[how]
    with kept(folder, write=True) as (transaction, _):
        for key, value in [(bytes(key), bytes(value)) for key, value in transaction.cursor()]:
            if harm is None:
                transaction.delete(key)
            else:
                transaction.put(key, harm(value))


@pytest.mark.parametrize("how", DAMAGES)
async def test_damage_to_a_small_object_is_noticed(tmp_path: Path, how: str) -> None:
    async with opened(tmp_path) as cache:
        stored = await put(cache, "k", b"right" * 100)
        assert isinstance(stored, Stored)
    damage(tmp_path, how)
    async with opened(tmp_path) as cache:
        with pytest.raises(ObjectDamaged):
            await read(cache, "k")
        await cache.damaged("k", stored, ObjectDamaged(number=stored.number, reason="a test"))
        assert cache.lookup("k") == ()
        await put(cache, "k", b"again")
        assert await read(cache, "k") == b"again"


@pytest.mark.parametrize("how", DAMAGES)
async def test_a_damaged_small_object_never_reaches_a_viewer_and_is_fetched_again(
    tmp_path: Path, how: str
) -> None:
    body = b"right" * 1000
    async with raw_origin() as origin:
        origin.answers(response(body, ("Cache-Control", "max-age=3600")))
        settings = proxy_settings(tmp_path, origin.url, memory=ByteSize(0))
        async with edge(settings):
            await hit(Viewer(settings.listen.port))
        damage(tmp_path, how)
        async with edge(settings):
            viewer = Viewer(settings.listen.port)
            assert (await viewer.get("/x")).body == body
            await hit(viewer)
            metrics = f"http://127.0.0.1:{admin_port(settings)}/metrics"
            assert await told(metrics, "nearcast_edge_corrupted_objects") == 1
    assert len(origin.asked) == 2


async def hit(viewer: Viewer) -> None:
    """Waits until what ``viewer`` asks for is stored."""
    while not (await viewer.get("/x")).cache.startswith("hit"):
        pass


async def test_workers_share_the_room_of_the_index(tmp_path: Path) -> None:
    runtime, disk = tmp_path / "runtime", 16 * MIB

    async def worker(number: int) -> Cache:
        return await Cache.open(
            tmp_path, runtime, disk_budget=disk, memory_budget=0, worker=number, workers=2
        )

    # One process opens an index once: a second worker is what comes after the first here.
    first = await worker(0)
    keys = [key for key in map(str, range(1000)) if first.owner(key) == 0]
    for key in keys[:300]:
        await put(first, key, os.urandom(4000))
    await first.close()
    before = len(files(tmp_path))
    assert before > 0
    second = await worker(1)
    other = next(key for key in map(str, range(1000)) if second.owner(key) == 1)
    await put(second, other, os.urandom(4000))
    await second.close()
    assert len(files(tmp_path)) == before + 1
