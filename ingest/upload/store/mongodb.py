"""Uploads in MongoDB: a collection of uploads and one of what credentials use.

Each write touches one document, so no transaction is needed and a single server serves as well as a
replica set.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.service.mongodb import Document, client_of, durable, translating
from ingest.upload.quota import QuotaSettings, Usage, fits
from ingest.upload.record import Upload


class MongoUploadStore:
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._client = client
        database = durable(client, name)
        self._uploads: AsyncCollection[Document] = database["uploads"]
        self._usage: AsyncCollection[Document] = database["upload_usage"]

    @classmethod
    async def open(cls, url: str, name: str) -> "MongoUploadStore":
        """The database ``name`` on the servers at ``url``, its indexes made when missing.

        Raises:
            Unavailable: no server answers, or the URL is none.
        """
        client = client_of(url)
        store = cls(client, name)
        try:
            async with translating():
                await store._uploads.create_index([("due_at", ASCENDING)])
                await store._usage.create_index([("day", ASCENDING)])
        except BaseException:
            await client.close()
            raise
        return store

    async def add(self, upload: Upload) -> None:
        """See the port."""
        async with translating():
            try:
                await self._uploads.insert_one(_document(upload))
            except DuplicateKeyError:
                return

    async def upload(self, upload_id: str) -> Upload | None:
        """See the port."""
        async with translating():
            found = await self._uploads.find_one({"_id": upload_id})
        return _record(found) if found else None

    async def swap(self, old: Upload, new: Upload) -> bool:
        """See the port."""
        async with translating():
            result = await self._uploads.replace_one(_same(old), _document(new))
        return result.modified_count == 1

    async def remove(self, old: Upload) -> bool:
        """See the port."""
        async with translating():
            result = await self._uploads.delete_one(_same(old))
        return result.deleted_count == 1

    async def due(self, now: float, limit: int) -> tuple[Upload, ...]:
        """See the port."""
        async with translating():
            found = self._uploads.find({"due_at": {"$lte": now}})
            cursor = found.sort("due_at", ASCENDING).limit(limit)
            return tuple([_record(document) async for document in cursor])

    async def charge(self, owner: str, day: int, wanted: Usage, quota: QuotaSettings) -> bool:
        """See the port."""
        if not fits(quota, Usage(), wanted):
            return False
        room = {
            "uploads": {"$lte": quota.uploads_per_day - wanted.uploads},
            "size": {"$lte": int(quota.bytes_per_day) - wanted.size},
        }
        change = {"$inc": {"uploads": wanted.uploads, "size": wanted.size}, "$set": {"day": day}}
        async with translating():
            # Without room nothing is found, and what is then to be inserted is there already; but
            # so it is for the slower of two who make the day's first charge, who tries again.
            for _ in range(2):
                try:
                    await self._usage.update_one(
                        {"_id": _account(owner, day)} | room, change, upsert=True
                    )
                except DuplicateKeyError:
                    continue
                return True
        return False

    async def refund(self, owner: str, day: int, given_back: Usage) -> None:
        """See the port."""
        left = {
            name: {"$max": [0, {"$subtract": [f"${name}", amount]}]}
            for name, amount in (("uploads", given_back.uploads), ("size", given_back.size))
        }
        async with translating():
            await self._usage.update_one({"_id": _account(owner, day)}, [{"$set": left}])

    async def usage(self, owner: str, day: int) -> Usage:
        """See the port."""
        async with translating():
            found = await self._usage.find_one({"_id": _account(owner, day)})
        return Usage(found["uploads"], found["size"]) if found else Usage()

    async def forget_usage(self, before: int) -> None:
        """See the port."""
        async with translating():
            await self._usage.delete_many({"day": {"$lt": before}})

    async def close(self) -> None:
        """See the port."""
        await self._client.close()


def _account(owner: str, day: int) -> str:
    return f"{day} {owner}"


def _same(upload: Upload) -> Document:
    return {"_id": upload.upload_id, "revision": upload.revision}


def _document(upload: Upload) -> Document:
    return {"_id": upload.upload_id, **msgspec.to_builtins(upload)}


def _record(document: Mapping[str, Any]) -> Upload:
    return msgspec.convert(document, Upload)
