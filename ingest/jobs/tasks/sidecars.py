"""Subtitles that were sent for a job: settled before it is packaged, and cut into segments."""

import asyncio
import contextlib

import msgspec

from common.errors import NearcastError, first_of
from common.messages.packages import version_prefix
from ingest.jobs.model import Job, Sidecar
from ingest.jobs.requests import settled
from ingest.jobs.tasks.tools import Tools
from ingest.package import Part, PartFacts, SegmentFacts
from ingest.package.layout import content_type
from ingest.plan import EncodingPlan
from ingest.subtitles.cues import Cue
from ingest.subtitles.extract import clocks
from ingest.subtitles.segments import cut
from ingest.subtitles.sidecars import sidecar_key, track_name
from origin.store import ObjectUnknown, put_bytes

PUTS_AT_ONCE = 8


async def settle(tools: Tools, job_id: str) -> Job:
    """The job as it is packaged for the last time; from now on it takes no more subtitles.

    Done again, by another attempt too, it answers the same.
    """
    while True:
        job = await _current(tools, job_id)
        wanted = settled(job)
        if wanted is job or await tools.jobs.swap_job(job, wanted):
            return wanted


async def settle_bare(tools: Tools, job_id: str) -> bool:
    """Settles the job if it has no sidecars; whether it has none and is settled now."""
    while True:
        job = await _current(tools, job_id)
        if job.sidecars:
            return False
        wanted = settled(job)
        if wanted is job or await tools.jobs.swap_job(job, wanted):
            return True


async def write(
    tools: Tools, job_id: str, plan: EncodingPlan, *, last: bool
) -> tuple[Job, dict[str, list[Part]]]:
    """Writes the segments of the job's sidecars: its record, and the parts of their tracks by name.

    ``last`` says that the job is packaged for the last time and takes no more of them. Another
    attempt writes the same bytes under the same keys.
    """
    while True:
        job = await settle(tools, job_id) if last else await _current(tools, job_id)
        try:
            return job, {
                name: [Part(sidecar.part, facts)]
                for sidecar in job.sidecars
                for name, facts in (await _write(tools, job, sidecar, plan)).items()
            }
        except ObjectUnknown:
            # Replaced since its record was read; what is settled is never replaced.
            if last or await _current(tools, job_id) == job:
                raise


async def _current(tools: Tools, job_id: str) -> Job:
    job = await tools.jobs.job(job_id)
    assert job is not None
    return job


async def _write(
    tools: Tools, job: Job, sidecar: Sidecar, plan: EncodingPlan
) -> dict[str, PartFacts]:
    """Writes the segments of ``sidecar``, and of its twin; what they are, by the tracks' names."""
    async with contextlib.aclosing(
        tools.objects.read(sidecar_key(job.job_id, sidecar.part))
    ) as pieces:
        cues = msgspec.json.decode(
            b"".join([piece async for piece in pieces]), type=tuple[Cue, ...]
        )
    home = version_prefix(job.asset_id, job.version)
    made = {}
    for prefix, start in clocks(plan):
        name = prefix + track_name(sidecar)
        segments = await asyncio.to_thread(_segments, cues, plan, start)
        await _put(tools, f"{home}{name}/{sidecar.part}/", segments)
        made[name] = PartFacts(init=None, segments=tuple(facts for facts, _ in segments))
    return made


async def _put(tools: Tools, prefix: str, segments: list[tuple[SegmentFacts, bytes]]) -> None:
    room = asyncio.Semaphore(PUTS_AT_ONCE)

    async def put(name: str, text: bytes, sha256: str) -> None:
        async with room:
            await put_bytes(
                tools.objects, prefix + name, text, content_type=content_type(name), sha256=sha256
            )

    try:
        async with asyncio.TaskGroup() as group:
            for facts, text in segments:
                group.create_task(put(facts.name, text, facts.sha256))
    except* NearcastError as errors:
        raise first_of(errors) from errors


def _segments(
    cues: tuple[Cue, ...], plan: EncodingPlan, start: int
) -> list[tuple[SegmentFacts, bytes]]:
    return list(cut(cues, plan, start=start))
