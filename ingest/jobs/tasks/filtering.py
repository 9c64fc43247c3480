"""Asking the content filters about a source."""

import msgspec

from ingest.filter import Subject, run_chain
from ingest.inspect.media import MediaInfo
from ingest.jobs.model import Filtered, Inspected, TaskKind
from ingest.jobs.tasks.tools import Tools
from ingest.jobs.worker import Assignment


async def filter_source(tools: Tools, assignment: Assignment) -> Filtered:
    """What the filters say; what comes of it is for the job's graph to decide."""
    job = assignment.job
    inspect = await tools.task_of(job, TaskKind.INSPECT)
    inspected = msgspec.json.decode(inspect.result, type=Inspected)

    def report(share: float) -> None:
        assignment.progress = share

    async with (
        tools.scratch.subfolder(f"{job.job_id}-{assignment.attempt_name}") as folder,
        tools.sources.local(job) as source,
    ):
        subject = Subject(
            source=str(source.absolute()),
            sha256=inspected.sha256,
            size=job.source.size,
            media=msgspec.json.decode(inspected.media, type=MediaInfo),
            title=job.title,
            filename=job.source.filename,
            owner=job.owner,
        )
        outcome = await run_chain(tools.filters, subject, workspace=folder, on_progress=report)
    return Filtered(outcome.verdicts)
