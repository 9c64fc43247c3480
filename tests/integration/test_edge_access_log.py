"""The access log on real files: several writers, rotation, kill -9 and full disks."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from edge.policy.access_line import AccessRecord
from edge.serve import access_log
from edge.serve.access_log import FLUSH_AT, AccessLog

RECORD = AccessRecord(
    time=1_000_000_000.0,
    duration=0.001,
    client="192.0.2.7",
    method="GET",
    target="/",
    version="HTTP/1.1",
    status=200,
    sent=10,
    host="cdn.test",
    cache_result="hit",
    cache_status="edge; hit",
)
LARGE = 1 << 40


def numbered(number: int) -> AccessRecord:
    return replace(RECORD, target=f"/{number}")


def opened(path: Path, *, rotate_at: int = LARGE, keep: int = 3) -> AccessLog:
    return AccessLog(path, "json", rotate_at=rotate_at, keep=keep)


def targets(*files: Path) -> list[str]:
    """What whole lines of ``files`` tell."""
    return [json.loads(line)["target"] for file in files for line in file.read_text().splitlines()]


async def write(log: AccessLog, *numbers: int) -> None:
    for number in numbers:
        log.note(numbered(number))
    await log.flush()


async def until(check: Callable[[], bool]) -> None:
    """Waits until ``check`` answers true."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - what is awaited happens in a thread
            await asyncio.sleep(0.01)


async def test_what_was_noted_is_written_in_order(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    await write(log, *range(2 * FLUSH_AT + 1))
    await log.close()

    assert targets(tmp_path / "access.log") == [f"/{n}" for n in range(2 * FLUSH_AT + 1)]


async def test_what_comes_while_lines_are_written_waits_for_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path / "access.log")
    counts: list[int] = []
    append = AccessLog._append

    def appending(self: AccessLog, lines: bytes, count: int) -> None:
        counts.append(count)
        if len(counts) < 100:
            log.note(numbered(1000 + len(counts)))
        append(self, lines, count)

    monkeypatch.setattr(AccessLog, "_append", appending)
    await write(log, *range(FLUSH_AT + 1))
    assert counts == [FLUSH_AT, 1]
    await log.flush()
    assert counts == [FLUSH_AT, 1, 2]
    await log.close()

    expected = [*range(FLUSH_AT + 1), 1001, 1002, 1003]
    assert targets(tmp_path / "access.log") == [f"/{n}" for n in expected]


async def test_nothing_is_written_on_the_event_loop(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    log.note(RECORD)

    assert not (tmp_path / "access.log").exists()
    await log.close()


async def test_the_combined_format_is_written_too(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log", "combined", rotate_at=LARGE, keep=1)
    await write(log, 1)
    await log.close()

    assert (tmp_path / "access.log").read_text().startswith("192.0.2.7 - - [09/Sep/2001:01:46:40")


async def test_the_folder_of_the_log_is_made(tmp_path: Path) -> None:
    log = opened(tmp_path / "var" / "log" / "access.log")
    await write(log, 1)
    await log.close()

    assert targets(tmp_path / "var" / "log" / "access.log") == ["/1"]


async def test_one_record_alone_is_written_within_the_second(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    task = asyncio.create_task(log.run())
    log.note(numbered(1))
    await until((tmp_path / "access.log").exists)
    task.cancel()
    await log.close()

    assert targets(tmp_path / "access.log") == ["/1"]


async def test_many_records_do_not_wait_for_their_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "FLUSH_EVERY", 3600)
    log = opened(tmp_path / "access.log")
    task = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    for number in range(FLUSH_AT):
        log.note(numbered(number))
    await until((tmp_path / "access.log").exists)
    task.cancel()
    await log.close()

    assert len(targets(tmp_path / "access.log")) == FLUSH_AT


async def test_closing_while_a_flush_is_cancelled_writes_each_record_once(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    for number in range(5000):
        log.note(numbered(number))
    task = asyncio.create_task(log.flush())
    await asyncio.sleep(0)
    task.cancel()
    await log.close()

    assert targets(tmp_path / "access.log") == [f"/{n}" for n in range(5000)]


async def test_whoever_runs_the_log_learns_that_it_cannot_go_on(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    log.note_line("not ASCII: \xe9\n")

    with pytest.raises(UnicodeEncodeError):
        await asyncio.wait_for(log.run(), 30)


async def test_a_full_file_is_renamed_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log", rotate_at=1, keep=2)
    for number in range(5):
        await write(log, number)
    await log.close()

    files = {file.name: targets(file) for file in tmp_path.glob("access.log.[0-9]*")}
    assert files == {"access.log.1": ["/4"], "access.log.2": ["/3"]}


async def test_a_file_that_is_not_yet_full_is_kept(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log", rotate_at=400)
    await write(log, 1)
    await log.close()

    assert targets(tmp_path / "access.log") == ["/1"]


async def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    await write(log, 1)
    (tmp_path / "access.log").rename(tmp_path / "moved")
    await write(log, 2)
    await log.close()

    assert (targets(tmp_path / "moved"), targets(tmp_path / "access.log")) == (["/1"], ["/2"])


async def test_a_file_that_somebody_else_made_in_its_place_is_written(tmp_path: Path) -> None:
    log = opened(tmp_path / "access.log")
    await write(log, 1)
    (tmp_path / "access.log").rename(tmp_path / "moved")
    (tmp_path / "access.log").touch()
    await write(log, 2)
    await log.close()

    assert targets(tmp_path / "access.log") == ["/2"]


async def test_a_torn_last_line_is_ended_before_the_next(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text('{"target":"/to')
    log = opened(tmp_path / "access.log")
    await write(log, 1)
    await log.close()

    torn, whole = (tmp_path / "access.log").read_text().splitlines()
    assert (torn, json.loads(whole)["target"]) == ('{"target":"/to', "/1")


async def test_what_a_full_disk_does_not_take_is_written_later(tmp_path: Path) -> None:
    (tmp_path / "access.log").symlink_to("/dev/full")
    log = opened(tmp_path / "access.log")
    await write(log, 1)
    (tmp_path / "access.log").unlink()
    await write(log, 2)
    await log.close()

    assert targets(tmp_path / "access.log") == ["/1", "/2"]


async def test_a_full_disk_is_told_once_when_it_begins_and_once_when_it_ends(
    tmp_path: Path,
) -> None:
    (tmp_path / "access.log").symlink_to("/dev/full")
    log = opened(tmp_path / "access.log")
    with structlog.testing.capture_logs() as told:
        for number in range(3):
            await write(log, number)
        (tmp_path / "access.log").unlink()
        for number in range(3):
            await write(log, number)
    await log.close()

    assert [each["event"] for each in told] == [
        "access log cannot be written, serving on",
        "access log is written again",
    ]


async def test_too_many_waiting_records_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "MOST_WAITING", 10)
    (tmp_path / "access.log").symlink_to("/dev/full")
    log = opened(tmp_path / "access.log")
    await write(log, *range(15))
    (tmp_path / "access.log").unlink()
    await log.close()

    assert (log.dropped, len(targets(tmp_path / "access.log"))) == (5, 10)


async def test_what_waits_on_a_full_disk_at_the_end_counts_as_dropped(tmp_path: Path) -> None:
    (tmp_path / "access.log").symlink_to("/dev/full")
    log = opened(tmp_path / "access.log")
    await write(log, 1, 2)
    await log.close()

    assert log.dropped == 2


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_edge_access_log import numbered, opened

async def main(path, first, count, rotate_at):
    log = opened(path, rotate_at=rotate_at, keep=1000)
    task = asyncio.create_task(log.run())
    for number in range(first, first + count):
        log.note(numbered(number))
        if number % 100 == 0:
            await log.flush()
            print(number, flush=True)
    task.cancel()
    await log.close()

asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
"""


async def writer(path: Path, first: int, count: int, rotate_at: int) -> asyncio.subprocess.Process:
    """A process that writes ``count`` lines from ``first`` on, and says how far it is."""
    arguments = [str(path), str(first), str(count), str(rotate_at)]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE
    )


async def test_several_processes_lose_no_line_while_they_rotate(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writers = [await writer(path, 10_000 * n, 10_000, 200_000) for n in range(3)]
    for process in writers:
        await process.communicate()

    files = [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    assert sorted(targets(*files)) == sorted(f"/{n}" for n in range(30_000))


async def test_each_rotation_is_done_by_one_process(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writers = [await writer(path, 10_000 * n, 10_000, 200_000) for n in range(3)]
    for process in writers:
        await process.communicate()

    rotated = [file.stat().st_size for file in tmp_path.glob("access.log.[0-9]*")]
    assert min(rotated) >= 200_000


async def test_killing_a_process_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    killed = await writer(path, 0, 10_000_000, LARGE)
    assert killed.stdout is not None
    reached = 0
    while reached < 2000:
        reached = int(await killed.stdout.readline())
    killed.send_signal(signal.SIGKILL)
    await killed.communicate()

    log = opened(path)
    await write(log, 1)
    await log.close()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["target"] for line in lines[: reached + 1]] == [
        f"/{n}" for n in range(reached + 1)
    ]


SHORT = """
import asyncio, resource, signal, sys
from pathlib import Path
from common import logs
from tests.integration.test_edge_access_log import opened, write

async def main(path):
    logs.configure("edge")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = opened(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    await write(log, *range(10))
    print(path.read_bytes()[-1:] == b"\\n", len(path.read_text().splitlines()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await log.close()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
async def short_disk(tmp_path: Path) -> tuple[Path, str]:
    """A log that had room for 1000 bytes, until it had more; and what it was then."""
    path = tmp_path / "access.log"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SHORT, str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    return path, told.decode()


async def test_a_disk_that_takes_a_part_of_a_line_keeps_none_of_it(
    short_disk: tuple[Path, str],
) -> None:
    assert short_disk[1] == "True 3\n"


async def test_no_line_is_torn_or_written_twice_when_the_disk_has_room_again(
    short_disk: tuple[Path, str],
) -> None:
    assert targets(short_disk[0]) == [f"/{n}" for n in range(10)]
