"""Cleaning up after a job: what nobody needs any more, or, when it was not published, all of it."""

import contextlib

from common.messages import PackageManifest, decode
from common.messages.packages import manifest_key, version_prefix
from ingest.jobs.tasks.tools import Tools
from ingest.jobs.worker import Assignment
from ingest.upload.record import prefix_of, source_prefix


async def clean(tools: Tools, assignment: Assignment) -> None:
    """Deletes lost attempts' objects and the source; of a job that ends early every object."""
    job = assignment.job
    prefix = version_prefix(job.asset_id, job.version)
    if job.ending:
        await tools.objects.delete_prefix(prefix)
    else:
        manifest = manifest_key(job.asset_id, job.version)
        kept = {manifest, *await _listed(tools, manifest)}
        async with contextlib.aclosing(tools.objects.list(prefix)) as found:
            lost = [one.key async for one in found if one.key not in kept]
        for key in lost:
            await tools.objects.delete(key)
    if job.ending or not tools.keep_sources:
        for prefix in {source_prefix(job.job_id), *map(prefix_of, job.source.keys)}:
            await tools.objects.delete_prefix(prefix)


async def _listed(tools: Tools, manifest: str) -> set[str]:
    async with contextlib.aclosing(tools.objects.read(manifest)) as pieces:
        body = b"".join([piece async for piece in pieces])
    return {listed.key for listed in decode(body, PackageManifest).objects}
