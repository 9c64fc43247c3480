"""Jobs in MongoDB: a collection of jobs and one of tasks, every write held by a majority.

Each write touches one document (or inserts new ones), so no transaction is needed and a single
server serves as well as a replica set.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from common.messages import JobState, encode
from common.service.mongodb import Document, client_of, durable, translating
from ingest.jobs.model import Job, Task
from ingest.jobs.queues import shelf

T = TypeVar("T", Job, Task)

_DUPLICATE_KEY = 11000
_INSERT_AT_ONCE = 500

_OPEN = [state.value for state in JobState if not state.final]


class MongoJobStore:
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._client = client
        database = durable(client, name)
        self._jobs: AsyncCollection[Document] = database["jobs"]
        self._tasks: AsyncCollection[Document] = database["tasks"]
        self._clocks: AsyncCollection[Document] = database["clocks"]
        self._contents: AsyncCollection[Document] = database["contents"]

    @classmethod
    async def open(cls, url: str, name: str) -> "MongoJobStore":
        """The database ``name`` on the servers at ``url``, its indexes made when missing.

        Raises:
            Unavailable: no server answers, or the URL is none.
        """
        client = client_of(url)
        store = cls(client, name)
        try:
            async with translating():
                await store._make_indexes()
        except BaseException:
            await client.close()
            raise
        return store

    async def _make_indexes(self) -> None:
        due = {"due_at": {"$type": "double"}}
        await self._jobs.create_index([("due_at", ASCENDING)], partialFilterExpression=due)
        await self._tasks.create_index([("due_at", ASCENDING)], partialFilterExpression=due)
        await self._tasks.create_index([("job_id", ASCENDING)])
        newest = ("_id", DESCENDING)
        await self._jobs.create_index([("state", ASCENDING), newest])
        await self._jobs.create_index([("owner", ASCENDING), newest])
        await self._jobs.create_index([("owner", ASCENDING), ("state", ASCENDING), newest])
        waiting = {"shelf": {"$type": "string"}}
        line = [("priority", ASCENDING), ("share", ASCENDING)]
        await self._tasks.create_index(
            [("shelf", ASCENDING), *line, ("_id", ASCENDING)], partialFilterExpression=waiting
        )
        await self._tasks.create_index(line, partialFilterExpression=waiting)
        await self._clocks.create_index([("_id.priority", ASCENDING), ("time", DESCENDING)])

    async def add_job(self, job: Job) -> None:
        """See the port."""
        async with translating():
            try:
                await self._jobs.insert_one(_document(job.job_id, job))
            except DuplicateKeyError:
                return

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        for start in range(0, len(tasks), _INSERT_AT_ONCE):
            documents = [
                _document(task.task_id, task) for task in tasks[start : start + _INSERT_AT_ONCE]
            ]
            async with translating():
                try:
                    await self._tasks.insert_many(documents, ordered=False)
                except BulkWriteError as error:
                    errors = error.details.get("writeErrors", [])
                    if not errors or any(e.get("code") != _DUPLICATE_KEY for e in errors):
                        raise

    async def job(self, job_id: str) -> Job | None:
        """See the port."""
        async with translating():
            found = await self._jobs.find_one({"_id": job_id})
        return _record(found, Job) if found else None

    async def task(self, task_id: str) -> Task | None:
        """See the port."""
        async with translating():
            found = await self._tasks.find_one({"_id": task_id})
        return _record(found, Task) if found else None

    async def tasks(self, job_ids: Iterable[str]) -> tuple[Task, ...]:
        """See the port."""
        async with translating():
            cursor = self._tasks.find({"job_id": {"$in": list(job_ids)}}).sort("_id", ASCENDING)
            return tuple([_record(found, Task) async for found in cursor])

    async def recent_jobs(
        self, limit: int, owner: str | None = None, state: JobState | None = None
    ) -> tuple[Job, ...]:
        """See the port."""
        named = {"owner": owner, "state": None if state is None else state.value}
        wanted = {field: value for field, value in named.items() if value is not None}
        async with translating():
            cursor = self._jobs.find(wanted).sort("_id", DESCENDING).limit(limit)
            return tuple([_record(found, Job) async for found in cursor])

    async def swap_job(self, old: Job, new: Job) -> bool:
        """See the port."""
        return await self._swap(self._jobs, old.job_id, old.revision, new)

    async def swap_task(self, old: Task, new: Task) -> bool:
        """See the port."""
        return await self._swap(self._tasks, old.task_id, old.revision, new)

    async def _swap(
        self,
        collection: AsyncCollection[Document],
        identifier: str,
        revision: int,
        new: Job | Task,
    ) -> bool:
        async with translating():
            result = await collection.replace_one(
                {"_id": identifier, "revision": revision}, _document(identifier, new)
            )
        return result.modified_count == 1

    async def due_jobs(self, now: float, limit: int) -> tuple[Job, ...]:
        """See the port."""
        async with translating():
            cursor = self._jobs.find(_due(now)).sort("due_at", ASCENDING).limit(limit)
            return tuple([_record(found, Job) async for found in cursor])

    async def due_tasks(self, now: float, limit: int) -> tuple[Task, ...]:
        """See the port."""
        async with translating():
            cursor = self._tasks.find(_due(now)).sort("due_at", ASCENDING).limit(limit)
            return tuple([_record(found, Task) async for found in cursor])

    async def claimable_tasks(self, shelves: Sequence[str], limit: int) -> tuple[Task, ...]:
        """See the port."""
        wanted = {"shelf": {"$in": list(shelves), "$type": "string"}}
        order = [("priority", ASCENDING), ("share", ASCENDING), ("_id", ASCENDING)]
        async with translating():
            cursor = self._tasks.find(wanted).sort(order).limit(limit)
            return tuple([_record(found, Task) async for found in cursor])

    async def move_clock(self, owner: str, priority: int, by: float) -> float:
        """See the port."""
        async with translating():
            start = await self._line_start(priority)
            moved = await self._clocks.find_one_and_update(
                {"_id": {"priority": priority, "owner": owner}},
                [{"$set": {"time": {"$add": [{"$max": ["$time", start]}, by]}}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        assert moved is not None
        return float(moved["time"]) - by

    async def _line_start(self, priority: int) -> float:
        first = await self._tasks.find_one(
            {"priority": priority, "shelf": {"$type": "string"}},
            {"share": True},
            sort=[("priority", ASCENDING), ("share", ASCENDING)],
        )
        if first is not None:
            return float(first["share"])
        ahead = await self._clocks.find_one({"_id.priority": priority}, sort=[("time", DESCENDING)])
        return float(ahead["time"]) if ahead is not None else 0.0

    async def hold_content(self, content: str, job_id: str, *, instead_of: str | None) -> str:
        """See the port."""
        kept = {"$ifNull": ["$job_id", job_id]}
        mine = {"$eq": [{"$ifNull": ["$job_id", None]}, instead_of]}
        async with translating():
            held = await self._contents.find_one_and_update(
                {"_id": content},
                [{"$set": {"job_id": {"$cond": [mine, job_id, kept]}}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        assert held is not None
        return str(held["job_id"])

    async def count_open(self) -> dict[JobState, int]:
        """See the port."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"state": {"$in": _OPEN}}},
            {"$group": {"_id": "$state", "count": {"$sum": 1}}},
        ]
        async with translating():
            cursor = await self._jobs.aggregate(pipeline)
            return {JobState(found["_id"]): found["count"] async for found in cursor}

    async def ping(self) -> None:
        """See the port."""
        async with translating():
            await self._client.admin.command("ping")

    async def close(self) -> None:
        """See the port."""
        await self._client.close()


def _due(now: float) -> Document:
    # The type is named again so that the partial index may be used.
    return {"due_at": {"$lte": now, "$type": "double"}}


def _document(identifier: str, record: Job | Task) -> Document:
    if isinstance(record, Job):
        return {"_id": identifier, **msgspec.to_builtins(record)}
    # A result is JSON of its kind's own; it stays bytes, as nothing is ever asked about it.
    bare = msgspec.structs.replace(record, result=msgspec.Raw(b"null"))
    document = msgspec.json.decode(encode(bare)) | {"result": Binary(bytes(record.result))}
    place = shelf(record.queue, record.memory) if record.claimable else None
    return {"_id": identifier, "shelf": place, **document}


def _record(document: Mapping[str, Any], kind: type[T]) -> T:
    if kind is Job:
        return msgspec.convert(document, kind)
    fields = dict(document) | {"result": msgspec.Raw(bytes(document["result"]))}
    return msgspec.convert(fields, kind)
