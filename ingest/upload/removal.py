"""Removing an upload with all that came of it."""

from common.clock import Clock
from ingest.upload import record
from ingest.upload.admission import Admission
from ingest.upload.record import Upload, UploadState, source_key, source_prefix
from ingest.upload.store import UploadStore
from origin.store import DirectUploads, ObjectStore


class Remover:
    """Removes uploads that were given up."""

    def __init__(
        self,
        objects: ObjectStore,
        direct: DirectUploads | None,
        records: UploadStore,
        admission: Admission,
        clock: Clock,
    ) -> None:
        self._objects = objects
        self._direct = direct
        self._records = records
        self._admission = admission
        self._clock = clock

    async def remove(self, upload: Upload) -> None:
        """Deletes an upload with all its bytes; nothing when somebody else just changed it.

        Raises:
            StorageFull: no space is left.
            Unavailable: database or store are away; the sweep goes on.
        """
        last = upload
        if upload.state is not UploadState.ENDING:
            last = record.ending(upload, now=self._clock.now())
            if not await self._records.swap(upload, last):
                return
        if upload.multipart_id is not None and self._direct is not None:
            await self._direct.abort(source_key(upload.upload_id), upload.multipart_id)
        await self._objects.delete_prefix(source_prefix(upload.upload_id))
        if await self._records.remove(last):
            await self._admission.refund(
                upload.owner, charged_at=upload.created_at, size=upload.length - upload.offset
            )
