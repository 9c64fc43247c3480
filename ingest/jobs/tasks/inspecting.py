"""Inspecting a source: what it is, whether it is taken, and how it will be encoded."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from common.messages import encode
from ingest.inspect.limits import SHORTS
from ingest.inspect.media import VideoStream
from ingest.inspect.probe import inspect
from ingest.jobs.model import Inspected, Part, TaskKind
from ingest.jobs.queues import AUDIO, FILTER, encode_queue, memory_class
from ingest.jobs.tasks.tools import Tools, chunk_task_name, track_task_name
from ingest.jobs.worker import Assignment
from ingest.plan import EncodingPlan, plan
from ingest.plan.memory import encode_memory


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
    planned = plan(media, tools.plan, short=job.profile == SHORTS)
    content = content_name(sha256, planned, tools)
    maker = await tools.jobs.hold_content(content, job.job_id, instead_of=None)
    checks = (Part(TaskKind.FILTER, "filter", planned.duration, FILTER),) if tools.filters else ()
    return Inspected(
        parts_of(planned, media.video),
        msgspec.Raw(encode(planned)),
        checks=checks,
        media=msgspec.Raw(encode(media)),
        sha256=sha256,
        content=content,
        copies=maker != job.job_id,
        short=planned.duration <= tools.short_seconds,
    )


def parts_of(planned: EncodingPlan, video: VideoStream) -> tuple[Part, ...]:
    """The tasks that ``planned`` asks for, those of the first version first."""
    parts = (
        *_sounds(planned),
        Part(TaskKind.PICTURES, "pictures", planned.duration),
        *((Part(TaskKind.SUBTITLES, "subtitles", planned.duration),) if planned.subtitles else ()),
        *_chunks(planned, video),
    )
    return tuple(sorted(parts, key=lambda part: part.later))


def _sounds(planned: EncodingPlan) -> Iterator[Part]:
    for number, _ in enumerate(planned.audio):
        yield Part(TaskKind.AUDIO, track_task_name(number), planned.duration, AUDIO)


def _chunks(planned: EncodingPlan, video: VideoStream) -> Iterator[Part]:
    rate = planned.frame_rate.fraction
    for group, chunk in planned.encodes:
        yield Part(
            TaskKind.ENCODE,
            chunk_task_name(chunk, group),
            seconds=float(chunk.frame_count / rate),
            queue=encode_queue(group.codec),
            memory=memory_class(encode_memory(video, planned, group)),
            later=bool(planned.first) and group.name not in planned.first,
        )


def content_name(sha256: str, planned: EncodingPlan, tools: Tools) -> str:
    """What the file of that digest becomes, encoded as planned and set: the same name, the same."""
    settings = msgspec.json.encode(tools.encoding, enc_hook=int)
    told = (sha256.encode(), settings, encode(planned))
    return hashlib.sha256(b"\n".join(told)).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
