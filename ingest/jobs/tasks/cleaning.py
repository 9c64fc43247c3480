"""Cleaning up after a job: what nobody needs any more, or, when it was not published, all of it."""

import contextlib

from common.messages import PackageManifest, decode
from common.messages.packages import manifest_key, version_prefix
from ingest.jobs.model import PUBLISH_FIRST, Job, TaskState
from ingest.jobs.tasks.publishing import withdraw
from ingest.jobs.tasks.tools import Tools
from ingest.jobs.worker import Assignment
from ingest.upload.record import prefix_of, source_prefix
from origin.store import ObjectUnknown, mark_removed


async def clean(tools: Tools, assignment: Assignment) -> None:
    """Deletes lost attempts' objects and the source; of a job that ends early every object.

    What of a job was published before it failed stays; when somebody cancels, it goes too.
    """
    job = assignment.job
    first = await tools.jobs.task(f"{job.job_id}-{PUBLISH_FIRST}")
    stays = first is not None and first.state is TaskState.DONE and not job.cancelled
    if first is not None and first.attempt and not stays:
        await withdraw(tools, job, job.first_version)
        if job.ending:
            # It is never announced, but edges have what the first version names of it.
            await withdraw(tools, job, job.version)
    # Subtitles that were sent anew since are in the first version alone.
    kept = ((job.first_version,) if stays else ()) + (() if job.ending else (job.version,))
    if kept:
        await _delete_others(tools, job, *kept)
    else:
        await _delete(tools, job.asset_id, job.version)
    if not stays:
        await _delete(tools, job.asset_id, job.first_version)
    if job.ending or not tools.keep_sources:
        for prefix in {source_prefix(job.job_id), *map(prefix_of, job.source.keys)}:
            await tools.objects.delete_prefix(prefix)


async def _delete(tools: Tools, asset: str, version: str) -> None:
    """Deletes all objects of a version; of one that was whole, no copy elsewhere brings it back."""
    with contextlib.suppress(ObjectUnknown):
        await tools.objects.head(manifest_key(asset, version))
        await mark_removed(tools.objects, asset, version)
    await tools.objects.delete_prefix(version_prefix(asset, version))


async def _delete_others(tools: Tools, job: Job, *versions: str) -> None:
    """Deletes the job's objects that are in the package of none of ``versions``."""
    kept: set[str] = set()
    for version in versions:
        manifest = manifest_key(job.asset_id, version)
        # An operator may have removed one.
        with contextlib.suppress(ObjectUnknown):
            kept |= {manifest, *await _listed(tools, manifest)}
    prefix = version_prefix(job.asset_id, job.version)
    async with contextlib.aclosing(tools.objects.list(prefix)) as found:
        lost = [one.key async for one in found if one.key not in kept]
    for key in lost:
        await tools.objects.delete(key)


async def _listed(tools: Tools, manifest: str) -> set[str]:
    async with contextlib.aclosing(tools.objects.read(manifest)) as pieces:
        body = b"".join([piece async for piece in pieces])
    return {listed.key for listed in decode(body, PackageManifest).objects}
