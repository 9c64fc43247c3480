"""Operators' orders in MongoDB, for control planes on many machines."""

import msgspec
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from common.messages import MessageInvalid
from common.service.mongodb import Document, MongoAdapter, read, translating
from control_plane.standing.port import Standing


class MongoStandings(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        super().__init__(client, name)
        self._standings: AsyncCollection[Document] = self._kept["standings"]

    async def put(self, standing: Standing) -> None:
        """See the port."""
        async with translating():
            await self._standings.replace_one(
                {"_id": standing.edge_id}, msgspec.to_builtins(standing), upsert=True
            )

    async def all(self) -> tuple[Standing, ...]:
        """See the port."""
        found = await read(self._standings.find())
        try:
            return tuple(msgspec.convert(document, Standing) for document in found)
        except msgspec.ValidationError as error:
            raise MessageInvalid(message="Standing", reason=str(error)) from error
