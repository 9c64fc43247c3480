"""Jobs as ingest tells them, for tests of the pages."""

from typing import Any

from common.messages import JobState, JobView, StageView

STAGES = (
    StageView("inspect", 100.0),
    StageView("encode", 41.6, speed=2.5, seconds_left=75.2),
    StageView("package", 0.0),
    StageView("publish", 0.0),
)


def job(job_id: str, state: JobState, **changes: Any) -> JobView:
    """A job in ``state``."""
    given: dict[str, Any] = {
        "job_id": job_id,
        "asset_id": f"asset-of-{job_id}",
        "version": "1",
        "title": f"Title of {job_id}",
        "state": state,
        "percent": 41.6,
        "stages": STAGES,
        "speed": None,
        "seconds_left": None,
        "error": None,
        "created_at": 100.0,
        "updated_at": 100.0,
    }
    return JobView(**given | changes)
