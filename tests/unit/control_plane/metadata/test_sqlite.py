"""The full-text index beside the rows that it is made of."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from control_plane.metadata import Metadata, Told
from control_plane.metadata.sqlite import SqliteMetadata

TITLES = ("Cats", "Cats and dogs", "Ünder", "", "日本")

CHILD = """
import asyncio, sys
from pathlib import Path
from tests.unit.control_plane.metadata.test_sqlite import change

asyncio.run(change(Path(sys.argv[1]), 10**9, 1, say=True))
"""


async def change(path: Path, times: int, seed: int, *, say: bool = False) -> None:
    """Changes metadata at random; ``say`` prints each edit that was acknowledged."""
    store, chance = await SqliteMetadata.open(path), random.Random(seed)
    revisions = dict.fromkeys("abcd", 0)
    for known in range(times):
        name = chance.choice("abcd")
        told = Told(name, known, chance.choice(TITLES), chance.choice([None, "c", "d"]), 1.0)
        title = chance.choice([None, *TITLES[:3]])
        said = Metadata(
            asset_id=name,
            revision=revisions[name] + 1,
            title=title,
            description=chance.choice(TITLES),
            tags=tuple(chance.sample(TITLES[:3], 2)),
        )
        match chance.randrange(5):
            case 0:
                await store.note([told])
            case 1:
                await store.add_plays({name: 1})
            case 2 if not say:
                await store.forget([name])
                revisions[name] = 0
            case _:
                assert await store.replace(told, said)
                revisions[name] += 1
                if say:
                    print(name, revisions[name], flush=True)
    await store.close()


def check(path: Path) -> dict[str, int]:
    """Has SQLite compare index and rows; the revision of each asset."""
    with sqlite3.connect(path, isolation_level=None) as file:
        # A rank other than 0 has it look at the rows, too (SQLite's documentation of FTS5, §6.4).
        file.execute(
            "INSERT INTO metadata_words (metadata_words, rank) VALUES ('integrity-check', 1)"
        )
        rows = file.execute("SELECT asset_id, revision FROM metadata").fetchall()
    file.close()
    return dict(rows)


@pytest.mark.parametrize("seed", range(5))
async def test_the_index_is_of_the_rows_whatever_is_done_to_them(tmp_path: Path, seed: int) -> None:
    await change(tmp_path / "control.sqlite", 60, seed)

    check(tmp_path / "control.sqlite")


def test_an_index_that_is_of_other_rows_would_be_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    asyncio.run(change(path, 30, 1))
    with sqlite3.connect(path) as file:
        file.execute("DROP TRIGGER metadata_updated")
        file.execute("UPDATE metadata SET title = 'elsewhere'")
    file.close()

    with pytest.raises(sqlite3.DatabaseError):
        check(path)


async def test_an_edit_that_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(path)), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    told: dict[str, int] = {}
    for _ in range(30):
        name, revision = (await child.stdout.readline()).decode().split()
        told[name] = int(revision)
    os.kill(child.pid, signal.SIGKILL)
    rest, _ = await child.communicate()
    told |= {line.split()[0]: int(line.split()[1]) for line in rest.decode().splitlines()}

    kept = check(path)
    # Of one more, nobody was told.
    assert all(kept[name] - revision in {0, 1} for name, revision in told.items())
