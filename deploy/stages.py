"""A job's stages in the words of the command line."""

from common.messages import Decision, JobState, JobView, StageView, Verdict
from deploy.progress import ProgressDisplay, pace


def show_stages(job: JobView, display: ProgressDisplay) -> None:
    """Shows how far each stage of ``job`` is that is under way or over; some go side by side."""
    reached = True
    for stage in job.stages:
        # What a failed job did not get to is no news; a bar at 0 % would say that it comes.
        if reached or stage.percent > 0:
            display.show(stage.name.capitalize(), stage.percent, _note(stage))
        reached = reached and (stage.percent >= 100 or job.state is JobState.DONE)


def _note(stage: StageView) -> str:
    return pace(stage.speed, stage.seconds_left) if stage.percent < 100 else ""


def held_sentence(job: JobView) -> str:
    """Why ``job`` waits, and how an operator ends that."""
    doubts = [verdict for verdict in job.verdicts if verdict.decision is not Decision.ALLOW]
    said = "; ".join(f"{verdict.filter}: {_reason(verdict)}" for verdict in doubts)
    return (
        f"Held for review ({said}). An operator decides on the control plane's page, or with "
        f"POST /v1/jobs/{job.job_id}/review at ingest."
    )


def _reason(verdict: Verdict) -> str:
    first = verdict.evidence[0].reason if verdict.evidence else "no reason is given"
    return (verdict.failure or first).rstrip(".")
