"""What a job needs next."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import JobState
from ingest.jobs import transitions as t
from ingest.jobs.graph import decide
from ingest.jobs.model import Job, Task, TaskKind, TaskState
from tests.unit.ingest.jobs.records import INSPECTED, NOW, PARTS, a_job, a_task, done


def _run(job: Job, tasks: Sequence[Task], rounds: int = 20) -> tuple[Job, list[Task]]:
    """Does every task well, until the job is final."""
    known = list(tasks)
    for _ in range(rounds):
        decision = decide(job, known, NOW)
        job = decision.job
        stopped = {task.task_id: t.stopped(task, NOW) for task in decision.stop}
        known = [stopped.get(task.task_id, task) for task in known] + list(decision.create)
        known = [
            done(task, INSPECTED if task.kind is TaskKind.INSPECT else b"{}")
            if task.state is TaskState.READY
            else task
            for task in known
        ]
        if job.state.final:
            break
    return job, known


def _encoding() -> tuple[Job, list[Task]]:
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), INSPECTED)
    decision = decide(a_job(), [inspect], NOW)
    return decision.job, [inspect, *decision.create]


def test_a_new_job_is_inspected_first() -> None:
    decision = decide(a_job(), [], NOW)
    assert [task.name for task in decision.create] == ["inspect"]
    assert decision.job.state is JobState.QUEUED


def test_an_inspection_that_has_begun_shows() -> None:
    running = t.claimed(a_task(TaskKind.INSPECT, "inspect"), "w", NOW)
    assert decide(a_job(), [running], NOW).job.state is JobState.INSPECTING


def test_an_inspected_job_gets_every_part_at_once() -> None:
    job, tasks = _encoding()
    assert [task.name for task in tasks[1:]] == [part.name for part in PARTS]
    assert job.state is JobState.ENCODING


def test_a_crash_between_two_parts_is_made_good() -> None:
    job, tasks = _encoding()
    decision = decide(job, tasks[:3], NOW)
    assert [task.name for task in decision.create] == ["audio", "poster"]


@pytest.mark.parametrize("missing", range(1, 5))
def test_packaging_waits_for_every_part(missing: int) -> None:
    job, tasks = _encoding()
    parts = [task if n == missing else done(task) for n, task in enumerate(tasks) if n]
    decision = decide(job, [tasks[0], *parts], NOW)
    assert decision.create == ()
    assert decision.job.state is JobState.ENCODING


def test_packaging_follows_the_last_part() -> None:
    job, tasks = _encoding()
    decision = decide(job, [tasks[0], *(done(task) for task in tasks[1:])], NOW)
    assert [task.kind for task in decision.create] == [TaskKind.PACKAGE]
    assert decision.job.state is JobState.PACKAGING


def test_a_job_ends_after_packaging_publishing_and_cleaning() -> None:
    job, tasks = _run(a_job(), [])
    assert job.state is JobState.DONE
    assert [task.kind for task in tasks[-3:]] == [
        TaskKind.PACKAGE,
        TaskKind.PUBLISH,
        TaskKind.CLEAN,
    ]


def test_a_final_job_needs_nothing() -> None:
    job, tasks = _run(a_job(), [])
    decision = decide(job, tasks, NOW)
    assert (decision.create, decision.stop, decision.job) == ((), (), job)


def test_asking_again_changes_nothing() -> None:
    job, tasks = _encoding()
    decision = decide(job, tasks, NOW)
    assert (decision.create, decision.stop) == ((), ())
    assert decision.job is job


def test_one_failed_part_stops_the_others() -> None:
    job, tasks = _encoding()
    failed = t.failed(t.claimed(tasks[1], "w", NOW), "Broken picture.", NOW)
    decision = decide(job, [tasks[0], failed, *tasks[2:]], NOW)
    assert {task.name for task in decision.stop} == {"c0001", "audio", "poster"}
    assert decision.job.error == "Broken picture."
    assert not decision.job.state.final


def test_a_failing_job_is_cleaned_only_when_no_worker_can_write_any_more() -> None:
    job, tasks = _encoding()
    failed = t.failed(t.claimed(tasks[1], "w", NOW), "Broken picture.", NOW)
    stopping = t.stopped(t.claimed(tasks[2], "w", NOW), NOW)
    others = [t.stopped(task, NOW) for task in tasks[3:]]
    held = decide(job, [tasks[0], failed, stopping, *others], NOW)
    assert held.create == ()
    gone = t.stopped(stopping, NOW)
    after = decide(held.job, [tasks[0], failed, gone, *others], NOW)
    assert [task.kind for task in after.create] == [TaskKind.CLEAN]


def test_a_stopping_task_whose_worker_died_does_not_hold_the_job() -> None:
    job, tasks = _encoding()
    failed = t.failed(t.claimed(tasks[1], "w", NOW), "Broken picture.", NOW)
    stopping = t.stopped(t.claimed(tasks[2], "w", NOW), NOW)
    decision = decide(job, [tasks[0], failed, stopping], NOW + t.LEASE)
    assert decision.stop == (stopping,)


def test_a_failed_job_says_so_only_once_it_is_clean() -> None:
    failed = t.failed(t.claimed(a_task(TaskKind.INSPECT, "inspect"), "w", NOW), "No video.", NOW)
    before = decide(a_job(), [failed], NOW)
    assert not before.job.state.final
    assert before.create == ()
    job, tasks = _run(before.job, [failed])
    assert tasks[-1].kind is TaskKind.CLEAN
    assert (job.state, job.error) == (JobState.FAILED, "No video.")


@given(
    order=st.permutations(range(4)),
    fails=st.none() | st.integers(0, 3),
)
def test_whatever_the_order_of_the_parts_the_job_ends_right(
    order: Sequence[int], fails: int | None
) -> None:
    job, tasks = _encoding()
    for number in order:
        running = t.claimed(tasks[number + 1], "w", NOW)
        tasks[number + 1] = t.failed(running, "no", NOW) if number == fails else done(running)
        decision = decide(job, tasks, NOW)
        assert all(task.kind is not TaskKind.PUBLISH for task in decision.create)
        job = decision.job
        if decision.create or decision.job.error:
            break
    job, _ = _run(job, tasks)
    assert job.state is (JobState.DONE if fails is None else JobState.FAILED)
