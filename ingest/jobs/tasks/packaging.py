"""Packaging: playlists over the committed parts, and the manifest, written last."""

import hashlib
from collections.abc import AsyncIterator

import msgspec

from common.errors import NearcastError
from common.messages import ManifestObject, PackageAnnouncement, PackageManifest, encode
from common.messages.packages import manifest_key, version_prefix
from ingest.jobs.model import Job
from ingest.jobs.tasks.tools import Encoded, Packaged, Pictured, Tools, chunk_task_name
from ingest.jobs.worker import Assignment
from ingest.package import (
    MULTIVARIANT_NAME,
    Package,
    PackageInvalid,
    Part,
    content_type,
    package,
)
from ingest.plan import EncodingPlan


class PackagingFailed(NearcastError):
    """What was encoded cannot be packaged: {reason}."""

    # The parts are committed and stay what they are: trying again would end in the same way.
    status = 422


async def write_package(tools: Tools, assignment: Assignment) -> Packaged:
    """Writes playlists and manifest; a second attempt writes the same bytes under the same keys.

    Raises:
        PackagingFailed: the parts are not what was planned.
    """
    job = assignment.job
    plan = await tools.plan_of(job)
    try:
        made = package(plan, await _parts(tools, job, plan))
    except PackageInvalid as error:
        raise PackagingFailed(reason=str(error).rstrip(".")) from error
    poster = msgspec.json.decode((await tools.task_of(job, "poster")).result, type=Pictured).poster
    prefix = version_prefix(job.asset_id, job.version)
    playlists = []
    for number, playlist in enumerate(made.playlists):
        body = playlist.text.encode()
        playlists.append(await write_object(tools, prefix + playlist.key, body))
        assignment.progress = (number + 1) / (len(made.playlists) + 1)
    listed = (
        *playlists,
        *(
            ManifestObject(prefix + one.key, one.size, one.sha256, one.content_type)
            for one in made.objects
        ),
        poster,
    )
    manifest = PackageManifest(
        job.asset_id, job.version, prefix + MULTIVARIANT_NAME, poster.key, listed
    )
    written = await write_object(tools, manifest_key(job.asset_id, job.version), encode(manifest))
    return Packaged(_announcement(job, manifest, written, made))


def _announcement(
    job: Job, manifest: PackageManifest, written: ManifestObject, made: Package
) -> PackageAnnouncement:
    return PackageAnnouncement(
        asset_id=job.asset_id,
        version=job.version,
        title=job.title,
        entry=manifest.entry,
        poster=manifest.poster,
        manifest_key=written.key,
        manifest_sha256=written.sha256,
        bytes=sum(one.size for one in manifest.objects),
        object_count=len(manifest.objects),
        duration=made.duration,
        renditions=made.renditions,
    )


async def _parts(tools: Tools, job: Job, plan: EncodingPlan) -> dict[str, list[Part]]:
    """The committed parts of each rendition, in the order of the chunks."""
    tasks = {task.name: task for task in await tools.jobs.tasks([job.job_id])}
    names = [*(chunk_task_name(chunk.index) for chunk in plan.chunks), *_sound(plan)]
    parts: dict[str, list[Part]] = {}
    for name in names:
        encoded = msgspec.json.decode(tasks[name].result, type=Encoded)
        for rendition, facts in encoded.renditions.items():
            parts.setdefault(rendition, []).append(Part(encoded.part, facts))
    return parts


def _sound(plan: EncodingPlan) -> list[str]:
    return ["audio"] if plan.audio is not None else []


async def write_object(tools: Tools, key: str, body: bytes) -> ManifestObject:
    """Writes ``body`` as an object of a package; what its manifest tells of it."""
    digest = hashlib.sha256(body).hexdigest()
    kind = content_type(key)
    await tools.objects.put(key, _once(body), content_type=kind, sha256=digest)
    return ManifestObject(key, len(body), digest, kind)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
