"""How tasks change."""

import pytest

from ingest.jobs import transitions as t
from ingest.jobs.model import TaskKind, TaskState
from tests.unit.ingest.jobs.records import NOW, a_task


def test_a_claim_is_a_new_attempt_with_a_lease() -> None:
    claimed = t.claimed(a_task(), "w1", NOW)
    assert (claimed.state, claimed.attempt, claimed.worker) == (TaskState.RUNNING, 1, "w1")
    assert claimed.lease_until == NOW + t.LEASE


def test_every_change_raises_the_revision_so_that_a_swap_can_tell() -> None:
    task = a_task()
    running = t.claimed(task, "w", NOW)
    changes = [
        t.renewed(running, NOW, progress=0.5, speed=1.0),
        t.committed(running, b"{}", NOW),
        t.failed(running, "no", NOW),
        t.retried(running, "no", NOW),
        t.released(running, NOW),
        t.stopped(running, NOW),
        t.dispatched(task, NOW),
    ]
    assert running.revision == task.revision + 1
    assert [c.revision for c in changes[:-1]] == [running.revision + 1] * 6


def test_a_running_task_is_claimed_only_once_its_lease_is_over() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert not t.may_claim(running, NOW + t.LEASE - 0.1)
    assert t.may_claim(running, NOW + t.LEASE)


def test_a_lease_that_ran_out_counts_as_a_failure_and_a_release_does_not() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert t.claimed(running, "w2", NOW + 60).failures == 1
    assert t.claimed(t.released(running, NOW), "w2", NOW).failures == 0


def test_a_released_task_may_be_claimed_at_once() -> None:
    released = t.released(t.claimed(a_task(), "w", NOW), NOW)
    assert t.may_claim(released, NOW)


def test_a_retried_task_waits_longer_each_time() -> None:
    task, waits = a_task(), []
    for _ in range(t.MAXIMUM_FAILURES - 1):
        task = t.retried(t.claimed(task, "w", NOW), "busy", NOW)
        waits.append(task.not_before - NOW)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert not t.may_claim(task, NOW)


def test_passing_errors_that_do_not_pass_fail_the_task_with_the_last_sentence() -> None:
    task = a_task()
    for number in range(t.MAXIMUM_FAILURES):
        task = t.retried(t.claimed(task, "w", NOW), f"error {number}", NOW)
    assert (task.state, task.error) == (TaskState.FAILED, "error 4")


@pytest.mark.parametrize("kind", [TaskKind.PUBLISH, TaskKind.CLEAN])
def test_publishing_and_cleaning_are_never_given_up(kind: TaskKind) -> None:
    task = a_task(kind, kind.value)
    for _ in range(100):
        task = t.retried(t.claimed(task, "w", NOW), "away", NOW)
    assert task.state is TaskState.READY
    assert task.not_before - NOW == t.LONGEST_BACKOFF


def test_a_ready_task_stops_at_once() -> None:
    assert t.stopped(a_task(), NOW).state is TaskState.CANCELLED


def test_a_running_task_stops_when_its_worker_lets_go() -> None:
    stopping = t.stopped(t.claimed(a_task(), "w", NOW), NOW)
    assert stopping.state is TaskState.STOPPING
    assert t.stopped(stopping, NOW).state is TaskState.CANCELLED


def test_a_running_task_of_a_dead_worker_stops_at_once() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert t.stopped(running, NOW + t.LEASE).state is TaskState.CANCELLED


@pytest.mark.parametrize("state", [TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED])
def test_a_finished_task_is_never_claimed_again(state: TaskState) -> None:
    running = t.claimed(a_task(), "w", NOW)
    finished = {
        TaskState.DONE: t.committed(running, b"1", NOW),
        TaskState.FAILED: t.failed(running, "no", NOW),
        TaskState.CANCELLED: t.stopped(a_task(), NOW),
    }[state]
    assert finished.state is state
    assert not t.may_claim(finished, NOW + 1e9)


def test_workers_are_told_of_a_waiting_task_ever_less_often() -> None:
    task, waits = a_task(), []
    for _ in range(10):
        task = t.dispatched(task, NOW)
        assert task.due_at is not None
        waits.append(task.due_at - NOW)
    assert waits[:3] == [5.0, 10.0, 20.0]
    assert waits[-1] == t.LONGEST_DISPATCH_AGAIN


def test_progress_stays_between_none_and_all() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert t.renewed(running, NOW, progress=1.7, speed=None).progress == 1.0
    assert t.renewed(running, NOW, progress=-1.0, speed=None).progress == 0.0
