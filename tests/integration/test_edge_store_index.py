"""An index that the disk has harmed: the edge starts all the same, with what can be trusted."""

import asyncio
import os
from pathlib import Path

import pytest

from edge.policy.purging import Scope
from edge.store import Cache
from tests.bench.index_start import make

RECORDS = 3000
PAGE = 4096


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The file of an index with records."""
    await make(tmp_path, RECORDS)
    return tmp_path / "index" / "data.mdb"


async def opened(folder: Path) -> int:
    """Opens the cache, stores something, and opens it again; how many objects it began with."""
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 50, memory_budget=0)
    before = len(cache)
    await cache.purges.add(Scope.EVERYTHING, "", soft=True, now=0.0)
    await cache.close()
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 50, memory_budget=0)
    assert cache.purges.sequence == 1
    await cache.close()
    return before


async def test_a_whole_index_has_all_its_records(tmp_path: Path, data: Path) -> None:
    assert await opened(tmp_path) == RECORDS


@pytest.mark.parametrize("part", [0.9, 0.5, 0.1])
async def test_an_index_whose_file_was_cut_is_made_anew(
    tmp_path: Path, data: Path, part: float
) -> None:
    size = data.stat().st_size
    await asyncio.to_thread(os.truncate, data, int(size * part) // PAGE * PAGE)

    assert await opened(tmp_path) == 0


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_an_index_of_which_only_the_first_pages_are_left_is_made_anew(
    tmp_path: Path, data: Path, pages: int
) -> None:
    await asyncio.to_thread(os.truncate, data, pages * PAGE)

    assert await opened(tmp_path) == 0


@pytest.mark.parametrize("filling", [bytes(PAGE), b"\xff" * PAGE, b"garbage!" * (PAGE // 8)])
async def test_an_index_whose_pages_were_overwritten_is_made_anew(
    tmp_path: Path, data: Path, filling: bytes
) -> None:
    pages = data.stat().st_size // PAGE
    with data.open("r+b") as file:
        file.seek(2 * PAGE)
        file.write(filling * (pages - 2))

    assert await opened(tmp_path) == 0


@pytest.mark.parametrize("name", ["lock.mdb", "data.mdb"])
async def test_a_file_of_the_index_that_is_missing_is_made_anew(
    tmp_path: Path, data: Path, name: str
) -> None:
    (data.parent / name).unlink()

    assert await opened(tmp_path) == (RECORDS if name == "lock.mdb" else 0)
