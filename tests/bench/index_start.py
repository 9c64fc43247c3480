"""How long an edge with a full index takes to open its cache, and the memory that it takes.

    python -m tests.bench.index_start [--records N] [--folder FOLDER]

Records are written straight into the index, without files. The cache is then opened by a new
process, once with cold pages where the system lets it drop them, and once more with warm ones.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge.policy.stored import Stored
from edge.store import Cache
from edge.store.index import Index

AT_ONCE = 20_000
"""Records in one transaction."""
SIZE = 500_000
"""Bytes that each object is said to have."""


def record(number: int) -> Stored:
    """A response as an origin of media would give it."""
    return Stored(
        number=number,
        status=200,
        reason="OK",
        fields=(
            ("Content-Type", "video/mp4"),
            ("Cache-Control", "public, max-age=31536000, immutable"),
            ("ETag", f'"{number:064x}"'),
            ("Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT"),
        ),
        selecting=(),
        size=SIZE,
        held=((0, SIZE),),
        received_at=1_795_000_000.0,
        age=0.0,
        lifetime=31_536_000.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=(f"asset-{number // 1000}",),
        sequence=0,
        sha256=number.to_bytes(32, "big"),
    )


def batches(count: int) -> Iterator[range]:
    """The numbers of ``count`` objects, in transactions."""
    for first in range(1, count + 1, AT_ONCE):
        yield range(first, min(first + AT_ONCE, count + 1))


async def make(folder: Path, count: int) -> None:
    """Writes an index of ``count`` records."""
    index = await asyncio.to_thread(Index, folder / "index")
    for numbers in batches(count):
        works = [
            index.put(f"http://cdn.test/v/{number // 1000}/{number:08}.m4s", record(number))
            for number in numbers
        ]
        await asyncio.to_thread(index.write_now, works)
    await index.close()


async def measure(folder: Path) -> None:
    """Opens the cache, and prints what that took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    cache = await Cache.open(folder, folder / "runtime", disk_budget=1 << 50, memory_budget=0)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    status = Path("/proc/self/status").read_text()
    anonymous = next(line.split()[1] for line in status.splitlines() if "RssAnon" in line)
    print(
        f"{len(cache)} objects: opened in {wall:.2f} s wall, {cpu:.2f} s CPU; "
        f"{int(anonymous) / 1024:.0f} MiB of memory, {after.ru_maxrss / 1024:.0f} MiB with "
        "the pages of the index",
        flush=True,
    )
    await cache.close()


def drop_pages(folder: Path) -> None:
    """Has the system forget what it has read of the index."""
    for file in (folder / "index").iterdir():
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


async def compare(folder: Path, count: int) -> None:
    """Makes the index, and opens it in new processes."""
    began = time.perf_counter()
    await make(folder, count)
    size = sum(file.stat().st_size for file in (folder / "index").iterdir())
    print(f"index of {count} records: {size / 2**20:.0f} MiB, {time.perf_counter() - began:.1f} s")
    for pages in ("cold", "warm"):
        if pages == "cold":
            drop_pages(folder)
        print(f"{pages} pages: ", end="", flush=True)
        command = [sys.executable, "-m", "tests.bench.index_start", "--open", str(folder)]
        await asyncio.to_thread(subprocess.run, command, check=True)


async def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measures the start of an edge's cache.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to make the index; it has to be empty")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.open is not None:
        await measure(given.open)
        return
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        await compare(folder, given.records)


if __name__ == "__main__":
    asyncio.run(main())
