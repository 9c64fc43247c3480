"""Uploaded files as local ones, for ffmpeg: opened in place, or fetched once per job.

A file that came in parts is several objects, which are joined when they are fetched.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from common.errors import StorageFull
from ingest.jobs.model import Job
from origin.store import ObjectStore, fetch_file

IDLE_KEPT = 1
"""Fetched files that stay although no task reads them: the next chunk of the job comes soon."""


class Sources:
    """Local files of the sources of jobs."""

    def __init__(self, store: ObjectStore, folder: Path, *, in_place: Path | None) -> None:
        """Fetches into ``folder``; one object in a store that is the folder ``in_place`` stays."""
        self._store = store
        self._folder = folder
        self._in_place = in_place
        self._locks: dict[str, asyncio.Lock] = {}
        self._readers: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def local(self, job: Job) -> AsyncIterator[Path]:
        """The file of the source of ``job``, for reading, while the block runs.

        Raises:
            ObjectUnknown: the source is gone.
            StorageFull: there is no room to fetch it.
            Unavailable: the store is away.
        """
        if self._in_place is not None and len(job.source.keys) == 1:
            yield self._in_place / job.source.keys[0]
            return
        path = self._folder / f"source-{job.job_id}"
        # The order of the dictionary is the order of last use.
        self._readers[job.job_id] = self._readers.pop(job.job_id, 0) + 1
        try:
            async with self._locks.setdefault(job.job_id, asyncio.Lock()):
                if not await asyncio.to_thread(path.exists):
                    await self._fetch(job, path)
            yield path
        finally:
            self._readers[job.job_id] -= 1
            await asyncio.shield(self._evict())

    async def _fetch(self, job: Job, path: Path) -> None:
        try:
            await fetch_file(self._store, job.source.keys, path)
        except OSError as error:
            raise StorageFull(where="the work folder") from error

    async def _evict(self) -> None:
        idle = [job_id for job_id, readers in self._readers.items() if not readers]
        for job_id in idle[: max(0, len(idle) - IDLE_KEPT)]:
            del self._readers[job_id]
            self._locks.pop(job_id, None)
            path = self._folder / f"source-{job_id}"
            await asyncio.to_thread(path.unlink, missing_ok=True)
