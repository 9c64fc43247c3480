"""Finishes uploads that a crash left whole and without a job, and removes what nobody waits for."""

import asyncio
import contextlib

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs.identifiers import made_at
from ingest.jobs.store import JobStore
from ingest.upload import record
from ingest.upload.admission import Admission
from ingest.upload.errors import PartUnfit
from ingest.upload.finishing import Finisher
from ingest.upload.record import PREFIX, Upload, UploadKind, UploadState, source_prefix
from ingest.upload.removal import Remover
from ingest.upload.store import UploadStore
from origin.store import ObjectStore

SWEEP_EVERY = 60.0
"""Seconds."""
ORPHANS_EVERY = 3600.0
"""Seconds: all uploaded files have to be listed."""
ORPHAN_AFTER = 24 * 3600.0
"""Seconds after which a file without a job or a record cannot be an upload that still runs."""
AT_ONCE = 1000
"""Records that are looked at in one sweep."""

_log = logs.get(__name__)


class UploadSweep:
    """Looks for what is due, again and again. Every process does; compare-and-set decides."""

    def __init__(
        self,
        objects: ObjectStore,
        jobs: JobStore,
        records: UploadStore,
        finisher: Finisher,
        remover: Remover,
        admission: Admission,
        clock: Clock,
        *,
        lifetime: float,
    ) -> None:
        self._objects = objects
        self._records = records
        self._jobs = jobs
        self._finisher = finisher
        self._remover = remover
        self._admission = admission
        self._clock = clock
        self._lifetime = lifetime

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        looked_for_orphans = -ORPHANS_EVERY
        while True:
            try:
                await self.sweep()
                if self._clock.monotonic() - looked_for_orphans >= ORPHANS_EVERY:
                    await self.remove_orphans()
                    await self._admission.forget()
                    looked_for_orphans = self._clock.monotonic()
            except NearcastError as error:
                _log.warning("sweep of uploads failed", error=str(error))
            except Exception:
                _log.exception("sweep of uploads failed unexpectedly")
            await asyncio.sleep(SWEEP_EVERY)

    async def sweep(self) -> None:
        """Acts on all that is due now.

        Raises:
            StorageFull: no space is left.
            Unavailable: database or store are away.
        """
        for upload in await self._records.due(self._clock.now(), AT_ONCE):
            with contextlib.suppress(PartUnfit):
                await self._act(upload)

    async def _act(self, upload: Upload) -> None:
        match upload.state, upload.kind:
            case UploadState.RECEIVED, UploadKind.WHOLE | UploadKind.FINAL | UploadKind.DIRECT:
                await self._finisher.finish(upload)
            case UploadState.DONE, _:
                # The bytes are the job's.
                await self._records.remove(upload)
            case UploadState.TAKEN, _:
                await self._forget_taken(upload)
            case _:
                await self._remover.remove(upload)
                _log.info("upload removed", upload_id=upload.upload_id, bytes=upload.offset)

    async def _forget_taken(self, partial: Upload) -> None:
        """Forgets a partial upload once its bytes are gone; until then they are no orphans."""
        if await self._finisher.joinable(partial):
            await self._remover.remove(partial)
            return
        async with contextlib.aclosing(
            self._objects.list(source_prefix(partial.upload_id))
        ) as found:
            async for _ in found:
                later = self._clock.now() + self._lifetime
                await self._records.swap(partial, record.postponed(partial, later))
                return
        await self._records.remove(partial)

    async def remove_orphans(self) -> int:
        """Deletes files that neither a job nor a record of an upload names.

        Returns:
            How many uploads they were of.

        Raises:
            Unavailable: database or store are away.
        """
        removed, last = 0, ""
        async with contextlib.aclosing(self._objects.list(PREFIX)) as found:
            async for listed in found:
                upload_id = listed.key.removeprefix(PREFIX).partition("/")[0]
                if upload_id == last:
                    continue
                last = upload_id
                if await self._is_orphan(upload_id):
                    await self._objects.delete_prefix(source_prefix(upload_id))
                    removed += 1
        if removed:
            _log.info("orphaned uploads removed", count=removed)
        return removed

    async def _is_orphan(self, upload_id: str) -> bool:
        made = made_at(upload_id)
        if made is None or made > self._clock.now() - ORPHAN_AFTER:
            return False
        return (
            await self._records.upload(upload_id) is None
            and await self._jobs.job(upload_id) is None
        )
