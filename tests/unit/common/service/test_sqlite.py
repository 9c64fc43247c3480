"""A SQLite file behind asyncio: what writes that come together make of each other."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import StorageFull, Unavailable
from common.service.sqlite import SqliteFile

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, size INTEGER CHECK (size < 100))"
)
ADD = "INSERT INTO things VALUES (?, ?)"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    opened = await SqliteFile.open(tmp_path / "a.sqlite", SCHEMA, synchronous="FULL")
    yield opened
    await opened.close()


async def names(file: SqliteFile) -> list[str]:
    return [row[0] for row in await file.read("SELECT name FROM things ORDER BY name")]


async def test_writes_that_come_together_are_all_there_for_others_to_see(
    file: SqliteFile, tmp_path: Path
) -> None:
    wanted = [f"thing{number:03d}" for number in range(200)]
    changed = await asyncio.gather(*(file.write(ADD, (name, 1)) for name in wanted))
    assert changed == [1] * 200
    with sqlite3.connect(tmp_path / "a.sqlite") as other:
        assert [row[0] for row in other.execute("SELECT name FROM things ORDER BY name")] == wanted
    other.close()


async def test_of_writes_that_come_together_a_bad_one_fails_alone(file: SqliteFile) -> None:
    values = [("a", 1), ("b", 100), ("a", 2), ("c", 3), ("d", 2**70), ("e\ud800", 1), ("f", 4)]
    outcomes = await asyncio.gather(
        *(file.write(ADD, value) for value in values), return_exceptions=True
    )
    assert [one if one == 1 else type(one) for one in outcomes] == [
        *(1, Unavailable, Unavailable, 1, OverflowError, Unavailable, 1)
    ]
    assert await names(file) == ["a", "c", "f"]


async def test_an_update_tells_how_many_rows_it_changed(file: SqliteFile) -> None:
    changed = await asyncio.gather(
        *(file.write(ADD, (name, 1)) for name in "abc"),
        file.write("UPDATE things SET size = 2 WHERE name < 'c'"),
        file.write("UPDATE things SET size = 2 WHERE name = 'x'"),
    )
    assert changed == [1, 1, 1, 2, 0]


async def test_a_full_disk_fails_writes_and_the_next_ones_go_on(file: SqliteFile) -> None:
    await file.write(ADD, ("before", 1))
    ((pages,),) = await file.read("PRAGMA page_count")
    await file.read(f"PRAGMA max_page_count = {pages + 2}")
    many = (file.write(ADD, (f"{number}" + "x" * 3000, 1)) for number in range(20))
    outcomes = await asyncio.gather(*many, return_exceptions=True)
    assert any(isinstance(one, StorageFull) for one in outcomes)
    told = [one for one in outcomes if one == 1]
    assert len(await names(file)) == 1 + len(told)
    await file.read("PRAGMA max_page_count = 10000")
    await file.write(ADD, ("zafter", 1))
    assert (await names(file))[-1] == "zafter"


async def test_another_process_that_keeps_the_lock_is_waited_for(
    file: SqliteFile, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.gather(*(file.write(ADD, (name, 1)) for name in "abc"))
    await asyncio.sleep(0.1)
    assert not writing.done()
    other.execute("COMMIT")
    assert await writing == [1, 1, 1]
    other.close()


async def test_a_write_whose_caller_is_gone_is_done_all_the_same(file: SqliteFile) -> None:
    writing = asyncio.create_task(file.write(ADD, ("a", 1)))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await names(file) == ["a"]


async def test_a_closed_file_is_unavailable(file: SqliteFile) -> None:
    await file.close()
    with pytest.raises(Unavailable, match=r"a\.sqlite is not reachable: it was closed"):
        await file.write(ADD, ("a", 1))
    with pytest.raises(Unavailable):
        await file.read("SELECT 1")


async def test_what_takes_too_long_is_ended_and_the_next_is_answered(file: SqliteFile) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    with pytest.raises(Unavailable, match=r"it was asked for what takes it more than 0\.1 s"):
        await file.read(endless, within=0.1)
    assert await file.read("SELECT 1") == [(1,)]
