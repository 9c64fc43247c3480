"""What a job needs next."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import Decision, Evidence, JobState, Review, Verdict
from ingest.jobs import transitions as t
from ingest.jobs.graph import decide
from ingest.jobs.model import (
    Copied,
    Filtered,
    Inspected,
    Job,
    Part,
    Task,
    TaskKind,
    TaskState,
)
from ingest.jobs.shares import FILMS, LITTLE, SHORTS
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
    assert [task.name for task in decision.create] == ["audio", "pictures"]


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
    assert {task.name for task in decision.stop} == {"c0001", "audio", "pictures"}
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


CHECKED = msgspec.json.encode(
    Inspected(PARTS, msgspec.Raw(b"{}"), checks=(Part(TaskKind.FILTER, "filter", 40.0, "filter"),))
)
COPIES = msgspec.json.encode(Inspected(PARTS, msgspec.Raw(b"{}"), copies=True))
DOUBT = Verdict("faces", Decision.REVIEW, (Evidence("a face", 1.0, 2.0),))
BLOCKED = Verdict("hashes", Decision.BLOCK, (Evidence("matches the entry 'x'."),))


def filtered(tasks: Sequence[Task], *verdicts: Verdict) -> list[Task]:
    """``tasks`` with everything done that is there, the filters having said ``verdicts``."""
    result = msgspec.json.encode(Filtered(verdicts))
    return [
        task if task.state.final else done(task, result if task.kind is TaskKind.FILTER else b"{}")
        for task in tasks
    ]


def checked() -> tuple[Job, list[Task]]:
    """A job with content filters whose inspection is done."""
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), CHECKED)
    plan = decide(a_job(), [inspect], NOW)
    return plan.job, [inspect, *plan.create]


def packaged(*verdicts: Verdict) -> tuple[Job, list[Task]]:
    """The same, all done up to its package."""
    job, tasks = checked()
    tasks = filtered(tasks, *verdicts)
    plan = decide(job, tasks, NOW)
    return plan.job, filtered([*tasks, *plan.create], *verdicts)


def test_filters_are_asked_while_the_video_is_encoded() -> None:
    _, tasks = checked()
    assert [task.name for task in tasks] == [
        "inspect",
        "c0000",
        "c0001",
        "audio",
        "pictures",
        "filter",
    ]


def test_publishing_waits_for_the_filters_and_packaging_does_not() -> None:
    job, tasks = checked()
    tasks = [task if task.kind is TaskKind.FILTER else done(task) for task in tasks[1:]]
    tasks.insert(0, done(a_task(TaskKind.INSPECT, "inspect"), CHECKED))
    plan = decide(job, tasks, NOW)
    assert [task.kind for task in plan.create] == [TaskKind.PACKAGE]
    plan = decide(plan.job, [*tasks, done(plan.create[0])], NOW)
    assert plan.create == ()
    assert plan.job.state is JobState.PACKAGING


def test_what_the_filters_allow_is_published() -> None:
    job, tasks = packaged(Verdict("faces", Decision.ALLOW))
    assert decide(job, tasks, NOW).job.state is JobState.PUBLISHING


def test_a_doubt_holds_publishing_until_an_operator_decides() -> None:
    job, tasks = packaged(DOUBT)
    held = decide(job, tasks, NOW)
    assert held.create == ()
    assert held.job.state is JobState.REVIEW
    assert held.job.verdicts == (DOUBT,)
    review = Review(approved=True, by="operator", note="", at=NOW)
    approved = msgspec.structs.replace(held.job, review=review)
    assert _run(approved, tasks)[0].state is JobState.DONE


def test_a_refused_video_fails_with_the_operators_words_and_all_of_it_goes() -> None:
    job, tasks = packaged(DOUBT)
    job = decide(job, tasks, NOW).job
    review = Review(approved=False, by="operator", note="Not ours.", at=NOW)
    job, tasks = _run(msgspec.structs.replace(job, review=review), tasks)
    assert job.state is JobState.FAILED
    assert job.error == "An operator refused to publish the video: Not ours."
    assert tasks[-1].kind is TaskKind.CLEAN


def test_a_block_stops_the_encodes_and_fails_the_job_with_the_filters_words() -> None:
    job, tasks = checked()
    tasks[-1] = filtered(tasks[-1:], BLOCKED)[0]
    plan = decide(job, tasks, NOW)
    assert len(plan.stop) == len(PARTS)
    assert plan.job.error == ("The content filter hashes blocks the video: matches the entry 'x'.")
    assert plan.job.verdicts == (BLOCKED,)
    assert _run(plan.job, tasks)[0].state is JobState.FAILED


def test_a_job_that_another_makes_copies_instead_of_encoding() -> None:
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), COPIES)
    plan = decide(a_job(), [inspect], NOW)
    assert [task.kind for task in plan.create] == [TaskKind.COPY]
    copied = done(plan.create[0], msgspec.json.encode(Copied(copied=True)))
    assert decide(plan.job, [inspect, copied], NOW).job.state is JobState.PUBLISHING


def test_a_job_that_could_not_copy_encodes() -> None:
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), COPIES)
    plan = decide(a_job(), [inspect], NOW)
    not_copied = done(plan.create[0], msgspec.json.encode(Copied(copied=False)))
    after = decide(plan.job, [inspect, not_copied], NOW)
    assert [task.name for task in after.create] == [part.name for part in PARTS]


def test_a_cancelled_job_stops_is_cleaned_and_says_so() -> None:
    job, tasks = _encoding()
    job, tasks = _run(msgspec.structs.replace(job, cancelled=True), tasks)
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    assert {task.state for task in tasks[1:5]} == {TaskState.CANCELLED}
    assert tasks[-1].kind is TaskKind.CLEAN


def test_a_job_that_is_cancelled_before_anything_began_ends_too() -> None:
    job, _ = _run(msgspec.structs.replace(a_job(), cancelled=True), [])
    assert job.state is JobState.CANCELLED


def test_nothing_is_published_before_the_record_says_so() -> None:
    job, tasks = packaged()
    first = decide(job, tasks, NOW)
    assert (first.create, first.job.state) == ((), JobState.PUBLISHING)
    second = decide(first.job, tasks, NOW)
    assert [task.kind for task in second.create] == [TaskKind.PUBLISH]


@pytest.mark.parametrize(
    ("verdicts", "event"), [((), "done"), ((DOUBT,), "review"), ((BLOCKED,), "failed")]
)
def test_every_webhook_is_told_of_an_end_and_of_a_hold(
    verdicts: tuple[Verdict, ...], event: str
) -> None:
    job, tasks = packaged(*verdicts)
    told: list[str] = []
    for _ in range(10):
        plan = decide(job, tasks, NOW, ["studio", "ops"])
        stopped = {task.task_id: t.stopped(task, NOW) for task in plan.stop}
        tasks = [stopped.get(task.task_id, task) for task in tasks]
        told += [task.name for task in plan.create if task.kind is TaskKind.NOTIFY]
        tasks += [done(task) for task in plan.create if task.kind is not TaskKind.NOTIFY]
        job = plan.job
    assert told == [f"notify-{event}-ops", f"notify-{event}-studio"]


def test_a_webhook_that_cannot_be_told_does_not_fail_the_job() -> None:
    job, tasks = packaged(DOUBT)
    plan = decide(job, tasks, NOW, ["studio"])
    lost = t.failed(t.claimed(plan.create[0], "w", NOW), "away", NOW)
    assert decide(plan.job, [*tasks, lost], NOW, ["studio"]).job.error is None


def test_films_stand_behind_shorts_and_little_work_before_both() -> None:
    film = Inspected(PARTS, msgspec.Raw(b"{}"), short=False)
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), msgspec.json.encode(film))
    films = {task.name: task.priority for task in decide(a_job(), [inspect], NOW).create}
    assert films == {"c0000": FILMS, "c0001": FILMS, "audio": FILMS, "pictures": LITTLE}
    shorts = {task.name: task.priority for task in _encoding()[1]}
    assert (shorts["inspect"], shorts["c0000"], shorts["pictures"]) == (LITTLE, SHORTS, LITTLE)


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
