"""From an upload whose bytes are safe to its job; again and again until it is there.

The order makes the promise: the bytes are durable, the record says that they are all, the job is
made, the client is told. Whatever a crash leaves between is made good by the next request for the
upload, or by the sweep.
"""

import asyncio
from collections.abc import Awaitable, Callable

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs.store import JobStore
from ingest.upload import record
from ingest.upload.errors import PartUnfit
from ingest.upload.record import Upload, UploadKind, UploadState
from ingest.upload.store import UploadStore

_log = logs.get(__name__)


class Finisher:
    """Makes the jobs of uploads that are whole."""

    def __init__(
        self,
        records: UploadStore,
        jobs: JobStore,
        clock: Clock,
        *,
        lifetime: float,
        accepted: Callable[[str], Awaitable[None]],
    ) -> None:
        """``accepted`` is called with each new job's id; nobody waits for it."""
        self._records = records
        self._jobs = jobs
        self._clock = clock
        self._lifetime = lifetime
        self._accepted = accepted
        self._following: set[asyncio.Task[None]] = set()

    async def finish(self, upload: Upload) -> Upload:
        """The upload as it is once its job is durable; one of another state stays as it is.

        Raises:
            PartUnfit: another upload was faster to join one of its parts; it is gone then.
            StorageFull: no space is left.
            Unavailable: the database is away.
        """
        if upload.state is not UploadState.RECEIVED or upload.kind is UploadKind.PARTIAL:
            return upload
        if upload.kind is UploadKind.FINAL:
            await self._take_parts(upload)
        now = self._clock.now()
        await self._jobs.add_job(record.job_of(upload, now=now))
        finished = record.done(upload, now=now, lifetime=self._lifetime)
        self.follow(self._settle(upload, finished))
        return finished

    async def _settle(self, upload: Upload, finished: Upload) -> None:
        await self._accepted(upload.upload_id)
        await self._records.swap(upload, finished)

    def begin(self, job_id: str) -> None:
        """Has the work on a job begin."""
        self.follow(self._accepted(job_id))

    def follow(self, work: Awaitable[None]) -> None:
        """Does ``work`` while nobody waits for it; the sweep makes good what goes wrong."""
        following = asyncio.ensure_future(self._carefully(work))
        self._following.add(following)
        following.add_done_callback(self._following.discard)

    async def _carefully(self, work: Awaitable[None]) -> None:
        try:
            await work
        except NearcastError as error:
            _log.warning("left to the sweep", error=str(error))

    async def close(self) -> None:
        """Returns when nothing is being done any more."""
        while self._following:
            await asyncio.gather(*self._following)

    async def _take_parts(self, final: Upload) -> None:
        for upload_id in final.parts:
            partial = await self._records.upload(upload_id)
            if partial is not None and partial.taken_by == final.upload_id:
                continue
            if partial is None or not await self._take(partial, final):
                await self._give_up(final)
                raise PartUnfit(upload_id=upload_id, reason="is part of another upload")

    async def _take(self, partial: Upload, final: Upload) -> bool:
        if not await self.joinable(partial):
            return False
        taken = record.taken(
            partial, final.upload_id, now=self._clock.now(), lifetime=self._lifetime
        )
        return await self._records.swap(partial, taken)

    async def joinable(self, partial: Upload) -> bool:
        """Whether a partial upload is whole and no other upload's."""
        if partial.state is UploadState.RECEIVED:
            return True
        if partial.state is not UploadState.TAKEN or partial.taken_by is None:
            return False
        # Who took it may have been given up since.
        return (
            await self._records.upload(partial.taken_by) is None
            and await self._jobs.job(partial.taken_by) is None
        )

    async def _give_up(self, final: Upload) -> None:
        await self._records.remove(final)
