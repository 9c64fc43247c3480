"""Uploads whose bytes go from the client to the S3 server itself, part by part.

What the client promised is held against what the server has before anything becomes a file: the
size of every part, and of the whole.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from common.clock import Clock
from ingest.jobs.identifiers import made_at
from ingest.upload import record
from ingest.upload.admission import Admission
from ingest.upload.errors import (
    DirectUnsupported,
    PartsMissing,
    PartsWrong,
    UploadExpired,
    UploadTooLarge,
    UploadUnknown,
    UploadWhole,
)
from ingest.upload.finishing import Finisher
from ingest.upload.record import Piece, Upload, UploadKind, UploadState, source_key
from ingest.upload.removal import Remover
from ingest.upload.request import UploadRequest
from ingest.upload.store import UploadStore
from origin.store import DirectUploads, ObjectStore, ObjectUnknown

LONGEST_LIFE = 24 * 3600.0
"""Seconds. The store frees uploads that are twice as old and whose writers it takes for dead."""

_MIB = 1024 * 1024
_LEAST_PART = 16 * _MIB
_MOST_PARTS = 1000
"""So that their URLs fit into one answer."""


def part_size(size: int) -> int:
    """Bytes of each part but the last of a file of ``size`` bytes."""
    even = -(-size // _MOST_PARTS)
    return max(_LEAST_PART, -(-even // _MIB) * _MIB)


def part_sizes(size: int) -> list[int]:
    """Bytes of the parts of a file of ``size`` bytes."""
    each = part_size(size)
    return [min(each, size - start) for start in range(0, size, each)]


@dataclass(frozen=True)
class Begun:
    """A direct upload, and where its parts go."""

    upload: Upload
    sizes: list[int]
    urls: list[str]


class Direct:
    """Takes such uploads in."""

    def __init__(
        self,
        objects: ObjectStore,
        direct: DirectUploads | None,
        records: UploadStore,
        finisher: Finisher,
        remover: Remover,
        admission: Admission,
        clock: Clock,
        *,
        lifetime: float,
    ) -> None:
        """``lifetime`` in seconds."""
        self._objects = objects
        self._direct = direct
        self._records = records
        self._finisher = finisher
        self._remover = remover
        self._admission = admission
        self._clock = clock
        self._lifetime = min(lifetime, LONGEST_LIFE)

    async def begin(self, wanted: UploadRequest, owner: str, size: int) -> Begun:
        """A new upload of ``size`` bytes.

        Raises:
            DirectUnsupported: the store is none that clients can write to.
            QuotaExceeded: ``owner`` may not upload so much today.
            StorageFull: no space is left.
            Unavailable: database or store are away.
            UploadTooLarge: it is more than one file may be.
        """
        store = self._store()
        if size > wanted.limit:
            raise UploadTooLarge(limit=wanted.limit)
        await self._admission.charge(owner, uploads=1, size=size)
        upload = record.begun(
            wanted,
            owner,
            size,
            kind=UploadKind.DIRECT,
            now=self._clock.now(),
            lifetime=self._lifetime,
            random=os.urandom(record.RANDOM_OF_UPLOAD),
        )
        key = source_key(upload.upload_id)
        name = await store.begin(key, content_type=wanted.content_type)
        upload = record.sent_directly(upload, name)
        await self._records.add(upload)
        sizes = part_sizes(size)
        urls = await asyncio.to_thread(store.part_urls, key, name, sizes, int(self._lifetime))
        return Begun(upload, sizes, urls)

    async def complete(self, upload_id: str, owner: str, etags: Mapping[int, str]) -> Upload:
        """The upload once its job is made; ``etags`` are those of its parts, by their numbers.

        Raises:
            PartsMissing: a part has not come, or is not the one that ``etags`` tell.
            PartsWrong: a part, or the whole, has another size than was promised; all is deleted.
            StorageFull: no space is left.
            Unavailable: database or store are away.
            UploadExpired, UploadUnknown: there is none any more, or never was.
        """
        upload = await self._known(upload_id, owner)
        if upload.state is UploadState.OPEN:
            upload = await self._received(upload, etags)
        return await self._finisher.finish(upload)

    async def abort(self, upload_id: str, owner: str) -> None:
        """Gives an upload up, and what came of it.

        Raises:
            StorageFull: no space is left.
            Unavailable: database or store are away.
            UploadExpired, UploadUnknown: there is none any more, or never was.
            UploadWhole: its bytes are a job's.
        """
        upload = await self._known(upload_id, owner)
        if upload.state is not UploadState.OPEN:
            raise UploadWhole(upload_id=upload_id)
        await self._remover.remove(upload)

    async def _received(self, upload: Upload, etags: Mapping[int, str]) -> Upload:
        store, key, name = self._store(), source_key(upload.upload_id), upload.multipart_id or ""
        parts = await store.parts(key, name)
        # Without such an upload it was completed before, and the answer to that was lost.
        if parts is not None:
            expected = part_sizes(upload.length)
            for number, size in enumerate(expected, start=1):
                part = parts.get(number)
                if part is None or etags.get(number, "").strip('"') != part.etag:
                    raise PartsMissing(upload_id=upload.upload_id, number=number)
                if part.size != size:
                    await self._remover.remove(upload)
                    raise PartsWrong(number=number, actual=part.size, expected=size)
            told = [parts[number].etag for number in range(1, len(expected) + 1)]
            await store.complete(key, name, told)
        try:
            size = (await self._objects.head(key)).size
        except ObjectUnknown as error:
            raise UploadExpired(upload_id=upload.upload_id) from error
        if size != upload.length:
            await self._remover.remove(upload)
            raise PartsWrong(number="of all", actual=size, expected=upload.length)
        whole = record.extended(
            upload,
            (Piece(key, size),),
            sha256=None,
            now=self._clock.now(),
            lifetime=self._lifetime,
        )
        if await self._records.swap(upload, whole):
            return whole
        # Another request has completed it at the same time.
        return await self._known(upload.upload_id, upload.owner)

    async def _known(self, upload_id: str, owner: str) -> Upload:
        upload = await self._records.upload(upload_id) if made_at(upload_id) else None
        if upload is None or upload.owner != owner or upload.kind is not UploadKind.DIRECT:
            raise UploadUnknown(upload_id=upload_id[:64])
        expired = upload.state is UploadState.OPEN and upload.expires_at <= self._clock.now()
        if expired or upload.state is UploadState.ENDING:
            raise UploadExpired(upload_id=upload_id)
        return upload

    def _store(self) -> DirectUploads:
        if self._direct is None:
            raise DirectUnsupported
        return self._direct
