"""A job's stages on the command line."""

import msgspec

from common.messages import Decision, Evidence, JobState, JobView, StageView, Verdict
from deploy.progress import ProgressDisplay
from deploy.stages import held_sentence, show_stages
from tests.unit.deploy.test_follow import JOB


def told(*jobs: JobView) -> list[str]:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        for job in jobs:
            show_stages(job, display)
    return lines


def at(state: JobState, **percents: float) -> JobView:
    stages = tuple(StageView(name, percent) for name, percent in percents.items())
    return msgspec.structs.replace(JOB, state=state, stages=stages)


def test_stages_that_have_not_begun_are_not_told() -> None:
    assert told(at(JobState.ENCODING, inspect=100, encode=40, package=0, publish=0)) == [
        "Inspect: 100%",
        "Encode: 40%",
    ]


def test_what_goes_side_by_side_is_told_side_by_side() -> None:
    job = at(JobState.ENCODING, inspect=100, filter=20, encode=40, package=0, publish=0)
    assert told(job) == ["Inspect: 100%", "Filter: 20%", "Encode: 40%"]


def test_speed_and_time_left_are_told_while_a_stage_runs() -> None:
    encode = StageView("encode", 40.0, speed=2.345, seconds_left=12.4)
    job = msgspec.structs.replace(JOB, state=JobState.ENCODING, stages=(encode,))

    assert told(job) == ["Encode: 40% (2.3x, 12 s left)"]


def test_each_stage_ends_once() -> None:
    first = at(JobState.PUBLISHING, inspect=100, encode=100, package=100, publish=0)
    last = at(JobState.DONE, inspect=100, encode=100, package=100, publish=100)

    assert told(first, first, last) == [
        "Inspect: 100%",
        "Encode: 100%",
        "Package: 100%",
        "Publish: 0%",
        "Publish: 100%",
    ]


def test_a_held_job_says_why_and_how_to_decide() -> None:
    verdicts = (
        Verdict("frames", Decision.ALLOW, (Evidence("Nothing known."),)),
        Verdict("faces", Decision.REVIEW, (Evidence("Somebody is seen.", 1.0, 2.0),)),
        Verdict("model", Decision.REVIEW, failure="It did not answer."),
    )
    job = msgspec.structs.replace(JOB, state=JobState.REVIEW, verdicts=verdicts)

    assert held_sentence(job) == (
        "Held for review (faces: Somebody is seen; model: It did not answer). An operator decides "
        "on the control plane's page, or with POST /v1/jobs/j/review at ingest."
    )
