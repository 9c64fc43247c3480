"""The pipeline's steps one after another, so that each step's cost can be told from the others'.

    python -m tests.bench.ingest.steps FILE FOLDER [--codecs h264,…]

Encodes of chunks and of sound run side by side as in ``nearcast transcode``; that is the step to
hold beside a plain ffmpeg, which does nothing else. Prints JSON, the cost of each step by its name.
"""

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from deploy.transcode import chosen
from ingest.check import check_parts
from ingest.inspect import InspectionLimits
from ingest.inspect.probe import inspect
from ingest.package import PICTURES_FOLDER, Part, measure, package, part_name
from ingest.plan import EncodingPlan, plan
from ingest.standalone import Recipe, encoding_of
from ingest.transcode import encodes
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import run
from tests.bench.ingest.cost import Cost

ENCODE = "encode"

_Encoded = tuple[int, Path, tuple[str, ...]]
"""The chunk's number, where it was put, and the names of the renditions."""


def recipe_of(codecs: str) -> Recipe:
    """What ``nearcast transcode`` works by when nothing else is said."""
    return chosen(
        title=None, codecs=codecs, profile="film", jobs=None, preset=None, transport_stream=False
    ).recipe


async def plan_of(source: Path, recipe: Recipe) -> EncodingPlan:
    """What is to be made of ``source``."""
    media = await inspect(source, InspectionLimits(), recipe.limits)
    return plan(media, recipe.plan, short=recipe.short)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


async def steps(source: Path, folder: Path, recipe: Recipe) -> dict[str, Cost]:
    """Does all that a job does; the cost of each step, in their order."""
    costs: dict[str, Cost] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), _cpu()
        yield
        costs[name] = Cost(time.perf_counter() - wall, _cpu() - cpu)

    start = partial(
        run, stall_timeout=recipe.encoding.stall_seconds, confinement=recipe.encoding.confinement
    )
    with step("inspect"):
        made = await plan_of(source, recipe)
    with step(ENCODE):
        folders = await _encode(made, source, folder, recipe, start)
    with step("pictures"):
        await make_pictures(start, made, source, folder / PICTURES_FOLDER, recipe.encoding)
    parts: dict[str, list[Part]] = {}
    with step("measure"):
        for number, place, names in sorted(folders):
            for name, facts in measure(place, names).items():
                parts.setdefault(name, []).append(Part(part_name(number, attempt=1), facts))
    with step("package and check"):
        packed = package(made, parts, title=source.stem)
        check_parts({one.key: one.text for one in packed.playlists}, parts).require()
    return costs


async def _encode(
    made: EncodingPlan, source: Path, folder: Path, recipe: Recipe, start: encodes.Run
) -> list[_Encoded]:
    """Encodes pictures and sound."""
    room = asyncio.Semaphore(recipe.at_once)
    encoding = encoding_of(recipe, made)

    async def one(number: int, place: Path, work: Awaitable[tuple[str, ...]]) -> _Encoded:
        async with room:
            return number, place, await work

    works = []
    for track in made.audio:
        place = folder / f"track-{track.index}"
        sound = encodes.encode_track(start, made, track, source, place, encoding)
        works.append(one(0, place, sound))
    for group, chunk in made.encodes:
        place = folder / f"{group.name}-{chunk.index}"
        work = encodes.encode_chunk(start, made, group, chunk, source, place, encoding)
        works.append(one(chunk.index, place, work))
    return await asyncio.gather(*works)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest.steps")
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--codecs", default="h264")
    asked = parser.parse_args()
    costs = asyncio.run(steps(asked.file, asked.folder, recipe_of(asked.codecs)))
    sys.stdout.buffer.write(msgspec.json.encode(costs))


if __name__ == "__main__":
    main()
