"""MongoDB behind asyncio: opened, and its errors told as ours."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

import pymongo
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from common import logs
from common.errors import NearcastError, StorageFull, Unavailable

Document = dict[str, Any]
T = TypeVar("T", bound=Mapping[str, Any])

ANSWER_WITHIN: Final = 5000
"""Milliseconds that one operation may take, finding a server included."""

INDEXED_WITHIN: Final = 3600.0
"""Seconds that a server which answers may take to make an index of what there is."""

AT_ONCE: Final = 500
"""Documents that the driver decodes before anything else runs: a few milliseconds."""

PREPARE_AGAIN: Final = 2.0
"""Seconds between attempts to prepare a database that is away."""

GOODBYE_WITHIN: Final = 1.0
"""Seconds that servers get to hear that a client ends."""

_OUT_OF_DISK_SPACE: Final = 14031

_log = logs.get(__name__)


def client_of(url: str) -> AsyncMongoClient[Document]:
    """A client of the servers at ``url``; it connects when it is first asked for something.

    Raises:
        Unavailable: the URL is none.
    """
    try:
        return AsyncMongoClient(
            url, timeoutMS=ANSWER_WITHIN, serverSelectionTimeoutMS=ANSWER_WITHIN, tz_aware=True
        )
    except (PyMongoError, ValueError) as error:
        raise _translated(error) from error


def durable(client: AsyncMongoClient[Document], name: str) -> AsyncDatabase[Document]:
    """The database ``name``, in which what was answered is never lost.

    It is journalled by a majority and read from the primary, so that nobody decides on a record
    that is older than the last write to it.
    """
    return client.get_database(
        name,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


class MongoAdapter:
    """What has its records in MongoDB. Servers may be away when it is opened, and come later."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        """Has the records in the database ``name``."""
        self._client = client
        self._kept = durable(client, name)
        """What was answered is never lost."""
        self._passing = client.get_database(name, write_concern=WriteConcern(w=1))
        """What is told again soon: no need to wait for other servers' disks."""
        self._preparing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, name: str, *, later: bool = False) -> Self:
        """The database ``name`` on the servers at ``url``; ``later`` is whether they may be away
        now.

        Raises:
            Unavailable: no server answers, or the URL is none.
        """
        adapter = cls(client_of(url), name)
        if later:
            adapter._preparing = asyncio.create_task(adapter._prepare_later())
            return adapter
        try:
            await adapter._begin()
        except BaseException:
            await adapter._client.close()
            raise
        return adapter

    async def _begin(self) -> None:
        """Finds out that a server answers, and prepares it."""
        async with translating():
            await self._kept.command("ping")
            with pymongo.timeout(INDEXED_WITHIN):
                await self._prepare()

    async def _prepare(self) -> None:
        """Makes the indexes, where there are any."""

    async def _prepare_later(self) -> None:
        while True:
            try:
                await self._begin()
                return
            except NearcastError as error:
                _log.debug("the database cannot be prepared yet", reason=str(error))
                await asyncio.sleep(PREPARE_AGAIN)

    async def close(self) -> None:
        """Ends the connections."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)
        try:
            async with asyncio.timeout(GOODBYE_WITHIN):
                await self._client.close()
        except TimeoutError:
            # It has forgotten the sessions that it could not end, and has only to let go.
            await self._client.close()


@asynccontextmanager
async def translating() -> AsyncIterator[None]:
    """Tells the driver's errors as ours, and cancellations that it has swallowed: it retries an
    operation that was cut off by one at times, or fails with an error of its own.

    Raises:
        StorageFull: the server has no space left.
        Unavailable: the server does not answer, or with another error.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except PyMongoError as error:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise _translated(error) from error
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


async def read(cursor: AsyncCursor[T]) -> list[T]:
    """All that ``cursor`` finds, of which there are not too many for one cursor.

    Each batch may take as long as an operation: the driver's ``to_list`` gives that to all of them
    together. Raises as ``translating``.
    """
    async with translating():
        return [each async for each in cursor.batch_size(AT_ONCE)]


async def pages(
    collection: AsyncCollection[Document], wanted: Document, by: str = "_id"
) -> AsyncIterator[list[Document]]:
    """What ``wanted`` finds, however much, in portions that each are a request of its own: both the
    driver and the server end a cursor that takes longer than an operation may, all its batches
    together.

    Args:
        collection: where to look.
        wanted: what to look for.
        by: a member that all have; the order is by it and by ``_id``, of which there is an index.

    Raises:
        Unavailable: the server does not answer, or with another error.
    """
    which, order = wanted, dict.fromkeys((by, "_id"), 1)
    while True:
        async with translating():
            found = collection.find(which, batch_size=AT_ONCE).sort(order).limit(AT_ONCE)
            page = await found.to_list()
        yield page
        if len(page) < AT_ONCE:
            return
        last = page[-1]
        later: list[Document] = [{by: {"$gt": last[by]}}]
        if by != "_id":
            later.append({by: last[by], "_id": {"$gt": last["_id"]}})
        which = {"$and": [wanted, {"$or": later}]} if wanted else {"$or": later}


def _translated(error: Exception) -> Unavailable | StorageFull:
    if getattr(error, "code", None) == _OUT_OF_DISK_SPACE:
        return StorageFull(where="MongoDB")
    # The driver's message goes on with the whole topology: the first clause says what happened.
    return Unavailable(what="MongoDB", reason=str(error).split(",")[0].strip()[:200])
