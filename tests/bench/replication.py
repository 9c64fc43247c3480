"""Measures how long an origin takes to copy many packages from another region, and its memory.

    python -m tests.bench.replication [--packages 2000] [--objects 12] [--size 20000] [--s3]

With ``--s3`` the origin's own store is a bucket of a real S3 server on this machine.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path

from origin.store import ObjectStore, StoreSettings, open_store
from tests.long.test_origin_regions import Process, origin, settings_of
from tests.servers.s3 import s3
from tests.stores import bucket_settings, publish

AT_ONCE = 8


async def _fill(settings: StoreSettings, packages: int, objects: int, size: int) -> None:
    body = os.urandom(size)

    async def fill(store: ObjectStore, first: int) -> None:
        for number in range(first, packages, AT_ONCE):
            files = {f"video/{at:05}.m4s": body for at in range(objects)}
            await publish(store, f"{number:06}", files, asset=f"asset-{number:06}")

    async with open_store(settings) as store:
        await asyncio.gather(*(fill(store, first) for first in range(AT_ONCE)))


def _metric(process: Process, name: str) -> float:
    _, body = process.get("/metrics")
    for line in body.decode().splitlines():
        if line.startswith(name):
            return float(line.rpartition(" ")[2])
    return 0.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=2000)
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--s3", action="store_true")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        eu, us = (StoreSettings(folder=folder / name) for name in ("eu", "us"))
        if given.s3:
            us = bucket_settings(stack.enter_context(s3(folder)))
        asyncio.run(_fill(eu, given.packages, given.objects, given.size))
        process = origin(folder, "us", settings_of(us), {"name": "eu", **settings_of(eu)})
        stack.callback(process.end)
        process.start()
        began, peak = time.monotonic(), 0.0
        while True:
            done = _metric(process, "nearcast_origin_replication_packages_total")
            peak = max(peak, _metric(process, "process_resident_memory_bytes"))
            if done >= given.packages:
                break
            time.sleep(0.2)
        took = time.monotonic() - began
        spent = _metric(process, "process_cpu_seconds_total")
        print(
            f"{given.packages} packages of {given.objects} objects of {given.size} bytes to "
            f"{'S3' if given.s3 else 'a folder'}: {took:.1f} s, {given.packages / took:.0f} "
            f"packages/s, {spent:.1f} s of CPU, {peak / 1e6:.0f} MB at most"
        )


if __name__ == "__main__":
    main()
