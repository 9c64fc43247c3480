"""How tasks change."""

import msgspec
import pytest

from ingest.jobs import transitions as t
from ingest.jobs.model import TaskKind, TaskState
from ingest.jobs.shares import FILMS, FILMS_WAIT_AT_MOST, SHORTS, placed
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
        t.readied(task, NOW),
    ]
    assert running.revision == task.revision + 1
    assert [c.revision for c in changes[:-1]] == [running.revision + 1] * 6


def test_a_new_task_may_be_claimed_and_a_running_one_not() -> None:
    assert a_task().claimable
    assert not t.claimed(a_task(), "w", NOW).claimable


def test_a_task_whose_lease_is_over_may_be_claimed_again() -> None:
    lapsed = t.expired(t.claimed(a_task(), "w", NOW), NOW + t.LEASE)
    assert lapsed.claimable
    assert t.claimed(lapsed, "w2", NOW).attempt == 2


def test_a_lease_that_ran_out_counts_as_a_failure_and_a_release_does_not() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert t.expired(running, NOW + 60).failures == 1
    assert t.released(running, NOW).failures == 0


def test_a_task_that_kills_its_workers_again_and_again_fails() -> None:
    task = a_task()
    for _ in range(t.MAXIMUM_FAILURES):
        task = t.expired(t.claimed(task, "w", NOW), NOW + t.LEASE)
    assert task.state is TaskState.FAILED
    assert task.error == (
        "The encode task was tried 5 times and never came to an end: its workers died."
    )


def test_waiting_for_something_is_no_failure() -> None:
    task, waits = a_task(), []
    for _ in range(8):
        task = t.postponed(t.claimed(task, "w", NOW), NOW)
        assert task.not_before is not None
        waits.append(task.not_before - NOW)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert (task.failures, task.claimable) == (0, False)


def test_a_task_that_waited_for_its_next_try_may_be_claimed() -> None:
    waiting = t.retried(t.claimed(a_task(), "w", NOW), "busy", NOW)
    assert not waiting.claimable
    assert t.readied(waiting, NOW + 1).claimable


def test_a_short_in_line_is_nobodys_business_and_a_film_is_looked_at_after_a_while() -> None:
    (short,) = placed([a_task()], 0.0)
    (film,) = placed([msgspec.structs.replace(a_task(), priority=FILMS)], 0.0)
    assert (short.due_at, film.due_at) == (None, NOW + FILMS_WAIT_AT_MOST)


def test_a_task_of_a_film_goes_first_once_it_has_waited_long_enough() -> None:
    film = msgspec.structs.replace(a_task(), priority=FILMS, share=7.0)
    soon = t.readied(film, NOW + FILMS_WAIT_AT_MOST - 1)
    assert (soon.priority, soon.share) == (FILMS, 7.0)
    late = t.readied(film, NOW + FILMS_WAIT_AT_MOST)
    assert (late.priority, late.share, late.due_at) == (SHORTS, 0.0, None)


def test_a_webhook_is_told_for_hours_and_then_given_up() -> None:
    task, waited = a_task(TaskKind.NOTIFY, "notify-done-studio"), 0.0
    while task.state is TaskState.READY:
        task = t.retried(t.claimed(task, "w", NOW), "away", NOW)
        waited += task.not_before - NOW if task.not_before is not None else 0.0
    assert 8 * 3600 < waited < 24 * 3600


def test_a_released_task_may_be_claimed_at_once() -> None:
    released = t.released(t.claimed(a_task(), "w", NOW), NOW)
    assert released.claimable


def test_a_retried_task_waits_longer_each_time() -> None:
    task, waits = a_task(), []
    for _ in range(t.MAXIMUM_FAILURES - 1):
        task = t.retried(t.claimed(task, "w", NOW), "busy", NOW)
        assert task.not_before is not None
        waits.append(task.not_before - NOW)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert not task.claimable


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
    assert task.not_before == NOW + t.LONGEST_BACKOFF


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
    assert not finished.claimable


def test_progress_stays_between_none_and_all() -> None:
    running = t.claimed(a_task(), "w", NOW)
    assert t.renewed(running, NOW, progress=1.7, speed=None).progress == 1.0
    assert t.renewed(running, NOW, progress=-1.0, speed=None).progress == 0.0
