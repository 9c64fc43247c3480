"""Puts together all that takes uploads in."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from common.clock import Clock
from ingest.jobs.store import JobStore
from ingest.settings import Settings, UploadSettings
from ingest.upload.admission import Admission
from ingest.upload.direct import Direct
from ingest.upload.finishing import Finisher
from ingest.upload.receive import Receiver
from ingest.upload.removal import Remover
from ingest.upload.resumable import Resumable
from ingest.upload.store import UploadStore, open_upload_store
from ingest.upload.sweep import UploadSweep
from origin.store import ObjectStore, direct_uploads


@dataclass(frozen=True)
class Uploads:
    """What the API of uploads stands on."""

    receiver: Receiver
    resumable: Resumable
    direct: Direct
    admission: Admission
    sweep: UploadSweep


@contextlib.asynccontextmanager
async def open_uploads(
    settings: Settings,
    *,
    objects: ObjectStore,
    jobs: JobStore,
    clock: Clock,
    accepted: Callable[[str], Awaitable[None]],
    observe: Callable[[int], None],
) -> AsyncIterator[Uploads]:
    """All of it, while the block runs.

    ``accepted`` is called with the id of each new job, ``observe`` with numbers of bytes received.

    Raises:
        SettingsInvalid: the settings name no database, or two.
        Unavailable: it does not answer.
    """
    lifetime, stall = settings.upload.kept_seconds, settings.upload.stall_seconds
    async with AsyncExitStack() as stack:
        records = await open_upload_store(settings.database)
        stack.push_async_callback(records.close)
        finisher = Finisher(records, jobs, clock, lifetime=lifetime, accepted=accepted)
        stack.push_async_callback(finisher.close)
        admission = _admission(settings.upload, records, clock)
        direct = direct_uploads(objects)
        remover = Remover(objects, direct, records, admission, clock)
        parts = (records, finisher, remover, admission, clock)
        yield Uploads(
            Receiver(
                *(objects, jobs, finisher, admission, clock),
                stall_timeout=stall,
                observe=observe,
            ),
            Resumable(
                *(objects, *parts),
                stall_timeout=stall,
                lifetime=lifetime,
                observe=observe,
            ),
            Direct(*(objects, direct, *parts), lifetime=lifetime),
            admission,
            UploadSweep(*(objects, jobs, *parts), lifetime=lifetime),
        )


def _admission(settings: UploadSettings, records: UploadStore, clock: Clock) -> Admission:
    return Admission(
        records,
        clock,
        quota=settings.quota,
        quotas={quota.name: quota for quota in settings.quotas},
        at_once=settings.at_once,
    )
