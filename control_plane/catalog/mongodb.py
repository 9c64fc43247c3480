"""The catalog in MongoDB, for control planes on many machines.

Every write touches one document, so a single server serves as well as a replica set. Records are
kept as documents, not as text, so that an operator can query them.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import msgspec
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from common.messages import Heartbeat, Holdings, MessageInvalid, PackageAnnouncement
from common.service.mongodb import Document, client_of, durable, translating
from control_plane.catalog.port import PackageConflict
from control_plane.catalog.records import EdgeRecord, Package

T = TypeVar("T")


class MongoCatalog:
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._client = client
        # A heartbeat is repeated within a second: no need to wait for other servers' disks.
        passing = client.get_database(name, write_concern=WriteConcern(w=1))
        self._packages: AsyncCollection[Document] = durable(client, name)["packages"]
        self._edges: AsyncCollection[Document] = passing["edges"]
        self._holdings: AsyncCollection[Document] = passing["holdings"]

    @classmethod
    async def open(cls, url: str, name: str) -> "MongoCatalog":
        """The database ``name`` on the servers at ``url``.

        Raises:
            Unavailable: no server answers, or the URL is none.
        """
        client = client_of(url)
        try:
            async with translating():
                await client.admin.command("ping")
        except BaseException:
            await client.close()
            raise
        return cls(client, name)

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """See the port."""
        name = f"{announcement.asset_id}/{announcement.version}"
        package = Package(announcement, now)
        document = {"_id": name, **msgspec.to_builtins(package)}

        async def insert() -> Package:
            try:
                await self._packages.insert_one(document)
            except DuplicateKeyError:
                known = await self._packages.find_one({"_id": name})
                return _record(known, Package)
            return package

        known = await _asked(insert)
        if known.announcement.manifest_sha256 != announcement.manifest_sha256:
            raise PackageConflict(asset_id=announcement.asset_id, version=announcement.version)
        return known

    async def packages(self) -> tuple[Package, ...]:
        """See the port."""
        found = await _asked(lambda: self._packages.find().to_list())
        return tuple(_record(document, Package) for document in found)

    async def package_count(self) -> int:
        """See the port."""
        return await _asked(lambda: self._packages.count_documents({}))

    async def record_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """See the port."""
        document = {"heard_at": now, "heartbeat": msgspec.to_builtins(heartbeat)}
        await _asked(
            lambda: self._edges.replace_one({"_id": heartbeat.edge_id}, document, upsert=True)
        )

    async def record_holdings(self, holdings: Holdings) -> None:
        """See the port."""
        document = msgspec.to_builtins(holdings)
        await _asked(
            lambda: self._holdings.replace_one({"_id": holdings.edge_id}, document, upsert=True)
        )

    async def edges(self) -> tuple[EdgeRecord, ...]:
        """See the port."""
        beats = await _asked(lambda: self._edges.find().to_list())
        return tuple(
            EdgeRecord(_record(document.get("heartbeat"), Heartbeat), document.get("heard_at", 0.0))
            for document in beats
        )

    async def holdings(self, edge_ids: Collection[str]) -> tuple[Holdings, ...]:
        """See the port."""
        wanted = {"_id": {"$in": list(edge_ids)}}
        found = await _asked(lambda: self._holdings.find(wanted).to_list())
        return tuple(_record(document, Holdings) for document in found)

    async def close(self) -> None:
        """See the port."""
        await self._client.close()


async def _asked(operation: Callable[[], Awaitable[T]]) -> T:
    async with translating():
        return await operation()


def _record(document: Document | None, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise MessageInvalid(message=kind.__name__, reason=str(error)) from error
