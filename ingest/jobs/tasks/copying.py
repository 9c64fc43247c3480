"""Copying what another job has made of the same file: it is encoded once, and published twice.

The copies are objects of their own, so that each asset can go without the other.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from common.errors import NearcastError, first_of
from common.messages import (
    ManifestObject,
    PackageAnnouncement,
    PackageManifest,
    Profile,
    decode,
    encode,
)
from common.messages.packages import manifest_key, version_prefix
from ingest.jobs.model import Inspected, Job, TaskKind, TaskState
from ingest.jobs.tasks.packaging import write_object
from ingest.jobs.tasks.sidecars import settle_bare
from ingest.jobs.tasks.tools import Packaged, Tools
from ingest.jobs.worker import Assignment, TaskPostponed
from ingest.package.renaming import renamed
from origin.store import ObjectUnknown

COPIES_AT_ONCE = 8


class CopyResult(msgspec.Struct, frozen=True):
    """The result of copying."""

    copied: bool
    """False when the job has to encode the file itself, as the other one did not come to an end."""
    announcement: PackageAnnouncement | None = None


async def copy_package(tools: Tools, assignment: Assignment) -> CopyResult:
    """Copies the other job's package once it is there.

    Raises:
        TaskPostponed: the other job is not that far.
    """
    job = assignment.job
    inspect = await tools.task_of(job, TaskKind.INSPECT)
    content = msgspec.json.decode(inspect.result, type=Inspected).content
    maker = await tools.jobs.hold_content(content, job.job_id, instead_of=None)
    if maker == job.job_id:
        return CopyResult(copied=False)
    packaged = await tools.jobs.task(f"{maker}-{TaskKind.PACKAGE}")
    # Read later: when it is packaged, no more subtitles come to it.
    other = await tools.jobs.job(maker)
    if other is not None and other.sidecars:
        # They were sent for that job, and not for all that have the same file.
        return CopyResult(copied=False)
    if other is not None and not other.ending:
        if packaged is None or packaged.state is not TaskState.DONE:
            raise TaskPostponed(reason=f"the job {maker} encodes the same file")
        if not await settle_bare(tools, job.job_id):
            return CopyResult(copied=False)
        made = msgspec.json.decode(packaged.result, type=Packaged).announcement
        # What it made may have been deleted since, and is then made anew.
        with contextlib.suppress(ObjectUnknown):
            return CopyResult(copied=True, announcement=await _copied(tools, assignment, made))
    held = await tools.jobs.hold_content(content, job.job_id, instead_of=maker)
    if held != job.job_id:
        raise TaskPostponed(reason=f"the job {held} encodes the same file")
    return CopyResult(copied=False)


async def _copied(
    tools: Tools, assignment: Assignment, made: PackageAnnouncement
) -> PackageAnnouncement:
    job = assignment.job
    async with contextlib.aclosing(tools.objects.read(made.manifest_key)) as pieces:
        manifest = decode(b"".join([piece async for piece in pieces]), PackageManifest)
    room = asyncio.Semaphore(COPIES_AT_ONCE)
    total = len(manifest.objects) + 1
    theirs = version_prefix(manifest.asset_id, manifest.version)
    multivariants = {theirs + profile.file_name for profile in Profile}

    async def copy(listed: ManifestObject) -> ManifestObject:
        own = msgspec.structs.replace(listed, key=_own(listed.key, manifest, job))
        async with room, contextlib.aclosing(tools.objects.read(listed.key)) as pieces:
            if listed.key in multivariants:
                own = await _rename(tools, own.key, pieces, job)
            else:
                await tools.objects.put(
                    own.key, pieces, content_type=own.content_type, sha256=own.sha256
                )
        assignment.progress += 1 / total
        return own

    try:
        async with asyncio.TaskGroup() as group:
            copies = [group.create_task(copy(listed)) for listed in manifest.objects]
    except* NearcastError as errors:
        if errors.subgroup(ObjectUnknown) is not None:
            raise ObjectUnknown(key=made.manifest_key) from errors
        raise first_of(errors) from errors
    own = PackageManifest(
        job.asset_id,
        job.version,
        _own(manifest.entry, manifest, job),
        _own(manifest.poster, manifest, job) if manifest.poster else None,
        tuple(task.result() for task in copies),
    )
    written = await write_object(tools, manifest_key(job.asset_id, job.version), encode(own))
    return msgspec.structs.replace(
        made,
        asset_id=job.asset_id,
        version=job.version,
        title=job.title,
        entry=own.entry,
        bytes=sum(one.size for one in own.objects),
        poster=own.poster,
        preview=_own(made.preview, manifest, job) if made.preview else None,
        storyboard=_own(made.storyboard, manifest, job) if made.storyboard else None,
        manifest_key=written.key,
        manifest_sha256=written.sha256,
        creator=job.owner,
    )


async def _rename(tools: Tools, key: str, pieces: AsyncIterator[bytes], job: Job) -> ManifestObject:
    """Writes a multivariant playlist that is like the other's but tells nothing of that job."""
    text = b"".join([piece async for piece in pieces]).decode()
    mine = renamed(text, title=job.title, steering=tools.steering_of(job))
    return await write_object(tools, key, mine.encode())


def _own(key: str, manifest: PackageManifest, job: Job) -> str:
    theirs = version_prefix(manifest.asset_id, manifest.version)
    return version_prefix(job.asset_id, job.version) + key.removeprefix(theirs)
