"""The log of purges in MongoDB, for control planes on many machines.

A purge's number is its ``_id``. Whoever writes takes the number after the last, and the next one
when another was faster: so there are no gaps, and no lock that a dead writer could leave.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from common.messages import MessageInvalid
from common.service.mongodb import Document, MongoAdapter, translating
from control_plane.purge.records import PurgeRecord

T = TypeVar("T")

_DUPLICATE_KEY: Final = 11000


class MongoPurgeLog(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        super().__init__(client, name)
        self._purges: AsyncCollection[Document] = self._kept["purges"]

    async def _prepare(self) -> None:
        await self._purges.create_index(["purge_id"])

    async def append(self, purges: Sequence[PurgeRecord]) -> tuple[PurgeRecord, ...]:
        """See the port."""
        numbered: list[PurgeRecord] = []
        while len(numbered) < len(purges):
            first = await self.head() + 1
            left = [
                msgspec.structs.replace(purge, sequence=number)
                for number, purge in enumerate(purges[len(numbered) :], first)
            ]
            numbered += left[: await self._insert(left)]
        return tuple(numbered)

    async def _insert(self, purges: Sequence[PurgeRecord]) -> int:
        """Writes ``purges`` up to the first whose number is taken; how many."""
        documents = [_document(purge) for purge in purges]

        async def insert() -> int:
            try:
                await self._purges.insert_many(documents, ordered=True)
            except BulkWriteError as error:
                if {each["code"] for each in error.details["writeErrors"]} != {_DUPLICATE_KEY}:
                    raise
                # What was written counts once a majority has it.
                if error.details["writeConcernErrors"]:
                    raise
                return int(error.details["nInserted"])
            return len(documents)

        return await _asked(insert)

    async def since(self, sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        """See the port."""
        return await self._found({"_id": {"$gt": sequence}}, ASCENDING, limit)

    async def head(self) -> int:
        """See the port."""
        cursor = self._purges.find({}, ["_id"]).sort("_id", DESCENDING).limit(1)
        found = await _asked(cursor.to_list)
        return int(found[0]["_id"]) if found else 0

    async def recent(self, *, limit: int) -> tuple[PurgeRecord, ...]:
        """See the port."""
        return await self._found({}, DESCENDING, limit)

    async def purge(self, purge_id: str) -> PurgeRecord | None:
        """See the port."""
        return next(iter(await self._found({"purge_id": purge_id}, ASCENDING, 1)), None)

    async def trim(self, *, keep: int, before: float) -> None:
        """See the port."""
        head = await self.head()
        young = await self._found({"at": {"$gte": before}}, ASCENDING, 1)
        first = young[0].sequence if young else head
        below = min(head, max(first, head - keep + 1))
        await _asked(lambda: self._purges.delete_many({"_id": {"$lt": below}}))

    async def _found(self, wanted: Document, order: int, limit: int) -> tuple[PurgeRecord, ...]:
        cursor = self._purges.find(wanted).sort("_id", order).limit(limit)
        return tuple(_record(document) for document in await _asked(cursor.to_list))


async def _asked(operation: Callable[[], Awaitable[T]]) -> T:
    async with translating():
        return await operation()


def _document(purge: PurgeRecord) -> Document:
    document: Document = msgspec.to_builtins(purge)
    document["_id"] = document.pop("sequence")
    return document


def _record(document: Document) -> PurgeRecord:
    try:
        return msgspec.convert({**document, "sequence": document["_id"]}, PurgeRecord)
    except msgspec.ValidationError as error:
        raise MessageInvalid(message=PurgeRecord.__name__, reason=str(error)) from error
