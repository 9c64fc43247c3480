"""Receiving a file in one request: its bytes go to the object store as they come.

The order makes the promise: the source is durable, then the job is, then the client is told. A
crash between the two leaves a source that no job names, which the sweep finds.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable

from aiohttp import StreamReader

from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs.identifiers import RANDOM_BYTES, make_identifier
from ingest.jobs.model import Job, Source, new_job
from ingest.jobs.store import JobStore
from ingest.upload.admission import Admission
from ingest.upload.body import Body
from ingest.upload.errors import UploadEmpty, UploadTooLarge
from ingest.upload.finishing import Finisher
from ingest.upload.record import source_prefix
from ingest.upload.request import UploadRequest
from origin.store import ObjectStore

CHARGED_AT_ONCE = 64 * 1024 * 1024
"""Bytes that a credential is charged for ahead, where it does not tell how many will come."""


class Receiver:
    """Takes uploads in."""

    def __init__(
        self,
        objects: ObjectStore,
        jobs: JobStore,
        finisher: Finisher,
        admission: Admission,
        clock: Clock,
        *,
        stall_timeout: float,
        observe: Callable[[int], None],
    ) -> None:
        """``stall_timeout`` in seconds; ``observe`` counts bytes received."""
        self._objects = objects
        self._jobs = jobs
        self._finisher = finisher
        self._admission = admission
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._observe = observe

    async def receive(
        self, request: UploadRequest, owner: str, stream: StreamReader, content_length: int | None
    ) -> Job:
        """The job of the upload whose bytes ``stream`` brings; source and job are durable.

        ``owner`` is the name of the credential that sends it.

        Raises:
            QuotaExceeded: ``owner`` may not upload so much today.
            UploadCutOff: the content ended before its Content-Length or its last chunk.
            UploadEmpty: it has no bytes.
            UploadStalled: nothing came for too long.
            UploadTooLarge: it has more bytes than the limit.
            StorageFull: no space is left.
            Unavailable: object store or database are away. Whatever is raised, nothing stays.
        """
        body = Body(
            stream,
            room=request.limit,
            too_large=lambda: UploadTooLarge(limit=request.limit),
            expected=content_length,
            stall_timeout=self._stall_timeout,
            observe=self._observe,
        )
        account = _Account(self._admission, owner, self._clock.now())
        await account.open(content_length or 0)
        kept = 0
        try:
            if not await body.more():
                raise body.failure or UploadEmpty()
            job = await self._keep(request, owner, account.charged_for(body))
            kept = job.source.size
        finally:
            self._finisher.follow(account.close(kept))
        self._finisher.begin(job.job_id)
        return job

    async def _keep(self, request: UploadRequest, owner: str, content: AsyncIterator[bytes]) -> Job:
        now = self._clock.now()
        job_id, asset_id, version = (self._identifier(now) for _ in range(3))
        try:
            source = await self._objects.put(
                source_prefix(job_id) + "source", content, content_type=request.content_type
            )
            job = new_job(
                job_id=job_id,
                asset_id=asset_id,
                version=version,
                owner=owner,
                profile=request.profile,
                title=request.title,
                source=Source((source.key,), source.size, source.sha256, request.filename),
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

    @staticmethod
    def _identifier(now: float) -> str:
        return make_identifier(now, os.urandom(RANDOM_BYTES))


class _Account:
    """What a credential is charged for one upload."""

    def __init__(self, admission: Admission, owner: str, now: float) -> None:
        self._admission = admission
        self._owner = owner
        self._opened_at = now
        self._charged = 0

    async def open(self, size: int) -> None:
        """Charges the upload, and ``size`` bytes.

        Raises:
            QuotaExceeded: the day has no room for them.
        """
        await self._admission.charge(self._owner, uploads=1, size=size)
        self._charged = size

    async def charged_for(self, body: Body) -> AsyncIterator[bytes]:
        """What ``body`` brings, charged as it comes.

        Raises:
            NearcastError: the body's failure.
            QuotaExceeded: the day has no room for more.
        """
        async for data in body.everything():
            if body.received > self._charged:
                await self._admission.charge(self._owner, uploads=0, size=CHARGED_AT_ONCE)
                self._charged += CHARGED_AT_ONCE
            yield data

    async def close(self, kept: int) -> None:
        """Gives back what was charged for more than ``kept`` bytes."""
        await self._admission.refund(
            self._owner, charged_at=self._opened_at, size=self._charged - kept
        )
