"""Receiving an upload: its bytes go to the object store as they come; memory stays small.

The order makes the promise: the source is durable, then the job is, then the client is told. A
crash between the two leaves a source that no job names, which ``orphans`` finds.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import StreamReader

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs.identifiers import RANDOM_BYTES, made_at, make_identifier
from ingest.jobs.model import Job, Source, new_job
from ingest.jobs.store import JobStore
from ingest.upload.errors import UploadCutOff, UploadEmpty, UploadStalled, UploadTooLarge
from ingest.upload.request import UploadRequest
from origin.store import ObjectStore

PIECE = 1024 * 1024
"""Bytes handed to the store at once: large enough that threads are not what costs."""

PREFIX = "uploads/"
"""Where sources lie in the object store."""

ORPHAN_AFTER = 24 * 3600.0
"""Seconds after which a source without a job cannot be an upload that still runs."""

_CUT_OFF: Final = (
    aiohttp.ClientError,
    aiohttp.http.HttpProcessingError,
    ConnectionError,
    # What a stream says that is asked for more after its connection is gone.
    RuntimeError,
)

_log = logs.get(__name__)


def source_prefix(job_id: str) -> str:
    """The prefix of all that an upload keeps in the object store."""
    return f"{PREFIX}{job_id}/"


def prefix_of(key: str) -> str:
    """The prefix of all that the upload of which ``key`` is a part keeps there."""
    return source_prefix(key.removeprefix(PREFIX).partition("/")[0])


@dataclass
class _Counted:
    """The bytes of a body as they pass: counted, bounded in number and in time, hashed."""

    body: StreamReader
    limit: int
    stall_timeout: float
    observe: Callable[[int], None]
    expected: int | None

    def __post_init__(self) -> None:
        self.received = 0
        self.digest = hashlib.sha256()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body in pieces.

        Raises:
            UploadCutOff: it ended before its Content-Length or its last chunk.
            UploadEmpty: it has no bytes.
            UploadStalled: nothing came for too long.
            UploadTooLarge: it has more bytes than the limit.
        """
        held = bytearray()
        while part := await self._part():
            held += part
            if len(held) >= PIECE:
                yield await self._passed(held)
                held = bytearray()
        if held:
            yield await self._passed(held)
        if self.expected is not None and self.received < self.expected:
            raise UploadCutOff(received=self.received)
        if not self.received:
            raise UploadEmpty

    async def _part(self) -> bytes:
        try:
            async with asyncio.timeout(self.stall_timeout):
                part = await self.body.readany()
        except TimeoutError as error:
            raise UploadStalled(seconds=self.stall_timeout) from error
        except _CUT_OFF as error:
            raise UploadCutOff(received=self.received) from error
        self.received += len(part)
        self.observe(len(part))
        if self.received > self.limit:
            raise UploadTooLarge(limit=self.limit)
        return part

    async def _passed(self, held: bytearray) -> bytes:
        piece = bytes(held)
        await asyncio.to_thread(self.digest.update, piece)
        return piece


class Receiver:
    """Takes uploads in."""

    def __init__(
        self,
        objects: ObjectStore,
        jobs: JobStore,
        clock: Clock,
        *,
        limit: int,
        stall_timeout: float,
        observe: Callable[[int], None],
    ) -> None:
        """``limit`` in bytes, ``stall_timeout`` in seconds; ``observe`` counts bytes received."""
        self._objects = objects
        self._jobs = jobs
        self._clock = clock
        self._limit = limit
        self._stall_timeout = stall_timeout
        self._observe = observe

    async def receive(
        self, request: UploadRequest, owner: str, body: StreamReader, content_length: int | None
    ) -> Job:
        """The job of the upload whose bytes ``body`` brings; source and job are durable.

        ``owner`` is the name of the credential that sends it.

        Raises:
            UploadCutOff, UploadEmpty, UploadStalled, UploadTooLarge: see ``_Counted.pieces``.
            StorageFull: no space is left.
            Unavailable: object store or database are away. Whatever is raised, nothing stays.
        """
        now = self._clock.now()
        job_id, asset_id, version = (self._identifier(now) for _ in range(3))
        key = source_prefix(job_id) + "source"
        counted = _Counted(
            body, self._limit, self._stall_timeout, self._observe, expected=content_length
        )
        try:
            await self._objects.put(key, counted.pieces(), content_type=request.content_type)
            job = new_job(
                job_id=job_id,
                asset_id=asset_id,
                version=version,
                owner=owner,
                profile=request.profile,
                title=request.title,
                source=Source(
                    (key,), counted.received, counted.digest.hexdigest(), request.filename
                ),
                now=self._clock.now(),
            )
            await self._jobs.add_job(job)
        except BaseException:
            await asyncio.shield(self._forget(job_id))
            raise
        return job

    async def _forget(self, job_id: str) -> None:
        """Removes what came of an upload that failed, unless the job did become durable."""
        with contextlib.suppress(NearcastError):
            # The answer to the write may be what got lost. A job that exists keeps its source.
            if await self._jobs.job(job_id) is None:
                await self._objects.delete_prefix(source_prefix(job_id))

    async def remove_orphans(self) -> int:
        """Deletes sources that no job names, left by a crash between the two writes.

        Returns:
            How many there were.
        """
        removed = 0
        async for found in self._objects.list(PREFIX):
            job_id = found.key.removeprefix(PREFIX).partition("/")[0]
            made = made_at(job_id)
            if made is None or made > self._clock.now() - ORPHAN_AFTER:
                continue
            if await self._jobs.job(job_id) is None:
                await self._objects.delete_prefix(source_prefix(job_id))
                removed += 1
        if removed:
            _log.info("orphaned uploads removed", count=removed)
        return removed

    @staticmethod
    def _identifier(now: float) -> str:
        return make_identifier(now, os.urandom(RANDOM_BYTES))
