"""Inspecting a source: what it is, whether it is taken, and how it will be encoded."""

import asyncio
import hashlib
from pathlib import Path

import msgspec

from common.messages import encode
from ingest.inspect.probe import inspect
from ingest.jobs.model import Inspected, Part, TaskKind
from ingest.jobs.queues import AUDIO, FILTER, encode_queue, memory_class
from ingest.jobs.tasks.tools import Tools, chunk_task_name
from ingest.jobs.worker import Assignment
from ingest.plan import EncodingPlan, plan
from ingest.plan.memory import encode_memory

CODEC = "h264"


async def inspect_source(tools: Tools, assignment: Assignment) -> Inspected:
    """What the source needs.

    Raises:
        UploadRefused: it is no video that is taken here; one class per reason.
    """
    job = assignment.job
    limits = tools.limits_of(job.profile)
    async with tools.sources.local(job) as source:
        known = job.source.sha256
        sha256 = await asyncio.to_thread(_digest, source) if known is None else known
        media = await inspect(source, tools.inspection, limits)
    planned = plan(media, tools.plan)
    content = content_name(sha256, planned, tools)
    maker = await tools.jobs.hold_content(content, job.job_id, instead_of=None)
    checks = (Part(TaskKind.FILTER, "filter", planned.duration, FILTER),) if tools.filters else ()
    return Inspected(
        parts_of(planned, memory_class(encode_memory(media.video, planned))),
        msgspec.Raw(encode(planned)),
        checks=checks,
        media=msgspec.Raw(encode(media)),
        sha256=sha256,
        content=content,
        copies=maker != job.job_id,
        short=planned.duration <= tools.short_seconds,
    )


def parts_of(planned: EncodingPlan, memory: int) -> tuple[Part, ...]:
    """The encoding tasks that ``planned`` asks for; those of video need ``memory`` GiB."""
    rate = planned.frame_rate.fraction
    chunks = tuple(
        Part(
            TaskKind.ENCODE,
            chunk_task_name(chunk.index),
            seconds=float(chunk.frame_count / rate),
            queue=encode_queue(CODEC),
            memory=memory,
        )
        for chunk in planned.chunks
    )
    sound = (Part(TaskKind.AUDIO, "audio", planned.duration, AUDIO),) if planned.audio else ()
    return (*chunks, *sound, Part(TaskKind.POSTER, "poster", 0.0))


def content_name(sha256: str, planned: EncodingPlan, tools: Tools) -> str:
    """What the file of that digest becomes, encoded as planned and set: the same name, the same."""
    settings = f"{tools.encoding.preset} {tools.encoding.constant_rate_factor}"
    told = (sha256.encode(), settings.encode(), encode(planned))
    return hashlib.sha256(b"\n".join(told)).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
