"""Running a chain: real processes, plug-ins of somebody else, and every way to misbehave."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from ingest.filter import Decision, FilterSettings, OnFailure, Subject, run_chain
from tests.unit.ingest.clips import clip
from tests.unit.ingest.filter.subjects import entry, outcome_of, subject_of, verdict_of
from tests.unit.ingest.media import media_info

pytestmark = pytest.mark.usefixtures("somebodys_plugins")

SUBJECT = Subject("/nowhere/video.mp4", "ab" * 32, 10, media_info(), "A title", "a.mp4", "someone")


def running(pids: list[int]) -> list[int]:
    """Those of `pids` that still run."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.append(pid)
    return found


async def pids_in(file: Path) -> list[int]:
    """The process ids that a plug-in tells of, once it has."""
    for _ in range(400):
        pids = file.read_text().split() if file.exists() else []
        if len(pids) == 2:
            return [int(pid) for pid in pids]
        await asyncio.sleep(0.05)
    raise AssertionError("the plug-in has not begun")


async def all_gone(pids: list[int]) -> bool:
    """Whether none of `pids` runs, once they had the time to end."""
    for _ in range(200):
        if not running(pids):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_the_plug_in_of_the_documentation_runs(tmp_path: Path) -> None:
    loud = msgspec.structs.replace(SUBJECT, title="WHAT IS THIS")

    verdict = await verdict_of(loud, tmp_path, entry("shouting", share=0.8))
    quiet = await verdict_of(SUBJECT, tmp_path, entry("shouting", share=0.8))

    assert (verdict.decision, verdict.failure) == (Decision.REVIEW, None)
    [evidence] = verdict.evidence
    assert (evidence.reason, evidence.start, evidence.score) == ("the title shouts", None, 10.0)
    assert verdict.seconds > 0
    assert (quiet.decision, quiet.evidence, quiet.failure) == (Decision.ALLOW, (), None)


async def test_a_chain_without_filters_allows(tmp_path: Path) -> None:
    outcome = await outcome_of(SUBJECT, tmp_path)

    assert (outcome.decision, outcome.verdicts) == (Decision.ALLOW, ())


async def test_the_strictest_verdict_decides_and_a_block_ends_the_chain(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{SUBJECT.sha256} known\n")
    told: list[float] = []
    chain = [
        entry("shouting", name="first"),
        entry("exact-hash", name="second", list=str(listed), decision="review"),
        entry("exact-hash", name="third", list=str(listed)),
        entry("killed", name="never"),
    ]

    outcome = await run_chain(chain, SUBJECT, workspace=tmp_path / "w", on_progress=told.append)

    assert outcome.decision is Decision.BLOCK
    assert [(one.filter, one.decision) for one in outcome.verdicts] == [
        ("first", Decision.ALLOW),
        ("second", Decision.REVIEW),
        ("third", Decision.BLOCK),
    ]
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("killed", "The filter failed: SIGKILL ended its process."),
        ("exits", "The filter failed: its process ended with status 3 and without an answer."),
        ("raises", "The filter failed: ValueError: a line and another xxxxxxxx"),
        ("fails", "The filter failed: the moon is full."),
        ("forgets", "The filter's answer cannot be used: it is NoneType and not Answer."),
        ("mistypes", "The filter's answer cannot be used: its evidence is not a series of Evid"),
        ("nan", "The filter's answer cannot be used: a time or score is nan."),
        ("greedy", "The filter failed: it needs too much memory."),
        ("fills", "The filter failed: OSError: [Errno 27] File too large"),
    ],
)
@pytest.mark.parametrize(
    ("on_failure", "decision"),
    [(OnFailure.OPEN, Decision.ALLOW), (OnFailure.CLOSED, Decision.REVIEW)],
)
async def test_a_filter_that_fails_stands_for_what_is_set(
    tmp_path: Path, kind: str, failure: str, on_failure: OnFailure, decision: Decision
) -> None:
    verdict = await verdict_of(SUBJECT, tmp_path, entry(kind, on_failure=on_failure))

    assert verdict.failure is not None
    assert verdict.failure.startswith(failure)
    assert len(verdict.failure) <= 200
    assert verdict.decision is decision
    assert list(tmp_path.iterdir()) == []


async def test_evidence_is_bounded(tmp_path: Path) -> None:
    verdict = await verdict_of(SUBJECT, tmp_path, entry("million"))

    assert (verdict.decision, verdict.failure) == (Decision.REVIEW, None)
    assert len(verdict.evidence) == 100
    assert max(len(one.reason) for one in verdict.evidence) == 200


async def test_letters_that_are_none_do_no_harm(tmp_path: Path) -> None:
    verdict = await verdict_of(SUBJECT, tmp_path, entry("surrogate"))

    assert [one.reason for one in verdict.evidence] == ["is no character"]


async def test_what_a_plug_in_prints_is_no_answer(tmp_path: Path) -> None:
    verdict = await verdict_of(SUBJECT, tmp_path, entry("prints"))

    assert (verdict.decision, verdict.failure) == (Decision.ALLOW, None)


@pytest.mark.parametrize(
    ("note", "failure"),
    [
        ("x", "it is longer than 1048576 bytes"),
        ('{"progress": 0.5}\n', "it is longer than 1048576 bytes"),
        ('{"progress": "much"}\n', "expected `float | null`, got `str`"),
        ("\n", "input data was truncated"),
        ('{"answer": {"decision": "maybe"}}\n', "invalid enum value 'maybe'"),
    ],
)
async def test_what_is_written_to_where_answers_go_is_held_to_them(
    tmp_path: Path, note: str, failure: str
) -> None:
    verdict = await verdict_of(SUBJECT, tmp_path, entry("floods", note=note))

    assert verdict.failure is not None
    assert verdict.failure.startswith(f"The filter's answer cannot be used: {failure}")


async def test_a_filter_sees_its_own_folder_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEARCAST_TOKEN", "secret")
    told: list[float] = []

    chain = (entry("looks", timeout=77),)
    outcome = await run_chain(chain, SUBJECT, workspace=tmp_path, on_progress=told.append)

    [verdict] = outcome.verdicts
    names, folder, left, title = (one.reason for one in verdict.evidence)
    allowed = {"PATH", "IMAGEIO_FFMPEG_EXE", "PYTHONPATH", "HOME", "TMPDIR"}
    allowed |= {"LC_ALL", "LC_CTYPE", "OPENBLAS_NUM_THREADS", "SVT_LOG"}
    assert set(names.split()) <= allowed
    assert folder == "True ['kept']"
    assert 40 <= int(left) <= 77
    assert title == "A title"
    assert 0.5 in told
    assert list(tmp_path.iterdir()) == []


async def test_a_filter_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pids"

    verdict = await verdict_of(SUBJECT, tmp_path / "w", entry("hangs", timeout=6, note=str(note)))

    assert verdict.failure == "The filter took longer than 6 seconds."
    assert verdict.decision is Decision.REVIEW
    pids = await pids_in(note)
    assert await all_gone(pids)


async def test_ffmpeg_ends_with_the_filter(tmp_path: Path) -> None:
    subject = await subject_of(clip("plain.mp4"))
    note = tmp_path / "pids"

    verdict = await verdict_of(
        subject, tmp_path / "w", entry("decodes", timeout=10, note=str(note))
    )

    assert verdict.failure == "The filter took longer than 10 seconds."
    pids = await pids_in(note)
    assert await all_gone(pids)


async def test_cancelling_ends_the_filter_and_removes_its_folder(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    task = asyncio.create_task(outcome_of(SUBJECT, tmp_path / "w", entry("hangs", note=str(note))))
    pids = await pids_in(note)
    assert running(pids) == pids

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await all_gone(pids)
    assert list((tmp_path / "w").iterdir()) == []


KILLED_WORKER = """
import asyncio, sys
from pathlib import Path
import msgspec
from ingest.filter import FilterSettings, Subject, run_chain

subject = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Subject)
chain = (FilterSettings(name="it", kind="decodes", options={"note": sys.argv[2]}),)
asyncio.run(run_chain(chain, subject, workspace=Path(sys.argv[3]), on_progress=lambda _: None))
"""


async def test_a_worker_that_is_killed_leaves_neither_filter_nor_ffmpeg(tmp_path: Path) -> None:
    subject = await subject_of(clip("plain.mp4"))
    (tmp_path / "subject").write_bytes(msgspec.json.encode(subject))
    note = tmp_path / "pids"
    arguments = (str(tmp_path / "subject"), str(note), str(tmp_path / "w"))
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED_WORKER, *arguments),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pids = await pids_in(note)
    assert running(pids) == pids

    worker.send_signal(signal.SIGKILL)
    await worker.wait()

    assert await all_gone(pids)


async def test_what_another_run_left_behind_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "filter-0").mkdir()
    (tmp_path / "filter-0" / "old").touch()

    verdict = await verdict_of(SUBJECT, tmp_path, entry("looks"))

    assert verdict.evidence[1].reason == "True ['kept']"


async def test_a_video_that_cannot_be_decoded_is_told_in_ffmpegs_words(tmp_path: Path) -> None:
    source = tmp_path / "video.mp4"
    source.write_bytes(b"no video at all" * 1000)
    subject = msgspec.structs.replace(SUBJECT, source=str(source))

    verdict = await verdict_of(subject, tmp_path / "w", entry("passages"))

    assert verdict.failure is not None
    assert verdict.failure.startswith("The filter failed: ffmpeg says: ")


@pytest.mark.parametrize(
    "chain",
    [
        entry("passages"),
        entry("http", url="http://127.0.0.1:1/", send="frames"),
        entry("perceptual-hash", list="/dev/null"),
    ],
    ids=lambda chain: chain.kind,
)
async def test_a_filter_that_saw_a_part_does_not_allow_the_whole(
    tmp_path: Path, chain: FilterSettings
) -> None:
    subject = await subject_of(clip("plain.mp4"))
    video = msgspec.structs.replace(subject.media.video, end_timestamp=10.0)
    longer = msgspec.structs.replace(
        subject, media=msgspec.structs.replace(subject.media, video=video)
    )

    verdict = await verdict_of(longer, tmp_path, chain)

    assert verdict.decision is Decision.REVIEW
    assert verdict.failure is not None
    assert verdict.failure.startswith("The filter failed: only ")
    assert verdict.failure.endswith(" frames can be looked at.")


async def test_no_demuxer_but_the_one_that_was_inspected_opens_the_file(tmp_path: Path) -> None:
    secret = clip("plain.mp4")
    source = tmp_path / "video.mp4"
    source.write_text(f"ffconcat version 1.0\nfile 'file:{secret}'\n")
    subject = msgspec.structs.replace(await subject_of(secret), source=str(source))

    verdict = await verdict_of(subject, tmp_path / "w", entry("passages"))

    assert verdict.failure is not None
    assert "moov atom not found" in verdict.failure or "Invalid data" in verdict.failure


def test_the_settings_of_a_filter_have_a_careful_default() -> None:
    assert FilterSettings(name="x", kind="passages").on_failure is OnFailure.CLOSED
