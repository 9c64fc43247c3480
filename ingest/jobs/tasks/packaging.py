"""Packaging: playlists over the committed parts, held against the rules, and the manifest last."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import msgspec

from common.errors import NearcastError
from common.messages import ManifestObject, PackageAnnouncement, PackageManifest, Profile, encode
from common.messages.packages import manifest_key, version_prefix
from ingest.check import PackageBroken, check_parts
from ingest.jobs.model import PACKAGE_FIRST, Job, Task, TaskKind
from ingest.jobs.tasks import sidecars
from ingest.jobs.tasks.tools import Encoded, Packaged, Pictured, Tools, chunk_task_name
from ingest.jobs.worker import Assignment
from ingest.package import (
    POSTER_NAME,
    PREVIEW_NAME,
    STORYBOARD_NAME,
    Package,
    PackageInvalid,
    Part,
    content_type,
    package,
)
from ingest.plan import EncodingPlan
from ingest.subtitles.sidecars import subtitled

PUTS_AT_ONCE: Final = 8


class PackagingFailed(NearcastError):
    """What was encoded cannot be packaged: {reason}."""

    # The parts are committed and stay what they are: trying again would end in the same way.
    status = 422


async def write_package(tools: Tools, assignment: Assignment) -> Packaged:
    """Writes playlists and manifest; a second attempt writes the same bytes under the same keys.

    Raises:
        PackagingFailed: the parts are not what was planned, or break a rule of HLS.
    """
    first = assignment.task.name == PACKAGE_FIRST
    plan = await tools.plan_of(assignment.job)
    tasks = {task.name: task for task in await tools.jobs.tasks([assignment.job.job_id])}
    job, sent = await sidecars.write(tools, assignment.job.job_id, plan, last=not first)
    parts = _parts(plan, tasks, first=first) | sent
    plan = subtitled(plan, job.sidecars, parts)
    made = await asyncio.to_thread(_made, tools, job, plan, parts, first=first)
    pictures = msgspec.json.decode(tasks["pictures"].result, type=Pictured).pictures
    version = job.first_version if first else job.version
    prefix, home = (version_prefix(job.asset_id, name) for name in (version, job.version))
    playlists = await _write_playlists(tools, assignment, prefix, made)
    listed = (
        *playlists,
        *(ManifestObject(home + o.key, o.size, o.sha256, o.content_type) for o in made.objects),
        *pictures,
    )
    known = {one.key.rpartition("/")[2]: one.key for one in pictures}
    manifest = PackageManifest(
        job.asset_id, version, prefix + Profile.MAIN.file_name, known[POSTER_NAME], listed
    )
    written = await write_object(tools, manifest_key(job.asset_id, version), encode(manifest))
    return Packaged(_announcement(job, manifest, written, made, known))


def _made(
    tools: Tools, job: Job, plan: EncodingPlan, parts: Mapping[str, list[Part]], *, first: bool
) -> Package:
    """The package, which keeps the rules."""
    base = f"../{job.version}/" if first else ""
    try:
        made = package(
            plan,
            parts,
            title=job.title,
            only=frozenset(parts) if first else None,
            base=base,
            steering=tools.steering_of(job),
        )
    except PackageInvalid as error:
        raise PackagingFailed(reason=str(error).rstrip(".")) from error
    try:
        check_parts({one.key: one.text for one in made.playlists}, parts, base=base).require()
    except PackageBroken as error:
        raise PackagingFailed(reason=str(error).rstrip(".")) from error
    return made


async def _write_playlists(
    tools: Tools, assignment: Assignment, prefix: str, made: Package
) -> list[ManifestObject]:
    """Writes the playlists, those that name others after the others."""
    room = asyncio.Semaphore(PUTS_AT_ONCE)

    async def write(key: str, text: str) -> ManifestObject:
        async with room:
            written = await write_object(tools, prefix + key, text.encode())
        assignment.progress += 1 / (len(made.playlists) + 1)
        return written

    nested = [one for one in made.playlists if "/" in one.key]
    top = [one for one in made.playlists if "/" not in one.key]
    written = []
    for several in (nested, top):
        written += await asyncio.gather(*(write(one.key, one.text) for one in several))
    return written


def _announcement(
    job: Job,
    manifest: PackageManifest,
    written: ManifestObject,
    made: Package,
    pictures: Mapping[str, str],
) -> PackageAnnouncement:
    return PackageAnnouncement(
        asset_id=job.asset_id,
        version=manifest.version,
        title=job.title,
        entry=manifest.entry,
        poster=manifest.poster,
        manifest_key=written.key,
        manifest_sha256=written.sha256,
        bytes=sum(one.size for one in manifest.objects),
        object_count=len(manifest.objects),
        duration=made.duration,
        renditions=made.renditions,
        profiles=tuple(map(Profile, made.profiles)),
        preview=pictures.get(PREVIEW_NAME),
        storyboard=pictures.get(STORYBOARD_NAME),
        objects_of=None if manifest.version == job.version else job.version,
        creator=job.owner,
    )


def _parts(plan: EncodingPlan, tasks: Mapping[str, Task], *, first: bool) -> dict[str, list[Part]]:
    """The committed parts of each rendition, in the order of the chunks."""
    parts: dict[str, list[Part]] = {}
    for task in _makers(plan, tasks, first=first):
        encoded = msgspec.json.decode(task.result, type=Encoded)
        for rendition, facts in encoded.renditions.items():
            parts.setdefault(rendition, []).append(Part(encoded.part, facts))
    return parts


def _makers(plan: EncodingPlan, tasks: Mapping[str, Task], *, first: bool) -> Iterable[Task]:
    for group in plan.groups:
        if not first or group.name in plan.first:
            for chunk in plan.chunks:
                yield tasks[chunk_task_name(chunk, group)]
    for task in tasks.values():
        if task.kind in {TaskKind.AUDIO, TaskKind.SUBTITLES}:
            yield task


async def write_object(tools: Tools, key: str, body: bytes) -> ManifestObject:
    """Writes ``body`` as an object of a package; what its manifest tells of it."""
    digest = hashlib.sha256(body).hexdigest()
    kind = content_type(key)
    await tools.objects.put(key, _once(body), content_type=kind, sha256=digest)
    return ManifestObject(key, len(body), digest, kind)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
