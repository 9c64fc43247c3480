"""Operators' documents in MongoDB, for control planes on many machines."""

import msgspec
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from common.messages import MessageInvalid
from common.service.mongodb import Document as Record
from common.service.mongodb import MongoAdapter, read, translating
from control_plane.documents.port import Document


class MongoDocuments(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Record], name: str) -> None:
        super().__init__(client, name)
        self._documents: AsyncCollection[Record] = self._kept["documents"]

    async def _prepare(self) -> None:
        # Adding up revisions reads no bodies.
        await self._documents.create_index([("family", 1), ("revision", 1)])

    async def put(self, document: Document) -> None:
        """See the port."""
        async with translating():
            await self._documents.replace_one(
                {"_id": _key(document.family, document.name)},
                msgspec.structs.asdict(document),
                upsert=True,
            )

    async def delete(self, family: str, name: str) -> bool:
        """See the port."""
        async with translating():
            done = await self._documents.delete_one({"_id": _key(family, name)})
        return done.deleted_count > 0

    async def state(self, family: str) -> int:
        """See the port."""
        adding: list[Record] = [
            {"$match": {"family": family}},
            {"$group": {"_id": None, "state": {"$sum": "$revision"}}},
        ]
        async with translating():
            found = await (await self._documents.aggregate(adding)).to_list()
        return int(found[0]["state"]) if found else 0

    async def all(self, family: str) -> tuple[Document, ...]:
        """See the port."""
        found = await read(self._documents.find({"family": family}))
        try:
            return tuple(msgspec.convert(record, Document) for record in found)
        except msgspec.ValidationError as error:
            raise MessageInvalid(message="Document", reason=str(error)) from error


def _key(family: str, name: str) -> str:
    return f"{family}/{name}"
