"""Jobs as clients see them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import JobState
from ingest.jobs import transitions as t
from ingest.jobs.graph import decide
from ingest.jobs.model import (
    FIRST,
    PUBLISH_FIRST,
    Filtered,
    Inspected,
    Part,
    Task,
    TaskKind,
)
from ingest.jobs.view import view_of
from tests.unit.ingest.jobs.records import INSPECTED, NOW, PARTS, a_job, a_task, done


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
    assert view.percent == 1.9


COPY = a_task(TaskKind.COPY, "copy")


@pytest.mark.parametrize("kind", [TaskKind.PACKAGE, TaskKind.PUBLISH])
def test_a_stage_is_not_over_with_the_first_version(kind: TaskKind) -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    first = [done(a_task(kind, name)) for name in FIRST]
    assert {stage.percent for stage in view_of(job, first).stages} == {0.0}


def test_a_task_that_is_tried_again_takes_no_progress_back() -> None:
    job = msgspec.structs.replace(a_job(), state=JobState.ENCODING)
    task = t.renewed(t.claimed(a_task(), "w", NOW), NOW, progress=0.5, speed=2.0)
    for again in (
        t.expired(task, NOW + 20),
        t.retried(task, "Broken.", NOW),
        t.released(task, NOW),
    ):
        task = t.renewed(t.claimed(again, "x", NOW), NOW, progress=0.1, speed=2.0)
        assert view_of(job, [task]).stages[1].percent == 50.0
    task = t.renewed(task, NOW, progress=0.6, speed=2.0)
    assert view_of(job, [task]).stages[1].percent == pytest.approx(60.0)


@pytest.mark.parametrize("checks", [(), (Part(TaskKind.FILTER, "filter", 40.0, "filter"),)])
@pytest.mark.parametrize("copies", [False, True])
@given(order=st.lists(st.integers(0, 9), min_size=40, max_size=40))
def test_no_percent_ever_goes_back(
    checks: tuple[Part, ...], copies: bool, order: list[int]
) -> None:
    """``order`` says whose turn it is among the tasks that are not done."""
    parts = (*PARTS, Part(TaskKind.ENCODE, "c0000-later", 30.0, "encode.hevc", later=True))
    inspected = Inspected(parts, msgspec.Raw(b"{}"), checks=checks, copies=copies)
    results = {
        "inspect": msgspec.json.encode(inspected),
        "filter": msgspec.json.encode(Filtered(())),
        "copy": b'{"copied":false}',
    }
    job, tasks = a_job(), dict[str, Task]()
    seen: dict[str, float] = {}
    for turn in [*order, *[0] * 60]:
        decision = decide(job, list(tasks.values()), NOW)
        job = decision.job
        tasks |= {task.name: task for task in decision.create}
        view = view_of(job, list(tasks.values()))
        now = {"": view.percent} | {stage.name: stage.percent for stage in view.stages}
        assert all(now.get(name, percent) >= percent for name, percent in seen.items())
        seen |= now
        left = [task for task in tasks.values() if not task.state.final]
        if left:
            task = left[turn % len(left)]
            if task.attempt and turn % 2 == 0:
                changed = t.committed(task, results.get(task.name, b"null"), NOW)
            else:
                task = task if task.attempt else t.claimed(task, "w", NOW)
                grows = 0.0 if task.kind is TaskKind.COPY else 0.3
                changed = t.renewed(task, NOW, progress=task.progress + grows, speed=2.0)
            tasks[task.name] = changed
    assert (job.state, seen[""]) == (JobState.DONE, 100.0)


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
