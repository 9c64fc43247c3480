"""What a commit of the plan costs, and reading it.

    python -m tests.bench.plan_store [--rows N] [--database sqlite|mongodb]

Commits one row, a thousand and ``--rows``, to a real database that is empty and to one that has
the same assets already; then reads all of it, and what one commit changed. Tells seconds.
"""

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from common.service import DatabaseSettings
from control_plane.planning import PlanRow, open_plan_store
from tests.servers.databases import mongodb

T = TypeVar("T")

AT_ONCE = 100_000
"""Rows of one commit at most."""


async def timed(what: str, work: Awaitable[T]) -> T:
    began = time.monotonic()
    done = await work
    print(f"{what:<40} {time.monotonic() - began:8.3f} s", flush=True)
    return done


def rows(count: int, first: int = 0) -> list[PlanRow]:
    return [
        PlanRow(f"asset-{n:09}", tuple(f"eu-{(n + i) % 400}" for i in range(4)), 0, False, 0.5)
        for n in range(first, first + count)
    ]


async def measure(settings: DatabaseSettings, most: int) -> None:
    store = await open_plan_store(settings)
    token = await store.acquire("bench", 3600)
    assert token is not None
    for again in ("new", "again"):
        for count in (1, 1000, min(most, AT_ONCE)):
            await timed(f"commit of {count} {again}", store.commit(token, rows(count)))
    for start in range(AT_ONCE, most, AT_ONCE):
        await store.commit(token, rows(min(AT_ONCE, most - start), start))
    read = await timed(f"reading {most}", store.rows(0))
    assert len(read) == most
    head = await store.head()
    await store.commit(token, rows(1000))
    await timed("reading 1000 that changed", store.rows(head))
    await timed("head", store.head())
    watched = [(f"asset-{n:09}", "eu", 1.0) for n in range(10_000)]
    await timed("adding demand of 10000 assets", store.add_demand(watched))
    await timed("adding to it", store.add_demand(watched))
    await timed("reading it", store.demand())
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", choices=["sqlite", "mongodb"], action="append")
    given = parser.parse_args()
    for database in given.database or ["sqlite", "mongodb"]:
        print(database)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = DatabaseSettings(sqlite=folder / "control.sqlite")
            if database == "mongodb":
                url = stack.enter_context(mongodb(folder)).url
                settings = DatabaseSettings(mongodb=url, name=uuid.uuid4().hex)
            asyncio.run(measure(settings, given.rows))


if __name__ == "__main__":
    main()
