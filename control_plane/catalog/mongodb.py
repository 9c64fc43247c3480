"""The catalog in MongoDB, for control planes on many machines.

Every write touches one document, so a single server serves as well as a replica set. Records are
kept as documents, not as text, so that an operator can query them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

import msgspec
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.errors import Unavailable
from common.messages import (
    Heartbeat,
    HeldPackage,
    Holdings,
    MessageInvalid,
    PackageAnnouncement,
)
from common.service.mongodb import Document, MongoAdapter, pages, read, translating
from control_plane.catalog.port import PackageConflict
from control_plane.catalog.records import (
    Counts,
    EdgeRecord,
    Package,
    Pin,
    Removal,
    Tombstone,
)

T = TypeVar("T")


class MongoCatalog(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        super().__init__(client, name)
        self._packages: AsyncCollection[Document] = self._kept["packages"]
        self._pins: AsyncCollection[Document] = self._kept["pins"]
        self._removals: AsyncCollection[Document] = self._kept["removals"]
        self._edges: AsyncCollection[Document] = self._passing["edges"]
        self._holdings: AsyncCollection[Document] = self._passing["holdings"]
        self._undecoded_holdings = self._holdings.with_options(
            codec_options=CodecOptions(document_class=RawBSONDocument)
        )

    async def _prepare(self) -> None:
        for keys in (["done_at"], ["at"], ["asset_id", "at"]):
            await self._removals.create_index(keys)
        await self._packages.create_index({"published_at": 1, "_id": 1})

    async def publish(self, announcement: PackageAnnouncement, now: float) -> Package:
        """See the port."""
        name = f"{announcement.asset_id}/{announcement.version}"
        package = Package(announcement, now)
        document = {"_id": name, **msgspec.to_builtins(package)}

        known = _record(await _inserted(self._packages, document), Package)
        if known.announcement.manifest_sha256 != announcement.manifest_sha256:
            raise PackageConflict(asset_id=announcement.asset_id, version=announcement.version)
        return known

    async def package(self, asset_id: str, version: str) -> Package | None:
        """See the port."""
        found = await _asked(lambda: self._packages.find_one({"_id": f"{asset_id}/{version}"}))
        return _record(found, Package) if found else None

    async def packages(self, *, since: float = 0.0) -> AsyncIterator[Sequence[Package]]:
        """See the port."""
        # Those that have no such time are none of this release, which reading them tells.
        wanted = {"published_at": {"$gte": since}} if since > 0 else {}
        async for page in pages(self._packages, wanted, "published_at"):
            yield [_record(each, Package) for each in page]

    async def counts(self) -> Counts:
        """See the port."""
        summed = {"$group": {"_id": None, "pins": {"$sum": "$number"}}}
        # A server counts what no majority has yet, and lets nobody read that. In a session, what is
        # read after something waits for it: with the pins, all that was counted can be read.
        async with translating(), self._client.start_session(causal_consistency=True) as session:
            packages, removals = [
                (await self._kept.command("count", each.name, session=session))["n"]
                for each in (self._packages, self._removals)
            ]
            found = await (await self._pins.aggregate([summed], session=session)).to_list()
        return Counts(packages, int(found[0]["pins"]) if found else 0, removals)

    async def pin(self, pin: Pin) -> Pin:
        """See the port."""
        record = msgspec.to_builtins(pin)
        del record["number"]
        change = {"$set": record, "$inc": {"number": 1}}
        found = await _asked(
            lambda: self._pins.find_one_and_update(
                {"_id": pin.asset_id},
                change,
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        )
        return _record(found, Pin)

    async def pins(self) -> tuple[Pin, ...]:
        """See the port."""
        found = await read(self._pins.find())
        return tuple(_record(document, Pin) for document in found)

    async def add_removal(self, removal: Removal) -> None:
        """See the port."""
        document = {"_id": removal.removal_id, **msgspec.to_builtins(removal)}

        await _inserted(self._removals, document)

    async def tombstones(self) -> tuple[Tombstone, ...]:
        """See the port."""
        shown = ["removal_id", "asset_id", "versions"]
        found = await read(self._removals.find({}, shown))
        return tuple(_record(document, Tombstone) for document in found)

    async def open_removals(self) -> tuple[Removal, ...]:
        """See the port."""
        return await self._found({"done_at": None}, 1)

    async def removals(self, *, limit: int) -> tuple[Removal, ...]:
        """See the port."""
        return await self._found({}, -1, limit)

    async def removal(self, removal_id: str) -> Removal | None:
        """See the port."""
        return next(iter(await self._found({"_id": removal_id}, 1)), None)

    async def removal_of(self, asset_id: str, versions: Collection[str]) -> Removal | None:
        """See the port."""
        wanted = {"asset_id": asset_id, "versions": {"$in": list(versions)}}
        return next(iter(await self._found(wanted, -1, 1)), None)

    async def _found(self, wanted: Document, order: int, limit: int = 0) -> tuple[Removal, ...]:
        cursor = self._removals.find(wanted).sort("at", order).limit(limit)
        found = await _asked(cursor.to_list)
        return tuple(_record(document, Removal) for document in found)

    async def confirm_edge(self, removal_id: str, edge_id: str, now: float) -> None:
        """See the port."""
        name = f"edges.{edge_id}"
        await self._change({"_id": removal_id, name: {"$exists": False}}, {"$set": {name: now}})

    async def confirm_origin(self, removal_id: str, deleted: int, emptied_at: float | None) -> None:
        """See the port."""
        first = {"$ifNull": ["$emptied_at", emptied_at]}
        total = {"$add": ["$deleted", deleted]}
        await self._change({"_id": removal_id}, [{"$set": {"deleted": total, "emptied_at": first}}])

    async def finish_removal(self, removal_id: str, now: float) -> None:
        """See the port."""
        await self._change({"_id": removal_id, "done_at": None}, {"$set": {"done_at": now}})

    async def _change(self, which: Document, change: Document | list[Document]) -> None:
        await _asked(lambda: self._removals.update_one(which, change))

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
        beats = await read(self._edges.find())
        return tuple(
            EdgeRecord(_record(document.get("heartbeat"), Heartbeat), document.get("heard_at", 0.0))
            for document in beats
        )

    async def holdings(self, known: Mapping[str, str | None]) -> tuple[Holdings, ...]:
        """See the port."""
        if not known:
            return ()
        wanted = {"$or": [{"_id": name, "revision": {"$ne": told}} for name, told in known.items()]}
        found = await read(self._undecoded_holdings.find(wanted))
        return await asyncio.to_thread(lambda: tuple(map(_holdings, found)))


async def _inserted(collection: AsyncCollection[Document], document: Document) -> Document:
    """What is kept under a document's name: that, or what was there before.

    Raises:
        Unavailable: it cannot be told whether a majority of the servers has it.
    """
    async with translating():
        try:
            await collection.insert_one(document)
        except DuplicateKeyError:
            known = await collection.find_one({"_id": document["_id"]})
            if known is None:
                reason = "few of its servers have the record yet"
                raise Unavailable(what="MongoDB", reason=reason) from None
            return known
        return document


async def _asked(operation: Callable[[], Awaitable[T]]) -> T:
    async with translating():
        return await operation()


def _record(document: Document | None, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise MessageInvalid(message=kind.__name__, reason=str(error)) from error


def _holdings(document: RawBSONDocument) -> Holdings:
    """For a thread. One package after the other: while one is decoded, no other thread runs."""
    told = {**document}
    packages = told.get("packages")
    if isinstance(packages, list):
        told["packages"] = [_record({**package}, HeldPackage) for package in packages]
    return _record(told, Holdings)
