"""What people may ask of a job."""

import msgspec
import pytest

from common.messages import Decision, JobState, Review, Verdict
from ingest.jobs.model import Job
from ingest.jobs.requests import (
    JobDecided,
    JobEnded,
    JobNotHeld,
    JobPublishing,
    cancelled,
    reviewed,
)
from tests.unit.ingest.jobs.records import NOW, a_job

APPROVED = Review(approved=True, by="operator", note="", at=NOW)
REFUSED = Review(approved=False, by="operator", note="No.", at=NOW)


def job(**changes: object) -> Job:
    return msgspec.structs.replace(a_job(), **changes)


def doubted(**changes: object) -> Job:
    return job(verdicts=(Verdict("faces", Decision.REVIEW),), **changes)


@pytest.mark.parametrize(
    "state", [s for s in JobState if not s.final and s is not JobState.PUBLISHING]
)
def test_a_job_is_cancelled_at_every_stage_before_it_is_published(state: JobState) -> None:
    changed = cancelled(job(state=state), NOW)
    assert changed.cancelled
    assert changed.due_at == NOW


def test_cancelling_twice_is_cancelling_once() -> None:
    once = cancelled(a_job(), NOW)
    assert cancelled(once, NOW + 1) is once


def test_what_is_being_published_cannot_be_cancelled() -> None:
    with pytest.raises(JobPublishing):
        cancelled(job(state=JobState.PUBLISHING), NOW)


def test_what_has_ended_cannot_be_cancelled() -> None:
    with pytest.raises(JobEnded, match="it is done"):
        cancelled(job(state=JobState.DONE), NOW)


@pytest.mark.parametrize("state", [JobState.ENCODING, JobState.REVIEW])
def test_an_operator_decides_as_soon_as_there_are_doubts(state: JobState) -> None:
    changed = reviewed(doubted(state=state), APPROVED)
    assert changed.review == APPROVED
    assert not changed.held


def test_the_same_decision_twice_is_one() -> None:
    once = reviewed(doubted(), APPROVED)
    assert reviewed(once, APPROVED) is once


def test_a_decision_stands() -> None:
    with pytest.raises(JobDecided, match="operator has decided already: the video is approved"):
        reviewed(reviewed(doubted(), APPROVED), REFUSED)


def test_there_is_nothing_to_decide_without_doubts() -> None:
    with pytest.raises(JobNotHeld):
        reviewed(a_job(), APPROVED)


def test_it_is_too_late_to_decide_on_a_job_that_has_ended() -> None:
    with pytest.raises(JobEnded):
        reviewed(doubted(state=JobState.CANCELLED), APPROVED)
