"""Encoding: local files out of the source, measured, then written under the attempt's own keys."""

import asyncio
import hashlib
import shutil
from pathlib import Path
from typing import Final

from common.errors import NearcastError, StorageFull
from common.messages import ManifestObject
from common.messages.packages import version_prefix
from ingest.jobs.tasks.tools import Encoded, Pictured, Tools, chunk_task_name, first_of
from ingest.jobs.worker import Assignment
from ingest.package import POSTER_NAME, PartFacts, PartInvalid, content_type, measure, part_name
from ingest.transcode.command import Command
from ingest.transcode.commands import audio, poster, video_chunk
from ingest.transcode.errors import EncodeFailed
from ingest.transcode.runner import Progress, run
from origin.store import put_file

PUTS_AT_ONCE: Final = 8

ENCODED: Final = 0.97
"""The share of a task's progress that is encoding; the rest is writing objects."""

LEAST_FREE: Final = 4 * 1024 * 1024
"""Bytes; with less free in the work folder, a failed encode is taken to have failed of that."""


class EncoderKilled(NearcastError):
    """The encoder was ended from outside: {reason}."""


async def encode_chunk(tools: Tools, assignment: Assignment) -> Encoded:
    """Encodes one chunk of video in every rendition.

    Raises:
        EncodeFailed: the source cannot be encoded.
        EncodeStalled, EncoderKilled, StorageFull: trying again may help.
    """
    plan = await tools.plan_of(assignment.job)
    chunk = next(c for c in plan.chunks if chunk_task_name(c.index) == assignment.task.name)
    part = part_name(chunk.index, assignment.task.attempt)
    async with (
        tools.scratch.subfolder(f"{assignment.job.job_id}-{assignment.attempt_name}") as folder,
        tools.sources.local(assignment.job) as source,
    ):
        command = video_chunk(plan, chunk, source, folder, tools.encoding)
        await _run(tools, assignment, command)
        names = [rendition.name for rendition in plan.video]
        # All chunks have the same init segment; playlists name the first one's.
        return await _keep(tools, assignment, folder, part, names, with_init=chunk.index == 0)


async def encode_audio(tools: Tools, assignment: Assignment) -> Encoded:
    """Encodes the sound, whole. Raises as ``encode_chunk``."""
    plan = await tools.plan_of(assignment.job)
    assert plan.audio is not None
    part = part_name(0, assignment.task.attempt)
    async with (
        tools.scratch.subfolder(f"{assignment.job.job_id}-{assignment.attempt_name}") as folder,
        tools.sources.local(assignment.job) as source,
    ):
        command = audio(plan, plan.audio, source, folder, tools.encoding)
        await _run(tools, assignment, command)
        return await _keep(tools, assignment, folder, part, [plan.audio.name], with_init=True)


async def take_poster(tools: Tools, assignment: Assignment) -> Pictured:
    """Takes one picture. Raises as ``encode_chunk``."""
    plan = await tools.plan_of(assignment.job)
    async with (
        tools.scratch.subfolder(f"{assignment.job.job_id}-{assignment.attempt_name}") as folder,
        tools.sources.local(assignment.job) as source,
    ):
        await _run(tools, assignment, poster(plan, source, folder, tools.encoding))
        picture = await asyncio.to_thread((folder / POSTER_NAME).read_bytes)
        job, part = assignment.job, part_name(0, assignment.task.attempt)
        listed = ManifestObject(
            key=f"{version_prefix(job.asset_id, job.version)}poster/{part}/{POSTER_NAME}",
            size=len(picture),
            sha256=hashlib.sha256(picture).hexdigest(),
            content_type=content_type(POSTER_NAME),
        )
        await _put(tools, assignment, listed, folder / POSTER_NAME)
    return Pictured(listed)


async def _run(tools: Tools, assignment: Assignment, command: Command) -> None:
    def report(progress: Progress) -> None:
        assignment.progress = progress.fraction * ENCODED
        assignment.speed = progress.speed

    def note_start() -> None:
        assignment.encoder_started_at = tools.clock.now()

    try:
        await run(
            command,
            on_start=note_start,
            on_progress=report,
            stall_timeout=tools.encoding.stall_seconds,
            confinement=tools.encoding.confinement,
        )
    except EncodeFailed as error:
        reason = str(error.facts["reason"])
        if "No space left" in reason or await _full(command.folder):
            raise StorageFull(where="the work folder") from error
        if reason.startswith("signal "):
            raise EncoderKilled(reason=reason) from error
        raise


async def _full(folder: Path) -> bool:
    return (await asyncio.to_thread(shutil.disk_usage, folder)).free < LEAST_FREE


async def _measured(folder: Path) -> PartFacts:
    try:
        return await asyncio.to_thread(measure, folder)
    except PartInvalid as error:
        # ffmpeg's HLS muxer ends well even when its last writes found no room.
        if await _full(folder):
            raise StorageFull(where="the work folder") from error
        raise


async def _keep(
    tools: Tools,
    assignment: Assignment,
    folder: Path,
    part: str,
    renditions: list[str],
    *,
    with_init: bool,
) -> Encoded:
    """Measures what was encoded and writes it to the object store."""
    prefix = version_prefix(assignment.job.asset_id, assignment.job.version)
    facts = {name: await _measured(folder / name) for name in renditions}
    room = asyncio.Semaphore(PUTS_AT_ONCE)

    async def keep(rendition: str, name: str, size: int, sha256: str) -> None:
        key = f"{prefix}{rendition}/{part}/{name}"
        listed = ManifestObject(key, size, sha256, content_type(name))
        async with room:
            await _put(tools, assignment, listed, folder / rendition / name)

    try:
        async with asyncio.TaskGroup() as group:
            for rendition, measured in facts.items():
                for name, size, sha256 in _files(measured, with_init=with_init):
                    group.create_task(keep(rendition, name, size, sha256))
    except* NearcastError as errors:
        raise first_of(errors) from errors
    assignment.progress = 1.0
    return Encoded(part, facts)


def _files(measured: PartFacts, *, with_init: bool) -> list[tuple[str, int, str]]:
    init = measured.init
    segments = [(one.name, one.size, one.sha256) for one in measured.segments]
    return [(init.name, init.size, init.sha256), *segments] if with_init else segments


async def _put(tools: Tools, assignment: Assignment, listed: ManifestObject, path: Path) -> None:
    assignment.written.append(listed.key)
    await put_file(
        tools.objects, listed.key, path, content_type=listed.content_type, sha256=listed.sha256
    )
