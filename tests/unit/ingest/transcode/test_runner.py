"""Running ffmpeg: progress, failures in its own words, and nothing left behind."""

import asyncio
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import imageio_ffmpeg
import pytest

from ingest.transcode import runner
from ingest.transcode.command import Command
from ingest.transcode.confinement import Confinement
from ingest.transcode.errors import EncodeFailed, EncoderMissing, EncodeStalled
from ingest.transcode.processes import running
from ingest.transcode.runner import Progress, read_progress, run

REPORT = ("-nostdin", "-y", "-loglevel", "error", "-progress", "pipe:1", "-nostats")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25")


def command(folder: Path, *arguments: str, frames: int = 50) -> Command:
    return Command(
        arguments=(*REPORT, *arguments),
        folder=folder,
        subfolders=("out",),
        seconds=frames / 25,
        frames=frames,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_run_makes_its_folders_and_reports_to_the_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    made = command(tmp_path / "new", *PICTURE, "-frames:v", "50", "out/picture.mp4")

    await run(made, on_progress=seen.append, stall_timeout=20)

    assert (tmp_path / "new/out/picture.mp4").stat().st_size > 0
    assert seen[-1].fraction == 1.0
    assert seen[-1].frames == 50
    assert all(0 <= one.fraction <= 1 for one in seen)


async def test_a_failure_is_told_in_ffmpeg_s_own_words(tmp_path: Path) -> None:
    with pytest.raises(EncodeFailed) as failed:
        await run(command(tmp_path, "-i", "missing.mp4", "out/a.mp4"), stall_timeout=20)

    assert "No such file or directory" in str(failed.value)
    assert "0x" not in str(failed.value)
    assert str(failed.value).count("\n") == 0


async def test_paths_of_this_machine_are_not_told(tmp_path: Path) -> None:
    missing = f"{tmp_path}/missing.mp4"

    with pytest.raises(EncodeFailed) as failed:
        await run(command(tmp_path, "-i", f"file:{missing}", "out/a.mp4"), stall_timeout=20)

    assert str(tmp_path) not in str(failed.value)


async def test_a_flood_of_complaints_stops_nothing(tmp_path: Path) -> None:
    loud = command(tmp_path, *PICTURE, "-frames:v", "50", "out/a.mp4", "-loglevel", "trace")

    await run(loud, stall_timeout=20)


async def test_a_cancelled_run_leaves_nothing_running(tmp_path: Path) -> None:
    started = asyncio.Event()
    endless = command(tmp_path, "-re", *PICTURE, "-f", "null", "-")

    task = asyncio.create_task(run(endless, on_progress=lambda _: started.set(), stall_timeout=20))
    await asyncio.wait_for(started.wait(), 30)
    [pid] = children_named("ffmpeg")
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid)


async def test_a_stalled_run_is_ended(tmp_path: Path) -> None:
    # A pipe that nobody writes into is a source that never comes.
    os.mkfifo(tmp_path / "never.mp4")
    holder = os.open(tmp_path / "never.mp4", os.O_RDWR)
    before = time.monotonic()

    with pytest.raises(EncodeStalled, match=r"no progress for 0\.5 seconds"):
        await run(command(tmp_path, "-i", "never.mp4", "out/a.mp4"), stall_timeout=0.5)

    os.close(holder)
    assert time.monotonic() - before < 5
    assert children_named("ffmpeg") == []


async def test_a_run_that_reports_without_producing_is_ended(tmp_path: Path) -> None:
    # Reports come twice a second, but no frame ever passes the filter.
    waits = command(tmp_path, "-re", *PICTURE, "-vf", "select=0", "-f", "null", "-")

    with pytest.raises(EncodeStalled):
        await run(waits, stall_timeout=2)


async def test_output_beyond_the_limit_fails(tmp_path: Path) -> None:
    large = command(tmp_path, *PICTURE, "-frames:v", "50", "-c:v", "rawvideo", "out/a.avi")

    with pytest.raises(EncodeFailed, match=r"signal 25|File too large"):
        await run(large, stall_timeout=20, confinement=Confinement(output=50_000))


async def test_a_run_that_makes_nothing_has_failed(tmp_path: Path) -> None:
    nothing = ("-vf", "select=0", "-frames:v", "1", "-f", "image2", "-update", "1", "a.png")
    picture = command(tmp_path, "-t", "1", *PICTURE, *nothing)

    with pytest.raises(EncodeFailed, match="no frame could be decoded"):
        await run(dataclasses.replace(picture, makes=("a.png",)), stall_timeout=20)


async def test_without_ffmpeg_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)

    with pytest.raises(EncoderMissing, match="No ffmpeg exe"):
        await run(command(tmp_path), stall_timeout=1)


async def test_grandchildren_die_with_the_group() -> None:
    shell = ("/bin/sh", "-c", "sleep 60 & echo $!; wait")

    async with running(shell, confinement=Confinement()) as process:
        assert process.stdout is not None
        pid = int(await process.stdout.readline())
        assert alive(pid)

    assert await gone(pid)


async def test_a_program_dies_with_its_parent() -> None:
    parent = """
import asyncio
from ingest.transcode.confinement import Confinement
from ingest.transcode.processes import running

async def main():
    shell = ("/bin/sh", "-c", "echo $$; exec sleep 60")
    async with running(shell, confinement=Confinement()) as p:
        print((await p.stdout.readline()).decode(), end="", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert alive(pid)

    process.send_signal(signal.SIGKILL)
    await process.wait()

    assert await gone(pid)


async def test_limits_hold_in_the_program() -> None:
    shell = ("/bin/sh", "-c", "ulimit -v; ulimit -t; ulimit -f")
    limits = Confinement(memory=1 << 30, processor_seconds=7, output=1 << 20)

    async with running(shell, confinement=limits) as process:
        assert process.stdout is not None
        told = await process.stdout.read()

    memory, processor, blocks = (int(line) for line in told.split())
    assert (memory * 1024, processor, blocks * 512) == (1 << 30, 7, 1 << 20)


@pytest.mark.parametrize(
    ("report", "frames", "progress"),
    [
        ({"frame": "25", "speed": "2.5x"}, 50, Progress(0.5, 25, 2.5)),
        ({"frame": "25", "speed": "N/A"}, 50, Progress(0.5, 25, None)),
        ({"frame": "25", "speed": "2.58e+11x"}, 50, Progress(0.5, 25, None)),
        ({"frame": "25", "speed": "0x"}, 50, Progress(0.5, 25, None)),
        ({"frame": "90", "speed": " 1x"}, 50, Progress(1.0, 90, 1.0)),
        ({}, 50, Progress(0.0, 0, None)),
        ({"out_time_us": "500000"}, 0, Progress(0.25, 0, None)),
        ({"out_time_us": "N/A"}, 0, Progress(0.0, 0, None)),
        ({"out_time_us": "-2000"}, 0, Progress(0.0, 0, None)),
    ],
)
def test_reports_are_read(report: dict[str, str], frames: int, progress: Progress) -> None:
    made = Command(arguments=(), folder=Path(), subfolders=(), seconds=2.0, frames=frames)

    assert read_progress(report, made) == progress


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("[h264 @ 0x5581] [error] Invalid NAL unit size.\nmore\n", 1, "Invalid NAL unit size"),
        ("\n[in#0 @ 0x1] \nfile:/a/b: Invalid data.\n", 1, "the file: Invalid data"),
        ("", 1, "it ended with status 1"),
        ("", -9, "signal 9 ended it"),
        ("", -11, "it crashed (SIGSEGV)"),
        ("Cannot open h264-90p/0.m4s: No space.\n", 1, "Cannot open h264-90p/0.m4s: No space"),
        ("[h264] Bad.\n", 69, "too much of the file cannot be decoded"),
        ("[mp3] Codec (mp3float) not on whitelist 'h264'\n[h264] Bad.\n", 1, "Bad"),
    ],
)
def test_one_sentence_is_kept(said: str, code: int, reason: str) -> None:
    assert runner._reason(said, code) == reason


def children_named(name: str) -> list[int]:
    """Processes of this one whose program is `name`."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            program = (path / "exe").readlink().name
        except OSError:
            continue
        if parent == os.getpid() and program.startswith(name):
            found.append(int(path.name))
    return found
