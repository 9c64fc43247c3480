"""What claiming a task costs with few jobs in the database, and with a million.

    python -m tests.bench.claims [--jobs N] [--waiting N] [--database sqlite|mongodb]

Fills a real database with jobs that are done, a task of each, and tasks that wait, of a thousand
credentials; then claims, one after another, as workers do: read the first in line, take it by
compare-and-set. Tells the median and the 99th percentile in milliseconds, and of a few other
things that are asked all the time.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from common.messages import JobState, encode_text
from common.service import DatabaseSettings
from ingest.jobs import transitions
from ingest.jobs.model import Job, Task, TaskKind, TaskState
from ingest.jobs.queues import CODECS, KINDS, queues_of, shelves_of
from ingest.jobs.store import JobStore, open_job_store
from ingest.jobs.store.mongodb import MongoJobStore, _document
from ingest.jobs.store.sqlite import SqliteJobStore
from tests.servers.databases import mongodb
from tests.unit.ingest.jobs.records import NOW, a_job, a_task

BATCH = 2000
OWNERS = 1000
CLAIMS = 500
HELD = 50
"""Jobs that wait for an operator, older than all others."""


def done_job(number: int) -> Job:
    state = JobState.REVIEW if number < HELD else JobState.DONE
    return msgspec.structs.replace(
        a_job(f"job{number:09d}"), state=state, due_at=None, owner=f"o{number % OWNERS}"
    )


def done_task(number: int) -> Task:
    task = a_task(TaskKind.ENCODE, "c0000", f"job{number:09d}")
    return msgspec.structs.replace(task, state=TaskState.DONE, due_at=None, result=b"{}")


def waiting_task(number: int) -> Task:
    task = a_task(TaskKind.ENCODE, "c0000", f"wait{number:09d}")
    return msgspec.structs.replace(
        task, queue="encode.h264", priority=1, share=float(number // OWNERS)
    )


async def fill(store: JobStore, jobs: int, waiting: int) -> None:
    for start in range(0, jobs, BATCH):
        await add_jobs(store, [done_job(n) for n in range(start, min(start + BATCH, jobs))])
    for make, count in ((done_task, jobs), (waiting_task, waiting)):
        for start in range(0, count, BATCH):
            await store.add_tasks([make(n) for n in range(start, min(start + BATCH, count))])


async def add_jobs(store: JobStore, jobs: list[Job]) -> None:
    """Writes many at once, which nobody but a benchmark does."""
    if isinstance(store, MongoJobStore):
        await store._jobs.insert_many([_document(job.job_id, job) for job in jobs])
        return
    assert isinstance(store, SqliteJobStore)
    await store._file.write(
        "INSERT INTO jobs SELECT value ->> 'job_id', value ->> 'owner', value ->> 'state',"
        " value ->> 'due_at', value ->> 'revision', value FROM json_each(?)",
        (encode_text(jobs),),
    )


async def measure(store: JobStore) -> None:
    shelves = shelves_of(queues_of(KINDS, CODECS), 8.0)

    async def claim() -> None:
        task = (await store.claimable_tasks(shelves, 8))[0]
        assert await store.swap_task(task, transitions.claimed(task, "worker", NOW))

    async def sweep() -> None:
        await store.due_tasks(NOW - 60, 200)

    async def move() -> None:
        await store.move_clock("o1", 1, 1.0)

    async def recent() -> None:
        await store.recent_jobs(50, "o1")

    async def held() -> None:
        assert len(await store.recent_jobs(100, state=JobState.REVIEW)) == HELD

    async def count() -> None:
        await store.count_open()

    asked = {
        "claim": claim,
        "sweep": sweep,
        "clock": move,
        "list": recent,
        "held": held,
        "count": count,
    }
    for name, what in asked.items():
        times = [await timed(what) for _ in range(CLAIMS)]
        p99 = statistics.quantiles(times, n=100)[98]
        print(f"  {name:6} median {statistics.median(times):6.2f} ms, p99 {p99:6.2f} ms")


async def timed(what: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await what()
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[JobStore]:
    async with AsyncExitStack() as stack:
        settings = DatabaseSettings(sqlite=folder / f"{uuid.uuid4().hex}.sqlite")
        if kind == "mongodb":
            url = stack.enter_context(mongodb(folder)).url
            settings = DatabaseSettings(mongodb=url, name="claims")
        store = await open_job_store(settings)
        stack.push_async_callback(store.close)
        yield store


async def run(kind: str, jobs: int, waiting: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(kind, Path(folder)) as store:
            began = time.perf_counter()
            await fill(store, jobs, waiting)
            seconds = time.perf_counter() - began
            print(
                f"{kind}: {jobs:,} jobs done, {waiting:,} tasks waiting ({seconds:.0f} s to fill)"
            )
            await measure(store)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--database", choices=["sqlite", "mongodb"])
    given = parser.parse_args()
    for kind in [given.database] if given.database else ["sqlite", "mongodb"]:
        asyncio.run(run(kind, 1_000, 1_000))
        asyncio.run(run(kind, given.jobs, given.waiting))


if __name__ == "__main__":
    main()
