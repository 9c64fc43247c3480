"""What a worker does with tasks, with a real database."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import structlog
from msgspec import structs

from common.errors import StorageFull
from common.messages import JobState
from ingest.jobs import transitions
from ingest.jobs.model import PUBLISH_FIRST, Inspected, Task, TaskKind, TaskState
from ingest.jobs.queues import CODECS, KINDS, queues_of
from ingest.jobs.requests import cancelled
from ingest.jobs.worker import Assignment, Capacity, TaskPostponed
from tests.unit.ingest.jobs.bench import Bench, MediaBroken, forever, opened_bench
from tests.unit.ingest.jobs.records import INSPECTED, PARTS, a_job, a_task


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened_bench(tmp_path) as bench:
        yield bench


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "RENEW_EVERY", 0.02)


async def state(bench: Bench) -> tuple[JobState, str | None]:
    job = await bench.store.job("job1")
    assert job is not None
    return job.state, job.error


async def encoding(bench: Bench) -> None:
    """A job whose inspection is done."""
    await bench.begin()
    await bench.look("inspect")


async def test_a_job_goes_all_the_way_and_every_task_runs_once(bench: Bench) -> None:
    await bench.begin()
    await bench.run()
    assert await state(bench) == (JobState.DONE, None)
    assert sorted(bench.work.begun) == [
        "audioa1",
        "c0000a1",
        "c0001a1",
        "cleana1",
        "inspecta1",
        "packagea1",
        "picturesa1",
        "publisha1",
    ]


async def test_the_same_task_delivered_three_times_runs_once(bench: Bench) -> None:
    await encoding(bench)
    await asyncio.gather(*(bench.look("c0000", f"w{n}") for n in range(3)))
    await bench.look("c0000")
    assert bench.work.begun.count("c0000a1") == 1
    assert "c0000a2" not in bench.work.begun


async def test_word_of_a_task_that_is_not_there_does_nothing(bench: Bench) -> None:
    await bench.look("nobody")
    assert bench.work.begun == []


async def test_a_broken_video_fails_the_job_at_once_in_one_sentence(bench: Bench) -> None:
    async def broken(_: Assignment) -> None:
        raise MediaBroken

    bench.work.script["c0000"] = broken
    await bench.begin()
    await bench.run()
    assert await state(bench) == (JobState.FAILED, "The picture is broken.")
    assert "c0000a2" not in bench.work.begun
    assert bench.work.begun[-1] == "cleana1"


async def test_a_passing_error_is_tried_again_later(bench: Bench) -> None:
    async def full_once(assignment: Assignment) -> None:
        if assignment.task.attempt == 1:
            raise StorageFull(where="the work folder")

    bench.work.script["c0000"] = full_once
    await bench.begin()
    await bench.run()
    assert (await state(bench))[0] is JobState.ENCODING
    assert bench.work.discarded == ["c0000a1"]
    bench.clock.time += 1.0
    await bench.run()
    assert (await state(bench))[0] is JobState.DONE
    assert "c0000a2" in bench.work.begun


async def test_an_error_that_does_not_pass_fails_the_job_with_its_sentence(bench: Bench) -> None:
    async def full(_: Assignment) -> None:
        raise StorageFull(where="the work folder")

    bench.work.script["c0000"] = full
    await bench.begin()
    for _ in range(transitions.MAXIMUM_FAILURES + 2):
        await bench.run()
        bench.clock.time += 60
    assert await state(bench) == (JobState.FAILED, "No space is left in the work folder.")
    assert bench.work.begun.count("c0000a5") == 1
    assert "c0000a6" not in bench.work.begun


async def test_a_fault_of_ours_is_tried_again_and_told_without_its_inner_words(
    bench: Bench,
) -> None:
    async def fault(_: Assignment) -> None:
        raise KeyError("secret")

    bench.work.script["pictures"] = fault
    await bench.begin()
    with structlog.testing.capture_logs() as logged:
        for _ in range(transitions.MAXIMUM_FAILURES + 2):
            await bench.run()
            bench.clock.time += 60
    assert "task failed unexpectedly" in {entry["event"] for entry in logged}
    _, error = await state(bench)
    assert error == "Something unexpected went wrong in pictures (KeyError)."


async def test_publishing_is_tried_until_it_works(bench: Bench) -> None:
    async def late(assignment: Assignment) -> None:
        if assignment.task.attempt <= 20:
            raise StorageFull(where="somewhere")

    bench.work.script["publish"] = late
    await bench.begin()
    for _ in range(25):
        await bench.run()
        bench.clock.time += 60
    assert (await state(bench))[0] is JobState.DONE


async def test_a_worker_that_died_is_replaced_when_its_lease_is_over(bench: Bench) -> None:
    await encoding(bench)
    task = await bench.task("c0000")
    await bench.store.swap_task(task, transitions.claimed(task, "dead", bench.clock.now()))
    await bench.look("c0000")
    assert "c0000a2" not in bench.work.begun
    bench.clock.time += transitions.LEASE
    await bench.sweeper.sweep()
    await bench.look("c0000")
    assert "c0000a2" in bench.work.begun


async def test_a_task_that_kills_its_workers_is_given_up(bench: Bench) -> None:
    await encoding(bench)
    for _ in range(transitions.MAXIMUM_FAILURES):
        task = await bench.task("c0000")
        await bench.store.swap_task(task, transitions.claimed(task, "dead", bench.clock.now()))
        bench.clock.time += transitions.LEASE
        await bench.sweeper.sweep()
    await bench.run()
    assert await state(bench) == (
        JobState.FAILED,
        "The encode task was tried 5 times and never came to an end: its workers died.",
    )


async def test_a_working_worker_keeps_its_lease(bench: Bench) -> None:
    await encoding(bench)
    bench.work.script["c0000"] = forever
    working = asyncio.create_task(bench.look("c0000"))
    await bench.work.until_begun("c0000a1")
    with bench.events.subscribe("job1") as subscription:
        for _ in range(5):
            bench.clock.time += transitions.LEASE * 0.8
            while (await bench.task("c0000")).lease_until != bench.clock.now() + transitions.LEASE:
                assert await subscription.wait(5)
    assert (await bench.task("c0000")).attempt == 1
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_progress_is_written_while_it_works(bench: Bench) -> None:
    async def half(assignment: Assignment) -> None:
        assignment.progress, assignment.speed = 0.5, 3.0
        await asyncio.Event().wait()

    await encoding(bench)
    bench.work.script["c0000"] = half
    working = asyncio.create_task(bench.look("c0000"))
    with bench.events.subscribe("job1") as subscription:
        assert await subscription.wait(5)
        assert await subscription.wait(5)
    held = await bench.task("c0000")
    assert (held.progress, held.speed) == (0.5, 3.0)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_worker_thought_dead_stops_and_deletes_what_it_wrote(bench: Bench) -> None:
    await encoding(bench)
    bench.work.script["c0000"] = forever
    late = asyncio.create_task(bench.look("c0000", "late"))
    await bench.work.until_begun("c0000a1")
    held = await bench.task("c0000")
    second = transitions.claimed(held, "second", bench.clock.now())
    assert await bench.store.swap_task(held, second)
    await asyncio.wait_for(late, 30)
    assert bench.work.discarded == ["c0000a1"]
    assert await bench.task("c0000") == second


async def test_a_late_attempt_cannot_commit(bench: Bench) -> None:
    async def slow(_: Assignment) -> None:
        held = await bench.task("c0000")
        await bench.store.swap_task(held, transitions.claimed(held, "second", bench.clock.now()))

    await encoding(bench)
    bench.work.script["c0000"] = slow
    await bench.look("c0000", "late")
    held = await bench.task("c0000")
    assert (held.state, held.worker, held.attempt) == (TaskState.RUNNING, "second", 2)
    assert bench.work.discarded == ["c0000a1"]


async def test_shutting_down_gives_the_task_back_for_the_next_to_take_at_once(
    bench: Bench,
) -> None:
    await encoding(bench)
    bench.work.script["c0000"] = forever
    working = asyncio.create_task(bench.look("c0000"))
    await bench.work.until_begun("c0000a1")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    held = await bench.task("c0000")
    assert (held.state, held.failures) == (TaskState.READY, 0)
    del bench.work.script["c0000"]
    await bench.look("c0000", "next")
    assert (await bench.task("c0000")).state is TaskState.DONE


async def test_when_one_part_fails_running_ones_stop_before_the_job_is_cleaned(
    bench: Bench,
) -> None:
    async def broken(_: Assignment) -> None:
        raise MediaBroken

    await encoding(bench)
    bench.work.script |= {"c0000": forever, "c0001": broken}
    working = asyncio.create_task(bench.look("c0000", "w1"))
    await bench.work.until_begun("c0000a1")
    await bench.look("c0001", "w2")
    assert (await state(bench))[0] is JobState.ENCODING
    await asyncio.wait_for(working, 30)
    assert (await bench.task("c0000")).state is TaskState.CANCELLED
    await bench.run()
    assert (await state(bench))[0] is JobState.FAILED
    assert bench.work.begun[-1] == "cleana1"
    assert bench.work.discarded == ["c0001a1", "c0000a1"]


async def test_work_goes_on_while_the_database_is_away_and_is_committed_after(
    bench: Bench,
) -> None:
    async def through_the_outage(_: Assignment) -> None:
        bench.store.link.away = True
        await asyncio.sleep(0.2)

    await encoding(bench)
    bench.work.script["c0000"] = through_the_outage
    working = asyncio.create_task(bench.look("c0000"))
    await asyncio.sleep(0.5)
    assert not working.done()
    bench.store.link.away = False
    await asyncio.wait_for(working, 30)
    assert (await bench.task("c0000")).state is TaskState.DONE
    assert bench.work.discarded == []


async def test_a_commit_whose_answer_got_lost_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write arrives, but not the word of it: the next try must not take it for a fence."""
    await encoding(bench)
    real = bench.store.swap_task
    lost: list[Task] = []

    async def swap(old: Task, new: Task) -> bool:
        swapped = await real(old, new)
        if new.state is TaskState.DONE and not lost:
            lost.append(new)
            bench.clock.time += 1.0
            return False
        return swapped

    monkeypatch.setattr(bench.store, "swap_task", swap)
    await bench.look("c0000")
    assert lost
    assert (await bench.task("c0000")).state is TaskState.DONE
    assert bench.work.discarded == []


async def test_a_worker_takes_only_what_it_says(bench: Bench) -> None:
    await encoding(bench)
    bench.work.begun.clear()
    await bench.worker("w1", Capacity(("audio",), memory=math.inf)).look()
    assert bench.work.begun == ["audioa1"]


async def test_a_worker_takes_nothing_that_needs_more_memory_than_it_has(bench: Bench) -> None:
    await encoding(bench)
    bench.work.begun.clear()
    await bench.worker("w1", Capacity(queues_of(KINDS, CODECS), memory=1.0)).look()
    # The encodes need 2 GiB each.
    assert sorted(bench.work.begun) == ["audioa1", "picturesa1"]


async def test_tasks_side_by_side_share_the_memory_of_their_worker(bench: Bench) -> None:
    await encoding(bench)
    bench.work.script["c0000"] = forever
    worker = bench.worker("w1", Capacity(("encode.h264",), memory=3.0))
    first = asyncio.create_task(worker.look())
    await bench.work.until_begun("c0000a1")
    await worker.look()
    assert "c0001a1" not in bench.work.begun
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    del bench.work.script["c0000"]
    await worker.look()
    assert {"c0000a2", "c0001a1"} <= set(bench.work.begun)


async def sent(bench: Bench, job_id: str, owner: str) -> None:
    """A job of somebody whose inspection is done."""
    await bench.store.add_job(structs.replace(a_job(job_id), owner=owner))
    await bench.conductor.advance(job_id)
    await bench.look("inspect")


async def test_who_sends_one_video_does_not_wait_behind_who_sends_many(bench: Bench) -> None:
    begun: list[str] = []

    async def note(assignment: Assignment) -> None:
        begun.append(assignment.job.owner)

    bench.work.script["c0000"] = bench.work.script["c0001"] = note
    for number in range(10):
        await sent(bench, f"studio{number}", "studio")
    await sent(bench, "creator", "creator")
    await bench.worker().look()
    assert "creator" in begun[:3]
    assert begun.count("studio") == 20


async def test_a_short_is_encoded_before_a_film_that_came_first(bench: Bench) -> None:
    begun: list[str] = []

    async def note(assignment: Assignment) -> None:
        begun.append(assignment.job.job_id)

    bench.work.script["c0000"] = bench.work.script["c0001"] = note
    bench.work.inspected = msgspec.json.encode(Inspected(PARTS, msgspec.Raw(b"{}"), short=False))
    await sent(bench, "film", "studio")
    bench.work.inspected = INSPECTED
    await sent(bench, "short", "studio")
    await bench.worker().look()
    assert begun == ["short", "short", "film", "film"]


async def test_a_task_that_waits_for_another_job_is_put_off_and_has_not_failed(
    bench: Bench,
) -> None:
    async def not_yet(assignment: Assignment) -> None:
        if assignment.task.attempt == 1:
            raise TaskPostponed(reason="the job other encodes the same file")

    await encoding(bench)
    bench.work.script["pictures"] = not_yet
    await bench.look("pictures")
    task = await bench.task("pictures")
    assert (task.state, task.failures, task.claimable) == (TaskState.READY, 0, False)
    bench.clock.time += 1.0
    await bench.sweeper.sweep()
    await bench.look("pictures")
    assert (await bench.task("pictures")).state is TaskState.DONE


async def test_cancelling_stops_what_runs_and_cleans_once_it_has_let_go(bench: Bench) -> None:
    await encoding(bench)
    bench.work.script["c0000"] = forever
    working = asyncio.create_task(bench.look("c0000"))
    await bench.work.until_begun("c0000a1")
    job = await bench.store.job("job1")
    assert job is not None
    await bench.store.swap_job(job, cancelled(job, bench.clock.now()))
    await bench.conductor.advance("job1")
    await asyncio.wait_for(working, 30)
    await bench.run()
    assert await state(bench) == (JobState.CANCELLED, None)
    assert bench.work.begun[-1] == "cleana1"
    assert "c0001a1" not in bench.work.begun


async def test_a_first_version_that_somebody_slow_asks_for_after_the_end_is_not_made(
    bench: Bench,
) -> None:
    await bench.begin()
    await bench.run()
    before = list(bench.work.begun)
    await bench.store.add_tasks([a_task(TaskKind.PUBLISH, PUBLISH_FIRST)])
    await bench.run()
    assert bench.work.begun == before
    assert (await bench.task(PUBLISH_FIRST)).state is TaskState.CANCELLED
    assert await state(bench) == (JobState.DONE, None)


async def test_a_task_claimed_just_when_its_job_is_cancelled_is_not_begun(bench: Bench) -> None:
    await encoding(bench)
    job = await bench.store.job("job1")
    assert job is not None
    await bench.store.swap_job(job, cancelled(job, bench.clock.now()))
    await bench.look("c0000")
    assert "c0000a1" not in bench.work.begun
    assert (await bench.task("c0000")).state is TaskState.CANCELLED
