"""A job publishes enough of its video before the rest is encoded."""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from common.messages import Decision, JobState, Review, Verdict
from ingest.jobs import transitions as t
from ingest.jobs.graph import decide, is_wanted
from ingest.jobs.model import (
    PACKAGE_FIRST,
    PUBLISH_FIRST,
    Filtered,
    Inspected,
    Job,
    Part,
    Task,
    TaskKind,
)
from tests.unit.ingest.jobs.records import NOW, a_job, a_task, done

PARTS = (
    Part(TaskKind.AUDIO, "audio-0", 60.0, "audio"),
    Part(TaskKind.ENCODE, "c0000-h264-first", 60.0, "encode.h264", 2),
    Part(TaskKind.ENCODE, "c0000-h264", 60.0, "encode.h264", 4, later=True),
    Part(TaskKind.ENCODE, "c0000-hevc", 60.0, "encode.hevc", 8, later=True),
)
CHECKS = (Part(TaskKind.FILTER, "filter", 60.0, "filter"),)
DOUBT = Verdict("faces", Decision.REVIEW)


def _inspected(*, checks: tuple[Part, ...] = ()) -> bytes:
    return msgspec.json.encode(Inspected(PARTS, msgspec.Raw(b"{}"), checks=checks))


def _begun(inspected: bytes) -> tuple[Job, dict[str, Task]]:
    inspect = done(a_task(TaskKind.INSPECT, "inspect"), inspected)
    decision = decide(a_job(), [inspect], NOW)
    return decision.job, {task.name: task for task in (inspect, *decision.create)}


def _created(job: Job, tasks: dict[str, Task]) -> list[str]:
    """Takes the next step and answers the names of what it makes."""
    decision = decide(job, list(tasks.values()), NOW)
    tasks.update({task.name: task for task in decision.create})
    return [task.name for task in decision.create]


def _finish(tasks: dict[str, Task], *names: str) -> None:
    for name in names:
        tasks[name] = done(tasks[name])


def test_the_first_version_is_packaged_and_published_while_the_rest_is_encoded() -> None:
    job, tasks = _begun(_inspected())
    _finish(tasks, "audio-0")
    assert _created(job, tasks) == []
    _finish(tasks, "c0000-h264-first")
    assert _created(job, tasks) == [PACKAGE_FIRST]
    assert _created(job, tasks) == []
    _finish(tasks, PACKAGE_FIRST)
    assert _created(job, tasks) == [PUBLISH_FIRST]
    assert decide(job, list(tasks.values()), NOW).job.state is JobState.ENCODING
    _finish(tasks, PUBLISH_FIRST)
    assert _created(job, tasks) == []
    _finish(tasks, "c0000-h264", "c0000-hevc")
    assert _created(job, tasks) == ["package"]


def test_what_is_whole_anyway_is_published_once() -> None:
    job, tasks = _begun(_inspected())
    _finish(tasks, *(part.name for part in PARTS))
    assert _created(job, tasks) == ["package"]


def test_the_job_does_not_end_before_its_first_version_is_out() -> None:
    job, tasks = _begun(_inspected())
    _finish(tasks, "audio-0", "c0000-h264-first")
    assert _created(job, tasks) == [PACKAGE_FIRST]
    _finish(tasks, "c0000-h264", "c0000-hevc")
    assert _created(job, tasks) == ["package"]
    _finish(tasks, "package")
    decision = decide(job, list(tasks.values()), NOW)
    assert (decision.create, decision.job.state) == ((), JobState.PACKAGING)
    _finish(tasks, PACKAGE_FIRST)
    assert decide(job, list(tasks.values()), NOW).job.state is JobState.PUBLISHING


def test_the_first_version_waits_for_the_filters() -> None:
    job, tasks = _begun(_inspected(checks=CHECKS))
    _finish(tasks, "audio-0", "c0000-h264-first")
    assert _created(job, tasks) == []
    tasks["filter"] = done(tasks["filter"], msgspec.json.encode(Filtered(())))
    assert _created(job, tasks) == [PACKAGE_FIRST]


def test_a_held_video_is_published_in_no_version_until_an_operator_approves() -> None:
    job, tasks = _begun(_inspected(checks=CHECKS))
    _finish(tasks, "audio-0", "c0000-h264-first")
    tasks["filter"] = done(tasks["filter"], msgspec.json.encode(Filtered((DOUBT,))))
    decision = decide(job, list(tasks.values()), NOW)
    assert decision.create == ()
    review = Review(approved=True, by="operator", note="", at=NOW)
    approved = msgspec.structs.replace(decision.job, review=review)
    assert _created(approved, tasks) == [PACKAGE_FIRST]


def test_a_cancelled_job_stops_the_publishing_of_its_first_version_too() -> None:
    job, tasks = _begun(_inspected())
    _finish(tasks, "audio-0", "c0000-h264-first")
    _created(job, tasks)
    _finish(tasks, PACKAGE_FIRST)
    _created(job, tasks)
    cancelled = msgspec.structs.replace(job, cancelled=True)
    stop = decide(cancelled, list(tasks.values()), NOW).stop
    assert {task.name for task in stop} == {"c0000-h264", "c0000-hevc", PUBLISH_FIRST}


@given(order=st.permutations([part.name for part in PARTS]), slow=st.integers(0, 6))
def test_in_whatever_order_parts_end_both_versions_come_once_and_in_order(
    order: Sequence[str], slow: int
) -> None:
    """``slow`` is how many steps the first version's own tasks lag behind."""
    job, tasks = _begun(_inspected())
    made: list[str] = []
    lag: dict[str, int] = {}
    for name in [*order, *[""] * 12]:
        if name:
            _finish(tasks, name)
        for known in list(tasks.values()):
            own = known.name not in {part.name for part in PARTS} and known.name != "inspect"
            if own and not known.state.final:
                lag[known.name] = lag.get(known.name, 0) + 1
                if lag[known.name] > (slow if "first" in known.name else 0):
                    tasks[known.name] = done(known)
        decision = decide(job, list(tasks.values()), NOW)
        job = decision.job
        made += [task.name for task in decision.create]
        tasks.update({task.name: task for task in decision.create})
    assert job.state is JobState.DONE
    assert len(made) == len(set(made))
    assert made[-3:] == ["package", "publish", "clean"] or PUBLISH_FIRST in made
    if PUBLISH_FIRST in made:
        assert made.index(PUBLISH_FIRST) < made.index("clean")


def test_a_failed_part_of_the_rest_ends_the_job() -> None:
    job, tasks = _begun(_inspected())
    _finish(tasks, "audio-0", "c0000-h264-first")
    _created(job, tasks)
    _finish(tasks, PACKAGE_FIRST)
    _created(job, tasks)
    _finish(tasks, PUBLISH_FIRST)
    tasks["c0000-hevc"] = t.failed(t.claimed(tasks["c0000-hevc"], "w", NOW), "Broken.", NOW)
    decision = decide(job, list(tasks.values()), NOW)
    assert decision.job.error == "Broken."
    ended = {name: task for name, task in tasks.items() if task.state.final}
    ended["clean"] = done(a_task(TaskKind.CLEAN, "clean"))
    failed = decide(decision.job, list(ended.values()), NOW).job
    assert (failed.state, failed.published) == (JobState.FAILED, True)


def _publishing() -> tuple[Job, dict[str, Task]]:
    """A job that publishes all at once, of which somebody knows no more than its first parts."""
    job, tasks = _begun(_inspected())
    _finish(tasks, *(part.name for part in PARTS))
    assert _created(job, tasks) == ["package"]
    _finish(tasks, "package")
    return decide(job, list(tasks.values()), NOW).job, tasks


def test_a_first_version_that_comes_too_late_is_not_made_any_more() -> None:
    job, tasks = _publishing()
    assert job.state is JobState.PUBLISHING
    late = a_task(TaskKind.PACKAGE, PACKAGE_FIRST)
    for state in (JobState.PUBLISHING, JobState.DONE, JobState.FAILED):
        assert not is_wanted(msgspec.structs.replace(job, state=state), late)
    assert is_wanted(job, a_task(TaskKind.PUBLISH, "publish"))
    tasks[PACKAGE_FIRST] = late
    assert _created(job, tasks) == []
    # Whoever takes it sees that it is not wanted.
    tasks[PACKAGE_FIRST] = t.dropped(t.claimed(late, "w", NOW), NOW)
    assert _created(job, tasks) == ["publish"]


def test_what_is_begun_of_the_first_version_is_waited_for_without_going_back() -> None:
    job, tasks = _publishing()
    tasks[PUBLISH_FIRST] = t.claimed(a_task(TaskKind.PUBLISH, PUBLISH_FIRST), "w", NOW)
    decision = decide(job, list(tasks.values()), NOW)
    assert (decision.create, decision.job.state) == ((), JobState.PUBLISHING)
    _finish(tasks, PUBLISH_FIRST)
    assert _created(job, tasks) == ["publish"]
