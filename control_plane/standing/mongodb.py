"""Operators' orders in MongoDB, for control planes on many machines."""

import msgspec
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from common.messages import MessageInvalid
from common.service.mongodb import Document, Prepared, client_of, durable, translating
from control_plane.standing.port import Standing


class MongoStandings:
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._prepared = Prepared(client, self._prepare)
        self._standings: AsyncCollection[Document] = durable(client, name)["standings"]

    @classmethod
    async def open(cls, url: str, name: str, *, later: bool = False) -> "MongoStandings":
        """The database ``name`` on the servers at ``url``; ``later`` is whether they may be away
        now.

        Raises:
            Unavailable: no server answers, or the URL is none.
        """
        standings = cls(client_of(url), name)
        if later:
            standings._prepared.later()
        else:
            await standings._prepared.now()
        return standings

    async def _prepare(self) -> None:
        # An order is found by its edge: that a server answers is all there is to prepare.
        await self._standings.database.command("ping")

    async def put(self, standing: Standing) -> None:
        """See the port."""
        async with translating():
            await self._standings.replace_one(
                {"_id": standing.edge_id}, msgspec.to_builtins(standing), upsert=True
            )

    async def all(self) -> tuple[Standing, ...]:
        """See the port."""
        async with translating():
            found = await self._standings.find().to_list()
        try:
            return tuple(msgspec.convert(document, Standing) for document in found)
        except msgspec.ValidationError as error:
            raise MessageInvalid(message="Standing", reason=str(error)) from error

    async def close(self) -> None:
        """See the port."""
        await self._prepared.close()
