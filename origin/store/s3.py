"""The object store in an S3 bucket.

The SHA-256 of an object stands in its user metadata wherever it was known before the first byte
went out; then the entity tag is made from it, so that it is the same as the folder adapter's.

That a key is written once rests on ``If-None-Match: *``, which S3 and most of its kin check at the
moment of the write. Where a server does not, two writers of other bytes at the very same moment may
both succeed; the bytes of one of them stay, whole.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from common.errors import Unavailable
from common.http import parse_http_date
from origin.store.media_types import UNKNOWN
from origin.store.port import (
    DigestMismatch,
    KeyInvalid,
    ListedObject,
    ObjectExists,
    ObjectInfo,
    ObjectUnknown,
    check_key,
    check_prefix,
)
from origin.store.s3_direct import DirectUploads
from origin.store.s3_read import Reading
from origin.store.s3_upload import DIGEST_FIELD, MultipartUpload, abort, parts_of
from origin.store.s3_wire import Refused, Request, S3Wire

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
PAGE: Final = 1000
"""Objects in one answer to a listing."""

_DELETED_AT_ONCE: Final = 16
_ABANDONED_AFTER: Final = 48 * 3600.0


class S3Store:
    """Keeps objects in a bucket that any number of processes and machines may share."""

    def __init__(self, wire: S3Wire) -> None:
        self._wire = wire
        self.direct = DirectUploads(wire)

    async def put(
        self,
        key: str,
        chunks: AsyncIterable[bytes],
        *,
        content_type: str,
        sha256: str | None = None,
    ) -> ObjectInfo:
        """See ``ObjectStore.put``."""
        check_key(key)
        known = await self._find(key)
        if known is not None:
            return await self._unchanged(known, sha256 or await _digest_of(chunks))
        try:
            actual = await self._put_new(key, chunks, content_type, sha256)
        except _Taken as taken:
            known = await self._find(key)
            if known is None:
                raise Unavailable(what=self._wire.where, reason=str(taken.__cause__)) from taken
            return await self._unchanged(known, taken.sha256)
        written = await self.head(key)
        # Not every server heeds If-None-Match to the last: one that let two writers through.
        if written.sha256 not in {None, actual}:
            raise ObjectExists(key=key)
        return dataclasses.replace(written, sha256=actual)

    async def _put_new(
        self, key: str, chunks: AsyncIterable[bytes], content_type: str, sha256: str | None
    ) -> str:
        async with contextlib.aclosing(parts_of(chunks)) as parts:
            first, whole = await anext(parts)
            if whole:
                return await self._put_single(key, first, content_type, sha256)
            async with MultipartUpload(self._wire, key, content_type, sha256) as upload:
                await upload.send(first)
                # An upload holds one part in memory at a time.
                del first
                async for part, _ in parts:
                    await upload.send(part)
                    del part
                return await self._complete(upload, key, sha256)

    async def _put_single(
        self, key: str, body: bytearray, content_type: str, sha256: str | None
    ) -> str:
        actual = (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()
        if sha256 not in {None, actual}:
            raise DigestMismatch(key=key, actual=actual, expected=sha256)
        fields = {"Content-Type": content_type, DIGEST_FIELD: actual, "If-None-Match": "*"}
        try:
            await self._wire.call(Request("PUT", key, headers=fields, body=body))
        except Refused as error:
            raise _Taken(actual) from error
        return actual

    async def _complete(self, upload: MultipartUpload, key: str, sha256: str | None) -> str:
        actual = upload.sha256()
        if sha256 not in {None, actual}:
            raise DigestMismatch(key=key, actual=actual, expected=sha256)
        # Servers heed If-None-Match here less often than when an object comes in one piece.
        if await self._find(key) is not None:
            raise _Taken(actual)
        try:
            await upload.complete()
        except Refused as error:
            raise _Taken(actual) from error
        return actual

    async def head(self, key: str) -> ObjectInfo:
        """See ``ObjectStore.head``."""
        check_key(key)
        try:
            reply = await self._wire.call(Request("HEAD", key))
        except Refused as error:
            raise ObjectUnknown(key=key) from error
        return _info(key, reply.headers)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See ``ObjectStore.read``. A connection that is lost midway is resumed."""
        check_key(key)
        if length == 0:
            await self.head(key)
            return
        reading = Reading(self._wire, key, start, length)
        try:
            while piece := await reading.next_piece():
                yield piece
        finally:
            reading.close()

    async def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ListedObject, None]:
        """See ``ObjectStore.list``."""
        check_prefix(prefix, empty=True)
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url", "max-keys": str(PAGE)}
        if after:
            query["start-after"] = after
        while True:
            reply = await self._of_bucket(query, "ListObjectsV2")
            for entry in reply.get("Contents", ()):
                listed = ListedObject(unquote_plus(entry["Key"]), int(entry["Size"]))
                if _is_key(listed.key):
                    yield listed
            if not reply.get("IsTruncated"):
                return
            query["continuation-token"] = reply["NextContinuationToken"]

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        with contextlib.suppress(Refused):
            await self._wire.call(Request("DELETE", key))

    async def delete_prefix(self, prefix: str) -> int:
        """See ``ObjectStore.delete_prefix``."""
        check_prefix(prefix, empty=False)
        keys = [listed.key async for listed in self.list(prefix)]
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            await asyncio.gather(*map(self.delete, keys[start : start + _DELETED_AT_ONCE]))
        return len(keys)

    async def free_abandoned(self, *, now: float) -> int:
        """Aborts uploads that began two days before ``now``: their writers are dead.

        Returns:
            How many there were, of the first thousand that are under way.
        """
        reply = await self._of_bucket({"uploads": ""}, "ListMultipartUploads")
        abandoned = [
            upload
            for upload in reply.get("Uploads", ())
            if upload["Initiated"].timestamp() < now - _ABANDONED_AFTER
        ]
        for upload in abandoned:
            await abort(self._wire, upload["Key"], upload["UploadId"])
        return len(abandoned)

    async def _of_bucket(self, query: Mapping[str, str], operation: str) -> Mapping[str, Any]:
        try:
            reply = await self._wire.call(Request("GET", query=query, operation=operation))
        except Refused as error:
            raise Unavailable(what=self._wire.where, reason=str(error)) from error
        return reply.members

    async def _find(self, key: str) -> ObjectInfo | None:
        try:
            return await self.head(key)
        except ObjectUnknown:
            return None

    async def _unchanged(self, known: ObjectInfo, sha256: str) -> ObjectInfo:
        # Without a digest of its own, the object has to be read to be compared.
        actual = known.sha256 or await _digest_of(self.read(known.key))
        if actual != sha256:
            raise ObjectExists(key=known.key)
        return dataclasses.replace(known, sha256=actual)


class _Taken(Exception):
    """Another writer was faster with the key; ours would have had this digest."""

    def __init__(self, sha256: str) -> None:
        super().__init__()
        self.sha256 = sha256


async def _digest_of(chunks: AsyncIterable[bytes]) -> str:
    digest = hashlib.sha256()
    async for chunk in chunks:
        await asyncio.to_thread(digest.update, chunk)
    return digest.hexdigest()


def _is_key(name: str) -> bool:
    """Whether it is ours: others may put what they like into the bucket."""
    try:
        check_key(name)
    except KeyInvalid:
        return False
    return True


def _info(key: str, fields: Mapping[str, str]) -> ObjectInfo:
    sha256 = fields.get(DIGEST_FIELD, "")
    known = _SHA256.fullmatch(sha256) is not None
    now = time.time()
    return ObjectInfo(
        key=key,
        size=int(fields["Content-Length"]),
        content_type=fields.get("Content-Type", UNKNOWN),
        etag=f'"{sha256}"' if known else fields["ETag"],
        last_modified=parse_http_date(fields.get("Last-Modified", ""), now=now) or int(now),
        sha256=sha256 if known else None,
    )
