"""Encoding: local files out of the source, measured, then written under the attempt's own keys."""

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from common.errors import NearcastError, StorageFull, first_of
from common.messages import ManifestObject
from common.messages.packages import version_prefix
from ingest.jobs.tasks.tools import (
    Encoded,
    Pictured,
    Tools,
    chunk_task_name,
    track_task_name,
)
from ingest.jobs.worker import Assignment
from ingest.package import PartFacts, PartInvalid, content_type, measure, part_name
from ingest.package.layout import PICTURES_FOLDER
from ingest.subtitles import extract_subtitles
from ingest.transcode import encodes
from ingest.transcode.command import Command
from ingest.transcode.errors import EncodeFailed, EncodeStalled
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import Progress, run
from origin.store import put_file

PUTS_AT_ONCE: Final = 8

ENCODED: Final = 0.97
"""The share of a task's progress that is encoding; the rest is writing objects."""

LEAST_FREE: Final = 4 * 1024 * 1024
"""Bytes; with less free in the work folder, a failed encode is taken to have failed of that."""


class EncoderKilled(NearcastError):
    """The encoder was ended from outside: {reason}."""


class EncodeHangs(NearcastError):
    """The encoder made no progress for {seconds:g} seconds, and none when it was tried again."""

    status = 422


async def encode_chunk(tools: Tools, assignment: Assignment) -> Encoded:
    """Encodes one chunk of video in every rendition of a group.

    Raises:
        EncodeFailed: the source cannot be encoded.
        EncodeHangs: it stalled before too.
        EncodeStalled, EncoderKilled, StorageFull: trying again may help.
    """
    plan = await tools.plan_of(assignment.job)
    group, chunk = next(
        (group, chunk)
        for group, chunk in plan.encodes
        if chunk_task_name(chunk, group) == assignment.task.name
    )
    async with _place(tools, assignment) as (source, folder):
        run = partial(_run, tools, assignment)
        names = await encodes.encode_chunk(run, plan, group, chunk, source, folder, tools.encoding)
        part = part_name(chunk.index, assignment.task.attempt)
        # All chunks have the same init segment; playlists name the first one's.
        return await _keep(tools, assignment, folder, part, names, with_init=chunk.index == 0)


async def encode_track(tools: Tools, assignment: Assignment) -> Encoded:
    """Encodes one track of the sound, whole. Raises as ``encode_chunk``."""
    plan = await tools.plan_of(assignment.job)
    track = next(
        track
        for number, track in enumerate(plan.audio)
        if track_task_name(number) == assignment.task.name
    )
    async with _place(tools, assignment) as (source, folder):
        run = partial(_run, tools, assignment)
        names = await encodes.encode_track(run, plan, track, source, folder, tools.encoding)
        part = part_name(0, assignment.task.attempt)
        return await _keep(tools, assignment, folder, part, names, with_init=True)


async def take_subtitles(tools: Tools, assignment: Assignment) -> Encoded:
    """Takes the subtitles out of the source. Raises as ``encode_chunk``."""
    plan = await tools.plan_of(assignment.job)
    async with _place(tools, assignment) as (source, folder):
        run = partial(_run, tools, assignment)
        facts = await extract_subtitles(run, plan, source, folder, tools.encoding)
        part = part_name(0, assignment.task.attempt)
        return await _put_all(tools, assignment, folder, part, facts, with_init=False)


async def take_pictures(tools: Tools, assignment: Assignment) -> Pictured:
    """Takes poster, preview and storyboard. Raises as ``encode_chunk``."""
    plan = await tools.plan_of(assignment.job)
    async with _place(tools, assignment) as (source, folder):
        run = partial(_run, tools, assignment)
        names = await make_pictures(run, plan, source, folder, tools.encoding)
        prefix = version_prefix(assignment.job.asset_id, assignment.job.version)
        part = part_name(0, assignment.task.attempt)
        made = []
        for name in names:
            size, sha256 = await asyncio.to_thread(_digest, folder / name)
            key = f"{prefix}{PICTURES_FOLDER}/{part}/{name}"
            listed = ManifestObject(key, size, sha256, content_type(name))
            await _put(tools, assignment, listed, folder / name)
            made.append(listed)
    return Pictured(tuple(made))


@contextlib.asynccontextmanager
async def _place(tools: Tools, assignment: Assignment) -> AsyncIterator[tuple[Path, Path]]:
    """The source as a file, and a folder for this attempt alone."""
    async with (
        tools.scratch.subfolder(f"{assignment.job.job_id}-{assignment.attempt_name}") as folder,
        tools.sources.local(assignment.job) as source,
    ):
        yield source, folder


async def _run(tools: Tools, assignment: Assignment, command: Command) -> None:
    before = assignment.progress / ENCODED

    def report(progress: Progress) -> None:
        done = command.reached(before, progress.fraction) * ENCODED
        assignment.progress = max(assignment.progress, done)
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
    except EncodeStalled as error:
        if assignment.task.error == str(error):
            # Once, the machine may have stood still; twice in a row, it is the source.
            raise EncodeHangs(**error.facts) from error
        raise
    except EncodeFailed as error:
        reason = str(error.facts["reason"])
        if "No space left" in reason or await _full(command.folder):
            raise StorageFull(where="the work folder") from error
        if reason.startswith("signal "):
            raise EncoderKilled(reason=reason) from error
        raise


async def _full(folder: Path) -> bool:
    return (await asyncio.to_thread(shutil.disk_usage, folder)).free < LEAST_FREE


async def _keep(
    tools: Tools,
    assignment: Assignment,
    folder: Path,
    part: str,
    renditions: Sequence[str],
    *,
    with_init: bool,
) -> Encoded:
    """Measures what was encoded and writes it to the object store."""
    try:
        facts = await asyncio.to_thread(measure, folder, renditions)
    except PartInvalid as error:
        # ffmpeg may end well even when its last writes found no room.
        if await _full(folder):
            raise StorageFull(where="the work folder") from error
        raise
    return await _put_all(tools, assignment, folder, part, facts, with_init=with_init)


async def _put_all(
    tools: Tools,
    assignment: Assignment,
    folder: Path,
    part: str,
    facts: dict[str, PartFacts],
    *,
    with_init: bool,
) -> Encoded:
    prefix = version_prefix(assignment.job.asset_id, assignment.job.version)
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
    segments = [(one.name, one.size, one.sha256) for one in measured.segments]
    init = measured.init if with_init else None
    return segments if init is None else [(init.name, init.size, init.sha256), *segments]


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


async def _put(tools: Tools, assignment: Assignment, listed: ManifestObject, path: Path) -> None:
    assignment.written.append(listed.key)
    await put_file(
        tools.objects, listed.key, path, content_type=listed.content_type, sha256=listed.sha256
    )
