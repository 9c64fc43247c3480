"""Inspecting a source: what it is, whether it is taken, and how it will be encoded."""

import msgspec

from common.messages import encode
from ingest.inspect.probe import inspect
from ingest.jobs.model import Inspected, Part, TaskKind
from ingest.jobs.work.tools import Tools, chunk_task_name
from ingest.jobs.worker import Assignment
from ingest.plan import EncodingPlan, plan


async def inspect_source(tools: Tools, assignment: Assignment) -> Inspected:
    """What the source needs.

    Raises:
        UploadRefused: it is no video that is taken here; one class per reason.
    """
    limits = tools.limits_of(None)
    async with tools.sources.local(assignment.job) as source:
        media = await inspect(source, tools.inspection, limits)
    planned = plan(media, tools.plan)
    return Inspected(parts_of(planned), msgspec.Raw(encode(planned)))


def parts_of(planned: EncodingPlan) -> tuple[Part, ...]:
    """The encoding tasks that ``planned`` asks for."""
    rate = planned.frame_rate.fraction
    chunks = tuple(
        Part(TaskKind.ENCODE, chunk_task_name(chunk.index), seconds=float(chunk.frame_count / rate))
        for chunk in planned.chunks
    )
    sound = (Part(TaskKind.AUDIO, "audio", planned.duration),) if planned.audio else ()
    return (*chunks, *sound, Part(TaskKind.POSTER, "poster", 0.0))
