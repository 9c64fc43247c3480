"""Inspects and encodes broken uploads: python -m tests.fuzz.uploads [--files N] [--seed S].

Whatever a file is made of, its inspection must answer within the limits, with the media found or
with one sentence that is final; and what passes must be encoded, or fail with a sentence too. A
file that breaks a rule is kept in ``.cache/fuzz`` and ends the program with status 1.
"""

import argparse
import asyncio
import collections
import re
import sys
import tempfile
import time
from pathlib import Path

from common.settings import ByteSize
from ingest.inspect import InspectionLimits, MediaInfo, UploadRefused
from ingest.inspect.errors import InspectionTooSlow
from ingest.inspect.probe import inspect
from ingest.plan import PlanSettings, plan
from ingest.transcode.command import Command
from ingest.transcode.encodes import encode_chunk, encode_track
from ingest.transcode.errors import EncodeFailed
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import run
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.fuzz.mutation import Mutant, mutants

COST = InspectionLimits(wall_seconds=60, processor_seconds=20, memory=ByteSize(1 << 30))
QUICK = TranscodeSettings(preset=Preset.ULTRAFAST, threads=1, stall_seconds=60)
SENTENCE = re.compile(r"[A-Z][^\n\x00-\x1f]{5,400}\.")
FOUND = Path(".cache/fuzz")


class RuleBroken(Exception):
    """What must hold of any upload does not."""


async def meet(mutant: Mutant, folder: Path) -> str:
    """Takes ``mutant`` the way of an upload; answers how that ended.

    Raises:
        RuleBroken: otherwise than it may.
    """
    source = folder / "upload"
    source.write_bytes(mutant.content)
    try:
        media = await inspect(source, COST)
    except UploadRefused as refusal:
        if isinstance(refusal, InspectionTooSlow) or refusal.status >= 500:
            raise RuleBroken(f"{mutant.name}: {refusal}") from refusal
        _require_sentence(mutant, str(refusal))
        return type(refusal).__name__
    try:
        await encode(media, source, folder / "work")
    except EncodeFailed as failure:
        _require_sentence(mutant, str(failure))
        if "signal" in str(failure):
            raise RuleBroken(f"{mutant.name}: {failure}") from failure
        return "encode failed"
    return "encoded"


async def encode(media: MediaInfo, source: Path, folder: Path) -> None:
    """Makes all that a job makes of ``media``."""
    planned = plan(media, PlanSettings(transport_stream=True), short=False)

    async def one(command: Command) -> None:
        await run(command, stall_timeout=QUICK.stall_seconds, confinement=QUICK.confinement)

    for chunk in planned.chunks:
        for group in planned.groups:
            work = folder / f"{chunk.index}-{group.name}"
            await encode_chunk(one, planned, group, chunk, source, work, QUICK)
    for number, track in enumerate(planned.audio):
        await encode_track(one, planned, track, source, folder / f"sound{number}", QUICK)
    await make_pictures(one, planned, source, folder, QUICK)


def _require_sentence(mutant: Mutant, words: str) -> None:
    if not SENTENCE.fullmatch(words):
        raise RuleBroken(f"{mutant.name}: no sentence: {words!r}")


async def meet_all(count: int, seed: int) -> int:
    """Meets ``count`` mutants; answers how many broke a rule."""
    endings: collections.Counter[str] = collections.Counter()
    slowest, broken = (0.0, ""), 0
    with tempfile.TemporaryDirectory() as folder:
        for mutant in mutants(count, seed):
            began = time.monotonic()
            try:
                endings[await meet(mutant, Path(folder))] += 1
            except Exception as error:
                broken += 1
                FOUND.mkdir(parents=True, exist_ok=True)
                (FOUND / mutant.name).write_bytes(mutant.content)
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            slowest = max(slowest, (time.monotonic() - began, mutant.name))
    for ending, times in endings.most_common():
        print(f"{times:6} {ending}")
    print(f"slowest: {slowest[0]:.1f} s, {slowest[1]}; rules broken: {broken}")
    return broken


def main() -> None:
    """Runs with the numbers on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1000, help="broken files to try")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    asked = parser.parse_args()
    sys.exit(1 if asyncio.run(meet_all(asked.files, asked.seed)) else 0)


if __name__ == "__main__":
    main()
