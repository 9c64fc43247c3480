"""A worker on a real database in a file, with work and a clock that the test controls."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import NearcastError, Unavailable
from common.service.sqlite import SqliteFile, Values
from ingest.jobs.conductor import Conductor
from ingest.jobs.dispatch import TaskDispatch, embedded_broker
from ingest.jobs.events import MemoryEvents
from ingest.jobs.model import Task, TaskKind
from ingest.jobs.queues import CODECS, KINDS, queues_of
from ingest.jobs.store.sqlite import SqliteJobStore
from ingest.jobs.sweeper import Sweeper
from ingest.jobs.worker import Assignment, Capacity, Worker
from tests.unit.ingest.jobs.records import INSPECTED, NOW, a_job


class ManualClock:
    """A clock that stands until the test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class MediaBroken(NearcastError):
    """The picture is broken."""

    status = 422


@dataclass
class ScriptedWork:
    """Work that notes what it is asked for, and does what the test says for a task."""

    script: dict[str, Callable[[Assignment], Awaitable[None]]] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    inspected: bytes = INSPECTED
    """What inspections find."""
    word: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_begun(self, attempt_name: str) -> None:
        async with asyncio.timeout(30), self.word:
            await self.word.wait_for(lambda: attempt_name in self.begun)

    async def perform(self, assignment: Assignment) -> bytes:
        async with self.word:
            self.begun.append(assignment.attempt_name)
            self.word.notify_all()
        if step := self.script.get(assignment.task.name):
            await step(assignment)
        return self.inspected if assignment.task.kind is TaskKind.INSPECT else b"{}"

    async def discard(self, assignment: Assignment) -> None:
        self.discarded.append(assignment.attempt_name)


class CutFile(SqliteFile):
    """A real database file, behind a network that the test can cut."""

    away = False

    async def read(
        self, statement: str, values: Values = (), *, within: float | None = None
    ) -> list[Any]:
        self._reach()
        return await super().read(statement, values, within=within)

    async def write(self, statement: str, values: Values = ()) -> int:
        self._reach()
        return await super().write(statement, values)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable(what="the database", reason="the test cut it off")


ONLY: ContextVar[str | None] = ContextVar("ONLY", default=None)
"""The name of the only task that a look may see."""


class Outage(SqliteJobStore):
    """The real job store on such a file."""

    def __init__(self, file: SqliteFile) -> None:
        self.link = CutFile(file._connection, file._path)
        super().__init__(self.link)

    async def claimable_tasks(self, shelves: Sequence[str], limit: int) -> tuple[Task, ...]:
        found = await super().claimable_tasks(shelves, limit)
        return tuple(task for task in found if ONLY.get() in {None, task.name})


ALL = Capacity(queues_of(KINDS, CODECS), memory=math.inf)
"""A worker that takes everything."""


class Bench:
    """All that moves jobs, but for the messages: the test says who looks, and when."""

    def __init__(self, store: Outage) -> None:
        self.store = store
        self.clock = ManualClock()
        self.events = MemoryEvents()
        self.dispatch = TaskDispatch(embedded_broker())
        self.conductor = Conductor(store, self.dispatch, self.events, self.clock)
        self.sweeper = Sweeper(store, self.dispatch, self.conductor, self.clock)
        self.work = ScriptedWork()

    def worker(self, name: str = "w1", capacity: Capacity = ALL) -> Worker:
        return Worker(
            name,
            store=self.store,
            dispatch=self.dispatch,
            events=self.events,
            conductor=self.conductor,
            work=self.work,
            clock=self.clock,
            capacity=capacity,
            observe=lambda _task, _seconds: None,
        )

    async def begin(self) -> None:
        """A job that waits for its inspection."""
        await self.store.add_job(a_job())
        await self.conductor.advance("job1")

    async def task(self, name: str) -> Task:
        task = await self.store.task(f"job1-{name}")
        assert task is not None
        return task

    async def look(self, name: str, worker: str = "w1") -> None:
        """Has a worker look that sees only the task of that name."""

        async def look() -> None:
            ONLY.set(name)
            await self.worker(worker).look()

        await asyncio.create_task(look())

    async def run(self) -> None:
        """Sweeps, and has a worker do all that there is to do, until there is nothing more."""
        before = -1
        while before != len(self.work.begun):
            before = len(self.work.begun)
            await self.sweeper.sweep()
            await self.worker().look()


@contextlib.asynccontextmanager
async def opened_bench(folder: Path) -> AsyncIterator[Bench]:
    store = await Outage.open(folder / "jobs.sqlite")
    bench = Bench(store)
    yield bench
    await bench.dispatch.stop()
    await store.close()


async def forever(_: Assignment) -> None:
    await asyncio.Event().wait()
