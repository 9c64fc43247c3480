"""Jobs and tasks to begin with, for tests."""

import msgspec

from ingest.jobs import transitions
from ingest.jobs.model import (
    Inspected,
    Job,
    Part,
    Source,
    Task,
    TaskKind,
    new_job,
    new_task,
)

NOW = 1_000.0
PARTS = (
    Part(TaskKind.ENCODE, "c0000", 30.0, "encode.h264", 2),
    Part(TaskKind.ENCODE, "c0001", 10.0, "encode.h264", 2),
    Part(TaskKind.AUDIO, "audio", 40.0, "audio"),
    Part(TaskKind.PICTURES, "pictures", 0.0),
)
INSPECTED = msgspec.json.encode(Inspected(PARTS, msgspec.Raw(b"{}")))


def a_job(job_id: str = "job1") -> Job:
    return new_job(
        job_id=job_id,
        asset_id="asset1",
        version="version1",
        owner="creator",
        profile=None,
        title="A title",
        source=Source((f"uploads/{job_id}/source",), 10, "0" * 64, "a.mp4"),
        now=NOW,
    )


def a_task(kind: TaskKind = TaskKind.ENCODE, name: str = "c0000", job_id: str = "job1") -> Task:
    return new_task(job_id, kind, name, seconds=10.0, now=NOW)


def done(task: Task, result: bytes = b"null") -> Task:
    return transitions.committed(transitions.claimed(task, "w", NOW), result, NOW)
