"""What taking up desired states costs an edge: how long each takes, and how long others wait.

    python -m tests.bench.desired_state [--packages N] [--changes N]

An agent over a real cache is told all packages, then changes of one package each, then all again,
and is started anew. Nothing is filled: its window is closed.
"""

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path

from common.messages import DesiredPackage, PackageName
from edge.policy.fill_window import FillPlan, FillWindow
from tests.integration.filling_service import Moved, filling

CLOSED = FillPlan(FillWindow.of("02:00-02:01", UTC))
NOON = 1_795_780_800.0
NOBODY = "http://127.0.0.1:1"


def package(number: int) -> DesiredPackage:
    """A package with names as long as real ones."""
    asset, version = f"asset-{number:08}", f"20261127T120000-{number:08}"
    key = f"v/{asset}/{version}/manifest.json"
    return DesiredPackage(asset, version, key, f"{number:064x}", 50_000_000)


@contextlib.asynccontextmanager
async def timed(what: str) -> AsyncIterator[None]:
    """Prints how long something takes, and for how long at most it held up the event loop."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    yield
    took = time.perf_counter() - began
    watching.cancel()
    print(f"{what:<32}{took * 1000:10.0f} ms{longest * 1000:10.0f} ms held up at most")


async def measure(folder: Path, count: int, changes: int) -> None:
    """Measures with ``count`` packages and so many ``changes``."""
    packages = [package(number) for number in range(count)]
    clock = Moved(NOON)
    async with filling(folder, NOBODY, clock=clock, plan=CLOSED) as edge:
        async with timed(f"{count} packages"):
            await edge.tell(*packages, whole=True)
        async with timed(f"{changes} changes"):
            for number in range(changes):
                gone = packages[number]
                name = PackageName(gone.asset_id, gone.version)
                await edge.tell(package(count + number), dropped=(name,))
        async with timed(f"{count} packages anew"):
            await edge.tell(*packages, whole=True)
    async with timed("a start"), filling(folder, NOBODY, clock=clock, plan=CLOSED, runs=False):
        pass


def main() -> None:
    """Measures as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.packages, given.changes))


if __name__ == "__main__":
    main()
