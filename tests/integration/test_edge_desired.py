"""What an edge is to hold, written down row by row: the same after every kind of end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from common.messages import DesiredChange, DesiredPackage, PackageName
from edge.store import Cache, DesiredRow

EDGE = "eu-1"


def package(version: str, *, manifest: str = "ab", urgent: bool = False) -> DesiredPackage:
    key = f"v/a/{version}/manifest.json"
    return DesiredPackage("a", version, key, manifest * 32, 1, urgent=urgent)


def change(
    since: int, revision: int, *packages: DesiredPackage, dropped: tuple[str, ...] = ()
) -> DesiredChange:
    names = tuple(PackageName("a", version) for version in dropped)
    return DesiredChange(EDGE, since, revision, packages, names)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 30, memory_budget=0)
    try:
        yield cache
    finally:
        await cache.close()


async def versions(cache: Cache) -> tuple[int, set[str]]:
    revision, rows = await cache.desired.load(EDGE)
    return revision, {row.package.version for row in rows}


def pinned(cache: Cache, key: str) -> bool:
    return cache.desired.needs(key)


async def test_an_edge_that_was_told_nothing_is_to_hold_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        assert await cache.desired.load(EDGE) == (0, [])


async def test_changes_build_on_each_other_and_the_whole_on_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 3, package("1"), package("2")))
        await cache.desired.change(change(3, 4, package("3"), dropped=("1", "never-told")))
    async with opened(tmp_path) as cache:
        assert await versions(cache) == (4, {"2", "3"})
        await cache.desired.change(change(0, 9, package("4")))
        assert await versions(cache) == (9, {"4"})


async def test_another_edges_rows_are_not_taken_up_and_leave_with_the_first_state(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 3, package("1")))
        assert await cache.desired.load("us-1") == (0, [])
        assert not await cache.desired.change(DesiredChange("us-1", 3, 6, (package("2"),)))
        assert await versions(cache) == (3, {"1"})
        assert await cache.desired.change(DesiredChange("us-1", 0, 6, (package("2"),)))

        _, rows = await cache.desired.load("us-1")
        assert [row.package.version for row in rows] == ["2"]
        assert not pinned(cache, "v/a/1/manifest.json")


async def test_what_a_package_needs_is_pinned_until_no_package_needs_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        desired = cache.desired
        await desired.change(change(0, 1, package("1"), package("2")))
        await desired.learn(DesiredRow(package("1")), ["own", "shared"])
        await desired.learn(DesiredRow(package("2")), ["shared"])
        assert [pinned(cache, key) for key in ("own", "shared", "other")] == [True, True, False]

        await desired.change(change(1, 2, dropped=("1",)))
        assert [pinned(cache, key) for key in ("own", "shared")] == [False, True]
        assert not pinned(cache, "v/a/1/manifest.json")

        await desired.change(change(2, 3, dropped=("2",)))
        assert not pinned(cache, "shared")


async def test_a_package_with_another_manifest_begins_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 1, package("1")))
        await cache.desired.learn(DesiredRow(package("1"), 3, 30), ["old"])
        await cache.desired.change(change(1, 2, package("1", manifest="cd")))

        _, (row,) = await cache.desired.load(EDGE)
        assert row == DesiredRow(package("1", manifest="cd"))
        assert not pinned(cache, "old")


async def test_a_package_that_is_told_anew_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 1, package("1", urgent=True)))
        await cache.desired.learn(DesiredRow(package("1", urgent=True), 3, 30), ["x"])
        await cache.desired.change(change(0, 2, package("1")))

        _, (row,) = await cache.desired.load(EDGE)
        assert row == DesiredRow(package("1"), 3, 30)
        assert pinned(cache, "x")


async def test_what_is_learnt_of_a_package_that_is_dropped_is_of_no_use(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 1, package("1")))
        await cache.desired.change(change(1, 2, dropped=("1",)))
        await cache.desired.learn(DesiredRow(package("1")), ["x"])

        assert await versions(cache) == (2, set())
        assert not pinned(cache, "x")


async def test_after_a_change_that_was_not_written_down_the_next_ones_are_not_either(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as cache:
        await cache.desired.change(change(0, 1, package("1")))
        # The one from 1 to 2 met a full disk.
        assert not await cache.desired.change(change(2, 3, package("3")))
        assert await versions(cache) == (1, {"1"})
        assert await cache.desired.change(change(0, 3, package("2"), package("3")))
        assert await versions(cache) == (3, {"2", "3"})


@pytest.mark.parametrize("seed", range(3))
async def test_rows_and_pins_are_those_of_a_plain_model(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    model: dict[str, set[str]] = {}
    async with opened(tmp_path) as cache:
        for revision in range(1, 60):
            told = [package(str(chance.randrange(12))) for _ in range(chance.randrange(4))]
            gone = tuple(str(chance.randrange(12)) for _ in range(chance.randrange(4)))
            whole = chance.random() < 0.1
            since = 0 if whole else revision - 1
            await cache.desired.change(change(since, revision, *told, dropped=gone))
            names = {each.version for each in told}
            for version in [*model]:
                if version not in names and (whole or version in gone):
                    del model[version]
            for version in names:
                model.setdefault(version, set())
            for version in chance.sample(sorted(model), min(2, len(model))):
                keys = {f"k{chance.randrange(20)}" for _ in range(5)}
                await cache.desired.learn(DesiredRow(package(version)), sorted(keys))
                model[version] |= keys

            assert await versions(cache) == (revision, set(model))
            needed = set[str]().union(*model.values())
            assert {f"k{n}" for n in range(20) if pinned(cache, f"k{n}")} == needed


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_edge_desired import change, opened, package
from edge.store import DesiredRow

async def main() -> None:
    async with opened(Path(sys.argv[1])) as cache:
        revision = (await cache.desired.load("eu-1"))[0]
        while True:
            told = [package(f"{revision + 1}-{number}") for number in range(20)]
            dropped = tuple(f"{revision}-{number}" for number in range(20))
            await cache.desired.change(change(revision, revision + 1, *told, dropped=dropped))
            for each in told:
                await cache.desired.learn(DesiredRow(each), [f"key-{each.version}"])
            revision += 1
            print(revision, flush=True)

asyncio.run(main())
"""


def killed_at(folder: Path, revisions: int) -> int:
    """Kills a process that changes what is to be held; the last revision that it told of."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    reached = 0
    for _ in range(revisions):
        reached = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return reached


async def test_whenever_an_edge_is_killed_its_rows_and_pins_are_those_of_one_revision(
    tmp_path: Path,
) -> None:
    chance = Random(7)
    for _ in range(8):
        reached = await asyncio.to_thread(killed_at, tmp_path, chance.randrange(1, 6))
        async with opened(tmp_path) as cache:
            revision, rows = await cache.desired.load(EDGE)
            assert revision >= reached
            expected = {f"{revision}-{number}" for number in range(20)}
            assert {row.package.version for row in rows} == expected
            for number in range(20):
                assert pinned(cache, f"v/a/{revision}-{number}/manifest.json")
                assert not pinned(cache, f"v/a/{revision - 1}-{number}/manifest.json")
                assert not pinned(cache, f"key-{revision - 1}-{number}")
