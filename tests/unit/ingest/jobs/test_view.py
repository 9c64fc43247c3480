"""Jobs as clients see them."""

import msgspec
import pytest

from common.messages import JobState
from ingest.jobs import transitions as t
from ingest.jobs.model import PUBLISH_FIRST, Task, TaskKind
from ingest.jobs.view import view_of
from tests.unit.ingest.jobs.records import INSPECTED, NOW, a_job, a_task, done


def test_a_new_job_stands_at_nothing() -> None:
    view = view_of(a_job(), [])
    assert (view.percent, view.state, view.error) == (0.0, JobState.QUEUED, None)
    assert [stage.name for stage in view.stages] == ["inspect", "encode", "package", "publish"]


def test_encoding_weighs_by_seconds_of_media() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    long = msgspec.structs.replace(a_task(name="c0000"), seconds=30.0)
    tasks = [done(long), a_task(name="c0001")]
    assert view_of(job, tasks).stages[1].percent == pytest.approx(75.0)


def test_speed_adds_up_over_workers_and_tells_the_time_left() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    running = [
        t.renewed(t.claimed(a_task(name=name), "w", NOW), NOW, progress=0.5, speed=2.0)
        for name in ("c0000", "c0001")
    ]
    view = view_of(job, running)
    assert view.speed == 4.0
    assert view.seconds_left == pytest.approx(2.5)


def test_sound_is_not_counted_as_speed() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    audio = t.claimed(a_task(TaskKind.AUDIO, "audio"), "w", NOW)
    view = view_of(job, [t.renewed(audio, NOW, progress=0.1, speed=80.0)])
    assert (view.speed, view.seconds_left) == (None, None)


def test_a_job_that_is_failing_does_not_say_why_before_it_has_failed() -> None:
    job = msgspec.structs.replace(a_job(), error="Broken.")
    assert view_of(job, []).error is None
    failed = msgspec.structs.replace(job, state=JobState.FAILED)
    assert view_of(failed, []).error == "Broken."


FIRST_OUT = done(a_task(TaskKind.PUBLISH, PUBLISH_FIRST))


def test_viewers_have_a_video_from_its_first_version_on_unless_it_is_cancelled() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    waiting = a_task(TaskKind.PUBLISH, PUBLISH_FIRST)
    assert not view_of(job, [waiting]).playable
    assert view_of(job, [FIRST_OUT]).playable
    assert view_of(msgspec.structs.replace(job, error="Broken."), [FIRST_OUT]).playable
    assert not view_of(msgspec.structs.replace(job, cancelled=True), [FIRST_OUT]).playable


def test_a_job_that_has_ended_tells_what_its_record_says_of_that() -> None:
    failed = msgspec.structs.replace(a_job(), state=JobState.FAILED)
    assert not view_of(failed, []).playable
    assert view_of(msgspec.structs.replace(failed, published=True), []).playable
    # Written before records told it.
    assert view_of(msgspec.structs.replace(failed, state=JobState.DONE), []).playable


def test_an_inspection_moves_the_percent_a_little() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    view = view_of(job, [done(a_task(TaskKind.INSPECT, "inspect"), INSPECTED)])
    assert view.percent == 2.0


COPY = a_task(TaskKind.COPY, "copy")


@pytest.mark.parametrize("copy", [COPY, done(COPY, b'{"copied":true}')])
def test_a_job_that_copies_packages_nothing(copy: Task) -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.REVIEW)
    inspected = done(a_task(TaskKind.INSPECT, "inspect"), INSPECTED)
    view = view_of(job, [inspected, copy])
    assert [stage.name for stage in view.stages] == ["inspect", "encode", "publish"]


def test_a_job_that_could_not_copy_encodes_and_packages() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    view = view_of(job, [done(COPY, b'{"copied":false}')])
    assert [stage.name for stage in view.stages] == ["inspect", "encode", "package", "publish"]
