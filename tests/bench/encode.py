"""The ingest pipeline against one plain ffmpeg command that makes the same renditions.

    python -m tests.bench.encode [--rounds N] [FILE]

Without FILE, the sample clip of ``nearcast up``. Both sides run in turn in every round; wall time
and the CPU time of all child processes are told for each, and the ratio of their medians.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from ingest.inspect import InspectionLimits
from ingest.inspect.probe import inspect
from ingest.package import measure
from ingest.plan import AudioTrack, Chunk, EncodeGroup, EncodingPlan, PlanSettings, plan
from ingest.transcode import sample
from ingest.transcode.command import Command
from ingest.transcode.encodes import encode_chunk, encode_track
from ingest.transcode.runner import run
from ingest.transcode.settings import TranscodeSettings

AT_ONCE = 2
"""Tasks side by side: the default of ``nearcast ingest``."""
STALL = 600.0
PLANNED = PlanSettings(loudness=None, first_seconds=None)
"""Nothing that a plain ffmpeg would not do too."""

Measured = tuple[float, float]
"""Seconds of wall time and of CPU time."""


async def pipeline(source: Path, folder: Path, settings: TranscodeSettings) -> EncodingPlan:
    """Inspect, plan, encode chunks and sound as the worker does, and measure the parts."""
    made = plan(await inspect(source, InspectionLimits()), PLANNED, short=False)
    free = asyncio.Semaphore(AT_ONCE)

    async def one(command: Command) -> None:
        await run(command, stall_timeout=STALL, confinement=settings.confinement)

    async def chunk(group: EncodeGroup, part: Chunk) -> None:
        async with free:
            place = folder / f"{part.index}-{group.name}"
            names = await encode_chunk(one, made, group, part, source, place, settings)
            await asyncio.to_thread(measure, place, names)

    async def sound(track: AudioTrack) -> None:
        async with free:
            place = folder / f"sound-{track.index}"
            names = await encode_track(one, made, track, source, place, settings)
            await asyncio.to_thread(measure, place, names)

    async with asyncio.TaskGroup() as tasks:
        for part in made.chunks:
            for group in made.groups:
                tasks.create_task(chunk(group, part))
        for track in made.audio:
            tasks.create_task(sound(track))
    return made


async def plain(
    source: Path, folder: Path, made: EncodingPlan, settings: TranscodeSettings
) -> None:
    """One ffmpeg that decodes once and writes every rendition and the sound as HLS."""
    count = len(made.video)
    graph = [f"[0:v]split={count}" + "".join(f"[s{number}]" for number in range(count))]
    graph += [
        f"[s{number}]scale={rendition.width}:{rendition.height},format=yuv420p[v{number}]"
        for number, rendition in enumerate(made.video)
    ]
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source)]
    command += ["-filter_complex", ";".join(graph)]
    hls = ["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod"]
    hls += ["-hls_segment_type", "fmp4"]
    for number, rendition in enumerate(made.video):
        (folder / rendition.name).mkdir()
        command += ["-map", f"[v{number}]", "-c:v", "libx264", "-preset", settings.preset.value]
        command += ["-profile:v", "high", "-crf", str(settings.constant_rate_factor)]
        command += ["-maxrate", str(rendition.max_bitrate), "-bufsize", str(rendition.buffer_size)]
        command += ["-g", str(made.keyframe_interval), "-sc_threshold", "0", *hls]
        command += [str(folder / rendition.name / "playlist.m3u8")]
    for track in made.audio:
        for sound in track.renditions:
            (folder / sound.name).mkdir()
            command += ["-map", f"0:{track.index}", "-c:a", "aac", "-b:a", str(sound.bitrate), *hls]
            command += [str(folder / sound.name / "playlist.m3u8")]
    process = await asyncio.create_subprocess_exec(*command, cwd=folder)
    assert await process.wait() == 0


async def measured(work: Callable[[Path], Awaitable[object]]) -> Measured:
    """What ``work`` takes, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        before, began = os.times(), time.perf_counter()
        await work(Path(folder))
        wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system + after.user + after.system
    return wall, cpu - (before.children_user + before.children_system + before.user + before.system)


async def compare(source: Path, rounds: int) -> None:
    """Runs both sides in turn and prints what they took."""
    settings = TranscodeSettings()
    made = plan(await inspect(source, InspectionLimits()), PLANNED, short=False)
    print(
        f"{source.name}: {made.duration:.1f} s, {len(made.video)} renditions, "
        f"{len(made.chunks)} chunks, preset {settings.preset.value}, {os.cpu_count()} cores"
    )
    ours: list[Measured] = []
    theirs: list[Measured] = []
    for number in range(1, rounds + 1):
        ours.append(await measured(lambda place: pipeline(source, place, settings)))
        theirs.append(await measured(lambda place: plain(source, place, made, settings)))
        print(
            f"round {number}: pipeline {ours[-1][0]:.2f} s wall, {ours[-1][1]:.2f} s CPU; "
            f"ffmpeg {theirs[-1][0]:.2f} s wall, {theirs[-1][1]:.2f} s CPU",
            flush=True,
        )
    for kind, place in (("wall", 0), ("CPU", 1)):
        mine = statistics.median(each[place] for each in ours)
        other = statistics.median(each[place] for each in theirs)
        print(f"{kind}: {mine:.2f} s against {other:.2f} s, ratio {mine / other:.3f}")


async def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measures the ingest pipeline against ffmpeg.")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = given.file
        if source is None:
            source = Path(folder) / "sample.mp4"
            await run(sample.sample(source), stall_timeout=STALL)
        await compare(source, given.rounds)


if __name__ == "__main__":
    asyncio.run(main())
