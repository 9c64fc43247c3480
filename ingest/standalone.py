"""The pipeline of a job in one process, with no service: a file becomes a package in a folder."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from common.errors import NearcastError, first_of
from ingest.check import RULES, check_parts
from ingest.inspect import InspectionLimits, MediaLimits
from ingest.inspect.probe import inspect
from ingest.package import (
    PICTURES_FOLDER,
    Package,
    Part,
    PartFacts,
    measure,
    package,
    part_name,
)
from ingest.plan import AudioTrack, Chunk, EncodeGroup, EncodingPlan, PlanSettings, plan
from ingest.subtitles import extract_subtitles
from ingest.transcode import encodes
from ingest.transcode.command import Command
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import Progress, run
from ingest.transcode.settings import TranscodeSettings

INSPECT: Final = "inspect"
ENCODE: Final = "encode"
SOUND: Final = "sound"
PICTURES: Final = "pictures"
SUBTITLES: Final = "subtitles"
PACKAGE: Final = "package"

Facts = Mapping[str, PartFacts]
Run = Callable[[Command], Awaitable[None]]
Report = Callable[[str, float, float | None], None]
"""Told of a stage: its name, its share from 0 to 1, and seconds of media per second where known."""


class FolderTaken(NearcastError):
    """The folder {folder} is not empty: name another, or empty it."""


@dataclass(frozen=True)
class Recipe:
    """How a file is to be made a package."""

    limits: MediaLimits
    plan: PlanSettings
    encoding: TranscodeSettings
    short: bool
    """Whether segments are those of shorts."""
    at_once: int
    """Tasks that run at the same time; they share the cores where ``encoding`` has no threads."""


@dataclass(frozen=True)
class Made:
    """What was made."""

    plan: EncodingPlan
    package: Package
    rules: int
    """How many rules of HLS the package was held against, and keeps."""


@contextlib.contextmanager
def whole_or_nothing(folder: Path) -> Iterator[None]:
    """Makes ``folder`` where it is missing, and leaves nothing in it unless the block ends well.

    To be left when no thread writes there any more: after the event loop, not in it.

    Raises:
        FolderTaken: something is in it.
        OSError: it cannot be made or read.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderTaken(folder=str(folder))
    try:
        yield
    except BaseException:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in missing:
            path.rmdir()
        raise


async def make_package(
    source: Path, folder: Path, recipe: Recipe, *, title: str, report: Report
) -> Made:
    """Makes the package of ``source`` in ``folder``, which is empty: see ``whole_or_nothing``.

    Raises:
        UploadRefused: the source is no video that is taken; one class per reason.
        EncodeFailed, EncodeStalled: the source cannot be encoded.
        PackageBroken, PackageInvalid: what was encoded is not as planned, or breaks a rule of HLS.
        OSError: the folder cannot be written.
    """
    report(INSPECT, 0.0, None)
    media = await inspect(source, InspectionLimits(), recipe.limits)
    report(INSPECT, 1.0, None)
    planned = plan(media, recipe.plan, short=recipe.short)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".encoding-") as scratch:
        bench = _Bench(planned, source, Path(scratch), folder, recipe, report)
        parts = await bench.work()
    report(PACKAGE, 0.0, None)
    made = await asyncio.to_thread(_write_package, planned, parts, folder, title)
    report(PACKAGE, 1.0, None)
    return Made(planned, made, rules=len(RULES))


def _write_package(
    plan: EncodingPlan, parts: Mapping[str, Sequence[Part]], folder: Path, title: str
) -> Package:
    made = package(plan, parts, title=title)
    check_parts({one.key: one.text for one in made.playlists}, parts).require()
    for playlist in made.playlists:
        path = folder / playlist.key
        path.parent.mkdir(exist_ok=True)
        path.write_text(playlist.text)
    listed = {one.key for one in made.playlists} | {one.key for one in made.objects}
    for path in sorted(folder.glob("*/*/*")):
        key = path.relative_to(folder).as_posix()
        # What ffmpeg wrote for itself, and the init segments that are like the first.
        if key not in listed and not key.startswith(f"{PICTURES_FOLDER}/"):
            path.unlink()
    return made


@dataclass(eq=False)
class _Step:
    """What a job has a task for."""

    stage: str
    seconds: float
    """Of media."""
    work: Callable[[Run, Path], Awaitable[Facts]]
    chunk: int = 0
    share: float = 0.0
    """How much of it is done."""
    speed: float | None = None


class _Bench:
    """Where the steps are done, some at the same time."""

    def __init__(
        self,
        plan: EncodingPlan,
        source: Path,
        scratch: Path,
        folder: Path,
        recipe: Recipe,
        report: Report,
    ) -> None:
        self._plan = plan
        self._source = source
        self._scratch = scratch
        self._folder = folder
        self._encoding = encoding_of(recipe, plan)
        self._room = asyncio.Semaphore(recipe.at_once)
        self._report = report
        self._steps = tuple(self._needed())
        self._made: dict[str, dict[int, Part]] = {}

    async def work(self) -> dict[str, list[Part]]:
        """Does all steps; the parts of each rendition, in the order of the chunks."""
        try:
            async with asyncio.TaskGroup() as group:
                for number, step in enumerate(self._steps):
                    group.create_task(self._do(step, self._scratch / str(number)))
        except* (NearcastError, OSError) as errors:
            raise first_of(errors) from errors
        return {
            name: [part for _, part in sorted(parts.items())] for name, parts in self._made.items()
        }

    def _needed(self) -> list[_Step]:
        """What one core is enough for comes first: left to the end, it would let others wait."""
        plan, rate = self._plan, self._plan.frame_rate.fraction
        steps = [_Step(SOUND, plan.duration, partial(self._sound, one)) for one in plan.audio]
        steps.append(_Step(PICTURES, plan.duration, self._pictures))
        if plan.subtitles:
            steps.append(_Step(SUBTITLES, plan.duration, self._subtitles))
        steps += [
            _Step(
                ENCODE,
                float(chunk.frame_count / rate),
                partial(self._encode, group, chunk),
                chunk.index,
            )
            for group, chunk in plan.encodes
        ]
        return steps

    async def _do(self, step: _Step, scratch: Path) -> None:
        async with self._room:
            facts = await step.work(partial(self._run, step), scratch)
            part = part_name(step.chunk, attempt=1)
            await asyncio.to_thread(_move, scratch, self._folder, part)
        for name, measured in facts.items():
            self._made.setdefault(name, {})[step.chunk] = Part(part, measured)
        step.share, step.speed = 1.0, None
        self._tell(step.stage)

    async def _encode(self, group: EncodeGroup, chunk: Chunk, run: Run, scratch: Path) -> Facts:
        names = await encodes.encode_chunk(
            run, self._plan, group, chunk, self._source, scratch, self._encoding
        )
        return await asyncio.to_thread(measure, scratch, names)

    async def _sound(self, track: AudioTrack, run: Run, scratch: Path) -> Facts:
        names = await encodes.encode_track(
            run, self._plan, track, self._source, scratch, self._encoding
        )
        return await asyncio.to_thread(measure, scratch, names)

    async def _pictures(self, run: Run, scratch: Path) -> Facts:
        below = scratch / PICTURES_FOLDER
        await make_pictures(run, self._plan, self._source, below, self._encoding)
        return {}

    async def _subtitles(self, run: Run, scratch: Path) -> Facts:
        return await extract_subtitles(run, self._plan, self._source, scratch, self._encoding)

    async def _run(self, step: _Step, command: Command) -> None:
        before = step.share

        def note(progress: Progress) -> None:
            step.share = max(step.share, command.reached(before, progress.fraction))
            step.speed = progress.speed
            self._tell(step.stage)

        await run(
            command,
            on_progress=note,
            stall_timeout=self._encoding.stall_seconds,
            confinement=self._encoding.confinement,
        )

    def _tell(self, stage: str) -> None:
        mine = [step for step in self._steps if step.stage == stage]
        whole = sum(step.seconds for step in mine)
        done = sum(step.seconds * step.share for step in mine)
        speeds = [step.speed for step in mine if step.speed]
        self._report(stage, done / whole if whole else 1.0, sum(speeds) or None)


def encoding_of(recipe: Recipe, plan: EncodingPlan) -> TranscodeSettings:
    """How to encode, with the cores shared among as many encodes as run at the same time."""
    if recipe.encoding.threads:
        return recipe.encoding
    cores = len(os.sched_getaffinity(0))
    side_by_side = min(recipe.at_once, len(plan.chunks) * len(plan.groups))
    threads = max(1, cores // side_by_side)
    return msgspec.structs.replace(recipe.encoding, threads=threads)


def _move(scratch: Path, folder: Path, part: str) -> None:
    """Moves what lies in the folders of ``scratch`` into parts of the same folders of ``folder``.

    Of the init segments, which are all alike, only the first chunk's is listed.
    """
    for made in sorted(scratch.iterdir()):
        if made.is_dir():
            (folder / made.name).mkdir(exist_ok=True)
            made.rename(folder / made.name / part)
