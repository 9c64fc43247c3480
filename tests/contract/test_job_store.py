"""What every database of jobs promises, on SQLite and on a real MongoDB."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.messages import JobState
from common.service import DatabaseSettings
from ingest.jobs import transitions
from ingest.jobs.model import Job, Sidecar, Task
from ingest.jobs.store import JobStore, open_job_store
from tests.unit.ingest.jobs.records import NOW, a_job, a_task


@pytest.fixture(params=["sqlite", "mongodb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "jobs.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"jobs_{uuid.uuid4().hex}")


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[JobStore]:
    opened = await open_job_store(database)
    yield opened
    await opened.close()


def changed(job: Job, **changes: object) -> Job:
    return msgspec.structs.replace(job, revision=job.revision + 1, **changes)


async def test_a_job_is_read_as_it_was_written(store: JobStore) -> None:
    await store.add_job(a_job())
    assert await store.job("job1") == a_job()


async def test_subtitles_of_a_job_are_read_as_they_were_written(store: JobStore) -> None:
    await store.add_job(a_job())
    sidecar = Sidecar("part", "pt-BR", 'The "label"', True, False, True, 7)
    subtitled = changed(a_job(), sidecars=(sidecar,), settled=True)
    assert await store.swap_job(a_job(), subtitled)
    assert await store.job("job1") == subtitled


async def test_a_task_is_read_as_it_was_written(store: JobStore) -> None:
    await store.add_tasks([a_task()])
    done = transitions.committed(transitions.claimed(a_task(), "w", NOW), b'{"a":[1,2]}', NOW)
    assert await store.swap_task(a_task(), done)
    assert await store.task("job1-c0000") == done


async def test_what_was_written_is_there_after_opening_again(
    store: JobStore, database: DatabaseSettings
) -> None:
    await store.add_job(a_job())
    await store.add_tasks([a_task()])
    await store.close()
    again = await open_job_store(database)
    try:
        assert await again.job("job1") == a_job()
        assert await again.tasks(["job1"]) == (a_task(),)
    finally:
        await again.close()


async def test_what_is_not_there_is_none(store: JobStore) -> None:
    assert await store.job("nobody") is None
    assert await store.task("nobody") is None
    assert await store.tasks(["nobody"]) == ()


async def test_adding_a_job_again_leaves_it_as_it_is(store: JobStore) -> None:
    await store.add_job(a_job())
    moved = changed(a_job(), state=JobState.ENCODING)
    await store.swap_job(a_job(), moved)
    await store.add_job(a_job())
    assert await store.job("job1") == moved


async def test_adding_tasks_again_adds_only_the_missing_ones(store: JobStore) -> None:
    await store.add_tasks([a_task(name="c0000")])
    running = transitions.claimed(a_task(name="c0000"), "w", NOW)
    await store.swap_task(a_task(name="c0000"), running)
    await store.add_tasks([a_task(name=name) for name in ("c0000", "c0001", "c0002")])
    tasks = await store.tasks(["job1"])
    assert [task.name for task in tasks] == ["c0000", "c0001", "c0002"]
    assert tasks[0] == running


async def test_a_film_has_many_tasks(store: JobStore) -> None:
    tasks = [a_task(name=f"c{number:04d}") for number in range(1200)]
    await store.add_tasks(tasks)
    assert await store.tasks(["job1"]) == tuple(tasks)


async def test_tasks_of_several_jobs_are_read_at_once(store: JobStore) -> None:
    await store.add_tasks([a_task(job_id=job_id) for job_id in ("a", "b", "c")])
    assert {task.job_id for task in await store.tasks(["a", "c"])} == {"a", "c"}


async def test_of_two_swaps_from_the_same_record_one_wins(store: JobStore) -> None:
    await store.add_tasks([a_task()])
    assert await store.swap_task(a_task(), transitions.claimed(a_task(), "first", NOW))
    assert not await store.swap_task(a_task(), transitions.claimed(a_task(), "second", NOW))
    held = await store.task("job1-c0000")
    assert held is not None
    assert held.worker == "first"


async def test_of_twenty_claims_at_once_one_wins(store: JobStore) -> None:
    await store.add_tasks([a_task()])
    won = await asyncio.gather(
        *(
            store.swap_task(a_task(), transitions.claimed(a_task(), f"w{number}", NOW))
            for number in range(20)
        )
    )
    assert won.count(True) == 1


async def test_a_late_attempt_cannot_commit(store: JobStore) -> None:
    await store.add_tasks([a_task()])
    first = transitions.claimed(a_task(), "first", NOW)
    assert await store.swap_task(a_task(), first)
    second = transitions.claimed(first, "second", NOW + transitions.LEASE)
    assert await store.swap_task(first, second)
    assert not await store.swap_task(first, transitions.committed(first, b"1", NOW))
    assert await store.task("job1-c0000") == second


async def test_of_two_swaps_of_a_job_one_wins(store: JobStore) -> None:
    await store.add_job(a_job())
    assert await store.swap_job(a_job(), changed(a_job(), state=JobState.ENCODING))
    assert not await store.swap_job(a_job(), changed(a_job(), state=JobState.FAILED))


async def test_swapping_what_is_not_there_fails(store: JobStore) -> None:
    assert not await store.swap_task(a_task(), transitions.claimed(a_task(), "w", NOW))
    assert not await store.swap_job(a_job(), changed(a_job(), state=JobState.FAILED))


async def test_the_newest_jobs_come_first(store: JobStore) -> None:
    for job_id in ("01b", "01c", "01a"):
        await store.add_job(a_job(job_id))
    assert [job.job_id for job in await store.recent_jobs(2)] == ["01c", "01b"]


def due(task: Task, at: float | None) -> Task:
    return msgspec.structs.replace(task, due_at=at)


async def test_tasks_are_due_when_their_time_has_come_the_longest_due_first(
    store: JobStore,
) -> None:
    times = {"a": NOW, "b": NOW - 5.0, "c": NOW + 0.5, "d": None}
    await store.add_tasks([due(a_task(name=name), at) for name, at in times.items()])
    assert [task.name for task in await store.due_tasks(NOW, 10)] == ["b", "a"]
    assert [task.name for task in await store.due_tasks(NOW, 1)] == ["b"]


async def test_jobs_are_due_when_their_time_has_come(store: JobStore) -> None:
    await store.add_job(a_job())
    assert await store.due_jobs(NOW, 10) == ()
    assert await store.due_jobs(NOW + 60, 10) == (a_job(),)
    settled = changed(a_job(), due_at=None)
    await store.swap_job(a_job(), settled)
    assert await store.due_jobs(NOW + 60, 10) == ()


async def test_the_newest_jobs_of_one_credential(store: JobStore) -> None:
    for job_id, owner in (("01a", "x"), ("01b", "y"), ("01c", "x"), ("01d", "y")):
        await store.add_job(msgspec.structs.replace(a_job(job_id), owner=owner))
    assert [job.job_id for job in await store.recent_jobs(9, "x")] == ["01c", "01a"]
    assert await store.recent_jobs(9, "nobody") == ()


async def test_the_newest_jobs_in_one_state_and_of_one_credential_in_it(store: JobStore) -> None:
    for job_id, owner, state in (
        ("01a", "x", JobState.REVIEW),
        ("01b", "y", JobState.REVIEW),
        ("01c", "x", JobState.REVIEW),
        ("01d", "x", JobState.DONE),
    ):
        await store.add_job(msgspec.structs.replace(a_job(job_id), owner=owner, state=state))
    found = [
        await store.recent_jobs(2, state=JobState.REVIEW),
        await store.recent_jobs(9, "x", JobState.REVIEW),
        await store.recent_jobs(9, "y", JobState.DONE),
    ]
    assert [[job.job_id for job in jobs] for jobs in found] == [["01c", "01b"], ["01c", "01a"], []]


async def test_a_job_is_found_in_the_state_that_it_has_now(store: JobStore) -> None:
    held = msgspec.structs.replace(a_job(), state=JobState.REVIEW)
    await store.add_job(held)
    published = changed(held, state=JobState.DONE)
    await store.swap_job(held, published)
    assert await store.recent_jobs(9, state=JobState.REVIEW) == ()
    assert await store.recent_jobs(9, state=JobState.DONE) == (published,)


def placed(name: str, priority: int, share: float, **changes: object) -> Task:
    return msgspec.structs.replace(a_task(name=name), priority=priority, share=share, **changes)


LINE = (
    placed("film", 1, 0.0),
    placed("second", 0, 2.0),
    placed("first", 0, 1.0, queue="audio"),
    placed("large", 0, 0.0, memory=8),
    placed("other", 0, 0.0, queue="encode.av1"),
    placed("later", 0, 0.0, not_before=NOW + 5),
)
SHELVES = ["light/1", "audio/1", "light/2"]


async def test_claimable_tasks_come_by_priority_and_share_from_the_shelves_asked_for(
    store: JobStore,
) -> None:
    await store.add_tasks(LINE)
    assert [t.name for t in await store.claimable_tasks(SHELVES, 9)] == ["first", "second", "film"]
    assert [t.name for t in await store.claimable_tasks(SHELVES, 1)] == ["first"]
    assert [t.name for t in await store.claimable_tasks(["light/8"], 9)] == ["large"]
    assert await store.claimable_tasks([], 9) == ()


async def test_a_claimed_task_is_not_claimable_and_a_released_one_is_again(store: JobStore) -> None:
    await store.add_tasks([a_task()])
    claimed = transitions.claimed(a_task(), "w", NOW)
    await store.swap_task(a_task(), claimed)
    assert await store.claimable_tasks(["light/1"], 9) == ()
    released = transitions.released(claimed, NOW)
    await store.swap_task(claimed, released)
    assert await store.claimable_tasks(["light/1"], 9) == (released,)


async def test_a_clock_runs_on_by_what_it_is_moved(store: JobStore) -> None:
    assert await store.move_clock("a", 0, 10.0) == 0.0
    assert await store.move_clock("a", 0, 5.0) == 10.0
    assert await store.move_clock("a", 0, 1.0) == 15.0


async def test_a_clock_that_was_left_behind_starts_where_the_line_begins(store: JobStore) -> None:
    await store.move_clock("a", 0, 100.0)
    await store.add_tasks([placed("first", 0, 40.0), placed("second", 0, 70.0)])
    assert await store.move_clock("b", 0, 10.0) == 40.0
    assert await store.move_clock("a", 0, 10.0) == 100.0


async def test_with_an_empty_line_all_clocks_stand_where_the_first_does(store: JobStore) -> None:
    await store.move_clock("a", 0, 100.0)
    assert await store.move_clock("b", 0, 10.0) == 100.0


async def test_each_priority_has_clocks_of_its_own(store: JobStore) -> None:
    await store.move_clock("a", 0, 100.0)
    assert await store.move_clock("a", 1, 10.0) == 0.0


async def test_twenty_moves_of_a_clock_at_once_all_count(store: JobStore) -> None:
    shown = await asyncio.gather(*(store.move_clock("a", 0, 1.0) for _ in range(20)))
    assert sorted(shown) == [float(number) for number in range(20)]


async def test_who_comes_first_makes_a_content(store: JobStore) -> None:
    assert await store.hold_content("c", "job1", instead_of=None) == "job1"
    assert await store.hold_content("c", "job2", instead_of=None) == "job1"
    assert await store.hold_content("other", "job2", instead_of=None) == "job2"


async def test_a_content_is_taken_over_from_the_job_that_was_named_and_from_no_other(
    store: JobStore,
) -> None:
    await store.hold_content("c", "job1", instead_of=None)
    assert await store.hold_content("c", "job2", instead_of="job0") == "job1"
    assert await store.hold_content("c", "job2", instead_of="job1") == "job2"
    assert await store.hold_content("c", "job3", instead_of="job1") == "job2"


async def test_of_twenty_jobs_with_one_content_one_makes_it(store: JobStore) -> None:
    held = await asyncio.gather(
        *(store.hold_content("c", f"job{number}", instead_of=None) for number in range(20))
    )
    assert len(set(held)) == 1


async def test_jobs_that_go_on_are_counted_by_state(store: JobStore) -> None:
    states = [JobState.QUEUED, JobState.ENCODING, JobState.ENCODING, JobState.DONE]
    for number, state in enumerate(states):
        await store.add_job(msgspec.structs.replace(a_job(f"job{number}"), state=state))
    assert await store.count_open() == {JobState.QUEUED: 1, JobState.ENCODING: 2}


async def test_hostile_text_is_only_text(store: JobStore) -> None:
    title = "'); DROP TABLE jobs; -- $where {} \\ \" \u0000é🎬"
    job = msgspec.structs.replace(a_job(), title=title)
    await store.add_job(job)
    assert await store.job("job1") == job
    assert await store.job("' OR 1=1 --") is None


async def test_a_cancelled_write_does_not_harm_the_next(store: JobStore) -> None:
    for number in itertools.count():
        writing = asyncio.create_task(store.add_job(a_job(f"job{number}")))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        if number == 20:
            break
    await store.add_job(a_job())
    assert await store.job("job1") == a_job()


async def test_a_database_that_answers_is_told(store: JobStore) -> None:
    await store.ping()


async def test_a_closed_store_is_unavailable(store: JobStore) -> None:
    await store.close()
    with pytest.raises(NearcastError):
        await store.job("job1")


async def test_a_file_that_is_no_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match=r"jobs\.sqlite is not reachable: file is not a database"):
        await open_job_store(DatabaseSettings(sqlite=tmp_path / "jobs.sqlite"))


@pytest.mark.parametrize("given", [{}, {"sqlite": Path("a"), "mongodb": "mongodb://b"}])
async def test_settings_must_name_one_database(given: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid, match="either sqlite or mongodb"):
        await open_job_store(msgspec.convert(given, DatabaseSettings))
