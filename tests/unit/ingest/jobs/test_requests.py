"""What people may ask of a job."""

import msgspec
import pytest

from common.errors import NearcastError
from common.messages import Decision, JobState, Review, Verdict
from ingest.jobs.model import Job, Sidecar
from ingest.jobs.requests import (
    JobDecided,
    JobEnded,
    JobFailing,
    JobNotHeld,
    JobPublishing,
    JobSettled,
    SubtitlesTooMany,
    SubtitlesUnknown,
    cancelled,
    reviewed,
    settled,
    with_sidecar,
    without_sidecar,
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


def test_what_fails_already_cannot_be_cancelled() -> None:
    with pytest.raises(JobFailing):
        cancelled(job(error="Broken."), NOW)


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


def sidecar(language: str, part: str = "a", *, default: bool = False) -> Sidecar:
    return Sidecar(part, language, language, default, False, False, 1)


def test_subtitles_take_the_place_of_those_in_the_same_language() -> None:
    before = job(sidecars=(sidecar("de"), sidecar("en")), due_at=NOW + 9)
    changed = with_sidecar(before, sidecar("de", "b"), NOW)
    assert [(one.language, one.part) for one in changed.sidecars] == [("de", "b"), ("en", "a")]
    # Nobody has to look at the job for that.
    assert (changed.due_at, changed.revision) == (NOW + 9, before.revision + 1)


def test_the_last_default_is_the_default() -> None:
    before = job(sidecars=(sidecar("en", default=True),))
    changed = with_sidecar(before, sidecar("de", default=True), NOW)
    assert [one.default for one in changed.sidecars] == [True, False]


def test_subtitles_are_as_many_as_may_be() -> None:
    full = job(
        sidecars=tuple(sidecar(f"a{letter}") for letter in "abcdefghijklmnopqrstuvwxyz012345")
    )
    with pytest.raises(SubtitlesTooMany):
        with_sidecar(full, sidecar("de"), NOW)
    assert len(with_sidecar(full, sidecar("aa", "b"), NOW).sidecars) == 32


def test_subtitles_are_taken_back_once() -> None:
    changed = without_sidecar(job(sidecars=(sidecar("de"), sidecar("en"))), "de", NOW)
    assert [one.language for one in changed.sidecars] == ["en"]
    with pytest.raises(SubtitlesUnknown):
        without_sidecar(changed, "de", NOW)


@pytest.mark.parametrize(
    ("late", "error"),
    [
        (job(state=JobState.DONE), JobEnded),
        (job(cancelled=True), JobEnded),
        (job(error="It failed."), JobEnded),
        (job(settled=True), JobSettled),
    ],
)
def test_a_job_that_is_settled_or_ends_keeps_the_subtitles_it_has(
    late: Job, error: type[NearcastError]
) -> None:
    late = msgspec.structs.replace(late, sidecars=(sidecar("en"),))
    with pytest.raises(error):
        with_sidecar(late, sidecar("de"), NOW)
    with pytest.raises(error):
        without_sidecar(late, "en", NOW)


def test_settling_twice_is_settling_once() -> None:
    once = settled(a_job())
    assert once.settled
    assert settled(once) is once
