"""Runs ffmpeg: the one place that does. Reports progress; ends what stalls or is cancelled."""

import asyncio
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import imageio_ffmpeg
import msgspec

from ingest.transcode.command import Command
from ingest.transcode.confinement import CRASHES, Confinement
from ingest.transcode.errors import EncodeFailed, EncoderMissing, EncodeStalled
from ingest.transcode.processes import running

WORDS_KEPT: Final = 8192
"""Bytes of ffmpeg's complaints that are kept: the first ones name the cause."""

COMPONENT: Final = re.compile(r"^(?:\[[^\]]*\] ?)+")
"""How ffmpeg begins a line: with the part of it that speaks, and an address."""

NO_CAUSE: Final = "not on whitelist"
"""What ffmpeg says of streams that nobody asked it for."""

FASTEST: Final = 10_000.0
"""Seconds of media per second. ffmpeg begins with 1e11 and such: then it does not know yet."""

DAMAGED: Final = 69
"""The status with which ffmpeg ends where more could not be decoded than it was allowed."""

PATH: Final = re.compile(r"(?<![\w/])(?:file:)?/\S+?(?=:?(?:\s|$))")


@dataclass(frozen=True)
class Progress:
    """How far a command is."""

    fraction: float
    """0 to 1."""
    frames: int
    """Frames made so far."""
    speed: float | None
    """Seconds of media made per second, where ffmpeg knows it already."""


async def run(
    command: Command,
    *,
    on_start: Callable[[], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stall_timeout: float,
    confinement: Confinement | None = None,
) -> None:
    """Run ``command`` to its end; when this is cancelled, all of its process group is killed.

    ``stall_timeout`` is how many seconds may pass in which nothing more is produced.

    Raises:
        EncodeFailed: ffmpeg failed; the reason is in its own words.
        EncodeStalled: nothing more was produced for ``stall_timeout`` seconds.
        EncoderMissing: there is no ffmpeg to start.
    """
    program = await asyncio.to_thread(_prepare, command)
    bounds = msgspec.structs.replace(
        confinement or Confinement(), reads=command.reads, writes=(command.folder,)
    )
    async with running(
        (program, *command.arguments), confinement=bounds, folder=command.folder
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if on_start is not None:
            on_start()
        words = asyncio.create_task(_first_words(process.stderr))
        try:
            await _follow(process.stdout, command, on_progress, stall_timeout)
            code = await process.wait()
            said = await words
        finally:
            words.cancel()
            await asyncio.gather(words, return_exceptions=True)
    if code != 0:
        raise EncodeFailed(reason=_reason(said, code))
    if not await asyncio.to_thread(_all_made, command):
        # Where no frame of the source passes the filters, ffmpeg ends well and makes nothing.
        raise EncodeFailed(reason="no frame could be decoded where one should be")
    if on_progress is not None:
        # ffmpeg's last report comes before its last output.
        on_progress(Progress(fraction=1.0, frames=command.frames, speed=None))


def _prepare(command: Command) -> str:
    """Make the folders that ``command`` writes into, and find ffmpeg."""
    for name in ("", *command.subfolders):
        (command.folder / name).mkdir(parents=True, exist_ok=True)
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EncoderMissing(reason=str(error)) from error


def _all_made(command: Command) -> bool:
    return all((command.folder / name).is_file() for name in command.makes)


async def _follow(
    pipe: asyncio.StreamReader,
    command: Command,
    on_progress: Callable[[Progress], None] | None,
    stall_timeout: float,
) -> None:
    """Read ``-progress`` reports until the pipe ends."""
    clock = asyncio.get_running_loop()
    report: dict[str, str] = {}
    produced = ("", "")
    try:
        async with asyncio.timeout(stall_timeout) as patience:
            while line := await pipe.readline():
                key, _, value = line.decode(errors="replace").strip().partition("=")
                report[key] = value
                if key != "progress":
                    continue
                now = report.get("frame", ""), report.get("out_time_us", "")
                # ffmpeg reports twice a second even when it waits; only more output is progress.
                if now != produced:
                    produced = now
                    patience.reschedule(clock.time() + stall_timeout)
                if on_progress is not None:
                    on_progress(read_progress(report, command))
    except TimeoutError as error:
        raise EncodeStalled(seconds=stall_timeout) from error


def read_progress(report: dict[str, str], command: Command) -> Progress:
    """The progress that one block of ``-progress`` lines tells, keys to values."""
    frames = int(_number(report.get("frame")) or 0)
    if command.frames:
        done = frames / command.frames
    else:
        done = (_number(report.get("out_time_us")) or 0.0) / 1e6 / (command.seconds or 1.0)
    speed = _number(report.get("speed", "").removesuffix("x"))
    if speed is not None and not 0 < speed < FASTEST:
        speed = None
    return Progress(fraction=min(1.0, max(0.0, done)), frames=frames, speed=speed)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


async def _first_words(pipe: asyncio.StreamReader) -> str:
    """The first of what ffmpeg says; the rest is read too, or ffmpeg would wait for a reader."""
    words = b""
    while more := await pipe.read(1 << 16):
        words += more[: WORDS_KEPT - len(words)]
    return words.decode(errors="replace")


def _reason(said: str, code: int) -> str:
    """One sentence of ffmpeg's, without its addresses, paths and full stop."""
    if code == DAMAGED:
        return "too much of the file cannot be decoded"
    for line in said.splitlines():
        if NO_CAUSE in line:
            continue
        words = PATH.sub("the file", COMPONENT.sub("", line)).strip().rstrip(".:")
        if words:
            return words
    if -code in CRASHES:
        return f"it crashed ({signal.Signals(-code).name})"
    return f"signal {-code} ended it" if code < 0 else f"it ended with status {code}"
