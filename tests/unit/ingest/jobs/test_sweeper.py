"""What the sweeper finds, with a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.messages import JobState
from ingest.jobs import transitions
from ingest.jobs.model import TaskState
from tests.unit.ingest.jobs.bench import Bench, opened_bench
from tests.unit.ingest.jobs.records import INSPECTED, NOW, a_job, a_task


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queues whose workers were told to look."""
    told: list[str] = []

    async def send(queue: str, tasks: int = 1) -> None:
        told.extend([queue] * tasks)

    monkeypatch.setattr(bench.dispatch, "send", send)
    return told


async def test_a_job_of_which_only_the_record_was_written_is_begun(
    bench: Bench, sent: list[str]
) -> None:
    await bench.store.add_job(a_job())
    bench.clock.time += 5
    await bench.sweeper.sweep()
    assert set(sent) == {"light"}


async def test_a_task_whose_message_was_lost_is_told_again(bench: Bench, sent: list[str]) -> None:
    await bench.begin()
    sent.clear()
    bench.clock.time += 5
    await bench.sweeper.sweep()
    assert sent == ["light"]


async def test_many_tasks_that_wait_are_one_word_a_sweep(bench: Bench, sent: list[str]) -> None:
    await bench.store.add_tasks([a_task(name=f"c{number:04d}") for number in range(50)])
    await bench.sweeper.sweep()
    assert sent == ["light"]


async def test_a_task_of_a_dead_worker_is_told_again(bench: Bench, sent: list[str]) -> None:
    await bench.begin()
    task = await bench.task("inspect")
    await bench.store.swap_task(task, transitions.claimed(task, "dead", NOW))
    sent.clear()
    await bench.sweeper.sweep()
    assert sent == []
    bench.clock.time += transitions.LEASE
    await bench.sweeper.sweep()
    assert sent == ["light"]


async def test_a_finished_task_that_nobody_drew_conclusions_from_is_noticed(
    bench: Bench, sent: list[str]
) -> None:
    await bench.begin()
    task = await bench.task("inspect")
    running = transitions.claimed(task, "w", NOW)
    await bench.store.swap_task(task, running)
    await bench.store.swap_task(running, transitions.committed(running, INSPECTED, NOW))
    sent.clear()
    bench.clock.time += 5
    await bench.sweeper.sweep()
    assert set(sent) == {"audio", "encode.h264", "light"}


async def test_a_failing_job_whose_worker_died_is_cleaned_up_after_its_lease(
    bench: Bench, sent: list[str]
) -> None:
    await bench.begin()
    await bench.look("inspect")
    one, other = await bench.task("c0000"), await bench.task("c0001")
    failed = transitions.failed(transitions.claimed(one, "w", NOW), "Broken.", NOW)
    await bench.store.swap_task(one, failed)
    await bench.store.swap_task(other, transitions.claimed(other, "dead", NOW))
    await bench.conductor.advance("job1")
    assert (await bench.task("c0001")).state is TaskState.STOPPING
    sent.clear()
    bench.clock.time += transitions.LEASE
    await bench.sweeper.sweep()
    assert "light" in sent
    await bench.run()
    job = await bench.store.job("job1")
    assert job is not None
    assert (job.state, job.error) == (JobState.FAILED, "Broken.")


async def test_a_finished_job_is_never_due_again(bench: Bench) -> None:
    await bench.begin()
    await bench.run()
    bench.clock.time += 1e6
    assert await bench.store.due_tasks(bench.clock.now(), 10) == ()
    assert await bench.store.due_jobs(bench.clock.now(), 10) == ()
